//! The routes: one table, from which both the router and the OpenAPI document are made.

pub(crate) mod about;
pub(crate) mod bases;
pub(crate) mod catalogue;
pub(crate) mod choices;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod evals;
pub(crate) mod files;
mod forms;
pub(crate) mod labelled;
mod lists;
pub(crate) mod models;
pub(crate) mod rerank;
pub(crate) mod tasks;
pub(crate) mod tokens;
pub(crate) mod uploads;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::routing::{MethodRouter, delete, get, post, put};

use crate::app::App;
use crate::failure::Failure;
use crate::openapi::schemas as schema;
use crate::{door, ui};

/// One operation.
pub(crate) struct Route {
    /// In lower case, as OpenAPI writes it.
    pub(crate) method: &'static str,
    /// As axum writes it: `{name}` is a segment, `{*name}` the rest of the path.
    pub(crate) path: &'static str,
    /// What it is for.
    pub(crate) summary: &'static str,
    /// What is sent.
    pub(crate) takes: Takes,
    /// What comes back.
    pub(crate) gives: Gives,
    handler: MethodRouter<Arc<App>>,
}

/// What an operation is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing but its path.
    Nothing,
    /// `?name=`.
    Name,
    /// A query of these.
    Query(&'static [Param]),
    /// The bytes of a file, and a query of these.
    File(&'static [Param]),
    /// JSON of a schema.
    Json(&'static str),
    /// A form of a schema.
    Form(&'static str),
    /// A form of files.
    Files,
}

/// A parameter of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    /// A type of JSON Schema.
    pub(crate) kind: &'static str,
    pub(crate) required: bool,
    /// What it is, in a sentence.
    pub(crate) says: &'static str,
}

/// What an operation gives back when it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    /// JSON of a schema, with a status.
    Json(u16, &'static str),
    /// JSON of a schema, or a stream of events if asked for.
    JsonOrEvents(&'static str),
    /// A stream of events.
    Events,
    /// Text of a media type.
    Text(&'static str),
    /// The bytes of a file.
    Bytes,
    /// Nothing (204).
    Nothing,
}

const BASE: &str = "/v1/knowledge_bases/{name}";

fn route(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    (takes, gives): (Takes, Gives),
    handler: MethodRouter<Arc<App>>,
) -> Route {
    Route { method, path, summary, takes, gives, handler }
}

/// Every operation.
pub(crate) fn table() -> Vec<Route> {
    [
        about_routes(),
        openai_routes(),
        evals::routes(),
        files::routes(),
        base_routes(),
        task_routes(),
        choice_routes(),
        catalogue_routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn about_routes() -> Vec<Route> {
    use Takes::Nothing;
    vec![
        route(
            "get",
            "/healthz",
            "Whether the server is up",
            (Nothing, Gives::Json(200, schema::HEALTH)),
            get(about::health),
        ),
        route("get", "/metrics", "Figures for Prometheus", (Nothing, Gives::Text("text/plain")), get(about::metrics)),
        route(
            "get",
            "/openapi.json",
            "This document",
            (Nothing, Gives::Json(200, schema::ANYTHING)),
            get(about::openapi),
        ),
        route(
            "get",
            "/v1/info",
            "Version and default models",
            (Nothing, Gives::Json(200, schema::INFO)),
            get(about::info),
        ),
        route(
            "get",
            "/v1/engine",
            "What the loaded models are doing",
            (Nothing, Gives::Json(200, schema::ENGINE)),
            get(about::engine),
        ),
    ]
}

fn openai_routes() -> Vec<Route> {
    use Gives::{Json, JsonOrEvents};
    use Takes::Nothing;
    vec![
        route("get", "/v1/models", "Models that can be asked", (Nothing, Json(200, schema::MODELS)), get(models::list)),
        route("get", "/v1/models/{*id}", "One model", (Nothing, Json(200, schema::MODEL)), get(models::show)),
        route(
            "post",
            "/v1/chat/completions",
            "Answer a conversation",
            (Takes::Json(schema::CHAT_REQUEST), JsonOrEvents(schema::CHAT)),
            post(completions::chat),
        ),
        route(
            "post",
            "/v1/completions",
            "Continue text",
            (Takes::Json(schema::COMPLETION_REQUEST), JsonOrEvents(schema::COMPLETION)),
            post(completions::completions),
        ),
        route(
            "post",
            "/v1/embeddings",
            "Turn texts into vectors",
            (Takes::Json(schema::EMBEDDING_REQUEST), Json(200, schema::EMBEDDINGS)),
            post(embeddings::embeddings),
        ),
        route(
            "post",
            "/v1/rerank",
            "Put passages in the order in which they answer a query",
            (Takes::Json(schema::RERANK_REQUEST), Json(200, schema::RERANKED)),
            post(rerank::rerank),
        ),
        route(
            "post",
            "/tokenize",
            "The tokens of a text",
            (Takes::Json(schema::TOKENIZE_REQUEST), Json(200, schema::TOKENS)),
            post(tokens::tokenize),
        ),
        route(
            "post",
            "/detokenize",
            "The text of tokens",
            (Takes::Json(schema::DETOKENIZE_REQUEST), Json(200, schema::TEXT)),
            post(tokens::detokenize),
        ),
    ]
}

fn base_routes() -> Vec<Route> {
    use Gives::{Events, Json, JsonOrEvents};
    use Takes::{Files, Name, Nothing};
    const ALL: &str = "/v1/knowledge_bases";
    const DOCUMENTS: &str = "/v1/knowledge_bases/{name}/documents";
    vec![
        route("get", ALL, "List knowledge bases", (Nothing, Json(200, schema::BASES)), get(bases::list)),
        route(
            "post",
            ALL,
            "Make a knowledge base",
            (Takes::Json(schema::BASE_REQUEST), Json(201, schema::BASE)),
            post(bases::create),
        ),
        route("get", BASE, "A knowledge base", (Nothing, Json(200, schema::BASE)), get(bases::show)),
        route("delete", BASE, "Remove a knowledge base", (Nothing, Gives::Nothing), delete(bases::remove)),
        route("get", DOCUMENTS, "Its documents", (Nothing, Json(200, schema::DOCUMENTS)), get(bases::documents)),
        route(
            "post",
            DOCUMENTS,
            "Upload documents; they are read in the background",
            (Files, Json(202, schema::UPLOADED)),
            // The handler has limits of its own, by file, and holds none in memory.
            post(uploads::upload).layer(DefaultBodyLimit::disable()),
        ),
        route("delete", DOCUMENTS, "Remove a document", (Name, Gives::Nothing), delete(bases::remove_document)),
        route(
            "get",
            "/v1/knowledge_bases/{name}/document",
            "A document's text",
            (Name, Json(200, schema::DOCUMENT_TEXT)),
            get(bases::document),
        ),
        route(
            "get",
            "/v1/knowledge_bases/{name}/progress",
            "What is being read and embedded, as it goes on",
            (Nothing, Events),
            get(bases::progress),
        ),
        route(
            "post",
            "/v1/knowledge_bases/{name}/search",
            "Find passages",
            (Takes::Json(schema::SEARCH_REQUEST), Json(200, schema::SEARCH)),
            post(bases::search),
        ),
        route(
            "post",
            "/v1/knowledge_bases/{name}/ask",
            "Answer a question, with citations",
            (Takes::Json(schema::ASK_REQUEST), JsonOrEvents(schema::ANSWER)),
            post(bases::ask),
        ),
    ]
}

fn task_routes() -> Vec<Route> {
    use Gives::Json;
    use Takes::{File, Nothing, Query};
    const ONE: &str = "/v1/tasks/{name}";
    const ROWS: &str = "/v1/tasks/{name}/rows";
    vec![
        route(
            "get",
            "/v1/tasks",
            "Tasks, what was decided for each, and templates to begin with",
            (Nothing, Json(200, schema::TASKS)),
            get(tasks::list),
        ),
        route(
            "post",
            "/v1/tasks",
            "Begin a task from a template",
            (Takes::Json(schema::TASK_CREATE_REQUEST), Json(201, schema::TASK_SOURCE)),
            post(tasks::create),
        ),
        route(
            "get",
            ONE,
            "A task, and the text of its file",
            (Nothing, Json(200, schema::TASK_SOURCE)),
            get(tasks::show),
        ),
        route(
            "put",
            ONE,
            "Change a task's file, or try what a change would make of it",
            (Takes::Json(schema::TASK_CHANGE_REQUEST), Json(200, schema::TASK_SOURCE)),
            put(tasks::change),
        ),
        route(
            "post",
            "/v1/tasks/{name}/begin",
            "Begin a task from a template that is fitted to a table of labelled rows",
            (File(&tasks::BEGIN), Json(201, schema::TASK_BEGUN)),
            post(tasks::begin),
        ),
        route(
            "post",
            "/v1/tasks/{name}/read",
            "Read the rows of a table for a task; nothing is asked or kept",
            (File(&tasks::READ), Json(200, schema::TABLE_ROWS)),
            post(tasks::read),
        ),
        route(
            "post",
            "/v1/tasks/{name}/run",
            "Answer rows by a task",
            (Takes::Json(schema::TASK_RUN_REQUEST), Json(200, schema::TASK_ANSWERS)),
            post(tasks::run),
        ),
        route(
            "get",
            ROWS,
            "Labelled rows of a task, and what is to be known of them",
            (Query(&labelled::PAGE), Json(200, schema::TASK_ROWS)),
            get(labelled::page),
        ),
        route(
            "post",
            ROWS,
            "Label rows of a task, or take them out",
            (Takes::Json(schema::TASK_ROWS_REQUEST), Json(200, schema::TASK_ROWS_CHANGED)),
            post(labelled::put),
        ),
        route(
            "post",
            "/v1/tasks/{name}/upload",
            "Take in a table of labelled rows",
            (File(&labelled::UPLOAD), Json(200, schema::TASK_UPLOADED)),
            post(labelled::upload),
        ),
    ]
}

fn choice_routes() -> Vec<Route> {
    use Gives::Json;
    use Takes::{Nothing, Query};
    const CHOOSE: &str = "/v1/tasks/{name}/choose";
    vec![
        route(
            "get",
            CHOOSE,
            "How the choice for a task stands",
            (Nothing, Json(200, schema::CHOOSING)),
            get(choices::status),
        ),
        route(
            "post",
            CHOOSE,
            "Choose by the task's labelled rows, in the background",
            (Takes::Json(schema::CHOOSE_REQUEST), Json(202, schema::CHOOSING)),
            post(choices::start),
        ),
        route(
            "delete",
            CHOOSE,
            "Stop choosing; what was answered stays",
            (Nothing, Json(200, schema::CHOOSING)),
            delete(choices::stop),
        ),
        route(
            "get",
            "/v1/tasks/{name}/decisions",
            "What was decided for a task, newest first",
            (Nothing, Json(200, schema::DECISIONS)),
            get(choices::decisions),
        ),
        route(
            "get",
            "/v1/tasks/{name}/decision",
            "A decision, with all it rests on",
            (Query(&choices::WHICH), Json(200, schema::DECISION)),
            get(choices::decision),
        ),
        route(
            "get",
            "/v1/tasks/{name}/report",
            "The same as a page",
            (Query(&choices::WHICH), Gives::Text("text/html")),
            get(choices::report),
        ),
        route(
            "get",
            "/v1/tasks/{name}/outputs",
            "What candidates answered to each example of a decision",
            (Query(&choices::WHICH), Json(200, schema::OUTPUTS)),
            get(choices::outputs),
        ),
    ]
}

fn catalogue_routes() -> Vec<Route> {
    use Gives::Json;
    use Takes::Nothing;
    vec![
        route(
            "get",
            "/v1/catalogue",
            "Models that can be had",
            (Nothing, Json(200, schema::CATALOGUE)),
            get(catalogue::list),
        ),
        route(
            "post",
            "/v1/catalogue/{name}/pull",
            "Get a model, in the background",
            (Nothing, Json(202, schema::PULLING)),
            post(catalogue::pull),
        ),
        route(
            "delete",
            "/v1/catalogue/{name}/pull",
            "Stop getting a model; what is here stays",
            (Nothing, Gives::Nothing),
            delete(catalogue::stop),
        ),
        route(
            "delete",
            "/v1/catalogue/{name}",
            "Remove a model's files",
            (Nothing, Gives::Nothing),
            delete(catalogue::remove),
        ),
    ]
}

/// The whole door.
pub(crate) fn router(app: Arc<App>) -> Router {
    table()
        .into_iter()
        .fold(Router::new(), |router, route| router.route(route.path, route.handler))
        .fallback(ui::fallback)
        .method_not_allowed_fallback(no_such_method)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), door::pass))
        .with_state(app)
}

async fn no_such_method(method: Method, uri: Uri) -> Failure {
    Failure::no_such_method(&method, uri.path())
}
