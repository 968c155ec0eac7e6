//! What is asked for: evals with their graders, runs with their rows. Every complaint names the parameter by its path.

use domain::{Error, Grammar, Role, Sampling};
use platform::evals::{
    Ask, Criterion, EvalRow, Form, Grader, Metadata, NewEval, NewRun, Operation, Said, Similarity, Turns,
};
use serde_json::{Map, Value, json};
use wire::fields::{Field, Fields, never, unsupported, wrong_type, wrong_value};
use wire::openai::chat::ChatRequest;

use super::lines::{self, Rows};
use super::none_of;

pub(crate) const CREATE: [Field; 4] =
    [Field::read("name"), Field::read("metadata"), Field::read("data_source_config"), Field::read("testing_criteria")];
pub(crate) const UPDATE: [Field; 2] = [Field::read("name"), Field::read("metadata")];
pub(crate) const RUN: [Field; 3] = [Field::read("name"), Field::read("metadata"), Field::read("data_source")];

/// Tokens of an answer, at most, unless somebody says otherwise: as many as OpenAI's.
const MAX_TOKENS: u32 = 2048;
const REASONING: Field =
    Field::refused("reasoning_effort", |value| value == "none", "The models here have no such setting; leave it out.");

pub(super) fn eval(body: &Value) -> Result<NewEval, Error> {
    let fields = Fields::of_body(body)?;
    fields.check(&CREATE)?;
    let config = fields.object("data_source_config")?.ok_or_else(|| fields.missing("data_source_config"))?;
    let (item_schema, include_sample_schema) = config_of(&config)?;
    let criteria = fields.array("testing_criteria")?.ok_or_else(|| fields.missing("testing_criteria"))?;
    let criterion =
        |(at, value): (usize, &Value)| criterion(&Fields::at(format!("testing_criteria[{at}]"), value)?, value);
    Ok(NewEval {
        name: name(&fields)?,
        metadata: metadata(&fields)?.unwrap_or_default(),
        item_schema,
        include_sample_schema,
        criteria: criteria.iter().enumerate().map(criterion).collect::<Result<_, Error>>()?,
    })
}

/// What is to be changed. `null` takes away what was attached.
pub(super) fn update(body: &Value) -> Result<(Option<String>, Option<Metadata>), Error> {
    let fields = Fields::of_body(body)?;
    fields.check(&UPDATE)?;
    let cleared = body.get("metadata").is_some_and(Value::is_null).then(Metadata::default);
    Ok((name(&fields)?, metadata(&fields)?.or(cleared)))
}

/// A run; `file` gives the bytes of a file by its id.
pub(super) fn run(mut body: Value, file: impl FnOnce(&str) -> Result<Vec<u8>, Error>) -> Result<NewRun, Error> {
    let fields = Fields::of_body(&body)?;
    fields.check(&RUN)?;
    let source = fields.object("data_source")?.ok_or_else(|| fields.missing("data_source"))?;
    let (Rows { rows, lines }, ask) = data_source(&source, file)?;
    let (name, metadata) = (name(&fields)?, metadata(&fields)?.unwrap_or_default());
    // The rows are kept once.
    let mut data_source = body["data_source"].take();
    if let Some(source) = data_source["source"].as_object_mut() {
        source.shift_remove("content");
    }
    Ok(NewRun { name, metadata, data_source, ask, rows, lines })
}

fn name(fields: &Fields<'_>) -> Result<Option<String>, Error> {
    fields.get("name").map(|_| fields.required_string("name").map(str::to_owned)).transpose()
}

