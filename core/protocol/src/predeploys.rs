//! Addresses that the protocol fixes on L2.
//!
//! spec: protocol/predeploys.md

use alloy_primitives::{Address, address};

/// Sender of the L1-attributes deposit and of most upgrade transactions; nobody holds its key.
pub const DEPOSITOR_ACCOUNT: Address = address!("deaddeaddeaddeaddeaddeaddeaddeaddead0001");
/// WETH9.
pub const WETH9: Address = address!("4200000000000000000000000000000000000006");
/// L2CrossDomainMessenger.
pub const L2_CROSS_DOMAIN_MESSENGER: Address = address!("4200000000000000000000000000000000000007");
/// GasPriceOracle.
pub const GAS_PRICE_ORACLE: Address = address!("420000000000000000000000000000000000000f");
/// L2StandardBridge.
pub const L2_STANDARD_BRIDGE: Address = address!("4200000000000000000000000000000000000010");
/// SequencerFeeVault: collects priority fees, and is the fee recipient of every derived block.
pub const SEQUENCER_FEE_VAULT: Address = address!("4200000000000000000000000000000000000011");
/// OptimismMintableERC20Factory.
pub const OPTIMISM_MINTABLE_ERC20_FACTORY: Address =
    address!("4200000000000000000000000000000000000012");
/// L2ERC721Bridge.
pub const L2_ERC721_BRIDGE: Address = address!("4200000000000000000000000000000000000014");
/// L1Block: holds the attributes of the L1 origin.
pub const L1_BLOCK: Address = address!("4200000000000000000000000000000000000015");
/// L2ToL1MessagePasser: its storage root is part of the output root.
pub const L2_TO_L1_MESSAGE_PASSER: Address = address!("4200000000000000000000000000000000000016");
/// OptimismMintableERC721Factory.
pub const OPTIMISM_MINTABLE_ERC721_FACTORY: Address =
    address!("4200000000000000000000000000000000000017");
/// ProxyAdmin: admin of the predeploys' proxies.
pub const PROXY_ADMIN: Address = address!("4200000000000000000000000000000000000018");
/// BaseFeeVault: collects base fees.
pub const BASE_FEE_VAULT: Address = address!("4200000000000000000000000000000000000019");
/// L1FeeVault: collects L1 data fees.
pub const L1_FEE_VAULT: Address = address!("420000000000000000000000000000000000001a");
/// OperatorFeeVault: collects operator fees (Isthmus).
pub const OPERATOR_FEE_VAULT: Address = address!("420000000000000000000000000000000000001b");
/// SchemaRegistry: schemas of attestations.
pub const SCHEMA_REGISTRY: Address = address!("4200000000000000000000000000000000000020");
/// EAS: attestations.
pub const EAS: Address = address!("4200000000000000000000000000000000000021");
/// GovernanceToken, which not every chain has, and which has no proxy.
pub const GOVERNANCE_TOKEN: Address = address!("4200000000000000000000000000000000000042");
