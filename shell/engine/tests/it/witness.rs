//! Witnesses: blocks executed from nothing but what `debug_executionWitness` hands out.

use crate::{
    rpc::{ask, call},
    world::{self, Driver, transfer, user},
};
use alloy_consensus::Header;
use alloy_eips::eip2718::Encodable2718;
use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, bytes, keccak256};
use alloy_rlp::Decodable;
use op_alloy_consensus::TxDeposit;
use opal_execution::{
    ChainConfig, Roots, Transaction, VerifiedTx, Witness, execute_block, header::check_roots,
};
use opal_protocol::{Fork, predeploys::L2_TO_L1_MESSAGE_PASSER};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Writes pairs of words (slot, value) of its input; without input it destroys itself.
const SCRIBBLER: Bytes = bytes!(
    // calldatasize, jumpi(start); push0, selfdestruct
    "36600657 5fff"
    // start: push0
    "5b5f"
    // loop: while i < size: sstore(input[i], input[i + 32]), i += 64
    "5b36811015601e5780602001358135556040016008565b00"
);
/// An interval between flushes in which about one block comes.
const OFTEN: Duration = Duration::from_millis(1);
/// Creates a contract of its input, and returns the hash of the grandparent block.
const CREATOR: Address = address!("c0de000000000000000000000000000000000001");

fn deploying(code: &[u8]) -> Bytes {
    let length = u8::try_from(code.len()).unwrap();
    let mut init = vec![
        0x60, length, 0x60, 11, 0x5f, 0x39, 0x60, length, 0x5f, 0xf3, 0,
    ];
    init.extend(code);
    init.into()
}

fn deposit(nonce: u64, to: TxKind, input: impl Into<Bytes>) -> Bytes {
    let deposit = TxDeposit {
        source_hash: keccak256([7, nonce as u8, (nonce >> 8) as u8]),
        from: user(3).address(),
        to,
        mint: 0,
        value: U256::ZERO,
        gas_limit: 2_000_000,
        is_system_transaction: false,
        input: input.into(),
    };
    deposit.encoded_2718().into()
}

/// A small reproducible generator.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// Builds random blocks: creations, writes, deletions, destructions, new accounts.
struct Scribe {
    driver: Driver,
    random: Random,
    contracts: Vec<Address>,
    /// Nonce of the creating account, which deposits count too.
    created: u64,
    deposits: u64,
    sent: u64,
}

impl Scribe {
    async fn start(fork: Fork, seed: u64, flush_interval: Duration) -> Self {
        let mut config = world::config(fork);
        config.flush_interval = flush_interval;
        // blockhash(number - 2), then create(0, 0, calldatasize).
        let code = bytes!("60024303405f52 365f5f37 365f5ff0 00");
        config
            .genesis
            .alloc
            .insert(CREATOR, GenesisAccount::default().with_code(Some(code)));
        Self {
            driver: Driver::start(config, fork).await,
            random: Random(seed),
            contracts: Vec::new(),
            created: 1,
            deposits: 0,
            sent: 0,
        }
    }

    fn deposit(&mut self, to: TxKind, input: impl Into<Bytes>) -> Bytes {
        self.deposits += 1;
        deposit(self.deposits, to, input)
    }

    fn words(&mut self) -> Bytes {
        let count = 1 + self.random.below(12);
        let mut input = Vec::new();
        for _ in 0..count {
            let (slot, value) = (self.random.below(24), self.random.below(3));
            input.extend(U256::from(slot).to_be_bytes::<32>());
            input.extend(U256::from(value).to_be_bytes::<32>());
        }
        input.into()
    }

    fn transaction(&mut self) -> Bytes {
        let count = self.contracts.len() as u64;
        match self.random.below(10) {
            0..=1 => {
                // A genesis account's nonce is 0, one that creates counts from there.
                let contract = CREATOR.create(self.created - 1);
                self.created += 1;
                self.contracts.push(contract);
                self.deposit(TxKind::Call(CREATOR), deploying(&SCRIBBLER))
            }
            2 if count > 0 => {
                let victim = self.random.below(count) as usize;
                let victim = self.contracts[victim];
                self.deposit(TxKind::Call(victim), Bytes::new())
            }
            3 => {
                let to = Address::with_last_byte(self.random.below(200) as u8 + 50);
                self.sent += 1;
                transfer(&user(0), self.sent - 1, to, 1)
            }
            _ if count > 0 => {
                let target = self.random.below(count) as usize;
                let target = self.contracts[target];
                let input = self.words();
                self.deposit(TxKind::Call(target), input)
            }
            _ => {
                self.created += 1;
                self.deposit(TxKind::Call(CREATOR), Bytes::new())
            }
        }
    }

