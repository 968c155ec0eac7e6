//! The form of a task's answers: the short form, or a JSON Schema.
//!
//! Short form | answer
//! ---|---
//! `"text"` | any text
//! `["good", "bad"]` | one of these
//! `"integer"`, `"number"`, `"boolean"`, `"date"` | such a value
//! `"quote"` | a text that stands in the row word for word; empty if what the model said does not
//! `"text[]"` | a list of such
//! `{ aspect = "text", ... }` | a record; a key that ends with `?` may be left out
//! `[{ ... }]` | a list of such records
//!
//! Words after a colon tell the model what is meant: `"text: the words that show it"`.

use serde_json::{Map, Value, json};
use toml::de::DeValue;

use super::file::{At, Problems, json as to_json, kind, name_of};

const TYPES: [&str; 6] = ["text", "quote", "integer", "number", "boolean", "date"];

/// The JSON Schema of a short form.
pub(super) fn short_form(value: At<'_, '_>, path: &str, problems: &mut Problems<'_>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => named(text).unwrap_or_else(|| {
            let message = format!("'{text}' is no type; there are {}, each with `[]` for a list", TYPES.join(", "));
            problems.say(value.span(), path, message);
            Value::Null
        }),
        DeValue::Array(array) => match array.iter().map(|one| one.get_ref()).collect::<Vec<_>>().as_slice() {
            [DeValue::Table(_)] => json!({"type": "array", "items": short_form(&array[0], path, problems)}),
            labels if labels.len() > 1 && labels.iter().all(|label| matches!(label, DeValue::String(_))) => {
                let labels: Vec<Value> = labels.iter().map(|label| to_json(label)).collect();
                if let Some(twice) = labels.iter().enumerate().find(|(at, label)| labels[..*at].contains(label)) {
                    problems.say(array[twice.0].span(), path, format!("{} is there twice", twice.1));
                }
                json!({"type": "string", "enum": labels})
            }
            _ => {
                problems.say(
                    value.span(),
                    path,
                    "a list is either two labels or more, or one table: the record that repeats",
                );
                Value::Null
            }
        },
        DeValue::Table(table) => {
            if table.is_empty() {
                problems.say(value.span(), path, "a record has at least one field");
            }
            let (mut properties, mut required) = (Map::new(), Vec::new());
            for (key, value) in table.iter() {
                let (name, optional) = name_of(key.get_ref());
                let field = short_form(value, &format!("{path}.{name}"), problems);
                if !optional {
                    required.push(Value::from(name));
                }
                properties.insert(name.to_owned(), field);
            }
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
        }
        other => {
            problems.say(value.span(), path, format!("it is {}; {SHORT}", kind(other)));
            Value::Null
        }
    }
}

const SHORT: &str = "the form of an answer is a type (`\"text\"`), labels (`[\"good\", \"bad\"]`), a record (`{ ... }`) or a list of records (`[{ ... }]`)";

/// A type by its name, with `[]` and words after a colon.
fn named(text: &str) -> Option<Value> {
    let (name, description) = text.split_once([':', '：']).unwrap_or((text, ""));
    let (name, list) = name.trim().strip_suffix("[]").map_or((name.trim(), false), |name| (name, true));
    let one = match name {
        "text" => json!({"type": "string"}),
        "quote" => json!({"type": "string", "format": "quote"}),
        "date" => json!({"type": "string", "format": "date"}),
        "integer" | "number" | "boolean" => json!({"type": name}),
        _ => return None,
    };
    let mut schema = if list { json!({"type": "array", "items": one}) } else { one };
    if !description.trim().is_empty() {
        schema["description"] = Value::from(description.trim());
    }
    Some(schema)
}

/// A JSON Schema as it stands, if it is one.
pub(super) fn schema(value: At<'_, '_>, problems: &mut Problems<'_>) -> Value {
    let DeValue::Table(_) = value.get_ref() else {
        let message = format!("it is {}, and must be a JSON Schema as a table", kind(value.get_ref()));
        problems.say(value.span(), "output_schema", message);
        return Value::Null;
    };
    let schema = to_json(value.get_ref());
    if let Err(error) = jsonschema::validator_for(&schema) {
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
        problems.say(value.span(), "output_schema", format!("it is no JSON Schema: {place}{error}"));
    }
    schema
}
