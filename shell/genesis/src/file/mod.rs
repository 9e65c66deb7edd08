//! The deploy configuration as people write it: `deploy.toml`.
//!
//! In: the text. Out: a [`Deployment`], or what is wrong with the text: key, value, and what to do.
//! Every key has a default, and unknown keys are refused, so that a slip of the pen changes nothing
//! silently.

mod format;

use crate::{
    accounts::{dev_accounts, roles},
    addresses::Addresses,
    config::{
        DeployConfig, FeeScalars, Vault, Vaults, WithdrawalNetwork, Withdrawals,
        batch_inbox_address,
    },
};
use alloy_primitives::{Address, Bytes, U256};
use format::{File, ForkValue, Network, VaultEntry};
use opal_protocol::{Fork, ForkTimes, L1Ref, config::ChainOpConfig, predeploys};

/// What `opal genesis --print-config` prints: every key with its default and its meaning.
pub const TEMPLATE: &str = include_str!("../template.toml");

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The text is no TOML, has an unknown key, or a value of the wrong kind.
    #[error("{0}")]
    Malformed(String),
    /// A value is out of range.
    #[error("{key} = {value}: {problem}")]
    Value {
        /// The key, with the table it is in.
        key: String,
        /// What it was set to.
        value: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
}

/// What a deploy configuration describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The rollup.
    pub config: DeployConfig,
    /// The L1 contracts, if they are there already, and the block that the rollup starts from.
    pub existing: Option<Existing>,
}

/// Contracts that are on L1 already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Existing {
    /// Where they are.
    pub addresses: Addresses,
    /// The L1 block that the rollup starts from.
    pub origin: L1Ref,
}

impl Deployment {
    /// Reads and checks a configuration.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let file: File = toml_edit::de::from_str(text)
            .map_err(|error| FileError::Malformed(error.to_string().trim_end().to_owned()))?;
        let existing = file.existing()?;
        let config = file.config(existing.as_ref())?;
        // A live L1 tells the time itself.
        let timed = DeployConfig {
            genesis_time: config.genesis_time.max(1),
            ..config.clone()
        };
        timed.validate().map_err(|error| match error {
            crate::GenesisError::Config { key, problem } => value(key_in_file(key), "…", &problem),
            other => FileError::Malformed(other.to_string()),
        })?;
        Ok(Self { config, existing })
    }
}

impl File {
    fn existing(&self) -> Result<Option<Existing>, FileError> {
        match (self.l1_contracts, self.l1_origin) {
            (None, None) => Ok(None),
            (Some(addresses), Some(origin)) => Ok(Some(Existing {
                addresses,
                origin: L1Ref {
                    hash: origin.hash,
                    number: origin.number,
                    time: origin.time,
                    ..L1Ref::default()
                },
            })),
            (Some(_), None) => Err(value(
                "l1_origin",
                "(missing)",
                "contracts that exist belong to an L1 that exists; name the block that the rollup starts from in [l1_origin]: hash, number, time",
            )),
            (None, Some(_)) => Err(value(
                "l1_contracts",
                "(missing)",
                "a rollup that starts from a given L1 block has its contracts there; name them in [l1_contracts], or leave [l1_origin] out",
            )),
        }
    }

