//! L1 blocks: inbox transactions, deposits, configuration updates; and `rollup.json`.

use crate::common::{any_address, any_hash, any_u256, config, fixture, system_config};
use alloy_consensus::{
    Header, SignableTransaction, TxEip1559, TxEip4844, TxEip7702, TxEnvelope, TxLegacy,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{
    Address, B256, Bytes, Log, LogData, TxKind, U256, address, b256, keccak256,
};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use op_alloy_consensus::TxDeposit;
use opal_protocol::{
    Batch, BatchReader, ChannelRules, ConfigUpdate, DepositSource, Fork, InboxTx, L1Block,
    L1Receipt, RollupConfig, SpanContext, SystemConfig,
    channel::{StreamEnd, decompress},
    deposit::{TRANSACTION_DEPOSITED_TOPIC, decode_deposit, encode_deposit, parse_deposit_log},
    output::output_root_v0,
    system_config::CONFIG_UPDATE_TOPIC,
};
use proptest::{collection::vec, prelude::*};

const HASH: B256 = b256!("abababababababababababababababababababababababababababababababab");

fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0x42)).unwrap()
}

fn sign<T: SignableTransaction<alloy_primitives::Signature>>(tx: T) -> Vec<u8>
where
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = signer().sign_hash_sync(&tx.signature_hash()).unwrap();
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718()
}

fn words(words: &[U256]) -> Vec<u8> {
    words
        .iter()
        .flat_map(|word| word.to_be_bytes::<32>())
        .collect()
}

/// `abi.encode(bytes)`
fn abi_bytes(content: &[u8]) -> Vec<u8> {
    let mut data = words(&[U256::from(32), U256::from(content.len())]);
    data.extend(content);
    data.resize(data.len().next_multiple_of(32), 0);
    data
}

fn log(address: Address, topics: Vec<B256>, data: Vec<u8>) -> Log {
    Log {
        address,
        data: LogData::new_unchecked(topics, data.into()),
    }
}

fn opaque(mint: u64, value: u64, gas: u64, is_creation: u8, data: &[u8]) -> Vec<u8> {
    let mut opaque = words(&[U256::from(mint), U256::from(value)]);
    opaque.extend(gas.to_be_bytes());
    opaque.push(is_creation);
    opaque.extend(data);
    opaque
}

fn deposit_log(cfg: &RollupConfig, opaque: &[u8]) -> Log {
    let topics = vec![
        TRANSACTION_DEPOSITED_TOPIC,
        Address::repeat_byte(1).into_word(),
        Address::repeat_byte(2).into_word(),
        B256::ZERO,
    ];
    log(cfg.deposit_contract_address, topics, abi_bytes(opaque))
}

fn update_log(cfg: &RollupConfig, kind: u64, payload: &[U256]) -> Log {
    let topics = vec![CONFIG_UPDATE_TOPIC, B256::ZERO, U256::from(kind).into()];
    log(
        cfg.l1_system_config_address,
        topics,
        abi_bytes(&words(payload)),
    )
}

fn receipt(logs: Vec<Log>) -> L1Receipt {
    L1Receipt {
        success: true,
        logs,
    }
}

fn block(cfg: &RollupConfig, txs: &[Vec<u8>], receipts: &[L1Receipt]) -> L1Block {
    L1Block::new(cfg, HASH, Header::default(), txs, receipts).unwrap()
}

#[test]
fn event_topics_are_the_hashes_of_their_signatures() {
    assert_eq!(
        TRANSACTION_DEPOSITED_TOPIC,
        keccak256("TransactionDeposited(address,address,uint256,bytes)")
    );
    assert_eq!(
        CONFIG_UPDATE_TOPIC,
        keccak256("ConfigUpdate(uint256,uint8,bytes)")
    );
}

