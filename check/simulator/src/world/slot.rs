//! What an L1 slot brings: a block or a reorganisation, and whatever goes wrong.

use super::{Event, OUTAGE_SLOTS_MAX, POSTED_MAX, SEQUENCER, VERIFIER, World};
use crate::{
    batcher::Batcher,
    garbage::{complete, flood, forge, garbage, open},
    l1::Action,
    plan::{BATCHERS, Chaos},
};
use alloy_primitives::{Address, U256};
use opal_protocol::{ConfigUpdate, InboxTx};

/// Longest row of empty L1 slots.
const GAP_SLOTS_MAX: u64 = 12;
/// Longest time in L1 slots for which a channel is left open on purpose.
const OPEN_SLOTS_MAX: u64 = 50;

impl World {
    pub(super) fn happen_slot(&mut self) {
        self.slot += 1;
        if self.slot == self.plan.safety_slots {
            self.heal();
        }
        let chaos = self.chaos;
        if self.random.percent(chaos.deposit) {
            let value = self.random.between(1, 1_000_000);
            self.l1.send(Action::Deposit(value), 0);
        }
        if self.random.percent(chaos.config_change) {
            let update = self.config_update();
            if let ConfigUpdate::Batcher(address) = update {
                self.rotate_key(address);
            }
            self.l1.send(Action::Config(update), 0);
        }
        if self.random.percent(chaos.garbage) {
            self.post_garbage();
        }
        if self.random.percent(chaos.flood) {
            self.post_flood();
        }
        self.send_due_garbage();
        self.let_l1_go_on();
        let head = self.l1.head().as_ref().as_ref();
        self.note(|| format!("L1 head {head}"));
        for node in [SEQUENCER, VERIFIER] {
            let delay = self.latency() * 2;
            self.schedule(delay, Event::Notice(node));
            if self.random.percent(chaos.crash) && self.nodes[node].is_up() {
                self.crash(node);
            }
        }
        if self.random.percent(chaos.batcher_crash) && self.batcher.take().is_some() {
            self.figures.crashes += 1;
            self.note(|| "batcher crashes".to_string());
            let outage = self.outage();
            self.schedule(outage, Event::StartBatcher);
        }
        self.schedule(self.plan.l1_block_time * 1000, Event::Slot);
    }

    /// A block, a reorganisation, or nothing.
    fn let_l1_go_on(&mut self) {
        let chaos = self.chaos;
        if self.gap > 0 {
            self.gap -= 1;
            return;
        }
        if self.random.percent(chaos.gap) {
            self.gap = self.random.between(2, GAP_SLOTS_MAX);
            self.figures.count("L1 pauses");
        } else if self.random.percent(chaos.reorg) {
            self.reorg();
        } else if !self.random.percent(chaos.missed_slot) {
            self.l1.mine(self.now(), &mut self.random);
            self.figures.l1_blocks += 1;
        }
    }

    /// From here on nothing fails any more. Who is down comes back in its own time.
    fn heal(&mut self) {
        self.note(|| "everything heals".to_string());
        self.gap = 0;
        self.garbage.clear();
        self.openers.clear();
        self.old_batcher = None;
        self.chaos = Chaos {
            deposit: self.chaos.deposit,
            ..Chaos::default()
        };
    }

    fn outage(&mut self) -> u64 {
        let slots_left = self.plan.safety_slots.saturating_sub(self.slot);
        let longest = OUTAGE_SLOTS_MAX.min(slots_left) * self.plan.l1_block_time * 1000;
        self.random.between(0, longest)
    }

    fn crash(&mut self, index: usize) {
        let lost = if self.random.percent(50) {
            self.random.between(0, 12)
        } else {
            0
        };
        self.figures.crashes += 1;
        self.note(|| format!("node {index} crashes, its engine loses {lost} blocks"));
        self.nodes[index].crash(lost as usize);
        let outage = self.outage();
        self.schedule(outage, Event::Start(index));
    }

    /// Replaces the newest L1 blocks; the new fork may be shorter at first.
    fn reorg(&mut self) {
        let head = self.l1.head().header.number;
        let deepest = head - self.l1.finalized().number;
        if deepest == 0 {
            return;
        }
        let depth = self.random.between(1, deepest);
        let depth = if self.random.percent(70) {
            depth.min(3)
        } else {
            depth
        };
        let times: Vec<u64> = (head + 1 - depth..=head)
            .map(|number| self.l1.at(number).expect("below the head").header.timestamp)
            .collect();
        self.l1.cut(depth, self.chaos.lost_tx, &mut self.random);
        for time in times {
            if !self.random.percent(15) {
                self.l1.mine(time, &mut self.random);
                self.figures.l1_blocks += 1;
            }
        }
        if self.random.percent(70) {
            self.l1.mine(self.now(), &mut self.random);
            self.figures.l1_blocks += 1;
        }
        self.figures.reorgs += 1;
        self.note(|| format!("L1 reorganises {depth} blocks"));
    }

