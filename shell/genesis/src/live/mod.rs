//! The deployment sent to an L1 that lives.
//!
//! In: a configuration, the deployer's key, a client of L1, and a state file. Out: the addresses and
//! the L1 block that the rollup starts from.
//!
//! Invariant: the addresses are settled before the first transaction is sent and are in the state
//! file, so a deployment that was interrupted anywhere goes on with the same ones. What is on L1 is
//! found out from L1 alone, by the deployer's nonce and the code at the addresses; the file is never
//! ahead of it.

mod error;

pub use error::DeployError;

use crate::{
    addresses::Addresses,
    config::DeployConfig,
    deploy::{Anchor, DeployPlan, PlannedTx, deploy_plan, finish_plan},
    l2::l2_genesis,
    rollup::anchor,
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use opal_protocol::L1Ref;
use opal_rpc::{EthClient, RpcError};
use opal_txmgr::{TxCandidate, TxManager, TxManagerConfig};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How much more than the present gas price the deployer must be able to pay.
const FEE_HEADROOM: u128 = 2;
/// How long transactions of an earlier run may take to leave the pool.
const PENDING_PATIENCE: Duration = Duration::from_secs(120);
/// Pause between two looks at the pool.
const PENDING_PAUSE: Duration = Duration::from_millis(200);
/// Slot of a proxy's implementation (EIP-1967).
const IMPLEMENTATION_SLOT: U256 = alloy_primitives::uint!(
    0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc_U256
);

/// What the state file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Hash of the configuration.
    config: B256,
    /// The L1.
    chain_id: u64,
    /// Nonce of the first transaction.
    first_nonce: u64,
    /// Where the rollup starts, once everything before is mined.
    origin: Option<L1Ref>,
}

/// A deployment that is on L1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// The configuration, with the time of the origin.
    pub config: DeployConfig,
    /// Where the contracts are.
    pub addresses: Addresses,
    /// The L1 block that the rollup starts from.
    pub origin: L1Ref,
}

/// A step that is on L1, for those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Transactions that are mined.
    pub done: usize,
    /// All of them.
    pub total: usize,
    /// What the last one did.
    pub what: String,
}

/// Sends deployments.
#[derive(Clone, Debug)]
pub struct Deployer {
    /// The rollup. Its L1 chain id must be that of the L1.
    pub config: DeployConfig,
    /// Key of `config.deployer`.
    pub key: PrivateKeySigner,
    /// The L1.
    pub l1: EthClient,
    /// How transactions are sent.
    pub tx_manager: TxManagerConfig,
    /// The state file.
    pub state: PathBuf,
}

impl Deployer {
    /// Deploys, or goes on where an earlier run was interrupted. `progress` is called after each
    /// transaction.
    pub async fn run(&self, mut progress: impl FnMut(Progress)) -> Result<Deployed, DeployError> {
        self.l1.expect_chain_id(self.config.l1_chain_id).await?;
        let (given, expected) = (self.key.address(), self.config.deployer);
        if given != expected {
            return Err(DeployError::Key { given, expected });
        }
        let mut state = self.begin().await?;
        let plan = deploy_plan(&self.config, state.first_nonce);
        let total = plan.transactions.len() + self.finish(&plan, Anchor::default()).len();
        let manager = TxManager::start(self.tx_manager, self.l1.clone(), self.key.clone()).await?;
        let mut counted = |done, what: &str| {
            progress(Progress {
                done,
                total,
                what: what.to_owned(),
            });
        };
        let outcome = self
            .send_all(&mut state, &plan, &manager, &mut counted)
            .await;
        manager.shutdown().await;
        outcome
    }

    async fn send_all(
        &self,
        state: &mut State,
        plan: &DeployPlan,
        manager: &TxManager,
        progress: &mut impl FnMut(usize, &str),
    ) -> Result<Deployed, DeployError> {
        self.check_funds(plan, state).await?;
        self.send(&plan.transactions, manager, 0, progress).await?;
        self.check_code(&plan.addresses).await?;
        let origin = match state.origin {
            Some(origin) => origin,
            None => {
                let origin = self.head().await?;
                state.origin = Some(origin);
                self.write(state)?;
                origin
            }
        };
        let config = self.config_at(origin);
        config.validate()?;
        let first = anchor(&config, &l2_genesis(&config, &plan.addresses, origin));
        let last = self.finish(plan, first);
        self.send(&last, manager, plan.transactions.len(), progress)
            .await?;
        self.check_proxies(&plan.addresses).await?;
        Ok(Deployed {
            config,
            addresses: plan.addresses,
            origin,
        })
    }

