//! L1's heads, looked at in regular intervals.

use crate::{error::L1Error, source::L1Source, verify::Wanted};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::B256;
use opal_protocol::L1Ref;
use opal_rpc::{EthClient, RpcBlock, RpcError};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

/// L1's heads as last seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct L1Heads {
    /// The newest block; all zeros before the first look.
    pub head: L1Ref,
    /// The newest block that consensus calls safe; `None` while there is none.
    pub safe: Option<L1Ref>,
    /// The newest block that consensus calls finalized; `None` while there is none.
    pub finalized: Option<L1Ref>,
}

/// Looks at the heads, in one batch.
pub(crate) async fn look(eth: &EthClient) -> Result<L1Heads, L1Error> {
    let method = "eth_getBlockByNumber";
    let tags = [
        BlockNumberOrTag::Latest,
        BlockNumberOrTag::Safe,
        BlockNumberOrTag::Finalized,
    ];
    let calls = tags
        .into_iter()
        .map(|tag| eth.prepare(method, (tag, false)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut heads = [None; 3];
    for ((head, tag), answer) in heads.iter_mut().zip(tags).zip(eth.batch(&calls).await?) {
        let block = match answer {
            Ok(json) => eth.parse_block::<B256>(method, &json)?,
            // Before the first checkpoint there is no safe and no finalized block.
            Err(RpcError::Response { .. }) if tag != BlockNumberOrTag::Latest => None,
            Err(e) => return Err(e.into()),
        };
        *head = block.map(|block| verified(eth, tag, &block)).transpose()?;
    }
    let [Some(head), safe, finalized] = heads else {
        let tag = BlockNumberOrTag::Latest;
        return Err(unverified(
            eth,
            tag,
            "the node has no newest block".to_owned(),
        ));
    };
    Ok(L1Heads {
        head,
        safe,
        finalized,
    })
}

fn verified(
    eth: &EthClient,
    tag: BlockNumberOrTag,
    block: &RpcBlock<B256>,
) -> Result<L1Ref, L1Error> {
    crate::verify::check_header(Wanted::Hash(block.hash), block.hash, &block.header)
        .map_err(|e| unverified(eth, tag, e))?;
    Ok(L1Ref {
        hash: block.hash,
        number: block.header.number,
        parent_hash: block.header.parent_hash,
        time: block.header.timestamp,
    })
}

fn unverified(eth: &EthClient, tag: BlockNumberOrTag, problem: String) -> L1Error {
    let (endpoint, block) = (eth.endpoint().to_owned(), tag.to_string());
    L1Error::Unverified {
        endpoint,
        block,
        problem,
    }
}

/// Looks until the source is gone. Trouble is logged when it begins and when it ends.
pub(crate) async fn follow(source: L1Source, sender: watch::Sender<L1Heads>) {
    let mut ticks = interval(source.options().poll_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let source = {
        let weak = source.downgrade();
        drop(source);
        weak
    };
    let mut trouble = false;
    loop {
        ticks.tick().await;
        let Some(source) = source.upgrade() else {
            return;
        };
        match source.heads().await {
            Ok(heads) => {
                if std::mem::take(&mut trouble) {
                    tracing::info!(head = %heads.head, "L1 answers again");
                }
                sender.send_if_modified(|old| std::mem::replace(old, heads) != heads);
            }
            Err(error) => {
                if !std::mem::replace(&mut trouble, true) {
                    tracing::warn!(%error, "cannot see L1's head; asking again");
                }
            }
        }
    }
}
