//! Drawing the next token from the model's distribution.

use std::collections::HashMap;

use domain::{Rival, Sampling};

/// One request's sampler: its settings, its seed, and what it has seen.
pub(crate) struct Sampler {
    settings: Sampling,
    random: fastrand::Rng,
    /// Tokens of prompt and answer, for the repetition penalty.
    seen: HashMap<u32, ()>,
    /// Tokens of the answer, counted, for presence and frequency.
    generated: HashMap<u32, u32>,
}

impl Sampler {
    pub(crate) fn new(settings: Sampling, prompt: &[u32]) -> Self {
        let random = settings.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        let seen = if settings.repetition_penalty == 1.0 {
            HashMap::new()
        } else {
            prompt.iter().map(|&id| (id, ())).collect()
        };
        Self { settings, random, seen, generated: HashMap::new() }
    }

    fn temperature(&self) -> f32 {
        self.settings.temperature.unwrap_or(1.0)
    }

    /// The next token. `logits` are changed.
    pub(crate) fn draw(&mut self, logits: &mut [f32]) -> u32 {
        self.bias_and_penalise(logits);
        let token = if self.temperature() <= 0.0 { likeliest(logits) } else { self.random_draw(logits) };
        if self.settings.repetition_penalty != 1.0 {
            self.seen.insert(token, ());
        }
        *self.generated.entry(token).or_default() += 1;
        token
    }

    fn bias_and_penalise(&self, logits: &mut [f32]) {
        let settings = &self.settings;
        for (&id, bias) in &settings.logit_bias {
            if let Some(logit) = logits.get_mut(id as usize) {
                // OpenAI: -100 bans, 100 forces; between, it is added.
                *logit = if *bias <= -100.0 { f32::NEG_INFINITY } else { *logit + bias };
            }
        }
        if settings.repetition_penalty != 1.0 {
            for &id in self.seen.keys() {
                if let Some(logit) = logits.get_mut(id as usize) {
                    *logit = if *logit > 0.0 {
                        *logit / settings.repetition_penalty
                    } else {
                        *logit * settings.repetition_penalty
                    };
                }
            }
        }
        if settings.presence_penalty != 0.0 || settings.frequency_penalty != 0.0 {
            for (&id, &count) in &self.generated {
                if let Some(logit) = logits.get_mut(id as usize) {
                    *logit -= settings.presence_penalty + settings.frequency_penalty * count as f32;
                }
            }
        }
    }

    fn random_draw(&mut self, logits: &[f32]) -> u32 {
        let mut candidates = probabilities(logits, self.temperature());
        truncate(&mut candidates, &self.settings);
        let total: f32 = candidates.iter().map(|(_, p)| p).sum();
        let mut left = self.random.f32() * total;
        for &(id, p) in &candidates {
            left -= p;
            if left < 0.0 {
                return id;
            }
        }
        candidates.last().map_or_else(|| likeliest(logits), |&(id, _)| id)
    }
}

/// Candidates with their probabilities, likeliest first. Those 10^-8 times less likely than the first never matter and are left out.
fn probabilities(logits: &[f32], temperature: f32) -> Vec<(u32, f32)> {
    let max = largest(logits);
    // Most are far below: exponentials of a whole vocabulary take as long as a layer.
    let least = max + temperature * -18.5;
    let mut candidates: Vec<(u32, f32)> = logits
        .iter()
        .enumerate()
        .filter(|(_, logit)| **logit >= least)
        .map(|(id, logit)| (id as u32, ((logit - max) / temperature).exp()))
        .filter(|(_, p)| *p > 1e-8)
        .collect();
    candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    normalise(&mut candidates);
    candidates
}

fn normalise(candidates: &mut [(u32, f32)]) {
    let total: f32 = candidates.iter().map(|(_, p)| p).sum();
    candidates.iter_mut().for_each(|(_, p)| *p /= total);
}

/// Applies top-k, typical, top-p and min-p, in that order. At least one candidate stays.
fn truncate(candidates: &mut Vec<(u32, f32)>, settings: &Sampling) {
    if settings.top_k > 0 {
        candidates.truncate(settings.top_k as usize);
        normalise(candidates);
    }
    if settings.typical_p < 1.0 {
        typical(candidates, settings.typical_p);
        normalise(candidates);
    }
    if settings.top_p < 1.0 {
        let keep = reaching(candidates, settings.top_p);
        candidates.truncate(keep);
        normalise(candidates);
    }
    if settings.min_p > 0.0 {
        let least = candidates.first().map_or(0.0, |(_, p)| p * settings.min_p);
        let keep = candidates.iter().take_while(|(_, p)| *p >= least).count().max(1);
        candidates.truncate(keep);
    }
}

/// How many of the first candidates reach a probability together.
fn reaching(candidates: &[(u32, f32)], wanted: f32) -> usize {
    let mut sum = 0.0;
    for (count, (_, p)) in candidates.iter().enumerate() {
        sum += p;
        if sum >= wanted {
            return count + 1;
        }
    }
    candidates.len()
}

