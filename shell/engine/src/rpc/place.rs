//! Where a method is answered: in place, or on a thread that may wait.
//!
//! Handing a call to another thread and its answer back costs more than reading an account, so what
//! takes microseconds is answered by the task that read the request. The same tasks accept
//! connections and serve the Engine API, so nothing else may be: whatever executes code, walks
//! tables, prints large blocks or goes back to an old state is handed over.

use super::{
    Eth, RpcResult,
    error::{self, bad_params},
};
use alloy_eips::BlockId;
use jsonrpsee::types::Params;
use serde::de::{DeserializeOwned, IgnoredAny};

/// Transactions of a block that is printed in place.
const SMALL_BLOCK: usize = 64;

/// What registering a method may answer.
pub(super) type Registered = Result<(), jsonrpsee::core::RegisterMethodError>;
/// A module of public methods.
pub(super) type Module = jsonrpsee::RpcModule<Eth>;

/// Reads parameters one after the other.
pub(super) struct Args<'a>(jsonrpsee::types::params::ParamsSequence<'a>);

impl<'a> Args<'a> {
    pub(super) fn of(params: &'a Params<'a>) -> Self {
        Self(params.sequence())
    }

    pub(super) fn next<T: DeserializeOwned>(&mut self) -> RpcResult<T> {
        self.0.next().map_err(bad_params)
    }

    pub(super) fn optional<T: DeserializeOwned>(&mut self) -> RpcResult<Option<T>> {
        self.0.optional_next().map_err(bad_params)
    }

    /// The optional parameter after the first `count`.
    fn after<T: DeserializeOwned>(&mut self, count: usize) -> RpcResult<Option<T>> {
        for _ in 0..count {
            self.next::<IgnoredAny>()?;
        }
        self.optional()
    }
}

/// Adds a method that may take its time: it is answered by the crew.
pub(super) fn method<R>(
    module: &mut Module,
    name: &'static str,
    f: impl Fn(&Eth, &mut Args<'_>) -> RpcResult<R> + Clone + Send + Sync + 'static,
) -> Registered
where
    R: serde::Serialize + Clone + Send + 'static,
{
    quick_if(module, name, |_, _| false, f)
}

/// Adds a method that may wait for others of its kind, as those do that take a turn.
pub(super) fn patient<R>(
    module: &mut Module,
    name: &'static str,
    f: impl Fn(&Eth, &mut Args<'_>) -> RpcResult<R> + Clone + Send + Sync + 'static,
) -> Registered
where
    R: serde::Serialize + Clone + Send + 'static,
{
    module.register_blocking_method(name, move |params, eth, _| f(&eth, &mut Args::of(&params)))?;
    Ok(())
}

/// Adds a method whose every call takes microseconds: it is answered in place.
pub(super) fn quick<R>(
    module: &mut Module,
    name: &'static str,
    f: impl Fn(&Eth, &mut Args<'_>) -> RpcResult<R> + Send + Sync + 'static,
) -> Registered
where
    R: serde::Serialize + Clone + 'static,
{
    module.register_method(name, move |params, eth, _| f(eth, &mut Args::of(&params)))?;
    Ok(())
}

/// Adds a method that is answered in place if `is_quick` says of the call that it takes
/// microseconds, and by the crew otherwise.
pub(super) fn quick_if<R>(
    module: &mut Module,
    name: &'static str,
    is_quick: impl Fn(&Eth, &mut Args<'_>) -> bool + Clone + Send + Sync + 'static,
    f: impl Fn(&Eth, &mut Args<'_>) -> RpcResult<R> + Clone + Send + Sync + 'static,
) -> Registered
where
    R: serde::Serialize + Clone + Send + 'static,
{
    module.register_async_method(name, move |params, eth, _| {
        let (is_quick, f) = (is_quick.clone(), f.clone());
        async move {
            if is_quick(&eth, &mut Args::of(&params)) {
                return f(&eth, &mut Args::of(&params));
            }
            let crew = eth.crew.clone();
            let answer = crew.run(move || f(&eth, &mut Args::of(&params))).await;
            answer.unwrap_or_else(|| Err(error::internal("the method panicked")))
        }
    })?;
    Ok(())
}

/// Whether the state that the optional block id after `before` other parameters names can be read
/// right away. What cannot be understood is: it is refused soon enough.
pub(super) fn state_is_near(
    before: usize,
) -> impl Fn(&Eth, &mut Args<'_>) -> bool + Clone + Send + Sync {
    move |eth, args| {
        let Ok(id) = args.after::<BlockId>(before) else {
            return true;
        };
        let view = eth.view();
        match eth.resolve(&view, id.unwrap_or_default()) {
            Ok(Some(hash)) => !view.is_far(&hash).unwrap_or(true),
            _ => true,
        }
    }
}

/// Whether the block that the first parameter names is in memory, and small.
pub(super) fn block_is_near(eth: &Eth, args: &mut Args<'_>) -> bool {
    let Ok(Some(id)) = args.after::<BlockId>(0) else {
        return true;
    };
    let view = eth.view();
    match eth.resolve(&view, id) {
        Ok(Some(hash)) => eth
            .cache
            .peek(&view, &hash)
            .is_some_and(|block| block.body.transactions.len() <= SMALL_BLOCK),
        _ => true,
    }
}
