//! Schemas of `/v1/evals`, requests and responses.

use serde_json::{Value, json};

use super::schemas::{Named, integer, list, listed, nullable, number, object, string};
use super::{reference, requests};
use crate::routes::evals;

pub(crate) const EVAL: &str = "Eval";
pub(crate) const EVALS: &str = "EvalList";
pub(crate) const EVAL_GONE: &str = "EvalDeleted";
pub(crate) const EVAL_ITEM: &str = "EvalRunOutputItem";
pub(crate) const EVAL_ITEMS: &str = "EvalRunOutputItemList";
pub(crate) const EVAL_REQUEST: &str = "EvalRequest";
pub(crate) const EVAL_RUN: &str = "EvalRun";
pub(crate) const EVAL_RUNS: &str = "EvalRunList";
pub(crate) const EVAL_RUN_GONE: &str = "EvalRunDeleted";
pub(crate) const EVAL_RUN_REQUEST: &str = "EvalRunRequest";
pub(crate) const EVAL_UPDATE_REQUEST: &str = "EvalUpdateRequest";

/// Every schema of them.
pub(super) fn all() -> Vec<Named> {
    use requests::request;
    let gone = |kind: &str, id: &'static str| {
        object(&[("object", json!({"const": kind})), ("deleted", json!({"type": "boolean"})), (id, string())])
    };
    vec![
        (EVAL_REQUEST, request(&evals::CREATE, &["data_source_config", "testing_criteria"], property)),
        (EVAL_UPDATE_REQUEST, request(&evals::UPDATE, &[], property)),
        (EVAL_RUN_REQUEST, request(&evals::RUN, &["data_source"], property)),
        (EVAL, eval()),
        (EVALS, listed(reference(EVAL))),
        (EVAL_GONE, gone("eval.deleted", "eval_id")),
        (EVAL_RUN, run()),
        (EVAL_RUNS, listed(reference(EVAL_RUN))),
        (EVAL_RUN_GONE, gone("eval.run.deleted", "run_id")),
        (EVAL_ITEM, item()),
        (EVAL_ITEMS, listed(reference(EVAL_ITEM))),
    ]
}

fn property(name: &str) -> Option<Value> {
    Some(match name {
        "name" => json!({"type": ["string", "null"], "minLength": 1, "description": "Its id if left out."}),
        "metadata" => {
            json!({"type": ["object", "null"], "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": 512}})
        }
        "data_source_config" => {
            json!({"type": "object", "required": ["type", "item_schema"], "properties": {
                "type": {"const": "custom"},
                "item_schema": {"type": "object", "description": "JSON Schema of a row's item."},
                "include_sample_schema": {"type": ["boolean", "null"]},
            }, "additionalProperties": false})
        }
        "testing_criteria" => json!({"type": "array", "minItems": 1, "items": {"anyOf": graders()}}),
        "data_source" => data_source(),
        _ => return None,
    })
}

fn messages() -> Value {
    json!({"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role", "content"], "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant"]},
        "content": {"description": "Text, or parts of text; it may hold templates such as {{item.question}}."},
        "type": {"const": "message"},
    }}})
}

