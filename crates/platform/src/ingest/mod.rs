//! Documents into a knowledge base: find them, read them, keep them, then give their passages vectors.
//!
//! One ingest of a knowledge base runs at a time; [`Jobs`] remembers what each is doing, for those who watch. Words
//! are searchable as documents are kept; vectors follow, batch by batch. Everything is committed as it is done, so
//! that an interrupted ingest goes on where it was when it is run again.

mod background;
mod embed;
mod jobs;
mod read;
mod sources;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use knowledge::KnowledgeBase;
use serde::Serialize;

use crate::workspace::blocking;
use crate::{Result, Workspace};
use jobs::Job;
pub(crate) use jobs::{Jobs, Stage};
use sources::Sources;

/// How an ingest goes about it.
#[derive(Debug, Clone, Default)]
pub struct IngestOptions {
    /// Remove documents that came from the given paths and are no longer there.
    pub prune: bool,
    /// Stay until vectors are made; otherwise they follow later.
    pub wait: bool,
    /// The embedding model; `None`: the one the knowledge base has, or the default.
    pub embedder: Option<String>,
}

/// A document that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Its name.
    pub name: String,
    /// Why, and what to do.
    pub error: String,
}

/// How far an ingest is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct IngestProgress {
    /// Documents read, kept or found unchanged.
    pub documents_done: usize,
    /// Documents found.
    pub documents_total: usize,
    /// Passages in the knowledge base.
    pub passages: usize,
    /// Passages that have a vector.
    pub vectors: usize,
    /// The document that was read last.
    pub current: Option<String>,
    /// Documents a second while they are read, then passages a second.
    pub rate: f64,
    /// Nothing is being done.
    pub done: bool,
    /// Documents that could not be read, of this ingest or the last.
    pub failed: Vec<Failed>,
}

/// What an ingest did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct IngestReport {
    /// Documents that were not there before.
    pub added: usize,
    /// Documents whose content had changed.
    pub changed: usize,
    /// Documents that were as they had been.
    pub unchanged: usize,
    /// Documents that were gone, with `prune`.
    pub removed: usize,
    /// Documents that could not be read.
    pub failed: Vec<Failed>,
    /// Files of kinds that hold no text (pictures, programs), which were passed over.
    pub skipped: Vec<String>,
    /// What could not be read of documents that were, and anything else to know.
    pub warnings: Vec<String>,
    /// Bytes of all files found.
    pub bytes: u64,
    /// Time taken.
    pub seconds: f64,
    /// Passages in the knowledge base now.
    pub passages: usize,
    /// Those with vectors.
    pub vectors: usize,
}

impl Workspace {
    /// Reads files, folders and globs into a knowledge base, which is made if it is not there.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a path that is not there, [`crate::Error::Conflict`] if another process writes, [`crate::Error::Failed`]
    /// if the disk is full. A document that cannot be read is in the report instead.
    pub async fn ingest(
        &self,
        base: &str,
        paths: &[PathBuf],
        options: IngestOptions,
        progress: &dyn Fn(&IngestProgress),
    ) -> Result<IngestReport> {
        let paths = paths.to_vec();
        let prune = options.prune;
        let sources = blocking(move || sources::find(&paths, prune)).await??;
        self.check_embedder(base, options.embedder.as_deref()).await?;
        let kb = {
            let (workspace, base, embedder) = (self.clone(), base.to_owned(), options.embedder.clone());
            blocking(move || workspace.base_or_new(&base, embedder.as_deref())).await??
        };
        let job = self.jobs().of(base);
        let mut watch = job.watch();
        let work = self.run_ingest(&kb, &job, sources, &options);
        tokio::pin!(work);
        loop {
            tokio::select! {
                outcome = &mut work => {
                    progress(&watch.borrow());
                    return outcome;
                }
                changed = watch.changed() => if changed.is_ok() {
                    progress(&watch.borrow_and_update());
                },
            }
        }
    }

    async fn run_ingest(
        &self,
        kb: &Arc<KnowledgeBase>,
        job: &Arc<Job>,
        sources: Sources,
        options: &IngestOptions,
    ) -> Result<IngestReport> {
        let turn = job.turn().await;
        let outcome = self.ingest_in_turn(kb, job, sources, options).await;
        job.rest();
        drop(turn);
        outcome
    }

    async fn ingest_in_turn(
        &self,
        kb: &Arc<KnowledgeBase>,
        job: &Arc<Job>,
        sources: Sources,
        options: &IngestOptions,
    ) -> Result<IngestReport> {
        let started = Instant::now();
        job.start(&sources)?;
        let mut report = {
            let (kb, job, prune) = (Arc::clone(kb), Arc::clone(job), options.prune);
            blocking(move || read::run(&kb, &job, &sources, prune)).await??
        };
        if let Some(why) = self.prepare_embedder(kb, options.embedder.as_deref())? {
            report.warnings.push(why);
        } else if options.wait {
            self.embed_pending(kb, job).await?;
        }
        let stats = {
            let kb = Arc::clone(kb);
            blocking(move || kb.stats()).await??
        };
        report.passages = stats.passages;
        report.vectors = stats.vectors;
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Removes a document from a knowledge base.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] if it is not there, [`crate::Error::Conflict`] while it is being read for the first time.
    pub async fn remove_document(&self, base: &str, name: &str) -> Result<()> {
        let kb = self.opened(base).await?;
        let (base, name) = (base.to_owned(), name.to_owned());
        let jobs = self.jobs().of(&base);
        let (_, waiting, _) = jobs.now();
        // One that was refused is no document, but it is on the list.
        let refused = jobs.forget_failed(&name);
        blocking(move || {
            if !kb.remove(&name)? && !refused {
                if waiting.contains(&name) {
                    let message = format!("'{name}' is still being read; remove it when that is done");
                    return Err(crate::Error::Conflict { message });
                }
                let message = format!(
                    "'{name}' is not in the knowledge base '{base}'; `sumeru kb documents {base}` lists what is"
                );
                return Err(crate::Error::not_found("document_not_found", message));
            }
            kb.rest()
        })
        .await?
    }
}
