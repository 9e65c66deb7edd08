//! An L1 with the contracts that take proposals, and rollup nodes that derive from it: L2 block
//! `n` follows from L1 block `n`, and is another block on another branch of L1.

use crate::fake_l1::{self, Down, FakeL1, State as L1State, serve};
use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256, Bytes, U64, U256, address, keccak256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolValue, sol};
use jsonrpsee::server::ServerHandle;
use opal_proposer::{ProposerConfig, ProposerError, ProposerHandle, ProposerStatus, Target};
use opal_protocol::{
    Fork, ForkTimes, L1Id, L1Ref, L2Id, L2Ref, RollupConfig, RollupGenesis, output::output_root_v0,
};
use opal_rpc::{EthClient, OutputAtBlock, RollupClient, SyncStatus};
use serde_json::json;
use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

pub(crate) const FACTORY: Address = address!("00000000000000000000000000000000000000fa");
pub(crate) const ORACLE: Address = address!("00000000000000000000000000000000000000fb");
/// An oracle of the first generation, which takes proposals of [`OWNER`] only.
pub(crate) const OLD_ORACLE: Address = address!("00000000000000000000000000000000000000fc");
/// The account that some games, and an oracle, take proposals from.
pub(crate) const OWNER: Address = Address::repeat_byte(0x0a);
/// A game whose factory hands the proposer to it, and one whose implementation knows it.
pub(crate) const OWNED: [u32; 2] = [10, 254];
/// A key that permissioned games do not take proposals from.
pub(crate) const STRANGER: B256 = B256::repeat_byte(0x51);
pub(crate) const BOND: u64 = 77;
pub(crate) const GAME_TYPE: u32 = 1;
/// Games that do not say whom they take proposals from.
pub(crate) const PERMISSIONED: u32 = 9;
pub(crate) const INTERVAL: Duration = Duration::from_secs(12);
/// L2 blocks between two proposals to the oracle.
const SUBMISSION_INTERVAL: u64 = 3;

sol! {
    function version() external view returns (string);
    function gameImpls(uint32) external view returns (address);
    function gameArgs(uint32) external view returns (bytes);
    function proposer() external view returns (address);
    function PROPOSER() external view returns (address);
    function initBonds(uint32) external view returns (uint256);
    function gameCount() external view returns (uint256);
    function gameAtIndex(uint256) external view returns (uint32, uint64, address);
    function games(uint32, bytes32, bytes) external view returns (address, uint64);
    function create(uint32, bytes32, bytes) external payable returns (address);
    function gameCreator() external view returns (address);
    function nextBlockNumber() external view returns (uint256);
    function proposeL2Output(bytes32, uint256, bytes32, uint256) external payable;
}

/// A proposal on L1.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) root: B256,
    pub(crate) l2_block: u64,
    pub(crate) time: u64,
    pub(crate) value: U256,
    pub(crate) from: Address,
    game_type: u32,
    game: Address,
}

/// Every proposal that is on L1 now.
pub(crate) fn made(l1: &L1State) -> Vec<Made> {
    let mut all = vec![];
    for block in &l1.blocks {
        for tx in &block.txs {
            let input = tx.envelope.input();
            let (game_type, root, l2_block) = if let Ok(call) = createCall::abi_decode(input) {
                let number = U256::abi_decode(&call._2).expect("one word");
                (call._0, call._1, number.to())
            } else if let Ok(call) = proposeL2OutputCall::abi_decode(input) {
                let at = &l1.blocks[call._3.to::<usize>()];
                assert_eq!(at.hash, call._2, "the oracle would have refused this");
                (0, call._0, call._1.to())
            } else {
                continue;
            };
            all.push(Made {
                root,
                l2_block,
                time: block.header.timestamp,
                value: tx.envelope.value(),
                from: tx.from,
                game_type,
                game: Address::from_word(tx.hash),
            });
        }
    }
    all
}

/// Where the implementation of a game type is.
fn implementation(game_type: u32) -> Address {
    let types = [GAME_TYPE, PERMISSIONED, OWNED[0], OWNED[1]];
    let place = types.iter().position(|known| *known == game_type);
    place.map_or(Address::ZERO, |place| {
        Address::repeat_byte(0x20 + place as u8)
    })
}