    fn config(&self, existing: Option<&Existing>) -> Result<DeployConfig, FileError> {
        let genesis_time = existing.map_or(self.l1.genesis_time, |existing| existing.origin.time);
        let dev = roles();
        let given = &self.roles;
        let owner = given.owner.unwrap_or(dev.owner.address());
        let proposer = given.proposer.unwrap_or(dev.proposer.address());
        Ok(DeployConfig {
            l1_chain_id: self.l1.chain_id,
            l2_chain_id: self.l2.chain_id,
            genesis_time,
            l2_block_time: self.l2.block_time,
            forks: self.fork_times(genesis_time)?,
            seq_window_size: self.l2.sequencing_window,
            max_sequencer_drift: self.l2.max_sequencer_drift,
            channel_timeout: self.l2.channel_timeout,
            gas_limit: self.l2.gas_limit,
            l1_gas_limit: self.l1.gas_limit,
            scalars: FeeScalars {
                base_fee: self.fees.base_fee_scalar,
                blob_base_fee: self.fees.blob_base_fee_scalar,
            },
            eip1559: self.eip1559()?,
            extra_data: extra_data(&self.l2.extra_data)?,
            batch_inbox: self
                .l2
                .batch_inbox
                .unwrap_or_else(|| batch_inbox_address(self.l2.chain_id)),
            deployer: given.deployer.unwrap_or(dev.owner.address()),
            owner,
            guardian: given.guardian.unwrap_or(owner),
            batcher: given.batcher.unwrap_or(dev.batcher.address()),
            proposer,
            challenger: given.challenger.unwrap_or(dev.challenger.address()),
            unsafe_signer: given.unsafe_signer.unwrap_or(dev.sequencer.address()),
            vaults: self.vaults(owner)?,
            withdrawals: self.withdrawals()?,
            governance_token_owner: self.tokens.governance_owner,
            dev_token: self.tokens.dev_token,
            deploy_multicall3: self.l1.deploy_multicall3,
            prefunded: self.accounts.funded.clone().unwrap_or_else(|| {
                let services = [dev.batcher, dev.proposer, dev.challenger, dev.sequencer];
                let all = dev_accounts().into_iter().chain(services);
                all.map(|key| key.address()).collect()
            }),
            prefund: amount("accounts.funds", &self.accounts.funds)?,
            service_funds: amount("accounts.service_funds", &self.accounts.service_funds)?,
        })
    }

    /// Forks up to `genesis` are active from the start; others so many seconds later.
    fn fork_times(&self, genesis_time: u64) -> Result<ForkTimes, FileError> {
        let mut times = ForkTimes::at_genesis(match self.forks.get("genesis") {
            None => Fork::Karst,
            Some(ForkValue::Name(name)) => name.parse().map_err(|_| {
                let known = Fork::ALL.map(Fork::name).join(", ");
                value(
                    "forks.genesis",
                    name,
                    &format!("is no fork; give one of {known}"),
                )
            })?,
            Some(ForkValue::Seconds(seconds)) => {
                let problem =
                    "is a number; give the name of the newest fork that is active at genesis";
                return Err(value("forks.genesis", &seconds.to_string(), problem));
            }
        });
        for (name, after) in self.forks.iter().filter(|(name, _)| *name != "genesis") {
            let key = format!("forks.{name}");
            let fork: Fork = name
                .parse()
                .map_err(|_| value(&key, "…", "is no fork; give `genesis` or the name of one"))?;
            let ForkValue::Seconds(after) = after else {
                return Err(value(
                    &key,
                    "…",
                    "must be a number of seconds after genesis",
                ));
            };
            if times.time_of(fork).is_some() {
                let problem = "is active at genesis already; lower forks.genesis, or leave it out";
                return Err(value(&key, &after.to_string(), problem));
            }
            times.set(fork, Some(genesis_time.saturating_add(*after)));
        }
        Ok(times)
    }

    fn eip1559(&self) -> Result<ChainOpConfig, FileError> {
        let fees = &self.fees;
        for (key, given) in [
            ("fees.eip1559_elasticity", fees.eip1559_elasticity),
            ("fees.eip1559_denominator", fees.eip1559_denominator),
            (
                "fees.eip1559_denominator_canyon",
                fees.eip1559_denominator_canyon,
            ),
        ] {
            if given == 0 || given > u64::from(u32::MAX) {
                return Err(value(
                    key,
                    &given.to_string(),
                    "must be between 1 and 4294967295",
                ));
            }
        }
        Ok(ChainOpConfig {
            eip1559_elasticity: fees.eip1559_elasticity,
            eip1559_denominator: fees.eip1559_denominator,
            eip1559_denominator_canyon: fees.eip1559_denominator_canyon,
        })
    }

