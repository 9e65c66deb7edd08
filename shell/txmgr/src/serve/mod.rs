//! What a service that sends shows its operator: an RPC server with admin methods, and a page of
//! metrics.
//!
//! In: commands by name, and figures. Out: commands into the service's loop, whose answers go back
//! to whoever asked, and text for Prometheus.

mod page;

pub use page::Page;

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use jsonrpsee::{
    RpcModule,
    server::{Server, ServerHandle},
    types::ErrorObjectOwned,
};
use std::{io, net::SocketAddr};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
};

/// JSON-RPC code of a request that cannot be carried out now.
const SERVER_ERROR: i32 = -32000;

/// Where the outcome of a command goes.
pub type Answer = oneshot::Sender<Result<(), String>>;

/// Name of an admin method, and the command that it stands for.
pub type AdminMethod<C> = (&'static str, fn(Answer) -> C);

/// A server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: {problem}; is the service running already, or the port taken?"
)]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// The system's words.
    pub problem: String,
}

impl ListenError {
    fn at(address: SocketAddr) -> impl Fn(io::Error) -> Self {
        move |error| Self {
            address,
            problem: error.to_string(),
        }
    }
}

/// The RPC server of a service; cheap to clone.
#[derive(Clone, Debug)]
pub struct AdminServer {
    address: SocketAddr,
    handle: ServerHandle,
}

impl AdminServer {
    /// Serves `methods` at `address`: each sends its command and waits for the answer. Without
    /// methods the server is there and knows none.
    pub async fn start<C: Send + 'static>(
        address: SocketAddr,
        methods: &[AdminMethod<C>],
        commands: mpsc::Sender<C>,
    ) -> Result<Self, ListenError> {
        let listen = ListenError::at(address);
        let server = Server::builder().build(address).await.map_err(&listen)?;
        let address = server.local_addr().map_err(listen)?;
        let mut module = RpcModule::new(commands);
        for (name, make) in methods {
            let make = *make;
            module
                .register_async_method(name, move |_, commands, _| async move {
                    let (answer, answered) = oneshot::channel();
                    let gone = || error("the service is shutting down".to_owned());
                    commands.send(make(answer)).await.map_err(|_| gone())?;
                    answered.await.map_err(|_| gone())?.map_err(error)
                })
                .expect("the names differ");
        }
        Ok(Self {
            address,
            handle: server.start(module),
        })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops; returns when it has.
    pub async fn shutdown(&self) {
        // An error means that it has stopped already.
        let _ = self.handle.stop();
        self.handle.clone().stopped().await;
    }
}

/// Serves a page of metrics at `address` until `stop`; where it listens.
pub async fn serve_metrics(
    address: SocketAddr,
    page: impl Fn() -> String + Clone + Send + Sync + 'static,
    mut stop: watch::Receiver<bool>,
) -> Result<SocketAddr, ListenError> {
    let listen = ListenError::at(address);
    let listener = TcpListener::bind(address).await.map_err(&listen)?;
    let bound = listener.local_addr().map_err(listen)?;
    let page = move || {
        let text = page();
        async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text) }
    };
    let router = Router::new()
        .route("/", get(page.clone()))
        .route("/metrics", get(page));
    tokio::spawn(async move {
        let signal = async move {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        // An error ends a connection, never the server.
        let _ = axum::serve(listener, router)
            .with_graceful_shutdown(signal)
            .await;
    });
    Ok(bound)
}

fn error(message: String) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(SERVER_ERROR, message, None::<()>)
}
