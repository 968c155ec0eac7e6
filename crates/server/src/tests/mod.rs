#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod bases;
mod described;
mod door;
mod evals;
mod files;
mod listening;
mod openai;
mod schema;
mod streams;
mod tasks;
mod workbook;

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::Options;
use crate::app::{App, Phase};
use crate::routes::router;

/// A server on an empty data directory, without a socket.
struct House {
    app: Arc<App>,
    router: Router,
    phase: watch::Sender<Phase>,
    data: tempfile::TempDir,
}

/// What came back.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl House {
    fn new(options: Options) -> Self {
        let data = tempfile::tempdir().unwrap();
        let workspace =
            Arc::new(platform::Workspace::open(data.path(), platform::Access::Write).unwrap().with_folder(data.path()));
        let (phase, watched) = watch::channel(Phase::Serving);
        let app = Arc::new(App::new(workspace, options, true, watched));
        Self { router: router(Arc::clone(&app)), app, phase, data }
    }

    async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.send(request).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(to("GET", path).body(Body::empty()).unwrap()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.call(to("DELETE", path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.with_json("POST", path, body).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.with_json("PUT", path, body).await
    }

    async fn with_json(&self, method: &str, path: &str, body: Value) -> Answer {
        self.call(
            to(method, path).header("content-type", "application/json").body(Body::from(body.to_string())).unwrap(),
        )
        .await
    }
}

/// A request to this machine.
fn to(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "127.0.0.1:8080")
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The JSON of a success, which must be as `/openapi.json` says.
    fn good(&self, status: u16, schema: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        let value = self.json();
        schema::check(schema, &value);
        value
    }

    /// The code of an error, whose body must have OpenAI's shape, and whose message must hold all these.
    fn bad(&self, status: u16, code: &str, parts: &[&str]) {
        assert_eq!(self.status, status, "{}", self.text());
        let value = self.json();
        schema::check(crate::openapi::schemas::ERROR, &value);
        assert_eq!(value["error"]["code"], json!(code), "{value}");
        let message = value["error"]["message"].as_str().unwrap();
        for part in parts {
            assert!(message.contains(part), "'{part}' is not in: {message}");
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
