use crate::server::{Reply, Server, json_rpc};
use alloy_consensus::{Header, SignableTransaction, TxEip1559};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use op_alloy_consensus::{OpTxEnvelope, TxDeposit};
use opal_rpc::{EthClient, EthOptions, RetryPolicy, RpcError, Severity};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

pub fn quick() -> EthOptions {
    EthOptions {
        timeout: Duration::from_millis(300),
        retry: RetryPolicy {
            attempts_max: 3,
            pause_min: Duration::from_millis(1),
            pause_max: Duration::from_millis(4),
        },
        response_bytes_max: 100_000,
        ..EthOptions::default()
    }
}

fn client(server: &Server) -> EthClient {
    EthClient::with_options(&server.url, quick()).unwrap()
}

/// Fails the first `failures` requests by `fault`, then answers `0x1` to everything.
async fn flaky(failures: u32, fault: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    let count = AtomicU32::new(0);
    Server::start(move |ask| {
        if count.fetch_add(1, Ordering::SeqCst) < failures {
            return fault();
        }
        json_rpc(&ask.body, &|_, _| Ok(json!("0x1")))
    })
    .await
}

#[tokio::test]
async fn wrong_chain_id_names_both_chains() {
    let server = Server::json_rpc(|_, _| Ok(json!("0x539"))).await;
    client(&server).expect_chain_id(1337).await.unwrap();
    let error = client(&server).expect_chain_id(900).await.unwrap_err();
    assert!(matches!(
        error,
        RpcError::WrongChain {
            expected: 900,
            actual: 1337,
            ..
        }
    ));
    assert_eq!(error.severity(), Severity::Critical);
    let text = error.to_string();
    assert!(text.contains("1337") && text.contains("900"), "{text}");
}

#[tokio::test]
async fn overload_and_silence_are_retried() {
    let faults: [fn() -> Reply; 4] = [
        || {
            Reply::Raw(
                429,
                vec![("retry-after", "0".into())],
                b"slow down".to_vec(),
            )
        },
        || Reply::Raw(503, vec![], vec![]),
        || Reply::Hang,
        || {
            Reply::Json(json!({"jsonrpc": "2.0", "id": null,
            "error": {"code": -32005, "message": "limit exceeded"}}))
        },
    ];
    for fault in faults {
        let server = flaky(2, fault).await;
        assert_eq!(client(&server).chain_id().await.unwrap(), 1);
        assert_eq!(server.asked().len(), 3);
    }
}

