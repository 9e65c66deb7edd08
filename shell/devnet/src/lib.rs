//! Everything wired together in one process: a development L1, a sequencer, a batcher and a
//! verifier, each with the same ports and servers it has when it runs alone.
//!
//! In: a [`DevnetConfig`]. Out: a running rollup, `devnet.json`, a live view, and a verdict.

mod banner;
mod beacon_shim;
mod config;
mod descriptor;
mod dev_l1;
mod error;
mod existing;
mod external;
mod home;
mod proposing;
mod report;
mod resolving;
mod run;
mod status;
mod wiring;

pub use opal_genesis as genesis;

pub use config::{
    DataAvailability, DevnetConfig, ExistingRollup, ExternalL1, ForkRequest, Ports, fork_times,
};
pub use descriptor::{Account, Descriptor, L1Endpoints, L2Endpoints, NodeEndpoints};
pub use error::DevnetError;
pub use run::run;
pub use wiring::Devnet;
