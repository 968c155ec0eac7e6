//! `sumeru ingest`: documents into a knowledge base.

use std::path::Path;

use platform::{Access, IngestOptions, IngestProgress, IngestReport, Workspace};

use crate::args;
use crate::exit::Exit;
use crate::print::{Ink, Printer, bytes, plain};

pub(crate) async fn run(options: args::Ingest, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(data, Access::Write)?;
    let bar = printer.bar("{spinner} {bar:24} {pos}/{len} {msg}");
    let progress = {
        let bar = bar.clone();
        move |now: &IngestProgress| draw(&bar, now)
    };
    let settings = IngestOptions { prune: options.prune, wait: !options.no_wait, embedder: options.embedder };
    let report = workspace.ingest(&options.kb, &options.paths, settings, &progress).await?;
    bar.finish_and_clear();
    if printer.json {
        printer.json(&report);
    } else {
        show(&options.kb, &report, printer);
    }
    Ok(if report.failed.is_empty() { Exit::Done } else { Exit::Partly })
}

fn draw(bar: &indicatif::ProgressBar, now: &IngestProgress) {
    let embedding = now.documents_done >= now.documents_total && now.vectors < now.passages;
    if embedding {
        bar.set_length(now.passages as u64);
        bar.set_position(now.vectors as u64);
        bar.set_message(format!("vectors, {:.1} passages/s (words are searchable now)", now.rate));
    } else {
        bar.set_length(now.documents_total as u64);
        bar.set_position(now.documents_done as u64);
        bar.set_message(format!("documents, {:.1}/s  {}", now.rate, now.current.as_deref().unwrap_or_default()));
    }
}

fn show(kb: &str, report: &IngestReport, printer: Printer) {
    printer.line(format!(
        "{kb}: {} added, {} changed, {} unchanged, {} removed, {} failed; {} in {:.1} s",
        report.added,
        report.changed,
        report.unchanged,
        report.removed,
        report.failed.len(),
        bytes(report.bytes),
        report.seconds,
    ));
    printer.line(format!("{} passages searchable by words, {} by vectors", report.passages, report.vectors));
    if !report.skipped.is_empty() {
        printer.note(format!(
            "{} files of kinds that hold no text were passed over (pictures, archives, programs)",
            report.skipped.len()
        ));
    }
    for failed in &report.failed {
        printer.line(format!(
            "{} {}",
            printer.ink(Ink::Bad, "not read"),
            plain(&format!("{}: {}", failed.name, failed.error))
        ));
    }
    for warning in &report.warnings {
        printer.note(plain(&format!("warning: {warning}")));
    }
}
