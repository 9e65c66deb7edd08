//! What L1 says, L2 does: tokens, forced transactions, settings, and the pause.

use crate::kit::{LATEST, Ring, Wallet, ether};
use alloy_primitives::{Address, B256, Bytes, U256, address, uint};
use alloy_sol_types::{SolCall, SolError, sol};
use opal_devnet::genesis::roles;
use opal_rpc::EthClient;
use serde_json::{Value, json};
use std::time::Duration;

sol! {
    function depositTransaction(address to, uint256 value, uint64 gasLimit, bool isCreation, bytes data);
    function minimumGasLimit(uint64 byteCount) returns (uint64);
    function approve(address spender, uint256 amount) returns (bool);
    function balanceOf(address owner) returns (uint256);
    function depositERC20To(address l1Token, address l2Token, address to, uint256 amount, uint32 minGasLimit, bytes extraData);

    function setGasLimit(uint64 gasLimit);
    function setEIP1559Params(uint32 denominator, uint32 elasticity);
    function setOperatorFeeScalars(uint32 scalar, uint64 constant);
    function setMinBaseFee(uint64 minBaseFee);
    function setDAFootprintGasScalar(uint16 scalar);
    function setUnsafeBlockSigner(address signer);
    function operatorFeeScalar() returns (uint32);
    function operatorFeeConstant() returns (uint64);
    function daFootprintGasScalar() returns (uint16);

    function pause(address identifier);
    function unpause(address identifier);
    function paused() returns (bool);
    function gameCount() returns (uint256);
    function gameAtIndex(uint256 index) returns (uint32 gameType, uint64 timestamp, address proxy);
    function status() returns (uint8);
    error OptimismPortal_CallPaused();
    error OptimismPortal_GasLimitTooLow();
    error OutOfGas();

    struct WithdrawalTransaction {
        uint256 nonce;
        address sender;
        address target;
        uint256 value;
        uint256 gasLimit;
        bytes data;
    }
    struct OutputRootProof {
        bytes32 version;
        bytes32 stateRoot;
        bytes32 messagePasserStorageRoot;
        bytes32 latestBlockhash;
    }
    function proveWithdrawalTransaction(WithdrawalTransaction withdrawal, uint256 gameIndex, OutputRootProof output, bytes[] proof);

    struct Call3Value {
        address target;
        bool allowFailure;
        uint256 value;
        bytes callData;
    }
    function aggregate3Value(Call3Value[] calls);
}

const SOMEBODY: Address = address!("00000000000000000000000000000000000face6");
/// Init code that leaves the single byte 0xfe as code: `mstore8(0, 0xfe); return(0, 1)`.
const INIT_CODE: [u8; 10] = [0x60, 0xfe, 0x60, 0x00, 0x53, 0x60, 0x01, 0x60, 0x00, 0xf3];
/// Pause between two looks, and how many there are.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS_MAX: usize = 1200;
/// 0.1 ether.
const LITTLE: U256 = uint!(100_000_000_000_000_000_U256);

/// A forced transaction.
struct Forced {
    to: Address,
    value: U256,
    gas: u64,
    data: Vec<u8>,
}

impl Forced {
    fn call(&self) -> Bytes {
        let call = depositTransactionCall {
            to: self.to,
            value: self.value,
            gasLimit: self.gas,
            isCreation: self.to.is_zero(),
            data: self.data.clone().into(),
        };
        call.abi_encode().into()
    }
}

/// Revert data of an `eth_call`; empty if it succeeds.
async fn revert_data(
    on: &EthClient,
    from: Address,
    to: Address,
    value: U256,
    data: Bytes,
) -> Bytes {
    let request = json!({ "from": from, "to": to, "value": value, "data": data });
    let answer: Result<Bytes, _> = on.request_once("eth_call", (request, "latest")).await;
    match answer {
        Ok(_) => Bytes::new(),
        // The data stands in the error, whatever words are around it.
        Err(error) => {
            let text = error.to_string() + &format!("{error:?}");
            let hex = text.split("0x").skip(1).map(|part| {
                let end = part.find(|c: char| !c.is_ascii_hexdigit());
                &part[..end.unwrap_or(part.len())]
            });
            let longest = hex.max_by_key(|part| part.len()).unwrap_or_default();
            alloy_primitives::hex::decode(longest)
                .unwrap_or_default()
                .into()
        }
    }
}

