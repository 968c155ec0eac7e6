//! What was chosen and why, with all it takes to check it.

use std::collections::BTreeMap;

use domain::{Constraints, Example, Metric, Need, Price, Task};
use evaluate::{Confusion, Difference, Interval, Terms};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Baseline;
use super::ledger::{Entry, Failures};
use super::limits::Bounds;
use super::variants::{PlainPrompt, Searched, Variants};
use crate::grade::Reliability;
use crate::{Candidate, Error, Outcome, Result};

/// A difference of means that is no difference to anybody: within it, what an answer takes decides.
pub(super) const MARGIN: f64 = 0.01;

/// The record of a choice: `decisions/TASK-DATE.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The task.
    pub task: String,
    /// Its file's content, hashed.
    pub task_fingerprint: String,
    /// The day, `2026-11-27`.
    pub date: String,
    /// Of the program.
    pub version: String,
    /// How answers were graded.
    pub metric: Metric,
    /// The model that graded them, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeUsed>,
    /// What was to be kept to.
    pub constraints: Constraints,
    /// Of everything drawn by chance.
    pub seed: u64,
    /// Whether routes were those that fit, as nobody said which: others may fit other rows.
    #[serde(default)]
    pub routes_that_fit: bool,
    /// The models that were named; none if all that are there were to take part.
    #[serde(default)]
    pub models: Vec<String>,
    /// How far it could go.
    pub terms: Terms,
    /// What it might take, and whether that ended it.
    #[serde(default)]
    pub bounds: Bounds,
    /// Tokens of an answer, at most.
    pub max_tokens: u32,
    /// Rows asked at once; latencies are what they were under this load.
    pub concurrency: usize,
    /// The examples.
    pub data: DataUsed,
    /// All candidates: finalists from best to worst, those the race left but no place in the final, those it dropped, those that could not take part.
    pub candidates: Vec<Entrant>,
    /// The choice; nothing if no candidate keeps to the constraints, or none could be measured.
    pub chosen: Option<Candidate>,
    /// Why.
    pub reason: Reason,
    /// The same in a sentence.
    pub why: String,
    /// Finalists that may be as good as the chosen one or better, as far as these examples tell.
    pub not_ruled_out: Vec<Candidate>,
    /// Test examples that would settle it, if the differences are what they seem.
    pub examples_to_settle: Option<usize>,
    /// Labelled rows in all that have so many among them; nothing if there were as many.
    #[serde(default)]
    pub rows_to_settle: Option<usize>,
    /// What one answer for every row comes to; tasks of labels, and of records that have some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// Answers asked for.
    pub asked: usize,
    /// Answers that all candidates on all examples of both splits would have been.
    pub grid: usize,
    /// Time taken, in the last sitting.
    pub seconds: f64,
    /// Money spent, in the last sitting.
    pub cost: f64,
    /// What models are told where nothing was varied.
    #[serde(default)]
    pub prompt: PlainPrompt,
    /// What stands in its place, by the names candidates have after `~`.
    #[serde(default, skip_serializing_if = "Variants::is_empty")]
    pub variants: Variants,
    /// How these were found, if they were looked for in this choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Searched>,
}

/// Why a candidate was chosen, or none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is the best of the finalists that keep to the constraints.
    Best,
    /// It is the only one.
    Only,
    /// It is as good as the best, and takes less.
    TakesLess,
    /// No finalist keeps to the constraints.
    NoneFits,
    /// No candidate could be measured.
    #[default]
    NoneMeasured,
}

/// The model that graded the answers a decision rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgeUsed {
    /// Its name.
    pub model: String,
    /// Of its file.
    pub sha256: String,
    /// How many grades there are.
    pub grades: usize,
    /// Answers it was asked to grade in the last sitting, those that people graded among them.
    pub asked: usize,
    /// Answers it gave no grade at a second try, in the last sitting: they count as failed.
    pub failed: usize,
    /// Of comparisons, those that turned with the order of the two, in the last sitting.
    pub order_decides: usize,
    /// Tokens it read, in the last sitting.
    pub prompt_tokens: u64,
    /// Tokens it wrote, in the last sitting.
    pub completion_tokens: u64,
    /// What it cost, in the last sitting; part of the decision's cost.
    pub cost: f64,
    /// How it did on answers that people graded; nothing if there are none: nobody knows then how far to trust it.
    pub reliability: Option<Reliability>,
}