/// The contracts, after what is mined.
fn contracts(l1: &L1State, to: Address, input: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    let games = made(l1);
    if let Some(game) = games.iter().find(|made| made.game == to) {
        return Ok(game.from.abi_encode());
    }
    let is_old = to == OLD_ORACLE && PROPOSERCall::abi_decode(input).is_ok();
    let is_owned = to == implementation(OWNED[1]) && proposerCall::abi_decode(input).is_ok();
    if is_old || is_owned {
        return Ok(OWNER.abi_encode());
    }
    if ![FACTORY, ORACLE, OLD_ORACLE].contains(&to) {
        return Err(vec![]);
    }
    if input.is_empty() || versionCall::abi_decode(input).is_ok() {
        return Ok("1.0.0".abi_encode());
    }
    if to != FACTORY {
        return match nextBlockNumberCall::abi_decode(input) {
            Ok(_) => Ok(U256::from((games.len() as u64 + 1) * SUBMISSION_INTERVAL).abi_encode()),
            Err(_) => Ok(vec![]),
        };
    }
    if let Ok(call) = gameImplsCall::abi_decode(input) {
        return Ok(implementation(call.0).abi_encode());
    }
    if let Ok(call) = gameArgsCall::abi_decode(input) {
        // What every game is told, and for permissioned ones the proposer and the challenger.
        let mut args = vec![0x77; 124];
        args.extend([OWNER, Address::ZERO].concat());
        return match call.0 {
            GAME_TYPE => Ok(Bytes::copy_from_slice(&args[..124]).abi_encode()),
            _ if call.0 == OWNED[0] => Ok(Bytes::from(args).abi_encode()),
            _ => Ok(Bytes::new().abi_encode()),
        };
    }
    if initBondsCall::abi_decode(input).is_ok() {
        return Ok(U256::from(BOND).abi_encode());
    }
    if gameCountCall::abi_decode(input).is_ok() {
        return Ok(U256::from(games.len()).abi_encode());
    }
    if let Ok(call) = gameAtIndexCall::abi_decode(input) {
        let game = &games[call.0.to::<usize>()];
        return Ok((game.game_type, game.time, game.game).abi_encode());
    }
    if let Ok(call) = gamesCall::abi_decode(input) {
        let number: u64 = U256::abi_decode(&call._2).expect("one word").to();
        let found = games
            .iter()
            .find(|g| g.root == call._1 && g.l2_block == number);
        let address = found.map_or(Address::ZERO, |game| game.game);
        return Ok((address, 0u64).abi_encode());
    }
    if let Ok(call) = createCall::abi_decode(input) {
        return match call._0 {
            PERMISSIONED => Err(keccak256("BadAuth()")[..4].to_vec()),
            _ => Ok(Address::ZERO.abi_encode()),
        };
    }
    Err(vec![])
}

/// A rollup node.
pub(crate) struct NodeState {
    pub(crate) chain: RollupConfig,
    l1: Arc<Mutex<L1State>>,
    pub(crate) is_down: bool,
    pub(crate) is_active: bool,
    /// L1 blocks that it has not read yet.
    pub(crate) behind: u64,
    /// L1 blocks between its head and what is final.
    pub(crate) finality: u64,
    /// Hashes of an L1 that only this node sees.
    pub(crate) other_l1: bool,
    pub(crate) asked: u64,
}

impl Down for NodeState {
    fn is_down(&self) -> bool {
        self.is_down
    }
}

impl NodeState {
    fn l1_ref(&self, number: u64) -> L1Ref {
        let l1 = self.l1.lock().unwrap();
        let block = &l1.blocks[number as usize];
        let hash = match self.other_l1 && number > 0 {
            true => keccak256(block.hash),
            false => block.hash,
        };
        L1Ref {
            hash,
            number,
            parent_hash: block.header.parent_hash,
            time: block.header.timestamp,
        }
    }

    fn l2_ref(&self, number: u64) -> L2Ref {
        let origin = self.l1_ref(number);
        L2Ref {
            hash: keccak256(origin.hash),
            number,
            l1_origin: L1Id {
                hash: origin.hash,
                number,
            },
            time: origin.time,
            ..L2Ref::default()
        }
    }

    fn status(&self) -> SyncStatus {
        let head = self.l1.lock().unwrap().head().header.number;
        let read = head.saturating_sub(self.behind);
        let finalized = head.saturating_sub(self.finality).min(read);
        SyncStatus {
            current_l1: self.l1_ref(read),
            head_l1: self.l1_ref(head),
            finalized_l1: self.l1_ref(finalized),
            safe_l2: self.l2_ref(read),
            unsafe_l2: self.l2_ref(read),
            finalized_l2: self.l2_ref(finalized),
            ..SyncStatus::default()
        }
    }

