//! The blobs of the development L1: kept per block, on disk or in memory.
//!
//! A blob is stored without its trailing zeros, so a mostly empty blob costs what it carries.

use alloy_eips::eip4844::{BYTES_PER_BLOB, Blob};
use alloy_primitives::B256;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Blocks whose blobs are kept; older ones are pruned as a beacon node prunes its own.
pub(crate) const BLOB_RETENTION_BLOCKS: usize = 16_384;

/// Blobs by the hash of the execution block that carries them.
#[derive(Debug)]
pub(crate) struct BlobStore {
    folder: Option<PathBuf>,
    memory: Mutex<BTreeMap<B256, Vec<Vec<u8>>>>,
}

impl BlobStore {
    /// Opens the store in `folder`, made if absent; without a folder blobs live in memory.
    pub(crate) fn open(folder: Option<PathBuf>) -> io::Result<Self> {
        if let Some(folder) = &folder {
            fs::create_dir_all(folder)?;
        }
        Ok(Self {
            folder,
            memory: Mutex::default(),
        })
    }

    /// Keeps the blobs of a block, in the order of the block's transactions.
    ///
    /// The file appears whole or not at all: it is written aside and renamed.
    pub(crate) fn put(&self, block: B256, blobs: &[&Blob]) -> io::Result<()> {
        if blobs.is_empty() {
            return Ok(());
        }
        let trimmed: Vec<Vec<u8>> = blobs.iter().map(|blob| trim(blob)).collect();
        let Some(folder) = &self.folder else {
            self.memory
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(block, trimmed);
            return Ok(());
        };
        let mut file = Vec::new();
        for blob in &trimmed {
            file.extend_from_slice(&(blob.len() as u32).to_be_bytes());
            file.extend_from_slice(blob);
        }
        let path = path_of(folder, block);
        let aside = path.with_extension("new");
        fs::write(&aside, file)?;
        fs::rename(aside, path)
    }

    /// The blobs of a block in order; empty when it has none or they were pruned.
    pub(crate) fn get(&self, block: B256) -> io::Result<Vec<Box<Blob>>> {
        let Some(folder) = &self.folder else {
            let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(memory
                .get(&block)
                .into_iter()
                .flatten()
                .map(|b| pad(b))
                .collect());
        };
        match fs::read(path_of(folder, block)) {
            Ok(file) => split(&file),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// Forgets the blobs of a block.
    pub(crate) fn prune(&self, block: B256) {
        match &self.folder {
            // A file that is already gone is as good as pruned.
            Some(folder) => drop(fs::remove_file(path_of(folder, block))),
            None => {
                self.memory
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&block);
            }
        }
    }
}

fn path_of(folder: &Path, block: B256) -> PathBuf {
    folder.join(format!("{block}.blobs"))
}

fn trim(blob: &Blob) -> Vec<u8> {
    let end = blob
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    blob[..end].to_vec()
}

fn pad(bytes: &[u8]) -> Box<Blob> {
    let mut blob = Box::new(Blob::ZERO);
    let len = bytes.len().min(BYTES_PER_BLOB);
    blob[..len].copy_from_slice(&bytes[..len]);
    blob
}

fn split(mut file: &[u8]) -> io::Result<Vec<Box<Blob>>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "blob file is damaged");
    let mut blobs = Vec::new();
    while let Some((len, rest)) = file.split_first_chunk::<4>() {
        let len = u32::from_be_bytes(*len) as usize;
        if len > BYTES_PER_BLOB {
            return Err(damaged());
        }
        let (blob, rest) = rest.split_at_checked(len).ok_or_else(damaged)?;
        blobs.push(pad(blob));
        file = rest;
    }
    if file.is_empty() {
        Ok(blobs)
    } else {
        Err(damaged())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(bytes: &[u8]) -> Blob {
        *pad(bytes)
    }

    fn check(store: &BlobStore) {
        let block = B256::repeat_byte(7);
        let blobs = [blob(&[]), blob(&[1, 0, 2]), blob(&[9; BYTES_PER_BLOB])];
        store.put(block, &blobs.each_ref()).unwrap();
        let back: Vec<Blob> = store.get(block).unwrap().into_iter().map(|b| *b).collect();
        assert_eq!(back, blobs);
        assert!(store.get(B256::ZERO).unwrap().is_empty());
        store.prune(block);
        assert!(store.get(block).unwrap().is_empty());
    }

    #[test]
    fn blobs_come_back_from_memory_and_disk() {
        check(&BlobStore::open(None).unwrap());
        let folder = tempfile::tempdir().unwrap();
        check(&BlobStore::open(Some(folder.path().join("blobs"))).unwrap());
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        assert!(split(&[0, 0, 0, 9, 1]).is_err());
        assert!(split(&[255, 255, 255, 255]).is_err());
        assert!(split(&[0, 0]).is_err());
    }
}
