//! The smaller predeploys: fee vaults, message passer, WETH, Multicall3.

use super::*;
use alloy_primitives::keccak256;
use alloy_sol_types::{SolEvent, SolValue, sol};
use opal_execution::StateReader;
use opal_protocol::predeploys::{
    BASE_FEE_VAULT, L1_FEE_VAULT, L2_TO_L1_MESSAGE_PASSER, OPERATOR_FEE_VAULT, SEQUENCER_FEE_VAULT,
    WETH9,
};

sol! {
    function withdraw();
    function totalProcessed() returns (uint256);
    function recipient() returns (address);
    function l1FeeWallet() returns (address);

    function initiateWithdrawal(address target, uint256 gasLimit, bytes data);
    function messageNonce() returns (uint256);
    function sentMessages(bytes32 hash) returns (bool);
    function burn();
    event MessagePassed(
        uint256 indexed nonce,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint256 gasLimit,
        bytes data,
        bytes32 withdrawalHash
    );

    interface IWeth {
        function deposit();
        function withdraw(uint256 wad);
        function transfer(address dst, uint256 wad) returns (bool);
        function approve(address guy, uint256 wad) returns (bool);
        function transferFrom(address src, address dst, uint256 wad) returns (bool);
        function balanceOf(address owner) returns (uint256);
        function allowance(address owner, address spender) returns (uint256);
        function totalSupply() returns (uint256);
        function symbol() returns (string);
    }

    struct Call3 {
        address target;
        bool allowFailure;
        bytes callData;
    }

    struct Result {
        bool success;
        bytes returnData;
    }

    function aggregate3(Call3[] calls) returns (Result[] results);
    function getChainId() returns (uint256);
}

fn balance(world: &World, account: Address) -> U256 {
    world
        .chain
        .state
        .account(account)
        .unwrap()
        .map_or(U256::ZERO, |a| a.balance)
}

#[test]
fn vaults_pay_their_recipients() {
    let mut world = World::l2(config(Fork::Jovian));
    let recipient = world.config.vaults.sequencer.recipient;
    for vault in [
        SEQUENCER_FEE_VAULT,
        L1_FEE_VAULT,
        OPERATOR_FEE_VAULT,
        BASE_FEE_VAULT,
    ] {
        assert!(
            world.send(user(), vault, 1000, vec![]).success,
            "vaults take ETH from anybody"
        );
        let target = if vault == OPERATOR_FEE_VAULT {
            BASE_FEE_VAULT
        } else {
            recipient
        };
        assert_eq!(world.get(vault, &recipientCall {}), target);
        let (collected, before) = (balance(&world, vault), balance(&world, target));
        // A deposit pays no fees, which would flow into the vaults meanwhile.
        assert!(
            world
                .deposit(user(), vault, withdrawCall {}.abi_encode())
                .success
        );
        assert!(collected >= U256::from(1000));
        assert_eq!(balance(&world, vault), U256::ZERO);
        assert_eq!(balance(&world, target), before + collected);
        assert_eq!(world.get(vault, &totalProcessedCall {}), collected);
    }
    assert_eq!(
        world.get(SEQUENCER_FEE_VAULT, &l1FeeWalletCall {}),
        recipient
    );
}

