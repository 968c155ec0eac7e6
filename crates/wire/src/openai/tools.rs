//! The tools a chat offers, and which of them must be called.

use domain::{Error, ToolChoice, ToolSpec};
use serde_json::{Value, json};

use super::sampling::refuse;
use crate::fields::{Field, Fields, wrong_type, wrong_value};

/// Tools, with the choice among them. With `none`, none are offered.
pub(super) fn tools(fields: &Fields) -> Result<(Vec<ToolSpec>, ToolChoice), Error> {
    let values = fields.array("tools")?.unwrap_or_default();
    let mut tools = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        tools.push(tool(&Fields::at(format!("tools[{i}]"), value)?)?);
    }
    match fields.get("tool_choice") {
        None => Ok((tools, ToolChoice::Auto)),
        Some(_) if tools.is_empty() => {
            Err(fields.wrong_value("tool_choice", "it is only allowed when 'tools' are given"))
        }
        Some(Value::String(choice)) => match choice.as_str() {
            "auto" => Ok((tools, ToolChoice::Auto)),
            "none" => Ok((Vec::new(), ToolChoice::Auto)),
            "required" => Ok((tools, ToolChoice::Required)),
            _ => Err(fields.wrong_value("tool_choice", "it is none of 'auto', 'none', 'required'")),
        },
        Some(Value::Object(_)) => {
            let name = named(fields)?;
            if !tools.iter().any(|tool| tool.name == name) {
                let why = format!("'{name}' is none of the tools given");
                return Err(wrong_value("tool_choice.function.name", &why));
            }
            Ok((tools, ToolChoice::Named(name)))
        }
        Some(other) => Err(wrong_type("tool_choice", "a string or an object", other)),
    }
}

/// The name in `{"type": "function", "function": {"name": …}}`.
fn named(fields: &Fields) -> Result<String, Error> {
    let choice = fields.object("tool_choice")?.ok_or_else(|| fields.missing("tool_choice"))?;
    if choice.required_string("type")? != "function" {
        return refuse(&choice.path_of("type"), "Only tools of type 'function' are.");
    }
    choice.check(&[Field::read("type"), Field::read("function")])?;
    let function = choice.object("function")?.ok_or_else(|| choice.missing("function"))?;
    function.check(&[Field::read("name")])?;
    let name = function.required_string("name")?;
    Ok(name.chars().take(64).collect())
}

fn tool(fields: &Fields) -> Result<ToolSpec, Error> {
    if fields.required_string("type")? != "function" {
        return refuse(&fields.path_of("type"), "Only tools of type 'function' are.");
    }
    fields.check(&[Field::read("type"), Field::read("function")])?;
    let function = fields.object("function")?.ok_or_else(|| fields.missing("function"))?;
    function.check(&[
        Field::read("name"),
        Field::read("description"),
        Field::read("parameters"),
        Field::read("strict"),
    ])?;
    let name = function.required_string("name")?;
    if name.len() > 64 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        let why = "names have at most 64 letters, digits, underscores and dashes";
        return Err(wrong_value(&function.path_of("name"), why));
    }
    let parameters = match function.get("parameters") {
        None => json!({"type": "object", "properties": {}}),
        Some(Value::Object(map)) => Value::Object(map.clone()),
        Some(other) => return Err(wrong_type(&function.path_of("parameters"), "an object", other)),
    };
    Ok(ToolSpec {
        name: name.to_owned(),
        description: function.string("description")?.unwrap_or("").to_owned(),
        parameters,
        strict: function.boolean("strict")?.unwrap_or(false),
    })
}
