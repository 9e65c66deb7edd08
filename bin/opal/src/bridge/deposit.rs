//! From L1 to L2.

use super::{
    Amount,
    chain::{Chain, IErc20, IL1Bridge, IPortal},
    outcome, pair,
};
use alloy_consensus::TxReceipt;
use alloy_primitives::{B256, Bytes, U256, keccak256};
use opal_protocol::{
    deposit::{encode_deposit, parse_deposit_log},
    predeploys,
};
use std::time::{Duration, Instant};

/// Gas that a plain deposit has on L2: enough for an account, and for most wallets with code.
const DEPOSIT_GAS: u64 = 100_000;
/// Gas that the bridges have on the other side.
pub(super) const BRIDGE_GAS: u32 = 200_000;
/// How long L2 may take to include a deposit before we stop waiting.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Pause between two looks.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Moves `what` to L2 and waits until it is there.
pub(super) async fn run(chain: &Chain, what: Amount) -> eyre::Result<()> {
    let to = what.to.unwrap_or(chain.account());
    let hash = match what.tokens {
        None => {
            let call = IPortal::depositTransactionCall {
                to,
                value: what.amount,
                gasLimit: DEPOSIT_GAS,
                isCreation: false,
                data: Bytes::new(),
            };
            chain
                .l1
                .send("deposit of ETH", chain.portal, what.amount, &call)
                .await?
        }
        Some((l1_token, l2_token)) => {
            pair::check(chain, l1_token, l2_token).await?;
            let allowed = chain
                .l1
                .read(
                    l1_token,
                    IErc20::allowanceCall {
                        owner: chain.account(),
                        spender: chain.l1_bridge,
                    },
                )
                .await?;
            if allowed < what.amount {
                let call = IErc20::approveCall {
                    spender: chain.l1_bridge,
                    amount: what.amount,
                };
                chain
                    .l1
                    .send("approval of the bridge", l1_token, U256::ZERO, &call)
                    .await?;
            }
            let call = IL1Bridge::depositERC20ToCall {
                l1Token: l1_token,
                l2Token: l2_token,
                to,
                amount: what.amount,
                gas: BRIDGE_GAS,
                data: Bytes::new(),
            };
            chain
                .l1
                .send("deposit of tokens", chain.l1_bridge, U256::ZERO, &call)
                .await?
        }
    };
    arrival(chain, hash).await
}

/// Waits for the transactions on L2 that a transaction on L1 deposited.
async fn arrival(chain: &Chain, l1_tx: B256) -> eyre::Result<()> {
    let receipt = chain.l1.rpc.transaction_receipt(l1_tx).await?;
    let receipt = receipt.ok_or_else(|| eyre::eyre!("L1 has lost the receipt of {l1_tx}"))?;
    let mut deposits = Vec::new();
    for log in receipt.inner.logs() {
        let (Some(block), Some(index)) = (log.block_hash, log.log_index) else {
            continue;
        };
        if log.inner.address == chain.portal
            && let Ok(deposit) = parse_deposit_log(&log.inner, block, index)
        {
            deposits.push(keccak256(encode_deposit(&deposit)));
        }
    }
    if deposits.is_empty() {
        eyre::bail!("transaction {l1_tx} on L1 deposited nothing");
    }
    let began = Instant::now();
    for hash in deposits {
        println!("L2: waiting for {hash} …");
        let receipt = loop {
            if let Some(receipt) = chain.l2.rpc.op_transaction_receipt(hash).await? {
                break receipt;
            }
            if began.elapsed() > PATIENCE {
                eyre::bail!(
                    "L2 has not included the deposit {hash} within {} min; it cannot get lost, see for it later",
                    PATIENCE.as_secs() / 60
                );
            }
            tokio::time::sleep(PAUSE).await;
        };
        let block = receipt.inner.block_number.unwrap_or_default();
        if !receipt.inner.inner.status() {
            eyre::bail!(
                "the deposit {hash} failed in L2 block {block}; what it carried is with the sender on L2"
            );
        }
        let logs = receipt.inner.inner.logs().iter().map(|log| &log.inner);
        if let Some(message) = outcome::undelivered(predeploys::L2_CROSS_DOMAIN_MESSENGER, logs) {
            eyre::bail!(
                "the deposit {hash} reached the messenger in L2 block {block}, but its call failed; message {message} is kept there, and anybody can have it called again with relayMessage"
            );
        }
        println!("L2: it arrived in block {block}");
    }
    Ok(())
}
