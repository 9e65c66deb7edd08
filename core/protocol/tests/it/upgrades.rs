//! Network-upgrade transactions.

use crate::common::{CONTEXT, any_address, config, hex_fixture};
use alloy_primitives::{Address, B256, Bytes, TxKind, address, b256, bytes, keccak256};
use op_alloy_consensus::TxDeposit;
use opal_protocol::{
    DepositSource, Fork, UpgradeBundle, UpgradeTx, Upgrades,
    deposit::decode_deposit,
    predeploys,
    upgrades::{
        UPGRADING_FORKS, UpgradeError, ecotone_bundle, fjord_bundle, isthmus_bundle, jovian_bundle,
    },
};
use proptest::{collection::vec, prelude::*};

fn decoded(bundle: &UpgradeBundle) -> Vec<TxDeposit> {
    bundle
        .deposits()
        .iter()
        .map(|tx| decode_deposit(tx).unwrap())
        .collect()
}

fn source_hashes(bundle: &UpgradeBundle) -> Vec<B256> {
    decoded(bundle).iter().map(|tx| tx.source_hash).collect()
}

/// The addresses that the bundle's creations give.
fn created(bundle: &UpgradeBundle) -> Vec<Address> {
    let creations = decoded(bundle)
        .into_iter()
        .filter(|tx| tx.to == TxKind::Create);
    creations.map(|tx| tx.from.create(0)).collect()
}

fn gas_limits(bundle: &UpgradeBundle) -> Vec<u64> {
    let deposits = decoded(bundle);
    deposits.iter().map(|tx| tx.gas_limit).collect()
}

fn oracle() -> TxKind {
    TxKind::Call(predeploys::GAS_PRICE_ORACLE)
}

fn depositor() -> Address {
    predeploys::DEPOSITOR_ACCOUNT
}

fn ecotone() -> UpgradeBundle {
    ecotone_bundle(bytes!("01"), bytes!("02"))
}

fn fjord() -> UpgradeBundle {
    fjord_bundle(bytes!("01"))
}

fn isthmus() -> UpgradeBundle {
    isthmus_bundle(bytes!("01"), bytes!("02"), bytes!("03"))
}

fn jovian() -> UpgradeBundle {
    jovian_bundle(bytes!("01"), bytes!("02"))
}

#[test]
fn ecotone_as_the_spec_lists_it() {
    assert_eq!(
        source_hashes(&ecotone()),
        [
            b256!("877a6077205782ea15a6dc8699fa5ebcec5e0f4389f09cb8eda09488231346f8"),
            b256!("a312b4510adf943510f05fcc8f15f86995a5066bd83ce11384688ae20e6ecf42"),
            b256!("18acb38c5ff1c238a7460ebc1b421fa49ec4874bdf1e0a530d234104e5e67dbc"),
            b256!("ee4f9385eceef498af0be7ec5862229f426dec41c8d42397c7257a5117d9230a"),
            b256!("0c1cb38e99dbc9cbfab3bb80863380b0905290b37eb3d6ab18dc01c1f3e75f93"),
            b256!("69b763c48478b9dc2f65ada09b3d92133ec592ea715ec65ad6e7f3dc519dc00c"),
        ]
    );
    assert_eq!(
        created(&ecotone()),
        [
            address!("07dbe8500fc591d1852B76feE44d5a05e13097Ff"),
            address!("b528D11cC114E026F138fE568744c6D45ce6Da7A"),
            address!("000F3df6D732807Ef1319fB7B8bB8522d0Beac02"),
        ]
    );
    assert_eq!(
        gas_limits(&ecotone()),
        [375_000, 1_000_000, 50_000, 50_000, 80_000, 250_000]
    );
    let deposits = decoded(&ecotone());
    assert_eq!(
        deposits[2].input,
        bytes!("3659cfe600000000000000000000000007dbe8500fc591d1852b76fee44d5a05e13097ff")
    );
    assert_eq!(
        deposits[3].input,
        bytes!("3659cfe6000000000000000000000000b528d11cc114e026f138fe568744c6d45ce6da7a")
    );
    assert_eq!(
        (deposits[3].from, deposits[3].to),
        (Address::ZERO, oracle())
    );
    assert_eq!(deposits[4].input, bytes!("22b90ab3"));
    assert_eq!((deposits[4].from, deposits[4].to), (depositor(), oracle()));
    // The runtime code of EIP-4788 is its init code after 9 bytes, and this is its known hash.
    assert_eq!(
        keccak256(&deposits[5].input[9..]),
        b256!("f57acd40259872606d76197ef052f3d35588dadf919ee1f0e3cb9b62d3f4b02c")
    );
    // A creator that was used before deploys a second copy elsewhere.
    assert_eq!(
        deposits[5].from.create(1),
        address!("E3aE1Ae551eeEda337c0BfF6C4c7cbA98dce353B")
    );
}

