//! Takes the init codes of upgraded contracts out of the sources of the `kona-hardforks` crate.
//!
//! In: the crate's folder, as cargo unpacked it. Out: one binary file for each init code, in
//! `OUT_DIR`, and the folder's path for the tests. The crate itself is not compiled, because it
//! brings a second generation of Ethereum types with it; `docs/decisions/upgrade-bundles.md` has
//! the numbers.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The crate and the version that Cargo.toml pins.
const CRATE: (&str, &str) = ("kona-hardforks", "0.4.5");

/// Init codes: our name, the crate's file in `src/bytecode`.
const INIT_CODES: [(&str, &str); 6] = [
    ("ecotone_l1_block", "l1_block_ecotone"),
    ("ecotone_gas_price_oracle", "gpo_ecotone"),
    ("fjord_gas_price_oracle", "gpo_fjord"),
    ("isthmus_l1_block", "l1_block_isthmus"),
    ("isthmus_gas_price_oracle", "gpo_isthmus"),
    ("isthmus_operator_fee_vault", "ofv_isthmus"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.toml");
    let bytecode = sources().join("src").join("bytecode");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for (name, file) in INIT_CODES {
        let code = read_hex(&bytecode.join(format!("{file}.hex")));
        fs::write(out.join(format!("{name}.bin")), code).expect("OUT_DIR is writable");
    }
    println!(
        "cargo::rustc-env=OPAL_KONA_BYTECODE={}",
        bytecode.to_str().expect("a path in UTF-8")
    );
}

/// The folder into which cargo unpacked the crate. Cargo checks its archive against Cargo.lock.
fn sources() -> PathBuf {
    let (name, version) = CRATE;
    let cargo = env::var_os("CARGO").expect("cargo sets CARGO");
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--locked"])
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo metadata failed; is the network there, or `cargo fetch` done? {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON");
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == name && package["version"] == version)
        .and_then(|package| package["manifest_path"].as_str())
        .and_then(|manifest| Path::new(manifest).parent())
        .unwrap_or_else(|| panic!("{name} {version} is not among the dependencies"))
        .to_owned()
}

fn read_hex(path: &Path) -> Vec<u8> {
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let digits = text.trim().trim_start_matches("0x").as_bytes();
    assert!(
        !digits.is_empty() && digits.len().is_multiple_of(2),
        "{} holds no hex",
        path.display()
    );
    digits
        .chunks(2)
        .map(|pair| {
            let pair = str::from_utf8(pair).expect("hex is ASCII");
            u8::from_str_radix(pair, 16)
                .unwrap_or_else(|_| panic!("{} holds no hex", path.display()))
        })
        .collect()
}
