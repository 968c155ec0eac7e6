//! Text to token ids and back.
//!
//! A [`Tokenizer`] is built from a GGUF's metadata or a `tokenizer.json`. [`Tokenizer::encode`] is for people's text
//! and never yields a control token; [`Tokenizer::encode_with_specials`] is for text the chat template rendered.
//! The algorithms are in `bpe`, `sentencepiece`, `unigram`, `longest` and `json`; `specials` cuts a text at tokens that are
//! matched as a whole.

mod bpe;
mod bytes;
mod detokenizer;
mod hash;
mod json;
mod keys;
mod longest;
mod normalizer;
mod pretokenizer;
mod sentencepiece;
mod specials;
mod unigram;
mod vocabulary;

use std::sync::Arc;

#[cfg(test)]
pub(crate) use bytes::stand_in;
pub use detokenizer::Detokenizer;
pub(crate) use vocabulary::{Algorithm, Frame, REPLACEMENTS, TokenKind, Vocabulary, ends_by_name};

use crate::LoadError;
use crate::gguf::Gguf;
use bpe::Bpe;
use json::Json;
use longest::Longest;
use sentencepiece::SentencePiece;
use specials::{Fragment, Specials};
use unigram::Unigram;

/// A model's tokenizer; cheap to clone.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Arc<Inner>,
}

struct Inner {
    model: Model,
    specials: Specials,
    /// What each id reads as, control tokens included.
    pieces: Vec<Box<[u8]>>,
    kinds: Vec<TokenKind>,
    /// Ids that end a generation, ascending.
    ends: Vec<u32>,
    bos: Option<u32>,
    eos: Option<u32>,
    /// Put before a text the model is fed.
    prefix: Vec<u32>,
    /// Put after it.
    suffix: Vec<u32>,
    /// Decoding a whole text drops the space that encoding put in front.
    leading_space: bool,
}

enum Model {
    Bpe(Box<Bpe>),
    SentencePiece(Box<SentencePiece>),
    Unigram(Unigram),
    Longest(Longest),
    Json(Box<Json>),
}

impl Tokenizer {
    /// Reads the tokenizer out of a GGUF's metadata.
    ///
    /// # Errors
    /// When a key is missing or of the wrong type, or names an algorithm this build does not know.
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, LoadError> {
        Self::from_vocabulary(Vocabulary::from_gguf(gguf)?)
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When the JSON is not a tokenizer.
    pub fn from_json(bytes: &[u8]) -> Result<Self, LoadError> {
        let json = Json::parse(bytes)?;
        let specials = Specials::new(json.specials())?;
        let (prefix, suffix) = json.frame();
        let (pieces, kinds) = json.pieces();
        let bos = prefix.first().copied();
        let eos = suffix.last().copied();
        Ok(Self::new(Inner {
            model: Model::Json(Box::new(json)),
            specials,
            pieces,
            kinds,
            ends: eos.into_iter().collect(),
            bos,
            eos,
            prefix,
            suffix,
            leading_space: true,
        }))
    }

    /// Builds the tokenizer a vocabulary describes.
    ///
    /// # Errors
    /// When the vocabulary contradicts itself.
    pub fn from_vocabulary(mut vocabulary: Vocabulary) -> Result<Self, LoadError> {
        let ends = vocabulary.find_ends();
        let specials = Specials::new(vocabulary.specials())?;
        let model = match vocabulary.algorithm {
            Algorithm::Bpe => Model::Bpe(Box::new(Bpe::new(&vocabulary)?)),
            Algorithm::SentencePiece => Model::SentencePiece(Box::new(SentencePiece::new(&vocabulary))),
            Algorithm::Unigram => Model::Unigram(Unigram::new(&vocabulary)?),
            Algorithm::Longest => Model::Longest(Longest::new(&vocabulary, &vocabulary.pieces())),
            Algorithm::WordPiece => Model::Json(Box::new(Json::wordpiece(&vocabulary)?)),
        };
        Ok(Self::new(Inner {
            model,
            specials,
            pieces: vocabulary.pieces(),
            ends,
            bos: vocabulary.bos,
            eos: vocabulary.eos,
            prefix: vocabulary.prefix(),
            suffix: vocabulary.suffix(),
            leading_space: vocabulary.leading_space(),
            kinds: vocabulary.kinds,
        }))
    }

    fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Tokens of people's text. Text that looks like a control token stays text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        self.encode_fragments(self.inner.specials.split_plain(text))
    }

