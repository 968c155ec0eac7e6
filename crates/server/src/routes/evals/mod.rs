//! `/v1/evals`: rows answered by models and graded, in OpenAI's shapes. [`read`] reads what is asked for, [`show`] writes what there is.

mod lines;
mod read;
mod show;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use domain::Error;
use platform::evals::{Evals, Order, Part, Run, Sorting, Status, Verdict};
use serde_json::{Value, json};
use wire::fields::{Field, Fields};

use super::lists::{AFTER, COUNT, ORDER, Usual, listed, none_of, page, query};
use crate::app::{App, blocking};
use crate::body::{self, Listing, Segment, Segments};
use crate::failure::Failure;
use crate::openapi::evals as schema;
use crate::routes::{Gives, Param, Route, Takes, route};

pub(crate) use read::{CREATE, RUN, UPDATE};

const EVALS_QUERY: [Param; 4] = [AFTER, COUNT, ORDER, query("order_by", "string", "created_at or updated_at.")];
const RUNS_QUERY: [Param; 4] = [AFTER, COUNT, ORDER, query("status", "string", "Only those in this state.")];
/// As OpenAI's lists.
const USUAL: Usual = Usual { limit: 20, most: 100, order: Order::Oldest };

type Shared = State<Arc<App>>;
type Shown = Result<Json<Value>, Failure>;

/// Every operation on them.
pub(super) fn routes() -> Vec<Route> {
    use Gives::Json;
    use Takes::{Nothing, Query};
    const EVAL: &str = "/v1/evals/{eval_id}";
    const RUNS: &str = "/v1/evals/{eval_id}/runs";
    const RUN: &str = "/v1/evals/{eval_id}/runs/{run_id}";
    const ITEMS: &str = "/v1/evals/{eval_id}/runs/{run_id}/output_items";
    let (making, changing) = (Takes::Json(schema::EVAL_REQUEST), Takes::Json(schema::EVAL_UPDATE_REQUEST));
    let (starting, listing) = (Takes::Json(schema::EVAL_RUN_REQUEST), Query(&RUNS_QUERY));
    let (an_eval, a_run) = (Json(200, schema::EVAL), Json(200, schema::EVAL_RUN));
    vec![
        route("post", "/v1/evals", "Make an eval", (making, Json(201, schema::EVAL)), post(create)),
        route("get", "/v1/evals", "List evals", (Query(&EVALS_QUERY), Json(200, schema::EVALS)), get(list)),
        route("get", EVAL, "An eval", (Nothing, an_eval), get(retrieve)),
        route("post", EVAL, "Change an eval's name or metadata", (changing, an_eval), post(update)),
        route("delete", EVAL, "Remove an eval and its runs", (Nothing, Json(200, schema::EVAL_GONE)), delete(remove)),
        route("post", RUNS, "Start a run, in the background", (starting, Json(201, schema::EVAL_RUN)), post(start)),
        route("get", RUNS, "List an eval's runs", (listing, Json(200, schema::EVAL_RUNS)), get(runs)),
        route("get", RUN, "A run", (Nothing, a_run), get(run)),
        // Older clients stop a run at its own path.
        route("post", RUN, "Stop a run", (Nothing, a_run), post(cancel)),
        route("post", "/v1/evals/{eval_id}/runs/{run_id}/cancel", "Stop a run", (Nothing, a_run), post(cancel)),
        route("delete", RUN, "Remove a run", (Nothing, Json(200, schema::EVAL_RUN_GONE)), delete(remove_run)),
        route("get", ITEMS, "What came of a run's rows", (listing, Json(200, schema::EVAL_ITEMS)), get(items)),
        route(
            "get",
            "/v1/evals/{eval_id}/runs/{run_id}/output_items/{output_item_id}",
            "What came of one row",
            (Nothing, Json(200, schema::EVAL_ITEM)),
            get(item),
        ),
    ]
}

async fn create(State(app): Shared, body::Json(body): body::Json) -> Result<Response, Failure> {
    let new = read::eval(&body)?;
    let eval = blocking(&app, move |workspace| workspace.evals().create(new)).await?;
    Ok((StatusCode::CREATED, Json(show::eval(&eval))).into_response())
}

