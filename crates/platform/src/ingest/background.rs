//! Ingests that nobody waits for: uploads, and vectors that are still missing.
//!
//! An upload is written under `uploads/`, then moved whole to `inbox/BASE/`, where it stays until it has been read. A
//! process that ends in between finds it there when it starts again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::jobs::Job;
use super::{IngestOptions, IngestProgress, sources};
use crate::workspace::blocking;
use crate::{Error, Result, Workspace};

impl Workspace {
    /// A fresh folder for an upload, on the same disk as the knowledge bases.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be made.
    pub fn upload_dir(&self) -> Result<PathBuf> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = self.data().join("uploads").join(format!("{}-{number}", std::process::id()));
        make(&folder)?;
        Ok(folder)
    }

    /// Takes a folder of [`Workspace::upload_dir`] over and reads it into a knowledge base, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that cannot be, [`Error::Failed`] if the folder cannot be moved. What happens while it is read is in
    /// [`Workspace::progress`].
    pub fn ingest_in_background(&self, base: &str, folder: PathBuf) -> Result<()> {
        self.base_or_new(base, None)?;
        let inbox = self.data().join("inbox").join(base);
        make(&inbox)?;
        let name = folder.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
        let mut accepted = inbox.join(&name);
        accepted
            .as_mut_os_string()
            .push(format!("-{}", std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos())));
        std::fs::rename(&folder, &accepted).map_err(|error| {
            Error::failed(format!(
                "{}: {error}; check that the data directory may be written to and has room",
                accepted.display()
            ))
        })?;
        let (workspace, base) = (self.clone(), base.to_owned());
        tokio::spawn(async move {
            workspace.read_inbox(&base, accepted).await;
            workspace.make_vectors(&base).await;
        });
        Ok(())
    }

    /// What is being done for a knowledge base; changes as it goes on.
    pub fn progress(&self, base: &str) -> watch::Receiver<IngestProgress> {
        self.jobs().of(base).watch()
    }

    /// Goes on with what an earlier process left: uploads that were not read, vectors that were not made.
    pub fn resume_vectors(&self) {
        if !self.writes() {
            return;
        }
        let _ = std::fs::remove_dir_all(self.data().join("uploads")); // what was never accepted
        self.knowledge_bases().sweep();
        for base in self.knowledge_bases().names().unwrap_or_default() {
            let waiting = std::fs::read_dir(self.data().join("inbox").join(&base)).into_iter().flatten().flatten();
            let mut waiting: Vec<PathBuf> = waiting.map(|entry| entry.path()).collect();
            // As they came: of two versions of a document the later one stays.
            waiting.sort_by_key(|folder| accepted_at(folder));
            let workspace = self.clone();
            tokio::spawn(async move {
                for folder in waiting {
                    workspace.read_inbox(&base, folder).await;
                }
                workspace.make_vectors(&base).await;
            });
        }
    }

    /// Makes the vectors that are missing everywhere: an embedding model has come.
    pub(crate) fn vectors_everywhere(&self) {
        if !self.writes() {
            return;
        }
        for base in self.knowledge_bases().names().unwrap_or_default() {
            let workspace = self.clone();
            tokio::spawn(async move { workspace.make_vectors(&base).await });
        }
    }

    async fn make_vectors(&self, base: &str) {
        let job = self.jobs().of(base);
        if let Err(error) = self.embed_in_turn(base, &job).await {
            tracing::warn!(base, %error, "vectors could not be made");
        }
    }

    async fn read_inbox(&self, base: &str, folder: PathBuf) {
        let job = self.jobs().of(base);
        if let Err(error) = self.ingest_upload(base, &job, folder).await {
            tracing::warn!(base, %error, "an upload could not be read");
            job.failed(&error);
        }
    }

    async fn ingest_upload(&self, base: &str, job: &Arc<Job>, folder: PathBuf) -> Result<()> {
        let kb = self.opened(base).await?;
        let sources = {
            let folder = folder.clone();
            blocking(move || sources::find_uploads(&folder)).await?
        };
        let turn = job.turn().await;
        // Vectors are made in a turn of their own, so that a second upload's words need not wait for the first one's vectors.
        let outcome = self.ingest_in_turn(&kb, job, sources, &IngestOptions::default()).await;
        job.rest();
        drop(turn);
        outcome?;
        remove(&folder).await;
        Ok(())
    }

    /// Makes missing vectors. The turn is given up between batches, so that new documents' words need not wait for old ones' vectors.
    async fn embed_in_turn(&self, base: &str, job: &Arc<Job>) -> Result<()> {
        let kb = self.opened(base).await?;
        let mut embedder = None;
        loop {
            let _turn = job.turn().await;
            let stats = kb.stats()?;
            job.counts(stats.passages, stats.vectors);
            let more = async {
                if stats.vectors >= stats.passages || self.prepare_embedder(&kb, None)?.is_some() {
                    return Ok(false);
                }
                self.embed_batch(&kb, job, &mut embedder).await
            };
            let more = more.await;
            if !matches!(more, Ok(true)) {
                job.rest();
                return more.map(|_| ());
            }
        }
    }
}

/// When an upload was accepted, in nanoseconds: the end of its folder's name.
fn accepted_at(folder: &Path) -> u128 {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Error::failed(format!(
            "{}: {error}; check that the data directory may be written to and has room",
            folder.display()
        ))
    })
}

async fn remove(folder: &Path) {
    if let Err(error) = tokio::fs::remove_dir_all(folder).await {
        tracing::warn!(folder = %folder.display(), %error, "an upload that has been read could not be removed");
    }
}
