//! The responses: whole bodies from [`domain::Collected`], streams from [`domain::Event`]s.
//!
//! A writer turns each event of each choice into chunks, keeping what chunks need of the ones before; framing them is
//! [`crate::sse`]'s part. Folding a stream's chunks gives the body that would have been sent whole: a property test says so.

mod chat;
mod completion;
mod embedding;
mod models;

pub use super::logprobs::{ChatLogprobs, ChatToken, CompletionLogprobs, Likely};
pub use chat::{
    Annotation, ChatChoice, ChatChunk, ChatCompletion, ChatWriter, ChunkChoice, Delta, FunctionBody, FunctionCall,
    MessageBody, UrlCitation,
};
pub use completion::{Completion, CompletionChoice, CompletionChunk, CompletionWriter};
pub use embedding::{EmbeddingBody, EmbeddingItem, EmbeddingUsage, Vector};
pub use models::{ModelBody, ModelList};

use domain::{FinishReason, Usage};
use serde::Serialize;

/// Names the program that answered, as OpenAI names a configuration of its servers.
const FINGERPRINT: &str = concat!("sumeru-", env!("CARGO_PKG_VERSION"));

/// What every body and chunk of one response begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The response's id.
    pub id: String,
    /// When it was begun, in seconds since 1970.
    pub created: u64,
    /// The model's name, as it was asked for.
    pub model: String,
}

/// Tokens counted, in OpenAI's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct UsageBody {
    /// Tokens of the prompts; a prompt answered several times counts once.
    pub prompt_tokens: u64,
    /// Tokens generated.
    pub completion_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// Of the prompts' tokens.
    pub prompt_tokens_details: PromptTokens,
    /// Of the tokens generated.
    pub completion_tokens_details: CompletionTokens,
}

/// Of the prompts' tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PromptTokens {
    /// Those that did not have to be read again.
    pub cached_tokens: u64,
}

/// Guesses of tokens, in OpenAI's words: theirs come from the caller, ours from the text so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CompletionTokens {
    /// Those that came true.
    pub accepted_prediction_tokens: u64,
    /// Those that did not; they are not among the tokens generated.
    pub rejected_prediction_tokens: u64,
}

impl UsageBody {
    /// Adds a choice's count; `answers` is how many choices share each prompt.
    fn add(&mut self, index: u32, answers: u32, usage: Usage) {
        if index.is_multiple_of(answers.max(1)) {
            self.prompt_tokens += u64::from(usage.prompt_tokens);
            self.prompt_tokens_details.cached_tokens += u64::from(usage.cached_tokens);
        }
        self.completion_tokens += u64::from(usage.completion_tokens);
        let guesses = &mut self.completion_tokens_details;
        guesses.accepted_prediction_tokens += u64::from(usage.accepted_tokens);
        guesses.rejected_prediction_tokens += u64::from(usage.guessed_tokens - usage.accepted_tokens);
        self.total_tokens = self.prompt_tokens + self.completion_tokens;
    }
}

/// OpenAI's word for why generation ended.
fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
    }
}
