//! A stream's data, as events.

use domain::{Error, Event, FinishReason, Rival, Timings, TokenProbability, ToolCall, Usage};
use serde_json::Value;

use super::error::{error_in, filtered, shown};

/// What the last data of a stream is.
const DONE: &str = "[DONE]";
/// The id of a token whose provider gives none.
const NO_ID: u32 = u32::MAX;

/// Turns the data of a stream into events, one after the other.
///
/// A body that was sent whole, by a server that does not stream, is read as one chunk; `[DONE]` has to be fed after it.
#[derive(Debug, Default)]
pub struct Chunks {
    calls: Vec<Call>,
    reason: Option<FinishReason>,
    usage: Usage,
    /// Bytes of all that was generated, reasoning too.
    bytes: usize,
    /// Whether there was any choice.
    spoke: bool,
    done: bool,
}

/// A call that has begun.
#[derive(Debug, Default)]
struct Call {
    index: Option<u64>,
    id: Option<String>,
    /// Whether it was given out: that waits for its name.
    begun: bool,
    /// Arguments that came before the name.
    early: String,
}

impl Chunks {
    /// The events in one event's data. Reasoning is not among them, since it is no part of the answer.
    ///
    /// # Errors
    /// The provider's own error, sent within the stream; data that is not JSON; an answer that was withheld.
    pub fn feed(&mut self, data: &str) -> Result<Vec<Event>, Error> {
        let data = data.trim();
        self.done |= data == DONE;
        if self.done || data.is_empty() {
            return Ok(Vec::new());
        }
        let chunk: Value = serde_json::from_str(data)
            .map_err(|_| Error::failed(format!("The provider sent a chunk that is not JSON: {}", shown(data))))?;
        if let Some(error) = error_in(&chunk) {
            return Err(error);
        }
        let choice = &chunk["choices"][0];
        if let Some(usage) = usage(&chunk["usage"]).or_else(|| usage(&choice["usage"])) {
            self.usage = usage;
        }
        self.spoke |= choice.is_object();
        let delta = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        let mut events: Vec<Event> = self.text(delta, &choice["logprobs"]).into_iter().collect();
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            events.extend(self.call(piece)?);
        }
        if let Some(word) = choice["finish_reason"].as_str().filter(|word| !word.is_empty()) {
            self.reason = Some(reason(word)?);
        }
        Ok(events)
    }

    /// Whether the stream said that nothing more comes.
    pub fn is_over(&self) -> bool {
        self.done
    }

    /// Bytes of all that was generated so far, reasoning too: what an answer costs that is broken off is near a third of them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The event that ends the answer. Its usage is zero where the provider counted nothing.
    ///
    /// # Errors
    /// [`Error::Failed`] if the stream ended before the answer did.
    pub fn finish(self) -> Result<Event, Error> {
        let reason = match self.reason {
            Some(reason) => reason,
            // Some providers give no reason, and only say that it is over.
            None if self.done && self.spoke => FinishReason::Stop,
            None => {
                return Err(Error::failed(format!(
                    "The answer was truncated: the provider ended the stream after {} bytes of it, without a finish_reason; ask again.",
                    self.bytes
                )));
            }
        };
        if self.calls.iter().any(|call| !call.begun) {
            return Err(Error::failed(
                "The provider sent a tool call without a name; ask again, or use another model.",
            ));
        }
        let called = reason == FinishReason::Stop && !self.calls.is_empty();
        let reason = if called { FinishReason::ToolCalls } else { reason };
        Ok(Event::Finished { reason, usage: self.usage, timings: Timings::default() })
    }

    fn text(&mut self, delta: &Value, logprobs: &Value) -> Option<Event> {
        let mut text = words(&delta["content"]);
        text.push_str(delta["refusal"].as_str().unwrap_or_default());
        let thought = delta["reasoning_content"].as_str().or(delta["reasoning"].as_str()).unwrap_or_default();
        self.bytes += text.len() + thought.len();
        let tokens: Vec<TokenProbability> = logprobs["content"].as_array().into_iter().flatten().map(token).collect();
        (!text.is_empty() || !tokens.is_empty()).then_some(Event::Text { text, tokens, prompt: false })
    }

    /// A call begins with its name; servers name it in its first piece, some in every one.
    fn call(&mut self, piece: &Value) -> Result<Option<Event>, Error> {
        let function = &piece["function"];
        let index = piece["index"].as_u64();
        let id = piece["id"].as_str().filter(|id| !id.is_empty());
        let name = function["name"].as_str().filter(|name| !name.is_empty());
        let arguments = match &function["arguments"] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        self.bytes += name.map_or(0, str::len) + arguments.len();
        // Some servers give every call the index 0, and tell them apart by their ids, or send each whole.
        let goes_on = |call: &Call| match (call.id.as_deref(), id) {
            (Some(known), Some(id)) => known == id,
            (None, None) => name.is_none() || !call.begun,
            _ => true,
        };
        let known = self.calls.iter().rposition(|call| index.is_none() || call.index == index);
        let at = known.filter(|at| goes_on(&self.calls[*at])).unwrap_or(self.calls.len());
        if at == self.calls.len() {
            self.calls.push(Call { index, id: id.map(str::to_owned), ..Call::default() });
        }
        let last = at + 1 == self.calls.len();
        let call = &mut self.calls[at];
        if !call.begun {
            call.early.push_str(&arguments);
            let Some(name) = name else { return Ok(None) };
            call.begun = true;
            let id = call.id.clone().unwrap_or_else(|| format!("call_{at}"));
            let arguments = std::mem::take(&mut call.early);
            return Ok(Some(Event::ToolCall(ToolCall { id, name: name.to_owned(), arguments })));
        }
        if arguments.is_empty() {
            return Ok(None);
        }
        if !last {
            return Err(Error::failed(
                "The provider went on with a tool call after it had begun another; set parallel_tool_calls to false.",
            ));
        }
        Ok(Some(Event::ToolArguments(arguments)))
    }
}

