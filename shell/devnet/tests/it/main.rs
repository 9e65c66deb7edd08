//! The devnet from outside: one program, so that the whole stack is linked once for all of them.

mod bridge;
mod deploy;
mod existing;
mod hostile;
mod kit;
mod oracle;
mod ring;
mod start;
