//! Commands of the rollup become calls, each a task of its own.

use super::Driver;
use crate::{derive::Input, event::Event};
use opal_rollup::{Answer, Command, Failure, L1Query, Lane as CallLane, Ticket};

impl Driver {
    pub(super) fn execute(&mut self, command: Command) {
        match command {
            Command::Forkchoice {
                ticket,
                lane,
                state,
                attributes,
            } => {
                let engine = self.engine.clone();
                self.call(ticket, lane, async move {
                    Answer::Forkchoice(engine.forkchoice_updated(state, attributes).await)
                });
            }
            Command::GetPayload {
                ticket,
                lane,
                id,
                timestamp,
            } => {
                let engine = self.engine.clone();
                self.call(ticket, lane, async move {
                    Answer::Payload(engine.get_payload(id, timestamp).await)
                });
            }
            Command::NewPayload {
                ticket,
                lane,
                payload,
            } => {
                let engine = self.engine.clone();
                self.call(ticket, lane, async move {
                    Answer::NewPayload(engine.new_payload(payload).await)
                });
            }
            Command::GetL2Block {
                ticket,
                lane,
                query,
            } => {
                let engine = self.engine.clone();
                self.call(ticket, lane, async move {
                    Answer::L2Block(engine.block(query).await)
                });
            }
            Command::GetL1Block { ticket, query } => self.get_l1_block(ticket, query),
            Command::GetL1Ref { ticket, number } => {
                let l1 = self.l1.clone();
                self.call(ticket, CallLane::Derivation, async move {
                    let block = l1.ref_by_number(number).await;
                    Answer::L1Ref(block.map_err(|e| Failure::Unavailable(e.to_string())))
                });
            }
            Command::Confirm(block) => self.lane.push(Input::Confirm(block)),
            Command::Reject => self.lane.push(Input::Reject),
            Command::Reset(cause) => self.reset(&cause),
            Command::SequencerStarted(result) => {
                self.journal.sequencer_started(&result);
                if let Some(starter) = self.starters.pop_front() {
                    let _ = starter.send(result);
                }
            }
            Command::SequencerStopped(result) => {
                self.journal.sequencer_stopped(&result);
                if let Some(stopper) = self.stoppers.pop_front() {
                    let _ = stopper.send(result);
                }
            }
            Command::Note(note) => self.journal.note(&note),
        }
    }

    fn get_l1_block(&self, ticket: Ticket, query: L1Query) {
        let l1 = self.l1.clone();
        self.call(ticket, CallLane::Sequencer, async move {
            let block = match query {
                L1Query::Number(number) => l1.block_by_number(number).await,
                L1Query::Hash(hash) => l1.block_by_hash(hash).await,
            };
            Answer::L1Block(block.map_err(|e| Failure::Unavailable(e.to_string())))
        });
    }

    /// Runs a call as a task of its own; its answer comes back as an event, on the lane it belongs
    /// to.
    fn call(
        &self,
        ticket: Ticket,
        lane: CallLane,
        call: impl Future<Output = Answer> + Send + 'static,
    ) {
        let channel = if lane == CallLane::Sequencer {
            &self.urgent
        } else {
            &self.events
        };
        let channel = channel.clone();
        tokio::spawn(async move {
            let answer = call.await;
            // The loop is gone when the node stops; then nobody misses this.
            let _ = channel.send(Event::Answer { ticket, answer }).await;
        });
    }
}
