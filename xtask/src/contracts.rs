//! Rebuilds the contract artifacts with the pinned compiler.
//!
//! In: `contracts/src`, `contracts/package-lock.json`. Out: `contracts/artifacts/*.json`, or with
//! `--check` a verdict on the committed ones. Needs node and npm, and the npm registry on a first
//! run.

use eyre::{Context, bail};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Rebuilds the artifacts, or with `check` compares them with the committed ones.
pub(crate) fn run(check: bool) -> eyre::Result<()> {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let contracts = contracts
        .canonicalize()
        .wrap_err("the folder contracts/ is missing")?;
    install_compiler(&contracts)?;
    let committed = contracts.join("artifacts");
    if !check {
        node(&contracts, &committed)?;
        println!("wrote {} artifacts", read_all(&committed)?.len());
        return Ok(());
    }
    let fresh = contracts.join("out");
    node(&contracts, &fresh)?;
    let (old, new) = (read_all(&committed)?, read_all(&fresh)?);
    let mut stale: Vec<&str> = Vec::new();
    for name in old.keys().chain(new.keys()) {
        if old.get(name) != new.get(name) && !stale.contains(&name.as_str()) {
            stale.push(name);
        }
    }
    if !stale.is_empty() {
        bail!(
            "artifacts differ from what the sources compile to: {}. Run `cargo xtask contracts` \
             and commit contracts/artifacts",
            stale.join(", ")
        );
    }
    println!("{} artifacts are what the sources compile to", old.len());
    Ok(())
}

/// Installs exactly what the lock file names, unless that has been done.
fn install_compiler(contracts: &Path) -> eyre::Result<()> {
    let lock = fs::read(contracts.join("package-lock.json")).wrap_err("package-lock.json")?;
    let stamp = contracts.join("node_modules/.opal-installed");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    succeed(
        Command::new("npm")
            .args(["ci", "--ignore-scripts"])
            .current_dir(contracts),
    )?;
    fs::write(stamp, lock)?;
    Ok(())
}

fn node(contracts: &Path, out: &Path) -> eyre::Result<()> {
    succeed(
        Command::new("node")
            .arg("build.mjs")
            .arg(out)
            .current_dir(contracts),
    )
}

fn succeed(command: &mut Command) -> eyre::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .wrap_err_with(|| format!("cannot run {program}; the contracts need node and npm"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}

/// The files of a flat folder by name.
fn read_all(folder: &Path) -> eyre::Result<BTreeMap<String, Vec<u8>>> {
    let entries = fs::read_dir(folder).wrap_err_with(|| format!("{}", folder.display()))?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let path: PathBuf = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        files.insert(name, fs::read(&path)?);
    }
    Ok(files)
}
