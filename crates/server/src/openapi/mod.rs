//! `/openapi.json`: OpenAPI 3.1, made from the table of routes and the tables of fields that requests are checked against.

pub(crate) mod evals;
pub(crate) mod files;
pub(crate) mod requests;
pub(crate) mod schemas;
mod tasks;

use serde_json::{Map, Value, json};

use crate::routes::{Gives, Route, Takes, table};

/// The document.
pub(crate) fn document(version: &str) -> Value {
    let mut paths = Map::new();
    for route in table() {
        let path = route.path.replace("{*", "{");
        let operations = paths.entry(path).or_insert_with(|| json!({}));
        operations[route.method] = operation(&route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sumeru",
            "version": version,
            "description": "Ask your documents. OpenAI's chat completions, completions, embeddings and models, and knowledge bases beside them; a knowledge base is also a model, `kb/NAME`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "Needed when the server was started with a key."}},
            "schemas": schemas::all(),
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "responses": responses(route.gives),
    });
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    match route.takes {
        Takes::Json(schema) => {
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": reference(schema)}}});
        }
        Takes::Form(schema) => {
            operation["requestBody"] =
                json!({"required": true, "content": {"multipart/form-data": {"schema": reference(schema)}}});
        }
        Takes::Files => {
            let files =
                json!({"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}});
            let form = json!({"type": "object", "properties": {"files": files}, "required": ["files"]});
            operation["requestBody"] = json!({"required": true, "content": {"multipart/form-data": {"schema": form}}});
        }
        Takes::File(_) => {
            operation["requestBody"] = json!({"required": true, "content": {"application/octet-stream": {}}});
        }
        Takes::Nothing | Takes::Name | Takes::Query(_) => {}
    }
    operation
}

/// `post_v1_knowledge_bases_name_ask`.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    std::iter::once(route.method).chain(words).collect::<Vec<&str>>().join("_")
}

fn parameters(route: &Route) -> Vec<Value> {
    let string = json!({"type": "string"});
    let segments = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = segments
        .map(|name| json!({"name": name.trim_start_matches('*'), "in": "path", "required": true, "schema": string}))
        .collect();
    if route.takes == Takes::Name {
        parameters.push(json!({"name": "name", "in": "query", "required": true, "schema": string, "description": "The document's name."}));
    }
    if let Takes::Query(all) | Takes::File(all) = route.takes {
        parameters.extend(all.iter().map(|param| {
            json!({"name": param.name, "in": "query", "required": param.required, "schema": {"type": param.kind}, "description": param.says})
        }));
    }
    parameters
}

fn responses(gives: Gives) -> Value {
    let events = json!({"schema": {"type": "string", "description": "Server-sent events."}});
    let json_of = |schema| json!({"schema": reference(schema)});
    let (status, content) = match gives {
        Gives::Json(status, schema) => (status, json!({"application/json": json_of(schema)})),
        Gives::JsonOrEvents(schema) => (200, json!({"application/json": json_of(schema), "text/event-stream": events})),
        Gives::Events => (200, json!({"text/event-stream": events})),
        Gives::Text(media) => (200, json!({media: {"schema": {"type": "string"}}})),
        Gives::Bytes => (200, json!({"application/octet-stream": {}})),
        Gives::Nothing => (204, Value::Null),
    };
    let mut success = json!({"description": "Done."});
    if !content.is_null() {
        success["content"] = content;
    }
    json!({
        status.to_string(): success,
        "default": {
            "description": "What was wrong, why, and what to do.",
            "content": {"application/json": json_of(schemas::ERROR)},
        },
    })
}

pub(crate) fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}
