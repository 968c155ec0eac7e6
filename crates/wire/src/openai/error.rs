//! Errors in OpenAI's shape.

use domain::Error;
use serde::Serialize;

/// `{"error": {...}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// What happened.
    pub error: ErrorDetail,
}

/// What happened, for programs and people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorDetail {
    /// For people: what was wrong, why, what to do.
    pub message: String,
    /// OpenAI's kind: `invalid_request_error`, `rate_limit_error`, `server_error`...
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The parameter at fault.
    pub param: Option<String>,
    /// A stable code.
    pub code: Option<&'static str>,
}

impl ErrorBody {
    /// An error of no parameter.
    pub fn new(kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { error: ErrorDetail { message: message.into(), kind, param: None, code: Some(code) } }
    }
}

impl From<&Error> for ErrorBody {
    fn from(error: &Error) -> Self {
        let message = error.to_string();
        let (kind, param, code) = match error {
            Error::Invalid { param, code, .. } => ("invalid_request_error", param.clone(), *code),
            Error::NotFound { code, .. } => {
                let param = (*code == "model_not_found").then(|| "model".to_owned());
                ("invalid_request_error", param, *code)
            }
            Error::Conflict { .. } => ("invalid_request_error", None, "conflict"),
            Error::Busy { .. } => ("rate_limit_error", None, "queue_full"),
            Error::Failed { .. } => ("server_error", None, "internal_error"),
        };
        Self { error: ErrorDetail { message, kind, param, code: Some(code) } }
    }
}
