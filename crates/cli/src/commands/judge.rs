//! `sumeru judge`: a model that grades, held against people.

use std::path::Path;

use platform::{Access, JudgeReport, ReportLanguage, Tasks, Workspace, agreement_facts, graded};

use crate::args::{self, JudgeCheck};
use crate::exit::{self, Exit};
use crate::print::{Ink, Printer};

/// Rows that are no graded answers and are named.
const NAMED: usize = 5;

pub(crate) async fn run(command: args::Judge, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let args::Judge::Check(options) = command;
    check(options, data, printer).await
}

async fn check(options: JudgeCheck, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let folder = &options.folder.workspace;
    let mut task = Tasks::of(folder).show(&options.task)?.task()?;
    if options.model.is_some() {
        task.judging.model = options.model;
    }
    let file = match (options.graded, &task.judging.graded) {
        (Some(file), _) => file,
        (None, Some(file)) => folder.join(file),
        (None, None) => {
            return Err(exit::usage(format!(
                "nothing says what people graded: add --graded FILE, or `graded` to [judge] in the file of '{}'",
                task.name
            )));
        }
    };
    let rows = graded(&task, &file)?;
    for (row, why) in rows.wrong.iter().take(NAMED) {
        printer.note(format!("{}:{row}: {}", file.display(), printer.foreign(why)));
    }
    if rows.wrong.len() > NAMED {
        printer.note(format!("... and {} more rows that are no graded answers", rows.wrong.len() - NAMED));
    }
    let workspace = Workspace::open(data, Access::Read)?.with_folder(folder).with_environment(super::choose::variable);
    let bar = printer.bar("{pos}/{len} answers graded {bar:24} {per_sec}, {eta} left");
    bar.set_length(rows.rows.len() as u64);
    let name = file.display().to_string();
    let outcome =
        workspace.check_judge(&task, &name, &rows, options.confidence, |done| bar.set_position(done as u64)).await;
    bar.finish_and_clear();
    let report = outcome?;
    if printer.json {
        printer.json(&report);
    } else {
        said(&report, printer);
    }
    Ok(if report.reliability.failed + rows.wrong.len() == 0 { Exit::Done } else { Exit::Partly })
}

fn said(report: &JudgeReport, printer: Printer) {
    let known = &report.reliability;
    printer.line(format!(
        "{}: {} grades; {} answers that people graded, {} without a grade",
        printer.ink(Ink::Bold, &report.model),
        report.grades,
        known.agreement.answers + known.failed,
        known.failed
    ));
    for fact in agreement_facts(&known.agreement, ReportLanguage::English) {
        printer.line(format!("  {fact}"));
    }
    if report.order_decides > 0 {
        printer.line(format!("  {} verdicts turned with the order of the two answers", report.order_decides));
    }
    printer.line(if known.corrects {
        "  candidates' qualities will be corrected by it"
    } else {
        "  candidates' qualities cannot be corrected by it: grade more answers, good and bad ones, or take another judge"
    });
    printer.line("");
    printer.line("people's grade (rows, worst first) and the judge's (columns)");
    for (grade, row) in known.agreement.confusion.iter().enumerate() {
        let counts: Vec<String> = row.iter().map(|count| format!("{count:>4}")).collect();
        printer.line(format!("  {:>4} {}", grade + 1, counts.join("")));
    }
    if !report.differing.is_empty() {
        printer.line("");
        printer.line("where they differ most");
    }
    for one in &report.differing {
        let answer = one.answer.as_str().map_or_else(|| one.answer.to_string(), str::to_owned);
        printer.line(printer.foreign(&format!(
            "  row {}: people {:.2}, judge {:.2}: {} - {}",
            one.row,
            one.human,
            one.judge,
            short(&answer),
            short(&reason(&one.said))
        )));
    }
    printer.note(format!(
        "{} tokens read, {} written, cost {:.4}",
        report.usage.prompt_tokens, report.usage.completion_tokens, report.cost
    ));
}

/// What a judge said, its reason if it gave one.
fn reason(said: &serde_json::Value) -> String {
    said["reason"].as_str().map_or_else(|| said.to_string(), str::to_owned)
}

/// The beginning of a text, in one line.
fn short(text: &str) -> String {
    const SHOWN: usize = 160;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN { line } else { line.chars().take(SHOWN).chain(['…']).collect() }
}
