//! The `messages` of a chat completion.

use std::collections::BTreeSet;

use domain::{Error, Message, Part, Role, ToolCall};
use serde_json::Value;

use super::sampling::refuse;
use crate::fields::{Field, Fields, never, wrong_type, wrong_value};

const MESSAGE: [Field; 9] = [
    Field::read("role"),
    Field::read("content"),
    Field::read("name"),
    Field::read("tool_calls"),
    Field::read("tool_call_id"),
    Field::read("refusal"),
    // Clients send our own answers back; citations in them are for people, not for the model.
    Field::ignored("annotations"),
    Field::refused("audio", never, "Send the words as text in 'content'."),
    Field::refused("function_call", never, "It is OpenAI's older form; use 'tool_calls'."),
];

pub(super) fn messages(fields: &Fields) -> Result<Vec<Message>, Error> {
    let values = fields.array("messages")?.ok_or_else(|| fields.missing("messages"))?;
    if values.is_empty() {
        return Err(fields.wrong_value("messages", "it is empty; send at least one message"));
    }
    let mut calls = BTreeSet::new();
    let mut read = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        let message = message(&Fields::at(format!("messages[{i}]"), value)?)?;
        if let Some(id) = &message.tool_call_id
            && !calls.contains(id)
        {
            let path = format!("messages[{i}].tool_call_id");
            return Err(wrong_value(&path, "no earlier assistant message has a tool call by that id"));
        }
        calls.extend(message.tool_calls.iter().map(|call| call.id.clone()));
        read.push(message);
    }
    Ok(read)
}

fn message(fields: &Fields) -> Result<Message, Error> {
    fields.check(&MESSAGE)?;
    let role = role(fields)?;
    let only_for = |name: &str, wanted: Role, word: &str| match fields.get(name) {
        Some(_) if role != wanted => Err(fields.wrong_value(name, &format!("only messages of role '{word}' have it"))),
        _ => Ok(()),
    };
    only_for("tool_calls", Role::Assistant, "assistant")?;
    only_for("refusal", Role::Assistant, "assistant")?;
    only_for("tool_call_id", Role::Tool, "tool")?;

    let tool_calls = tool_calls(fields)?;
    let parts = match (fields.get("content"), fields.string("refusal")?) {
        (Some(content), _) => parts(&fields.path_of("content"), content, role)?,
        (None, Some(refusal)) => vec![Part::Text { text: refusal.to_owned() }],
        (None, None) if !tool_calls.is_empty() => Vec::new(),
        (None, None) => return Err(fields.missing("content")),
    };
    let tool_call_id = match role {
        Role::Tool => Some(fields.required_string("tool_call_id")?.to_owned()),
        _ => None,
    };
    Ok(Message { role, parts, name: fields.string("name")?.map(str::to_owned), tool_calls, tool_call_id })
}

fn role(fields: &Fields) -> Result<Role, Error> {
    match fields.required_string("role")? {
        "system" => Ok(Role::System),
        "developer" => Ok(Role::Developer),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "tool" => Ok(Role::Tool),
        "function" => refuse(&fields.path_of("role"), "Role 'function' is OpenAI's older form; use role 'tool'."),
        other => {
            let shown: String = other.chars().take(40).collect();
            let why = format!("'{shown}' is none of 'developer', 'system', 'user', 'assistant', 'tool'");
            Err(fields.wrong_value("role", &why))
        }
    }
}

fn parts(path: &str, content: &Value, role: Role) -> Result<Vec<Part>, Error> {
    match content {
        Value::String(text) => Ok(vec![Part::Text { text: text.clone() }]),
        Value::Array(values) if values.is_empty() => Err(wrong_value(path, "the array is empty")),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .map(|(i, value)| part(&Fields::at(format!("{path}[{i}]"), value)?, role))
            .collect(),
        other => Err(wrong_type(path, "a string or an array of content parts", other)),
    }
}

fn part(fields: &Fields, role: Role) -> Result<Part, Error> {
    let kind = fields.required_string("type")?;
    let holder = match kind {
        "text" => "text",
        "refusal" if role == Role::Assistant => "refusal",
        "image_url" | "input_audio" | "file" => {
            return refuse(
                &fields.path_of("type"),
                &format!("Parts of type '{kind}' need a model that reads more than text; send text parts only."),
            );
        }
        other => {
            let shown: String = other.chars().take(40).collect();
            return Err(fields.wrong_value("type", &format!("'{shown}' is no known type of content part; use 'text'")));
        }
    };
    fields.check(&[Field::read("type"), Field::read(holder)])?;
    let text = fields.string(holder)?.ok_or_else(|| fields.missing(holder))?;
    Ok(Part::Text { text: text.to_owned() })
}

fn tool_calls(fields: &Fields) -> Result<Vec<ToolCall>, Error> {
    let Some(values) = fields.array("tool_calls")? else { return Ok(Vec::new()) };
    let path = fields.path_of("tool_calls");
    values.iter().enumerate().map(|(i, value)| tool_call(&Fields::at(format!("{path}[{i}]"), value)?)).collect()
}

fn tool_call(fields: &Fields) -> Result<ToolCall, Error> {
    fields.check(&[
        Field::read("id"),
        Field::read("type"),
        Field::read("function"),
        // Streaming clients keep the chunks' index.
        Field::ignored("index"),
        Field::refused("custom", never, "Only calls of type 'function' are known here."),
    ])?;
    if let Some(kind) = fields.string("type")?
        && kind != "function"
    {
        return refuse(&fields.path_of("type"), "Only calls of type 'function' are known here.");
    }
    let function = fields.object("function")?.ok_or_else(|| fields.missing("function"))?;
    function.check(&[Field::read("name"), Field::read("arguments")])?;
    Ok(ToolCall {
        id: fields.required_string("id")?.to_owned(),
        name: function.required_string("name")?.to_owned(),
        arguments: function.string("arguments")?.ok_or_else(|| function.missing("arguments"))?.to_owned(),
    })
}
