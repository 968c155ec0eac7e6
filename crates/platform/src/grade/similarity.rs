//! How near an answer is to the expected one: the cosine of their vectors.

use std::sync::Arc;

use domain::{Card, Embedder, Purpose, Usage};
use serde_json::{Value, json};

use super::{Score, words};
use crate::{Result, Workspace};

pub(super) struct Similarity {
    embedder: Arc<dyn Embedder>,
}

impl Similarity {
    pub(super) async fn open(workspace: &Workspace, name: Option<&str>) -> Result<Self> {
        let name = name.map_or_else(|| workspace.default_embedder(), |name| Ok(name.to_owned()))?;
        Ok(Self { embedder: workspace.embedder(&name).await? })
    }

    pub(super) fn card(&self) -> &Card {
        self.embedder.card()
    }

    /// Both texts are embedded for the same purpose: neither is to find the other.
    pub(super) async fn score(&self, expected: &Value, answer: &Value) -> Result<Score> {
        let embedded = self.embedder.embed(vec![words(expected), words(answer)], Purpose::Query).await?;
        let cosine: f64 = match embedded.vectors.as_slice() {
            [a, b] => a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum(),
            _ => 0.0,
        };
        Ok(Score {
            score: cosine.clamp(0.0, 1.0),
            said: json!({"cosine": cosine}),
            usage: Usage { prompt_tokens: embedded.tokens, ..Usage::default() },
        })
    }
}
