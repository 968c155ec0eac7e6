//! A model's tokenizer, as people look at it.

use engine::Tokenizer;
use serde::Serialize;

/// A model's tokenizer; cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    tokenizer: Tokenizer,
}

/// One token of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// Its id.
    pub id: u32,
    /// Its bytes; a token may hold part of a character.
    pub bytes: Vec<u8>,
}

impl Tokens {
    pub(crate) fn new(tokenizer: Tokenizer) -> Self {
        Self { tokenizer }
    }

    /// The tokens of people's text; text that looks like a control token stays text.
    pub fn pieces(&self, text: &str) -> Vec<Piece> {
        self.tokenizer.encode(text).into_iter().map(|id| Piece { id, bytes: self.tokenizer.token_bytes(id) }).collect()
    }

    /// The text of tokens.
    pub fn decode(&self, ids: &[u32]) -> String {
        self.tokenizer.decode(ids)
    }

    /// How many ids there are.
    pub fn vocabulary(&self) -> usize {
        self.tokenizer.vocab_size()
    }
}
