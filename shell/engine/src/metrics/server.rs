//! The server of the metrics: two paths, one page.

use super::page;
use crate::{engine::StartError, engine_api::Api};
use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::watch;

/// Longest wait for requests under way when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A metrics server that listens.
#[derive(Clone, Debug)]
pub(crate) struct MetricsServer {
    pub(crate) addr: SocketAddr,
    stop: Arc<watch::Sender<bool>>,
}

impl MetricsServer {
    /// Stops listening and waits a little for requests under way.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        let _ = tokio::time::timeout(STOP_TIMEOUT, self.stop.closed()).await;
    }
}

/// Serves the metrics of `api` at `addr`.
pub(crate) async fn serve(api: Api, addr: SocketAddr) -> Result<MetricsServer, StartError> {
    let failed = |source| StartError::Listen { addr, source };
    let listener = tokio::net::TcpListener::bind(addr).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let answer = move || {
        let api = api.clone();
        async move {
            // Heights of safe and finalized blocks may have to be read from disk.
            let text = tokio::task::spawn_blocking(move || page(&api)).await;
            let kind = [(CONTENT_TYPE, "text/plain; version=0.0.4")];
            (kind, text.unwrap_or_default())
        }
    };
    let router = Router::new()
        .route("/metrics", get(answer.clone()))
        .route("/debug/metrics/prometheus", get(answer));
    let (stop, mut stopped) = watch::channel(false);
    tokio::spawn(async move {
        let signal = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        // An error ends a connection, never the server.
        let _ = axum::serve(listener, router)
            .with_graceful_shutdown(signal)
            .await;
    });
    Ok(MetricsServer {
        addr,
        stop: Arc::new(stop),
    })
}
