//! The IPC server: JSON-RPC over a Unix socket, one JSON value after the other.
//!
//! In: bytes of local processes that may open the socket's file. Out: one line per answer or
//! notification, in the order they are ready. Invariants: a message larger than the limit, or
//! bytes that cannot begin one, end the connection; subscriptions end with it.

use super::{
    error::limit_exceeded,
    front::{Callee, Front},
    server::HexIds,
    throttle::Throttle,
};
use crate::{config::RpcLimits, engine::StartError};
use jsonrpsee::{
    Extensions, MethodResponse, Methods,
    core::middleware::{Batch, BatchEntry, BatchEntryErr, RpcServiceT},
    server::{
        BoundedSubscriptions, ConnectionId, IdProvider, MethodCallback, MethodSink,
        SubscriptionState,
    },
    types::{ErrorCode, ErrorObject, Id, Params, Request},
};
use serde_json::value::RawValue;
use std::{
    io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc, watch},
};
use tower::Layer;
use tracing::{debug, info};

/// Messages of one connection that are worked on at once.
const CALLS_AT_ONCE: usize = 16;
/// Answers and notifications that wait for a slow reader.
const ANSWERS_MAX: usize = 256;
/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Who may open the socket: its owner.
const SOCKET_MODE: u32 = 0o600;

/// A server that listens. It removes its file when it stops.
#[derive(Clone, Debug)]
pub(crate) struct IpcServer {
    path: PathBuf,
    stop: Arc<watch::Sender<bool>>,
}

