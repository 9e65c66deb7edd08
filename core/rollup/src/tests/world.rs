//! A small world around the machine: an L1 made of headers, an engine that builds whatever it is
//! told, virtual time. Every call takes `latency_ms`; faults are put on the engine by hand.

use crate::{
    Answer, Command, Event, Failure, Found, Heads, L1Query, L2Block, L2Query, Lane, Note, Query,
    ResetCause, Rollup, RollupOptions, SequencerOptions, SyncPoint, SyncStart, SyncStep, Ticket,
};
use alloc::{boxed::Box, collections::BTreeMap, string::ToString, sync::Arc, vec, vec::Vec};
use alloy_consensus::{EMPTY_ROOT_HASH, Header};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B256, Bloom, Bytes, U256, address};
use alloy_rpc_types_engine::{
    ExecutionPayloadV1, ExecutionPayloadV2, ExecutionPayloadV3, ForkchoiceState, ForkchoiceUpdated,
    PayloadId, PayloadStatus, PayloadStatusEnum,
};
use op_alloy_rpc_types_engine::{
    OpExecutionPayload, OpExecutionPayloadEnvelope, OpExecutionPayloadV4, OpPayloadAttributes,
};
use opal_derivation::{DerivedAttributes, attributes, sync_start::Reach};
use opal_protocol::{
    Fork, ForkTimes, L1Block, L1ChainConfig, L1Id, L1Ref, L2Id, L2Ref, RollupConfig, RollupGenesis,
    SystemConfig, UpgradeBundle, Upgrades, config::ChainOpConfig, upgrades::UPGRADING_FORKS,
};
use std::{cmp::Reverse, collections::BinaryHeap};

/// Time of the first L2 block and of the first L1 block, unix seconds.
pub(super) const GENESIS_TIME: u64 = 1_700_000_000;
pub(super) const L1_BLOCK_TIME: u64 = 12;

pub(super) fn genesis_block() -> L2Block {
    let header = Header {
        timestamp: GENESIS_TIME,
        gas_limit: 30_000_000,
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        extra_data: Bytes::from(vec![1, 0, 0, 0, 250, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0]),
        ..Header::default()
    };
    L2Block {
        hash: header.hash_slow(),
        header,
        transactions: Vec::new(),
    }
}

pub(super) fn config(l1_genesis: L1Id) -> RollupConfig {
    RollupConfig {
        genesis: RollupGenesis {
            l1: l1_genesis,
            l2: L2Id {
                hash: genesis_block().hash,
                number: 0,
            },
            l2_time: GENESIS_TIME,
            system_config: SystemConfig {
                batcher_address: address!("00000000000000000000000000000000000000ba"),
                gas_limit: 30_000_000,
                scalar: U256::from(1u64) << 248,
                ..SystemConfig::default()
            },
        },
        block_time: 2,
        max_sequencer_drift: 600,
        seq_window_size: 20,
        channel_timeout: 50,
        l1_chain_id: 900,
        l2_chain_id: 901,
        forks: ForkTimes::at_genesis(Fork::Jovian),
        chain_op_config: ChainOpConfig::default(),
        ..RollupConfig::default()
    }
}

/// L1: one canonical block per height.
#[derive(Clone, Debug)]
pub(super) struct FakeL1 {
    pub(super) blocks: Vec<Arc<L1Block>>,
    pub(super) is_down: bool,
    block_time: u64,
}

impl FakeL1 {
    pub(super) fn new(length: u64) -> Self {
        Self::timed(length, L1_BLOCK_TIME)
    }

    pub(super) fn timed(length: u64, block_time: u64) -> Self {
        let mut l1 = Self {
            blocks: Vec::new(),
            is_down: false,
            block_time,
        };
        for _ in 0..length {
            l1.mine(0);
        }
        l1
    }

