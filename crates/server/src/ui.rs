//! The browser UI, embedded in the binary.

use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::door::wants_page;
use crate::failure::Failure;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Built;

const NOT_BUILT: &str = "<!doctype html><title>Sumeru</title><h1>The browser UI is not in this binary</h1>\
    <p>It was not built when the binary was. Build both with <code>make build</code>, then start the server again.</p>\
    <p>The API works without it: <a href=\"/openapi.json\">/openapi.json</a> lists what there is.</p>";

/// What no route took: a file of the UI, one of its pages, or nothing.
pub(crate) async fn fallback(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    if path.starts_with("/v1/") || path == "/v1" {
        return Failure::no_such_path(&method, path).into_response();
    }
    let name = path.trim_start_matches('/');
    let file = if name.is_empty() { None } else { Built::get(name) };
    let is_page = file.is_none() && (name.is_empty() || (wants_page(&headers) && !name.starts_with("assets/")));
    if file.is_none() && !is_page {
        return Failure::no_such_path(&method, path).into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        let mut response = Failure::no_such_method(&method, path).into_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
        return response;
    }
    let (name, file) = match file {
        Some(file) => (name, file),
        // Pages are drawn by the script, which reads the path.
        None => match Built::get("index.html") {
            Some(index) => ("index.html", index),
            None => return (StatusCode::NOT_FOUND, Html(NOT_BUILT)).into_response(),
        },
    };
    serve(name, file, &headers)
}

fn serve(name: &str, file: rust_embed::EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let known =
        headers.get(IF_NONE_MATCH).and_then(|known| known.to_str().ok()).is_some_and(|known| known.contains(&tag));
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { file.data.into_owned().into_response() };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(ETAG, HeaderValue::from_str(&tag).expect("hex digits in quotes: this is a bug"));
    // The build names files under assets/ after their content; the others keep their names and are asked for again.
    let cache = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
