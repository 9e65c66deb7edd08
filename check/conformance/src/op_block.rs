//! Blocks of OP Sepolia, executed from their witness to the exact block hash.
//!
//! A fixture is a plain tar in zstd: `fixture.json` (rollup config, parent header, payload
//! attributes, expected hash), and the write-ahead log of a RocksDB that holds trie nodes and code
//! by Keccak hash. Each block is built from its attributes and then executed once more as if it
//! came from somebody else.

use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Decodable;
use eyre::{OptionExt, Result, WrapErr, ensure, eyre};
use op_alloy_rpc_types_engine::OpPayloadAttributes;
use opal_execution::{
    BlockAttributes, BlockBuilder, BuiltBlock, ChainConfig, InvalidBlock, Roots, VerifiedTx,
    Witness, execute_block, genesis::MESSAGE_PASSER, header::check_roots,
};
use opal_protocol::RollupConfig;
use opal_trie::{EMPTY_ROOT_HASH, TrieError};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

/// A block and what it must become.
#[derive(Debug, Deserialize)]
struct Fixture {
    rollup_config: RollupConfig,
    parent_header: Header,
    executing_payload: OpPayloadAttributes,
    expected_block_hash: B256,
}

/// What was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Height.
    pub number: u64,
    /// Hash, as the network has it.
    pub hash: B256,
    /// Number of transactions.
    pub transactions: usize,
    /// Gas used.
    pub gas_used: u64,
    /// Nodes and codes in the witness.
    pub witness_entries: usize,
}

/// Runs one fixture; an error says where we and the network part.
pub fn run(path: &Path) -> Result<Block> {
    let (fixture, preimages) = read(path).wrap_err_with(|| path.display().to_string())?;
    let chain = chain_of(&fixture.rollup_config);
    let parent = fixture.parent_header;
    let parent_hash = parent.hash_slow();
    let witness_entries = preimages.len();
    let hashes = ancestors(&parent, &preimages);
    let witness = Witness::new(parent.state_root, preimages, hashes);

    let mut attributes = BlockAttributes::from_op(&fixture.executing_payload)
        .ok_or_eyre("the attributes lack a gas limit")?;
    // The fixtures leave the empty list out.
    attributes.withdrawals.get_or_insert_default();
    let mut builder = BlockBuilder::new(&chain, &parent, parent_hash, attributes, &witness)?;
    for encoded in fixture.executing_payload.transactions.iter().flatten() {
        builder.push_forced(VerifiedTx::decode(encoded.clone())?)?;
    }
    let built = builder.finish(|diff| roots(&witness, &diff.hashed()))?;
    ensure!(
        built.hash == fixture.expected_block_hash,
        "built block {} instead of {}: {:#?}",
        built.hash,
        fixture.expected_block_hash,
        built.header
    );
    import(&chain, &parent, &built, &witness)?;
    Ok(Block {
        number: built.header.number,
        hash: built.hash,
        transactions: built.transactions.len(),
        gas_used: built.header.gas_used,
        witness_entries,
    })
}

/// The rollup configuration that a fixture carries.
pub fn rollup_config(path: &Path) -> Result<RollupConfig> {
    let (fixture, _) = read(path).wrap_err_with(|| path.display().to_string())?;
    Ok(fixture.rollup_config)
}

/// Executes the block once more, as a verifier does.
fn import(
    chain: &ChainConfig,
    parent: &Header,
    built: &BuiltBlock,
    witness: &Witness,
) -> Result<()> {
    let (header, txs) = (&built.header, &built.transactions);
    let executed = execute_block(
        chain,
        parent,
        header,
        txs,
        built.withdrawals.as_deref(),
        witness,
    )?;
    ensure!(
        executed == built.executed,
        "execution differs from building"
    );
    check_roots(chain, header, &roots(witness, &executed.diff.hashed())?)?;
    Ok(())
}

fn roots(witness: &Witness, update: &opal_trie::StateUpdate) -> Result<Roots, Failure> {
    let mut trie = witness.trie().clone();
    trie.update(witness, update)
        .map_err(|error| Failure(error.to_string()))?;
    // Before Isthmus nothing needs the message passer, so the witness lacks it.
    let passer = match trie.storage_root(witness, keccak256(MESSAGE_PASSER)) {
        Ok(root) => root,
        Err(TrieError::MissingNode { .. }) => EMPTY_ROOT_HASH,
        Err(error) => return Err(Failure(error.to_string())),
    };
    Ok(Roots {
        state_root: trie.root(),
        message_passer_storage_root: passer,
    })
}

