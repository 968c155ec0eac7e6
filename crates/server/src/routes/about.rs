//! What the server says of itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use domain::Card;
use platform::ModelState;
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::{App, blocking};
use crate::failure::Failure;

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) async fn health() -> Json<Value> {
    Json(json!({"status": "ok", "version": VERSION}))
}

pub(crate) async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let queues = app.workspace.pending();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.text(app.started, &queues))
}

pub(crate) async fn openapi() -> Json<Value> {
    Json(crate::openapi::document(VERSION))
}

/// What a client needs to know to begin.
#[derive(Serialize)]
pub(crate) struct Info {
    version: &'static str,
    /// The installed one used for requests that name none.
    default_model: Option<String>,
    default_embedder: Option<String>,
    /// The one to get first.
    preferred_model: String,
    preferred_embedder: String,
    language_models: Vec<String>,
    embedding_models: Vec<String>,
}

pub(crate) async fn info(State(app): State<Arc<App>>) -> Result<Json<Info>, Failure> {
    let info = blocking(&app, |workspace| {
        let models = workspace.models();
        let installed = models.list()?.into_iter().filter(|model| model.state == ModelState::Installed);
        let (embedding, generating): (Vec<_>, Vec<_>) =
            installed.map(|model| model.card).partition(|card| card.embeds());
        let names = |cards: Vec<Card>| cards.into_iter().map(|card| card.name).collect();
        Ok(Info {
            version: VERSION,
            default_model: workspace.default_language_model().ok(),
            default_embedder: workspace.default_embedder().ok(),
            preferred_model: models.preferred(false),
            preferred_embedder: models.preferred(true),
            language_models: names(generating),
            embedding_models: names(embedding),
        })
    });
    Ok(Json(info.await?))
}

/// What the loaded models are doing: counters, of which a client makes speeds.
pub(crate) async fn engine(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({
        "models": app.workspace.engine(),
        "resident_bytes": crate::metrics::resident_bytes(),
        "memory_allowed": app.workspace.memory_allowed(),
    }))
}
