//! How candidates are compared: how good an answer is, what is known of each candidate from a sample, and which are clearly beaten.
//!
//! Everything here is arithmetic on answers and scores, seeded and pure. [`score`] grades one answer, [`Confusion`] counts labels, and
//! [`agreement`] holds a judge against people; [`split`] and
//! [`twins`] make parts of a data set that do not leak; [`quality`] and [`quantile`] say what a sample tells of one candidate, [`difference`] what
//! it tells of two; a [`Race`] drops candidates that are clearly beaten while examples come in, and a [`Contest`] goes from many to the few that are
//! measured on the test split.

mod agreement;
mod classes;
mod contest;
mod interval;
mod overlap;
mod paired;
mod race;
mod score;
mod split;
mod stem;
mod text;
mod twins;

pub use agreement::{Agreement, Calibration, agreement};
pub use classes::{ClassScore, Confusion};
pub use contest::{Contest, Next, Terms};
pub use interval::{Interval, quality, quantile};
pub use overlap::{bleu, fuzzy_match, gleu, meteor, rouge_n};
pub use paired::{Difference, difference, holm};
pub use race::{Beaten, Race};
pub use score::{by_field, pattern, score};
pub use split::{Shares, Split, split};
pub use text::{chrf, rouge_l};
pub use twins::{Twins, twins};
