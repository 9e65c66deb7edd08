//! A simulated rollup: one thread, virtual time, and a seed that decides everything.
//!
//! The cores are the real ones: derivation, the rollup node's brain with its search for heads, and
//! the batcher's submission. Around them: an L1 that reorganises, pauses, loses transactions and
//! holds back blobs; forks of both chains, any of which may activate on the way; a toy execution
//! engine without EVM that forgets blocks when it crashes; strangers, a batcher's key in mad hands,
//! and batchers that go on with a key that was replaced. After every event the node concerned is
//! compared with a derivation from genesis along the L1 it reads; when the faults have healed, both
//! nodes must be on that chain, and the sequencer's blocks must become safe again.
//!
//! That derivation is the fast one. A second, naive one (`opal-oracle`) reads the same L1 and must
//! give the same blocks from the same attributes: at the end of each run, and in some runs after
//! every L1 block.
//!
//! A node that crashes keeps two things on its disk: its engine's chain, less the newest blocks,
//! and the memory of which safe head was derived from which L1 block. Without the latter
//! ([`Options::forgetful`]) it may judge batches a second time that were dropped for coming too
//! early, and leave the chain; `docs/decisions/derivation-start.md` tells how.
//!
//! The same seed and the same commit give the same run, to the byte.

pub mod batcher;
pub mod checker;
pub mod engine;
pub mod figures;
pub mod garbage;
pub mod l1;
pub mod lie;
pub mod naive;
pub mod node;
pub mod oracle;
pub mod plan;
pub mod random;
pub mod world;

pub use checker::Violation;
pub use figures::Figures;
pub use lie::Lie;
pub use node::Sabotage;
pub use world::{Options, World};

/// Runs one seed.
pub fn run(seed: u64) -> Result<Figures, Violation> {
    World::new(seed, Options::default()).run()
}

/// The command that repeats a seed.
pub fn command_of(seed: u64) -> String {
    format!("cargo run --release -p opal-simulator -- --seeds 1 --start {seed}")
}