    /// One more block; `salt` tells apart blocks of the same height.
    pub(super) fn mine(&mut self, salt: u64) -> L1Ref {
        let number = self.blocks.len() as u64;
        let header = Header {
            number,
            parent_hash: self.blocks.last().map_or(B256::ZERO, |b| b.hash),
            timestamp: GENESIS_TIME + number * self.block_time,
            mix_hash: B256::with_last_byte(salt as u8),
            nonce: salt.to_be_bytes().into(),
            base_fee_per_gas: Some(7),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::with_last_byte(number as u8)),
            ..Header::default()
        };
        let block = L1Block {
            hash: header.hash_slow(),
            header,
            ..L1Block::default()
        };
        let reference = L1Block::as_ref(&block);
        self.blocks.push(Arc::new(block));
        reference
    }

    /// Replaces everything from height `from` on by as many, or more, other blocks.
    pub(super) fn reorg(&mut self, from: u64, length: u64, salt: u64) {
        self.blocks.truncate(from as usize);
        for _ in 0..length {
            self.mine(salt);
        }
    }

    pub(super) fn at(&self, number: u64) -> Option<L1Ref> {
        self.blocks.get(number as usize).map(|b| L1Block::as_ref(b))
    }

    pub(super) fn head(&self) -> L1Ref {
        self.at(self.blocks.len() as u64 - 1).unwrap()
    }

    fn get(&self, query: L1Query) -> Option<Arc<L1Block>> {
        match query {
            L1Query::Number(number) => self.blocks.get(number as usize).cloned(),
            L1Query::Hash(hash) => self.blocks.iter().find(|b| b.hash == hash).cloned(),
        }
    }
}

/// An engine that executes nothing: a block is its attributes.
#[derive(Debug)]
pub(super) struct FakeEngine {
    cfg: Arc<RollupConfig>,
    pub(super) blocks: BTreeMap<B256, L2Block>,
    pub(super) state: ForkchoiceState,
    building: BTreeMap<u64, L2Block>,
    next_id: u64,
    /// What comes out of the pool into each block that may take from it.
    pub(super) pool: Vec<Bytes>,
    /// Answers that take the place of the next calls of that name.
    pub(super) faults: BTreeMap<&'static str, Vec<Failure>>,
    /// A block with this transaction is invalid.
    pub(super) poison: Option<Bytes>,
}

impl FakeEngine {
    fn new(cfg: Arc<RollupConfig>) -> Self {
        let genesis = genesis_block();
        let state = ForkchoiceState::same_hash(genesis.hash);
        Self {
            cfg,
            blocks: BTreeMap::from([(genesis.hash, genesis)]),
            state,
            building: BTreeMap::new(),
            next_id: 0,
            pool: Vec::new(),
            faults: BTreeMap::new(),
            poison: None,
        }
    }

    fn fault(&mut self, call: &'static str) -> Result<(), Failure> {
        match self.faults.get_mut(call) {
            Some(faults) if !faults.is_empty() => Err(faults.remove(0)),
            _ => Ok(()),
        }
    }

    /// The block at a height of the chain that ends in the head.
    pub(super) fn canonical(&self, number: u64) -> Option<&L2Block> {
        let mut block = self.blocks.get(&self.state.head_block_hash)?;
        while block.header.number > number {
            block = self.blocks.get(&block.header.parent_hash)?;
        }
        (block.header.number == number).then_some(block)
    }

    fn find(&self, query: L2Query) -> Option<Box<L2Block>> {
        match query {
            L2Query::Number(number) => self.canonical(number),
            L2Query::Hash(hash) => self.blocks.get(&hash),
        }
        .cloned()
        .map(Box::new)
    }

    /// Builds a block without telling anybody.
    pub(super) fn build(&self, parent: B256, attributes: &OpPayloadAttributes) -> L2Block {
        let parent = &self.blocks[&parent];
        let inner = &attributes.payload_attributes;
        let mut transactions = attributes.transactions.clone().unwrap_or_default();
        if attributes.no_tx_pool != Some(true) {
            transactions.extend(self.pool.iter().cloned());
        }
        let content: Vec<u8> = transactions.iter().flatten().copied().collect();
        let params = attributes.eip_1559_params.unwrap_or_default();
        let mut extra = vec![1];
        if params.is_zero() {
            let constants = &self.cfg.chain_op_config;
            extra.extend((constants.eip1559_denominator_canyon as u32).to_be_bytes());
            extra.extend((constants.eip1559_elasticity as u32).to_be_bytes());
        } else {
            extra.extend(params.0);
        }
        extra.extend(attributes.min_base_fee.unwrap_or_default().to_be_bytes());
        let header = Header {
            parent_hash: parent.hash,
            number: parent.header.number + 1,
            timestamp: inner.timestamp,
            mix_hash: inner.prev_randao,
            beneficiary: inner.suggested_fee_recipient,
            gas_limit: attributes.gas_limit.unwrap(),
            withdrawals_root: Some(EMPTY_ROOT_HASH),
            parent_beacon_block_root: inner.parent_beacon_block_root,
            transactions_root: alloy_primitives::keccak256(content),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            extra_data: extra.into(),
            ..Header::default()
        };
        L2Block {
            hash: header.hash_slow(),
            header,
            transactions,
        }
    }

