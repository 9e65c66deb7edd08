//! The predeploys of L2: proxies of the whole range, and what lies behind them.
//!
//! In: the configuration, the L1 addresses, a source of compiled contracts. Out: accounts, as on
//! existing chains to the byte.
//!
//! Invariant: whatever can be initialised is initialised, proxies with their settings and
//! implementations with none; initialisers of L2 contracts are open to the first caller.

use crate::{
    abi,
    addresses::Addresses,
    artifacts::Artifacts,
    config::{DeployConfig, GenesisError, Vault},
    sandbox::{CREATOR_NONCE, GOVERNANCE_TOKEN_NONCE, Sandbox},
};
use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, b256, uint};
use alloy_sol_types::{SolCall, SolValue};
use opal_protocol::{Fork, predeploys};
use std::collections::BTreeMap;

/// How many predeploys have a proxy, counted from `0x4200…0000`.
const PROXIED_PREDEPLOYS: u64 = 2048;
/// Number of the governance token, which has no proxy.
const GOVERNANCE_TOKEN: u64 = 0x42;
/// EIP-1967 slots of a proxy.
const IMPLEMENTATION_SLOT: B256 =
    b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
const ADMIN_SLOT: B256 = b256!("b53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103");
/// Where fee vaults of Karst remember that they are initialised (ERC-7201).
const VAULT_INITIALIZED_SLOT: U256 =
    uint!(0xf0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00_U256);
/// What a messenger takes for its sender between messages.
const NO_SENDER: U256 = uint!(0xdead_U256);

/// Slots and their values.
type Slots = Vec<(U256, U256)>;

/// A predeploy behind a proxy.
struct Predeploy {
    address: Address,
    /// Its contract.
    name: &'static str,
    /// Arguments of the constructor, if it takes any.
    arguments: Vec<u8>,
    /// Storage of the proxy, beside its own.
    slots: Slots,
    /// Storage of the implementation.
    implementation_slots: Slots,
}

impl Predeploy {
    fn new(number: u64, name: &'static str) -> Self {
        Self {
            address: predeploy(number),
            name,
            arguments: vec![],
            slots: vec![],
            implementation_slots: vec![],
        }
    }

    fn arguments(mut self, arguments: Vec<u8>) -> Self {
        self.arguments = arguments;
        self
    }

    /// Storage that the implementation has as well.
    fn both(mut self, slots: &[(u64, U256)]) -> Self {
        let slots = slots
            .iter()
            .map(|(slot, value)| (U256::from(*slot), *value));
        self.slots.extend(slots.clone());
        self.implementation_slots.extend(slots);
        self
    }

    /// Storage of the proxy alone.
    fn proxy(mut self, slots: &[(u64, U256)]) -> Self {
        let slots = slots
            .iter()
            .map(|(slot, value)| (U256::from(*slot), *value));
        self.slots.extend(slots);
        self
    }
}

/// Adds all predeploys to a genesis.
pub(crate) fn predeploy_accounts(
    artifacts: &Artifacts,
    config: &DeployConfig,
    addresses: &Addresses,
    fork: Fork,
    alloc: &mut BTreeMap<Address, GenesisAccount>,
) -> Result<(), GenesisError> {
    let sandbox = Sandbox::new(config.l2_chain_id, BTreeMap::new(), CREATOR_NONCE);
    let admin = predeploys::PROXY_ADMIN.into_word();
    let Some(proxy) = code(artifacts, &sandbox, "Proxy", &Address::ZERO.abi_encode())? else {
        return Ok(());
    };
    for index in 0..PROXIED_PREDEPLOYS {
        let address = predeploy(index);
        if index == GOVERNANCE_TOKEN || address == predeploys::WETH9 {
            continue;
        }
        let slots = BTreeMap::from([(ADMIN_SLOT, admin)]);
        alloc.insert(address, contract(proxy.clone(), slots));
    }
    if let Some(code) = code(artifacts, &sandbox, "WETH", &[])? {
        alloc.insert(predeploys::WETH9, contract(code, BTreeMap::new()));
    }
    if let Some(owner) = config.governance_token_owner
        && let Some(token) = governance_token(artifacts, config.l2_chain_id, owner)?
    {
        alloc.insert(predeploys::GOVERNANCE_TOKEN, token);
    }
    for predeploy in list(artifacts, config, addresses, fork)? {
        let Some(code) = code(artifacts, &sandbox, predeploy.name, &predeploy.arguments)? else {
            continue;
        };
        let implementation = implementation_of(predeploy.address);
        let slots = words(predeploy.implementation_slots);
        alloc.insert(implementation, contract(code, slots));
        let proxy = alloc.entry(predeploy.address).or_default();
        let storage = proxy.storage.get_or_insert_default();
        storage.insert(IMPLEMENTATION_SLOT, implementation.into_word());
        storage.extend(words(predeploy.slots));
    }
    Ok(())
}

