//! Local models: weights, tokenizers, templates, decoders (Transformer, RWKV, Mamba) and the encoder, sampling, and the scheduler that shares one model among requests.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may stop"))]

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
#[cfg(test)]
mod tiny;
mod tokenizer;
mod tool_calls;
mod typed;

pub use card::inspect;
pub use decoder::{Footprint, Gradients, footprint, gradients, logits};
pub use encoder::LocalEmbedder;
pub use error::LoadError;
pub use serve::{LoadOptions, LocalModel, Stats};
pub use tokenizer::{Detokenizer, Tokenizer};

use kernels::Pool;
/// What this machine can do at most.
pub use kernels::{Instructions, Limits};

/// Measures this machine's limits with `threads` threads, or as many as there are; takes a second, and a gigabyte for as long.
pub fn limits(threads: Option<usize>) -> Limits {
    kernels::limits(&Pool::new(threads.unwrap_or_else(kernels::default_threads)))
}
