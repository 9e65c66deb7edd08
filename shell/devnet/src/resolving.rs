//! The end of a devnet's games.
//!
//! On a network challengers resolve games whose clocks have run, so that those who withdraw need not
//! know of games at all. Here one account does so for every game of the factory. It contests nothing:
//! the devnet's proposals are its own.

use crate::{error::DevnetError, genesis};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, Bytes, U256};
use alloy_rpc_types_eth::{TransactionInput, TransactionRequest};
use alloy_sol_types::{SolCall, sol};
use opal_rpc::{EthClient, RpcError};
use opal_txmgr::{SendError, TxCandidate, TxManager, TxManagerConfig};
use std::time::Duration;
use tokio::task::JoinHandle;
use tracing::{debug, warn};

sol! {
    interface IFactory {
        function gameCount() external view returns (uint256);
        function gameAtIndex(uint256 index)
            external view returns (uint32 gameType, uint64 timestamp, address proxy);
    }

    interface IGame {
        function status() external view returns (uint8);
        function resolve() external returns (uint8);
    }
}

/// Status of a game that is not resolved.
const IN_PROGRESS: u8 = 0;

/// The running task.
pub(crate) struct Resolver {
    task: JoinHandle<()>,
    tx_manager: TxManager,
}

impl Resolver {
    /// Starts resolving the games of `factory`.
    pub(crate) async fn start(
        factory: Address,
        l1: &str,
        poll_interval: Duration,
    ) -> Result<Self, DevnetError> {
        let l1 = EthClient::new(l1)?;
        let key = genesis::roles().challenger;
        let tx_manager = TxManager::start(TxManagerConfig::devnet(), l1.clone(), key).await?;
        let worker = Worker {
            l1,
            factory,
            tx_manager: tx_manager.clone(),
            next: 0,
            open: Vec::new(),
        };
        Ok(Self {
            task: tokio::spawn(worker.run(poll_interval)),
            tx_manager,
        })
    }

    pub(crate) async fn shutdown(self) {
        self.task.abort();
        self.tx_manager.shutdown().await;
    }
}

struct Worker {
    l1: EthClient,
    factory: Address,
    tx_manager: TxManager,
    /// Index of the first game that was not seen.
    next: u64,
    /// Games that are not resolved.
    open: Vec<Address>,
}

/// Why a look at the games ended early.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("{0}")]
    Rpc(#[from] RpcError),
    #[error("{0}")]
    Send(#[from] SendError),
    #[error("transaction {0} reverted")]
    Reverted(alloy_primitives::B256),
}

impl Worker {
    async fn run(mut self, poll_interval: Duration) {
        let mut said = None;
        loop {
            let words = self.look().await.err().map(|cut| cut.to_string());
            if let Some(words) = &words
                && said.as_ref() != Some(words)
            {
                warn!("games are not resolved, trying again: {words}");
            }
            said = words;
            tokio::time::sleep(poll_interval).await;
        }
    }

    async fn look(&mut self) -> Result<(), Cut> {
        let count = self.read(self.factory, IFactory::gameCountCall {}).await?;
        let count: u64 = count.saturating_to();
        if count < self.next {
            self.forget();
        }
        while self.next < count {
            let index = U256::from(self.next);
            let game = self.read(self.factory, IFactory::gameAtIndexCall { index });
            self.open.push(game.await?.proxy);
            self.next += 1;
        }
        for game in self.open.clone() {
            match self.read(game, IGame::statusCall {}).await {
                Ok(IN_PROGRESS) if !self.resolve(game).await? => {}
                Ok(_) => self.open.retain(|open| *open != game),
                // There is no such contract any more.
                Err(RpcError::Malformed { .. }) => {
                    self.forget();
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// An L1 reorg took games back: all are looked at again.
    fn forget(&mut self) {
        self.next = 0;
        self.open.clear();
    }

    /// Resolves a game if its clock has run; whether it did.
    async fn resolve(&self, game: Address) -> Result<bool, Cut> {
        let data: Bytes = IGame::resolveCall {}.abi_encode().into();
        match self.call(game, data.clone()).await {
            Ok(_) => {}
            Err(RpcError::Response { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let candidate = TxCandidate {
            to: Some(game),
            data,
            ..TxCandidate::default()
        };
        let sent = self.tx_manager.send(candidate).await?;
        if !sent.success {
            // Somebody else may have been faster, which the next look shows.
            return Err(Cut::Reverted(sent.hash));
        }
        debug!(%game, "resolved a game");
        Ok(true)
    }

    async fn read<C: SolCall>(&self, at: Address, call: C) -> Result<C::Return, RpcError> {
        let answer = self.call(at, call.abi_encode().into()).await?;
        C::abi_decode_returns(&answer).map_err(|e| RpcError::Malformed {
            endpoint: self.l1.endpoint().to_owned(),
            method: format!("eth_call of {} at {at}", C::SIGNATURE),
            problem: e.to_string(),
        })
    }

    async fn call(&self, at: Address, data: Bytes) -> Result<Bytes, RpcError> {
        let request = TransactionRequest {
            from: Some(self.tx_manager.address()),
            to: Some(at.into()),
            input: TransactionInput::new(data),
            ..TransactionRequest::default()
        };
        let latest = BlockId::Number(BlockNumberOrTag::Latest);
        self.l1.call(&request, latest).await
    }
}
