//! Fuzz targets: one for every decoder of the derivation and of the execution client, and one for
//! the whole pipeline.
//!
//! In: any bytes. A target returns if everything that must hold does hold, and panics otherwise:
//! targets assert properties (round trips, agreement with another implementation, invariants of the
//! chain), not only that nothing panics by itself. Targets are deterministic and keep no state.
//!
//! `README.md` beside this crate says how to run, minimise and add.

// For `receipts`, which compiles a module of the shell without its sockets.
extern crate self as opal_rpc;

mod batch;
mod blob;
mod channel;
pub mod deflate;
mod deposit;
mod engine;
mod frames;
pub mod input;
mod l1_block;
mod l1_info;
mod logs;
pub mod memory;
pub mod mutate;
mod pipeline;
mod receipts;
mod rlp;
mod rollup;
pub mod seeds;
mod span;
mod system_config;
mod transactions;
mod upgrades;

pub use batch::batch;
pub use blob::blob;
pub use channel::{channel_brotli, channel_deflate, channel_zlib};
pub use deposit::deposit;
pub use engine::{engine_block, engine_payload, engine_pool, engine_request, engine_row};
pub use frames::frames;
pub use l1_block::l1_block;
pub use l1_info::l1_info;
pub use pipeline::pipeline;
pub(crate) use receipts::read_deposit;
pub use receipts::receipts;
pub use rlp::rlp;
pub use rollup::rollup_config;
pub use span::{span, span_build};
pub use system_config::config_update;
pub use upgrades::upgrade_bundle;

/// A property of the code under test that must hold for all bytes.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("frames", frames),
    ("channel_zlib", channel_zlib),
    ("channel_deflate", channel_deflate),
    ("channel_brotli", channel_brotli),
    ("batch", batch),
    ("span", span),
    ("span_build", span_build),
    ("blob", blob),
    ("deposit", deposit),
    ("config_update", config_update),
    ("l1_info", l1_info),
    ("l1_block", l1_block),
    ("receipts", receipts),
    ("upgrade_bundle", upgrade_bundle),
    ("rollup_config", rollup_config),
    ("rlp", rlp),
    ("pipeline", pipeline),
    ("engine_block", engine_block),
    ("engine_payload", engine_payload),
    ("engine_pool", engine_pool),
    ("engine_request", engine_request),
    ("engine_row", engine_row),
];

/// The target called `name`.
pub fn target(name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target)
}
