//! `sumeru task`: tasks, made from templates, checked and shown.

use std::path::Path;

use anyhow::Context as _;
use platform::{Fitted, FittedLabels, LabelledTable, RowFormat, TaskFile, Tasks, Template, task_schema, templates};
use serde_json::json;

use crate::args::{self, Language};
use crate::exit::{self, Exit};
use crate::print::{Ink, Printer};

pub(crate) fn run(command: args::Task, printer: Printer) -> anyhow::Result<Exit> {
    match command {
        args::Task::New { name, from, language, data, label, input, folder } => {
            let Some(name) = name else {
                return list_templates(language.unwrap_or_else(Language::of_environment), printer);
            };
            let template = |language: Language| template(from.as_deref(), language);
            let Some(data) = data else {
                let template = template(language.unwrap_or_else(Language::of_environment))?;
                return begin(&name, &template, &Tasks::of(&folder.workspace), printer);
            };
            let bytes = std::fs::read(&data).with_context(|| format!("{} cannot be read", data.display()))?;
            let format = RowFormat::of(&data)?;
            let table = LabelledTable { bytes: &bytes, format, label: label.as_deref(), input: input.as_deref() };
            let template = template(language.unwrap_or(Language::En))?.name;
            let fitted = Template::fitted(template, language.map(Language::tag), &table)
                .with_context(|| data.display().to_string())?;
            let path = Tasks::of(&folder.workspace).begin_fitted(&name, &fitted)?;
            if printer.json {
                printer.json(&json!({"task": path, "fitted": fitted}));
            } else {
                printer.line(path.display().to_string());
                said_of(&fitted, printer);
                let next = choose_it(&name, &data, label.as_deref(), &folder.workspace);
                printer.note(format!(
                    "Read its instructions: they are the template's, and may say more of your case. Then `{next}`."
                ));
            }
            Ok(Exit::Done)
        }
        args::Task::Check { names, folder } => check(&names, &Tasks::of(&folder.workspace), printer),
        args::Task::List { folder } => list(&Tasks::of(&folder.workspace), printer),
        args::Task::Show { name, folder } => show(Tasks::of(&folder.workspace).show(&name)?, printer),
        args::Task::Decision { name, report, folder } => {
            super::choose::show(&name, &report, &folder.workspace, printer)
        }
        args::Task::Schema => {
            printer.line(task_schema().trim_end());
            Ok(Exit::Done)
        }
    }
}

fn template(from: Option<&str>, language: Language) -> anyhow::Result<Template> {
    let known: Vec<&str> = templates().iter().filter(|one| one.language == "en").map(|one| one.name).collect();
    let from =
        from.ok_or_else(|| exit::usage(format!("--from says which template; there are {}", known.join(", "))))?;
    let fits = |one: &&Template| one.name == from && one.language == language.tag();
    let template = templates().iter().find(fits).copied();
    template.ok_or_else(|| exit::usage(format!("'{from}' is no template; there are {}", known.join(", "))))
}

fn begin(name: &str, template: &Template, tasks: &Tasks, printer: Printer) -> anyhow::Result<Exit> {
    let (path, sample) = tasks.begin(name, template)?;
    if printer.json {
        printer.json(&json!({"task": path, "sample": sample}));
        return Ok(Exit::Done);
    }
    printer.line(path.display().to_string());
    printer.line(sample.display().to_string());
    printer.note(format!("Edit the task to your case, then `sumeru task check {name}`."));
    Ok(Exit::Done)
}

/// What was made of a template for a table.
fn said_of(fitted: &Fitted, printer: Printer) {
    if let Some((field, column)) = &fitted.input {
        printer.line(printer.foreign(&format!("  the column that is read: {column} (the template's {field})")));
    }
    for FittedLabels { field, labels, left_out } in &fitted.labels {
        let field = field.as_deref().unwrap_or("labels");
        let gone = if left_out.is_empty() { String::new() } else { format!(" (no row has {})", left_out.join(", ")) };
        printer.line(printer.foreign(&format!("  {field}: {}{gone}", labels.join(", "))));
    }
    for (count, of) in [(fitted.examples_left_out, "examples"), (fitted.lines_left_out, "lines of instructions")] {
        if count > 0 {
            printer.line(format!("  left out, being about other labels: {count} of the template's {of}"));
        }
    }
    if fitted.wrong > 0 {
        let (examples, wrong) = (fitted.examples, fitted.wrong);
        printer.line(format!("  {wrong} rows are no examples, {examples} are; `sumeru data check` says why"));
    }
}

/// The command that comes next, to be typed as it stands.
fn choose_it(name: &str, data: &Path, label: Option<&str>, workspace: &Path) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-/+".contains(c);
    let word = |text: String| match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    };
    let mut command = format!("sumeru choose {name} --data {}", word(data.display().to_string()));
    if let Some(label) = label {
        command += &format!(" --label {}", word(label.to_owned()));
    }
    if workspace != Path::new(".") {
        command += &format!(" --workspace {}", word(workspace.display().to_string()));
    }
    command
}

