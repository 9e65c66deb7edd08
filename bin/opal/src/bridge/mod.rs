//! `opal bridge`: a person's tool to move ETH and tokens between L1 and an OP chain, and back.
//!
//! In: the addresses of a chain, from a devnet's `devnet.json` or by flags, and a key. Out:
//! transactions on either layer, and words about what happens next and when.

mod chain;
mod deposit;
mod outcome;
mod pair;
mod stage;
#[cfg(test)]
mod tests;
mod withdrawal;

use crate::engine::usage;
use alloy_primitives::{Address, B256, U256};
use alloy_signer_local::PrivateKeySigner;
use chain::Chain;
use clap::{Args, Subcommand};
use opal_devnet::Descriptor;
use std::path::PathBuf;

/// Flags and subcommands of `opal bridge`.
#[derive(Args)]
#[command(
    after_help = "A withdrawal takes four steps: withdraw on L2, wait for a proposal, prove on L1, \
        wait until the proof is old enough and its game is resolved, finalize on L1. `status` says \
        where it stands."
)]
pub(crate) struct BridgeArgs {
    #[command(subcommand)]
    command: BridgeCommand,
    #[command(flatten)]
    chain: ChainArgs,
}

/// Which chain, and who.
#[derive(Args)]
#[command(next_help_heading = "Chain and key")]
struct ChainArgs {
    /// The file that `opal devnet` writes: endpoints, addresses, and the key of its first account.
    #[arg(long, global = true, value_name = "FILE", env = "OPAL_BRIDGE_DEVNET")]
    devnet: Option<PathBuf>,
    /// JSON-RPC of L1.
    #[arg(
        long = "l1.rpc",
        global = true,
        value_name = "URL",
        env = "OPAL_BRIDGE_L1_RPC"
    )]
    l1_rpc: Option<String>,
    /// JSON-RPC of L2.
    #[arg(
        long = "l2.rpc",
        global = true,
        value_name = "URL",
        env = "OPAL_BRIDGE_L2_RPC"
    )]
    l2_rpc: Option<String>,
    /// Address of the chain's SystemConfig on L1, which knows the others.
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "OPAL_BRIDGE_SYSTEM_CONFIG"
    )]
    system_config: Option<Address>,
    /// Private key, in hex. Better set by environment: other users of the machine see flags.
    #[arg(
        long,
        global = true,
        value_name = "KEY",
        env = "OPAL_BRIDGE_PRIVATE_KEY",
        hide_env_values = true
    )]
    private_key: Option<String>,
}

#[derive(Subcommand)]
enum BridgeCommand {
    /// Move ETH or tokens from L1 to L2; takes a minute or so.
    Deposit(MoveArgs),
    /// Begin to move ETH or tokens from L2 to L1; prints the hash that the next steps want.
    Withdraw(MoveArgs),
    /// Prove a withdrawal on L1, once its L2 block is covered by a proposal.
    Prove(StepArgs),
    /// Finish a proven withdrawal on L1, once it is old enough.
    Finalize(StepArgs),
    /// Say where a withdrawal stands and what comes next.
    Status(StatusArgs),
}

/// What is moved.
#[derive(Args)]
struct MoveArgs {
    /// How much: ether such as 0.5, or with --token its smallest units.
    #[arg(long, value_name = "AMOUNT")]
    amount: String,
    /// Who gets it; default: the sender.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
    /// The token on L1, instead of ETH.
    #[arg(long, value_name = "ADDRESS", requires = "l2_token")]
    token: Option<Address>,
    /// The token on L2.
    #[arg(long, value_name = "ADDRESS", requires = "token")]
    l2_token: Option<Address>,
}

#[derive(Args)]
struct StepArgs {
    /// The transaction on L2 that began the withdrawal.
    #[arg(value_name = "L2_TX")]
    tx: B256,
    /// Fail instead of waiting when it is too early.
    #[arg(long)]
    no_wait: bool,
}

#[derive(Args)]
struct StatusArgs {
    /// The transaction on L2 that began the withdrawal.
    #[arg(value_name = "L2_TX")]
    tx: B256,
}

/// A command whose words are understood.
enum Order {
    Deposit(Amount),
    Withdraw(Amount),
    Prove(StepArgs),
    Finalize(StepArgs),
    Status(B256),
}