/// The predeploys that a chain of this fork has. spec: protocol/predeploys.md#overview
fn list(
    artifacts: &Artifacts,
    config: &DeployConfig,
    at: &Addresses,
    fork: Fork,
) -> Result<Vec<Predeploy>, GenesisError> {
    let one = U256::from(1);
    let word = |address: Address| U256::from_be_bytes(address.into_word().0);
    let messenger = word(predeploys::L2_CROSS_DOMAIN_MESSENGER);
    let owner = [(0, word(config.owner))];
    let admin = Predeploy::new(0x18, "ProxyAdmin").arguments(config.owner.abi_encode());
    let mut list = vec![
        Predeploy::new(0x00, "LegacyMessagePasser"),
        Predeploy::new(0x02, "DeployerWhitelist"),
        Predeploy::new(0x07, "L2CrossDomainMessenger")
            // Byte 20 of slot 0 says that it is initialised.
            .both(&[(0, one << 160), (0xcc, NO_SENDER)])
            .proxy(&[(0xcf, word(at.l1_cross_domain_messenger))]),
        Predeploy::new(0x0f, "GasPriceOracle").proxy(&[(0, gas_price_oracle_flags(fork))]),
        Predeploy::new(0x10, "L2StandardBridge")
            .both(&[(0, one), (3, messenger)])
            .proxy(&[(4, word(at.l1_standard_bridge))]),
        Predeploy::new(0x12, "OptimismMintableERC20Factory")
            .both(&[(0, one)])
            .proxy(&[(1, word(predeploys::L2_STANDARD_BRIDGE))]),
        Predeploy::new(0x13, "L1BlockNumber"),
        Predeploy::new(0x14, "L2ERC721Bridge")
            .both(&[(0, one), (1, messenger)])
            .proxy(&[(2, word(at.l1_erc721_bridge))]),
        Predeploy::new(0x15, "L1Block"),
        Predeploy::new(0x16, "L2ToL1MessagePasser"),
        erc721_factory(artifacts, config)?,
        match fork >= Fork::Karst {
            true => admin.proxy(&owner),
            false => admin.both(&owner),
        },
        Predeploy::new(0x20, "SchemaRegistry"),
        Predeploy::new(0x21, "EAS"),
    ];
    let vaults = &config.vaults;
    let [sequencer, base, l1] = match fork >= Fork::Karst {
        false => ["SequencerFeeVault", "BaseFeeVault", "L1FeeVault"],
        true => [
            "SettableSequencerFeeVault",
            "SettableBaseFeeVault",
            "SettableL1FeeVault",
        ],
    };
    list.extend([
        vault(0x11, sequencer, fork, &vaults.sequencer),
        vault(0x19, base, fork, &vaults.base),
        vault(0x1a, l1, fork, &vaults.l1),
    ]);
    match fork {
        _ if fork < Fork::Isthmus => {}
        Fork::Isthmus | Fork::Jovian => list.push(Predeploy::new(0x1b, "OperatorFeeVault")),
        _ => list.push(vault(
            0x1b,
            "SettableOperatorFeeVault",
            fork,
            &vaults.operator,
        )),
    }
    if fork >= Fork::Karst {
        list.extend([
            Predeploy::new(0x2c, "ConditionalDeployer"),
            Predeploy::new(0x2d, "L2DevFeatureFlags"),
        ]);
    }
    Ok(list)
}

