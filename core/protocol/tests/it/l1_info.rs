//! L1 attributes: formats, activation blocks, and what reads back from an L2 block.

use crate::common::{CONTEXT, config, system_config};
use alloy_consensus::Header;
use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, b256};
use opal_protocol::{
    Fork, L1ChainConfig, L1Id, L1Info, L2BlockError, L2Id, L2Ref, RollupConfig, SystemConfig,
    deposit::encode_deposit,
    l1_info::{EcotoneFees, L1InfoError, L1InfoFees, OperatorFees},
    l1_info_deposit,
    predeploys::{DEPOSITOR_ACCOUNT, L1_BLOCK},
};
use proptest::{collection::vec, prelude::*};

const L1_HASH: B256 = b256!("1111111111111111111111111111111111111111111111111111111111111111");

fn l1_header(time: u64) -> Header {
    Header {
        number: 100,
        timestamp: time,
        base_fee_per_gas: Some(7_000_000_000),
        excess_blob_gas: Some(50_000_000),
        ..Default::default()
    }
}

fn dev_l1() -> L1ChainConfig {
    L1ChainConfig::dev(900)
}

/// The attributes of the block at `l2_time`, as calldata.
fn calldata(cfg: &RollupConfig, l2_time: u64) -> Bytes {
    let header = l1_header(l2_time - 1);
    l1_info_deposit(cfg, &dev_l1(), &full_config(), 3, &header, L1_HASH, l2_time).input
}

fn full_config() -> SystemConfig {
    SystemConfig {
        operator_fee_scalar: 77,
        operator_fee_constant: 88,
        da_footprint_gas_scalar: 500,
        min_base_fee: 9,
        eip1559_denominator: 250,
        eip1559_elasticity: 6,
        ..system_config()
    }
}

#[test]
fn trap_6_activation_blocks_keep_the_format_before() {
    let selectors = [
        (Fork::Ecotone, "015d8eb9", "440a5e20"),
        (Fork::Isthmus, "440a5e20", "098999be"),
        (Fork::Jovian, "098999be", "3db6be2b"),
    ];
    for (fork, before, after) in selectors {
        let activation = CONTEXT.genesis_time + 10;
        let mut cfg = config(fork);
        for later in Fork::ALL.into_iter().filter(|f| *f >= fork) {
            cfg.forks.set(later, (later == fork).then_some(activation));
        }
        let selector = |time| hex::encode(&calldata(&cfg, time)[..4]);
        assert_eq!(selector(activation - 2), before);
        assert_eq!(selector(activation), before, "{fork}");
        assert_eq!(selector(activation + 2), after, "{fork}");
        // Active at genesis: the new format from the first block on.
        let cfg = config(fork);
        assert_eq!(
            hex::encode(&calldata(&cfg, CONTEXT.genesis_time + 2)[..4]),
            after
        );
    }
}

#[test]
fn trap_6_forks_that_activate_together_keep_the_oldest_format() {
    let activation = CONTEXT.genesis_time + 10;
    let mut cfg = config(Fork::Jovian);
    cfg.forks.set(Fork::Isthmus, Some(activation));
    cfg.forks.set(Fork::Jovian, Some(activation));
    assert_eq!(calldata(&cfg, activation).len(), 164);
    assert_eq!(calldata(&cfg, activation + 2).len(), 178);
}

#[test]
fn trap_7_blob_base_fee_follows_the_schedule_of_l1() {
    let mainnet = L1ChainConfig::known(1).unwrap();
    let excess = 60_000_000;
    let fees = [
        (1_710_338_134, 1),
        (1_710_338_135, BlobParams::cancun().calc_blob_fee(excess)),
        (1_746_612_311, BlobParams::prague().calc_blob_fee(excess)),
        (1_764_798_551, BlobParams::prague().calc_blob_fee(excess)),
        (1_765_290_071, BlobParams::bpo1().calc_blob_fee(excess)),
        (1_767_747_671, BlobParams::bpo2().calc_blob_fee(excess)),
    ];
    for (time, fee) in fees {
        assert_eq!(mainnet.blob_base_fee(excess, time), fee, "{time}");
    }
    let ids = [1, 11_155_111, 17_000, 560_048];
    for id in ids {
        let chain = L1ChainConfig::known(id).unwrap();
        assert_eq!(chain.chain_id, id);
        assert!(chain.blob_schedule.is_sorted_by_key(|(time, _)| *time));
    }
    assert_eq!(L1ChainConfig::known(5), None);
    assert_eq!(dev_l1().blob_params_at(0), Some(BlobParams::bpo2()));
}

