//! The RPC server: `admin_startProposer`, `admin_stopProposer`.

use crate::{config::ProposerError, worker::Command};
use jsonrpsee::{
    RpcModule,
    server::{Server, ServerHandle},
    types::ErrorObjectOwned,
};
use std::net::SocketAddr;
use tokio::sync::{mpsc, oneshot};

/// JSON-RPC code of a request that cannot be carried out now.
const SERVER_ERROR: i32 = -32000;

/// Serves on `address`; the admin methods only if `enable_admin`.
pub(crate) async fn serve(
    address: SocketAddr,
    enable_admin: bool,
    commands: mpsc::Sender<Command>,
) -> Result<(SocketAddr, ServerHandle), ProposerError> {
    let listen = |e: std::io::Error| ProposerError::Listen {
        address,
        problem: e.to_string(),
    };
    let server = Server::builder().build(address).await.map_err(listen)?;
    let bound = server.local_addr().map_err(listen)?;
    let mut module = RpcModule::new(commands);
    if enable_admin {
        type Make = fn(oneshot::Sender<Result<(), String>>) -> Command;
        let methods: [(&'static str, Make); 2] = [
            ("admin_startProposer", Command::Start),
            ("admin_stopProposer", Command::Stop),
        ];
        for (name, make) in methods {
            module
                .register_async_method(name, move |_, commands, _| async move {
                    let (answer, answered) = oneshot::channel();
                    let gone = || error("the proposer is shutting down".to_owned());
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
