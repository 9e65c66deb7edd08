//! Random operations on the queues, beside a model that knows only what came and went.

use super::{
    BestTransactions, PoolError, PoolTx,
    queue::{Admission, Queues, SenderState},
};
use crate::{
    config::PoolLimits,
    testing::{Fees, Random, unsigned},
};
use alloy_consensus::Signed;
use alloy_primitives::{Address, B256, Signature, U256};
use opal_execution::{Transaction, VerifiedTx};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

const USERS: u64 = 6;
const LIMITS: PoolLimits = PoolLimits {
    transactions_max: 24,
    bytes_max: 3_000,
    per_sender_max: 9,
    queued_max: 8,
    queued_per_sender_max: 4,
    queued_lifetime: Duration::from_secs(100),
    price_bump_percent: 10,
    blob_price_bump_percent: 100,
    gas_max: None,
    transaction_bytes_max: 1_000,
    blob_transactions_max: 4,
    min_tip: 0,
};

/// The pool as someone with a list and a table would keep it.
#[derive(Default)]
struct Model {
    /// In the order they came.
    transactions: Vec<Arc<PoolTx>>,
    states: BTreeMap<Address, SenderState>,
}

impl Model {
    fn of(&self, sender: Address) -> BTreeMap<u64, Arc<PoolTx>> {
        let mine = self.transactions.iter().filter(|tx| tx.sender() == sender);
        mine.map(|tx| (tx.nonce(), tx.clone())).collect()
    }

    /// The run of nonces without a gap from the account's own on that its balance covers.
    fn executable(&self, sender: Address) -> Vec<B256> {
        let mine = self.of(sender);
        let state = self.states[&sender];
        let mut spent = U256::ZERO;
        let mut run = Vec::new();
        if mine.keys().next().is_some_and(|first| *first < state.nonce) {
            return run;
        }
        for nonce in state.nonce.. {
            let Some(tx) = mine.get(&nonce) else { break };
            spent += tx.cost;
            if spent > state.balance {
                break;
            }
            run.push(tx.hash);
        }
        run
    }

    fn is_executable(&self, tx: &PoolTx) -> bool {
        self.executable(tx.sender()).contains(&tx.hash)
    }

    fn queued(&self) -> usize {
        let all = self.transactions.iter();
        all.filter(|tx| !self.is_executable(tx)).count()
    }

    fn bytes(&self) -> usize {
        self.transactions.iter().map(|tx| tx.size()).sum()
    }

    /// Best tip first, then first come; a sender's in order of nonce.
    fn best(&self, base_fee: u64) -> Vec<B256> {
        let mut runs: Vec<Vec<B256>> = self.states.keys().map(|s| self.executable(*s)).collect();
        let find = |hash: &B256| {
            self.transactions
                .iter()
                .find(|tx| tx.hash == *hash)
                .unwrap()
        };
        let mut order = Vec::new();
        loop {
            let heads = runs.iter().enumerate().filter_map(|(i, run)| {
                let tx = find(run.first()?);
                Some((tx.tip_at(base_fee)?, std::cmp::Reverse(tx.sequence), i))
            });
            let Some((_, _, i)) = heads.max() else {
                return order;
            };
            order.push(runs[i].remove(0));
        }
    }

    fn drop_missing(&mut self, queues: &Queues) -> Vec<Arc<PoolTx>> {
        let (stay, gone) = self
            .transactions
            .drain(..)
            .partition(|tx| queues.get(&tx.hash).is_some());
        self.transactions = stay;
        gone
    }
}

fn account(i: u64) -> Address {
    Address::repeat_byte(i as u8 + 1)
}

