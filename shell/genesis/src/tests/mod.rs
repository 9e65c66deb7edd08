//! The contracts, executed: each test builds blocks on a genesis of ours and looks at what they did.

mod chains;
mod deposits;
mod fees;
mod file;
mod fixtures;
mod interruptions;
mod layout;
mod system_config;
mod upgrades;
mod vaults;
mod withdrawals;

use crate::{
    Addresses, DeployConfig, Fees, L1Genesis, PlannedTx, dev_accounts, l1_genesis, l2_genesis,
    memory::MemoryChain, rollup_config,
};
use alloy_consensus::{SignableTransaction, Signed, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, address};
use alloy_sol_types::SolCall;
use op_alloy_consensus::TxDeposit;
use opal_execution::{
    BlockAttributes, BuiltBlock, ChainConfig, Receipt, Transaction, VerifiedTx,
    call::{CallEnv, CallOutcome, TransactionRequest, call},
};
use opal_protocol::{Fork, ForkTimes, L1Ref, RollupConfig};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
};

const GENESIS_TIME: u64 = 1_700_000_000;
/// An account with money and no part in the system.
fn user() -> Address {
    dev_accounts()[0].address()
}

fn config(last: Fork) -> DeployConfig {
    DeployConfig::dev(GENESIS_TIME, ForkTimes::at_genesis(last))
}

/// A chain of either layer that tests send transactions to.
#[derive(Clone)]
struct World {
    config: DeployConfig,
    chain: MemoryChain,
    /// The portal and the rest, on L1.
    addresses: Addresses,
    rollup: RollupConfig,
}

impl World {
    fn l1() -> Self {
        Self::l1_of(config(Fork::Jovian))
    }

    fn l1_of(config: DeployConfig) -> Self {
        Self::once("L1", &config, Self::make_l1)
    }

    fn l2(config: DeployConfig) -> Self {
        Self::once("L2", &config, Self::make_l2)
    }

    /// A copy of the world that `make` gives for this configuration; each is made once for all tests.
    fn once(layer: &str, config: &DeployConfig, make: fn(DeployConfig) -> Self) -> Self {
        static MADE: Mutex<BTreeMap<String, Arc<OnceLock<World>>>> = Mutex::new(BTreeMap::new());
        let key = format!("{layer} {config:?}");
        let place = MADE.lock().unwrap().entry(key).or_default().clone();
        place.get_or_init(|| make(config.clone())).clone()
    }

    fn make_l1(config: DeployConfig) -> Self {
        let L1Genesis { genesis, addresses } = l1_genesis(&config).unwrap();
        let chain = MemoryChain::new(&genesis, ChainConfig::ethereum_dev(config.l1_chain_id));
        let l2 = l2_genesis(&config, &addresses, origin());
        let rollup = rollup_config(&config, &addresses, origin(), &l2);
        Self {
            config,
            chain,
            addresses,
            rollup,
        }
    }

    fn make_l2(config: DeployConfig) -> Self {
        let addresses = crate::deploy_plan(&config, 0).addresses;
        let l2 = l2_genesis(&config, &addresses, origin());
        let rollup = rollup_config(&config, &addresses, origin(), &l2);
        let chain = MemoryChain::new(&l2, ChainConfig::optimism(&rollup));
        assert_eq!(chain.head.hash_slow(), rollup.genesis.l2.hash);
        Self {
            config,
            chain,
            addresses,
            rollup,
        }
    }

    /// Appends a block.
    fn block(&mut self, transactions: Vec<VerifiedTx>) -> BuiltBlock {
        let optimism = self.chain.chain.is_optimism();
        let fork = |fork| optimism && self.rollup.is_active(fork, self.next_time());
        let attributes = BlockAttributes {
            timestamp: self.next_time(),
            gas_limit: self.chain.head.gas_limit,
            parent_beacon_block_root: Some(B256::ZERO),
            withdrawals: Some(vec![]),
            eip1559_params: fork(Fork::Holocene).then_some(Default::default()),
            min_base_fee: fork(Fork::Jovian).then_some(0),
            ..BlockAttributes::default()
        };
        self.chain.append(attributes, transactions).unwrap()
    }

    fn next_time(&self) -> u64 {
        self.chain.head.timestamp + self.config.l2_block_time
    }

    /// A block with one transaction; its receipt.
    fn send(
        &mut self,
        from: Address,
        to: impl Into<TxKind>,
        value: u64,
        input: Vec<u8>,
    ) -> Receipt {
        let tx = self.tx(from, to.into(), U256::from(value), input.into());
        self.block(vec![tx]).executed.receipts.remove(0)
    }

    /// Gas enough for anything here, below the cap of Osaka.
    const GAS: u64 = 16_000_000;

    fn tx(&self, from: Address, to: TxKind, value: U256, input: Bytes) -> VerifiedTx {
        let planned = PlannedTx {
            what: String::new(),
            nonce: self.chain.state.nonce_of(from),
            to,
            value,
            input,
            gas_limit: Self::GAS,
        };
        let fees = Fees {
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 0,
        };
        signed(planned.unsigned(self.chain.chain.chain_id, fees), from)
    }

