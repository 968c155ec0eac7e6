//! How far a task's judge can be trusted: it grades what people graded.

use std::collections::HashMap;
use std::sync::Arc;

use domain::{Metric, Task, Usage};
use evaluate::{Agreement, Calibration};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Graded, GradedRow, Grader, Score, order_decides};
use crate::{Error, Result, Workspace};

/// Answers graded at once.
const AT_ONCE: usize = 8;
/// Answers named on which judge and people differ.
const NAMED: usize = 10;

/// How a judge did on answers that people graded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// The file.
    pub file: String,
    /// Rows of it that are no graded answers.
    pub wrong: usize,
    /// Answers the judge gave no grade.
    pub failed: usize,
    /// Both beside each other.
    pub agreement: Agreement,
    /// Whether candidates' qualities can be corrected by it: people gave more than one grade, and the judge tells them apart.
    pub corrects: bool,
}

/// What came of holding a task's judge against people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgeReport {
    /// The task.
    pub task: String,
    /// The metric: `judge` or `judge-pairwise`.
    pub metric: Metric,
    /// Who grades.
    pub model: String,
    /// How many grades there are.
    pub grades: usize,
    /// How it did.
    pub reliability: Reliability,
    /// Of comparisons, those that turned with the order of the two.
    pub order_decides: usize,
    /// Tokens counted.
    pub usage: Usage,
    /// What they cost.
    pub cost: f64,
    /// Where judge and people differ most.
    pub differing: Vec<Differing>,
}

/// An answer on which judge and people differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Differing {
    /// The row of the file.
    pub row: usize,
    /// The answer.
    pub answer: Value,
    /// What people say, 0 to 1.
    pub human: f64,
    /// What the judge says.
    pub judge: f64,
    /// Its grade and reason.
    pub said: Value,
}

/// What a judge's grades mean, and how far that goes.
pub(crate) struct Held {
    pub(crate) reliability: Reliability,
    pub(crate) calibration: Option<Calibration>,
}

/// Holds grades against people's, in the order of the rows; nothing where the judge gave none.
///
/// # Errors
/// [`Error::Failed`] if it graded none.
pub(crate) fn held(
    file: &str,
    graded: &Graded,
    scores: &[Option<f64>],
    grades: usize,
    confidence: f64,
    seed: u64,
) -> Result<Held> {
    let pairs: Vec<(f64, f64)> =
        graded.rows.iter().zip(scores).filter_map(|(row, score)| Some((row.human, (*score)?))).collect();
    let agreement = evaluate::agreement(&pairs, grades, confidence, seed).ok_or_else(|| {
        Error::failed(format!("the judge graded none of the {} answers in {file}", graded.rows.len()))
    })?;
    let calibration = Calibration::of(&pairs, grades).filter(|one| one.correct(&[0.0, 1.0], confidence).is_some());
    let reliability = Reliability {
        file: file.to_owned(),
        wrong: graded.wrong.len(),
        failed: graded.rows.len() - pairs.len(),
        agreement,
        corrects: calibration.is_some(),
    };
    Ok(Held { reliability, calibration })
}

impl Workspace {
    /// Holds a task's judge against answers that people graded; `watch` hears how many it has graded.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the task's metric has no judge or the policy keeps the answers from it; [`Error::Failed`] if it graded none; as
    /// [`Workspace::language_model`].
    pub async fn check_judge(
        &self,
        task: &Task,
        file: &str,
        graded: &Graded,
        confidence: f64,
        mut watch: impl FnMut(usize),
    ) -> Result<JudgeReport> {
        if !task.metric.has_judge() {
            return Err(Error::invalid(
                "metric",
                "no_judge",
                format!(
                    "the metric of '{}' is {}, which has no judge; set `metric = \"judge\"`",
                    task.name, task.metric
                ),
            ));
        }
        let grader = self.grader(&Arc::new(task.clone())).await?;
        let examples: Vec<_> = graded.rows.iter().map(|row| row.example.clone()).collect();
        grader.may_see(&examples)?;
        let scores = score_all(&grader, &graded.rows, &mut watch).await;
        let (mut usage, mut first_error) = (Usage::default(), None);
        for score in scores.values() {
            match score {
                Ok(score) => usage = crate::routes::sum(usage, score.usage),
                Err(error) => first_error = Some(error.to_string()),
            }
        }
        let of = |at: usize| scores.get(&at).and_then(|score| score.as_ref().ok());
        let found: Vec<Option<f64>> = (0..graded.rows.len()).map(|at| of(at).map(|score| score.score)).collect();
        let held = held(file, graded, &found, grader.grades(), confidence, 0).map_err(|error| match first_error {
            Some(why) => Error::failed(format!("{error}: {why}")),
            None => error,
        })?;
        let mut differing: Vec<Differing> = graded
            .rows
            .iter()
            .enumerate()
            .filter_map(|(at, row)| {
                let Score { score, said, .. } = of(at)?.clone();
                Some(Differing { row: row.row, answer: row.answer.clone(), human: row.human, judge: score, said })
            })
            .filter(|one| (one.human - one.judge).abs() > 1e-9)
            .collect();
        differing.sort_by(|a, b| {
            let by = |one: &Differing| (one.human - one.judge).abs();
            by(b).total_cmp(&by(a)).then(a.row.cmp(&b.row))
        });
        differing.truncate(NAMED);
        Ok(JudgeReport {
            task: task.name.clone(),
            metric: task.metric.clone(),
            model: grader.judge().unwrap_or_default().to_owned(),
            grades: grader.grades(),
            reliability: held.reliability,
            order_decides: (0..graded.rows.len()).filter_map(of).filter(|score| order_decides(&score.said)).count(),
            cost: grader.price().map_or(0.0, |price| price.cost(&usage)),
            usage,
            differing,
        })
    }
}

async fn score_all(
    grader: &Grader,
    rows: &[GradedRow],
    watch: &mut impl FnMut(usize),
) -> HashMap<usize, Result<Score>> {
    let asked = (0..rows.len()).map(|at| async move {
        let GradedRow { example, answer, .. } = &rows[at];
        (at, grader.score(example, answer, &[]).await)
    });
    let mut coming = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE);
    let mut scores = HashMap::new();
    while let Some((at, score)) = coming.next().await {
        scores.insert(at, score);
        watch(scores.len());
    }
    scores
}
