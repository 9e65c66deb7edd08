//! The proposer of the old way against the contract itself: `L2OutputOracle`, as the generator puts
//! it on L1, behind a proxy of its own so that its steps are short and its proposer is our key.

use crate::kit::{LATEST, Ring, Wallet, eventually};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::{SolCall, SolValue, sol};
use opal_proposer::{ProposerConfig, ProposerError, ProposerHandle, ProposerStatus, Target};
use opal_rpc::{EthClient, RollupClient};
use serde_json::{Value, json};
use std::time::Duration;

sol! {
    struct OutputProposal {
        bytes32 outputRoot;
        uint128 timestamp;
        uint128 l2BlockNumber;
    }

    function upgradeToAndCall(address implementation, bytes data);
    function initialize(
        uint256 submissionInterval, uint256 l2BlockTime, uint256 startingBlockNumber,
        uint256 startingTimestamp, address proposer, address challenger,
        uint256 finalizationPeriodSeconds
    );
    function nextOutputIndex() returns (uint256);
    function latestBlockNumber() returns (uint256);
    function getL2Output(uint256 index) returns (OutputProposal memory output);
}

/// L2 blocks from one output to the next.
const INTERVAL: u64 = 2;
/// How often proposers look at anything.
const POLL: Duration = Duration::from_millis(100);
/// Gas of a transaction that creates a proxy.
const GAS_OF_PROXY: u64 = 2_000_000;

/// The oracle on the L1 of a devnet.
struct Oracle<'a> {
    ring: &'a Ring,
    address: Address,
}

impl<'a> Oracle<'a> {
    /// Puts a new proxy in front of the generator's contract; `owner` administers it.
    async fn deploy(ring: &'a Ring, owner: &Wallet, proposer: Address) -> Self {
        let artifact = include_str!("../../../../contracts/artifacts/Proxy.json");
        let artifact: Value = serde_json::from_str(artifact).unwrap();
        let code: Bytes = serde_json::from_value(artifact["bytecode"].clone()).unwrap();
        let code: Bytes = [&code[..], &owner.address().abi_encode()].concat().into();
        // Unwaited for: the upgrade is mined after it.
        let nonce = sent_and_mined(ring, owner).await[0];
        let address = owner.address().create(nonce);
        let created = owner
            .sign_with_gas(&ring.l1, TxKind::Create, U256::ZERO, code, GAS_OF_PROXY)
            .await;
        ring.l1.send_raw_transaction(&created).await.unwrap();
        let genesis_time = ring.about.rollup_config["genesis"]["l2_time"].as_u64();
        let initialize = initializeCall {
            submissionInterval: U256::from(INTERVAL),
            l2BlockTime: U256::from(ring.config.block_time),
            startingBlockNumber: U256::ZERO,
            startingTimestamp: U256::from(genesis_time.unwrap()),
            proposer,
            challenger: owner.address(),
            finalizationPeriodSeconds: U256::from(6),
        };
        let upgrade = upgradeToAndCallCall {
            implementation: ring.contract("L2OutputOracleImpl"),
            data: initialize.abi_encode().into(),
        };
        let upgrade = upgrade.abi_encode().into();
        owner.send(&ring.l1, address, U256::ZERO, upgrade).await;
        Self { ring, address }
    }

    /// A proposer with this key, which takes its outputs from the sequencer's node.
    async fn propose_as(&self, wallet: &Wallet) -> Result<ProposerHandle, ProposerError> {
        let mut config = ProposerConfig::devnet(wallet.key.clone(), self.address, 0);
        config.target = Target::Oracle(self.address);
        config.poll_interval = POLL;
        config.tx_manager.receipt_query_interval = POLL;
        let about = &self.ring.about;
        let l1 = EthClient::new(&about.l1.rpc).unwrap();
        let node = RollupClient::new(&about.l2.sequencer.node).unwrap();
        opal_proposer::start(config, l1, vec![node]).await
    }

