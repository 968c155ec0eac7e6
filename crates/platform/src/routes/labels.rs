//! Classification by the probability a model gives each label, calibrated. Nothing is written, so a label costs about one token.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{Example, LanguageModel, Prompt, Request, Usage};
use engine::LocalModel;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::ask::Asking;
use super::regression::{minimum, softmax};
use crate::{Error, Result};

/// Likeliest tokens a model tells; a label that is not among them has at most the probability of the last.
const RIVALS: u8 = 20;
/// Examples that calibration reads, at most.
const READ: usize = 200;
/// Rows read at once.
const AT_ONCE: usize = 8;

pub(super) struct Labels {
    model: Arc<LocalModel>,
    labels: Vec<String>,
    /// The labels' tokens.
    tokens: Vec<Vec<u32>>,
    calibration: Calibration,
}

/// The place of a label among labels.
pub(super) fn place(labels: &[String], answer: &Value) -> Option<usize> {
    let answer = answer.as_str()?;
    labels.iter().position(|label| label.trim() == answer.trim())
}

impl Labels {
    /// Calibrates on examples.
    pub(super) async fn learn(model: Arc<LocalModel>, asking: &Asking, train: &[Example]) -> Result<Self> {
        let labels: Vec<String> = asking.task().labels().unwrap_or_default().into_iter().map(str::to_owned).collect();
        let tokens = labels.iter().map(|label| model.tokenizer().encode(label)).collect();
        let mut all = Self { model, labels, tokens, calibration: Calibration::none() };
        let known: Vec<(Map<String, Value>, usize)> = train
            .iter()
            .filter_map(|example| Some((example.input.clone(), place(&all.labels, &example.output)?)))
            .take(READ)
            .collect();
        let reader = &all;
        let read = known.into_iter().map(|(input, class)| async move { (reader.logs(asking, &input).await, class) });
        let read: Vec<_> = futures_util::stream::iter(read).buffered(AT_ONCE).collect().await;
        let (mut logs, mut classes) = (Vec::new(), Vec::new());
        for (came, class) in read {
            logs.push(came?.0);
            classes.push(class);
        }
        all.calibration = Calibration::fit(&logs, &classes, all.labels.len());
        Ok(all)
    }

    pub(super) fn labels(&self) -> &[String] {
        &self.labels
    }

    /// How likely each label is, and what was read.
    pub(super) async fn answer(&self, asking: &Asking, fields: &Map<String, Value>) -> Result<(Vec<f64>, Usage)> {
        let (logs, usage) = self.logs(asking, fields).await?;
        Ok((self.calibration.probabilities(&logs), usage))
    }

    /// The logarithm of each label's probability among the labels.
    async fn logs(&self, asking: &Asking, fields: &Map<String, Value>) -> Result<(Vec<f64>, Usage)> {
        let shots: Vec<&Example> = asking.task().examples.iter().collect();
        let messages =
            asking.messages(&shots, "", fields).map_err(|why| Error::invalid("row", "invalid_value", why))?;
        let prompt = self.model.encode(&Request::new(Prompt::Chat(messages)))?;
        let mut found = Found { logs: vec![0.0; self.labels.len()], usage: Usage::default() };
        let all = (0..self.labels.len()).collect();
        self.descend(&prompt, 0, all, &mut found).await?;
        Ok((found.logs, found.usage))
    }

