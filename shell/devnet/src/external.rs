//! An L1 that somebody else runs: the devnet's contracts are deployed there by transactions.

use crate::{
    config::{DevnetConfig, ExternalL1},
    error::DevnetError,
    genesis::{Anchor, Fees, PlannedTx, anchor, deploy_plan, finish_plan, l2_genesis, roles},
    home::{Home, deploy_config},
};
use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_eips::{BlockId, BlockNumberOrTag, Encodable2718};
use alloy_primitives::{B256, U256};
use alloy_signer::SignerSync;
use opal_protocol::L1Ref;
use opal_rpc::EthClient;
use std::time::{Duration, Instant};
use tracing::info;

/// Pause between two looks for a receipt.
const RECEIPT_PAUSE: Duration = Duration::from_millis(200);
/// How long a deployment transaction may take to be mined.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(120);
/// How much more than the present gas price is offered.
const FEE_HEADROOM: u128 = 4;

/// Makes sure that `external` is the L1 on which `home` was deployed.
pub(crate) async fn check(home: &Home, external: &ExternalL1) -> Result<(), DevnetError> {
    if home.l1.is_some() {
        return Err(DevnetError::Config(
            "this data directory belongs to a devnet with the built-in L1; leave out --l1.rpc, or choose another --datadir".into(),
        ));
    }
    let client = EthClient::new(&external.rpc)?;
    client.expect_chain_id(home.rollup.l1_chain_id).await?;
    Ok(())
}

/// Deploys the contracts on `external` and makes a new devnet that starts from the L1 block that
/// holds the last of them.
pub(crate) async fn deploy(
    config: &DevnetConfig,
    external: &ExternalL1,
) -> Result<Home, DevnetError> {
    let client = EthClient::new(&external.rpc)?;
    let chain_id = client.chain_id().await?;
    let head = head(&client).await?;
    let mut deploy = deploy_config(config, head.time)?;
    deploy.l1_chain_id = chain_id;
    let deployer = roles().owner;
    let pending = BlockId::Number(BlockNumberOrTag::Pending);
    let nonce = client
        .transaction_count(deployer.address(), pending)
        .await?;
    let plan = deploy_plan(&deploy, nonce);
    let finish = |output_root, l2_time| {
        let anchor = Anchor {
            output_root,
            l2_time,
        };
        finish_plan(&deploy, &plan.addresses, plan.next_nonce, anchor)
    };
    let price = client.gas_price().await?;
    let fees = Fees {
        max_fee_per_gas: price.saturating_mul(FEE_HEADROOM).max(2),
        max_priority_fee_per_gas: 1.min(price),
    };
    // What the last part costs does not depend on the output.
    let whole = plan.transactions.iter().cloned();
    let whole: Vec<_> = whole.chain(finish(B256::ZERO, 0)).collect();
    check_funds(&client, &whole, fees).await?;
    info!(
        transactions = whole.len(),
        endpoint = client.endpoint(),
        "deploying on L1"
    );
    let block = send(&client, chain_id, fees, &plan.transactions).await?;
    let origin = by_hash(&client, block).await?;
    // Fork times count from the block that the rollup starts from.
    let mut settled = deploy_config(config, origin.time)?;
    settled.l1_chain_id = chain_id;
    let first = anchor(&settled, &l2_genesis(&settled, &plan.addresses, origin));
    let last = finish(first.output_root, first.l2_time);
    send(&client, chain_id, fees, &last).await?;
    Home::on_l1(config, &settled, &plan.addresses, origin, None)
}

/// Sends transactions and waits until all are mined; the hash of the block with the last.
async fn send(
    client: &EthClient,
    chain_id: u64,
    fees: Fees,
    transactions: &[PlannedTx],
) -> Result<B256, DevnetError> {
    let deployer = roles().owner;
    let mut sent = Vec::new();
    for planned in transactions {
        let tx = planned.unsigned(chain_id, fees);
        let signature = deployer
            .sign_hash_sync(&tx.signature_hash())
            .map_err(|e| DevnetError::L1(format!("cannot sign the deployment: {e}")))?;
        let raw = TxEnvelope::from(tx.into_signed(signature)).encoded_2718();
        sent.push((planned, client.send_raw_transaction(&raw).await?));
    }
    let mut block = B256::ZERO;
    for (planned, hash) in sent {
        block = mined(client, planned, hash).await?;
    }
    Ok(block)
}

async fn check_funds(
    client: &EthClient,
    transactions: &[PlannedTx],
    fees: Fees,
) -> Result<(), DevnetError> {
    let deployer = roles().owner.address();
    let latest = BlockId::Number(BlockNumberOrTag::Latest);
    let balance = client.balance(deployer, latest).await?;
    let needed = transactions.iter().fold(U256::ZERO, |sum, tx| {
        let gas = U256::from(tx.gas_limit) * U256::from(fees.max_fee_per_gas);
        sum.saturating_add(gas).saturating_add(tx.value)
    });
    if balance < needed {
        return Err(DevnetError::L1(format!(
            "{deployer} (last account of the test mnemonic) has {balance} wei at {}, but deploying takes up to {needed}; fund it, or use a development chain that does",
            client.endpoint(),
        )));
    }
    Ok(())
}

/// Waits until a deployment transaction is in a block; the block's hash.
async fn mined(client: &EthClient, planned: &PlannedTx, hash: B256) -> Result<B256, DevnetError> {
    let started = Instant::now();
    let failed = |why: String| DevnetError::L1(format!("`{}` ({hash}): {why}", planned.what));
    loop {
        if let Some(receipt) = client.transaction_receipt(hash).await? {
            if !receipt.status() {
                return Err(failed("the transaction failed".into()));
            }
            return receipt
                .block_hash
                .ok_or_else(|| failed("its receipt names no block".into()));
        }
        if started.elapsed() > RECEIPT_PATIENCE {
            let seconds = RECEIPT_PATIENCE.as_secs();
            return Err(failed(format!(
                "not mined within {seconds} s; does this L1 make blocks?"
            )));
        }
        tokio::time::sleep(RECEIPT_PAUSE).await;
    }
}

async fn head(client: &EthClient) -> Result<L1Ref, DevnetError> {
    reference(client, BlockId::Number(BlockNumberOrTag::Latest)).await
}

async fn by_hash(client: &EthClient, hash: B256) -> Result<L1Ref, DevnetError> {
    reference(client, BlockId::from(hash)).await
}

async fn reference(client: &EthClient, id: BlockId) -> Result<L1Ref, DevnetError> {
    let block = client.header(id).await?;
    let block = block.ok_or_else(|| DevnetError::L1(format!("L1 has no block {id:?}")))?;
    Ok(L1Ref {
        hash: block.hash,
        number: block.header.number,
        parent_hash: block.header.parent_hash,
        time: block.header.timestamp,
    })
}
