//! What is made sure of before anything is proposed: the contract is what the configuration says,
//! takes proposals from our key, and the account can pay.
//!
//! A contract that does not say whom it takes proposals from stops nobody here; what it refuses is
//! found out before anything is sent.

use crate::{
    config::{ProposerError, Target},
    contracts::{Contract, IGameFactory, IOutputOracle, IPermissioned, latest},
};
use alloy_primitives::Address;
use opal_rpc::RpcError;

/// Game types that an error message looks for.
const TYPES_LOOKED_FOR: [u32; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 254, 255];
/// Length of what a factory tells each permissioned game, in bytes: prestate (32), VM (20), registry
/// (20), WETH (20), L2 chain id (32), proposer (20), challenger (20). Of other games it ends before
/// the proposer.
const PERMISSIONED_ARGS: usize = 164;
/// Where the proposer stands in it.
const PROPOSER_IN_ARGS: std::ops::Range<usize> = 124..144;

impl Contract {
    /// Makes sure of everything.
    pub(crate) async fn check(&self, chain_id: u64) -> Result<(), ProposerError> {
        let wrong = |problem: String| ProposerError::NoContract {
            address: self.target.address(),
            chain_id,
            endpoint: self.l1.endpoint().to_owned(),
            kind: self.kind(),
            problem,
        };
        let code = self.l1.code(self.target.address(), latest()).await?;
        if code.is_empty() {
            return Err(wrong("there is no contract at that address".into()));
        }
        let answers = |error: RpcError| match error {
            RpcError::Response { .. } | RpcError::Malformed { .. } => wrong(format!(
                "the contract there does not answer as one ({error})"
            )),
            other => other.into(),
        };
        let version = self.read(IGameFactory::versionCall {}).await;
        let version = version.map_err(answers)?;
        let allowed = match self.target {
            Target::Games {
                factory, game_type, ..
            } => {
                let call = IGameFactory::gameImplsCall {
                    gameType: game_type,
                };
                let implementation = self.read(call).await.map_err(answers)?;
                if implementation.is_zero() {
                    return Err(ProposerError::UnknownGameType {
                        factory,
                        game_type,
                        known: self.known_types().await,
                    });
                }
                self.allowed_in_games(game_type, implementation).await?
            }
            Target::Oracle(oracle) => {
                let call = IOutputOracle::nextBlockNumberCall {};
                self.read(call).await.map_err(answers)?;
                self.allowed_by(oracle).await?
            }
        };
        tracing::info!(address = %self.target.address(), version, "found the {}", self.kind());
        self.check_key(chain_id, allowed)?;
        self.check_balance(chain_id).await
    }

    const fn kind(&self) -> &'static str {
        match self.target {
            Target::Games { .. } => "DisputeGameFactory",
            Target::Oracle(_) => "L2OutputOracle",
        }
    }

    fn check_key(&self, chain_id: u64, allowed: Option<Address>) -> Result<(), ProposerError> {
        match allowed {
            Some(allowed) if allowed != self.proposer => Err(ProposerError::WrongKey {
                given: self.proposer,
                allowed,
                contract: match self.target {
                    Target::Games { game_type, .. } => {
                        format!("games of type {game_type} of the {}", self.kind())
                    }
                    Target::Oracle(_) => format!("the {}", self.kind()),
                },
                address: self.target.address(),
                chain_id,
            }),
            _ => Ok(()),
        }
    }

    async fn check_balance(&self, chain_id: u64) -> Result<(), ProposerError> {
        let (balance, bond) = (self.balance().await?, self.bond().await?);
        if balance.is_zero() || balance < bond {
            return Err(ProposerError::Unfunded {
                address: self.proposer,
                chain_id,
                balance,
                bond,
            });
        }
        Ok(())
    }

    /// The one account that may begin games of a type, if the factory or the implementation names
    /// one. Newer factories hand it to every game; older implementations know it themselves.
    async fn allowed_in_games(
        &self,
        game_type: u32,
        implementation: Address,
    ) -> Result<Option<Address>, RpcError> {
        let call = IGameFactory::gameArgsCall {
            gameType: game_type,
        };
        match answered(self.read(call).await)? {
            Some(args) if !args.is_empty() => Ok(match args.len() {
                PERMISSIONED_ARGS => args.get(PROPOSER_IN_ARGS).map(Address::from_slice),
                _ => None,
            }),
            _ => self.allowed_by(implementation).await,
        }
    }

    /// The one account that a contract says it takes proposals from.
    async fn allowed_by(&self, contract: Address) -> Result<Option<Address>, RpcError> {
        let named = self.read_at(contract, IPermissioned::proposerCall {}).await;
        let named = match answered(named)? {
            Some(named) => Some(named),
            // The name that it had first.
            None => answered(self.read_at(contract, IPermissioned::PROPOSERCall {}).await)?,
        };
        Ok(named.filter(|named| !named.is_zero()))
    }

    /// The types that the factory does have, for an error message.
    async fn known_types(&self) -> String {
        let mut known = Vec::new();
        for game_type in TYPES_LOOKED_FOR {
            let call = IGameFactory::gameImplsCall {
                gameType: game_type,
            };
            let found = self.read(call).await;
            if found.is_ok_and(|address| !address.is_zero()) {
                known.push(game_type.to_string());
            }
        }
        match known.is_empty() {
            true => "it has no games of any usual type".into(),
            false => format!("it has those of type {}", known.join(", ")),
        }
    }
}

/// What a contract says, or nothing if it has no such function.
fn answered<T>(answer: Result<T, RpcError>) -> Result<Option<T>, RpcError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(RpcError::Response { .. } | RpcError::Malformed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
