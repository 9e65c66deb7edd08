//! An engine without servers and without a runtime, for whoever brings the blocks himself: runners
//! of vectors, fuzzers, tools.
//!
//! Storage, block tree, fork choice and execution are those of [`Engine`](crate::Engine); only the
//! sockets and the payload jobs are missing.

use crate::{
    config::EngineConfig,
    engine::{HeadInfo, SetHeadsError, StartError, eth_of, open},
    engine_api::Api,
    raw_block::{BlockRlpError, decode_block},
    rpc::auth_methods,
    tree::{Command, ForkchoiceOutcome, ForkchoiceRefused, InsertOutcome},
};
use alloy_consensus::Header;
use alloy_primitives::B256;
use alloy_rpc_types_engine::ForkchoiceState;
use jsonrpsee::Methods;
use opal_execution::StateReader;
use std::sync::OnceLock;

/// Answers to a subscription that wait for their reader.
const ANSWERS_MAX: usize = 16;

/// Why a block is not in the tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The bytes are no block.
    #[error(transparent)]
    Rlp(#[from] BlockRlpError),
    /// The block breaks the rules.
    #[error("{reason}")]
    Invalid {
        /// Its newest valid ancestor, if that is known.
        latest_valid: Option<B256>,
        /// What is wrong.
        reason: String,
    },
    /// The block's parent has not been imported.
    #[error("parent {0} is not known")]
    UnknownParent(B256),
    /// Nothing is known about the block: the engine failed or is shutting down.
    #[error("engine failed: {0}")]
    Engine(String),
}

/// An engine in this process that nobody else can reach.
///
/// Call [`close`](Self::close) to have everything on disk; dropping it is a crash.
#[derive(Debug)]
pub struct LocalEngine {
    api: Api,
    genesis_hash: B256,
    config: EngineConfig,
    methods: OnceLock<Option<Methods>>,
}

impl LocalEngine {
    /// Opens the database, writing the genesis block into a new one. The addresses, limits and
    /// secrets of the configuration's servers do not matter.
    pub fn open(config: EngineConfig) -> Result<Self, StartError> {
        let (api, genesis_hash) = open(config.clone())?;
        Ok(Self {
            api,
            genesis_hash,
            config,
            methods: OnceLock::new(),
        })
    }

    /// Hash of the genesis block.
    pub const fn genesis_hash(&self) -> B256 {
        self.genesis_hash
    }

    /// Where the chain stands.
    pub fn head(&self) -> HeadInfo {
        self.api.tree.view().head
    }

    /// Judges a block and keeps it if it is valid; answers with its hash. The head stays.
    pub fn import(&self, rlp: &[u8]) -> Result<B256, ImportError> {
        let raw = decode_block(rlp)?;
        let (hash, parent) = (raw.hash, raw.block.header.parent_hash);
        let insert = |reply| match self.api.recover(hash, raw.block) {
            Ok(block) => Command::Insert(Box::new(block), reply),
            Err(reason) => Command::Reject(hash, parent, reason, reply),
        };
        match self.api.tree.ask_blocking(insert) {
            Ok(InsertOutcome::Valid) => Ok(hash),
            Ok(InsertOutcome::Invalid {
                latest_valid,
                reason,
            }) => Err(ImportError::Invalid {
                latest_valid,
                reason,
            }),
            Ok(InsertOutcome::ParentUnknown) => Err(ImportError::UnknownParent(parent)),
            Ok(InsertOutcome::Failed(problem)) => Err(ImportError::Engine(problem)),
            Err(gone) => Err(ImportError::Engine(gone.to_string())),
        }
    }

    /// Moves the head; reorganises if needed.
    pub fn set_head(&self, hash: B256) -> Result<(), SetHeadsError> {
        let state = ForkchoiceState {
            head_block_hash: hash,
            safe_block_hash: B256::ZERO,
            finalized_block_hash: B256::ZERO,
        };
        let failed = SetHeadsError::Engine;
        let forkchoice = |reply| Command::Forkchoice(state, reply);
        match self.api.tree.ask_blocking(forkchoice) {
            Ok(Ok(ForkchoiceOutcome::Done)) => Ok(()),
            Ok(Ok(ForkchoiceOutcome::Syncing)) => Err(SetHeadsError::Unknown(hash)),
            Ok(Ok(ForkchoiceOutcome::Invalid { reason, .. })) => {
                Err(SetHeadsError::Inconsistent(reason))
            }
            Ok(Err(ForkchoiceRefused::Inconsistent(e))) => Err(SetHeadsError::Inconsistent(e)),
            Ok(Err(ForkchoiceRefused::Failed(e))) => Err(failed(e)),
            Err(gone) => Err(failed(gone.to_string())),
        }
    }

    /// Adds a signed transaction, as a client would send it, to the pool; answers with its hash.
    pub fn send_raw_transaction(&self, encoded: &[u8]) -> Result<B256, String> {
        let added = self.api.pool.add(encoded, &self.api.tree.view());
        added.map_err(|e| e.to_string())
    }

    /// Answers a JSON-RPC request as the authenticated server would, within a runtime; `None` if it
    /// is no request.
    pub async fn request(&self, json: &str) -> Option<String> {
        let methods = self.methods.get_or_init(|| {
            let eth = eth_of(self.api.clone(), &self.config, None);
            auth_methods(eth).ok()
        });
        let answer = methods.as_ref()?.raw_json_request(json, ANSWERS_MAX).await;
        answer.ok().map(|(answer, _)| answer.get().to_owned())
    }

    /// A header by hash.
    pub fn header(&self, hash: B256) -> Result<Option<Header>, String> {
        let header = self.api.tree.view().header(&hash);
        header.map_err(|e| e.to_string())
    }

    /// The state after a block: one that was not left behind by the head too long ago.
    pub fn state(&self, hash: B256) -> Result<impl StateReader + use<>, String> {
        let view = self.api.tree.view();
        view.state_at(hash).map_err(|e| e.to_string())
    }

    /// Writes everything to disk.
    pub fn flush(&self) {
        // An error means that it is closed already, with everything on disk.
        let _ = self.api.tree.ask_blocking(Command::Flush);
    }

    /// Writes everything to disk and closes the database.
    pub fn close(self) {
        let _ = self.api.tree.ask_blocking(Command::Shutdown);
    }
}