    fn forkchoice(
        &mut self,
        state: ForkchoiceState,
        attributes: Option<&OpPayloadAttributes>,
    ) -> Result<ForkchoiceUpdated, Failure> {
        self.fault("forkchoiceUpdated")?;
        let hashes = [
            state.head_block_hash,
            state.safe_block_hash,
            state.finalized_block_hash,
        ];
        if hashes.iter().any(|hash| !self.blocks.contains_key(hash)) {
            return Err(Failure::InconsistentForkchoice("unknown block".to_string()));
        }
        self.state = state;
        let mut updated = ForkchoiceUpdated::from_status(PayloadStatusEnum::Valid);
        if let Some(attributes) = attributes {
            self.next_id += 1;
            let block = self.build(state.head_block_hash, attributes);
            self.building.insert(self.next_id, block);
            updated.payload_id = Some(PayloadId::new(self.next_id.to_be_bytes()));
        }
        Ok(updated)
    }

    fn get_payload(&mut self, id: PayloadId) -> Result<Box<OpExecutionPayloadEnvelope>, Failure> {
        self.fault("getPayload")?;
        let id = u64::from_be_bytes(id.0.0);
        let block = self.building.get(&id);
        block
            .map(|b| Box::new(envelope(b)))
            .ok_or_else(|| Failure::UnknownPayload("no such payload".to_string()))
    }

    fn new_payload(
        &mut self,
        payload: &OpExecutionPayloadEnvelope,
    ) -> Result<PayloadStatus, Failure> {
        self.fault("newPayload")?;
        let block = block_of(payload);
        let status = if !self.blocks.contains_key(&block.header.parent_hash) {
            PayloadStatusEnum::Syncing
        } else if self
            .poison
            .as_ref()
            .is_some_and(|tx| block.transactions.contains(tx))
        {
            PayloadStatusEnum::Invalid {
                validation_error: "poisoned".to_string(),
            }
        } else {
            self.blocks.insert(block.hash, block);
            PayloadStatusEnum::Valid
        };
        Ok(PayloadStatus::from_status(status))
    }
}

pub(super) fn envelope(block: &L2Block) -> OpExecutionPayloadEnvelope {
    let header = &block.header;
    let v1 = ExecutionPayloadV1 {
        parent_hash: header.parent_hash,
        fee_recipient: header.beneficiary,
        state_root: header.state_root,
        receipts_root: header.transactions_root,
        logs_bloom: Bloom::ZERO,
        prev_randao: header.mix_hash,
        block_number: header.number,
        gas_limit: header.gas_limit,
        gas_used: 0,
        timestamp: header.timestamp,
        extra_data: header.extra_data.clone(),
        base_fee_per_gas: U256::ZERO,
        block_hash: block.hash,
        transactions: block.transactions.clone(),
    };
    let v2 = ExecutionPayloadV2 {
        payload_inner: v1,
        withdrawals: Vec::new(),
    };
    let v3 = ExecutionPayloadV3 {
        payload_inner: v2,
        blob_gas_used: 0,
        excess_blob_gas: 0,
    };
    let v4 = OpExecutionPayloadV4 {
        payload_inner: v3,
        withdrawals_root: EMPTY_ROOT_HASH,
    };
    OpExecutionPayloadEnvelope {
        parent_beacon_block_root: header.parent_beacon_block_root,
        execution_payload: OpExecutionPayload::V4(v4),
    }
}

fn block_of(payload: &OpExecutionPayloadEnvelope) -> L2Block {
    let v1 = payload.execution_payload.as_v1();
    let header = Header {
        parent_hash: v1.parent_hash,
        number: v1.block_number,
        timestamp: v1.timestamp,
        mix_hash: v1.prev_randao,
        beneficiary: v1.fee_recipient,
        gas_limit: v1.gas_limit,
        withdrawals_root: Some(EMPTY_ROOT_HASH),
        parent_beacon_block_root: payload.parent_beacon_block_root,
        transactions_root: v1.receipts_root,
        requests_hash: Some(EMPTY_REQUESTS_HASH),
        extra_data: v1.extra_data.clone(),
        ..Header::default()
    };
    let block = L2Block {
        hash: header.hash_slow(),
        header,
        transactions: v1.transactions.clone(),
    };
    assert_eq!(block.hash, v1.block_hash);
    block
}

