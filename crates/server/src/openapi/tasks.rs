//! Schemas of tasks, their labelled rows, and what is chosen by them.

use serde_json::{Value, json};

use super::reference;
use super::schemas::{
    CHOOSE_REQUEST, CHOOSING, DECISION, DECISIONS, Named, OUTPUTS, TABLE_ROWS, TASK, TASK_ANSWERS, TASK_BEGUN,
    TASK_ROWS, TASK_ROWS_CHANGED, TASK_SOURCE, TASK_UPLOADED, TASKS, integer, list, nullable, number, object, string,
};

pub(super) fn all() -> Vec<Named> {
    [files(), rows(), choices()].into_iter().flatten().collect()
}

/// What is known of a task.
fn task() -> [(&'static str, Value); 7] {
    let problem = object(&[("line", integer()), ("column", integer()), ("key", string()), ("message", string())]);
    [
        ("name", string()),
        ("path", string()),
        ("task", nullable("object")),
        ("problems", list(problem)),
        ("decision", nullable("object")),
        ("labelled", integer()),
        ("choosing", json!({"enum": ["running", "stopped", "failed", "done", null]})),
    ]
}

fn files() -> Vec<Named> {
    let usage = object(&[("prompt_tokens", integer()), ("completion_tokens", integer()), ("cached_tokens", integer())]);
    let answered = json!({"type": "object", "required": ["row", "milliseconds"], "properties": {
        "row": integer(), "output": {"description": "Of the task's form."}, "error": string(),
        "milliseconds": number(), "probability": number(),
    }});
    let fitted = object(&[
        (
            "input",
            json!({"type": ["array", "null"], "description": "The template's field, and the column it is called after."}),
        ),
        (
            "labels",
            list(object(&[("field", nullable("string")), ("labels", list(string())), ("left_out", list(string()))])),
        ),
        ("language", json!({"enum": ["en", "zh"]})),
        ("examples", integer()),
        ("wrong", integer()),
        ("examples_left_out", integer()),
        ("lines_left_out", integer()),
    ]);
    let description = object(&[("en", string()), ("zh", string())]);
    let template = object(&[("name", string()), ("description", description)]);
    vec![
        (TASK, object(&task())),
        (TASK_SOURCE, object(&[&task()[..], &[("source", string())]].concat())),
        (
            TASK_BEGUN,
            object(
                &[&task()[..], &[("source", string()), ("fitted", fitted), ("rows", reference(TASK_UPLOADED))]]
                    .concat(),
            ),
        ),
        (TASKS, object(&[("tasks", list(reference(TASK))), ("templates", list(template))])),
        (
            TASK_ANSWERS,
            object(&[("task", string()), ("candidate", string()), ("rows", list(answered)), ("usage", usage)]),
        ),
    ]
}

fn rows() -> Vec<Named> {
    let row = object(&[
        ("id", string()),
        ("input", json!({"type": "object"})),
        ("output", json!({"description": "Of the task's form."})),
        ("tags", list(string())),
    ]);
    let report = object(&[
        ("examples", integer()),
        ("fingerprint", string()),
        ("wrong", list(wrong())),
        ("labels", json!({"type": "object", "additionalProperties": {"type": "integer"}})),
        ("twins", list(json!({"type": "array", "description": "The earlier row, the later, how alike they are."}))),
        ("contradictions", list(list(integer()))),
        ("shown", list(integer())),
        ("unread", integer()),
        ("gaps", object(&[("labels", list(string())), ("fields", list(string()))])),
        ("characters", list(integer())),
    ]);
    let report = json!({"oneOf": [report, {"type": "null"}], "description": "With the first rows only, and not of more than 20,000."});
    vec![
        (TASK_ROWS, object(&[("rows", list(row)), ("total", integer()), ("report", report)])),
        (
            TASK_ROWS_CHANGED,
            object(&[("added", integer()), ("replaced", integer()), ("removed", integer()), ("total", integer())]),
        ),
        (
            TASK_UPLOADED,
            object(&[
                ("added", integer()),
                ("replaced", integer()),
                ("wrong", list(wrong())),
                ("total", integer()),
                ("unread", integer()),
            ]),
        ),
        (
            TABLE_ROWS,
            object(&[
                ("rows", list(json!({"type": "object", "description": "Fields of the task that are not empty."}))),
                ("wrong", list(wrong())),
            ]),
        ),
    ]
}

fn wrong() -> Value {
    json!({"type": "array", "description": "The row, and why it is none."})
}

fn choices() -> Vec<Named> {
    let contender = object(&[
        ("candidate", string()),
        ("state", json!({"enum": ["waiting", "preparing", "racing", "dropped", "withdrawn", "final", "out"]})),
        ("examples", integer()),
        ("mean", nullable("number")),
        ("by", nullable("string")),
        ("why", nullable("string")),
        ("milliseconds", nullable("number")),
    ]);
    let parts = object(&[("train", integer()), ("development", integer()), ("test", integer())]);
    let terms = json!({
        "oneOf": [reference(CHOOSE_REQUEST), {"type": "null"}],
        "description": "What it was begun with: sent again after it was stopped, it goes on. Null if there is nothing to go on with, or nobody knows.",
    });
    let listed = object(&[
        ("id", string()),
        ("date", string()),
        ("chosen", nullable("string")),
        ("why", string()),
        ("metric", string()),
        ("examples", integer()),
    ]);
    vec![
        (
            CHOOSING,
            object(&[
                ("task", string()),
                ("state", json!({"enum": ["idle", "running", "done", "failed", "stopped"]})),
                ("parts", json!({"oneOf": [parts, {"type": "null"}]})),
                ("candidates", list(contender)),
                ("asked", integer()),
                ("most", integer()),
                ("graded", integer()),
                ("seconds", number()),
                ("seconds_left", nullable("number")),
                ("error", nullable("string")),
                ("terms", terms),
                ("decision", nullable("string")),
            ]),
        ),
        (DECISIONS, object(&[("decisions", list(listed))])),
        (
            DECISION,
            json!({"type": "object", "required": ["task", "date", "chosen", "why", "candidates", "not_ruled_out"], "properties": {
                "task": string(), "date": string(), "chosen": nullable("string"), "why": string(),
                "candidates": list(json!({"type": "object", "required": ["candidate"]})), "not_ruled_out": list(string()),
            }}),
        ),
        (OUTPUTS, object(&[("rows", list(asked()))])),
    ]
}

/// An example of a decision, with the answers.
fn asked() -> Value {
    let answer = json!({"type": "object", "required": ["score", "milliseconds"], "properties": {
        "output": {"description": "Of the task's form."}, "error": string(), "score": number(), "milliseconds": number(),
    }});
    object(&[
        ("input", json!({"type": "object"})),
        ("expected", json!({"description": "The answer it should get."})),
        ("tags", list(string())),
        ("part", json!({"enum": ["development", "test"]})),
        ("answers", json!({"type": "object", "additionalProperties": answer, "description": "By candidate."})),
    ])
}
