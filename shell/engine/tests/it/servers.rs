//! Who may talk to the servers, how much, and over what.

use crate::world::{self, Driver};
use alloy_primitives::B256;
use opal_engine::EngineConfig;
use opal_protocol::Fork;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::path::Path;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
};

fn request(method: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [] }).to_string()
}

async fn start(change: impl FnOnce(&mut EngineConfig)) -> Driver {
    let mut config = world::config(Fork::Karst);
    change(&mut config);
    Driver::start(config, Fork::Karst).await
}

fn post(url: &str, body: String) -> reqwest::RequestBuilder {
    reqwest::Client::new()
        .post(url)
        .header("content-type", "application/json")
        .body(body)
}

async fn code_of(url: &str, method: &str) -> Value {
    let answer = post(url, request(method)).send().await.unwrap();
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    answer["error"]["code"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_read_answers_only_from_allowed_origins() {
    let driver = start(|config| config.rpc_access.cors_origins = vec!["http://good".into()]).await;
    let any = start(|config| config.rpc_access.cors_origins = vec!["*".into()]).await;
    let closed = start(|_| {}).await;
    for (driver, origin, allowed) in [
        (&driver, "http://good", Some("http://good")),
        (&driver, "http://evil", None),
        (&any, "http://evil", Some("*")),
        (&closed, "http://good", None),
    ] {
        let url = driver.engine.rpc_url();
        let preflight = reqwest::Client::new()
            .request(Method::OPTIONS, &url)
            .header(header::ORIGIN, origin)
            .send()
            .await
            .unwrap();
        assert_eq!(preflight.status().is_success(), allowed.is_some());
        let answer = post(&url, request("eth_chainId")).header(header::ORIGIN, origin);
        let answer = answer.send().await.unwrap();
        assert!(answer.status().is_success());
        let found = answer.headers().get("access-control-allow-origin");
        assert_eq!(found.map(|v| v.to_str().unwrap()), allowed);
    }
    // Whoever sends no origin is no page and hears nothing of origins.
    let answer = post(&any.engine.rpc_url(), request("eth_chainId"));
    let answer = answer.send().await.unwrap();
    assert!(
        answer
            .headers()
            .get("access-control-allow-origin")
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_host_names_are_refused() {
    let driver = start(|config| config.rpc_access.vhosts = vec!["Node.Example".into()]).await;
    let url = driver.engine.rpc_url();
    let status = async |host: &str| {
        let request = post(&url, request("eth_chainId")).header(header::HOST, host);
        request.send().await.unwrap().status()
    };
    for good in [
        "node.example",
        "node.example:8545",
        "127.0.0.1:1",
        "[::1]:8545",
        "10.1.2.3",
    ] {
        assert_eq!(status(good).await, StatusCode::OK, "{good}");
    }
    for bad in [
        "evil.example",
        "localhost",
        "node.example.evil",
        "node.example:x",
    ] {
        assert_eq!(status(bad).await, StatusCode::FORBIDDEN, "{bad}");
    }
    // An empty question tells whether we live.
    let alive = reqwest::get(&url).await.unwrap();
    assert_eq!(alive.status(), StatusCode::OK);
}

/// The status line that answers a WebSocket handshake.
async fn handshake(url: &str, origin: Option<&str>) -> String {
    let addr = url.split("//").nth(1).unwrap();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let origin = origin.map_or_else(String::new, |o| format!("Origin: {o}\r\n"));
    let head = format!(
        "GET / HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{origin}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_have_origins_namespaces_and_a_port_of_their_own() {
    let driver = start(|config| {
        let access = &mut config.rpc_access;
        access.ws_addr = Some(([127, 0, 0, 1], 0).into());
        access.ws_origins = vec!["http://good".into()];
        access.http_apis = vec!["eth".into(), "nonsense".into()];
        access.ws_apis = vec!["net".into()];
    })
    .await;
    let (http, ws) = (driver.engine.rpc_url(), driver.engine.ws_url());
    assert_ne!(http.rsplit(':').next(), ws.rsplit(':').next());
    assert!(handshake(&ws, None).await.contains("101"));
    assert!(handshake(&ws, Some("http://good")).await.contains("101"));
    assert!(handshake(&ws, Some("http://evil")).await.contains("403"));
    assert!(!handshake(&http, None).await.contains("101"));
    assert_eq!(code_of(&http, "eth_chainId").await, Value::Null);
    for hidden in [
        "net_version",
        "debug_getRawHeader",
        "miner_setMaxDASize",
        "txpool_status",
    ] {
        assert_eq!(code_of(&http, hidden).await, -32601, "{hidden}");
    }
    let shared = start(|_| {}).await;
    assert!(
        handshake(&shared.engine.ws_url(), None)
            .await
            .contains("101")
    );
    assert!(
        handshake(&shared.engine.ws_url(), Some("http://evil"))
            .await
            .contains("403")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_not_flood() {
    let driver = start(|config| config.rpc.calls_per_second_max = 20).await;
    let url = driver.engine.rpc_url();
    let addr = url.split("//").nth(1).unwrap();
    // One connection by hand: a client may open a second one whenever it likes.
    let mut stream = BufReader::new(TcpStream::connect(addr).await.unwrap());
    let body = request_body();
    let post_it = format!(
        "POST / HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let started = std::time::Instant::now();
    let mut served = 0;
    for _ in 0..60 {
        stream.write_all(post_it.as_bytes()).await.unwrap();
        let (mut line, mut length) = (String::new(), 0);
        while line != "\r\n" {
            line.clear();
            assert!(stream.read_line(&mut line).await.unwrap() > 0, "hung up");
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        if answer["error"]["code"] != -32005 {
            served += 1;
        }
    }
    // The calls of the first second, and what came back since.
    let most = 20.0 + 20.0 * started.elapsed().as_secs_f64();
    assert!(
        f64::from(served) <= most,
        "{served} of 60 served, {most} allowed"
    );
    assert!(served >= 20, "{served} of 60 served");
    // Another connection is not concerned, but a batch counts all its calls.
    let batch: Vec<Value> = (0..21)
        .map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_chainId" }))
        .collect();
    let of = async |count: usize| {
        let answer = post(&url, json!(batch[..count]).to_string()).send().await;
        let text = answer.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(of(20).await.as_array().unwrap().len(), 20);
    assert_eq!(of(21).await["error"]["code"], -32005);
}

fn request_body() -> String {
    request("eth_blockNumber")
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_nesting_have_limits() {
    let driver = start(|config| config.rpc.request_bytes_max = 100_000).await;
    let url = driver.engine.rpc_url();
    let large = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"web3_sha3","params":["0x{}"]}}"#,
        "00".repeat(60_000)
    );
    let answer = post(&url, large).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    for text in [
        "[".repeat(50_000),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"eth_call","params":{}{}}}"#,
            "[".repeat(9_000),
            "]".repeat(9_000)
        ),
        format!("{}1{}", r#"{"a":"#.repeat(9_000), "}".repeat(9_000)),
        "\u{0}".to_owned(),
        "nul".to_owned(),
        r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{"a":1}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":"0x"}"#.to_owned(),
    ] {
        let answer = post(&url, text.clone()).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let code = answer["error"]["code"].as_i64().unwrap_or_default();
        assert!(
            [-32700, -32600, -32602].contains(&code),
            "{answer}: {}",
            &text[..text.len().min(80)]
        );
    }
    assert_eq!(code_of(&url, "eth_chainId").await, Value::Null, "it lives");
}

/// A client of the IPC server.
struct Ipc {
    reader: BufReader<tokio::net::unix::OwnedReadHalf>,
    writer: tokio::net::unix::OwnedWriteHalf,
}

impl Ipc {
    async fn connect(path: &Path) -> Self {
        let (reader, writer) = UnixStream::connect(path).await.unwrap().into_split();
        Self {
            reader: BufReader::new(reader),
            writer,
        }
    }

    async fn send(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let mut line = String::new();
        self.reader.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap_or(Value::Null)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_of_local_processes_speaks_as_geths_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sub").join("opal.ipc");
    let with_ipc = |config: &mut EngineConfig| {
        config.rpc_access.ipc_path = Some(path.clone());
        config.rpc_access.http = false;
        config.rpc.request_bytes_max = 50_000;
    };
    let mut driver = start(with_ipc).await;
    assert_eq!(driver.engine.rpc_url(), "");
    let mut ipc = Ipc::connect(&path).await;
    // Two values at once, the second cut in the middle.
    let one = request("eth_chainId");
    let two = request("net_version").replace("\"id\":1", "\"id\":2");
    ipc.send(&format!("{one}\n {}", &two[..20])).await;
    assert_eq!(
        ipc.next().await["result"],
        format!("{:#x}", world::CHAIN_ID)
    );
    ipc.send(&two[20..]).await;
    assert_eq!(
        ipc.next().await,
        json!({ "jsonrpc": "2.0", "id": 2, "result": world::CHAIN_ID.to_string() })
    );
    ipc.send(&format!("[{one},{two},7]")).await;
    assert_eq!(ipc.next().await.as_array().unwrap().len(), 3);
    ipc.send("[]").await;
    assert_eq!(ipc.next().await["error"]["code"], -32600);
    ipc.send(&request("eth_nothing")).await;
    assert_eq!(ipc.next().await["error"]["code"], -32601);
    // A subscription, and its end.
    ipc.send(r#"{"jsonrpc":"2.0","id":3,"method":"eth_subscribe","params":["newHeads"]}"#)
        .await;
    let subscription = ipc.next().await["result"].clone();
    driver.build().await;
    let head = ipc.next().await;
    assert_eq!(head["params"]["subscription"], subscription);
    assert_eq!(head["params"]["result"]["hash"], json!(driver.head));
    ipc.send(&json!({ "jsonrpc": "2.0", "id": 4, "method": "eth_unsubscribe", "params": [subscription] }).to_string()).await;
    assert_eq!(ipc.next().await["result"], true);
    driver.build().await;
    ipc.send(&request("eth_blockNumber")).await;
    assert_eq!(ipc.next().await["result"], "0x2", "no more heads");
    // Garbage and messages without end close the connection, after saying why.
    for garbage in ["hello".to_owned(), format!("[{}", "1,".repeat(30_000))] {
        let mut ipc = Ipc::connect(&path).await;
        ipc.writer.write_all(garbage.as_bytes()).await.ok();
        assert!(ipc.next().await["error"]["code"].is_i64());
        assert_eq!(ipc.reader.read(&mut [0; 8]).await.unwrap_or(0), 0);
    }
    let mut config = world::config(Fork::Karst);
    with_ipc(&mut config);
    assert!(
        opal_engine::Engine::start(config).await.is_err(),
        "somebody listens there"
    );
    driver.engine.shutdown().await;
    assert!(!path.exists());
    // A socket that a killed process left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let again = start(with_ipc).await;
    let mut ipc = Ipc::connect(&path).await;
    ipc.send(&request("eth_blockNumber")).await;
    assert_eq!(ipc.next().await["result"], "0x0");
    again.engine.shutdown().await;
    assert_ne!(again.head, B256::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn local_processes_may_not_flood_either() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("opal.ipc");
    let _driver = start(|config| {
        config.rpc_access.ipc_path = Some(path.clone());
        config.rpc.calls_per_second_max = 2;
    })
    .await;
    let mut ipc = Ipc::connect(&path).await;
    let good = request("eth_chainId");
    ipc.send(&format!("[{good},{good},{good}]")).await;
    assert_eq!(ipc.next().await["error"]["code"], -32005, "three at once");
    ipc.send(&format!("[{good},{good}]")).await;
    assert_eq!(ipc.next().await.as_array().unwrap().len(), 2);
    ipc.send(&good.repeat(3)).await;
    let mut refused = 0;
    for _ in 0..3 {
        refused += usize::from(ipc.next().await["error"]["code"] == -32005);
    }
    assert!(refused > 0, "the bucket was empty");
    let mut another = Ipc::connect(&path).await;
    another.send(&good).await;
    assert!(another.next().await["result"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_over_the_socket_and_the_cache_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("opal.ipc");
    let mut driver = start(|config| {
        config.rpc_access.ipc_path = Some(path.clone());
        config.metrics_addr = Some(([127, 0, 0, 1], 0).into());
    })
    .await;
    let url = driver.engine.metrics_url().unwrap();
    let page = async || {
        let page = reqwest::get(&url).await.unwrap();
        page.text().await.unwrap()
    };
    let value = |page: &str, name: &str| -> Option<u64> {
        let line = page.lines().find(|l| l.starts_with(name))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    let before = page().await;
    assert_eq!(value(&before, "state_cache_hits_total"), Some(0));
    let mut ipc = Ipc::connect(&path).await;
    let good = request("eth_chainId");
    for message in [
        good.clone(),
        format!("[{good},{good}]"),
        request("eth_getBalance"),
        request("eth_nothing"),
        r#"{"id":1}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":3,"method":"eth_subscribe","params":["newHeads"]}"#.to_owned(),
    ] {
        ipc.send(&message).await;
        ipc.next().await;
    }
    for _ in 0..3 {
        driver.build().await;
    }
    let after = page().await;
    let count = |method: &str| {
        let calls = format!("rpc_duration_seconds_count{{method=\"{method}\"}}");
        let failures = format!("rpc_failure_total{{method=\"{method}\"}}");
        (value(&after, &calls), value(&after, &failures))
    };
    assert_eq!(count("eth_chainId"), (Some(3), Some(0)));
    assert_eq!(count("eth_getBalance"), (Some(1), Some(1)));
    assert_eq!(count("unknown"), (Some(2), Some(2)));
    assert_eq!(count("eth_subscribe"), (Some(1), Some(0)));
    assert!(value(&after, "state_cache_hits_total") > Some(0), "{after}");
    assert!(value(&after, "state_cache_misses_total") > Some(0));
    assert!(value(&after, "state_cache_entries") > Some(0));
}
