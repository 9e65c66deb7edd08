//! SystemConfig: every setter, as the rollup reads its event.

use super::*;
use alloy_sol_types::sol;
use opal_protocol::{ConfigUpdate, L1Block, L1Receipt, SystemConfig};

sol! {
    function setBatcherHash(bytes32 batcherHash);
    function setGasConfig(uint256 overhead, uint256 scalar);
    function setGasConfigEcotone(uint32 basefeeScalar, uint32 blobbasefeeScalar);
    function setGasLimit(uint64 gasLimit);
    function setUnsafeBlockSigner(address unsafeBlockSigner);
    function setEIP1559Params(uint32 denominator, uint32 elasticity);
    function setOperatorFeeScalars(uint32 operatorFeeScalar, uint64 operatorFeeConstant);
    function setMinBaseFee(uint64 minBaseFee);
    function setDAFootprintGasScalar(uint16 daFootprintGasScalar);
    function setFeatureEnabled(bytes32 feature, bool enabled);
    function transferOwnership(address newOwner);

    function owner() returns (address);
    function batcherHash() returns (bytes32);
    function gasLimit() returns (uint64);
    function scalar() returns (uint256);
    function overhead() returns (uint256);
    function basefeeScalar() returns (uint32);
    function blobbasefeeScalar() returns (uint32);
    function unsafeBlockSigner() returns (address);
    function eip1559Denominator() returns (uint32);
    function eip1559Elasticity() returns (uint32);
    function operatorFeeScalar() returns (uint32);
    function operatorFeeConstant() returns (uint64);
    function minBaseFee() returns (uint64);
    function daFootprintGasScalar() returns (uint16);
    function batchInbox() returns (address);
    function optimismPortal() returns (address);
    function l2ChainId() returns (uint256);
    function startBlock() returns (uint256);
    function minimumGasLimit() returns (uint64);
    function maximumGasLimit() returns (uint64);
    function isFeatureEnabled(bytes32 feature) returns (bool);
    function UNSAFE_BLOCK_SIGNER_SLOT() returns (bytes32);
    function BATCH_INBOX_SLOT() returns (bytes32);

    function getProxyImplementation(address proxy) returns (address);
    function upgrade(address proxy, address implementation);
}

/// The rollup's view of a block with this receipt.
fn updates(world: &World, receipt: &Receipt) -> Vec<ConfigUpdate> {
    let receipts = [L1Receipt {
        success: receipt.success,
        logs: receipt.logs.clone(),
    }];
    let tx = world.tx(user(), TxKind::Create, U256::ZERO, Bytes::new());
    let header = world.chain.head.clone();
    let txs = [tx.encoded];
    L1Block::new(&world.rollup, header.hash_slow(), header, &txs, &receipts)
        .unwrap()
        .config_updates
}

#[test]
fn it_is_set_up_as_configured() {
    let world = World::l1();
    let (config, at) = (&world.config, world.addresses.system_config);
    assert_eq!(world.get(at, &ownerCall {}), config.owner);
    assert_eq!(
        world.get(at, &batcherHashCall {}),
        config.batcher.into_word()
    );
    assert_eq!(world.get(at, &gasLimitCall {}), 60_000_000);
    assert_eq!(
        world.get(at, &scalarCall {}),
        world.rollup.genesis.system_config.scalar
    );
    assert_eq!(world.get(at, &overheadCall {}), U256::ZERO);
    assert_eq!(
        world.get(at, &unsafeBlockSignerCall {}),
        config.unsafe_signer
    );
    assert_eq!(world.get(at, &batchInboxCall {}), config.batch_inbox);
    assert_eq!(
        world.get(at, &optimismPortalCall {}),
        world.addresses.optimism_portal
    );
    assert_eq!(world.get(at, &l2ChainIdCall {}), U256::from(901));
    assert_eq!(world.get(at, &startBlockCall {}), U256::from(1));
    assert_eq!(world.get(at, &minimumGasLimitCall {}), 21_000_000);
    let slots = world.chain.state.storage_of(at);
    let signer_slot = world.get(at, &UNSAFE_BLOCK_SIGNER_SLOTCall {});
    // spec: system-config.md#unsafe-block-signer
    assert_eq!(
        signer_slot,
        alloy_primitives::keccak256("systemconfig.unsafeblocksigner")
    );
    assert_eq!(slots[&signer_slot], config.unsafe_signer.into_word());
    let admin = world.addresses.proxy_admin;
    assert_eq!(
        world.get(admin, &getProxyImplementationCall { proxy: at }),
        world.addresses.system_config_impl
    );
    assert_eq!(world.get(admin, &ownerCall {}), config.owner);
}

