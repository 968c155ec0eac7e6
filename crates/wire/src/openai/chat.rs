//! `POST /v1/chat/completions`: the request.

use domain::{Error, Prompt, Request, ToolChoice};
use serde_json::{Value, json};

use super::Delivery;
use super::grammar::{FIELDS as GRAMMAR, grammar};
use super::message::messages;
use super::sampling::{SHARED, client, delivery, n, priority, sampling, search_mode, stop};
use super::tools::tools;
use crate::fields::{Field, Fields, never};

/// A chat completion, asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The model's name, or `kb/NAME`.
    pub model: String,
    /// How the answer is wanted.
    pub delivery: Delivery,
    /// How many answers.
    pub n: u32,
    /// What is asked of the model, once for each answer.
    pub request: Request,
}

/// Every field of the specification, and ours.
pub fn table() -> Vec<Field> {
    const OWN: [Field; 22] = [
        Field::read("messages"),
        Field::read("max_tokens"),
        Field::read("max_completion_tokens"),
        Field::read("logprobs"),
        Field::read("top_logprobs"),
        Field::read("tools"),
        Field::read("tool_choice"),
        Field::read("parallel_tool_calls"),
        Field::ignored("metadata"),
        Field::ignored("store"),
        Field::read("service_tier"),
        Field::read("safety_identifier"),
        Field::ignored("prompt_cache_key"),
        Field::ignored("prompt_cache_retention"),
        Field::refused("modalities", |value| *value == json!(["text"]), "Only [\"text\"] is."),
        Field::refused("audio", never, "Answers are text."),
        Field::refused("prediction", never, "Leave it out; it only speeds up OpenAI's own models."),
        Field::refused(
            "reasoning_effort",
            |value| value == "none",
            "The models here have no such setting; leave it out.",
        ),
        Field::refused("verbosity", |value| value == "medium", "Ask for the length in the prompt, or set max_tokens."),
        Field::refused(
            "web_search_options",
            never,
            "To answer from documents, use a knowledge base: model \"kb/NAME\".",
        ),
        Field::refused("functions", never, "It is OpenAI's older form; use 'tools'."),
        Field::refused("function_call", never, "It is OpenAI's older form; use 'tool_choice'."),
    ];
    [OWN.as_slice(), GRAMMAR.as_slice(), SHARED.as_slice()].concat()
}

impl ChatRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the parameter.
    pub fn read(body: &Value) -> Result<Self, Error> {
        let fields = Fields::of_body(body)?;
        fields.check(&table())?;
        let model = fields.required_string("model")?.to_owned();
        let mut request = Request::new(Prompt::Chat(messages(&fields)?));
        (request.tools, request.tool_choice) = tools(&fields)?;
        request.parallel_tool_calls = fields.boolean("parallel_tool_calls")?.unwrap_or(true);
        request.grammar = grammar(&fields)?;
        if request.grammar.is_some() && request.tool_choice != ToolChoice::Auto {
            let why = "the answer must be a call then, and cannot be of another form too; send one of them";
            return Err(fields.wrong_value("tool_choice", why));
        }
        request.sampling = sampling(&fields)?;
        request.max_tokens = max_tokens(&fields)?;
        request.stop = stop(&fields)?;
        request.logprobs = logprobs(&fields)?;
        request.search = search_mode(&fields)?;
        (request.client, request.priority) = (client(&fields)?, priority(&fields)?);
        Ok(Self { model, delivery: delivery(&fields)?, n: n(&fields)?, request })
    }
}

/// `max_completion_tokens` is the newer name; both may be sent if they agree.
fn max_tokens(fields: &Fields) -> Result<Option<u32>, Error> {
    let range = 1..=i64::from(u32::MAX);
    let older = fields.integer("max_tokens", range.clone())?;
    let newer = fields.integer("max_completion_tokens", range)?;
    match (older, newer) {
        (Some(a), Some(b)) if a != b => {
            let why = format!("it is {a}, but 'max_completion_tokens' is {b}; send one of them");
            Err(fields.wrong_value("max_tokens", &why))
        }
        (older, newer) => Ok(newer.or(older).map(|n| n as u32)),
    }
}

fn logprobs(fields: &Fields) -> Result<Option<u8>, Error> {
    let wanted = fields.boolean("logprobs")?.unwrap_or(false);
    let rivals = fields.integer("top_logprobs", 0..=20)?;
    match (wanted, rivals) {
        (false, Some(_)) => Err(fields.wrong_value("top_logprobs", "it needs 'logprobs' to be true")),
        (false, None) => Ok(None),
        (true, rivals) => Ok(Some(rivals.unwrap_or(0) as u8)),
    }
}
