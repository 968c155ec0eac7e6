//! What every request meets: its id, where it may come from, the key, the number under way, the headers of its answer.

use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Error;
use futures_util::StreamExt;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::failure::Failure;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROCESSING: HeaderName = HeaderName::from_static("openai-processing-ms");

/// On every answer. The page gets everything from this server and may be shown in no other; it talks to nobody else.
const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// Lets a request in or not, and sees it out.
pub(crate) async fn pass(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let seen = Seen::new(&app, &request, started);
    let mut response = match admit(&app, &request) {
        Ok(place) => held(next.run(request).await, place, seen),
        Err(failure) => held(failure.into_response(), None, seen),
    };
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(PROCESSING, HeaderValue::from(started.elapsed().as_millis() as u64));
    for (name, value) in HEADERS {
        // A page of another kind says itself what it may show.
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The caller's own id for the request, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|id| (1..=128).contains(&id.len()) && id.to_str().is_ok());
    given
        .cloned()
        .unwrap_or_else(|| HeaderValue::from_str(&new_id("req-")).expect("an id is plain ASCII: this is a bug"))
}

/// A new id; nobody can guess the next one from it.
pub(crate) fn new_id(prefix: &str) -> String {
    let random = || std::hash::RandomState::new().build_hasher().finish();
    format!("{prefix}{:016x}{:016x}", random(), random())
}

/// A request under way, counted when it is over.
struct Seen {
    app: Arc<App>,
    method: String,
    route: String,
    status: u16,
    started: Instant,
}

impl Seen {
    fn new(app: &Arc<App>, request: &Request, started: Instant) -> Self {
        app.metrics.begin();
        // Unknown paths share one name, or anyone could fill the memory with them.
        let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
        // So do unknown methods.
        let method = match request.method().as_str() {
            known @ ("GET" | "HEAD" | "POST" | "DELETE" | "PUT" | "PATCH" | "OPTIONS") => known,
            _ => "other",
        };
        // 499 is nginx's word for a caller that left before there was an answer.
        Self { app: Arc::clone(app), method: method.to_owned(), route, status: 499, started }
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        self.app.metrics.end(&self.method, &self.route, self.status, took);
        tracing::debug!(method = self.method, route = self.route, status = self.status, ?took, "answered");
    }
}

/// Keeps a request's place until its answer is over: at once, or at the end of its stream.
fn held(response: Response, place: Option<OwnedSemaphorePermit>, mut seen: Seen) -> Response {
    seen.status = response.status().as_u16();
    // A body of known size is in memory already; wrapping it would lose its Content-Length.
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let held = (place, seen);
    let body = body.into_data_stream().map(move |piece| {
        let _ = &held; // dropped with the stream
        piece
    });
    Response::from_parts(parts, Body::from_stream(body))
}

fn admit(app: &App, request: &Request) -> Result<Option<OwnedSemaphorePermit>, Failure> {
    check_host(app, request)?;
    check_origin(app, request)?;
    let path = request.uri().path();
    let api = path.starts_with("/v1/") || path == "/v1" || path == "/tokenize" || path == "/detokenize";
    if api || path == "/metrics" {
        check_key(app, request.headers())?;
    }
    if !api {
        return Ok(None);
    }
    match Arc::clone(&app.slots).try_acquire_owned() {
        Ok(place) => Ok(Some(place)),
        Err(_) => {
            let message =
                format!("{} requests are under way, the most this server takes; try again soon", app.limits.in_flight);
            Err(Error::Busy { message, retry_after_seconds: 1 }.into())
        }
    }
}

/// On the loopback a request must name this machine. A page of another site whose name was made to resolve to 127.0.0.1
/// ("DNS rebinding") would otherwise be of one origin with this server, and could read everything.
fn check_host(app: &App, request: &Request) -> Result<(), Failure> {
    let Some(host) = host(request) else {
        return Err(Failure::malformed("missing_host", "The request names no host; send a Host header."));
    };
    if !app.loopback
        || is_this_machine(&host)
        || name_of(&host).eq_ignore_ascii_case(&app.host)
        || is_allowed(app, &host)
    {
        return Ok(());
    }
    let shown: String = host.chars().take(100).collect();
    Err(Failure::forbidden(
        "host_not_allowed",
        format!(
            "'{shown}' is not a name of this server, which serves this machine only; call it 127.0.0.1 or localhost, or start it with --allow-host for a proxy's name."
        ),
    ))
}

/// The host a request was sent to, with its port.
fn host(request: &Request) -> Option<String> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str().to_owned());
    }
    request.headers().get(HOST)?.to_str().ok().map(str::to_owned)
}