    /// One block; its attributes as the node would send them.
    async fn block(&mut self) -> Value {
        let mut attributes = self.driver.attributes(true);
        let count = 1 + self.random.below(8);
        let mut transactions: Vec<Bytes> = (0..count).map(|_| self.transaction()).collect();
        // Deposits come first.
        transactions.sort_by_key(|tx| tx[0] != 0x7e);
        attributes
            .transactions
            .as_mut()
            .unwrap()
            .extend(transactions);
        let json = serde_json::to_value(&attributes).unwrap();
        self.driver.build_with(attributes).await;
        json
    }
}

fn list(witness: &Value, name: &str) -> Vec<Bytes> {
    serde_json::from_value(witness[name].clone()).unwrap()
}

/// Executes a block from its witness alone. Returns its header, which was checked.
fn execute_stateless(chain: &ChainConfig, witness: &Value, block: &[u8]) -> Header {
    let headers: Vec<Header> = list(witness, "headers")
        .iter()
        .map(|rlp| Header::decode(&mut rlp.as_ref()).unwrap())
        .collect();
    let parent = headers.last().unwrap();
    let hashes: BTreeMap<u64, B256> = headers.iter().map(|h| (h.number, h.hash_slow())).collect();
    for pair in headers.windows(2) {
        assert_eq!(pair[1].parent_hash, pair[0].hash_slow());
    }
    let mut preimages = BTreeMap::new();
    for preimage in list(witness, "state")
        .into_iter()
        .chain(list(witness, "codes"))
    {
        assert!(preimages.insert(keccak256(&preimage), preimage).is_none());
    }
    let witness = Witness::new(parent.state_root, preimages, hashes);
    let block = alloy_consensus::Block::<Transaction>::decode(&mut &block[..]).unwrap();
    let transactions: Vec<VerifiedTx> = block
        .body
        .transactions
        .iter()
        .map(|tx| VerifiedTx::new_unchecked(tx.clone(), tx.recover().unwrap()))
        .collect();
    let withdrawals = block.body.withdrawals.as_ref().map(|w| w.as_slice());
    let executed = execute_block(
        chain,
        parent,
        &block.header,
        &transactions,
        withdrawals,
        &witness,
    )
    .unwrap();
    let mut trie = witness.trie().clone();
    trie.update(&witness, &executed.diff.hashed()).unwrap();
    let roots = Roots {
        state_root: trie.root(),
        message_passer_storage_root: trie
            .storage_root(&witness, keccak256(L2_TO_L1_MESSAGE_PASSER))
            .unwrap(),
    };
    check_roots(chain, &block.header, &roots).unwrap();
    // Deletions before additions, one by one, as other clients apply them.
    let mut trie = witness.trie().clone();
    let update = executed.diff.hashed();
    let (gone, kept): (Vec<_>, Vec<_>) = update.into_iter().partition(|(_, u)| u.account.is_none());
    for (address, change) in gone.into_iter().chain(kept) {
        let (zeros, others): (BTreeMap<_, _>, BTreeMap<_, _>) = change
            .storage
            .iter()
            .partition(|(_, value)| value.is_zero());
        let mut part = change.clone();
        part.storage = zeros;
        let one = |part: &opal_trie::AccountUpdate| BTreeMap::from([(address, part.clone())]);
        if change.account.is_some() && !change.destroyed {
            trie.update(&witness, &one(&part)).unwrap();
        }
        part.storage = if change.destroyed || change.account.is_none() {
            change.storage
        } else {
            others
        };
        trie.update(&witness, &one(&part)).unwrap();
    }
    assert_eq!(trie.root(), block.header.state_root);
    block.header
}

