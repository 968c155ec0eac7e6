//! What an answer scores, by whichever metric its task has.
//!
//! [`Workspace::grader`] makes a [`Grader`] ready; metrics of two texts alone are `evaluate`'s, `similarity` asks an embedding model, `citations`
//! looks into the passages an answer was written from, `judge` has a language model grade, `graded` reads answers that people graded, and
//! `reliability` holds the judge against them.

mod citations;
mod graded;
mod judge;
mod reliability;
mod similarity;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::{Example, Metric, Passage, Price, Task, Usage};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::choose::task_fingerprint;
use crate::remotes::policy_of;
use crate::{Error, Result, Workspace};
use judge::Judge;
pub(crate) use judge::order_decides;
use similarity::Similarity;

pub use graded::{Graded, GradedRow, graded};
pub(crate) use reliability::held;
pub use reliability::{Differing, JudgeReport, Reliability};

/// Scores a task's answers.
pub(crate) struct Grader {
    workspace: Workspace,
    task: Arc<Task>,
    way: Way,
}

enum Way {
    Plain,
    Similarity(Similarity),
    Citations,
    Judge(Box<Judge>),
}

/// What an answer scores, and what finding that took.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Score {
    /// 0 to 1.
    pub(crate) score: f64,
    /// What the grader said: a grade and its reason.
    pub(crate) said: Value,
    /// Tokens.
    pub(crate) usage: Usage,
}

impl Workspace {
    /// Makes ready what scores a task's answers.
    ///
    /// # Errors
    /// [`Error::NotFound`] if a model it needs is not here, [`Error::Invalid`] if the policy keeps the task's data from it.
    pub(crate) async fn grader(&self, task: &Arc<Task>) -> Result<Grader> {
        let way = match &task.metric {
            Metric::Similarity => Way::Similarity(Similarity::open(self, task.similarity_model.as_deref()).await?),
            Metric::Citations => Way::Citations,
            metric if metric.has_judge() => Way::Judge(Box::new(Judge::open(self, task).await?)),
            _ => Way::Plain,
        };
        Ok(Grader { workspace: self.clone(), task: Arc::clone(task), way })
    }
}

impl Grader {
    /// The model that judges, if one does.
    pub(crate) fn judge(&self) -> Option<&str> {
        match &self.way {
            Way::Judge(judge) => Some(&judge.card.name),
            _ => None,
        }
    }

    /// The judge's file, hashed.
    pub(crate) fn judge_sha256(&self) -> String {
        match &self.way {
            Way::Judge(judge) => judge.card.sha256.clone(),
            _ => String::new(),
        }
    }

    /// What a judge's tokens cost; nothing if it is local.
    pub(crate) fn price(&self) -> Option<&Price> {
        match &self.way {
            Way::Judge(judge) => judge.price.as_ref(),
            _ => None,
        }
    }

    /// Grades of the scale it gives: those of a judge.
    pub(crate) fn grades(&self) -> usize {
        judge::grades(&self.task)
    }

    /// Whether it needs the passages an answer was written from, which are there only when it comes.
    pub(crate) fn needs_passages(&self) -> bool {
        matches!(self.way, Way::Citations)
    }

    /// Whether what it says should be kept, and what makes it the same in another sitting: the metric, the model's file, the task.
    pub(crate) fn identity(&self) -> Option<String> {
        let card = match &self.way {
            Way::Plain | Way::Citations => return None,
            Way::Similarity(similarity) => similarity.card(),
            Way::Judge(judge) => &judge.card,
        };
        Some(format!("{}@{} {} {}", self.task.metric, card.name, card.sha256, task_fingerprint(&self.task)))
    }

    /// Whether the grader may see these rows; nothing of them has been sent yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the first that it may not.
    pub(crate) fn may_see(&self, examples: &[Example]) -> Result<()> {
        let Way::Judge(judge) = &self.way else { return Ok(()) };
        for example in examples {
            let policy = policy_of(&self.task, &example.input)
                .map_err(|why| Error::invalid("data", "invalid_value", format!("the judge cannot be asked: {why}")))?;
            policy.allows(&judge.standing).map_err(|refusal| {
                let row = crate::data::fingerprint(std::slice::from_ref(example));
                self.workspace.audit(&self.task.name, &refusal, Some(&row));
                Error::invalid(
                    "judge",
                    refusal.rule,
                    format!("the judge may not see a row: {}; name another one with `model` in [judge]", refusal.why),
                )
            })?;
        }
        Ok(())
    }

    /// What an answer to an example scores; `passages` are those it was written from.
    ///
    /// # Errors
    /// Why it has no score: the model that grades failed, or may not see it.
    pub(crate) async fn score(&self, example: &Example, answer: &Value, passages: &[Passage]) -> Result<Score> {
        let plain = |score: f64| Score { score, ..Score::default() };
        match &self.way {
            Way::Plain => {
                evaluate::score(&self.task.metric, &self.task.output, &example.output, answer).map(plain).ok_or_else(
                    || Error::failed(format!("'{}' has no score of two texts: this is a bug", self.task.metric)),
                )
            }
            Way::Similarity(similarity) => similarity.score(&example.output, answer).await,
            Way::Citations => citations::score(&self.workspace, example, answer, passages).await.map(plain),
            Way::Judge(judge) => {
                self.may_see(std::slice::from_ref(example))?;
                judge.score(&self.task, example, answer).await
            }
        }
    }
}

/// What an answer to an example is known by.
pub(crate) fn answer_key(example: &Example, answer: &Value) -> String {
    let of_example = crate::data::fingerprint(std::slice::from_ref(example));
    let hash = Sha256::digest(format!("{of_example}\n{answer}"));
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A value as people read it.
fn words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