fn transaction(random: &mut Random, nonce: u64, sequence: u64) -> PoolTx {
    let tip = u128::from(random.below(6)) * 100;
    let fees = Fees {
        tip,
        cap: tip.max(u128::from(random.below(8)) * 100),
    };
    let mut tx = unsigned(nonce, &fees);
    tx.value = U256::from(random.below(40) * 1_000_000);
    tx.input = vec![7; random.below(150) as usize].into();
    let hash = B256::from(U256::from(sequence) + U256::from(1_000));
    let signed = Signed::new_unchecked(tx, Signature::test_signature(), hash);
    let sender = account(random.below(USERS));
    let mut tx = PoolTx::new(
        VerifiedTx::new_unchecked(Transaction::Eip1559(signed), sender),
        None,
        None,
    );
    tx.sequence = sequence;
    tx
}

fn insert(
    random: &mut Random,
    model: &mut Model,
    queues: &mut Queues,
    now: Instant,
    sequence: u64,
) {
    let mut tx = transaction(random, 0, sequence);
    let state = model.states[&tx.sender()];
    // Mostly the next nonce, sometimes a gap or one that is taken.
    let held = model.executable(tx.sender()).len() as u64;
    let nonce = match random.below(6) {
        0 => state.nonce + random.below(12),
        1 => state.nonce + held.saturating_sub(random.below(3)),
        _ => state.nonce + held,
    };
    tx = {
        let sender = tx.sender();
        let mut again = transaction(random, nonce, sequence);
        again.tx.sender = sender;
        again
    };
    let tx = Arc::new(tx);
    let admission = Admission {
        limits: &LIMITS,
        costs: None,
        now,
    };
    let before = model.queued();
    let (count, bytes) = (model.transactions.len(), model.bytes());
    let old = model.of(tx.sender()).remove(&nonce);
    let executable = nonce <= state.nonce + held;
    let outcome = queues.insert(tx.clone(), state, admission);
    let executable_before: Vec<B256> = model
        .states
        .keys()
        .flat_map(|s| model.executable(*s))
        .collect();
    let gone = model.drop_missing(queues);
    match outcome {
        Ok(()) => {
            for victim in &gone {
                if old.as_ref().is_some_and(|old| old.hash == victim.hash) {
                    let raised = |o: u128, n: u128| n > o && n * 100 >= o * 110;
                    assert!(
                        raised(victim.tip(), tx.tip()),
                        "a replacement pays a tenth more"
                    );
                    continue;
                }
                assert_ne!(victim.sender(), tx.sender(), "nobody pushes out his own");
                let was_executable = executable_before.contains(&victim.hash);
                assert!(
                    executable || !was_executable,
                    "nothing executable goes for what waits"
                );
                let full = count >= LIMITS.transactions_max
                    || bytes + tx.size() > LIMITS.bytes_max
                    || before >= LIMITS.queued_max;
                assert!(full, "nothing goes without need");
            }
            model.transactions.push(tx);
        }
        Err(problem) => {
            assert!(gone.is_empty(), "a refusal changes nothing");
            match problem {
                PoolError::Full => assert!(
                    count >= LIMITS.transactions_max
                        || bytes + tx.size() > LIMITS.bytes_max
                        || before >= LIMITS.queued_max
                ),
                PoolError::InsufficientFunds { .. } => assert!(tx.cost > state.balance),
                PoolError::Overdraft { .. } => {
                    let others = model.of(tx.sender());
                    let others = others.values().filter(|t| t.nonce() != nonce);
                    let sum: U256 = others.map(|t| t.cost).sum();
                    assert!(sum + tx.cost > state.balance);
                }
                PoolError::SenderFull(_) | PoolError::ReplacementUnderpriced => {}
                other => panic!("{other}"),
            }
        }
    }
}

