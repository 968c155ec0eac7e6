//! How far a judge can be trusted: its grades held against people's, and what it says of others corrected for where it errs.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::interval::{Interval, RESAMPLES, deviations, moments, quality};

/// A leverage above this counts as this: one answer alone at its grade says nothing of its own error.
const LEVERAGE: f64 = 0.8;

/// How well a judge's grades agree with people's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Answers that both graded.
    pub answers: usize,
    /// The share that got the same grade.
    pub same: Interval,
    /// Cohen's kappa (1960): agreement beyond chance, 1 at most; nothing if chance alone would always agree.
    pub kappa: Option<Interval>,
    /// The same with quadratic weights (Cohen 1968), where there are more than two grades: near is nearly right.
    pub weighted_kappa: Option<Interval>,
    /// Spearman's correlation of ranks; nothing if either gave one grade only.
    pub spearman: Option<f64>,
    /// The judge's mean, minus people's: above 0, it is too kind.
    pub bias: f64,
    /// How far it is off, in the mean.
    pub error: f64,
    /// Pass or fail only: of answers that people pass, those it passes.
    pub sensitivity: Option<Interval>,
    /// Pass or fail only: of answers that people fail, those it fails.
    pub specificity: Option<Interval>,
    /// A row for each grade of people's, worst first: how often the judge gave each grade.
    pub confusion: Vec<Vec<usize>>,
}

/// Holds a judge's grades against people's: pairs of a person's and the judge's, 0 (worst) to 1 (best), on a scale of so many grades. Nothing for
/// no pairs, or a scale of fewer than two.
pub fn agreement(pairs: &[(f64, f64)], grades: usize, confidence: f64, seed: u64) -> Option<Agreement> {
    if pairs.is_empty() || grades < 2 {
        return None;
    }
    let count = pairs.len() as f64;
    let placed: Vec<(usize, usize)> =
        pairs.iter().map(|(human, judge)| (place(*human, grades), place(*judge, grades))).collect();
    let same: Vec<f64> = placed.iter().map(|(human, judge)| f64::from(human == judge)).collect();
    let binary = grades == 2;
    let found = |passes: usize| {
        let right: Vec<f64> = placed
            .iter()
            .filter(|(human, _)| binary && *human == passes)
            .map(|(human, judge)| f64::from(human == judge))
            .collect();
        quality(&right, confidence, seed)
    };
    let weighted = if binary { None } else { kappa_interval(&placed, grades, Weights::Quadratic, confidence, seed) };
    let (humans, judges): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    Some(Agreement {
        answers: pairs.len(),
        same: quality(&same, confidence, seed)?,
        kappa: kappa_interval(&placed, grades, Weights::None, confidence, seed),
        weighted_kappa: weighted,
        spearman: correlation(&ranks(&humans), &ranks(&judges)),
        bias: pairs.iter().map(|(human, judge)| judge - human).sum::<f64>() / count,
        error: pairs.iter().map(|(human, judge)| (judge - human).abs()).sum::<f64>() / count,
        sensitivity: found(1),
        specificity: found(0),
        confusion: confusion(&placed, grades),
    })
}

/// The nearest grade, from 0.
fn place(score: f64, grades: usize) -> usize {
    (score.clamp(0.0, 1.0) * (grades - 1) as f64).round() as usize
}

fn confusion(placed: &[(usize, usize)], grades: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![vec![0; grades]; grades];
    placed.iter().for_each(|(human, judge)| counts[*human][*judge] += 1);
    counts
}

/// How much a disagreement counts.
#[derive(Clone, Copy)]
enum Weights {
    /// Each as much.
    None,
    /// By the square of the distance.
    Quadratic,
}

/// Cohen's kappa.
fn kappa(placed: &[(usize, usize)], grades: usize, weights: Weights) -> Option<f64> {
    let counts = confusion(placed, grades);
    let all = placed.len() as f64;
    let rows: Vec<f64> = counts.iter().map(|row| row.iter().sum::<usize>() as f64).collect();
    let columns: Vec<f64> = (0..grades).map(|at| counts.iter().map(|row| row[at]).sum::<usize>() as f64).collect();
    let (mut seen, mut by_chance) = (0.0, 0.0);
    for human in 0..grades {
        for judge in 0..grades {
            let weight = match weights {
                Weights::None => f64::from(human != judge),
                Weights::Quadratic => (human as f64 - judge as f64).powi(2),
            };
            seen += weight * counts[human][judge] as f64;
            by_chance += weight * rows[human] * columns[judge] / all;
        }
    }
    (by_chance > 0.0).then(|| 1.0 - seen / by_chance)
}

