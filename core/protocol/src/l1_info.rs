//! The L1 attributes: calldata of the deposit that opens each L2 block.
//!
//! spec: protocol/deposits.md#l1-attributes-deposited-transaction, protocol/ecotone/l1-attributes.md,
//! protocol/isthmus/l1-attributes.md, protocol/jovian/l1-attributes.md

use crate::{
    config::RollupConfig,
    deposit::{DepositSource, address},
    forks::Fork,
    l1_chain::L1ChainConfig,
    predeploys::{DEPOSITOR_ACCOUNT, L1_BLOCK},
    refs::L1Id,
    system_config::SystemConfig,
};
use alloc::vec::Vec;
use alloy_consensus::Header;
use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{Address, B256, TxKind, U256};
use op_alloy_consensus::TxDeposit;

/// Attributes of an L1 block, in one of the four formats there have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L1Info {
    /// Height on L1.
    pub number: u64,
    /// Unix time in seconds.
    pub time: u64,
    /// Base fee in wei.
    pub base_fee: U256,
    /// Hash of the L1 block.
    pub hash: B256,
    /// Position of the L2 block in its epoch.
    pub seq_num: u64,
    /// Address of the batcher.
    pub batcher: Address,
    /// What depends on the format.
    pub fees: L1InfoFees,
}

/// The fee parameters that each format carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L1InfoFees {
    /// Up to Ecotone's activation block.
    Bedrock {
        /// Fee overhead.
        overhead: U256,
        /// Fee scalar.
        scalar: U256,
    },
    /// Up to Isthmus' activation block.
    Ecotone(EcotoneFees),
    /// Up to Jovian's activation block.
    Isthmus(EcotoneFees, OperatorFees),
    /// Since.
    Jovian(EcotoneFees, OperatorFees, DaFootprintGasScalar),
}

/// Fee parameters of Ecotone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EcotoneFees {
    /// Scalar of the L1 base fee.
    pub base_fee_scalar: u32,
    /// Scalar of the L1 blob base fee.
    pub blob_base_fee_scalar: u32,
    /// L1 blob base fee in wei.
    pub blob_base_fee: U256,
}

/// Fee parameters of Isthmus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperatorFees {
    /// Fee per gas, scaled.
    pub scalar: u32,
    /// Fee per transaction in wei.
    pub constant: u64,
}

/// DA footprint per compressed byte (Jovian).
pub type DaFootprintGasScalar = u16;

/// Why calldata holds no L1 attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum L1InfoError {
    /// Shorter than a selector, or a selector no fork has.
    #[error("L1 attributes have an unknown selector")]
    Selector,
    /// Not of the length of its format.
    #[error("L1 attributes have {got} bytes, their format has {want}")]
    Length {
        /// Bytes found.
        got: usize,
        /// Bytes of the format.
        want: usize,
    },
    /// A value is out of range.
    #[error("L1 attributes: {0} is out of range")]
    Range(&'static str),
}

/// Selector and calldata length of each format.
const BEDROCK: ([u8; 4], usize) = ([0x01, 0x5d, 0x8e, 0xb9], 260);
const ECOTONE: ([u8; 4], usize) = ([0x44, 0x0a, 0x5e, 0x20], 164);
const ISTHMUS: ([u8; 4], usize) = ([0x09, 0x89, 0x99, 0xbe], 176);
const JOVIAN: ([u8; 4], usize) = ([0x3d, 0xb6, 0xbe, 0x2b], 178);

/// What a configured scalar of 0 means. spec: protocol/jovian/l1-attributes.md
pub const DEFAULT_DA_FOOTPRINT_GAS_SCALAR: DaFootprintGasScalar = 400;
/// Gas limit of the deposit from Regolith on.
const GAS_REGOLITH: u64 = 1_000_000;
/// Gas limit of the deposit before Regolith.
const GAS_BEDROCK: u64 = 150_000_000;

impl L1Info {
    /// Decodes calldata by its selector, whatever fork is active: the activation block of a fork
    /// still carries the older format.
    pub fn decode(calldata: &[u8]) -> Result<Self, L1InfoError> {
        let (selector, _) = calldata
            .split_first_chunk::<4>()
            .ok_or(L1InfoError::Selector)?;
        let formats = [BEDROCK, ECOTONE, ISTHMUS, JOVIAN];
        let (selector, want) = formats
            .into_iter()
            .find(|f| f.0 == *selector)
            .ok_or(L1InfoError::Selector)?;
        if calldata.len() != want {
            return Err(L1InfoError::Length {
                got: calldata.len(),
                want,
            });
        }
        let words = Calldata(calldata);
        if selector == BEDROCK.0 {
            return decode_bedrock(&words);
        }
        let fees = EcotoneFees {
            base_fee_scalar: words.u32(4),
            blob_base_fee_scalar: words.u32(8),
            blob_base_fee: words.u256(68),
        };
        let operator = || OperatorFees {
            scalar: words.u32(164),
            constant: words.u64(168),
        };
        Ok(Self {
            seq_num: words.u64(12),
            time: words.u64(20),
            number: words.u64(28),
            base_fee: words.u256(36),
            hash: words.b256(100),
            batcher: words.address(132, "batcherHash")?,
            fees: match selector {
                s if s == ECOTONE.0 => L1InfoFees::Ecotone(fees),
                s if s == ISTHMUS.0 => L1InfoFees::Isthmus(fees, operator()),
                _ => L1InfoFees::Jovian(fees, operator(), words.u16(176)),
            },
        })
    }

