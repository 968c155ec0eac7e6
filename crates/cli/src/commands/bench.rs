//! `sumeru bench`: how fast a model runs here.

use std::path::Path;

use anyhow::Context;
use platform::{Access, BenchOptions, BenchReport, Workload, Workspace};

use crate::args;
use crate::exit::Exit;
use crate::print::{Ink, Printer};

mod plot;

pub(crate) async fn run(options: args::Bench, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(data, Access::Read)?;
    let model = match options.model {
        Some(model) => model,
        None => workspace.default_language_model()?,
    };
    if let Some(plot) = options.plot.as_deref().filter(|plot| plot.exists()) {
        printer.note(format!("{} will be replaced", plot.display()));
    }
    let threads: Vec<Option<usize>> = match options.threads.is_empty() {
        true => vec![None],
        false => options.threads.iter().map(|&threads| Some(threads as usize)).collect(),
    };
    let mut reports = Vec::new();
    for threads in threads {
        let (repeats, small_cache) = (options.repeats as usize, options.cache_type == args::CacheType::Q8_0);
        let asked = BenchOptions { repeats, threads, small_cache, ..BenchOptions::default() };
        let mut bar = printer.steps();
        let report = workspace.bench(&model, &asked, |at, of, what| bar.at(at, of, what)).await;
        bar.end();
        reports.push(report?);
    }
    if printer.json {
        printer.json(&reports);
    } else {
        reports.iter().for_each(|report| show(report, printer));
    }
    if let Some(path) = &options.plot {
        std::fs::write(path, plot::svg(&reports)).with_context(|| format!("{} cannot be written", path.display()))?;
        printer.note(format!("the picture is in {}", path.display()));
    }
    Ok(Exit::Done)
}

fn show(report: &BenchReport, printer: Printer) {
    printer.line(printer.ink(Ink::Bold, &format!("{}, {} threads", report.model, report.threads)));
    let share = |share: Option<f64>| share.map_or(String::new(), |share| format!("{:.0} %", share * 100.0));
    let rows: Vec<[String; 6]> = report
        .rows
        .iter()
        .map(|row| {
            [
                row.workload.name(),
                format!("{:.1}", row.tokens_per_second),
                format!("{:.1}–{:.1}", row.between.0, row.between.1),
                format!("{:.0}", row.first_token_ms),
                share(row.of_bandwidth),
                share(row.of_peak),
            ]
        })
        .collect();
    printer.table(["", "tokens/s", "from–to", "first token, ms", "of bandwidth", "of integer peak"], &rows);
    if !report.left_out.is_empty() {
        let names: Vec<String> = report.left_out.iter().map(Workload::name).collect();
        let context = report.footprint.context;
        printer.note(format!(
            "not measured, because the model's context of {context} tokens has no room for it: {}",
            names.join(", ")
        ));
    }
    printer.line(printer.ink(
        Ink::Dim,
        &format!(
            "this machine reads {:.1} GB/s and computes {:.0} G integer and {:.0} G float operations/s; weights {:.0} MB, of which a pass reads {:.0} MB; loaded in {:.2} s",
            report.bandwidth / 1e9,
            report.integer_peak / 1e9,
            report.float_peak / 1e9,
            report.footprint.weights as f64 / 1e6,
            report.footprint.read as f64 / 1e6,
            report.load_seconds,
        ),
    ));
}

/// Groups of bars: reading prompts, writing alone, writing together.
fn group(workload: Workload) -> usize {
    match workload {
        Workload::Prompt(_) => 0,
        Workload::Decode(_) => 1,
        Workload::Batch(_) => 2,
    }
}
