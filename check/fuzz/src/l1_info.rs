//! L1 attributes and what an L2 block says of itself: each format decodes to what encodes to the
//! same bytes, and a block that tells its origin tells its configuration too.

use crate::{input::Input, rollup};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use op_alloy_consensus::TxDeposit;
use opal_protocol::{Fork, L1Info, L2Ref, SystemConfig, deposit::encode_deposit};

/// Selectors of the four formats.
const SELECTORS: [[u8; 4]; 4] = [
    [0x01, 0x5d, 0x8e, 0xb9],
    [0x44, 0x0a, 0x5e, 0x20],
    [0x09, 0x89, 0x99, 0xbe],
    [0x3d, 0xb6, 0xbe, 0x2b],
];
/// Calldata lengths in bytes of the four formats.
const LENGTHS: [usize; 4] = [260, 164, 176, 178];

/// Calldata as it is, or of a known format; and the block that begins with it.
pub fn l1_info(data: &[u8]) {
    let mut input = Input::new(data);
    let calldata = match input.u8() {
        255 => input.long_bytes().to_vec(),
        format => {
            let format = usize::from(format) % SELECTORS.len();
            let mut calldata = SELECTORS[format].to_vec();
            calldata.resize(LENGTHS[format], 0);
            // Fields are where the script puts them, so that padding mostly stays clean.
            for _ in 0..input.below(8) {
                let at = usize::from(input.u16()) % calldata.len();
                let bytes = input.short_bytes();
                let len = bytes.len().min(calldata.len() - at);
                calldata[at..at + len].copy_from_slice(&bytes[..len]);
            }
            calldata
        }
    };
    let info = L1Info::decode(&calldata);
    if let Ok(info) = &info {
        assert_eq!(info.encode(), calldata, "no byte is unaccounted for");
        assert_eq!(
            (info.origin().number, info.origin().hash),
            (info.number, info.hash)
        );
    }
    block(&mut input, calldata.into(), info.ok());
}

/// The block whose first transaction carries `calldata`.
fn block(input: &mut Input<'_>, calldata: Bytes, info: Option<L1Info>) {
    let cfg = rollup::config(input);
    let mut first_tx = encode_deposit(&TxDeposit {
        source_hash: B256::ZERO,
        from: Address::ZERO,
        to: TxKind::Call(Address::ZERO),
        mint: 0,
        value: U256::ZERO,
        gas_limit: 0,
        is_system_transaction: false,
        input: calldata,
    });
    let is_other = input.u8() == 255;
    if is_other {
        first_tx = Bytes::copy_from_slice(input.short_bytes());
    }
    let header = Header {
        number: input.u64() % 4,
        timestamp: cfg.genesis.l2_time.saturating_add(u64::from(input.u8())),
        gas_limit: input.u64(),
        extra_data: Bytes::copy_from_slice(input.short_bytes()),
        ..Header::default()
    };
    let hash = if input.flag() {
        cfg.genesis.l2.hash
    } else {
        B256::ZERO
    };
    let reference = L2Ref::from_block(&cfg, &header, hash, &first_tx);
    let config = SystemConfig::from_l2_block(&cfg, &header, &first_tx);
    if header.number == cfg.genesis.l2.number {
        assert_eq!(reference.is_ok(), hash == cfg.genesis.l2.hash);
        assert_eq!(config, Ok(cfg.genesis.system_config));
        return;
    }
    if is_other {
        return;
    }
    let Some(info) = info else {
        assert!(reference.is_err() && config.is_err());
        return;
    };
    let reference = reference.expect("its attributes are well-formed");
    assert_eq!(reference.l1_origin, info.origin());
    assert_eq!(reference.seq_num, info.seq_num);
    match config {
        Ok(config) => {
            assert_eq!(config.batcher_address, info.batcher);
            assert_eq!(config.gas_limit, header.gas_limit);
        }
        // The extra data is to blame, which carries parameters only since Holocene.
        Err(_) => assert!(cfg.is_active(Fork::Holocene, header.timestamp)),
    }
}
