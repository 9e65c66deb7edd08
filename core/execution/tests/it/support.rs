//! A chain in memory: state, head, and the loop of building a block and importing it.

use alloy_consensus::{Header, Sealable, SignableTransaction, TxEip1559, TxLegacy};
use alloy_primitives::{
    Address, B64, B256, Bytes, Signature, TxKind, U256, address, b256, keccak256,
};
use op_alloy_consensus::TxDeposit;
use opal_execution::{
    Account, BlobParams, BlockAttributes, BlockBuilder, BuiltBlock, ChainConfig, ChainKind,
    EthFork, EthereumRules, InvalidBlock, OptimismRules, PushLimits, Pushed, Rejected, Roots,
    StateDiff, StateError, StateReader, Transaction, VerifiedTx, execute_block,
    genesis::MESSAGE_PASSER, header::check_roots,
};
use opal_protocol::{Fork, ForkTimes, config::ChainOpConfig};
use opal_trie::{
    AccountUpdate, EMPTY_ROOT_HASH, Nibbles, NodeReader, ReadError, StateTrie, rebuild_state_root,
    rebuild_storage_root,
};
use std::collections::BTreeMap;

pub(crate) const ALICE: Address = address!("a11ce00000000000000000000000000000000001");
pub(crate) const BOB: Address = address!("b0b0000000000000000000000000000000000002");
pub(crate) const CONTRACT: Address = address!("c0de000000000000000000000000000000000003");
pub(crate) const DEPOSITOR: Address = address!("deaddeaddeaddeaddeaddeaddeaddeaddead0001");
pub(crate) const L1_BLOCK: Address = address!("4200000000000000000000000000000000000015");
pub(crate) const SEQUENCER_VAULT: Address = address!("4200000000000000000000000000000000000011");
pub(crate) const BASE_FEE_VAULT: Address = address!("4200000000000000000000000000000000000019");
pub(crate) const L1_FEE_VAULT: Address = address!("420000000000000000000000000000000000001a");
pub(crate) const OPERATOR_VAULT: Address = address!("420000000000000000000000000000000000001b");
pub(crate) const ETHER: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);
pub(crate) const GENESIS_TIME: u64 = 1_000_000;
pub(crate) const GAS_LIMIT: u64 = 60_000_000;

/// A state in memory. The only implementation of the port beside those of the product.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) accounts: BTreeMap<Address, (Account, BTreeMap<U256, U256>)>,
    pub(crate) code: BTreeMap<B256, Bytes>,
    pub(crate) hashes: BTreeMap<u64, B256>,
}

impl StateReader for Memory {
    fn account(&self, address: Address) -> Result<Option<Account>, StateError> {
        Ok(self.accounts.get(&address).map(|(account, _)| *account))
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StateError> {
        Ok(self.slot(address, slot))
    }

    fn code(&self, hash: B256) -> Result<Bytes, StateError> {
        self.code
            .get(&hash)
            .cloned()
            .ok_or_else(|| StateError(format!("no code {hash}")))
    }

    fn block_hash(&self, number: u64) -> Result<B256, StateError> {
        self.hashes
            .get(&number)
            .copied()
            .ok_or_else(|| StateError(format!("no hash {number}")))
    }
}

impl Memory {
    pub(crate) fn fund(&mut self, address: Address, balance: U256) {
        self.accounts.entry(address).or_default().0.balance = balance;
    }

    pub(crate) fn deploy(&mut self, address: Address, code: impl Into<Bytes>) {
        let code = code.into();
        let account = &mut self.accounts.entry(address).or_default().0;
        account.nonce = 1;
        account.code_hash = keccak256(&code);
        self.code.insert(account.code_hash, code);
    }

    pub(crate) fn set_slot(&mut self, address: Address, slot: u64, value: U256) {
        self.accounts
            .entry(address)
            .or_default()
            .1
            .insert(U256::from(slot), value);
    }

    pub(crate) fn slot(&self, address: Address, slot: U256) -> U256 {
        let slots = self.accounts.get(&address).map(|(_, slots)| slots);
        slots
            .and_then(|slots| slots.get(&slot))
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.accounts
            .get(&address)
            .map_or(U256::ZERO, |(account, _)| account.balance)
    }

    pub(crate) fn nonce(&self, address: Address) -> u64 {
        self.accounts
            .get(&address)
            .map_or(0, |(account, _)| account.nonce)
    }

