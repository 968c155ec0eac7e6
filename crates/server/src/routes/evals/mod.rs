//! `/v1/evals`: rows answered by models and graded, in OpenAI's shapes. [`read`] reads what is asked for, [`show`] writes what there is.

mod read;
mod show;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::Error;
use platform::evals::{Order, Page, Part, Sorting, Status, Verdict};
use serde_json::{Value, json};
use wire::fields::{Field, Fields};

use crate::app::{App, blocking};
use crate::body::{self, Listing, Segment, Segments};
use crate::failure::Failure;
use crate::routes::Param;

pub(crate) use read::{CREATE, RUN, UPDATE};

pub(crate) const EVALS_QUERY: [Param; 4] =
    [AFTER, COUNT, ORDER, query("order_by", "string", "created_at or updated_at.")];
pub(crate) const RUNS_QUERY: [Param; 4] = [AFTER, COUNT, ORDER, query("status", "string", "Only those in this state.")];
const AFTER: Param = query("after", "string", "The id that the list goes on after.");
const COUNT: Param = query("limit", "integer", "How many, at most.");
const ORDER: Param = query("order", "string", "asc or desc.");

const fn query(name: &'static str, kind: &'static str, says: &'static str) -> Param {
    Param { name, kind, required: false, says }
}
/// Of a list: as many as OpenAI gives.
const LIMIT: usize = 20;
const MOST: i64 = 100;

type Shared = State<Arc<App>>;
type Shown = Result<Json<Value>, Failure>;

pub(crate) async fn create(State(app): Shared, body::Json(body): body::Json) -> Result<Response, Failure> {
    let new = read::eval(&body)?;
    let eval = blocking(&app, move |workspace| workspace.evals().create(new)).await?;
    Ok((StatusCode::CREATED, Json(show::eval(&eval))).into_response())
}

pub(crate) async fn list(State(app): Shared, Listing(query): Listing) -> Shown {
    let fields = Fields::of_body(&query)?;
    fields.check(&EVALS_QUERY.map(|param| Field::read(param.name)))?;
    let page = page(&fields)?;
    let sorting = match fields.string("order_by")? {
        None | Some("created_at") => Sorting::Created,
        Some("updated_at") => Sorting::Updated,
        Some(other) => return Err(none_of(&fields, "order_by", other, "'created_at', 'updated_at'").into()),
    };
    let part = blocking(&app, move |workspace| workspace.evals().list(&page, sorting)).await?;
    Ok(listed(part.data.iter().map(show::eval).collect(), part.more))
}

pub(crate) async fn retrieve(State(app): Shared, Segment(id): Segment) -> Shown {
    Ok(Json(show::eval(&blocking(&app, move |workspace| workspace.evals().show(&id)).await?)))
}

pub(crate) async fn update(State(app): Shared, Segment(id): Segment, body::Json(body): body::Json) -> Shown {
    let (name, metadata) = read::update(&body)?;
    let eval = blocking(&app, move |workspace| workspace.evals().update(&id, name, metadata)).await?;
    Ok(Json(show::eval(&eval)))
}

pub(crate) async fn remove(State(app): Shared, Segment(id): Segment) -> Shown {
    let gone = json!({"object": "eval.deleted", "deleted": true, "eval_id": id});
    blocking(&app, move |workspace| workspace.evals().delete(&id)).await?;
    Ok(Json(gone))
}

pub(crate) async fn start(
    State(app): Shared,
    Segment(id): Segment,
    body::Json(body): body::Json,
) -> Result<Response, Failure> {
    let new = read::run(body)?;
    let shown = blocking(&app, move |workspace| {
        let evals = workspace.evals();
        let run = evals.start(&id, new)?;
        Ok(show::run(&run, &evals.rows(&run)?))
    });
    Ok((StatusCode::CREATED, Json(shown.await?)).into_response())
}

