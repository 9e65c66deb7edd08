//! Valid blocks of every era with one field off: each must be refused with a reason that names the
//! field, and the valid one must still be taken afterwards.
//!
//! Some fields are free: whoever builds decides `prevRandao`, the fee recipient, a later timestamp,
//! on L2 the gas limit, and the parameters in extra data. Those are changed to what no builder may
//! choose, or to what the state contradicts.

use crate::world::{self, Driver, transfer, transfer_on, user};
use alloy_consensus::{EMPTY_ROOT_HASH, Header};
use alloy_eips::eip4895::Withdrawal;
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256};
use alloy_rlp::Encodable;
use opal_engine::{ChainConfig, Engine, EngineConfig, ImportError, L1BlockAttributes, LocalEngine};
use opal_execution::{BlobParams, ChainKind, EthereumRules};
use opal_protocol::Fork;
use opal_rpc::BlockTag;

/// A block as it is imported.
#[derive(Clone, Debug)]
struct Raw {
    header: Header,
    transactions: Vec<Bytes>,
    withdrawals: Option<Vec<Withdrawal>>,
    ommers: Vec<Header>,
}

impl Raw {
    fn rlp(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        self.header.encode(&mut payload);
        let mut transactions = Vec::new();
        for tx in &self.transactions {
            // A legacy transaction is a list, any other a string that holds it.
            if tx.first().is_some_and(|b| *b >= 0xc0) {
                transactions.extend_from_slice(tx);
            } else {
                tx.encode(&mut transactions);
            }
        }
        list(&transactions, &mut payload);
        self.ommers.encode(&mut payload);
        if let Some(withdrawals) = &self.withdrawals {
            withdrawals.encode(&mut payload);
        }
        let mut out = Vec::new();
        list(&payload, &mut out);
        out
    }

    /// Makes the header commit to the body.
    fn commit(&mut self) {
        self.header.transactions_root = alloy_consensus::proofs::ordered_trie_root_with_encoder(
            &self.transactions,
            |tx, out| out.extend_from_slice(tx),
        );
    }
}

fn list(payload: &[u8], out: &mut Vec<u8>) {
    let header = alloy_rlp::Header {
        list: true,
        payload_length: payload.len(),
    };
    header.encode(out);
    out.extend_from_slice(payload);
}

/// An era, a valid block of it, and what it stands on.
struct Case {
    name: String,
    chain: ChainConfig,
    genesis: Genesis,
    block: Raw,
}

/// What is changed, how, and the words of which the reason must have one.
type Change = (
    &'static str,
    &'static [&'static str],
    Box<dyn Fn(&mut Raw) -> bool>,
);

/// A change that always applies.
fn change(
    name: &'static str,
    words: &'static [&'static str],
    f: impl Fn(&mut Header) + 'static,
) -> Change {
    let f = move |raw: &mut Raw| {
        f(&mut raw.header);
        true
    };
    (name, words, Box::new(f))
}

/// A change of a field that only some eras have: there it is altered and removed, elsewhere added.
fn optional<T: Clone + 'static>(
    name: &'static str,
    words: &'static [&'static str],
    field: impl Fn(&mut Header) -> &mut Option<T> + Copy + 'static,
    other: T,
    altered: Option<T>,
) -> Vec<Change> {
    // Without one field, or with one too many, the next ones are read as others.
    const ABSENT: &[&str] = &[
        "withdrawalsRoot",
        "withdrawals",
        "blobGasUsed",
        "excessBlobGas",
        "parentBeaconBlockRoot",
        "requestsHash",
        "block RLP: header",
    ];
    let removed = move |raw: &mut Raw| field(&mut raw.header).take().is_some();
    let added = move |raw: &mut Raw| {
        let absent = field(&mut raw.header).is_none();
        *field(&mut raw.header) = Some(other.clone());
        absent
    };
    let mut changes: Vec<Change> = vec![
        (name, ABSENT, Box::new(removed)),
        (name, ABSENT, Box::new(added)),
    ];
    if let Some(altered) = altered {
        let alter = move |raw: &mut Raw| {
            let present = field(&mut raw.header).is_some();
            *field(&mut raw.header) = Some(altered.clone());
            present
        };
        changes.push((name, words, Box::new(alter)));
    }
    changes
}

