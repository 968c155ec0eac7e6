//! What is read from requests: JSON bodies, files, path segments, queries. Every complaint has OpenAI's shape.

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
use crate::routes::Param;

/// Bytes of a file that is held in memory, at most.
const MOST_OF_A_FILE: usize = 128 << 20;

/// A JSON body.
pub(crate) struct Json(pub(crate) Value);

impl FromRequest<Arc<App>> for Json {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        check_type(request.headers())?;
        let limit = app.limits.json_bytes;
        let too_large = format!(
            "The body is larger than {}, the most this server reads of a JSON body; send less, or upload files to a knowledge base.",
            size(limit)
        );
        let bytes = read(request.into_body(), app, limit, &too_large).await?;
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

fn size(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MB", bytes >> 20) } else { format!("{bytes} bytes") }
}

/// The bytes of one file, sent as they are.
pub(crate) async fn file(request: Request, app: &Arc<App>) -> Result<BytesMut, Failure> {
    if crate::door::is_form(request.headers()) {
        return Err(Failure::wrong_type("This is a form; send the file itself as the body, its name as ?file=NAME."));
    }
    let limit = MOST_OF_A_FILE.min(usize::try_from(app.limits.file_bytes).unwrap_or(usize::MAX));
    let too_large =
        format!("The file is larger than {}, the most this server reads at once; send it in parts.", size(limit));
    let bytes = read(request.into_body(), app, limit, &too_large).await?;
    if bytes.is_empty() {
        return Err(Failure::malformed("invalid_rows", "The body is empty; send the file's bytes."));
    }
    Ok(bytes)
}

async fn read(body: Body, app: &Arc<App>, limit: usize, larger: &str) -> Result<BytesMut, Failure> {
    let too_large = || Failure::too_large(larger);
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
pub(crate) struct Listing(pub(crate) Value);

impl<S: Send + Sync> FromRequestParts<S> for Listing {
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

/// The parameters of a query, each of which a handler knows.
pub(crate) struct Asked(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Query(all) = Query::<Vec<(String, String)>>::from_request_parts(parts, state)
            .await
            .map_err(|error| Failure::malformed("invalid_query", error.body_text()))?;
        Ok(Self(all))
    }
}

impl Asked {
    /// Checks every name, and that what must be there is.
    pub(crate) fn check(&self, known: &[Param]) -> Result<(), Error> {
        for (name, _) in &self.0 {
            if !known.iter().any(|param| param.name == name) {
                let names: Vec<&str> = known.iter().map(|param| param.name).collect();
                let name: String = name.chars().take(80).collect();
                let message = format!("Unknown query parameter: '{name}'. There are {}.", names.join(", "));
                return Err(Error::invalid(&name, "unknown_parameter", message));
            }
        }
        match known.iter().find(|param| param.required && self.text(param.name).is_none()) {
            Some(Param { name, says, .. }) => {
                let message = format!("Missing query parameter: '{name}'. {says}");
                Err(Error::invalid(name, "missing_required_parameter", message))
            }
            None => Ok(()),
        }
    }

    /// What a parameter says, if it says something.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let said = self.0.iter().rev().find(|(one, _)| one == name)?;
        Some(said.1.as_str()).filter(|text| !text.is_empty())
    }

    /// A whole number up to `most`.
    pub(crate) fn number(&self, name: &str, most: usize) -> Result<Option<usize>, Error> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse() {
            Ok(number) if number <= most => Ok(Some(number)),
            _ => {
                let shown: String = text.chars().take(40).collect();
                let why = format!("'{shown}' is no whole number from 0 to {most}");
                Err(wire::fields::wrong_value(name, &why))
            }
        }
    }
}
