//! The execution client's decoders that face the network or the disk: blocks as RLP, raw
//! transactions on their way into the pool, JSON-RPC and Engine API requests, rows of the database.
//!
//! Each input meets an engine of its own, in memory and without sockets, with Karst's rules or
//! Ethereum's.

use crate::input::Input;
use alloy_eips::{eip7002, eip7251};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use opal_engine::{EngineConfig, ImportError, LocalEngine, check_row};
use opal_execution::{ChainConfig, ChainKind, OptimismRules};
use opal_protocol::{Fork, ForkTimes};
use std::{cell::OnceCell, time::Duration};
use tokio::runtime::Runtime;

/// What an internal failure answers: no request may cause one.
const INTERNAL: i64 = -32_603;
/// The account of the well-known first development key, which signed the seeds.
const RICH: Address = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
/// Chain id of both chains.
const CHAIN_ID: u64 = 901;

fn chain(ethereum: bool) -> ChainConfig {
    if ethereum {
        return ChainConfig::ethereum_dev(CHAIN_ID);
    }
    let rules = OptimismRules {
        forks: ForkTimes::at_genesis(Fork::Karst),
        eip1559: Default::default(),
    };
    ChainConfig {
        chain_id: CHAIN_ID,
        kind: ChainKind::Optimism(rules),
    }
}

pub(crate) fn engine(ethereum: bool) -> LocalEngine {
    let chain = chain(ethereum);
    let rich = GenesisAccount::default().with_balance(U256::from(u64::MAX));
    let extra_data = match ethereum {
        true => Bytes::new(),
        false => Bytes::from_static(&[1, 0, 0, 0, 250, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]),
    };
    let mut genesis = Genesis {
        timestamp: 1_000,
        gas_limit: 30_000_000,
        extra_data,
        base_fee_per_gas: Some(1_000_000_000),
        alloc: [(RICH, rich)].into(),
        ..Genesis::default()
    };
    if ethereum {
        // Without them no block is valid. spec: EIP-7002, EIP-7251
        for (address, code) in [
            (
                eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
                &eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE,
            ),
            (
                eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
                &eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_CODE,
            ),
        ] {
            let contract = GenesisAccount::default().with_code(Some(code.clone()));
            genesis.alloc.insert(address, contract);
        }
    }
    genesis.config.chain_id = CHAIN_ID;
    let mut config = EngineConfig::new(chain, genesis);
    config.flush_interval = Duration::from_secs(3_600);
    LocalEngine::open(config).expect("an engine in memory opens")
}

/// The first byte chooses the chain.
fn chosen(data: &[u8]) -> (LocalEngine, &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    (engine(first & 1 == 1), rest)
}

/// A block as RLP: it is refused, or it is valid and becomes the head; the engine never fails.
pub fn engine_block(data: &[u8]) {
    let (engine, rlp) = chosen(data);
    let genesis = engine.genesis_hash();
    match engine.import(rlp) {
        Ok(hash) => {
            let header = engine.header(hash).expect("readable").expect("kept");
            assert_eq!(header.hash_slow(), hash);
            assert_eq!(header.parent_hash, genesis);
            engine
                .set_head(hash)
                .expect("a valid block becomes the head");
            assert_eq!(
                engine.import(rlp),
                Ok(hash),
                "taking it again changes nothing"
            );
        }
        Err(ImportError::Engine(problem)) => panic!("the engine failed: {problem}"),
        Err(first) => {
            let again = engine.import(rlp).expect_err("the same bytes");
            let same = core::mem::discriminant(&first) == core::mem::discriminant(&again);
            assert!(same, "{first} and then {again}");
        }
    }
    assert!(engine.set_head(genesis).is_ok());
}

/// A raw transaction: it is refused, or its hash is known from then on.
pub fn engine_pool(data: &[u8]) {
    let (engine, raw) = chosen(data);
    if let Ok(hash) = engine.send_raw_transaction(raw) {
        let blobs = raw.first() == Some(&3);
        assert!(
            blobs || hash == keccak256(raw),
            "the hash is that of the bytes"
        );
        let again = engine.send_raw_transaction(raw);
        assert!(again.is_err(), "it is taken once");
    }
}