/// The examples a decision rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataUsed {
    /// The file, as it was named.
    pub file: String,
    /// Its column of the label, if it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Of all sound examples.
    pub fingerprint: String,
    /// Of the examples to learn from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub train_fingerprint: String,
    /// Of all that the knowledge base held.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub knowledge_fingerprint: String,
    /// Sound examples.
    pub examples: usize,
    /// Rows that are none.
    pub wrong: usize,
    /// Examples to learn from.
    pub train: usize,
    /// Examples raced on, at most.
    pub development: usize,
    /// Examples finalists were measured on, at most.
    pub test: usize,
}

/// A candidate and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entrant {
    /// Which.
    pub candidate: Candidate,
    /// What its answers are kept under.
    #[serde(default)]
    pub identity: String,
    /// Of the model's file.
    pub model_sha256: String,
    /// Bytes of the models it takes.
    pub memory: u64,
    /// What its tokens cost that day; nothing for local models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Whether it is a provider's of which nobody says what it costs: it counts as free, and may not be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpriced: bool,
    /// Examples raced, and the mean score on them.
    pub race: Option<Raced>,
    /// Why it could not take part, or go on.
    pub withdrawn: Option<String>,
    /// What it came to on the test split; finalists only.
    pub result: Option<Measured>,
    /// Against the chosen one; finalists only.
    pub against: Option<Against>,
    /// Constraints it does not keep to.
    pub breaks: Vec<Need>,
}

/// What came of a race.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raced {
    /// Examples answered.
    pub examples: usize,
    /// The mean score.
    pub mean: f64,
    /// Answers that were none: they score 0.
    #[serde(default)]
    pub failed: usize,
    /// Why, most often; nothing if none failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Who beat it; nothing if nobody did.
    pub beaten_by: Option<Candidate>,
}

/// What a candidate came to on the test split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Examples answered.
    pub examples: usize,
    /// Those without an answer: they score 0.
    pub failed: usize,
    /// Why, most often; nothing if none failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Those for which no label was likely enough, as the task's costs say.
    #[serde(default)]
    pub abstained: usize,
    /// The mean score.
    pub quality: Interval,
    /// What people's mean grade would be, by what the judge is known to get wrong; nothing where there is no judge, or too little is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<Interval>,
    /// The median time of an answer, in milliseconds.
    pub latency_p50_ms: f64,
    /// What 95 of 100 answers do not exceed.
    pub latency_p95_ms: Interval,
    /// Tokens read and written for an answer.
    pub prompt_tokens: f64,
    /// See `prompt_tokens`.
    pub completion_tokens: f64,
    /// What 1,000 answers cost; local models cost nothing.
    pub cost_per_1000: f64,
    /// Labels only: the mean F1 of labels.
    pub macro_f1: Option<f64>,
    /// Labels only: what was answered for what.
    pub confusion: Option<Confusion>,
    /// Records only: the F1 of each field over all examples.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, f64>,
}

/// A finalist against the chosen one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// Of the chosen one's scores, minus its own.
    pub difference: Difference,
    /// How likely such a difference is if there is none, corrected for looking at several (Holm 1979).
    pub p: f64,
}

/// A finalist's answers on the test split.
#[derive(Clone)]
pub(super) struct Sheet {
    pub(super) candidate: usize,
    pub(super) scores: Vec<f64>,
    pub(super) answers: Vec<Option<Value>>,
    pub(super) failures: Failures,
    pub(super) abstained: usize,
    pub(super) milliseconds: Vec<f64>,
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    pub(super) cost: f64,
}

impl Sheet {
    /// Takes an answer in, with what it scored and cost.
    pub(super) fn add(&mut self, entry: &Entry, score: f64, cost: f64) {
        self.cost += cost;
        self.scores.push(score);
        self.answers.push(match &entry.outcome {
            Outcome::Output(answer) => Some(answer.clone()),
            Outcome::Abstained(_) | Outcome::Error(_) => None,
        });
        self.failures.add(&entry.outcome);
        self.abstained += usize::from(matches!(entry.outcome, Outcome::Abstained(_)));
        self.milliseconds.push(entry.milliseconds);
        self.prompt_tokens += u64::from(entry.usage.prompt_tokens);
        self.completion_tokens += u64::from(entry.usage.completion_tokens);
    }

