//! Races and intervals held against what is known because it was made: what `make statistics` prints.
//!
//! A synthetic race has candidates of known quality, and examples of known difficulty which all of them find hard or easy together: a candidate
//! answers rightly if its strength is more than the difficulty and some luck of its own. Half of the races grade by right and wrong, half by
//! degrees. What the statistics say is compared with the qualities the race was made of. Fails if a figure leaves the bounds that are promised.

#![allow(clippy::print_stdout, reason = "what it is for")]

use std::process::ExitCode;

use evaluate::{Contest, Next, Terms, difference, quality, quantile};
use fastrand::Rng;
use statrs::distribution::{ContinuousCDF, Normal};

const RACES: u64 = 1000;
/// Test splits on which the intervals of each race are held against the truth; the choice is the first one's.
const SPLITS: usize = 8;
const CONFIDENCE: f64 = 0.95;
/// Of all answers to all examples, as many are asked for at most.
const SPEND: f64 = 0.4;

fn main() -> ExitCode {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(20_261_127);
    let (mut figures, mut small) = (Figures::default(), Figures::default());
    for race in 0..RACES {
        World::draw(seed + race).run(&mut figures);
        World::draw_small(seed + race).run(&mut small);
    }
    let holds = [figures.report(seed), small.report_small(seed)];
    if holds == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A race whose truth is known.
struct World {
    rng: Rng,
    strengths: Vec<f64>,
    /// Shares of right answers each candidate has in the long run; of its mean score, if answers are graded.
    truths: Vec<f64>,
    graded: bool,
    /// Examples of the development split, and of the test split.
    sizes: (usize, usize),
    /// How much of what is hard is hard for all.
    shared: f64,
}

impl World {
    fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let count = rng.usize(4..=24);
        let size = [100, 200, 400][rng.usize(..3)];
        Self::of(rng, count, (size, size))
    }

    /// A few candidates over a few examples, as the splits of some hundred rows have.
    fn draw_small(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let count = rng.usize(3..=8);
        let size = rng.usize(15..=60);
        Self::of(rng, count, (size, size * 4 / 3))
    }

    fn of(mut rng: Rng, count: usize, sizes: (usize, usize)) -> Self {
        // Some races are close, some are not.
        let spread = [0.2, 0.6, 1.2][rng.usize(..3)];
        let middle = rng.f64() * 1.4 - 0.2;
        let strengths: Vec<f64> = (0..count).map(|_| middle + spread * normal(&mut rng)).collect();
        let (graded, shared) = (rng.bool(), 0.3 + 0.5 * rng.f64());
        // Strength is in standard deviations of difficulty and luck together, so that the share of right answers is the normal distribution's.
        let truths = strengths
            .iter()
            .map(|strength| if graded { graded_mean(*strength) } else { Normal::standard().cdf(*strength) })
            .collect();
        Self { rng, strengths, truths, graded, sizes, shared }
    }

    fn difficulty(&mut self) -> f64 {
        normal(&mut self.rng) * self.shared.sqrt()
    }

    fn example(&mut self, candidates: &[usize]) -> Vec<f64> {
        let difficulty = self.difficulty();
        candidates.iter().map(|candidate| self.answer(*candidate, difficulty)).collect()
    }

    fn answer(&mut self, candidate: usize, difficulty: f64) -> f64 {
        let margin = self.strengths[candidate] - difficulty - normal(&mut self.rng) * (1.0 - self.shared).sqrt();
        if self.graded { degree(margin) } else { f64::from(margin > 0.0) }
    }

    fn run(mut self, figures: &mut Figures) {
        let count = self.strengths.len();
        let (development, test) = self.sizes;
        let mut contest =
            Contest::new(count, development, test, Terms { spend: SPEND, confidence: CONFIDENCE, ..Terms::default() });
        loop {
            match contest.next_round() {
                Next::Race { candidates, examples } => {
                    let scores: Vec<Vec<f64>> = examples.map(|_| self.example(&candidates)).collect();
                    contest.raced(&scores);
                }
                Next::Final { candidates, examples } => {
                    let scores: Vec<Vec<f64>> = examples.map(|_| self.example(&candidates)).collect();
                    contest.judged(&scores);
                }
                Next::Done => break,
            }
        }
        let best = (0..count).max_by(|a, b| self.truths[*a].total_cmp(&self.truths[*b])).unwrap_or(0);
        figures.races += 1;
        figures.discarded += usize::from(contest.beaten().iter().any(|beaten| beaten.candidate == best));
        figures.dropped += contest.beaten().len();
        figures.candidates += count;
        let (spent, grid) = contest.spent();
        figures.spends.push(spent as f64 / grid as f64);
        let finalists: Vec<usize> = contest.finals().iter().map(|(candidate, _)| *candidate).collect();
        let scores: Vec<Vec<f64>> = contest.finals().iter().map(|(_, scores)| scores.to_vec()).collect();
        self.choose(&finalists, &scores, best, figures);
        self.hold(&finalists, &scores, figures);
        // The finalists of a race find the same examples hard, so that their intervals hold or miss together: more splits tell more.
        for _ in 1..SPLITS {
            let mut scores = vec![Vec::with_capacity(test); finalists.len()];
            for _ in 0..test {
                let one = self.example(&finalists);
                scores.iter_mut().zip(one).for_each(|(all, score)| all.push(score));
            }
            self.hold(&finalists, &scores, figures);
        }
        self.latency(figures);
    }

    /// Whether the intervals of a test split hold what is true.
    fn hold(&mut self, finalists: &[usize], scores: &[Vec<f64>], figures: &mut Figures) {
        let seed = self.rng.u64(..);
        for (candidate, scores) in finalists.iter().zip(scores) {
            let interval = quality(scores, CONFIDENCE, seed).expect("scores");
            figures.quality[usize::from(self.graded)].count(interval.low, interval.high, self.truths[*candidate]);
        }
        for (candidate, other) in finalists.iter().zip(scores).skip(1) {
            let found = difference(&scores[0], other, CONFIDENCE, seed).expect("scores").interval;
            let truth = self.truths[finalists[0]] - self.truths[*candidate];
            figures.difference[usize::from(self.graded)].count(found.low, found.high, truth);
        }
    }

    fn choose(&mut self, finalists: &[usize], scores: &[Vec<f64>], best: usize, figures: &mut Figures) {
        let mean = |at: &usize| scores[*at].iter().sum::<f64>() / scores[*at].len() as f64;
        let chosen = (0..finalists.len()).max_by(|a, b| mean(a).total_cmp(&mean(b))).map_or(0, |at| finalists[at]);
        figures.best += usize::from(chosen == best);
        figures.regret += self.truths[best] - self.truths[chosen];
    }

    /// Latencies have a long tail: a log-normal distribution's.
    fn latency(&mut self, figures: &mut Figures) {
        let values: Vec<f64> = (0..self.sizes.1).map(|_| (0.8 * normal(&mut self.rng)).exp()).collect();
        let interval = quantile(&values, 0.95, CONFIDENCE).expect("values");
        figures.latency.count(interval.low, interval.high, (0.8 * Normal::standard().inverse_cdf(0.95)).exp());
    }
}