async fn get<C: SolCall>(on: &EthClient, at: Address, getter: C) -> C::Return {
    let request = json!({ "to": at, "data": Bytes::from(getter.abi_encode()) });
    let output: Bytes = on
        .request_once("eth_call", (request, "latest"))
        .await
        .unwrap();
    C::abi_decode_returns(&output).unwrap()
}

/// Who a contract of L1 is on L2. spec: deposits.md#address-aliasing
fn alias_of(contract: Address) -> Address {
    let offset = uint!(0x1111000000000000000000000000000000001111_U256);
    let sum = U256::from_be_bytes(contract.into_word().0) + offset;
    Address::from_word(B256::from(sum << 96 >> 96))
}

async fn balance(on: &EthClient, of: Address) -> U256 {
    on.balance(of, LATEST).await.unwrap()
}

async fn nonce(on: &EthClient, of: Address) -> u64 {
    on.transaction_count(of, LATEST).await.unwrap()
}

/// Waits until the verifier, which has nothing but L1, sees `wanted`.
async fn until<T: PartialEq + std::fmt::Debug, F: Future<Output = T>>(
    what: &str,
    wanted: T,
    mut look: impl FnMut() -> F,
) {
    for _ in 0..LOOKS_MAX {
        let found = look().await;
        if found == wanted {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{what}: {:?} instead of {wanted:?}", look().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_rules_l2() {
    let ring = Ring::start(|_| {}).await;
    everything_is_where_the_file_says(&ring).await;
    tokens_arrive(&ring).await;
    forced_transactions_run(&ring).await;
    bad_deposits_are_refused(&ring).await;
    settings_reach_l2(&ring).await;
    the_pause_stops_withdrawals_alone(&ring).await;
    games_come_to_their_end(&ring).await;
    ring.assert_in_step(2).await;
    ring.stop().await;
}

/// Proposals win without anybody who withdraws having to see to it.
async fn games_come_to_their_end(ring: &Ring) {
    let factory = ring.contract("DisputeGameFactoryProxy");
    until("there is a game", true, async || {
        get(&ring.l1, factory, gameCountCall {}).await > U256::ZERO
    })
    .await;
    let index = U256::ZERO;
    let game = get(&ring.l1, factory, gameAtIndexCall { index })
        .await
        .proxy;
    until("the defender has won", 2, async || {
        get(&ring.l1, game, statusCall {}).await
    })
    .await;
}

async fn everything_is_where_the_file_says(ring: &Ring) {
    for (name, address) in &ring.about.contracts {
        let on_l1 = ring.l1.code(*address, LATEST).await.unwrap();
        let on_l2 = ring.sequencer.code(*address, LATEST).await.unwrap();
        assert!(!on_l1.is_empty() || !on_l2.is_empty(), "{name} has no code");
    }
    for name in [
        "DisputeGameFactoryProxy",
        "L1StandardBridgeProxy",
        "L2DevToken",
    ] {
        assert!(ring.about.contracts.contains_key(name), "{name}");
    }
    assert_eq!(
        ring.about.roles["proposer"].address,
        roles().proposer.address()
    );
}

async fn tokens_arrive(ring: &Ring) {
    let wallet = ring.wallet(2);
    let (token, image) = (ring.contract("DevToken"), ring.contract("L2DevToken"));
    let bridge = ring.contract("L1StandardBridgeProxy");
    let amount = U256::from(12_345);
    let approve = approveCall {
        spender: bridge,
        amount,
    };
    wallet
        .send(&ring.l1, token, U256::ZERO, approve.abi_encode().into())
        .await;
    let deposit = depositERC20ToCall {
        l1Token: token,
        l2Token: image,
        to: SOMEBODY,
        amount,
        minGasLimit: 200_000,
        extraData: Bytes::new(),
    };
    let before = get(
        &ring.l1,
        token,
        balanceOfCall {
            owner: wallet.address(),
        },
    )
    .await;
    // The gas that the deposit buys on L2 is burnt on L1.
    wallet
        .send_with_gas(
            &ring.l1,
            bridge,
            U256::ZERO,
            deposit.abi_encode().into(),
            2_000_000,
        )
        .await;
    until("the tokens are on L2", amount, async || {
        get(&ring.verifier, image, balanceOfCall { owner: SOMEBODY }).await
    })
    .await;
    let after = get(
        &ring.l1,
        token,
        balanceOfCall {
            owner: wallet.address(),
        },
    )
    .await;
    assert_eq!(before - after, amount);
    assert_eq!(
        get(&ring.l1, token, balanceOfCall { owner: bridge }).await,
        amount
    );
}

async fn forced_transactions_run(ring: &Ring) {
    let wallet = ring.wallet(3);
    let (portal, me) = (ring.contract("OptimismPortalProxy"), wallet.address());
    let l2 = &ring.verifier;
    let (funds, first) = (balance(l2, me).await, nonce(l2, me).await);
    let force = async |value: U256, forced: Forced| {
        wallet
            .send_with_gas(&ring.l1, portal, value, forced.call(), 2_000_000)
            .await;
    };
    // A contract: its address follows from the sender's nonce on L2.
    force(
        U256::ZERO,
        Forced {
            to: Address::ZERO,
            value: U256::ZERO,
            gas: 100_000,
            data: INIT_CODE.to_vec(),
        },
    )
    .await;
    until(
        "the contract is on L2",
        Bytes::from_static(&[0xfe]),
        async || l2.code(me.create(first), LATEST).await.unwrap(),
    )
    .await;
    // A call that fails: nothing but what was minted stays, and the nonce is used.
    force(
        LITTLE,
        Forced {
            to: me.create(first),
            value: LITTLE,
            gas: 100_000,
            data: vec![],
        },
    )
    .await;
    until(
        "the failed call has run",
        (funds + LITTLE, first + 2),
        async || (balance(l2, me).await, nonce(l2, me).await),
    )
    .await;
    // More value than was minted is taken from what the sender has; without enough it fails.
    let before = balance(l2, SOMEBODY).await;
    force(
        LITTLE,
        Forced {
            to: SOMEBODY,
            value: LITTLE + LITTLE,
            gas: 21_000,
            data: vec![],
        },
    )
    .await;
    until(
        "value from L2's funds",
        (before + LITTLE + LITTLE, funds),
        async || (balance(l2, SOMEBODY).await, balance(l2, me).await),
    )
    .await;
    force(
        LITTLE,
        Forced {
            to: SOMEBODY,
            value: ether(1_000_000),
            gas: 21_000,
            data: vec![],
        },
    )
    .await;
    until("too much value", (funds + LITTLE, first + 4), async || {
        (balance(l2, me).await, nonce(l2, me).await)
    })
    .await;
    assert_eq!(balance(l2, SOMEBODY).await, before + LITTLE + LITTLE);

    // A contract's forced transaction comes from its alias.
    let bundler = ring.contract("Multicall3");
    let forced = Forced {
        to: SOMEBODY,
        value: U256::ZERO,
        gas: 21_000,
        data: vec![],
    };
    let call = aggregate3ValueCall {
        calls: vec![Call3Value {
            target: portal,
            allowFailure: false,
            value: LITTLE,
            callData: forced.call(),
        }],
    };
    wallet
        .send_with_gas(
            &ring.l1,
            bundler,
            LITTLE,
            call.abi_encode().into(),
            2_000_000,
        )
        .await;
    let alias = alias_of(bundler);
    until("the alias has what was minted", (LITTLE, 1), async || {
        (balance(l2, alias).await, nonce(l2, alias).await)
    })
    .await;
    assert_eq!(balance(l2, bundler).await, U256::ZERO);
}

async fn bad_deposits_are_refused(ring: &Ring) {
    let (portal, me) = (
        ring.contract("OptimismPortalProxy"),
        ring.wallet(3).address(),
    );
    let refused = async |gas: u64, data: Vec<u8>| {
        let forced = Forced {
            to: SOMEBODY,
            value: U256::ZERO,
            gas,
            data,
        };
        let data = revert_data(&ring.l1, me, portal, U256::ZERO, forced.call()).await;
        data.get(..4).map(<[u8]>::to_vec)
    };
    let least = get(&ring.l1, portal, minimumGasLimitCall { byteCount: 100 }).await;
    assert_eq!(least, 25_000);
    let too_low = Some(OptimismPortal_GasLimitTooLow::SELECTOR.to_vec());
    assert_eq!(refused(least - 1, vec![1; 100]).await, too_low);
    assert_eq!(refused(least, vec![1; 100]).await, None);
    // More gas than all deposits of an L1 block may have.
    assert_eq!(
        refused(20_000_001, vec![]).await,
        Some(OutOfGas::SELECTOR.to_vec())
    );
}

async fn settings_reach_l2(ring: &Ring) {
    let config = ring.contract("SystemConfigProxy");
    let owner = Wallet { key: roles().owner };
    let calls: [Bytes; 6] = [
        setGasLimitCall {
            gasLimit: 45_000_000,
        }
        .abi_encode()
        .into(),
        setEIP1559ParamsCall {
            denominator: 99,
            elasticity: 7,
        }
        .abi_encode()
        .into(),
        setOperatorFeeScalarsCall {
            scalar: 11,
            constant: 22,
        }
        .abi_encode()
        .into(),
        setMinBaseFeeCall { minBaseFee: 333 }.abi_encode().into(),
        setDAFootprintGasScalarCall { scalar: 444 }
            .abi_encode()
            .into(),
        setUnsafeBlockSignerCall { signer: SOMEBODY }
            .abi_encode()
            .into(),
    ];
    for call in calls {
        owner.send(&ring.l1, config, U256::ZERO, call).await;
    }
    let l1_block = ring.contract("L1Block");
    let mut extra = vec![1];
    extra.extend(99u32.to_be_bytes());
    extra.extend(7u32.to_be_bytes());
    extra.extend(333u64.to_be_bytes());
    let wanted = ("0x2aea540".to_owned(), Bytes::from(extra).to_string());
    for node in [&ring.sequencer, &ring.verifier] {
        until(
            "gas limit and base fee parameters",
            wanted.clone(),
            async || {
                let head: Value = node
                    .request("eth_getBlockByNumber", ("latest", false))
                    .await
                    .unwrap();
                let text = |key: &str| head[key].as_str().unwrap_or_default().to_owned();
                (text("gasLimit"), text("extraData"))
            },
        )
        .await;
        until("operator fee and DA footprint", (11, 22, 444), async || {
            (
                get(node, l1_block, operatorFeeScalarCall {}).await,
                get(node, l1_block, operatorFeeConstantCall {}).await,
                get(node, l1_block, daFootprintGasScalarCall {}).await,
            )
        })
        .await;
    }
}

async fn the_pause_stops_withdrawals_alone(ring: &Ring) {
    let superchain = ring.contract("SuperchainConfigProxy");
    let (portal, wallet) = (ring.contract("OptimismPortalProxy"), ring.wallet(4));
    let guardian = Wallet { key: roles().owner };
    let identifier = Address::ZERO;
    let pause = pauseCall { identifier }.abi_encode();
    guardian
        .send(&ring.l1, superchain, U256::ZERO, pause.into())
        .await;
    assert!(get(&ring.l1, portal, pausedCall {}).await);

    let prove = proveWithdrawalTransactionCall {
        withdrawal: WithdrawalTransaction {
            nonce: U256::ZERO,
            sender: SOMEBODY,
            target: SOMEBODY,
            value: U256::ZERO,
            gasLimit: U256::ZERO,
            data: Bytes::new(),
        },
        gameIndex: U256::ZERO,
        output: OutputRootProof {
            version: B256::ZERO,
            stateRoot: B256::ZERO,
            messagePasserStorageRoot: B256::ZERO,
            latestBlockhash: B256::ZERO,
        },
        proof: vec![],
    };
    let prove = Bytes::from(prove.abi_encode());
    let paused = OptimismPortal_CallPaused::SELECTOR;
    let answer = revert_data(
        &ring.l1,
        wallet.address(),
        portal,
        U256::ZERO,
        prove.clone(),
    )
    .await;
    assert_eq!(answer.get(..4), Some(&paused[..]));

    // L2 goes on, and deposits arrive.
    let before = balance(&ring.verifier, SOMEBODY).await;
    let forced = Forced {
        to: SOMEBODY,
        value: LITTLE,
        gas: 21_000,
        data: vec![],
    };
    wallet.send(&ring.l1, portal, LITTLE, forced.call()).await;
    until("a deposit during the pause", before + LITTLE, async || {
        balance(&ring.verifier, SOMEBODY).await
    })
    .await;

    let unpause = unpauseCall { identifier }.abi_encode();
    guardian
        .send(&ring.l1, superchain, U256::ZERO, unpause.into())
        .await;
    let answer = revert_data(&ring.l1, wallet.address(), portal, U256::ZERO, prove).await;
    assert_ne!(answer.get(..4), Some(&paused[..]));
}