    fn vaults(&self, owner: Address) -> Result<Vaults, FileError> {
        let vault = |name: &str, entry: &VaultEntry, recipient: Address| {
            let key = format!("vaults.{name}.min_withdrawal");
            Ok(Vault {
                recipient: entry.recipient.unwrap_or(recipient),
                min_withdrawal: amount(&key, entry.min_withdrawal.as_deref().unwrap_or("0"))?,
                network: match entry.network {
                    Some(Network::L1) => WithdrawalNetwork::L1,
                    Some(Network::L2) | None => WithdrawalNetwork::L2,
                },
            })
        };
        Ok(Vaults {
            sequencer: vault("sequencer", &self.vaults.sequencer, owner)?,
            base: vault("base", &self.vaults.base, owner)?,
            l1: vault("l1", &self.vaults.l1, owner)?,
            operator: vault(
                "operator",
                &self.vaults.operator,
                predeploys::BASE_FEE_VAULT,
            )?,
        })
    }

    fn withdrawals(&self) -> Result<Withdrawals, FileError> {
        let given = &self.withdrawals;
        if given.oracle_interval_blocks == 0 {
            let problem = "must be at least 1 L2 block";
            return Err(value("withdrawals.oracle_interval_blocks", "0", problem));
        }
        Ok(Withdrawals {
            proof_maturity_delay_seconds: given.proof_maturity_seconds,
            finality_delay_seconds: given.finality_delay_seconds,
            game_clock_seconds: given.game_clock_seconds,
            bond_delay_seconds: given.bond_delay_seconds,
            bond: amount("withdrawals.bond", &given.bond)?,
            oracle_interval_blocks: given.oracle_interval_blocks,
            oracle_finalization_seconds: given.oracle_finalization_seconds,
        })
    }
}

/// Where people find a field of [`DeployConfig`] in the file.
fn key_in_file(key: &'static str) -> &'static str {
    match key {
        "gas_limit" => "l2.gas_limit",
        "genesis_time" => "l1.genesis_time",
        "batch_inbox" => "l2.batch_inbox",
        "deployer" => "roles.deployer",
        "owner" => "roles.owner",
        "guardian" => "roles.guardian",
        "batcher" => "roles.batcher",
        "proposer" => "roles.proposer",
        "challenger" => "roles.challenger",
        "unsafe_signer" => "roles.unsafe_signer",
        other => other,
    }
}

fn value(key: &str, given: &str, problem: &str) -> FileError {
    FileError::Value {
        key: key.to_owned(),
        value: given.to_owned(),
        problem: problem.to_owned(),
    }
}

/// An amount: `0`, `5 wei`, `0.01 ether`, `3 gwei`; a bare number is wei.
fn amount(key: &str, text: &str) -> Result<U256, FileError> {
    let bad = |problem: &str| value(key, &format!("\"{text}\""), problem);
    let (number, unit) = text.trim().split_once(' ').unwrap_or((text.trim(), "wei"));
    let decimals = match unit.trim() {
        "wei" => 0,
        "gwei" => 9,
        "ether" | "eth" => 18,
        _ => return Err(bad("has an unknown unit; use wei, gwei or ether")),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > decimals {
        return Err(bad("is no amount; write for example \"0.01 ether\""));
    }
    let padded = format!("{whole}{fraction:0<decimals$}");
    let parsed = padded.parse::<U256>();
    // SystemConfig and balances are fine with more, but nobody means more than all ETH there is.
    match parsed {
        Ok(wei) if wei <= U256::from(u128::MAX) => Ok(wei),
        _ => Err(bad("is more than 2^128 wei")),
    }
}

/// `extraData`: hex after `0x`, else the text itself.
fn extra_data(text: &str) -> Result<Bytes, FileError> {
    let bytes = match text.strip_prefix("0x") {
        Some(hex) => alloy_primitives::hex::decode(hex)
            .map_err(|error| value("l2.extra_data", text, &error.to_string()))?,
        None => text.as_bytes().to_vec(),
    };
    if bytes.len() > 32 {
        return Err(value("l2.extra_data", text, "is longer than 32 bytes"));
    }
    Ok(bytes.into())
}
