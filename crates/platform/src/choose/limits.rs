//! Whether a candidate keeps to a task's constraints: before it is asked anything, by its answers of the race, once it is measured.

use domain::{Constraints, Need, Price};
use serde::{Deserialize, Serialize};

use super::ledger::{Entry, Failures};
use super::{ChooseOptions, Measured};
use crate::memory::size;
use crate::routes::Answerer;

/// What a choice might take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Money, in the currency of the prices.
    pub max_cost: Option<f64>,
    /// Seconds.
    pub max_seconds: Option<f64>,
    /// Which of them ended it before all was asked.
    pub ended: Option<Bound>,
}

/// What a choice takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Money.
    Cost,
    /// Time.
    Time,
}

/// What a candidate's answers of the race took, one by one.
#[derive(Clone, Default)]
pub(super) struct Taken {
    milliseconds: Vec<f64>,
    costs: Vec<f64>,
    failures: Failures,
    /// Of the final, too: examples asked about, and those lost.
    asked: usize,
    lost: usize,
}

/// A candidate that lost this share of its answers, and so many, is not measured by the rest.
const LOST: (f64, usize) = (0.25, 2);

impl Taken {
    /// Counts what came, in the race or in the final.
    pub(super) fn count(&mut self, entries: &[Entry]) {
        self.asked += entries.len();
        self.lost += entries.iter().filter(|entry| entry.lost).count();
    }

    /// Answers lost of those asked for, if these are too many for the rest to say how good it is.
    pub(super) fn too_many_lost(&self) -> Option<(usize, usize)> {
        let many = self.lost >= LOST.1 && self.lost as f64 >= LOST.0 * self.asked as f64;
        many.then_some((self.lost, self.asked))
    }

    pub(super) fn add(&mut self, entries: &[Entry], price: Option<&Price>) {
        self.milliseconds.extend(entries.iter().map(|entry| entry.milliseconds));
        self.costs.extend(entries.iter().map(|entry| price.map_or(0.0, |price| price.cost(&entry.usage))));
        entries.iter().for_each(|entry| self.failures.add(&entry.outcome));
    }

    /// Answers that were none.
    pub(super) fn failures(&self) -> &Failures {
        &self.failures
    }

    /// Why it surely does not keep to a constraint; nothing if it may.
    pub(super) fn over(&self, limits: &Constraints, options: &ChooseOptions) -> Option<String> {
        self.slow(limits, options).or_else(|| self.dear(limits, options))
    }

    fn slow(&self, limits: &Constraints, options: &ChooseOptions) -> Option<String> {
        let limit = limits.latency_p95_ms?;
        // The first wait for what is read but once.
        let warm = self.milliseconds.get(options.concurrency..)?;
        let least = evaluate::quantile(warm, 0.95, sure(options))?.low;
        (least > limit).then(|| {
            format!(
                "its answers take {least:.0} ms at the 95th percentile at least, over the limit of {limit:.0} ms (after {} examples)",
                self.milliseconds.len()
            )
        })
    }

    fn dear(&self, limits: &Constraints, options: &ChooseOptions) -> Option<String> {
        let limit = limits.cost_per_1000?;
        let dearest = self.costs.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let shares: Vec<f64> = self.costs.iter().map(|cost| cost / dearest).collect();
        let least = evaluate::quality(&shares, sure(options), options.seed)?.low * dearest * 1000.0;
        (least > limit).then(|| {
            format!(
                "1,000 answers cost {least:.4} at least, over the limit of {limit} (after {} examples)",
                self.costs.len()
            )
        })
    }
}

/// How sure it must be that one breaks a constraint, where it is looked at after every round.
fn sure(options: &ChooseOptions) -> f64 {
    1.0 - (1.0 - options.terms.confidence) / 10.0
}

/// Why a candidate cannot be chosen whatever it answers, and need not be asked.
pub(super) fn never(limits: &Constraints, options: &ChooseOptions, answerer: &Answerer) -> Option<String> {
    let memory = answerer.memory();
    if let Some(limit) = limits.memory.filter(|limit| memory > *limit) {
        return Some(format!("it takes {} of memory, over the limit of {}", size(memory), size(limit)));
    }
    let wanted = limits.cost_per_1000.is_some() || options.max_cost.is_some();
    (wanted && answerer.unpriced()).then(|| {
        format!(
            "'{}' has no price on its card, so no limit can be kept; add one, with 0 for a model that costs nothing",
            answerer.candidate.model
        )
    })
}

/// Constraints a candidate does not keep to.
pub(super) fn breaks(constraints: &Constraints, measured: &Measured, memory: u64) -> Vec<Need> {
    let over = |limit: Option<f64>, value: f64| limit.is_some_and(|limit| value > limit);
    let mut all = Vec::new();
    if over(constraints.cost_per_1000, measured.cost_per_1000) {
        all.push(Need::Cost);
    }
    if over(constraints.latency_p95_ms, measured.latency_p95_ms.value) {
        all.push(Need::Latency);
    }
    if constraints.memory.is_some_and(|limit| memory > limit) {
        all.push(Need::Memory);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(milliseconds: &[f64], cost: f64) -> Taken {
        Taken { milliseconds: milliseconds.to_vec(), costs: vec![cost; milliseconds.len()], ..Taken::default() }
    }

    #[test]
    fn what_is_surely_too_slow_is_told_from_what_may_not_be() {
        let options = ChooseOptions::default();
        let limits = Constraints { latency_p95_ms: Some(100.0), ..Constraints::default() };
        let why = taken(&[300.0; 8], 0.0).over(&limits, &options).expect("too slow");
        assert!(why.contains("300 ms") && why.contains("limit of 100 ms") && why.contains("8 examples"), "{why}");
        // The first few, which load and read, are no evidence; nor is one that was slow; nor are none.
        let warming = [[900.0; 4], [50.0; 4], [50.0; 4]].concat();
        let one = [&[50.0; 15][..], &[900.0]].concat();
        for fine in [&warming[..], &one, &[], &[99.0; 40]] {
            assert_eq!(taken(fine, 0.0).over(&limits, &options), None, "{fine:?}");
        }
        assert_eq!(taken(&[300.0; 8], 0.0).over(&Constraints::default(), &options), None);
    }

    #[test]
    fn a_few_lost_answers_are_borne_and_many_are_not() {
        let taken = |asked, lost| Taken { asked, lost, ..Taken::default() };
        for (asked, lost, many) in
            [(8, 0, false), (1, 1, false), (8, 1, false), (8, 2, true), (80, 19, false), (80, 20, true)]
        {
            assert_eq!(taken(asked, lost).too_many_lost(), many.then_some((lost, asked)), "{lost} of {asked}");
        }
    }

    #[test]
    fn what_is_surely_too_dear_is_told() {
        let options = ChooseOptions::default();
        let limits = Constraints { cost_per_1000: Some(1.0), ..Constraints::default() };
        assert!(taken(&[1.0; 24], 0.01).over(&limits, &options).is_some_and(|why| why.contains("limit of 1 ")));
        assert_eq!(taken(&[1.0; 24], 0.0009).over(&limits, &options), None);
        assert_eq!(taken(&[1.0; 24], 0.0).over(&limits, &options), None);
    }
}