    /// Shares the probability of labels that begin alike among them, by their next token.
    fn descend<'a>(
        &'a self,
        prompt: &'a [u32],
        depth: usize,
        labels: Vec<usize>,
        found: &'a mut Found,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            // All of them begin with the same tokens up to here.
            let begun = labels.first().map_or(&[][..], |label| &self.tokens[*label][..depth]);
            let mut branches: BTreeMap<Option<u32>, Vec<usize>> = BTreeMap::new();
            for label in labels {
                branches.entry(self.tokens[label].get(depth).copied()).or_default().push(label);
            }
            if branches.len() > 1 {
                let tokens = [prompt, begun].concat();
                let logs = self.next(tokens, branches.keys().copied(), found).await?;
                let shares = softmax(logs.into_iter());
                for (labels, share) in branches.values().zip(shares) {
                    labels.iter().for_each(|label| found.logs[*label] += share.max(1e-9).ln());
                }
            }
            for (token, labels) in branches {
                if token.is_some() && labels.len() > 1 {
                    self.descend(prompt, depth + 1, labels, found).await?;
                }
            }
            Ok(())
        })
    }

    /// Logarithms of how likely each of these tokens is next; `None` is the end.
    async fn next(
        &self,
        tokens: Vec<u32>,
        of: impl Iterator<Item = Option<u32>>,
        found: &mut Found,
    ) -> Result<Vec<f64>> {
        let mut request = Request::new(Prompt::Tokens(tokens));
        request.sampling.temperature = Some(0.0);
        (request.max_tokens, request.logprobs) = (Some(1), Some(RIVALS));
        let came = domain::collect(self.model.generate(request)).await?;
        found.usage = sum(found.usage, came.usage);
        let tokenizer = self.model.tokenizer();
        let Some(token) = came.tokens.first() else {
            // The model would end here: the label that ends is the likely one.
            return Ok(of.map(|token| if token.is_none() { 0.0 } else { -5.0 }).collect());
        };
        let least = token.rivals.last().map_or(-20.0, |rival| f64::from(rival.logprob));
        let log = |wanted: Option<u32>| {
            let is = |id: u32| wanted.map_or_else(|| tokenizer.is_end(id), |wanted| wanted == id);
            token.rivals.iter().find(|rival| is(rival.id)).map_or(least, |rival| f64::from(rival.logprob))
        };
        Ok(of.map(log).collect())
    }
}

/// What is known of the labels so far.
struct Found {
    logs: Vec<f64>,
    usage: Usage,
}

/// Two usages together.
pub(crate) fn sum(a: Usage, b: Usage) -> Usage {
    Usage {
        prompt_tokens: a.prompt_tokens + b.prompt_tokens,
        completion_tokens: a.completion_tokens + b.completion_tokens,
        cached_tokens: a.cached_tokens + b.cached_tokens,
        guessed_tokens: a.guessed_tokens + b.guessed_tokens,
        accepted_tokens: a.accepted_tokens + b.accepted_tokens,
    }
}

/// What a model's logarithms are multiplied by, and what is added for each label: its taste for some labels, taken away (Guo et al. 2017, vector
/// scaling with one scale; Zhao et al. 2021).
#[derive(Debug, Clone, PartialEq)]
struct Calibration {
    scale: f64,
    added: Vec<f64>,
}

impl Calibration {
    fn none() -> Self {
        Self { scale: 1.0, added: Vec::new() }
    }

    /// The calibration under which the examples are likeliest, drawn towards none so that a few examples change little.
    fn fit(logs: &[Vec<f64>], classes: &[usize], count: usize) -> Self {
        if logs.is_empty() {
            return Self::none();
        }
        let loss = |at: &[f64]| {
            let (scale, added) = (at[0].exp(), &at[1..]);
            let mut total = at.iter().map(|one| one * one).sum::<f64>() / 2.0;
            let mut gradient = at.to_vec();
            for (logs, class) in logs.iter().zip(classes) {
                let probabilities = softmax(logs.iter().zip(added).map(|(log, by)| scale * log + by));
                total -= probabilities[*class].max(f64::MIN_POSITIVE).ln();
                for (at, probability) in probabilities.iter().enumerate() {
                    let error = probability - f64::from(at == *class);
                    gradient[0] += error * scale * logs[at];
                    gradient[at + 1] += error;
                }
            }
            (total, gradient)
        };
        let at = minimum(vec![0.0; count + 1], loss);
        Self { scale: at[0].exp(), added: at[1..].to_vec() }
    }

    fn probabilities(&self, logs: &[f64]) -> Vec<f64> {
        softmax(logs.iter().enumerate().map(|(at, log)| self.scale * log + self.added.get(at).copied().unwrap_or(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taste_for_a_label_is_taken_away() {
        // A model that always thinks label 0 likelier, though what it says of 1 tells.
        let mut draw = fastrand::Rng::with_seed(5);
        let classes: Vec<usize> = (0..80).map(|at| at % 2).collect();
        let logs: Vec<Vec<f64>> = classes
            .iter()
            .map(|class| {
                let second = 0.05 + 0.2 * *class as f64 + 0.05 * draw.f64();
                vec![(1.0 - second).ln(), second.ln()]
            })
            .collect();
        let right = |calibration: &Calibration| {
            let says = |logs: &Vec<f64>| usize::from(calibration.probabilities(logs)[1] > 0.5);
            logs.iter().zip(&classes).filter(|(logs, class)| says(logs) == **class).count()
        };
        assert_eq!(right(&Calibration::none()), 40);
        assert_eq!(right(&Calibration::fit(&logs, &classes, 2)), 80);
        assert_eq!(Calibration::fit(&[], &[], 2), Calibration::none());
    }
}
