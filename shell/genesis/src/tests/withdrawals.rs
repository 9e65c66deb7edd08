//! Withdrawals that may not be paid out, on the deployment as the generator leaves it: each is refused
//! by the name of the error that wallets read.

use super::*;
use alloy_primitives::keccak256;
use alloy_sol_types::{SolError, SolValue, sol};

sol! {
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

    function proveWithdrawalTransaction(
        WithdrawalTransaction tx,
        uint256 disputeGameIndex,
        OutputRootProof outputRootProof,
        bytes[] withdrawalProof
    );
    function finalizeWithdrawalTransaction(WithdrawalTransaction tx);
    function donateETH();

    function create(uint32 gameType, bytes32 rootClaim, bytes extraData) returns (address);
    function gameAtIndex(uint256 index) returns (uint32 gameType, uint64 timestamp, address proxy);
    function attack(bytes32 disputed, uint256 parentIndex, bytes32 claim);
    function resolve() returns (uint8);

    function blacklistDisputeGame(address game);
    function updateRetirementTimestamp();
    function setRespectedGameType(uint32 gameType);
    function pause(address identifier);

    error OptimismPortal_AlreadyFinalized();
    error OptimismPortal_BadTarget();
    error OptimismPortal_CallPaused();
    error OptimismPortal_ImproperDisputeGame();
    error OptimismPortal_InvalidDisputeGame();
    error OptimismPortal_InvalidMerkleProof();
    error OptimismPortal_InvalidOutputRootProof();
    error OptimismPortal_InvalidProofTimestamp();
    error OptimismPortal_InvalidRootClaim();
    error OptimismPortal_ProofNotOldEnough();
    error OptimismPortal_Unproven();
}

const PAID: Address = Address::repeat_byte(0x77);

/// A withdrawal of L2, an output that has it, and a game about that output.
#[derive(Clone)]
struct Case {
    world: World,
    tx: WithdrawalTransaction,
    output: OutputRootProof,
    proof: Vec<Bytes>,
    game: Address,
}

impl Case {
    /// The game has begun in the newest block.
    fn new() -> Self {
        let mut settings = config(Fork::Jovian);
        let role = |index: usize| dev_accounts()[index].address();
        (settings.proposer, settings.challenger, settings.guardian) = (role(1), role(2), role(3));
        let world = World::l1_of(settings);
        let tx = WithdrawalTransaction {
            nonce: U256::from(1) << 240,
            sender: user(),
            target: PAID,
            value: U256::from(5),
            gasLimit: U256::from(50_000),
            data: Bytes::new(),
        };
        let hash = keccak256(tx.abi_encode_params());
        let key = keccak256(keccak256((hash, U256::ZERO).abi_encode()));
        // The whole trie of a chain with one withdrawal: a leaf with all 64 nibbles and the value 1.
        let leaf = Bytes::from([&[0xe3, 0xa1, 0x20], key.as_slice(), &[1]].concat());
        let output = OutputRootProof {
            version: B256::ZERO,
            stateRoot: B256::repeat_byte(2),
            messagePasserStorageRoot: keccak256(&leaf),
            latestBlockhash: B256::repeat_byte(3),
        };
        let mut case = Self {
            world,
            tx,
            output,
            proof: vec![leaf],
            game: Address::ZERO,
        };
        let portal = case.world.addresses.optimism_portal;
        case.send(user(), portal, 1000, donateETHCall {});
        case.propose(1);
        case
    }

    fn root(&self) -> B256 {
        keccak256(self.output.abi_encode())
    }

    /// Begins a game about the output, as that of an L2 block.
    fn propose(&mut self, l2_block: u64) {
        let factory = self.world.addresses.dispute_game_factory;
        let bond = self.world.config.withdrawals.bond.to();
        let create = createCall {
            gameType: crate::deploy::GAME_TYPE,
            rootClaim: self.root(),
            extraData: U256::from(l2_block).abi_encode().into(),
        };
        self.send(self.world.config.proposer, factory, bond, create);
        let index = U256::from(l2_block - 1);
        self.game = self.world.get(factory, &gameAtIndexCall { index }).proxy;
    }

    fn send(&mut self, from: Address, to: Address, value: u64, call: impl SolCall) {
        let receipt = self.world.send(from, to, value, call.abi_encode());
        assert!(receipt.success);
    }

    /// What the guardian orders of the registry.
    fn order(&mut self, call: impl SolCall) {
        let registry = self.world.addresses.anchor_state_registry;
        self.send(self.world.config.guardian, registry, 0, call);
    }

    fn wait(&mut self, seconds: u64) {
        self.world.chain.head.timestamp += seconds;
        self.world.block(vec![]);
    }

    fn proving(&self) -> proveWithdrawalTransactionCall {
        proveWithdrawalTransactionCall {
            tx: self.tx.clone(),
            disputeGameIndex: U256::ZERO,
            outputRootProof: self.output.clone(),
            withdrawalProof: self.proof.clone(),
        }
    }

    fn finalizing(&self) -> finalizeWithdrawalTransactionCall {
        finalizeWithdrawalTransactionCall {
            tx: self.tx.clone(),
        }
    }

    fn prove(&mut self) {
        let portal = self.world.addresses.optimism_portal;
        self.send(user(), portal, 0, self.proving());
    }

