//! Tables of labelled rows, read for tasks with each kind of answer.

use std::path::PathBuf;
use std::sync::LazyLock;

use domain::Task;
use platform::{Labelled, LabelledTable, RowFormat, Shares, Tasks, Template, labelled, rows, templates};
use serde_json::json;

use super::{Answer, Log, refusal};

/// Of every template: labels, records, lists of records with quotations, free text.
static TASKS: LazyLock<Vec<Task>> = LazyLock::new(|| {
    let tasks = Tasks::of(&folder());
    let begun = |template: &Template| {
        let name = format!("{}-{}", template.name, template.language);
        let _ = tasks.begin(&name, template);
        tasks.show(&name).and_then(platform::TaskFile::task).expect("a template is a sound task")
    };
    templates().iter().map(begun).collect()
});

/// A workspace's folder of this process.
pub(super) fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("fuzz-{}", std::process::id())).join("workspace")
}

/// Reads a table as rows to run, and as examples of each task.
pub(super) fn table(bytes: &[u8], format: RowFormat) -> Answer {
    let read = match rows(bytes, format) {
        Ok(read) => read,
        Err(error) => return Ok(refusal(&error)),
    };
    if !read.is_sorted_by(|a, b| a.number < b.number) {
        return Err("rows are not in the order of their numbers".to_owned());
    }
    let mut said = Vec::new();
    let mut taken = 0;
    for task in TASKS.iter() {
        let examples =
            labelled(task, bytes, format, None).map_err(|error| format!("rows are read, then not: {error}"))?;
        promises(task, &examples, read.len())?;
        taken += examples.examples.len();
        said.push(format!("{}-{}", examples.examples.len().ilog2_or_zero().min(3), why(&examples)));
    }
    let begun = fitted(bytes, format)?;
    said.push(begun.clone().unwrap_or_else(|why| why));
    let rows = "!".repeat(read.len().ilog2_or_zero().min(6));
    let said = format!("{rows} {}", said.join(" "));
    Ok(if taken == 0 && begun.is_err() { refusal(&said) } else { said })
}

/// What is promised of labelled rows.
fn promises(task: &Task, read: &Labelled, rows: usize) -> Result<(), String> {
    let Labelled { examples, rows: numbers, wrong, .. } = read;
    if examples.len() != numbers.len() || examples.len() + wrong.len() != rows {
        return Err(format!("of {rows} rows {} are examples and {} are wrong", examples.len(), wrong.len()));
    }
    let report = read.report(task);
    if report.fingerprint != read.report(task).fingerprint {
        return Err("one data set has two fingerprints".to_owned());
    }
    let parts = read.split(Shares::default(), 1);
    let mut all = [parts.train, parts.development, parts.test].concat();
    all.sort_unstable();
    if !all.iter().copied().eq(0..examples.len()) {
        return Err("a split is not each example once".to_owned());
    }
    // What is kept of a table is written as JSON lines.
    let lines: String = examples.iter().map(|example| format!("{}\n", json!(example))).collect();
    let again = labelled(task, lines.as_bytes(), RowFormat::JsonLines, None);
    let again = again.map_err(|error| format!("own lines are refused: {error}"))?;
    if let Some((number, why)) = again.wrong.first() {
        return Err(format!("own line is refused: {why}; {}", lines.lines().nth(number - 1).unwrap_or_default()));
    }
    match again.examples.iter().zip(examples).find(|(one, other)| one != other) {
        Some((one, other)) => {
            Err(format!("an example is another when it is read again: {} {}", json!(other), json!(one)))
        }
        None => Ok(()),
    }
}

/// A task that is begun from a table is sound, and takes as many of its rows as was said; or why none is begun.
fn fitted(bytes: &[u8], format: RowFormat) -> Result<Result<String, String>, String> {
    let table = LabelledTable { bytes, format, label: None, input: None };
    let fitted = match Template::fitted("classify", None, &table) {
        Ok(fitted) => fitted,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let tasks = Tasks::of(&folder());
    let _ = std::fs::remove_file(folder().join("tasks").join("fitted.toml"));
    tasks.begin_fitted("fitted", &fitted).map_err(|error| format!("no room for test files: {error}"))?;
    let task = tasks.show("fitted").and_then(platform::TaskFile::task);
    let task = task.map_err(|error| format!("own task is refused: {error}"))?;
    let taken = labelled(&task, bytes, format, None).map_err(|error| format!("rows are read, then not: {error}"))?;
    if taken.examples.len() != fitted.examples {
        return Err(format!("{} examples were told of {}", fitted.examples, taken.examples.len()));
    }
    Ok(Ok(format!("fitted {} {}", fitted.language, fitted.input.is_some())))
}

fn why(read: &Labelled) -> &str {
    read.wrong.first().map_or("", |(_, why)| why)
}