#[test]
fn each_setter_is_announced_as_the_rollup_reads_it() {
    let mut world = World::l1();
    let (owner, at) = (world.config.owner, world.addresses.system_config);
    let someone = Address::repeat_byte(0x99);
    let ecotone_scalar = U256::from(1) << 248 | U256::from(8) << 32 | U256::from(7);
    let cases: Vec<(Vec<u8>, ConfigUpdate)> = vec![
        (
            setBatcherHashCall {
                batcherHash: someone.into_word(),
            }
            .abi_encode(),
            ConfigUpdate::Batcher(someone),
        ),
        (
            setGasConfigCall {
                overhead: U256::from(188),
                scalar: U256::from(684_000),
            }
            .abi_encode(),
            ConfigUpdate::FeeScalars {
                overhead: U256::from(188),
                scalar: U256::from(684_000),
            },
        ),
        (
            setGasConfigEcotoneCall {
                basefeeScalar: 7,
                blobbasefeeScalar: 8,
            }
            .abi_encode(),
            ConfigUpdate::FeeScalars {
                overhead: U256::from(188),
                scalar: ecotone_scalar,
            },
        ),
        (
            setGasLimitCall {
                gasLimit: 30_000_000,
            }
            .abi_encode(),
            ConfigUpdate::GasLimit(30_000_000),
        ),
        (
            setUnsafeBlockSignerCall {
                unsafeBlockSigner: someone,
            }
            .abi_encode(),
            ConfigUpdate::UnsafeBlockSigner(someone),
        ),
        (
            setEIP1559ParamsCall {
                denominator: 400,
                elasticity: 9,
            }
            .abi_encode(),
            ConfigUpdate::Eip1559 {
                denominator: 400,
                elasticity: 9,
            },
        ),
        (
            setOperatorFeeScalarsCall {
                operatorFeeScalar: u32::MAX,
                operatorFeeConstant: u64::MAX,
            }
            .abi_encode(),
            ConfigUpdate::OperatorFee {
                scalar: u32::MAX,
                constant: u64::MAX,
            },
        ),
        (
            setMinBaseFeeCall {
                minBaseFee: 1_000_000,
            }
            .abi_encode(),
            ConfigUpdate::MinBaseFee(1_000_000),
        ),
        (
            setDAFootprintGasScalarCall {
                daFootprintGasScalar: 500,
            }
            .abi_encode(),
            ConfigUpdate::DaFootprintGasScalar(500),
        ),
    ];
    for (input, update) in cases {
        let text = world.revert_text(user(), at, input.clone());
        assert!(text.contains("Ownable: caller is not the owner"), "{text}");
        let receipt = world.send(owner, at, 0, input);
        assert!(receipt.success, "{update:?}");
        assert_eq!(updates(&world, &receipt), [update]);
    }
    assert_eq!(world.get(at, &basefeeScalarCall {}), 7);
    assert_eq!(world.get(at, &blobbasefeeScalarCall {}), 8);
    assert_eq!(world.get(at, &scalarCall {}), ecotone_scalar);
    assert_eq!(world.get(at, &gasLimitCall {}), 30_000_000);
    assert_eq!(world.get(at, &unsafeBlockSignerCall {}), someone);
    assert_eq!(world.get(at, &eip1559DenominatorCall {}), 400);
    assert_eq!(world.get(at, &eip1559ElasticityCall {}), 9);
    assert_eq!(world.get(at, &operatorFeeScalarCall {}), u32::MAX);
    assert_eq!(world.get(at, &operatorFeeConstantCall {}), u64::MAX);
    assert_eq!(world.get(at, &minBaseFeeCall {}), 1_000_000);
    assert_eq!(world.get(at, &daFootprintGasScalarCall {}), 500);
}

