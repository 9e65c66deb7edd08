//! Executes a block that somebody else built, and judges it.

use crate::{
    block_run::{BlockRun, requests_hash},
    chain::{ChainConfig, EthFork},
    error::InvalidBlock,
    header::{expect, validate_header},
    receipt::{Receipt, receipts_root_and_bloom},
    state::{StateDiff, StateReader},
    transaction::VerifiedTx,
};
use alloc::{format, string::ToString, vec::Vec};
use alloy_consensus::Header;
use alloy_eips::{eip2718::Encodable2718, eip4895::Withdrawal};
use alloy_primitives::{B256, Bytes};
use alloy_rlp::Encodable;
use opal_protocol::Fork;

/// What executing a block gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// One per transaction.
    pub receipts: Vec<Receipt>,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Ethereum: gas of the blobs. OP chains: DA footprint from Jovian on, else 0.
    pub blob_gas_used: u64,
    /// EIP-7685 requests, each with its leading type byte; only on Ethereum from Prague on.
    pub requests: Vec<Bytes>,
    /// How the state changes.
    pub diff: StateDiff,
}

/// Largest RLP of an Ethereum block from Osaka on, bytes: 10 MiB less 2 MiB. spec: EIP-7934
const MAX_BLOCK_RLP_BYTES: usize = 10 * 1024 * 1024 - 2 * 1024 * 1024;

/// Checks the header against its parent, executes the block on the parent's state and checks all
/// of the header that does not need the state trie. What remains for the caller is
/// [`header::check_roots`](crate::header::check_roots).
pub fn execute_block<R: StateReader>(
    chain: &ChainConfig,
    parent: &Header,
    header: &Header,
    txs: &[VerifiedTx],
    withdrawals: Option<&[Withdrawal]>,
    reader: R,
) -> Result<Executed, InvalidBlock> {
    expect(
        "transactionsRoot",
        header.transactions_root,
        transactions_root(txs),
    )?;
    let executed = run_block(chain, parent, header, txs, withdrawals, reader)?;
    check_execution(chain, header, &executed)?;
    Ok(executed)
}

/// The middle of [`execute_block`], without [`check_execution`], which the caller can do beside the
/// state root, and without the transactions root: whoever took the block apart, or made its header
/// from a payload, has it.
pub fn run_block<R: StateReader>(
    chain: &ChainConfig,
    parent: &Header,
    header: &Header,
    txs: &[VerifiedTx],
    withdrawals: Option<&[Withdrawal]>,
    reader: R,
) -> Result<Executed, InvalidBlock> {
    validate_header(chain, parent, header)?;
    validate_body(chain, header, txs, withdrawals)?;
    let mut run = BlockRun::open(chain, parent.timestamp, header.clone(), reader)?;
    for tx in txs {
        run.apply_forced(tx)?;
    }
    run.close(withdrawals)
}

/// Root of a block's transactions.
pub fn transactions_root(txs: &[VerifiedTx]) -> B256 {
    alloy_trie::root::ordered_trie_root_with_encoder(txs, |tx, out| {
        out.extend_from_slice(&tx.encoded);
    })
}

/// Root of a block's withdrawals on Ethereum.
pub fn withdrawals_root(withdrawals: &[Withdrawal]) -> B256 {
    alloy_consensus::proofs::calculate_withdrawals_root(withdrawals)
}

fn validate_body(
    chain: &ChainConfig,
    header: &Header,
    txs: &[VerifiedTx],
    withdrawals: Option<&[Withdrawal]>,
) -> Result<(), InvalidBlock> {
    let fork = chain.eth_fork(header.timestamp);
    match withdrawals {
        None if fork >= EthFork::Shanghai => {
            return Err(InvalidBlock::Body("withdrawals are missing".to_string()));
        }
        Some(_) if fork < EthFork::Shanghai => {
            return Err(InvalidBlock::Body(
                "withdrawals come before their fork".to_string(),
            ));
        }
        Some(list) if chain.is_optimism() && !list.is_empty() => {
            return Err(InvalidBlock::Body(
                "withdrawals must be empty on L2".to_string(),
            ));
        }
        Some(list) if !chain.is_optimism() => {
            expect(
                "withdrawalsRoot",
                header.withdrawals_root,
                Some(withdrawals_root(list)),
            )?;
        }
        _ => {}
    }
    if let Some(limit) = max_rlp_bytes(chain, header.timestamp) {
        let bytes = block_rlp_bytes(header, txs, withdrawals);
        if bytes > limit {
            let problem = format!("its RLP has {bytes} bytes, the limit is {limit}");
            return Err(InvalidBlock::Body(problem));
        }
    }
    Ok(())
}

/// Most bytes of the RLP of a block at `time`. Of Osaka's rules this one does not hold on L2, whose
/// blocks are bounded by what batches hold.
pub(crate) fn max_rlp_bytes(chain: &ChainConfig, time: u64) -> Option<usize> {
    let limited = !chain.is_optimism() && chain.eth_fork(time) >= EthFork::Osaka;
    limited.then_some(MAX_BLOCK_RLP_BYTES)
}

/// Bytes of the RLP of the whole block.
fn block_rlp_bytes(
    header: &Header,
    txs: &[VerifiedTx],
    withdrawals: Option<&[Withdrawal]>,
) -> usize {
    let list = |payload: usize| payload.saturating_add(alloy_rlp::length_of_length(payload));
    let txs = txs
        .iter()
        .map(|tx| tx.tx.network_len())
        .fold(0, usize::saturating_add);
    let withdrawals = withdrawals.map_or(0, |w| {
        list(
            w.iter()
                .map(Encodable::length)
                .fold(0, usize::saturating_add),
        )
    });
    let ommers = 1;
    list(
        header
            .length()
            .saturating_add(list(txs))
            .saturating_add(ommers + withdrawals),
    )
}

/// Compares what execution gave with the header: gas, receipts, logs, blob gas, requests.
pub fn check_execution(
    chain: &ChainConfig,
    header: &Header,
    executed: &Executed,
) -> Result<(), InvalidBlock> {
    expect("gasUsed", header.gas_used, executed.gas_used)?;
    let (receipts_root, bloom) = receipts_root_and_bloom(&executed.receipts);
    expect("receiptsRoot", header.receipts_root, receipts_root)?;
    expect("logsBloom", header.logs_bloom, bloom)?;
    let time = header.timestamp;
    let has_blob_gas = if chain.is_optimism() {
        chain.is_op_active(Fork::Jovian, time)
    } else {
        chain.eth_fork(time) >= EthFork::Cancun
    };
    if has_blob_gas {
        expect(
            "blobGasUsed",
            header.blob_gas_used,
            Some(executed.blob_gas_used),
        )?;
    }
    if !chain.is_optimism() && chain.eth_fork(time) >= EthFork::Prague {
        expect(
            "requestsHash",
            header.requests_hash,
            Some(requests_hash(&executed.requests)),
        )?;
    }
    Ok(())
}
