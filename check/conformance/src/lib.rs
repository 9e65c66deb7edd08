//! Runners for vectors that nobody here wrote.

pub mod op_block;
