//! Whole states, page by page, and blocks that were refused: `debug_accountRange`,
//! `debug_dumpBlock`, `debug_storageRangeAt`, `debug_getBadBlocks`.
//!
//! In: a block and where to begin. Out: geth's JSON. Accounts and slots are kept by the hashes of
//! their keys alone, so they are named by those, as geth does where it lacks the preimages. Every
//! request takes a turn, and no answer has more than a fixed number of accounts and slots.

use super::{
    Args, Eth, Module, Registered, RpcResult, convert,
    error::{from_view, internal, invalid_params, limit_exceeded, server},
    patient,
    trace::with_transactions,
};
use crate::{
    bad_blocks::BadBlock,
    block::ChainBlock,
    store::{BlockBody, Layer},
    view::StateView,
    walk,
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, hex, keccak256};
use opal_execution::{Account, StateReader, VerifiedTx};
use opal_trie::StateTrie;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Accounts of one `debug_accountRange`, as geth has it.
const ACCOUNTS_MAX: usize = 256;
/// Accounts of a state that `debug_dumpBlock` prints whole.
const DUMP_ACCOUNTS_MAX: usize = 4_096;
/// Slots of all accounts in one answer.
const SLOTS_MAX: usize = 65_536;
/// Slots of one `debug_storageRangeAt`.
const RANGE_SLOTS_MAX: usize = 1_024;

/// Accounts in geth's form.
#[derive(Clone, Debug, Serialize)]
struct Dump {
    /// State root, without a prefix.
    root: String,
    /// By `pre(HASH)`, which is how geth writes an address that it does not know.
    accounts: BTreeMap<String, DumpedAccount>,
    /// Hashed address of the first account that is left, as base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DumpedAccount {
    /// Wei, decimal.
    balance: String,
    nonce: u64,
    root: B256,
    code_hash: B256,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Bytes>,
    /// Values as bare hex, by hashed slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    storage: Option<BTreeMap<B256, String>>,
    /// The hashed address.
    key: B256,
}

/// What a dump shows of its accounts.
#[derive(Clone, Copy, Debug)]
struct Shown {
    code: bool,
    storage: bool,
}

pub(super) fn register(module: &mut Module) -> Registered {
    patient(module, "debug_accountRange", account_range)?;
    patient(module, "debug_dumpBlock", dump_block)?;
    patient(module, "debug_storageRangeAt", storage_range)?;
    patient(module, "debug_getBadBlocks", |eth, _| {
        Ok(eth
            .api
            .bad_blocks
            .all()
            .iter()
            .map(|block| print_bad(block))
            .collect::<Vec<_>>())
    })
}

