//! Who grades the answers of a choice: the grader, what it was held against, and what it took.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Example, Metric, Task};
use evaluate::{Calibration, Interval};
use futures_util::StreamExt;
use serde_json::Value;

use super::ledger::{Entry, Ledger};
use super::{ChooseEvent, ChooseOptions, JudgeUsed};
use crate::grade::{Graded, Grader, Reliability, Score, answer_key, graded, held, order_decides};
use crate::routes::{Answer, Outcome};
use crate::{Error, Result, Workspace};

/// A judge that grades none of so many is no judge.
const HOPELESS: usize = 4;

pub(super) struct Bench {
    task: Arc<Task>,
    grader: Arc<Grader>,
    concurrency: usize,
    confidence: f64,
    seed: u64,
    /// What people graded, if there is something.
    graded: Option<(String, Graded)>,
    reliability: Option<Reliability>,
    calibration: Option<Calibration>,
    asked: usize,
    failed: usize,
    order_decides: usize,
    usage: (u64, u64),
    cost: f64,
    /// Whose grades are in these sums: an answer is graded once, also where it was in an earlier sitting.
    counted: HashSet<String>,
    /// What the choice may cost.
    max_cost: Option<f64>,
}

/// What an answer scores, or why it has no score.
type Scored = std::result::Result<f64, String>;

impl Bench {
    /// Makes ready what grades, and reads what people graded.
    pub(super) async fn open(workspace: &Workspace, task: &Arc<Task>, options: &ChooseOptions) -> Result<Self> {
        let grader = Arc::new(workspace.grader(task).await?);
        let named = task.judging.graded.as_ref().filter(|_| grader.judge().is_some());
        let graded = match named {
            Some(file) => Some((file.clone(), graded(task, &options.folder.join(file))?)),
            None => None,
        };
        let bench = Self {
            task: Arc::clone(task),
            grader,
            concurrency: options.concurrency.max(1),
            confidence: options.terms.confidence,
            seed: options.seed,
            graded,
            reliability: None,
            calibration: None,
            asked: 0,
            failed: 0,
            order_decides: 0,
            usage: (0, 0),
            cost: 0.0,
            counted: HashSet::new(),
            max_cost: options.max_cost,
        };
        if let Some((_, graded)) = &bench.graded {
            bench.may_see(&graded.rows.iter().map(|row| row.example.clone()).collect::<Vec<_>>())?;
        }
        Ok(bench)
    }

    /// See [`Grader::may_see`].
    pub(super) fn may_see(&self, examples: &[Example]) -> Result<()> {
        self.grader.may_see(examples)
    }

    /// Money spent on grades, those of earlier sittings too.
    pub(super) fn cost(&self) -> f64 {
        self.cost
    }

    /// Whether a grade costs anything.
    pub(super) fn takes_money(&self) -> bool {
        self.grader.price().is_some_and(|price| !price.is_free())
    }

    /// Holds the judge against what people graded, before it grades candidates.
    ///
    /// # Errors
    /// [`Error::Invalid`] if that alone costs more than the choice may; what was graded is kept.
    pub(super) async fn hold(&mut self, ledger: &mut Ledger, watch: &mut impl FnMut(ChooseEvent)) -> Result<()> {
        let Some(model) = self.grader.judge().map(str::to_owned) else { return Ok(()) };
        if let Some((file, graded)) = self.graded.take() {
            let wanted: Vec<(&Example, &Value)> = graded.rows.iter().map(|row| (&row.example, &row.answer)).collect();
            let Some(scores) = self.grade(&wanted, self.max_cost, ledger, watch).await? else {
                return Err(too_little(self.max_cost.unwrap_or_default(), &file, wanted.len()));
            };
            let scores: Vec<Option<f64>> = scores.into_iter().map(std::result::Result::ok).collect();
            let held = held(&file, &graded, &scores, self.grader.grades(), self.confidence, self.seed)?;
            (self.reliability, self.calibration) = (Some(held.reliability), held.calibration);
        }
        watch(ChooseEvent::Judged { model, reliability: self.reliability.clone().map(Box::new) });
        Ok(())
    }

