//! Tables of events against a small L1 in virtual time.

use super::*;
use crate::config::GWEI;
use alloc::{collections::BTreeMap, format, string::ToString, vec, vec::Vec};
use alloy_primitives::{B256, keccak256};

/// An L1 with one account: a pool by nonce, and blocks of (nonce, hash).
struct World {
    queue: TxQueue,
    now_ms: u64,
    /// Makes block hashes differ between branches.
    branch: u64,
    blocks: Vec<Vec<(u64, B256)>>,
    pool: BTreeMap<u64, (B256, Publish)>,
    market: Market,
    published: Vec<Publish>,
}

fn hash_of(publish: &Publish) -> B256 {
    keccak256(format!("{publish:?}"))
}

impl World {
    fn new(config: QueueConfig) -> Self {
        let market = Market {
            base_fee: 2 * GWEI,
            tip: GWEI,
            blob_base_fee: 1,
        };
        let mut world = Self {
            queue: TxQueue::new(config),
            now_ms: 1_000,
            branch: 0,
            blocks: vec![vec![]],
            pool: BTreeMap::new(),
            market,
            published: vec![],
        };
        world.look();
        world
    }

    fn push(&mut self, id: u64, kind: TxKind) {
        self.queue.push(CandidateId(id), kind, self.now_ms);
    }

    fn block_hash(&self, number: usize) -> B256 {
        keccak256(format!("{} {number}", self.branch))
    }

    fn latest(&self) -> u64 {
        self.blocks.iter().map(|b| b.len() as u64).sum()
    }

    /// What a manager does at each tick: head, nonces, receipts.
    fn look(&mut self) {
        let latest = self.latest();
        let mut pending = latest;
        while self.pool.contains_key(&pending) {
            pending += 1;
        }
        let head = self.blocks.len() - 1;
        self.queue.on_l1(
            L1View {
                head_number: head as u64,
                head_hash: self.block_hash(head),
                nonce_latest: latest,
                nonce_pending: pending,
                market: self.market,
            },
            self.now_ms,
        );
        let watched = self.queue.watched();
        let mut receipts = vec![];
        for (number, block) in self.blocks.iter().enumerate() {
            for (_, hash) in block.iter().filter(|(_, hash)| watched.contains(hash)) {
                receipts.push(Receipt {
                    tx_hash: *hash,
                    block_number: number as u64,
                    block_hash: self.block_hash(number),
                    success: true,
                });
            }
        }
        self.queue.on_receipts(&receipts, self.now_ms);
    }

    /// Publishes all that is due; everything is taken into the pool.
    fn drain(&mut self) -> usize {
        let before = self.published.len();
        while let Some(publish) = self.queue.poll(self.now_ms) {
            let hash = hash_of(&publish);
            self.pool.insert(publish.nonce, (hash, publish));
            self.published.push(publish);
            self.queue.on_published(publish.ticket, hash, self.now_ms);
        }
        self.published.len() - before
    }

    /// Mines what the pool holds without a gap.
    fn mine(&mut self) {
        let mut block = vec![];
        let mut nonce = self.latest();
        while let Some((hash, _)) = self.pool.remove(&nonce) {
            block.push((nonce, hash));
            nonce += 1;
        }
        self.blocks.push(block);
        self.now_ms += 12_000;
        self.look();
    }

    /// Mines a block without our transactions.
    fn mine_empty(&mut self) {
        self.blocks.push(vec![]);
        self.now_ms += 12_000;
        self.look();
    }

    /// Takes back blocks; their transactions are lost.
    fn reorg(&mut self, depth: usize) {
        self.branch += 1;
        self.blocks.truncate(self.blocks.len() - depth);
        self.look();
    }

    fn outcomes(&mut self) -> Vec<Outcome> {
        core::iter::from_fn(|| self.queue.next_outcome()).collect()
    }