    pub(crate) fn output(&self, number: u64) -> OutputAtBlock {
        let block_ref = self.l2_ref(number);
        let (state_root, storage) = (keccak256(block_ref.hash), B256::ZERO);
        OutputAtBlock {
            version: B256::ZERO,
            output_root: output_root_v0(state_root, storage, block_ref.hash),
            block_ref,
            withdrawal_storage_root: storage,
            state_root,
            sync_status: self.status(),
        }
    }
}

pub(crate) struct Node {
    pub(crate) state: Arc<Mutex<NodeState>>,
    url: String,
    _server: ServerHandle,
}

impl Node {
    async fn start(l1: Arc<Mutex<L1State>>) -> Self {
        let genesis = l1.lock().unwrap().blocks[0].hash;
        let chain = RollupConfig {
            genesis: RollupGenesis {
                l1: L1Id {
                    hash: genesis,
                    number: 0,
                },
                l2: L2Id {
                    hash: keccak256(genesis),
                    number: 0,
                },
                ..RollupGenesis::default()
            },
            block_time: 2,
            l1_chain_id: fake_l1::CHAIN_ID,
            l2_chain_id: 901,
            forks: ForkTimes::at_genesis(Fork::Jovian),
            ..RollupConfig::default()
        };
        let state = Arc::new(Mutex::new(NodeState {
            chain,
            l1,
            is_down: false,
            is_active: false,
            behind: 0,
            finality: 4,
            other_l1: false,
            asked: 0,
        }));
        let (url, server) = serve(
            state.clone(),
            &[
                ("optimism_rollupConfig", |node: &mut NodeState, _| {
                    Ok(json!(node.chain))
                }),
                ("optimism_syncStatus", |node: &mut NodeState, _| {
                    Ok(json!(node.status()))
                }),
                ("optimism_outputAtBlock", |node: &mut NodeState, params| {
                    node.asked += 1;
                    let number: U64 = serde_json::from_value(params[0].clone()).unwrap();
                    Ok(json!(node.output(number.to())))
                }),
                ("admin_sequencerActive", |node: &mut NodeState, _| {
                    Ok(json!(node.is_active))
                }),
            ],
        )
        .await;
        Self {
            state,
            url,
            _server: server,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, NodeState> {
        self.state.lock().unwrap()
    }
}

pub(crate) struct World {
    pub(crate) l1: FakeL1,
    pub(crate) nodes: Vec<Node>,
    pub(crate) config: ProposerConfig,
}

impl World {
    pub(crate) async fn new(nodes: usize) -> Self {
        let l1 = FakeL1::start().await;
        l1.state().contracts = Some(contracts);
        let mut started = vec![];
        for _ in 0..nodes {
            started.push(Node::start(l1.state.clone()).await);
        }
        let mut config = ProposerConfig::devnet(PrivateKeySigner::random(), FACTORY, GAME_TYPE);
        config.target = Target::Games {
            factory: FACTORY,
            game_type: GAME_TYPE,
            interval: INTERVAL,
        };
        config.poll_interval = Duration::from_millis(20);
        config.tx_manager.receipt_query_interval = Duration::from_millis(20);
        config.active_sequencer_check = Duration::from_millis(100);
        Self {
            l1,
            nodes: started,
            config,
        }
    }

    pub(crate) async fn start(&self) -> ProposerHandle {
        self.try_start().await.unwrap()
    }

    pub(crate) async fn try_start(&self) -> Result<ProposerHandle, ProposerError> {
        let l1 = EthClient::new(&self.l1.url).unwrap();
        let nodes = self.nodes.iter();
        let nodes = nodes.map(|node| RollupClient::new(&node.url).unwrap());
        opal_proposer::start(self.config.clone(), l1, nodes.collect()).await
    }

    pub(crate) fn made(&self) -> Vec<Made> {
        made(&self.l1.state())
    }

    /// Mines, with time for everybody to react after each block.
    pub(crate) async fn mine(&self, blocks: usize) {
        for _ in 0..blocks {
            self.l1.mine();
            pause(150).await;
        }
    }

    /// Whether each proposal is what the canonical L1 gives.
    pub(crate) fn assert_right(&self) {
        let node = self.nodes[0].state();
        for made in self.made() {
            assert_eq!(
                made.root,
                node.output(made.l2_block).output_root,
                "{made:?}"
            );
        }
    }
}

pub(crate) async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Waits until the proposer's status is as wanted.
pub(crate) async fn until(
    proposer: &ProposerHandle,
    what: &str,
    is: impl FnMut(&ProposerStatus) -> bool,
) {
    let mut status = proposer.status();
    let waited = tokio::time::timeout(Duration::from_secs(20), status.wait_for(is)).await;
    if waited.is_err() {
        panic!("{what}: never, but {:?}", proposer.status().borrow());
    }
}