#[test]
fn inbox_transactions_of_every_type_in_block_order() {
    let cfg = config(Fork::Jovian);
    let to = TxKind::Call(cfg.batch_inbox_address);
    let input = Bytes::from_static(b"frames");
    let deposit = TxDeposit {
        from: Address::repeat_byte(0xde),
        to,
        input: input.clone(),
        ..Default::default()
    };
    let txs = [
        sign(TxLegacy {
            chain_id: Some(900),
            to,
            input: input.clone(),
            ..Default::default()
        }),
        sign(TxEip1559 {
            chain_id: 900,
            to,
            input: input.clone(),
            ..Default::default()
        }),
        sign(TxEip1559 {
            chain_id: 900,
            to: TxKind::Create,
            ..Default::default()
        }),
        sign(TxEip1559 {
            chain_id: 900,
            to: TxKind::Call(Address::ZERO),
            input: input.clone(),
            ..Default::default()
        }),
        encode_deposit(&deposit).to_vec(),
        vec![0x05, 0xc0],
        vec![],
        b"garbage".to_vec(),
    ];
    let inbox = block(&cfg, &txs, &[]).inbox;
    let tx = |tx_type| InboxTx {
        from: signer().address(),
        tx_type,
        data: input.clone(),
        blob_hashes: Vec::new(),
    };
    assert_eq!(
        inbox,
        [
            tx(0),
            tx(2),
            InboxTx {
                from: deposit.from,
                ..tx(0x7e)
            }
        ]
    );
}

#[test]
fn trap_21_type_4_is_never_a_batchers_but_its_receipt_counts() {
    let cfg = config(Fork::Jovian);
    let tx = sign(TxEip7702 {
        chain_id: 900,
        to: cfg.batch_inbox_address,
        input: Bytes::from_static(b"frames"),
        ..Default::default()
    });
    let logs = vec![deposit_log(&cfg, &opaque(1, 2, 3, 0, &[]))];
    let block = block(&cfg, &[tx], &[receipt(logs)]);
    assert_eq!(block.inbox, []);
    assert_eq!(block.deposits.len(), 1);
}

#[test]
fn trap_22_blob_transactions_keep_their_place_and_their_hashes() {
    let cfg = config(Fork::Jovian);
    let hashes = vec![B256::repeat_byte(1), B256::repeat_byte(2)];
    let blob_tx = sign(TxEip4844 {
        chain_id: 900,
        to: cfg.batch_inbox_address,
        blob_versioned_hashes: hashes.clone(),
        input: Bytes::from_static(b"ignored by derivation"),
        ..Default::default()
    });
    let calldata_tx = |nonce| {
        let to = TxKind::Call(cfg.batch_inbox_address);
        sign(TxLegacy {
            nonce,
            to,
            input: vec![nonce as u8].into(),
            ..Default::default()
        })
    };
    let inbox = block(&cfg, &[calldata_tx(1), blob_tx, calldata_tx(2)], &[]).inbox;
    let types: Vec<_> = inbox.iter().map(|tx| tx.tx_type).collect();
    assert_eq!(types, [0, 3, 0]);
    assert_eq!(inbox[1].blob_hashes, hashes);
    assert_eq!(inbox[2].data[..], [2]);
}

