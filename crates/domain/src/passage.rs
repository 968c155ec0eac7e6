//! Pieces of documents, found and quoted.

use serde::{Deserialize, Serialize};

/// Half-open range of characters (Unicode scalar values) in a document's extracted text.
pub type Span = [usize; 2];

/// A retrievable piece of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// Content hash of document, place and text.
    pub id: String,
    /// The document's name: its path relative to what was ingested, or the uploaded file name.
    pub document: String,
    /// The document's title.
    pub title: String,
    /// First page, from 1, where the format has pages.
    pub page: Option<u32>,
    /// Heading path, outermost first, joined by ` > `.
    pub section: String,
    /// Where it stands in the document's extracted text.
    pub span: Span,
    /// The text.
    pub text: String,
}

impl Passage {
    /// What it stands under: the title and the heading path, without saying the title twice.
    pub fn heading(&self) -> String {
        match (self.title.trim(), self.section.trim()) {
            (title, "") => title.to_owned(),
            ("", section) => section.to_owned(),
            (title, section) if section.starts_with(title) => section.to_owned(),
            (title, section) => format!("{title} > {section}"),
        }
    }
}

/// How a knowledge base is searched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMode {
    /// Words and vectors, fused by reciprocal ranks.
    #[default]
    Hybrid,
    /// Words only (BM25).
    Lexical,
    /// Vectors only.
    Vector,
}

/// A passage found, with how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// What was found.
    #[serde(flatten)]
    pub passage: Passage,
    /// Comparable only within one search: the fused score, BM25, or the cosine, by mode.
    pub score: f32,
    /// Rank (from 1) among the words' results, where it was among them.
    pub lexical_rank: Option<u32>,
    /// Rank (from 1) among the vectors' results, where it was among them.
    pub vector_rank: Option<u32>,
}

/// A quotation that was found in the passage it names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// As it stands in the answer: `[1]`.
    pub marker: String,
    /// The passage's id.
    pub passage: String,
    /// The document's name.
    pub document: String,
    /// The document's title.
    pub title: String,
    /// Page, from 1, where the format has pages.
    pub page: Option<u32>,
    /// Heading path.
    pub section: String,
    /// Verbatim from the document's extracted text.
    pub quote: String,
    /// Where the quotation stands in the document's extracted text.
    pub span: Span,
    /// Where the marker stands in the answer, in characters.
    pub at: Span,
}