pub(crate) async fn runs(State(app): Shared, Segment(id): Segment, Listing(query): Listing) -> Shown {
    let fields = Fields::of_body(&query)?;
    fields.check(&RUNS_QUERY.map(|param| Field::read(param.name)))?;
    let page = page(&fields)?;
    let status = match fields.string("status")? {
        None => None,
        Some("queued") => Some(Status::Queued),
        Some("in_progress") => Some(Status::InProgress),
        Some("completed") => Some(Status::Completed),
        Some("canceled") => Some(Status::Canceled),
        Some("failed") => Some(Status::Failed),
        Some(other) => {
            let known = "'queued', 'in_progress', 'completed', 'canceled', 'failed'";
            return Err(none_of(&fields, "status", other, known).into());
        }
    };
    let listed = blocking(&app, move |workspace| {
        let evals = workspace.evals();
        let Part { data, more } = evals.runs(&id, &page, status)?;
        let shown = data.iter().map(|run| Ok(show::run(run, &evals.rows(run)?))).collect::<Result<_, Error>>()?;
        Ok(listed(shown, more))
    });
    listed.await
}

pub(crate) async fn run(State(app): Shared, Segments((eval, id)): Segments<(String, String)>) -> Shown {
    let shown = blocking(&app, move |workspace| {
        let evals = workspace.evals();
        let run = evals.run(&eval, &id)?;
        Ok(show::run(&run, &evals.rows(&run)?))
    });
    Ok(Json(shown.await?))
}

pub(crate) async fn cancel(State(app): Shared, Segments((eval, id)): Segments<(String, String)>) -> Shown {
    let shown = blocking(&app, move |workspace| {
        let evals = workspace.evals();
        let run = evals.cancel(&eval, &id)?;
        Ok(show::run(&run, &evals.rows(&run)?))
    });
    Ok(Json(shown.await?))
}

pub(crate) async fn remove_run(State(app): Shared, Segments((eval, id)): Segments<(String, String)>) -> Shown {
    let gone = json!({"object": "eval.run.deleted", "deleted": true, "run_id": id});
    blocking(&app, move |workspace| workspace.evals().delete_run(&eval, &id)).await?;
    Ok(Json(gone))
}

pub(crate) async fn items(
    State(app): Shared,
    Segments((eval, run)): Segments<(String, String)>,
    Listing(query): Listing,
) -> Shown {
    let fields = Fields::of_body(&query)?;
    fields.check(&RUNS_QUERY.map(|param| Field::read(param.name)))?;
    let page = page(&fields)?;
    let verdict = match fields.string("status")? {
        None => None,
        Some("pass") => Some(Verdict::Pass),
        // OpenAI's documentation says both.
        Some("fail" | "failed") => Some(Verdict::Fail),
        Some("error") => Some(Verdict::Error),
        Some(other) => return Err(none_of(&fields, "status", other, "'pass', 'fail', 'error'").into()),
    };
    let listed = blocking(&app, move |workspace| {
        let Part { data, more } = workspace.evals().items(&eval, &run, &page, verdict)?;
        Ok(listed(data.iter().map(|item| show::item(&eval, &run, item)).collect(), more))
    });
    listed.await
}

pub(crate) async fn item(State(app): Shared, Segments((eval, run, id)): Segments<(String, String, String)>) -> Shown {
    let shown = blocking(&app, move |workspace| {
        let item = workspace.evals().item(&eval, &run, &id)?;
        Ok(show::item(&eval, &run, &item))
    });
    Ok(Json(shown.await?))
}

fn page(fields: &Fields<'_>) -> Result<Page, Error> {
    let order = match fields.string("order")? {
        None | Some("asc") => Order::Oldest,
        Some("desc") => Order::Newest,
        Some(other) => return Err(none_of(fields, "order", other, "'asc', 'desc'")),
    };
    let limit = fields.integer("limit", 1..=MOST)?.map_or(LIMIT, |limit| limit as usize);
    Ok(Page { after: fields.string("after")?.map(str::to_owned), limit, order })
}

/// The complaint that a value is none of those that are known.
fn none_of(fields: &Fields<'_>, name: &str, value: &str, known: &str) -> Error {
    let shown: String = value.chars().take(40).collect();
    fields.wrong_value(name, &format!("'{shown}' is none of {known}"))
}

fn listed(data: Vec<Value>, more: bool) -> Json<Value> {
    let id = |one: Option<&Value>| one.map_or(Value::Null, |one| one["id"].clone());
    let (first, last) = (id(data.first()), id(data.last()));
    Json(json!({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more}))
}
