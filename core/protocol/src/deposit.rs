//! Deposits: transactions that L1 forces into L2.
//!
//! spec: protocol/deposits.md

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, b256, keccak256};
use op_alloy_consensus::TxDeposit;

/// EIP-2718 type byte of a deposit.
pub const DEPOSIT_TX_TYPE: u8 = 0x7e;

/// First topic of `TransactionDeposited(address,address,uint256,bytes)`.
pub const TRANSACTION_DEPOSITED_TOPIC: B256 =
    b256!("b3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32");

/// Where a deposit comes from; gives it an identity that no other deposit shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DepositSource<'a> {
    /// Domain 0: a `TransactionDeposited` log.
    User {
        /// Hash of the L1 block with the log.
        l1_block_hash: B256,
        /// Position of the log in its block (not in its receipt).
        log_index: u64,
    },
    /// Domain 1: the L1 attributes at the head of each L2 block.
    L1Info {
        /// Hash of the L1 origin.
        l1_block_hash: B256,
        /// Position of the L2 block in its epoch.
        seq_num: u64,
    },
    /// Domain 2: a network-upgrade transaction.
    Upgrade {
        /// What the transaction does, for example `"Jovian: L1 Block Deployment"`.
        intent: &'a str,
    },
}

impl DepositSource<'_> {
    /// The source hash. spec: protocol/deposits.md#source-hash-computation
    pub fn hash(&self) -> B256 {
        let (domain, identity) = match *self {
            Self::User {
                l1_block_hash,
                log_index,
            } => (0, pair_hash(l1_block_hash, log_index)),
            Self::L1Info {
                l1_block_hash,
                seq_num,
            } => (1, pair_hash(l1_block_hash, seq_num)),
            Self::Upgrade { intent } => (2, keccak256(intent)),
        };
        keccak256(concat(U256::from(domain).into(), identity))
    }
}

/// A `TransactionDeposited` log that is not what the OptimismPortal emits. The portal is trusted,
/// so this is no hostile input but a wrong configuration or a portal we do not know: critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("TransactionDeposited log {log_index} is malformed: {problem}")]
pub struct DepositError {
    /// Position of the log in its L1 block.
    pub log_index: u64,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// The deposit that a `TransactionDeposited` log announces. The contract has aliased the sender
/// already, where it was a contract.
pub fn parse_deposit_log(
    log: &Log,
    l1_block_hash: B256,
    log_index: u64,
) -> Result<TxDeposit, DepositError> {
    parse(log)
        .map(|deposit| TxDeposit {
            source_hash: DepositSource::User {
                l1_block_hash,
                log_index,
            }
            .hash(),
            ..deposit
        })
        .map_err(|problem| DepositError { log_index, problem })
}

/// The deposit as it stands in payload attributes: type byte 0x7e, then RLP.
pub fn encode_deposit(deposit: &TxDeposit) -> Bytes {
    deposit.encoded_2718().into()
}

/// Decodes an encoded (EIP-2718) deposit; `None` for other transactions and malformed ones.
pub fn decode_deposit(transaction: &[u8]) -> Option<TxDeposit> {
    let (&DEPOSIT_TX_TYPE, mut body) = transaction.split_first()? else {
        return None;
    };
    let deposit = TxDeposit::rlp_decode(&mut body).ok()?;
    body.is_empty().then_some(deposit)
}

/// The deposit, save its source hash.
///
/// `opaqueData` of version 0 is packed: mint 32 bytes, value 32, gas limit 8, isCreation 1, and
/// the calldata. Clients agree that any isCreation but 0 creates a contract, and that of the words
/// for sender and recipient the low 20 bytes count; so do we, although the portal writes neither
/// another flag nor longer addresses.
fn parse(log: &Log) -> Result<TxDeposit, &'static str> {
    let [_, from, to, version] = log.topics() else {
        return Err("must have 4 topics");
    };
    if !version.is_zero() {
        return Err("has an unknown version");
    }
    let data = &log.data.data;
    let opaque = abi_bytes(data).ok_or("has no ABI-encoded bytes")?;
    // Offset and length take two words; the content is padded to whole words and no further.
    if data.len() != 64 + opaque.len().next_multiple_of(32) {
        return Err("is not padded to whole words");
    }
    let (mint, rest) = opaque
        .split_first_chunk::<32>()
        .ok_or("is too short for a mint")?;
    let (value, rest) = rest
        .split_first_chunk::<32>()
        .ok_or("is too short for a value")?;
    let (gas, rest) = rest
        .split_first_chunk::<8>()
        .ok_or("is too short for a gas limit")?;
    let (is_creation, data) = rest.split_first().ok_or("is too short for isCreation")?;
    let to = match is_creation {
        0 => TxKind::Call(Address::from_word(*to)),
        _ => TxKind::Create,
    };
    Ok(TxDeposit {
        source_hash: B256::ZERO,
        from: Address::from_word(*from),
        to,
        mint: U256::from_be_bytes(*mint)
            .try_into()
            .map_err(|_| "mints more than 128 bits")?,
        value: U256::from_be_bytes(*value),
        gas_limit: u64::from_be_bytes(*gas),
        is_system_transaction: false,
        input: Bytes::copy_from_slice(data),
    })
}

/// The content of `abi.encode(bytes)`; padding behind it is not judged.
pub(crate) fn abi_bytes(data: &[u8]) -> Option<&[u8]> {
    let (offset, rest) = data.split_first_chunk::<32>()?;
    let (length, rest) = rest.split_first_chunk::<32>()?;
    if U256::from_be_bytes(*offset) != U256::from(32) {
        return None;
    }
    let length: usize = U256::from_be_bytes(*length).try_into().ok()?;
    rest.get(..length)
}

/// The address in a word, if the word holds nothing else.
pub(crate) fn address(word: &B256) -> Option<Address> {
    let (padding, address) = word.split_at(12);
    padding
        .iter()
        .all(|byte| *byte == 0)
        .then(|| Address::from_slice(address))
}

fn pair_hash(l1_block_hash: B256, number: u64) -> B256 {
    keccak256(concat(l1_block_hash, U256::from(number).into()))
}

fn concat(first: B256, second: B256) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(first.as_slice());
    bytes[32..].copy_from_slice(second.as_slice());
    bytes
}