fn account_range(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Dump> {
    let id: BlockId = args.next()?;
    let start: Option<Bytes> = args.optional()?;
    let most: Option<usize> = args.optional()?;
    let (no_code, no_storage): (Option<bool>, Option<bool>) = (args.optional()?, args.optional()?);
    let start = start.unwrap_or_default();
    if start.len() > 32 {
        return Err(invalid_params("start has more than 32 bytes"));
    }
    let shown = Shown {
        code: !no_code.unwrap_or(false),
        storage: !no_storage.unwrap_or(false),
    };
    // Zero is everything to geth, up to its limit.
    let most = most.filter(|most| *most > 0).unwrap_or(ACCOUNTS_MAX);
    dump(
        eth,
        id,
        B256::right_padding_from(&start),
        most.min(ACCOUNTS_MAX),
        shown,
    )
}

fn dump_block(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Dump> {
    let tag: BlockNumberOrTag = args.next()?;
    let shown = Shown {
        code: true,
        storage: true,
    };
    let dump = dump(eth, tag.into(), B256::ZERO, DUMP_ACCOUNTS_MAX, shown)?;
    if dump.next.is_some() {
        return Err(limit_exceeded(format!(
            "the state has more than {DUMP_ACCOUNTS_MAX} accounts: use debug_accountRange"
        )));
    }
    Ok(dump)
}

fn dump(eth: &Eth, id: BlockId, start: B256, most: usize, shown: Shown) -> RpcResult<Dump> {
    let turn = eth.turns.take(&eth.limits, None)?;
    let (state, header) = eth.state_and_header(Some(id))?;
    let state = state.walkable().map_err(from_view)?;
    let mut trie = state.trie().map_err(from_view)?;
    let page = walk::accounts(&state, start, most).map_err(internal)?;
    let mut accounts = BTreeMap::new();
    let mut slots_left = SLOTS_MAX;
    for (key, account) in page.found {
        if turn.budget.is_stopped() {
            return Err(server("timed out"));
        }
        let account = dump_account(&state, &mut trie, key, account, shown, &mut slots_left)?;
        accounts.insert(format!("pre({key})"), account);
    }
    Ok(Dump {
        root: hex::encode(header.state_root),
        accounts,
        next: page.next.map(|next| base64(next.as_slice())),
    })
}

fn dump_account(
    state: &StateView,
    trie: &mut StateTrie,
    key: B256,
    account: Account,
    shown: Shown,
    slots_left: &mut usize,
) -> RpcResult<DumpedAccount> {
    let mut storage = None;
    if shown.storage {
        let none = Layer::default();
        let page = walk::slots(state, &none, &key, B256::ZERO, *slots_left).map_err(internal)?;
        if page.next.is_some() {
            return Err(limit_exceeded(format!(
                "these accounts have more than {SLOTS_MAX} slots: ask for fewer accounts, or \
                 without their storage"
            )));
        }
        *slots_left = slots_left.saturating_sub(page.found.len());
        let slots = page.found.into_iter();
        let slots = slots.map(|(slot, value)| (slot, hex::encode(value.to_be_bytes_trimmed_vec())));
        storage = Some(slots.collect::<BTreeMap<_, _>>()).filter(|slots| !slots.is_empty());
    }
    let code = match shown.code {
        true => Some(state.code(account.code_hash).map_err(internal)?),
        false => None,
    };
    Ok(DumpedAccount {
        balance: account.balance.to_string(),
        nonce: account.nonce,
        root: trie.storage_root(state, key).map_err(internal)?,
        code_hash: account.code_hash,
        code: code.filter(|code| !code.is_empty()),
        storage,
        key,
    })
}

/// A part of an account's storage as it is before a transaction of a block.
fn storage_range(eth: &Eth, args: &mut Args<'_>) -> RpcResult<Value> {
    let (id, index): (BlockId, usize) = (args.next()?, args.next()?);
    let (address, start): (Address, Bytes) = (args.next()?, args.next()?);
    let most: usize = args.next()?;
    if start.len() > 32 {
        return Err(invalid_params("keyStart has more than 32 bytes"));
    }
    let (state, diff) = with_transactions(eth, id, |traced, count| {
        if index > count {
            return Err(invalid_params(format!(
                "the block has no transaction {index}"
            )));
        }
        traced.diff_before(index).map_err(super::error::from_trace)
    })?;
    let state = state.walkable().map_err(from_view)?;
    let top = Layer {
        state: diff.hashed(),
        ..Layer::default()
    };
    let key = keccak256(address);
    let exists = match top.account(&key) {
        Some(account) => account.is_some(),
        None => state.account_hashed(&key).map_err(internal)?.is_some(),
    };
    if !exists {
        return Err(server(format!("account {address} doesn't exist")));
    }
    let start = B256::right_padding_from(&start);
    let most = most.min(RANGE_SLOTS_MAX);
    let page = walk::slots(&state, &top, &key, start, most).map_err(internal)?;
    let storage: BTreeMap<B256, Value> = page
        .found
        .into_iter()
        .map(|(slot, value)| (slot, json!({ "key": null, "value": B256::from(value) })))
        .collect();
    Ok(json!({ "storage": storage, "nextKey": page.next }))
}

fn print_bad(bad: &BadBlock) -> Value {
    let transactions: Result<Vec<VerifiedTx>, _> = bad
        .transactions
        .iter()
        .map(|tx| VerifiedTx::decode(tx.clone()))
        .collect();
    let senders = transactions.as_ref().map_or_else(
        |_| Vec::new(),
        |transactions| transactions.iter().map(|tx| tx.sender).collect(),
    );
    let body = BlockBody {
        transactions: bad.transactions.clone(),
        senders,
        withdrawals: bad.withdrawals.clone(),
    };
    let block = ChainBlock::new(bad.hash, bad.header.clone(), body, Vec::new());
    let printed = match transactions {
        Ok(_) => convert::block(&block, true).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    json!({
        "hash": bad.hash,
        "block": printed.unwrap_or_else(|error| json!({ "error": error })),
        "rlp": Bytes::from(convert::block_rlp(&block)),
    })
}

/// Base64 with padding, as Go's JSON writes bytes. spec: RFC 4648
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| {
        let digit = DIGITS.get((bits & 63) as usize);
        digit.map_or('=', |digit| char::from(*digit))
    };
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let at = |i: usize| chunk.get(i).map_or(0, |byte| u32::from(*byte));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        out.push(digit(bits >> 18));
        out.push(digit(bits >> 12));
        out.push(if chunk.len() > 1 {
            digit(bits >> 6)
        } else {
            '='
        });
        out.push(if chunk.len() > 2 { digit(bits) } else { '=' });
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_is_that_of_the_rfc() {
        // spec: RFC 4648, section 10
        for (text, wanted) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(super::base64(text.as_bytes()), wanted);
        }
        assert_eq!(super::base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }
}