#[test]
fn trap_7_the_pectra_exception_counts_by_l1_origin() {
    let blob_base_fee = |exception: Option<u64>, origin_time| {
        let mut cfg = config(Fork::Holocene);
        cfg.forks.pectra_blob_schedule_time = exception;
        let sepolia = L1ChainConfig::known(11_155_111).unwrap();
        let header = l1_header(origin_time);
        // The L2 block is far later than the exception ends: only the origin counts.
        let l2_time = origin_time + 1_000_000;
        let deposit = l1_info_deposit(
            &cfg,
            &sepolia,
            &system_config(),
            0,
            &header,
            L1_HASH,
            l2_time,
        );
        match L1Info::decode(&deposit.input).unwrap().fees {
            L1InfoFees::Ecotone(fees) => fees.blob_base_fee.to::<u128>(),
            other => panic!("{other:?}"),
        }
    };
    let excess = l1_header(0).excess_blob_gas.unwrap();
    let cancun = BlobParams::cancun().calc_blob_fee(excess);
    let prague = BlobParams::prague().calc_blob_fee(excess);
    assert_ne!(cancun, prague);
    let until = 1_742_486_400;
    assert_eq!(blob_base_fee(None, until - 1), prague);
    assert_eq!(blob_base_fee(Some(until), until - 1), cancun);
    assert_eq!(blob_base_fee(Some(until), until), prague);
}

#[test]
fn blob_base_fee_is_1_where_l1_has_no_blobs() {
    let header = Header {
        excess_blob_gas: None,
        ..l1_header(5)
    };
    let cfg = config(Fork::Ecotone);
    let time = CONTEXT.genesis_time + 2;
    let deposit = l1_info_deposit(&cfg, &dev_l1(), &system_config(), 0, &header, L1_HASH, time);
    let L1InfoFees::Ecotone(fees) = L1Info::decode(&deposit.input).unwrap().fees else {
        panic!()
    };
    assert_eq!(fees.blob_base_fee, U256::from(1));
    assert_eq!(
        (fees.base_fee_scalar, fees.blob_base_fee_scalar),
        (1368, 810_949)
    );
}

#[test]
fn trap_9_attributes_decode_by_selector() {
    // Jovian is active, the block carries Isthmus attributes: its activation block.
    let activation = CONTEXT.genesis_time + 10;
    let mut cfg = config(Fork::Jovian);
    cfg.forks.set(Fork::Jovian, Some(activation));
    let deposit = l1_info_deposit(
        &cfg,
        &dev_l1(),
        &full_config(),
        3,
        &l1_header(5),
        L1_HASH,
        activation,
    );
    let header = Header {
        number: 5,
        timestamp: activation,
        gas_limit: 30_000_000,
        extra_data: hex::decode("01000000fa000000060000000000000009")
            .unwrap()
            .into(),
        ..Default::default()
    };
    let first_tx = encode_deposit(&deposit);
    let read = SystemConfig::from_l2_block(&cfg, &header, &first_tx).unwrap();
    assert_eq!(
        read,
        SystemConfig {
            da_footprint_gas_scalar: 0,
            overhead: U256::ZERO,
            ..full_config()
        }
    );
    let reference = L2Ref::from_block(&cfg, &header, B256::repeat_byte(5), &first_tx).unwrap();
    assert_eq!(
        reference.l1_origin,
        L1Id {
            hash: L1_HASH,
            number: 100
        }
    );
    assert_eq!(reference.seq_num, 3);
    assert_eq!(reference.time, activation);
}

#[test]
fn trap_11_a_da_scalar_of_0_is_written_as_400() {
    let cfg = config(Fork::Jovian);
    let time = CONTEXT.genesis_time + 2;
    for (configured, written) in [(0, 400), (1, 1), (400, 400), (u16::MAX, u16::MAX)] {
        let config = SystemConfig {
            da_footprint_gas_scalar: configured,
            ..full_config()
        };
        let deposit = l1_info_deposit(&cfg, &dev_l1(), &config, 0, &l1_header(5), L1_HASH, time);
        assert_eq!(deposit.input[176..], written.to_be_bytes());
    }
}

