//! The development L1: Ethereum's rules, a miner with a clock, blobs, and the beacon endpoints.

pub(crate) mod beacon;
mod blobs;
mod control;
mod miner;
mod slots;

use crate::error::DevnetError;
use beacon::Beacon;
use blobs::BlobStore;
use jsonrpsee::server::{ServerBuilder, ServerHandle};
use miner::Miner;
use opal_engine::{Engine, EngineConfig};
use slots::Slots;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
};

/// Orders that may wait for the miner.
const ORDERS_QUEUE: usize = 16;

/// What the development L1 is started with.
pub(crate) struct DevL1Config {
    /// The execution engine of the L1.
    pub(crate) engine: EngineConfig,
    /// Where blobs are kept; `None` keeps them in memory.
    pub(crate) blobs: Option<PathBuf>,
    /// Unix time of slot 0.
    pub(crate) genesis_time: u64,
    /// Seconds between blocks.
    pub(crate) block_time: u64,
    /// Address of the beacon and control servers.
    pub(crate) host: IpAddr,
    /// Port of the beacon endpoints.
    pub(crate) beacon_port: u16,
    /// Port of the control methods.
    pub(crate) control_port: u16,
}

/// A running development L1.
pub(crate) struct DevL1 {
    pub(crate) engine: Engine,
    pub(crate) beacon_url: String,
    pub(crate) control_url: String,
    control: ServerHandle,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl DevL1 {
    /// Opens the chain, starts the servers and the miner.
    pub(crate) async fn start(config: DevL1Config) -> Result<Self, DevnetError> {
        let engine = Engine::start(config.engine)
            .await
            .map_err(DevnetError::engine("L1"))?;
        let blobs =
            BlobStore::open(config.blobs.clone()).map_err(|source| DevnetError::Folder {
                path: config.blobs.unwrap_or_default(),
                source,
            })?;
        let beacon = Arc::new(Beacon {
            slots: Slots::new(config.genesis_time, config.block_time),
            blobs,
            withhold_blobs: AtomicBool::new(false),
        });
        let miner = Miner::new(engine.clone(), beacon.clone())
            .await
            .map_err(DevnetError::L1)?;
        let (stop, stopped) = watch::channel(false);
        let (orders, inbox) = mpsc::channel(ORDERS_QUEUE);

        let beacon_addr = SocketAddr::new(config.host, config.beacon_port);
        let listener = TcpListener::bind(beacon_addr)
            .await
            .map_err(DevnetError::listen(beacon_addr))?;
        let bound = listener
            .local_addr()
            .map_err(DevnetError::listen(beacon_addr))?;
        let routes = beacon::routes(beacon.clone());
        let mut until = stopped.clone();
        let server = tokio::spawn(async move {
            let stop = async move { drop(until.changed().await) };
            if let Err(error) = axum::serve(listener, routes)
                .with_graceful_shutdown(stop)
                .await
            {
                tracing::error!(%error, "beacon endpoints of the L1 failed");
            }
        });

        let control_addr = SocketAddr::new(config.host, config.control_port);
        let control = ServerBuilder::default()
            .build(control_addr)
            .await
            .map_err(DevnetError::listen(control_addr))?;
        let control_bound = control
            .local_addr()
            .map_err(DevnetError::listen(control_addr))?;
        let module = control::module(beacon, orders).map_err(|e| DevnetError::L1(e.to_string()))?;
        Ok(Self {
            engine,
            beacon_url: format!("http://{bound}"),
            control_url: format!("http://{control_bound}"),
            control: control.start(module),
            stop,
            tasks: vec![server, tokio::spawn(miner.run(inbox, stopped))],
        })
    }

    /// Stops the miner and the servers, then closes the chain.
    pub(crate) async fn shutdown(self) {
        // Nobody listens any more when all tasks have ended by themselves.
        let _ = self.stop.send(true);
        let _ = self.control.stop();
        for task in self.tasks {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(2), task).await;
        }
        self.engine.shutdown().await;
    }
}
