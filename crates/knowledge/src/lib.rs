//! Documents in, passages found, quotations proved.
//!
//! [`parse`] reads foreign bytes, [`chunk`] cuts them, [`KnowledgeBase`] keeps them (SQLite is the truth, the words
//! index can always be rebuilt from it), [`Reader`] searches, [`cite`] proves an answer's markers, [`answer`] writes
//! the prompt. No model and no network here: vectors are given, never made.

pub mod answer;
pub mod chunk;
pub mod cite;
mod claim;
mod cut;
mod extract;
mod fact;
mod figures;
mod foreign;
mod numerals;
pub mod parse;
mod polarity;
mod schema;
mod search;
mod store;
mod text;
mod vectors;
mod words;

pub use claim::Judge;
pub use domain::Error;
pub use foreign::{Foreign, Reading};
pub use search::{Query, Reader, SearchResult};
pub use store::{DocumentInfo, DocumentText, KnowledgeBase, NewDocument, Stats};

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// What tells one file's content from another's.
pub fn content_hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The different words that say something of a text: the form that a word's forms share, and the word as it stands there.
pub fn telling_words(text: &str) -> Vec<(String, String)> {
    text::telling(text)
}

/// Share of a text's letters that are Han.
pub fn han_share(text: &str) -> f32 {
    text::han_share(text)
}

/// The characters of a text in whatever encoding (UTF-8, UTF-16, GB18030, Big5, ...), as well as can be; a byte-order mark is left out.
pub fn decode(bytes: &[u8]) -> String {
    parse::decode::lenient(bytes)
}