/// With the bootstrap's interval, by percentiles.
fn kappa_interval(
    placed: &[(usize, usize)],
    grades: usize,
    weights: Weights,
    confidence: f64,
    seed: u64,
) -> Option<Interval> {
    let value = kappa(placed, grades, weights)?;
    let mut draw = fastrand::Rng::with_seed(seed);
    let mut again = placed.to_vec();
    let mut values: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            again.fill_with(|| placed[draw.usize(..placed.len())]);
            kappa(&again, grades, weights)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let at = |part: f64| values.get(((part * values.len() as f64) as usize).min(values.len().saturating_sub(1)));
    Some(Interval {
        value,
        low: at(tail).copied().unwrap_or(value).min(value),
        high: at(1.0 - tail).copied().unwrap_or(value).max(value),
    })
}

/// Places in the order of values, those that are equal sharing theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    while from < order.len() {
        let alike = order[from..].iter().take_while(|at| values[**at] == values[order[from]]).count();
        let shared = from as f64 + (alike as f64 + 1.0) / 2.0;
        order[from..from + alike].iter().for_each(|at| ranks[*at] = shared);
        from += alike;
    }
    ranks
}

/// Pearson's correlation.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mean_a, deviation_a) = moments(a)?;
    let (mean_b, deviation_b) = moments(b)?;
    let together: f64 = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum();
    let of = deviation_a * deviation_b * (a.len() as f64 - 1.0);
    (of > 0.0).then(|| together / of)
}

/// What a judge's grades mean, learnt from answers that people graded, too.
///
/// A judge is described by what it says of answers people find good and of those they find bad, so that what it says of other answers can be turned
/// round: for pass or fail Rogan and Gladen's estimator (1978) with the interval of Lang and Reiczigel (2014); on a longer scale its generalisation,
/// the line of the judge's grades over people's, inverted (classical calibration), with Fieller's interval (1954) from errors that may differ from
/// answer to answer (HC3, MacKinnon and White 1985). Unlike a regression of people's grades on the judge's, this does not draw every candidate
/// towards the quality of the graded answers. It holds as far as the judge errs on a candidate's answers as it does on the graded ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// Answers that people pass and fail, and how many of each the judge passes and fails.
    PassFail {
        passed: f64,
        found: f64,
        failed: f64,
        caught: f64,
    },
    Line(Line),
}

/// The judge's grade over people's: `level + slope * (human - middle)`, and how sure that is.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    answers: usize,
    middle: f64,
    level: f64,
    slope: f64,
    of_level: f64,
    of_slope: f64,
    of_both: f64,
    /// The variance that rounding to the scale's grades alone makes.
    rounding: f64,
}

impl Calibration {
    /// Learns from pairs of a person's grade and the judge's, as [`agreement`] takes them. Nothing if there are fewer than four, or people gave but
    /// one grade: of bad answers nothing is known then, or of good ones.
    pub fn of(pairs: &[(f64, f64)], grades: usize) -> Option<Self> {
        if pairs.len() < 4 || grades < 2 {
            return None;
        }
        if grades > 2 {
            return Line::of(pairs, grades).map(|line| Self { kind: Kind::Line(line) });
        }
        let counts = confusion(
            &pairs.iter().map(|(human, judge)| (place(*human, 2), place(*judge, 2))).collect::<Vec<_>>(),
            grades,
        );
        let [passed, failed] = [1, 0].map(|grade: usize| counts[grade].iter().sum::<usize>() as f64);
        let [found, caught] = [1, 0].map(|grade: usize| counts[grade][grade] as f64);
        (passed > 0.0 && failed > 0.0).then_some(Self { kind: Kind::PassFail { passed, found, failed, caught } })
    }

    /// What people's mean grade of answers would be that the judge gave these scores, with its interval at a confidence. Nothing for no scores, and
    /// nothing if the judge does not tell good answers from bad ones at all; the whole from 0 to 1 if it is not sure that it does.
    pub fn correct(&self, scores: &[f64], confidence: f64) -> Option<Interval> {
        match &self.kind {
            Kind::Line(line) => line.correct(scores, confidence),
            Kind::PassFail { passed, found, failed, caught } => {
                let (mean, _) = moments(scores)?;
                rogan_gladen(mean, scores.len() as f64, [*found, *passed], [*caught, *failed], confidence)
            }
        }
    }
}

