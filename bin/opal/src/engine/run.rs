//! Runs the engine until it is told to stop.

use super::{
    chain::ChainArgs, gas::GasArgs, ignored::IgnoredArgs, pool::PoolArgs, rollup::RollupArgs,
    servers::ServerArgs, storage::StorageArgs, usage,
};
use clap::Args;
use eyre::WrapErr;
use opal_engine::{Engine, EngineConfig};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};
use tracing::{error, info, warn};

/// Where metrics are served unless said otherwise: geth's port.
const METRICS_PORT: u16 = 6060;
/// Exit code after a second signal, as shells have it for SIGINT.
const INTERRUPTED: i32 = 130;

/// Flags of a running engine.
#[derive(Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    servers: ServerArgs,
    #[command(flatten)]
    rollup: RollupArgs,
    #[command(flatten)]
    pool: PoolArgs,
    #[command(flatten)]
    gas: GasArgs,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    ignored: IgnoredArgs,
}

#[derive(Args)]
#[command(next_help_heading = "Metrics and health")]
struct MetricsArgs {
    /// Serve Prometheus metrics at /metrics and /debug/metrics/prometheus; as reth has it, at an
    /// ADDRESS:PORT.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "ADDRESS:PORT")]
    metrics: Option<String>,
    /// Address of the metrics.
    #[arg(long = "metrics.addr", value_name = "ADDRESS")]
    metrics_addr: Option<IpAddr>,
    /// Port of the metrics; 0 picks a free one. Default: 6060.
    #[arg(long = "metrics.port", value_name = "PORT")]
    metrics_port: Option<u16>,
    /// /health on the HTTP port answers 503 when the newest block is older, as `2m` or seconds; 0
    /// never minds.
    #[arg(long = "health.max-age", default_value = "2m", value_name = "TIME", value_parser = super::pool::time)]
    health_max_age: Duration,
}

impl RunArgs {
    /// Writes the flags about the database into the configuration.
    pub(super) fn storage(&self, config: &mut EngineConfig) -> eyre::Result<()> {
        self.storage.apply(config)
    }

    /// Writes all flags into the configuration.
    pub(super) fn apply(&self, chain: &ChainArgs, config: &mut EngineConfig) -> eyre::Result<()> {
        self.ignored.tell();
        self.storage.apply(config)?;
        self.rollup.apply(config)?;
        self.pool.apply(config, &chain.datadir);
        self.gas.apply(config);
        config.metrics_addr = self.metrics.addr()?;
        let age = self.metrics.health_max_age;
        config.health_max_age = (!age.is_zero()).then_some(age);
        self.servers.apply(config, &chain.datadir)
    }
}

impl MetricsArgs {
    fn addr(&self) -> eyre::Result<Option<SocketAddr>> {
        let host = self.metrics_addr.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let addr = SocketAddr::new(host, self.metrics_port.unwrap_or(METRICS_PORT));
        match self.metrics.as_deref() {
            Some("true" | "1") => Ok(Some(addr)),
            Some("false" | "0") | None => Ok(None),
            Some(other) if self.metrics_addr.is_some() || self.metrics_port.is_some() => {
                Err(usage(format!(
                    "--metrics {other} and --metrics.addr or --metrics.port both say where: give one"
                )))
            }
            Some(other) => other.parse().map(Some).map_err(|_| {
                usage(format!(
                    "--metrics: `{other}` is no ADDRESS:PORT, such as 127.0.0.1:9001"
                ))
            }),
        }
    }
}

/// `opal engine`.
pub(crate) fn run(chain: &ChainArgs, args: &RunArgs) -> eyre::Result<()> {
    let (mut config, file) = chain.config()?;
    let datadir = chain.datadir.display();
    std::fs::create_dir_all(&chain.datadir)
        .wrap_err_with(|| format!("cannot make the data directory {datadir}"))?;
    args.apply(chain, &mut config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        network = file.network.unwrap_or("by genesis file"),
        chain = file.chain.chain_id,
        %datadir,
        "starting the engine"
    );
    let outcome = runtime.block_on(async {
        let engine = Engine::start(config).await?;
        file.store(&chain.datadir)?;
        info!(
            engine_api = engine.auth_url().as_deref().unwrap_or("off"),
            metrics = engine.metrics_url().as_deref().unwrap_or("off"),
            "waiting for a rollup node"
        );
        let reason = until_stopped(&engine).await;
        let began = Instant::now();
        info!("stopping: writing everything to disk; a second signal stops at once");
        tokio::spawn(async {
            stop_signal().await;
            warn!("stopped at once; the next start goes on from the last flush");
            std::process::exit(INTERRUPTED);
        });
        engine.shutdown().await;
        info!(time = ?began.elapsed(), "stopped");
        reason
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

/// Waits for a signal, or for the engine to halt by itself.
async fn until_stopped(engine: &Engine) -> eyre::Result<()> {
    let mut halted = engine.halted();
    tokio::select! {
        () = stop_signal() => Ok(()),
        reason = halted.wait_for(Option::is_some) => {
            let reason = reason.ok().and_then(|r| r.clone()).unwrap_or_default();
            error!(%reason, "halting");
            Err(eyre::eyre!("halted: {reason}"))
        }
    }
}

/// SIGINT or SIGTERM.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}
