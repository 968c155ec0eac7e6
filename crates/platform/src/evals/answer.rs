//! A row put to a model, and what it says.

use std::time::Duration;

use domain::{Collected, FinishReason, Message, Prompt, Request, Role, Sampling, collect};
use serde_json::{Map, Value, json};

use super::template::{self, Scope};
use super::{Ask, EvalRow, Fault, Said, Sample, Turns};
use crate::workspace::blocking;
use crate::{Error, Result, Workspace};

/// After those of people who wait.
const PRIORITY: i32 = 1;
/// How often a model whose queue is full is asked again before a row is given up.
const MOST_TRIES: usize = 120;

/// What a model says. One whose queue is full is asked again: a run can wait.
pub(super) async fn ask(workspace: &Workspace, name: &str, request: Request) -> Result<Collected> {
    let mut tries = 0;
    loop {
        let model = workspace.language_model(name).await?;
        let asked = Request { client: "evals".to_owned(), priority: PRIORITY, ..request.clone() };
        // A long prompt takes a while to cut into tokens.
        let came = collect(blocking(move || model.generate(asked)).await?).await;
        match came {
            Err(Error::Busy { retry_after_seconds, .. }) if tries < MOST_TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(u64::from(retry_after_seconds.clamp(1, 10)))).await;
            }
            came => return came,
        }
    }
}

/// A row put to the model of a run. What goes wrong is in the sample.
pub(super) async fn answer(workspace: &Workspace, to: &Ask, item: &Value) -> Sample {
    let mut sample = Sample {
        model: Some(to.model.clone()),
        max_tokens: Some(to.max_tokens),
        sampling: to.sampling.clone(),
        ..Sample::default()
    };
    match turns(&to.turns, item) {
        Ok(said) => sample.input = said,
        Err(fault) => {
            sample.error = Some(fault);
            return sample;
        }
    }
    let mut request = request(&sample.input);
    request.sampling = to.sampling.clone();
    request.max_tokens = Some(to.max_tokens);
    request.grammar = to.form.grammar();
    request.tools.clone_from(&to.tools);
    match ask(workspace, &to.model, request).await {
        Ok(came) => {
            sample.finish_reason = Some(reason(came.reason).to_owned());
            sample.tool_calls = came.tool_calls.iter().map(tool_call).collect();
            sample.output = Some(came.text);
            sample.usage = came.usage;
        }
        Err(error) => sample.error = Some(Fault::from(&error)),
    }
    sample
}

/// A request of a conversation.
pub(super) fn request(said: &[Said]) -> Request {
    let message = |said: &Said| Message::text(said.role, said.content.clone());
    Request::new(Prompt::Chat(said.iter().map(message).collect()))
}

fn tool_call(call: &domain::ToolCall) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}

pub(super) fn reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
    }
}

/// Messages with the values they name.
pub(super) fn filled(messages: &[Said], scope: Scope<'_>) -> std::result::Result<Vec<Said>, Fault> {
    let one = |said: &Said| Ok(Said { role: said.role, content: template::fill(&said.content, scope)? });
    messages.iter().map(one).collect()
}

fn turns(turns: &Turns, item: &Value) -> std::result::Result<Vec<Said>, Fault> {
    let scope = Scope { item, sample: None };
    match turns {
        Turns::Template(messages) => filled(messages, scope),
        Turns::Reference(reference) => trajectory(reference, template::find(reference, scope)?),
    }
}

/// Messages that stand in a row: a list of them, or one text of a user.
fn trajectory(path: &str, value: &Value) -> std::result::Result<Vec<Said>, Fault> {
    let wrong = |why: &str| Fault::new("invalid_messages", format!("'{path}' is no conversation: {why}"));
    let values = match value {
        Value::String(text) => return Ok(vec![Said { role: Role::User, content: text.clone() }]),
        Value::Array(values) if !values.is_empty() => values,
        _ => return Err(wrong("give a list of messages with 'role' and 'content', or a text")),
    };
    let message = |(at, value): (usize, &Value)| {
        let role = match value["role"].as_str() {
            Some("system") => Role::System,
            Some("developer") => Role::Developer,
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            _ => return Err(wrong(&format!("message {at} has no role of system, developer, user, assistant"))),
        };
        let content = content(&value["content"]).ok_or_else(|| wrong(&format!("message {at} has no text")))?;
        Ok(Said { role, content })
    };
    values.iter().enumerate().map(message).collect()
}

