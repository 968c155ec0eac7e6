//! The answer that needs no language model: a regression on the vectors of texts.

use std::sync::Arc;

use domain::{Embedder, Example, Purpose, Task};
use serde_json::{Map, Value};

use super::labels::place;
use super::regression::Regression;
use super::{read, wide};
use crate::workspace::blocking;
use crate::{Error, Result};

/// Texts embedded at once.
const AT_ONCE: usize = 64;

pub(super) struct Classifier {
    task: Arc<Task>,
    embedder: Arc<dyn Embedder>,
    labels: Vec<String>,
    regression: Regression,
}

impl Classifier {
    /// Learns from examples.
    ///
    /// # Errors
    /// [`Error::Invalid`] for fewer than two labels among them.
    pub(super) async fn learn(embedder: Arc<dyn Embedder>, task: &Arc<Task>, train: &[Example]) -> Result<Self> {
        let labels: Vec<String> = task.labels().unwrap_or_default().into_iter().map(str::to_owned).collect();
        let known: Vec<(&Example, usize)> =
            train.iter().filter_map(|example| Some((example, place(&labels, &example.output)?))).collect();
        let classes: Vec<usize> = known.iter().map(|(_, class)| *class).collect();
        if !classes.iter().any(|class| *class != classes[0]) {
            return Err(Error::invalid(
                "data",
                "too_few_examples",
                "a classifier learns from examples of two labels at least; give more examples, or leave the route out",
            ));
        }
        let texts: Vec<String> = known.iter().map(|(example, _)| read(task, &example.input)).collect();
        let vectors = vectors(&*embedder, texts).await?;
        let count = labels.len();
        let regression = blocking(move || Regression::fit_best(&vectors, &classes, count)).await?;
        Ok(Self { task: Arc::clone(task), embedder, labels, regression })
    }

    pub(super) fn labels(&self) -> &[String] {
        &self.labels
    }

    /// How likely each label is, and tokens read.
    pub(super) async fn answer(&self, fields: &Map<String, Value>) -> Result<(Vec<f64>, u32)> {
        let embedded = self.embedder.embed(vec![read(&self.task, fields)], Purpose::Query).await?;
        let vector = embedded.vectors.first().map(|vector| wide(vector)).unwrap_or_default();
        Ok((self.regression.probabilities(&vector), embedded.tokens))
    }
}

/// Vectors of texts, in order.
pub(crate) async fn vectors(embedder: &dyn Embedder, texts: Vec<String>) -> Result<Vec<Vec<f64>>> {
    let mut all = Vec::with_capacity(texts.len());
    for part in texts.chunks(AT_ONCE) {
        let embedded = embedder.embed(part.to_vec(), Purpose::Query).await?;
        all.extend(embedded.vectors.iter().map(|vector| wide(vector)));
    }
    Ok(all)
}
