//! What is asked of a [`crate::LanguageModel`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Message, SearchMode, ToolSpec};

/// What the model continues.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// A conversation, laid out by the model's own chat template.
    Chat(Vec<Message>),
    /// Text continued as it stands. Special tokens in it stay text.
    Text(String),
    /// Token ids continued as they stand.
    Tokens(Vec<u32>),
}

/// One call of a language model.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What to continue.
    pub prompt: Prompt,
    /// Tools offered, passed to the chat template.
    pub tools: Vec<ToolSpec>,
    /// How the next token is drawn.
    pub sampling: Sampling,
    /// At most this many new tokens; `None`: what the context has room for. `Some(0)` with `echo` scores the prompt.
    pub max_tokens: Option<u32>,
    /// Generation ends before the first of these strings, wherever token borders fall.
    pub stop: Vec<String>,
    /// `Some(n)`: report each token's log-probability and its `n` most likely rivals (0..=20).
    pub logprobs: Option<u8>,
    /// Report the prompt's own tokens first (as `Event::Text` with `prompt: true`).
    pub echo: bool,
    /// How a knowledge base answering as a model should search; ignored by plain models.
    pub search: Option<SearchMode>,
    /// What the answer must be; `None`: any text.
    pub grammar: Option<Grammar>,
    /// Which tools must be called.
    pub tool_choice: ToolChoice,
    /// Whether one answer may call several tools.
    pub parallel_tool_calls: bool,
    /// Requests with less of it go before others, whoever asks.
    pub priority: i32,
    /// Who asks: where many do, each gets as much of the model as the others.
    pub client: String,
}

/// What an answer must be, whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Grammar {
    /// A JSON object, whatever is in it.
    JsonObject,
    /// JSON that a schema accepts.
    JsonSchema(Value),
    /// A text that a regular expression matches from beginning to end.
    Regex(String),
    /// One of these texts.
    Choice(Vec<String>),
    /// A text of a context-free grammar in Lark's syntax, beginning with `start`.
    Lark(String),
}

impl Grammar {
    /// The parameter of a request that asks for it.
    pub fn param(&self) -> &'static str {
        match self {
            Self::JsonObject | Self::JsonSchema(_) => "response_format",
            Self::Regex(_) => "regex",
            Self::Choice(_) => "choice",
            Self::Lark(_) => "grammar",
        }
    }
}

/// Which of the tools offered must be called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model likes.
    #[default]
    Auto,
    /// At least one.
    Required,
    /// The one of this name.
    Named(String),
}

impl Request {
    /// A request with default sampling and no limits.
    pub fn new(prompt: Prompt) -> Self {
        Self {
            prompt,
            tools: Vec::new(),
            sampling: Sampling::default(),
            max_tokens: None,
            stop: Vec::new(),
            logprobs: None,
            echo: false,
            search: None,
            grammar: None,
            tool_choice: ToolChoice::Auto,
            parallel_tool_calls: true,
            priority: 0,
            client: String::new(),
        }
    }
}

/// How the next token is drawn from the model's distribution. Applied in the order of the fields:
/// bias and penalties on the logits, then temperature, then the truncations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampling {
    /// Added to the logit of each token id, -100..=100.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Divides (or multiplies, if negative) logits of tokens already seen; 1 is off (Keskar et al. 2019).
    pub repetition_penalty: f32,
    /// Subtracted once from logits of tokens already generated, -2..=2.
    pub presence_penalty: f32,
    /// Subtracted per occurrence from logits of tokens already generated, -2..=2.
    pub frequency_penalty: f32,
    /// 0 is greedy; left open, it is 1 for a language model and 0 for a knowledge base.
    pub temperature: Option<f32>,
    /// Keep the `k` most likely; 0 is off.
    pub top_k: u32,
    /// Locally typical sampling (Meister et al. 2022); 1 is off.
    pub typical_p: f32,
    /// Keep the smallest set whose probability reaches `p` (nucleus); 1 is off.
    pub top_p: f32,
    /// Drop tokens less likely than `p` times the likeliest; 0 is off. A little is usual, since the long tail of a small model is noise.
    pub min_p: f32,
    /// Same seed, same request, same model: same answer.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            logit_bias: BTreeMap::new(),
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            temperature: None,
            top_k: 0,
            typical_p: 1.0,
            top_p: 1.0,
            min_p: 0.05,
            seed: None,
        }
    }
}