    pub(crate) fn apply(&mut self, diff: &StateDiff) {
        for (address, change) in &diff.accounts {
            let before = self.accounts.get(address).map(|(account, _)| *account);
            assert_eq!(before, change.previous, "previous account of {address}");
            let Some(account) = change.account else {
                self.accounts.remove(address);
                continue;
            };
            let entry = self.accounts.entry(*address).or_default();
            entry.0 = account;
            if change.destroyed {
                entry.1.clear();
            }
            for (slot, value) in &change.storage {
                let before = entry.1.get(slot).copied().unwrap_or_default();
                assert_eq!(before, value.previous, "previous value of {address} {slot}");
                if value.value.is_zero() {
                    entry.1.remove(slot);
                } else {
                    entry.1.insert(*slot, value.value);
                }
            }
        }
        self.code.extend(diff.code.clone());
    }

    pub(crate) fn storage_root(&self, address: Address) -> B256 {
        let slots = self.accounts.get(&address).map(|(_, slots)| slots.clone());
        let hashed: BTreeMap<_, _> = slots
            .unwrap_or_default()
            .into_iter()
            .map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), value))
            .collect();
        rebuild_storage_root(hashed)
    }

    pub(crate) fn trie(&self) -> StateTrie {
        let update = self.accounts.iter().map(|(address, (account, slots))| {
            let storage = slots
                .iter()
                .map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), *value))
                .collect();
            let update = AccountUpdate {
                account: Some(*account),
                destroyed: false,
                storage,
            };
            (keccak256(address), update)
        });
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
        trie.update(&Resident, &update.collect())
            .expect("all nodes are resident");
        trie
    }

    pub(crate) fn roots(&self) -> Roots {
        let hashed: BTreeMap<_, _> = self
            .accounts
            .iter()
            .map(|(address, (account, _))| {
                (keccak256(address), (*account, self.storage_root(*address)))
            })
            .collect();
        let leaves = hashed
            .into_iter()
            .map(|(key, (account, root))| (key, account, root));
        Roots {
            state_root: rebuild_state_root(leaves),
            message_passer_storage_root: self.storage_root(MESSAGE_PASSER),
        }
    }
}

/// A store of nothing, for tries that are resident as a whole.
#[derive(Debug)]
pub(crate) struct Resident;

impl NodeReader for Resident {
    fn node(&self, _: Option<B256>, _: &Nibbles, _: B256) -> Result<Option<Bytes>, ReadError> {
        Ok(None)
    }
}

/// Rules with every fork up to `last` since genesis, and the next ones at the given times.
pub(crate) fn op_chain(last: Fork) -> ChainConfig {
    op_chain_with(ForkTimes::at_genesis(last))
}

pub(crate) fn op_chain_with(forks: ForkTimes) -> ChainConfig {
    let rules = OptimismRules {
        forks,
        eip1559: ChainOpConfig::default(),
    };
    ChainConfig {
        chain_id: 10,
        kind: ChainKind::Optimism(rules),
    }
}

/// `last` since genesis, `next` in the first block after it.
pub(crate) fn op_chain_before(last: Fork, next: Fork) -> ChainConfig {
    let mut forks = ForkTimes::at_genesis(last);
    forks.set(next, Some(GENESIS_TIME + 1));
    op_chain_with(forks)
}

pub(crate) fn eth_chain() -> ChainConfig {
    let rules = EthereumRules {
        shanghai_time: Some(0),
        cancun_time: Some(0),
        prague_time: Some(0),
        osaka_time: Some(0),
        blob_schedule: vec![(0, BlobParams::bpo2())],
        deposit_contract: None,
    };
    ChainConfig {
        chain_id: 10,
        kind: ChainKind::Ethereum(rules),
    }
}

/// Contracts that a block of Prague needs.
pub(crate) const REQUEST_CONTRACTS: [Address; 2] = [
    alloy_eips::eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    alloy_eips::eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
];

/// A chain with its state and head.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) chain: ChainConfig,
    pub(crate) state: Memory,
    pub(crate) head: Header,
}

/// A block that was built, with what became of the pool transactions.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) block: BuiltBlock,
    pub(crate) pool: Vec<Result<Pushed, Rejected>>,
}