    fn confirmed(&mut self) -> Vec<u64> {
        let ids = self.outcomes().into_iter().map(|outcome| match outcome {
            Outcome::Confirmed { id, .. } => id.0,
            Outcome::Failed { id, reason } => panic!("{id:?} failed: {reason}"),
        });
        ids.collect()
    }
}

fn quick() -> QueueConfig {
    QueueConfig {
        num_confirmations: 1,
        max_pending: 4,
        ..QueueConfig::default()
    }
}

#[test]
fn candidates_take_nonces_in_order_and_confirm() {
    let mut world = World::new(QueueConfig {
        num_confirmations: 3,
        ..quick()
    });
    for id in 0..6 {
        world.push(id, TxKind::Dynamic);
    }
    assert_eq!(world.drain(), 4, "max_pending");
    assert_eq!(
        world.published.iter().map(|p| p.nonce).collect::<Vec<_>>(),
        [0, 1, 2, 3]
    );
    world.mine();
    assert_eq!(world.outcomes(), []);
    assert_eq!(world.queue.status().unconfirmed, 4);
    assert_eq!(world.drain(), 2);
    world.mine();
    assert_eq!(world.outcomes(), []);
    world.mine();
    assert_eq!(world.confirmed(), [0, 1, 2, 3]);
    world.mine();
    assert_eq!(world.confirmed(), [4, 5]);
    assert!(world.queue.is_empty());
}

#[test]
fn fees_rise_past_the_replacement_boundary() {
    for (kind, percent) in [(TxKind::Dynamic, 110), (TxKind::Blob, 200)] {
        let mut world = World::new(quick());
        world.push(7, kind);
        world.drain();
        let first = world.published[0].fees;
        assert_eq!(first.max_fee_per_gas, 5 * GWEI);
        assert_eq!(first.max_priority_fee_per_gas, GWEI);
        world.now_ms += 47_999;
        assert_eq!(world.drain(), 0);
        assert_eq!(world.queue.next_wake_ms(), Some(world.now_ms + 1));
        world.now_ms += 1;
        assert_eq!(world.drain(), 1);
        let second = world.published[1];
        assert_eq!(second.nonce, 0);
        for (old, new) in [
            (first.max_fee_per_gas, second.fees.max_fee_per_gas),
            (
                first.max_priority_fee_per_gas,
                second.fees.max_priority_fee_per_gas,
            ),
            (first.max_fee_per_blob_gas, second.fees.max_fee_per_blob_gas),
        ] {
            assert!(
                old == 0 || new * 100 > old * percent,
                "{kind:?} {old} {new}"
            );
        }
        world.mine();
        assert_eq!(world.confirmed(), [7]);
    }
}

#[test]
fn odd_fees_are_rounded_up() {
    let market = Market {
        base_fee: GWEI + 7,
        tip: GWEI + 3,
        blob_base_fee: 0,
    };
    let config = QueueConfig::default();
    let mut fees = Fees::initial(&market, TxKind::Dynamic, &config);
    for _ in 0..20 {
        let next = fees.raised(&market, TxKind::Dynamic, &config).unwrap();
        assert!(next.max_fee_per_gas * 10 > fees.max_fee_per_gas * 11);
        assert!(next.max_priority_fee_per_gas * 10 > fees.max_priority_fee_per_gas * 11);
        fees = next;
    }
}

#[test]
fn the_fee_limit_holds_until_the_market_moves() {
    let config = QueueConfig {
        fee_limit_threshold_wei: 0,
        ..quick()
    };
    let mut world = World::new(config);
    world.push(0, TxKind::Blob);
    world.drain();
    for _ in 0..10 {
        world.now_ms += 48_000;
        assert_eq!(world.drain(), 1, "it is sent again, raised or not");
    }
    let last = world.published.last().unwrap().fees;
    let ask = Fees::initial(&world.market, TxKind::Blob, &config);
    assert!(last.max_fee_per_gas <= 5 * ask.max_fee_per_gas);
    assert!(matches!(
        world.queue.status().blocked,
        Some(Blocked::FeeLimit(_))
    ));
    world.market.base_fee *= 20;
    world.market.tip *= 20;
    world.market.blob_base_fee = 10 * GWEI;
    world.look();
    world.now_ms += 48_000;
    world.drain();
    assert!(world.published.last().unwrap().fees.max_fee_per_gas > last.max_fee_per_gas);
    assert_eq!(world.queue.status().blocked, None);
    world.mine();
    assert_eq!(world.confirmed(), [0]);
}