impl IpcServer {
    /// Stops listening and closes every connection.
    pub(crate) fn stop(&self) {
        if !self.stop.send_replace(true) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Listens at `path`, in place of a socket that a process left behind.
pub(crate) fn start(
    path: &Path,
    methods: Methods,
    limits: RpcLimits,
    front: Front,
) -> Result<IpcServer, StartError> {
    let failed = |source| StartError::Ipc {
        path: path.to_path_buf(),
        source,
    };
    let listener = bind(path).map_err(failed)?;
    let (stop, stopped) = watch::channel(false);
    let server = Arc::new(Shared {
        front,
        methods,
        limits,
        ids: HexIds::default(),
    });
    tokio::spawn(accept(listener, server, stopped));
    info!(path = %path.display(), "IPC server is listening");
    Ok(IpcServer {
        path: path.to_path_buf(),
        stop: Arc::new(stop),
    })
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "a file that is no socket is in the way",
            ));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

async fn accept(listener: UnixListener, server: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let connections = Arc::new(Semaphore::new(server.limits.connections_max as usize));
    for number in 0.. {
        let accepted = tokio::select! {
            _ = stopped.changed() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                debug!(%error, "IPC connection failed");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(permit) = connections.clone().try_acquire_owned() else {
            continue;
        };
        let (server, mut stopped) = (server.clone(), stopped.clone());
        tokio::spawn(async move {
            let _permit = permit;
            tokio::select! {
                _ = stopped.changed() => {}
                () = serve(stream, ConnectionId(number), server) => {}
            }
        });
    }
}

#[derive(Debug)]
struct Shared {
    front: Front,
    methods: Methods,
    limits: RpcLimits,
    ids: HexIds,
}

/// What the calls of one connection share.
#[derive(Clone)]
struct Connection {
    id: ConnectionId,
    server: Arc<Shared>,
    sink: MethodSink,
    answers: mpsc::Sender<Box<RawValue>>,
    subscriptions: BoundedSubscriptions,
    throttle: Option<Throttle>,
}

async fn serve(stream: UnixStream, id: ConnectionId, server: Arc<Shared>) {
    let (mut reader, mut writer) = stream.into_split();
    let (answers, mut outbox) = mpsc::channel::<Box<RawValue>>(ANSWERS_MAX);
    let limits = server.limits;
    let connection = Connection {
        id,
        server,
        sink: MethodSink::new_with_limit(answers.clone(), limits.response_bytes_max),
        answers,
        subscriptions: BoundedSubscriptions::new(limits.subscriptions_max),
        throttle: Throttle::new(limits.calls_per_second_max),
    };
    let write = async {
        while let Some(answer) = outbox.recv().await {
            let line = [answer.get().as_bytes(), b"\n"].concat();
            if writer.write_all(&line).await.is_err() {
                return;
            }
        }
    };
    let read = async {
        let calls = Arc::new(Semaphore::new(CALLS_AT_ONCE));
        let (mut buffer, mut frames) = (Vec::new(), Frames::default());
        loop {
            buffer.reserve(READ_BYTES);
            match reader.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            loop {
                match frames.next(&buffer) {
                    Ok(Some(end)) => {
                        let rest = buffer.split_off(end);
                        let message = std::mem::replace(&mut buffer, rest);
                        let Ok(permit) = calls.clone().acquire_owned().await else {
                            return;
                        };
                        let connection = connection.clone();
                        tokio::spawn(async move {
                            connection.answer(&message).await;
                            drop(permit);
                        });
                    }
                    Ok(None) if buffer.len() > limits.request_bytes_max as usize => {
                        let most = limits.request_bytes_max;
                        let problem = limit_exceeded(format!("a message has at most {most} bytes"));
                        connection
                            .reply(MethodResponse::error(Id::Null, problem))
                            .await;
                        return;
                    }
                    Ok(None) => break,
                    Err(NotJson) => {
                        let problem = ErrorObject::from(ErrorCode::ParseError);
                        connection
                            .reply(MethodResponse::error(Id::Null, problem))
                            .await;
                        return;
                    }
                }
            }
        }
        // Whoever closed only its own direction still gets what it asked for.
        let _ = calls.acquire_many(CALLS_AT_ONCE as u32).await;
    };
    tokio::select! {
        () = write => {}
        () = read => while let Ok(answer) = outbox.try_recv() {
            let line = [answer.get().as_bytes(), b"\n"].concat();
            if writer.write_all(&line).await.is_err() {
                return;
            }
        },
    }
}

/// What a message asks for.
enum Asked<'a> {
    Call(Request<'a>),
    Batch(Batch<'a>),
    Nothing,
}

impl Connection {
    async fn answer(&self, message: &[u8]) {
        let front = &self.server.front;
        let methods = front.layer(self.clone());
        let response = match self.read(message.trim_ascii_start()) {
            Ok(Asked::Call(call)) => methods.call(call).await,
            Ok(Asked::Batch(batch)) => methods.batch(batch).await,
            Ok(Asked::Nothing) => return,
            Err(problem) => {
                front.count_garbage();
                problem
            }
        };
        // A subscription's answer has gone through the sink, before its first message.
        if !response.is_notification() && !response.is_subscription() {
            self.reply(response).await;
        }
    }

    fn read<'a>(&self, message: &'a [u8]) -> Result<Asked<'a>, MethodResponse> {
        if message.first() == Some(&b'{') {
            return match self.entry(message) {
                Ok(BatchEntry::Call(call)) => Ok(Asked::Call(call)),
                Ok(_) => Ok(Asked::Nothing),
                Err(garbage) => {
                    let (problem, id) = garbage.into_parts();
                    Err(MethodResponse::error(id, problem))
                }
            };
        }
        let refused = |problem| Err(MethodResponse::error(Id::Null, problem));
        let most = self.server.limits.batch_max as usize;
        match serde_json::from_slice::<Vec<&RawValue>>(message) {
            Err(_) => refused(ErrorObject::from(ErrorCode::ParseError)),
            Ok(calls) if calls.is_empty() => refused(ErrorObject::from(ErrorCode::InvalidRequest)),
            Ok(calls) if calls.len() > most => {
                refused(jsonrpsee::types::error::reject_too_big_batch_request(most))
            }
            Ok(calls) => {
                let entries = calls
                    .into_iter()
                    .map(|call| self.entry(call.get().as_bytes()));
                Ok(Asked::Batch(Batch::from(entries.collect())))
            }
        }
    }

    /// One message that is no batch, with the connection's throttle beside it.
    fn entry<'a>(&self, message: &'a [u8]) -> Result<BatchEntry<'a>, BatchEntryErr<'a>> {
        if let Ok(mut request) = serde_json::from_slice::<Request<'_>>(message) {
            if let Some(throttle) = &self.throttle {
                request.extensions_mut().insert(throttle.clone());
            }
            return Ok(BatchEntry::Call(request));
        }
        if let Ok(notification) = serde_json::from_slice(message) {
            return Ok(BatchEntry::Notification(notification));
        }
        let (id, code) = jsonrpsee::server::prepare_error(message);
        Err(BatchEntryErr::new(id, code.into()))
    }

    async fn reply(&self, response: MethodResponse) {
        let success = response.is_success();
        let (json, notify, _) = response.into_parts();
        let sent = self.answers.send(json).await.is_ok();
        if let Some(notify) = notify {
            notify.notify(success && sent);
        }
    }
}