impl World {
    pub(crate) fn new(chain: ChainConfig) -> Self {
        let mut state = Memory::default();
        state.fund(ALICE, ETHER * U256::from(1_000));
        state.fund(BOB, ETHER);
        if chain.eth_fork(GENESIS_TIME) >= EthFork::Prague && !chain.is_optimism() {
            // Contracts that never ask for anything.
            for contract in REQUEST_CONTRACTS {
                state.deploy(contract, vec![0x00]);
            }
        }
        let mut head = Header {
            number: 7,
            timestamp: GENESIS_TIME,
            gas_limit: GAS_LIMIT,
            gas_used: GAS_LIMIT / 6,
            base_fee_per_gas: Some(1_000),
            ..Header::default()
        };
        if chain.is_op_active(Fork::Holocene, GENESIS_TIME) {
            head.extra_data = if chain.is_op_active(Fork::Jovian, GENESIS_TIME) {
                Bytes::from_static(&[1, 0, 0, 0, 250, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0])
            } else {
                Bytes::from_static(&[0, 0, 0, 0, 250, 0, 0, 0, 6])
            };
        }
        if chain.eth_fork(GENESIS_TIME) >= EthFork::Cancun {
            head.blob_gas_used = Some(0);
            head.excess_blob_gas = Some(0);
        }
        head.state_root = state.roots().state_root;
        let mut world = Self { chain, state, head };
        world.state.hashes.insert(7, world.head.hash_slow());
        world.set_l1_fees(&L1Fees::default());
        world
    }

    /// Writes the slots that the L1 attributes transaction writes.
    pub(crate) fn set_l1_fees(&mut self, fees: &L1Fees) {
        if !self.chain.is_optimism() {
            return;
        }
        let state = &mut self.state;
        state.deploy(L1_BLOCK, vec![0x00]);
        state.set_slot(L1_BLOCK, 1, U256::from(fees.base_fee));
        state.set_slot(L1_BLOCK, 5, U256::from(fees.overhead));
        state.set_slot(L1_BLOCK, 6, U256::from(fees.scalar));
        state.set_slot(L1_BLOCK, 7, U256::from(fees.blob_base_fee));
        // Slot 3 from the low end: sequence number (8 bytes), blob scalar (4), base fee scalar (4).
        let packed = (U256::from(fees.base_fee_scalar) << 96)
            | (U256::from(fees.blob_base_fee_scalar) << 64);
        state.set_slot(L1_BLOCK, 3, packed);
        // Slot 8 from the low end: operator constant (8), operator scalar (4), DA scalar (2).
        let packed = U256::from(fees.operator_constant)
            | (U256::from(fees.operator_scalar) << 64)
            | (U256::from(fees.da_scalar) << 96);
        state.set_slot(L1_BLOCK, 8, packed);
        for slots in state.accounts.values_mut() {
            slots.1.retain(|_, value| !value.is_zero());
        }
        self.head.state_root = self.state.roots().state_root;
    }

    /// Attributes of the next block.
    pub(crate) fn attributes(&self) -> BlockAttributes {
        let time = self.head.timestamp + 2;
        let fork = self.chain.eth_fork(time);
        let op = |fork| self.chain.is_op_active(fork, time);
        BlockAttributes {
            timestamp: time,
            prev_randao: B256::repeat_byte(7),
            fee_recipient: SEQUENCER_VAULT,
            gas_limit: self.head.gas_limit,
            parent_beacon_block_root: (fork >= opal_execution::EthFork::Cancun)
                .then_some(B256::repeat_byte(9)),
            withdrawals: (fork >= opal_execution::EthFork::Shanghai).then(Vec::new),
            eip1559_params: op(Fork::Holocene).then_some(B64::ZERO),
            min_base_fee: op(Fork::Jovian).then_some(0),
            extra_data: Bytes::new(),
        }
    }

    /// A builder of the next block.
    pub(crate) fn builder(&self) -> BlockBuilder<&Memory> {
        self.builder_with(self.attributes()).expect("attributes")
    }

    pub(crate) fn builder_with(
        &self,
        attributes: BlockAttributes,
    ) -> Result<BlockBuilder<&Memory>, InvalidBlock> {
        let hash = self.head.hash_slow();
        BlockBuilder::new(&self.chain, &self.head, hash, attributes, &self.state)
    }

    /// Builds the next block, imports it, checks that both agree, and makes it the head.
    pub(crate) fn seal(&mut self, forced: Vec<VerifiedTx>, pool: &[VerifiedTx]) -> Sealed {
        self.seal_with(self.attributes(), forced, pool)
    }

    pub(crate) fn seal_with(
        &mut self,
        attributes: BlockAttributes,
        forced: Vec<VerifiedTx>,
        pool: &[VerifiedTx],
    ) -> Sealed {
        let mut builder = self.builder_with(attributes).expect("attributes");
        for tx in forced {
            builder.push_forced(tx).expect("forced transaction");
        }
        let pool: Vec<_> = pool
            .iter()
            .map(|tx| builder.try_push(tx, &PushLimits::default()))
            .collect();
        let block = self.close(builder);
        self.import(&block);
        Sealed { block, pool }
    }