#[test]
fn fjord_as_the_spec_lists_it() {
    assert_eq!(
        source_hashes(&fjord()),
        [
            b256!("86122c533fdcb89b16d8713174625e44578a89751d96c098ec19ab40a51a8ea3"),
            b256!("1e6bb0c28bfab3dc9b36ffb0f721f00d6937f33577606325692db0965a7d58c6"),
            b256!("bac7bb0d5961cad209a345408b0280a0d4686b1b20665e1b0f9cdafd73b19b6b"),
        ]
    );
    assert_eq!(
        created(&fjord()),
        [address!("a919894851548179A0750865e7974DA599C0Fac7")]
    );
    assert_eq!(gas_limits(&fjord()), [1_450_000, 50_000, 90_000]);
    let deposits = decoded(&fjord());
    assert_eq!(
        deposits[1].input,
        bytes!("3659cfe6000000000000000000000000a919894851548179a0750865e7974da599c0fac7")
    );
    assert_eq!(
        (deposits[1].from, deposits[1].to),
        (Address::ZERO, oracle())
    );
    assert_eq!(deposits[2].input, bytes!("8e98b106"));
    assert_eq!((deposits[2].from, deposits[2].to), (depositor(), oracle()));
}

#[test]
fn isthmus_as_the_spec_lists_it() {
    assert_eq!(
        source_hashes(&isthmus()),
        [
            b256!("3b2d0821ca2411ad5cd3595804d1213d15737188ae4cbd58aa19c821a6c211bf"),
            b256!("fc70b48424763fa3fab9844253b4f8d508f91eb1f7cb11a247c9baec0afb8035"),
            b256!("107a570d3db75e6110817eb024f09f3172657e920634111ce9875d08a16daa96"),
            b256!("ebe8b5cb10ca47e0d8bda8f5355f2d66711a54ddeb0ef1d30e29418c9bf17a0e"),
            b256!("ecf2d9161d26c54eda6b7bfdd9142719b1e1199a6e5641468d1bf705bc531ab0"),
            b256!("ad74e1adb877ccbe176b8fa1cc559388a16e090ddbe8b512f5b37d07d887a927"),
            b256!("3ddf4b1302548dd92939826e970f260ba36167f4c25f18390a5e8b194b295319"),
            b256!("bfb734dae514c5974ddf803e54c1bc43d5cdb4a48ae27e1d9b875a5a150b553a"),
        ]
    );
    assert_eq!(
        created(&isthmus()),
        [
            address!("Ff256497D61dcd71a9e9Ff43967C13fdE1F72D12"),
            address!("93e57A196454CB919193fa9946f14943cf733845"),
            address!("4fa2Be8cd41504037F1838BcE3bCC93bC68Ff537"),
            address!("0000F90827F1C53a10cb7A02335B175320002935"),
        ]
    );
    let deposits = decoded(&isthmus());
    let gas: Vec<_> = deposits.iter().map(|tx| tx.gas_limit).collect();
    assert_eq!(
        gas,
        [
            425_000, 1_625_000, 500_000, 50_000, 50_000, 50_000, 90_000, 250_000
        ]
    );
    assert_eq!(
        deposits[3].input,
        bytes!("3659cfe6000000000000000000000000ff256497d61dcd71a9e9ff43967c13fde1f72d12")
    );
    assert_eq!(
        deposits[5].input,
        bytes!("3659cfe60000000000000000000000004fa2be8cd41504037f1838bce3bcc93bc68ff537")
    );
    assert!(deposits.iter().all(|tx| tx.mint == 0 && tx.value.is_zero()));
    assert!(deposits.iter().all(|tx| !tx.is_system_transaction));
    // The runtime code that the EIP-2935 deployment returns is its init code after 9 bytes.
    assert_eq!(
        keccak256(&deposits[7].input[9..]),
        b256!("6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d")
    );
}

