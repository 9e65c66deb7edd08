use crate::{
    server::Reply,
    world::{World, beacon_server, blob_tx, options, quick},
};
use alloy_eips::eip4844::{Blob, kzg_to_versioned_hash};
use alloy_primitives::{B256, b256, hex};
use opal_l1::{L1Error, L1Options, L1Source};
use opal_protocol::L1Ref;
use opal_rpc::{BeaconClient, Severity};
use serde_json::json;

/// The versioned hash of a blob of zeros, whose commitment is the point at infinity.
const ZERO_BLOB: B256 = b256!("010657f37554c781402a22917dee2f75def7ab966d7b770905398eba3c444014");

fn blob(byte: u8) -> Box<Blob> {
    let mut blob = Box::new(Blob::ZERO);
    blob[1] = byte;
    blob
}

fn hash(blob: &Blob) -> B256 {
    let settings = c_kzg::ethereum_kzg_settings(0);
    let blob = c_kzg::Blob::from_bytes(&blob[..]).unwrap();
    kzg_to_versioned_hash(
        settings
            .blob_to_kzg_commitment(&blob)
            .unwrap()
            .to_bytes()
            .as_slice(),
    )
}

fn serve(blobs: &[Box<Blob>]) -> Reply {
    let hex: Vec<_> = blobs
        .iter()
        .map(|blob| hex::encode_prefixed(&blob[..]))
        .collect();
    Reply::Json(json!({ "data": hex }))
}

async fn source(urls: &[String]) -> L1Source {
    let world = World::new(1).await;
    let (first, rest) = urls.split_first().unwrap();
    let beacon = BeaconClient::with_options(first, rest, quick()).unwrap();
    world.source_with(options(), Some(beacon))
}

/// A block in slot 25, four seconds each.
fn block() -> L1Ref {
    L1Ref {
        number: 7,
        time: 1_102,
        ..L1Ref::default()
    }
}