/// Content is text, or a list of parts, of which some hold text.
fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

/// A word that nobody knows ends an answer like any other.
fn reason(word: &str) -> Result<FinishReason, Error> {
    match word {
        "length" | "max_tokens" | "model_length" => Ok(FinishReason::Length),
        "tool_calls" | "function_call" => Ok(FinishReason::ToolCalls),
        "content_filter" | "sensitive" => Err(filtered(&format!("finish_reason '{word}'"))),
        "error" | "network_error" | "insufficient_system_resource" => Err(Error::failed(format!(
            "The provider broke the answer off (finish_reason '{word}'); ask again later, or use another model."
        ))),
        _ => Ok(FinishReason::Stop),
    }
}

fn usage(counted: &Value) -> Option<Usage> {
    let number = |value: &Value| value.as_u64().map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    let cached = number(&counted["prompt_tokens_details"]["cached_tokens"])
        .or_else(|| number(&counted["prompt_cache_hit_tokens"])) // DeepSeek
        .or_else(|| number(&counted["cached_tokens"])); // Moonshot
    Some(Usage {
        prompt_tokens: number(&counted["prompt_tokens"])?,
        completion_tokens: number(&counted["completion_tokens"]).unwrap_or(0),
        cached_tokens: cached.unwrap_or(0),
        ..Usage::default()
    })
}

fn token(entry: &Value) -> TokenProbability {
    let rival = |entry: &Value| Rival { id: id(entry), bytes: bytes(entry), logprob: logprob(entry) };
    let rivals = entry["top_logprobs"].as_array().into_iter().flatten().map(rival).collect();
    TokenProbability { id: id(entry), bytes: bytes(entry), logprob: Some(logprob(entry)), rivals }
}

/// llama-server gives ids, others do not.
fn id(entry: &Value) -> u32 {
    entry["id"].as_u64().and_then(|id| u32::try_from(id).ok()).unwrap_or(NO_ID)
}

fn bytes(entry: &Value) -> Vec<u8> {
    let listed = entry["bytes"]
        .as_array()
        .map(|bytes| bytes.iter().filter_map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok())).collect());
    listed.unwrap_or_else(|| entry["token"].as_str().unwrap_or_default().as_bytes().to_vec())
}

fn logprob(entry: &Value) -> f32 {
    entry["logprob"].as_f64().unwrap_or(f64::NEG_INFINITY) as f32
}
