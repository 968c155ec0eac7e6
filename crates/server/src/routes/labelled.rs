//! `/v1/tasks/{name}/rows` and `/upload`: labelled rows of a task.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use domain::Error;
use platform::{RowChange, RowFormat, RowPage, RowsChanged};
use serde_json::{Value, json};
use wire::fields::{Field, Fields, wrong_type};

use super::Param;
use crate::app::{App, blocking};
use crate::body::{self, Asked, Segment};
use crate::failure::Failure;

pub(crate) const PUT: [Field; 1] = [Field::read("rows")];
const ROW: [Field; 3] = [Field::read("input"), Field::read("output"), Field::read("tags")];
pub(crate) const PAGE: [Param; 2] = [
    Param { name: "after", kind: "integer", required: false, says: "How many rows to pass over; 0 if left out." },
    Param {
        name: "limit",
        kind: "integer",
        required: false,
        says: "How many rows at most, up to 1000; 100 if left out.",
    },
];
pub(crate) const UPLOAD: [Param; 2] = [
    Param {
        name: "file",
        kind: "string",
        required: true,
        says: "The file's name, whose ending says what it is: .jsonl, .json, .csv, .tsv or .xlsx.",
    },
    Param {
        name: "label",
        kind: "string",
        required: false,
        says: "The column of the label, if it is none of output, label, answer, expected, target, 标签, 答案, 输出.",
    },
];

/// Most rows of one page.
const MOST: usize = 1000;

pub(crate) async fn page(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    asked: Asked,
) -> Result<Json<RowPage>, Failure> {
    asked.check(&PAGE)?;
    let after = asked.number("after", usize::MAX >> 1)?.unwrap_or(0);
    let limit = asked.number("limit", MOST)?.unwrap_or(100);
    let page = blocking(&app, move |workspace| {
        let task = workspace.tasks().show(&name)?.task()?;
        workspace.labelled_rows().page(&task, after, limit)
    });
    Ok(Json(page.await?))
}

pub(crate) async fn put(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    body::Json(body): body::Json,
) -> Result<Json<RowsChanged>, Failure> {
    let fields = Fields::of_body(&body)?;
    fields.check(&PUT)?;
    let rows = fields.array("rows")?.ok_or_else(|| fields.missing("rows"))?;
    if rows.is_empty() {
        return Err(fields.wrong_value("rows", "there is none; give one at least").into());
    }
    let changes = rows.iter().enumerate().map(|(at, row)| change(&format!("rows[{at}]"), row));
    let changes = changes.collect::<Result<Vec<_>, Error>>()?;
    let changed = blocking(&app, move |workspace| {
        let task = workspace.tasks().show(&name)?.task()?;
        workspace.labelled_rows().put(&task, changes)
    });
    Ok(Json(changed.await?))
}

fn change(path: &str, row: &Value) -> Result<RowChange, Error> {
    let fields = Fields::at(path.to_owned(), row)?;
    fields.check(&ROW)?;
    let input = fields.get("input").ok_or_else(|| fields.missing("input"))?;
    let input = input
        .as_object()
        .ok_or_else(|| wrong_type(&fields.path_of("input"), "an object of the task's fields", input))?;
    // Null says something here: it takes the row out.
    let output = row.get("output").ok_or_else(|| fields.missing("output"))?;
    Ok(RowChange { input: input.clone(), output: output.clone(), tags: fields.get("tags").cloned() })
}

pub(crate) async fn upload(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    asked: Asked,
    request: Request,
) -> Result<Json<Value>, Failure> {
    asked.check(&UPLOAD)?;
    let file = Path::new(asked.text("file").unwrap_or_default());
    let (format, label) = (RowFormat::of(file)?, asked.text("label").map(str::to_owned));
    // Said before the file is sent.
    let task = blocking(&app, move |workspace| workspace.tasks().show(&name)?.task()).await?;
    let bytes = body::file(request, &app).await?;
    let taken =
        blocking(&app, move |workspace| workspace.labelled_rows().take_in(&task, &bytes, format, label.as_deref()));
    let (changed, wrong) = taken.await?;
    Ok(Json(taken_in(&changed, &wrong)))
}

/// What came of a table.
pub(super) fn taken_in(changed: &RowsChanged, wrong: &[(usize, String)]) -> Value {
    json!({
        "added": changed.added, "replaced": changed.replaced, "wrong": wrong, "total": changed.total, "unread": changed.unread,
    })
}