fn header_changes(chain: &ChainConfig) -> Vec<Change> {
    let word = B256::repeat_byte(0x99);
    let is_l2 = chain.is_optimism();
    let mut changes = vec![
        change("parentHash", &["parent"], move |h| h.parent_hash = word),
        change("sha3Uncles", &["sha3Uncles"], move |h| h.ommers_hash = word),
        change("miner", &["stateRoot"], |h| {
            h.beneficiary = Address::repeat_byte(0x77)
        }),
        change("stateRoot", &["stateRoot"], move |h| h.state_root = word),
        change("transactionsRoot", &["transactionsRoot"], move |h| {
            h.transactions_root = word
        }),
        change("receiptsRoot", &["receiptsRoot"], move |h| {
            h.receipts_root = word
        }),
        change("logsBloom", &["logsBloom"], |h| {
            h.logs_bloom = Bloom::repeat_byte(1)
        }),
        change("difficulty", &["difficulty"], |h| h.difficulty = U256::ONE),
        change("number", &["number"], |h| h.number += 1),
        change("number", &["number"], |h| h.number = u64::MAX),
        change("gasLimit", &["gasUsed"], |h| h.gas_limit = h.gas_used - 1),
        change("gasLimit", &["gasLimit"], |h| h.gas_limit = u64::MAX),
        change("gasUsed", &["gasUsed"], |h| h.gas_used += 1),
        change("gasUsed", &["gasUsed"], |h| h.gas_used -= 1),
        change("gasUsed", &["gasUsed"], |h| h.gas_used = h.gas_limit + 1),
        change("timestamp", &["timestamp"], |h| {
            h.timestamp = world::GENESIS_TIME
        }),
        change("timestamp", &["timestamp"], |h| h.timestamp = 0),
        change("extraData", &["extraData"], |h| {
            h.extra_data = vec![7; 33].into()
        }),
        change("nonce", &["nonce"], |h| h.nonce = B64::with_last_byte(1)),
        change("baseFeePerGas", &["baseFeePerGas"], |h| {
            *h.base_fee_per_gas.as_mut().expect("since London") += 1;
        }),
        change("baseFeePerGas", &["baseFeePerGas"], |h| {
            *h.base_fee_per_gas.as_mut().expect("since London") -= 1;
        }),
        change(
            "baseFeePerGas",
            &["block RLP: header", "baseFeePerGas"],
            |h| h.base_fee_per_gas = None,
        ),
    ];
    if is_l2 {
        let zero_denominator = |h: &mut Header| {
            let mut extra = h.extra_data.to_vec();
            extra.truncate(9);
            extra.splice(1..extra.len().min(5), [0; 4]);
            h.extra_data = extra.into();
        };
        changes.push(change("extraData", &["extraData"], move |h| {
            match h.extra_data.is_empty() {
                true => h.extra_data = vec![0].into(),
                false => zero_denominator(h),
            }
        }));
        changes.push(change("extraData", &["extraData"], |h| {
            let mut extra = h.extra_data.to_vec();
            match extra.len() {
                0 => extra.push(1),
                // Without elasticity the next base fee would be divided by zero.
                _ => extra.splice(5..9, [0; 4]).for_each(drop),
            }
            h.extra_data = extra.into();
        }));
        changes.push(change("extraData", &["extraData"], |h| {
            match h.extra_data.is_empty() {
                true => h.extra_data = vec![0; 9].into(),
                false => h.extra_data = Bytes::new(),
            }
        }));
    } else {
        changes.push(change("gasLimit", &["gasLimit"], |h| {
            h.gas_limit += h.gas_limit / 1_024 + 1
        }));
    }
    changes.extend(optional(
        "withdrawalsRoot",
        &["withdrawalsRoot"],
        |h| &mut h.withdrawals_root,
        EMPTY_ROOT_HASH,
        Some(word),
    ));
    changes.extend(optional(
        "blobGasUsed",
        &["blobGasUsed"],
        |h| &mut h.blob_gas_used,
        0,
        Some(131_072 * 3),
    ));
    changes.extend(optional(
        "excessBlobGas",
        &["excessBlobGas"],
        |h| &mut h.excess_blob_gas,
        0,
        Some(131_072),
    ));
    changes.extend(optional(
        "parentBeaconBlockRoot",
        &["parentBeaconBlockRoot"],
        |h| &mut h.parent_beacon_block_root,
        word,
        None,
    ));
    changes.extend(optional(
        "requestsHash",
        &["requestsHash"],
        |h| &mut h.requests_hash,
        word,
        Some(word),
    ));
    changes
}