fn check(model: &Model, queues: &Queues, base_fee: u64) {
    queues.audit().unwrap();
    let content = queues.content();
    for (sender, state) in &model.states {
        let run: Vec<B256> = content
            .pending
            .get(sender)
            .map_or_else(Vec::new, |txs| txs.iter().map(|tx| tx.hash).collect());
        assert_eq!(run, model.executable(*sender));
        let all = model.of(*sender);
        let waiting: Vec<B256> = content
            .queued
            .get(sender)
            .map_or_else(Vec::new, |txs| txs.iter().map(|tx| tx.hash).collect());
        assert_eq!(run.len() + waiting.len(), all.len());
        assert!(all.len() <= LIMITS.per_sender_max);
        assert!(waiting.len() <= LIMITS.queued_per_sender_max.max(LIMITS.queued_max));
        if !all.is_empty() {
            let next = state.nonce + run.len() as u64;
            assert_eq!(queues.next_nonce(*sender), Some(next));
        }
    }
    assert!(model.transactions.len() <= LIMITS.transactions_max);
    assert!(model.bytes() <= LIMITS.bytes_max);
    let best = |queues: &Queues| -> Vec<B256> {
        BestTransactions::new(queues.executable(), base_fee, None)
            .map(|tx| tx.hash)
            .collect()
    };
    assert_eq!(best(queues), model.best(base_fee));
}

#[test]
fn whatever_happens_the_queues_are_what_they_should_be() {
    let (mut accepted, mut refused, mut evicted) = (0u32, 0u32, 0u32);
    for seed in 0..60 {
        let mut random = Random(seed);
        let (mut model, mut queues) = (Model::default(), Queues::default());
        for i in 0..USERS {
            let state = SenderState {
                nonce: random.below(3),
                balance: U256::from(random.below(400) * 1_000_000),
                delegated: false,
            };
            model.states.insert(account(i), state);
        }
        let mut now = Instant::now();
        for step in 0..200 {
            now += Duration::from_secs(random.below(5));
            match random.below(12) {
                // A head moves an account on or back, or changes what it owns.
                0 | 1 => {
                    let address = account(random.below(USERS));
                    let state = model.states.get_mut(&address).unwrap();
                    state.nonce = (state.nonce + random.below(4)).saturating_sub(1);
                    state.balance = U256::from(random.below(400) * 1_000_000);
                    let (state, nonce) = (*state, state.nonce);
                    queues.update_sender(address, state, now);
                    model
                        .transactions
                        .retain(|tx| tx.sender() != address || tx.nonce() >= nonce);
                    check(&model, &queues, 0);
                    queues.enforce(&LIMITS, now);
                    for gone in model.drop_missing(&queues) {
                        evicted += 1;
                        drop(gone);
                    }
                    assert!(model.queued() <= LIMITS.queued_max);
                }
                2 if !model.transactions.is_empty() => {
                    let at = random.below(model.transactions.len() as u64) as usize;
                    let tx = model.transactions.remove(at);
                    assert!(queues.remove(&tx.hash, now).is_some());
                    assert!(queues.remove(&tx.hash, now).is_none());
                    queues.enforce(&LIMITS, now);
                    model.drop_missing(&queues);
                }
                3 => {
                    let executable: Vec<B256> = model
                        .states
                        .keys()
                        .flat_map(|s| model.executable(*s))
                        .collect();
                    queues.expire(LIMITS.queued_lifetime, now);
                    for gone in model.drop_missing(&queues) {
                        assert!(
                            !executable.contains(&gone.hash),
                            "only what waits is too old"
                        );
                    }
                }
                4 => {
                    queues.reprice(None, now);
                }
                _ => {
                    let before = model.transactions.len();
                    insert(
                        &mut random,
                        &mut model,
                        &mut queues,
                        now,
                        seed * 1_000 + step,
                    );
                    if model.transactions.len() > before {
                        accepted += 1;
                    } else {
                        refused += 1;
                    }
                }
            }
            check(&model, &queues, random.below(3) * 150);
        }
        let late = now + LIMITS.queued_lifetime;
        queues.expire(LIMITS.queued_lifetime, late);
        model.drop_missing(&queues);
        assert_eq!(queues.counts().1, 0, "nothing waits for ever");
        check(&model, &queues, 0);
    }
    // The seeds reach every part of it.
    assert!(
        accepted > 1_000 && refused > 500 && evicted > 20,
        "{accepted} {refused} {evicted}"
    );
}
