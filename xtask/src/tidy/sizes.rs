//! Files stay small enough to hold in the head.

use super::House;
use eyre::Result;
use std::{fs, path::Path};

/// Lines a source file may have, tests left out.
const FILE_LINES_MAX: usize = 500;

/// Source files over the limit.
pub(super) fn check(house: &House) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for room in &house.crates {
        visit(&house.root.join(&room.folder), &mut |path| {
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

/// Calls `f` for every Rust file below `folder` that holds no tests.
fn visit(folder: &Path, f: &mut impl FnMut(&Path) -> Result<()>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        if path.is_dir() {
            if !["tests", "target", "node_modules", "fuzz"].contains(&name) {
                visit(&path, f)?;
            }
        } else if name.ends_with(".rs") && name != "tests.rs" && !name.ends_with("_tests.rs") {
            f(&path)?;
        }
    }
    Ok(())
}
