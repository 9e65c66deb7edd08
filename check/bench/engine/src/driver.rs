//! Someone who drives one engine through its Engine API.

use crate::world::{GENESIS_TIME, World, attributes};
use alloy_primitives::{B256, Bytes};
use alloy_rpc_types_engine::{ForkchoiceState, PayloadId};
use op_alloy_rpc_types_engine::{OpExecutionPayloadEnvelope, OpPayloadAttributes};
use opal_engine::{Engine, EngineConfig};
use opal_rpc::EngineApi;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// One engine and its head.
pub struct Driver {
    pub engine: Engine,
    pub api: Arc<dyn EngineApi>,
    pub head: B256,
    pub number: u64,
}

/// What an import took.
#[derive(Clone, Copy, Debug)]
pub struct ImportTimes {
    pub new_payload: Duration,
    pub forkchoice: Duration,
}

impl ImportTimes {
    pub fn total(&self) -> Duration {
        self.new_payload + self.forkchoice
    }
}

impl Driver {
    pub async fn start(world: &World, datadir: &Path) -> Self {
        let mut config = EngineConfig::new(World::chain(), world.genesis());
        config.datadir = Some(datadir.to_path_buf());
        config.pool.per_sender_max = 100_000;
        config.pool.transactions_max = 100_000;
        Self::with(config).await
    }

    pub async fn with(config: EngineConfig) -> Self {
        let engine = Engine::start(config).await.expect("the engine starts");
        let head = *engine.head().borrow();
        let api = engine.api();
        Self {
            engine,
            api,
            head: head.hash,
            number: head.number,
        }
    }

    pub fn state(&self, head: B256) -> ForkchoiceState {
        ForkchoiceState {
            head_block_hash: head,
            safe_block_hash: B256::ZERO,
            finalized_block_hash: B256::ZERO,
        }
    }

    /// Starts a payload; answers with its id and time.
    pub async fn start_build(&self, attributes: OpPayloadAttributes) -> PayloadId {
        let updated = self
            .api
            .forkchoice_updated(self.state(self.head), Some(attributes))
            .await
            .expect("attributes are fine");
        updated.payload_id.expect("a payload is started")
    }

    /// Builds a block of exactly these transactions; the head stays.
    pub async fn build(&self, transactions: &[Bytes]) -> OpExecutionPayloadEnvelope {
        let number = self.number + 1;
        let id = self
            .start_build(attributes(number, transactions, true))
            .await;
        self.fetch(id).await
    }

    /// Fetches a payload of the next block.
    pub async fn fetch(&self, id: PayloadId) -> OpExecutionPayloadEnvelope {
        let time = GENESIS_TIME + (self.number + 1) * crate::world::BLOCK_TIME;
        self.api
            .get_payload(id, time)
            .await
            .expect("the payload is there")
    }

    /// `engine_newPayload`, then `engine_forkchoiceUpdated`.
    pub async fn import(&mut self, payload: OpExecutionPayloadEnvelope) -> ImportTimes {
        let hash = payload.execution_payload.block_hash();
        let start = Instant::now();
        let status = self.api.new_payload(payload).await.expect("an answer");
        let new_payload = start.elapsed();
        assert!(status.is_valid(), "{status:?}");
        let start = Instant::now();
        let updated = self
            .api
            .forkchoice_updated(self.state(hash), None)
            .await
            .expect("an answer");
        let forkchoice = start.elapsed();
        assert!(updated.payload_status.is_valid(), "{updated:?}");
        self.head = hash;
        self.number += 1;
        ImportTimes {
            new_payload,
            forkchoice,
        }
    }
}

/// A directory with the genesis state of a world, and copies of it.
pub struct Prepared {
    dir: tempfile::TempDir,
    copies: usize,
}

impl Prepared {
    pub async fn new(world: &World) -> Self {
        let dir = tempfile::tempdir_in(scratch()).expect("a directory");
        let driver = Driver::start(world, &dir.path().join("0")).await;
        driver.engine.shutdown().await;
        Self { dir, copies: 0 }
    }

    /// The directory itself.
    pub fn original(&self) -> PathBuf {
        self.dir.path().join("0")
    }

    /// A fresh copy.
    pub fn copy(&mut self) -> PathBuf {
        self.copies += 1;
        let to = self.dir.path().join(self.copies.to_string());
        std::fs::create_dir(&to).expect("a directory");
        for entry in std::fs::read_dir(self.original()).expect("a directory") {
            let from = entry.expect("an entry").path();
            let name = from.file_name().expect("a name");
            let copy = to.join(name);
            std::fs::copy(&from, &copy).expect("a copy");
            // The first flush of the engine shall not pay for it.
            let copy = std::fs::File::open(&copy).expect("the copy");
            copy.sync_all().expect("a disk");
        }
        to
    }
}

/// Where databases are put: a real disk, not a file system in memory.
pub fn scratch() -> PathBuf {
    let dir = std::env::var_os("OPAL_BENCH_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/scratch"),
        PathBuf::from,
    );
    std::fs::create_dir_all(&dir).expect("a scratch directory");
    dir
}
