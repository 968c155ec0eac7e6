//! Candidates answer example after example; those clearly beaten drop out.
//!
//! For each two candidates a bet is kept that the one is *not* better than the other: capital that grows with every example on which it is. If
//! that is true, the capital is not expected to grow, and ever to reach 1/level has at most that chance, whenever one looks (Ville 1939; the
//! bets are Waudby-Smith and Ramdas 2024's). So candidates may be dropped at any moment, and the chance that a truly best one is ever dropped
//! stays under the level in all.

use serde::{Deserialize, Serialize};

/// The parts of its capital that are bet at once, each by a gambler of its own; the mean of their capitals counts.
const BETS: [f64; 8] = [0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8];

/// A race of candidates over examples.
#[derive(Debug, Clone)]
pub struct Race {
    candidates: Vec<Standing>,
    /// Logarithms of what each bet holds that a candidate (row) is not better than another (column).
    capital: Vec<[f64; BETS.len()]>,
    /// The logarithm of what a capital must reach for the other to be dropped.
    goal: f64,
    seen: usize,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    running: bool,
    total: f64,
    answered: usize,
}

/// A candidate that was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beaten {
    /// Which.
    pub candidate: usize,
    /// The one that is better.
    pub by: usize,
    /// Examples both had answered.
    pub after: usize,
}

impl Race {
    /// A race of so many candidates; the chance that a truly best one is dropped stays under `1 - confidence`.
    pub fn new(candidates: usize, confidence: f64) -> Self {
        let rivals = candidates.saturating_sub(1).max(1) as f64;
        Self {
            candidates: vec![Standing { running: true, total: 0.0, answered: 0 }; candidates],
            capital: vec![[0.0; BETS.len()]; candidates * candidates],
            goal: (rivals / (1.0 - confidence)).ln(),
            seen: 0,
        }
    }

    /// Candidates that were not dropped.
    pub fn running(&self) -> Vec<usize> {
        (0..self.candidates.len()).filter(|at| self.candidates[*at].running).collect()
    }

    /// Examples seen.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Answers that were asked for in all.
    pub fn spent(&self) -> usize {
        self.candidates.iter().map(|one| one.answered).sum()
    }

    /// The mean score of a candidate over what it answered; 0 if that is nothing.
    pub fn mean(&self, candidate: usize) -> f64 {
        let Standing { total, answered, .. } = self.candidates[candidate];
        if answered == 0 { 0.0 } else { total / answered as f64 }
    }

    /// Takes a candidate out that cannot answer any more: nobody beat it.
    pub fn withdraw(&mut self, candidate: usize) {
        self.candidates[candidate].running = false;
    }

    /// Takes the scores, between 0 and 1, of all running candidates on the next example, in the order of [`Race::running`]; returns who is
    /// dropped by them.
    ///
    /// # Panics
    /// If there are not as many scores as candidates run, or one is not between 0 and 1.
    pub fn example(&mut self, scores: &[f64]) -> Vec<Beaten> {
        let running = self.running();
        assert_eq!(scores.len(), running.len(), "a score of each that runs");
        assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "scores between 0 and 1");
        self.seen += 1;
        for (candidate, score) in running.iter().zip(scores) {
            let standing = &mut self.candidates[*candidate];
            standing.total += score;
            standing.answered += 1;
        }
        for (better, a) in running.iter().zip(scores) {
            for (worse, b) in running.iter().zip(scores) {
                let at = self.at(*better, *worse);
                for (capital, bet) in self.capital[at].iter_mut().zip(BETS) {
                    *capital += (1.0 + bet * (a - b)).ln();
                }
            }
        }
        self.drop_beaten(&running)
    }

    fn drop_beaten(&mut self, running: &[usize]) -> Vec<Beaten> {
        let beaten: Vec<Beaten> = running
            .iter()
            .filter_map(|&candidate| {
                let most = |by: &usize| mean_of_logs(&self.capital[self.at(*by, candidate)]);
                let by = running.iter().copied().max_by(|a, b| most(a).total_cmp(&most(b)))?;
                (most(&by) >= self.goal).then_some(Beaten { candidate, by, after: self.seen })
            })
            .collect();
        for one in &beaten {
            self.candidates[one.candidate].running = false;
        }
        beaten
    }

    fn at(&self, row: usize, column: usize) -> usize {
        row * self.candidates.len() + column
    }
}

/// The logarithm of the mean of what the logarithms stand for.
fn mean_of_logs(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + (logs.iter().map(|log| (log - most).exp()).sum::<f64>() / logs.len() as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_clearly_beaten_are_dropped_and_the_best_stays() {
        let mut race = Race::new(3, 0.95);
        let mut dropped = Vec::new();
        for example in 0..100 {
            let scores: Vec<f64> =
                race.running().into_iter().map(|at| [0.9, f64::from(example % 2), 0.85][at]).collect();
            dropped.extend(race.example(&scores));
        }
        assert_eq!(dropped.len(), 1);
        assert!(dropped[0].candidate == 1 && dropped[0].after < 50, "{dropped:?}");
        assert_eq!(race.running(), [0, 2]);
        assert_eq!(race.spent(), 200 + dropped[0].after);
        assert!((race.mean(2) - 0.85).abs() < 1e-9);
    }

    #[test]
    fn candidates_that_answer_alike_all_stay() {
        let mut race = Race::new(4, 0.95);
        for example in 0..500 {
            assert!(race.example(&[f64::from(example % 3) / 2.0; 4]).is_empty());
        }
        assert_eq!(race.running().len(), 4);
    }

    #[test]
    fn one_alone_wins() {
        let mut race = Race::new(1, 0.95);
        assert!(race.example(&[0.0]).is_empty());
        assert_eq!(race.running(), [0]);
    }

    proptest! {
        #[test]
        fn never_all_are_dropped(scores in prop::collection::vec([0.0..=1.0f64, 0.0..=1.0, 0.0..=1.0], 1..200)) {
            let mut race = Race::new(3, 0.6);
            for scores in scores {
                let running = race.running();
                prop_assert!(!running.is_empty());
                let scores: Vec<f64> = running.into_iter().map(|at| scores[at]).collect();
                race.example(&scores);
            }
        }
    }
}
