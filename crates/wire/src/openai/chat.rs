//! `POST /v1/chat/completions`: the request.

use domain::{Error, Prompt, Request, ToolSpec};
use serde_json::{Value, json};

use super::Delivery;
use super::message::messages;
use super::sampling::{SHARED, delivery, n, refuse, sampling, search_mode, stop};
use crate::fields::{Field, Fields, never, wrong_value};

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
    const OWN: [Field; 23] = [
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
        Field::ignored("service_tier"),
        Field::ignored("safety_identifier"),
        Field::ignored("prompt_cache_key"),
        Field::ignored("prompt_cache_retention"),
        Field::refused("response_format", plain_text, "Only {\"type\": \"text\"} is; ask for JSON in the prompt."),
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
    [OWN.as_slice(), SHARED.as_slice()].concat()
}

fn plain_text(format: &Value) -> bool {
    *format == json!({"type": "text"})
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
        request.tools = tools(&fields)?;
        request.sampling = sampling(&fields)?;
        request.max_tokens = max_tokens(&fields)?;
        request.stop = stop(&fields)?;
        request.logprobs = logprobs(&fields)?;
        request.search = search_mode(&fields)?;
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

fn tools(fields: &Fields) -> Result<Vec<ToolSpec>, Error> {
    let values = fields.array("tools")?.unwrap_or_default();
    let mut tools = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        tools.push(tool(&Fields::at(format!("tools[{i}]"), value)?)?);
    }
    if fields.boolean("parallel_tool_calls")? == Some(false) && !tools.is_empty() {
        return refuse("parallel_tool_calls", "A model here may call several tools in one turn; leave it out.");
    }
    match fields.get("tool_choice") {
        None => Ok(tools),
        Some(_) if tools.is_empty() => {
            Err(fields.wrong_value("tool_choice", "it is only allowed when 'tools' are given"))
        }
        Some(Value::String(choice)) => match choice.as_str() {
            "auto" => Ok(tools),
            "none" => Ok(Vec::new()),
            "required" => {
                refuse("tool_choice", "Only 'auto' and 'none' are; say in the prompt that a tool must be called.")
            }
            _ => Err(fields.wrong_value("tool_choice", "it is none of 'auto', 'none', 'required'")),
        },
        Some(Value::Object(_)) => {
            refuse("tool_choice", "Only 'auto' and 'none' are; offer only the tool that may be called.")
        }
        Some(other) => Err(crate::fields::wrong_type("tool_choice", "a string or an object", other)),
    }
}

fn tool(fields: &Fields) -> Result<ToolSpec, Error> {
    if fields.required_string("type")? != "function" {
        return refuse(&fields.path_of("type"), "Only tools of type 'function' are.");
    }
    fields.check(&[Field::read("type"), Field::read("function")])?;
    let function = fields.object("function")?.ok_or_else(|| fields.missing("function"))?;
    function.check(&[
        Field::read("name"),
        Field::read("description"),
        Field::read("parameters"),
        Field::refused(
            "strict",
            |value| value == false,
            "Arguments are the model's own words; check them, or set it false.",
        ),
    ])?;
    let name = function.required_string("name")?;
    if name.len() > 64 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        let why = "names have at most 64 letters, digits, underscores and dashes";
        return Err(wrong_value(&function.path_of("name"), why));
    }
    let parameters = match function.get("parameters") {
        None => json!({"type": "object", "properties": {}}),
        Some(Value::Object(map)) => Value::Object(map.clone()),
        Some(other) => return Err(crate::fields::wrong_type(&function.path_of("parameters"), "an object", other)),
    };
    Ok(ToolSpec {
        name: name.to_owned(),
        description: function.string("description")?.unwrap_or("").to_owned(),
        parameters,
    })
}
