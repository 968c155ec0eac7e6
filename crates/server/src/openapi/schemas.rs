//! The schemas by name. What our own responses hold is written here and held against real responses by the tests.

use serde_json::{Map, Value, json};
use wire::openai::{chat, completion, embedding};

use super::{evals, files, reference, requests};
use crate::routes::{bases, choices, labelled, rerank, tasks, tokens};

pub(crate) const ANSWER: &str = "Answer";
pub(crate) const ANYTHING: &str = "Anything";
pub(crate) const ASK_REQUEST: &str = "AskRequest";
pub(crate) const BASE: &str = "KnowledgeBase";
pub(crate) const BASES: &str = "KnowledgeBases";
pub(crate) const BASE_REQUEST: &str = "KnowledgeBaseRequest";
pub(crate) const CATALOGUE: &str = "Catalogue";
pub(crate) const CHAT: &str = "ChatCompletion";
pub(crate) const CHAT_REQUEST: &str = "ChatCompletionRequest";
pub(crate) const COMPLETION: &str = "Completion";
pub(crate) const COMPLETION_REQUEST: &str = "CompletionRequest";
pub(crate) const DETOKENIZE_REQUEST: &str = "DetokenizeRequest";
pub(crate) const DOCUMENTS: &str = "Documents";
pub(crate) const DOCUMENT_TEXT: &str = "DocumentText";
pub(crate) const EMBEDDINGS: &str = "Embeddings";
pub(crate) const EMBEDDING_REQUEST: &str = "EmbeddingRequest";
pub(crate) const ENGINE: &str = "Engine";
pub(crate) const ERROR: &str = "Error";
pub(crate) const HEALTH: &str = "Health";
pub(crate) const INFO: &str = "Info";
pub(crate) const MODEL: &str = "Model";
pub(crate) const MODELS: &str = "Models";
pub(crate) const PULLING: &str = "Pulling";
pub(crate) const RERANKED: &str = "Reranked";
pub(crate) const RERANK_REQUEST: &str = "RerankRequest";
pub(crate) const SEARCH: &str = "SearchResult";
pub(crate) const SEARCH_REQUEST: &str = "SearchRequest";
pub(crate) const CHOOSE_REQUEST: &str = "ChooseRequest";
pub(crate) const CHOOSING: &str = "Choosing";
pub(crate) const DECISION: &str = "Decision";
pub(crate) const DECISIONS: &str = "Decisions";
pub(crate) const OUTPUTS: &str = "DecisionOutputs";
pub(crate) const TABLE_ROWS: &str = "TableRows";
pub(crate) const TASK: &str = "Task";
pub(crate) const TASKS: &str = "Tasks";
pub(crate) const TASK_ANSWERS: &str = "TaskAnswers";
pub(crate) const TASK_CHANGE_REQUEST: &str = "TaskChangeRequest";
pub(crate) const TASK_CREATE_REQUEST: &str = "TaskCreateRequest";
pub(crate) const TASK_ROWS: &str = "TaskRows";
pub(crate) const TASK_ROWS_CHANGED: &str = "TaskRowsChanged";
pub(crate) const TASK_ROWS_REQUEST: &str = "TaskRowsRequest";
pub(crate) const TASK_RUN_REQUEST: &str = "TaskRunRequest";
pub(crate) const TASK_SOURCE: &str = "TaskWithSource";
pub(crate) const TASK_BEGUN: &str = "TaskBegun";
pub(crate) const TASK_UPLOADED: &str = "TaskUploaded";
pub(crate) const TEXT: &str = "DetokenizedText";
pub(crate) const TOKENIZE_REQUEST: &str = "TokenizeRequest";
pub(crate) const TOKENS: &str = "Tokens";
pub(crate) const UPLOADED: &str = "Uploaded";
const CITATION: &str = "Citation";
const HIT: &str = "Hit";
const SPAN: &str = "Span";
const USAGE: &str = "Usage";

/// Every schema.
pub(super) fn all() -> Value {
    let all = requests()
        .into_iter()
        .chain(openai())
        .chain(engine())
        .chain(bases_and_models())
        .chain(super::tasks::all())
        .chain(evals::all())
        .chain(files::all());
    Value::Object(all.map(|(name, schema)| (name.to_owned(), schema)).collect())
}

