//! Documents to text: every format becomes one text, and blocks that are exact slices of it.

mod builder;
mod cell;
mod code;
pub(crate) mod decode;
mod detect;
mod epub;
mod html;
mod json;
mod layout;
mod markdown;
mod office;
mod pdf;
mod pdf_filters;
mod pdf_streams;
mod running_heads;
mod sheet;
mod table;
mod tame;
mod text;
mod xml;
mod zipped;

use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::Span;
use serde::{Deserialize, Serialize};

use builder::Builder;
pub use detect::Format;
pub use sheet::{Cell, SheetRow};
use tame::Syntax;

const STACK: usize = 64 << 20;

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A heading.
    Heading {
        /// From 1, outermost.
        level: u8,
    },
    /// Running text.
    Paragraph,
    /// One item of a list.
    ListItem,
    /// Rows of cells separated by ` | `.
    Table,
    /// Source code or preformatted text.
    Code,
    /// A caption.
    Caption,
}

/// A piece of a document that belongs together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub kind: Kind,
    /// The text: exactly `Parsed.text` at `span`.
    pub text: String,
    /// Page, slide or none; from 1.
    pub page: Option<u32>,
    /// Where it stands in `Parsed.text`, in characters.
    pub span: Span,
    /// Heading path, outermost first.
    pub section: Vec<String>,
}

/// A document read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parsed {
    /// The document's own title, or its name.
    pub title: String,
    /// All text extracted; spans count its characters.
    pub text: String,
    /// Pieces in reading order.
    pub blocks: Vec<Block>,
    /// What could not be read, in sentences.
    pub warnings: Vec<String>,
    /// Range of each page, where the format has pages.
    pub pages: Vec<Span>,
    /// What the bytes were.
    pub format: Format,
}

/// What a document may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of the file.
    pub file_bytes: usize,
    /// Bytes of everything unpacked from an archive.
    pub unpacked_bytes: u64,
    /// Unpacked bytes for each packed byte.
    pub unpack_ratio: u64,
    /// Files in an archive.
    pub entries: usize,
    /// Depth of nested elements.
    pub depth: usize,
    /// Pages of a PDF, slides, sheets.
    pub pages: usize,
    /// Characters of text kept.
    pub chars: usize,
    /// Seconds after which no further page is read.
    pub seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 512 << 20,
            unpacked_bytes: 1 << 30,
            unpack_ratio: 200,
            entries: 20_000,
            depth: 256,
            pages: 10_000,
            chars: 50_000_000,
            seconds: 120,
        }
    }
}

/// A document that cannot be read: its name, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read `{name}`: {reason}; {remedy}")]
pub struct ParseError {
    /// The document.
    pub name: String,
    /// Why.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// Why, and what to do; the name is added at the border.
#[derive(Debug)]
struct Refusal {
    reason: String,
    remedy: String,
}

impl Refusal {
    fn new(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { reason: reason.into(), remedy: remedy.into() }
    }

    fn damaged(what: &str, why: impl std::fmt::Display) -> Self {
        Self::new(format!("it is not a sound {what} ({why})"), "open it in its own program and save it again")
    }

    fn named(self, name: &str) -> ParseError {
        ParseError { name: name.to_owned(), reason: self.reason, remedy: self.remedy }
    }
}

type Outcome = Result<(), Refusal>;

/// Reads a document; whatever the bytes, it returns.
pub fn parse(name: &str, bytes: &[u8], limits: &Limits) -> Result<Parsed, ParseError> {
    guarded(name, bytes, limits, || run(name, bytes, limits))
}

/// Reads the filled cells of an Excel workbook's first sheet, row by row, for those who want its values and not its text; whatever the bytes, it
/// returns.
pub fn first_sheet(name: &str, bytes: &[u8], limits: &Limits) -> Result<Vec<SheetRow>, ParseError> {
    guarded(name, bytes, limits, || sheet::first(bytes, limits))
}

/// Has foreign bytes read where a reader that goes too deep, or panics, harms nobody.
fn guarded<T: Send>(
    name: &str,
    bytes: &[u8],
    limits: &Limits,
    read: impl FnOnce() -> Result<T, Refusal> + Send,
) -> Result<T, ParseError> {
    if bytes.len() > limits.file_bytes {
        return Err(Refusal::new(
            format!("it has {} bytes and the limit is {}", bytes.len(), limits.file_bytes),
            "split it into smaller files",
        )
        .named(name));
    }
    let work = || catch_unwind(AssertUnwindSafe(read));
    let outcome = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("parse".into())
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .map(|thread| thread.join())
    });
    let refusal = match outcome {
        Ok(Ok(Ok(result))) => return result.map_err(|refusal| refusal.named(name)),
        Ok(_) => Refusal::new(
            "its content broke the reader for this format",
            "save it again in its own program, or convert it to PDF or text",
        ),
        Err(why) => Refusal::new(format!("no thread could be started ({why})"), "try again later"),
    };
    Err(refusal.named(name))
}

fn run(name: &str, bytes: &[u8], limits: &Limits) -> Result<Parsed, Refusal> {
    let format = Format::detect(name, bytes)?;
    let mut out = Builder::new(limits);
    match format {
        Format::Pdf => pdf::read(bytes, limits, &mut out)?,
        Format::Docx => office::docx(bytes, limits, &mut out)?,
        Format::Pptx => office::pptx(bytes, limits, &mut out)?,
        Format::Sheet => sheet::workbook(bytes, limits, &mut out)?,
        Format::Csv => sheet::csv(name, &decode::text(bytes, &mut out), &mut out),
        Format::Html => {
            let page = decode::html(bytes, &mut out);
            html::read(&page, Syntax::of(&page), limits, &mut out);
        }
        Format::Markdown => markdown::read(&decode::text(bytes, &mut out), &mut out),
        Format::Epub => epub::read(bytes, limits, &mut out)?,
        Format::Json => json::read(&decode::text(bytes, &mut out), limits, &mut out),
        Format::Code => code::read(&decode::text(bytes, &mut out), &mut out),
        Format::Text => text::read(&decode::text(bytes, &mut out), &mut out),
    }
    Ok(out.finish(name, format))
}

#[cfg(test)]
mod tests;
