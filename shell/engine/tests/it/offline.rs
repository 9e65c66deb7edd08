//! Export, import, figures and verification of a data directory.

use crate::world::{self, Driver, transfer, user};
use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::Decodable;
use opal_engine::{
    EngineConfig, FileImportError, ImportOptions, ImportReport, VerifyReport, export, import, init,
    stat, verify,
};
use opal_protocol::Fork;
use signet_libmdbx::{Cursor, Environment, EnvironmentFlags, Ro, WriteFlags};
use std::{io, path::Path, time::Duration};

const BLOCKS: u64 = 40;

fn config(dir: &Path) -> EngineConfig {
    EngineConfig {
        datadir: Some(dir.to_path_buf()),
        flush_interval: Duration::ZERO,
        ..world::config(Fork::Karst)
    }
}

/// A chain on disk, and its blocks as a file.
async fn chain(dir: &Path) -> Vec<u8> {
    let mut driver = Driver::start(config(dir), Fork::Karst).await;
    for number in 0..BLOCKS {
        let to = Address::from_word(keccak256(number.to_be_bytes()));
        driver.send(transfer(&user(0), number, to, 1)).await;
        driver.build().await;
    }
    driver.engine.shutdown().await;
    let mut file = Vec::new();
    let report = export(dir, (None, None), &mut file, |_| ()).unwrap();
    assert_eq!((report.blocks, report.last), (BLOCKS, BLOCKS));
    assert_eq!(report.bytes, file.len() as u64);
    file
}

async fn run(dir: &Path, file: &[u8]) -> Result<ImportReport, FileImportError> {
    let input = io::Cursor::new(file.to_vec());
    import(
        config(dir),
        input,
        ImportOptions::default(),
        |_| (),
        || true,
    )
    .await
}

fn sound(dir: &Path) -> VerifyReport {
    let report = verify(dir, |_| ()).unwrap();
    assert!(report.damages.is_empty(), "{:#?}", report.damages);
    report
}

/// The blocks of a file, each with its bytes.
fn split(mut file: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let mut rest = file;
        alloy_rlp::Header::decode_bytes(&mut rest, true).unwrap();
        blocks.push(&file[..file.len() - rest.len()]);
        file = rest;
    }
    blocks
}