/// What came out of the machine and is not executed by the world itself.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) notes: Vec<Note>,
    pub(super) confirmed: Vec<L2Ref>,
    pub(super) rejected: usize,
    pub(super) resets: Vec<ResetCause>,
    /// Names of the calls to the engine, in order, with their lanes.
    pub(super) calls: Vec<(Lane, &'static str)>,
    pub(super) replies: Vec<Command>,
    /// Attributes that were sent.
    pub(super) attributes: Vec<OpPayloadAttributes>,
}

impl Seen {
    pub(super) fn call_names(&self) -> Vec<&'static str> {
        self.calls.iter().map(|(_, name)| *name).collect()
    }
}

pub(super) struct World {
    pub(super) cfg: Arc<RollupConfig>,
    pub(super) l1: FakeL1,
    pub(super) engine: FakeEngine,
    pub(super) rollup: Rollup,
    pub(super) now_ms: u64,
    pub(super) latency_ms: u64,
    /// How much longer L1 takes to hand out a block.
    pub(super) l1_latency_ms: u64,
    pub(super) seen: Seen,
    /// Answers on their way: time, order, place in `answers`.
    flying: BinaryHeap<Reverse<(u64, u64)>>,
    answers: BTreeMap<u64, (Ticket, Answer)>,
    sent: u64,
    forkchoices_flying: usize,
    /// L1 block of the attributes fed last.
    derived_from: L1Ref,
    /// Each derived block is the last one of its L1 block.
    pub(super) is_last_in_l1: bool,
}

/// No fork changes anything by transactions.
fn no_upgrades() -> Upgrades {
    let mut upgrades = Upgrades::none();
    for fork in UPGRADING_FORKS {
        let transactions = vec![];
        upgrades.insert(UpgradeBundle { fork, transactions });
    }
    upgrades
}

impl World {
    pub(super) fn new(l1_length: u64, sequencer: Option<SequencerOptions>) -> Self {
        let l1 = FakeL1::new(l1_length);
        Self::with(config(l1.blocks[0].id()), l1, sequencer)
    }

    /// A verifier over an L1 that is as fast as L2, so that each L2 block may have an origin of its
    /// own.
    pub(super) fn fast(l1_length: u64) -> Self {
        let l1 = FakeL1::timed(l1_length, 2);
        Self::with(config(l1.blocks[0].id()), l1, None)
    }

    pub(super) fn with(cfg: RollupConfig, l1: FakeL1, sequencer: Option<SequencerOptions>) -> Self {
        Self::with_upgrades(cfg, l1, sequencer, no_upgrades())
    }

    pub(super) fn with_upgrades(
        cfg: RollupConfig,
        l1: FakeL1,
        sequencer: Option<SequencerOptions>,
        upgrades: Upgrades,
    ) -> Self {
        let cfg = Arc::new(cfg);
        let options = RollupOptions {
            cfg: cfg.clone(),
            l1_chain: L1ChainConfig::dev(900),
            upgrades: Arc::new(upgrades),
            sequencer,
        };
        let mut world = Self {
            engine: FakeEngine::new(cfg.clone()),
            cfg,
            l1,
            rollup: Rollup::new(options),
            now_ms: GENESIS_TIME * 1000,
            latency_ms: 1,
            l1_latency_ms: 0,
            seen: Seen::default(),
            flying: BinaryHeap::new(),
            answers: BTreeMap::new(),
            sent: 0,
            forkchoices_flying: 0,
            derived_from: L1Ref::default(),
            is_last_in_l1: true,
        };
        world.feed(Event::Tick);
        world.feed(Event::L1Head(world.l1.head()));
        world.feed(Event::CaughtUp(world.l1.head()));
        world
    }

    pub(super) fn heads(&self) -> Heads {
        *self.rollup.heads()
    }

