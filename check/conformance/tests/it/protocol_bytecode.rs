//! The published init codes deploy what the specs say, in activation blocks that are executed.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, address, b256};
use opal_conformance::fixtures;
use opal_execution::{
    Account, BlockAttributes, BlockBuilder, BuiltBlock, ChainConfig, InvalidBlock, Roots,
    StateError, StateReader, VerifiedTx,
};
use opal_protocol::{
    Fork, ForkTimes, RollupConfig, UpgradeBundle, UpgradeTx, deposit::decode_deposit,
    upgrades::UPGRADING_FORKS,
};
use std::path::PathBuf;

const ACTIVATION: u64 = 1_700_000_000;

/// A file, who deploys it, and where and what that deploys.
struct Published {
    file: &'static str,
    fork: Option<Fork>,
    deployer: u64,
    address: Address,
    code_hash: B256,
}

const SPECIFIED: u64 = 0x4210;
const INTEROP: u64 = 0x4220;

/// All files of the folder. `fork` is none for those that no fork carries yet.
#[rustfmt::skip]
const PUBLISHED: [Published; 10] = [
    published("ecotone-l1-block", Some(Fork::Ecotone), SPECIFIED << 16,
        address!("07dbe8500fc591d1852B76feE44d5a05e13097Ff"),
        b256!("c88a313aa75dc4fbf0b6850d9f9ae41e04243b7008cf3eadb29256d4a71c1dfd")),
    published("ecotone-gas-price-oracle", Some(Fork::Ecotone), SPECIFIED << 16 | 1,
        address!("b528D11cC114E026F138fE568744c6D45ce6Da7A"),
        b256!("8b71360ea773b4cfaf1ae6d2bd15464a4e1e2e360f786e475f63aeaed8da0ae5")),
    published("fjord-gas-price-oracle", Some(Fork::Fjord), SPECIFIED << 16 | 2,
        address!("a919894851548179A0750865e7974DA599C0Fac7"),
        b256!("a88fa50a2745b15e6794247614b5298483070661adacb8d32d716434ed24c6b2")),
    published("isthmus-l1-block", Some(Fork::Isthmus), SPECIFIED << 16 | 3,
        address!("Ff256497D61dcd71a9e9Ff43967C13fdE1F72D12"),
        b256!("8e3fe7a416d3e5f3b7be74ddd4e7e58e516fa3f80b67c6d930e3cd7297da4a4b")),
    published("isthmus-gas-price-oracle", Some(Fork::Isthmus), SPECIFIED << 16 | 4,
        address!("93e57A196454CB919193fa9946f14943cf733845"),
        b256!("4d195a9d7caf9fb6d4beaf80de252c626c853afd5868c4f4f8d19c9d301c2679")),
    published("isthmus-operator-fee", Some(Fork::Isthmus), SPECIFIED << 16 | 5,
        address!("4fa2Be8cd41504037F1838BcE3bCC93bC68Ff537"),
        b256!("57dc55c9c09ca456fa728f253fe7b895d3e6aae0706104935fe87c7721001971")),
    published("jovian-l1-block", Some(Fork::Jovian), SPECIFIED << 16 | 6,
        address!("3Ba4007f5C922FBb33C454B41ea7a1f11E83df2C"),
        b256!("5f885ca815d2cf27a203123e50b8ae204fdca910b6995d90b2d7700cbb9240d1")),
    published("jovian-gas-price-oracle", Some(Fork::Jovian), SPECIFIED << 16 | 7,
        address!("4f1db3c6AbD250ba86E0928471A8F7DB3AFd88F1"),
        b256!("e9fc7c96c4db0d6078e3d359d7e8c982c350a513cb2c31121adf5e1e8a446614")),
    published("interop-cross-l2-inbox", None, INTEROP << 16,
        address!("691300f512e48B463C2617b34Eef1A9f82EE7dBf"),
        b256!("0e7d028dd71bac22d1fb28966043c8d35c3232c78b7fb99fd1db112b5b60d9dd")),
    published("interop-l2-to-l2-cross-domain-messenger", None, INTEROP << 16 | 1,
        address!("0D0eDd0ebd0e94d218670a8De867Eb5C4d37cadD"),
        b256!("458925c90ec70736600bef3d6529643a0e7a0a848e62626d61314c057b4a71a9")),
];

const fn published(
    file: &'static str,
    fork: Option<Fork>,
    deployer: u64,
    address: Address,
    code_hash: B256,
) -> Published {
    Published {
        file,
        fork,
        deployer,
        address,
        code_hash,
    }
}

impl Published {
    /// `deployer` holds the first two and the last two bytes of an address of zeros.
    fn deployer(&self) -> Address {
        let bytes = self.deployer.to_be_bytes();
        let mut account = [0; 20];
        account[..2].copy_from_slice(&bytes[4..6]);
        account[18..].copy_from_slice(&bytes[6..]);
        account.into()
    }
}

/// A state with no accounts.
struct Nobody;

impl StateReader for Nobody {
    fn account(&self, _: Address) -> Result<Option<Account>, StateError> {
        Ok(None)
    }
    fn storage(&self, _: Address, _: U256) -> Result<U256, StateError> {
        Ok(U256::ZERO)
    }
    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        Err(StateError(format!("unknown code {hash}")))
    }
    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        Err(StateError(format!("unknown block {number}")))
    }
}

fn folder() -> Option<PathBuf> {
    Some(fixtures()?.join("protocol-bytecode"))
}

fn init_code(folder: &std::path::Path, file: &str) -> Bytes {
    let path = folder.join(format!("{file}-deployment.txt"));
    let text = std::fs::read_to_string(path).unwrap();
    alloy_primitives::hex::decode(text.trim()).unwrap().into()
}

