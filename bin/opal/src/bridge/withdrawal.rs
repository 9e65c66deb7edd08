//! From L2 to L1, in steps.

use super::{
    Amount,
    chain::{
        Chain, FoundGame, IFactory, IGame, IL2Bridge, IMessagePasser, IPortal, OutputRootProof,
        Withdrawal,
    },
    deposit::{BRIDGE_GAS, PAUSE},
    outcome, pair,
    stage::{Facts, Game, Stage, stage},
};
use alloy_consensus::TxReceipt;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolEvent, SolValue};
use opal_protocol::{output::output_root_v0, predeploys};

/// Gas that a plain withdrawal has on L1.
const WITHDRAWAL_GAS: u64 = 100_000;
/// Newest games that are looked at.
const GAMES_MAX: u64 = 50;

/// What a transaction on L2 withdraws.
struct Begun {
    withdrawal: Withdrawal,
    hash: B256,
    l2_block: u64,
}

/// Begins to move `what` to L1.
pub(super) async fn begin(chain: &Chain, what: Amount) -> eyre::Result<()> {
    let to = what.to.unwrap_or(chain.account());
    let hash = match what.tokens {
        None => {
            let call = IMessagePasser::initiateWithdrawalCall {
                target: to,
                gasLimit: U256::from(WITHDRAWAL_GAS),
                data: Bytes::new(),
            };
            let passer = predeploys::L2_TO_L1_MESSAGE_PASSER;
            chain
                .l2
                .send("withdrawal of ETH", passer, what.amount, &call)
                .await?
        }
        Some((l1_token, l2_token)) => {
            pair::check(chain, l1_token, l2_token).await?;
            let call = IL2Bridge::withdrawToCall {
                l2Token: l2_token,
                to,
                amount: what.amount,
                gas: BRIDGE_GAS,
                data: Bytes::new(),
            };
            let bridge = predeploys::L2_STANDARD_BRIDGE;
            chain
                .l2
                .send("withdrawal of tokens", bridge, U256::ZERO, &call)
                .await?
        }
    };
    println!("next: opal bridge prove {hash}");
    Ok(())
}

/// Proves the withdrawal that `tx` began.
pub(super) async fn prove(chain: &Chain, tx: B256, wait: bool) -> eyre::Result<()> {
    let begun = find(chain, tx).await?;
    let mut told = false;
    let game = loop {
        match stage(&facts(chain, &begun).await?.0) {
            Stage::Finalized => {
                println!("it is finalized already");
                return Ok(());
            }
            Stage::Provable | Stage::Lost => {}
            Stage::Unproposed if !wait => eyre::bail!("{}", Stage::Unproposed),
            Stage::Unproposed => {}
            stage => {
                println!("it is proven already; {stage}");
                return Ok(());
            }
        }
        // A proof must be younger than its game.
        if let Some(game) = game_for(chain, begun.l2_block).await?
            && chain.l1.time().await? > game.timestamp
        {
            break game;
        }
        if !told {
            println!(
                "L1: waiting for a proposal that covers L2 block {} …",
                begun.l2_block
            );
            told = true;
        }
        tokio::time::sleep(PAUSE).await;
    };
    let number = sequence_number(&game);
    let slot = keccak256((begun.hash, U256::ZERO).abi_encode());
    let block = chain
        .l2
        .rpc
        .header(alloy_eips::BlockNumberOrTag::Number(number))
        .await?
        .ok_or_else(|| eyre::eyre!("L2 has no block {number}, which the game is about"))?;
    let passer = predeploys::L2_TO_L1_MESSAGE_PASSER;
    let proof = chain.l2.rpc.proof(passer, &[slot], block.hash).await?;
    let computed = output_root_v0(block.header.state_root, proof.storage_hash, block.hash);
    if computed != game.rootClaim {
        eyre::bail!(
            "the proposal about L2 block {number} claims {}, but our L2 node gives {computed}: one of them is wrong, and proving against it would fail or cost the money",
            game.rootClaim
        );
    }
    let nodes = proof.storage_proof.into_iter().next();
    let nodes = nodes.ok_or_else(|| eyre::eyre!("L2 gave no proof of slot {slot}"))?;
    let call = IPortal::proveWithdrawalTransactionCall {
        withdrawal: begun.withdrawal,
        gameIndex: game.index,
        output: OutputRootProof {
            version: B256::ZERO,
            stateRoot: block.header.state_root,
            messagePasserStorageRoot: proof.storage_hash,
            latestBlockhash: block.hash,
        },
        proof: nodes.proof,
    };
    chain
        .l1
        .send("proof of the withdrawal", chain.portal, U256::ZERO, &call)
        .await?;
    println!("next: opal bridge finalize {tx}");
    Ok(())
}