/// At most 16 texts of 512 characters by names of 64.
fn metadata(fields: &Fields<'_>) -> Result<Option<Metadata>, Error> {
    let Some(value) = fields.get("metadata") else { return Ok(None) };
    let Value::Object(map) = value else { return Err(wrong_type("metadata", "an object", value)) };
    if map.len() > 16 {
        return Err(fields.wrong_value("metadata", &format!("{} pairs, at most 16 are allowed", map.len())));
    }
    let pair = |(key, value): (&String, &Value)| {
        let shown: String = key.chars().take(64).collect();
        let path = format!("metadata.{shown}");
        let text = value.as_str().ok_or_else(|| wrong_type(&path, "a string", value))?;
        if key.chars().count() > 64 || text.chars().count() > 512 {
            return Err(wrong_value(&path, "a key has at most 64 characters, a value at most 512"));
        }
        Ok((key.clone(), text.to_owned()))
    };
    map.iter().map(pair).collect::<Result<_, _>>().map(Some)
}

fn config_of(config: &Fields<'_>) -> Result<(Value, bool), Error> {
    match config.required_string("type")? {
        "custom" => {
            let known = ["type", "item_schema", "include_sample_schema"];
            config.check(&known.map(Field::read))?;
            let schema = config.get("item_schema").ok_or_else(|| config.missing("item_schema"))?;
            if !schema.is_object() {
                return Err(wrong_type(&config.path_of("item_schema"), "an object", schema));
            }
            Ok((schema.clone(), config.boolean("include_sample_schema")?.unwrap_or(false)))
        }
        "logs" | "stored_completions" => Err(unsupported(
            &config.path_of("type"),
            "Requests are not stored here; use type 'custom' with an item_schema, and send rows with the run.",
        )),
        other => Err(none_of(config, "type", other, "'custom', 'logs', 'stored_completions'")),
    }
}

fn criterion(fields: &Fields<'_>, sent: &Value) -> Result<Criterion, Error> {
    let grader = match fields.required_string("type")? {
        "string_check" => string_check(fields)?,
        "text_similarity" => text_similarity(fields)?,
        "label_model" => label_model(fields)?,
        "score_model" => score_model(fields)?,
        "python" => {
            let remedy = "Code is not run here; use string_check, text_similarity, label_model or score_model, or grade the output items yourself.";
            return Err(unsupported(&fields.path_of("type"), remedy));
        }
        "multi" => {
            let remedy = "Give its graders one by one; a row passes if all of them pass.";
            return Err(unsupported(&fields.path_of("type"), remedy));
        }
        other => {
            let known = "'string_check', 'text_similarity', 'label_model', 'score_model'";
            return Err(none_of(fields, "type", other, known));
        }
    };
    Ok(Criterion { name: fields.required_string("name")?.to_owned(), grader, sent: sent.clone() })
}

/// A text that must be there; it may be empty.
fn text(fields: &Fields<'_>, name: &str) -> Result<String, Error> {
    fields.string(name)?.map(str::to_owned).ok_or_else(|| fields.missing(name))
}

fn string_check(fields: &Fields<'_>) -> Result<Grader, Error> {
    fields.check(&["type", "name", "input", "reference", "operation"].map(Field::read))?;
    let operation = match fields.required_string("operation")? {
        "eq" => Operation::Eq,
        "ne" => Operation::Ne,
        "like" => Operation::Like,
        "ilike" => Operation::Ilike,
        other => return Err(none_of(fields, "operation", other, "'eq', 'ne', 'like', 'ilike'")),
    };
    Ok(Grader::StringCheck { input: text(fields, "input")?, reference: text(fields, "reference")?, operation })
}

fn text_similarity(fields: &Fields<'_>) -> Result<Grader, Error> {
    let known = ["type", "name", "input", "reference", "evaluation_metric", "pass_threshold"];
    fields.check(&known.map(Field::read))?;
    let metric = fields.required_string("evaluation_metric")?;
    let known = "'cosine', 'fuzzy_match', 'bleu', 'gleu', 'meteor', 'rouge_1' to 'rouge_5', 'rouge_l'";
    Ok(Grader::TextSimilarity {
        input: text(fields, "input")?,
        reference: text(fields, "reference")?,
        metric: Similarity::named(metric).ok_or_else(|| none_of(fields, "evaluation_metric", metric, known))?,
        threshold: decimal(fields, "pass_threshold")?.ok_or_else(|| fields.missing("pass_threshold"))?,
    })
}

