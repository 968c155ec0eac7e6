//! The walls: what every language model and every embedder promises.

use std::pin::Pin;

use futures_core::Stream;
use futures_core::future::BoxFuture;
use futures_util::StreamExt;

use crate::{Card, Citation, Error, Event, FinishReason, Request, Timings, TokenProbability, ToolCall, Usage};

/// A stream of events; see [`LanguageModel::generate`].
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Event, Error>> + Send>>;

/// Anything that continues text: a local model, a remote one, a knowledge base that answers.
///
/// Contract: `generate` returns at once; the work happens as the stream is polled or behind it.
/// The stream ends with exactly one [`Event::Finished`] or one error, and yields nothing after.
/// Dropping it cancels the work and frees its slot within one step. No retries inside.
pub trait LanguageModel: Send + Sync {
    /// What is known about the model.
    fn card(&self) -> &Card;
    /// Starts one generation.
    fn generate(&self, request: Request) -> EventStream;
}

/// Which side of a search a text stands on; some models want a different prefix for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A question.
    Query,
    /// A passage to be found.
    Passage,
    /// The text as it stands, no prefix: what `/v1/embeddings` callers send.
    Plain,
}

/// Vectors and what they cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// One unit-length vector per text, in order; each `dimensions` wide.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read.
    pub tokens: u32,
}

/// Turns texts into vectors whose dot product is their likeness.
///
/// Contract: order and length are kept; vectors are unit length; a text beyond the model's context is cut, not refused.
pub trait Embedder: Send + Sync {
    /// What is known about the model.
    fn card(&self) -> &Card;
    /// Embeds texts, all for one purpose.
    fn embed(&self, texts: Vec<String>, purpose: Purpose) -> BoxFuture<'static, Result<Embeddings, Error>>;
    /// Tokens a text would take, without prefix.
    fn count_tokens(&self, text: &str) -> usize;
}

/// How well each passage answers a question, and what that cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// 0 to 1, one for each passage, in order. Comparable only within a call.
    pub scores: Vec<f32>,
    /// Tokens read.
    pub tokens: u32,
}

/// Tells how well passages answer a question, reading both together.
///
/// Contract: order and length are kept; the better passage has the higher score.
pub trait Reranker: Send + Sync {
    /// Scores passages for one query.
    fn score(&self, query: &str, passages: Vec<String>) -> BoxFuture<'static, Result<Scores, Error>>;
}

/// A stream gathered into one answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collected {
    /// The text, without the echoed prompt.
    pub text: String,
    /// The echoed prompt's text.
    pub echoed: String,
    /// Tokens with probabilities, echoed ones first; empty if not asked for.
    pub tokens: Vec<TokenProbability>,
    /// Tool calls, in order.
    pub tool_calls: Vec<ToolCall>,
    /// Citations, in order.
    pub citations: Vec<Citation>,
    /// Citations dropped because the quotation was not found.
    pub dropped: usize,
    /// Why it ended.
    pub reason: FinishReason,
    /// Tokens counted.
    pub usage: Usage,
    /// Time spent.
    pub timings: Timings,
}

/// Gathers a stream to its end.
///
/// # Errors
/// The stream's own error; [`Error::Failed`] if it ends without `Finished`.
pub async fn collect(mut stream: EventStream) -> Result<Collected, Error> {
    let mut all = Collected::default();
    while let Some(event) = stream.next().await {
        match event? {
            Event::Text { text, tokens, prompt } => {
                if prompt { &mut all.echoed } else { &mut all.text }.push_str(&text);
                all.tokens.extend(tokens);
            }
            Event::ToolCall(call) => all.tool_calls.push(call),
            Event::ToolArguments(more) => {
                if let Some(call) = all.tool_calls.last_mut() {
                    call.arguments.push_str(&more);
                }
            }
            Event::Citation(citation) => all.citations.push(citation),
            Event::Progress(crate::Progress::Dropped { citations }) => all.dropped += citations,
            Event::Progress(_) => {}
            Event::Finished { reason, usage, timings } => {
                all.reason = reason;
                all.usage = usage;
                all.timings = timings;
                return Ok(all);
            }
        }
    }
    Err(Error::failed("the model ended without a finish event: this is a bug in the model's adapter"))
}
