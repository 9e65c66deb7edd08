//! Flags of geth and reth that stand in many command lines and have nothing to do here. They are
//! taken, and the log says why they change nothing.

use clap::Args;
use tracing::info;

/// Flags without effect.
#[derive(Args)]
pub(crate) struct IgnoredArgs {
    #[arg(long, hide = true)]
    syncmode: Option<String>,
    #[arg(long, hide = true, alias = "disable-discovery")]
    nodiscover: bool,
    #[arg(long, hide = true)]
    maxpeers: Option<u64>,
    #[arg(long, hide = true)]
    bootnodes: Option<String>,
    #[arg(long, hide = true)]
    nat: Option<String>,
    #[arg(long, hide = true, alias = "discovery.port")]
    port: Option<u16>,
    #[arg(long = "rpc.allow-unprotected-txs", hide = true)]
    unprotected: bool,
    #[arg(long = "state.scheme", hide = true)]
    state_scheme: Option<String>,
    #[arg(long = "db.engine", hide = true)]
    db_engine: Option<String>,
    #[arg(long = "history.transactions", hide = true)]
    history_transactions: Option<u64>,
    #[arg(long, hide = true)]
    cache: Option<u64>,
    #[arg(long, hide = true)]
    snapshot: bool,
}

impl IgnoredArgs {
    /// Tells of those that were given.
    pub(crate) fn tell(&self) {
        let peers = "there are no peers: the rollup node brings the blocks";
        let layout = "there is one layout of the database";
        let given = [
            ("--syncmode", self.syncmode.is_some(), peers),
            ("--nodiscover", self.nodiscover, peers),
            ("--maxpeers", self.maxpeers.is_some(), peers),
            ("--bootnodes", self.bootnodes.is_some(), peers),
            ("--nat", self.nat.is_some(), peers),
            ("--port", self.port.is_some(), peers),
            (
                "--rpc.allow-unprotected-txs",
                self.unprotected,
                "transactions without a chain id are judged by the chain's rules alone",
            ),
            ("--state.scheme", self.state_scheme.is_some(), layout),
            ("--db.engine", self.db_engine.is_some(), layout),
            ("--snapshot", self.snapshot, layout),
            (
                "--history.transactions",
                self.history_transactions.is_some(),
                "every transaction is indexed",
            ),
            ("--cache", self.cache.is_some(), "caches have fixed sizes"),
        ];
        for (flag, _, reason) in given.into_iter().filter(|(_, given, _)| *given) {
            info!("{flag} has no effect here: {reason}");
        }
    }
}