/// Keeps those whose surprise is closest to the expected one, until they reach `wanted` together.
fn typical(candidates: &mut Vec<(u32, f32)>, wanted: f32) {
    let entropy: f32 = candidates.iter().map(|(_, p)| -p * p.max(1e-30).ln()).sum();
    candidates.sort_by(|a, b| {
        let distance = |p: f32| (-p.max(1e-30).ln() - entropy).abs();
        distance(a.1).total_cmp(&distance(b.1))
    });
    let keep = reaching(candidates, wanted);
    candidates.truncate(keep.max(1));
    candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

/// Whether there is anything that is no number: a weight was none, or what was computed grew beyond all numbers.
pub(crate) fn has_nan(logits: &[f32]) -> bool {
    // Summed, not searched: the compiler makes vectors of it.
    logits.iter().map(|logit| u32::from(logit.is_nan())).sum::<u32>() > 0
}

/// The first of the largest; of no numbers that are any, the first.
fn likeliest(logits: &[f32]) -> u32 {
    let largest = largest(logits);
    logits.iter().position(|logit| *logit == largest).unwrap_or(0) as u32
}

/// The largest number there is, sixteen side by side so that the compiler makes vectors of them.
fn largest(logits: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (chunks, rest) = logits.as_chunks::<16>();
    for chunk in chunks {
        for (lane, logit) in lanes.iter_mut().zip(chunk) {
            *lane = if *logit > *lane { *logit } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Log-probabilities of a distribution: of any token, and the likeliest few.
pub(crate) struct LogProbs<'a> {
    logits: &'a [f32],
    log_sum: f32,
}

impl<'a> LogProbs<'a> {
    pub(crate) fn new(logits: &'a [f32]) -> Self {
        let max = largest(logits);
        // What is left out is less than a float of the sum can tell.
        let near = logits.iter().map(|logit| logit - max).filter(|difference| *difference > -40.0);
        let sum: f64 = near.map(|difference| f64::from(difference).exp()).sum();
        Self { logits, log_sum: max + sum.ln() as f32 }
    }

    pub(crate) fn of(&self, id: u32) -> Option<f32> {
        self.logits.get(id as usize).map(|logit| logit - self.log_sum)
    }

    /// The `count` likeliest tokens; their bytes are filled in by `bytes`.
    pub(crate) fn top(&self, count: usize, bytes: impl Fn(u32) -> Vec<u8>) -> Vec<Rival> {
        if count == 0 {
            return Vec::new();
        }
        let mut ids: Vec<u32> = (0..self.logits.len() as u32).collect();
        let order = |a: &u32, b: &u32| self.logits[*b as usize].total_cmp(&self.logits[*a as usize]).then(a.cmp(b));
        if count < ids.len() {
            ids.select_nth_unstable_by(count, order);
            ids.truncate(count);
        }
        ids.sort_unstable_by(order);
        ids.into_iter()
            .map(|id| Rival { id, bytes: bytes(id), logprob: self.logits[id as usize] - self.log_sum })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: impl FnOnce(&mut Sampling)) -> Sampling {
        let mut settings = Sampling { seed: Some(1), ..Sampling::default() };
        change(&mut settings);
        settings
    }

    /// Which tokens can come at all.
    fn support(settings: &Sampling, logits: &[f32]) -> Vec<u32> {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..400 {
            let settings = Sampling { seed: Some(seed), ..settings.clone() };
            seen.insert(Sampler::new(settings, &[]).draw(&mut logits.to_vec()));
        }
        seen.into_iter().collect()
    }

    #[test]
    fn truncations_leave_what_they_should() {
        // Probabilities 0.5, 0.25, 0.15, 0.1.
        let logits: Vec<f32> = [0.5f32, 0.25, 0.15, 0.1].iter().map(|p| p.ln()).collect();
        for (settings, expected) in [
            (with(|_| ()), &[0, 1, 2, 3][..]),
            (with(|s| s.temperature = Some(0.0)), &[0]),
            (with(|s| s.top_k = 2), &[0, 1]),
            (with(|s| s.top_p = 0.7), &[0, 1]),
            (with(|s| s.top_p = 0.0), &[0]),
            (with(|s| s.min_p = 0.4), &[0, 1]),
            (with(|s| s.typical_p = 0.2), &[1]),
            (with(|s| s.logit_bias = [(0, -100.0)].into()), &[1, 2, 3]),
            (with(|s| s.logit_bias = [(3, 100.0)].into()), &[3]),
        ] {
            assert_eq!(support(&settings, &logits), expected, "{settings:?}");
        }
    }

    #[test]
    fn penalties_turn_away_from_what_was_said() {
        let logits = [1.0, 0.9, -1.0];
        let mut sampler = Sampler::new(with(|s| (s.temperature, s.presence_penalty) = (Some(0.0), 0.5)), &[]);
        let drawn: Vec<u32> = (0..3).map(|_| sampler.draw(&mut logits.to_vec())).collect();
        assert_eq!(drawn, [0, 1, 0]);
        let mut sampler = Sampler::new(with(|s| (s.temperature, s.repetition_penalty) = (Some(0.0), 2.0)), &[0]);
        assert_eq!(sampler.draw(&mut logits.to_vec()), 1, "the prompt counts for repetition");
    }

    #[test]
    fn one_seed_one_answer() {
        let logits: Vec<f32> = (0..100).map(|i| (i as f32 * 0.7).sin()).collect();
        let run = || {
            let mut sampler = Sampler::new(with(|s| s.seed = Some(42)), &[]);
            (0..20).map(|_| sampler.draw(&mut logits.clone())).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn log_probabilities_sum_to_one() {
        let logits = [3.0, -1.0, 0.5, 2.0];
        let all = LogProbs::new(&logits);
        let sum: f32 = (0..4).filter_map(|id| all.of(id)).map(f32::exp).sum();
        assert!((sum - 1.0).abs() < 1e-6);
        let top = all.top(2, |_| Vec::new());
        assert_eq!(top.iter().map(|rival| rival.id).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(all.top(9, |_| Vec::new()).len(), 4);
    }

    #[test]
    fn numbers_that_are_not_numbers_do_not_panic() {
        for logits in [[f32::NAN; 3], [f32::NEG_INFINITY; 3]] {
            Sampler::new(with(|_| ()), &[]).draw(&mut logits.to_vec());
            Sampler::new(with(|s| s.temperature = Some(0.0)), &[]).draw(&mut logits.to_vec());
        }
    }
}