    /// Proven, and all delays are over that begin with the proof.
    fn proven() -> Self {
        let mut case = Self::new();
        case.wait(1);
        case.prove();
        case.wait(case.world.config.withdrawals.proof_maturity_delay_seconds);
        case
    }

    /// Decided for the proposer.
    fn resolve(&mut self) {
        self.wait(self.world.config.withdrawals.game_clock_seconds);
        self.send(user(), self.game, 0, resolveCall {});
    }

    /// The challenger steps in, before the clock has run.
    fn contest(&mut self) {
        let attack = attackCall {
            disputed: self.root(),
            parentIndex: U256::ZERO,
            claim: B256::repeat_byte(9),
        };
        self.send(self.world.config.challenger, self.game, 0, attack);
    }

    fn let_finality_pass(&mut self) {
        self.wait(self.world.config.withdrawals.finality_delay_seconds);
    }

    #[track_caller]
    fn refused<E: SolError>(&self, call: impl SolCall) {
        let portal = self.world.addresses.optimism_portal;
        let outcome = self.world.call(user(), portal, call.abi_encode());
        assert!(!outcome.success, "not refused with {}", E::SIGNATURE);
        assert_eq!(outcome.output[..], E::SELECTOR, "{}", E::SIGNATURE);
    }

    #[track_caller]
    fn proof_refused<E: SolError>(&self) {
        self.refused::<E>(self.proving());
    }

    #[track_caller]
    fn payment_refused<E: SolError>(&self) {
        self.refused::<E>(self.finalizing());
    }
}

#[test]
fn proofs_are_refused_by_name() {
    let young = Case::new();
    young.proof_refused::<OptimismPortal_InvalidProofTimestamp>();

    let mut good = young;
    good.wait(1);
    let mut case = good.clone();
    let game = case.game;
    case.order(blacklistDisputeGameCall { game });
    case.proof_refused::<OptimismPortal_ImproperDisputeGame>();

    let mut case = good.clone();
    case.order(updateRetirementTimestampCall {});
    case.proof_refused::<OptimismPortal_ImproperDisputeGame>();

    let mut case = good.clone();
    case.contest();
    case.send(user(), case.game, 0, resolveCall {});
    case.proof_refused::<OptimismPortal_InvalidDisputeGame>();

    let mut case = good.clone();
    let superchain = case.world.addresses.superchain_config;
    let everything = pauseCall {
        identifier: Address::ZERO,
    };
    case.send(case.world.config.guardian, superchain, 0, everything);
    case.proof_refused::<OptimismPortal_CallPaused>();

    let mut case = good.clone();
    case.tx.target = case.world.addresses.optimism_portal;
    case.proof_refused::<OptimismPortal_BadTarget>();

    let mut case = good.clone();
    case.output.stateRoot = B256::ZERO;
    case.proof_refused::<OptimismPortal_InvalidOutputRootProof>();

    let mut case = good.clone();
    case.tx.value += U256::from(1);
    case.proof_refused::<OptimismPortal_InvalidMerkleProof>();

    // None of these was refused for another reason.
    good.prove();
}

#[test]
fn payments_are_refused_by_name() {
    let mut case = Case::new();
    case.payment_refused::<OptimismPortal_Unproven>();
    case.wait(1);
    case.prove();
    case.payment_refused::<OptimismPortal_ProofNotOldEnough>();

    let unresolved = Case::proven();
    unresolved.payment_refused::<OptimismPortal_InvalidRootClaim>();

    let mut lost = Case::new();
    lost.wait(1);
    lost.contest();
    lost.prove();
    lost.send(user(), lost.game, 0, resolveCall {});
    lost.wait(lost.world.config.withdrawals.proof_maturity_delay_seconds);
    lost.let_finality_pass();
    lost.payment_refused::<OptimismPortal_InvalidRootClaim>();

    let mut won = unresolved;
    won.resolve();
    // It may still be found wrong.
    won.payment_refused::<OptimismPortal_InvalidRootClaim>();
    won.let_finality_pass();

    let mut case = won.clone();
    let game = case.game;
    case.order(blacklistDisputeGameCall { game });
    case.payment_refused::<OptimismPortal_InvalidRootClaim>();

    let mut case = won.clone();
    case.order(updateRetirementTimestampCall {});
    case.payment_refused::<OptimismPortal_InvalidRootClaim>();

    let mut case = won.clone();
    let superchain = case.world.addresses.superchain_config;
    let this_chain = pauseCall {
        identifier: case.world.addresses.optimism_portal,
    };
    case.send(case.world.config.guardian, superchain, 0, this_chain);
    case.payment_refused::<OptimismPortal_CallPaused>();

    // Another type is respected from now on; games of before remain what they were.
    let mut case = won.clone();
    case.order(setRespectedGameTypeCall { gameType: 7 });
    let portal = case.world.addresses.optimism_portal;
    case.send(user(), portal, 0, case.finalizing());
    // A game that begins now is not of that type.
    case.propose(2);
    case.wait(1);
    let mut proving = case.proving();
    proving.disputeGameIndex = U256::from(1);
    case.refused::<OptimismPortal_InvalidDisputeGame>(proving);

    won.send(user(), portal, 0, won.finalizing());
    let paid = won.world.call(user(), PAID, vec![]);
    assert!(paid.success);
    won.payment_refused::<OptimismPortal_AlreadyFinalized>();
}
