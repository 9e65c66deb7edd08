//! Errors as JSON-RPC clients expect them: codes and words of execution-apis and of geth.

use crate::{block::ChainBlock, pool::PoolError, view::ViewError};
use alloy_primitives::Bytes;
use jsonrpsee::types::ErrorObjectOwned;
use opal_execution::{call::CallError, trace::TraceError};
use opal_rpc::EngineError;
use std::fmt::Display;

/// Result of a method.
pub(crate) type RpcResult<T> = Result<T, ErrorObjectOwned>;

/// Anything that geth answers with its one code for servers' errors.
const SERVER_ERROR: i32 = -32_000;
/// A block tag or state that this node does not have.
const UNKNOWN_BLOCK: i32 = -39_001;
/// A call that reverted.
const REVERTED: i32 = 3;
/// A transaction whose conditions do not hold (`eth_sendRawTransactionConditional`).
const CONDITIONAL_REJECTED: i32 = -32_003;
/// An override moves a precompile to where it is. spec: execution-apis, eth_simulateV1
const MOVED_TO_ITSELF: i32 = -38_022;
/// Overrides move several precompiles to one address.
const MOVED_TWICE: i32 = -38_023;
/// History that was given up to save space, as geth answers it.
const PRUNED: i32 = 4_444;
/// More than a limit allows.
const LIMIT_EXCEEDED: i32 = -32_005;

pub(crate) fn error(code: i32, message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message, None::<()>)
}

pub(crate) fn invalid_params(problem: impl Display) -> ErrorObjectOwned {
    error(crate::engine_api::INVALID_PARAMS, problem.to_string())
}

/// The parser's own words without repeating the code.
pub(crate) fn bad_params(problem: ErrorObjectOwned) -> ErrorObjectOwned {
    let detail = problem
        .data()
        .map_or_else(String::new, |d| format!(": {d}"));
    invalid_params(format!("{}{detail}", problem.message()))
}

pub(crate) fn internal(problem: impl Display) -> ErrorObjectOwned {
    error(crate::engine_api::INTERNAL, problem.to_string())
}

pub(crate) fn server(problem: impl Display) -> ErrorObjectOwned {
    error(SERVER_ERROR, problem.to_string())
}

pub(crate) fn unknown_block(what: impl Display) -> ErrorObjectOwned {
    error(UNKNOWN_BLOCK, format!("{what} block not found"))
}

/// A number or hash that is no block's, where its state is asked for: geth's code and words.
pub(crate) fn header_not_found(id: impl Display) -> ErrorObjectOwned {
    server(format!("header not found: {id}"))
}

/// An error, if the block's receipts were pruned.
pub(crate) fn need_receipts(block: &ChainBlock) -> RpcResult<()> {
    if !block.lacks_receipts() {
        return Ok(());
    }
    let number = block.header.number;
    let problem = format!("pruned history unavailable: receipts of block {number} are not kept");
    Err(error(PRUNED, problem))
}

pub(crate) fn limit_exceeded(problem: impl Display) -> ErrorObjectOwned {
    error(LIMIT_EXCEEDED, problem.to_string())
}

/// A transaction whose conditions do not hold.
pub(crate) fn conditional_rejected(problem: impl Display) -> ErrorObjectOwned {
    error(CONDITIONAL_REJECTED, problem.to_string())
}

pub(crate) fn from_engine(problem: EngineError) -> ErrorObjectOwned {
    match problem {
        EngineError::Rpc { code, message } => error(code, message),
        other => internal(other),
    }
}

pub(crate) fn from_view(problem: ViewError) -> ErrorObjectOwned {
    match problem {
        ViewError::UnknownBlock(_) => error(UNKNOWN_BLOCK, problem.to_string()),
        ViewError::NoState(_) => server(problem),
        other => internal(other),
    }
}

pub(crate) fn from_pool(problem: PoolError) -> ErrorObjectOwned {
    server(problem)
}

pub(crate) fn from_call(problem: CallError) -> ErrorObjectOwned {
    match problem {
        CallError::Revert(data) => reverted(&data),
        CallError::State(e) => internal(e),
        CallError::MovedToItself(_) => error(MOVED_TO_ITSELF, problem.to_string()),
        CallError::MovedTwice(_) => error(MOVED_TWICE, problem.to_string()),
        other => server(other),
    }
}

pub(crate) fn from_trace(problem: TraceError) -> ErrorObjectOwned {
    match problem {
        TraceError::Options(problem) => invalid_params(problem),
        TraceError::TooLarge(_) => limit_exceeded(problem),
        TraceError::Call(problem) => from_call(problem),
        TraceError::Stopped | TraceError::Block(_) => server(problem),
    }
}

/// Code 3 with the data, and the reason in words where the data is `Error(string)`.
pub(crate) fn reverted(data: &Bytes) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(REVERTED, revert_message(data), Some(data))
}

/// `execution reverted`, and why where the data says it in a known way.
pub(crate) fn revert_message(data: &[u8]) -> String {
    match revert_reason(data).or_else(|| panic_reason(data)) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    }
}

/// What the code of ABI-encoded `Panic(uint256)` stands for in Solidity.
fn panic_reason(data: &[u8]) -> Option<String> {
    let code = data.strip_prefix(&[0x4e, 0x48, 0x7b, 0x71])?.get(..32)?;
    let (code, high) = code.split_last()?;
    if high.iter().any(|b| *b != 0) {
        return None;
    }
    let meaning = match code {
        0x00 => "generic panic",
        0x01 => "assert(false)",
        0x11 => "arithmetic underflow or overflow",
        0x12 => "division or modulo by zero",
        0x21 => "enum overflow",
        0x22 => "invalid encoded storage byte array accessed",
        0x31 => "out-of-bounds array access; popping on an empty array",
        0x32 => "out-of-bounds access of an array or bytesN",
        0x41 => "out of memory",
        0x51 => "uninitialized function",
        _ => return Some(format!("unknown panic code: {code:#x}")),
    };
    Some(meaning.to_owned())
}

/// The string of ABI-encoded `Error(string)`.
fn revert_reason(data: &[u8]) -> Option<String> {
    let rest = data.strip_prefix(&[0x08, 0xc3, 0x79, 0xa0])?;
    let length = rest.get(32..64)?;
    if length.get(..28)?.iter().any(|b| *b != 0) {
        return None;
    }
    let length = u32::from_be_bytes(length.get(28..)?.try_into().ok()?) as usize;
    let text = rest.get(64..)?.get(..length)?;
    String::from_utf8(text.to_vec()).ok()
}