    /// The calldata, selector first.
    pub fn encode(&self) -> Vec<u8> {
        let (fees, operator, da_scalar) = match &self.fees {
            L1InfoFees::Bedrock { overhead, scalar } => {
                return self.encode_bedrock(*overhead, *scalar);
            }
            L1InfoFees::Ecotone(fees) => (fees, None, None),
            L1InfoFees::Isthmus(fees, operator) => (fees, Some(operator), None),
            L1InfoFees::Jovian(fees, operator, da_scalar) => {
                (fees, Some(operator), Some(da_scalar))
            }
        };
        let (selector, length) = match (operator, da_scalar) {
            (None, _) => ECOTONE,
            (Some(_), None) => ISTHMUS,
            (Some(_), Some(_)) => JOVIAN,
        };
        let mut out = Vec::with_capacity(length);
        out.extend(selector);
        out.extend(fees.base_fee_scalar.to_be_bytes());
        out.extend(fees.blob_base_fee_scalar.to_be_bytes());
        out.extend(self.seq_num.to_be_bytes());
        out.extend(self.time.to_be_bytes());
        out.extend(self.number.to_be_bytes());
        out.extend(self.base_fee.to_be_bytes::<32>());
        out.extend(fees.blob_base_fee.to_be_bytes::<32>());
        out.extend(self.hash);
        out.extend(self.batcher.into_word());
        if let Some(operator) = operator {
            out.extend(operator.scalar.to_be_bytes());
            out.extend(operator.constant.to_be_bytes());
        }
        if let Some(da_scalar) = da_scalar {
            out.extend(da_scalar.to_be_bytes());
        }
        debug_assert_eq!(out.len(), length);
        out
    }

    /// The L1 origin.
    pub const fn origin(&self) -> L1Id {
        L1Id {
            hash: self.hash,
            number: self.number,
        }
    }

    fn encode_bedrock(&self, overhead: U256, scalar: U256) -> Vec<u8> {
        let (selector, length) = BEDROCK;
        let mut out = Vec::with_capacity(length);
        out.extend(selector);
        for word in [
            U256::from(self.number),
            U256::from(self.time),
            self.base_fee,
            self.hash.into(),
            U256::from(self.seq_num),
            self.batcher.into_word().into(),
            overhead,
            scalar,
        ] {
            out.extend(word.to_be_bytes::<32>());
        }
        debug_assert_eq!(out.len(), length);
        out
    }
}

/// The deposit that opens the L2 block at `l2_time`, in the format that block must carry.
pub fn l1_info_deposit(
    cfg: &RollupConfig,
    l1_chain: &L1ChainConfig,
    system_config: &SystemConfig,
    seq_num: u64,
    l1_header: &Header,
    l1_hash: B256,
    l2_time: u64,
) -> TxDeposit {
    let blob_base_fee = blob_base_fee(cfg, l1_chain, l1_header);
    l1_info_deposit_at_fee(
        cfg,
        blob_base_fee,
        system_config,
        seq_num,
        l1_header,
        l1_hash,
        l2_time,
    )
}

/// As [`l1_info_deposit`], for whoever knows the origin's [`blob_base_fee`] already: it is the same
/// in all blocks of an epoch, and takes longer to find than all the rest.
pub fn l1_info_deposit_at_fee(
    cfg: &RollupConfig,
    blob_base_fee: u128,
    system_config: &SystemConfig,
    seq_num: u64,
    l1_header: &Header,
    l1_hash: B256,
    l2_time: u64,
) -> TxDeposit {
    let info = L1Info {
        number: l1_header.number,
        time: l1_header.timestamp,
        base_fee: U256::from(l1_header.base_fee_per_gas.unwrap_or_default()),
        hash: l1_hash,
        seq_num,
        batcher: system_config.batcher_address,
        fees: fees_at(cfg, blob_base_fee, system_config, l2_time),
    };
    let is_regolith = cfg.is_active(Fork::Regolith, l2_time);
    TxDeposit {
        source_hash: DepositSource::L1Info {
            l1_block_hash: l1_hash,
            seq_num,
        }
        .hash(),
        from: DEPOSITOR_ACCOUNT,
        to: TxKind::Call(L1_BLOCK),
        mint: 0,
        value: U256::ZERO,
        gas_limit: if is_regolith {
            GAS_REGOLITH
        } else {
            GAS_BEDROCK
        },
        is_system_transaction: !is_regolith,
        input: info.encode().into(),
    }
}

