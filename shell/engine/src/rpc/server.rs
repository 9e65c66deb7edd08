//! Starting and stopping the servers.

use super::{
    Eth, Module, Registered, blocks, debug, fees, filters, gate::Gate, state, subscriptions,
    transactions,
};
use crate::{
    engine::StartError,
    engine_api::{Api, server::register as register_engine},
};
use jsonrpsee::{
    Methods, RpcModule,
    core::RegisterMethodError,
    server::{BatchRequestConfig, IdProvider, Server, ServerConfig, ServerHandle},
    types::SubscriptionId,
};
use opal_rpc::JwtSecret;
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Bytes of one request on the authenticated server: a payload of the largest block.
const AUTH_REQUEST_BYTES_MAX: u32 = 128 << 20;
/// Longest wait for requests under way when a server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that listens.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    handle: ServerHandle,
}

impl Running {
    /// Stops listening and waits for requests under way.
    pub(crate) async fn stop(&self) {
        let _ = self.handle.stop();
        let _ = tokio::time::timeout(STOP_TIMEOUT, self.handle.clone().stopped()).await;
    }
}

/// Starts the public server.
pub(crate) async fn start_public(eth: Eth, addr: SocketAddr) -> Result<Running, StartError> {
    let config = config(&eth).build();
    let gate = if eth.limits.allow_browsers {
        Gate::OpenToBrowsers
    } else {
        Gate::Open
    };
    listen(addr, config, gate, public_methods(eth)).await
}

/// Starts the authenticated server: `engine_` methods and all public ones.
pub(crate) async fn start_auth(
    eth: Eth,
    addr: SocketAddr,
    secret: JwtSecret,
) -> Result<Running, StartError> {
    let config = config(&eth)
        .max_request_body_size(AUTH_REQUEST_BYTES_MAX)
        .build();
    listen(addr, config, Gate::Token(secret), auth_methods(eth)).await
}

async fn listen(
    addr: SocketAddr,
    config: ServerConfig,
    gate: Gate,
    methods: Result<Methods, RegisterMethodError>,
) -> Result<Running, StartError> {
    let methods = methods.map_err(|e| StartError::Internal(e.to_string()))?;
    let failed = |source| StartError::Listen { addr, source };
    let server = Server::builder()
        .set_config(config)
        .set_http_middleware(tower::ServiceBuilder::new().layer(gate))
        .build(addr)
        .await
        .map_err(failed)?;
    let addr = server.local_addr().map_err(failed)?;
    let handle = server.start(methods);
    Ok(Running { addr, handle })
}

fn config(eth: &Eth) -> jsonrpsee::server::ServerConfigBuilder {
    ServerConfig::builder()
        .max_connections(eth.limits.connections_max)
        .max_request_body_size(eth.limits.request_bytes_max)
        .max_response_body_size(eth.limits.response_bytes_max)
        .set_batch_request_config(BatchRequestConfig::Limit(eth.limits.batch_max))
        .set_id_provider(HexIds::default())
}

/// Names subscriptions as Ethereum's clients expect it: by hex strings. Some ignore any other kind.
#[derive(Debug, Default)]
struct HexIds(AtomicU64);

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        // A number per server is unique enough: an id only counts on its own connection.
        let number = self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        SubscriptionId::Str(format!("{number:#x}").into())
    }
}

fn public_methods(eth: Eth) -> Result<Methods, RegisterMethodError> {
    let mut module = RpcModule::new(eth);
    register(&mut module)?;
    Ok(module.into())
}

fn auth_methods(eth: Eth) -> Result<Methods, RegisterMethodError> {
    let mut engine: RpcModule<Api> = RpcModule::new(eth.api.clone());
    register_engine(&mut engine)?;
    let mut methods = public_methods(eth)?;
    methods.merge(engine)?;
    Ok(methods)
}

fn register(module: &mut Module) -> Registered {
    blocks::register(module)?;
    state::register(module)?;
    fees::register(module)?;
    filters::register(module)?;
    transactions::register(module)?;
    subscriptions::register(module)?;
    debug::register(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_have_hex_names() {
        let ids = HexIds::default();
        let (first, second) = (ids.next_id(), ids.next_id());
        assert_eq!(first, SubscriptionId::Str("0x1".into()));
        assert_ne!(first, second);
    }
}
