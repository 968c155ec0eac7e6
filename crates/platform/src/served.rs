//! A task that answers as a model, `task/NAME`: by the way that was decided, or the usual one.

use std::path::PathBuf;
use std::sync::Arc;

use async_stream::try_stream;
use domain::{
    Card, Event, EventStream, FinishReason, Grammar, LanguageModel, Prompt, Request, Role, Task, Timings, Usage,
};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::choose::{Decisions, task_fingerprint};
use crate::routes::{Answer, Answerer, Candidate, Outcome, Route};
use crate::{Decision, Error, Result, Workspace};

/// Tokens of an answer, at most, where nothing was decided.
pub(crate) const MAX_TOKENS: u32 = 1024;
/// Rows of one request that are asked at once.
const AT_ONCE: usize = 16;

/// How a task is done now.
pub(crate) struct Served {
    pub(crate) task: Arc<Task>,
    pub(crate) answerer: Answerer,
}

/// Rows and what came of each, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Answers {
    /// How they were answered.
    pub candidate: Candidate,
    /// What came of each row.
    pub rows: Vec<RowAnswer>,
    /// Tokens counted.
    pub usage: Usage,
}

/// What came of a row, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct RowAnswer {
    /// The answer, or why there is none.
    pub outcome: Outcome,
    /// How long it took.
    pub milliseconds: f64,
    /// How likely the answer is, where the route knows.
    pub probability: Option<f64>,
}

impl Workspace {
    /// Answers rows of a task by the way that was decided for it, or the usual one.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such task or its model is not here, [`Error::Invalid`] if its file is wrong.
    pub async fn answer_task(&self, name: &str, rows: Vec<Map<String, Value>>) -> Result<Answers> {
        let served = self.served(name).await?;
        let answerer = &served.answerer;
        let coming = futures_util::stream::iter(rows.into_iter().map(|row| async move { answerer.timed(&row).await }));
        let answers: Vec<_> = coming.buffered(AT_ONCE).collect().await;
        let usage = answers.iter().fold(Usage::default(), |all, (answer, _)| crate::routes::sum(all, answer.usage));
        let row = |(answer, milliseconds): (Answer, f64)| RowAnswer {
            outcome: answer.outcome,
            milliseconds,
            probability: answer.probability,
        };
        let rows = answers.into_iter().map(row).collect();
        Ok(Answers { candidate: served.answerer.candidate.clone(), rows, usage })
    }

    /// A task made ready, which it stays until its file, its decision or a model changes.
    pub(crate) fn served<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Arc<Served>>> {
        Box::pin(async move {
            let task = Arc::new(self.tasks().show(name)?.task()?);
            let decided = self.decisions().in_force(name)?;
            let path = decided.as_ref().map(|(path, _)| path.display().to_string()).unwrap_or_default();
            // Cards say who may see which data.
            let cards = serde_json::to_string(&self.remotes().list()?).expect("cards are plain data: this is a bug");
            let digest = format!("{} {path} {cards}", task_fingerprint(&task));
            let make = async {
                let answerer = self.ready(&task, decided, None).await?;
                Ok(Served { task: Arc::clone(&task), answerer })
            };
            self.ready_tasks().get(name, &digest, make).await
        })
    }

    /// The way that was decided for a task, or the usual one.
    pub(crate) async fn decided(&self, task: &Arc<Task>, max_tokens: Option<u32>) -> Result<Answerer> {
        let decided = self.decisions().in_force(&task.name)?;
        self.ready(task, decided, max_tokens).await
    }

    async fn ready(
        &self,
        task: &Arc<Task>,
        decided: Option<(PathBuf, Decision)>,
        max_tokens: Option<u32>,
    ) -> Result<Answerer> {
        let Some((path, decision)) = decided else {
            let usual = self.usual(task, None, None)?;
            tracing::warn!(
                task = task.name,
                "nothing was decided for it, so it answers by {usual}; `sumeru choose` measures which way is best"
            );
            return self.answerer(task, &usual, &[], max_tokens.unwrap_or(MAX_TOKENS), 0).await;
        };
        if decision.task_fingerprint != task_fingerprint(task) {
            tracing::warn!(
                task = task.name,
                "its file has changed since the decision; `sumeru recheck` measures it again"
            );
        }
        // What was enough where it was measured may be too little for longer rows, and an answer that is cut is none.
        let most = max_tokens.unwrap_or(decision.max_tokens.max(MAX_TOKENS));
        if let Some((last, none)) = self.decisions().last(&task.name)?.filter(|(last, _)| *last != path) {
            tracing::warn!(
                task = task.name,
                "{} chose nothing ({}), so it answers by the decision of {}",
                last.display(),
                none.why,
                decision.date
            );
        }
        match &decision.chosen {
            // It may rest on examples that it learnt from.
            Some(candidate) => {
                let (task, train) = decision.fitted(candidate, task, Decisions::train(&path)?)?;
                self.answerer(&task, candidate, &train, most, decision.seed).await
            }
            None => {
                let usual = self.usual(task, None, None)?;
                tracing::warn!(
                    task = task.name,
                    "no way was good enough for its last decision, so it answers by {usual}"
                );
                self.answerer(task, &usual, &[], most, 0).await
            }
        }
    }

    /// As is asked for, or as is usual.
    pub(crate) fn usual(&self, task: &Task, route: Option<Route>, model: Option<&str>) -> Result<Candidate> {
        let route = route.unwrap_or_else(|| Route::usual(task));
        let default =
            || if route == Route::Classifier { self.default_embedder() } else { self.default_language_model() };
        Ok(Candidate::plain(route, model.map_or_else(default, |name| Ok(name.to_owned()))?))
    }
}