#[tokio::test]
async fn blobs_come_in_the_order_asked_for() {
    let zero = blob(0);
    assert_eq!(hash(&zero), ZERO_BLOB);
    let (one, two) = (blob(1), blob(2));
    let all = [two.clone(), zero.clone(), one.clone()];
    let server = beacon_server(move |slot| {
        assert_eq!(slot, 25);
        serve(&all)
    })
    .await;
    let source = source(std::slice::from_ref(&server.url)).await;
    let wanted = [hash(&one), ZERO_BLOB, hash(&two), hash(&one)];
    let blobs = source.blobs(&block(), &wanted).await.unwrap();
    assert_eq!(blobs, [one.clone(), zero, two, one]);
    // Genesis, spec and blobs were asked for once; the second time everything is in memory.
    assert_eq!(server.asked().len(), 3);
    source.blobs(&block(), &wanted[1..]).await.unwrap();
    assert_eq!(server.asked().len(), 3);
    assert!(source.blobs(&block(), &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn false_blobs_are_missing_blobs() {
    let one = blob(1);
    let mut out_of_range = blob(0);
    out_of_range[0] = 0xff;
    let served = [blob(9), out_of_range];
    let server = beacon_server(move |_| serve(&served)).await;
    let source = source(std::slice::from_ref(&server.url)).await;
    let error = source.blobs(&block(), &[hash(&one)]).await.unwrap_err();
    assert_eq!(error.severity(), Severity::Temporary);
    let L1Error::MissingBlob {
        hash: missing,
        block: 7,
        slot: 25,
        asked,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(*missing, hash(&one));
    assert!(
        asked.contains(&server.url) && asked.contains("0 of 2"),
        "{asked}"
    );
    let text = error.to_string();
    assert!(
        text.contains("slot 25") && text.contains(&missing.to_string()),
        "{text}"
    );
}

#[tokio::test]
async fn fallbacks_fill_the_gaps() {
    let (one, two) = (blob(1), blob(2));
    let (first_has, second_has) = ([one.clone()], [two.clone()]);
    let first = beacon_server(move |_| serve(&first_has)).await;
    let broken = beacon_server(|_| Reply::Raw(200, vec![], b"{\"data\":".to_vec())).await;
    let second = beacon_server(move |_| serve(&second_has)).await;
    let gone = "http://127.0.0.1:1".to_owned();
    let source = source(&[
        first.url.clone(),
        gone,
        broken.url.clone(),
        second.url.clone(),
    ])
    .await;
    let wanted = [hash(&two), hash(&one)];
    assert_eq!(source.blobs(&block(), &wanted).await.unwrap(), [two, one]);
    // The last one was asked for what was still missing only.
    let query = second.asked().pop().unwrap().query;
    assert_eq!(query, format!("versioned_hashes={}", wanted[0]));

    let three = hash(&blob(3));
    let error = source
        .blobs(&block(), &[three])
        .await
        .unwrap_err()
        .to_string();
    for endpoint in [&first.url, "http://127.0.0.1:1", &broken.url, &second.url] {
        assert!(error.contains(endpoint), "{error}");
    }
}

#[tokio::test]
async fn missing_blobs_are_found_once_they_appear() {
    let one = blob(1);
    let held_back = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (switch, served) = (held_back.clone(), [one.clone()]);
    let server = beacon_server(move |_| {
        if switch.load(std::sync::atomic::Ordering::SeqCst) {
            serve(&[])
        } else {
            serve(&served)
        }
    })
    .await;
    let source = source(std::slice::from_ref(&server.url)).await;
    let error = source.blobs(&block(), &[hash(&one)]).await.unwrap_err();
    assert!(matches!(error, L1Error::MissingBlob { .. }));
    held_back.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(source.blobs(&block(), &[hash(&one)]).await.unwrap(), [one]);
}

#[tokio::test]
async fn what_cannot_work_is_critical() {
    let world = World::new(1).await;
    let error = world
        .source(options())
        .blobs(&block(), &[B256::ZERO])
        .await
        .unwrap_err();
    assert!(matches!(error, L1Error::NoBeacon { block: 7 }));
    assert_eq!(error.severity(), Severity::Critical);

    let server = beacon_server(|_| serve(&[])).await;
    let source = source(std::slice::from_ref(&server.url)).await;
    let old = L1Ref {
        time: 999,
        ..block()
    };
    let error = source.blobs(&old, &[B256::ZERO]).await.unwrap_err();
    assert!(
        matches!(
            error,
            L1Error::BeforeBeacon {
                genesis_time: 1000,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.severity(), Severity::Critical);
}

#[tokio::test]
async fn the_beacon_node_is_checked_at_start() {
    let world = World::new(1).await;
    let beacon = BeaconClient::with_options("http://127.0.0.1:1", &[], quick()).unwrap();
    let error = world
        .source_with(options(), Some(beacon))
        .check()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("127.0.0.1:1") && error.contains("genesis"),
        "{error}"
    );
}

#[tokio::test]
async fn blobs_of_blocks_ahead_are_fetched_with_them() {
    let world = World::new(2).await;
    let one = blob(1);
    let block = world.edit(|chain| chain.push(0, vec![blob_tx(9, vec![hash(&one)])]));
    let served = [one.clone()];
    let server = beacon_server(move |_| serve(&served)).await;
    let beacon = BeaconClient::with_options(&server.url, &[], quick()).unwrap();
    let options = L1Options {
        prefetch_blocks_max: 4,
        ..options()
    };
    let source = world.source_with(options, Some(beacon));
    source.block_by_number(1).await.unwrap().unwrap();
    let got = source.block_by_number(2).await.unwrap().unwrap();
    assert_eq!(got.inbox[0].blob_hashes, [hash(&one)]);
    let asked = server.asked().len();
    assert_eq!(asked, 3);
    assert_eq!(
        source.blobs(&block.id(), &[hash(&one)]).await.unwrap(),
        [one]
    );
    assert_eq!(server.asked().len(), asked);
}
