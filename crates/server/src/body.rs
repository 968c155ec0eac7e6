//! What is read from requests: JSON bodies, path segments, names in queries. Every complaint has OpenAI's shape.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::http::request::Parts;
use bytes::BytesMut;
use domain::Error;
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::App;
use crate::failure::Failure;

/// A JSON body.
pub(crate) struct Json(pub(crate) Value);

impl FromRequest<Arc<App>> for Json {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        check_type(request.headers())?;
        let bytes = read(request.into_body(), app).await?;
        if bytes.is_empty() {
            return Err(Failure::malformed("invalid_json", "The body is empty; send a JSON object."));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Failure::malformed("invalid_json", format!("The body is not valid JSON: {error}. Check it at that place."))
        })
    }
}

/// A body that browsers send to other sites without asking is refused too: JSON needs their permission, these types do not.
fn check_type(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Err(Failure::wrong_type("There is no Content-Type; send 'Content-Type: application/json'."));
    };
    let value = String::from_utf8_lossy(value.as_bytes());
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let shown: String = value.chars().take(100).collect();
    Err(Failure::wrong_type(format!("The Content-Type is '{shown}'; send JSON with 'Content-Type: application/json'.")))
}

async fn read(body: Body, app: &Arc<App>) -> Result<BytesMut, Failure> {
    let limit = app.limits.json_bytes;
    let too_large = || {
        let shown = if limit >= 1 << 20 { format!("{} MB", limit >> 20) } else { format!("{limit} bytes") };
        Failure::too_large(format!(
            "The body is larger than {shown}, the most this server reads of a JSON body; send less, or upload files to a knowledge base."
        ))
    };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let mut bytes = BytesMut::new();
    let mut pieces = body.into_data_stream();
    loop {
        let piece = tokio::time::timeout(app.limits.stall, pieces.next())
            .await
            .map_err(|_| Failure::too_slow(app.limits.stall.as_secs()))?;
        match piece {
            None => return Ok(bytes),
            Some(Ok(piece)) if bytes.len() + piece.len() > limit => {
                drop(piece);
                return Err(too_large());
            }
            Some(Ok(piece)) => bytes.extend_from_slice(&piece),
            Some(Err(error)) => {
                return Err(Failure::malformed(
                    "incomplete_body",
                    format!("The body broke off: {error}. Send it again."),
                ));
            }
        }
    }
}

/// The one segment of a path that varies, decoded.
pub(crate) struct Segment(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(segment) = Path::<String>::from_request_parts(parts, state).await.map_err(|error| {
            Failure::malformed("invalid_path", format!("{}: {}.", parts.uri.path(), error.body_text()))
        })?;
        Ok(Self(segment))
    }
}

/// Several of them.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segments<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(segments) = Path::<T>::from_request_parts(parts, state).await.map_err(|error| {
            Failure::malformed("invalid_path", format!("{}: {}.", parts.uri.path(), error.body_text()))
        })?;
        Ok(Self(segments))
    }
}

/// What a query asks for, by name, to be read as a body is: texts, and `limit` as a number.
pub(crate) struct Asked(pub(crate) Value);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|error| Failure::malformed("invalid_query", error.body_text()))?;
        let value = |name: &str, text: String| match text.parse::<i64>() {
            Ok(number) if name == "limit" => Value::from(number),
            _ => Value::from(text),
        };
        Ok(Self(pairs.into_iter().map(|(name, text)| (name.clone(), value(&name, text))).collect()))
    }
}

/// `?name=`.
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Name {
            name: Option<String>,
        }
        let Query(query) = Query::<Name>::from_request_parts(parts, state)
            .await
            .map_err(|error| Failure::malformed("invalid_query", error.body_text()))?;
        match query.name.filter(|name| !name.is_empty()) {
            Some(name) => Ok(Self(name)),
            None => {
                let message = "Missing query parameter: say which document, as ?name=NAME.";
                Err(Error::invalid("name", "missing_required_parameter", message).into())
            }
        }
    }
}
