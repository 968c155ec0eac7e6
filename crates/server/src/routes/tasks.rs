//! `/v1/tasks`: tasks of the workspace's folder, what was decided for them, and rows answered by them. A task is also a model, `task/NAME`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use domain::Error;
use platform::{Decision, Outcome, ReportLanguage, TaskFile, Workspace};
use serde_json::{Map, Value, json};
use wire::fields::{Field, Fields, wrong_type};

use crate::app::{App, blocking};
use crate::body::{self, Segment};
use crate::failure::Failure;

pub(crate) const RUN: [Field; 1] = [Field::read("rows")];

/// Most rows of one request.
const MAX_ROWS: usize = 1000;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Failure> {
    let tasks = blocking(&app, |workspace| {
        workspace.tasks().list()?.iter().map(|file| described(workspace, file)).collect::<Result<Vec<Value>, Error>>()
    });
    Ok(Json(json!({"tasks": tasks.await?})))
}

pub(crate) async fn show(State(app): State<Arc<App>>, Segment(name): Segment) -> Result<Json<Value>, Failure> {
    let task = blocking(&app, move |workspace| described(workspace, &workspace.tasks().show(&name)?));
    Ok(Json(task.await?))
}

/// The last decision, whole.
pub(crate) async fn decision(State(app): State<Arc<App>>, Segment(name): Segment) -> Result<Json<Decision>, Failure> {
    Ok(Json(decided(&app, name).await?))
}

/// The last decision as a page, in the first language that a browser wants.
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let decision = decided(&app, name).await?;
    let wanted = headers.get("accept-language").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let language =
        if wanted.trim_start().starts_with("zh") { ReportLanguage::Chinese } else { ReportLanguage::English };
    Ok(([("content-type", "text/html; charset=utf-8")], decision.html(language)).into_response())
}

async fn decided(app: &Arc<App>, name: String) -> Result<Decision, Failure> {
    blocking(app, move |workspace| {
        workspace.tasks().show(&name)?;
        let last = workspace.decisions().last(&name)?.map(|(_, decision)| decision);
        last.ok_or_else(|| {
            Error::not_found(
                "decision_not_found",
                format!("Nothing was decided for '{name}' yet; `sumeru choose {name} --data FILE` decides."),
            )
        })
    })
    .await
}

/// A task with what was decided for it.
fn described(workspace: &Workspace, file: &TaskFile) -> Result<Value, Error> {
    let decision = workspace.decisions().last(&file.name)?.map(|(path, decision)| {
        json!({
            "file": path, "date": decision.date, "chosen": decision.chosen, "why": decision.why,
            "not_ruled_out": decision.not_ruled_out,
        })
    });
    Ok(
        json!({"name": file.name, "path": file.path, "task": file.task, "problems": file.problems, "decision": decision}),
    )
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
    let row = |(at, outcome): (usize, &Outcome)| match outcome {
        Outcome::Output(output) => json!({"row": at + 1, "output": output}),
        Outcome::Abstained(why) => json!({"row": at + 1, "abstained": why}),
        Outcome::Error(why) => json!({"row": at + 1, "error": why}),
    };
    let said: Vec<Value> = answers.outcomes.iter().enumerate().map(row).collect();
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