#[test]
fn a_reorged_receipt_is_published_again() {
    let mut world = World::new(QueueConfig {
        num_confirmations: 3,
        ..quick()
    });
    world.push(0, TxKind::Blob);
    world.drain();
    world.mine();
    assert_eq!(world.queue.status().unconfirmed, 1);
    world.reorg(1);
    assert_eq!(world.queue.status().unmined, 1);
    assert_eq!(world.drain(), 1);
    world.mine();
    world.mine();
    world.mine();
    assert_eq!(world.confirmed(), [0]);
}

#[test]
fn a_reorg_below_settled_transactions_lowers_the_nonces() {
    let mut world = World::new(quick());
    for id in 0..2 {
        world.push(id, TxKind::Dynamic);
        world.drain();
        world.mine();
    }
    assert_eq!(world.confirmed(), [0, 1]);
    world.push(2, TxKind::Dynamic);
    world.drain();
    assert_eq!(world.published[2].nonce, 2);
    world.pool.clear();
    world.reorg(2);
    world.mine_empty();
    world.drain();
    let fillers: Vec<_> = world.published[3..]
        .iter()
        .map(|p| (p.nonce, p.payload))
        .collect();
    assert_eq!(fillers, [(0, Payload::Cancel), (1, Payload::Cancel)]);
    // The test's pool has lost it; a real one still holds it behind the gap.
    let publish = world.published[2];
    world.pool.insert(2, (hash_of(&publish), publish));
    world.mine();
    assert_eq!(world.confirmed(), [2]);
    assert!(world.queue.is_empty());
    // An idle queue learns it too.
    world.reorg(1);
    world.pool.clear();
    world.mine_empty();
    world.mine_empty();
    world.push(3, TxKind::Dynamic);
    world.drain();
    assert_eq!(world.published.last().unwrap().nonce, world.latest());
    world.mine();
    assert_eq!(world.confirmed(), [3]);
}

#[test]
fn a_nonce_taken_by_a_stranger_fails_the_candidate() {
    let mut world = World::new(quick());
    world.push(0, TxKind::Dynamic);
    world.drain();
    let stranger = keccak256("stranger");
    world.pool.get_mut(&0).unwrap().0 = stranger;
    world.mine();
    assert_eq!(world.outcomes(), []);
    world.look();
    world.look();
    assert_eq!(world.outcomes(), [], "the same head counts once");
    world.mine_empty();
    world.mine_empty();
    let reason = FailReason::NonceConsumed { nonce: 0 };
    assert_eq!(
        world.outcomes(),
        [Outcome::Failed {
            id: CandidateId(0),
            reason
        }]
    );
    world.push(1, TxKind::Dynamic);
    world.drain();
    world.mine();
    assert_eq!(world.confirmed(), [1]);
}

#[test]
fn nonce_too_low_because_an_older_version_landed() {
    let mut world = World::new(quick());
    world.push(0, TxKind::Dynamic);
    world.drain();
    // It is mined while the raise is under way.
    let block: Vec<_> = world
        .pool
        .iter()
        .map(|(nonce, (hash, _))| (*nonce, *hash))
        .collect();
    world.pool.clear();
    world.blocks.push(block);
    world.now_ms += 48_000;
    let raise = world.queue.poll(world.now_ms).unwrap();
    world.queue.on_refused(
        raise.ticket,
        Some(hash_of(&raise)),
        Refusal::NonceTooLow,
        world.now_ms,
    );
    world.look();
    assert_eq!(world.confirmed(), [0]);
}

