//! The part of JSON Schema the document uses, to hold real responses against it.

use serde_json::Value;

use crate::openapi;

/// A value must be as the named schema says.
pub(super) fn check(schema: &str, value: &Value) {
    let document = openapi::document("test");
    if let Err(why) = conforms(&document, &openapi::reference(schema), value, schema) {
        panic!("{why}\n{value:#}");
    }
}

fn conforms(document: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target =
            document.pointer(reference.strip_prefix('#').unwrap()).ok_or(format!("{at}: {reference} leads nowhere"))?;
        return conforms(document, target, value, at);
    }
    if let Some(expected) = schema.get("const")
        && expected != value
    {
        return Err(format!("{at}: {value} is not {expected}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{at}: {value} is not one of {allowed:?}"));
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[choice].as_array()
            && !choices.iter().any(|schema| conforms(document, schema, value, at).is_ok())
        {
            return Err(format!("{at}: {value} is none of its choices"));
        }
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind.as_str().unwrap(), value)) {
        return Err(format!("{at}: {value} is not of type {}", schema["type"]));
    }
    if let Value::Object(map) = value {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !map.contains_key(name.as_str().unwrap()) {
                return Err(format!("{at}.{name} is missing"));
            }
        }
        for (name, value) in map {
            match schema["properties"].get(name) {
                Some(schema) => conforms(document, schema, value, &format!("{at}.{name}"))?,
                None if schema["additionalProperties"] == false => return Err(format!("{at}.{name} is not allowed")),
                None => {}
            }
        }
    }
    if let (Value::Array(items), Some(schema)) = (value, schema.get("items")) {
        for (i, item) in items.iter().enumerate() {
            conforms(document, schema, item, &format!("{at}[{i}]"))?;
        }
    }
    Ok(())
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type of JSON Schema"),
    }
}