/// Fee parameters in the format of the L2 block at `l2_time`. A fork's activation block keeps the
/// format before it, because the contract that reads the new one is deployed in that very block.
fn fees_at(
    cfg: &RollupConfig,
    blob_base_fee: u128,
    system_config: &SystemConfig,
    l2_time: u64,
) -> L1InfoFees {
    let is_past_activation =
        |fork| cfg.is_active(fork, l2_time) && !cfg.is_activation_block(fork, l2_time);
    if !is_past_activation(Fork::Ecotone) {
        return L1InfoFees::Bedrock {
            overhead: system_config.overhead,
            scalar: system_config.scalar,
        };
    }
    let (base_fee_scalar, blob_base_fee_scalar) = system_config.ecotone_scalars();
    let fees = EcotoneFees {
        base_fee_scalar,
        blob_base_fee_scalar,
        blob_base_fee: U256::from(blob_base_fee),
    };
    if !is_past_activation(Fork::Isthmus) {
        return L1InfoFees::Ecotone(fees);
    }
    let operator = OperatorFees {
        scalar: system_config.operator_fee_scalar,
        constant: system_config.operator_fee_constant,
    };
    if !is_past_activation(Fork::Jovian) {
        return L1InfoFees::Isthmus(fees, operator);
    }
    let da_scalar = match system_config.da_footprint_gas_scalar {
        0 => DEFAULT_DA_FOOTPRINT_GAS_SCALAR,
        scalar => scalar,
    };
    L1InfoFees::Jovian(fees, operator, da_scalar)
}

/// Blob base fee of an L1 origin in wei; 1 where L1 has no blobs.
///
/// Some chains keep computing it with Cancun's parameters until a time of their own although L1
/// runs Prague. spec: protocol/pectra-blob-schedule/derivation.md
pub fn blob_base_fee(cfg: &RollupConfig, l1_chain: &L1ChainConfig, l1_header: &Header) -> u128 {
    let Some(excess_blob_gas) = l1_header.excess_blob_gas else {
        return 1;
    };
    let l1_time = l1_header.timestamp;
    match cfg.forks.pectra_blob_schedule_time {
        Some(until) if l1_time < until => BlobParams::cancun().calc_blob_fee(excess_blob_gas),
        _ => l1_chain.blob_base_fee(excess_blob_gas, l1_time),
    }
}

fn decode_bedrock(words: &Calldata<'_>) -> Result<L1Info, L1InfoError> {
    Ok(L1Info {
        number: words.word_u64(4, "number")?,
        time: words.word_u64(36, "timestamp")?,
        base_fee: words.u256(68),
        hash: words.b256(100),
        seq_num: words.word_u64(132, "sequenceNumber")?,
        batcher: words.address(164, "batcherHash")?,
        fees: L1InfoFees::Bedrock {
            overhead: words.u256(196),
            scalar: words.u256(228),
        },
    })
}

/// Calldata whose length is known to cover every offset that is read.
struct Calldata<'a>(&'a [u8]);

impl Calldata<'_> {
    fn bytes<const N: usize>(&self, offset: usize) -> [u8; N] {
        let tail = self.0.get(offset..).unwrap_or_default();
        tail.first_chunk::<N>().copied().unwrap_or([0; N])
    }

    fn u16(&self, offset: usize) -> u16 {
        u16::from_be_bytes(self.bytes(offset))
    }

    fn u32(&self, offset: usize) -> u32 {
        u32::from_be_bytes(self.bytes(offset))
    }

    fn u64(&self, offset: usize) -> u64 {
        u64::from_be_bytes(self.bytes(offset))
    }

    fn u256(&self, offset: usize) -> U256 {
        U256::from_be_bytes(self.bytes::<32>(offset))
    }

    fn b256(&self, offset: usize) -> B256 {
        B256::new(self.bytes(offset))
    }

    fn word_u64(&self, offset: usize, name: &'static str) -> Result<u64, L1InfoError> {
        self.u256(offset)
            .try_into()
            .map_err(|_| L1InfoError::Range(name))
    }

    fn address(&self, offset: usize, name: &'static str) -> Result<Address, L1InfoError> {
        address(&self.b256(offset)).ok_or(L1InfoError::Range(name))
    }
}
