//! What the parts of the machine write their commands into.

use crate::{
    answer::Ticket,
    event::{Command, Note, ResetCause},
};
use alloc::vec::Vec;

/// Collects the commands of one event and hands out tickets.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    commands: Vec<Command>,
    tickets: u64,
    reset: Option<ResetCause>,
}

impl Outbox {
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub(crate) fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.commands.push(Command::Note(note));
    }

    /// Demands a reset. The first cause counts.
    pub(crate) fn reset(&mut self, cause: ResetCause) {
        self.reset.get_or_insert(cause);
    }

    pub(crate) const fn wants_reset(&self) -> bool {
        self.reset.is_some()
    }

    pub(crate) fn take_reset(&mut self) -> Option<ResetCause> {
        self.reset.take()
    }

    pub(crate) fn take(&mut self) -> Vec<Command> {
        core::mem::take(&mut self.commands)
    }
}
