//! `/openapi.json` says what the server does.

use axum::body::Body;
use serde_json::{Value, json};
use wire::fields::{Class, Field};
use wire::openai::{chat, completion, embedding};

use super::{House, to};
use crate::Options;
use crate::routes::table;

/// Every reference in a value.
fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_lists_every_route_and_its_references_lead_somewhere() {
    let house = House::new(Options::default());
    let answer = house.get("/openapi.json").await;
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut operations: Vec<String> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            operations.push(format!("{method} {path}"));
            assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            let placed = operation["parameters"]
                .as_array()
                .map_or(0, |all| all.iter().filter(|one| one["in"] == "path").count());
            assert_eq!(placed, path.matches('{').count(), "{method} {path}");
        }
    }
    assert_eq!(operations.len(), table().len());
    for contract in [
        "get /healthz",
        "get /metrics",
        "get /openapi.json",
        "get /v1/info",
        "get /v1/engine",
        "get /v1/models",
        "get /v1/models/{id}",
        "post /v1/chat/completions",
        "post /v1/completions",
        "post /v1/embeddings",
        "post /v1/rerank",
        "post /tokenize",
        "post /detokenize",
        "get /v1/knowledge_bases",
        "post /v1/knowledge_bases",
        "get /v1/knowledge_bases/{name}",
        "delete /v1/knowledge_bases/{name}",
        "get /v1/knowledge_bases/{name}/documents",
        "post /v1/knowledge_bases/{name}/documents",
        "delete /v1/knowledge_bases/{name}/documents",
        "get /v1/knowledge_bases/{name}/document",
        "get /v1/knowledge_bases/{name}/progress",
        "post /v1/knowledge_bases/{name}/search",
        "post /v1/knowledge_bases/{name}/ask",
        "post /v1/evals",
        "get /v1/evals",
        "get /v1/evals/{eval_id}",
        "post /v1/evals/{eval_id}",
        "delete /v1/evals/{eval_id}",
        "post /v1/evals/{eval_id}/runs",
        "get /v1/evals/{eval_id}/runs",
        "get /v1/evals/{eval_id}/runs/{run_id}",
        "post /v1/evals/{eval_id}/runs/{run_id}",
        "delete /v1/evals/{eval_id}/runs/{run_id}",
        "post /v1/evals/{eval_id}/runs/{run_id}/cancel",
        "get /v1/evals/{eval_id}/runs/{run_id}/output_items",
        "get /v1/evals/{eval_id}/runs/{run_id}/output_items/{output_item_id}",
        "post /v1/files",
        "get /v1/files",
        "get /v1/files/{file_id}",
        "get /v1/files/{file_id}/content",
        "delete /v1/files/{file_id}",
        "get /v1/tasks",
        "post /v1/tasks",
        "get /v1/tasks/{name}",
        "put /v1/tasks/{name}",
        "post /v1/tasks/{name}/begin",
        "post /v1/tasks/{name}/read",
        "post /v1/tasks/{name}/run",
        "get /v1/tasks/{name}/rows",
        "post /v1/tasks/{name}/rows",
        "post /v1/tasks/{name}/upload",
        "get /v1/tasks/{name}/choose",
        "post /v1/tasks/{name}/choose",
        "delete /v1/tasks/{name}/choose",
        "get /v1/tasks/{name}/decisions",
        "get /v1/tasks/{name}/decision",
        "get /v1/tasks/{name}/report",
        "get /v1/tasks/{name}/outputs",
        "get /v1/catalogue",
        "post /v1/catalogue/{name}/pull",
        "delete /v1/catalogue/{name}/pull",
        "delete /v1/catalogue/{name}",
    ] {
        assert!(operations.iter().any(|operation| operation == contract), "{contract}");
    }
    let mut found = Vec::new();
    references(&document, &mut found);
    for reference in found {
        assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
    let mut ids: Vec<&Value> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|methods| methods.as_object().unwrap().values())
        .map(|operation| &operation["operationId"])
        .collect();
    ids.sort_by_key(|id| id.as_str().unwrap());
    ids.dedup();
    assert_eq!(ids.len(), operations.len(), "ids are unique");
}

/// What is listed is there: no listed operation is an unknown URL or a wrong method.
#[tokio::test]
async fn every_listed_route_is_served() {
    let house = House::new(Options::default());
    for route in table() {
        let path = route.path.replace("{*id}", "kb/none").replace("{name}", "none").replace(['{', '}'], "");
        let answer = house.call(to(&route.method.to_uppercase(), &path).body(Body::empty()).unwrap()).await;
        let body = answer.text();
        assert!(!body.contains("unknown_url") && answer.status != 405, "{} {path}: {body}", route.method);
    }
}

/// Every field that is read is described, and every one that is described is read.
#[test]
fn request_schemas_are_complete() {
    let document = crate::openapi::document("test");
    for (schema, table) in [
        ("ChatCompletionRequest", chat::table()),
        ("CompletionRequest", completion::table()),
        ("EmbeddingRequest", embedding::TABLE.to_vec()),
        ("TokenizeRequest", crate::routes::tokens::TOKENIZE.to_vec()),
        ("DetokenizeRequest", crate::routes::tokens::DETOKENIZE.to_vec()),
        ("KnowledgeBaseRequest", crate::routes::bases::CREATE.to_vec()),
        ("SearchRequest", crate::routes::bases::SEARCH.to_vec()),
        ("AskRequest", crate::routes::bases::ASK.to_vec()),
        ("TaskCreateRequest", crate::routes::tasks::CREATE.to_vec()),
        ("TaskChangeRequest", crate::routes::tasks::CHANGE.to_vec()),
        ("TaskRunRequest", crate::routes::tasks::RUN.to_vec()),
        ("TaskRowsRequest", crate::routes::labelled::PUT.to_vec()),
        ("ChooseRequest", crate::routes::choices::CHOOSE.to_vec()),
        ("EvalRequest", crate::routes::evals::CREATE.to_vec()),
        ("FileRequest", crate::routes::files::CREATE.to_vec()),
        ("EvalUpdateRequest", crate::routes::evals::UPDATE.to_vec()),
        ("EvalRunRequest", crate::routes::evals::RUN.to_vec()),
    ] {
        let schema_value = &document["components"]["schemas"][schema];
        let properties = schema_value["properties"].as_object().unwrap();
        for Field { name, class } in table {
            let described = properties.get(name);
            match class {
                Class::Supported => {
                    assert!(described.is_some_and(|property| *property != json!({})), "{schema}.{name}")
                }
                Class::Ignored => assert!(described.is_some(), "{schema}.{name}"),
                Class::Refused { .. } => {
                    assert!(described.is_none(), "{schema}.{name}");
                    assert!(schema_value["description"].as_str().unwrap().contains(name), "{schema}.{name}");
                }
            }
        }
        for required in schema_value["required"].as_array().unwrap() {
            assert!(properties.contains_key(required.as_str().unwrap()), "{schema}.{required}");
        }
    }
}
