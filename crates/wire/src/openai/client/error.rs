//! Refusals, as errors.

use domain::Error;
use serde_json::Value;

/// Codes of content that a provider's filter will not have, by provider: OpenAI and Azure, Qianfan, DashScope, Ark, GLM, MiniMax, Spark.
const FILTERED: [&str; 14] = [
    "content_filter",
    "content_policy_violation",
    "unsafe_request",
    "data_inspection_failed",
    "DataInspectionFailed",
    "InputTextRiskDetection",
    "OutputTextRiskDetection",
    "SensitiveContentDetected",
    "1301",
    "1026",
    "1027",
    "10013",
    "10014",
    "10019",
];

/// Codes of an account with nothing left: waiting does not help.
const SPENT: [&str; 9] = [
    "insufficient_quota",
    "billing_hard_limit_reached",
    "exceeded_current_quota_error",
    "insufficient_balance",
    "Arrearage",
    "AccountOverdueError",
    "1113",
    "1008",
    "10016",
];

/// Codes of a provider that is asked too much, where the status does not say so.
const BUSY: [&str; 12] = [
    "rate_limit_exceeded",
    "rate_limit_error",
    "rate_limit_reached_error",
    "overloaded_error",
    "Throttling",
    "1302",
    "1305",
    "1002",
    "10006",
    "10007",
    "11202",
    "11203",
];

/// When to ask again a provider that does not say.
const SOON: u32 = 1;
/// Characters of a page that are shown.
const SHOWN: usize = 120;
/// Characters of a provider's message that are kept.
const KEPT: usize = 500;

/// The error for a response that holds no answer: a status other than 200, or a page where JSON should be.
/// `retry_after` is the header's value in seconds.
///
/// What may pass is `Busy` (429), or `Failed` with a status of 500 or more: who tries again looks at that, and keeps to
/// `retry_after` in both.
pub fn error_of(status: u16, content_type: &str, body: &[u8], retry_after: Option<u32>) -> Error {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let said = Said::of(&value).or_else(|| Said::in_refusal(&value));
        return judge(status, &said.unwrap_or_else(|| Said::plain(&value.to_string())), retry_after);
    }
    let text = String::from_utf8_lossy(body);
    let kind = if content_type.is_empty() { "data of no stated type" } else { content_type };
    let page = if text.trim().is_empty() { "nothing".to_owned() } else { shown(text.trim()) };
    let said = Said::plain(&format!("{kind} instead of JSON: {page}"));
    match status {
        401..=403 | 429 | 500..=599 => judge(status, &said, retry_after),
        _ => Error::failed(format!(
            "The provider answers {status} with {}; check that base_url is the address of an OpenAI-compatible API.",
            said.message
        )),
    }
}

/// The error that a chunk, or a body of status 200, holds in place of an answer.
pub(super) fn error_in(chunk: &Value) -> Option<Error> {
    let said = Said::of(chunk)?;
    let told = said.code.parse::<u16>().ok().filter(|status| (400..600).contains(status));
    let status = told.unwrap_or_else(|| match said.kind.as_str() {
        _ if BUSY.iter().any(|code| said.is(code)) => 429,
        "invalid_request_error" | "BadRequestError" => 400,
        _ => 500,
    });
    Some(judge(status, &said, None))
}

/// The error for content that a provider's filter will not have: asking again does not help.
pub(super) fn filtered(why: &str) -> Error {
    Error::invalid(
        "messages",
        "content_filter",
        format!("The provider's filter withheld the answer: {why}; reword the question, or use another model."),
    )
}

/// The beginning of a text, in quotes.
pub(super) fn shown(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let beginning: String = characters.by_ref().take(SHOWN).collect();
    let more = if characters.next().is_some() { "…" } else { "" };
    format!("\"{beginning}{more}\"")
}

/// What a provider says went wrong.
struct Said {
    message: String,
    code: String,
    kind: String,
    param: Option<String>,
}

impl Said {
    /// What is an error wherever it stands.
    fn of(value: &Value) -> Option<Self> {
        match &value["error"] {
            Value::String(message) if !message.is_empty() => return Some(Self::plain(message)),
            error @ Value::Object(_) => return Some(Self::read(error, "message", "code")),
            _ => {}
        }
        let base = &value["base_resp"]; // MiniMax
        if base["status_code"].as_i64().is_some_and(|code| code != 0) {
            return Some(Self::read(base, "status_msg", "status_code"));
        }
        if value["object"] == "error" {
            return Some(Self::read(value, "message", "code")); // vLLM's older form
        }
        let code = word(&value["code"]);
        let failed = !matches!(code.as_str(), "" | "0" | "200") && !value["choices"].is_array();
        failed.then(|| Self::read(value, "message", "code")) // Spark, DashScope's own form
    }

    /// What is one only in a response whose status says so: `detail` is FastAPI's word.
    fn in_refusal(value: &Value) -> Option<Self> {
        ["message", "msg", "detail", "error_msg"].into_iter().find_map(|name| match &value[name] {
            Value::Null => None,
            Value::String(text) => Some(Self::plain(text)),
            other => Some(Self::plain(&other.to_string())),
        })
    }

    fn plain(message: &str) -> Self {
        let message = message.chars().take(KEPT).collect();
        Self { message, code: String::new(), kind: String::new(), param: None }
    }

    fn read(error: &Value, message: &str, code: &str) -> Self {
        let text = error[message].as_str().map_or_else(|| error.to_string(), str::to_owned);
        Self {
            code: word(&error[code]),
            kind: word(&error["type"]),
            param: error["param"].as_str().map(str::to_owned),
            ..Self::plain(text.trim_end_matches(['.', '。']))
        }
    }

    /// Whether its code or its kind is this one, or one of this family: `Throttling.RateQuota`.
    fn is(&self, code: &str) -> bool {
        [&self.code, &self.kind]
            .into_iter()
            .any(|word| word.strip_prefix(code).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    }
}

/// A code, whether it is a number or a text.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn judge(status: u16, said: &Said, retry_after: Option<u32>) -> Error {
    let message = &said.message;
    if FILTERED.iter().any(|code| said.is(code)) {
        return filtered(message);
    }
    if status == 402 || SPENT.iter().any(|code| said.is(code)) {
        return Error::failed(format!(
            "The provider's account has nothing left to spend ({status}): {message}; add to it, or use another model."
        ));
    }
    match status {
        400 | 413 | 422 => Error::Invalid {
            param: said.param.clone(),
            code: if said.is("context_length_exceeded") { "context_length_exceeded" } else { "refused_by_provider" },
            message: format!("The provider refuses the request ({status}): {message}."),
        },
        401 | 403 => Error::failed(format!(
            "The provider refuses the key ({status}): {message}; check the environment variable that key_env names, or the file that key_file names."
        )),
        404 => Error::not_found(
            "model_not_found",
            format!(
                "The provider does not know the model or the address (404): {message}; check 'model' and 'base_url'."
            ),
        ),
        429 => Error::Busy {
            message: format!(
                "The provider is asked too much (429): {message}; ask again later, or lower 'concurrency'."
            ),
            retry_after_seconds: retry_after.unwrap_or(SOON),
        },
        500..=599 => {
            let when = retry_after.map_or_else(|| "later".to_owned(), |seconds| format!("after {seconds} seconds"));
            Error::failed(format!("The provider failed ({status}): {message}; ask again {when}, or use another model."))
        }
        300..=399 => Error::failed(format!(
            "The provider sends requests on to another address ({status}), which is not followed: {message}; correct base_url."
        )),
        _ => Error::failed(format!("The provider refuses the request ({status}): {message}; check the model's card.")),
    }
}
