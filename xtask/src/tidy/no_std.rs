//! The cores build without std: proven by a crate that would not compile if any of them linked it.
//!
//! A `no_std` crate that defines its own panic handler cannot be compiled together with std, which
//! defines one too (`E0152`, duplicate lang item). So a check of such a crate on top of the cores,
//! with default features, fails as soon as one dependency pulls std in. This works with the host
//! target alone; no other target needs to be installed.

use super::House;
use eyre::{Result, WrapErr};
use std::{fs, path::Path, process::Command};

/// Compiles the probe; what the compiler says against it is the fault.
pub(super) fn check(house: &House) -> Result<Vec<String>> {
    let cores: Vec<_> = house
        .crates
        .iter()
        .filter(|c| c.folder.starts_with("core/"))
        .map(|c| &c.folder)
        .collect();
    eyre::ensure!(!cores.is_empty(), "there are no core crates");
    let probe = house.root.join("target/no-std-probe");
    write_probe(&house.root, &probe, &cores, "")?;
    if let Some(complaint) = compile(&house.root, &probe)? {
        return Ok(vec![format!(
            "the cores do not build without std:\n{complaint}"
        )]);
    }
    // The check itself must be able to fail: with std in the graph the same probe is refused.
    write_probe(&house.root, &probe, &[], "extern crate std;\n")?;
    Ok(match compile(&house.root, &probe)? {
        Some(complaint) if complaint.contains("panic_impl") => vec![],
        Some(complaint) => vec![format!("the probe fails for another reason:\n{complaint}")],
        None => vec!["the probe accepts std, so it proves nothing".into()],
    })
}

/// What a program without std must bring along. Nothing of it ever runs.
const PROBE: &str = r"
struct NoMemory;
unsafe impl core::alloc::GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: core::alloc::Layout) -> *mut u8 {
        core::ptr::null_mut()
    }
    unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {}
}
#[global_allocator]
static MEMORY: NoMemory = NoMemory;
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
";

/// A crate of its own workspace that uses every core, so that no other crate's features leak in.
fn write_probe(root: &Path, probe: &Path, cores: &[&String], extra: &str) -> Result<()> {
    let mut manifest = String::from(
        "[package]\nname = \"no-std-probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[profile.dev]\npanic = \"abort\"\n\n[dependencies]\n",
    );
    let mut source = String::from("#![no_std]\n#![no_main]\n");
    for folder in cores {
        let name = format!("opal-{}", folder.trim_start_matches("core/"));
        let path = root.join(folder);
        manifest += &format!("{name} = {{ path = {path:?}, default-features = false }}\n");
        source += &format!("use {} as _;\n", name.replace('-', "_"));
    }
    source += extra;
    source += PROBE;
    fs::create_dir_all(probe.join("src")).wrap_err("cannot write the probe")?;
    fs::write(probe.join("Cargo.toml"), manifest)?;
    fs::write(probe.join("src/main.rs"), source)?;
    fs::copy(root.join("Cargo.lock"), probe.join("Cargo.lock"))?;
    Ok(())
}

/// Checks the probe; `None` when the compiler accepts it, else what it says.
fn compile(root: &Path, probe: &Path) -> Result<Option<String>> {
    let output = Command::new("cargo")
        .args(["check", "--quiet", "--manifest-path"])
        .arg(probe.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", root.join("target/no-std"))
        .output()
        .wrap_err("cannot run cargo check")?;
    Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned()))
}
