//! Hostile input on L1: garbage in the batch inbox, from strangers and from the batcher itself.

use crate::kit::{LATEST, Ring, Wallet, ether, eventually};
use alloy_eips::eip4844::Blob;
use alloy_primitives::{Address, Bytes, U256};
use alloy_signer_local::PrivateKeySigner;
use opal_protocol::{
    Compression, blob,
    channel::{MAX_RLP_BYTES_PER_CHANNEL_FJORD, compress},
    frame::Frame,
};
use opal_txmgr::{TxCandidate, TxManager, TxManagerConfig};

/// Resident memory that a devnet must not exceed, whatever is thrown at it.
const MEMORY_MAX_BYTES: u64 = 2 << 30;

/// Batcher data with one frame.
fn framed(channel: u8, number: u16, is_last: bool, data: Vec<u8>) -> Bytes {
    let frame = Frame {
        id: [channel; 16].into(),
        number,
        data: data.into(),
        is_last,
    };
    let mut out = vec![0];
    frame.encode(&mut out);
    out.into()
}

/// Things that are no batches.
fn garbage() -> Vec<(&'static str, Bytes)> {
    let bomb = compress(
        &vec![0; MAX_RLP_BYTES_PER_CHANNEL_FJORD + 1_000_000],
        Compression::Zlib,
        9,
    );
    let brotli = compress(&[0xb8; 5_000], Compression::Brotli, 9);
    let mut cut = framed(2, 0, true, vec![7; 100]).to_vec();
    cut.truncate(60);
    vec![
        ("nothing", Bytes::new()),
        ("only a version", vec![0].into()),
        ("an unknown version", vec![9, 1, 2, 3].into()),
        ("an alt-DA commitment", vec![1, 0, 5].into()),
        ("a frame cut short", cut.into()),
        (
            "noise",
            (0..2_000u32)
                .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
                .collect(),
        ),
        (
            "a frame without a channel",
            framed(3, 5, false, vec![1; 10]),
        ),
        (
            "a channel that is no stream",
            framed(4, 0, true, vec![0xff; 300]),
        ),
        ("an empty channel", framed(5, 0, true, vec![])),
        (
            "a truncated brotli channel",
            framed(6, 0, true, brotli[..brotli.len() / 2].to_vec()),
        ),
        ("a channel of no batches", framed(7, 0, true, brotli)),
        ("a bomb", framed(8, 0, true, bomb)),
        (
            "a channel that never ends",
            framed(9, 0, false, vec![0x78; 500]),
        ),
    ]
}

async fn throw(ring: &Ring, from: &Wallet) {
    let inbox: Address = ring.about.rollup_config["batch_inbox_address"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    for (name, data) in garbage() {
        println!("throwing {name}, {} bytes", data.len());
        from.send(&ring.l1, inbox, U256::ZERO, data).await;
    }
    let sender = TxManager::start(TxManagerConfig::devnet(), ring.l1.clone(), from.key.clone());
    let sender = sender.await.unwrap();
    for (name, blobs) in wrong_blobs() {
        println!("throwing {name}, {} blobs", blobs.len());
        let candidate = TxCandidate {
            to: Some(inbox),
            data: Bytes::from_static(b"calldata of a blob transaction does not count"),
            blobs,
            value: U256::ZERO,
            gas_limit: 0,
            only_on: None,
        };
        sender.send(candidate).await.unwrap();
    }
    sender.shutdown().await;
}

/// Blobs that hold no batches.
fn wrong_blobs() -> Vec<(&'static str, Vec<Box<Blob>>)> {
    // Every field element is in range, but the encoding's version byte is not 0.
    let foreign = Box::new(Blob::repeat_byte(1));
    let mut too_long = Box::new(Blob::ZERO);
    too_long[2..5].copy_from_slice(&[0xff; 3]);
    let noise = blob::encode(&[0xee; 50_000]).unwrap();
    let open_channel = blob::encode(&framed(10, 0, false, vec![0x78; 900])).unwrap();
    vec![
        ("a blob of another encoding", vec![foreign.clone()]),
        ("an empty blob", vec![Box::new(Blob::ZERO)]),
        ("a mixture", vec![too_long, noise, foreign, open_channel]),
    ]
}

fn assert_memory_bounded() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kilobytes * 1024 < MEMORY_MAX_BYTES, "{peak}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_from_a_stranger_changes_nothing() {
    let ring = Ring::start(|_| {}).await;
    throw(&ring, &ring.wallet(8)).await;
    ring.assert_in_step(3).await;
    assert_memory_bounded();
    ring.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_from_the_batcher_key_only_delays() {
    let ring = Ring::start(|_| {}).await;
    let batcher = Wallet {
        key: opal_devnet::genesis::roles().batcher,
    };
    let stop: serde_json::Value = ring
        .batcher
        .request_once("admin_stopBatcher", ())
        .await
        .unwrap();
    println!("stopped: {stop}");
    throw(&ring, &batcher).await;
    let _: serde_json::Value = ring
        .batcher
        .request_once("admin_startBatcher", ())
        .await
        .unwrap();
    ring.assert_in_step(3).await;
    let somebody = PrivateKeySigner::random().address();
    ring.wallet(9)
        .send(&ring.sequencer, somebody, ether(1), Bytes::new())
        .await;
    ring.assert_in_step(3).await;
    // The verifier may be more than three blocks behind the transfer.
    eventually("the verifier has the transfer", async || {
        let found = ring.verifier.balance(somebody, LATEST).await.unwrap();
        if found == ether(1) {
            Ok(())
        } else {
            Err(found)
        }
    })
    .await;
    assert_memory_bounded();
    ring.stop().await;
}