/// Moves a game whose clock has run on towards its end; in words why it cannot be moved yet.
async fn resolve(chain: &Chain, game: Address) -> eyre::Result<Result<(), String>> {
    let whole = IGame::resolveCall {};
    let Err(words) = chain.l1.rehearse(game, &whole).await? else {
        let what = "resolution of the game";
        if let Err(error) = chain.l1.send(what, game, U256::ZERO, &whole).await {
            // Challengers resolve games too, and may have been faster.
            if chain.l1.read(game, IGame::statusCall {}).await? == 0 {
                return Err(error);
            }
        }
        return Ok(Ok(()));
    };
    // A game about single instructions wants its claims resolved first. If nobody contested it there
    // is one, the root; otherwise whoever did looks after the rest.
    let root = IGame::resolveClaimCall {
        claimIndex: U256::ZERO,
        numToResolve: U256::ZERO,
    };
    if chain.l1.rehearse(game, &root).await?.is_err() {
        return Ok(Err(words));
    }
    let what = "resolution of the game's claim";
    chain.l1.send(what, game, U256::ZERO, &root).await?;
    Ok(Ok(()))
}

/// Finalizes the withdrawal that `tx` began; resolves its game on the way.
pub(super) async fn finalize(chain: &Chain, tx: B256, wait: bool) -> eyre::Result<()> {
    let begun = find(chain, tx).await?;
    let mut told = None;
    loop {
        let (facts, game) = facts(chain, &begun).await?;
        let stage = stage(&facts);
        match stage {
            Stage::Finalized => {
                println!("it is finalized already");
                return Ok(());
            }
            Stage::Ready => break,
            Stage::Resolvable => match resolve(chain, game).await? {
                Ok(()) => continue,
                Err(words) if !wait => {
                    eyre::bail!("its game {game} cannot be resolved yet: {words}")
                }
                Err(_) => {}
            },
            Stage::Waiting(_) if wait => {}
            _ => eyre::bail!("too early: {stage}"),
        }
        let words = match stage {
            Stage::Resolvable => format!("waiting for the end of game {game}"),
            stage => stage.to_string(),
        };
        // Once per wait, not once per look.
        if told != Some(facts.game.status) {
            println!("L1: {words} …");
            told = Some(facts.game.status);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let call = IPortal::finalizeWithdrawalTransactionCall {
        withdrawal: begun.withdrawal,
    };
    // The portal's own words are better than a transaction that fails.
    if let Err(words) = chain.l1.rehearse(chain.portal, &call).await? {
        eyre::bail!("the portal refuses to finalize it now: {words}");
    }
    let target = call.withdrawal.target;
    let hash = chain
        .l1
        .send("finalization", chain.portal, U256::ZERO, &call)
        .await?;
    paid(chain, begun.hash, target, hash).await
}

/// Whether the transaction `l1_tx`, which finalized a withdrawal, has brought it to its target.
async fn paid(chain: &Chain, withdrawal: B256, target: Address, l1_tx: B256) -> eyre::Result<()> {
    let receipt = chain.l1.rpc.transaction_receipt(l1_tx).await?;
    let receipt = receipt.ok_or_else(|| eyre::eyre!("L1 has lost the receipt of {l1_tx}"))?;
    let logs = || receipt.inner.logs().iter().map(|log| &log.inner);
    if outcome::is_refused(chain.portal, withdrawal, logs()) {
        eyre::bail!(
            "{target} refused it in {l1_tx}: the withdrawal is used up, and its money stays in the portal"
        );
    }
    // A message's target is the messenger.
    if let Some(message) = outcome::undelivered(target, logs()) {
        eyre::bail!(
            "it reached the messenger {target} in {l1_tx}, but its call failed; message {message} is kept there, and anybody can have it called again with relayMessage"
        );
    }
    println!("the money is on L1");
    Ok(())
}

/// Says where the withdrawal that `tx` began stands.
pub(super) async fn status(chain: &Chain, tx: B256) -> eyre::Result<()> {
    let begun = find(chain, tx).await?;
    let (facts, game) = facts(chain, &begun).await?;
    println!("withdrawal  {}", begun.hash);
    println!("L2 block    {}", begun.l2_block);
    println!("target      {}", begun.withdrawal.target);
    println!("value       {} wei", begun.withdrawal.value);
    if facts.proven_at.is_some() {
        println!("game        {game}");
    }
    println!("{}", stage(&facts));
    Ok(())
}

/// The withdrawal that a transaction on L2 began.
async fn find(chain: &Chain, tx: B256) -> eyre::Result<Begun> {
    let receipt = chain.l2.rpc.op_transaction_receipt(tx).await?;
    let receipt = receipt
        .ok_or_else(|| eyre::eyre!("L2 at {} has no transaction {tx}", chain.l2.rpc.endpoint()))?;
    let logs = receipt.inner.inner.logs();
    let passed = logs.iter().find_map(|log| {
        let is_passer = log.inner.address == predeploys::L2_TO_L1_MESSAGE_PASSER;
        let event = IMessagePasser::MessagePassed::decode_log(&log.inner).ok()?;
        is_passer.then_some(event.data)
    });
    let event = passed.ok_or_else(|| {
        eyre::eyre!("transaction {tx} on L2 began no withdrawal: it has no MessagePassed event")
    })?;
    Ok(Begun {
        hash: event.withdrawalHash,
        l2_block: receipt.inner.block_number.unwrap_or_default(),
        withdrawal: Withdrawal {
            nonce: event.nonce,
            sender: event.sender,
            target: event.target,
            value: event.value,
            gasLimit: event.gasLimit,
            data: event.data,
        },
    })
}

/// What the contracts say of it, and the game it was proven against.
async fn facts(chain: &Chain, begun: &Begun) -> eyre::Result<(Facts, Address)> {
    let finalized = IPortal::finalizedWithdrawalsCall { hash: begun.hash };
    let proven = chain
        .portal(IPortal::provenWithdrawalsCall {
            hash: begun.hash,
            by: chain.account(),
        })
        .await?;
    let mut facts = Facts {
        now: chain.l1.time().await?,
        is_finalized: chain.portal(finalized).await?,
        ..Facts::default()
    };
    if proven.timestamp == 0 {
        facts.is_proposed = game_for(chain, begun.l2_block).await?.is_some();
        return Ok((facts, Address::ZERO));
    }
    let maturity = IPortal::proofMaturityDelaySecondsCall {};
    let finality = IPortal::disputeGameFinalityDelaySecondsCall {};
    facts.is_proposed = true;
    facts.proven_at = Some(proven.timestamp);
    facts.maturity = chain.portal(maturity).await?.saturating_to();
    facts.finality = chain.portal(finality).await?.saturating_to();
    let game = proven.game;
    facts.game = Game {
        status: chain.l1.read(game, IGame::statusCall {}).await?,
        created_at: chain.l1.read(game, IGame::createdAtCall {}).await?,
        resolved_at: chain.l1.read(game, IGame::resolvedAtCall {}).await?,
        clock: chain.l1.read(game, IGame::maxClockDurationCall {}).await?,
    };
    Ok((facts, game))
}

/// The oldest of the newest games that cover an L2 block and are not lost.
async fn game_for(chain: &Chain, l2_block: u64) -> eyre::Result<Option<FoundGame>> {
    let factory = chain.portal(IPortal::disputeGameFactoryCall {}).await?;
    let game_type = chain.portal(IPortal::respectedGameTypeCall {}).await?;
    let count = chain.l1.read(factory, IFactory::gameCountCall {}).await?;
    let Some(start) = count.checked_sub(U256::from(1)) else {
        return Ok(None);
    };
    let games = chain
        .l1
        .read(
            factory,
            IFactory::findLatestGamesCall {
                gameType: game_type,
                start,
                count: U256::from(GAMES_MAX),
            },
        )
        .await?;
    for game in games.into_iter().rev() {
        if sequence_number(&game) < l2_block {
            continue;
        }
        let address = Address::from_word(game.metadata);
        if chain.l1.read(address, IGame::statusCall {}).await? != 1 {
            return Ok(Some(game));
        }
    }
    Ok(None)
}

/// The L2 block that a game is about: the first word of its extra data.
fn sequence_number(game: &FoundGame) -> u64 {
    let word = game.extraData.get(..32).unwrap_or_default();
    U256::from_be_slice(word).saturating_to()
}