#[test]
fn the_sender_of_a_real_batcher_transaction() {
    let Some(tx) = fixture("derivation/raw-batcher-tx.bin") else {
        return;
    };
    let mut cfg = config(Fork::Jovian);
    cfg.batch_inbox_address = address!("ff00000000000000000000000000000000000010");
    let inbox = block(&cfg, &[tx], &[]).inbox;
    assert_eq!(inbox.len(), 1);
    assert_eq!(
        inbox[0].from,
        address!("6887246668a3b87f54deb3b94ba47a6f63f32985")
    );
    assert_eq!(inbox[0].tx_type, 2);
    assert_eq!(inbox[0].data[0], 0);
    let frames = opal_protocol::frame::parse_frames(&inbox[0].data).unwrap();
    assert_eq!(opal_protocol::frame::encode_frames(&frames), inbox[0].data);
    // Its only frame is a whole channel, whose zlib stream ends at a flush: no final block, no
    // checksum. The chain has the 27 blocks all the same.
    let channel = decompress(&frames[0].data, ChannelRules::at(&cfg, 0)).unwrap();
    assert_eq!(channel.end, StreamEnd::Truncated);
    let context = SpanContext {
        chain_id: 10,
        genesis_time: 1_686_068_903,
        block_time: 2,
    };
    let batches: Vec<_> = BatchReader::new(channel.data, context).collect();
    let [Ok(Batch::Span(span))] = &batches[..] else {
        panic!("{} batches", batches.len())
    };
    let transactions: usize = span
        .blocks
        .iter()
        .map(|block| block.transactions.len())
        .sum();
    assert_eq!((span.blocks.len(), transactions), (27, 209));
}

#[test]
fn trap_20_the_log_index_counts_the_logs_of_the_whole_block() {
    let cfg = config(Fork::Jovian);
    let deposit = || deposit_log(&cfg, &opaque(5, 6, 70_000, 0, b"data"));
    let other = || log(Address::ZERO, vec![], vec![]);
    let receipts = [
        receipt(vec![other(), deposit()]),
        L1Receipt {
            success: false,
            logs: vec![],
        },
        receipt(vec![]),
        receipt(vec![other(), other(), deposit(), deposit()]),
    ];
    let block = block(&cfg, &[], &receipts);
    let hashes: Vec<_> = block
        .deposits
        .iter()
        .map(|tx| decode_deposit(tx).unwrap().source_hash)
        .collect();
    let expected = [1, 4, 5].map(|log_index| {
        DepositSource::User {
            l1_block_hash: HASH,
            log_index,
        }
        .hash()
    });
    assert_eq!(hashes, expected);
}

#[test]
fn source_hashes_keep_their_domains_apart() {
    let number = |n: u64| B256::from(U256::from(n));
    let preimage = |domain, inner: B256| keccak256([number(domain).0, inner.0].concat());
    let pair = keccak256([HASH.0, number(7).0].concat());
    assert_eq!(
        DepositSource::User {
            l1_block_hash: HASH,
            log_index: 7
        }
        .hash(),
        preimage(0, pair)
    );
    assert_eq!(
        DepositSource::L1Info {
            l1_block_hash: HASH,
            seq_num: 7
        }
        .hash(),
        preimage(1, pair)
    );
    assert_eq!(
        DepositSource::Upgrade {
            intent: "Isthmus: L1 Block Deployment"
        }
        .hash(),
        b256!("3b2d0821ca2411ad5cd3595804d1213d15737188ae4cbd58aa19c821a6c211bf")
    );
}

#[test]
fn deposits_read_back() {
    let cfg = config(Fork::Jovian);
    let parse = |opaque: &[u8]| parse_deposit_log(&deposit_log(&cfg, opaque), HASH, 3);
    let call = parse(&opaque(5, 6, 70_000, 0, b"data")).unwrap();
    assert_eq!(
        call,
        TxDeposit {
            source_hash: DepositSource::User {
                l1_block_hash: HASH,
                log_index: 3
            }
            .hash(),
            from: Address::repeat_byte(1),
            to: TxKind::Call(Address::repeat_byte(2)),
            mint: 5,
            value: U256::from(6),
            gas_limit: 70_000,
            is_system_transaction: false,
            input: Bytes::from_static(b"data"),
        }
    );
    assert_eq!(decode_deposit(&encode_deposit(&call)), Some(call.clone()));
    let creation = parse(&opaque(0, 0, 1, 1, &[])).unwrap();
    assert_eq!(creation.to, TxKind::Create);
    assert_eq!(creation.mint, 0);
    // Clients take every flag but 0 for a creation.
    assert_eq!(parse(&opaque(0, 0, 1, 2, &[])).unwrap().to, TxKind::Create);
    for (bytes, problem) in [
        (
            opaque(0, 0, 1, 0, &[])[..72].to_vec(),
            "is too short for isCreation",
        ),
        (vec![0xff; 100], "mints more than 128 bits"),
        (vec![], "is too short for a mint"),
    ] {
        let mut bytes = bytes;
        if problem.starts_with("mints") {
            bytes[72] = 0;
        }
        let error = parse(&bytes).unwrap_err();
        assert_eq!((error.log_index, error.problem), (3, problem));
    }
    let mut unknown = deposit_log(&cfg, &opaque(0, 0, 1, 0, &[]));
    unknown.data.topics_mut_unchecked()[3] = B256::repeat_byte(1);
    assert!(parse_deposit_log(&unknown, HASH, 0).is_err());
    let mut three_topics = deposit_log(&cfg, &opaque(0, 0, 1, 0, &[]));
    let topics = three_topics.topics()[..3].to_vec();
    three_topics.data.set_topics_unchecked(topics);
    assert!(parse_deposit_log(&three_topics, HASH, 0).is_err());
}

