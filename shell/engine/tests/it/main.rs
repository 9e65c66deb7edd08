//! The engine as a whole: chains driven through the Engine API, over sockets and in process.

mod bad_fields;
mod chain;
mod dump;
mod engine_api;
mod follow;
mod history;
mod hostile;
mod l1;
mod offline;
mod random;
mod reorg;
mod restart;
mod rpc;
mod servers;
mod simulate;
mod speed;
mod trace;
mod witness;
mod world;