/// A text, a part with a text, or several.
fn content(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(part) => part.get("text")?.as_str().map(str::to_owned),
        Value::Array(parts) => parts.iter().map(content).collect(),
        _ => None,
    }
}

/// The sample that a row came with, as far as it has the usual shape.
pub(super) fn given(row: &EvalRow) -> Sample {
    let Some(fields) = &row.sample else { return Sample::default() };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let calls = fields.get("output_tools").and_then(Value::as_array).cloned().unwrap_or_default();
    Sample {
        model: text("model"),
        output: text("output_text").or_else(|| chosen(fields)),
        tool_calls: calls,
        finish_reason: text("finish_reason"),
        sampling: Sampling::default(),
        ..Sample::default()
    }
}

/// The text of a chat completion.
fn chosen(fields: &Map<String, Value>) -> Option<String> {
    fields.get("choices")?.get(0)?.get("message")?.get("content")?.as_str().map(str::to_owned)
}

/// What `sample` is in templates: the fields that the row came with, or the model's answer.
pub(super) fn namespace(row: &EvalRow, sample: &Sample) -> Option<Value> {
    let asked = sample.finish_reason.is_some() && sample.max_tokens.is_some();
    let mut fields = match (asked, &row.sample) {
        (false, given) => given.clone()?,
        (true, _) => Map::new(),
    };
    let mut set = |name: &str, value: Value| {
        fields.entry(name).or_insert(value);
    };
    if let Some(text) = &sample.output {
        set("output_text", Value::from(text.as_str()));
        if let Ok(json @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(text.trim()) {
            set("output_json", json);
        }
    }
    if asked {
        set("model", json!(sample.model));
        set("output_tools", sample.tool_calls.iter().map(with_arguments).collect());
        let message = json!({"role": "assistant", "content": sample.output, "tool_calls": sample.tool_calls});
        set("choices", json!([{"index": 0, "finish_reason": sample.finish_reason, "message": message}]));
    }
    Some(Value::Object(fields))
}

/// A call whose arguments can be named one by one.
fn with_arguments(call: &Value) -> Value {
    let mut call = call.clone();
    if let Some(Ok(arguments)) = call["function"]["arguments"].as_str().map(serde_json::from_str::<Value>) {
        call["function"]["arguments"] = arguments;
    }
    call
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_can_stand_in_a_row() {
        let item = json!({"turns": [{"role": "system", "content": "简短"}, {"role": "user", "content": [{"type": "text", "text": "你"}, "好"]}], "text": "hi", "n": 1});
        let read = |reference: &str| turns(&Turns::Reference(reference.to_owned()), &item);
        let said = read("item.turns").unwrap();
        assert_eq!((said[0].role, said[1].content.as_str()), (Role::System, "你好"));
        assert_eq!(read("item.text").unwrap()[0].role, Role::User);
        assert_eq!(read("item.n").unwrap_err().code, "invalid_messages");
        assert_eq!(read("item.m").unwrap_err().code, "template_missing");
    }

    #[test]
    fn a_sample_is_what_was_said_or_what_came_with_the_row() {
        let mut row = EvalRow { item: Map::new(), sample: None };
        assert!(namespace(&row, &Sample::default()).is_none());
        row.sample = json!({"output_text": "{\"a\": 1}", "mine": 2}).as_object().cloned();
        let sample = given(&row);
        let names = namespace(&row, &sample).unwrap();
        assert_eq!((&names["output_json"]["a"], &names["mine"]), (&json!(1), &json!(2)));
        let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 3}"}});
        let said = Sample {
            output: Some("hi".to_owned()),
            finish_reason: Some("stop".to_owned()),
            max_tokens: Some(5),
            tool_calls: vec![call],
            ..Sample::default()
        };
        let names = namespace(&row, &said).unwrap();
        assert_eq!(names["output_tools"][0]["function"]["arguments"]["x"], 3);
        assert!(names.get("mine").is_none() && names.get("output_json").is_none());
    }
}
