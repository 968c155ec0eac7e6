//! What a document is: its bytes decide, its name breaks ties.

use serde::{Deserialize, Serialize};

use super::Refusal;
use super::zipped;

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Portable Document Format.
    Pdf,
    /// Word.
    Docx,
    /// PowerPoint.
    Pptx,
    /// Excel or OpenDocument sheets.
    Sheet,
    /// Comma- or tab-separated values.
    Csv,
    /// Web page.
    Html,
    /// Markdown.
    Markdown,
    /// Electronic book.
    Epub,
    /// JSON or one JSON value a line.
    Json,
    /// Source code.
    Code,
    /// Plain text.
    Text,
}

const CODE: &[&str] = &[
    "rs", "py", "js", "ts", "tsx", "jsx", "go", "java", "c", "h", "cc", "cpp", "hpp", "cs", "rb", "php", "swift", "kt",
    "scala", "sh", "bash", "ps1", "sql", "lua", "r", "pl", "m", "vue", "css", "toml", "yaml", "yml", "ini", "cfg",
    "xml", "proto", "zig", "hs", "ml", "ex", "erl", "clj", "dart", "asm", "s", "v", "vhd", "cmake", "mk", "gradle",
    "tf",
];

impl Format {
    /// The format's usual short name.
    pub fn name(self) -> &'static str {
        match self {
            Format::Pdf => "pdf",
            Format::Docx => "docx",
            Format::Pptx => "pptx",
            Format::Sheet => "xlsx",
            Format::Csv => "csv",
            Format::Html => "html",
            Format::Markdown => "markdown",
            Format::Epub => "epub",
            Format::Json => "json",
            Format::Code => "code",
            Format::Text => "text",
        }
    }

    pub(super) fn detect(name: &str, bytes: &[u8]) -> Result<Self, Refusal> {
        let extension = extension(name);
        let extension = extension.as_str();
        let head = &bytes[..bytes.len().min(1024)];
        if find(head, b"%PDF-").is_some() || extension == "pdf" {
            return Ok(Format::Pdf);
        }
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            return zipped::kind(bytes, extension);
        }
        if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
            return compound(bytes);
        }
        match extension {
            "docx" | "pptx" | "xlsx" | "epub" | "ods" => {
                return Err(Refusal::damaged(extension, "no archive begins it"));
            }
            _ => {}
        }
        refuse_binary(bytes)?;
        Ok(match extension {
            "html" | "htm" | "xhtml" => Format::Html,
            "md" | "markdown" | "mdx" | "mkd" => Format::Markdown,
            "csv" | "tsv" => Format::Csv,
            "json" | "jsonl" | "ndjson" => Format::Json,
            code if CODE.contains(&code) => Format::Code,
            _ => sniff(head),
        })
    }
}

fn extension(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default()
}

fn compound(bytes: &[u8]) -> Result<Format, Refusal> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    if find(bytes, &wide("EncryptedPackage")).is_some() {
        return Err(Refusal::new(
            "it is protected by a password",
            "remove the password in its own program and add it again",
        ));
    }
    Err(Refusal::new("it is in the old binary Office format", "save it as .docx, .xlsx or .pptx and add that"))
}

fn sniff(head: &[u8]) -> Format {
    let start = String::from_utf8_lossy(head).trim_start().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Format::Html;
    }
    Format::Text
}

const MAGIC: &[(&[u8], &str)] = &[
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"OggS", "an audio file"),
    (b"ID3", "an audio file"),
    (b"GGUF", "a model"),
    (b"SQLite format 3", "a database"),
];

fn refuse_binary(bytes: &[u8]) -> Result<(), Refusal> {
    for (magic, what) in MAGIC {
        if bytes.starts_with(magic) {
            return Err(Refusal::new(
                format!("it is {what}, which holds no text to read"),
                "add a PDF, Office, web or text file",
            ));
        }
    }
    let sample = &bytes[..bytes.len().min(64 << 10)];
    // A byte order mark says that it is text, whatever control characters follow.
    if encoding_rs::Encoding::for_bom(sample).is_some() || super::decode::utf16_guess(sample).is_some() {
        return Ok(());
    }
    let odd = sample.iter().filter(|b| **b < 32 && !matches!(**b, 8..=13 | 27) || **b == 127).count();
    if sample.contains(&0) && odd * 200 > sample.len() || odd * 20 > sample.len() {
        return Err(Refusal::new("it is binary data, not text", "add a PDF, Office, web or text file"));
    }
    Ok(())
}

pub(super) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