    /// What it comes to; nothing for no answers.
    pub(super) fn measured(&self, task: &Task, expected: &[Example], confidence: f64, seed: u64) -> Option<Measured> {
        let count = self.scores.len();
        let (quality, p95) = (
            evaluate::quality(&self.scores, confidence, seed)?,
            evaluate::quantile(&self.milliseconds, 0.95, confidence)?,
        );
        let p50 = evaluate::quantile(&self.milliseconds, 0.5, confidence)?.value;
        let confusion = task.labels().map(|labels| {
            let pairs = expected.iter().zip(&self.answers).filter_map(|(example, answer)| {
                Some((example.output.as_str()?, answer.as_ref().and_then(Value::as_str)))
            });
            Confusion::of(&labels, pairs)
        });
        let pairs = expected.iter().zip(&self.answers).map(|(example, answer)| (&example.output, answer.as_ref()));
        let each = |all: f64| all / count as f64;
        Some(Measured {
            examples: count,
            failed: self.failures.count(),
            failure: self.failures.commonest(),
            abstained: self.abstained,
            quality,
            corrected: None,
            latency_p50_ms: p50,
            latency_p95_ms: p95,
            prompt_tokens: each(self.prompt_tokens as f64),
            completion_tokens: each(self.completion_tokens as f64),
            cost_per_1000: each(self.cost) * 1000.0,
            macro_f1: confusion.as_ref().map(Confusion::macro_f1),
            confusion,
            fields: evaluate::by_field(&task.output, pairs),
        })
    }
}

impl Decision {
    /// Chooses among the finalists, whose sheets these are, and says why.
    pub(super) fn choose(&mut self, sheets: &[Sheet]) {
        let level = 1.0 - self.terms.confidence;
        let fit: Vec<&Sheet> = sheets
            .iter()
            .filter(|sheet| {
                self.candidates[sheet.candidate].result.is_some() && self.candidates[sheet.candidate].breaks.is_empty()
            })
            .collect();
        let mean = |sheet: &Sheet| sheet.scores.iter().sum::<f64>() / sheet.scores.len().max(1) as f64;
        let Some(best) = fit.iter().copied().max_by(|a, b| mean(a).total_cmp(&mean(b))) else {
            self.reason = if sheets.is_empty() { Reason::NoneMeasured } else { Reason::NoneFits };
            self.why = self.sentence(false);
            return;
        };
        let rivals = self.compared(best, &fit);
        let tied = |sheet: &&Sheet| {
            let p = rivals.iter().find(|(at, _)| *at == sheet.candidate).map_or(1.0, |(_, against)| against.p);
            p > level && mean(best) - mean(sheet) <= MARGIN
        };
        let mut ties: Vec<&Sheet> = fit.iter().copied().filter(tied).collect();
        ties.sort_by(|a, b| self.needs(a.candidate, b.candidate).then(mean(b).total_cmp(&mean(a))));
        let chosen = ties.first().copied().unwrap_or(best);
        let against = self.compared(chosen, sheets.iter().collect::<Vec<_>>().as_slice());
        let may_be_better: Vec<usize> = against
            .iter()
            .filter(|(at, against)| against.p > level && self.candidates[*at].breaks.is_empty())
            .map(|(at, _)| *at)
            .collect();
        self.examples_to_settle =
            may_be_better.iter().filter_map(|at| against.iter().find(|(one, _)| one == at)?.1.difference.needed).max();
        let more = self.examples_to_settle.filter(|count| *count > self.data.test);
        self.rows_to_settle = more.map(|count| (count as f64 / evaluate::Shares::default().test).ceil() as usize);
        self.not_ruled_out = may_be_better.iter().map(|at| self.candidates[*at].candidate.clone()).collect();
        for (at, against) in against {
            self.candidates[at].against = Some(against);
        }
        self.reason = match (chosen.candidate == best.candidate, fit.len()) {
            (_, 1) => Reason::Only,
            (true, _) => Reason::Best,
            (false, _) => Reason::TakesLess,
        };
        self.chosen = Some(self.candidates[chosen.candidate].candidate.clone());
        self.why = self.sentence(false);
    }

    /// The others against one of them.
    fn compared(&self, one: &Sheet, all: &[&Sheet]) -> Vec<(usize, Against)> {
        let others: Vec<&&Sheet> = all.iter().filter(|sheet| sheet.candidate != one.candidate).collect();
        let differences: Vec<Option<Difference>> = others
            .iter()
            .map(|other| {
                let count = one.scores.len().min(other.scores.len());
                evaluate::difference(&one.scores[..count], &other.scores[..count], self.terms.confidence, self.seed)
            })
            .collect();
        let values: Vec<f64> =
            differences.iter().map(|difference| difference.as_ref().map_or(1.0, |one| one.p)).collect();
        let corrected = evaluate::holm(&values);
        let pairs = others.iter().zip(differences).zip(corrected);
        pairs
            .filter_map(|((other, difference), p)| Some((other.candidate, Against { difference: difference?, p })))
            .collect()
    }