fn label_model(fields: &Fields<'_>) -> Result<Grader, Error> {
    fields.check(&["type", "name", "model", "input", "labels", "passing_labels"].map(Field::read))?;
    Ok(Grader::LabelModel {
        model: fields.required_string("model")?.to_owned(),
        messages: messages(fields, "input")?,
        labels: texts(fields, "labels")?,
        passing: texts(fields, "passing_labels")?,
    })
}

fn score_model(fields: &Fields<'_>) -> Result<Grader, Error> {
    let known = ["type", "name", "model", "input", "range", "pass_threshold", "sampling_params"];
    fields.check(&known.map(Field::read))?;
    let range = range(fields)?;
    let (mut sampling, mut max_tokens) = (Sampling::default(), None);
    if let Some(asked) = fields.object("sampling_params")? {
        // OpenAI's specification spells it in two ways.
        let known = ["max_completions_tokens", "max_completion_tokens", "seed", "temperature", "top_p"];
        asked.check(&[known.map(Field::read).as_slice(), &[REASONING]].concat())?;
        sampling.temperature = asked.number("temperature", 0.0..=2.0)?;
        sampling.top_p = asked.number("top_p", 0.0..=1.0)?.unwrap_or(sampling.top_p);
        sampling.seed = asked.integer("seed", i64::MIN..=i64::MAX)?.map(i64::cast_unsigned);
        for name in &known[..2] {
            max_tokens = asked.integer(name, 1..=i64::from(u32::MAX))?.map(|most| most as u32).or(max_tokens);
        }
    }
    Ok(Grader::ScoreModel {
        model: fields.required_string("model")?.to_owned(),
        messages: messages(fields, "input")?,
        threshold: decimal(fields, "pass_threshold")?.unwrap_or(f64::midpoint(range.0, range.1)),
        range,
        sampling,
        max_tokens,
    })
}

fn range(fields: &Fields<'_>) -> Result<(f64, f64), Error> {
    match fields.array("range")? {
        None => Ok((0.0, 1.0)),
        Some([least, most]) => match (least.as_f64(), most.as_f64()) {
            (Some(least), Some(most)) => Ok((least, most)),
            _ => Err(fields.wrong_value("range", "give two numbers, the least and the most")),
        },
        Some(_) => Err(fields.wrong_value("range", "give two numbers, the least and the most")),
    }
}

/// A number with all its digits.
fn decimal(fields: &Fields<'_>, name: &str) -> Result<Option<f64>, Error> {
    let Some(value) = fields.get(name) else { return Ok(None) };
    value.as_f64().map(Some).ok_or_else(|| wrong_type(&fields.path_of(name), "a number", value))
}

fn texts(fields: &Fields<'_>, name: &str) -> Result<Vec<String>, Error> {
    let values = fields.array(name)?.ok_or_else(|| fields.missing(name))?;
    let text = |(at, value): (usize, &Value)| {
        let text =
            value.as_str().ok_or_else(|| wrong_type(&format!("{}[{at}]", fields.path_of(name)), "a string", value));
        text.map(str::to_owned)
    };
    values.iter().enumerate().map(text).collect()
}

fn messages(fields: &Fields<'_>, name: &str) -> Result<Vec<Said>, Error> {
    let values = fields.array(name)?.ok_or_else(|| fields.missing(name))?;
    let path = fields.path_of(name);
    values.iter().enumerate().map(|(at, value)| message(&Fields::at(format!("{path}[{at}]"), value)?)).collect()
}

fn message(fields: &Fields<'_>) -> Result<Said, Error> {
    fields.check(&["role", "content", "type"].map(Field::read))?;
    if let Some(kind) = fields.string("type")?
        && kind != "message"
    {
        return Err(none_of(fields, "type", kind, "'message'"));
    }
    let role = match fields.required_string("role")? {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => return Err(none_of(fields, "role", other, "'system', 'developer', 'user', 'assistant'")),
    };
    let value = fields.get("content").ok_or_else(|| fields.missing("content"))?;
    Ok(Said { role, content: content(&fields.path_of("content"), value)? })
}

