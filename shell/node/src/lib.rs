//! The rollup node (consensus client): one loop around `opal_rollup` and `opal_derivation`.

mod config;
mod error;
mod handle;

pub use config::{NodeConfig, NodeMode};
pub use error::NodeError;
pub use handle::NodeHandle;

use opal_l1::L1Source;
use opal_rpc::EngineApi;
use std::sync::Arc;

/// Starts a rollup node over `l1` and `engine`. Returns once both are proven to belong to the
/// chain of `config` and the RPC server listens.
pub async fn start(
    config: NodeConfig,
    l1: Arc<L1Source>,
    engine: Arc<dyn EngineApi>,
) -> Result<NodeHandle, NodeError> {
    let _ = (config, l1, engine);
    unimplemented!()
}
