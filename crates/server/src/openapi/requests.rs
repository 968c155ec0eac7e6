//! Schemas of requests. The names, and which of them are read, come from the tables bodies are checked against.

use serde_json::{Map, Value, json};
use wire::fields::{Class, Field};

/// A request's schema: the fields of a table, each described by `property`.
pub(super) fn request(table: &[Field], required: &[&str], property: fn(&str) -> Option<Value>) -> Value {
    let mut properties = Map::new();
    let mut refused = Vec::new();
    for field in table {
        match field.class {
            Class::Supported => {
                let described = property(field.name).unwrap_or_else(|| json!({}));
                properties.insert(field.name.to_owned(), described);
            }
            Class::Ignored => {
                properties
                    .insert(field.name.to_owned(), json!({"description": "Accepted; it does not change the answer."}));
            }
            Class::Refused { remedy, .. } => refused.push(format!("`{}` ({remedy})", field.name)),
        }
    }
    let mut schema =
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    if !refused.is_empty() {
        schema["description"] = json!(format!("Refused by name: {}", refused.join(" ")));
    }
    schema
}

fn number(from: f64, to: f64, description: &str) -> Value {
    json!({"type": ["number", "null"], "minimum": from, "maximum": to, "description": description})
}

fn integer(from: i64, description: &str) -> Value {
    json!({"type": ["integer", "null"], "minimum": from, "description": description})
}

fn boolean(description: &str) -> Value {
    json!({"type": ["boolean", "null"], "description": description})
}

fn text(description: &str) -> Value {
    json!({"type": ["string", "null"], "description": description})
}

fn mode() -> Value {
    json!({"enum": ["hybrid", "lexical", "vector", null], "description": "How a knowledge base is searched."})
}

fn globs() -> Value {
    json!({"type": ["array", "null"], "items": {"type": "string"}, "description": "Only documents whose names match one of these globs."})
}