    fn config_update(&mut self) -> ConfigUpdate {
        let random = &mut self.random;
        match random.between(0, 9) {
            0..=2 => ConfigUpdate::Batcher(*random.pick(&BATCHERS)),
            3 => ConfigUpdate::GasLimit(random.between(20_000_000, 60_000_000)),
            4 => ConfigUpdate::Eip1559 {
                denominator: random.between(1, 500) as u32,
                elasticity: random.between(1, 10) as u32,
            },
            5 => ConfigUpdate::OperatorFee {
                scalar: random.bits() as u32,
                constant: random.bits(),
            },
            6 => ConfigUpdate::MinBaseFee(random.between(0, 1000)),
            7 => ConfigUpdate::DaFootprintGasScalar(random.between(0, 1000) as u16),
            8 => {
                let version = U256::from(random.between(0, 2)) << 248;
                let padding = U256::from(u64::from(random.percent(20))) << 100;
                let scalars = U256::from(random.bits() >> random.between(0, 40));
                ConfigUpdate::FeeScalars {
                    overhead: U256::from(random.between(0, 5000)),
                    scalar: version | padding | scalars,
                }
            }
            _ => ConfigUpdate::UnsafeBlockSigner(Address::repeat_byte(9)),
        }
    }

    /// Somebody goes on with the key that `address` replaces.
    fn rotate_key(&mut self, address: Address) {
        let old = self.l1.batcher();
        if old == address {
            return;
        }
        self.figures.count("batcher's key replaced");
        if self.random.percent(self.chaos.old_batcher) {
            let batcher = Batcher::new(&self.plan, self.cfg.clone(), Some(old), &mut self.random);
            self.old_batcher = Some(batcher);
        }
    }

    fn post_garbage(&mut self) {
        if self.random.percent(10) {
            return self.open_channel();
        }
        let forged = self.forge();
        let later = garbage(&mut self.l1, &self.posted, forged, &mut self.random);
        let slot = self.slot;
        self.garbage
            .extend(later.into_iter().map(|(slots, tx)| (slot + slots, tx)));
    }

    /// A channel of batches that are almost right at this moment.
    fn forge(&mut self) -> Option<Vec<u8>> {
        let head = self.l1.head().hash;
        let safe = self
            .oracle
            .after(&self.l1, &mut self.store, head)
            .safe_head();
        let node = &self.nodes[SEQUENCER];
        let random = &mut self.random;
        forge(&self.cfg, &self.l1, node, &self.store, &safe, random)
    }

    /// Opens a channel, to be completed within the timeouts of any era, or too late.
    fn open_channel(&mut self) {
        let (opener, data) = open(&mut self.random);
        let slots = self.random.between(1, OPEN_SLOTS_MAX);
        self.openers.push((self.slot + slots, opener));
        self.send_as_batcher(data);
    }

    fn complete_channels(&mut self) {
        let slot = self.slot;
        let (due, later): (Vec<_>, _) = core::mem::take(&mut self.openers)
            .into_iter()
            .partition(|(at, _)| *at <= slot);
        self.openers = later;
        for (_, opener) in due {
            if let Some(forged) = self.forge() {
                self.send_as_batcher(complete(&opener, forged));
            }
        }
    }

    fn send_as_batcher(&mut self, data: Vec<u8>) {
        let tx = InboxTx {
            from: self.l1.batcher(),
            tx_type: 2,
            data: data.into(),
            blob_hashes: vec![],
        };
        self.send_garbage(tx);
    }

    fn post_flood(&mut self) {
        self.chaos.flood = 0;
        self.figures.count("flood of unfinished channels");
        for tx in flood(self.l1.batcher(), &mut self.random) {
            self.send_garbage(tx);
        }
    }

    fn send_due_garbage(&mut self) {
        self.complete_channels();
        let slot = self.slot;
        let (due, later) = core::mem::take(&mut self.garbage)
            .into_iter()
            .partition(|(at, _)| *at <= slot);
        self.garbage = later;
        for (_, tx) in due {
            self.send_garbage(tx);
        }
    }

    fn send_garbage(&mut self, tx: InboxTx) {
        self.note(|| format!("garbage of {} bytes from {}", tx.data.len(), tx.from));
        self.l1.send(Action::Inbox(tx), 0);
    }

    pub(super) fn poll_batcher(&mut self) {
        for mut batcher in [self.batcher.take(), self.old_batcher.take()]
            .into_iter()
            .flatten()
        {
            let node = &self.nodes[SEQUENCER];
            let mut notes = vec![];
            let (posted, trace) = batcher.poll(
                &mut self.l1,
                node,
                &self.store,
                &mut self.random,
                &mut notes,
            );
            for note in notes {
                self.note(|| note);
            }
            for event in &trace {
                self.figures.count_batcher(event);
                self.note(|| format!("batcher: {event:?}"));
            }
            self.posted.extend(posted);
            if batcher.is_old() {
                self.old_batcher = Some(batcher);
            } else {
                self.batcher = Some(batcher);
            }
        }
        let excess = self.posted.len().saturating_sub(POSTED_MAX);
        self.posted.drain(..excess);
    }
}
