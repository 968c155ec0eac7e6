//! `sumeru rerank`: passages in the order in which a model finds them answers.

use std::path::Path;

use platform::{Access, Workspace};
use serde_json::json;

use super::text_of;
use crate::args;
use crate::exit::{self, Exit};
use crate::print::Printer;

pub(crate) async fn run(options: args::Rerank, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let mut texts = options.texts;
    if let Some(path) = &options.file {
        texts.extend(text_of(path)?.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned));
    }
    if texts.is_empty() {
        return Err(exit::usage("no passages; give texts, or --file FILE with one a line"));
    }
    let workspace = Workspace::open(data, Access::Read)?;
    let model = match options.model {
        Some(model) => model,
        None => workspace.default_language_model()?,
    };
    let scores = workspace.reranker(&model).await?.score(&options.query, texts.clone()).await?;
    let mut order: Vec<(usize, f32)> = scores.scores.into_iter().enumerate().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    if printer.json {
        let results: Vec<_> = order
            .iter()
            .map(|(index, score)| json!({"index": index, "relevance_score": score, "text": texts[*index]}))
            .collect();
        printer.json(&json!({"model": model, "tokens": scores.tokens, "results": results}));
        return Ok(Exit::Done);
    }
    for (index, score) in order {
        printer.line(format!("{score:.3}\t{}", printer.foreign(&texts[index])));
    }
    Ok(Exit::Done)
}
