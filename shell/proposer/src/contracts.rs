//! The two contracts that take proposals, as they are read and called.

use crate::{config::Target, decide::Proposal};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_rpc_types_eth::{TransactionInput, TransactionRequest};
use alloy_sol_types::{Revert, SolCall, SolError, SolValue, sol};
use opal_rpc::{EthClient, RpcError};
use opal_txmgr::TxCandidate;

sol! {
    interface IGameFactory {
        function version() external view returns (string);
        function gameImpls(uint32 gameType) external view returns (address);
        function gameArgs(uint32 gameType) external view returns (bytes memory);
        function initBonds(uint32 gameType) external view returns (uint256);
        function gameCount() external view returns (uint256);
        function gameAtIndex(uint256 index)
            external view returns (uint32 gameType, uint64 timestamp, address proxy);
        function games(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
            external view returns (address proxy, uint64 timestamp);
        function create(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
            external payable returns (address proxy);
    }

    interface IGame {
        function gameCreator() external view returns (address);
    }

    interface IPermissioned {
        function proposer() external view returns (address);
        function PROPOSER() external view returns (address);
    }

    interface IOutputOracle {
        function nextBlockNumber() external view returns (uint256);
        function proposeL2Output(
            bytes32 outputRoot, uint256 l2BlockNumber, bytes32 l1BlockHash, uint256 l1BlockNumber
        ) external payable;
    }
}

/// Games that are looked at for our last one, newest first. The factory of a chain with many
/// proposers may hold tens of thousands.
const SCAN_GAMES_MAX: u64 = 1_000;
/// Games asked for at once.
const SCAN_STEP: u64 = 16;

/// What the errors of factory and games mean.
const REVERTS: [(&str, &str); 9] = [
    (
        "BadAuth()",
        "this game type takes proposals from another key only",
    ),
    (
        "GameAlreadyExists(bytes32)",
        "somebody proposed the same already",
    ),
    (
        "UnexpectedRootClaim(bytes32)",
        "the anchor state is newer than the proposed block",
    ),
    (
        "AnchorRootNotFound()",
        "the anchor state registry has no anchor for this game type",
    ),
    (
        "NoImplementation(uint32)",
        "the factory has no games of this type any more",
    ),
    ("IncorrectBondAmount()", "the bond was changed meanwhile"),
    ("InsufficientBond()", "the bond was changed meanwhile"),
    (
        "GamePaused()",
        "the chain's bridge is paused by its guardian",
    ),
    (
        "BadExtraData()",
        "this game type wants other data than a block number",
    ),
];

/// One of the contracts on one L1.
#[derive(Clone, Debug)]
pub(crate) struct Contract {
    pub(crate) l1: EthClient,
    pub(crate) target: Target,
    pub(crate) proposer: Address,
}

impl Contract {
    /// Wei that the proposer's account has.
    pub(crate) async fn balance(&self) -> Result<U256, RpcError> {
        self.l1.balance(self.proposer, latest()).await
    }

    /// Time of our last game of this type, if it began at `since` or later.
    pub(crate) async fn last_game(
        &self,
        game_type: u32,
        since: u64,
    ) -> Result<Option<u64>, RpcError> {
        let count = self.read(IGameFactory::gameCountCall {}).await?;
        let mut end = count.saturating_to::<u64>();
        let last = end.saturating_sub(SCAN_GAMES_MAX);
        while end > last {
            let start = end.saturating_sub(SCAN_STEP).max(last);
            let reads = (start..end).rev().map(|index| {
                self.read(IGameFactory::gameAtIndexCall {
                    index: U256::from(index),
                })
            });
            for game in futures::future::try_join_all(reads).await? {
                if game.timestamp < since {
                    return Ok(None);
                }
                if game.gameType == game_type && self.creator(game.proxy).await? == self.proposer {
                    return Ok(Some(game.timestamp));
                }
            }
            end = start;
        }
        Ok(None)
    }

    /// Whether the factory has this very proposal, from whomever.
    pub(crate) async fn has_game(
        &self,
        game_type: u32,
        proposal: &Proposal,
    ) -> Result<bool, RpcError> {
        let found = self
            .read(IGameFactory::gamesCall {
                gameType: game_type,
                rootClaim: proposal.output_root,
                extraData: extra_data(proposal),
            })
            .await?;
        Ok(!found.proxy.is_zero())
    }

    /// The L2 block that the oracle wants next.
    pub(crate) async fn next_block(&self) -> Result<u64, RpcError> {
        let next = self.read(IOutputOracle::nextBlockNumberCall {}).await?;
        Ok(next.saturating_to())
    }

    /// The transaction that makes a proposal.
    pub(crate) async fn candidate(&self, proposal: &Proposal) -> Result<TxCandidate, RpcError> {
        let data = match self.target {
            Target::Games { game_type, .. } => IGameFactory::createCall {
                gameType: game_type,
                rootClaim: proposal.output_root,
                extraData: extra_data(proposal),
            }
            .abi_encode(),
            Target::Oracle(_) => IOutputOracle::proposeL2OutputCall {
                outputRoot: proposal.output_root,
                l2BlockNumber: U256::from(proposal.l2.number),
                l1BlockHash: proposal.current_l1.hash,
                l1BlockNumber: U256::from(proposal.current_l1.number),
            }
            .abi_encode(),
        };
        Ok(TxCandidate {
            to: Some(self.target.address()),
            data: data.into(),
            value: self.bond().await?,
            only_on: Some(proposal.ground),
            ..TxCandidate::default()
        })
    }

    /// Tries a transaction without sending it; in words why the contract refuses it.
    pub(crate) async fn rehearse(&self, tx: &TxCandidate) -> Result<Result<(), String>, RpcError> {
        let request = self.request(tx.data.clone(), tx.value);
        match self.l1.call(&request, latest()).await {
            Ok(_) => Ok(Ok(())),
            Err(RpcError::Response { message, data, .. }) => Ok(Err(in_words(&message, &data))),
            Err(error) => Err(error),
        }
    }

    /// Wei that go with each proposal.
    pub(crate) async fn bond(&self) -> Result<U256, RpcError> {
        match self.target {
            Target::Games { game_type, .. } => {
                let call = IGameFactory::initBondsCall {
                    gameType: game_type,
                };
                self.read(call).await
            }
            Target::Oracle(_) => Ok(U256::ZERO),
        }
    }

    async fn creator(&self, game: Address) -> Result<Address, RpcError> {
        self.read_at(game, IGame::gameCreatorCall {}).await
    }

    fn request(&self, data: Bytes, value: U256) -> TransactionRequest {
        TransactionRequest {
            from: Some(self.proposer),
            to: Some(self.target.address().into()),
            value: Some(value),
            input: TransactionInput::new(data),
            ..TransactionRequest::default()
        }
    }

    pub(crate) async fn read<C: SolCall>(&self, call: C) -> Result<C::Return, RpcError> {
        self.read_at(self.target.address(), call).await
    }

    pub(crate) async fn read_at<C: SolCall>(
        &self,
        to: Address,
        call: C,
    ) -> Result<C::Return, RpcError> {
        let request = TransactionRequest {
            to: Some(to.into()),
            input: TransactionInput::new(call.abi_encode().into()),
            ..TransactionRequest::default()
        };
        let answer = self.l1.call(&request, latest()).await?;
        C::abi_decode_returns(&answer).map_err(|e| RpcError::Malformed {
            endpoint: self.l1.endpoint().to_owned(),
            method: format!("eth_call of {} at {to}", C::SIGNATURE),
            problem: e.to_string(),
        })
    }
}

/// The L2 block number, as one word.
fn extra_data(proposal: &Proposal) -> Bytes {
    U256::from(proposal.l2.number).abi_encode().into()
}

/// What a node says of a call that failed, and what the error in `data` means.
fn in_words(message: &str, data: &str) -> String {
    let bytes = hex::decode(data.trim_matches('"')).unwrap_or_default();
    let known = REVERTS
        .iter()
        .find(|(name, _)| bytes.get(..4) == keccak256(name).get(..4));
    if let Some((name, meaning)) = known {
        return format!("{meaning} ({name})");
    }
    // The oracle gives its reasons as text, which most nodes repeat in the message and some do not.
    if let Ok(Revert { reason }) = Revert::abi_decode(&bytes) {
        return match message.contains(&reason) {
            true => message.to_owned(),
            false => format!("{message}: {reason}"),
        };
    }
    match bytes.len() {
        0 => message.to_owned(),
        _ => format!("{message} ({})", hex::encode_prefixed(&bytes)),
    }
}

pub(crate) fn latest() -> BlockId {
    BlockId::Number(BlockNumberOrTag::Latest)
}

/// What L1 has: its head and the hashes of blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct L1Head {
    pub(crate) number: u64,
    pub(crate) time: u64,
}

/// L1's head.
pub(crate) async fn l1_head(l1: &EthClient) -> Result<L1Head, RpcError> {
    let head = l1.header(BlockNumberOrTag::Latest).await?;
    let head = head.ok_or_else(|| RpcError::Malformed {
        endpoint: l1.endpoint().to_owned(),
        method: "eth_getBlockByNumber".to_owned(),
        problem: "there is no latest block".to_owned(),
    })?;
    Ok(L1Head {
        number: head.header.number,
        time: head.header.timestamp,
    })
}

/// The hash that L1 has at a number.
pub(crate) async fn l1_hash(l1: &EthClient, number: u64) -> Result<Option<B256>, RpcError> {
    let block = l1.header(BlockNumberOrTag::Number(number)).await?;
    Ok(block.map(|block| block.hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverts_are_told_in_words() {
        let selector = hex::encode_prefixed(&keccak256("BadAuth()")[..4]);
        let words = in_words("execution reverted", &format!("\"{selector}\""));
        assert!(words.contains("another key"), "{words}");
        assert_eq!(in_words("no money", ""), "no money");
        assert_eq!(in_words("reverted", "\"0x1234\""), "reverted (0x1234)");
        assert_eq!(in_words("reverted", "garbage"), "reverted");
        let data = hex::encode_prefixed(Revert::from("not you").abi_encode());
        let words = |message| in_words(message, &format!("\"{data}\""));
        assert_eq!(words("reverted"), "reverted: not you");
        assert_eq!(
            words("execution reverted: not you"),
            "execution reverted: not you"
        );
    }
}
