//! How candidates are compared: what is known of each from a sample, and which are clearly beaten.
//!
//! Everything here is arithmetic on scores, seeded and pure. [`quality`] and [`quantile`] say what a sample tells of one candidate,
//! [`difference`] what it tells of two, and [`Race`] drops candidates that are clearly beaten while examples come in.

mod interval;
mod paired;
mod race;

pub use interval::{Interval, quality, quantile};
pub use paired::{Difference, difference, holm};
pub use race::{Beaten, Race};
