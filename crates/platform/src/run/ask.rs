//! A row to a request, and what came to an answer.

use domain::{Collected, FinishReason, Grammar, Message, Prompt, Request, Role, Task};
use serde_json::{Map, Value};

use crate::{Error, Result};

/// Asks one task's rows, and reads the answers.
pub(super) struct Asking<'a> {
    task: &'a Task,
    answer: jsonschema::Validator,
    /// What all requests begin with, so that it is read once.
    beginning: Vec<Message>,
    max_tokens: u32,
}

impl<'a> Asking<'a> {
    pub(super) fn new(task: &'a Task, max_tokens: u32) -> Result<Self> {
        let answer = jsonschema::validator_for(&task.output).map_err(|error| {
            Error::invalid("task", "invalid_task", format!("{}: its form is no JSON Schema: {error}", task.name))
        })?;
        let mut beginning: Vec<Message> =
            form(task).map(|text| Message::text(Role::System, text)).into_iter().collect();
        for example in &task.examples {
            beginning.push(Message::text(Role::User, told(task, &example.input)?));
            beginning.push(Message::text(Role::Assistant, said(task, &example.output)));
        }
        Ok(Self { task, answer, beginning, max_tokens })
    }

    /// What is asked of a row.
    ///
    /// # Errors
    /// What the row lacks.
    pub(super) fn request(&self, fields: &Map<String, Value>) -> std::result::Result<Request, String> {
        let empty = |name: &str| fields.get(name).is_none_or(|value| value.is_null() || value == "");
        if let Some(field) = self.task.input.iter().find(|field| !field.optional && empty(&field.name)) {
            let there: Vec<&str> = fields.keys().map(String::as_str).collect();
            return Err(format!("the field `{}` is missing or empty; the row has {}", field.name, there.join(", ")));
        }
        let told = told(self.task, fields).map_err(|error| error.to_string())?;
        let mut messages = self.beginning.clone();
        messages.push(Message::text(Role::User, told));
        let mut request = Request::new(Prompt::Chat(messages));
        request.sampling.temperature = Some(0.0);
        request.max_tokens = Some(self.max_tokens);
        request.grammar = match (self.task.labels(), self.task.answers_in_text()) {
            (Some(labels), _) => Some(Grammar::Choice(labels.into_iter().map(str::to_owned).collect())),
            (None, true) => None,
            (None, false) => Some(Grammar::JsonSchema(self.task.output.clone())),
        };
        Ok(request)
    }

    /// The answer, which is of the task's form.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn answer(&self, came: &Collected) -> std::result::Result<Value, String> {
        if came.reason == FinishReason::Length && !self.task.answers_in_text() {
            return Err(format!(
                "the answer was cut after {} tokens; allow more with --max-tokens",
                came.usage.completion_tokens
            ));
        }
        let text = came.text.trim();
        let value = if self.task.labels().is_some() || self.task.answers_in_text() {
            Value::from(text)
        } else {
            serde_json::from_str(text).map_err(|error| format!("the answer is no JSON ({error}): {text}"))?
        };
        let wrong = self.answer.iter_errors(&value).next().map(|error| error.to_string());
        match wrong {
            None => Ok(value),
            Some(error) => Err(format!("the answer is not of the task's form ({error}): {text}")),
        }
    }
}

/// The instructions, with a row's fields.
fn told(task: &Task, fields: &Map<String, Value>) -> Result<String> {
    let text = minijinja::Environment::new()
        .render_str(&task.instructions, minijinja::Value::from(minijinja::value::Serde(fields)))
        .map_err(|error| {
            Error::invalid(
                "task",
                "invalid_task",
                format!("{}: its instructions cannot be filled in: {error}", task.name),
            )
        })?;
    Ok(text.trim().to_owned())
}

/// An answer as the model would say it.
fn said(task: &Task, output: &Value) -> String {
    match output {
        Value::String(text) if task.labels().is_some() || task.answers_in_text() => text.clone(),
        other => other.to_string(),
    }
}