    /// What can be scored only as the answer comes, with what it was written from.
    pub(super) async fn at_once(&self, example: &Example, answer: &Answer) -> Option<f64> {
        let Outcome::Output(output) = &answer.outcome else { return None };
        if !self.grader.needs_passages() {
            return None;
        }
        self.grader.score(example, output, &answer.passages).await.ok().map(|score| score.score)
    }

    /// What a candidate's answers score, in the order of the examples; nothing if their grades cost more than is `left`. An answer that could not be
    /// graded counts as failed, with the reason.
    ///
    /// # Errors
    /// [`Error::Failed`] if the judge grades none of them, or the disk is full.
    pub(super) async fn scores(
        &mut self,
        entries: &mut [Entry],
        examples: &[Example],
        left: Option<f64>,
        ledger: &mut Ledger,
        watch: &mut impl FnMut(ChooseEvent),
    ) -> Result<Option<Vec<f64>>> {
        let there: Vec<usize> =
            (0..entries.len()).filter(|at| matches!(entries[*at].outcome, Outcome::Output(_))).collect();
        let answers: Vec<Value> = there.iter().map(|at| output(&entries[*at]).clone()).collect();
        let wanted: Vec<(&Example, &Value)> = there.iter().map(|at| &examples[*at]).zip(&answers).collect();
        let scored: Vec<Scored> = if self.grader.needs_passages() {
            let lost = || "its passages could not be compared with it".to_owned();
            there.iter().map(|at| entries[*at].score.ok_or_else(lost)).collect()
        } else if self.grader.identity().is_some() {
            let Some(grades) = self.grade(&wanted, left, ledger, watch).await? else { return Ok(None) };
            grades
        } else {
            let of = |(example, answer): &(&Example, &Value)| plain(&self.task, example, answer);
            wanted
                .iter()
                .map(|pair| of(pair).ok_or_else(|| "its metric has no score: this is a bug".to_owned()))
                .collect()
        };
        let kept = self.grader.identity().is_some();
        let nothing = |(entry, example): (&Entry, &Example)| match entry.outcome {
            Outcome::Abstained(_) => abstained(&self.task, example),
            _ => 0.0,
        };
        let mut scores: Vec<f64> = entries.iter().zip(examples).map(nothing).collect();
        for (at, scored) in there.into_iter().zip(scored) {
            match scored {
                Ok(score) => {
                    scores[at] = score;
                    if kept && entries[at].score != Some(score) {
                        entries[at].score = Some(score);
                        ledger.add(entries[at].clone())?;
                    }
                }
                Err(why) => entries[at].outcome = Outcome::Error(format!("it could not be graded: {why}")),
            }
        }
        Ok(Some(scores))
    }

    /// Grades of answers, in order: those known, and those asked for now, the same answer once. Nothing if that took more money than is `left`.
    async fn grade(
        &mut self,
        wanted: &[(&Example, &Value)],
        left: Option<f64>,
        ledger: &mut Ledger,
        watch: &mut impl FnMut(ChooseEvent),
    ) -> Result<Option<Vec<Scored>>> {
        let identity = self.grader.identity().unwrap_or_default();
        let keys: Vec<String> = wanted.iter().map(|(example, answer)| answer_key(example, answer)).collect();
        let before = self.cost;
        let mut new: HashMap<&str, usize> = HashMap::new();
        for (at, key) in keys.iter().enumerate() {
            match ledger.get(&identity, key) {
                Some(known) => self.count(key, known),
                None => _ = new.entry(key).or_insert(at),
            }
        }
        let mut places: Vec<usize> = new.into_values().collect();
        places.sort_unstable();
        let count = places.len();
        let grader = Arc::clone(&self.grader);
        let grader = &grader;
        let enough = AtomicBool::new(false);
        let within = places.into_iter().take_while(|_| !enough.load(Ordering::Relaxed));
        let asked = within.map(|at| {
            let (example, answer) = wanted[at];
            async move {
                let started = std::time::Instant::now();
                let score = grader.score(example, answer, &[]).await;
                (at, score, started.elapsed().as_secs_f64() * 1000.0)
            }
        });
        let mut coming = futures_util::stream::iter(asked).buffer_unordered(self.concurrency);
        let (mut failed, mut graded) = (HashMap::new(), 0);
        while let Some((at, score, milliseconds)) = coming.next().await {
            match score {
                Ok(score) => {
                    let entry = entry(&identity, &keys[at], &score, milliseconds);
                    self.count(&keys[at], &entry);
                    ledger.add(entry)?;
                    graded += 1;
                }
                Err(error) => {
                    failed.insert(keys[at].clone(), error.to_string());
                }
            }
            watch(ChooseEvent::Graded { graded: graded + failed.len(), of: count });
            // What is under way is paid for, and kept.
            if self.cost > before && left.is_some_and(|left| self.cost - before > left) {
                enough.store(true, Ordering::Relaxed);
            }
        }
        drop(coming);
        self.asked += failed.len();
        self.failed += failed.len();
        if enough.into_inner() {
            return Ok(None);
        }
        if let Some(why) = failed.values().next().filter(|_| failed.len() == count && count >= HOPELESS) {
            return Err(Error::failed(format!("the judge graded none of {count} answers: {why}")));
        }
        let lost = || "its grade is not there: this is a bug".to_owned();
        let grade = |key: &String| match ledger.get(&identity, key).and_then(|entry| entry.score) {
            Some(score) => Ok(score),
            None => Err(failed.get(key).cloned().unwrap_or_else(lost)),
        };
        Ok(Some(keys.iter().map(grade).collect()))
    }

