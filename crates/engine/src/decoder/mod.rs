//! The Transformer decoder: one implementation for every family in the table.

mod cache;
mod family;
mod forward;
#[cfg(test)]
mod tests;
mod weights;

pub(crate) use cache::{CacheUse, Page, Pages, Sequence};
pub(crate) use forward::{Row, forward};
pub(crate) use weights::Decoder;

/// Whether a decoder of this family can be run.
///
/// # Errors
/// [`crate::LoadError::Unsupported`], naming the families that can.
pub(crate) fn check_family(architecture: &str) -> Result<(), crate::LoadError> {
    family::of(architecture).map(|_| ())
}