#[test]
fn trap_5_jovian_with_the_intents_that_were_deployed() {
    let hashes = source_hashes(&jovian());
    let prefixes: Vec<_> = hashes.iter().map(|hash| hex::encode(&hash[..4])).collect();
    assert_eq!(
        prefixes,
        ["bb1a656f", "f3275f82", "239b7021", "a70c60aa", "e836db6a"]
    );
    assert_eq!(
        created(&jovian()),
        [
            address!("3Ba4007f5C922FBb33C454B41ea7a1f11E83df2C"),
            address!("4f1db3c6AbD250ba86E0928471A8F7DB3AFd88F1"),
        ]
    );
    let gas: Vec<_> = jovian()
        .transactions
        .iter()
        .map(|tx| tx.gas_limit)
        .collect();
    assert_eq!(gas, [447_315, 50_000, 1_750_714, 50_000, 90_000]);
    let deposits = decoded(&jovian());
    assert_eq!(
        deposits[1].input,
        bytes!("3659cfe60000000000000000000000003ba4007f5c922fbb33c454b41ea7a1f11e83df2c")
    );
    assert_eq!(deposits[1].from, Address::ZERO);
    assert_eq!(deposits[4].input, bytes!("b3d72079"));
}

#[test]
fn trap_2_intents_are_hashed_with_the_name_of_their_fork() {
    let tx = UpgradeTx {
        data: bytes!("aa"),
        from: Address::repeat_byte(1),
        gas_limit: 5,
        intent: "Deploy Something".into(),
        to: Some(Address::repeat_byte(2)),
    };
    let bundle = UpgradeBundle {
        fork: Fork::Karst,
        transactions: vec![tx],
    };
    let expected = DepositSource::Upgrade {
        intent: "Karst: Deploy Something",
    }
    .hash();
    assert_eq!(source_hashes(&bundle), [expected]);
}

#[test]
fn trap_3_only_bundles_since_karst_add_to_the_gas_limit() {
    assert_eq!(isthmus().extra_gas(), 0);
    assert_eq!(isthmus().total_gas(), 3_040_000);
    let karst = UpgradeBundle {
        fork: Fork::Karst,
        ..isthmus()
    };
    assert_eq!(karst.extra_gas(), 3_040_000);
}

#[test]
fn bundles_of_the_activation_block_and_no_other() {
    let mut cfg = config(Fork::Jovian);
    let activation = CONTEXT.genesis_time + 10;
    cfg.forks.set(Fork::Isthmus, Some(activation));
    cfg.forks.set(Fork::Jovian, Some(activation));
    let mut upgrades = Upgrades::none();
    upgrades.insert(jovian());
    upgrades.insert(isthmus());
    let forks = |time| {
        upgrades
            .activating_at(&cfg, time)
            .map(|bundle| bundle.fork)
            .collect::<Vec<_>>()
    };
    assert_eq!(forks(activation - 2), []);
    assert_eq!(forks(activation), [Fork::Isthmus, Fork::Jovian]);
    assert_eq!(forks(activation + 2), []);
    assert_eq!(upgrades.get(Fork::Karst), None);
}

#[test]
fn a_missing_bundle_is_missed_in_the_activation_block_alone() {
    let start = CONTEXT.genesis_time;
    for fork in Fork::ALL {
        let mut cfg = config(fork);
        let activation = start + 10;
        cfg.forks.set(fork, Some(activation));
        let is_upgrading = UPGRADING_FORKS.contains(&fork);
        let missing = is_upgrading.then_some(fork);
        let mut upgrades = Upgrades::none();
        let at = |upgrades: &Upgrades, time| upgrades.missing_at(&cfg, time);
        assert_eq!(at(&upgrades, activation - 2), None, "{fork}");
        assert_eq!(at(&upgrades, activation), missing, "{fork}");
        assert_eq!(at(&upgrades, activation + 2), None, "{fork}");
        // An empty bundle says that the chain has none on purpose.
        upgrades.insert(UpgradeBundle {
            fork,
            transactions: Vec::new(),
        });
        assert_eq!(at(&upgrades, activation), None, "{fork}");
    }
}

