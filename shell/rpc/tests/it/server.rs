//! An HTTP server whose answers are a function of the test.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Response, StatusCode, Uri, header::AUTHORIZATION},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Ask {
    pub path: String,
    pub query: String,
    pub authorization: Option<String>,
    /// The body, or null.
    pub body: Value,
}

/// What the server does.
pub enum Reply {
    /// 200 with this document.
    Json(Value),
    /// This status, these headers, this body.
    Raw(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Nothing, for longer than any test waits.
    Hang,
}

type Answer = dyn Fn(&Ask) -> Reply + Send + Sync;

#[derive(Clone)]
struct Context {
    answer: Arc<Answer>,
    log: Arc<Mutex<Vec<Ask>>>,
}

pub struct Server {
    pub url: String,
    log: Arc<Mutex<Vec<Ask>>>,
}

impl Server {
    pub async fn start(answer: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        let log = Arc::default();
        let context = Context {
            answer: Arc::new(answer),
            log: Arc::clone(&log),
        };
        let app = Router::new().fallback(serve).with_state(context);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, log }
    }

    /// A JSON-RPC server: `result` gives the result of each call, or an error object.
    pub async fn json_rpc(
        result: impl Fn(&str, &Value) -> Result<Value, Value> + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |ask| json_rpc(&ask.body, &result)).await
    }

    /// Requests so far.
    pub fn asked(&self) -> Vec<Ask> {
        self.log.lock().unwrap().clone()
    }

    /// Methods of the JSON-RPC calls so far, those of batches too.
    pub fn methods(&self) -> Vec<String> {
        let calls = |ask: Ask| match ask.body {
            Value::Array(calls) => calls,
            call => vec![call],
        };
        let name = |call: Value| call["method"].as_str().unwrap_or_default().to_owned();
        self.asked().into_iter().flat_map(calls).map(name).collect()
    }
}

/// Answers one call or a batch.
pub fn json_rpc(body: &Value, result: &dyn Fn(&str, &Value) -> Result<Value, Value>) -> Reply {
    let one = |call: &Value| {
        let outcome = result(call["method"].as_str().unwrap_or_default(), &call["params"]);
        match outcome {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": call["id"], "result": result }),
            Err(error) => json!({ "jsonrpc": "2.0", "id": call["id"], "error": error }),
        }
    };
    Reply::Json(match body {
        Value::Array(calls) => calls.iter().map(one).collect(),
        call => one(call),
    })
}

async fn serve(
    State(context): State<Context>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    assert!(method == Method::GET || method == Method::POST);
    let ask = Ask {
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        authorization: headers
            .get(AUTHORIZATION)
            .map(|v| v.to_str().unwrap().to_owned()),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    context.log.lock().unwrap().push(ask.clone());
    match (context.answer)(&ask) {
        Reply::Json(value) => Response::new(Body::from(serde_json::to_vec(&value).unwrap())),
        Reply::Raw(status, headers, body) => {
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Reply::Hang => std::future::pending().await,
    }
}
