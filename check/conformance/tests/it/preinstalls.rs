//! The preinstalls of our generator beside those that published chains began with.
//!
//! docs/decisions/bridge-contracts.md says why some are other people's and not carried.

use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, address, keccak256};
use opal_conformance::{fixtures, genesis};
use opal_genesis::{DeployConfig, deploy_plan, l2_genesis};
use opal_protocol::{Fork, ForkTimes, L1Ref};
use std::collections::{BTreeMap, BTreeSet};

/// Chains that began with every preinstall between them; the last two when Ethereum's history
/// contract was one.
const CHAINS: [&str; 4] = [
    "mainnet/ink",
    "mainnet/soneium",
    "sepolia/celo-sep",
    "sepolia-devnet-2/sepolia-devnet-2",
];
const GENESIS_TIME: u64 = 1_700_000_000;

/// What our genesis has at a preinstall's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ours {
    /// The very code that all chains have.
    Same,
    /// Code of our own, which does the same.
    Own,
    /// Nothing: it comes with `--artifacts`, or by the deterministic deployer.
    Nothing,
}

const PREINSTALLS: [(&str, Address, Ours); 16] = [
    (
        "Multicall3",
        address!("cA11bde05977b3631167028862bE2a173976CA11"),
        Ours::Own,
    ),
    (
        "Create2Deployer",
        address!("13b0D85CcB8bf860b6b79AF3029fCA081AE9beF2"),
        Ours::Same,
    ),
    (
        "DeterministicDeploymentProxy",
        address!("4e59b44847b379578588920cA78FbF26c0B4956C"),
        Ours::Same,
    ),
    (
        "SafeSingletonFactory",
        address!("914d7Fec6aaC8cd542e72Bca78B30650d45643d7"),
        Ours::Same,
    ),
    (
        "BeaconBlockRoots",
        address!("000F3df6D732807Ef1319fB7B8bB8522d0Beac02"),
        Ours::Same,
    ),
    (
        "HistoryStorage",
        address!("0000F90827F1C53a10cb7A02335B175320002935"),
        Ours::Same,
    ),
    (
        "Safe 1.3.0",
        address!("69f4D1788e39c87893C980c06EdF4b7f686e2938"),
        Ours::Nothing,
    ),
    (
        "SafeL2 1.3.0",
        address!("fb1bffC9d739B8D520DaF37dF666da4C687191EA"),
        Ours::Nothing,
    ),
    (
        "MultiSend 1.3.0",
        address!("998739BFdAAdde7C933B942a68053933098f9EDa"),
        Ours::Nothing,
    ),
    (
        "MultiSendCallOnly 1.3.0",
        address!("A1dabEF33b3B82c7814B6D82A79e50F4AC44102B"),
        Ours::Nothing,
    ),
    (
        "Permit2",
        address!("000000000022D473030F116dDEE9F6B43aC78BA3"),
        Ours::Nothing,
    ),
    (
        "SenderCreator 0.6",
        address!("7fc98430eAEdbb6070B35B39D798725049088348"),
        Ours::Nothing,
    ),
    (
        "EntryPoint 0.6",
        address!("5FF137D4b0FDCD49DcA30c7CF57E578a026d2789"),
        Ours::Nothing,
    ),
    (
        "SenderCreator 0.7",
        address!("EFC2c1444eBCC4Db75e7613d20C6a62fF67A167C"),
        Ours::Nothing,
    ),
    (
        "EntryPoint 0.7",
        address!("0000000071727De22E5E9d8BAf0edAc6f37da032"),
        Ours::Nothing,
    ),
    (
        "CreateX",
        address!("ba5Ed099633D3B313e4D5F7bdc1305d3c28ba5Ed"),
        Ours::Nothing,
    ),
];

type Accounts = BTreeMap<Address, GenesisAccount>;

/// Hash of an account's code, if it has any.
fn code_hash(accounts: &Accounts, at: Address) -> Option<B256> {
    let code = accounts.get(&at)?.code.as_ref()?;
    (!code.is_empty()).then(|| keccak256(code))
}

#[test]
fn preinstalls_have_the_code_of_published_chains_or_a_reason() {
    let Some(base) = fixtures() else { return };
    let extra = base.join("superchain-registry/superchain/extra");
    let published = CHAINS.map(|chain| {
        let file = extra.join("genesis").join(format!("{chain}.json.zst"));
        genesis::accounts(&file, &extra.join("dictionary")).expect(chain)
    });
    let config = DeployConfig::dev(GENESIS_TIME, ForkTimes::at_genesis(Fork::Karst));
    let origin = L1Ref {
        time: GENESIS_TIME,
        ..L1Ref::default()
    };
    let ours = l2_genesis(&config, &deploy_plan(&config, 0).addresses, origin).alloc;

    for (name, at, expected) in PREINSTALLS {
        let theirs = published.iter().filter_map(|chain| code_hash(chain, at));
        let theirs: BTreeSet<_> = theirs.collect();
        // Permit2's code holds the chain id.
        let kinds = if name == "Permit2" { CHAINS.len() } else { 1 };
        assert_eq!(theirs.len(), kinds, "{name}: {theirs:?}");
        let found = match code_hash(&ours, at) {
            None => Ours::Nothing,
            Some(hash) if theirs.contains(&hash) => Ours::Same,
            Some(_) => Ours::Own,
        };
        assert_eq!(found, expected, "{name} at {at}; theirs is {theirs:?}");
        eprintln!("{name}: {found:?}");
    }
}
