//! `sumeru embed`: vectors of texts.

use std::path::Path;

use domain::Purpose;
use platform::{Access, Workspace};
use serde_json::json;

use super::text_of;
use crate::args::{self, PurposeArg};
use crate::exit::{self, Exit};
use crate::print::Printer;

pub(crate) async fn run(options: args::Embed, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let mut texts = options.texts;
    if let Some(path) = &options.file {
        texts.extend(text_of(path)?.lines().map(str::to_owned));
    }
    if texts.is_empty() {
        return Err(exit::usage("no text to embed; give texts, or --file FILE with one a line"));
    }
    let purpose = match options.purpose {
        PurposeArg::Plain => Purpose::Plain,
        PurposeArg::Query => Purpose::Query,
        PurposeArg::Passage => Purpose::Passage,
    };
    let workspace = Workspace::open(data, Access::Read)?;
    let model = match options.model {
        Some(model) => model,
        None => workspace.default_embedder()?,
    };
    let embedder = workspace.embedder(&model).await?;
    let embeddings = embedder.embed(texts.clone(), purpose).await?;
    if printer.json {
        printer.json(&json!({"model": model, "tokens": embeddings.tokens, "vectors": embeddings.vectors}));
        return Ok(Exit::Done);
    }
    for (text, vector) in texts.iter().zip(&embeddings.vectors) {
        let numbers: Vec<String> = vector.iter().take(6).map(|x| format!("{x:+.3}")).collect();
        let start: String = text.chars().take(24).collect();
        printer.line(format!("{start}\t[{}, …] {} numbers", numbers.join(", "), vector.len()));
    }
    if let [first, rest @ ..] = embeddings.vectors.as_slice() {
        for (text, vector) in texts[1..].iter().zip(rest) {
            let likeness: f32 = first.iter().zip(vector).map(|(a, b)| a * b).sum();
            printer.note(format!(
                "likeness of the first to “{}”: {likeness:.3}",
                text.chars().take(24).collect::<String>()
            ));
        }
    }
    Ok(Exit::Done)
}