    pub(crate) fn close(&self, builder: BlockBuilder<&Memory>) -> BuiltBlock {
        let roots = |diff: &StateDiff| -> Result<Roots, InvalidBlock> {
            let mut state = self.state.clone();
            state.apply(diff);
            Ok(state.roots())
        };
        builder.finish(roots).expect("the block closes")
    }

    /// Executes a block as a verifier and makes it the head.
    pub(crate) fn import(&mut self, block: &BuiltBlock) {
        let executed = self.execute(block).expect("the built block is valid");
        assert_eq!(executed, block.executed);
        // The incremental trie agrees with the rebuilt one.
        let mut trie = self.state.trie();
        trie.update(&Resident, &executed.diff.hashed())
            .expect("all nodes are resident");
        self.state.apply(&executed.diff);
        assert_eq!(trie.root(), self.state.roots().state_root);
        check_roots(&self.chain, &block.header, &self.state.roots()).expect("roots");
        self.head = block.header.clone();
        self.state.hashes.insert(self.head.number, block.hash);
    }

    pub(crate) fn execute(
        &self,
        block: &BuiltBlock,
    ) -> Result<opal_execution::Executed, InvalidBlock> {
        let withdrawals = block.withdrawals.as_deref();
        let (header, txs) = (&block.header, &block.transactions);
        execute_block(
            &self.chain,
            &self.head,
            header,
            txs,
            withdrawals,
            &self.state,
        )
    }
}

/// What the L1Block predeploy says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct L1Fees {
    pub(crate) base_fee: u64,
    pub(crate) blob_base_fee: u64,
    pub(crate) overhead: u64,
    pub(crate) scalar: u64,
    pub(crate) base_fee_scalar: u32,
    pub(crate) blob_base_fee_scalar: u32,
    pub(crate) operator_scalar: u32,
    pub(crate) operator_constant: u64,
    pub(crate) da_scalar: u16,
}

pub(crate) fn deposit(
    from: Address,
    to: TxKind,
    mint: u128,
    value: U256,
    gas_limit: u64,
) -> TxDeposit {
    TxDeposit {
        source_hash: B256::repeat_byte(1),
        from,
        to,
        mint,
        value,
        gas_limit,
        is_system_transaction: false,
        input: Bytes::new(),
    }
}

pub(crate) fn deposit_tx(tx: TxDeposit) -> VerifiedTx {
    let from = tx.from;
    VerifiedTx::new_unchecked(Transaction::Deposit(tx.seal_slow()), from)
}

/// The transaction that opens every L2 block. The test L1Block accepts anything.
pub(crate) fn l1_info() -> VerifiedTx {
    deposit_tx(deposit(
        DEPOSITOR,
        TxKind::Call(L1_BLOCK),
        0,
        U256::ZERO,
        1_000_000,
    ))
}

/// Signatures do not matter where the sender is given.
pub(crate) fn signature() -> Signature {
    Signature::new(U256::from(1), U256::from(2), false)
}

pub(crate) fn legacy(tx: TxLegacy, sender: Address) -> VerifiedTx {
    VerifiedTx::new_unchecked(Transaction::Legacy(tx.into_signed(signature())), sender)
}

/// A plain transaction of Alice.
pub(crate) fn user_tx(
    nonce: u64,
    to: TxKind,
    gas_limit: u64,
    input: impl Into<Bytes>,
) -> VerifiedTx {
    let tx = TxEip1559 {
        chain_id: 10,
        nonce,
        gas_limit,
        max_fee_per_gas: 1_000_000,
        max_priority_fee_per_gas: 10,
        to,
        value: U256::from(5),
        access_list: Default::default(),
        input: input.into(),
    };
    VerifiedTx::new_unchecked(Transaction::Eip1559(tx.into_signed(signature())), ALICE)
}

pub(crate) fn transfer(nonce: u64) -> VerifiedTx {
    user_tx(nonce, TxKind::Call(BOB), 21_000, Bytes::new())
}

pub(crate) const CREATE2_DEPLOYER: Address = address!("13b0D85CcB8bf860b6b79AF3029fCA081AE9beF2");
/// spec: canyon/overview.md
pub(crate) const CREATE2_DEPLOYER_CODE_HASH: B256 =
    b256!("b0550b5b431e30d38000efb7107aaa0ade03d48a7198a140edda9d27134468b2");
