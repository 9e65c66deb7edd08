//! Bundles that lie in a folder, found by name and checked against their pins.

use crate::{
    error::{BundleError, Provide},
    pins::{self, deposits_hash},
};
use alloy_primitives::{B256, Bytes};
use opal_protocol::{Fork, UpgradeBundle, upgrades::jovian_bundle};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Karst's bundle, as published.
const KARST_FILE: &str = "karst_nut_bundle.json";
/// Jovian's bundle in the same format. Nobody publishes one; [`UpgradeBundle::to_json`] writes it.
const JOVIAN_FILE: &str = "jovian_nut_bundle.json";
/// Jovian's init codes as the specs publish them: L1Block, GasPriceOracle.
const JOVIAN_INIT_CODES: [&str; 2] = [
    "jovian-l1-block-deployment.txt",
    "jovian-gas-price-oracle-deployment.txt",
];

static KARST: Provide = Provide {
    files: &[KARST_FILE],
    published: "op-core/nuts/bundles/karst_nut_bundle.json in ethereum-optimism/optimism",
    hashed: "SHA-256",
    hash: pins::KARST_FILE_SHA256,
};

static JOVIAN: Provide = Provide {
    files: &JOVIAN_INIT_CODES,
    published: "specs/static/bytecode/ in ethereum-optimism/specs",
    hashed: "Keccak-256 of their upgrade transactions",
    hash: pins::JOVIAN_DEPOSITS,
};

pub(crate) fn provide(fork: Fork) -> Option<&'static Provide> {
    match fork {
        Fork::Jovian => Some(&JOVIAN),
        Fork::Karst => Some(&KARST),
        _ => None,
    }
}

/// The bundle of `fork` in the folder `dir`, if its files are there.
pub(crate) fn find(fork: Fork, dir: &Path) -> Result<Option<UpgradeBundle>, BundleError> {
    match fork {
        Fork::Jovian => match from_json(fork, &dir.join(JOVIAN_FILE))? {
            Some((_, bundle, path)) => check_jovian(bundle, path).map(Some),
            None => from_init_codes(dir),
        },
        Fork::Karst => {
            let Some((text, bundle, path)) = from_json(fork, &dir.join(KARST_FILE))? else {
                return Ok(None);
            };
            let found = B256::from_slice(&Sha256::digest(&text));
            check(&KARST, found, path)?;
            Ok(Some(bundle))
        }
        _ => Ok(None),
    }
}

fn from_json(
    fork: Fork,
    path: &Path,
) -> Result<Option<(String, UpgradeBundle, PathBuf)>, BundleError> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    let path = path.to_owned();
    match UpgradeBundle::from_json(fork, &text) {
        Ok(bundle) => Ok(Some((text, bundle, path))),
        Err(source) => Err(BundleError::Malformed { path, fork, source }),
    }
}

fn from_init_codes(dir: &Path) -> Result<Option<UpgradeBundle>, BundleError> {
    let [l1_block, oracle] = JOVIAN_INIT_CODES.map(|name| init_code(&dir.join(name)));
    let (Some(l1_block), Some(oracle)) = (l1_block?, oracle?) else {
        return Ok(None);
    };
    check_jovian(jovian_bundle(l1_block, oracle), dir.to_owned()).map(Some)
}

fn init_code(path: &Path) -> Result<Option<Bytes>, BundleError> {
    let Some(text) = read(path)? else {
        return Ok(None);
    };
    match hex::decode(text.trim()) {
        Ok(code) => Ok(Some(code.into())),
        Err(_) => Err(BundleError::NoHex {
            path: path.to_owned(),
        }),
    }
}

fn check_jovian(bundle: UpgradeBundle, path: PathBuf) -> Result<UpgradeBundle, BundleError> {
    check(&JOVIAN, deposits_hash(&bundle), path)?;
    Ok(bundle)
}

fn check(provide: &'static Provide, found: B256, path: PathBuf) -> Result<(), BundleError> {
    if found == provide.hash {
        return Ok(());
    }
    Err(BundleError::Hash {
        path,
        provide,
        found,
    })
}

/// The text of a file, or `None` where there is no such file.
fn read(path: &Path) -> Result<Option<String>, BundleError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BundleError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}
