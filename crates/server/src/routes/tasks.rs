//! `/v1/tasks`: tasks of the workspace's folder, begun, changed, tables read for them and rows answered by them. A task is also a model, `task/NAME`.
//! Labelled rows are in `labelled`, what is chosen by them in `choices`.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use domain::Error;
use platform::{
    Decisions, LabelledTable, Outcome, RowAnswer, RowFormat, TableRows, TaskChange, TaskFile, Template, Workspace,
    templates,
};
use serde_json::{Map, Value, json};
use wire::fields::{Field, Fields, wrong_type};

use super::Param;
use super::labelled::{UPLOAD, taken_in};
use crate::app::{App, blocking};
use crate::body::{self, Asked, Segment};
use crate::failure::Failure;

pub(crate) const READ: [Param; 1] = [UPLOAD[0]];
pub(crate) const RUN: [Field; 1] = [Field::read("rows")];
pub(crate) const CREATE: [Field; 4] =
    [Field::read("name"), Field::read("template"), Field::read("language"), Field::read("sample")];
pub(crate) const BEGIN: [Param; 5] = [
    Param { name: "template", kind: "string", required: true, says: "The template's name." },
    Param {
        name: "language",
        kind: "string",
        required: false,
        says: "The template's language, en or zh; that of the table's texts if it is left out.",
    },
    UPLOAD[0],
    UPLOAD[1],
    Param {
        name: "input",
        kind: "string",
        required: false,
        says: "The column that is read, if it is not the one with most to read.",
    },
];
pub(crate) const CHANGE: [Field; 3] = [Field::read("source"), Field::read("set"), Field::read("dry_run")];

/// Most rows of one request.
const MAX_ROWS: usize = 1000;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Failure> {
    let tasks = blocking(&app, |workspace| {
        workspace.tasks().list()?.iter().map(|file| described(workspace, file)).collect::<Result<Vec<Value>, Error>>()
    });
    Ok(Json(json!({"tasks": tasks.await?, "templates": to_begin_with()})))
}

/// Templates by name, described in each of their languages.
fn to_begin_with() -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for template in templates() {
        if all.last().is_none_or(|last| last["name"] != template.name) {
            all.push(json!({"name": template.name, "description": {}}));
        }
        if let Some(last) = all.last_mut() {
            last["description"][template.language] = template.description().into();
        }
    }
    all
}

pub(crate) async fn show(State(app): State<Arc<App>>, Segment(name): Segment) -> Result<Json<Value>, Failure> {
    let task = blocking(&app, move |workspace| {
        let tasks = workspace.tasks();
        with_source(workspace, &tasks.show(&name)?, &tasks.source(&name)?)
    });
    Ok(Json(task.await?))
}

pub(crate) async fn create(
    State(app): State<Arc<App>>,
    body::Json(body): body::Json,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let fields = Fields::of_body(&body)?;
    fields.check(&CREATE)?;
    let name = fields.required_string("name")?.to_owned();
    let template = Template::of(fields.required_string("template")?, language(fields.string("language")?)?)?;
    let with_rows = fields.boolean("sample")?.unwrap_or(false);
    let task = blocking(&app, move |workspace| {
        let tasks = workspace.tasks();
        tasks.begin(&name, &template)?;
        let file = tasks.show(&name)?;
        if with_rows && let Some(task) = &file.task {
            workspace.labelled_rows().take_in(task, template.sample.as_bytes(), RowFormat::JsonLines, None)?;
        }
        with_source(workspace, &file, template.task)
    });
    Ok((StatusCode::CREATED, Json(task.await?)))
}

/// Begins a task from a template that is fitted to a table of labelled rows, which are taken in.
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    asked: Asked,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Failure> {
    asked.check(&BEGIN)?;
    let said = asked.text("language").map(|said| language(Some(said))).transpose()?;
    let [name_of_template, label, input] =
        ["template", "label", "input"].map(|param| asked.text(param).map(str::to_owned));
    let name_of_template = name_of_template.unwrap_or_default();
    // Said before the file is sent.
    Template::of(&name_of_template, "en")?;
    let format = RowFormat::of(Path::new(asked.text("file").unwrap_or_default()))?;
    let bytes = body::file(request, &app).await?;
    let begun = blocking(&app, move |workspace| {
        let table = LabelledTable { bytes: &bytes, format, label: label.as_deref(), input: input.as_deref() };
        let fitted = Template::fitted(&name_of_template, said, &table)?;
        let (file, (changed, wrong)) =
            workspace.tasks().begin_with_rows(&name, &fitted, (&workspace.labelled_rows(), &table))?;
        let mut begun = with_source(workspace, &file, &fitted.source)?;
        begun["fitted"] = json!(fitted);
        begun["rows"] = taken_in(&changed, &wrong);
        Ok(begun)
    });
    Ok((StatusCode::CREATED, Json(begun.await?)))
}

