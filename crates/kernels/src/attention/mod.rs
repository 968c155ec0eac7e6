//! Attention: causal over paged half-precision caches for decoders, full for encoders.

mod causal;
mod full;
mod running;

pub use causal::{AttnShape, PAGE, Page, Sequence, attention, put_position};
pub use full::{FullShape, attention_full};

#[cfg(test)]
mod tests;