#[test]
fn withdrawals_leave_their_hash_in_storage() {
    let mut world = World::l2(config(Fork::Jovian));
    let at = L2_TO_L1_MESSAGE_PASSER;
    let target = Address::repeat_byte(0x77);
    let first = U256::from(1) << 240;
    assert_eq!(world.get(at, &messageNonceCall {}), first);
    let call = initiateWithdrawalCall {
        target,
        gasLimit: U256::from(9),
        data: vec![1, 2, 3].into(),
    };
    let receipt = world.send(user(), at, 5, call.abi_encode());
    let event = MessagePassed::decode_log(&receipt.logs[0]).unwrap();
    // spec: withdrawals.md: the hash of nonce, sender, target, value, gas limit and data
    let fields = (
        first,
        user(),
        target,
        U256::from(5),
        U256::from(9),
        Bytes::from(vec![1, 2, 3]),
    );
    let hash = keccak256(fields.abi_encode_params());
    assert_eq!(
        (event.nonce, event.sender, event.target),
        (first, user(), target)
    );
    assert_eq!((event.value, event.withdrawalHash), (U256::from(5), hash));
    assert!(world.get(at, &sentMessagesCall { hash }));
    assert_eq!(world.get(at, &messageNonceCall {}), first + U256::from(1));
    // L1 proves that this slot is set.
    let slot = keccak256((hash, U256::ZERO).abi_encode());
    assert_eq!(
        world.chain.state.storage_of(at)[&slot],
        B256::with_last_byte(1)
    );

    let receipt = world.send(user(), at, 6, vec![]);
    let event = MessagePassed::decode_log(&receipt.logs[0]).unwrap();
    assert_eq!(
        (event.target, event.gasLimit),
        (user(), U256::from(100_000))
    );
    assert_eq!(balance(&world, at), U256::from(11));
    assert!(world.send(user(), at, 0, burnCall {}.abi_encode()).success);
    assert_eq!(balance(&world, at), U256::ZERO);
}

#[test]
fn weth_is_eth() {
    let mut world = World::l2(config(Fork::Jovian));
    let other = dev_accounts()[1].address();
    let of = |world: &World, owner| world.get(WETH9, &IWeth::balanceOfCall { owner });
    assert!(world.send(user(), WETH9, 100, vec![]).success);
    assert!(
        world
            .send(user(), WETH9, 50, IWeth::depositCall {}.abi_encode())
            .success
    );
    assert_eq!(of(&world, user()), U256::from(150));
    let transfer = |wad| {
        IWeth::transferCall {
            dst: other,
            wad: U256::from(wad),
        }
        .abi_encode()
    };
    assert!(world.send(user(), WETH9, 0, transfer(30)).success);
    assert!(!world.send(user(), WETH9, 0, transfer(121)).success);
    let take = |wad| {
        IWeth::transferFromCall {
            src: user(),
            dst: other,
            wad: U256::from(wad),
        }
        .abi_encode()
    };
    assert!(!world.send(other, WETH9, 0, take(1)).success);
    let approve = IWeth::approveCall {
        guy: other,
        wad: U256::from(10),
    }
    .abi_encode();
    assert!(world.send(user(), WETH9, 0, approve).success);
    assert!(world.send(other, WETH9, 0, take(10)).success);
    assert!(!world.send(other, WETH9, 0, take(1)).success);
    assert_eq!(of(&world, other), U256::from(40));
    let withdraw = IWeth::withdrawCall {
        wad: U256::from(40),
    }
    .abi_encode();
    assert!(world.send(other, WETH9, 0, withdraw).success);
    assert_eq!(
        world.get(WETH9, &IWeth::totalSupplyCall {}),
        U256::from(110)
    );
    assert_eq!(world.get(WETH9, &IWeth::symbolCall {}), "WETH");
}

#[test]
fn many_calls_go_in_one() {
    let world = World::l2(config(Fork::Jovian));
    let at = crate::preinstalls::MULTICALL3;
    let chain_id = Call3 {
        target: at,
        allowFailure: false,
        callData: getChainIdCall {}.abi_encode().into(),
    };
    // Multicall3 owns no WETH: fails.
    let fails = Call3 {
        target: WETH9,
        allowFailure: true,
        callData: IWeth::withdrawCall { wad: U256::from(1) }
            .abi_encode()
            .into(),
    };
    let results = world.get(
        at,
        &aggregate3Call {
            calls: vec![chain_id, fails.clone()],
        },
    );
    assert_eq!(results.len(), 2);
    assert!(results[0].success && !results[1].success);
    assert_eq!(U256::from_be_slice(&results[0].returnData), U256::from(901));
    let strict = aggregate3Call {
        calls: vec![Call3 {
            allowFailure: false,
            ..fails
        }],
    };
    let text = world.revert_text(user(), at, strict.abi_encode());
    assert!(text.contains("Multicall3: call failed"), "{text}");
}