/// The portal pads its event to whole words; op-node is critical about anything else, so are we.
#[test]
fn deposits_are_padded_to_whole_words_and_no_further() {
    let cfg = config(Fork::Jovian);
    for length in 0..=65 {
        let good = deposit_log(&cfg, &opaque(1, 2, 3, 0, &vec![7; length]));
        let parsed = parse_deposit_log(&good, HASH, 0).unwrap();
        assert_eq!(parsed.input.len(), length);
        let data = &good.data.data;
        for bad in [
            data[..data.len() - 1].to_vec(),
            data[..data.len() - 32].to_vec(),
            [data, &[0][..]].concat(),
            [data, &[0; 32][..]].concat(),
        ] {
            let mut log = good.clone();
            log.data.data = bad.into();
            assert!(parse_deposit_log(&log, HASH, 0).is_err(), "{length}");
        }
    }
}

/// A malformed deposit is no hostile input but a portal we do not know: nothing is derived from
/// its block.
#[test]
fn a_malformed_deposit_spoils_its_block() {
    let cfg = config(Fork::Jovian);
    let good = deposit_log(&cfg, &opaque(0, 0, 1, 0, &[]));
    let bad = deposit_log(&cfg, &[]);
    let receipts = [receipt(vec![good.clone()]), receipt(vec![good, bad])];
    let none: &[Vec<u8>] = &[];
    let error = L1Block::new(&cfg, HASH, Header::default(), none, &receipts).unwrap_err();
    assert_eq!(error.log_index, 2);
}

#[test]
fn only_the_named_contracts_are_heard() {
    let cfg = config(Fork::Jovian);
    let mut foreign_deposit = deposit_log(&cfg, &opaque(0, 0, 1, 0, &[]));
    foreign_deposit.address = Address::ZERO;
    let mut foreign_update = update_log(&cfg, 2, &[U256::from(1)]);
    foreign_update.address = cfg.deposit_contract_address;
    let failed = L1Receipt {
        success: false,
        logs: vec![update_log(&cfg, 2, &[U256::from(1)])],
    };
    let block = block(
        &cfg,
        &[],
        &[receipt(vec![foreign_deposit, foreign_update]), failed],
    );
    assert!(block.deposits.is_empty());
    assert!(block.config_updates.is_empty());
}

