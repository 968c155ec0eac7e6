//! `sumeru ask`: an answer that quotes its sources.

use std::path::Path;

use domain::Citation;
use futures_util::StreamExt;
use platform::{Access, Answer, AskEvent, AskRequest, Workspace};
use serde_json::json;

use super::search::{place, request};
use crate::args;
use crate::exit::Exit;
use crate::print::{Ink, Printer};

pub(crate) async fn run(options: args::Ask, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(data, Access::Read)?;
    let search = request(&options.search);
    let question = AskRequest {
        question: search.query,
        model: options.model,
        top: Some(search.top),
        mode: search.mode,
        documents: search.documents,
        ..AskRequest::default()
    };
    let waiting = printer.bar("{spinner} {msg}");
    waiting.set_message("searching");
    waiting.enable_steady_tick(std::time::Duration::from_millis(120));
    let mut events = workspace.ask(&options.search.kb, question).await?;
    let mut streamed = false;
    while let Some(event) = events.next().await {
        match event? {
            AskEvent::Progress(progress) => waiting.set_message(said(&progress)),
            AskEvent::Text(text) => {
                if !printer.json && printer.is_terminal() && !text.is_empty() {
                    waiting.finish_and_clear();
                    printer.piece(&printer.foreign(&text));
                    streamed = true;
                }
            }
            AskEvent::Citation(_) => {}
            AskEvent::Finished(answer) => {
                waiting.finish_and_clear();
                show(&answer, streamed, printer);
            }
        }
    }
    Ok(Exit::Done)
}

fn said(progress: &domain::Progress) -> String {
    match progress {
        domain::Progress::Queued { ahead } => format!("waiting behind {ahead}"),
        domain::Progress::Loading { model } => format!("loading {model}"),
        domain::Progress::Prompt { done, total } => format!("reading the passages, {done} of {total} tokens"),
        domain::Progress::Searched { hits } => format!("found {} passages", hits.len()),
        domain::Progress::Dropped { citations } => format!("{citations} citations dropped"),
    }
}

fn show(answer: &Answer, streamed: bool, printer: Printer) {
    if printer.json {
        printer.json(&json!({
            "answer": answer.answer, "citations": answer.citations, "dropped": answer.dropped, "supported": answer.supported,
            "usage": answer.usage, "timings": answer.timings,
        }));
        return;
    }
    if streamed {
        printer.line("\n");
    } else {
        printer.line(printer.foreign(&answer.answer));
        printer.line("");
    }
    for citation in &answer.citations {
        cite(citation, printer);
    }
    if !answer.supported && !answer.hits.is_empty() {
        printer.note("No quotation in the documents backs this answer.");
    }
    if answer.dropped > 0 {
        printer
            .note(format!("{} citations were dropped: their words are not in the passage they named", answer.dropped));
    }
    let seconds = (answer.timings.search_ms + answer.timings.prompt_ms + answer.timings.generate_ms) / 1000.0;
    printer.note(printer.ink(
        Ink::Dim,
        &format!(
            "{} tokens read, {} written, {seconds:.1} s",
            answer.usage.prompt_tokens, answer.usage.completion_tokens
        ),
    ));
}

/// One citation: its number, its place, its quotation.
pub(crate) fn cite(citation: &Citation, printer: Printer) {
    printer.line(format!(
        "{} {}",
        printer.ink(Ink::Bold, &citation.marker),
        printer.ink(Ink::Bold, &place(&citation.document, citation.page, &citation.section))
    ));
    for line in citation.quote.lines() {
        printer.line(printer.foreign(&format!("    “{line}”")));
    }
}