pub(super) type Named = (&'static str, Value);

fn requests() -> Vec<Named> {
    use requests::request;
    vec![
        (CHAT_REQUEST, request(&chat::table(), &["model", "messages"], requests::chat)),
        (COMPLETION_REQUEST, request(&completion::table(), &["model", "prompt"], requests::completion)),
        (EMBEDDING_REQUEST, request(&embedding::TABLE, &["model", "input"], requests::embedding)),
        (RERANK_REQUEST, request(&rerank::RERANK, &["query", "documents"], requests::rerank)),
        (TOKENIZE_REQUEST, request(&tokens::TOKENIZE, &["text"], requests::own)),
        (DETOKENIZE_REQUEST, request(&tokens::DETOKENIZE, &["tokens"], requests::own)),
        (TASK_CREATE_REQUEST, request(&tasks::CREATE, &["name", "template"], requests::own)),
        (TASK_CHANGE_REQUEST, request(&tasks::CHANGE, &[], requests::own)),
        (TASK_RUN_REQUEST, request(&tasks::RUN, &["rows"], requests::own)),
        (TASK_ROWS_REQUEST, request(&labelled::PUT, &["rows"], requests::labelled)),
        (CHOOSE_REQUEST, request(&choices::CHOOSE, &[], requests::choose)),
        (BASE_REQUEST, request(&bases::CREATE, &["name"], requests::own)),
        (SEARCH_REQUEST, request(&bases::SEARCH, &["query"], requests::own)),
        (ASK_REQUEST, request(&bases::ASK, &["question"], requests::own)),
    ]
}

fn engine() -> Vec<Named> {
    vec![
        (
            ENGINE,
            object(&[
                ("models", list(engine_state())),
                ("resident_bytes", nullable("integer")),
                ("memory_allowed", nullable("integer")),
            ]),
        ),
        (
            RERANKED,
            object(&[
                ("object", json!({"const": "list"})),
                ("model", string()),
                ("results", list(ranked())),
                ("usage", object(&[("total_tokens", integer())])),
            ]),
        ),
    ]
}

fn engine_state() -> Value {
    let counts = [
        "slots",
        "pending",
        "memory",
        "cache_used",
        "cache_most",
        "read_tokens",
        "cached_tokens",
        "written_tokens",
        "guessed_tokens",
        "accepted_tokens",
    ];
    let counts = counts.map(|name| (name, integer()));
    object(&[&[("name", string())][..], &counts].concat())
}

fn ranked() -> Value {
    let mut ranked = object(&[("index", integer()), ("relevance_score", number())]);
    ranked["properties"]["document"] = object(&[("text", string())]);
    ranked
}

fn openai() -> Vec<Named> {
    let choice = object(&[
        ("index", integer()),
        ("text", string()),
        ("logprobs", nullable("object")),
        ("finish_reason", json!({"enum": ["stop", "length"]})),
    ]);
    let completion = |object_name: &str, choice: Value| {
        object(&[
            ("id", string()),
            ("object", json!({"const": object_name})),
            ("created", integer()),
            ("model", string()),
            ("system_fingerprint", string()),
            ("choices", list(choice)),
            ("usage", reference(USAGE)),
        ])
    };
    let vector = json!({"oneOf": [list(number()), string()]});
    let embedded = object(&[("object", json!({"const": "embedding"})), ("index", integer()), ("embedding", vector)]);
    let read = object(&[("prompt_tokens", integer()), ("total_tokens", integer())]);
    vec![
        (CHAT, completion("chat.completion", chat_choice())),
        (COMPLETION, completion("text_completion", choice)),
        (
            EMBEDDINGS,
            object(&[
                ("object", json!({"const": "list"})),
                ("data", list(embedded)),
                ("model", string()),
                ("usage", read),
            ]),
        ),
        (
            USAGE,
            object(&[
                ("prompt_tokens", integer()),
                ("completion_tokens", integer()),
                ("total_tokens", integer()),
                ("prompt_tokens_details", object(&[("cached_tokens", integer())])),
                (
                    "completion_tokens_details",
                    object(&[("accepted_prediction_tokens", integer()), ("rejected_prediction_tokens", integer())]),
                ),
            ]),
        ),
        (
            MODEL,
            object(&[
                ("id", string()),
                ("object", json!({"const": "model"})),
                ("created", integer()),
                ("owned_by", string()),
            ]),
        ),
        (MODELS, object(&[("object", json!({"const": "list"})), ("data", list(reference(MODEL)))])),
        (
            ERROR,
            object(&[(
                "error",
                object(&[
                    ("message", string()),
                    ("type", string()),
                    ("param", nullable("string")),
                    ("code", nullable("string")),
                ]),
            )]),
        ),
    ]
}

fn chat_choice() -> Value {
    let annotation = object(&[
        ("type", json!({"const": "url_citation"})),
        (
            "url_citation",
            object(&[("start_index", integer()), ("end_index", integer()), ("title", string()), ("url", string())]),
        ),
        ("citation", reference(CITATION)),
    ]);
    let message = json!({
        "type": "object", "required": ["role", "content", "refusal"],
        "properties": {
            "role": {"const": "assistant"}, "content": nullable("string"), "refusal": nullable("string"),
            "annotations": list(annotation), "tool_calls": list(json!({"type": "object"})),
        },
    });
    object(&[
        ("index", integer()),
        ("message", message),
        ("logprobs", nullable("object")),
        ("finish_reason", json!({"enum": ["stop", "length", "tool_calls"]})),
    ])
}

fn bases_and_models() -> Vec<Named> {
    let counted =
        object(&[("prompt_tokens", integer()), ("completion_tokens", integer()), ("cached_tokens", integer())]);
    let timings =
        object(&[("queue_ms", number()), ("search_ms", number()), ("prompt_ms", number()), ("generate_ms", number())]);
    let token = object(&[("id", integer()), ("text", string()), ("bytes", list(integer()))]);
    let rejected = object(&[("name", string()), ("error", string())]);
    vec![
        (ANYTHING, json!({"type": "object"})),
        (HEALTH, object(&[("status", string()), ("version", string())])),
        (
            INFO,
            object(&[
                ("version", string()),
                ("default_model", nullable("string")),
                ("default_embedder", nullable("string")),
                ("preferred_model", string()),
                ("preferred_embedder", string()),
                ("language_models", list(string())),
                ("embedding_models", list(string())),
            ]),
        ),
        (TOKENS, object(&[("model", string()), ("count", integer()), ("tokens", list(token))])),
        (TEXT, object(&[("model", string()), ("text", string())])),
        (
            SPAN,
            json!({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2, "description": "Half open, in characters."}),
        ),
        (BASE, base()),
        (BASES, object(&[("knowledge_bases", list(reference(BASE)))])),
        (DOCUMENTS, object(&[("documents", list(document()))])),
        (
            DOCUMENT_TEXT,
            object(&[
                ("name", string()),
                ("title", string()),
                ("text", string()),
                ("pages", list(reference(SPAN))),
                ("warnings", list(string())),
            ]),
        ),
        (UPLOADED, object(&[("accepted", list(string())), ("rejected", list(rejected))])),
        (HIT, hit()),
        (CITATION, citation()),
        (
            SEARCH,
            object(&[
                ("hits", list(reference(HIT))),
                ("vectors_ready", number()),
                ("timings", object(&[("embed_ms", number()), ("search_ms", number())])),
            ]),
        ),
        (
            ANSWER,
            object(&[
                ("answer", string()),
                ("citations", list(reference(CITATION))),
                ("dropped", integer()),
                ("supported", json!({"type": "boolean"})),
                ("usage", counted),
                ("timings", timings),
                ("hits", list(reference(HIT))),
            ]),
        ),
        (CATALOGUE, object(&[("models", list(catalogue_model()))])),
        (PULLING, object(&[("name", string()), ("state", json!({"const": "pulling"}))])),
    ]
}

fn base() -> Value {
    object(&[
        ("name", string()),
        ("documents", integer()),
        ("passages", integer()),
        ("vectors", integer()),
        ("bytes", integer()),
        ("embedder", nullable("string")),
        ("ingesting", json!({"type": "boolean"})),
    ])
}

fn document() -> Value {
    let mut schema = object(&[
        ("name", string()),
        ("title", string()),
        ("format", string()),
        ("pages", nullable("integer")),
        ("passages", integer()),
        ("vectors", integer()),
        ("bytes", integer()),
        ("warnings", list(string())),
        ("status", json!({"enum": ["ready", "parsing", "embedding", "failed"]})),
    ]);
    schema["properties"]["error"] = nullable("string");
    schema
}

fn hit() -> Value {
    object(&[
        ("id", string()),
        ("document", string()),
        ("title", string()),
        ("page", nullable("integer")),
        ("section", string()),
        ("span", reference(SPAN)),
        ("text", string()),
        ("score", number()),
        ("lexical_rank", nullable("integer")),
        ("vector_rank", nullable("integer")),
    ])
}

fn citation() -> Value {
    object(&[
        ("marker", string()),
        ("passage", string()),
        ("document", string()),
        ("title", string()),
        ("page", nullable("integer")),
        ("section", string()),
        ("quote", string()),
        ("span", reference(SPAN)),
        ("at", reference(SPAN)),
    ])
}

fn catalogue_model() -> Value {
    let progress = object(&[("done", integer()), ("total", integer()), ("rate", number())]);
    object(&[
        ("name", string()),
        ("description", string()),
        ("description_zh", string()),
        ("architecture", string()),
        ("parameters", integer()),
        ("context", integer()),
        ("languages", list(string())),
        ("licence", string()),
        ("bytes", integer()),
        ("state", json!({"enum": ["installed", "available", "partial", "pulling"]})),
        ("progress", json!({"oneOf": [progress, {"type": "null"}]})),
        ("error", nullable("string")),
    ])
}

/// An object that has all these.
pub(super) fn object(properties: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

pub(super) fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// A part of a list, as OpenAI's lists give it.
pub(super) fn listed(items: Value) -> Value {
    object(&[
        ("object", json!({"const": "list"})),
        ("data", list(items)),
        ("first_id", nullable("string")),
        ("last_id", nullable("string")),
        ("has_more", json!({"type": "boolean"})),
    ])
}

pub(super) fn string() -> Value {
    json!({"type": "string"})
}

pub(super) fn integer() -> Value {
    json!({"type": "integer"})
}

pub(super) fn number() -> Value {
    json!({"type": "number"})
}

pub(super) fn nullable(kind: &str) -> Value {
    json!({"type": [kind, "null"]})
}