std::thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

fn answer(engine: &LocalEngine, request: &str) -> serde_json::Value {
    let text = RUNTIME.with(|runtime| {
        let runtime = runtime.get_or_init(|| {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let builder = builder.enable_all().max_blocking_threads(1);
            builder.build().expect("a runtime")
        });
        runtime.block_on(engine.request(request))
    });
    let Some(text) = text else {
        return serde_json::Value::Null;
    };
    let answer: serde_json::Value = serde_json::from_str(&text).expect("an answer is JSON");
    let code = answer["error"]["code"].as_i64();
    assert_ne!(code, Some(INTERNAL), "{request}: {answer}");
    answer
}

/// A JSON-RPC request with any parameters: a result or an error of the caller's, never of ours.
pub fn engine_request(data: &[u8]) {
    let (engine, text) = chosen(data);
    if let Ok(text) = core::str::from_utf8(text) {
        answer(&engine, text);
    }
}

/// Parameters of `engine_newPayload`. A payload whose hash is wrong gets the right one, so that it
/// is judged for what it says.
pub fn engine_payload(data: &[u8]) {
    let (engine, rest) = chosen(data);
    let (version, text) = rest.split_first().unwrap_or((&0, &[]));
    let version = version % 4 + 1;
    let Ok(mut params) = serde_json::from_slice::<serde_json::Value>(text) else {
        return;
    };
    for _ in 0..2 {
        let request = serde_json::json!({
            "jsonrpc": "2.0", "id": 1, "method": format!("engine_newPayloadV{version}"),
            "params": params,
        });
        let answer = answer(&engine, &request.to_string());
        let words = answer["result"]["validationError"].as_str();
        let hash = words.and_then(|words| words.split_once("the payload's hash is "));
        let hash = hash.and_then(|(_, rest)| rest.split_once(','));
        let Some((hash, _)) = hash else {
            return;
        };
        let hash: B256 = hash.parse().expect("a hash");
        params[0]["blockHash"] = serde_json::json!(hash);
    }
}

/// A row of the database: it is named as damaged, or what it says can be written and read again.
pub fn engine_row(data: &[u8]) {
    let mut input = Input::new(data);
    let table = input.u8();
    if let Ok(again) = check_row(table, input.rest()) {
        assert_eq!(check_row(table, &again), Ok(again.clone()));
    }
}