    async fn get<C: SolCall>(&self, getter: C) -> C::Return {
        let data = Bytes::from(getter.abi_encode());
        let request = (json!({ "to": self.address, "data": data }), "latest");
        let output: Bytes = self
            .ring
            .l1
            .request_once("eth_call", request)
            .await
            .unwrap();
        C::abi_decode_returns(&output).unwrap()
    }

    /// Number of outputs, once nothing of this sender is under way any more.
    async fn settled(&self, sender: &Wallet) -> u64 {
        eventually("everything sent is mined", async || {
            let [sent, mined] = sent_and_mined(self.ring, sender).await;
            if sent == mined {
                Ok(())
            } else {
                Err((sent, mined))
            }
        })
        .await;
        self.get(nextOutputIndexCall {}).await.to()
    }

    /// Output `index`: its block is where the interval puts it, its root is what the verifier
    /// derived from L1.
    async fn assert_right(&self, index: u64) {
        let call = getL2OutputCall {
            index: U256::from(index),
        };
        let output = self.get(call).await;
        let number = INTERVAL * (index + 1);
        assert_eq!(output.l2BlockNumber, u128::from(number), "output {index}");
        let root: B256 = eventually("the verifier has the block", async || {
            let answer = self.ring.verifier_node.output_at_block(number).await?;
            Ok::<_, opal_rpc::RpcError>(answer.output_root)
        })
        .await;
        assert_eq!(output.outputRoot, root, "output {index}");
    }
}

/// Nonces of an account with and without what waits in the pool.
async fn sent_and_mined(ring: &Ring, sender: &Wallet) -> [u64; 2] {
    let pending = BlockId::Number(BlockNumberOrTag::Pending);
    let at = |id| ring.l1.transaction_count(sender.address(), id);
    // In this order: what is mined in between may only make the two differ.
    let mined = at(LATEST).await.unwrap();
    [at(pending).await.unwrap(), mined]
}

/// Waits until a proposer's status is as wanted.
async fn until(
    proposer: &ProposerHandle,
    what: &str,
    is: impl Fn(&ProposerStatus) -> bool,
) -> ProposerStatus {
    eventually(what, async || {
        let status = proposer.status().borrow().clone();
        if is(&status) { Ok(status) } else { Err(status) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_output_oracle_takes_each_output_once_and_from_one_key() {
    let ring = Ring::start(|_| {}).await;
    let [owner, proposer, stranger] = [2, 3, 4].map(|n| ring.wallet(n));
    let oracle = Oracle::deploy(&ring, &owner, proposer.address()).await;

    // Two runs: the second goes on where the first stopped.
    let mut before = 0;
    for run in 1..=2 {
        let handle = oracle.propose_as(&proposer).await.unwrap();
        let status = until(&handle, "an output", |s| s.proposals > 0).await;
        handle.shutdown().await;
        assert_eq!((status.failures, &status.error), (0, &None), "run {run}");
        let last = status.last.unwrap().l2.number;
        assert_eq!(last, INTERVAL * (before + status.proposals), "run {run}");

        let outputs = oracle.settled(&proposer).await;
        assert!(outputs > before, "run {run}: {outputs} after {before}");
        for index in before..outputs {
            oracle.assert_right(index).await;
        }
        let latest = oracle.get(latestBlockNumberCall {}).await;
        assert_eq!(latest, U256::from(INTERVAL * outputs), "run {run}");
        // Every transaction became an output: none was in vain.
        assert_eq!(
            sent_and_mined(&ring, &proposer).await,
            [outputs; 2],
            "run {run}"
        );
        before = outputs;
    }

    // Another key is refused before it begins, whatever is due, and nothing was sent.
    let refused = oracle.propose_as(&stranger).await.unwrap_err().to_string();
    let expected = format!(
        "the key belongs to {}, but only {} may propose to the L2OutputOracle {}",
        stranger.address(),
        proposer.address(),
        oracle.address
    );
    assert!(refused.contains(&expected), "{refused}");
    assert_eq!(sent_and_mined(&ring, &stranger).await, [0, 0]);
    ring.stop().await;
}