#[test]
fn refusals_by_what_follows() {
    // (refusal, pause before the next attempt in ms, fees raised)
    let table = [
        (Refusal::Temporary("connection refused".into()), 500, false),
        (Refusal::InsufficientFunds("have 0".into()), 500, false),
        (Refusal::NonceTooHigh, 500, false),
        (Refusal::AlreadyReserved, 500, false),
        (Refusal::WrongSidecar("v0".into()), 500, false),
        (Refusal::Underpriced("replacement".into()), 0, true),
        (Refusal::NonceTooLow, 48_000, true),
    ];
    for (refusal, pause_ms, is_raised) in table {
        let mut world = World::new(quick());
        world.push(0, TxKind::Dynamic);
        world.push(1, TxKind::Dynamic);
        let first = world.queue.poll(world.now_ms).unwrap();
        assert_eq!(
            world.queue.poll(world.now_ms),
            None,
            "one publication at a time"
        );
        world.queue.on_refused(
            first.ticket,
            Some(hash_of(&first)),
            refusal.clone(),
            world.now_ms,
        );
        let reported = Some(Blocked::Refused(refusal.clone()));
        let is_reported = refusal != Refusal::NonceTooLow;
        assert_eq!(
            world.queue.status().blocked,
            reported.filter(|_| is_reported)
        );
        if pause_ms == 500 {
            world.now_ms += pause_ms - 1;
            assert_eq!(
                world.queue.poll(world.now_ms),
                None,
                "{refusal}: later nonces wait too"
            );
            world.now_ms += 1;
        } else {
            world.now_ms += pause_ms;
        }
        let again = world.queue.poll(world.now_ms).unwrap();
        assert_eq!(
            again.payload,
            Payload::Candidate(CandidateId(0)),
            "{refusal}"
        );
        assert_eq!(
            again.fees.max_fee_per_gas > first.fees.max_fee_per_gas,
            is_raised,
            "{refusal}"
        );
        world
            .queue
            .on_published(again.ticket, hash_of(&again), world.now_ms);
        assert_eq!(world.queue.status().blocked, None);
    }
}

#[test]
fn pauses_grow_and_end() {
    let mut world = World::new(quick());
    world.push(0, TxKind::Dynamic);
    let mut pauses = vec![];
    for _ in 0..9 {
        let publish = world.queue.poll(world.now_ms).unwrap();
        let refusal = Refusal::Temporary("down".into());
        world
            .queue
            .on_refused(publish.ticket, None, refusal, world.now_ms);
        let wake = world.queue.next_wake_ms().unwrap();
        pauses.push(wake - world.now_ms);
        world.now_ms = wake;
    }
    assert_eq!(
        pauses,
        [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]
    );
}

#[test]
fn already_known_counts_as_published() {
    let mut world = World::new(quick());
    world.push(0, TxKind::Dynamic);
    let publish = world.queue.poll(world.now_ms).unwrap();
    let hash = hash_of(&publish);
    world.pool.insert(0, (hash, publish));
    world.queue.on_refused(
        publish.ticket,
        Some(hash),
        Refusal::AlreadyKnown,
        world.now_ms,
    );
    world.mine();
    assert_eq!(world.confirmed(), [0]);
}

#[test]
fn a_rejected_candidate_makes_way() {
    let mut world = World::new(quick());
    world.push(0, TxKind::Dynamic);
    world.push(1, TxKind::Dynamic);
    let publish = world.queue.poll(world.now_ms).unwrap();
    let refusal = Refusal::Rejected("intrinsic gas too low".into());
    world.queue.on_refused(
        publish.ticket,
        Some(hash_of(&publish)),
        refusal,
        world.now_ms,
    );
    assert!(matches!(
        world.outcomes()[..],
        [Outcome::Failed {
            id: CandidateId(0),
            reason: FailReason::Rejected(_)
        }]
    ));
    world.drain();
    assert_eq!(world.published[0].nonce, 0);
    world.mine();
    assert_eq!(world.confirmed(), [1]);
}

