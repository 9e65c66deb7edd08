//! The rollup nodes: one is followed, the others stand by.

use crate::{config::ProposerError, contracts, decide};
use decide::Survey;
use futures::future::join_all;
use opal_protocol::RollupConfig;
use opal_rpc::{EthClient, RollupClient, RpcError, Severity, SyncStatus};
use std::time::{Duration, Instant};

#[derive(Debug)]
struct Node {
    client: RollupClient,
    /// Whether it is known to belong to the rollup.
    is_checked: bool,
}

/// Nodes of one rollup.
#[derive(Debug)]
pub(crate) struct Nodes {
    nodes: Vec<Node>,
    current: usize,
    /// How long one node is followed without looking at the others.
    check_interval: Duration,
    checked: Option<Instant>,
    allow_non_finalized: bool,
    rollup: RollupConfig,
    l1: EthClient,
}

impl Nodes {
    /// Reaches at least one of `clients`, and makes sure that those which answer belong to one
    /// rollup on `l1`.
    pub(crate) async fn connect(
        clients: Vec<RollupClient>,
        l1: EthClient,
        check_interval: Duration,
        allow_non_finalized: bool,
    ) -> Result<Self, ProposerError> {
        let answers = join_all(clients.iter().map(RollupClient::rollup_config)).await;
        let mut found: Option<RollupConfig> = None;
        let mut last_error = None;
        let mut nodes = Vec::new();
        for (client, answer) in clients.into_iter().zip(answers) {
            let is_checked = match answer {
                Ok(config) => {
                    check(client.endpoint(), &config, found.as_ref(), &l1).await?;
                    found.get_or_insert(config);
                    true
                }
                Err(error) => {
                    tracing::warn!("a rollup node does not answer, going on without it: {error}");
                    last_error = Some(error);
                    false
                }
            };
            nodes.push(Node { client, is_checked });
        }
        let rollup = match (found, last_error) {
            (Some(rollup), _) => rollup,
            (None, Some(error)) => return Err(error.into()),
            (None, None) => return Err(ProposerError::NoNode),
        };
        Ok(Self {
            nodes,
            current: 0,
            check_interval,
            checked: None,
            allow_non_finalized,
            rollup,
            l1,
        })
    }

    /// The rollup.
    pub(crate) const fn rollup(&self) -> &RollupConfig {
        &self.rollup
    }

    /// The node to ask, and where it stands.
    pub(crate) async fn status(&mut self) -> Result<(RollupClient, SyncStatus), RpcError> {
        let is_fresh = self
            .checked
            .is_some_and(|at| at.elapsed() < self.check_interval);
        if self.nodes.len() > 1 && !is_fresh {
            self.survey().await;
        }
        let answer = match self.ask_current().await {
            Err(error) if self.nodes.len() > 1 && error.severity() == Severity::Temporary => {
                tracing::warn!("a rollup node fails, looking at the others: {error}");
                self.survey().await;
                self.ask_current().await
            }
            answer => answer,
        };
        let client = self.nodes.get(self.current).map(|node| node.client.clone());
        match (client, answer) {
            (Some(client), answer) => Ok((client, answer?)),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => unreachable!("the current node is one of the nodes"),
        }
    }

    async fn ask_current(&mut self) -> Result<SyncStatus, RpcError> {
        let (rollup, l1) = (&self.rollup, &self.l1);
        let node = self
            .nodes
            .get_mut(self.current)
            .expect("there is a node, and the current one is among them");
        ask(node, rollup, l1).await
    }

    /// Asks all nodes, and follows the best.
    async fn survey(&mut self) {
        self.checked = Some(Instant::now());
        let (rollup, l1) = (&self.rollup, &self.l1);
        let allow_non_finalized = self.allow_non_finalized;
        let asked = self.nodes.iter_mut().map(|node| async move {
            let status = ask(node, rollup, l1).await.ok()?;
            // A node that does not tell is none with an active sequencer.
            let is_active = node.client.sequencer_active().await.unwrap_or(false);
            Some(Survey {
                is_active,
                current_l1: status.current_l1.number,
                head: decide::head(&status, allow_non_finalized).number,
            })
        });
        let surveys = join_all(asked).await;
        let Some(best) = decide::node(self.current, &surveys) else {
            return;
        };
        if best != self.current
            && let Some(node) = self.nodes.get(best)
        {
            tracing::info!(
                endpoint = node.client.endpoint(),
                "following another rollup node"
            );
            self.current = best;
        }
    }
}

/// The status of a node, which is checked first if that could not be done before.
async fn ask(
    node: &mut Node,
    rollup: &RollupConfig,
    l1: &EthClient,
) -> Result<SyncStatus, RpcError> {
    if !node.is_checked {
        let config = node.client.rollup_config().await?;
        let endpoint = node.client.endpoint();
        if let Err(error) = check(endpoint, &config, Some(rollup), l1).await {
            tracing::error!("{error}");
            return Err(RpcError::WrongChain {
                endpoint: endpoint.to_owned(),
                expected: rollup.l2_chain_id,
                actual: config.l2_chain_id,
            });
        }
        node.is_checked = true;
    }
    node.client.sync_status().await
}

/// Whether a node's rollup is the one of the other nodes, and begins on our L1.
async fn check(
    endpoint: &str,
    config: &RollupConfig,
    others: Option<&RollupConfig>,
    l1: &EthClient,
) -> Result<(), ProposerError> {
    let wrong = |problem: String| ProposerError::WrongNode {
        endpoint: endpoint.to_owned(),
        problem,
    };
    if let Some(others) = others
        && (others.l2_chain_id != config.l2_chain_id || others.genesis != config.genesis)
    {
        return Err(wrong(format!(
            "is on chain {} with genesis {}, the others are on chain {} with genesis {}",
            config.l2_chain_id, config.genesis.l2.hash, others.l2_chain_id, others.genesis.l2.hash
        )));
    }
    let chain_id = l1.chain_id().await?;
    if chain_id != config.l1_chain_id {
        return Err(wrong(format!(
            "follows L1 chain {}, but --l1-eth-rpc ({}) is on chain {chain_id}",
            config.l1_chain_id,
            l1.endpoint()
        )));
    }
    let begins = config.genesis.l1;
    match contracts::l1_hash(l1, begins.number).await? {
        Some(hash) if hash == begins.hash => Ok(()),
        found => Err(wrong(format!(
            "belongs to a rollup that begins at L1 block {} ({}), but L1 at {} has {} there",
            begins.number,
            begins.hash,
            l1.endpoint(),
            found.map_or_else(|| "nothing".to_owned(), |hash| hash.to_string())
        ))),
    }
}
