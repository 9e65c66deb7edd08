//! Old states against a naive model that keeps every one of them: through an archive's index, and
//! through the window that a pruned database goes back within; with reorgs, flushes at any moment
//! and a restart on the way.

use crate::{
    random::{self, FACTORY_ADDRESS, Random, STORER, init_code},
    world::{Driver, attributes, transfer, user},
};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use opal_engine::EngineConfig;
use opal_protocol::Fork;
use opal_trie::{EMPTY_ROOT_HASH, rebuild_storage_root};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, time::Duration};

/// Gets seven wei from some blocks, and nothing else ever happens to it.
const SINK: Address = Address::repeat_byte(0x51);
/// Slots that are ever written.
const SLOTS: u64 = 8;
/// Blocks that are built, those that reorgs undo included.
const STEPS: u64 = 150;
/// Heights that are looked at.
const LOOKS: u64 = 50;

/// What is in the state after a block, as the transactions say.
#[derive(Clone, Debug, Default)]
struct Model {
    /// Whether the contract exists.
    alive: bool,
    slots: BTreeMap<u64, u64>,
    sink: u64,
    nonces: [u64; 3],
}

impl Model {
    /// Adds a random transaction and what it does.
    fn step(&mut self, random: &mut Random, destroys: bool) -> Bytes {
        let who = random.below(3) as u8;
        let nonce = self.nonces[usize::from(who)];
        self.nonces[usize::from(who)] += 1;
        let storer = storer();
        match random.below(6) {
            0 => {
                self.sink += 7;
                transfer(&user(who), nonce, SINK, 1)
            }
            1 => {
                // Does nothing if it exists.
                self.alive = true;
                random::call(who, nonce, FACTORY_ADDRESS, init_code())
            }
            kind => {
                let (slot, value) = (random.below(SLOTS), random.below(3));
                let ends = kind == 2 && random.below(2) == 0;
                if self.alive {
                    self.slots.insert(slot, value);
                    if ends && destroys {
                        (self.alive, self.slots) = (false, BTreeMap::new());
                    }
                }
                let words = [slot, value, u64::from(ends)].map(U256::from);
                let input = words.iter().flat_map(|w| w.to_be_bytes::<32>()).collect();
                random::call(who, nonce, storer, input)
            }
        }
    }

    fn storage_root(&self) -> B256 {
        let slots = self.slots.iter().filter(|(_, value)| **value > 0);
        let hashed: BTreeMap<B256, U256> = slots
            .map(|(slot, value)| (keccak256(word(*slot)), U256::from(*value)))
            .collect();
        rebuild_storage_root(hashed)
    }
}

fn storer() -> Address {
    FACTORY_ADDRESS.create2(B256::ZERO, keccak256(init_code()))
}

fn word(number: u64) -> B256 {
    U256::from(number).into()
}

async fn ask(driver: &Driver, method: &str, params: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let answer = driver.engine.answer(&request.to_string()).await;
    serde_json::from_str(&answer).unwrap()
}

/// Whether everything about block `number` is as the model has it.
async fn compare(driver: &Driver, model: &Model, number: u64) {
    let tag = format!("{number:#x}");
    let result = async |method: &str, params: Value| {
        let answer = ask(driver, method, params).await;
        assert!(answer.get("error").is_none(), "block {number}: {answer}");
        answer["result"].clone()
    };
    let header = result("eth_getHeaderByNumber", json!([tag])).await;
    let sink = result("eth_getBalance", json!([SINK, tag])).await;
    assert_eq!(sink, format!("{:#x}", model.sink), "block {number}");
    for who in 0..3 {
        let params = json!([user(who).address(), tag]);
        let nonce = result("eth_getTransactionCount", params).await;
        let wanted = format!("{:#x}", model.nonces[usize::from(who)]);
        assert_eq!(nonce, wanted, "block {number}");
    }
    let code = result("eth_getCode", json!([storer(), tag])).await;
    let wanted: &[u8] = if model.alive { &STORER } else { &[] };
    assert_eq!(code, hex::encode_prefixed(wanted), "block {number}");
    let slots: Vec<u64> = (0..SLOTS).collect();
    let value = |slot: &u64| model.slots.get(slot).copied().unwrap_or(0);
    for slot in &slots {
        let params = json!([storer(), word(*slot), tag]);
        let found = result("eth_getStorageAt", params).await;
        assert_eq!(
            found,
            json!(word(value(slot))),
            "block {number} slot {slot}"
        );
    }
    let keys: Vec<B256> = slots.iter().map(|slot| word(*slot)).collect();
    let proof = result("eth_getProof", json!([storer(), keys, tag])).await;
    let root = model.storage_root();
    let proven: B256 = serde_json::from_value(proof["storageHash"].clone()).unwrap();
    assert_eq!(proven, root, "block {number}");
    let code_hash: B256 = serde_json::from_value(proof["codeHash"].clone()).unwrap();
    // Accounts that do not exist have an empty hash, or none.
    assert!(code_hash == keccak256(wanted) || (!model.alive && code_hash.is_zero()));
    let first = |proof: &Value| -> Option<B256> {
        let node: Bytes = serde_json::from_value(proof.get(0)?.clone()).unwrap();
        Some(keccak256(node))
    };
    let state_root = first(&proof["accountProof"]).unwrap();
    assert_eq!(json!(state_root), header["stateRoot"], "block {number}");
    for (slot, proof) in slots.iter().zip(proof["storageProof"].as_array().unwrap()) {
        assert_eq!(proof["value"], format!("{:#x}", value(slot)));
        let root_node = first(&proof["proof"]);
        assert_eq!(root_node, (root != EMPTY_ROOT_HASH).then_some(root));
    }
    let proof = result("eth_getProof", json!([SINK, [], tag])).await;
    assert_eq!(proof["balance"], format!("{:#x}", model.sink));
}

