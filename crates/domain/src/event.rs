//! What a [`crate::LanguageModel`] streams back.

use serde::{Deserialize, Serialize};

use crate::{Citation, Hit, ToolCall};

/// One step of an answer. A stream ends with exactly one `Finished`, or with one error.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// What happens before words come; for people who wait.
    Progress(Progress),
    /// More text, always valid UTF-8. `text` may be empty while a character or a possible stop string is incomplete.
    Text {
        /// The new text.
        text: String,
        /// The tokens it is made of, when log-probabilities were asked for.
        tokens: Vec<TokenProbability>,
        /// True for the echo of the prompt.
        prompt: bool,
    },
    /// A call of a tool: whole, or its beginning, if more of its arguments follows.
    ToolCall(ToolCall),
    /// More of the last call's arguments.
    ToolArguments(String),
    /// A quotation that was found in the passage it names.
    Citation(Citation),
    /// The end.
    Finished {
        /// Why it ended.
        reason: FinishReason,
        /// Tokens counted.
        usage: Usage,
        /// Time spent.
        timings: Timings,
    },
}

/// What happens before words come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Progress {
    /// Waiting for a slot behind this many others.
    Queued {
        /// Requests ahead.
        ahead: usize,
    },
    /// The model file is being read.
    Loading {
        /// The model's name.
        model: String,
    },
    /// The prompt is being read.
    Prompt {
        /// Tokens read so far.
        done: usize,
        /// Tokens in all.
        total: usize,
    },
    /// The knowledge base was searched; the passages the answer will be built from.
    Searched {
        /// In the order the model sees them; passage 1 is `[1]`.
        hits: Vec<Hit>,
    },
    /// Citations that could not be found in the passage they named were dropped.
    Dropped {
        /// How many.
        citations: usize,
    },
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended its turn, or a stop string was met.
    #[default]
    Stop,
    /// `max_tokens` or the context's end was reached.
    Length,
    /// The model called a tool.
    ToolCalls,
}

/// Tokens counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
    /// Tokens of the prompt that did not have to be read again.
    pub cached_tokens: u32,
    /// Tokens that were guessed and read ahead.
    #[serde(default)]
    pub guessed_tokens: u32,
    /// Guesses that came true: tokens generated without a pass of their own.
    #[serde(default)]
    pub accepted_tokens: u32,
}

/// Time spent, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Waiting for a slot.
    pub queue_ms: f64,
    /// Searching a knowledge base.
    pub search_ms: f64,
    /// Reading the prompt.
    pub prompt_ms: f64,
    /// Generating.
    pub generate_ms: f64,
}

/// One token and how likely it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenProbability {
    /// Its id.
    pub id: u32,
    /// Its bytes; a token may hold part of a character.
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability under the model (before temperature and truncation); `None` for the first token of an echoed prompt.
    pub logprob: Option<f32>,
    /// The likeliest tokens at this place, most likely first.
    pub rivals: Vec<Rival>,
}

/// A token that stood at the same place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    /// Its id.
    pub id: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability.
    pub logprob: f32,
}
