//! `cargo xtask tidy`: the checks that keep the drawing of the house true.
//!
//! Each check returns the list of what is wrong; tidy prints them all and fails if there is any.

mod arrows;
mod docs;
mod no_std;
mod sizes;

use eyre::{Result, WrapErr};
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A check: what is wrong with the house, a line each.
type Check = fn(&House) -> Result<Vec<String>>;

/// Runs every check.
pub(crate) fn run() -> Result<()> {
    let house = House::read()?;
    let checks: [(&str, Check); 4] = [
        ("arrows between crates", arrows::check),
        ("documents", docs::check),
        ("file sizes", sizes::check),
        ("cores without std", no_std::check),
    ];
    let mut faults = 0;
    for (name, check) in checks {
        let found = check(&house).wrap_err_with(|| format!("tidy: {name}"))?;
        println!(
            "tidy: {name}: {}",
            if found.is_empty() { "ok" } else { "WRONG" }
        );
        for fault in &found {
            println!("  {fault}");
        }
        faults += found.len();
    }
    eyre::ensure!(faults == 0, "{faults} things are untidy");
    Ok(())
}

/// The workspace as cargo sees it.
pub(crate) struct House {
    root: PathBuf,
    crates: Vec<Crate>,
}

/// One workspace crate.
pub(crate) struct Crate {
    /// Package name.
    name: String,
    /// Folder relative to the root, such as `core/protocol`.
    folder: String,
    /// Names of workspace crates it depends on, dev-dependencies left out.
    depends_on: Vec<String>,
    /// Names of all direct dependencies, dev-dependencies left out.
    all_dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<PathBuf>,
}

impl House {
    fn read() -> Result<Self> {
        let output = Command::new("cargo")
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .wrap_err("cannot run cargo metadata")?;
        eyre::ensure!(
            output.status.success(),
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
        let root = metadata.workspace_root;
        let crates = metadata
            .packages
            .into_iter()
            .map(|p| Crate::new(&root, p))
            .collect();
        Ok(Self { root, crates })
    }
}

impl Crate {
    fn new(root: &Path, package: Package) -> Self {
        let folder = package.manifest_path.parent().unwrap_or(root);
        let folder = folder
            .strip_prefix(root)
            .unwrap_or(folder)
            .to_string_lossy()
            .into_owned();
        let built = package
            .dependencies
            .iter()
            .filter(|d| d.kind.as_deref() != Some("dev"));
        let depends_on = built
            .clone()
            .filter(|d| d.path.is_some())
            .map(|d| d.name.clone());
        Self {
            depends_on: depends_on.collect(),
            all_dependencies: built.map(|d| d.name.clone()).collect(),
            name: package.name,
            folder,
        }
    }
}

/// Calls `f` for every Rust file below `folder`.
pub(crate) fn visit_sources(folder: &Path, f: &mut impl FnMut(&Path) -> Result<()>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            visit_sources(&path, f)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            f(&path)?;
        }
    }
    Ok(())
}