    /// A block with one deposit; its receipt.
    fn deposit(&mut self, from: Address, to: impl Into<TxKind>, input: Vec<u8>) -> Receipt {
        let tx = deposit(
            from,
            to.into(),
            1_000_000,
            input.into(),
            self.chain.head.number,
        );
        self.block(vec![tx]).executed.receipts.remove(0)
    }

    /// What a call gives on the state as it stands.
    fn call(&self, from: Address, to: Address, input: Vec<u8>) -> CallOutcome {
        let env = CallEnv {
            chain: &self.chain.chain,
            header: &self.chain.head,
            reader: &self.chain.state,
            gas_cap: Self::GAS,
        };
        let request = TransactionRequest::default()
            .from(from)
            .to(to)
            .input(input.into());
        call(&env, &request, None, None).unwrap()
    }

    /// What a getter returns.
    fn get<C: SolCall>(&self, to: Address, getter: &C) -> C::Return {
        let outcome = self.call(user(), to, getter.abi_encode());
        assert!(outcome.success, "{} failed: {outcome:?}", C::SIGNATURE);
        C::abi_decode_returns(&outcome.output).unwrap()
    }

    /// The text with which a call reverts.
    fn revert_text(&self, from: Address, to: Address, input: Vec<u8>) -> String {
        let outcome = self.call(from, to, input);
        assert!(!outcome.success);
        alloy_sol_types::decode_revert_reason(&outcome.output).unwrap_or_default()
    }
}

/// The L1 block that L2 starts from in tests.
fn origin() -> L1Ref {
    L1Ref {
        time: GENESIS_TIME,
        ..L1Ref::default()
    }
}

/// Nobody verifies the signature where transactions come with their sender.
fn signed(tx: TxEip1559, from: Address) -> VerifiedTx {
    let hash = tx.signature_hash();
    let tx = Signed::new_unchecked(tx, Signature::test_signature(), hash);
    VerifiedTx::new_unchecked(Transaction::Eip1559(tx), from)
}

fn deposit(from: Address, to: TxKind, gas_limit: u64, input: Bytes, salt: u64) -> VerifiedTx {
    let deposit = TxDeposit {
        source_hash: B256::from(U256::from(salt)),
        from,
        to,
        gas_limit,
        input,
        ..TxDeposit::default()
    };
    VerifiedTx::decode(opal_protocol::deposit::encode_deposit(&deposit)).unwrap()
}

/// Deploys code that hands every call on to `target`, value included.
fn deploy_forwarder(world: &mut World, target: Address) -> Address {
    // codecopy(0, 12, 46); return(0, 46)
    let init = "602e600c600039602e6000f3";
    // calldatacopy(0, 0, calldatasize)
    let copy = "366000600037";
    // call(gas, target, callvalue, 0, calldatasize, 0, 0), and revert unless it succeeded
    let call = format!(
        "600060003660003473{}5af1602c57600080fd5b00",
        alloy_primitives::hex::encode(target)
    );
    let code = hex(&[init, copy, &call].concat());
    let nonce = world.chain.state.nonce_of(user());
    assert!(world.send(user(), TxKind::Create, 0, code).success);
    user().create(nonce)
}

fn hex(text: &str) -> Vec<u8> {
    alloy_primitives::hex::decode(text).unwrap()
}

#[test]
fn accounts_are_those_of_the_test_mnemonic() {
    let accounts = dev_accounts();
    assert_eq!(accounts.len(), 10);
    assert_eq!(
        accounts[0].address(),
        address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
    );
    assert_eq!(
        accounts[9].address(),
        address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720")
    );
    assert_eq!(
        accounts[0].to_bytes(),
        "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
            .parse::<B256>()
            .unwrap()
    );
    assert_eq!(
        super::roles().batcher.address(),
        address!("BcD4042DE499D14e55001CcbB24a551F3b954096")
    );
}

/// Makes a configuration impossible.
type Spoil = fn(&mut DeployConfig);

#[test]
fn impossible_configurations_are_refused() {
    let good = config(Fork::Jovian);
    good.validate().unwrap();
    let cases: [(&str, Spoil); 7] = [
        ("gas_limit", |c| c.gas_limit = 20_999_999),
        ("gas_limit", |c| c.gas_limit = 500_000_001),
        ("genesis_time", |c| c.genesis_time = 0),
        ("batcher", |c| c.batcher = Address::ZERO),
        ("challenger", |c| c.challenger = Address::ZERO),
        ("l2_chain_id", |c| c.l2_chain_id = c.l1_chain_id),
        ("block_time", |c| c.l2_block_time = 0),
    ];
    for (key, spoil) in cases {
        let mut config = good.clone();
        spoil(&mut config);
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
        assert_eq!(l1_genesis(&config).unwrap_err().to_string(), error);
    }
}
