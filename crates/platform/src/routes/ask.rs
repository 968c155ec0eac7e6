//! A row to a request, and what came to an answer.

use std::sync::Arc;

use domain::{Collected, Example, Field, FinishReason, Grammar, Message, Passage, Prompt, Request, Role, Task};
use serde_json::{Map, Value, json};

use super::reading::{json_in, label_in, without_thoughts};
use super::{Outcome, quote};
use crate::tasks::PASSAGES;
use crate::{Error, Result};

/// Asks a task's rows, and reads the answers.
pub(super) struct Asking {
    task: Arc<Task>,
    answer: jsonschema::Validator,
    max_tokens: u32,
    hold: Hold,
}

/// How a model is held to a choice of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// To their very words.
    Words,
    /// To JSON that holds one.
    Schema,
}

impl Asking {
    pub(super) fn new(task: Arc<Task>, max_tokens: u32, hold: Hold) -> Result<Self> {
        let answer = jsonschema::validator_for(&task.output).map_err(|error| {
            Error::invalid("task", "invalid_task", format!("{}: its form is no JSON Schema: {error}", task.name))
        })?;
        Ok(Self { task, answer, max_tokens, hold })
    }

    pub(super) fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    pub(super) fn task(&self) -> &Task {
        &self.task
    }

    /// What a row lacks.
    pub(super) fn check(&self, fields: &Map<String, Value>) -> std::result::Result<(), String> {
        let empty = |name: &str| fields.get(name).is_none_or(|value| value.is_null() || value == "");
        match self.task.input.iter().find(|field| !field.optional && empty(&field.name)) {
            None => Ok(()),
            Some(field) => {
                let there: Vec<&str> = fields.keys().map(String::as_str).collect();
                Err(format!("the field `{}` is missing or empty; the row has {}", field.name, there.join(", ")))
            }
        }
    }

    /// What is said to a model of a row: the form of answers, examples with theirs, the row. What all rows have in common comes first, so that
    /// it is read once.
    ///
    /// # Errors
    /// Why the row cannot be asked.
    pub(super) fn messages(
        &self,
        shots: &[&Example],
        passages: &str,
        fields: &Map<String, Value>,
    ) -> std::result::Result<Vec<Message>, String> {
        let mut messages: Vec<Message> =
            form(&self.task).map(|text| Message::text(Role::System, text)).into_iter().collect();
        for shot in shots {
            messages.push(Message::text(Role::User, told(&self.task, &shot.input, "")?));
            messages.push(Message::text(Role::Assistant, said(&self.task, &shot.output)));
        }
        messages.push(Message::text(Role::User, told(&self.task, fields, passages)?));
        Ok(messages)
    }

    /// The request for an answer of the task's form.
    pub(super) fn request(&self, messages: Vec<Message>) -> Request {
        let mut request = Request::new(Prompt::Chat(messages));
        request.sampling.temperature = Some(0.0);
        request.max_tokens = Some(self.max_tokens);
        request.grammar = match (self.task.labels(), self.task.answers_in_text()) {
            (Some(labels), _) => Some(self.choice(&labels)),
            (None, true) => None,
            (None, false) => Some(Grammar::JsonSchema(quote::told(&self.task.output))),
        };
        request
    }

    /// What holds a model to a choice.
    pub(super) fn choice(&self, labels: &[&str]) -> Grammar {
        match self.hold {
            Hold::Words => Grammar::Choice(labels.iter().map(|label| (*label).to_owned()).collect()),
            Hold::Schema => Grammar::JsonSchema(json!({
                "type": "object",
                "properties": {"answer": {"type": "string", "enum": labels}},
                "required": ["answer"],
                "additionalProperties": false,
            })),
        }
    }

    /// Whether the task is in Chinese.
    pub(super) fn chinese(&self) -> bool {
        is_chinese(&self.task.instructions)
    }

    /// The answer, which is of the task's form.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn answer(&self, came: &Collected) -> std::result::Result<Value, String> {
        let text = without_thoughts(&came.text);
        let labels = self.task.labels();
        let label = labels.as_ref().and_then(|labels| label_in(labels, text));
        // A text that was cut is not what was asked for, however much of it there is.
        if came.reason == FinishReason::Length && label.is_none() {
            return Err(format!(
                "the answer was cut after {} tokens; allow more with --max-tokens",
                came.usage.completion_tokens
            ));
        }
        let value = if labels.is_some() || self.task.answers_in_text() {
            Value::from(label.unwrap_or(text))
        } else {
            json_in(text).ok_or_else(|| format!("the answer is no JSON: {text}"))?
        };
        let wrong = self.answer.iter_errors(&value).next().map(|error| error.to_string());
        match wrong {
            None => Ok(value),
            Some(error) => Err(format!("the answer is not of the task's form ({error}): {text}")),
        }
    }

    /// An answer whose quotations are words of the row's fields, or of the passages.
    pub(super) fn quoted(&self, output: Value, fields: &Map<String, Value>, passages: &[Passage]) -> Outcome {
        let mut texts = Vec::new();
        self.task.input.iter().filter_map(|field| fields.get(&field.name)).for_each(|one| texts_of(one, &mut texts));
        texts.extend(passages.iter().map(|passage| passage.text.as_str()));
        let quoted = quote::found(&self.task.output, output, &texts);
        // A form may say that a quotation is not empty.
        let wrong = self.answer.iter_errors(&quoted).next().map(|error| error.to_string());
        match wrong {
            None => Outcome::Output(quoted),
            Some(why) => Outcome::Error(format!("a quotation of the answer is not in the row ({why})")),
        }
    }
}