    /// Counts a grade, once.
    fn count(&mut self, key: &str, grade: &Entry) {
        if !self.counted.insert(key.to_owned()) {
            return;
        }
        self.asked += 1;
        self.order_decides += usize::from(order_decides(output(grade)));
        self.usage.0 += u64::from(grade.usage.prompt_tokens);
        self.usage.1 += u64::from(grade.usage.completion_tokens);
        self.cost += self.grader.price().map_or(0.0, |price| price.cost(&grade.usage));
    }

    /// What people would say of answers with these scores, as far as is known.
    pub(super) fn corrected(&self, scores: &[f64], confidence: f64) -> Option<Interval> {
        self.calibration.as_ref()?.correct(scores, confidence)
    }

    /// The judge, for the record.
    pub(super) fn used(&self) -> Option<JudgeUsed> {
        Some(JudgeUsed {
            model: self.grader.judge()?.to_owned(),
            sha256: self.grader.judge_sha256(),
            grades: self.grader.grades(),
            asked: self.asked,
            failed: self.failed,
            order_decides: self.order_decides,
            prompt_tokens: self.usage.0,
            completion_tokens: self.usage.1,
            cost: self.cost,
            reliability: self.reliability.clone(),
        })
    }
}

fn too_little(most: f64, file: &str, rows: usize) -> Error {
    Error::invalid(
        "max_cost",
        "invalid_value",
        format!(
            "max_cost: {most} is too little: holding the judge against the {rows} answers in {file} alone costs more; raise it (grades are kept), or name a shorter file"
        ),
    )
}

fn output(entry: &Entry) -> &Value {
    match &entry.outcome {
        Outcome::Output(answer) => answer,
        Outcome::Abstained(_) | Outcome::Error(_) => &Value::Null,
    }
}

/// What a grader said of an answer, as it is kept.
fn entry(identity: &str, key: &str, score: &Score, milliseconds: f64) -> Entry {
    let answer = Answer { outcome: Outcome::Output(score.said.clone()), usage: score.usage, ..Answer::default() };
    Entry { score: Some(score.score), ..Entry::new(identity, key, (answer, milliseconds)) }
}

/// What an answer scores by a metric that needs nothing else; nothing for others.
pub(super) fn plain(task: &Task, example: &Example, answer: &Value) -> Option<f64> {
    match (&task.metric, &task.costs, example.output.as_str()) {
        (Metric::Costs, Some(costs), Some(expected)) => Some(costs.score(expected, answer.as_str())),
        (metric, ..) => evaluate::score(metric, &task.output, &example.output, answer),
    }
}

/// What it scores to give no answer on purpose.
fn abstained(task: &Task, example: &Example) -> f64 {
    match (&task.metric, &task.costs, example.output.as_str()) {
        (Metric::Costs, Some(costs), Some(expected)) => costs.score(expected, None),
        _ => 0.0,
    }
}