#[tokio::test]
async fn retries_end() {
    let server = flaky(u32::MAX, || {
        Reply::Raw(502, vec![], b"<h1>bad\x1b[31m gateway".to_vec())
    })
    .await;
    let error = client(&server).chain_id().await.unwrap_err();
    assert!(matches!(&error, RpcError::Http { status: 502, body, .. } if !body.contains('\x1b')));
    assert_eq!(error.severity(), Severity::Temporary);
    assert_eq!(server.asked().len(), 3);

    let server = flaky(u32::MAX, || Reply::Hang).await;
    assert!(matches!(
        client(&server).chain_id().await,
        Err(RpcError::Timeout { .. })
    ));
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn calls_that_must_not_repeat_are_sent_once() {
    let server = flaky(1, || Reply::Raw(503, vec![], vec![])).await;
    let outcome: Result<String, _> = client(&server).request_once("admin_stop", ()).await;
    assert!(matches!(outcome, Err(RpcError::Http { status: 503, .. })));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn hostile_answers_are_malformed_and_not_asked_for_again() {
    let bodies: [&[u8]; 9] = [
        b"",
        b"<html>",
        b"{\"jsonrpc\":\"2.0\",\"id\":",
        b"{\"jsonrpc\":\"2.0\",\"id\":999,\"result\":\"0x1\"}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x1ffffffffffffffffffff\"}",
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"a\":1}}",
        b"\xff\xfe\x00",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    ];
    for body in bodies {
        let server = Server::start(|_| Reply::Raw(200, vec![], body.to_vec())).await;
        let outcome = client(&server).chain_id().await;
        assert!(
            matches!(outcome, Err(RpcError::Malformed { .. })),
            "{outcome:?}"
        );
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn answers_are_capped() {
    let server = Server::start(|_| Reply::Raw(200, vec![], vec![b' '; 200_000])).await;
    let error = client(&server).chain_id().await.unwrap_err();
    assert!(matches!(
        error,
        RpcError::TooLarge {
            limit_bytes: 100_000,
            ..
        }
    ));
}

#[tokio::test]
async fn refused_credentials_are_told_apart_and_not_repeated() {
    let server = Server::start(|_| Reply::Raw(401, vec![], b"bad key".to_vec())).await;
    let error = client(&server).chain_id().await.unwrap_err();
    assert!(matches!(error, RpcError::Unauthorized { status: 401, .. }));
    assert_eq!(error.severity(), Severity::Temporary);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn errors_hide_keys_in_urls() {
    let url = "http://name:word@127.0.0.1:1/v3/sesame?key=sesame";
    let client = EthClient::with_options(url, quick()).unwrap();
    let error = client.chain_id().await.unwrap_err();
    assert!(matches!(error, RpcError::Unreachable { .. }));
    let text = format!("{error} {error:?}");
    assert!(text.contains("127.0.0.1:1") && !text.contains("sesame") && !text.contains("word"));
}

#[tokio::test]
async fn unusable_urls_say_so() {
    for url in ["", "localhost:8545", "ftp://example.org", "http://", "::"] {
        let error = EthClient::new(url).unwrap_err();
        assert!(matches!(error, RpcError::Url { .. }), "{url}: {error}");
        assert!(error.to_string().contains("http://127.0.0.1:8545"));
    }
}

#[tokio::test]
async fn rpc_errors_keep_code_message_and_data() {
    let server = Server::json_rpc(|_, _| {
        Err(json!({"code": 3, "message": "execution reverted", "data": "0x08c379a0"}))
    })
    .await;
    let error = client(&server).chain_id().await.unwrap_err();
    let RpcError::Response {
        code,
        message,
        data,
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (code, message.as_str(), data.as_str()),
        (3, "execution reverted", "\"0x08c379a0\"")
    );
}

#[tokio::test]
async fn parameters_go_out_as_nodes_expect_them() {
    let server = Server::json_rpc(|method, _| {
        Ok(if method == "eth_getBlockByNumber" {
            Value::Null
        } else {
            json!("0x10")
        })
    })
    .await;
    let client = client(&server);
    let (address, hash) = (Address::repeat_byte(1), B256::repeat_byte(2));
    client.block_number().await.unwrap();
    assert_eq!(
        client
            .transaction_count(address, BlockNumberOrTag::Pending)
            .await
            .unwrap(),
        16
    );
    assert_eq!(client.balance(address, hash).await.unwrap(), U256::from(16));
    assert_eq!(client.eth_block(31).await.unwrap(), None);
    assert_eq!(client.blob_base_fee().await.unwrap(), 16);
    let params: Vec<Value> = server
        .asked()
        .iter()
        .map(|ask| ask.body["params"].clone())
        .collect();
    assert_eq!(params[0], json!([]));
    assert_eq!(params[1], json!([address, "pending"]));
    assert_eq!(params[2], json!([address, hash]));
    assert_eq!(params[3], json!(["0x1f", true]));
    assert_eq!(params[4], json!([]));
}

#[tokio::test]
async fn batches_are_cut_and_put_in_order() {
    let server = Server::start(|ask| {
        let reply = json_rpc(&ask.body, &|_, params| Ok(params[0].clone()));
        // Servers may answer in any order.
        let Reply::Json(Value::Array(mut answers)) = reply else {
            return reply;
        };
        answers.reverse();
        Reply::Json(Value::Array(answers))
    })
    .await;
    let options = EthOptions {
        batch_calls_max: 3,
        ..quick()
    };
    let client = EthClient::with_options(&server.url, options).unwrap();
    let calls: Vec<_> = (0..7)
        .map(|n| client.prepare("echo", (n,)).unwrap())
        .collect();
    let answers = client.batch(&calls).await.unwrap();
    let numbers: Vec<u64> = answers
        .iter()
        .map(|a| client.parse("echo", a.as_ref().unwrap()).unwrap())
        .collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_batch_answers_every_call() {
    let server = Server::start(|ask| {
        let id = &ask.body[0]["id"];
        Reply::Json(json!([
            {"jsonrpc": "2.0", "id": id, "error": {"code": -32000, "message": "no"}},
            {"jsonrpc": "2.0", "id": 77_777, "result": 1},
        ]))
    })
    .await;
    let client = client(&server);
    let calls: Vec<_> = (0..2)
        .map(|n| client.prepare("echo", (n,)).unwrap())
        .collect();
    let answers = client.batch(&calls).await.unwrap();
    assert!(matches!(
        answers[0],
        Err(RpcError::Response { code: -32000, .. })
    ));
    assert!(matches!(answers[1], Err(RpcError::Malformed { .. })));
    assert_eq!(answers.len(), 2);
}

#[tokio::test]
async fn a_batch_refused_as_a_whole_is_one_error() {
    let refusal = || {
        Reply::Json(json!({"jsonrpc": "2.0", "id": null,
        "error": {"code": -32600, "message": "batches are not welcome"}}))
    };
    let server = Server::start(move |_| refusal()).await;
    let client = client(&server);
    let calls: Vec<_> = (0..2)
        .map(|n| client.prepare("echo", (n,)).unwrap())
        .collect();
    let error = client.batch(&calls).await.unwrap_err();
    assert!(matches!(error, RpcError::Response { code: -32600, .. }));
}

#[tokio::test]
async fn blocks_of_both_layers_are_read() {
    let header = Header {
        number: 7,
        timestamp: 12,
        ..Header::default()
    };
    let hash = header.hash_slow();
    let deposit = TxDeposit {
        source_hash: B256::repeat_byte(1),
        from: Address::repeat_byte(2),
        to: TxKind::Call(Address::repeat_byte(3)),
        value: U256::from(4),
        gas_limit: 1_000_000,
        input: Bytes::from_static(&[1, 2]),
        ..TxDeposit::default()
    };
    let told = json!({
        "type": "0x7e", "hash": B256::repeat_byte(9), "sourceHash": deposit.source_hash,
        "from": deposit.from, "to": deposit.to, "value": "0x4", "gas": "0xf4240",
        "input": "0x0102", "blockHash": hash, "blockNumber": "0x7", "transactionIndex": "0x0",
        "nonce": "0x0", "v": "0x0", "r": "0x0", "s": "0x0", "gasPrice": "0x0",
        "depositReceiptVersion": "0x1",
    });
    let with = |key: &str, value: Value| {
        let mut told = told.clone();
        told[key] = value;
        told
    };
    // As geth, reth and our own engine tell them.
    let own = serde_json::to_value(OpTxEnvelope::from(deposit.clone())).unwrap();
    let variants = [
        (told.clone(), deposit.clone()),
        (with("mint", Value::Null), deposit.clone()),
        (with("isSystemTx", json!(false)), deposit.clone()),
        (
            with("isSystemTx", json!(true)),
            TxDeposit {
                is_system_transaction: true,
                ..deposit.clone()
            },
        ),
        (
            with("mint", json!("0x5")),
            TxDeposit {
                mint: 5,
                ..deposit.clone()
            },
        ),
        (
            with("to", Value::Null),
            TxDeposit {
                to: TxKind::Create,
                ..deposit.clone()
            },
        ),
        (own, deposit),
    ];
    let mut block = serde_json::to_value(&header).unwrap();
    block["hash"] = json!(hash);
    block["size"] = json!("0x1");
    block["uncles"] = json!([]);
    block["transactions"] = variants.iter().map(|(told, _)| told.clone()).collect();
    let server = Server::json_rpc(move |_, _| Ok(block.clone())).await;
    let client = client(&server);
    let block = client.op_block(7).await.unwrap().unwrap();
    assert_eq!((block.hash, &block.header), (hash, &header));
    assert_eq!(block.transactions.len(), variants.len());
    for (tx, (_, expected)) in block.transactions.iter().zip(&variants) {
        assert!(
            matches!(tx, OpTxEnvelope::Deposit(tx) if tx.inner() == expected),
            "{tx:?}"
        );
    }
    // An Ethereum node has no business with deposits.
    let error = client.eth_block(7).await.unwrap_err();
    assert!(matches!(error, RpcError::Malformed { .. }));
}

#[tokio::test]
async fn pool_transactions_of_an_op_block_are_read() {
    let tx = TxEip1559 {
        chain_id: 901,
        nonce: 3,
        ..TxEip1559::default()
    };
    let signature = Signature::new(U256::from(1), U256::from(2), true);
    let tx = OpTxEnvelope::Eip1559(tx.into_signed(signature));
    let mut told = serde_json::to_value(&tx).unwrap();
    told["from"] = json!(Address::ZERO);
    told["blockHash"] = json!(B256::ZERO);
    let header = Header::default();
    let mut block = serde_json::to_value(&header).unwrap();
    block["hash"] = json!(header.hash_slow());
    block["transactions"] = json!([told]);
    let server = Server::json_rpc(move |_, _| Ok(block.clone())).await;
    let block = client(&server).op_block(0).await.unwrap().unwrap();
    assert_eq!(block.transactions, [tx]);
}
