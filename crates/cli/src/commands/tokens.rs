//! `sumeru tokens`: the pieces a text becomes, and their ids.

use std::path::Path;

use platform::{Access, Workspace};
use serde_json::json;

use super::text_of;
use crate::args;
use crate::exit::Exit;
use crate::print::Printer;

pub(crate) async fn run(options: args::Tokens, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let text = if options.text == "-" { text_of(Path::new("-"))? } else { options.text };
    let workspace = Workspace::open(data, Access::Read)?;
    let model = match options.model {
        Some(model) => model,
        None => workspace.default_language_model()?,
    };
    let tokenizer = workspace.tokenizer(&model).await?;
    let pieces = tokenizer.pieces(&text);
    if printer.json {
        let tokens: Vec<_> = pieces
            .iter()
            .map(|piece| json!({"id": piece.id, "text": String::from_utf8_lossy(&piece.bytes), "bytes": piece.bytes}))
            .collect();
        printer.json(&json!({"model": model, "tokens": tokens}));
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = pieces.iter().map(|piece| [piece.id.to_string(), shown(&piece.bytes)]).collect();
    printer.table(["id", "piece"], &rows);
    printer.note(format!("{} tokens, {} characters, by {model}", pieces.len(), text.chars().count()));
    Ok(Exit::Done)
}

/// A token's bytes for people: quoted text, or hex where they are only part of a character.
pub(crate) fn shown(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => bytes.iter().map(|byte| format!("<{byte:02X}>")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_quoted_or_hex() {
        for (bytes, expected) in [
            (&b" world"[..], "\" world\""),
            ("年".as_bytes(), "\"年\""),
            (&[0xe5, 0xb9], "<E5><B9>"),
            (b"\n", "\"\\n\""),
        ] {
            assert_eq!(shown(bytes), expected);
        }
    }
}
