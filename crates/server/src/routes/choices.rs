//! `/v1/tasks/{name}/choose`, and what was decided: the best way of doing a task, by its labelled rows.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::Error;
use platform::{ChooseOptions, ChooseStatus, ChooseTerms, Decision, Decisions, ReportLanguage, Route, Search, Terms};
use serde_json::{Value, json};
use wire::fields::{Field, Fields, wrong_type};

use super::Param;
use crate::app::{App, blocking};
use crate::body::{self, Asked, Segment};
use crate::failure::Failure;

pub(crate) const CHOOSE: [Field; 13] = [
    Field::read("models"),
    Field::read("routes"),
    Field::read("confidence"),
    Field::read("spend"),
    Field::read("finalists"),
    Field::read("examples"),
    Field::read("max_cost"),
    Field::read("max_seconds"),
    Field::read("seed"),
    Field::read("concurrency"),
    Field::read("max_tokens"),
    Field::read("search"),
    Field::read("writer"),
];
/// Texts that may be asked of a writer.
const MOST_TEXTS: i64 = 32;
pub(crate) const WHICH: [Param; 1] =
    [Param { name: "id", kind: "string", required: false, says: "The decision's id; the last one if left out." }];

pub(crate) async fn start(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    body::Json(body): body::Json,
) -> Result<(StatusCode, Json<ChooseStatus>), Failure> {
    let options = options(&Fields::of_body(&body)?)?;
    let status = blocking(&app, move |workspace| workspace.choose_in_background(&name, options));
    Ok((StatusCode::ACCEPTED, Json(status.await?)))
}

fn options(fields: &Fields<'_>) -> Result<ChooseOptions, Error> {
    fields.check(&CHOOSE)?;
    let usual = ChooseOptions::default();
    let route = |(at, name): (usize, String)| {
        name.parse::<Route>().map_err(|why| wire::fields::wrong_value(&format!("routes[{at}]"), &why))
    };
    let count = |name: &str, least: i64, most: i64, usual: usize| {
        Ok::<_, Error>(fields.integer(name, least..=most)?.map_or(usual, |number| number as usize))
    };
    let max_seconds = decimal(fields, "max_seconds", 1.0, 1e7)?;
    Ok(ChooseOptions {
        models: texts(fields, "models")?,
        routes: texts(fields, "routes")?.into_iter().enumerate().map(route).collect::<Result<_, _>>()?,
        seed: count("seed", 0, i64::MAX, usual.seed as usize)? as u64,
        terms: Terms {
            confidence: decimal(fields, "confidence", 0.5, 0.9999)?.unwrap_or(usual.terms.confidence),
            spend: decimal(fields, "spend", 0.01, 1.0)?.unwrap_or(usual.terms.spend),
            finalists: count("finalists", 1, ChooseTerms::FINALISTS as i64, usual.terms.finalists)?,
            ..usual.terms
        },
        examples: count("examples", 2, 1_000_000, usual.examples)?,
        max_cost: decimal(fields, "max_cost", 0.0, 1e9)?,
        max_time: max_seconds.map(Duration::from_secs_f64),
        concurrency: count("concurrency", 1, 64, usual.concurrency)?,
        search: match fields.integer("search", 1..=MOST_TEXTS)? {
            Some(texts) => Search::Write { count: texts as usize, writer: fields.string("writer")?.map(str::to_owned) },
            None => Search::Off,
        },
        max_tokens: count("max_tokens", 1, 1_000_000, usual.max_tokens as usize)? as u32,
        ..usual
    })
}

/// A number as it is written, which single precision would not keep.
fn decimal(fields: &Fields<'_>, name: &str, least: f64, most: f64) -> Result<Option<f64>, Error> {
    fields.number(name, least..=most)?;
    Ok(fields.get(name).and_then(Value::as_f64))
}

fn texts(fields: &Fields<'_>, name: &str) -> Result<Vec<String>, Error> {
    let text = |(at, value): (usize, &Value)| {
        value.as_str().map(str::to_owned).ok_or_else(|| wrong_type(&format!("{name}[{at}]"), "a string", value))
    };
    fields.array(name)?.unwrap_or_default().iter().enumerate().map(text).collect()
}

pub(crate) async fn status(State(app): State<Arc<App>>, Segment(name): Segment) -> Result<Json<ChooseStatus>, Failure> {
    Ok(Json(blocking(&app, move |workspace| workspace.choice(&name)).await?))
}

pub(crate) async fn stop(State(app): State<Arc<App>>, Segment(name): Segment) -> Result<Json<ChooseStatus>, Failure> {
    Ok(Json(app.workspace.stop_choice(&name).await?))
}

pub(crate) async fn decisions(State(app): State<Arc<App>>, Segment(name): Segment) -> Result<Json<Value>, Failure> {
    let all = blocking(&app, move |workspace| {
        workspace.tasks().show(&name)?;
        workspace.decisions().list(Some(&name))
    });
    let said = all.await?.into_iter().rev().map(|(path, decision)| {
        json!({
            "id": Decisions::id(&path), "date": decision.date, "chosen": decision.chosen, "why": decision.why,
            "metric": decision.metric, "examples": decision.data.examples,
        })
    });
    Ok(Json(json!({"decisions": said.collect::<Vec<Value>>()})))
}

/// A decision, whole.
pub(crate) async fn decision(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    asked: Asked,
) -> Result<Json<Decision>, Failure> {
    Ok(Json(decided(&app, name, &asked).await?))
}

/// A decision as a page, in the first language that a browser wants.
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    asked: Asked,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let decision = decided(&app, name, &asked).await?;
    let wanted = headers.get("accept-language").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let language =
        if wanted.trim_start().starts_with("zh") { ReportLanguage::Chinese } else { ReportLanguage::English };
    // It holds its own style, and nothing that runs.
    const SHOWS: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = [("content-type", "text/html; charset=utf-8"), ("content-security-policy", SHOWS)];
    Ok((headers, decision.html(language)).into_response())
}

pub(crate) async fn outputs(
    State(app): State<Arc<App>>,
    Segment(name): Segment,
    asked: Asked,
) -> Result<Json<Value>, Failure> {
    asked.check(&WHICH)?;
    let id = asked.text("id").map(str::to_owned);
    let rows = blocking(&app, move |workspace| {
        workspace.tasks().show(&name)?;
        workspace.decisions().outputs(&name, id.as_deref())
    });
    Ok(Json(json!({"rows": rows.await?})))
}

async fn decided(app: &Arc<App>, name: String, asked: &Asked) -> Result<Decision, Failure> {
    asked.check(&WHICH)?;
    let id = asked.text("id").map(str::to_owned);
    blocking(app, move |workspace| {
        workspace.tasks().show(&name)?;
        Ok(workspace.decisions().find(&name, id.as_deref())?.1)
    })
    .await
}
