//! The fields chat completions and completions share: sampling, stop strings, `n`, streaming.

use std::collections::BTreeMap;

use domain::{Error, Sampling, SearchMode};
use serde_json::Value;

use super::Delivery;
use crate::fields::{Field, Fields, unsupported, wrong_type, wrong_value};

/// Most stop strings a request may have; OpenAI allows 4, other servers more.
const MAX_STOPS: usize = 16;
/// Longest stop string, in bytes.
const MAX_STOP_BYTES: usize = 512;
/// Most answers to one prompt.
pub(super) const MAX_N: i64 = 16;

/// The shared part of the field tables: OpenAI's names, then ours (spelled as vLLM does).
pub(super) const SHARED: [Field; 18] = [
    Field::read("model"),
    Field::read("temperature"),
    Field::read("top_p"),
    Field::read("presence_penalty"),
    Field::read("frequency_penalty"),
    Field::read("logit_bias"),
    Field::read("seed"),
    Field::read("stop"),
    Field::read("n"),
    Field::read("stream"),
    Field::read("stream_options"),
    Field::read("user"),
    Field::read("top_k"),
    Field::read("min_p"),
    Field::read("typical_p"),
    Field::read("repetition_penalty"),
    Field::read("search_mode"),
    Field::read("priority"),
];

pub(super) fn sampling(fields: &Fields) -> Result<Sampling, Error> {
    let usual = Sampling::default();
    Ok(Sampling {
        logit_bias: logit_bias(fields)?,
        repetition_penalty: fields.number("repetition_penalty", 0.01..=10.0)?.unwrap_or(usual.repetition_penalty),
        presence_penalty: fields.number("presence_penalty", -2.0..=2.0)?.unwrap_or(usual.presence_penalty),
        frequency_penalty: fields.number("frequency_penalty", -2.0..=2.0)?.unwrap_or(usual.frequency_penalty),
        temperature: fields.number("temperature", 0.0..=2.0)?,
        top_k: top_k(fields)?,
        typical_p: fields.number("typical_p", 0.0..=1.0)?.unwrap_or(usual.typical_p),
        top_p: fields.number("top_p", 0.0..=1.0)?.unwrap_or(usual.top_p),
        min_p: fields.number("min_p", 0.0..=1.0)?.unwrap_or(usual.min_p),
        seed: fields.integer("seed", i64::MIN..=i64::MAX)?.map(i64::cast_unsigned),
    })
}

/// vLLM writes "off" as -1, others as 0.
fn top_k(fields: &Fields) -> Result<u32, Error> {
    Ok(fields.integer("top_k", -1..=1_000_000)?.map_or(0, |k| u32::try_from(k).unwrap_or(0)))
}

fn logit_bias(fields: &Fields) -> Result<BTreeMap<u32, f32>, Error> {
    let Some(Value::Object(map)) = fields.get("logit_bias") else {
        return match fields.get("logit_bias") {
            Some(other) => Err(wrong_type(&fields.path_of("logit_bias"), "an object", other)),
            None => Ok(BTreeMap::new()),
        };
    };
    let mut biases = BTreeMap::new();
    for (key, value) in map {
        let shown: String = key.chars().take(40).collect();
        let path = fields.path_of(&format!("logit_bias.{shown}"));
        let id: u32 = key
            .parse()
            .map_err(|_| wrong_value(&path, "keys are token ids written in digits; POST /tokenize shows them"))?;
        let bias = value.as_f64().ok_or_else(|| wrong_type(&path, "a number", value))?;
        if !(-100.0..=100.0).contains(&bias) {
            return Err(wrong_value(&path, &format!("{bias} is outside -100..=100")));
        }
        biases.insert(id, bias as f32);
    }
    Ok(biases)
}

pub(super) fn stop(fields: &Fields) -> Result<Vec<String>, Error> {
    let path = fields.path_of("stop");
    let stops = match fields.get("stop") {
        None => return Ok(Vec::new()),
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => {
            let text = |(i, value): (usize, &Value)| {
                let text = value.as_str().ok_or_else(|| wrong_type(&format!("{path}[{i}]"), "a string", value))?;
                Ok(text.to_owned())
            };
            many.iter().enumerate().map(text).collect::<Result<Vec<String>, Error>>()?
        }
        Some(other) => return Err(wrong_type(&path, "a string or an array of strings", other)),
    };
    if stops.len() > MAX_STOPS {
        return Err(wrong_value(&path, &format!("{} stop strings, at most {MAX_STOPS} are allowed", stops.len())));
    }
    if let Some(i) = stops.iter().position(String::is_empty) {
        return Err(wrong_value(&format!("{path}[{i}]"), "an empty stop string would stop everything"));
    }
    if let Some(i) = stops.iter().position(|stop| stop.len() > MAX_STOP_BYTES) {
        return Err(wrong_value(&format!("{path}[{i}]"), &format!("it is longer than {MAX_STOP_BYTES} bytes")));
    }
    Ok(stops)
}

/// Who asks, as far as they say so.
pub(super) fn client(fields: &Fields) -> Result<String, Error> {
    let newer = if fields.get("safety_identifier").is_some() { fields.string("safety_identifier")? } else { None };
    Ok(newer.or(fields.string("user")?).unwrap_or_default().to_owned())
}

/// What goes first: less before more, as vLLM has it; OpenAI's tiers are one before and one after the usual.
pub(super) fn priority(fields: &Fields) -> Result<i32, Error> {
    let tier = match fields.get("service_tier").and_then(Value::as_str) {
        Some("priority") => -1,
        Some("flex") => 1,
        _ => 0,
    };
    Ok(fields.integer("priority", -1000..=1000)?.map_or(tier, |priority| priority as i32))
}

pub(super) fn n(fields: &Fields) -> Result<u32, Error> {
    Ok(fields.integer("n", 1..=MAX_N)?.map_or(1, |n| n as u32))
}

pub(super) fn delivery(fields: &Fields) -> Result<Delivery, Error> {
    let stream = fields.boolean("stream")?.unwrap_or(false);
    let mut include_usage = false;
    if let Some(options) = fields.object("stream_options")? {
        if !stream {
            let path = fields.path_of("stream_options");
            return Err(wrong_value(&path, "it is only allowed when 'stream' is true; remove it, or stream"));
        }
        // Obfuscation pads events against eavesdroppers on the length of tokens.
        options.check(&[
            Field::read("include_usage"),
            Field::refused("include_obfuscation", |value| value == false, "Leave it out: events are sent unpadded."),
        ])?;
        include_usage = options.boolean("include_usage")?.unwrap_or(false);
    }
    Ok(Delivery { stream, include_usage })
}

pub(super) fn search_mode(fields: &Fields) -> Result<Option<SearchMode>, Error> {
    match fields.string("search_mode")? {
        None => Ok(None),
        Some("hybrid") => Ok(Some(SearchMode::Hybrid)),
        Some("lexical") => Ok(Some(SearchMode::Lexical)),
        Some("vector") => Ok(Some(SearchMode::Vector)),
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            Err(fields.wrong_value("search_mode", &format!("'{shown}' is none of 'hybrid', 'lexical', 'vector'")))
        }
    }
}

/// For shapes that are known and cannot be served yet.
pub(super) fn refuse<T>(path: &str, remedy: &str) -> Result<T, Error> {
    Err(unsupported(path, remedy))
}