impl BridgeCommand {
    fn order(self) -> eyre::Result<Order> {
        Ok(match self {
            Self::Deposit(what) => Order::Deposit(what.amount()?),
            Self::Withdraw(what) => Order::Withdraw(what.amount()?),
            Self::Prove(step) => Order::Prove(step),
            Self::Finalize(step) => Order::Finalize(step),
            Self::Status(of) => Order::Status(of.tx),
        })
    }
}

/// An amount of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Amount {
    to: Option<Address>,
    /// Wei, or smallest units of the tokens.
    amount: U256,
    /// The token's addresses on L1 and L2; none is ETH.
    tokens: Option<(Address, Address)>,
}

impl MoveArgs {
    fn amount(&self) -> eyre::Result<Amount> {
        let tokens = self.token.zip(self.l2_token);
        let amount = match tokens {
            Some(_) => self.amount.parse().ok(),
            None => wei(&self.amount),
        };
        let amount: U256 = amount.filter(|a: &U256| !a.is_zero()).ok_or_else(|| {
            let unit = match tokens {
                Some(_) => "the token's smallest units, a whole number",
                None => "ether, such as 0.5",
            };
            usage(format!("--amount `{}` is no amount of {unit}", self.amount))
        })?;
        Ok(Amount {
            to: self.to,
            amount,
            tokens,
        })
    }
}

/// Digits behind the point of an amount of ether.
const ETHER_DIGITS: usize = 18;

/// An amount of ether, such as `0.5`, in wei. Nothing is rounded: an amount with a part of a wei is
/// refused, and so is a sign.
fn wei(ether: &str) -> Option<U256> {
    let (whole, part) = ether.split_once('.').unwrap_or((ether, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > ETHER_DIGITS {
        return None;
    }
    U256::from_str_radix(&format!("{whole}{part:0<ETHER_DIGITS$}"), 10).ok()
}

/// Where a chain is, and who acts.
struct Place {
    l1: String,
    l2: String,
    system_config: Address,
    key: PrivateKeySigner,
}

impl ChainArgs {
    fn place(&self) -> eyre::Result<Place> {
        let about = self.devnet.as_ref().map(read).transpose()?;
        let about = about.as_ref();
        let missing = |flag: &str| usage(format!("give --devnet devnet.json, or {flag}"));
        let l1 = self.l1_rpc.clone().or(about.map(|a| a.l1.rpc.clone()));
        let l2 = self.l2_rpc.clone();
        let l2 = l2.or(about.map(|a| a.l2.sequencer.rpc.clone()));
        let named = about.and_then(|a| a.contracts.get("SystemConfig").copied());
        let key = match &self.private_key {
            Some(key) => key.trim().parse().map_err(|_| {
                usage("--private-key is no private key: 32 bytes in hex are expected")
            })?,
            None => {
                let first = about.and_then(|a| a.accounts.first());
                let first = first.ok_or_else(|| missing("--private-key"))?;
                PrivateKeySigner::from_bytes(&first.private_key)?
            }
        };
        Ok(Place {
            l1: l1.ok_or_else(|| missing("--l1.rpc"))?,
            l2: l2.ok_or_else(|| missing("--l2.rpc"))?,
            system_config: self
                .system_config
                .or(named)
                .ok_or_else(|| missing("--system-config"))?,
            key,
        })
    }
}

fn read(path: &PathBuf) -> eyre::Result<Descriptor> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| usage(format!("--devnet {}: {e}", path.display())))?;
    serde_json::from_str(&text).map_err(|e| {
        usage(format!(
            "--devnet {} is no devnet.json: {e}",
            path.display()
        ))
    })
}

/// Does what the flags ask for.
pub(crate) fn run(args: BridgeArgs) -> eyre::Result<()> {
    let place = args.chain.place()?;
    let order = args.command.order()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let chain = Chain::connect(place).await?;
        match order {
            Order::Deposit(amount) => deposit::run(&chain, amount).await,
            Order::Withdraw(amount) => withdrawal::begin(&chain, amount).await,
            Order::Prove(StepArgs { tx, no_wait }) => withdrawal::prove(&chain, tx, !no_wait).await,
            Order::Finalize(StepArgs { tx, no_wait }) => {
                withdrawal::finalize(&chain, tx, !no_wait).await
            }
            Order::Status(tx) => withdrawal::status(&chain, tx).await,
        }
    })
}
