use crate::{
    server::{Reply, Server},
    world::{
        CHAIN_ID, World, calldata_tx, deposit_tx, future_tx, options, quick, signer, stranger_tx,
    },
};
use alloy_primitives::{Address, B256, Bytes};
use opal_l1::{L1Error, L1Options};
use opal_protocol::L1Block;
use opal_rpc::{EthClient, RpcError, Severity};
use serde_json::{Value, json};
use std::sync::Arc;

fn trusting() -> L1Options {
    L1Options {
        trust_rpc: true,
        ..options()
    }
}

#[track_caller]
fn assert_unverified(outcome: Result<Option<Arc<L1Block>>, L1Error>, words: &str) {
    let error = outcome.expect_err("accepted");
    assert!(matches!(error, L1Error::Unverified { .. }), "{error}");
    assert_eq!(error.severity(), Severity::Temporary);
    let text = error.to_string();
    assert!(text.contains(words) && text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn an_honest_block_costs_one_request() {
    let world = World::new(3).await;
    let source = world.source(options());
    let truth = world.block(2);
    let block = source.block_by_hash(truth.hash).await.unwrap().unwrap();
    assert_eq!((block.hash, &block.header), (truth.hash, &truth.header));
    assert_eq!(block.inbox.len(), 1);
    assert_eq!(block.inbox[0].from, signer().address());
    assert_eq!(block.inbox[0].data, Bytes::from_static(&[0, 1, 2]));
    assert_eq!(world.server.asked().len(), 1);
    // The second time it is in memory.
    source.block_by_hash(truth.hash).await.unwrap().unwrap();
    assert_eq!(world.server.asked().len(), 1);
    // By number its header alone is asked for.
    source.heads().await.unwrap();
    assert_eq!(
        source.block_by_number(2).await.unwrap().unwrap().hash,
        truth.hash
    );
    assert_eq!(
        world.server.methods().last().unwrap(),
        "eth_getBlockByNumber"
    );
    assert_eq!(world.server.asked().len(), 3);
}

#[tokio::test]
async fn blocks_that_are_not_there_are_none() {
    let world = World::new(2).await;
    let source = world.source(options());
    assert!(source.block_by_number(2).await.unwrap().is_none());
    assert!(source.block_by_hash(B256::ZERO).await.unwrap().is_none());
    assert!(source.ref_by_number(9).await.unwrap().is_none());
    assert!(source.ref_by_hash(B256::ZERO).await.unwrap().is_none());
    assert_eq!(
        source.ref_by_number(1).await.unwrap(),
        Some(world.block(1).id())
    );
}

#[tokio::test]
async fn a_tampered_header_is_refused() {
    let world = World::new(3).await;
    for (key, value) in [
        ("timestamp", json!("0x1")),
        ("excessBlobGas", json!("0xffff")),
        ("number", json!("0x2")),
    ] {
        let mut block = world.block(1).json(true);
        block[key] = value;
        world.lie_with("eth_getBlockBy", block);
        for options in [options(), trusting()] {
            let source = world.source(options);
            assert_unverified(
                source.block_by_hash(world.block(1).hash).await,
                "header hashes",
            );
        }
    }
}

#[tokio::test]
async fn another_block_than_asked_for_is_refused() {
    let world = World::new(3).await;
    world.lie_with("eth_getBlockBy", world.block(2).json(true));
    let source = world.source(options());
    assert_unverified(source.block_by_hash(world.block(1).hash).await, "instead");
    world.lie_with("eth_getBlockByHash", world.block(2).json(true));
    assert_eq!(
        source.block_by_number(1).await.unwrap().unwrap().hash,
        world.block(1).hash
    );
}

#[tokio::test]
async fn tampered_transactions_are_refused_unless_the_node_is_trusted() {
    let world = World::new(3).await;
    let truth = world.block(1).json(true);
    let mut dropped = truth.clone();
    dropped["transactions"].as_array_mut().unwrap().pop();
    let mut altered = truth.clone();
    altered["transactions"][0]["value"] = json!("0x6");
    let mut swapped = truth.clone();
    swapped["transactions"].as_array_mut().unwrap().reverse();
    for block in [dropped, altered.clone(), swapped] {
        world.lie_with("eth_getBlockBy", block);
        let source = world.source(options());
        assert_unverified(source.block_by_number(1).await, "transactions have root");
    }
    // Some nodes tell a transaction otherwise than it is; who trusts them goes on.
    world.lie_with("eth_getBlockBy", altered);
    let block = world
        .source(trusting())
        .block_by_number(1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(block.inbox.len(), 1);
}

#[tokio::test]
async fn tampered_receipts_are_refused_even_when_the_node_is_trusted() {
    let world = World::new(3).await;
    let truth = world.block(1).receipts();
    let changes: [fn(&mut Value); 5] = [
        |r| r[0]["status"] = json!("0x0"),
        |r| r[0]["logs"] = json!([]),
        |r| r[0]["logs"][0]["data"] = json!("0x00"),
        |r| r[1]["type"] = json!("0x3"),
        |r| drop(r.as_array_mut().unwrap().pop()),
    ];
    for change in changes {
        let mut receipts = truth.clone();
        change(&mut receipts);
        world.lie_with("eth_getBlockReceipts", receipts);
        for options in [options(), trusting()] {
            let outcome = world.source(options).block_by_number(1).await;
            assert_unverified(outcome, "receipts have root");
        }
    }
}

#[tokio::test]
async fn receipts_that_are_not_there_yet_are_asked_for_again() {
    let world = World::new(3).await;
    let source = world.source(options());
    world.lie_with("eth_getBlockReceipts", Value::Null);
    assert_unverified(source.block_by_number(1).await, "no receipts");
    world.edit(|chain| chain.lie = None);
    assert!(source.block_by_number(1).await.unwrap().is_some());
}

#[tokio::test]
async fn nodes_without_block_receipts_give_them_one_by_one() {
    let world = World::new(3).await;
    world.lie(|method, _| {
        (method == "eth_getBlockReceipts")
            .then(|| Err(json!({"code": -32601, "message": "method not found"})))
    });
    let block = world
        .source(options())
        .block_by_number(2)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(block.hash, world.block(2).hash);
    assert_eq!(
        world
            .server
            .methods()
            .iter()
            .filter(|m| *m == "eth_getTransactionReceipt")
            .count(),
        2
    );
}

#[tokio::test]
async fn transactions_of_future_types_are_read_over() {
    let world = World::new(1).await;
    let entries = || vec![calldata_tx(1, &[0]), future_tx(None), stranger_tx(2)];
    let block = world.edit(|chain| chain.push(0, entries()));
    for options in [options(), trusting()] {
        let got = world
            .source(options)
            .block_by_hash(block.hash)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((got.hash, got.inbox.len()), (block.hash, 1));
    }
    // A node that cannot tell its encoding proves nothing.
    world.lie_with("eth_getRawTransactionByHash", Value::Null);
    let outcome = world.source(options()).block_by_hash(block.hash).await;
    assert_unverified(outcome, "no encoding");
    world.lie_with("eth_getRawTransactionByHash", json!("0x05ffff"));
    let outcome = world.source(options()).block_by_hash(block.hash).await;
    assert_unverified(outcome, "transactions have root");
}

#[tokio::test]
async fn receipts_of_unknown_shape_are_discarded() {
    let world = World::new(1).await;
    let block = world.edit(|chain| {
        chain.push(
            0,
            vec![calldata_tx(1, &[0]), future_tx(Some(b"no rlp at all"))],
        )
    });
    let got = world
        .source(options())
        .block_by_hash(block.hash)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(got.hash, block.hash);
    assert_eq!(
        world.server.methods().last().unwrap(),
        "debug_getRawReceipts"
    );
    world.lie_with("debug_getRawReceipts", json!(["0x", "0x05"]));
    let outcome = world.source(options()).block_by_hash(block.hash).await;
    assert_unverified(outcome, "receipts have root");
}

/// Where L1 is a rollup itself, its blocks begin with deposits. Their receipts hash with a nonce
/// from Canyon on and without it before, although nodes always tell it (trap 19).
#[tokio::test]
async fn trap_19_an_l1_with_deposits_is_read_like_any_other() {
    for versioned in [false, true] {
        let world = World::new(1).await;
        let entries = vec![deposit_tx(b"frames", versioned), calldata_tx(1, &[0])];
        let block = world.edit(|chain| chain.push(0, entries));
        let source = world.source(options());
        let got = source.block_by_hash(block.hash).await.unwrap().unwrap();
        assert_eq!(got.inbox.len(), 2);
        let deposit = &got.inbox[0];
        assert_eq!(deposit.tx_type, 0x7e);
        assert_eq!(deposit.from, Address::repeat_byte(9));
        assert_eq!(deposit.data, Bytes::from_static(b"frames"));

        let mut lie = block.receipts();
        lie[0]["depositNonce"] = json!("0x8");
        world.lie_with("eth_getBlockReceipts", lie);
        let outcome = world.source(options()).block_by_hash(block.hash).await;
        if versioned {
            assert_unverified(outcome, "receipts have root");
        } else {
            assert!(outcome.unwrap().is_some());
        }
    }
}

/// Receipts of deposits beside receipts that JSON cannot show.
#[tokio::test]
async fn raw_receipts_of_deposits_decode() {
    let world = World::new(1).await;
    let entries = vec![
        deposit_tx(&[0], true),
        future_tx(Some(b"no rlp at all")),
        deposit_tx(&[0], false),
    ];
    let block = world.edit(|chain| chain.push(0, entries));
    let source = world.source(options());
    let got = source.block_by_hash(block.hash).await.unwrap().unwrap();
    assert_eq!(got.inbox.len(), 2);
    assert_eq!(
        world.server.methods().last().unwrap(),
        "debug_getRawReceipts"
    );
}

#[tokio::test]
async fn a_reorg_between_block_and_receipts_is_no_lie() {
    let world = World::new(3).await;
    world.lie(|method, params| {
        let by_number = params[0].as_str().is_some_and(|p| p.len() < 66);
        (method == "eth_getBlockReceipts" && by_number).then(|| Ok(json!([])))
    });
    let block = world
        .source(options())
        .block_by_number(2)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(block.hash, world.block(2).hash);
}

#[tokio::test]
async fn garbage_never_passes_and_never_panics() {
    let world = World::new(3).await;
    let truth = world
        .source(options())
        .block_by_number(1)
        .await
        .unwrap()
        .unwrap();
    let (block, receipts) = (world.block(1).json(true), world.block(1).receipts());
    let shapes = [
        json!({}),
        json!([]),
        json!(1),
        json!("x"),
        json!([[]]),
        json!({"hash": 1}),
        json!({"transactions": {}}),
    ];
    for shape in shapes {
        for method in ["eth_getBlockByHash", "eth_getBlockReceipts"] {
            world.lie_with(method, shape.clone());
            assert!(
                world
                    .source(options())
                    .block_by_hash(truth.hash)
                    .await
                    .is_err()
            );
        }
    }
    // Texts that differ in one character: refused, or the very same block.
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut refused = 0;
    for round in 0..400 {
        let (method, value) = if round % 2 == 0 {
            ("eth_getBlockByHash", &block)
        } else {
            ("eth_getBlockReceipts", &receipts)
        };
        let mut text = value.to_string().into_bytes();
        let at = random(text.len());
        text[at] = b"0123456789abcdefx{}[]\",:-. n"[random(28)];
        let Ok(value) = serde_json::from_slice(&text) else {
            continue;
        };
        world.lie_with(method, value);
        match world.source(options()).block_by_hash(truth.hash).await {
            Ok(Some(block)) => assert_eq!(block, truth),
            Ok(None) => {}
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 50, "{refused}");
}

#[tokio::test]
async fn a_wrong_l1_is_found_at_start() {
    let world = World::new(2).await;
    world.source(options()).check().await.unwrap();

    world.lie(|method, _| (method == "eth_chainId").then(|| Ok(json!("0x1"))));
    let error = world.source(options()).check().await.unwrap_err();
    let expected = |e: &RpcError| {
        matches!(
            e,
            RpcError::WrongChain {
                expected: CHAIN_ID,
                actual: 1,
                ..
            }
        )
    };
    assert!(matches!(&error, L1Error::Rpc(e) if expected(e)), "{error}");
    assert_eq!(error.severity(), Severity::Critical);

    world.edit(|chain| chain.lie = None);
    let source = world.source(options());
    let genesis = world.block(0).hash;
    world.edit(|chain| {
        chain.blocks.clear();
        chain.grow(2, 9);
    });
    let error = source.check().await.unwrap_err();
    assert!(
        matches!(&error, L1Error::ForeignChain { expected, .. } if expected.hash == genesis),
        "{error}"
    );
    assert_eq!(error.severity(), Severity::Critical);
}

#[tokio::test]
async fn trouble_of_the_node_is_temporary() {
    let world = World::new(1).await;
    for fault in [|| Reply::Raw(500, vec![], vec![]), || Reply::Hang] {
        let server = Server::start(move |_| fault()).await;
        let eth = EthClient::with_options(&server.url, quick()).unwrap();
        let source = opal_l1::L1Source::new(eth, None, Arc::new(world.config()), options());
        let error = source.block_by_hash(B256::ZERO).await.unwrap_err();
        assert_eq!(error.severity(), Severity::Temporary, "{error}");
        assert_eq!(server.asked().len(), 3);
    }
}