/// `task/NAME` as a language model: the last message is the row, the answer is of the task's form.
pub(crate) struct TaskModel {
    served: Arc<Served>,
    card: Card,
}

impl TaskModel {
    pub(crate) fn new(served: Arc<Served>) -> Self {
        let card = Card {
            name: format!("task/{}", served.task.name),
            description: served.task.description.clone(),
            architecture: "task".to_owned(),
            ..served.answerer.card.clone()
        };
        Self { served, card }
    }
}

/// The row of a request.
fn row(task: &Task, request: &Request) -> Result<Map<String, Value>> {
    for (asked, param) in [
        (request.logprobs.is_some(), "logprobs"),
        (request.echo, "echo"),
        (!request.tools.is_empty(), "tools"),
        (request.grammar.is_some(), request.grammar.as_ref().map_or("", Grammar::param)),
    ] {
        if asked {
            let message = format!(
                "'{param}' is not supported by a task, whose file says how it answers; leave it out, or ask a plain model"
            );
            return Err(Error::invalid(param, "unsupported_parameter", message));
        }
    }
    let (param, text) = match &request.prompt {
        Prompt::Text(text) => ("prompt", text.clone()),
        Prompt::Tokens(_) => {
            return Err(Error::invalid("prompt", "invalid_value", "a task is asked in words; send the prompt as text"));
        }
        Prompt::Chat(messages) => {
            if messages.iter().any(|message| matches!(message.role, Role::System | Role::Developer)) {
                let message = format!(
                    "the task '{}' has its own instructions; leave system messages out, or edit its file",
                    task.name
                );
                return Err(Error::invalid("messages", "unsupported_parameter", message));
            }
            let last = messages.iter().rev().find(|message| message.role == Role::User);
            ("messages", last.map(domain::Message::joined_text).unwrap_or_default())
        }
    };
    if let Ok(Value::Object(fields)) = serde_json::from_str(&text)
        && task.input.iter().any(|field| fields.contains_key(&field.name))
    {
        return Ok(fields);
    }
    let needed: Vec<&str> =
        task.input.iter().filter(|field| !field.optional).map(|field| field.name.as_str()).collect();
    match needed.as_slice() {
        [only] => Ok(Map::from_iter([((*only).to_owned(), Value::from(text))])),
        several => Err(Error::invalid(
            param,
            "invalid_value",
            format!(
                "the last message of the user must be a JSON object with the fields of '{}': {}",
                task.name,
                several.join(", ")
            ),
        )),
    }
}

impl LanguageModel for TaskModel {
    fn card(&self) -> &Card {
        &self.card
    }

    fn generate(&self, request: Request) -> EventStream {
        let served = Arc::clone(&self.served);
        let events = try_stream! {
            let fields = row(&served.task, &request)?;
            let (answer, milliseconds) = served.answerer.timed(&fields).await;
            let text = match answer.outcome {
                Outcome::Output(Value::String(text)) => text,
                Outcome::Output(other) => other.to_string(),
                Outcome::Abstained(why) | Outcome::Error(why) => Err(Error::invalid("messages", "no_answer", why))?,
            };
            yield Event::Text { text, tokens: Vec::new(), prompt: false };
            let timings = Timings { generate_ms: milliseconds, ..Timings::default() };
            yield Event::Finished { reason: FinishReason::Stop, usage: answer.usage, timings };
        };
        Box::pin(events)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Field, Message};
    use serde_json::json;

    use super::*;

    fn task(fields: &[(&str, bool)]) -> Task {
        Task {
            input: fields
                .iter()
                .map(|(name, optional)| Field {
                    name: (*name).to_owned(),
                    description: String::new(),
                    optional: *optional,
                })
                .collect(),
            ..Task::new("sort", json!({"type": "string"}))
        }
    }

    fn asked(task: &Task, text: &str) -> Result<Value> {
        let messages = vec![Message::text(Role::User, "before"), Message::text(Role::User, text)];
        row(task, &Request::new(Prompt::Chat(messages))).map(Value::Object)
    }

    #[test]
    fn the_last_message_is_the_row() {
        let one = task(&[("text", false), ("shop", true)]);
        assert_eq!(asked(&one, "lovely").unwrap(), json!({"text": "lovely"}));
        assert_eq!(asked(&one, r#"{"text": "lovely", "shop": "x"}"#).unwrap(), json!({"text": "lovely", "shop": "x"}));
        // JSON that is none of the fields is the text itself.
        assert_eq!(asked(&one, r#"{"a": 1}"#).unwrap(), json!({"text": r#"{"a": 1}"#}));
        let two = task(&[("a", false), ("b", false)]);
        assert!(asked(&two, "lovely").unwrap_err().to_string().contains("a, b"));
        assert_eq!(asked(&two, r#"{"a": 1, "b": 2}"#).unwrap(), json!({"a": 1, "b": 2}));
    }

    #[test]
    fn what_a_task_decides_itself_is_not_asked_for() {
        let one = task(&[("text", false)]);
        let told = vec![Message::text(Role::System, "be kind"), Message::text(Role::User, "x")];
        let error = row(&one, &Request::new(Prompt::Chat(told))).unwrap_err();
        assert!(error.to_string().contains("its own instructions"), "{error}");
        let mut request = Request::new(Prompt::Text("x".to_owned()));
        request.logprobs = Some(1);
        assert!(row(&one, &request).is_err());
        assert!(row(&one, &Request::new(Prompt::Tokens(vec![1]))).is_err());
    }
}
