//! What several tests share.

use opal_protocol::{Fork, ForkTimes, RollupConfig};
use std::path::PathBuf;

pub(crate) const GENESIS_TIME: u64 = 1_700_000_001;

/// A chain that starts with Delta and upgrades every 1,000 seconds from Ecotone to Karst.
pub(crate) fn upgrading_chain() -> RollupConfig {
    let mut cfg = RollupConfig {
        block_time: 2,
        forks: ForkTimes::at_genesis(Fork::Delta),
        ..RollupConfig::default()
    };
    cfg.genesis.l2_time = GENESIS_TIME;
    for fork in Fork::ALL.into_iter().filter(|fork| *fork > Fork::Delta) {
        cfg.forks.set(fork, Some(time_of(fork)));
    }
    cfg
}

/// When [`upgrading_chain`] activates `fork`.
pub(crate) fn time_of(fork: Fork) -> u64 {
    GENESIS_TIME + 1000 * (fork as u64)
}

/// The folder of published init codes, or `None` (with a note) where the fixtures are absent.
pub(crate) fn init_codes() -> Option<PathBuf> {
    let fixtures = std::env::var_os("OPAL_FIXTURES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/fixtures"
            ))
        },
        PathBuf::from,
    );
    let folder = fixtures.join("protocol-bytecode");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("OPAL_FIXTURES_REQUIRED").is_none_or(|v| v != "1"),
        "fixtures are required and not at {}",
        folder.display()
    );
    println!("skipped: fixtures absent");
    None
}

/// The bytes of a fixture in [`init_codes`].
pub(crate) fn init_code(name: &str) -> Option<Vec<u8>> {
    let path = init_codes()?.join(format!("{name}-deployment.txt"));
    let text = std::fs::read_to_string(path).unwrap();
    Some(hex::decode(text.trim()).unwrap())
}