/// What is said of the form of answers, in the language of the instructions; nothing where any text will do.
fn form(task: &Task) -> Option<String> {
    let chinese = task.instructions.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    if let Some(labels) = task.labels() {
        let labels = labels.join(if chinese { "、" } else { ", " });
        return Some(if chinese {
            format!("只回答其中之一：{labels}。")
        } else {
            format!("Answer with one of these alone: {labels}.")
        });
    }
    if task.answers_in_text() {
        return None;
    }
    let schema = &task.output;
    Some(if chinese {
        format!("用符合这个 JSON Schema 的 JSON 回答：{schema}")
    } else {
        format!("Answer in JSON that this JSON Schema accepts: {schema}")
    })
}

#[cfg(test)]
mod tests {
    use domain::{Example, Field, Timings, Usage};
    use serde_json::json;

    use super::*;

    fn task(output: Value) -> Task {
        let field = |name: &str, optional| Field { name: name.to_owned(), description: String::new(), optional };
        Task {
            name: "sort".to_owned(),
            description: String::new(),
            input: vec![field("text", false), field("who", true)],
            output,
            instructions: "Sort {{ text }}{% if who %} of {{ who }}{% endif %}.\n".to_owned(),
            examples: vec![Example { input: Map::from_iter([("text".to_owned(), json!("a"))]), output: json!("x") }],
        }
    }

    fn came(text: &str, reason: FinishReason) -> Collected {
        Collected {
            text: text.to_owned(),
            echoed: String::new(),
            tokens: Vec::new(),
            tool_calls: Vec::new(),
            citations: Vec::new(),
            dropped: 0,
            reason,
            usage: Usage::default(),
            timings: Timings::default(),
        }
    }

    #[test]
    fn a_row_is_asked_after_the_examples() {
        let task = task(json!({"type": "string", "enum": ["x", "y"]}));
        let asking = Asking::new(&task, 9).expect("a task");
        let row = Map::from_iter([("text".to_owned(), json!("<b>")), ("who".to_owned(), json!("Ann"))]);
        let request = asking.request(&row).expect("a request");
        let Prompt::Chat(messages) = &request.prompt else { panic!("a conversation") };
        let texts: Vec<String> = messages.iter().map(Message::joined_text).collect();
        assert_eq!(texts, ["Answer with one of these alone: x, y.", "Sort a.", "x", "Sort <b> of Ann."]);
        assert_eq!(request.grammar, Some(Grammar::Choice(vec!["x".to_owned(), "y".to_owned()])));
        let missing = asking.request(&Map::from_iter([("txt".to_owned(), json!("b"))])).expect_err("no text");
        assert!(missing.contains("`text`") && missing.contains("the row has txt"), "{missing}");
    }

    #[test]
    fn answers_are_of_the_form_or_said_not_to_be() {
        let labels = task(json!({"type": "string", "enum": ["x", "y"]}));
        let asking = Asking::new(&labels, 9).expect("a task");
        assert_eq!(asking.answer(&came(" x\n", FinishReason::Stop)), Ok(json!("x")));
        assert!(asking.answer(&came("z", FinishReason::Stop)).is_err());
        let record = task(json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}));
        let asking = Asking::new(&record, 9).expect("a task");
        assert_eq!(asking.answer(&came("{\"a\": 1}", FinishReason::Stop)), Ok(json!({"a": 1})));
        for (text, reason, part) in [
            ("{\"a\": ", FinishReason::Length, "cut"),
            ("{\"a\": ", FinishReason::Stop, "no JSON"),
            ("{}", FinishReason::Stop, "required"),
        ] {
            let why = asking.answer(&came(text, reason)).expect_err(text);
            assert!(why.contains(part), "{why}");
        }
        let any = task(json!({"type": "string"}));
        let asking = Asking::new(&any, 9).expect("a task");
        assert_eq!(asking.answer(&came("half a sen", FinishReason::Length)), Ok(json!("half a sen")));
        assert_eq!(asking.request(&Map::from_iter([("text".to_owned(), json!(1))])).expect("a request").grammar, None);
    }
}