/// A page of another site may not call this server, whatever it would do with the answer.
fn check_origin(app: &App, request: &Request) -> Result<(), Failure> {
    let Some(origin) = request.headers().get(ORIGIN) else { return Ok(()) };
    let origin = String::from_utf8_lossy(origin.as_bytes());
    let from = origin.split_once("://").map_or("", |(_, from)| from);
    // Pages this machine serves on other ports are let in: a development server of the UI is one.
    let own = if is_allowed(app, from) {
        true
    } else if app.loopback {
        is_this_machine(from)
    } else {
        host(request).is_some_and(|host| host.eq_ignore_ascii_case(from))
    };
    if own {
        return Ok(());
    }
    let shown: String = origin.chars().take(100).collect();
    Err(Failure::forbidden(
        "origin_not_allowed",
        format!("Pages of '{shown}' may not call this server; open its own page, or call it from a program."),
    ))
}

/// Whether somebody allowed the name when the server was started.
fn is_allowed(app: &App, host: &str) -> bool {
    let sound = !host.contains('@') && host.parse::<Authority>().is_ok();
    sound && app.allowed_hosts.iter().any(|allowed| name_of(host).eq_ignore_ascii_case(allowed))
}

/// The name or address in `name:port` or `[address]:port`.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_this_machine(host: &str) -> bool {
    // Parsed first, so that `localhost:80@evil` and the like are no names at all.
    if host.contains('@') || host.parse::<Authority>().is_err() {
        return false;
    }
    let name = name_of(host);
    if host.starts_with('[') {
        return name.parse::<Ipv6Addr>().is_ok_and(|address| IpAddr::V6(address).is_loopback());
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn check_key(app: &App, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(key) = &app.key else { return Ok(()) };
    let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let given = match given.split_at_checked(7) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"bearer ") => key.trim_ascii(),
        _ => return Err(Failure::no_key("No API key was given; send it as 'Authorization: Bearer KEY'.")),
    };
    if same(given, key.as_bytes()) {
        Ok(())
    } else {
        Err(Failure::no_key("The API key is not this server's; send the one it was started with (SUMERU_API_KEY)."))
    }
}

/// Compares in a time that depends on the lengths only, so that a key cannot be guessed byte by byte.
fn same(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0u8, |differing, (x, y)| std::hint::black_box(differing | (x ^ y)));
    a.len() == b.len() && differing == 0
}

/// Whether a request would rather have a page than JSON.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(axum::http::header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains("text/html")
}

/// Whether a body is a form of files.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
    given.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine() {
        for (host, expected) in [
            ("localhost", true),
            ("LocalHost:8080", true),
            ("localhost.:1", true),
            ("127.0.0.1", true),
            ("127.8.9.1:80", true),
            ("[::1]", true),
            ("[::1]:8080", true),
            ("", false),
            ("evil.com", false),
            ("evil.com:127", false),
            ("localhost.evil.com", false),
            ("127.0.0.1.evil.com:80", false),
            ("127.0.0.1@evil.com", false),
            ("localhost:80@evil.com", false),
            ("10.0.0.1", false),
            ("0.0.0.0:80", false),
            ("[::2]:80", false),
            ("[::1", false),
            ("2130706433", false),
            ("::1", false),
        ] {
            assert_eq!(is_this_machine(host), expected, "{host}");
        }
    }

    #[test]
    fn keys_are_the_same_or_not() {
        for (a, b, expected) in [("", "", true), ("abc", "abc", true), ("abc", "abd", false), ("abc", "ab", false)] {
            assert_eq!(same(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }
}