    /// Which of two needs less, by the order of the constraints.
    fn needs(&self, a: usize, b: usize) -> std::cmp::Ordering {
        let usual = [Need::Cost, Need::Latency, Need::Memory];
        let order = if self.constraints.order.is_empty() { &usual[..] } else { &self.constraints.order };
        let of = |at: usize, need: Need| {
            let entrant = &self.candidates[at];
            entrant.result.as_ref().map_or(f64::INFINITY, |result| match need {
                // Nobody says what it costs: it is not taken for its cheapness.
                Need::Cost if entrant.unpriced => f64::INFINITY,
                Need::Cost => result.cost_per_1000,
                Need::Latency => result.latency_p50_ms,
                Need::Memory => entrant.memory as f64,
            })
        };
        order
            .iter()
            .map(|need| of(a, *need).total_cmp(&of(b, *need)))
            .find(|order| order.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    }

    /// Puts candidates into the order that [`Decision::candidates`] has.
    pub(super) fn order(&mut self) {
        let chosen = self.chosen.clone();
        let rank = |entrant: &Entrant| {
            let raced = entrant.race.as_ref();
            match (&entrant.result, &entrant.withdrawn) {
                (Some(result), _) => (0, -result.quality.value),
                (None, None) => {
                    let dropped = raced.and_then(|race| race.beaten_by.as_ref()).is_some();
                    (1 + usize::from(dropped), raced.map_or(0.0, |race| -race.mean))
                }
                (None, Some(_)) => (3, 0.0),
            }
        };
        self.candidates.sort_by(|a, b| {
            let (x, y) = (rank(a), rank(b));
            let first = |entrant: &Entrant| Some(&entrant.candidate) != chosen.as_ref();
            x.0.cmp(&y.0).then(x.1.total_cmp(&y.1)).then(first(a).cmp(&first(b)))
        });
    }

    /// Why, in a sentence of English or Chinese.
    pub(super) fn sentence(&self, chinese: bool) -> String {
        let limited = Constraints { order: Vec::new(), ..self.constraints.clone() } != Constraints::default();
        let said = match (self.reason, chinese) {
            (Reason::Best, false) if !limited => "it is the best of the finalists",
            (Reason::Best, true) if !limited => "在决赛者中最好",
            (Reason::Best, false) => "it is the best of the finalists that keep to the constraints",
            (Reason::Only, false) => "it is the only finalist that keeps to the constraints",
            (Reason::TakesLess, false) => "it is as good as the best of the finalists and takes less",
            (Reason::NoneFits, false) => "no finalist keeps to the constraints",
            (Reason::NoneMeasured, false) => "no candidate could be measured",
            (Reason::Best, true) => "在符合限制的决赛者中最好",
            (Reason::Only, true) => "是唯一符合限制的决赛者",
            (Reason::TakesLess, true) => "与最好的决赛者一样好，而且更省",
            (Reason::NoneFits, true) => "没有决赛者符合限制",
            (Reason::NoneMeasured, true) => "没有候选可以测量",
        };
        let mut said = match (self.not_ruled_out.len(), chinese) {
            (0, _) => said.to_owned(),
            (1, false) => format!("{said}; one other could not be ruled out"),
            (more, false) => format!("{said}; {more} others could not be ruled out"),
            (more, true) => format!("{said}；另有 {more} 个不能排除"),
        };
        if let Some(fact) = self.bound_fact(chinese) {
            said.push_str(if chinese { "；" } else { "; " });
            said.push_str(&fact);
        }
        if let Some(Baseline { answer, quality, .. }) = self.as_good_as_choice() {
            said.push_str(&if chinese {
                format!("；凭这些样例看不出它比一律答“{answer}”（{quality:.3}）更好")
            } else {
                format!(
                    "; these examples do not show that it is better than always answering '{answer}' ({quality:.3})"
                )
            });
        }
        if self.judges_itself() {
            said.push_str(if chinese {
                "；裁判与选定者是同一个模型，可能偏爱自己的回答"
            } else {
                "; the judge is the same model, and may prefer its own answers"
            });
        }
        said
    }

    /// Whether the model of the choice graded its own answers.
    pub(super) fn judges_itself(&self) -> bool {
        self.judge.as_ref().zip(self.chosen.as_ref()).is_some_and(|(judge, chosen)| judge.model == chosen.model)
    }

    pub(super) fn read(path: &std::path::Path) -> Result<Self> {
        let failed = |why: String| Error::failed(format!("{}: {why}; remove it, or choose again", path.display()));
        let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|error| failed(format!("this is no decision ({error})")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(count: usize) -> Decision {
        let entrant = |at: usize| Entrant {
            candidate: format!("prompt@m{at}").parse().expect("a candidate"),
            identity: String::new(),
            model_sha256: String::new(),
            memory: 0,
            price: None,
            unpriced: false,
            race: None,
            withdrawn: None,
            result: None,
            against: None,
            breaks: Vec::new(),
        };
        Decision {
            task: "t".to_owned(),
            task_fingerprint: String::new(),
            date: String::new(),
            version: String::new(),
            metric: Metric::Exact,
            judge: None,
            constraints: Constraints::default(),
            seed: 1,
            bounds: Bounds::default(),
            terms: Terms::default(),
            max_tokens: 9,
            concurrency: 1,
            data: DataUsed::default(),
            candidates: (0..count).map(entrant).collect(),
            chosen: None,
            reason: Reason::default(),
            why: String::new(),
            not_ruled_out: Vec::new(),
            examples_to_settle: None,
            rows_to_settle: None,
            baseline: None,
            routes_that_fit: false,
            models: Vec::new(),
            asked: 0,
            grid: 0,
            seconds: 0.0,
            cost: 0.0,
            prompt: PlainPrompt::default(),
            variants: Variants::default(),
            search: None,
        }
    }

    fn task() -> Task {
        Task::new("t", serde_json::json!({"type": "string"}))
    }

    /// A sheet of a hundred answers of which so many are right.
    fn sheet(candidate: usize, right: usize, milliseconds: f64) -> Sheet {
        let scores: Vec<f64> = (0..100).map(|at| f64::from(at < right)).collect();
        Sheet {
            candidate,
            answers: scores.iter().map(|_| Some(Value::Null)).collect(),
            failures: Failures::default(),
            abstained: 0,
            milliseconds: vec![milliseconds; scores.len()],
            scores,
            prompt_tokens: 100,
            completion_tokens: 100,
            cost: 0.0,
        }
    }

    fn chosen(decision: &mut Decision, sheets: &[Sheet]) -> Option<String> {
        for sheet in sheets {
            let measured = sheet.measured(&task(), &[], 0.95, 1).expect("scores");
            decision.candidates[sheet.candidate].breaks =
                super::super::limits::breaks(&decision.constraints, &measured, 0);
            decision.candidates[sheet.candidate].result = Some(measured);
        }
        decision.choose(sheets);
        decision.chosen.as_ref().map(|candidate| candidate.model.clone())
    }

    #[test]
    fn the_clearly_best_is_chosen_and_nothing_is_left_open() {
        let mut decision = decision(2);
        assert_eq!(chosen(&mut decision, &[sheet(0, 90, 9.0), sheet(1, 60, 1.0)]).as_deref(), Some("m0"));
        assert!(decision.not_ruled_out.is_empty() && decision.why.contains("best"), "{}", decision.why);
        assert!(decision.candidates[1].against.as_ref().is_some_and(|against| against.p < 0.001));
    }

    #[test]
    fn of_those_as_good_the_one_that_takes_less_is_chosen() {
        let mut decision = decision(3);
        let sheets = [sheet(0, 90, 50.0), sheet(1, 90, 5.0), sheet(2, 86, 1.0)];
        assert_eq!(chosen(&mut decision, &sheets).as_deref(), Some("m1"));
        // Worse by four in a hundred is no tie, though it cannot be ruled out.
        assert!(decision.not_ruled_out.iter().any(|candidate| candidate.model == "m2"), "{:?}", decision.not_ruled_out);
        assert!(decision.examples_to_settle.is_some_and(|count| count > 80));
    }

    #[test]
    fn constraints_come_before_quality() {
        let mut decision = decision(2);
        decision.constraints.latency_p95_ms = Some(10.0);
        assert_eq!(chosen(&mut decision, &[sheet(0, 90, 50.0), sheet(1, 60, 5.0)]).as_deref(), Some("m1"));
        assert_eq!(decision.candidates[0].breaks, [Need::Latency]);
        let mut none = self::decision(1);
        none.constraints.latency_p95_ms = Some(1.0);
        assert_eq!(chosen(&mut none, &[sheet(0, 90, 50.0)]), None);
        assert!(none.why.contains("constraints"), "{}", none.why);
        let mut empty = self::decision(0);
        empty.choose(&[]);
        assert!(empty.why.contains("measured"), "{}", empty.why);
    }

    /// What was decided before there were variants is read as it was, and variants come back word for word.
    #[test]
    fn old_decisions_and_new_are_read() {
        let mut new = decision(2);
        new.chosen = Some("few-shot:8~hard@m0".parse().expect("a candidate"));
        let mut old = serde_json::to_value(&new).expect("plain data");
        old.as_object_mut().expect("a record").remove("prompt");
        assert_eq!(serde_json::from_value::<Decision>(old).expect("a decision"), new);
        let variant = super::super::Variant {
            instructions: Some("{{ text }} \u{201c}x\u{201d}".to_owned()),
            ..Default::default()
        };
        new.variants.insert("short1".to_owned(), variant);
        let text = serde_json::to_string(&new).expect("plain data");
        assert!(text.contains("few-shot:8~hard@m0"), "{text}");
        assert_eq!(serde_json::from_str::<Decision>(&text).expect("a decision"), new);
    }

    #[test]
    fn a_judge_of_its_own_answers_is_named() {
        let mut decision = decision(2);
        let judge = |model: &str| JudgeUsed {
            model: model.to_owned(),
            sha256: String::new(),
            grades: 5,
            asked: 0,
            failed: 0,
            order_decides: 0,
            prompt_tokens: 0,
            completion_tokens: 0,
            cost: 0.0,
            reliability: None,
        };
        decision.judge = Some(judge("m0"));
        chosen(&mut decision, &[sheet(0, 90, 9.0), sheet(1, 60, 1.0)]);
        assert!(
            decision.why.contains("prefer its own") && decision.sentence(true).contains("偏爱"),
            "{}",
            decision.why
        );
        let mut other = self::decision(2);
        other.judge = Some(judge("m7"));
        chosen(&mut other, &[sheet(0, 90, 9.0), sheet(1, 60, 1.0)]);
        assert!(!other.why.contains("judge"), "{}", other.why);
        assert!(decision.changes(&other).iter().any(|line| line.contains("the judge is another")));
    }

    #[test]
    fn a_choice_that_leads_one_answer_for_all_by_chance_says_so() {
        let constant: Vec<f64> = (0..100).map(|at| f64::from(at % 2 == 0)).collect();
        let baseline = || (Baseline { answer: "a".to_owned(), quality: 0.5, p: None }, constant.clone());
        for (right, better) in [(90, true), (55, false), (30, false)] {
            let mut decision = decision(1);
            let only = sheet(0, right, 9.0);
            chosen(&mut decision, std::slice::from_ref(&only));
            decision.hold_against(baseline(), Some(&only.scores));
            assert_eq!(!decision.why.contains("always answering 'a' (0.500)"), better, "{}", decision.why);
            assert_eq!(!decision.sentence(true).contains("一律答“a”"), better);
        }
        // Nothing was chosen: it is there all the same, and nothing is said of it.
        let mut none = self::decision(0);
        none.choose(&[]);
        none.hold_against(baseline(), None);
        assert!(none.baseline.is_some_and(|one| one.p.is_none()) && !none.why.contains("always"));
    }

    #[test]
    fn what_changed_is_said() {
        let (mut was, mut is) = (decision(2), decision(2));
        assert!(is.changes(&was).is_empty());
        (was.candidates[0].model_sha256, is.candidates[0].model_sha256) = ("one".to_owned(), "other".to_owned());
        let price = |input| Some(Price { input, cached: None, output: 8.0, currency: "CNY".to_owned() });
        (was.candidates[0].price, is.candidates[0].price) = (price(2.0), price(3.0));
        is.candidates[1].withdrawn = Some("it is not installed".to_owned());
        is.chosen = Some(is.candidates[0].candidate.clone());
        let said = is.changes(&was).join("\n");
        for part in [
            "another one than",
            "is CNY 3 for a million tokens read, 8 written, it was CNY 2",
            "no longer take part: it is not installed",
            "the choice is prompt@m0, it was nothing",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}