#[test]
fn trap_15_the_fee_parameters_have_three_encodings() {
    // Extra data: version 0 and 9 bytes before Jovian, version 1 and 17 bytes since.
    let holocene = config(Fork::Holocene);
    let jovian = config(Fork::Jovian);
    let time = CONTEXT.genesis_time + 2;
    let read = |cfg: &RollupConfig, extra_data: &str| {
        let deposit = l1_info_deposit(
            cfg,
            &dev_l1(),
            &system_config(),
            0,
            &l1_header(5),
            L1_HASH,
            time,
        );
        let header = Header {
            number: 1,
            timestamp: time,
            extra_data: hex::decode(extra_data).unwrap().into(),
            ..Default::default()
        };
        SystemConfig::from_l2_block(cfg, &header, &encode_deposit(&deposit)).map(|config| {
            (
                config.eip1559_denominator,
                config.eip1559_elasticity,
                config.min_base_fee,
            )
        })
    };
    assert_eq!(read(&holocene, "000000000800000002"), Ok((8, 2, 0)));
    assert_eq!(
        read(&jovian, "0100000008000000020000000000000005"),
        Ok((8, 2, 5))
    );
    for (cfg, extra_data) in [
        (&holocene, ""),
        (&holocene, "0000000008000000"),
        (&holocene, "010000000800000002"),
        (&holocene, "0100000008000000020000000000000005"),
        (&jovian, "000000000800000002"),
        (&jovian, "0000000008000000020000000000000005"),
        (&jovian, "010000000800000002000000000000000500"),
    ] {
        assert_eq!(
            read(cfg, extra_data),
            Err(L2BlockError::ExtraData(1)),
            "{extra_data}"
        );
    }
}

#[test]
fn trap_14_the_first_holocene_block_reads_back_the_constants_of_its_extra_data() {
    let cfg = config(Fork::Holocene);
    let time = CONTEXT.genesis_time + 2;
    let unset = system_config();
    let deposit = l1_info_deposit(&cfg, &dev_l1(), &unset, 0, &l1_header(5), L1_HASH, time);
    let header = Header {
        number: 1,
        timestamp: time,
        extra_data: hex::decode("00000000fa00000006").unwrap().into(),
        ..Default::default()
    };
    let read = SystemConfig::from_l2_block(&cfg, &header, &encode_deposit(&deposit)).unwrap();
    assert_eq!(
        (read.eip1559_denominator, read.eip1559_elasticity),
        (250, 6)
    );
}

#[test]
fn the_deposit_has_the_gas_of_its_fork() {
    let header = l1_header(5);
    let time = CONTEXT.genesis_time + 2;
    for (fork, gas, is_system) in [
        (Fork::Bedrock, 150_000_000, true),
        (Fork::Regolith, 1_000_000, false),
    ] {
        let cfg = config(fork);
        let deposit = l1_info_deposit(&cfg, &dev_l1(), &system_config(), 0, &header, L1_HASH, time);
        assert_eq!(
            (deposit.gas_limit, deposit.is_system_transaction),
            (gas, is_system)
        );
        assert_eq!(deposit.from, DEPOSITOR_ACCOUNT);
        assert_eq!(deposit.to, TxKind::Call(L1_BLOCK));
        assert_eq!((deposit.mint, deposit.value), (0, U256::ZERO));
    }
}

#[test]
fn a_bedrock_block_gives_back_overhead_and_scalar() {
    let cfg = config(Fork::Regolith);
    let time = CONTEXT.genesis_time + 2;
    let set = SystemConfig {
        scalar: U256::from(684_000),
        ..system_config()
    };
    let deposit = l1_info_deposit(&cfg, &dev_l1(), &set, 7, &l1_header(5), L1_HASH, time);
    assert_eq!(deposit.input.len(), 260);
    let header = Header {
        number: 9,
        timestamp: time,
        gas_limit: set.gas_limit,
        ..Default::default()
    };
    let first_tx = encode_deposit(&deposit);
    assert_eq!(
        SystemConfig::from_l2_block(&cfg, &header, &first_tx),
        Ok(set)
    );
}

#[test]
fn genesis_and_foreign_blocks() {
    let mut cfg = config(Fork::Jovian);
    cfg.genesis.l2 = L2Id {
        hash: B256::repeat_byte(2),
        number: 0,
    };
    cfg.genesis.l1 = L1Id {
        hash: B256::repeat_byte(1),
        number: 50,
    };
    let header = Header {
        timestamp: CONTEXT.genesis_time,
        ..Default::default()
    };
    let genesis = L2Ref::from_block(&cfg, &header, cfg.genesis.l2.hash, &[]).unwrap();
    assert_eq!((genesis.l1_origin, genesis.seq_num), (cfg.genesis.l1, 0));
    assert_eq!(
        SystemConfig::from_l2_block(&cfg, &header, &[]),
        Ok(cfg.genesis.system_config)
    );
    assert!(matches!(
        L2Ref::from_block(&cfg, &header, B256::ZERO, &[]),
        Err(L2BlockError::Genesis { number: 0, .. })
    ));
    let header = Header {
        number: 1,
        ..header
    };
    for first_tx in [&[][..], &[0x02, 0xc0][..], &[0x7e][..], &[0x7e, 0xc0][..]] {
        assert_eq!(
            L2Ref::from_block(&cfg, &header, B256::ZERO, first_tx),
            Err(L2BlockError::NoL1Info(1))
        );
    }
}