fn normal(rng: &mut Rng) -> f64 {
    Normal::standard().inverse_cdf(rng.f64().clamp(1e-12, 1.0 - 1e-12))
}

/// A score by degrees.
fn degree(margin: f64) -> f64 {
    1.0 / (1.0 + (-2.0 * margin).exp())
}

/// The mean score of a strength, by summing over the normal distribution.
fn graded_mean(strength: f64) -> f64 {
    const STEPS: usize = 4000;
    (0..STEPS).map(|i| degree(strength - Normal::standard().inverse_cdf((i as f64 + 0.5) / STEPS as f64))).sum::<f64>()
        / STEPS as f64
}

#[derive(Default)]
struct Covered {
    of: usize,
    held: usize,
}

impl Covered {
    fn count(&mut self, low: f64, high: f64, truth: f64) {
        self.of += 1;
        self.held += usize::from((low..=high).contains(&truth));
    }

    fn share(&self) -> f64 {
        self.held as f64 / self.of as f64
    }
}

#[derive(Default)]
struct Figures {
    races: usize,
    /// Races in which a truly best candidate was dropped.
    discarded: usize,
    dropped: usize,
    candidates: usize,
    spends: Vec<f64>,
    best: usize,
    regret: f64,
    /// Of right and wrong, and by degrees.
    quality: [Covered; 2],
    difference: [Covered; 2],
    latency: Covered,
}

impl Figures {
    /// Says what is promised of it, and whether it holds.
    fn report(&self, seed: u64) -> bool {
        println!(
            "{RACES} synthetic races, {SPLITS} test splits each, seeds {seed} to {}, confidence {:.0} %",
            seed + RACES - 1,
            CONFIDENCE * 100.0
        );
        println!("{:64} {:>8}  {:>10}", "", "", "promised");
        let intervals = [
            say("intervals that hold a finalist's quality, right or wrong", self.quality[0].share(), 0.93, 0.97),
            say("intervals that hold a finalist's quality, by degrees", self.quality[1].share(), 0.93, 0.97),
            say("intervals that hold a difference, right or wrong", self.difference[0].share(), 0.93, 0.97),
            say("intervals that hold a difference, by degrees", self.difference[1].share(), 0.93, 0.97),
            say("intervals that hold the 95th percentile of latency", self.latency.share(), 0.93, 0.97),
        ];
        self.report_race(0.02) && intervals == [true; 5]
    }

    /// The same of small fields, where little can be saved and chance weighs more; their intervals are not held to the above, for lack of examples.
    fn report_small(&self, seed: u64) -> bool {
        println!();
        println!("as many races of 3 to 8 candidates over 15 to 60 and 20 to 80 examples, the same seeds from {seed}");
        self.report_race(0.03)
    }

    fn report_race(&self, regret: f64) -> bool {
        let races = self.races as f64;
        let spend = self.spends.iter().sum::<f64>() / races;
        let most = self.spends.iter().copied().fold(0.0, f64::max);
        let held = [
            say("races that dropped a truly best candidate", self.discarded as f64 / races, 0.0, 1.0 - CONFIDENCE),
            say("answers asked for, of all to all, on average", spend, 0.0, SPEND),
            say("answers asked for, of all to all, at most", most, 0.0, SPEND),
            say("what the choice is worse than the best, on average", self.regret / races, 0.0, regret),
        ];
        let dropped = self.dropped as f64 / self.candidates as f64;
        println!("{:64} {:6.2} %", "candidates that were dropped", dropped * 100.0);
        println!("{:64} {:6.2} %", "races whose choice is the best", self.best as f64 / races * 100.0);
        held == [true; 4]
    }
}

/// Prints a figure beside what is promised of it.
fn say(what: &str, value: f64, low: f64, high: f64) -> bool {
    let holds = (low..=high).contains(&value);
    let promised = format!("{:.0}-{:.0} %", low * 100.0, high * 100.0);
    let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
    println!("{what:64} {:6.2} %  {promised:>10}  {verdict}", value * 100.0);
    holds
}