/// The language of a template.
fn language(said: Option<&str>) -> Result<&'static str, Error> {
    match said {
        None | Some("en") => Ok("en"),
        Some("zh") => Ok("zh"),
        Some(other) => {
            let shown: String = other.chars().take(20).collect();
            Err(Error::invalid("language", "invalid_value", format!("language: '{shown}' is neither en nor zh")))
        }
    }
}

pub(crate) async fn change(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    body::Json(body): body::Json,
) -> Result<Json<Value>, Failure> {
    let fields = Fields::of_body(&body)?;
    fields.check(&CHANGE)?;
    let set = fields.get("set").map(|set| set.as_object().ok_or_else(|| wrong_type("set", "an object", set)));
    let change = match (fields.string("source")?, set.transpose()?) {
        (Some(source), None) => TaskChange::Source(source.to_owned()),
        (None, Some(keys)) => TaskChange::Keys(keys.clone()),
        (Some(_), Some(_)) => {
            return Err(fields.wrong_value("set", "there is `source` besides; give one of the two").into());
        }
        (None, None) => return Err(fields.missing("source").into()),
    };
    let only_try = fields.boolean("dry_run")?.unwrap_or(false);
    let task = blocking(&app, move |workspace| {
        let tasks = workspace.tasks();
        let (file, source) = if only_try { tasks.try_change(&name, &change)? } else { tasks.change(&name, &change)? };
        with_source(workspace, &file, &source)
    });
    Ok(Json(task.await?))
}

/// A task with what was decided for it, and what it may be decided by.
fn described(workspace: &Workspace, file: &TaskFile) -> Result<Value, Error> {
    let decision = workspace.decisions().last(&file.name)?.map(|(path, decision)| {
        json!({
            "id": Decisions::id(&path), "file": path, "date": decision.date, "chosen": decision.chosen, "why": decision.why,
            "not_ruled_out": decision.not_ruled_out,
        })
    });
    Ok(json!({
        "name": file.name, "path": file.path, "task": file.task, "problems": file.problems, "decision": decision,
        // A file that somebody gave another name than tasks have holds no rows.
        "labelled": workspace.labelled_rows().count(&file.name).unwrap_or(0),
        "choosing": workspace.choice_state(&file.name),
    }))
}

fn with_source(workspace: &Workspace, file: &TaskFile, source: &str) -> Result<Value, Error> {
    let mut all = described(workspace, file)?;
    all["source"] = source.into();
    Ok(all)
}

/// The rows of a table that the task can be run on, and why it cannot be on the others; nothing is asked or kept.
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    asked: Asked,
    request: Request,
) -> Result<Json<TableRows>, Failure> {
    asked.check(&READ)?;
    let format = RowFormat::of(Path::new(asked.text("file").unwrap_or_default()))?;
    // Said before the file is sent.
    let task = blocking(&app, move |workspace| workspace.tasks().show(&name)?.task()).await?;
    let bytes = body::file(request, &app).await?;
    Ok(Json(blocking(&app, move |_| TableRows::of(&task, &bytes, format)).await?))
}

pub(crate) async fn run(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    body::Json(body): body::Json,
) -> Result<Json<Value>, Failure> {
    let fields = Fields::of_body(&body)?;
    fields.check(&RUN)?;
    let rows = rows(&fields)?;
    let answers = app.workspace.answer_task(&name, rows).await?;
    let said: Vec<Value> = answers.rows.iter().enumerate().map(|(at, row)| answered(at + 1, row)).collect();
    let usage = answers.usage;
    Ok(Json(json!({
        "task": name,
        "candidate": answers.candidate,
        "rows": said,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "cached_tokens": usage.cached_tokens,
        },
    })))
}

fn answered(row: usize, answer: &RowAnswer) -> Value {
    let mut said = match &answer.outcome {
        Outcome::Output(output) => json!({"row": row, "output": output}),
        Outcome::Abstained(why) => json!({"row": row, "abstained": why}),
        Outcome::Error(why) => json!({"row": row, "error": why}),
    };
    said["milliseconds"] = answer.milliseconds.into();
    if let Some(probability) = answer.probability {
        said["probability"] = probability.into();
    }
    said
}

fn rows(fields: &Fields<'_>) -> Result<Vec<Map<String, Value>>, Error> {
    let rows = fields.array("rows")?.ok_or_else(|| fields.missing("rows"))?;
    if rows.is_empty() || rows.len() > MAX_ROWS {
        let why = format!("{} rows; give 1 to {MAX_ROWS}, or use `sumeru run`", rows.len());
        return Err(fields.wrong_value("rows", &why));
    }
    let row = |(at, row): (usize, &Value)| match row {
        Value::Object(fields) => Ok(fields.clone()),
        other => Err(wrong_type(&format!("rows[{at}]"), "an object of the task's fields", other)),
    };
    rows.iter().enumerate().map(row).collect()
}
