//! The RPC server: `admin_startBatcher`, `admin_stopBatcher`, `admin_flushBatcher`.

use crate::{config::BatcherError, service::Commands, worker::Command};
use jsonrpsee::{
    RpcModule,
    server::{Server, ServerHandle},
    types::ErrorObjectOwned,
};
use std::net::SocketAddr;
use tokio::sync::oneshot;

/// JSON-RPC code of a request that cannot be carried out now.
const SERVER_ERROR: i32 = -32000;

/// Serves on `address`; the admin methods only if `enable_admin`.
pub(crate) async fn serve(
    address: SocketAddr,
    enable_admin: bool,
    commands: Commands,
) -> Result<(SocketAddr, ServerHandle), BatcherError> {
    let listen = |e: std::io::Error| BatcherError::Listen {
        address,
        problem: e.to_string(),
    };
    let server = Server::builder().build(address).await.map_err(listen)?;
    let bound = server.local_addr().map_err(listen)?;
    let mut module = RpcModule::new(commands);
    if enable_admin {
        type Make = fn(oneshot::Sender<Result<(), String>>) -> Command;
        let methods: [(&'static str, Make); 3] = [
            ("admin_startBatcher", Command::Start),
            ("admin_stopBatcher", Command::Stop),
            ("admin_flushBatcher", Command::Flush),
        ];
        for (name, make) in methods {
            module
                .register_async_method(name, move |_, commands, _| async move {
                    let (answer, answered) = oneshot::channel();
                    let gone = || error("the batcher is shutting down".to_owned());
                    commands.send(make(answer)).await.map_err(|_| gone())?;
                    answered.await.map_err(|_| gone())?.map_err(error)
                })
                .expect("the names differ");
        }
    }
    Ok((bound, server.start(module)))
}

fn error(message: String) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(SERVER_ERROR, message, None::<()>)
}