#[test]
fn config_updates_of_every_type() {
    let cfg = config(Fork::Jovian);
    let n = |value: u64| U256::from(value);
    let address = Address::repeat_byte(0x0b);
    let cases: [(u64, Vec<U256>, Option<ConfigUpdate>); 17] = [
        (
            0,
            vec![address.into_word().into()],
            Some(ConfigUpdate::Batcher(address)),
        ),
        (0, vec![U256::MAX], None),
        (
            1,
            vec![n(7), n(8)],
            Some(ConfigUpdate::FeeScalars {
                overhead: n(7),
                scalar: n(8),
            }),
        ),
        (1, vec![n(7)], None),
        (
            2,
            vec![n(30_000_000)],
            Some(ConfigUpdate::GasLimit(30_000_000)),
        ),
        (2, vec![U256::MAX], None),
        (2, vec![n(1), n(2)], None),
        (
            3,
            vec![address.into_word().into()],
            Some(ConfigUpdate::UnsafeBlockSigner(address)),
        ),
        (
            4,
            vec![n(250 << 32 | 6)],
            Some(ConfigUpdate::Eip1559 {
                denominator: 250,
                elasticity: 6,
            }),
        ),
        // A denominator of 0 needs an elasticity of 0. Bits above the parameters are left alone,
        // and so are those above the operator fee.
        (4, vec![n(6)], None),
        (
            4,
            vec![n(1) << 64 | n(250 << 32 | 6)],
            Some(ConfigUpdate::Eip1559 {
                denominator: 250,
                elasticity: 6,
            }),
        ),
        (
            5,
            vec![n(1) << 96 | n(9) << 64 | n(10)],
            Some(ConfigUpdate::OperatorFee {
                scalar: 9,
                constant: 10,
            }),
        ),
        (
            5,
            vec![n(9) << 64 | n(10)],
            Some(ConfigUpdate::OperatorFee {
                scalar: 9,
                constant: 10,
            }),
        ),
        (6, vec![n(11)], Some(ConfigUpdate::MinBaseFee(11))),
        (7, vec![n(12)], Some(ConfigUpdate::DaFootprintGasScalar(12))),
        (7, vec![n(1 << 16)], None),
        (8, vec![n(1)], None),
    ];
    let mut logs = Vec::new();
    for (kind, payload, expected) in &cases {
        let log = update_log(&cfg, *kind, payload);
        assert_eq!(ConfigUpdate::parse(&log), *expected, "type {kind}");
        logs.push(log);
    }
    // Unparseable ones are skipped, the others come in order.
    let updates = block(&cfg, &[], &[receipt(logs)]).config_updates;
    let expected: Vec<_> = cases
        .iter()
        .filter_map(|(_, _, expected)| *expected)
        .collect();
    assert_eq!(updates, expected);

    let mut config = system_config();
    for update in &updates {
        config.apply(&cfg, update, 0);
    }
    let expected = SystemConfig {
        batcher_address: address,
        overhead: U256::ZERO,
        scalar: n(8),
        gas_limit: 30_000_000,
        eip1559_denominator: 250,
        eip1559_elasticity: 6,
        operator_fee_scalar: 9,
        operator_fee_constant: 10,
        min_base_fee: 11,
        da_footprint_gas_scalar: 12,
    };
    assert_eq!(config, expected);
}

#[test]
fn malformed_config_updates_are_skipped() {
    let cfg = config(Fork::Jovian);
    let good = update_log(&cfg, 2, &[U256::from(5)]);
    assert!(ConfigUpdate::parse(&good).is_some());
    let with_topics = |topics: Vec<B256>| log(good.address, topics, good.data.data.to_vec());
    let with_data = |data: Vec<u8>| log(good.address, good.topics().to_vec(), data);
    let data = good.data.data.to_vec();
    let mut other_version = good.topics().to_vec();
    other_version[1] = B256::repeat_byte(1);
    let mut wide_type = good.topics().to_vec();
    wide_type[2] = B256::repeat_byte(0xff);
    for log in [
        with_topics(vec![]),
        with_topics(good.topics()[..2].to_vec()),
        with_topics(other_version),
        with_topics(wide_type),
        with_data(vec![]),
        with_data(data[..data.len() - 1].to_vec()),
        with_data([&data[..], &[0; 32]].concat()),
        with_data(words(&[U256::from(64), U256::from(32), U256::from(5)])),
        with_data(words(&[U256::from(32), U256::MAX, U256::from(5)])),
        with_data(words(&[U256::from(32), U256::from(31), U256::from(5)])),
    ] {
        assert_eq!(ConfigUpdate::parse(&log), None);
    }
}