/// Calldata written by hand from the tables of the spec, every field distinct.
#[test]
fn the_packed_formats_lie_as_the_spec_lays_them_out() {
    let calldata = hex::decode(concat!(
        "440a5e20",
        "00000001",
        "00000002",
        "0000000000000003",
        "0000000000000004",
        "0000000000000005",
        "0000000000000000000000000000000000000000000000000000000000000006",
        "0000000000000000000000000000000000000000000000000000000000000007",
        "0808080808080808080808080808080808080808080808080808080808080808",
        "0000000000000000000000000909090909090909090909090909090909090909",
    ))
    .unwrap();
    let info = L1Info::decode(&calldata).unwrap();
    let fees = EcotoneFees {
        base_fee_scalar: 1,
        blob_base_fee_scalar: 2,
        blob_base_fee: U256::from(7),
    };
    let expected = L1Info {
        number: 5,
        time: 4,
        base_fee: U256::from(6),
        hash: B256::repeat_byte(8),
        seq_num: 3,
        batcher: Address::repeat_byte(9),
        fees: L1InfoFees::Ecotone(fees),
    };
    assert_eq!(info, expected);
    let mut isthmus = calldata.clone();
    isthmus[..4].copy_from_slice(&[0x09, 0x89, 0x99, 0xbe]);
    isthmus.extend(hex::decode("0000000a000000000000000b").unwrap());
    let operator = OperatorFees {
        scalar: 10,
        constant: 11,
    };
    let info = L1Info::decode(&isthmus).unwrap();
    assert_eq!(
        info,
        L1Info {
            fees: L1InfoFees::Isthmus(fees, operator),
            ..expected
        }
    );
    let mut jovian = isthmus.clone();
    jovian[..4].copy_from_slice(&[0x3d, 0xb6, 0xbe, 0x2b]);
    jovian.extend([0, 12]);
    let info = L1Info::decode(&jovian).unwrap();
    assert_eq!(
        info,
        L1Info {
            fees: L1InfoFees::Jovian(fees, operator, 12),
            ..expected
        }
    );
    for encoded in [calldata, isthmus, jovian] {
        assert_eq!(L1Info::decode(&encoded).unwrap().encode(), encoded);
    }
}

#[test]
fn malformed_attributes_are_errors() {
    assert_eq!(L1Info::decode(&[1, 2, 3]), Err(L1InfoError::Selector));
    assert_eq!(L1Info::decode(&[0; 260]), Err(L1InfoError::Selector));
    let cfg = config(Fork::Jovian);
    let mut calldata = calldata(&cfg, CONTEXT.genesis_time + 2).to_vec();
    calldata.pop();
    assert_eq!(
        L1Info::decode(&calldata),
        Err(L1InfoError::Length {
            got: 177,
            want: 178
        })
    );
    calldata.push(0);
    calldata[132] = 1;
    assert_eq!(
        L1Info::decode(&calldata),
        Err(L1InfoError::Range("batcherHash"))
    );
    let mut bedrock =
        crate::l1_info::calldata(&config(Fork::Regolith), CONTEXT.genesis_time + 2).to_vec();
    bedrock[4] = 1;
    assert_eq!(L1Info::decode(&bedrock), Err(L1InfoError::Range("number")));
}

proptest! {
    #[test]
    fn random_calldata_never_panics(mut bytes in vec(any::<u8>(), 0..300)) {
        let _ = L1Info::decode(&bytes);
        for (selector, len) in [
            ([0x01, 0x5d, 0x8e, 0xb9], 260),
            ([0x44, 0x0a, 0x5e, 0x20], 164),
            ([0x09, 0x89, 0x99, 0xbe], 176),
            ([0x3d, 0xb6, 0xbe, 0x2b], 178),
        ] {
            bytes.resize(len, 0);
            bytes[..4].copy_from_slice(&selector);
            if let Ok(info) = L1Info::decode(&bytes) {
                prop_assert_eq!(info.encode(), bytes.clone());
            }
        }
    }
}