/// A block whose header was changed.
fn forged(block: &[u8], change: impl FnOnce(&mut alloy_consensus::Header)) -> Vec<u8> {
    let mut rest = block;
    let mut parts = alloy_rlp::Header::decode_bytes(&mut rest, true).unwrap();
    let mut header = alloy_consensus::Header::decode(&mut parts).unwrap();
    change(&mut header);
    let mut payload = alloy_rlp::encode(header);
    payload.extend_from_slice(parts);
    let mut out = Vec::new();
    let list = alloy_rlp::Header {
        list: true,
        payload_length: payload.len(),
    };
    list.encode(&mut out);
    out.append(&mut payload);
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_can_be_imported() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = chain(first.path()).await;
    let original = sound(first.path());
    assert_eq!(original.blocks, BLOCKS + 1);
    assert!(original.accounts > BLOCKS && original.nodes > BLOCKS);

    let (_, new) = init(config(second.path())).unwrap();
    assert!(new && !init(config(second.path())).unwrap().1);
    let report = run(second.path(), &file).await.unwrap();
    assert_eq!((report.imported, report.skipped), (BLOCKS, 0));
    assert_eq!((report.head.hash, report.head.number), original.head);
    assert_eq!(sound(second.path()), original);

    // Again: nothing is left to do, and the head stays.
    let blocks = split(&file);
    let half = blocks[..20].concat();
    for (part, known) in [(&file, BLOCKS), (&half, 20)] {
        let report = run(second.path(), part).await.unwrap();
        assert_eq!((report.imported, report.skipped), (0, known));
        assert_eq!(report.head.number, BLOCKS);
    }
    let figures = stat(second.path()).unwrap();
    assert_eq!(figures.head, original.head);
    assert_eq!(figures.blocks, (0, BLOCKS));
    assert_eq!(figures.oldest_state, 0);
    let accounts = figures
        .tables
        .iter()
        .find(|t| t.name == "accounts")
        .unwrap();
    assert_eq!(accounts.rows, original.accounts);

    // A range is a part of the whole.
    let mut part = Vec::new();
    export(second.path(), (Some(5), Some(9)), &mut part, |_| ()).unwrap();
    assert_eq!(part, blocks[4..9].concat());
    assert!(
        export(
            second.path(),
            (Some(5), Some(BLOCKS + 1)),
            &mut part,
            |_| ()
        )
        .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_ends_the_import_and_keeps_what_was_good() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = chain(first.path()).await;
    let blocks = split(&file);

    // The file ends in the middle of the sixth block.
    let start: usize = blocks[..5].iter().map(|b| b.len()).sum();
    let error = run(second.path(), &file[..start + 100]).await.unwrap_err();
    match error {
        FileImportError::Stream { blocks, offset, .. } => {
            assert_eq!((blocks, offset as usize), (5, start))
        }
        other => panic!("{other}"),
    }
    assert_eq!(sound(second.path()).head.1, 5);

    // The tenth block claims another state.
    let bad = forged(blocks[9], |header| header.state_root = B256::repeat_byte(7));
    let mut forgery = blocks[..9].concat();
    forgery.extend_from_slice(&bad);
    forgery.extend_from_slice(&blocks[10..].concat());
    match run(second.path(), &forgery).await.unwrap_err() {
        FileImportError::Invalid {
            number,
            hash,
            reason,
        } => {
            let mut rest = bad.as_slice();
            let mut parts = alloy_rlp::Header::decode_bytes(&mut rest, true).unwrap();
            let header = alloy_consensus::Header::decode(&mut parts).unwrap();
            assert_eq!((number, hash), (10, header.hash_slow()));
            assert!(reason.contains("stateRoot"), "{reason}");
        }
        other => panic!("{other}"),
    }
    assert_eq!(sound(second.path()).head.1, 9);

    // A block is missing between.
    let gap = [blocks[10], blocks[11]].concat();
    match run(second.path(), &gap).await.unwrap_err() {
        FileImportError::Gap { number, head, .. } => assert_eq!((number, head), (11, 9)),
        other => panic!("{other}"),
    }

    // Bytes that are no blocks at all.
    for junk in [
        &b"\x1f\x8b\x08"[..],
        b"hello",
        b"\xf9\xff\xff",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xc0",
    ] {
        let error = run(second.path(), junk).await.unwrap_err();
        assert!(
            matches!(
                error,
                FileImportError::Stream {
                    blocks: 0,
                    offset: 0,
                    ..
                }
            ),
            "{error}"
        );
    }

    // Then the right file goes on from there.
    let report = run(second.path(), &file).await.unwrap();
    assert_eq!((report.skipped, report.imported), (9, BLOCKS - 9));
    assert_eq!(sound(second.path()), sound(first.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn verification_names_what_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    chain(dir.path()).await;
    let file = dir.path().join("opal.mdbx");
    let whole = std::fs::read(&file).unwrap();
    type Damage = Box<dyn Fn(&Rows)>;
    let by_hash = |table: &'static str, number: u64| -> Damage {
        Box::new(move |rows| {
            let hash = rows.get("canonical", &number.to_be_bytes());
            rows.remove(table, &hash);
        })
    };
    let cases: Vec<(&str, Damage)> = vec![
        (
            "flat tables: accounts and slots give the root",
            Box::new(|rows| rows.remove("accounts", &rows.first("accounts"))),
        ),
        (
            "flat tables: database: row of table `accounts` is damaged",
            Box::new(|rows| rows.put("accounts", &rows.first("accounts"), b"junk")),
        ),
        (
            "table storage, hashed address 0x0101",
            Box::new(|rows| rows.put("storage", &[1; 64], &[5])),
        ),
        (
            "table nodes: trie node",
            Box::new(|rows| rows.remove("nodes", &rows.last("nodes"))),
        ),
        (
            "rows, but the trie of block",
            Box::new(|rows| rows.put("nodes", &[9; 40], &[1])),
        ),
        ("block 7: the header of", by_hash("headers", 7)),
        ("block 8: the body of", by_hash("bodies", 8)),
        ("block 9: its receipts are missing", by_hash("receipts", 9)),
        (
            "block 11: has no canonical hash",
            Box::new(|rows| rows.remove("canonical", &11u64.to_be_bytes())),
        ),
        (
            "block 12: its parent is",
            Box::new(|rows| {
                let other = rows.get("canonical", &13u64.to_be_bytes());
                rows.put("canonical", &11u64.to_be_bytes(), &other);
            }),
        ),
        (
            "table reverse_diffs: ",
            Box::new(|rows| rows.remove("reverse_diffs", &20u64.to_be_bytes())),
        ),
    ];
    for (expected, damage) in cases {
        std::fs::write(&file, &whole).unwrap();
        damage(&Rows::open(&file));
        let report = verify(dir.path(), |_| ()).unwrap();
        let said: Vec<String> = report.damages.iter().map(ToString::to_string).collect();
        assert!(
            said.iter().any(|d| d.contains(expected)),
            "{expected}: {said:#?}"
        );
        assert!(report.damages_total >= said.len() as u64);
    }
    std::fs::write(&file, &whole).unwrap();
    sound(dir.path());
}

/// The rows of a database file, past the engine.
struct Rows(Environment);

impl Rows {
    fn open(file: &Path) -> Self {
        let flags = EnvironmentFlags {
            no_sub_dir: true,
            exclusive: true,
            ..EnvironmentFlags::default()
        };
        let mut builder = Environment::builder();
        builder.set_flags(flags).set_max_dbs(16);
        Self(builder.open(file).unwrap())
    }

    fn read(&self, table: &str, read: impl FnOnce(&mut Cursor<'_, Ro>) -> Vec<u8>) -> Vec<u8> {
        let transaction = self.0.begin_ro_unsync().unwrap();
        let table = transaction.open_db(Some(table)).unwrap();
        read(&mut transaction.cursor(table).unwrap())
    }

    fn get(&self, table: &str, key: &[u8]) -> Vec<u8> {
        self.read(table, |cursor| cursor.set(key).unwrap().unwrap())
    }

    fn first(&self, table: &str) -> Vec<u8> {
        self.read(table, |cursor| cursor.first::<_, ()>().unwrap().unwrap().0)
    }

    fn last(&self, table: &str) -> Vec<u8> {
        self.read(table, |cursor| cursor.last::<_, ()>().unwrap().unwrap().0)
    }

    fn put(&self, table: &str, key: &[u8], value: &[u8]) {
        let transaction = self.0.begin_rw_unsync().unwrap();
        let table = transaction.open_db(Some(table)).unwrap();
        let flags = WriteFlags::empty();
        transaction.put(table, key, value, flags).unwrap();
        transaction.commit().unwrap();
    }

    fn remove(&self, table: &str, key: &[u8]) {
        let transaction = self.0.begin_rw_unsync().unwrap();
        let table = transaction.open_db(Some(table)).unwrap();
        assert!(transaction.del(table, key, None).unwrap());
        transaction.commit().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pruned_receipts_leave_blocks_whole() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = chain(first.path()).await;
    let pruning = EngineConfig {
        receipts_blocks: Some(10),
        history_blocks: 15,
        ..config(second.path())
    };
    let options = ImportOptions {
        head_every: 1,
        ..ImportOptions::default()
    };
    import(
        pruning.clone(),
        io::Cursor::new(file.clone()),
        options,
        |_| (),
        || true,
    )
    .await
    .unwrap();
    sound(second.path());
    let figures = stat(second.path()).unwrap();
    let rows = |name| figures.tables.iter().find(|t| t.name == name).unwrap().rows;
    // The last 10, and the head itself.
    assert_eq!(rows("receipts"), 11);
    assert_eq!(rows("bodies"), BLOCKS + 1);
    assert_eq!(figures.oldest_state, BLOCKS - 16);
    let mut again = Vec::new();
    export(second.path(), (None, None), &mut again, |_| ()).unwrap();
    assert_eq!(again, file);

    let driver = Driver::start(pruning, Fork::Karst).await;
    let block = driver
        .api
        .block(opal_rpc::BlockTag::Number(3))
        .await
        .unwrap();
    assert_eq!(block.unwrap().transactions.len(), 2);
    driver.engine.shutdown().await;
}

/// Balance in wei of the one who gets seven in every block.
async fn balance(driver: &Driver, block: u64) -> u64 {
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "eth_getBalance",
        "params": [Address::repeat_byte(9), format!("{block:#x}")],
    });
    let client = reqwest::Client::new();
    let answer = client
        .post(driver.engine.rpc_url())
        .json(&body)
        .send()
        .await;
    let answer: serde_json::Value = answer.unwrap().json().await.unwrap();
    let text = answer["result"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"));
    u64::from_str_radix(&text[2..], 16).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_finds_every_old_state_in_its_index() {
    let dir = tempfile::tempdir().unwrap();
    let archive = EngineConfig {
        history_blocks: u64::MAX,
        ..config(dir.path())
    };
    let mut driver = Driver::start(archive.clone(), Fork::Karst).await;
    let mut hashes = Vec::new();
    for number in 0..30 {
        let transfer = transfer(&user(0), number, Address::repeat_byte(9), 1);
        driver.send(transfer).await;
        driver.build().await;
        hashes.push(driver.head);
    }
    driver.engine.shutdown().await;
    let mut driver = Driver::start(archive.clone(), Fork::Karst).await;
    for number in 0..=30 {
        assert_eq!(balance(&driver, number).await, 7 * number);
    }
    // Blocks that are undone leave no rows behind.
    driver.set_head(hashes[19]).await;
    driver.engine.clear_pool();
    for _ in 0..10 {
        driver.build().await;
    }
    driver.engine.shutdown().await;
    let driver = Driver::start(archive, Fork::Karst).await;
    assert_eq!(driver.number, 30);
    for number in 0..=30 {
        assert_eq!(
            balance(&driver, number).await,
            7 * number.min(20),
            "block {number}"
        );
    }
    driver.engine.shutdown().await;
    let rows = |name: &str| {
        let tables = stat(dir.path()).unwrap().tables;
        tables.iter().find(|t| t.name == name).unwrap().rows
    };
    assert!(rows("account_history") > 30);
    // Who stops being an archive drops the index; states in the window stay.
    let mut driver = Driver::start(config(dir.path()), Fork::Karst).await;
    driver.build().await;
    assert_eq!(balance(&driver, 10).await, 70);
    driver.engine.shutdown().await;
    assert_eq!(rows("account_history"), 0);
    sound(dir.path());
}
