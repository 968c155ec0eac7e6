//! `sumeru search`: passages, with where they stand.

use std::path::Path;

use domain::Hit;
use platform::{Access, SearchRequest, Workspace};
use serde_json::json;

use crate::args;
use crate::exit::Exit;
use crate::print::{Ink, Printer};

pub(crate) async fn run(options: args::Search, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(data, Access::Read)?;
    let found = workspace.search(&options.kb, request(&options)).await?;
    if printer.json {
        printer.json(&json!({
            "hits": found.hits, "vectors_ready": found.vectors_ready, "timings": found.timings,
        }));
        return Ok(Exit::Done);
    }
    if found.hits.is_empty() {
        printer.line("Nothing found.");
    }
    for (number, hit) in found.hits.iter().enumerate() {
        show(number + 1, hit, printer);
    }
    if found.vectors_ready < 1.0 {
        printer.note(format!(
            "{:.0}% of this knowledge base has vectors yet; the rest is found by words only",
            found.vectors_ready * 100.0
        ));
    }
    Ok(Exit::Done)
}

/// The search a command line asks for; `ask` asks the same way.
pub(crate) fn request(options: &args::Search) -> SearchRequest {
    SearchRequest {
        query: options.question.clone(),
        top: options.top as usize,
        mode: options.mode.into(),
        documents: options.document.clone(),
        ..SearchRequest::default()
    }
}

fn show(number: usize, hit: &Hit, printer: Printer) {
    let rank = |name: &str, rank: Option<u32>| rank.map(|rank| format!("  {name} {rank}")).unwrap_or_default();
    printer.line(format!(
        "{} {}{}{}{}",
        printer.ink(Ink::Bold, &format!("{number}.")),
        printer.ink(Ink::Bold, &place(&hit.passage.document, hit.passage.page, &hit.passage.section)),
        printer.ink(Ink::Dim, &format!("  {:.3}", hit.score)),
        printer.ink(Ink::Dim, &rank("words", hit.lexical_rank)),
        printer.ink(Ink::Dim, &rank("vectors", hit.vector_rank)),
    ));
    for line in excerpt(&hit.passage.text, 300).lines() {
        printer.line(printer.foreign(&format!("   {line}")));
    }
}

/// Where a passage stands, as a person would say it.
pub(crate) fn place(document: &str, page: Option<u32>, section: &str) -> String {
    let mut place = document.to_owned();
    if let Some(page) = page {
        place.push_str(&format!(", page {page}"));
    }
    if !section.is_empty() {
        place.push_str(&format!(" › {section}"));
    }
    place
}

/// The beginning of a text, cut at a character border.
fn excerpt(text: &str, characters: usize) -> String {
    let mut cut: String = text.trim().chars().take(characters).collect();
    if cut.len() < text.trim().len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_cut_at_a_character() {
        assert_eq!(excerpt("年假五天", 2), "年假…");
        assert_eq!(excerpt(" 年假 ", 2), "年假");
        assert_eq!(excerpt("", 2), "");
    }

    #[test]
    fn a_place_names_what_there_is() {
        assert_eq!(place("a.pdf", Some(3), "Leave"), "a.pdf, page 3 › Leave");
        assert_eq!(place("a.md", None, ""), "a.md");
    }
}
