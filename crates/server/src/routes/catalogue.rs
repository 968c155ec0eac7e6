//! `/v1/catalogue`: models that can be had, and getting them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::Card;
use platform::{ModelInfo, ModelState, PullStatus};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::{App, blocking};
use crate::body::Segment;
use crate::failure::Failure;

/// A model and how far it is on its way here.
#[derive(Serialize)]
struct Entry {
    #[serde(flatten)]
    card: Card,
    state: &'static str,
    progress: Option<Progress>,
    error: Option<String>,
}

#[derive(Serialize)]
struct Progress {
    done: u64,
    total: u64,
    rate: f64,
}

pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<Value>, Failure> {
    let entries = blocking(&app, |workspace| {
        let mut pulls: HashMap<String, PullStatus> =
            workspace.pulls().into_iter().map(|pull| (pull.name.clone(), pull)).collect();
        let models = workspace.models().list()?;
        Ok(models
            .into_iter()
            .map(|model| {
                let pull = pulls.remove(&model.card.name);
                entry(model, pull)
            })
            .collect::<Vec<Entry>>())
    });
    Ok(Json(json!({"models": entries.await?})))
}

fn entry(model: ModelInfo, pull: Option<PullStatus>) -> Entry {
    let ModelInfo { card, state, .. } = model;
    let error = pull.as_ref().and_then(|pull| pull.error.clone());
    let (state, progress, error) = match (state, pull) {
        (_, Some(pull)) if pull.running => {
            ("pulling", Some(Progress { done: pull.done, total: pull.total, rate: pull.rate }), None)
        }
        // Whatever went wrong before, it is here now.
        (ModelState::Installed, _) => ("installed", None, None),
        (ModelState::Available, _) => ("available", None, error),
        (ModelState::Partial { bytes }, _) => {
            ("partial", Some(Progress { done: bytes, total: card.bytes, rate: 0.0 }), error)
        }
    };
    Entry { card, state, progress, error }
}

pub(crate) async fn pull(State(app): State<Arc<App>>, Segment(name): Segment) -> Result<Response, Failure> {
    let (model, options) = (name.clone(), app.pull.clone());
    blocking(&app, move |workspace| workspace.pull_in_background(&model, options)).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"name": name, "state": "pulling"}))).into_response())
}

pub(crate) async fn stop(State(app): State<Arc<App>>, Segment(name): Segment) -> Result<StatusCode, Failure> {
    app.workspace.stop_pull(&name)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn remove(State(app): State<Arc<App>>, Segment(name): Segment) -> Result<StatusCode, Failure> {
    blocking(&app, move |workspace| workspace.remove_model(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}
