//! What a sample tells of two candidates that both answered it.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

use crate::interval::{Interval, deviations, moments, studentised};

/// Sign flips of the randomisation test.
const FLIPS: usize = 5000;

/// How much better one candidate is than another on the same examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Of the means of their scores: above 0 if the first is better.
    pub interval: Interval,
    /// How likely at least such a difference is if there is none: two-sided.
    pub p: f64,
    /// Examples with which the interval leaves 0 in four of five tries, if the difference is what it seems; nothing if it seems to be 0.
    pub needed: Option<usize>,
}

/// The difference of the means of paired scores between 0 and 1, with its interval at a confidence. Nothing for no pairs.
///
/// Scores of only 0 and 1 have Bonett and Price's interval (2012) and McNemar's exact test; others the studentised bootstrap's interval and a
/// randomisation test by signs (Fisher 1935).
///
/// # Panics
/// If the two are not as many: they are not paired then.
pub fn difference(a: &[f64], b: &[f64], confidence: f64, seed: u64) -> Option<Difference> {
    assert_eq!(a.len(), b.len(), "a score of each for every example");
    let by: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let (mean, deviation) = moments(&by)?;
    let whole = by.iter().all(|d| *d == 0.0 || d.abs() == 1.0);
    let (interval, p) = if whole {
        let (wins, losses) = (count(&by, 1.0), count(&by, -1.0));
        (bonett_price(wins, losses, by.len(), confidence), mcnemar(wins, losses))
    } else if deviation == 0.0 {
        // Always the same difference: as many signs as there are examples speak for it.
        (Interval { value: mean, low: mean, high: mean }, (0.5f64.powi(by.len() as i32 - 1)).min(1.0))
    } else {
        (studentised(&by, confidence, seed), by_signs(&by, seed))
    };
    let interval = Interval { value: mean, low: interval.low.max(-1.0), high: interval.high.min(1.0) };
    Some(Difference { interval, p, needed: needed(mean, deviation, confidence) })
}

/// Holm's correction (1979) of p-values that were looked at together: each becomes what it may be held against the level as if it were the only one.
pub fn holm(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let (mut corrected, mut least) = (vec![0.0; values.len()], 0.0f64);
    for (rank, at) in order.into_iter().enumerate() {
        least = least.max(values[at] * (values.len() - rank) as f64).min(1.0);
        corrected[at] = least;
    }
    corrected
}

fn count(by: &[f64], what: f64) -> usize {
    by.iter().filter(|d| **d == what).count()
}

fn bonett_price(wins: usize, losses: usize, count: usize, confidence: f64) -> Interval {
    let n = count as f64 + 2.0;
    let (wins, losses) = ((wins as f64 + 1.0) / n, (losses as f64 + 1.0) / n);
    let half = deviations(confidence) * ((wins + losses - (wins - losses).powi(2)) / n).sqrt();
    let middle = wins - losses;
    Interval { value: middle, low: middle - half, high: middle + half }
}

fn mcnemar(wins: usize, losses: usize) -> f64 {
    let Ok(fair) = Binomial::new(0.5, (wins + losses) as u64) else { return 1.0 };
    (2.0 * fair.cdf(wins.min(losses) as u64)).min(1.0)
}

/// How often differences whose signs are drawn have a sum as far from 0.
fn by_signs(by: &[f64], seed: u64) -> f64 {
    let seen = by.iter().sum::<f64>().abs();
    let mut draw = fastrand::Rng::with_seed(seed);
    let as_far = (0..FLIPS)
        .filter(|_| by.iter().map(|d| if draw.bool() { *d } else { -d }).sum::<f64>().abs() >= seen - 1e-12)
        .count();
    (as_far + 1) as f64 / (FLIPS + 1) as f64
}

fn needed(mean: f64, deviation: f64, confidence: f64) -> Option<usize> {
    // Of the normal distribution: what is left of the interval's end with a power of 0.8 (Cohen 1988).
    const POWER: f64 = 0.841_621;
    (mean != 0.0).then(|| ((deviations(confidence) + POWER) * deviation / mean).powi(2).ceil().max(1.0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(both: usize, wins: usize, losses: usize) -> (Vec<f64>, Vec<f64>) {
        let one = |won: bool, count| std::iter::repeat_n(f64::from(won), count);
        let a = one(true, both).chain(one(true, wins)).chain(one(false, losses)).collect();
        (a, one(true, both).chain(one(false, wins)).chain(one(true, losses)).collect())
    }

    /// What is said to settle it does so in four of five draws.
    #[test]
    fn as_many_as_are_needed_are_enough_mostly() {
        let (a, b) = outcomes(80, 14, 6);
        let needed = difference(&a, &b, 0.95, 1).and_then(|one| one.needed).expect("a difference");
        let mut draw = fastrand::Rng::with_seed(7);
        let settled = (0..400).filter(|_| {
            let pair = |_| match draw.f64() {
                at if at < 0.14 => (1.0, 0.0),
                at if at < 0.20 => (0.0, 1.0),
                _ => (1.0, 1.0),
            };
            let (a, b): (Vec<f64>, Vec<f64>) = (0..needed).map(pair).unzip();
            difference(&a, &b, 0.95, 1).is_some_and(|one| one.interval.low > 0.0)
        });
        let share = settled.count() as f64 / 400.0;
        assert!((0.72..=0.88).contains(&share), "{share} with {needed}");
    }

    #[test]
    fn mcnemars_test_is_the_textbooks() {
        // scipy.stats.binomtest(3, 15, 0.5).pvalue
        let (a, b) = outcomes(82, 12, 3);
        let got = difference(&a, &b, 0.95, 1).expect("pairs");
        assert!((got.p - 0.035_156_25).abs() < 1e-9, "{}", got.p);
        assert!((got.interval.value - 9.0 / 97.0).abs() < 1e-12, "{:?}", got.interval);
        assert!(got.interval.low > 0.0 && got.interval.high < 0.2, "{:?}", got.interval);
        assert!(got.needed.is_some_and(|needed| (120..=150).contains(&needed)), "{:?}", got.needed);
    }

    #[test]
    fn those_that_answer_alike_are_not_told_apart() {
        let (a, b) = outcomes(40, 0, 0);
        let got = difference(&a, &b, 0.95, 1).expect("pairs");
        assert_eq!((got.p, got.needed, got.interval.value), (1.0, None, 0.0));
        assert!(got.interval.low < 0.0 && got.interval.high > 0.0, "{:?}", got.interval);
        assert_eq!(difference(&[], &[], 0.95, 1), None);
    }

    #[test]
    fn graded_scores_are_compared_too() {
        let a: Vec<f64> = (0..60).map(|i| 0.5 + f64::from(i % 5) * 0.1).collect();
        let b: Vec<f64> = (0..60).map(|i| 0.45 + f64::from(i % 7) * 0.05).collect();
        let got = difference(&a, &b, 0.95, 1).expect("pairs");
        assert!(got.interval.low > 0.0 && got.p < 0.01, "{got:?}");
        let back = difference(&b, &a, 0.95, 1).expect("pairs");
        assert!((back.interval.value + got.interval.value).abs() < 1e-12, "{back:?}");
    }

    #[test]
    fn holms_correction_is_the_textbooks() {
        // statsmodels' multipletests(method="holm").
        let got = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (got, expected) in got.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((got - expected).abs() < 1e-12, "{got} {expected}");
        }
        assert_eq!(holm(&[]), Vec::<f64>::new());
    }
}
