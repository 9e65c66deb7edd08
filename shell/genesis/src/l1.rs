//! The first block of the built-in L1, with the contracts in place.

use crate::{
    addresses::Addresses,
    config::{DeployConfig, GenesisError},
    deploy::{Anchor, Fees, PlannedTx, deploy_plan, finish_plan},
    l2::l2_genesis,
    memory::{MemoryChain, failed},
    preinstalls::multicall3,
    rollup::anchor,
};
use alloy_consensus::{SignableTransaction, Signed};
use alloy_eips::{eip2935, eip4788, eip7002, eip7251, eip7840::BlobParams};
use alloy_genesis::{ChainConfig as GenesisChainConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, B256, Signature, U256};
use opal_execution::{BlockAttributes, ChainConfig, Transaction, VerifiedTx};
use opal_protocol::L1Ref;

/// Wei per gas; what a chain starts with.
const GENESIS_BASE_FEE: u128 = 1_000_000_000;

/// The built-in L1 at its beginning.
#[derive(Clone, Debug)]
pub struct L1Genesis {
    /// Its first block.
    pub genesis: Genesis,
    /// The contracts of the rollup.
    pub addresses: Addresses,
}

/// The genesis of a built-in L1: prefunded accounts, the system contracts of Ethereum, and the
/// contracts of the rollup as the deployment leaves them.
pub fn l1_genesis(config: &DeployConfig) -> Result<L1Genesis, GenesisError> {
    config.validate()?;
    let mut genesis = bare_genesis(config);
    let plan = deploy_plan(config, 0);
    let addresses = plan.addresses;
    let mut transactions = plan.transactions;
    transactions.extend(finish_plan(
        config,
        &addresses,
        plan.next_nonce,
        first_output(config, &addresses),
    ));
    let deployed = deploy(config, &genesis, &transactions)?;
    for address in addresses.by_name().into_values() {
        let account = GenesisAccount::default()
            .with_nonce(Some(deployed.state.nonce_of(address)))
            .with_code(Some(deployed.state.code_of(address)))
            .with_storage(Some(deployed.state.storage_of(address)));
        genesis.alloc.insert(address, account);
    }
    // The transactions never happened here, yet their addresses are taken.
    let deployer = genesis.alloc.entry(config.deployer).or_default();
    deployer.nonce = Some(deployed.state.nonce_of(config.deployer));
    Ok(L1Genesis { genesis, addresses })
}

/// The output of the first L2 block. It has the time of the first L1 block and knows nothing else
/// of it, so the L1 genesis can hold it.
fn first_output(config: &DeployConfig, addresses: &Addresses) -> Anchor {
    let origin = L1Ref {
        time: config.genesis_time,
        ..L1Ref::default()
    };
    anchor(config, &l2_genesis(config, addresses, origin))
}

/// Executes the transactions in one block of a chain that is thrown away.
fn deploy(
    config: &DeployConfig,
    genesis: &Genesis,
    transactions: &[PlannedTx],
) -> Result<MemoryChain, GenesisError> {
    let mut genesis = genesis.clone();
    // One block shall hold the whole deployment, and the deployer can pay for it.
    genesis.gas_limit = transactions.iter().map(|tx| tx.gas_limit).sum();
    let rich = genesis.alloc.entry(config.deployer).or_default();
    rich.balance = U256::from(u128::MAX);
    let mut chain = MemoryChain::new(&genesis, ChainConfig::ethereum_dev(config.l1_chain_id));

    let fees = Fees {
        max_fee_per_gas: GENESIS_BASE_FEE,
        max_priority_fee_per_gas: 0,
    };
    let signed = transactions.iter().map(|planned| {
        let tx = planned.unsigned(config.l1_chain_id, fees);
        // Nobody verifies it: the sender is given.
        let hash = tx.signature_hash();
        let tx = Signed::new_unchecked(tx, Signature::test_signature(), hash);
        VerifiedTx::new_unchecked(Transaction::Eip1559(tx), config.deployer)
    });
    let attributes = BlockAttributes {
        timestamp: genesis.timestamp.saturating_add(1),
        gas_limit: genesis.gas_limit,
        parent_beacon_block_root: Some(B256::ZERO),
        withdrawals: Some(vec![]),
        ..BlockAttributes::default()
    };
    let block = chain
        .append(attributes, signed.collect())
        .map_err(|e| failed("the block of the deployment", e))?;
    for (receipt, planned) in block.executed.receipts.iter().zip(transactions) {
        if !receipt.success {
            return Err(failed(&planned.what, "the transaction reverted"));
        }
    }
    Ok(chain)
}

/// An L1 with every fork that is live on mainnet, without the rollup's contracts.
fn bare_genesis(config: &DeployConfig) -> Genesis {
    let mut genesis = Genesis {
        config: chain_config(config.l1_chain_id),
        timestamp: config.genesis_time,
        gas_limit: config.l1_gas_limit,
        base_fee_per_gas: Some(GENESIS_BASE_FEE),
        excess_blob_gas: Some(0),
        blob_gas_used: Some(0),
        number: Some(0),
        ..Genesis::default()
    };
    for account in &config.prefunded {
        let funded = GenesisAccount::default().with_balance(config.prefund);
        genesis.alloc.insert(*account, funded);
    }
    genesis.alloc.extend(system_contracts());
    genesis.alloc.extend([multicall3()]);
    genesis
}

/// What Ethereum's forks brought along as contracts.
pub(crate) fn system_contracts() -> [(Address, GenesisAccount); 4] {
    [
        (eip4788::BEACON_ROOTS_ADDRESS, &eip4788::BEACON_ROOTS_CODE),
        (
            eip2935::HISTORY_STORAGE_ADDRESS,
            &eip2935::HISTORY_STORAGE_CODE,
        ),
        (
            eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
            &eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE,
        ),
        (
            eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
            &eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_CODE,
        ),
    ]
    .map(|(address, code)| {
        let account = GenesisAccount::default()
            .with_nonce(Some(1))
            .with_code(Some(code.clone()));
        (address, account)
    })
}

fn chain_config(chain_id: u64) -> GenesisChainConfig {
    let schedule = [
        ("cancun", BlobParams::cancun()),
        ("prague", BlobParams::prague()),
        ("osaka", BlobParams::osaka()),
        ("bpo1", BlobParams::bpo1()),
        ("bpo2", BlobParams::bpo2()),
    ];
    GenesisChainConfig {
        shanghai_time: Some(0),
        cancun_time: Some(0),
        prague_time: Some(0),
        osaka_time: Some(0),
        bpo1_time: Some(0),
        bpo2_time: Some(0),
        blob_schedule: schedule
            .map(|(name, params)| (name.to_owned(), params))
            .into(),
        ..merged_chain_config(chain_id)
    }
}

/// A chain that starts after the Merge.
pub(crate) fn merged_chain_config(chain_id: u64) -> GenesisChainConfig {
    GenesisChainConfig {
        chain_id,
        homestead_block: Some(0),
        eip150_block: Some(0),
        eip155_block: Some(0),
        eip158_block: Some(0),
        byzantium_block: Some(0),
        constantinople_block: Some(0),
        petersburg_block: Some(0),
        istanbul_block: Some(0),
        muir_glacier_block: Some(0),
        berlin_block: Some(0),
        london_block: Some(0),
        arrow_glacier_block: Some(0),
        gray_glacier_block: Some(0),
        merge_netsplit_block: Some(0),
        terminal_total_difficulty: Some(U256::ZERO),
        terminal_total_difficulty_passed: true,
        ..GenesisChainConfig::default()
    }
}
