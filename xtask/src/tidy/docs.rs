//! ARCHITECTURE.md names every crate and no crate that is gone; what it points at exists.

use super::House;
use eyre::{Result, WrapErr};
use std::fs;

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
    Ok(faults)
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
    use super::named_places;

    #[test]
    fn places_are_found_between_back_quotes() {
        let map = "The `core/protocol` room, not core/trie, nor `core/*`, nor `cargo test`.";
        assert_eq!(named_places(map).collect::<Vec<_>>(), ["core/protocol"]);
    }
}
