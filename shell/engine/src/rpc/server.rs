//! Starting and stopping the servers.

use super::{
    Eth, Module, Registered, blocks, debug, dump, fees, filters,
    front::Front,
    gate::{Gate, Rules},
    ipc::{self, IpcServer},
    node, quick, simulate, state, submit, subscriptions, trace, transactions, witness,
};
use crate::{
    config::RpcAccess,
    engine::StartError,
    engine_api::{Api, server::register as register_engine},
    health::Health,
    metrics::CountCalls,
};
use jsonrpsee::{
    MethodResponse, Methods, RpcModule,
    core::{RegisterMethodError, middleware::RpcServiceBuilder},
    server::{BatchRequestConfig, IdProvider, Server, ServerConfig, ServerHandle},
    types::{ErrorObject, SubscriptionId},
};
use opal_rpc::JwtSecret;
use std::{
    collections::BTreeMap,
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

/// The servers for everyone.
#[derive(Clone, Debug)]
pub(crate) struct PublicServers {
    /// HTTP, and WebSocket unless that has its own.
    pub(crate) http: Option<Running>,
    /// WebSocket alone.
    pub(crate) ws: Option<Running>,
    ipc: Option<IpcServer>,
}

impl PublicServers {
    /// Stops listening and waits for requests under way.
    pub(crate) async fn stop(&self) {
        for server in [&self.http, &self.ws].into_iter().flatten() {
            server.stop().await;
        }
        if let Some(ipc) = &self.ipc {
            ipc.stop();
        }
    }
}

/// Starts the public servers.
pub(crate) async fn start_public(
    eth: Eth,
    addr: SocketAddr,
    access: &RpcAccess,
) -> Result<PublicServers, StartError> {
    let mut servers = PublicServers {
        http: None,
        ws: None,
        ipc: None,
    };
    let gate = Gate::new(Rules {
        secret: None,
        vhosts: access.vhosts.clone(),
        cors_origins: access.cors_origins.clone(),
        ws_origins: access.ws_origins.clone(),
        calls_per_second_max: eth.limits.calls_per_second_max,
        health: Some(Health::new(eth.api.tree.clone(), eth.health_max_age)),
    });
    if access.http {
        let methods = public_methods(eth.clone(), &access.http_apis);
        let config = match access.ws_addr {
            Some(_) => config(&eth).http_only(),
            None => config(&eth),
        };
        let config = config.build();
        servers.http = Some(listen(&eth, addr, config, gate.clone(), methods).await?);
    }
    if let Some(addr) = access.ws_addr {
        let methods = public_methods(eth.clone(), &access.ws_apis);
        let config = config(&eth).ws_only().build();
        servers.ws = Some(listen(&eth, addr, config, gate, methods).await?);
    }
    if let Some(path) = &access.ipc_path {
        let (limits, metrics) = (eth.limits, eth.api.metrics.clone());
        let courtesy = eth.api.courtesy.clone();
        let methods = local_methods(eth)?;
        let counter = CountCalls::new(metrics, methods.clone());
        let front = Front::new(counter, Some(courtesy), limits.response_bytes_max);
        servers.ipc = Some(ipc::start(path, methods, limits, front)?);
    }
    Ok(servers)
}

/// Starts the authenticated server: `engine_` methods and all public ones.
pub(crate) async fn start_auth(
    eth: Eth,
    addr: SocketAddr,
    secret: JwtSecret,
    access: &RpcAccess,
) -> Result<Running, StartError> {
    let config = config(&eth)
        .max_request_body_size(AUTH_REQUEST_BYTES_MAX)
        .build();
    let gate = Gate::new(Rules {
        secret: Some(secret),
        vhosts: access.auth_vhosts.clone(),
        ..Rules::default()
    });
    let methods = auth_methods(eth.clone());
    listen(&eth, addr, config, gate, methods).await
}

async fn listen(
    eth: &Eth,
    addr: SocketAddr,
    config: ServerConfig,
    gate: Gate,
    methods: Result<Methods, RegisterMethodError>,
) -> Result<Running, StartError> {
    let methods = methods.map_err(|e| StartError::Internal(e.to_string()))?;
    let failed = |source| StartError::Listen { addr, source };
    let courtesy = gate.is_public().then(|| eth.api.courtesy.clone());
    let counter = CountCalls::new(eth.api.metrics.clone(), methods.clone());
    let front = Front::new(counter, courtesy, eth.limits.response_bytes_max);
    let server = Server::builder()
        .set_config(config)
        .set_http_middleware(tower::ServiceBuilder::new().layer(gate))
        .set_rpc_middleware(RpcServiceBuilder::new().layer(front))
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
        .max_subscriptions_per_connection(eth.limits.subscriptions_max)
        .set_batch_request_config(BatchRequestConfig::Limit(eth.limits.batch_max))
        .set_id_provider(HexIds::default())
}

/// Names subscriptions as Ethereum's clients expect it: by hex strings. Some ignore any other kind.
#[derive(Debug, Default)]
pub(super) struct HexIds(AtomicU64);

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        // A number per server is unique enough: an id only counts on its own connection.
        let number = self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        SubscriptionId::Str(format!("{number:#x}").into())
    }
}

