//! `sumeru cluster`: texts into groups, with names and a map.

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use platform::{
    Access, ClusterEvent, ClusterOptions, Clustering, Input, Labelling, Method, ReportLanguage, RowFormat, Workspace,
    read_texts,
};

use crate::args::{self, Language};
use crate::exit::{self, Exit};
use crate::print::{Ink, Printer};

/// Characters of an example in the table.
const SHOWN: usize = 48;
/// Words of a group in the table.
const WORDS: usize = 4;

pub(crate) async fn run(options: args::Cluster, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let out = out_format(&options)?;
    let mut input = input(&options)?;
    if let Some(count) = options.sample {
        input = drawn(input, count as usize, options.seed);
    }
    let workspace = Workspace::open(data, Access::Read)?
        .with_folder(&options.folder.workspace)
        .with_environment(super::choose::variable);
    let how = ClusterOptions {
        groups: options.k.map(|k| k as usize),
        smallest: options.min_size.map(|size| size as usize),
        embedder: options.embedder.clone(),
        labels: match options.labels.as_deref() {
            None => Labelling::Default,
            Some("words") => Labelling::Words,
            Some("none") => Labelling::None,
            Some(model) => Labelling::Model(model.to_owned()),
        },
        seed: options.seed,
    };
    let started = Instant::now();
    let clustering = watched(&workspace, &input, &how, printer).await?;
    for (number, why) in input.broken.iter().take(5) {
        printer.note(format!("row {number} is left out: {why}"));
    }
    if let (Some(path), Some(format)) = (&options.out, out) {
        write(path, &clustering.table(&input.rows, format)?, printer)?;
    }
    if let Some(path) = &options.html {
        let language = match options.language.unwrap_or_else(Language::of_environment) {
            Language::En => ReportLanguage::English,
            Language::Zh => ReportLanguage::Chinese,
        };
        write(path, clustering.html(&input.texts, &title(&options.rows), language).as_bytes(), printer)?;
    }
    if printer.json {
        printer.json(&clustering);
    } else {
        table(&clustering, printer);
        summary(&clustering, input.broken.len(), started.elapsed().as_secs_f64(), printer);
    }
    Ok(if input.broken.is_empty() { Exit::Done } else { Exit::Partly })
}

/// The format of the output, before any work is done for it.
fn out_format(options: &args::Cluster) -> anyhow::Result<Option<RowFormat>> {
    let Some(out) = &options.out else { return Ok(None) };
    if *out == options.rows || options.html.as_ref() == Some(out) {
        return Err(exit::usage(format!("{} would be overwritten; give --out a name of its own", out.display())));
    }
    match RowFormat::of(out)? {
        RowFormat::Xlsx => {
            Err(exit::usage(format!("workbooks are read, not written; name {} .csv, .tsv or .jsonl", out.display())))
        }
        // Lines would not be what the ending says.
        RowFormat::JsonLines if out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) => {
            Err(exit::usage(format!("rows are written a line each; name {} .jsonl, .csv or .tsv", out.display())))
        }
        format => Ok(Some(format)),
    }
}

fn input(options: &args::Cluster) -> anyhow::Result<Input> {
    let path = &options.rows;
    let (bytes, format) = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
        (bytes, None)
    } else {
        let lines = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("txt"));
        let format = if lines { None } else { Some(RowFormat::of(path)?) };
        (std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?, format)
    };
    Ok(read_texts(&bytes, format, &options.field)?)
}

fn drawn(input: Input, count: usize, seed: u64) -> Input {
    let rows = platform::sample(input.rows, count, seed);
    let kept: std::collections::HashSet<usize> = rows.iter().map(|row| row.number).collect();
    let texts = input.texts.into_iter().filter(|(number, _)| kept.contains(number)).collect();
    Input { rows, texts, ..input }
}

async fn watched(
    workspace: &Workspace,
    input: &Input,
    how: &ClusterOptions,
    printer: Printer,
) -> anyhow::Result<Clustering> {
    let bar = printer.bar("{msg} {pos}/{len} {bar:24} {per_sec}, {eta} left");
    let begun = Instant::now();
    let mut said = Instant::now();
    let show = |event| {
        let (what, done, total) = match event {
            ClusterEvent::Embedded { done, total } => ("embedding", done, total),
            ClusterEvent::Grouping => ("grouping", 0, 1),
            ClusterEvent::Drawing => ("drawing the map", 0, 1),
            ClusterEvent::Named { done, total } => ("naming", done, total),
        };
        if bar.message() != what {
            bar.reset();
            bar.set_message(what);
        }
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        // Where no bar is seen, a line now and then.
        let due = said.elapsed().as_secs() >= 10;
        if !printer.draws() && matches!(event, ClusterEvent::Embedded { .. }) && due && done < total {
            said = Instant::now();
            let rate = done as f64 / begun.elapsed().as_secs_f64().max(1e-9);
            let left = (total - done) as f64 / rate.max(1e-9);
            printer.note(format!("embedding {done}/{total}, {rate:.0} a second, {left:.0} s left"));
        }
    };
    let clustering = workspace.cluster(&input.texts, how, show).await;
    bar.finish_and_clear();
    Ok(clustering?)
}

fn write(path: &Path, bytes: &[u8], printer: Printer) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))?;
    printer.note(format!("{} is written", path.display()));
    Ok(())
}

/// What a page is of.
fn title(path: &Path) -> String {
    if path == Path::new("-") {
        return "stdin".to_owned();
    }
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn table(clustering: &Clustering, printer: Printer) {
    let rows: Vec<[String; 6]> = clustering
        .clusters
        .iter()
        .map(|one| {
            [
                one.number.to_string(),
                one.name.clone(),
                one.size.to_string(),
                format!("{:.1}%", one.share * 100.0),
                one.keywords.iter().take(WORDS).cloned().collect::<Vec<_>>().join(" "),
                one.examples.first().map(|text| short(text)).unwrap_or_default(),
            ]
        })
        .collect();
    printer.table(["", "name", "texts", "share", "words", "an example"], &rows);
}

fn short(text: &str) -> String {
    let line: String = text.chars().take(4 * SHOWN).map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    if text.chars().count() > SHOWN { line.chars().take(SHOWN).chain(['…']).collect() } else { line }
}

fn summary(clustering: &Clustering, broken: usize, seconds: f64, printer: Printer) {
    for remark in &clustering.remarks {
        printer.note(remark);
    }
    let method = match clustering.method {
        Method::Hdbscan { smallest } => format!("HDBSCAN, {smallest} texts at least"),
        Method::Kmeans { .. } => "k-means".to_owned(),
    };
    let silhouette =
        clustering.silhouette.map_or_else(|| "no silhouette".to_owned(), |value| format!("silhouette {value:.2}"));
    let mut said = format!(
        "{} texts in {} groups ({method}), {:.1}% in none; {silhouette}; vectors by {}",
        clustering.texts,
        clustering.clusters.len(),
        clustering.unclustered * 100.0,
        clustering.embedder
    );
    if let Some(model) = &clustering.labeller {
        said.push_str(&format!(", names by {model}"));
    }
    if clustering.empty > 0 {
        said.push_str(&format!("; {} rows without a text", clustering.empty));
    }
    if broken > 0 {
        said.push_str(&format!("; {broken} rows left out"));
    }
    printer.note(format!("{said}; {seconds:.1} s"));
    if clustering.clusters.is_empty() {
        let hint = "no texts are alike enough in such numbers; take fewer for a group with --min-size, or ask for so many with --k";
        printer.note(printer.ink(Ink::Dim, hint));
    }
}
