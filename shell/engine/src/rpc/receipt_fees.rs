//! The fees of an OP chain that receipts show beside gas.
//!
//! They follow from the L1 attributes in the block's first transaction, so a receipt of any age can
//! be printed without the state it was made on.

use super::convert::quantity;
use crate::block::ChainBlock;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256};
use opal_execution::{Account, ChainConfig, StateError, StateReader, Transaction, fees::L1Costs};
use opal_protocol::{
    Fork,
    l1_info::{L1Info, L1InfoFees},
};
use serde_json::{Map, Value, json};

/// Fee parameters of one block.
#[derive(Clone, Debug)]
pub(crate) struct BlockFees {
    costs: L1Costs,
    ecotone: bool,
    fjord: bool,
    isthmus: bool,
    jovian: bool,
}

impl BlockFees {
    /// `None` on Ethereum, and for blocks without L1 attributes.
    pub(crate) fn of(chain: &ChainConfig, block: &ChainBlock) -> Option<Self> {
        if !chain.is_optimism() {
            return None;
        }
        let first = Transaction::decode(block.body.transactions.first()?).ok()?;
        let info = L1Info::decode(first.input()).ok()?;
        let time = block.header.timestamp;
        let costs = L1Costs::read(chain, time, AttributeSlots(info)).ok()?;
        let active = |fork| chain.is_op_active(fork, time);
        Some(Self {
            costs,
            ecotone: active(Fork::Ecotone) && !matches!(info.fees, L1InfoFees::Bedrock { .. }),
            fjord: active(Fork::Fjord),
            isthmus: active(Fork::Isthmus),
            jovian: active(Fork::Jovian),
        })
    }

    /// Adds the fields for a transaction that is no deposit.
    pub(crate) fn add_to(&self, object: &mut Map<String, Value>, encoded: &Bytes, _gas_used: u64) {
        let costs = &self.costs;
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        put("l1GasPrice", quantity(costs.l1_base_fee()));
        put("l1GasUsed", quantity(costs.l1_gas_used(encoded)));
        put("l1Fee", quantity(costs.l1_fee(encoded)));
        if self.ecotone || self.fjord {
            put("l1BaseFeeScalar", quantity(costs.base_fee_scalar()));
            put(
                "l1BlobBaseFee",
                quantity(costs.l1_blob_base_fee().unwrap_or_default()),
            );
            put(
                "l1BlobBaseFeeScalar",
                quantity(costs.blob_base_fee_scalar().unwrap_or_default()),
            );
        } else {
            put("l1FeeScalar", json!(millionths(costs.base_fee_scalar())));
        }
        if self.isthmus {
            let scalar = costs.operator_fee_scalar().unwrap_or_default();
            let constant = costs.operator_fee_constant().unwrap_or_default();
            if !scalar.is_zero() || !constant.is_zero() {
                put("operatorFeeScalar", quantity(scalar));
                put("operatorFeeConstant", quantity(constant));
            }
        }
        if self.jovian {
            let scalar = costs.da_footprint_gas_scalar().unwrap_or_default();
            put("daFootprintGasScalar", quantity(u64::from(scalar)));
            put("blobGasUsed", quantity(costs.da_footprint(encoded)));
        }
    }
}

/// A number of millionths as a decimal string, as the old receipts print the fee scalar.
fn millionths(scalar: U256) -> String {
    let million = U256::from(1_000_000);
    let (whole, rest) = (scalar / million, scalar % million);
    if rest.is_zero() {
        return whole.to_string();
    }
    let rest = format!("{:06}", rest.to::<u64>());
    format!("{whole}.{}", rest.trim_end_matches('0'))
}

/// The storage of the L1Block predeploy right after it took these attributes.
struct AttributeSlots(L1Info);

impl StateReader for AttributeSlots {
    fn account(&self, _: Address) -> Result<Option<Account>, StateError> {
        Ok(None)
    }

    fn storage(&self, _: Address, slot: U256) -> Result<U256, StateError> {
        let info = &self.0;
        let (ecotone, operator, footprint) = match info.fees {
            L1InfoFees::Bedrock { .. } => (None, None, None),
            L1InfoFees::Ecotone(e) => (Some(e), None, None),
            L1InfoFees::Isthmus(e, o) => (Some(e), Some(o), None),
            L1InfoFees::Jovian(e, o, d) => (Some(e), Some(o), Some(d)),
        };
        // spec: ecotone/l1-attributes.md, isthmus/l1-attributes.md, jovian/l1-attributes.md
        Ok(match (slot.try_into().unwrap_or(u64::MAX), info.fees) {
            (1, _) => info.base_fee,
            (3, _) => {
                let mut word = [0; 32];
                let fees = ecotone.unwrap_or_default();
                word[16..20].copy_from_slice(&fees.base_fee_scalar.to_be_bytes());
                word[20..24].copy_from_slice(&fees.blob_base_fee_scalar.to_be_bytes());
                word[24..].copy_from_slice(&info.seq_num.to_be_bytes());
                U256::from_be_bytes(word)
            }
            (5, L1InfoFees::Bedrock { overhead, .. }) => overhead,
            (6, L1InfoFees::Bedrock { scalar, .. }) => scalar,
            (7, _) => ecotone.map_or(U256::ZERO, |e| e.blob_base_fee),
            (8, _) => {
                let mut word = [0; 32];
                let fees = operator.unwrap_or_default();
                word[18..20].copy_from_slice(&footprint.unwrap_or_default().to_be_bytes());
                word[20..24].copy_from_slice(&fees.scalar.to_be_bytes());
                word[24..].copy_from_slice(&fees.constant.to_be_bytes());
                U256::from_be_bytes(word)
            }
            _ => U256::ZERO,
        })
    }

    fn code(&self, _: B256) -> Result<Bytes, StateError> {
        Ok(Bytes::new())
    }

    fn block_hash(&self, _: u64) -> Result<B256, StateError> {
        Ok(B256::ZERO)
    }
}