#[test]
fn a_cancelled_candidate_is_replaced_or_lands() {
    // (the first version lands before the cancellation, outcome)
    for lands in [false, true] {
        let mut world = World::new(quick());
        world.push(0, TxKind::Blob);
        world.push(1, TxKind::Blob);
        world.drain();
        let first = world.pool[&0].0;
        world.queue.cancel(CandidateId(0), world.now_ms);
        world.drain();
        let cancel = world.published.last().unwrap();
        assert_eq!(
            (cancel.payload, cancel.kind, cancel.nonce),
            (Payload::Cancel, TxKind::Blob, 0)
        );
        assert!(cancel.fees.max_fee_per_gas > 2 * world.published[0].fees.max_fee_per_gas);
        if lands {
            world.pool.get_mut(&0).unwrap().0 = first;
        }
        world.mine();
        let outcomes = world.outcomes();
        assert_eq!(
            matches!(
                outcomes[0],
                Outcome::Confirmed {
                    id: CandidateId(0),
                    ..
                }
            ),
            lands
        );
        assert!(matches!(
            outcomes[1],
            Outcome::Confirmed {
                id: CandidateId(1),
                ..
            }
        ));
    }
    let mut world = World::new(QueueConfig {
        max_pending: 0,
        ..quick()
    });
    world.push(0, TxKind::Blob);
    world.drain();
    world.queue.cancel(CandidateId(0), world.now_ms);
    let reason = FailReason::Cancelled;
    assert_eq!(
        world.outcomes(),
        [Outcome::Failed {
            id: CandidateId(0),
            reason
        }]
    );
}

#[test]
fn a_cancellation_during_publication_loses_no_hash() {
    let mut world = World::new(quick());
    world.push(0, TxKind::Dynamic);
    let publish = world.queue.poll(world.now_ms).unwrap();
    world.queue.cancel(CandidateId(0), world.now_ms);
    let hash = hash_of(&publish);
    world.queue.on_published(publish.ticket, hash, world.now_ms);
    assert_eq!(world.queue.watched(), [hash]);
    world.drain();
    assert_eq!(world.published[0].payload, Payload::Cancel);
    world.pool.insert(0, (hash, publish));
    world.mine();
    assert_eq!(world.confirmed(), [0]);
}

#[test]
fn a_send_that_times_out_is_cancelled() {
    let mut world = World::new(QueueConfig {
        send_timeout_ms: 60_000,
        ..quick()
    });
    world.push(0, TxKind::Dynamic);
    world.drain();
    world.now_ms += 60_000;
    world.drain();
    world.mine();
    let reason = FailReason::Cancelled;
    assert_eq!(
        world.outcomes(),
        [Outcome::Failed {
            id: CandidateId(0),
            reason
        }]
    );
}

#[test]
fn strangers_in_the_way_are_replaced() {
    let mut world = World::new(quick());
    // An earlier run with the same key left a transaction that nobody mines.
    let stuck = Publish {
        ticket: 0,
        payload: Payload::Cancel,
        kind: TxKind::Dynamic,
        nonce: 0,
        fees: Fees::default(),
    };
    world.pool.insert(0, (keccak256("stuck"), stuck));
    world.look();
    world.push(5, TxKind::Dynamic);
    world.drain();
    assert_eq!(world.published[0].nonce, 1);
    world.mine_empty();
    world.now_ms += 48_000;
    world.look();
    world.drain();
    let cancel = world
        .published
        .iter()
        .find(|p| p.payload == Payload::Cancel)
        .unwrap();
    assert_eq!((cancel.nonce, cancel.kind), (0, TxKind::Dynamic));
    world.mine();
    assert_eq!(world.confirmed(), [5]);
}