/// The fields chat completions and completions share.
fn shared(name: &str) -> Option<Value> {
    Some(match name {
        "model" => json!({"type": "string", "description": "An installed model, kb/NAME or task/NAME."}),
        "temperature" => number(0.0, 2.0, "0 is greedy."),
        "top_p" => number(0.0, 1.0, "Keep the smallest set of tokens whose probability reaches this."),
        "presence_penalty" => number(-2.0, 2.0, "Subtracted once from the logits of tokens already generated."),
        "frequency_penalty" => {
            number(-2.0, 2.0, "Subtracted for each occurrence from the logits of tokens already generated.")
        }
        "logit_bias" => {
            json!({"type": ["object", "null"], "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100}, "description": "Added to the logits of token ids."})
        }
        "seed" => {
            json!({"type": ["integer", "null"], "description": "Same seed, same request, same model: same answer."})
        }
        "stop" => {
            json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": 16}, {"type": "null"}]})
        }
        "n" => json!({"type": ["integer", "null"], "minimum": 1, "maximum": 16, "description": "How many answers."}),
        "stream" => boolean("Send server-sent events."),
        "stream_options" => {
            json!({"type": ["object", "null"], "properties": {"include_usage": {"type": "boolean"}, "include_obfuscation": {"const": false}}, "additionalProperties": false})
        }
        "top_k" => integer(-1, "Keep the k most likely tokens; 0 and -1 are off."),
        "min_p" => number(0.0, 1.0, "Drop tokens less likely than this times the likeliest."),
        "typical_p" => number(0.0, 1.0, "Locally typical sampling; 1 is off."),
        "repetition_penalty" => number(0.01, 10.0, "Divides the logits of tokens already seen; 1 is off."),
        "search_mode" => mode(),
        "user" => text("Who asks; the model's time is shared evenly among those who do."),
        "priority" => {
            json!({"type": ["integer", "null"], "minimum": -1000, "maximum": 1000, "description": "Less goes before more, whoever asks; 0 is usual."})
        }
        _ => return None,
    })
}

/// What the answer must be; a request has at most one of these.
fn grammar(name: &str) -> Option<Value> {
    Some(match name {
        "response_format" => json!({"description": "Hold the answer to JSON, or to JSON of a schema.", "anyOf": [
            {"type": "null"},
            {"type": "object", "required": ["type"], "properties": {"type": {"enum": ["text", "json_object"]}}},
            {"type": "object", "required": ["type", "json_schema"], "properties": {"type": {"const": "json_schema"}, "json_schema": {
                "type": "object", "required": ["schema"], "properties": {
                    "name": {"type": "string"}, "description": {"type": "string"}, "strict": {"type": ["boolean", "null"]},
                    "schema": {"type": ["object", "boolean"]},
                },
            }}},
        ]}),
        "regex" => {
            json!({"type": ["string", "null"], "maxLength": 65536, "description": "Hold the answer to a regular expression."})
        }
        "choice" => {
            json!({"type": ["array", "null"], "minItems": 1, "maxItems": 1000, "items": {"type": "string", "minLength": 1}, "description": "Hold the answer to one of these texts."})
        }
        "grammar" => {
            json!({"type": ["string", "null"], "maxLength": 65536, "description": "Hold the answer to a grammar in Lark's syntax, beginning with start."})
        }
        _ => return None,
    })
}

pub(super) fn chat(name: &str) -> Option<Value> {
    Some(match name {
        "messages" => json!({"type": "array", "minItems": 1, "items": {
            "type": "object", "required": ["role"],
            "properties": {
                "role": {"enum": ["developer", "system", "user", "assistant", "tool"]},
                "content": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}, {"type": "null"}]},
                "name": {"type": "string"},
                "tool_calls": {"type": "array", "items": {"type": "object"}},
                "tool_call_id": {"type": "string"},
            },
        }}),
        "max_tokens" | "max_completion_tokens" => {
            integer(1, "At most this many new tokens; the context's room if left out.")
        }
        "logprobs" => boolean("Report each token's log-probability."),
        "top_logprobs" => {
            json!({"type": ["integer", "null"], "minimum": 0, "maximum": 20, "description": "And those of the likeliest tokens."})
        }
        "tools" => json!({"type": ["array", "null"], "items": {
            "type": "object", "required": ["type", "function"],
            "properties": {"type": {"const": "function"}, "function": {
                "type": "object", "required": ["name"],
                "properties": {"name": {"type": "string", "maxLength": 64}, "description": {"type": "string"}, "parameters": {"type": "object"}, "strict": {"type": ["boolean", "null"]}},
            }},
        }}),
        "tool_choice" => json!({"anyOf": [{"enum": ["auto", "none", "required", null]}, {
            "type": "object", "required": ["type", "function"],
            "properties": {"type": {"const": "function"}, "function": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
        }]}),
        "service_tier" => text("priority goes before the usual, flex after it."),
        "safety_identifier" => text("Who asks, as user."),
        "parallel_tool_calls" => boolean("Whether the model may call several tools in one turn."),
        other => return grammar(other).or_else(|| shared(other)),
    })
}

pub(super) fn completion(name: &str) -> Option<Value> {
    Some(match name {
        "prompt" => text_or_tokens("What to continue."),
        "max_tokens" => integer(0, "At most this many new tokens, 16 if left out; 0 with echo scores the prompt."),
        "logprobs" => {
            json!({"type": ["integer", "null"], "minimum": 0, "maximum": 20, "description": "Report the log-probabilities of each token and of so many rivals."})
        }
        "echo" => boolean("Put the prompt before the answer."),
        "best_of" => integer(1, "Only the same as n."),
        other => return grammar(other).or_else(|| shared(other)),
    })
}

pub(super) fn embedding(name: &str) -> Option<Value> {
    Some(match name {
        "model" => json!({"type": "string", "description": "An installed embedding model."}),
        "input" => text_or_tokens("What to embed, at most 2048 texts."),
        "encoding_format" => json!({"enum": ["float", "base64", null]}),
        "dimensions" => integer(1, "Cut vectors to this width and make them unit length again."),
        _ => return None,
    })
}

pub(super) fn rerank(name: &str) -> Option<Value> {
    Some(match name {
        "query" => json!({"type": "string", "minLength": 1}),
        "documents" => {
            let text = json!({"type": "string", "minLength": 1});
            let held = json!({"type": "object", "required": ["text"], "properties": {"text": text}, "additionalProperties": false});
            json!({"type": "array", "minItems": 1, "maxItems": 1000, "items": {"anyOf": [text, held]}})
        }
        "top_n" => integer(1, "How many results; all if left out."),
        "return_documents" => boolean("Whether results hold their texts; they do unless this is false."),
        other => return own(other),
    })
}

