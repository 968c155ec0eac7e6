//! `/v1/knowledge_bases`: making, listing, searching, asking, removing.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::{Error, SearchMode};
use futures_util::StreamExt;
use platform::{AskEvent, AskRequest, AskStream, DocumentText, KnowledgeBaseInfo, SearchAnswer, SearchRequest};
use serde_json::{Value, json};
use wire::fields::{Field, Fields, wrong_type};
use wire::sse;

use crate::app::{App, Phase, blocking};
use crate::body::{self, Named, Segment};
use crate::events::{self, Dialect};
use crate::failure::Failure;

/// Progress is said at most this often.
const TICK: Duration = Duration::from_millis(200);
/// Most passages of one search.
const MAX_TOP: i64 = 200;

pub(crate) const CREATE: [Field; 2] = [Field::read("name"), Field::read("embedder")];
pub(crate) const SEARCH: [Field; 4] =
    [Field::read("query"), Field::read("top"), Field::read("mode"), Field::read("documents")];
pub(crate) const ASK: [Field; 6] = [
    Field::read("question"),
    Field::read("model"),
    Field::read("top"),
    Field::read("mode"),
    Field::read("documents"),
    Field::read("stream"),
];

type Shared = State<Arc<App>>;

pub(crate) async fn list(State(app): Shared) -> Result<Json<Value>, Failure> {
    let all = blocking(&app, |workspace| workspace.knowledge_bases().list()).await?;
    Ok(Json(json!({"knowledge_bases": all})))
}

