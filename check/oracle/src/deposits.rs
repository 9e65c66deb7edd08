//! Deposited transactions: their encoding, and the logs that users' deposits come from.
//!
//! spec: protocol/deposits.md

use crate::{chain::DeriveError, input::NaiveL1Block};
use alloy_primitives::{Address, B256, Bytes, Log, U256, b256, keccak256};
use alloy_rlp::{Encodable, RlpDecodable, RlpEncodable};
use opal_protocol::RollupConfig;

/// EIP-2718 type of deposited transactions.
pub(crate) const DEPOSIT_TX_TYPE: u8 = 0x7e;
/// `TransactionDeposited(address,address,uint256,bytes)`
const TRANSACTION_DEPOSITED_TOPIC: B256 =
    b256!("b3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32");

/// The fields of a deposited transaction in the order of the encoding.
///
/// spec: protocol/deposits.md#the-deposited-transaction-type
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpDecodable, RlpEncodable)]
pub(crate) struct DepositFields {
    pub(crate) source_hash: B256,
    pub(crate) from: Address,
    /// Empty, or 20 bytes.
    pub(crate) to: Bytes,
    pub(crate) mint: U256,
    pub(crate) value: U256,
    pub(crate) gas_limit: u64,
    pub(crate) is_system_tx: bool,
    pub(crate) data: Bytes,
}

impl DepositFields {
    /// The transaction as EIP-2718 encodes it.
    pub(crate) fn encoded(&self) -> Bytes {
        let mut encoded = vec![DEPOSIT_TX_TYPE];
        self.encode(&mut encoded);
        encoded.into()
    }
}

/// `keccak256(bytes32(domain), inner)`
///
/// spec: protocol/deposits.md#source-hash-computation
pub(crate) fn source_hash(domain: u64, inner: B256) -> B256 {
    keccak256([word(domain), inner].concat())
}

/// A number as 32 bytes.
pub(crate) fn word(number: u64) -> B256 {
    U256::from(number).into()
}

/// The users' deposits of an L1 block, encoded.
///
/// spec: protocol/deposits.md#deposit-contract
pub(crate) fn user_deposits(
    cfg: &RollupConfig,
    block: &NaiveL1Block,
) -> Result<Vec<Bytes>, DeriveError> {
    let mut deposits = Vec::new();
    // Counts every log of the block.
    let mut log_index = 0;
    for receipt in &block.receipts {
        for log in &receipt.logs {
            let is_deposit = log.address == cfg.deposit_contract_address
                && log.topics().first() == Some(&TRANSACTION_DEPOSITED_TOPIC);
            if receipt.success && is_deposit {
                let deposit = parse_deposit(block.hash, log_index, log);
                let deposit = deposit.ok_or(DeriveError::Deposit {
                    l1_block: block.id(),
                    log_index,
                })?;
                deposits.push(deposit.encoded());
            }
            log_index += 1;
        }
    }
    deposits.extend(block.encoded_deposits.iter().cloned());
    Ok(deposits)
}

/// `opaqueData` is `mint u256 ++ value u256 ++ gasLimit u64 ++ isCreation u8 ++ data`.
fn parse_deposit(l1_block_hash: B256, log_index: u64, log: &Log) -> Option<DepositFields> {
    let [_, from, to, version] = log.topics() else {
        return None;
    };
    if !version.is_zero() || !log.data.data.len().is_multiple_of(32) {
        return None;
    }
    let (offset, rest) = log.data.data.split_first_chunk::<32>()?;
    let (length, rest) = rest.split_first_chunk::<32>()?;
    let length = usize::try_from(U256::from_be_bytes(*length)).ok()?;
    // As short as it can be for what it holds: padded to the next word.
    let (opaque_data, padding) = rest.split_at_checked(length)?;
    if U256::from_be_bytes(*offset) != U256::from(32) || padding.len() >= 32 {
        return None;
    }
    let (mint, opaque_data) = opaque_data.split_first_chunk::<32>()?;
    let (value, opaque_data) = opaque_data.split_first_chunk::<32>()?;
    let (gas_limit, opaque_data) = opaque_data.split_first_chunk::<8>()?;
    let (is_creation, data) = opaque_data.split_first()?;
    let to = match is_creation {
        0 => Bytes::copy_from_slice(&to[12..]),
        _ => Bytes::new(),
    };
    Some(DepositFields {
        source_hash: source_hash(0, keccak256([l1_block_hash, word(log_index)].concat())),
        from: Address::from_word(*from),
        to,
        mint: U256::from_be_bytes(*mint),
        value: U256::from_be_bytes(*value),
        gas_limit: u64::from_be_bytes(*gas_limit),
        is_system_tx: false,
        data: Bytes::copy_from_slice(data),
    })
}