/// Inputs to start from: a block with a transaction, whole and as requests, on either chain.
pub(crate) fn seeds() -> Vec<crate::seeds::Seed> {
    let mut seeds = Vec::new();
    for (ethereum, block, pool, request, payload) in [
        (false, "l2", "l2_transfer", "l2_forkchoice", "l2"),
        (true, "l1", "l1_transfer", "l1_forkchoice", "l1"),
    ] {
        let chain = u8::from(ethereum);
        let engine = engine(ethereum);
        let raw = transfer();
        engine.send_raw_transaction(&raw).expect("a good transfer");
        seeds.push(("engine_pool", pool, [&[chain], &raw[..]].concat()));
        let call = |method: &str, params: serde_json::Value| {
            let request = serde_json::json!({
                "jsonrpc": "2.0", "id": 1, "method": method, "params": params,
            });
            let request = request.to_string();
            let answer = answer(&engine, &request);
            assert!(answer.get("error").is_none(), "{request}: {answer}");
            (request, answer["result"].clone())
        };
        let zero = B256::ZERO;
        let mut attributes = serde_json::json!({
            "timestamp": "0x3f4", "prevRandao": zero, "suggestedFeeRecipient": Address::ZERO,
            "withdrawals": [], "parentBeaconBlockRoot": zero,
        });
        if !ethereum {
            attributes["gasLimit"] = serde_json::json!("0x1c9c380");
            attributes["eip1559Params"] = serde_json::json!("0x0000000000000000");
            attributes["minBaseFee"] = serde_json::json!(0);
            attributes["transactions"] = serde_json::json!([Bytes::from(raw.clone())]);
            attributes["noTxPool"] = serde_json::json!(true);
        }
        let heads = serde_json::json!({
            "headBlockHash": engine.genesis_hash(),
            "safeBlockHash": zero, "finalizedBlockHash": zero,
        });
        let (text, started) = call(
            "engine_forkchoiceUpdatedV3",
            serde_json::json!([heads, attributes]),
        );
        seeds.push((
            "engine_request",
            request,
            [&[chain], text.as_bytes()].concat(),
        ));
        let id = serde_json::json!([started["payloadId"]]);
        let (_, fetched) = call("engine_getPayloadV5", id);
        let built = &fetched["executionPayload"];
        let requests = &fetched["executionRequests"];
        let params = serde_json::json!([built, [], zero, requests]);
        let text = params.to_string();
        seeds.push((
            "engine_payload",
            payload,
            [&[chain, 3], text.as_bytes()].concat(),
        ));
        let (_, rlp) = call("debug_getRawBlock", serde_json::json!([built["blockHash"]]));
        let rlp: Bytes = serde_json::from_value(rlp).expect("bytes");
        seeds.push(("engine_block", block, [&[chain], &rlp[..]].concat()));
    }
    for (name, request) in [
        (
            "call",
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"to":"0x0000000000000000000000000000000000000004","data":"0x0102","gas":"0x5208"},"latest",{"0x0000000000000000000000000000000000000004":{"code":"0x6001"}}]}"#,
        ),
        (
            "estimate",
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_estimateGas","params":[{"from":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","to":null,"data":"0x6001600101"}]}"#,
        ),
        (
            "logs",
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x0","toBlock":"latest","address":["0x0000000000000000000000000000000000000004"],"topics":[null,["0x0000000000000000000000000000000000000000000000000000000000000001"]]}]}"#,
        ),
        (
            "fees",
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_feeHistory","params":["0x4","latest",[1,50.5,99]]}"#,
        ),
        (
            "proof",
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getProof","params":["0x0000000000000000000000000000000000000004",["0x0"],"latest"]}"#,
        ),
        (
            "bodies",
            r#"{"jsonrpc":"2.0","id":1,"method":"engine_getPayloadBodiesByRangeV1","params":["0x1","0x10"]}"#,
        ),
    ] {
        seeds.push(("engine_request", name, [&[0], request.as_bytes()].concat()));
    }
    let mut header = vec![0];
    let raw = alloy_consensus::Header::default();
    alloy_rlp::Encodable::encode(&raw, &mut header);
    seeds.push(("engine_row", "header", header));
    seeds.push((
        "engine_row",
        "account",
        [&[1, 0xe3, 1, 2, 0xa0][..], &[7; 32]].concat(),
    ));
    seeds.push(("engine_row", "body", vec![2, 0xc3, 0xc0, 0xc0, 0xc0]));
    seeds.push((
        "engine_row",
        "receipts",
        vec![3, 0xc7, 0xc6, 2, 1, 0x80, 0xc0, 0xc0, 0xc0],
    ));
    seeds.push(("engine_row", "reverse_diff", vec![4, 0xc2, 0xc0, 0xc0]));
    seeds
}

/// A transfer by [`RICH`], signed.
fn transfer() -> Vec<u8> {
    use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
    use alloy_eips::eip2718::Encodable2718;
    use alloy_signer::SignerSync;
    let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let key: alloy_signer_local::PrivateKeySigner = key.parse().expect("a key");
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 21_000,
        max_fee_per_gas: 3_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: Address::ZERO.into(),
        ..TxEip1559::default()
    };
    let signature = key.sign_hash_sync(&tx.signature_hash()).expect("signed");
    TxEnvelope::Eip1559(tx.into_signed(signature)).encoded_2718()
}