async fn list(State(app): Shared, Listing(query): Listing) -> Shown {
    let fields = Fields::of_body(&query)?;
    fields.check(&EVALS_QUERY.map(|param| Field::read(param.name)))?;
    let page = page(&fields, &USUAL)?;
    let sorting = match fields.string("order_by")? {
        None | Some("created_at") => Sorting::Created,
        Some("updated_at") => Sorting::Updated,
        Some(other) => return Err(none_of(&fields, "order_by", other, "'created_at', 'updated_at'").into()),
    };
    let part = blocking(&app, move |workspace| workspace.evals().list(&page, sorting)).await?;
    Ok(listed(part.data.iter().map(show::eval).collect(), part.more))
}

async fn retrieve(State(app): Shared, Segment(id): Segment) -> Shown {
    Ok(Json(show::eval(&blocking(&app, move |workspace| workspace.evals().show(&id)).await?)))
}

async fn update(State(app): Shared, Segment(id): Segment, body::Json(body): body::Json) -> Shown {
    let (name, metadata) = read::update(&body)?;
    let eval = blocking(&app, move |workspace| workspace.evals().update(&id, name, metadata)).await?;
    Ok(Json(show::eval(&eval)))
}

async fn remove(State(app): Shared, Segment(id): Segment) -> Shown {
    let gone = json!({"object": "eval.deleted", "deleted": true, "eval_id": id});
    blocking(&app, move |workspace| workspace.evals().delete(&id)).await?;
    Ok(Json(gone))
}

async fn start(State(app): Shared, Segment(id): Segment, body::Json(body): body::Json) -> Result<Response, Failure> {
    let shown = blocking(&app, move |workspace| {
        let new = read::run(body, |file| workspace.stored_files().content(file))?;
        let evals = workspace.evals();
        let run = evals.start(&id, new)?;
        with_rows(&evals, &run)
    });
    Ok((StatusCode::CREATED, Json(shown.await?)).into_response())
}

async fn runs(State(app): Shared, Segment(id): Segment, Listing(query): Listing) -> Shown {
    let fields = Fields::of_body(&query)?;
    fields.check(&RUNS_QUERY.map(|param| Field::read(param.name)))?;
    let page = page(&fields, &USUAL)?;
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
        let shown = data.iter().map(|run| with_rows(&evals, run)).collect::<Result<_, Error>>()?;
        Ok(listed(shown, more))
    });
    listed.await
}

async fn run(State(app): Shared, Segments((eval, id)): Segments<(String, String)>) -> Shown {
    let shown = blocking(&app, move |workspace| {
        let evals = workspace.evals();
        let run = evals.run(&eval, &id)?;
        with_rows(&evals, &run)
    });
    Ok(Json(shown.await?))
}

async fn cancel(State(app): Shared, Segments((eval, id)): Segments<(String, String)>) -> Shown {
    let shown = blocking(&app, move |workspace| {
        let evals = workspace.evals();
        let run = evals.cancel(&eval, &id)?;
        with_rows(&evals, &run)
    });
    Ok(Json(shown.await?))
}

async fn remove_run(State(app): Shared, Segments((eval, id)): Segments<(String, String)>) -> Shown {
    let gone = json!({"object": "eval.run.deleted", "deleted": true, "run_id": id});
    blocking(&app, move |workspace| workspace.evals().delete_run(&eval, &id)).await?;
    Ok(Json(gone))
}

async fn items(
    State(app): Shared,
    Segments((eval, run)): Segments<(String, String)>,
    Listing(query): Listing,
) -> Shown {
    let fields = Fields::of_body(&query)?;
    fields.check(&RUNS_QUERY.map(|param| Field::read(param.name)))?;
    let page = page(&fields, &USUAL)?;
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

async fn item(State(app): Shared, Segments((eval, run, id)): Segments<(String, String, String)>) -> Shown {
    let shown = blocking(&app, move |workspace| {
        let item = workspace.evals().item(&eval, &run, &id)?;
        Ok(show::item(&eval, &run, &item))
    });
    Ok(Json(shown.await?))
}

/// A run, with its rows if they were sent with it: those of a file are told by its id, as they were asked for.
fn with_rows(evals: &Evals, run: &Run) -> Result<Value, Error> {
    let sent = run.data_source["source"]["type"] == "file_content";
    let rows = if sent { Some(evals.rows(run)?) } else { None };
    Ok(show::run(run, rows.as_deref()))
}
