//! Who may depend on whom, and which heavy dependency has which owner.

use super::House;
use eyre::Result;

/// What each room may reach. A room not listed here is unknown and therefore wrong.
const ARROWS: &[(&str, &[&str])] = &[
    ("core/protocol", &[]),
    ("core/trie", &[]),
    ("core/txqueue", &[]),
    ("core/derivation", &["core/protocol"]),
    ("core/submission", &["core/protocol"]),
    ("core/execution", &["core/protocol", "core/trie"]),
    ("core/rollup", &["core/protocol", "core/derivation"]),
    ("shell/rpc", &["core/protocol"]),
    ("shell/l1", &["core/protocol", "shell/rpc"]),
    ("shell/upgrades", &["core/protocol"]),
    (
        "shell/engine",
        &["core/protocol", "core/execution", "core/trie", "shell/rpc"],
    ),
    ("shell/txmgr", &["core/txqueue", "shell/rpc"]),
    (
        "shell/node",
        &[
            "core/protocol",
            "core/derivation",
            "core/rollup",
            "shell/rpc",
            "shell/l1",
        ],
    ),
    (
        "shell/batcher",
        &[
            "core/protocol",
            "core/submission",
            "shell/rpc",
            "shell/txmgr",
        ],
    ),
    (
        "shell/proposer",
        &["core/protocol", "shell/rpc", "shell/txmgr"],
    ),
    (
        "shell/genesis",
        &[
            "core/protocol",
            "core/execution",
            "shell/rpc",
            "shell/txmgr",
        ],
    ),
    (
        "shell/devnet",
        &["core/protocol", "core/execution", "shell/*"],
    ),
    ("bin/opal", &["core/protocol", "shell/*"]),
    // The naive derivation shares nothing with the one that it is compared with.
    ("check/oracle", &["core/protocol"]),
    ("check/*", &["*"]),
    ("xtask", &[]),
];

/// Heavy dependencies and the folders that may name them.
const OWNERS: &[(&str, &[&str])] = &[
    ("revm", &["core/execution"]),
    ("op-revm", &["core/execution"]),
    ("alloy-evm", &["core/execution"]),
    ("alloy-op-evm", &["core/execution"]),
    ("signet-libmdbx", &["shell/engine"]),
    ("tokio", &["shell/*", "bin/*", "check/*"]),
    ("tracing", &["shell/*", "bin/*"]),
    ("rand", &["shell/*", "bin/*", "check/*"]),
];

/// Every arrow of the workspace that the tables do not allow.
pub(super) fn check(house: &House) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for room in &house.crates {
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| matches(from, &room.folder)) else {
            faults.push(format!("{} is not in the table of arrows", room.folder));
            continue;
        };
        for name in &room.depends_on {
            let Some(to) = house.crates.iter().find(|c| c.name == *name) else {
                continue;
            };
            if !allowed.iter().any(|pattern| matches(pattern, &to.folder)) {
                faults.push(format!("{} must not depend on {}", room.folder, to.folder));
            }
        }
        for (dependency, owners) in OWNERS {
            let named = room.all_dependencies.iter().any(|d| d == dependency);
            if named && !owners.iter().any(|pattern| matches(pattern, &room.folder)) {
                faults.push(format!("{} must not depend on {dependency}", room.folder));
            }
        }
    }
    Ok(faults)
}

/// Whether `folder` is `pattern`, or lies in it when the pattern ends in `*`.
fn matches(pattern: &str, folder: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == folder, |prefix| folder.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::Crate;

    fn house(from: &str, to: &str, library: &str) -> House {
        let room = |folder: &str, depends_on: Vec<String>, all: Vec<String>| Crate {
            name: folder.replace('/', "-"),
            folder: folder.into(),
            depends_on,
            all_dependencies: all,
        };
        House {
            root: ".".into(),
            crates: vec![
                room(from, vec![to.replace('/', "-")], vec![library.into()]),
                room(to, vec![], vec![]),
            ],
        }
    }

    #[test]
    fn allowed_arrows_pass() {
        let found = check(&house("core/derivation", "core/protocol", "thiserror")).unwrap();
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_core_may_not_reach_the_shell() {
        let found = check(&house("core/derivation", "shell/rpc", "thiserror")).unwrap();
        assert_eq!(found, ["core/derivation must not depend on shell/rpc"]);
    }

    #[test]
    fn heavy_dependencies_have_one_owner() {
        let found = check(&house("shell/engine", "core/execution", "revm")).unwrap();
        assert_eq!(found, ["shell/engine must not depend on revm"]);
    }
}