/// The governance token as its constructor and a change of owner leave it.
fn governance_token(
    artifacts: &Artifacts,
    chain_id: u64,
    owner: Address,
) -> Result<Option<GenesisAccount>, GenesisError> {
    let name = "GovernanceToken";
    let Some(init_code) = artifacts.with(name, |artifact| artifact.init_code(&[]))? else {
        return Ok(None);
    };
    let mut sandbox = Sandbox::new(chain_id, BTreeMap::new(), GOVERNANCE_TOKEN_NONCE);
    let token = sandbox.create(name, init_code)?;
    let hand_over = abi::IProxyAdmin::transferOwnershipCall { newOwner: owner };
    sandbox.send(name, TxKind::Call(token), hand_over.abi_encode().into())?;
    // It never was created on this chain.
    Ok(Some(sandbox.account(token).with_nonce(None)))
}

/// Newer ones have their settings in storage, older ones in their code.
fn erc721_factory(artifacts: &Artifacts, config: &DeployConfig) -> Result<Predeploy, GenesisError> {
    let name = "OptimismMintableERC721Factory";
    let bridge = predeploys::L2_ERC721_BRIDGE;
    let l1_chain_id = U256::from(config.l1_chain_id);
    let factory = Predeploy::new(0x17, name).arguments((bridge, l1_chain_id).abi_encode());
    if artifacts.with(name, |artifact| artifact.takes_arguments())? == Some(true) {
        return Ok(factory);
    }
    let bridge = U256::from_be_bytes(bridge.into_word().0) << 16;
    Ok(factory.proxy(&[(1, bridge | U256::from(1)), (2, l1_chain_id)]))
}

/// A fee vault, whose settings are in its code, and from Karst on in its storage.
fn vault(number: u64, name: &'static str, fork: Fork, settings: &Vault) -> Predeploy {
    let network = settings.network as u8;
    let arguments = (
        settings.recipient,
        settings.min_withdrawal,
        U256::from(network),
    );
    let mut vault = Predeploy::new(number, name).arguments(arguments.abi_encode());
    if fork >= Fork::Karst {
        let recipient = U256::from_be_bytes(settings.recipient.into_word().0);
        vault.slots = vec![
            (U256::from(1), settings.min_withdrawal),
            (U256::from(2), U256::from(network) << 160 | recipient),
            (VAULT_INITIALIZED_SLOT, U256::from(1)),
        ];
    }
    vault
}

/// Runtime code of a contract; `None` where the program has no such contract.
fn code(
    artifacts: &Artifacts,
    sandbox: &Sandbox,
    name: &str,
    arguments: &[u8],
) -> Result<Option<Bytes>, GenesisError> {
    let init_code = artifacts.with(name, |artifact| match artifact.takes_arguments() {
        true => artifact.init_code(arguments),
        false => artifact.init_code(&[]),
    })?;
    init_code
        .map(|init_code| sandbox.runtime_code(name, init_code))
        .transpose()
}

/// Slot 0 of GasPriceOracle: one byte per fork, the oldest lowest.
fn gas_price_oracle_flags(fork: Fork) -> U256 {
    let mut flags = B256::ZERO;
    let switches = [Fork::Ecotone, Fork::Fjord, Fork::Isthmus, Fork::Jovian];
    for (byte, switch) in flags.0.iter_mut().rev().zip(switches) {
        *byte = u8::from(fork >= switch);
    }
    flags.into()
}

fn words(slots: Slots) -> BTreeMap<B256, B256> {
    slots
        .into_iter()
        .filter(|(_, value)| !value.is_zero())
        .map(|(slot, value)| (slot.into(), value.into()))
        .collect()
}

fn contract(code: Bytes, storage: BTreeMap<B256, B256>) -> GenesisAccount {
    GenesisAccount::default()
        .with_code(Some(code))
        .with_storage(Some(storage))
}

/// The predeploy number `index`.
fn predeploy(index: u64) -> Address {
    let mut address = [0; 20];
    address[0] = 0x42;
    address[12..].copy_from_slice(&index.to_be_bytes());
    address.into()
}

/// Where the code of a predeploy lies: `0xc0d3c0d3…` with the predeploy's last two bytes.
pub(crate) fn implementation_of(predeploy: Address) -> Address {
    let mut address = [0; 20];
    for pair in address.chunks_exact_mut(2) {
        pair.copy_from_slice(&[0xc0, 0xd3]);
    }
    address[18..].copy_from_slice(&predeploy[18..]);
    address.into()
}