/// The share of good answers, of which a judge passes a share of all: `found` of `passed` good ones, and `caught` of `failed` bad ones not.
fn rogan_gladen(
    mean: f64,
    count: f64,
    [found, passed]: [f64; 2],
    [caught, failed]: [f64; 2],
    confidence: f64,
) -> Option<Interval> {
    let z = deviations(confidence);
    let turned = |share: f64, sensitivity: f64, specificity: f64| {
        (share + specificity - 1.0) / (sensitivity + specificity - 1.0)
    };
    if found / passed + caught / failed <= 1.0 {
        return None;
    }
    let value = turned(mean, found / passed, caught / failed).clamp(0.0, 1.0);
    // One more of each kind, and z squared answers more half of which pass: what few answers say is not taken to be certain.
    let (sensitivity, specificity) = ((found + 1.0) / (passed + 2.0), (caught + 1.0) / (failed + 2.0));
    let share = (count * mean + z * z / 2.0) / (count + z * z);
    let of_sensitivity = sensitivity * (1.0 - sensitivity) / (passed + 2.0);
    let of_specificity = specificity * (1.0 - specificity) / (failed + 2.0);
    let tells = sensitivity + specificity - 1.0;
    if tells <= z * (of_sensitivity + of_specificity).sqrt() {
        return Some(Interval { value, low: 0.0, high: 1.0 });
    }
    let middle = turned(share, sensitivity, specificity);
    let shift = 2.0 * z * z * (middle * of_sensitivity - (1.0 - middle) * of_specificity);
    let variance = share * (1.0 - share) / (count + z * z)
        + (1.0 - middle).powi(2) * of_specificity
        + middle.powi(2) * of_sensitivity;
    let half = z * variance.sqrt() / tells;
    Some(around(value, middle + shift - half, middle + shift + half))
}

impl Line {
    fn of(pairs: &[(f64, f64)], grades: usize) -> Option<Self> {
        let count = pairs.len() as f64;
        let middle = pairs.iter().map(|(human, _)| human).sum::<f64>() / count;
        let level = pairs.iter().map(|(_, judge)| judge).sum::<f64>() / count;
        let spread: f64 = pairs.iter().map(|(human, _)| (human - middle).powi(2)).sum();
        if spread < 1e-12 {
            return None;
        }
        let slope = pairs.iter().map(|(human, judge)| (human - middle) * (judge - level)).sum::<f64>() / spread;
        let rounding = (1.0 / (grades - 1) as f64).powi(2) / 12.0;
        let mut line = Self {
            answers: pairs.len(),
            middle,
            level,
            slope,
            // Grades that happen to lie on a line are not known to a hair.
            of_level: rounding / count,
            of_slope: rounding / spread,
            of_both: 0.0,
            rounding,
        };
        for (human, judge) in pairs {
            let from = human - middle;
            let leverage = (1.0 / count + from * from / spread).min(LEVERAGE);
            let squared = ((judge - level - slope * from) / (1.0 - leverage)).powi(2);
            line.of_level += squared / (count * count);
            line.of_slope += squared * from * from / (spread * spread);
            line.of_both += squared * from / (count * spread);
        }
        Some(line)
    }

    fn correct(&self, scores: &[f64], confidence: f64) -> Option<Interval> {
        let (mean, deviation) = moments(scores)?;
        if self.slope <= 0.0 {
            return None;
        }
        let value = (self.middle + (mean - self.level) / self.slope).clamp(0.0, 1.0);
        let freedom = StudentsT::new(0.0, 1.0, self.answers as f64 - 2.0).ok()?;
        let t = freedom.inverse_cdf(0.5 + confidence / 2.0).powi(2);
        let of_mean = (deviation * deviation).max(self.rounding) / scores.len() as f64;
        // Where the squared distance of the mean from the line is within what both are unsure of.
        let a = self.slope.powi(2) - t * self.of_slope;
        let b = (mean - self.level) * self.slope + t * self.of_both;
        let c = (mean - self.level).powi(2) - t * (of_mean + self.of_level);
        let root = b * b - a * c;
        if a <= 0.0 || root < 0.0 {
            return Some(Interval { value, low: 0.0, high: 1.0 });
        }
        Some(around(value, self.middle + (b - root.sqrt()) / a, self.middle + (b + root.sqrt()) / a))
    }
}

/// An interval of a share that holds its value.
fn around(value: f64, low: f64, high: f64) -> Interval {
    Interval { value, low: low.clamp(0.0, 1.0).min(value), high: high.clamp(0.0, 1.0).max(value) }
}

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;