#[test]
fn trap_18_scalars_with_dirty_padding() {
    let mut cfg = config(Fork::Jovian);
    cfg.forks.set(Fork::Ecotone, Some(1000));
    let dirty = U256::from(1) << 40 | U256::from(684_000);
    let update = |scalar| ConfigUpdate::FeeScalars {
        overhead: U256::from(188),
        scalar,
    };
    let mut config = SystemConfig::default();
    // Before Ecotone everything is taken as it is, and reads as the largest scalar since.
    config.apply(&cfg, &update(dirty), 999);
    assert_eq!((config.overhead, config.scalar), (U256::from(188), dirty));
    assert_eq!(config.ecotone_scalars(), (u32::MAX, 0));
    // From Ecotone on, invalid scalars are ignored.
    let version_2 = U256::from(2) << 248;
    let dirty_version_1 = U256::from(1) << 248 | U256::from(1) << 64;
    for invalid in [dirty, version_2, dirty_version_1] {
        config.apply(&cfg, &update(invalid), 1000);
        assert_eq!((config.overhead, config.scalar), (U256::from(188), dirty));
    }
    let version_1 = U256::from(1) << 248 | U256::from(810_949u64 << 32 | 1368);
    config.apply(&cfg, &update(version_1), 1000);
    assert_eq!((config.overhead, config.scalar), (U256::ZERO, version_1));
    assert_eq!(config.ecotone_scalars(), (1368, 810_949));
    config.apply(&cfg, &update(U256::from(684_000)), 1000);
    assert_eq!(config.ecotone_scalars(), (684_000, 0));
}

#[test]
fn trap_15_the_event_packs_denominator_over_elasticity() {
    let cfg = config(Fork::Jovian);
    let mut config = SystemConfig::default();
    let log = update_log(&cfg, 4, &[U256::from(0x0000_0032_0000_000a_u64)]);
    config.apply(&cfg, &ConfigUpdate::parse(&log).unwrap(), 0);
    assert_eq!(
        (config.eip1559_denominator, config.eip1559_elasticity),
        (50, 10)
    );
    let json = serde_json::to_value(config).unwrap();
    assert_eq!(json["eip1559Params"], "0x000000320000000a");
}

/// op-node asks no clock before it applies types 4 to 7; what keeps them from early effect is that
/// blocks before their fork cannot carry them.
#[test]
fn updates_for_forks_to_come_are_taken_at_any_l1_time() {
    let cfg = config(Fork::Bedrock);
    let mut config = SystemConfig::default();
    for kind in 4..=7 {
        let log = update_log(&cfg, kind, &[U256::from(1_u64 << 32)]);
        let log = if kind == 7 {
            update_log(&cfg, kind, &[U256::from(3)])
        } else {
            log
        };
        config.apply(&cfg, &ConfigUpdate::parse(&log).unwrap(), 0);
    }
    assert_eq!(config.eip1559_denominator, 1);
    assert_eq!(config.operator_fee_constant, 1 << 32);
    assert_eq!(config.min_base_fee, 1 << 32);
    assert_eq!(config.da_footprint_gas_scalar, 3);
    // Zeros give the constants back.
    let zeros = update_log(&cfg, 4, &[U256::ZERO]);
    config.apply(&cfg, &ConfigUpdate::parse(&zeros).unwrap(), 0);
    assert_eq!(config.eip1559_denominator, 0);
}

#[test]
fn output_root_of_zeros() {
    assert_eq!(
        output_root_v0(B256::ZERO, B256::ZERO, B256::ZERO),
        keccak256([0; 128])
    );
    let root = output_root_v0(
        B256::repeat_byte(1),
        B256::repeat_byte(2),
        B256::repeat_byte(3),
    );
    let preimage = [[0; 32], [1; 32], [2; 32], [3; 32]].concat();
    assert_eq!(root, keccak256(preimage));
}

