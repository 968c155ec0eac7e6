//! Attention: causal over paged caches of halves or 8 bits for decoders, full for encoders.

mod causal;
mod full;
mod page;
mod running;

pub use causal::{AttnShape, Sequence, attention};
pub use full::{FullShape, attention_full};
pub use page::{BLOCK, PAGE, Page, PageMut, put_position};

#[cfg(test)]
mod tests;