#[derive(Debug)]
struct Failure(String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<InvalidBlock> for Failure {
    fn from(error: InvalidBlock) -> Self {
        Self(error.to_string())
    }
}

/// The fixtures leave Regolith out, which this network has had since its first block.
fn chain_of(rollup: &RollupConfig) -> ChainConfig {
    let mut rollup = rollup.clone();
    rollup.forks.regolith_time = rollup.forks.regolith_time.or(Some(0));
    ChainConfig::optimism(&rollup)
}

/// Hashes of the blocks before, as far back as the witness has their headers.
fn ancestors(parent: &Header, preimages: &BTreeMap<B256, Bytes>) -> BTreeMap<u64, B256> {
    let mut hashes = BTreeMap::from([(parent.number, parent.hash_slow())]);
    let mut header = parent.clone();
    while let Some(number) = header.number.checked_sub(1) {
        hashes.insert(number, header.parent_hash);
        let Some(rlp) = preimages.get(&header.parent_hash) else {
            break;
        };
        let Ok(older) = Header::decode(&mut &rlp[..]) else {
            break;
        };
        header = older;
    }
    hashes
}

fn read(path: &Path) -> Result<(Fixture, BTreeMap<B256, Bytes>)> {
    let file = BufReader::new(File::open(path)?);
    let decoder = ruzstd::decoding::StreamingDecoder::new(file).map_err(|e| eyre!("{e}"))?;
    let mut archive = tar::Archive::new(decoder);
    let (mut fixture, mut preimages) = (None, None);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry
            .path()?
            .file_name()
            .map(|n| n.to_string_lossy().into_owned());
        match name.as_deref() {
            Some("fixture.json") => {
                let mut text = String::new();
                entry.read_to_string(&mut text)?;
                fixture = Some(serde_json::from_str(&text)?);
            }
            Some("000004.log") => {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes)?;
                preimages = Some(write_ahead_log(&bytes)?);
            }
            _ => {}
        }
    }
    let fixture = fixture.ok_or_eyre("fixture.json is missing")?;
    Ok((fixture, preimages.ok_or_eyre("000004.log is missing")?))
}

/// Records do not cross blocks of this many bytes.
const LOG_BLOCK_BYTES: usize = 32 * 1024;
/// Checksum, length and type before each record.
const LOG_HEADER_BYTES: usize = 7;

/// All keys and values that a RocksDB write-ahead log puts.
fn write_ahead_log(log: &[u8]) -> Result<BTreeMap<B256, Bytes>> {
    let mut entries = BTreeMap::new();
    let mut batch = Vec::new();
    for block in log.chunks(LOG_BLOCK_BYTES) {
        let mut rest = block;
        while let Some((head, tail)) = rest.split_at_checked(LOG_HEADER_BYTES) {
            let length = usize::from(u16::from_le_bytes([head[4], head[5]]));
            let kind = head[6];
            if kind == 0 {
                break;
            }
            let (data, next) = tail
                .split_at_checked(length)
                .ok_or_eyre("a record is cut off")?;
            rest = next;
            // Full, first, middle, last.
            match kind {
                1 => {
                    batch.clear();
                    batch.extend_from_slice(data);
                }
                2 => batch = data.to_vec(),
                3 | 4 => batch.extend_from_slice(data),
                _ => return Err(eyre!("record type {kind} is unknown")),
            }
            if matches!(kind, 1 | 4) {
                write_batch(&batch, &mut entries)?;
            }
        }
    }
    Ok(entries)
}

/// Sequence number and count before the operations of a batch.
const BATCH_HEADER_BYTES: usize = 12;

fn write_batch(batch: &[u8], entries: &mut BTreeMap<B256, Bytes>) -> Result<()> {
    let mut rest = batch
        .get(BATCH_HEADER_BYTES..)
        .ok_or_eyre("a batch is cut off")?;
    while let Some((tag, tail)) = rest.split_first() {
        rest = tail;
        ensure!(*tag == 1, "batch operation {tag} is unknown");
        let key = length_prefixed(&mut rest)?;
        let value = length_prefixed(&mut rest)?;
        let key = B256::try_from(key).wrap_err("a key is no hash")?;
        entries.insert(key, Bytes::copy_from_slice(value));
    }
    Ok(())
}

fn length_prefixed<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (mut length, mut shift) = (0_usize, 0_u32);
    loop {
        let (byte, tail) = rest.split_first().ok_or_eyre("a length is cut off")?;
        *rest = tail;
        let bits = usize::from(byte & 0x7f)
            .checked_shl(shift)
            .ok_or_eyre("a length overflows")?;
        length |= bits;
        shift = shift.saturating_add(7);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let (data, tail) = rest
        .split_at_checked(length)
        .ok_or_eyre("a value is cut off")?;
    *rest = tail;
    Ok(data)
}