    /// Fork times count from the block that the rollup starts from.
    fn config_at(&self, origin: L1Ref) -> DeployConfig {
        let mut config = self.config.clone();
        let moved = origin.time.saturating_sub(config.genesis_time);
        for fork in opal_protocol::Fork::ALL {
            if let Some(time) = config.forks.time_of(fork)
                && time > self.config.genesis_time
            {
                config.forks.set(fork, Some(time.saturating_add(moved)));
            }
        }
        config.genesis_time = origin.time;
        config
    }

    fn finish(&self, plan: &DeployPlan, first: Anchor) -> Vec<PlannedTx> {
        finish_plan(&self.config, &plan.addresses, plan.next_nonce, first)
    }

    /// The state of an earlier run, or a new one, which is written before anything is sent.
    async fn begin(&self) -> Result<State, DeployError> {
        let config = keccak256(format!("{:?}", self.config));
        let chain_id = self.config.l1_chain_id;
        if let Some(state) = self.read()? {
            let foreign = |what| DeployError::Foreign {
                path: self.state.clone(),
                what,
            };
            if state.chain_id != chain_id {
                return Err(foreign("L1"));
            }
            if state.config != config {
                return Err(foreign("configuration"));
            }
            return Ok(state);
        }
        let state = State {
            config,
            chain_id,
            first_nonce: self.settled_nonce().await?,
            origin: None,
        };
        self.write(&state)?;
        Ok(state)
    }

    /// The deployer's nonce once nothing of it waits in the pool: what an interrupted run sent is
    /// mined first, so that nothing is sent twice.
    async fn settled_nonce(&self) -> Result<u64, DeployError> {
        let started = Instant::now();
        loop {
            let latest = self.nonce(BlockNumberOrTag::Latest).await?;
            let pending = self.nonce(BlockNumberOrTag::Pending).await?;
            if pending <= latest {
                return Ok(latest);
            }
            if started.elapsed() > PENDING_PATIENCE {
                return Err(DeployError::Stuck {
                    deployer: self.config.deployer,
                    count: pending - latest,
                });
            }
            tokio::time::sleep(PENDING_PAUSE).await;
        }
    }

    async fn nonce(&self, at: BlockNumberOrTag) -> Result<u64, RpcError> {
        let deployer = self.config.deployer;
        self.l1
            .transaction_count(deployer, BlockId::Number(at))
            .await
    }

    /// Sends those of the transactions that are not on L1 yet, and waits until all are.
    async fn send(
        &self,
        transactions: &[PlannedTx],
        manager: &TxManager,
        done_before: usize,
        progress: &mut impl FnMut(usize, &str),
    ) -> Result<(), DeployError> {
        let mined = self.settled_nonce().await?;
        let left = transactions.iter().enumerate();
        let left = left.filter(|(_, planned)| planned.nonce >= mined);
        let mut pending = Vec::new();
        for (index, planned) in left {
            if pending.is_empty() && planned.nonce != mined {
                return Err(self.changed(&planned.what, "an earlier transaction is missing"));
            }
            let sent = manager.submit(candidate(planned));
            pending.push((index, planned, sent));
        }
        for (index, planned, sent) in pending {
            let failed = |problem| DeployError::Send {
                what: planned.what.clone(),
                problem,
            };
            let sent = sent.map_err(failed)?.outcome().await.map_err(failed)?;
            if !sent.success {
                return Err(DeployError::Reverted {
                    what: planned.what.clone(),
                    hash: sent.hash,
                });
            }
            progress(done_before + index + 1, &planned.what);
        }
        Ok(())
    }