/// A text, a part that holds one, or several of either.
fn content(path: &str, value: &Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => {
            parts.iter().enumerate().map(|(at, part)| content(&format!("{path}[{at}]"), part)).collect()
        }
        Value::Object(_) => {
            let part = Fields::at(path.to_owned(), value)?;
            match part.required_string("type")? {
                "input_text" | "output_text" | "text" => {
                    part.check(&["type", "text"].map(Field::read))?;
                    text(&part, "text")
                }
                "input_image" | "input_audio" => Err(unsupported(
                    &part.path_of("type"),
                    "The models here read text; put what matters of it into words.",
                )),
                other => Err(none_of(&part, "type", other, "'input_text', 'output_text', 'text'")),
            }
        }
        other => Err(wrong_type(path, "a string, a part of text or an array of these", other)),
    }
}

fn data_source(
    fields: &Fields<'_>,
    file: impl FnOnce(&str) -> Result<Vec<u8>, Error>,
) -> Result<(Rows, Option<Ask>), Error> {
    let kind = fields.required_string("type")?;
    match kind {
        "jsonl" => fields.check(&["type", "source"].map(Field::read))?,
        "completions" | "responses" => {
            fields.check(&["type", "source", "input_messages", "model", "sampling_params"].map(Field::read))?;
        }
        other => return Err(none_of(fields, "type", other, "'jsonl', 'completions', 'responses'")),
    }
    let source = fields.object("source")?.ok_or_else(|| fields.missing("source"))?;
    Ok((rows(&source, file)?, if kind == "jsonl" { None } else { ask(fields, kind)? }))
}

fn rows(source: &Fields<'_>, file: impl FnOnce(&str) -> Result<Vec<u8>, Error>) -> Result<Rows, Error> {
    match source.required_string("type")? {
        "file_content" => {
            source.check(&["type", "content"].map(Field::read))?;
            Ok(Rows { rows: sent(source)?, lines: None })
        }
        "file_id" => {
            source.check(&["type", "id"].map(Field::read))?;
            lines::read(&source.path_of("id"), &file(source.required_string("id")?)?)
        }
        "stored_completions" | "responses" | "logs" => {
            let remedy = "Requests are not stored here; send the rows as type 'file_content', each with an 'item'.";
            Err(unsupported(&source.path_of("type"), remedy))
        }
        other => Err(none_of(source, "type", other, "'file_content', 'file_id'")),
    }
}

/// The rows that come with the request.
fn sent(source: &Fields<'_>) -> Result<Vec<EvalRow>, Error> {
    let values = source.array("content")?.ok_or_else(|| source.missing("content"))?;
    let path = source.path_of("content");
    values.iter().enumerate().map(|(at, value)| row(&Fields::at(format!("{path}[{at}]"), value)?)).collect()
}

fn row(fields: &Fields<'_>) -> Result<EvalRow, Error> {
    fields.check(&["item", "sample"].map(Field::read))?;
    let object = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(Value::Object(map)) => Ok(Some(map.clone())),
        Some(other) => Err(wrong_type(&fields.path_of(name), "an object", other)),
    };
    Ok(EvalRow { item: object("item")?.ok_or_else(|| fields.missing("item"))?, sample: object("sample")? })
}

/// What is asked of a model; nothing where rows come with their answers.
fn ask(fields: &Fields<'_>, kind: &str) -> Result<Option<Ask>, Error> {
    let turns = match fields.object("input_messages")? {
        None if fields.get("model").is_none() => return Ok(None),
        None => return Err(fields.missing("input_messages")),
        Some(input) => turns(&input)?,
    };
    let model = fields.required_string("model")?.to_owned();
    let asked = sampling(fields, kind)?;
    let form = match asked.grammar {
        None => Form::Text,
        Some(Grammar::JsonSchema(schema)) => Form::JsonSchema(schema),
        Some(_) => Form::JsonObject,
    };
    Ok(Some(Ask {
        model,
        turns,
        sampling: asked.sampling,
        max_tokens: asked.max_tokens.unwrap_or(MAX_TOKENS),
        form,
        tools: asked.tools,
    }))
}

