#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod requests;
mod responses;
mod streams;

use domain::{Citation, Event, FinishReason, Rival, Timings, TokenProbability, Usage};
use serde_json::{Value, json};

use super::chat::ChatRequest;
use super::completion::CompletionRequest;
use super::response::Head;

fn head(model: &str) -> Head {
    Head { id: "x-1".to_owned(), created: 1_700_000_000, model: model.to_owned() }
}

/// A chat request with some fields more than it must have.
fn chat(more: Value) -> Result<ChatRequest, domain::Error> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ChatRequest::read(&body)
}

/// A completion request with some fields more than it must have.
fn completion(more: Value) -> Result<CompletionRequest, domain::Error> {
    let mut body = json!({"model": "m", "prompt": "hi"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    CompletionRequest::read(&body)
}

fn token(id: u32, bytes: &[u8], logprob: Option<f32>, rivals: &[(&[u8], f32)]) -> TokenProbability {
    let rival = |(id, (bytes, logprob)): (u32, &(&[u8], f32))| Rival { id, bytes: bytes.to_vec(), logprob: *logprob };
    TokenProbability { id, bytes: bytes.to_vec(), logprob, rivals: (0..).zip(rivals).map(rival).collect() }
}

fn text(text: &str) -> Event {
    Event::Text { text: text.to_owned(), tokens: Vec::new(), prompt: false }
}

fn finished(reason: FinishReason, prompt_tokens: u32, completion_tokens: u32) -> Event {
    let usage = Usage { prompt_tokens, completion_tokens, cached_tokens: 1, ..Usage::default() };
    Event::Finished { reason, usage, timings: Timings::default() }
}

fn citation(document: &str, at: [usize; 2]) -> Citation {
    Citation {
        marker: "[1]".to_owned(),
        passage: "p".to_owned(),
        document: document.to_owned(),
        title: String::new(),
        page: Some(3),
        section: "A > B".to_owned(),
        quote: "ten days".to_owned(),
        span: [10, 18],
        at,
    }
}