#[test]
fn rollup_json_of_op_node() {
    // Written by hand in the format of op-node's rollup.json, with what newer versions add.
    let json = r#"{
      "genesis": {
        "l1": {"hash": "0x438335a20d98863a4c0c97999eb2481921ccd28553eac6f913af7c12aec04108", "number": 17422590},
        "l2": {"hash": "0xdbf6a80fef073de06add9b0d14026d6e5a86c85f6d102c36d3d8e9cf89c2afd3", "number": 105235063},
        "l2_time": 1686068903,
        "system_config": {
          "batcherAddr": "0x6887246668a3b87f54deb3b94ba47a6f63f32985",
          "overhead": "0x00000000000000000000000000000000000000000000000000000000000000bc",
          "scalar": "0x00000000000000000000000000000000000000000000000000000000000a6fe0",
          "gasLimit": 30000000,
          "eip1559Params": "0x0000000000000000",
          "operatorFeeParams": "0x0000000000000000000000000000000000000000000000000000000000000000",
          "minBaseFee": 0,
          "daFootprintGasScalar": null
        }
      },
      "block_time": 2, "max_sequencer_drift": 600, "seq_window_size": 3600, "channel_timeout": 300,
      "l1_chain_id": 1, "l2_chain_id": 10,
      "regolith_time": 0, "canyon_time": 1704992401, "delta_time": 1708560000,
      "ecotone_time": 1710374401, "fjord_time": 1720627201, "granite_time": 1726070401,
      "holocene_time": 1736445601, "isthmus_time": 1746806401, "jovian_time": 1764691201,
      "batch_inbox_address": "0xff00000000000000000000000000000000000010",
      "deposit_contract_address": "0xbeb5fc579115071764c7423a4f12edde41f106ed",
      "l1_system_config_address": "0x229047fed2591dbec1ef1118d64f7af3db9eb290",
      "protocol_versions_address": "0x8062abc286f5e7d9428a0ccb9abd71e50d93b935",
      "chain_op_config": {"eip1559Elasticity": 6, "eip1559Denominator": 50, "eip1559DenominatorCanyon": 250},
      "alt_da": null
    }"#;
    let cfg = RollupConfig::from_json(json).unwrap();
    assert_eq!(cfg.genesis.system_config.scalar, U256::from(0xa6fe0));
    assert_eq!(cfg.genesis.system_config.overhead, U256::from(188));
    assert_eq!(cfg.genesis.system_config.gas_limit, 30_000_000);
    let written = serde_json::to_string(&cfg).unwrap();
    assert!(written.contains(
        "\"overhead\":\"0x00000000000000000000000000000000000000000000000000000000000000bc\""
    ));
    assert!(!written.contains("eip1559Params"));
    assert_eq!(RollupConfig::from_json(&written).unwrap(), cfg);
}

#[test]
fn system_config_json_writes_what_is_set() {
    let config = SystemConfig {
        eip1559_denominator: 50,
        eip1559_elasticity: 6,
        operator_fee_scalar: 7,
        operator_fee_constant: 8,
        min_base_fee: 9,
        da_footprint_gas_scalar: 10,
        ..system_config()
    };
    let json = serde_json::to_value(config).unwrap();
    assert_eq!(json["eip1559Params"], "0x0000003200000006");
    assert_eq!(
        json["operatorFeeParams"],
        "0x0000000000000000000000000000000000000000000000070000000000000008"
    );
    assert_eq!(
        (&json["minBaseFee"], &json["daFootprintGasScalar"]),
        (&9.into(), &10.into())
    );
    assert_eq!(
        serde_json::from_value::<SystemConfig>(json).unwrap(),
        config
    );
}