    async fn check_funds(&self, plan: &DeployPlan, state: &State) -> Result<(), DeployError> {
        let mined = self.settled_nonce().await?;
        if mined < state.first_nonce {
            let problem = "L1 has forgotten transactions of the deployer";
            return Err(self.changed("the deployer's nonce", problem));
        }
        let deployer = self.config.deployer;
        let latest = BlockId::Number(BlockNumberOrTag::Latest);
        let balance = self.l1.balance(deployer, latest).await?;
        let price = U256::from(self.l1.gas_price().await?.saturating_mul(FEE_HEADROOM));
        let last = self.finish(plan, Anchor::default());
        let left = plan.transactions.iter().chain(&last);
        let left = left.filter(|planned| planned.nonce >= mined);
        let needed = left.fold(U256::ZERO, |sum, tx| {
            let gas = U256::from(tx.gas_limit).saturating_mul(price);
            sum.saturating_add(gas).saturating_add(tx.value)
        });
        if balance < needed {
            return Err(DeployError::Funds {
                deployer,
                balance,
                needed,
            });
        }
        Ok(())
    }

    /// Whether there is code at every address.
    async fn check_code(&self, addresses: &Addresses) -> Result<(), DeployError> {
        for (name, address) in addresses.by_name() {
            let latest = BlockId::Number(BlockNumberOrTag::Latest);
            if self.l1.code(address, latest).await?.is_empty() {
                let problem = format!("there is no code at {address}");
                return Err(self.changed(&format!("deploy {name}"), &problem));
            }
        }
        Ok(())
    }

    /// Whether every proxy has its implementation.
    async fn check_proxies(&self, addresses: &Addresses) -> Result<(), DeployError> {
        for (name, proxy, implementation) in addresses.proxied() {
            let latest = BlockId::Number(BlockNumberOrTag::Latest);
            let slot = B256::from(IMPLEMENTATION_SLOT);
            let word = B256::from(self.l1.storage_at(proxy, slot.into(), latest).await?);
            if word != implementation.into_word() {
                let problem = format!("the proxy {proxy} points to {}", Address::from_word(word));
                return Err(self.changed(&format!("initialize {name}"), &problem));
            }
        }
        Ok(())
    }

    async fn head(&self) -> Result<L1Ref, DeployError> {
        let latest = BlockId::Number(BlockNumberOrTag::Latest);
        let block = self.l1.header(latest).await?;
        let block = block.ok_or_else(|| self.changed("the head of L1", "there is none"))?;
        Ok(L1Ref {
            hash: block.hash,
            number: block.header.number,
            parent_hash: block.header.parent_hash,
            time: block.header.timestamp,
        })
    }

    fn read(&self) -> Result<Option<State>, DeployError> {
        match std::fs::read_to_string(&self.state) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| self.file_error(format!("is no deployment state: {error}"))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.file_error(error.to_string())),
        }
    }

    /// Writes the state whole or not at all.
    fn write(&self, state: &State) -> Result<(), DeployError> {
        let text = serde_json::to_string_pretty(state);
        let text = text.map_err(|error| self.file_error(error.to_string()))?;
        let aside = self.state.with_extension("json.new");
        if let Some(folder) = self
            .state
            .parent()
            .filter(|folder| *folder != Path::new(""))
        {
            std::fs::create_dir_all(folder).map_err(|e| self.file_error(e.to_string()))?;
        }
        std::fs::write(&aside, text + "\n")
            .and_then(|()| std::fs::rename(&aside, &self.state))
            .map_err(|error| self.file_error(error.to_string()))
    }

    fn file_error(&self, problem: String) -> DeployError {
        DeployError::File {
            path: self.state.clone(),
            problem,
        }
    }

    fn changed(&self, what: &str, problem: &str) -> DeployError {
        DeployError::Changed {
            what: what.to_owned(),
            problem: problem.to_owned(),
            path: self.state.clone(),
        }
    }
}

fn candidate(planned: &PlannedTx) -> TxCandidate {
    TxCandidate {
        to: match planned.to {
            TxKind::Create => None,
            TxKind::Call(to) => Some(to),
        },
        data: planned.input.clone(),
        value: planned.value,
        gas_limit: planned.gas_limit,
        ..TxCandidate::default()
    }
}
