//! The engine as a whole: chains driven through the Engine API, over sockets and in process.

mod chain;
mod follow;
mod l1;
mod random;
mod reorg;
mod restart;
mod rpc;
mod servers;
mod speed;
mod trace;
mod witness;
mod world;