/// Whether nobody answers for a state that is not kept: neither right nor wrong.
async fn refused(driver: &Driver, number: u64) {
    let tag = format!("{number:#x}");
    for (method, params) in [
        ("eth_getBalance", json!([SINK, tag])),
        ("eth_getStorageAt", json!([storer(), word(0), tag])),
        ("eth_getCode", json!([storer(), tag])),
        ("eth_getProof", json!([SINK, [], tag])),
    ] {
        let answer = ask(driver, method, params).await;
        assert_eq!(answer["error"]["code"], -32_000, "block {number}: {answer}");
    }
}

fn config(dir: &Path, fork: Fork, history_blocks: u64) -> EngineConfig {
    EngineConfig {
        datadir: Some(dir.to_owned()),
        history_blocks,
        ..random::config(fork, Duration::ZERO)
    }
}

async fn run(seed: u64, fork: Fork, history_blocks: u64) {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), fork, history_blocks);
    let mut random = Random(seed);
    let mut driver = Driver::start(config.clone(), fork).await;
    // The state after each canonical block, and its hash and time.
    let mut models = vec![(Model::default(), driver.head, driver.time)];
    for step in 0..STEPS {
        if random.below(10) == 0 {
            let back = random.below(8).min(models.len() as u64 - 1);
            models.truncate(models.len() - back as usize);
            driver.set_head(models.last().unwrap().1).await;
        }
        let (mut model, _, time) = models.last().unwrap().clone();
        let number = models.len() as u64;
        // Another one each time, so that a branch never repeats the one that it replaces.
        let mut attributes = attributes(fork, number, time + 2, true);
        attributes.payload_attributes.prev_randao = keccak256(step.to_be_bytes());
        let transactions = attributes.transactions.as_mut().unwrap();
        for _ in 0..random.below(4) {
            transactions.push(model.step(&mut random, fork < Fork::Ecotone));
        }
        driver.build_with(attributes).await;
        models.push((model, driver.head, driver.time));
        if random.below(8) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if random.below(20) == 0 {
            // Reads in between, while some blocks are on disk and some are not.
            let number = models.len() - 1 - random.below(8).min(models.len() as u64 - 1) as usize;
            compare(&driver, &models[number].0, number as u64).await;
        }
        if step == STEPS / 2 {
            driver.engine.shutdown().await;
            driver = Driver::start(config.clone(), fork).await;
            assert_eq!(driver.head, models.last().unwrap().1);
        }
    }
    driver.engine.shutdown().await;
    let driver = Driver::start(config, fork).await;
    let capabilities = ask(&driver, "eth_capabilities", json!([])).await;
    let oldest = capabilities["result"]["state"]["oldestBlock"].clone();
    let oldest = u64::from_str_radix(&oldest.as_str().unwrap()[2..], 16).unwrap();
    let head = models.len() as u64 - 1;
    if history_blocks == u64::MAX {
        assert_eq!(oldest, 0);
    } else {
        assert!(oldest > 0 && oldest <= head - history_blocks, "{oldest}");
        refused(&driver, oldest - 1).await;
        refused(&driver, random.below(oldest)).await;
    }
    for _ in 0..LOOKS {
        let number = oldest + random.below(head - oldest + 1);
        compare(&driver, &models[number as usize].0, number).await;
    }
    for number in [oldest, head] {
        compare(&driver, &models[number as usize].0, number).await;
    }
    driver.engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_agrees_with_a_model_that_keeps_all_states() {
    run(1, Fork::Karst, u64::MAX).await;
}

/// Contracts still die there, with all their storage, and come back.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_remembers_contracts_that_died() {
    run(2, Fork::Canyon, u64::MAX).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_states_agrees_with_the_model_and_ends_where_it_says() {
    run(3, Fork::Karst, 30).await;
    run(4, Fork::Canyon, 30).await;
}
