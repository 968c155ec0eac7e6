//! Local models: weights, tokenizers, templates, the Transformer decoder and the encoder, sampling, and the scheduler that shares one model among requests.

mod card;
pub mod convert;
mod decoder;
mod encoder;
mod error;
pub mod gguf;
pub mod safetensors;
mod sample;
mod serve;
mod stops;
mod template;
mod tokenizer;
mod tool_calls;

pub use card::inspect;
pub use encoder::LocalEmbedder;
pub use error::LoadError;
pub use serve::{LoadOptions, LocalModel, Stats};
pub use tokenizer::{Detokenizer, Tokenizer};