    /// Tokens of text in which control tokens are meant, such as a rendered chat template.
    pub fn encode_with_specials(&self, text: &str) -> Vec<u32> {
        self.encode_fragments(self.inner.specials.split_all(text))
    }

    /// Tokens of people's text in the frame the model was trained with (BOS, EOS, CLS, SEP), cut to `limit` in all.
    pub fn encode_framed(&self, text: &str, limit: usize) -> Vec<u32> {
        let Inner { prefix, suffix, .. } = &*self.inner;
        let room = limit.saturating_sub(prefix.len() + suffix.len());
        let mut ids = prefix.clone();
        ids.extend(self.encode(text).into_iter().take(room));
        ids.extend_from_slice(suffix);
        ids
    }

    /// Tokens [`Self::encode_framed`] adds to a text.
    pub fn frame_len(&self) -> usize {
        self.inner.prefix.len() + self.inner.suffix.len()
    }

    fn encode_fragments(&self, fragments: Vec<Fragment<'_>>) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut at_start = true;
        for fragment in fragments {
            match fragment {
                Fragment::Token(id) => ids.push(id),
                Fragment::Text(text) => match &self.inner.model {
                    Model::Bpe(model) => model.encode(text, &mut ids),
                    Model::SentencePiece(model) if at_start => model.encode_start(text, &mut ids),
                    Model::SentencePiece(model) => model.encode(text, &mut ids),
                    Model::Unigram(model) => model.encode(text, &mut ids),
                    Model::Longest(model) => model.encode(text, &mut ids),
                    Model::Json(model) => model.encode(text, &mut ids),
                },
            }
            at_start = matches!(fragment, Fragment::Token(_));
        }
        ids
    }

    /// The bytes a token stands for, a control token's name included; empty for an id beyond the vocabulary.
    pub fn token_bytes(&self, id: u32) -> Vec<u8> {
        self.piece(id).to_vec()
    }

    /// The text of some tokens, control tokens included; bytes that are not UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|&id| self.piece(id)).copied().collect();
        let first_is_text = ids.first().is_some_and(|&id| !self.is_control(id));
        let text = String::from_utf8_lossy(&bytes);
        let trimmed = if self.inner.leading_space && first_is_text { text.strip_prefix(' ') } else { None };
        trimmed.unwrap_or(&text).to_owned()
    }

    /// A decoder that takes tokens one at a time and leaves control tokens out.
    pub fn detokenizer(&self) -> Detokenizer {
        Detokenizer::new(self.clone())
    }

    pub(crate) fn piece(&self, id: u32) -> &[u8] {
        self.inner.pieces.get(id as usize).map_or(&[], |piece| piece)
    }

    /// The id of the token whose whole text this is, control tokens included.
    pub fn token_id(&self, text: &str) -> Option<u32> {
        let found = self.inner.pieces.iter().position(|piece| **piece == *text.as_bytes());
        found.map(|id| id as u32)
    }

    /// The token that begins a text.
    pub fn bos(&self) -> Option<u32> {
        self.inner.bos
    }

    /// The token that ends a text.
    pub fn eos(&self) -> Option<u32> {
        self.inner.eos
    }

    /// Whether a generation stops at this token.
    pub fn is_end(&self, id: u32) -> bool {
        self.inner.ends.binary_search(&id).is_ok()
    }

    /// Whether the token is a control token: never text, only meaning.
    pub fn is_control(&self, id: u32) -> bool {
        matches!(self.inner.kinds.get(id as usize), Some(TokenKind::Control | TokenKind::Unknown))
    }

    /// Whether tokens are bytes put together, so that the tokens of a text do not depend on what stands before it.
    pub(crate) fn is_byte_level(&self) -> bool {
        matches!(self.inner.model, Model::Bpe(_) | Model::Longest(_))
    }

    /// Number of ids.
    pub fn vocab_size(&self) -> usize {
        self.inner.pieces.len()
    }

    /// Whether the model wants the BOS token before a text.
    pub fn add_bos(&self) -> bool {
        self.inner.bos.is_some_and(|bos| self.inner.prefix.first() == Some(&bos))
    }
}

#[cfg(test)]
mod tests;