#[test]
fn a_bundle_is_missed_until_its_activation_block_is_settled() {
    let start = CONTEXT.genesis_time;
    let mut cfg = config(Fork::Karst);
    // Blocks come at even distances, so the activation block is the one after the time.
    cfg.forks.set(Fork::Karst, Some(start + 9));
    let mut upgrades = Upgrades::none();
    let from = |upgrades: &Upgrades, time| upgrades.missing_from(&cfg, time);
    for time in [0, start, start + 9, start + 10] {
        assert_eq!(from(&upgrades, time), Some((Fork::Karst, start + 9)));
    }
    assert_eq!(from(&upgrades, start + 11), None);
    assert_eq!(cfg.upgrade_time(Fork::Jovian), None);
    assert_eq!(cfg.first_block_time(start + 9), start + 10);
    assert_eq!(cfg.first_block_time(start - 9), start);
    assert_eq!(cfg.first_block_time(u64::MAX), u64::MAX);
    assert!(cfg.is_activation_block(Fork::Karst, start + 10));
    upgrades.insert(UpgradeBundle {
        fork: Fork::Karst,
        transactions: Vec::new(),
    });
    assert_eq!(from(&upgrades, 0), None);
}

#[test]
fn forks_active_since_genesis_miss_no_bundle() {
    let start = CONTEXT.genesis_time;
    for time in [0, start - 1, start] {
        let mut cfg = config(Fork::Jovian);
        for fork in UPGRADING_FORKS {
            cfg.forks.set(fork, Some(time));
        }
        for block in [start, start + 2, start + 4] {
            assert_eq!(Upgrades::none().missing_at(&cfg, block), None);
        }
    }
}

#[test]
fn the_oldest_missing_bundle_is_named_first() {
    let mut cfg = config(Fork::Karst);
    let activation = CONTEXT.genesis_time + 3;
    for fork in UPGRADING_FORKS {
        cfg.forks.set(fork, Some(activation));
    }
    let mut upgrades = Upgrades::none();
    // The first block at or past the time is the activation block.
    let block = activation + 1;
    for fork in UPGRADING_FORKS {
        assert_eq!(upgrades.missing_at(&cfg, block), Some(fork));
        upgrades.insert(UpgradeBundle {
            fork,
            transactions: Vec::new(),
        });
    }
    assert_eq!(upgrades.missing_at(&cfg, block), None);
}

#[test]
fn bundles_round_trip_through_json() {
    let bundle = isthmus();
    assert_eq!(
        UpgradeBundle::from_json(Fork::Isthmus, &bundle.to_json()),
        Ok(bundle)
    );
    let json = r#"{
        "metadata": { "version": "1.0.0" },
        "transactions": [{
            "data": "0x9b21",
            "from": "0x0000000000000000000000000000000000000000",
            "gasLimit": 580000,
            "intent": "ConditionalDeployer Deployment",
            "to": "0x4e59b44847b379578588920cA78FbF26c0B4956C"
        }]
    }"#;
    let bundle = UpgradeBundle::from_json(Fork::Karst, json).unwrap();
    assert_eq!(
        bundle.transactions[0].data,
        Bytes::from_static(&[0x9b, 0x21])
    );
    assert_eq!(bundle.total_gas(), 580_000);
}