proptest! {
    #[test]
    fn hostile_logs_and_transactions_never_panic(
        topics in vec(any_hash(), 0..5),
        data in vec(any::<u8>(), 0..400),
        tx in vec(any::<u8>(), 0..200),
        first in prop::sample::select(vec![0u8, 1, 2, 3, 4, 0x7e, 0xc0, 0xf8, 0xf9]),
    ) {
        let cfg = config(Fork::Jovian);
        let mut event_topics = topics;
        if let Some(topic) = event_topics.first_mut() {
            *topic = CONFIG_UPDATE_TOPIC;
        }
        let event = log(cfg.l1_system_config_address, event_topics, data.clone());
        let _ = ConfigUpdate::parse(&event);
        let mut event = deposit_log(&cfg, &[]);
        event.data.data = data.into();
        let _ = parse_deposit_log(&event, HASH, 0);
        let mut tx = tx;
        tx.insert(0, first);
        let _ = L1Block::new(&cfg, HASH, Header::default(), &[tx], &[]);
    }

    #[test]
    fn mutated_inbox_transactions_never_panic(
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let cfg = config(Fork::Jovian);
        let to = TxKind::Call(cfg.batch_inbox_address);
        let mut tx =
            sign(TxLegacy { to, input: Bytes::from_static(b"frames"), ..Default::default() });
        for (index, value) in mutations {
            let index = index.index(tx.len());
            tx[index] = value;
        }
        let _ = L1Block::new(&cfg, HASH, Header::default(), &[tx], &[]);
    }

    /// Whatever the portal packs is what the deposit says, and its encoding reads back.
    #[test]
    fn deposits_say_what_the_portal_packed(
        (from, to) in (any_address(), any_address()),
        (mint, value, gas) in (any::<u128>(), any_u256(), any::<u64>()),
        is_creation in any::<bool>(),
        input in vec(any::<u8>(), 0..100),
        log_index in any::<u64>(),
    ) {
        let cfg = config(Fork::Bedrock);
        let mut packed = words(&[U256::from(mint), value]);
        packed.extend(gas.to_be_bytes());
        packed.push(is_creation.into());
        packed.extend(&input);
        let mut log = deposit_log(&cfg, &packed);
        let topics = vec![TRANSACTION_DEPOSITED_TOPIC, from.into_word(), to.into_word(), B256::ZERO];
        log.data.set_topics_unchecked(topics);
        let deposit = parse_deposit_log(&log, HASH, log_index).unwrap();
        let source = DepositSource::User { l1_block_hash: HASH, log_index };
        prop_assert_eq!(&deposit, &TxDeposit {
            source_hash: source.hash(),
            from,
            to: if is_creation { TxKind::Create } else { TxKind::Call(to) },
            mint,
            value,
            gas_limit: gas,
            is_system_transaction: false,
            input: input.into(),
        });
        prop_assert_eq!(decode_deposit(&encode_deposit(&deposit)), Some(deposit));
    }

    /// Updates of any type and any content, at any time: applied or skipped, never a panic, and a
    /// configuration that reads back from its JSON.
    #[test]
    fn any_update_leaves_a_configuration_that_reads_back(
        updates in vec((0u64..9, vec(any_u256(), 0..3), any::<bool>()), 0..6),
    ) {
        let mut cfg = config(Fork::Jovian);
        cfg.forks.set(Fork::Ecotone, Some(1000));
        let mut config = system_config();
        for (kind, payload, is_ecotone) in updates {
            if let Some(update) = ConfigUpdate::parse(&update_log(&cfg, kind, &payload)) {
                config.apply(&cfg, &update, if is_ecotone { 1000 } else { 999 });
            }
            let _ = config.ecotone_scalars();
        }
        let json = serde_json::to_string(&config).unwrap();
        prop_assert_eq!(serde_json::from_str::<SystemConfig>(&json).unwrap(), config);
    }
}
