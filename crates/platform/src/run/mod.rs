//! A task over many rows: each is asked of a model, answers are of the task's form, the order of rows is kept.
//!
//! [`Workspace::run`] is the way through; `rows` reads tables, `journal` keeps what was answered so that a run that was killed goes on where it was.
//! How a row is answered is in `routes`.

mod journal;
mod rows;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use domain::Task;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::routes::{Answerer, Candidate, Outcome, Route};
use crate::served::MAX_TOKENS;
use crate::{Error, Result, Workspace};
use journal::{Identity, Journal};

pub(crate) use rows::records;
pub use rows::{Row, RowFormat, TableRows, rows, sample};

/// How a task is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// How; `None`: the way that was decided, or the usual one.
    pub route: Option<Route>,
    /// Who answers; `None`: whom the decision names, or the default model.
    pub model: Option<String>,
    /// Rows asked at once.
    pub concurrency: usize,
    /// Tokens of an answer, at most; `None`: as it was decided, or 1,024.
    pub max_tokens: Option<u32>,
    /// Where answers go, a JSON object a line; `None`: only to whoever watches.
    pub out: Option<PathBuf>,
}

/// A row and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// Which row, from 1.
    pub row: usize,
    /// Its fields.
    pub input: Map<String, Value>,
    /// The answer, or why there is none.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What happens in a run.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// So many of so many rows are done; of these some by an earlier run that was cut.
    Progress {
        /// Done.
        done: usize,
        /// In all.
        total: usize,
    },
    /// The next row in order.
    Row(Answered),
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// How it was answered.
    pub route: Route,
    /// Who answered.
    pub model: String,
    /// Both, and in which words.
    pub candidate: Candidate,
    /// Rows in all.
    pub rows: usize,
    /// Rows that have an answer.
    pub answered: usize,
    /// Rows for which no label was likely enough, as the task's costs say.
    pub abstained: usize,
    /// Rows that have none, and why is said with each.
    pub failed: usize,
    /// Rows that an earlier run, which was cut, had done.
    pub resumed: usize,
    /// Tokens read, of which those remembered from before.
    pub prompt_tokens: u64,
    /// See `prompt_tokens`.
    pub cached_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Time taken.
    pub seconds: f64,
}

impl Workspace {
    /// Runs a task over rows. Answers reach the watcher in the order of the rows, and `out`, if there is one, when all are done; until then
    /// they are in `OUT.part`, from which the same run goes on after it was cut.
    ///
    /// # Errors
    /// [`Error::Invalid`] if no row has the task's fields, [`Error::Conflict`] if the output is there or another run's, as
    /// [`Workspace::language_model`], or if the disk is full. A row that fails is no error: it is kept with the reason.
    pub async fn run(
        &self,
        task: &Task,
        rows: Vec<Row>,
        options: &RunOptions,
        watch: impl FnMut(RunEvent),
    ) -> Result<RunReport> {
        check_fields(task, &rows)?;
        let task = Arc::new(task.clone());
        let answerer = match (options.route, options.model.as_deref()) {
            (None, None) => self.decided(&task, options.max_tokens).await?,
            (route, model) => {
                let most = options.max_tokens.unwrap_or(MAX_TOKENS);
                self.answerer(&task, &self.usual(&task, route, model)?, &[], most, 0).await?
            }
        };
        over(&answerer, &task, rows, options, watch).await
    }
}