/// What is told of a value, as texts: a list may be a dialogue.
fn texts_of<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(all) => all.iter().for_each(|one| texts_of(one, texts)),
        Value::Object(fields) => fields.values().for_each(|one| texts_of(one, texts)),
        _ => {}
    }
}

/// The instructions, with a row's fields, each by its word. Other columns of the row stand for nothing.
pub(crate) fn told(task: &Task, fields: &Map<String, Value>, passages: &str) -> std::result::Result<String, String> {
    let value = |field: &Field| Some((field.word().into_owned(), fields.get(&field.name)?.clone()));
    let mut fields: Map<String, Value> = task.input.iter().filter_map(value).collect();
    if task.knowledge_base.is_some() {
        fields.insert(PASSAGES.to_owned(), Value::from(passages));
    }
    let text = minijinja::Environment::new()
        .render_str(&task.instructions, minijinja::Value::from(minijinja::value::Serde(fields)))
        .map_err(|error| format!("the instructions of '{}' cannot be filled in: {error}", task.name))?;
    Ok(text.trim().to_owned())
}

/// An answer as the model would say it.
fn said(task: &Task, output: &Value) -> String {
    match output {
        Value::String(text) if task.labels().is_some() || task.answers_in_text() => text.clone(),
        other => other.to_string(),
    }
}

/// Whether a text is Chinese, or has some.
pub(crate) fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// What is said of the form of answers, in the language of the instructions; nothing where any text will do.
pub(crate) fn form(task: &Task) -> Option<String> {
    let chinese = is_chinese(&task.instructions);
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
    let schema = quote::told(&task.output);
    Some(if chinese {
        format!("用符合这个 JSON Schema 的 JSON 回答：{schema}")
    } else {
        format!("Answer in JSON that this JSON Schema accepts: {schema}")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asking(output: Value) -> Asking {
        let field = |name: &str, optional| Field { name: name.to_owned(), description: String::new(), optional };
        let task = Task {
            input: vec![field("text", false), field("who", true)],
            instructions: "Sort {{ text }}{% if who %} of {{ who }}{% endif %}.\n".to_owned(),
            ..Task::new("sort", output)
        };
        Asking::new(Arc::new(task), 9, Hold::Words).expect("a task")
    }

    fn came(text: &str, reason: FinishReason) -> Collected {
        Collected { text: text.to_owned(), reason, ..Collected::default() }
    }

    #[test]
    fn a_row_is_asked_after_the_examples() {
        let asking = asking(json!({"type": "string", "enum": ["x", "y"]}));
        let shot = Example::new(Map::from_iter([("text".to_owned(), json!("a"))]), json!("x"));
        let row = Map::from_iter([("text".to_owned(), json!("<b>")), ("who".to_owned(), json!("Ann"))]);
        let messages = asking.messages(&[&shot], "", &row).expect("messages");
        let texts: Vec<String> = messages.iter().map(Message::joined_text).collect();
        assert_eq!(texts, ["Answer with one of these alone: x, y.", "Sort a.", "x", "Sort <b> of Ann."]);
        assert_eq!(asking.request(messages).grammar, Some(Grammar::Choice(vec!["x".to_owned(), "y".to_owned()])));
        let missing = asking.check(&Map::from_iter([("txt".to_owned(), json!("b"))])).expect_err("no text");
        assert!(missing.contains("`text`") && missing.contains("the row has txt"), "{missing}");
    }

    #[test]
    fn fields_stand_for_their_words() {
        let field = |name: &str| Field { name: name.to_owned(), description: String::new(), optional: true };
        let task = Task {
            input: ["Review Text", "评论 内容", "text (en)", "2024", "not"].map(field).into(),
            instructions: "{{ Review_Text }}|{{ 评论_内容 }}|{{ text_en }}|{{ _2024 }}|{{ _not }}".to_owned(),
            ..Task::new("sort", json!({"type": "string"}))
        };
        let row = json!({"Review Text": "a", "Review_Text": "another column", "评论 内容": "b", "text (en)": "c", "2024": 4, "not": "e"});
        assert_eq!(told(&task, row.as_object().expect("a row"), ""), Ok("a|b|c|4|e".to_owned()));
        let row = json!({"_2024": "another column", "2024": ""});
        assert_eq!(told(&task, row.as_object().expect("a row"), ""), Ok("||||".to_owned()));
    }

    #[test]
    fn answers_are_of_the_form_or_said_not_to_be() {
        let labels = asking(json!({"type": "string", "enum": ["x", "y"]}));
        assert_eq!(labels.answer(&came(" x\n", FinishReason::Stop)), Ok(json!("x")));
        assert_eq!(labels.answer(&came("Y, because it is so.", FinishReason::Length)), Ok(json!("y")));
        assert!(labels.answer(&came("z", FinishReason::Stop)).is_err());
        let record = asking(json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}));
        assert_eq!(record.answer(&came("{\"a\": 1}", FinishReason::Stop)), Ok(json!({"a": 1})));
        for (text, reason, part) in [
            ("{\"a\": ", FinishReason::Length, "cut"),
            ("{\"a\": ", FinishReason::Stop, "no JSON"),
            ("{}", FinishReason::Stop, "required"),
        ] {
            let why = record.answer(&came(text, reason)).expect_err(text);
            assert!(why.contains(part), "{why}");
        }
        let any = asking(json!({"type": "string"}));
        assert_eq!(any.answer(&came("a sentence", FinishReason::Stop)), Ok(json!("a sentence")));
        let why = any.answer(&came("half a sen", FinishReason::Length)).expect_err("half");
        assert!(why.contains("cut after"), "{why}");
        assert_eq!(any.request(Vec::new()).grammar, None);
    }
}
