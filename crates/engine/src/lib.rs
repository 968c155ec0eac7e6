//! Local models: weights, tokenizers, templates, the Transformer decoder and the encoder, sampling, and the scheduler that shares one model among requests.

pub mod convert;
mod encoder;
mod error;
pub mod gguf;
pub mod safetensors;
mod tokenizer;

pub use encoder::LocalEmbedder;
pub use error::LoadError;
pub use tokenizer::{Detokenizer, Tokenizer};
