//! Files stay small enough to hold in the head.

use super::{House, visit_sources};
use eyre::Result;
use std::{fs, path::Path};

/// Lines a source file may have, tests left out.
const FILE_LINES_MAX: usize = 500;

/// Source files over the limit.
pub(super) fn check(house: &House) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for room in &house.crates {
        let folder = house.root.join(&room.folder);
        visit_sources(&folder, &mut |path| {
            if is_left_out(path.strip_prefix(&folder).unwrap_or(path)) {
                return Ok(());
            }
            let text = fs::read_to_string(path)?;
            let lines = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or("")
                .lines()
                .count();
            if lines > FILE_LINES_MAX {
                let path = path.strip_prefix(&house.root).unwrap_or(path).display();
                faults.push(format!(
                    "{path} has {lines} lines; the limit is {FILE_LINES_MAX}"
                ));
            }
            Ok(())
        })?;
    }
    Ok(faults)
}

/// Whether a file holds tests, or lies in a folder that holds none of our source.
fn is_left_out(path: &Path) -> bool {
    const FOLDERS: [&str; 4] = ["tests", "target", "node_modules", "fuzz"];
    let mut names = path.iter().rev().filter_map(|name| name.to_str());
    let file = names.next().unwrap_or("");
    file == "tests.rs" || file.ends_with("_tests.rs") || names.any(|name| FOLDERS.contains(&name))
}
