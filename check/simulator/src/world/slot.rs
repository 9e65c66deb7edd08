//! What an L1 slot brings: a block or a reorganisation, and whatever goes wrong.

use super::{Event, OUTAGE_SLOTS_MAX, POSTED_MAX, SEQUENCER, VERIFIER, World};
use crate::{
    garbage::{forge, garbage},
    l1::Action,
    plan::Chaos,
};
use alloy_primitives::Address;
use opal_protocol::ConfigUpdate;

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
            self.l1.send(Action::Config(update), 0);
        }
        if self.random.percent(chaos.garbage) {
            self.post_garbage();
        }
        if self.random.percent(chaos.reorg) {
            self.reorg();
        } else if !self.random.percent(chaos.missed_slot) {
            self.l1.mine(self.now(), &mut self.random);
            self.figures.l1_blocks += 1;
        }
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

    /// From here on nothing fails any more. Who is down comes back in its own time.
    fn heal(&mut self) {
        self.note(|| "everything heals".to_string());
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
        match random.between(0, 6) {
            0 => ConfigUpdate::Batcher(Address::repeat_byte(0xb0 | random.bits() as u8 & 0xf)),
            1 => ConfigUpdate::GasLimit(random.between(20_000_000, 60_000_000)),
            2 => ConfigUpdate::Eip1559 {
                denominator: random.between(1, 500) as u32,
                elasticity: random.between(1, 10) as u32,
            },
            3 => ConfigUpdate::OperatorFee {
                scalar: random.bits() as u32,
                constant: random.bits(),
            },
            4 => ConfigUpdate::MinBaseFee(random.between(0, 1000)),
            5 => ConfigUpdate::DaFootprintGasScalar(random.between(0, 1000) as u16),
            _ => ConfigUpdate::UnsafeBlockSigner(Address::repeat_byte(9)),
        }
    }

    fn post_garbage(&mut self) {
        let head = self.l1.head().hash;
        let safe = self
            .oracle
            .after(&self.l1, &mut self.store, head)
            .safe_head();
        let node = &self.nodes[SEQUENCER];
        let forged = forge(&self.cfg, node, &self.store, &safe, &mut self.random);
        let tx = garbage(&mut self.l1, &self.posted, forged, &mut self.random);
        self.note(|| format!("garbage of {} bytes from {}", tx.data.len(), tx.from));
        self.l1.send(Action::Inbox(tx), 0);
    }

    pub(super) fn poll_batcher(&mut self) {
        let Some(batcher) = &mut self.batcher else {
            return;
        };
        let (mut notes, node) = (vec![], &self.nodes[SEQUENCER]);
        let posted = batcher.poll(
            &mut self.l1,
            node,
            &self.store,
            &mut self.random,
            &mut notes,
        );
        for note in notes {
            self.note(|| note);
        }
        self.posted.extend(posted);
        let excess = self.posted.len().saturating_sub(POSTED_MAX);
        self.posted.drain(..excess);
    }
}
