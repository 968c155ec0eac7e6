//! What evals are made of: the eval, its runs, their rows, and what came of each.

use std::collections::BTreeMap;

use domain::{Grammar, Role, Sampling, ToolSpec, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Criterion;
use crate::Error;

/// Key-value pairs that people attach to things.
pub type Metadata = BTreeMap<String, String>;

/// What rows look like, and how they are graded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Eval {
    /// `eval_…`.
    pub id: String,
    /// Microseconds since 1970.
    pub created: u64,
    /// The same, of the last change.
    pub updated: u64,
    /// What it is called.
    pub name: String,
    /// What people attached.
    pub metadata: Metadata,
    /// JSON Schema of a row's item.
    pub item_schema: Value,
    /// Whether rows have samples, too: answers of a model.
    pub include_sample_schema: bool,
    /// What is asked of each answer.
    pub criteria: Vec<Criterion>,
}

/// An eval, wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEval {
    /// What it is called; its id if left out.
    pub name: Option<String>,
    /// What people attached.
    pub metadata: Metadata,
    /// JSON Schema of a row's item.
    pub item_schema: Value,
    /// Whether rows have samples, too.
    pub include_sample_schema: bool,
    /// What is asked of each answer.
    pub criteria: Vec<Criterion>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits for its turn.
    Queued,
    /// Rows are being worked through.
    InProgress,
    /// All rows are done.
    Completed,
    /// It could not go on.
    Failed,
    /// Somebody stopped it.
    Canceled,
}

impl Status {
    /// Whether nothing more will happen.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::InProgress)
    }
}

/// Rows under an eval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// `evalrun_…`.
    pub id: String,
    /// The eval's.
    pub eval: String,
    /// Microseconds since 1970.
    pub created: u64,
    /// What it is called.
    pub name: String,
    /// What people attached.
    pub metadata: Metadata,
    /// Where it stands.
    pub status: Status,
    /// Why it failed.
    pub error: Option<Fault>,
    /// As it was asked for, without the rows.
    pub data_source: Value,
    /// What is asked of a model for each row; none where rows come with answers.
    pub ask: Option<Ask>,
    /// What came of the rows so far.
    pub tally: Tally,
}

/// A run, wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// What it is called; its id if left out.
    pub name: Option<String>,
    /// What people attached.
    pub metadata: Metadata,
    /// As it was asked for, without the rows.
    pub data_source: Value,
    /// What is asked of a model for each row.
    pub ask: Option<Ask>,
    /// The rows.
    pub rows: Vec<EvalRow>,
    /// Of rows that come from a file: the lines they stand in, from 1, as complaints name them.
    pub lines: Option<Vec<usize>>,
}

/// A row of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalRow {
    /// Its fields.
    pub item: Map<String, Value>,
    /// An answer that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Map<String, Value>>,
}

/// What is asked of a model for each row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// A model, local or remote, `kb/NAME` or `task/NAME`.
    pub model: String,
    /// What is said to it.
    pub turns: Turns,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Tokens of an answer, at most.
    pub max_tokens: u32,
    /// What an answer must be.
    pub form: Form,
    /// Tools offered.
    pub tools: Vec<ToolSpec>,
}

/// What is said to a model of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turns {
    /// Messages with templates in them.
    Template(Vec<Said>),
    /// Where in the row the messages are: `item.input_trajectory`.
    Reference(String),
}

/// A message, or a template of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Any text.
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema(Value),
}

impl Form {
    /// As a model is held to it.
    pub(crate) fn grammar(&self) -> Option<Grammar> {
        match self {
            Self::Text => None,
            Self::JsonObject => Some(Grammar::JsonObject),
            Self::JsonSchema(schema) => Some(Grammar::JsonSchema(schema.clone())),
        }
    }
}

/// Why a row or a run came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// A stable code.
    pub code: String,
    /// What was wrong, why, what to do.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        let code = match error {
            Error::Invalid { code, .. } | Error::NotFound { code, .. } => code,
            Error::Conflict { .. } => "conflict",
            Error::Busy { .. } => "queue_full",
            Error::Failed { .. } => "internal_error",
        };
        Self::new(code, error.to_string())
    }
}

