//! Vectors for passages that have none yet.

use std::sync::Arc;

use domain::{Embedder, Passage, Purpose};
use knowledge::KnowledgeBase;

use super::jobs::{Job, Stage};
use crate::workspace::blocking;
use crate::{Error, Result, Workspace};

/// Passages embedded and committed at once: a few seconds of work, which is what a kill can lose.
const BATCH: usize = 32;

impl Workspace {
    /// Refuses, before anything is read, an embedding model that cannot be used or that would throw away another's vectors.
    pub(super) async fn check_embedder(&self, base: &str, wanted: Option<&str>) -> Result<()> {
        let Some(wanted) = wanted else { return Ok(()) };
        if self.models().installed(wanted)?.card.dimensions.is_none() {
            return Err(not_an_embedder(wanted));
        }
        let Ok(kb) = self.opened(base).await else { return Ok(()) };
        let stats = kb.stats()?;
        match stats.embedder {
            Some(has) if has != wanted && stats.vectors > 0 => Err(Error::Conflict {
                message: format!(
                    "'{base}' has {} vectors of '{has}', which cannot be compared with those of '{wanted}'; leave --embedder out, or make a new knowledge base",
                    stats.vectors
                ),
            }),
            _ => Ok(()),
        }
    }

    /// Says which model a knowledge base's vectors come from; answers with the reason if there can be none for now.
    pub(super) fn prepare_embedder(&self, kb: &KnowledgeBase, wanted: Option<&str>) -> Result<Option<String>> {
        let stats = kb.stats()?;
        let name = match (wanted, stats.embedder) {
            (Some(wanted), _) => wanted.to_owned(),
            (None, Some(before)) => before,
            (None, None) => match self.default_embedder() {
                Ok(name) => name,
                Err(error) => return Ok(Some(format!("there are no vectors, so only words are searched: {error}"))),
            },
        };
        let card = match self.models().installed(&name) {
            Ok(installed) => installed.card,
            Err(error @ Error::NotFound { .. }) if wanted.is_none() => {
                return Ok(Some(format!("vectors wait: {error}")));
            }
            Err(error) => return Err(error),
        };
        let Some(dimensions) = card.dimensions else {
            return Err(not_an_embedder(&name));
        };
        kb.set_embedder(&name, dimensions as usize)?;
        Ok(None)
    }

    /// Makes vectors until every passage has one, committing batch by batch.
    pub(super) async fn embed_pending(&self, kb: &Arc<KnowledgeBase>, job: &Arc<Job>) -> Result<()> {
        let mut embedder = None;
        while self.embed_batch(kb, job, &mut embedder).await? {}
        Ok(())
    }

    /// Makes the next batch of vectors; says whether there was one to make. The model is loaded with the first.
    pub(super) async fn embed_batch(
        &self,
        kb: &Arc<KnowledgeBase>,
        job: &Arc<Job>,
        loaded: &mut Option<Arc<dyn Embedder>>,
    ) -> Result<bool> {
        job.check()?;
        job.stage(Stage::Embedding);
        let pending = {
            let kb = Arc::clone(kb);
            blocking(move || kb.pending_vectors(BATCH)).await??
        };
        if pending.is_empty() {
            return Ok(false);
        }
        let embedder = match loaded {
            Some(embedder) => embedder,
            None => {
                let name = kb.stats()?.embedder.ok_or_else(|| Error::failed("no embedder is set: this is a bug"))?;
                loaded.insert(self.embedder(&name).await?)
            }
        };
        let texts = pending.iter().map(for_embedding).collect();
        let made = embedder.embed(texts, Purpose::Passage).await?;
        let vectors: Vec<(String, Vec<f32>)> =
            pending.into_iter().map(|passage| passage.id).zip(made.vectors).collect();
        let (kb, job) = (Arc::clone(kb), Arc::clone(job));
        blocking(move || {
            kb.put_vectors(&vectors)?;
            let stats = kb.stats()?;
            job.counts(stats.passages, stats.vectors);
            Ok(true)
        })
        .await?
    }
}

fn not_an_embedder(name: &str) -> Error {
    Error::invalid("embedder", "invalid_model", format!("'{name}' makes text, not vectors; choose an embedding model"))
}

/// A passage as it is embedded: where it stands says what it is about.
fn for_embedding(passage: &Passage) -> String {
    let heading = passage.heading();
    if heading.is_empty() { passage.text.clone() } else { format!("{heading}\n{}", passage.text) }
}
