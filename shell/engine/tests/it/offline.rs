//! Export, import, figures and verification of a data directory.

use crate::world::{self, Driver, transfer, user};
use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::Decodable;
use opal_engine::{
    EngineConfig, FileImportError, ImportOptions, ImportReport, VerifyReport, export, import, init,
    stat, verify,
};
use opal_protocol::Fork;
use std::{io::Cursor, path::Path, time::Duration};

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
    let input = Cursor::new(file.to_vec());
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
    use redb::{Database, ReadableTable, TableDefinition};
    type ByHash = TableDefinition<'static, &'static [u8; 32], &'static [u8]>;
    const ACCOUNTS: ByHash = TableDefinition::new("accounts");
    const HEADERS: ByHash = TableDefinition::new("headers");
    const BODIES: ByHash = TableDefinition::new("bodies");
    const RECEIPTS: ByHash = TableDefinition::new("receipts");
    const STORAGE: TableDefinition<'static, &'static [u8; 64], &'static [u8]> =
        TableDefinition::new("storage");
    const NODES: TableDefinition<'static, &'static [u8], &'static [u8]> =
        TableDefinition::new("nodes");
    const CANONICAL: TableDefinition<'static, u64, &'static [u8; 32]> =
        TableDefinition::new("canonical");
    const REVERSE: TableDefinition<'static, u64, &'static [u8]> =
        TableDefinition::new("reverse_diffs");

    let dir = tempfile::tempdir().unwrap();
    chain(dir.path()).await;
    let whole = std::fs::read(dir.path().join("opal.redb")).unwrap();
    let hash_of = |db: &Database, number: u64| {
        let write = db.begin_write().unwrap();
        let table = write.open_table(CANONICAL).unwrap();
        *table.get(number).unwrap().unwrap().value()
    };
    type Damage<'a> = Box<dyn Fn(&Database) + 'a>;
    let by_hash = |table: ByHash, number: u64| -> Damage<'_> {
        Box::new(move |db| {
            let hash = hash_of(db, number);
            let write = db.begin_write().unwrap();
            write.open_table(table).unwrap().remove(&hash).unwrap();
            write.commit().unwrap();
        })
    };
    let cases: Vec<(&str, Damage<'_>)> = vec![
        (
            "flat tables: accounts and slots give the root",
            Box::new(|db| {
                let write = db.begin_write().unwrap();
                {
                    let mut table = write.open_table(ACCOUNTS).unwrap();
                    let key = *table.first().unwrap().unwrap().0.value();
                    table.remove(&key).unwrap();
                }
                write.commit().unwrap();
            }),
        ),
        (
            "flat tables: database: row of table `accounts` is damaged",
            Box::new(|db| {
                let write = db.begin_write().unwrap();
                {
                    let mut table = write.open_table(ACCOUNTS).unwrap();
                    let key = *table.first().unwrap().unwrap().0.value();
                    table.insert(&key, &b"junk"[..]).unwrap();
                }
                write.commit().unwrap();
            }),
        ),
        (
            "table storage, hashed address 0x0101",
            Box::new(|db| {
                let write = db.begin_write().unwrap();
                write
                    .open_table(STORAGE)
                    .unwrap()
                    .insert(&[1; 64], &[5][..])
                    .unwrap();
                write.commit().unwrap();
            }),
        ),
        (
            "table nodes: trie node",
            Box::new(|db| {
                let write = db.begin_write().unwrap();
                {
                    let mut table = write.open_table(NODES).unwrap();
                    let key = table.last().unwrap().unwrap().0.value().to_vec();
                    table.remove(key.as_slice()).unwrap();
                }
                write.commit().unwrap();
            }),
        ),
        (
            "rows, but the trie of block",
            Box::new(|db| {
                let write = db.begin_write().unwrap();
                write
                    .open_table(NODES)
                    .unwrap()
                    .insert(&[9; 40][..], &[1][..])
                    .unwrap();
                write.commit().unwrap();
            }),
        ),
        ("block 7: the header of", by_hash(HEADERS, 7)),
        ("block 8: the body of", by_hash(BODIES, 8)),
        ("block 9: its receipts are missing", by_hash(RECEIPTS, 9)),
        (
            "block 11: has no canonical hash",
            Box::new(|db| {
                let write = db.begin_write().unwrap();
                write.open_table(CANONICAL).unwrap().remove(11).unwrap();
                write.commit().unwrap();
            }),
        ),
        (
            "block 12: its parent is",
            Box::new(|db| {
                let other = hash_of(db, 13);
                let write = db.begin_write().unwrap();
                write
                    .open_table(CANONICAL)
                    .unwrap()
                    .insert(11, &other)
                    .unwrap();
                write.commit().unwrap();
            }),
        ),
        (
            "table reverse_diffs: ",
            Box::new(|db| {
                let write = db.begin_write().unwrap();
                write.open_table(REVERSE).unwrap().remove(20).unwrap();
                write.commit().unwrap();
            }),
        ),
    ];
    for (expected, damage) in cases {
        std::fs::write(dir.path().join("opal.redb"), &whole).unwrap();
        damage(&Database::open(dir.path().join("opal.redb")).unwrap());
        let report = verify(dir.path(), |_| ()).unwrap();
        let said: Vec<String> = report.damages.iter().map(ToString::to_string).collect();
        assert!(
            said.iter().any(|d| d.contains(expected)),
            "{expected}: {said:#?}"
        );
        assert!(report.damages_total >= said.len() as u64);
    }
    std::fs::write(dir.path().join("opal.redb"), &whole).unwrap();
    sound(dir.path());
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
        Cursor::new(file.clone()),
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
