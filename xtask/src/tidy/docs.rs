//! ARCHITECTURE.md names every crate and no crate that is gone; what it and the table of
//! derivation's rules point at exists.

use super::{House, visit_sources};
use eyre::{Result, WrapErr};
use std::{collections::BTreeSet, fs};

/// The table of derivation's rules.
const RULES: &str = "docs/derivation-rules.md";

/// Crates the map misses, and paths, functions and tests in the documents that do not exist.
pub(super) fn check(house: &House) -> Result<Vec<String>> {
    let tests = tests_of(house)?;
    let mut faults = check_map(house, &tests)?;
    faults.extend(check_rules(house, &tests)?);
    Ok(faults)
}

fn check_map(house: &House, tests: &BTreeSet<String>) -> Result<Vec<String>> {
    let map = read(house, "ARCHITECTURE.md")?;
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
    let invariants = map
        .split("\n## ")
        .find(|section| section.starts_with("Invariants"));
    for name in named_tests(invariants.unwrap_or("")) {
        if !exists(tests, name) {
            faults.push(format!(
                "ARCHITECTURE.md names the test `{name}`, which does not exist"
            ));
        }
    }
    Ok(faults)
}

/// Every row of the table of rules has a test, and its functions are where it says.
fn check_rules(house: &House, tests: &BTreeSet<String>) -> Result<Vec<String>> {
    let text = read(house, RULES)?;
    let mut faults = Vec::new();
    for rule in rules(&text) {
        for name in named_tests(rule.tests) {
            if !exists(tests, name) {
                faults.push(format!(
                    "{RULES} names the test `{name}`, which does not exist"
                ));
            }
        }
        if !rule.tests.contains('`') {
            faults.push(format!("{RULES}: no test guards \"{}\"", rule.says));
        }
        for (function, file) in linked_functions(rule.functions) {
            let path = house.root.join("docs").join(file);
            let is_there = match fs::read_to_string(&path) {
                Ok(source) => source.contains(function),
                // A folder, when the function's module is split up.
                Err(_) => path.is_dir(),
            };
            if !is_there {
                faults.push(format!("{RULES}: `{function}` is not in {file}"));
            }
        }
    }
    Ok(faults)
}

fn read(house: &House, name: &str) -> Result<String> {
    fs::read_to_string(house.root.join(name)).wrap_err_with(|| format!("cannot read {name}"))
}

/// A row of the table of rules.
struct Rule<'a> {
    says: &'a str,
    functions: &'a str,
    tests: &'a str,
}

/// The rows with four cells, but for heads and rulers.
fn rules(text: &str) -> impl Iterator<Item = Rule<'_>> {
    text.lines().filter_map(|line| {
        let cells: Vec<_> = line
            .strip_prefix("| ")?
            .trim_end()
            .strip_suffix(" |")?
            .split(" | ")
            .collect();
        let &[says, _, functions, tests] = cells.as_slice() else {
            return None;
        };
        (says != "rule").then_some(Rule {
            says,
            functions,
            tests,
        })
    })
}

/// Functions in links such as ``[`Type::function`](path)``: their last names and the paths.
fn linked_functions(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    cell.split("[`").skip(1).filter_map(|link| {
        let (function, rest) = link.split_once("`](")?;
        let (file, _) = rest.split_once(')')?;
        Some((function.rsplit("::").next()?, file))
    })
}

/// Tests that a text names: words of several parts in back-quotes, perhaps with a `*` at the end.
fn named_tests(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|text| {
        let name = text.strip_suffix('*').unwrap_or(text);
        name.contains('_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Whether a test has this name; `trap_1_*` stands for all that begin so.
fn exists(tests: &BTreeSet<String>, name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(prefix) => tests.iter().any(|test| test.starts_with(prefix)),
        None => tests.contains(name),
    }
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
    use super::{exists, linked_functions, named_places, named_tests, rules};

    #[test]
    fn places_are_found_between_back_quotes() {
        let map = "The `core/protocol` room, not core/trie, nor `core/*`, nor `cargo test`.";
        assert_eq!(named_places(map).collect::<Vec<_>>(), ["core/protocol"]);
    }

    #[test]
    fn tests_are_names_of_several_parts() {
        let text = "| it holds | `it_holds`, `cargo xtask`, `trap_1_*`, `P`";
        assert_eq!(
            named_tests(text).collect::<Vec<_>>(),
            ["it_holds", "trap_1_*"]
        );
        let tests = ["it_holds".to_owned(), "trap_1_blobs".to_owned()].into();
        assert!(exists(&tests, "trap_1_*") && exists(&tests, "it_holds"));
        assert!(!exists(&tests, "trap_2_*") && !exists(&tests, "it_hold"));
    }

    #[test]
    fn rules_have_functions_and_tests() {
        let text = "| rule | a | b | tests |\n|---|---|---|---|\n| holds | page.md#x | [`A::b`](../c.rs), [`d`](e.rs) | `it_holds` |\n| clock | rules |";
        let rows: Vec<_> = rules(text).collect();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].says, rows[0].tests), ("holds", "`it_holds`"));
        let functions: Vec<_> = linked_functions(rows[0].functions).collect();
        assert_eq!(functions, [("b", "../c.rs"), ("d", "e.rs")]);
    }
}
