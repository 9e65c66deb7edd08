//! ARCHITECTURE.md names every crate and no crate that is gone; what it points at exists.

use super::{House, visit_sources};
use eyre::{Result, WrapErr};
use std::{collections::BTreeSet, fs};

/// Crates the map misses, and paths in the map that do not exist.
pub(super) fn check(house: &House) -> Result<Vec<String>> {
    let path = house.root.join("ARCHITECTURE.md");
    let map = fs::read_to_string(&path).wrap_err("cannot read ARCHITECTURE.md")?;
    let mut faults = Vec::new();
    for room in &house.crates {
        if !map.contains(&format!("`{}`", room.folder)) {
            faults.push(format!("ARCHITECTURE.md does not name `{}`", room.folder));
        }
    }
    for place in named_places(&map) {
        if !house.root.join(place).exists() {
            faults.push(format!(
                "ARCHITECTURE.md names `{place}`, which does not exist"
            ));
        }
    }
    let tests = tests_of(house)?;
    for name in named_tests(&map) {
        if !tests.contains(name) {
            faults.push(format!(
                "ARCHITECTURE.md names the test `{name}`, which does not exist"
            ));
        }
    }
    Ok(faults)
}

/// Tests that the table of invariants names: words of several parts in back-quotes.
fn named_tests(map: &str) -> impl Iterator<Item = &str> {
    let invariants = map
        .split("\n## ")
        .find(|section| section.starts_with("Invariants"));
    let quoted = invariants.unwrap_or("").split('`').skip(1).step_by(2);
    quoted.filter(|text| {
        text.contains('_') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Names of all functions marked as tests.
fn tests_of(house: &House) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for room in &house.crates {
        visit_sources(&house.root.join(&room.folder), &mut |path| {
            let text = fs::read_to_string(path)?;
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                    marked = true;
                } else if let Some(at) = line.find("fn ").filter(|_| marked) {
                    let name = line[at + 3..].split(['(', '<']).next().unwrap_or("");
                    names.insert(name.to_owned());
                    marked = false;
                }
            }
            Ok(())
        })?;
    }
    Ok(names)
}

/// What stands between back-quotes and looks like a path of this workspace.
fn named_places(map: &str) -> impl Iterator<Item = &str> {
    const ROOTS: [&str; 7] = [
        "core/",
        "shell/",
        "bin/",
        "check/",
        "contracts/",
        "docs/",
        "xtask/",
    ];
    map.split('`').skip(1).step_by(2).filter(|text| {
        ROOTS.iter().any(|root| text.starts_with(root)) && !text.contains(['*', ' ', '{', '<', ':'])
    })
}

#[cfg(test)]
mod tests {
    use super::{named_places, named_tests};

    #[test]
    fn places_are_found_between_back_quotes() {
        let map = "The `core/protocol` room, not core/trie, nor `core/*`, nor `cargo test`.";
        assert_eq!(named_places(map).collect::<Vec<_>>(), ["core/protocol"]);
    }

    #[test]
    fn tests_are_named_in_the_invariants_only() {
        let map = "`not_here`\n## Invariants\n| it holds | `it_holds`, `cargo xtask` |\n## Other\n`nor_here`";
        assert_eq!(named_tests(map).collect::<Vec<_>>(), ["it_holds"]);
    }
}
