//! What every request meets.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::{House, to};
use crate::{Limits, Options};

#[tokio::test]
async fn health_needs_nothing() {
    let house = House::new(Options::default());
    let answer = house.get("/healthz").await;
    let body = answer.good(200, "Health");
    assert_eq!(body, json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}));
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_named() {
    let house = House::new(Options::default());
    house.get("/v1/nothing").await.bad(404, "unknown_url", &["GET /v1/nothing", "/openapi.json"]);
    house.get("/nothing").await.bad(404, "unknown_url", &["/nothing"]);
    house.post("/v1/nothing", json!({})).await.bad(404, "unknown_url", &["POST"]);
    let html = to("GET", "/v1/nothing").header("accept", "text/html").body(Body::empty()).unwrap();
    house.call(html).await.bad(404, "unknown_url", &[]);
    for (method, path, allowed) in [
        ("GET", "/v1/chat/completions", &["POST"][..]),
        ("DELETE", "/v1/models/kb/sample", &["GET"]),
        ("PUT", "/v1/knowledge_bases/a/documents", &["GET", "POST", "DELETE"]),
    ] {
        let answer = house.call(to(method, path).body(Body::empty()).unwrap()).await;
        answer.bad(405, "method_not_allowed", &[method, path]);
        for method in allowed {
            assert!(answer.header("allow").contains(method), "{path}: {}", answer.header("allow"));
        }
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_are_said_to_be_none() {
    let house = House::new(Options::default());
    let path = "/v1/chat/completions";
    let send = |kind: Option<&str>, body: &str| {
        let mut request = to("POST", path);
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        house.call(request.body(Body::from(body.to_owned())).unwrap())
    };
    send(Some("text/plain"), "{}").await.bad(415, "unsupported_media_type", &["text/plain", "application/json"]);
    send(Some("application/x-www-form-urlencoded"), "{}").await.bad(415, "unsupported_media_type", &["form"]);
    send(None, "{}").await.bad(415, "unsupported_media_type", &["Content-Type"]);
    send(Some("application/json"), "{\n \"a\": }").await.bad(400, "invalid_json", &["line 2 column 7"]);
    send(Some("application/json; charset=utf-8"), "").await.bad(400, "invalid_json", &["empty"]);
    send(Some("application/vnd.api+json"), "[]").await.bad(400, "invalid_type", &["JSON object"]);
    send(Some("application/json"), &"[".repeat(100_000)).await.bad(400, "invalid_json", &["recursion"]);
    send(Some("application/json"), "{\"model\": \"\u{0}\"}").await.bad(400, "invalid_json", &["control character"]);
}

#[tokio::test]
async fn the_limit_of_a_body_is_named() {
    let limits = Limits { json_bytes: 1000, ..Limits::default() };
    let house = House::new(Options { limits, ..Options::default() });
    let fits = json!({"text": "x".repeat(900)});
    house.post("/tokenize", fits).await.bad(404, "model_not_found", &[]);
    let large = json!({"text": "x".repeat(1000)}).to_string();
    house.post("/tokenize", json!({"text": "x".repeat(1000)})).await.bad(413, "request_too_large", &["1000 bytes"]);
    // Its size is not known before it has come.
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
        large.as_bytes().chunks(100).map(|piece| Ok(piece.to_vec())).collect();
    let body = Body::from_stream(futures_util::stream::iter(pieces));
    let request = to("POST", "/tokenize").header("content-type", "application/json").body(body).unwrap();
    house.call(request).await.bad(413, "request_too_large", &["1000 bytes"]);
    let usual = House::new(Options::default());
    let request = to("POST", "/tokenize").header("content-type", "application/json");
    let answer = usual.call(request.body(Body::from(vec![b' '; (32 << 20) + 1])).unwrap()).await;
    answer.bad(413, "request_too_large", &["32 MB"]);
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let limits = Limits { stall: std::time::Duration::from_millis(100), ..Limits::default() };
    let house = House::new(Options { limits, ..Options::default() });
    let body = Body::from_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request = to("POST", "/tokenize").header("content-type", "application/json").body(body).unwrap();
    house.call(request).await.bad(408, "request_timeout", &["again"]);
}

#[tokio::test]
async fn names_of_other_machines_are_refused() {
    let house = House::new(Options::default());
    for (host, allowed) in [
        ("localhost:8080", true),
        ("[::1]:8080", true),
        ("127.0.0.2", true),
        ("evil.com", false),
        ("evil.com:8080", false),
        ("10.0.0.1", false),
    ] {
        let request = Request::builder().uri("/v1/models").header("host", host).body(Body::empty()).unwrap();
        let answer = house.call(request).await;
        if allowed {
            answer.good(200, "Models");
        } else {
            answer.bad(403, "host_not_allowed", &[host, "localhost"]);
        }
    }
    let absolute =
        Request::builder().uri("http://evil.com/healthz").header("host", "localhost").body(Body::empty()).unwrap();
    house.call(absolute).await.bad(403, "host_not_allowed", &["evil.com"]);
    let nameless = Request::builder().uri("/healthz").body(Body::empty()).unwrap();
    house.call(nameless).await.bad(400, "missing_host", &["Host"]);
}

#[tokio::test]
async fn pages_of_other_sites_are_refused_and_no_cors_header_is_sent() {
    let house = House::new(Options::default());
    for (origin, allowed) in [
        ("http://localhost:5173", true),
        ("http://127.0.0.1:8080", true),
        ("https://evil.com", false),
        ("http://127.0.0.1.evil.com", false),
        ("null", false),
        ("chrome-extension://abcdef", false),
    ] {
        let request = to("GET", "/healthz").header("origin", origin).body(Body::empty()).unwrap();
        let answer = house.call(request).await;
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{origin}");
        if allowed {
            answer.good(200, "Health");
        } else {
            answer.bad(403, "origin_not_allowed", &[origin]);
        }
    }
}

#[tokio::test]
async fn a_key_is_asked_for_where_there_is_something_to_protect() {
    let house = House::new(Options { api_key: Some("secret".to_owned()), ..Options::default() });
    house.get("/healthz").await.good(200, "Health");
    for path in ["/v1/models", "/v1/info", "/v1/nothing", "/metrics"] {
        let answer = house.get(path).await;
        answer.bad(401, "invalid_api_key", &["Authorization: Bearer KEY"]);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    house.post("/tokenize", json!({"text": "a"})).await.bad(401, "invalid_api_key", &[]);
    for (given, allowed) in [
        ("Bearer secret", true),
        ("bearer secret", true),
        ("Bearer secre", false),
        ("Bearer secrets", false),
        ("Bearer ", false),
        ("Basic secret", false),
        ("secret", false),
    ] {
        let request = to("GET", "/v1/models").header("authorization", given).body(Body::empty()).unwrap();
        assert_eq!(house.call(request).await.status.is_success(), allowed, "{given}");
    }
    let empty = House::new(Options { api_key: Some(" ".to_owned()), ..Options::default() });
    empty.get("/v1/models").await.good(200, "Models");
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_headers_that_protect() {
    let house = House::new(Options::default());
    for path in ["/healthz", "/nothing", "/"] {
        let answer = house.get(path).await;
        assert!(answer.header("x-request-id").starts_with("req-"), "{path}");
        assert!(answer.header("openai-processing-ms").parse::<u64>().is_ok());
        assert!(answer.header("content-security-policy").contains("default-src 'self'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    let (first, second) = (house.get("/healthz").await, house.get("/healthz").await);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    let own = to("GET", "/healthz").header("x-request-id", "mine-7").body(Body::empty()).unwrap();
    assert_eq!(house.call(own).await.header("x-request-id"), "mine-7");
    let long = to("GET", "/healthz").header("x-request-id", "x".repeat(129)).body(Body::empty()).unwrap();
    assert!(house.call(long).await.header("x-request-id").starts_with("req-"));
}

#[tokio::test]
async fn the_page_is_served_or_said_not_to_be_built() {
    let house = House::new(Options::default());
    let page = |method: &str, path: &str| {
        house.call(to(method, path).header("accept", "text/html,*/*").body(Body::empty()).unwrap())
    };
    let index = page("GET", "/").await;
    assert!(index.header("content-type").starts_with("text/html"), "{}", index.header("content-type"));
    for path in ["/knowledge/a", "/models"] {
        assert_eq!(page("GET", path).await.body, index.body, "{path}: the page's own paths are its own to draw");
    }
    if index.status == 404 {
        assert!(index.text().contains("make build"), "{}", index.text());
    } else {
        assert_eq!(index.header("cache-control"), "no-cache");
        let again = to("GET", "/").header("if-none-match", index.header("etag")).body(Body::empty()).unwrap();
        let again = house.call(again).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
        let text = index.text();
        let script = text.split('"').find(|part| part.starts_with("/assets/") && part.ends_with(".js")).unwrap();
        let script = house.get(script).await;
        assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
        assert!(script.header("cache-control").contains("immutable"));
    }
    page("GET", "/assets/none.js").await.bad(404, "unknown_url", &["/assets/none.js"]);
    page("POST", "/knowledge").await.bad(405, "method_not_allowed", &["POST"]);
}

#[tokio::test]
async fn more_requests_than_there_are_places_are_told_to_come_again() {
    let limits = Limits { in_flight: 1, ..Limits::default() };
    let house = House::new(Options { limits, ..Options::default() });
    house.post("/v1/knowledge_bases", json!({"name": "a"})).await.good(201, "KnowledgeBase");
    let stream = house.send(to("GET", "/v1/knowledge_bases/a/progress").body(Body::empty()).unwrap()).await;
    assert_eq!(stream.status(), 200);
    let refused = house.get("/v1/models").await;
    refused.bad(429, "queue_full", &["1 requests"]);
    assert_eq!(refused.header("retry-after"), "1");
    house.get("/healthz").await.good(200, "Health");
    drop(stream);
    house.get("/v1/models").await.good(200, "Models");
}

#[tokio::test]
async fn figures_count_what_happened() {
    let house = House::new(Options::default());
    house.get("/v1/models").await;
    house.get("/v1/whatever/1").await;
    house.get("/v1/whatever/2").await;
    let answer = house.get("/metrics").await;
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = answer.text();
    for line in [
        "sumeru_http_requests_total{method=\"GET\",route=\"/v1/models\",status=\"200\"} 1",
        "sumeru_http_requests_total{method=\"GET\",route=\"other\",status=\"404\"} 2",
        "sumeru_http_requests_in_flight 1",
        "sumeru_prompt_tokens_total 0",
    ] {
        assert!(text.lines().any(|got| got == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("process_resident_memory_bytes "), "{text}");
    assert!(!text.contains("whatever"), "what callers write is no label");
}
