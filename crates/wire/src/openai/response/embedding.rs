//! Embeddings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::openai::embedding::Encoding;

/// Embeddings of a request's texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddingBody {
    object: &'static str,
    /// One for each text, in order.
    pub data: Vec<EmbeddingItem>,
    model: String,
    /// Tokens counted.
    pub usage: EmbeddingUsage,
}

/// A text's embedding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddingItem {
    object: &'static str,
    /// Which text, from 0.
    pub index: usize,
    /// Its vector.
    pub embedding: Vector,
}

/// A vector, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Vector {
    /// As JSON numbers.
    Float(Vec<f32>),
    /// As base64 of little-endian 32-bit floats.
    Base64(String),
}

/// Tokens counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EmbeddingUsage {
    /// Tokens read.
    pub prompt_tokens: u32,
    /// The same: nothing is generated.
    pub total_tokens: u32,
}

impl EmbeddingBody {
    /// The body for vectors, in the order of their texts.
    pub fn new(model: String, encoding: Encoding, vectors: Vec<Vec<f32>>, tokens: u32) -> Self {
        let item = |(index, vector): (usize, Vec<f32>)| EmbeddingItem {
            object: "embedding",
            index,
            embedding: match encoding {
                Encoding::Float => Vector::Float(vector),
                Encoding::Base64 => {
                    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                    Vector::Base64(STANDARD.encode(bytes))
                }
            },
        };
        Self {
            object: "list",
            data: vectors.into_iter().enumerate().map(item).collect(),
            model,
            usage: EmbeddingUsage { prompt_tokens: tokens, total_tokens: tokens },
        }
    }
}
