//! What an answer must be: `response_format`, and our fields `regex`, `choice` and `grammar`.

use domain::{Error, Grammar};
use serde_json::Value;

use crate::fields::{Field, Fields, wrong_type, wrong_value};

/// Most texts to choose from.
const MAX_CHOICES: usize = 1000;
/// Longest pattern or grammar, in bytes.
const MAX_BYTES: usize = 1 << 16;

/// The fields that ask for it; a request has at most one of them.
pub(super) const FIELDS: [Field; 4] =
    [Field::read("response_format"), Field::read("regex"), Field::read("choice"), Field::read("grammar")];

pub(super) fn grammar(fields: &Fields) -> Result<Option<Grammar>, Error> {
    let asked = [
        ("response_format", response_format(fields)?),
        ("regex", text(fields, "regex")?.map(Grammar::Regex)),
        ("choice", choice(fields)?.map(Grammar::Choice)),
        ("grammar", text(fields, "grammar")?.map(Grammar::Lark)),
    ];
    let mut asked = asked.into_iter().filter_map(|(name, grammar)| Some((name, grammar?)));
    let first = asked.next();
    match (&first, asked.next()) {
        (Some((one, _)), Some((other, _))) => {
            Err(fields.wrong_value(other, &format!("'{one}' says already what the answer must be; send one of them")))
        }
        _ => Ok(first.map(|(_, grammar)| grammar)),
    }
}

fn response_format(fields: &Fields) -> Result<Option<Grammar>, Error> {
    let Some(format) = fields.object("response_format")? else { return Ok(None) };
    format.check(&[Field::read("type"), Field::read("json_schema")])?;
    match format.required_string("type")? {
        "text" => Ok(None),
        "json_object" => Ok(Some(Grammar::JsonObject)),
        "json_schema" => {
            let named = format.object("json_schema")?.ok_or_else(|| format.missing("json_schema"))?;
            // Answers are held to the schema whether it is called strict or not.
            named.check(&[
                Field::read("schema"),
                Field::ignored("name"),
                Field::ignored("description"),
                Field::ignored("strict"),
            ])?;
            match named.get("schema") {
                Some(schema @ (Value::Object(_) | Value::Bool(_))) => Ok(Some(Grammar::JsonSchema(schema.clone()))),
                Some(other) => Err(wrong_type(&named.path_of("schema"), "an object", other)),
                None => Err(named.missing("schema")),
            }
        }
        other => {
            let shown: String = other.chars().take(40).collect();
            Err(format.wrong_value("type", &format!("'{shown}' is none of 'text', 'json_object', 'json_schema'")))
        }
    }
}

fn text(fields: &Fields, name: &str) -> Result<Option<String>, Error> {
    match fields.string(name)? {
        Some("") => Err(fields.wrong_value(name, "it is empty")),
        Some(text) if text.len() > MAX_BYTES => {
            Err(fields.wrong_value(name, &format!("it has {} bytes, at most {MAX_BYTES} are allowed", text.len())))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn choice(fields: &Fields) -> Result<Option<Vec<String>>, Error> {
    let Some(values) = fields.array("choice")? else { return Ok(None) };
    let path = fields.path_of("choice");
    if values.is_empty() || values.len() > MAX_CHOICES {
        return Err(wrong_value(&path, &format!("{} texts to choose from; give 1 to {MAX_CHOICES}", values.len())));
    }
    let text = |(at, value): (usize, &Value)| match value.as_str() {
        Some("") => Err(wrong_value(&format!("{path}[{at}]"), "it is empty")),
        Some(text) => Ok(text.to_owned()),
        None => Err(wrong_type(&format!("{path}[{at}]"), "a string", value)),
    };
    values.iter().enumerate().map(text).collect::<Result<_, _>>().map(Some)
}