/// The public methods of the given namespaces.
fn public_methods(eth: Eth, namespaces: &[String]) -> Result<Methods, RegisterMethodError> {
    let mut module = RpcModule::new(eth);
    register(&mut module)?;
    let names: Vec<&'static str> = module.method_names().collect();
    for name in names {
        let namespace = name
            .split_once('_')
            .map_or(name, |(namespace, _)| namespace);
        if !namespaces.iter().any(|n| n == namespace) {
            module.remove_method(name);
        }
    }
    register_modules(&mut module, namespaces)?;
    Ok(module.into())
}

/// `rpc_modules`: the namespaces of this server with their versions, as geth has it.
fn register_modules(module: &mut Module, namespaces: &[String]) -> Registered {
    let known = crate::config::NAMESPACES.into_iter();
    let served = known.filter(|name| namespaces.iter().any(|n| n == name));
    let versions: BTreeMap<&str, &str> = served
        .chain(["rpc"])
        .map(|namespace| (namespace, "1.0"))
        .collect();
    quick(module, "rpc_modules", move |_, _| Ok(versions.clone()))
}

/// All public methods, for calls without a server.
pub(crate) fn local_methods(eth: Eth) -> Result<Methods, StartError> {
    public_methods(eth, &crate::config::NAMESPACES.map(str::to_owned))
        .map_err(|e| StartError::Internal(e.to_string()))
}

/// The answer to one request; a subscription's is the last one hears of it.
pub(crate) async fn answer(methods: &Methods, request: &str) -> String {
    match methods.raw_json_request(request, 1).await {
        Ok((response, _)) => response.get().to_owned(),
        Err(_) => {
            let (id, code) = jsonrpsee::server::prepare_error(request.as_bytes());
            let response = MethodResponse::error(id, ErrorObject::from(code));
            response.into_json().get().to_owned()
        }
    }
}

/// The methods of the authenticated server: all of them.
pub(crate) fn auth_methods(eth: Eth) -> Result<Methods, RegisterMethodError> {
    let mut engine: RpcModule<Api> = RpcModule::new(eth.api.clone());
    register_engine(&mut engine)?;
    let mut methods = public_methods(eth, &crate::config::NAMESPACES.map(str::to_owned))?;
    methods.merge(engine)?;
    Ok(methods)
}

fn register(module: &mut Module) -> Registered {
    blocks::register(module)?;
    state::register(module)?;
    simulate::register(module)?;
    fees::register(module)?;
    filters::register(module)?;
    transactions::register(module)?;
    submit::register(module)?;
    subscriptions::register(module)?;
    node::register(module)?;
    trace::register(module)?;
    witness::register(module)?;
    dump::register(module)?;
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