async fn witnesses_suffice(fork: Fork, seed: u64, blocks: u64, flush_interval: Duration) {
    let chain = world::op_chain(fork);
    let mut scribe = Scribe::start(fork, seed, flush_interval).await;
    let url = scribe.driver.engine.rpc_url();
    let (mut nodes, mut first) = (0, Vec::new());
    for number in 1..=blocks {
        let parent = scribe.driver.head;
        // Before the block exists: what the node is about to derive.
        let random = scribe.random.0;
        let attributes = scribe.block().await;
        assert_ne!(random, scribe.random.0);
        let hash = scribe.driver.head;
        let witness = ask(
            &url,
            "debug_executionWitness",
            json!([format!("{number:#x}")]),
        )
        .await;
        let payload = ask(&url, "debug_executePayload", json!([parent, attributes])).await;
        assert_eq!(payload, witness, "the same block, built or executed");
        let rlp: Bytes =
            serde_json::from_value(ask(&url, "debug_getRawBlock", json!([hash])).await).unwrap();
        let header = execute_stateless(&chain, &witness, &rlp);
        assert_eq!(header.hash_slow(), hash, "{fork} block {number}");
        nodes += witness["state"].as_array().unwrap().len();
        first.push((rlp, witness));
    }
    assert!(nodes as u64 > 5 * blocks, "{nodes} nodes");
    // Much later: the same witnesses from the state that is brought back.
    tokio::time::sleep(Duration::from_millis(200)).await;
    for number in (1..=blocks).step_by(5) {
        let later = ask(
            &url,
            "debug_executionWitness",
            json!([format!("{number:#x}")]),
        )
        .await;
        assert_eq!(
            later,
            first[number as usize - 1].1,
            "{fork} block {number} later"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn witnesses_suffice_where_accounts_are_destroyed() {
    witnesses_suffice(Fork::Canyon, 1, 40, OFTEN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn witnesses_suffice_now() {
    witnesses_suffice(Fork::Karst, 2, 25, OFTEN).await;
}

/// With many blocks in memory, nodes are looked up on disk first, where older ones lie.
#[tokio::test(flavor = "multi_thread")]
async fn witnesses_suffice_while_nothing_is_flushed() {
    let never = Duration::from_secs(3_600);
    witnesses_suffice(Fork::Karst, 4, 20, never).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_without_one_of_its_nodes_is_not_enough() {
    let chain = world::op_chain(Fork::Karst);
    let mut scribe = Scribe::start(Fork::Karst, 3, OFTEN).await;
    let url = scribe.driver.engine.rpc_url();
    for _ in 0..6 {
        scribe.block().await;
    }
    let witness = ask(&url, "debug_executionWitness", json!(["latest"])).await;
    let rlp: Bytes =
        serde_json::from_value(ask(&url, "debug_getRawBlock", json!(["latest"])).await).unwrap();
    execute_stateless(&chain, &witness, &rlp);
    let mut less = witness.clone();
    less["state"].as_array_mut().unwrap().remove(0);
    let failed = std::panic::catch_unwind(|| execute_stateless(&chain, &less, &rlp));
    assert!(failed.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_cannot_be_executed_are_refused() {
    let driver = Driver::karst().await;
    let url = driver.engine.rpc_url();
    let attributes = serde_json::to_value(driver.attributes(true)).unwrap();
    let code = async |params: Value| {
        call(&url, "debug_executePayload", params).await["error"]["code"].clone()
    };
    assert_eq!(code(json!([driver.head])).await, -32602);
    assert_eq!(
        code(json!([B256::repeat_byte(9), attributes])).await,
        -32000
    );
    let mut changed = attributes.clone();
    changed["gasLimit"] = Value::Null;
    assert_eq!(code(json!([driver.head, changed])).await, -32602);
    let mut changed = attributes.clone();
    changed["transactions"] = json!(["0x7e"]);
    assert_eq!(code(json!([driver.head, changed])).await, -32602);
    let mut changed = attributes.clone();
    changed["timestamp"] = json!("0x1");
    assert_eq!(code(json!([driver.head, changed])).await, -32000);
    let genesis = call(&url, "debug_executionWitness", json!(["0x0"])).await;
    assert_eq!(genesis["error"]["code"], -32000);
}
