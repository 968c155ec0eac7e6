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
        args::Data::Import { files, out } => import(&files, &out, printer),
        args::Data::Split { files, out, seed, development, test } => {
            if development + test > 1.0 {
                return Err(exit::usage(
                    "--development and --test are more than all together; give smaller shares".to_owned(),
                ));
            }
            split(&files, &out, Shares { development, test }, seed, printer)
        }
    }
}

fn task(files: &DataFiles) -> anyhow::Result<Task> {
    Ok(Tasks::of(&files.folder.workspace).show(&files.task)?.task()?)
}

/// The rows of all files, one after the other.
fn one(files: &DataFiles, printer: Printer) -> anyhow::Result<Labelled> {
    let task = task(files)?;
    let mut together = Labelled::default();
    for path in &files.files {
        let rows = read(&task, path, files.label.as_deref(), printer)?;
        together.examples.extend(rows.examples);
        together.rows.extend(rows.rows);
        together.wrong.extend(rows.wrong);
        together.unread += rows.unread;
    }
    if let Some(line) = unread(together.unread) {
        printer.note(line);
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
        describe(&name(at), report, printer);
    }
    list(&between, printer, |(a, b, (x, y, alike))| {
        format!("leak: row {x} of {} and row {y} of {} are {:.0} % the same", name(*a), name(*b), alike * 100.0)
    });
    Ok(if wrong { Exit::Failed } else { Exit::Done })
}

fn describe(name: &str, report: &DataReport, printer: Printer) {
    printer.line(format!("{name}: {} examples, {} rows that are none", report.examples, report.wrong.len()));
    list(&wrong_rows(&report.wrong), printer, |line| format!("  {line}"));
    list(&report.contradictions, printer, |(a, b)| format!("  rows {a} and {b} say the same and have other labels"));
    let near: Vec<_> =
        report.twins.iter().filter(|twins| !report.contradictions.contains(&(twins.0, twins.1))).collect();
    list(&near, printer, |(a, b, alike)| format!("  rows {a} and {b} are {:.0} % the same", alike * 100.0));
    let beside = [shown(&report.shown), unread(report.unread)];
    beside.into_iter().flatten().for_each(|line| printer.line(format!("  {line}")));
    if report.labels.len() == 1 {
        printer.line("  all rows have one label: nothing can be told apart");
    }
    list(&gaps(&report.gaps), printer, |gap| format!("  {gap}"));
}

/// Rows that models are shown, if there are any.
fn shown(rows: &[usize]) -> Option<String> {
    let named: Vec<String> = rows.iter().take(NAMED).map(ToString::to_string).collect();
    let named = named.join(", ");
    match rows.len() {
        0 => None,
        1 => Some(format!("row {named} is an example of the task: choosing does not measure on it")),
        count => {
            let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
            Some(format!("rows {named}{more} are examples of the task: choosing does not measure on them"))
        }
    }
}

/// Conversations of which only the end is read, if there are any.
fn unread(rows: usize) -> Option<String> {
    let who = match rows {
        0 => return None,
        1 => "1 row has".to_owned(),
        rows => format!("{rows} rows have"),
    };
    Some(format!("{who} earlier turns or a system message, which are not read"))
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

fn import(files: &DataFiles, out: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let standard = ["-", "/dev/stdout"].iter().any(|one| out == Path::new(one));
    if !standard {
        check_free(out)?;
    }
    let rows = one(files, printer)?;
    let summary = format!("{}: {} examples, {} rows left out", out.display(), rows.examples.len(), rows.wrong.len());
    if standard {
        printer.piece(&lines(rows.examples.iter())?);
        printer.note(summary);
    } else {
        write(out, rows.examples.iter())?;
        said(&json!({"examples": rows.examples.len(), "wrong": rows.wrong, "file": out}), printer, &summary);
    }
    Ok(end(&rows))
}

fn split(files: &DataFiles, out: &Path, shares: Shares, seed: u64, printer: Printer) -> anyhow::Result<Exit> {
    let paths = ["train", "development", "test"].map(|name| out.join(format!("{name}.jsonl")));
    paths.iter().try_for_each(|path| check_free(path))?;
    let rows = one(files, printer)?;
    let parts = rows.split(shares, seed);
    std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    let (mut body, mut told) = (Vec::new(), Vec::new());
    for (path, places) in paths.iter().zip([&parts.train, &parts.development, &parts.test]) {
        write(path, places.iter().map(|at| &rows.examples[*at]))?;
        body.push(json!({"file": path, "examples": places.len()}));
        told.push(format!("{}: {}", path.display(), places.len()));
    }
    if !rows.wrong.is_empty() {
        told.push(format!("{} rows left out", rows.wrong.len()));
    }
    said(&json!({"parts": body, "seed": seed, "wrong": rows.wrong}), printer, &told.join("\n"));
    Ok(end(&rows))
}

/// Whether all rows were taken.
fn end(rows: &Labelled) -> Exit {
    if rows.wrong.is_empty() { Exit::Done } else { Exit::Partly }
}

fn said(body: &serde_json::Value, printer: Printer, text: &str) {
    if printer.json { printer.json(body) } else { printer.line(text) }
}

/// Refuses a file that is there, the rows that are read among them; a pipe or a device holds nothing that could be lost.
fn check_free(path: &Path) -> anyhow::Result<()> {
    if path.metadata().is_ok_and(|there| there.is_file()) {
        anyhow::bail!("{} is there already; name another, or remove it first", path.display());
    }
    Ok(())
}

fn write<'a>(path: &Path, examples: impl Iterator<Item = &'a Example>) -> anyhow::Result<()> {
    std::fs::write(path, lines(examples)?).with_context(|| format!("{} cannot be written", path.display()))
}

fn lines<'a>(examples: impl Iterator<Item = &'a Example>) -> anyhow::Result<String> {
    let lines: Result<Vec<String>, _> = examples.map(serde_json::to_string).collect();
    Ok(lines?.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_shown_and_turns_that_are_not_read_are_told_of_once() {
        let many: Vec<usize> = (1..=12).collect();
        for (rows, expected) in [
            (&[][..], None),
            (&[3], Some("row 3 is an example of the task: choosing does not measure on it")),
            (&[3, 17], Some("rows 3, 17 are examples of the task: choosing does not measure on them")),
            (
                &many[..],
                Some(
                    "rows 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more are examples of the task: choosing does not measure on them",
                ),
            ),
        ] {
            assert_eq!(shown(rows).as_deref(), expected);
        }
        for (rows, expected) in [
            (0, None),
            (1, Some("1 row has earlier turns or a system message, which are not read")),
            (3, Some("3 rows have earlier turns or a system message, which are not read")),
        ] {
            assert_eq!(unread(rows).as_deref(), expected);
        }
    }
}
