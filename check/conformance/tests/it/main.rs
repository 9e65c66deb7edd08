//! Vectors through their runners: one program, so that engine and EVM are linked once for all of
//! them.

mod blockchain_tests;
mod derivation_data;
mod genesis;
mod op_blocks;
mod preinstalls;
mod protocol_bytecode;
mod rpc_compat;
mod state_tests;