fn list_templates(language: Language, printer: Printer) -> anyhow::Result<Exit> {
    let of_language = templates().iter().filter(|one| one.language == language.tag());
    let rows: Vec<[String; 2]> = of_language.map(|one| [one.name.to_owned(), one.description()]).collect();
    if printer.json {
        let all: Vec<_> = rows.iter().map(|[name, is]| json!({"name": name, "description": is})).collect();
        printer.json(&json!({"templates": all}));
    } else {
        printer.table(["template", "what for"], &rows);
        printer.note("`sumeru task new NAME --from TEMPLATE` begins a task.");
    }
    Ok(Exit::Done)
}

fn check(names: &[String], tasks: &Tasks, printer: Printer) -> anyhow::Result<Exit> {
    let files = if names.is_empty() {
        tasks.list()?
    } else {
        names.iter().map(|name| tasks.show(name)).collect::<Result<Vec<_>, _>>()?
    };
    let wrong = files.iter().any(|file| !file.problems.is_empty());
    if printer.json {
        printer.json(&json!({"tasks": files}));
    } else if files.is_empty() {
        printer.note("No task yet; `sumeru task new NAME --from TEMPLATE` makes one.");
    } else {
        files.iter().for_each(|file| said(file, printer));
    }
    Ok(if wrong { Exit::Failed } else { Exit::Done })
}

fn said(file: &TaskFile, printer: Printer) {
    if file.problems.is_empty() {
        printer.line(format!("{}: {}", file.path.display(), printer.ink(Ink::Good, "good")));
    }
    for problem in &file.problems {
        printer.line(format!("{}:{}", file.path.display(), printer.foreign(&problem.to_string())));
    }
}

fn list(tasks: &Tasks, printer: Printer) -> anyhow::Result<Exit> {
    let files = tasks.list()?;
    if printer.json {
        printer.json(&json!({"tasks": files}));
        return Ok(Exit::Done);
    }
    if files.is_empty() {
        printer.note("No task yet; `sumeru task new NAME --from TEMPLATE` makes one.");
    }
    let rows: Vec<[String; 4]> = files
        .iter()
        .map(|file| match &file.task {
            Some(task) => {
                let fields: Vec<&str> = task.input.iter().map(|field| field.name.as_str()).collect();
                [file.name.clone(), fields.join(", "), form(&task.output), task.description.clone()]
            }
            None => {
                let what = format!("{} wrong in it; `sumeru task check {}`", file.problems.len(), file.name);
                [file.name.clone(), "-".to_owned(), "-".to_owned(), what]
            }
        })
        .collect();
    printer.table(["task", "input", "answer", "description"], &rows);
    Ok(Exit::Done)
}

fn show(file: TaskFile, printer: Printer) -> anyhow::Result<Exit> {
    let path = file.path.display().to_string();
    let task = file.task()?;
    if printer.json {
        printer.json(&task);
        return Ok(Exit::Done);
    }
    printer.line(printer.ink(Ink::Bold, &task.name));
    printer.line(format!("  {:12} {}", "description", printer.foreign(&task.description)));
    printer.line(format!("  {:12} {path}", "file"));
    for field in &task.input {
        let what = if field.optional { " (may be left out)" } else { "" };
        printer.line(format!("  {:12} {}: {}{what}", "input", field.name, printer.foreign(&field.description)));
    }
    printer.line(format!("  {:12} {}", "answer", printer.foreign(&form(&task.output))));
    printer.line(format!("  {:12} {}", "examples", task.examples.len()));
    printer.line("");
    printer.line(printer.foreign(task.instructions.trim()));
    Ok(Exit::Done)
}

/// The form of an answer in a few words.
fn form(schema: &serde_json::Value) -> String {
    let list = |values: &serde_json::Value| -> Vec<String> {
        values
            .as_array()
            .into_iter()
            .flatten()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect()
    };
    if let Some(labels) = schema.get("enum") {
        return list(labels).join(" | ");
    }
    match schema.get("type").and_then(serde_json::Value::as_str) {
        Some("string") => schema.get("format").and_then(serde_json::Value::as_str).unwrap_or("text").to_owned(),
        Some("array") => format!("[{}]", schema.get("items").map_or_else(String::new, form)),
        Some("object") => {
            let properties = schema.get("properties").and_then(serde_json::Value::as_object);
            let required = schema.get("required").map(list).unwrap_or_default();
            let field = |(name, value): (&String, &serde_json::Value)| {
                let mark = if required.contains(name) { "" } else { "?" };
                format!("{name}{mark}: {}", form(value))
            };
            let fields: Vec<String> = properties.into_iter().flatten().map(field).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Some(other) => other.to_owned(),
        None => "as its schema says".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_command_can_be_typed_as_it_stands() {
        for (data, label, workspace, said) in [
            ("a.csv", None, ".", "sumeru choose t --data a.csv"),
            ("来信.csv", Some("部门"), ".", "sumeru choose t --data 来信.csv --label 部门"),
            (
                "my mail.csv",
                Some("it's"),
                "/w",
                r"sumeru choose t --data 'my mail.csv' --label 'it'\''s' --workspace /w",
            ),
        ] {
            assert_eq!(choose_it("t", Path::new(data), label, Path::new(workspace)), said);
        }
    }
}