async fn over(
    answerer: &Answerer,
    task: &Task,
    rows: Vec<Row>,
    options: &RunOptions,
    mut watch: impl FnMut(RunEvent),
) -> Result<RunReport> {
    let started = Instant::now();
    let mut journal = match &options.out {
        Some(out) => Some(Journal::open(out, &identity(task, answerer, &rows))?),
        None => None,
    };
    let earlier = journal.as_ref().map_or(Vec::new(), |journal| journal.answered().to_vec());
    let mut report = RunReport {
        route: answerer.candidate.route,
        model: answerer.candidate.model.clone(),
        candidate: answerer.candidate.clone(),
        rows: rows.len(),
        answered: 0,
        abstained: 0,
        failed: 0,
        resumed: earlier.len(),
        prompt_tokens: 0,
        cached_tokens: 0,
        completion_tokens: 0,
        seconds: 0.0,
    };
    let done: HashSet<usize> = earlier.iter().map(|answered| answered.row).collect();
    let mut order = InOrder::new(rows.iter().map(|row| row.number).collect());
    for answered in earlier {
        report.count(&answered);
        order.put(answered, &mut watch);
    }
    let left = rows.into_iter().filter(|row| !done.contains(&row.number));
    let mut coming =
        futures_util::stream::iter(left.map(|row| answer(answerer, row))).buffer_unordered(options.concurrency.max(1));
    watch(RunEvent::Progress { done: report.done(), total: report.rows });
    while let Some((answered, usage)) = coming.next().await {
        if let Some(journal) = &mut journal {
            journal.add(answered.clone())?;
        }
        report.prompt_tokens += u64::from(usage.prompt_tokens);
        report.cached_tokens += u64::from(usage.cached_tokens);
        report.completion_tokens += u64::from(usage.completion_tokens);
        report.count(&answered);
        order.put(answered, &mut watch);
        watch(RunEvent::Progress { done: report.done(), total: report.rows });
    }
    drop(coming);
    if let Some(journal) = journal {
        journal.finish()?;
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

impl RunReport {
    fn count(&mut self, answered: &Answered) {
        match answered.outcome {
            Outcome::Output(_) => self.answered += 1,
            Outcome::Abstained(_) => self.abstained += 1,
            Outcome::Error(_) => self.failed += 1,
        }
    }

    fn done(&self) -> usize {
        self.answered + self.abstained + self.failed
    }
}

/// Hands rows on in their order, keeping those that come too early.
struct InOrder {
    order: Vec<usize>,
    next: usize,
    early: BTreeMap<usize, Answered>,
}

impl InOrder {
    fn new(order: Vec<usize>) -> Self {
        Self { order, next: 0, early: BTreeMap::new() }
    }

    fn put(&mut self, answered: Answered, watch: &mut impl FnMut(RunEvent)) {
        self.early.insert(answered.row, answered);
        while let Some(answered) = self.order.get(self.next).and_then(|row| self.early.remove(row)) {
            watch(RunEvent::Row(answered));
            self.next += 1;
        }
    }
}

async fn answer(answerer: &Answerer, row: Row) -> (Answered, domain::Usage) {
    match row.fields {
        Err(why) => {
            (Answered { row: row.number, input: Map::new(), outcome: Outcome::Error(why) }, domain::Usage::default())
        }
        Ok(input) => {
            let answer = answerer.answer(&input).await;
            (Answered { row: row.number, input, outcome: answer.outcome }, answer.usage)
        }
    }
}

/// Rows none of which has a field that the task needs are another table.
fn check_fields(task: &Task, rows: &[Row]) -> Result<()> {
    let mut sound = rows.iter().filter_map(|row| row.fields.as_ref().ok()).peekable();
    let Some(first) = sound.peek() else { return Ok(()) };
    let there: Vec<&str> = first.keys().map(String::as_str).collect();
    let there = there.join(", ");
    let has = |name: &str| rows.iter().any(|row| row.fields.as_ref().is_ok_and(|fields| fields.contains_key(name)));
    match task.input.iter().find(|field| !field.optional && !has(&field.name)) {
        Some(field) => Err(Error::invalid(
            "rows",
            "missing_field",
            format!("no row has the field `{}` that the task '{}' needs; there are {there}", field.name, task.name),
        )),
        None => Ok(()),
    }
}

fn identity(task: &Task, answerer: &Answerer, rows: &[Row]) -> Identity {
    let mut hash = Sha256::new();
    for row in rows {
        hash.update(row.number.to_le_bytes());
        match &row.fields {
            Ok(fields) => hash.update(Value::Object(fields.clone()).to_string()),
            Err(why) => hash.update(why),
        }
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let task = serde_json::to_string(task).expect("a task is plain data: this is a bug");
    Identity {
        task: hex(&Sha256::digest(format!("{task}{}", answerer.max_tokens()))),
        model: format!("{} {} {}", answerer.candidate, answerer.card.sha256, answerer.digest()),
        rows: hex(&hash.finalize()),
    }
}
