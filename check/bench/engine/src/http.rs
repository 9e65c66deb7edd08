//! A client of JSON-RPC over HTTP that costs as little as possible, and floods of requests.

use crate::meter::Samples;
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A keep-alive connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Sends a whole request and answers with the body of the response.
    pub async fn exchange(&mut self, request: &[u8]) -> Vec<u8> {
        self.stream.write_all(request).await.expect("written");
        self.buffer.clear();
        loop {
            if let Some((head, length)) = head(&self.buffer) {
                while self.buffer.len() < head + length {
                    self.read().await;
                }
                return self.buffer.split_off(head);
            }
            self.read().await;
        }
    }

    async fn read(&mut self) {
        let mut part = [0; 65_536];
        let count = self.stream.read(&mut part).await.expect("readable");
        assert!(count > 0, "the server hung up");
        self.buffer.extend_from_slice(&part[..count]);
    }

    /// Calls a method and answers with its result.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let body = self.exchange(&request(method, &params, None)).await;
        let mut answer: Value = serde_json::from_slice(&body).expect("JSON");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }
}

/// Bytes of the head, and of the body that it announces.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..end]).expect("a head is text");
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    Some((end, length.expect("the length of the body")))
}

/// The bytes of a request.
pub fn request(method: &str, params: &Value, token: Option<&str>) -> Vec<u8> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let token = token.map_or(String::new(), |t| format!("authorization: Bearer {t}\r\n"));
    format!(
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{token}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends the requests in turns over that many connections for some time; answers with the requests
/// per second and with the milliseconds of each.
pub async fn flood(
    to: SocketAddr,
    requests: &[Vec<u8>],
    connections: usize,
    time: Duration,
) -> (f64, Samples) {
    let start = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|client| {
            let requests = requests.to_vec();
            tokio::spawn(async move {
                let mut connection = Connection::open(to).await;
                let mut samples = Vec::new();
                for request in requests.iter().cycle().skip(client) {
                    let sent = Instant::now();
                    if sent - start >= time {
                        break;
                    }
                    let body = connection.exchange(request).await;
                    assert!(!body.windows(7).any(|w| w == b"\"error\""), "an error");
                    samples.push(sent.elapsed());
                }
                samples
            })
        })
        .collect();
    let mut samples = Samples::default();
    for client in clients {
        for time in client.await.expect("no panic") {
            samples.push_time(time);
        }
    }
    (
        samples.len() as f64 / start.elapsed().as_secs_f64(),
        samples,
    )
}