fn turns(input: &Fields<'_>) -> Result<Turns, Error> {
    match input.required_string("type")? {
        "template" => {
            input.check(&["type", "template"].map(Field::read))?;
            Ok(Turns::Template(messages(input, "template")?))
        }
        "item_reference" => {
            input.check(&["type", "item_reference"].map(Field::read))?;
            let reference = input.required_string("item_reference")?.trim();
            let bare = reference.strip_prefix("{{").and_then(|inner| inner.strip_suffix("}}")).unwrap_or(reference);
            Ok(Turns::Reference(bare.trim().to_owned()))
        }
        other => Err(none_of(input, "type", other, "'template', 'item_reference'")),
    }
}

/// How answers are asked for: what a chat completion would be sent, with the same checks.
fn sampling(fields: &Fields<'_>, kind: &str) -> Result<domain::Request, Error> {
    let mut chat = Map::new();
    let path = fields.path_of("sampling_params");
    if let Some(asked) = fields.object("sampling_params")? {
        let form = if kind == "responses" { "text" } else { "response_format" };
        let known = ["max_completion_tokens", "seed", "temperature", "top_p", "tools", form];
        asked.check(&[known.map(Field::read).as_slice(), &[REASONING]].concat())?;
        for name in ["max_completion_tokens", "seed", "temperature", "top_p"] {
            chat.extend(asked.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        if kind == "responses" {
            chat.extend(asked.object("text")?.map(|text| format(&text)).transpose()?.flatten());
            chat.extend(asked.array("tools")?.map(|tools| ("tools".to_owned(), tools.iter().map(nested).collect())));
        } else {
            for name in ["response_format", "tools"] {
                chat.extend(asked.get(name).map(|value| (name.to_owned(), value.clone())));
            }
        }
    }
    chat.insert("model".to_owned(), json!("-"));
    chat.insert("messages".to_owned(), json!([{"role": "user", "content": "-"}]));
    let read = ChatRequest::read(&Value::Object(chat)).map_err(|error| beneath(&path, kind, error))?;
    Ok(read.request)
}

/// `text.format` of a response is `response_format` of a chat completion, a level flatter.
fn format(text: &Fields<'_>) -> Result<Option<(String, Value)>, Error> {
    text.check(&[Field::read("format"), Field::refused("verbosity", never, "Ask for the length in the prompt.")])?;
    let Some(format) = text.get("format") else { return Ok(None) };
    let named = |format: &Map<String, Value>| {
        let mut inner = format.clone();
        inner.shift_remove("type");
        json!({"type": "json_schema", "json_schema": inner})
    };
    let chat = match format {
        Value::Object(map) if format["type"] == "json_schema" => named(map),
        other => other.clone(),
    };
    Ok(Some(("response_format".to_owned(), chat)))
}

/// A tool of a response is one of a chat completion, a level flatter.
fn nested(tool: &Value) -> Value {
    match tool {
        Value::Object(map) if tool["type"] == "function" && !map.contains_key("function") => {
            let mut inner = map.clone();
            inner.shift_remove("type");
            json!({"type": "function", "function": inner})
        }
        other => other.clone(),
    }
}

/// A complaint about a chat completion as one about the place where its fields stand.
fn beneath(path: &str, kind: &str, error: Error) -> Error {
    let Error::Invalid { param: Some(param), code, message } = error else { return error };
    let mut place = param.clone();
    if kind == "responses" {
        place = place.replace("response_format.json_schema", "text.format").replace("response_format", "text.format");
    }
    let place = format!("{path}.{place}");
    Error::Invalid { message: message.replace(&format!("'{param}'"), &format!("'{place}'")), param: Some(place), code }
}