#[test]
fn values_out_of_bounds_are_refused() {
    let world = World::l1();
    let (owner, at) = (world.config.owner, world.addresses.system_config);
    let cases = [
        (
            setGasLimitCall {
                gasLimit: 20_999_999,
            }
            .abi_encode(),
            "gas limit too low",
        ),
        (
            setGasLimitCall {
                gasLimit: 500_000_001,
            }
            .abi_encode(),
            "gas limit too high",
        ),
        (
            setGasConfigCall {
                overhead: U256::ZERO,
                scalar: U256::from(1) << 248,
            }
            .abi_encode(),
            "scalar exceeds max.",
        ),
        (
            setEIP1559ParamsCall {
                denominator: 0,
                elasticity: 1,
            }
            .abi_encode(),
            "denominator must be >= 1",
        ),
        (
            setEIP1559ParamsCall {
                denominator: 1,
                elasticity: 0,
            }
            .abi_encode(),
            "elasticity must be >= 1",
        ),
    ];
    for (input, text) in cases {
        let revert = world.revert_text(owner, at, input);
        assert!(revert.contains(text), "{revert}");
    }
}

#[test]
fn ownership_and_features_change_hands() {
    let mut world = World::l1();
    let (owner, at) = (world.config.owner, world.addresses.system_config);
    let call = transferOwnershipCall { newOwner: user() }.abi_encode();
    assert!(world.send(owner, at, 0, call).success);
    let gas = setGasLimitCall {
        gasLimit: 40_000_000,
    }
    .abi_encode();
    assert!(!world.send(owner, at, 0, gas.clone()).success);
    assert!(world.send(user(), at, 0, gas).success);

    // Features are the proxy admin's business, not the owner's.
    let feature = B256::repeat_byte(5);
    let call = setFeatureEnabledCall {
        feature,
        enabled: true,
    }
    .abi_encode();
    assert!(!world.send(user(), at, 0, call.clone()).success);
    assert!(world.send(owner, at, 0, call.clone()).success);
    assert!(world.get(at, &isFeatureEnabledCall { feature }));
    assert!(
        !world.send(owner, at, 0, call).success,
        "it is enabled already"
    );
}

#[test]
fn only_the_proxy_admin_upgrades() {
    let mut world = World::l1();
    let (owner, at, admin) = (
        world.config.owner,
        world.addresses.system_config,
        world.addresses.proxy_admin,
    );
    let implementation = world.addresses.optimism_portal_impl;
    let call = upgradeCall {
        proxy: at,
        implementation,
    }
    .abi_encode();
    assert!(!world.send(user(), admin, 0, call.clone()).success);
    assert!(world.send(owner, admin, 0, call).success);
    assert_eq!(
        world.get(admin, &getProxyImplementationCall { proxy: at }),
        implementation
    );
}

#[test]
fn genesis_values_are_those_of_the_contract() {
    let world = World::l1();
    let expected = SystemConfig {
        batcher_address: world.config.batcher,
        scalar: U256::from(1) << 248 | U256::from(810_949) << 32 | U256::from(1368),
        gas_limit: 60_000_000,
        ..SystemConfig::default()
    };
    assert_eq!(world.rollup.genesis.system_config, expected);
    world.rollup.validate().unwrap();
}
