//! What a sample tells of one candidate.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};

/// Resamples of a bootstrap.
pub(crate) const RESAMPLES: usize = 2000;

/// A figure of a sample, and where the figure of the whole lies with the confidence that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The figure of the sample.
    pub value: f64,
    /// The whole's is at least this.
    pub low: f64,
    /// And at most this; infinity (in JSON `null`) if the sample is too small to say.
    #[serde(deserialize_with = "endless")]
    pub high: f64,
}

/// JSON has no infinity.
fn endless<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::INFINITY))
}

/// The mean of scores between 0 and 1, with its interval at a confidence (`0.95`). Nothing for no scores.
///
/// Scores of only 0 and 1 have Wilson's interval (1927); others the studentised bootstrap's (Hall 1988), which follows skew where the
/// normal approximation does not; a sample that never varies has Wilson's, which is wider than it need be.
pub fn quality(scores: &[f64], confidence: f64, seed: u64) -> Option<Interval> {
    let (mean, deviation) = moments(scores)?;
    let binary = scores.iter().all(|score| *score == 0.0 || *score == 1.0);
    let Interval { low, high, .. } = if binary || deviation == 0.0 {
        wilson(mean, scores.len(), confidence)
    } else {
        studentised(scores, confidence, seed)
    };
    Some(Interval { value: mean, low: low.max(0.0), high: high.min(1.0) })
}

/// The value that a part `at` (`0.95`) of a sample does not exceed, with its interval at a confidence, from the order of the sample alone
/// (David and Nagaraja 2003, 7.1), between whose places it is interpolated (Nyblom 1992). Nothing for no values.
pub fn quantile(values: &[f64], at: f64, confidence: f64) -> Option<Interval> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (at * sorted.len() as f64).ceil() as usize;
    let value = *sorted.get(place.saturating_sub(1))?;
    let tail = (1.0 - confidence) / 2.0;
    let low = lower(&sorted, at, tail).unwrap_or(0.0);
    // Seen from above, the upper end is the lower one.
    sorted.reverse();
    sorted.iter_mut().for_each(|value| *value = -*value);
    let high = lower(&sorted, 1.0 - at, tail).map_or(f64::INFINITY, |end| -end);
    Some(Interval { value, low: low.min(value), high: high.max(value) })
}

/// What the whole's quantile lies under as seldom as said; nothing if so few values cannot tell.
fn lower(sorted: &[f64], at: f64, tail: f64) -> Option<f64> {
    let count = sorted.len();
    // As many as lie below the whole's quantile follow a binomial distribution.
    let below = Binomial::new(at.clamp(0.0, 1.0), count as u64).ok()?;
    // How often the value in a place, from 1, lies above it.
    let above = |place: usize| below.cdf(place as u64 - 1);
    let place = (1..=count).take_while(|place| above(*place) <= tail).last()?;
    let Some(next) = sorted.get(place) else { return sorted.last().copied() };
    let (here, there) = (above(place), above(place + 1));
    let odds = place as f64 * (1.0 - at) * (there - tail) / ((count - place) as f64 * at * (tail - here));
    let share = if odds.is_finite() { 1.0 / (1.0 + odds) } else { 0.0 };
    Some((1.0 - share) * sorted[place - 1] + share * next)
}

/// Mean and standard deviation (of the sample, by n - 1).
pub(crate) fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
    // What rounding leaves of equal numbers is no deviation.
    Some((mean, if deviation > 1e-12 { deviation } else { 0.0 }))
}

/// How many standard deviations from the middle hold a part of the normal distribution.
pub(crate) fn deviations(confidence: f64) -> f64 {
    Normal::standard().inverse_cdf(0.5 + confidence / 2.0)
}

fn wilson(mean: f64, count: usize, confidence: f64) -> Interval {
    let (n, z) = (count as f64, deviations(confidence));
    let middle = (mean + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (mean * (1.0 - mean) / n + z * z / (4.0 * n * n)).sqrt();
    Interval { value: mean, low: middle - half, high: middle + half }
}

/// The studentised bootstrap's interval of a mean.
pub(crate) fn studentised(values: &[f64], confidence: f64, seed: u64) -> Interval {
    let (mean, deviation) = moments(values).unwrap_or_default();
    let root = (values.len() as f64).sqrt();
    let mut draw = fastrand::Rng::with_seed(seed);
    let mut again = vec![0.0; values.len()];
    let mut ratios: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            again.fill_with(|| values[draw.usize(..values.len())]);
            let (its, deviation) = moments(&again)?;
            // A resample that does not vary says nothing of its own error.
            (deviation > 0.0).then(|| (its - mean) / (deviation / root))
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let error = deviation / root;
    let at = |part: f64| ratios.get(((part * ratios.len() as f64) as usize).min(ratios.len().saturating_sub(1)));
    let tail = (1.0 - confidence) / 2.0;
    let (low, high) = match (at(1.0 - tail), at(tail)) {
        (Some(high), Some(low)) => (mean - high * error, mean - low * error),
        _ => (mean, mean),
    };
    Interval { value: mean, low, high }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval_is_the_textbooks() {
        // Brown, Cai and DasGupta 2001: 95 of 100.
        let scores: Vec<f64> = (0..100).map(|i| f64::from(i < 95)).collect();
        let Interval { value, low, high } = quality(&scores, 0.95, 1).expect("scores");
        assert!(
            (value - 0.95).abs() < 1e-12 && (low - 0.8882).abs() < 1e-4 && (high - 0.9785).abs() < 1e-4,
            "{low} {high}"
        );
    }

    #[test]
    fn nothing_is_known_of_nothing_and_little_of_what_never_varies() {
        assert_eq!(quality(&[], 0.95, 1), None);
        assert_eq!(quantile(&[], 0.95, 0.95), None);
        let Interval { low, high, .. } = quality(&[1.0; 20], 0.95, 1).expect("scores");
        assert!((0.8..0.9).contains(&low) && high == 1.0, "{low} {high}");
        let Interval { low, high, .. } = quality(&[0.4; 20], 0.95, 1).expect("scores");
        assert!(low < 0.3 && high > 0.5, "{low} {high}");
        let one = quality(&[0.5], 0.95, 1).expect("a score");
        assert!(one.low < 0.2 && one.high > 0.8, "{one:?}");
    }

    #[test]
    fn the_same_seed_says_the_same() {
        let scores: Vec<f64> = (0..50).map(|i| f64::from(i % 7) / 7.0).collect();
        assert_eq!(quality(&scores, 0.95, 3), quality(&scores, 0.95, 3));
        assert_ne!(quality(&scores, 0.95, 3), quality(&scores, 0.95, 4));
    }

    #[test]
    fn a_quantile_of_few_has_no_upper_end() {
        let few: Vec<f64> = (0..20).map(f64::from).collect();
        let Interval { value, low, high } = quantile(&few, 0.95, 0.95).expect("values");
        assert!(value == 18.0 && low < 18.0 && high == f64::INFINITY, "{low} {high}");
        let many: Vec<f64> = (0..1000).map(f64::from).collect();
        let Interval { value, low, high } = quantile(&many, 0.95, 0.95).expect("values");
        assert!(value == 949.0 && (930.0..949.0).contains(&low) && (950.0..970.0).contains(&high), "{low} {high}");
    }
}