/// Changes of the body, with and without a header that commits to it.
fn body_changes(chain: &ChainConfig) -> Vec<Change> {
    let chain_id = chain.chain_id;
    let body = |name, words, f: Box<dyn Fn(&mut Raw)>| -> Change {
        (
            name,
            words,
            Box::new(move |raw: &mut Raw| {
                f(raw);
                true
            }),
        )
    };
    let committed = |name, words, f: fn(&mut Raw)| {
        let f = move |raw: &mut Raw| {
            f(raw);
            raw.commit();
        };
        body(name, words, Box::new(f))
    };
    let withdrawal = Withdrawal {
        index: 1,
        validator_index: 2,
        address: Address::repeat_byte(3),
        amount: 4,
    };
    vec![
        body(
            "transactions",
            &["transactionsRoot"],
            Box::new(|raw| raw.transactions.clear()),
        ),
        body(
            "transactions",
            &["transactionsRoot"],
            Box::new(|raw| raw.transactions.reverse()),
        ),
        body(
            "transactions",
            &["transactionsRoot"],
            Box::new(move |raw| {
                let more = transfer_on(chain_id, &user(3), 0, Address::ZERO, 1);
                raw.transactions.push(more);
            }),
        ),
        committed("transactions", &["transaction"], |raw| {
            let again = raw.transactions.last().expect("some").clone();
            raw.transactions.push(again);
        }),
        committed("transactions", &["transaction"], |raw| {
            raw.transactions.push(Bytes::from_static(&[2, 0xc0]));
        }),
        committed("transactions", &["transaction"], |raw| {
            raw.transactions.push(Bytes::from_static(&[0x7d, 0xc0]));
        }),
        committed("transactions", &["transaction"], |raw| {
            let mut torn = raw.transactions.pop().expect("some").to_vec();
            torn.pop();
            raw.transactions.push(torn.into());
        }),
        committed(
            "transactions",
            &["transaction", "gasUsed", "stateRoot"],
            |raw| {
                raw.transactions.pop();
            },
        ),
        body(
            "withdrawals",
            &["withdrawals"],
            Box::new(|raw| match raw.withdrawals {
                Some(_) => raw.withdrawals = None,
                None => raw.withdrawals = Some(Vec::new()),
            }),
        ),
        body(
            "withdrawals",
            &["withdrawals"],
            Box::new(move |raw| raw.withdrawals = Some(vec![withdrawal])),
        ),
        body(
            "ommers",
            &["ommers"],
            Box::new(|raw| raw.ommers.push(Header::default())),
        ),
    ]
}

async fn l2_case(fork: Fork) -> Case {
    let mut driver = Driver::start(world::config(fork), fork).await;
    let transactions = [transfer(&user(0), 0, Address::repeat_byte(5), 1_000_000)];
    for tx in transactions {
        driver.send(tx).await;
    }
    driver.build().await;
    let block = driver.api.block(BlockTag::Latest).await;
    let block = block.unwrap().unwrap();
    assert_eq!(block.transactions.len(), 2, "{fork}");
    let chain = world::op_chain(fork);
    let genesis = world::genesis(&chain);
    driver.engine.shutdown().await;
    let withdrawals = (fork >= Fork::Canyon).then(Vec::new);
    Case {
        name: fork.to_string(),
        chain,
        genesis,
        block: Raw {
            header: block.header,
            transactions: block.transactions,
            withdrawals,
            ommers: Vec::new(),
        },
    }
}