    pub(super) fn feed(&mut self, event: Event) {
        if let Event::Derived(derived) = &event {
            self.derived_from = derived.derived_from;
        }
        let commands = self.rollup.handle(event, self.now_ms);
        self.check_invariants();
        for command in commands {
            self.execute(command);
        }
    }

    fn check_invariants(&self) {
        let heads = self.heads();
        assert!(heads.finalized.number <= heads.safe.number, "{heads:?}");
        assert!(heads.safe.number <= heads.pending_safe.number, "{heads:?}");
        assert!(
            heads.pending_safe.number <= heads.unsafe_head.number,
            "{heads:?}"
        );
    }

    /// Lets `ms` milliseconds pass, with all that happens meanwhile.
    pub(super) fn run_for(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        loop {
            let answer = self.flying.peek().map(|Reverse((at, _))| *at);
            let tick = self.rollup.wake_at_ms(self.now_ms);
            let next = [answer, tick].into_iter().flatten().min();
            match next {
                Some(at) if at <= end => {
                    self.now_ms = self.now_ms.max(at);
                    if answer == Some(at) {
                        self.deliver();
                    } else {
                        self.feed(Event::Tick);
                    }
                }
                _ => break,
            }
        }
        self.now_ms = end;
        self.feed(Event::Tick);
    }

    fn deliver(&mut self) {
        let Some(Reverse((_, order))) = self.flying.pop() else {
            return;
        };
        let (ticket, answer) = self.answers.remove(&order).unwrap();
        if matches!(answer, Answer::Forkchoice(_)) {
            self.forkchoices_flying -= 1;
        }
        self.feed(Event::Answer { ticket, answer });
    }

    fn send(&mut self, ticket: Ticket, answer: Answer) {
        self.sent += 1;
        let l1_latency = if matches!(answer, Answer::L1Block(_)) {
            self.l1_latency_ms
        } else {
            0
        };
        let at = self.now_ms + self.latency_ms + l1_latency;
        self.flying.push(Reverse((at, self.sent)));
        self.answers.insert(self.sent, (ticket, answer));
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Forkchoice {
                ticket,
                lane,
                state,
                attributes,
            } => {
                self.forkchoices_flying += 1;
                assert_eq!(self.forkchoices_flying, 1, "two forkchoice updates at once");
                let name = if attributes.is_some() {
                    "build"
                } else {
                    "forkchoice"
                };
                self.seen.calls.push((lane, name));
                self.seen.attributes.extend(attributes.as_deref().cloned());
                let result = self.engine.forkchoice(state, attributes.as_deref());
                self.send(ticket, Answer::Forkchoice(result));
            }
            Command::GetPayload {
                ticket, lane, id, ..
            } => {
                self.seen.calls.push((lane, "get"));
                let result = self.engine.get_payload(id);
                self.send(ticket, Answer::Payload(result));
            }
            Command::NewPayload {
                ticket,
                lane,
                payload,
            } => {
                self.seen.calls.push((lane, "new"));
                let result = self.engine.new_payload(&payload);
                self.send(ticket, Answer::NewPayload(result));
            }
            Command::GetL2Block {
                ticket,
                lane,
                query,
            } => {
                self.seen.calls.push((lane, "block"));
                let result = self
                    .engine
                    .fault("getBlock")
                    .map(|()| self.engine.find(query));
                self.send(ticket, Answer::L2Block(result));
            }
            Command::GetL1Block { ticket, query } => {
                let down = || Failure::Unavailable("L1 is down".to_string());
                let result = if self.l1.is_down {
                    Err(down())
                } else {
                    Ok(self.l1.get(query))
                };
                self.send(ticket, Answer::L1Block(result));
            }
            Command::GetL1Ref { ticket, number } => {
                self.send(ticket, Answer::L1Ref(Ok(self.l1.at(number))));
            }
            Command::Confirm(block) => {
                self.seen.confirmed.push(block);
                if self.is_last_in_l1 {
                    self.feed(Event::L1Read(self.derived_from));
                }
            }
            Command::Reject => self.seen.rejected += 1,
            Command::Reset(cause) => {
                self.seen.resets.push(cause);
                let point = self.sync_start().unwrap();
                let (heads, proven) = (Box::new(point.heads), point.proven);
                self.feed(Event::Restarted { heads, proven });
            }
            Command::Note(note) => self.seen.notes.push(note),
            reply @ (Command::SequencerStarted(_) | Command::SequencerStopped(_)) => {
                self.seen.replies.push(reply);
            }
        }
    }

    /// Whether attributes on `parent` are with the machine already.
    pub(super) fn is_following(&self, parent: L2Ref) -> bool {
        self.rollup.derived_parent() == Some(parent.hash)
    }

    pub(super) fn sync_start(&self) -> Result<SyncPoint, crate::SyncError> {
        search(&self.cfg, self.rollup.history(), &self.engine, &self.l1)
    }

    /// Attributes of the block after `parent` on the L1 block at height `epoch`, as derivation
    /// would hand them out, with these batch transactions.
    pub(super) fn derive(
        &self,
        parent: L2Ref,
        epoch: u64,
        transactions: &[Bytes],
        derived_from: u64,
    ) -> Box<DerivedAttributes> {
        let block = &self.engine.blocks[&parent.hash];
        let config = block.system_config(&self.cfg).unwrap();
        let epoch = &self.l1.blocks[epoch as usize];
        let (upgrades, l1) = (no_upgrades(), L1ChainConfig::dev(900));
        let time = parent.time + self.cfg.block_time;
        let (mut attributes, _) =
            attributes::build(&self.cfg, &l1, &upgrades, &parent, &config, epoch, time).unwrap();
        attributes
            .transactions
            .as_mut()
            .unwrap()
            .extend(transactions.iter().cloned());
        let is_same = epoch.id() == parent.l1_origin;
        Box::new(DerivedAttributes {
            attributes,
            parent,
            l1_origin: epoch.id(),
            seq_num: if is_same { parent.seq_num + 1 } else { 0 },
            derived_from: self.l1.at(derived_from).unwrap(),
            is_last_in_span: true,
        })
    }

    /// Puts a chain of unsafe blocks into the engine, as if built before: `origins` names the L1
    /// height of each.
    pub(super) fn extend_chain(&mut self, origins: &[u64]) -> Vec<L2Ref> {
        let mut refs = Vec::new();
        for origin in origins {
            let head = &self.engine.blocks[&self.engine.state.head_block_hash];
            let parent = head.l2_ref(&self.cfg).unwrap();
            let derived = self.derive(parent, *origin, &[], 0);
            let block = self.engine.build(parent.hash, &derived.attributes);
            refs.push(block.l2_ref(&self.cfg).unwrap());
            self.engine.state.head_block_hash = block.hash;
            self.engine.blocks.insert(block.hash, block);
        }
        refs
    }
}