/// A chain that activates `fork` at [`ACTIVATION`], all forks before it at genesis.
fn chain(fork: Fork) -> RollupConfig {
    let mut cfg = RollupConfig {
        block_time: 2,
        l2_chain_id: 901,
        forks: ForkTimes::at_genesis(fork),
        ..RollupConfig::default()
    };
    cfg.genesis.l2_time = ACTIVATION - 100;
    cfg.forks.set(fork, Some(ACTIVATION));
    cfg
}

/// Executes the bundle as the whole content of the activation block of `fork`.
fn activate(fork: Fork, bundle: &UpgradeBundle) -> BuiltBlock {
    let cfg = chain(fork);
    let parent = Header {
        number: 49,
        timestamp: ACTIVATION - 2,
        gas_limit: 30_000_000,
        base_fee_per_gas: Some(1_000_000),
        withdrawals_root: Some(opal_trie::EMPTY_ROOT_HASH),
        blob_gas_used: Some(0),
        excess_blob_gas: Some(0),
        parent_beacon_block_root: Some(B256::ZERO),
        extra_data: extra_data(fork),
        ..Header::default()
    };
    let attributes = BlockAttributes {
        timestamp: ACTIVATION,
        gas_limit: 30_000_000,
        withdrawals: Some(Vec::new()),
        parent_beacon_block_root: (fork >= Fork::Ecotone).then_some(B256::ZERO),
        eip1559_params: (fork >= Fork::Holocene).then(Default::default),
        min_base_fee: (fork >= Fork::Jovian).then_some(0),
        ..BlockAttributes::default()
    };
    let chain = ChainConfig::optimism(&cfg);
    let mut builder =
        BlockBuilder::new(&chain, &parent, parent.hash_slow(), attributes, Nobody).unwrap();
    for deposit in bundle.deposits() {
        builder
            .push_forced(VerifiedTx::decode(deposit).unwrap())
            .unwrap();
    }
    let roots = Roots {
        state_root: B256::ZERO,
        message_passer_storage_root: B256::ZERO,
    };
    builder.finish(|_| Ok::<_, InvalidBlock>(roots)).unwrap()
}

/// What the header before the activation block holds: parameters from Holocene on.
fn extra_data(fork: Fork) -> Bytes {
    if fork > Fork::Holocene {
        Bytes::from_static(&[0, 0, 0, 0, 250, 0, 0, 0, 6])
    } else {
        Bytes::new()
    }
}

fn assert_deployed(block: &BuiltBlock, published: &Published) {
    let Published { file, address, .. } = published;
    assert_eq!(published.deployer().create(0), *address, "{file}");
    let account = block.executed.diff.accounts[address].account.unwrap();
    assert_eq!(account.code_hash, published.code_hash, "{file}");
}

#[test]
fn upgrades_run_as_published() {
    let Some(folder) = folder() else { return };
    for fork in UPGRADING_FORKS {
        let upgrades = opal_upgrades::load(&chain(fork), Some(&folder)).unwrap();
        let Some(bundle) = upgrades.get(fork) else {
            // Only Karst's bundle is not among the fixtures.
            assert_eq!(fork, Fork::Karst);
            continue;
        };
        let block = activate(fork, bundle);
        // Proxies are absent here, and calls to nobody succeed; creations must anyway.
        for (receipt, tx) in block.executed.receipts.iter().zip(&bundle.transactions) {
            assert!(receipt.success, "{fork}: {}", tx.intent);
        }
        let of_fork = PUBLISHED.iter().filter(|p| p.fork == Some(fork));
        for published in of_fork {
            assert_deployed(&block, published);
            let code = init_code(&folder, published.file);
            let deposits = bundle.deposits();
            let carrier = deposits
                .iter()
                .map(|deposit| decode_deposit(deposit).unwrap())
                .find(|deposit| deposit.from == published.deployer())
                .unwrap();
            assert_eq!(carrier.input, code, "{}", published.file);
        }
    }
}

/// Contracts of Interop: no fork carries them yet, but they are what the specs say.
#[test]
fn interop_contracts_deploy_as_published() {
    let Some(folder) = folder() else { return };
    for published in PUBLISHED.iter().filter(|p| p.fork.is_none()) {
        let bundle = UpgradeBundle {
            fork: Fork::Jovian,
            transactions: vec![UpgradeTx {
                data: init_code(&folder, published.file),
                from: published.deployer(),
                gas_limit: 1_100_000,
                intent: published.file.to_string(),
                to: None,
            }],
        };
        assert_deployed(&activate(Fork::Jovian, &bundle), published);
    }
}

#[test]
fn no_file_is_forgotten() {
    let Some(folder) = folder() else { return };
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut known: Vec<_> = PUBLISHED
        .iter()
        .map(|p| format!("{}-deployment.txt", p.file))
        .collect();
    known.sort();
    assert_eq!(files, known);
}

/// EIP-4788 and EIP-2935: their contracts land where execution calls them.
#[test]
fn system_contracts_land_where_execution_calls_them() {
    let system = [
        (
            Fork::Ecotone,
            address!("000F3df6D732807Ef1319fB7B8bB8522d0Beac02"),
            b256!("f57acd40259872606d76197ef052f3d35588dadf919ee1f0e3cb9b62d3f4b02c"),
        ),
        (
            Fork::Isthmus,
            address!("0000F90827F1C53a10cb7A02335B175320002935"),
            b256!("6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d"),
        ),
    ];
    for (fork, address, code_hash) in system {
        let bundle = opal_upgrades::built_in(fork).unwrap();
        let block = activate(fork, &bundle);
        let account = block.executed.diff.accounts[&address].account.unwrap();
        assert_eq!(account.code_hash, code_hash, "{fork}");
    }
}