/// Ethereum's rules with the given number of forks after Paris.
fn ethereum(forks: usize) -> ChainConfig {
    let since = |n: usize| (forks >= n).then_some(0);
    let blobs = [
        BlobParams::cancun(),
        BlobParams::prague(),
        BlobParams::osaka(),
    ];
    let rules = EthereumRules {
        shanghai_time: since(1),
        cancun_time: since(2),
        prague_time: since(3),
        osaka_time: since(4),
        blob_schedule: forks
            .checked_sub(2)
            .map(|i| (0, blobs[i]))
            .into_iter()
            .collect(),
        deposit_contract: None,
    };
    ChainConfig {
        chain_id: 900,
        kind: ChainKind::Ethereum(rules),
    }
}

async fn l1_case(forks: usize) -> Case {
    let chain = ethereum(forks);
    let genesis = world::genesis(&chain);
    let config = EngineConfig::new(chain.clone(), genesis.clone());
    let engine = Engine::start(config).await.unwrap();
    let tip = 1_000_000;
    for nonce in 0..2 {
        let tx = transfer_on(900, &user(0), nonce, Address::repeat_byte(5), tip);
        engine.send_raw_transaction(tx).await.unwrap();
    }
    let attrs = L1BlockAttributes {
        parent: None,
        timestamp: world::GENESIS_TIME + 12,
        prev_randao: B256::repeat_byte(1),
        fee_recipient: Address::repeat_byte(2),
        parent_beacon_block_root: B256::repeat_byte(3),
    };
    let built = engine.build_block(attrs).await.unwrap();
    let block = engine.api().block(BlockTag::Hash(built.hash)).await;
    let block = block.unwrap().unwrap();
    assert_eq!(block.transactions.len(), 2);
    engine.shutdown().await;
    Case {
        name: format!("Ethereum, {forks} forks after Paris"),
        chain,
        genesis,
        block: Raw {
            header: block.header,
            transactions: block.transactions,
            withdrawals: (forks >= 1).then(Vec::new),
            ommers: Vec::new(),
        },
    }
}

/// Imports every changed block, then the valid one; answers with how many were refused.
fn check(case: &Case) -> usize {
    let mut config = EngineConfig::new(case.chain.clone(), case.genesis.clone());
    config.flush_interval = std::time::Duration::from_secs(3_600);
    let engine = LocalEngine::open(config).unwrap();
    let parent = engine.genesis_hash();
    let mut refused = 0;
    let changes = header_changes(&case.chain);
    for (field, words, apply) in changes.into_iter().chain(body_changes(&case.chain)) {
        let mut block = case.block.clone();
        if !apply(&mut block) {
            continue;
        }
        let what = format!("{}: {field}", case.name);
        let error = match engine.import(&block.rlp()) {
            Ok(hash) => panic!("{what}: {hash} was accepted"),
            Err(error) => error,
        };
        let text = error.to_string();
        assert!(
            words.iter().any(|word| text.contains(word)),
            "{what}: {text}"
        );
        match error {
            ImportError::Invalid { latest_valid, .. } => {
                assert_eq!(latest_valid, Some(parent), "{what}: {text}");
            }
            ImportError::UnknownParent(_) => assert_eq!(field, "parentHash"),
            ImportError::Rlp(_) => {}
            ImportError::Engine(_) => panic!("{what}: {text}"),
        }
        refused += 1;
    }
    let hash = engine.import(&case.block.rlp()).expect("the valid block");
    assert_eq!(hash, case.block.header.hash_slow());
    engine.set_head(hash).expect("it becomes the head");
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_l2_with_one_field_off_is_refused() {
    for fork in Fork::ALL {
        let case = l2_case(fork).await;
        let refused = tokio::task::spawn_blocking(move || check(&case))
            .await
            .unwrap();
        println!("{fork}: {refused} blocks refused");
        assert!(refused > 35, "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_ethereum_with_one_field_off_is_refused() {
    for forks in 0..=4 {
        let case = l1_case(forks).await;
        let refused = tokio::task::spawn_blocking(move || check(&case))
            .await
            .unwrap();
        println!("Ethereum, {forks} forks after Paris: {refused} blocks refused");
        assert!(refused > 35, "{refused}");
    }
}
