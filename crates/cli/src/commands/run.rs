//! `sumeru run`: a task over many rows.

use std::io::Read;
use std::path::Path;

use anyhow::Context;
use platform::{Access, RowFormat, RunEvent, RunOptions, Tasks, Workspace, rows, sample};

use crate::args;
use crate::exit::{self, Exit};
use crate::print::Printer;

pub(crate) async fn run(options: args::Run, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let task = Tasks::of(&options.folder.workspace).show(&options.task)?.task()?;
    if let Some(out) = &options.out
        && out.extension().is_some_and(|ending| ending != "jsonl" && ending != "ndjson")
    {
        return Err(exit::usage(format!("answers are written as JSON lines; name {} .jsonl", out.display())));
    }
    let (bytes, format) = input(&options.rows)?;
    let mut rows = rows(&bytes, format)?;
    if rows.is_empty() {
        return Err(exit::usage(format!("{} has no row", options.rows.display())));
    }
    if let Some(count) = options.sample {
        rows = sample(rows, count as usize, options.seed);
    }
    let workspace = Workspace::open(data, Access::Read)?
        .with_folder(&options.folder.workspace)
        .with_environment(super::choose::variable);
    let how = RunOptions {
        route: options.route,
        model: options.model,
        concurrency: options.concurrency as usize,
        max_tokens: options.max_tokens,
        out: options.out.clone(),
    };
    let bar = printer.bar("{msg} {pos}/{len} {bar:24} {per_sec}, {eta} left");
    bar.set_message(task.name.clone());
    let report = workspace
        .run(&task, rows, &how, |event| match event {
            RunEvent::Progress { done, total } => {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
            }
            // With a file to write to, standard output holds the report.
            RunEvent::Row(answered) if options.out.is_none() => bar.suspend(|| printer.json_line(&answered)),
            RunEvent::Row(_) => {}
        })
        .await;
    bar.finish_and_clear();
    let report = report?;
    let end = if report.failed == 0 {
        Exit::Done
    } else if report.answered == 0 {
        Exit::Failed
    } else {
        Exit::Partly
    };
    if options.out.is_some() && printer.json {
        printer.json(&report);
        return Ok(end);
    }
    let resumed = if report.resumed > 0 { format!(", {} of them before", report.resumed) } else { String::new() };
    let abstained =
        if report.abstained > 0 { format!(", {} left without a label", report.abstained) } else { String::new() };
    let fresh = report.rows - report.resumed;
    printer.note(format!(
        "{}: {} of {} rows answered{resumed}{abstained}, {} failed; {:.1} s, {:.1} rows/s; {} tokens read, {} of them remembered, {} written",
        report.candidate,
        report.answered,
        report.rows,
        report.failed,
        report.seconds,
        fresh as f64 / report.seconds.max(1e-9),
        report.prompt_tokens,
        report.cached_tokens,
        report.completion_tokens
    ));
    if let Some(out) = &options.out {
        printer.line(out.display().to_string());
    }
    Ok(end)
}

fn input(path: &Path) -> anyhow::Result<(Vec<u8>, RowFormat)> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
        return Ok((bytes, RowFormat::JsonLines));
    }
    let format = RowFormat::of(path)?;
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok((bytes, format))
}