#[test]
fn malformed_bundles_are_errors() {
    let parse = |json: &str| UpgradeBundle::from_json(Fork::Karst, json).unwrap_err();
    assert!(matches!(parse("{"), UpgradeError::Malformed(_)));
    assert!(matches!(
        parse(r#"{"metadata":{"version":"2.0.0"},"transactions":[]}"#),
        UpgradeError::Version(_)
    ));
    let tx = r#"{"data":"0x","gasLimit":18446744073709551615,"intent":"x"}"#;
    assert_eq!(
        parse(&format!(
            r#"{{"metadata":{{"version":"1.0.0"}},"transactions":[{tx},{tx}]}}"#
        )),
        UpgradeError::GasOverflow
    );
    let value = r#"{"data":"0x","gasLimit":1,"intent":"x","value":"0x1"}"#;
    assert!(matches!(
        parse(&format!(
            r#"{{"metadata":{{"version":"1.0.0"}},"transactions":[{value}]}}"#
        )),
        UpgradeError::Malformed(_)
    ));
}

/// The init codes of the real contracts. What they deploy (save for the vault, which has
/// immutables to fill in) lies in the init code as it is; its hash must be the one of the spec.
#[test]
fn bytecode_of_the_real_contracts() {
    let files = [
        (
            "isthmus-l1-block",
            b256!("8e3fe7a416d3e5f3b7be74ddd4e7e58e516fa3f80b67c6d930e3cd7297da4a4b"),
        ),
        (
            "isthmus-gas-price-oracle",
            b256!("4d195a9d7caf9fb6d4beaf80de252c626c853afd5868c4f4f8d19c9d301c2679"),
        ),
        (
            "jovian-l1-block",
            b256!("5f885ca815d2cf27a203123e50b8ae204fdca910b6995d90b2d7700cbb9240d1"),
        ),
        (
            "jovian-gas-price-oracle",
            b256!("e9fc7c96c4db0d6078e3d359d7e8c982c350a513cb2c31121adf5e1e8a446614"),
        ),
    ];
    let mut codes = Vec::new();
    for (name, code_hash) in files {
        let path = format!("protocol-bytecode/{name}-deployment.txt");
        let Some(init_code) = hex_fixture(&path) else {
            return;
        };
        let start = 32;
        assert_eq!(keccak256(&init_code[start..]), code_hash, "{name}");
        codes.push(Bytes::from(init_code));
    }
    let [isthmus_l1, isthmus_gpo, jovian_l1, jovian_gpo] = codes.try_into().unwrap();
    let vault = hex_fixture("protocol-bytecode/isthmus-operator-fee-deployment.txt").unwrap();
    let isthmus = isthmus_bundle(
        isthmus_l1.clone(),
        isthmus_gpo.clone(),
        vault.clone().into(),
    );
    let inputs: Vec<_> = decoded(&isthmus).into_iter().map(|tx| tx.input).collect();
    assert_eq!(inputs[..3], [isthmus_l1, isthmus_gpo, vault.into()]);
    let jovian = jovian_bundle(jovian_l1.clone(), jovian_gpo.clone());
    let inputs: Vec<_> = decoded(&jovian).into_iter().map(|tx| tx.input).collect();
    assert_eq!((&inputs[0], &inputs[2]), (&jovian_l1, &jovian_gpo));
}

fn any_upgrade_tx() -> impl Strategy<Value = UpgradeTx> {
    let data = vec(any::<u8>(), 0..100).prop_map(Bytes::from);
    let to = any::<Option<[u8; 20]>>();
    (data, any_address(), any::<u32>(), ".{0,40}", to).prop_map(|(data, from, gas, intent, to)| {
        UpgradeTx {
            data,
            from,
            gas_limit: gas.into(),
            intent,
            to: to.map(Address::from),
        }
    })
}

proptest! {
    #[test]
    fn any_bundle_reads_back_and_becomes_deposits(transactions in vec(any_upgrade_tx(), 0..6)) {
        let bundle = UpgradeBundle { fork: Fork::Karst, transactions };
        let again = UpgradeBundle::from_json(Fork::Karst, &bundle.to_json()).unwrap();
        prop_assert_eq!(&again, &bundle);
        let deposits = decoded(&bundle);
        prop_assert_eq!(deposits.len(), bundle.transactions.len());
        for (deposit, tx) in deposits.iter().zip(&bundle.transactions) {
            prop_assert_eq!(&deposit.input, &tx.data);
            prop_assert_eq!(deposit.from, tx.from);
            prop_assert_eq!(deposit.to.to().copied(), tx.to);
        }
        let gas: u64 = deposits.iter().map(|deposit| deposit.gas_limit).sum();
        prop_assert_eq!(bundle.total_gas(), gas);
    }

    #[test]
    fn mutated_bundle_files_never_panic(
        transactions in vec(any_upgrade_tx(), 0..3),
        mutations in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let bundle = UpgradeBundle { fork: Fork::Karst, transactions };
        let mut text = bundle.to_json().into_bytes();
        for (index, byte) in mutations {
            let index = index.index(text.len());
            text[index] = byte;
        }
        if let Ok(bundle) = UpgradeBundle::from_json(Fork::Karst, &String::from_utf8_lossy(&text)) {
            let _ = (bundle.deposits(), bundle.extra_gas());
        }
    }
}