/// Runs the search for heads in one go.
pub(super) fn search<'a>(
    cfg: &Arc<RollupConfig>,
    history: impl IntoIterator<Item = &'a crate::SafeAt>,
    engine: &FakeEngine,
    l1: &FakeL1,
) -> Result<SyncPoint, crate::SyncError> {
    search_within(Reach::Full, cfg, history, engine, l1)
}

/// The same, with derivation starting within `reach` of the safe head.
pub(super) fn search_within<'a>(
    reach: Reach,
    cfg: &Arc<RollupConfig>,
    history: impl IntoIterator<Item = &'a crate::SafeAt>,
    engine: &FakeEngine,
    l1: &FakeL1,
) -> Result<SyncPoint, crate::SyncError> {
    let mut search = SyncStart::new(cfg.clone(), history).within(reach);
    for _ in 0..100_000 {
        let query = match search.step() {
            SyncStep::Ask(query) => query,
            SyncStep::Done(point) => return Ok(*point),
            SyncStep::Failed(error) => return Err(error),
        };
        let hash = |hash| L2Query::Hash(hash);
        let l2 = match query {
            Query::L1Number(number) => {
                search.answer(Found::L1(l1.at(number)));
                continue;
            }
            Query::L2Latest => hash(engine.state.head_block_hash),
            Query::L2Safe => hash(engine.state.safe_block_hash),
            Query::L2Finalized => hash(engine.state.finalized_block_hash),
            Query::L2Hash(h) => hash(h),
            Query::L2Number(number) => L2Query::Number(number),
        };
        search.answer(Found::L2(engine.find(l2)));
    }
    panic!("the search does not end");
}

pub(super) const FEE_VAULT: Address = address!("4200000000000000000000000000000000000011");

/// A batch transaction; its content does not matter here.
pub(super) fn tx(n: u8) -> Bytes {
    Bytes::from(vec![2, n, n, n])
}