impl Callee for Connection {
    async fn call(&self, request: Request<'_>) -> MethodResponse {
        let Request {
            id, method, params, ..
        } = request;
        let extensions = Extensions::new();
        let params = Params::new(params.as_ref().map(|p| p.get()));
        let most = self.server.limits.response_bytes_max as usize;
        let found = self.server.methods.method_with_name(&method);
        let Some((_, callback)) = found else {
            return MethodResponse::error(id, ErrorObject::from(ErrorCode::MethodNotFound));
        };
        match callback {
            MethodCallback::Sync(call) => call(id, params, most, extensions),
            MethodCallback::Async(call) => {
                let (id, params) = (id.into_owned(), params.into_owned());
                call(id, params, self.id, most, extensions).await
            }
            MethodCallback::Unsubscription(call) => call(id, params, self.id, most, extensions),
            MethodCallback::Subscription(call) => {
                let Some(subscription_permit) = self.subscriptions.acquire() else {
                    let most = self.subscriptions.max();
                    let problem = jsonrpsee::types::error::reject_too_many_subscriptions(most);
                    return MethodResponse::error(id, problem);
                };
                let ids: &dyn IdProvider = &self.server.ids;
                let state = SubscriptionState {
                    conn_id: self.id,
                    id_provider: ids,
                    subscription_permit,
                };
                call(id, params, self.sink.clone(), state, extensions).await
            }
        }
    }
}

/// Bytes that begin no JSON object or array.
#[derive(Debug, PartialEq, Eq)]
struct NotJson;

/// Where JSON values end in a stream, without understanding more of them than that.
#[derive(Debug, Default)]
struct Frames {
    /// Bytes looked at.
    seen: usize,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Frames {
    /// The end of the first whole value in `buffer`, which begins where the last one ended.
    fn next(&mut self, buffer: &[u8]) -> Result<Option<usize>, NotJson> {
        for (index, byte) in buffer.iter().enumerate().skip(self.seen) {
            self.seen = index.saturating_add(1);
            if self.in_string {
                if self.escaped {
                    self.escaped = false;
                } else if *byte == b'\\' {
                    self.escaped = true;
                } else if *byte == b'"' {
                    self.in_string = false;
                }
                continue;
            }
            match byte {
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                _ if self.depth == 0 && byte.is_ascii_whitespace() => {}
                _ if self.depth == 0 => return Err(NotJson),
                b'"' => self.in_string = true,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Ok(Some(std::mem::take(&mut self.seen)));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_they_end() {
        let text = br#" {"a":"}\"]"}[1,[2]]{"#;
        let (mut frames, mut rest) = (Frames::default(), &text[..]);
        let mut found = Vec::new();
        while let Some(end) = frames.next(rest).unwrap() {
            found.push(&rest[..end]);
            rest = &rest[end..];
        }
        assert_eq!(found, [&br#" {"a":"}\"]"}"#[..], &b"[1,[2]]"[..]]);
        assert_eq!(frames.next(b"{ ").unwrap(), None, "it is open");
        assert_eq!(frames.next(b"{ }").unwrap(), Some(3));
        assert_eq!(Frames::default().next(b"x"), Err(NotJson));
        // Byte by byte it is the same.
        let mut frames = Frames::default();
        for end in 1..13 {
            assert_eq!(frames.next(&text[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(frames.next(&text[..13]).unwrap(), Some(13));
    }
}