pub(crate) async fn create(State(app): Shared, body::Json(body): body::Json) -> Result<Response, Failure> {
    let fields = Fields::of_body(&body)?;
    fields.check(&CREATE)?;
    let name = fields.required_string("name")?.to_owned();
    let embedder = fields.string("embedder")?.map(str::to_owned);
    let made = blocking(&app, move |workspace| workspace.knowledge_bases().create(&name, embedder.as_deref())).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

pub(crate) async fn show(State(app): Shared, Segment(name): Segment) -> Result<Json<KnowledgeBaseInfo>, Failure> {
    Ok(Json(blocking(&app, move |workspace| workspace.knowledge_bases().info(&name)).await?))
}

pub(crate) async fn remove(State(app): Shared, Segment(name): Segment) -> Result<StatusCode, Failure> {
    blocking(&app, move |workspace| workspace.knowledge_bases().remove(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn documents(State(app): Shared, Segment(name): Segment) -> Result<Json<Value>, Failure> {
    let documents = blocking(&app, move |workspace| workspace.knowledge_bases().documents(&name)).await?;
    Ok(Json(json!({"documents": documents})))
}

pub(crate) async fn document(
    State(app): Shared,
    Segment(base): Segment,
    Named(name): Named,
) -> Result<Json<DocumentText>, Failure> {
    Ok(Json(blocking(&app, move |workspace| workspace.knowledge_bases().document(&base, &name)).await?))
}

pub(crate) async fn remove_document(
    State(app): Shared,
    Segment(base): Segment,
    Named(name): Named,
) -> Result<StatusCode, Failure> {
    app.workspace.remove_document(&base, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The state at once, then every change; ends when the knowledge base is removed or the server stops.
pub(crate) async fn progress(State(app): Shared, Segment(base): Segment) -> Result<Response, Failure> {
    let name = base.clone();
    blocking(&app, move |workspace| workspace.knowledge_bases().info(&name)).await?;
    let mut watched = app.workspace.progress(&base);
    let ending = Arc::clone(&app);
    let frames = async_stream::stream! {
        loop {
            let now = watched.borrow_and_update().clone();
            yield sse::event("progress", &now);
            // Nobody waits for the end of this stream when the server stops: it has none of its own.
            let changed = tokio::select! {
                changed = watched.changed() => changed.is_ok(),
                () = ending.reaches(Phase::Draining) => false,
            };
            if !changed {
                break;
            }
            tokio::time::sleep(TICK).await;
        }
    };
    Ok(events::response(&app, frames, Dialect::Named))
}

pub(crate) async fn search(
    State(app): Shared,
    Segment(base): Segment,
    body::Json(body): body::Json,
) -> Result<Json<SearchAnswer>, Failure> {
    let fields = Fields::of_body(&body)?;
    fields.check(&SEARCH)?;
    let request = SearchRequest {
        query: fields.required_string("query")?.to_owned(),
        top: fields.integer("top", 1..=MAX_TOP)?.map_or(SearchRequest::default().top, |top| top as usize),
        mode: mode(&fields)?,
        documents: documents_of(&fields)?,
        ..SearchRequest::default()
    };
    Ok(Json(app.workspace.search(&base, request).await?))
}

pub(crate) async fn ask(
    State(app): Shared,
    Segment(base): Segment,
    body::Json(body): body::Json,
) -> Result<Response, Failure> {
    let fields = Fields::of_body(&body)?;
    fields.check(&ASK)?;
    let request = AskRequest {
        question: fields.required_string("question")?.to_owned(),
        model: fields.string("model")?.map(str::to_owned),
        top: fields.integer("top", 1..=MAX_TOP)?.map(|top| top as usize),
        mode: mode(&fields)?,
        documents: documents_of(&fields)?,
        ..AskRequest::default()
    };
    let stream = fields.boolean("stream")?.unwrap_or(false);
    let steps = app.workspace.ask(&base, request).await?;
    if stream { answer_streamed(&app, steps).await } else { answer_whole(&app, steps).await }
}

fn mode(fields: &Fields<'_>) -> Result<SearchMode, Error> {
    match fields.string("mode")? {
        None | Some("hybrid") => Ok(SearchMode::Hybrid),
        Some("lexical") => Ok(SearchMode::Lexical),
        Some("vector") => Ok(SearchMode::Vector),
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            Err(fields.wrong_value("mode", &format!("'{shown}' is none of 'hybrid', 'lexical', 'vector'")))
        }
    }
}

fn documents_of(fields: &Fields<'_>) -> Result<Vec<String>, Error> {
    let glob = |(i, value): (usize, &Value)| {
        let glob = value.as_str().ok_or_else(|| wrong_type(&format!("documents[{i}]"), "a string", value))?;
        Ok(glob.to_owned())
    };
    fields.array("documents")?.unwrap_or_default().iter().enumerate().map(glob).collect()
}

async fn answer_whole(app: &App, mut steps: AskStream) -> Result<Response, Failure> {
    while let Some(step) = steps.next().await {
        if let AskEvent::Finished(answer) = step? {
            app.metrics.answered(answer.usage);
            return Ok(Json(answer).into_response());
        }
    }
    Err(Error::failed("the answer ended without its end: this is a bug").into())
}

async fn answer_streamed(app: &Arc<App>, mut steps: AskStream) -> Result<Response, Failure> {
    let early = events::opening(app, &mut steps, |step| matches!(step, AskEvent::Progress(_))).await?;
    let metrics = Arc::clone(&app.metrics);
    let mut steps = futures_util::stream::iter(early.into_iter().map(Ok)).chain(steps);
    let frames = async_stream::stream! {
        while let Some(step) = steps.next().await {
            match step {
                Ok(AskEvent::Progress(progress)) => yield sse::event("progress", &progress),
                Ok(AskEvent::Text(text)) => yield sse::event("text", &json!({"text": text})),
                // They are in the answer, with the places of their markers in its final text.
                Ok(AskEvent::Citation(_)) => {}
                Ok(AskEvent::Finished(answer)) => {
                    metrics.answered(answer.usage);
                    yield sse::event("answer", &answer);
                    return;
                }
                Err(error) => {
                    yield Dialect::Named.error(&error);
                    return;
                }
            }
        }
        yield Dialect::Named.error(&Error::failed("the answer ended without its end: this is a bug"));
    };
    Ok(events::response(app, frames, Dialect::Named))
}