/// A grader: its kind, its name, and the rest.
fn grader(kind: &str, rest: &[(&'static str, Value)], optional: &[(&str, Value)]) -> Value {
    let own = [("type", json!({"const": kind})), ("name", string())];
    let mut schema = object(&[own.as_slice(), rest].concat());
    for (name, described) in optional {
        schema["properties"][name] = described.clone();
    }
    schema["additionalProperties"] = json!(false);
    schema
}

fn graders() -> Vec<Value> {
    let metrics = [
        "cosine",
        "fuzzy_match",
        "bleu",
        "gleu",
        "meteor",
        "rouge_1",
        "rouge_2",
        "rouge_3",
        "rouge_4",
        "rouge_5",
        "rouge_l",
    ];
    let compared = [("input", string()), ("reference", string())];
    let operation = [("operation", json!({"enum": ["eq", "ne", "like", "ilike"]}))];
    let likeness = [("evaluation_metric", json!({"enum": metrics})), ("pass_threshold", number())];
    let asked = [("model", string()), ("input", messages())];
    let labels = [("labels", list(string())), ("passing_labels", list(string()))];
    let range = json!({"type": ["array", "null"], "items": {"type": "number"}, "minItems": 2, "maxItems": 2, "description": "0 to 1 if left out."});
    let threshold = json!({"type": ["number", "null"], "description": "The middle of the range if left out."});
    let scored = [("range", range), ("pass_threshold", threshold), ("sampling_params", nullable("object"))];
    vec![
        grader("string_check", &[compared.as_slice(), &operation].concat(), &[]),
        grader("text_similarity", &[compared.as_slice(), &likeness].concat(), &[]),
        grader("label_model", &[asked.as_slice(), &labels].concat(), &[]),
        grader("score_model", &asked, &scored),
    ]
}

fn data_source() -> Value {
    let row = json!({"type": "object", "required": ["item"], "properties": {"item": {"type": "object"}, "sample": {"type": "object"}}, "additionalProperties": false});
    let rows = json!({"type": "array", "minItems": 1, "items": row});
    let sent = object(&[("type", json!({"const": "file_content"})), ("content", rows)]);
    let id =
        json!({"type": "string", "description": "Of a file of /v1/files: JSON lines, each a row as in file_content."});
    let kept = object(&[("type", json!({"const": "file_id"})), ("id", id)]);
    let template = object(&[("type", json!({"const": "template"})), ("template", messages())]);
    let pointed = object(&[("type", json!({"const": "item_reference"})), ("item_reference", string())]);
    json!({"type": "object", "required": ["type", "source"], "properties": {
        "type": {"enum": ["jsonl", "completions", "responses"]},
        "source": {"anyOf": [sent, kept]},
        "input_messages": {"anyOf": [template, pointed, {"type": "null"}]},
        "model": {"type": ["string", "null"], "description": "An installed or remote model, kb/NAME or task/NAME."},
        "sampling_params": {"type": ["object", "null"]},
    }, "additionalProperties": false})
}

fn eval() -> Value {
    let config = object(&[("type", json!({"const": "custom"})), ("schema", json!({"type": "object"}))]);
    object(&[
        ("id", string()),
        ("object", json!({"const": "eval"})),
        ("created_at", integer()),
        ("name", string()),
        ("metadata", json!({"type": "object"})),
        ("data_source_config", config),
        ("testing_criteria", list(json!({"type": "object"}))),
    ])
}

fn counted() -> Vec<(&'static str, Value)> {
    ["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens"].map(|name| (name, integer())).to_vec()
}

fn fault() -> Value {
    json!({"oneOf": [object(&[("code", string()), ("message", string())]), {"type": "null"}]})
}

fn run() -> Value {
    let counts = ["total", "passed", "failed", "errored"].map(|name| (name, integer()));
    let used = [counted(), vec![("model_name", string()), ("invocation_count", integer())]].concat();
    let criterion = object(&[("testing_criteria", string()), ("passed", integer()), ("failed", integer())]);
    object(&[
        ("id", string()),
        ("object", json!({"const": "eval.run"})),
        ("eval_id", string()),
        ("created_at", integer()),
        ("name", string()),
        ("metadata", json!({"type": "object"})),
        ("status", json!({"enum": ["queued", "in_progress", "completed", "failed", "canceled"]})),
        ("model", string()),
        ("report_url", string()),
        ("data_source", json!({"type": "object"})),
        ("error", fault()),
        ("result_counts", object(&counts)),
        ("per_model_usage", list(object(&used))),
        ("per_testing_criteria_results", list(criterion)),
    ])
}

fn item() -> Value {
    let mut result = object(&[
        ("name", string()),
        ("type", string()),
        ("passed", json!({"type": "boolean"})),
        ("score", number()),
        ("sample", nullable("object")),
    ]);
    result["properties"]["error"] = fault();
    let message = json!({"type": "object", "required": ["role", "content"], "properties": {"role": string(), "content": nullable("string")}});
    let sample = object(&[
        ("model", nullable("string")),
        ("input", list(message.clone())),
        ("output", list(message)),
        ("finish_reason", nullable("string")),
        ("usage", object(&counted())),
        ("max_completion_tokens", nullable("integer")),
        ("temperature", nullable("number")),
        ("top_p", number()),
        ("seed", nullable("integer")),
        ("error", fault()),
    ]);
    object(&[
        ("id", string()),
        ("object", json!({"const": "eval.run.output_item"})),
        ("eval_id", string()),
        ("run_id", string()),
        ("created_at", integer()),
        ("status", json!({"enum": ["pass", "fail", "error"]})),
        ("datasource_item_id", integer()),
        ("datasource_item", json!({"type": "object"})),
        ("results", list(result)),
        ("sample", sample),
    ])
}
