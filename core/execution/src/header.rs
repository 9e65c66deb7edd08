//! Header fields: what each era demands of them.
//!
//! Pure functions of headers and rules. spec: exec-engine.md and the fork pages; EIP-1559, 4844,
//! 4895, 4788, 7685, 7918.

pub use crate::base_fee::{FeeParams, fee_params, next_base_fee};
use crate::{
    base_fee::extra_data_problem,
    build::Roots,
    chain::{ChainConfig, ChainKind, EthFork},
    error::InvalidBlock,
};
use alloc::{
    format,
    string::{String, ToString},
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_primitives::{B64, B256, U256, b256};
use opal_protocol::Fork;
use opal_trie::EMPTY_ROOT_HASH;

/// SHA-256 of no bytes: the hash of no requests. spec: isthmus/exec-engine.md#header-validity-rules
pub const EMPTY_REQUESTS_HASH: B256 =
    b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

/// Highest gas limit of any block.
const MAX_GAS_LIMIT: u64 = i64::MAX as u64;
/// Lowest gas limit of an Ethereum block.
const MIN_GAS_LIMIT: u64 = 5_000;
/// An Ethereum block's gas limit moves by less than this fraction of its parent's.
const GAS_LIMIT_BOUND_DIVISOR: u64 = 1_024;
/// Longest extra data of an Ethereum block, bytes.
const MAX_EXTRA_DATA_BYTES: usize = 32;

pub(crate) fn bad(field: &'static str, problem: impl Into<String>) -> InvalidBlock {
    InvalidBlock::Header {
        field,
        problem: problem.into(),
    }
}

/// Fails with both values unless they are equal.
pub(crate) fn expect<T: PartialEq + core::fmt::Debug>(
    field: &'static str,
    found: T,
    wanted: T,
) -> Result<(), InvalidBlock> {
    if found == wanted {
        Ok(())
    } else {
        Err(bad(field, format!("is {found:?}, must be {wanted:?}")))
    }
}

/// Fails unless the field is there exactly from its fork on.
fn expect_presence<T>(
    field: &'static str,
    value: &Option<T>,
    wanted: bool,
) -> Result<(), InvalidBlock> {
    match (value, wanted) {
        (Some(_), false) => Err(bad(field, "must be absent before its fork")),
        (None, true) => Err(bad(field, "is missing")),
        _ => Ok(()),
    }
}

/// Checks all of a header that follows from its parent and the rules. What depends on execution is
/// left to [`execute_block`](crate::execute_block) and [`check_roots`].
pub fn validate_header(
    chain: &ChainConfig,
    parent: &Header,
    header: &Header,
) -> Result<(), InvalidBlock> {
    expect("parentHash", header.parent_hash, parent.hash_slow())?;
    expect("number", Some(header.number), parent.number.checked_add(1))?;
    if header.timestamp <= parent.timestamp {
        return Err(bad(
            "timestamp",
            format!(
                "is {}, the parent's is {}",
                header.timestamp, parent.timestamp
            ),
        ));
    }
    expect("difficulty", header.difficulty, U256::ZERO)?;
    expect("nonce", header.nonce, B64::ZERO)?;
    expect("sha3Uncles", header.ommers_hash, EMPTY_OMMER_ROOT_HASH)?;
    expect("blockAccessListHash", header.block_access_list_hash, None)?;
    expect("slotNumber", header.slot_number, None)?;
    validate_gas_limit(chain, parent, header)?;
    let base_fee = next_base_fee(chain, parent, header.timestamp);
    expect("baseFeePerGas", header.base_fee_per_gas, Some(base_fee))?;
    validate_extra_data(chain, header)?;
    let fork = chain.eth_fork(header.timestamp);
    expect_presence(
        "withdrawalsRoot",
        &header.withdrawals_root,
        fork >= EthFork::Shanghai,
    )?;
    let root = &header.parent_beacon_block_root;
    expect_presence("parentBeaconBlockRoot", root, fork >= EthFork::Cancun)?;
    expect_presence(
        "blobGasUsed",
        &header.blob_gas_used,
        fork >= EthFork::Cancun,
    )?;
    expect_presence(
        "excessBlobGas",
        &header.excess_blob_gas,
        fork >= EthFork::Cancun,
    )?;
    expect_presence(
        "requestsHash",
        &header.requests_hash,
        fork >= EthFork::Prague,
    )?;
    match &chain.kind {
        ChainKind::Optimism(_) => validate_optimism(chain, header),
        ChainKind::Ethereum(_) => validate_blob_gas(chain, parent, header),
    }
}

fn validate_gas_limit(
    chain: &ChainConfig,
    parent: &Header,
    header: &Header,
) -> Result<(), InvalidBlock> {
    let (limit, used) = (header.gas_limit, header.gas_used);
    if limit > MAX_GAS_LIMIT {
        return Err(bad(
            "gasLimit",
            format!("is {limit}, above {MAX_GAS_LIMIT}"),
        ));
    }
    if used > limit {
        return Err(bad(
            "gasUsed",
            format!("is {used}, above the gas limit {limit}"),
        ));
    }
    // On L2 the system configuration sets the limit, with no bound on its steps.
    if chain.is_optimism() {
        return Ok(());
    }
    let bound = parent.gas_limit / GAS_LIMIT_BOUND_DIVISOR;
    if limit.abs_diff(parent.gas_limit) >= bound.max(1) || limit < MIN_GAS_LIMIT {
        return Err(bad(
            "gasLimit",
            format!("is {limit}, too far from the parent's {}", parent.gas_limit),
        ));
    }
    Ok(())
}

fn validate_extra_data(chain: &ChainConfig, header: &Header) -> Result<(), InvalidBlock> {
    let problem = match &chain.kind {
        ChainKind::Optimism(rules) => {
            extra_data_problem(&rules.forks, header.timestamp, &header.extra_data)
        }
        ChainKind::Ethereum(_) => (header.extra_data.len() > MAX_EXTRA_DATA_BYTES)
            .then_some("must not be longer than 32 bytes"),
    };
    problem.map_or(Ok(()), |problem| Err(bad("extraData", problem)))
}

/// The fields whose meaning L2 changes.
fn validate_optimism(chain: &ChainConfig, header: &Header) -> Result<(), InvalidBlock> {
    let active = |fork| chain.is_op_active(fork, header.timestamp);
    if active(Fork::Canyon) && !active(Fork::Isthmus) {
        expect(
            "withdrawalsRoot",
            header.withdrawals_root,
            Some(EMPTY_ROOT_HASH),
        )?;
    }
    if active(Fork::Ecotone) {
        expect("excessBlobGas", header.excess_blob_gas, Some(0))?;
    }
    if active(Fork::Jovian) {
        // The DA footprint. spec: jovian/exec-engine.md#da-footprint-block-limit
        if header
            .blob_gas_used
            .is_some_and(|footprint| footprint > header.gas_limit)
        {
            return Err(bad(
                "blobGasUsed",
                "the DA footprint is above the gas limit",
            ));
        }
    } else if active(Fork::Ecotone) {
        expect("blobGasUsed", header.blob_gas_used, Some(0))?;
    }
    if active(Fork::Isthmus) {
        expect(
            "requestsHash",
            header.requests_hash,
            Some(EMPTY_REQUESTS_HASH),
        )?;
    }
    Ok(())
}

/// Blob gas of the block after `parent` that is in excess of the targets so far.
pub fn next_excess_blob_gas(chain: &ChainConfig, parent: &Header, time: u64) -> Option<u64> {
    let params = chain.blob_params(time)?;
    let excess = parent.excess_blob_gas.unwrap_or(0);
    let used = parent.blob_gas_used.unwrap_or(0);
    let base_fee = parent.base_fee_per_gas.unwrap_or(0);
    // Before Osaka the price floor is off: `blob_base_cost` is 0 then. spec: EIP-7918
    Some(params.next_block_excess_blob_gas_osaka(excess, used, base_fee))
}

fn validate_blob_gas(
    chain: &ChainConfig,
    parent: &Header,
    header: &Header,
) -> Result<(), InvalidBlock> {
    let Some(params) = chain.blob_params(header.timestamp) else {
        return Ok(());
    };
    let used = header.blob_gas_used.unwrap_or(0);
    if !used.is_multiple_of(DATA_GAS_PER_BLOB) || used > params.max_blob_gas_per_block() {
        return Err(bad(
            "blobGasUsed",
            format!("{used} is not the gas of a legal number of blobs"),
        ));
    }
    let excess = next_excess_blob_gas(chain, parent, header.timestamp);
    expect("excessBlobGas", header.excess_blob_gas, excess)
}

/// Checks the state root and, from Isthmus on, the withdrawals root: the storage root of the
/// L2ToL1MessagePasser after the block. spec: isthmus/exec-engine.md#l2tol1messagepasser-storage-root-in-header
pub fn check_roots(
    chain: &ChainConfig,
    header: &Header,
    roots: &Roots,
) -> Result<(), InvalidBlock> {
    expect("stateRoot", header.state_root, roots.state_root)?;
    if chain.is_op_active(Fork::Isthmus, header.timestamp) {
        let root = roots.message_passer_storage_root;
        expect("withdrawalsRoot", header.withdrawals_root, Some(root))?;
    }
    Ok(())
}

/// The problem of attributes, in the words of a header error.
pub(crate) fn attribute(field: &'static str, problem: &'static str) -> InvalidBlock {
    bad(field, problem.to_string())
}