/// What came of the rows of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Rows that passed everything.
    pub passed: usize,
    /// Rows that did not.
    pub failed: usize,
    /// Rows that could not be asked or graded.
    pub errored: usize,
    /// Of each criterion, in the eval's order.
    pub criteria: Vec<Counted>,
    /// Of each model, in the order in which they were first asked.
    pub models: Vec<Used>,
}

/// What came of one criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Its name.
    pub name: String,
    /// Rows that passed it.
    pub passed: usize,
    /// Rows that did not.
    pub failed: usize,
}

/// What one model was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Its name.
    pub model: String,
    /// How often it answered.
    pub invocations: usize,
    /// Tokens counted.
    pub usage: Usage,
}

impl Tally {
    pub(super) fn of(criteria: &[Criterion]) -> Self {
        let counted = |criterion: &Criterion| Counted { name: criterion.name.clone(), passed: 0, failed: 0 };
        Self { criteria: criteria.iter().map(counted).collect(), ..Self::default() }
    }

    /// Rows that are done.
    pub fn total(&self) -> usize {
        self.passed + self.failed + self.errored
    }

    pub(super) fn add(&mut self, item: &Item) {
        *match item.verdict {
            Verdict::Pass => &mut self.passed,
            Verdict::Fail => &mut self.failed,
            Verdict::Error => &mut self.errored,
        } += 1;
        for graded in item.results.iter().filter(|graded| graded.error.is_none()) {
            if let Some(counted) = self.criteria.iter_mut().find(|counted| counted.name == graded.name) {
                *(if graded.passed { &mut counted.passed } else { &mut counted.failed }) += 1;
            }
        }
        for spent in &item.spent {
            match self.models.iter_mut().find(|used| used.model == spent.model) {
                Some(used) => {
                    used.invocations += 1;
                    used.usage = crate::routes::sum(used.usage, spent.usage);
                }
                None => self.models.push(Used { model: spent.model.clone(), invocations: 1, usage: spent.usage }),
            }
        }
    }
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It passed every criterion.
    Pass,
    /// It did not.
    Fail,
    /// It could not be asked or graded.
    Error,
}

/// What came of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Which row, from 0.
    pub index: usize,
    /// Seconds since 1970.
    pub created: u64,
    /// What became of it.
    pub verdict: Verdict,
    /// The row's fields.
    pub item: Map<String, Value>,
    /// What was asked and answered.
    pub sample: Sample,
    /// What each grader said, in the eval's order.
    pub results: Vec<Graded>,
    /// Each answer of a model.
    pub spent: Vec<Spent>,
}

/// An answer to a row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Who answered, if somebody was asked.
    pub model: Option<String>,
    /// What was said to it.
    pub input: Vec<Said>,
    /// What it said.
    pub output: Option<String>,
    /// Calls of tools in the answer, in OpenAI's shape.
    pub tool_calls: Vec<Value>,
    /// Why it ended.
    pub finish_reason: Option<String>,
    /// Tokens counted.
    pub usage: Usage,
    /// How it was asked.
    pub max_tokens: Option<u32>,
    /// How tokens were drawn.
    pub sampling: Sampling,
    /// Why there is no answer, or why it could not be graded.
    pub error: Option<Fault>,
}

/// What a grader said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Graded {
    /// The criterion's name.
    pub name: String,
    /// The grader's kind, as `string_check`.
    pub kind: String,
    /// Whether it passes.
    pub passed: bool,
    /// The grader's figure.
    pub score: f64,
    /// What a model was asked for it, and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Value>,
    /// Why there is no figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
}

/// An answer, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Who answered.
    pub model: String,
    /// Tokens counted.
    pub usage: Usage,
}

/// What evals are listed by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sorting {
    /// When they were made.
    #[default]
    Created,
    /// When they were changed.
    Updated,
}
