//! Every input in the corpora: what was found once must not come back.

use opal_fuzz::{TARGETS, memory};
use std::{collections::BTreeSet, fs, path::PathBuf};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Most bytes that all corpora together may take.
const CORPORA_BYTES_MAX: usize = 300_000;
/// Most inputs of one target.
const INPUTS_MAX: usize = 40;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Names of the entries of a folder, sorted.
fn entries(folder: &PathBuf) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries
        .map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect()
}

#[test]
fn corpora_hold() {
    let mut bytes = 0;
    for (name, target) in TARGETS {
        let folder = corpus().join(name);
        let inputs = entries(&folder);
        assert!(!inputs.is_empty(), "the corpus of {name} is empty");
        assert!(
            inputs.len() <= INPUTS_MAX,
            "the corpus of {name} is too large"
        );
        for input in inputs {
            let data = fs::read(folder.join(&input)).expect("readable");
            bytes += data.len();
            println!("{name}/{input}: {} bytes", data.len());
            memory::run(*target, &data);
        }
        memory::run(*target, &[]);
    }
    assert!(bytes <= CORPORA_BYTES_MAX, "{bytes} bytes of corpora");
}

#[test]
fn every_corpus_has_a_target() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len(), "names are unique");
    assert_eq!(entries(&corpus()), targets);
}

/// The limit on memory can be exceeded, and then it is noticed.
#[test]
#[should_panic(expected = "bytes of memory for 1 bytes of input")]
fn memory_is_counted() {
    memory::run(|data| drop(vec![data.first().copied(); 100 << 20]), &[7]);
}
