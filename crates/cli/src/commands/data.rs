//! `sumeru data`: labelled rows, checked, counted, brought into form, split.

use std::path::Path;

use anyhow::Context;
use domain::{Example, Task};
use platform::{DataReport, Labelled, Shares, Tasks, leaks};
use serde_json::json;

use super::choose::{gaps, read, read_all, wrong_rows};
use crate::args::{self, DataFiles};
use crate::exit::{self, Exit};
use crate::print::Printer;

/// Rows of a kind that are named, before the rest is counted.
const NAMED: usize = 10;

pub(crate) fn run(command: args::Data, printer: Printer) -> anyhow::Result<Exit> {
    match command {
        args::Data::Check(files) => check(&files, printer),
        args::Data::Stats(files) => stats(&files, printer),
        args::Data::Import { files, out } => {
            let rows = one(&files, printer)?;
            write(&out, rows.examples.iter())?;
            said(&json!({"examples": rows.examples.len(), "wrong": rows.wrong, "file": out}), printer, || {
                format!("{}: {} examples, {} rows left out", out.display(), rows.examples.len(), rows.wrong.len())
            });
            Ok(if rows.wrong.is_empty() { Exit::Done } else { Exit::Partly })
        }
        args::Data::Split { files, out, seed, development, test } => {
            if development + test > 1.0 {
                return Err(exit::usage(
                    "--development and --test are more than all together; give smaller shares".to_owned(),
                ));
            }
            split(&one(&files, printer)?, &out, Shares { development, test }, seed, printer)
        }
    }
}

fn task(files: &DataFiles) -> anyhow::Result<Task> {
    Ok(Tasks::of(&files.folder.workspace).show(&files.task)?.task()?)
}

/// The rows of all files, one after the other.
fn one(files: &DataFiles, printer: Printer) -> anyhow::Result<Labelled> {
    let task = task(files)?;
    let mut together = Labelled { examples: Vec::new(), rows: Vec::new(), wrong: Vec::new() };
    for path in &files.files {
        let rows = read(&task, path, files.label.as_deref(), printer)?;
        together.examples.extend(rows.examples);
        together.rows.extend(rows.rows);
        together.wrong.extend(rows.wrong);
    }
    Ok(together)
}

fn check(files: &DataFiles, printer: Printer) -> anyhow::Result<Exit> {
    let task = task(files)?;
    let read = |path| read_all(&task, path, files.label.as_deref());
    let all = files.files.iter().map(|path| read(path)).collect::<anyhow::Result<Vec<Labelled>>>()?;
    let reports: Vec<DataReport> = all.iter().map(|rows| rows.report(&task)).collect();
    let mut between = Vec::new();
    for (a, first) in all.iter().enumerate() {
        for (b, second) in all.iter().enumerate().skip(a + 1) {
            between.extend(leaks(first, second).into_iter().map(|leak| (a, b, leak)));
        }
    }
    let wrong = !between.is_empty()
        || reports
            .iter()
            .any(|report| report.examples == 0 || !report.wrong.is_empty() || !report.contradictions.is_empty());
    let name = |at: usize| files.files[at].display().to_string();
    if printer.json {
        let leaks: Vec<_> = between
            .iter()
            .map(|(a, b, (x, y, alike))| json!({"a": name(*a), "row_a": x, "b": name(*b), "row_b": y, "alike": alike}))
            .collect();
        printer.json(&json!({"files": files.files, "reports": reports, "leaks": leaks}));
        return Ok(if wrong { Exit::Failed } else { Exit::Done });
    }
    for (at, report) in reports.iter().enumerate() {
        printer.line(format!("{}: {} examples, {} rows that are none", name(at), report.examples, report.wrong.len()));
        list(&wrong_rows(&report.wrong), printer, |line| format!("  {line}"));
        list(&report.contradictions, printer, |(a, b)| {
            format!("  rows {a} and {b} say the same and have other labels")
        });
        let near: Vec<_> =
            report.twins.iter().filter(|twins| !report.contradictions.contains(&(twins.0, twins.1))).collect();
        list(&near, printer, |(a, b, alike)| format!("  rows {a} and {b} are {:.0} % the same", alike * 100.0));
        if report.labels.len() == 1 {
            printer.line("  all rows have one label: nothing can be told apart");
        }
        list(&gaps(&report.gaps), printer, |gap| format!("  {gap}"));
    }
    list(&between, printer, |(a, b, (x, y, alike))| {
        format!("leak: row {x} of {} and row {y} of {} are {:.0} % the same", name(*a), name(*b), alike * 100.0)
    });
    Ok(if wrong { Exit::Failed } else { Exit::Done })
}

fn list<T>(all: &[T], printer: Printer, say: impl Fn(&T) -> String) {
    for one in all.iter().take(NAMED) {
        printer.line(printer.foreign(&say(one)));
    }
    if all.len() > NAMED {
        printer.line(format!("  ... and {} more", all.len() - NAMED));
    }
}

fn stats(files: &DataFiles, printer: Printer) -> anyhow::Result<Exit> {
    let report = one(files, printer)?.report(&task(files)?);
    if printer.json {
        printer.json(&report);
        return Ok(Exit::Done);
    }
    let facts = [
        ("examples", report.examples.to_string()),
        ("rows that are none", report.wrong.len().to_string()),
        ("twins", report.twins.len().to_string()),
        ("contradictions", report.contradictions.len().to_string()),
        ("characters", format!("{} in the middle, {} at most", report.characters.0, report.characters.1)),
        ("fingerprint", report.fingerprint.clone()),
    ];
    for (name, value) in facts {
        printer.line(format!("{name:20} {value}"));
    }
    if !report.labels.is_empty() {
        let rows: Vec<[String; 3]> = report
            .labels
            .iter()
            .map(|(label, count)| {
                [label.clone(), count.to_string(), format!("{:.1} %", *count as f64 / report.examples as f64 * 100.0)]
            })
            .collect();
        printer.table(["label", "examples", "share"], &rows);
    }
    Ok(Exit::Done)
}

fn split(rows: &Labelled, out: &Path, shares: Shares, seed: u64, printer: Printer) -> anyhow::Result<Exit> {
    let parts = rows.split(shares, seed);
    std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    let mut counts = Vec::new();
    for (name, places) in [("train", &parts.train), ("development", &parts.development), ("test", &parts.test)] {
        let path = out.join(format!("{name}.jsonl"));
        write(&path, places.iter().map(|at| &rows.examples[*at]))?;
        counts.push((path, places.len()));
    }
    let body: Vec<_> = counts.iter().map(|(path, count)| json!({"file": path, "examples": count})).collect();
    said(&json!({"parts": body, "seed": seed}), printer, || {
        counts.iter().map(|(path, count)| format!("{}: {count}", path.display())).collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Done)
}

fn said(body: &serde_json::Value, printer: Printer, line: impl Fn() -> String) {
    if printer.json { printer.json(body) } else { printer.line(line()) }
}

fn write<'a>(path: &Path, examples: impl Iterator<Item = &'a Example>) -> anyhow::Result<()> {
    let lines: Result<Vec<String>, _> = examples.map(serde_json::to_string).collect();
    let text = lines?.join("\n") + "\n";
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