fn text_or_tokens(description: &str) -> Value {
    let tokens = json!({"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1});
    json!({"description": description, "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"anyOf": [{"type": "string"}, tokens]}, "minItems": 1},
        tokens,
    ]})
}

/// The fields of our own requests; one name means one thing in all of them.
pub(super) fn own(name: &str) -> Option<Value> {
    Some(match name {
        "model" => {
            json!({"type": ["string", "null"], "description": "An installed model; the default one if left out."})
        }
        "text" => json!({"type": "string"}),
        "tokens" => json!({"type": "array", "items": {"type": "integer", "minimum": 0}}),
        "name" => json!({"type": "string", "minLength": 1}),
        "embedder" => {
            json!({"type": ["string", "null"], "description": "An installed embedding model; the default one if left out."})
        }
        "query" | "question" => json!({"type": "string", "minLength": 1}),
        "top" => {
            json!({"type": ["integer", "null"], "minimum": 1, "maximum": 200, "description": "How many passages at most."})
        }
        "mode" => mode(),
        "documents" => globs(),
        "rows" => {
            json!({"type": "array", "minItems": 1, "maxItems": 1000, "items": {"type": "object"}, "description": "Rows: objects of the task's fields."})
        }
        "template" => {
            json!({"type": "string", "minLength": 1, "description": "One of those that GET /v1/tasks lists."})
        }
        "language" => json!({"enum": ["en", "zh", null], "description": "Of the template; en if left out."}),
        "sample" => boolean("Make the template's labelled sample rows of the task, to try it; false if left out."),
        "source" => text("The whole text of the file."),
        "set" => {
            json!({"type": ["object", "null"], "description": "Top-level keys of the file and their values, shaped like its TOML; null takes a key out. Everything else stays as it is written."})
        }
        "dry_run" => boolean("Write nothing: tell what would come of it."),
        "stream" => boolean("Send named events: progress, text, answer, error."),
        _ => return None,
    })
}

/// Rows of a task and their labels.
pub(super) fn labelled(name: &str) -> Option<Value> {
    let row = json!({
        "type": "object", "required": ["input", "output"], "additionalProperties": false,
        "properties": {
            "input": {"type": "object", "description": "The row's fields."},
            "output": {"description": "The answer it should get; null takes the row out."},
            "tags": {"type": ["array", "null"], "items": {"type": "string"}, "description": "Those it has stay if this is left out."},
        },
    });
    (name == "rows").then(|| {
        json!({"type": "array", "minItems": 1, "items": row, "description": "A row with the same fields is replaced."})
    })
}

/// How far a choice may go.
pub(super) fn choose(name: &str) -> Option<Value> {
    let names =
        |description: &str| json!({"type": ["array", "null"], "items": {"type": "string"}, "description": description});
    Some(match name {
        "models" => names("Only these models; all that are installed if left out."),
        "routes" => names("Only these ways; those that fit the task and take one call if left out."),
        "confidence" => number(0.5, 0.9999, "How sure it is to be; 0.95 if left out."),
        "spend" => {
            number(0.01, 1.0, "Of all answers of all candidates, the share that may be asked for; 0.4 if left out.")
        }
        "finalists" => {
            integer(1, "Candidates measured on the test part, at most, if `spend` pays for them; 3 if left out.")
        }
        "examples" => integer(2, "Examples to race on, and to measure on, at most each; 400 if left out."),
        "max_cost" => number(0.0, 1e9, "Money it may take, in the currency of the prices."),
        "max_seconds" => number(1.0, 1e7, "Time it may take, half of it for the race."),
        "seed" => integer(0, "Of everything drawn by chance: the same seed, the same splits."),
        "concurrency" => integer(1, "Rows asked at once, up to 64; 4 if left out."),
        "max_tokens" => integer(1, "Tokens of an answer, at most; 512 if left out."),
        "search" => integer(1, "Other wordings of the instructions to have written, up to 32; none if left out."),
        "writer" => text("Who writes them; the largest local model that takes part if left out."),
        _ => return None,
    })
}