#[test]
fn a_pool_reserved_by_the_other_kind_is_cleared_with_that_kind() {
    let mut world = World::new(quick());
    world.push(5, TxKind::Dynamic);
    let mut cleared = None;
    for _ in 0..40 {
        let Some(publish) = world.queue.poll(world.now_ms) else {
            world.now_ms = world.queue.next_wake_ms().unwrap();
            continue;
        };
        if publish.kind == TxKind::Blob {
            cleared = Some(publish);
            world
                .queue
                .on_published(publish.ticket, hash_of(&publish), world.now_ms);
            break;
        }
        world
            .queue
            .on_refused(publish.ticket, None, Refusal::AlreadyReserved, world.now_ms);
    }
    let cleared = cleared.expect("the way is cleared in the end");
    assert_eq!((cleared.payload, cleared.nonce), (Payload::Cancel, 0));
    world.pool.insert(0, (hash_of(&cleared), cleared));
    world.drain();
    assert_eq!(world.published.last().unwrap().nonce, 1);
    world.mine();
    assert_eq!(world.confirmed(), [5]);
}

#[test]
fn words_of_nodes() {
    let table = [
        ("already known", "already known"),
        ("transaction already imported", "already known"),
        ("nonce too low: next nonce 5, tx nonce 3", "nonce too low"),
        ("replacement transaction underpriced", "fees too low"),
        (
            "max fee per gas less than block base fee: address 0x",
            "fees too low",
        ),
        ("address already reserved", "account is reserved"),
        (
            "insufficient funds for gas * price + value",
            "insufficient funds",
        ),
        (
            "Insufficient funds for gas * price + value",
            "insufficient funds",
        ),
        (
            "unexpected blob sidecar version after osaka",
            "wrong blob sidecar",
        ),
        ("intrinsic gas too low", "rejected"),
        ("unknown transaction type", "rejected"),
        ("error sending request", "error sending request"),
    ];
    for (words, meaning) in table {
        let refusal = Refusal::classify(words).to_string();
        assert!(refusal.starts_with(meaning), "{words}: {refusal}");
    }
}

#[test]
fn nothing_is_forgotten_whatever_happens() {
    // A walk over random events: every candidate is settled exactly once.
    for seed in 0..300_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = move |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let mut world = World::new(QueueConfig {
            num_confirmations: 2,
            ..quick()
        });
        let mut pushed = 0;
        for _ in 0..60 {
            match random(10) {
                0..=3 if pushed < 20 => {
                    world.push(pushed, TxKind::Blob);
                    pushed += 1;
                }
                4 => {
                    let refused = world.queue.poll(world.now_ms);
                    if let Some(publish) = refused {
                        let refusal = match random(3) {
                            0 => Refusal::Temporary("down".into()),
                            1 => Refusal::Underpriced("low".into()),
                            _ => Refusal::NonceTooHigh,
                        };
                        world
                            .queue
                            .on_refused(publish.ticket, None, refusal, world.now_ms);
                    }
                }
                5 if world.blocks.len() > 3 => world.reorg(1),
                6 => world.pool.clear(),
                7 => {
                    world.drain();
                }
                8 => world.mine_empty(),
                _ => world.mine(),
            }
        }
        for _ in 0..60 {
            world.now_ms += 120_000;
            world.look();
            world.drain();
            world.mine();
        }
        let outcomes = world.outcomes();
        let mut settled: Vec<_> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Outcome::Confirmed { id, .. } => id.0,
                // After a deep reorg an old version of a settled transaction may come back and
                // take a nonce: reported, so that the owner can act.
                Outcome::Failed {
                    id,
                    reason: FailReason::NonceConsumed { .. },
                } => id.0,
                Outcome::Failed { id, reason } => panic!("{id:?} failed: {reason}"),
            })
            .collect();
        settled.sort_unstable();
        assert_eq!(settled, (0..pushed).collect::<Vec<_>>(), "seed {seed}");
        assert!(world.queue.is_empty(), "seed {seed}");
    }
}
