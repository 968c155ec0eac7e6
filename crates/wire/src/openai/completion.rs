//! `POST /v1/completions`: the request.

use domain::{Error, Prompt, Request};
use serde_json::Value;

use super::grammar::{FIELDS as GRAMMAR, grammar};
use super::sampling::{SHARED, client, delivery, n, priority, sampling, search_mode, stop};
use super::{Delivery, copies};
use crate::fields::{Field, Fields, wrong_type};

/// What OpenAI's specification says when `max_tokens` is left out.
const DEFAULT_MAX_TOKENS: u32 = 16;
/// Most prompts times answers of one request.
const MAX_CHOICES: usize = 128;

/// A completion, asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    /// The model's name.
    pub model: String,
    /// How the answer is wanted.
    pub delivery: Delivery,
    /// How many answers to each prompt.
    pub n: u32,
    /// One for each choice: the first prompt's `n` answers, then the next prompt's.
    pub requests: Vec<Request>,
}

/// Every field of the specification, and ours.
pub fn table() -> Vec<Field> {
    const OWN: [Field; 6] = [
        Field::read("prompt"),
        Field::read("max_tokens"),
        Field::read("logprobs"),
        Field::read("echo"),
        Field::read("best_of"),
        Field::refused(
            "suffix",
            |value| value == "",
            "No model here fills in the middle; put what is known into the prompt.",
        ),
    ];
    [OWN.as_slice(), GRAMMAR.as_slice(), SHARED.as_slice()].concat()
}

impl CompletionRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the parameter.
    pub fn read(body: &Value) -> Result<Self, Error> {
        let fields = Fields::of_body(body)?;
        fields.check(&table())?;
        let model = fields.required_string("model")?.to_owned();
        let prompts = prompts(&fields)?;
        let n = n(&fields)?;
        best_of(&fields, n)?;
        if prompts.len() * n as usize > MAX_CHOICES {
            let why = format!(
                "{} prompts with {n} answers each; at most {MAX_CHOICES} answers are made at once",
                prompts.len()
            );
            return Err(fields.wrong_value("prompt", &why));
        }
        let mut request = Request::new(Prompt::Text(String::new()));
        request.sampling = sampling(&fields)?;
        request.stop = stop(&fields)?;
        request.logprobs = fields.integer("logprobs", 0..=20)?.map(|n| n as u8);
        request.search = search_mode(&fields)?;
        (request.client, request.priority) = (client(&fields)?, priority(&fields)?);
        request.grammar = grammar(&fields)?;
        request.echo = fields.boolean("echo")?.unwrap_or(false);
        let max_tokens =
            fields.integer("max_tokens", 0..=i64::from(u32::MAX))?.map_or(DEFAULT_MAX_TOKENS, |n| n as u32);
        if max_tokens == 0 && !request.echo {
            return Err(fields.wrong_value("max_tokens", "0 generates nothing; with 'echo' true it scores the prompt"));
        }
        request.max_tokens = Some(max_tokens);
        let asked = |prompt| copies(Request { prompt, ..request.clone() }, n);
        Ok(Self { model, delivery: delivery(&fields)?, n, requests: prompts.into_iter().flat_map(asked).collect() })
    }
}

fn best_of(fields: &Fields, n: u32) -> Result<(), Error> {
    match fields.integer("best_of", 1..=20)? {
        Some(best) if best < i64::from(n) => {
            Err(fields.wrong_value("best_of", &format!("{best} is less than 'n', {n}")))
        }
        Some(best) if best > i64::from(n) => {
            super::sampling::refuse("best_of", "Ask for n answers with logprobs, and keep the best of them.")
        }
        _ => Ok(()),
    }
}

/// A string, strings, token ids, or arrays of token ids.
fn prompts(fields: &Fields) -> Result<Vec<Prompt>, Error> {
    let value = fields.get("prompt").ok_or_else(|| fields.missing("prompt"))?;
    Ok(texts_or_tokens("prompt", value)?
        .into_iter()
        .map(|input| match input {
            Input::Text(text) => Prompt::Text(text),
            Input::Tokens(ids) => Prompt::Tokens(ids),
        })
        .collect())
}

/// A text, or the ids of its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// As text.
    Text(String),
    /// As token ids.
    Tokens(Vec<u32>),
}

/// Reads what completions call `prompt` and embeddings `input`.
pub(super) fn texts_or_tokens(path: &str, value: &Value) -> Result<Vec<Input>, Error> {
    let expected = "a string, an array of strings, an array of token ids, or an array of arrays of token ids";
    match value {
        Value::String(text) => Ok(vec![Input::Text(text.clone())]),
        Value::Array(items) => match items.first() {
            None => Err(crate::fields::wrong_value(path, "the array is empty")),
            Some(Value::Number(_)) => Ok(vec![Input::Tokens(token_ids(path, items)?)]),
            Some(_) => items.iter().enumerate().map(|(i, item)| one(&format!("{path}[{i}]"), item)).collect(),
        },
        other => Err(wrong_type(path, expected, other)),
    }
}

fn one(path: &str, value: &Value) -> Result<Input, Error> {
    match value {
        Value::String(text) => Ok(Input::Text(text.clone())),
        Value::Array(ids) if ids.is_empty() => Err(crate::fields::wrong_value(path, "the array is empty")),
        Value::Array(ids) => Ok(Input::Tokens(token_ids(path, ids)?)),
        other => Err(wrong_type(path, "a string or an array of token ids", other)),
    }
}

fn token_ids(path: &str, values: &[Value]) -> Result<Vec<u32>, Error> {
    let id = |(i, value): (usize, &Value)| {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| wrong_type(&format!("{path}[{i}]"), "a token id (an integer from 0)", value))
    };
    values.iter().enumerate().map(id).collect()
}
