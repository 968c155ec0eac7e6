//! What is being done for each knowledge base, for those who wait or watch.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedMutexGuard, watch};

use super::sources::Sources;
use super::{Failed, IngestProgress};
use crate::{Error, Result};

/// The jobs of a workspace, one for each knowledge base that was ever written to.
#[derive(Default)]
pub(crate) struct Jobs(Mutex<HashMap<String, Arc<Job>>>);

impl Jobs {
    /// The job of a knowledge base.
    pub(crate) fn of(&self, base: &str) -> Arc<Job> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(jobs.entry(base.to_owned()).or_insert_with(|| Arc::new(Job::new(base))))
    }

    /// Forgets a knowledge base that is gone.
    pub(crate) fn forget(&self, base: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(base);
    }
}

/// What is being done for one knowledge base.
pub(crate) struct Job {
    base: String,
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The knowledge base is being removed: whoever works for it stops.
    ended: AtomicBool,
    state: Mutex<State>,
    progress: watch::Sender<IngestProgress>,
}

struct State {
    stage: Stage,
    /// Documents that are still to be read.
    waiting: HashSet<String>,
    since: Instant,
    /// Vectors there were when embedding began.
    vectors_before: usize,
}

/// What an ingest is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Idle,
    Reading,
    Embedding,
}

impl Job {
    fn new(base: &str) -> Self {
        let idle = IngestProgress { done: true, ..IngestProgress::default() };
        let state = State { stage: Stage::Idle, waiting: HashSet::new(), since: Instant::now(), vectors_before: 0 };
        Self {
            base: base.to_owned(),
            turn: Arc::default(),
            ended: AtomicBool::new(false),
            state: Mutex::new(state),
            progress: watch::Sender::new(idle),
        }
    }

    /// Waits until nobody else works for the knowledge base.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// The turn, if nobody has it.
    pub(crate) fn try_turn(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.turn).try_lock_owned().ok()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<IngestProgress> {
        self.progress.subscribe()
    }

    /// Asks whoever works for the knowledge base to stop.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Takes [`Job::end`] back: the knowledge base stays after all.
    pub(crate) fn go_on(&self) {
        self.ended.store(false, Ordering::Relaxed);
    }

    /// # Errors
    /// [`Error::Conflict`] once the knowledge base is being removed.
    pub(crate) fn check(&self) -> Result<()> {
        if self.ended.load(Ordering::Relaxed) {
            let message =
                format!("the knowledge base '{}' is being removed; ingest again to make a new one", self.base);
            return Err(Error::Conflict { message });
        }
        Ok(())
    }

    pub(super) fn start(&self, sources: &Sources) -> Result<()> {
        self.check()?;
        self.stage(Stage::Reading);
        let waiting: HashSet<String> = sources.documents.iter().map(|source| source.name.clone()).collect();
        self.progress.send_modify(|now| {
            // An upload may come in several parts: what was refused stays until it is read again or removed.
            let failed = now.failed.iter().filter(|failed| !waiting.contains(&failed.name)).cloned().collect();
            *now = IngestProgress {
                documents_total: sources.documents.len(),
                passages: now.passages,
                vectors: now.vectors,
                failed,
                ..IngestProgress::default()
            };
        });
        self.state().waiting = waiting;
        Ok(())
    }

    pub(crate) fn stage(&self, stage: Stage) {
        {
            let mut state = self.state();
            if state.stage == stage {
                return;
            }
            state.stage = stage;
            state.since = Instant::now();
            state.vectors_before = self.progress.borrow().vectors;
        }
        self.progress.send_modify(|now| now.done = stage == Stage::Idle);
    }

    pub(crate) fn rest(&self) {
        self.state().waiting.clear();
        self.progress.send_modify(|now| now.current = None);
        self.stage(Stage::Idle);
    }

    pub(super) fn document_done(&self, name: &str, passages: usize, failed: Option<&Failed>) {
        let seconds = {
            let mut state = self.state();
            state.waiting.remove(name);
            state.since.elapsed().as_secs_f64()
        };
        self.progress.send_modify(|now| {
            now.documents_done += 1;
            now.passages += passages;
            now.current = Some(name.to_owned());
            now.rate = now.documents_done as f64 / seconds.max(1e-3);
            now.failed.extend(failed.cloned());
        });
    }

    /// What the database says of the whole.
    pub(super) fn counts(&self, passages: usize, vectors: usize) {
        let embedded = {
            let state = self.state();
            (state.stage == Stage::Embedding).then(|| (state.since.elapsed().as_secs_f64(), state.vectors_before))
        };
        self.progress.send_modify(|now| {
            (now.passages, now.vectors) = (passages, vectors);
            if let Some((seconds, before)) = embedded {
                now.rate = vectors.saturating_sub(before) as f64 / seconds.max(1e-3);
            }
        });
    }

    /// Takes a document off the list of those that could not be read; says whether it was on it.
    pub(super) fn forget_failed(&self, name: &str) -> bool {
        self.progress.send_if_modified(|now| {
            let before = now.failed.len();
            now.failed.retain(|failed| failed.name != name);
            now.failed.len() < before
        })
    }

    /// An ingest nobody waits for ended on an error: those who watch are told.
    pub(super) fn failed(&self, error: &Error) {
        let failed = Failed { name: self.base.clone(), error: error.to_string() };
        self.progress.send_modify(|now| now.failed.push(failed));
    }

    /// What it is at, and the documents that are still to be read.
    pub(crate) fn now(&self) -> (Stage, HashSet<String>, Vec<Failed>) {
        let failed = self.progress.borrow().failed.clone();
        let state = self.state();
        (state.stage, state.waiting.clone(), failed)
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.state().stage != Stage::Idle
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
