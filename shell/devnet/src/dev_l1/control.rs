//! Orders to the development L1 over JSON-RPC: `dev_reorg`, `dev_stall`, `dev_withholdBlobs`.

use super::{
    beacon::Beacon,
    miner::{Order, OrderWithReply},
};
use alloy_primitives::B256;
use jsonrpsee::{
    RpcModule,
    types::{ErrorObjectOwned, Params, error::INTERNAL_ERROR_CODE},
};
use std::sync::{Arc, atomic::Ordering};
use tokio::sync::{mpsc, oneshot};

/// What the methods act on.
struct Control {
    beacon: Arc<Beacon>,
    orders: mpsc::Sender<OrderWithReply>,
}

/// The methods, ready to serve.
pub(crate) fn module(
    beacon: Arc<Beacon>,
    orders: mpsc::Sender<OrderWithReply>,
) -> Result<RpcModule<impl Send + Sync + 'static>, jsonrpsee::core::RegisterMethodError> {
    let mut module = RpcModule::new(Control { beacon, orders });
    module.register_async_method("dev_reorg", |params, control, _| async move {
        let (depth, drop_transactions) = reorg_params(&params)?;
        order(
            &control,
            Order::Reorg {
                depth,
                drop_transactions,
            },
        )
        .await
    })?;
    module.register_async_method("dev_stall", |params, control, _| async move {
        let stalled = params.one()?;
        order(&control, Order::Stall(stalled)).await
    })?;
    module.register_method("dev_withholdBlobs", |params, control, _| {
        let withhold: bool = params.one()?;
        control
            .beacon
            .withhold_blobs
            .store(withhold, Ordering::Relaxed);
        Ok::<_, ErrorObjectOwned>(withhold)
    })?;
    Ok(module)
}

/// `[depth]` or `[depth, dropTransactions]`.
fn reorg_params(params: &Params<'_>) -> Result<(usize, bool), ErrorObjectOwned> {
    let mut sequence = params.sequence();
    let depth = sequence.next()?;
    let drop_transactions: Option<bool> = sequence.optional_next()?;
    Ok((depth, drop_transactions.unwrap_or(false)))
}

/// Hands an order to the miner; the answer is the hash of the head afterwards.
async fn order(control: &Control, order: Order) -> Result<B256, ErrorObjectOwned> {
    let failed = |why: String| ErrorObjectOwned::owned(INTERNAL_ERROR_CODE, why, None::<()>);
    let (reply, answer) = oneshot::channel();
    let gone = || failed("the L1 is shutting down".into());
    control
        .orders
        .send((order, reply))
        .await
        .map_err(|_| gone())?;
    answer.await.map_err(|_| gone())?.map_err(failed)
}
