//! Errors as responses: one table from [`Error`] to status, and the few errors that only HTTP knows.

use axum::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::Error;
use wire::openai::error::ErrorBody;

/// What is said instead of an answer.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    body: ErrorBody,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The one table.
fn status(error: &Error) -> StatusCode {
    match error {
        Error::Invalid { .. } => StatusCode::BAD_REQUEST,
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::Conflict { .. } => StatusCode::CONFLICT,
        Error::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Failed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Error::Failed { message } = &error {
            tracing::error!("{message}");
        }
        let header = match &error {
            Error::Busy { retry_after_seconds, .. } => Some((RETRY_AFTER, HeaderValue::from(*retry_after_seconds))),
            _ => None,
        };
        Self { status: status(&error), body: ErrorBody::from(&error), header }
    }
}

impl Failure {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, body: ErrorBody::new("invalid_request_error", code, message), header: None }
    }

    /// The request cannot be understood.
    pub(crate) fn malformed(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The key is missing or wrong.
    pub(crate) fn no_key(message: impl Into<String>) -> Self {
        let header = Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        Self { header, ..Self::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message) }
    }

    /// The request comes from where none may come from.
    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// Nothing is at that path.
    pub(crate) fn no_such_path(method: &Method, path: &str) -> Self {
        let path: String = path.chars().take(200).collect();
        let message =
            format!("Unknown request URL: {method} {path}. Check it for typos; GET /openapi.json lists what there is.");
        Self::new(StatusCode::NOT_FOUND, "unknown_url", message)
    }

    /// Something is at that path, but not by that method.
    pub(crate) fn no_such_method(method: &Method, path: &str) -> Self {
        let message = format!("{path} does not take {method}; the header Allow says what it takes.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    /// More was sent than is read.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
    }

    /// The body is of another type than the one that is read.
    pub(crate) fn wrong_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
    }

    /// The body stopped coming.
    pub(crate) fn too_slow(seconds: u64) -> Self {
        let message = format!("No more of the body came for {seconds} seconds; send it again.");
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.body)).into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
