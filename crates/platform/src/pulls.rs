//! Downloads that run in the background, for those who watch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::{Error, PullOptions, PullProgress, Result, Workspace};

/// A download that runs or ran.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PullStatus {
    /// The model's name.
    pub name: String,
    /// Bytes here.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Bytes a second.
    pub rate: f64,
    /// What is happening, in words.
    pub step: String,
    /// Why it ended, if it failed.
    pub error: Option<String>,
    /// It has not ended.
    pub running: bool,
}

/// The downloads of a workspace, by model.
#[derive(Clone, Default)]
pub(crate) struct Pulls {
    all: Arc<Mutex<BTreeMap<String, PullStatus>>>,
    /// Those that run, to be stopped.
    running: Arc<Mutex<BTreeMap<String, tokio::task::AbortHandle>>>,
}

impl Pulls {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, PullStatus>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, tokio::task::AbortHandle>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut PullStatus)) {
        change(self.all().entry(name.to_owned()).or_default());
    }
}

impl Workspace {
    /// Starts to get a model; what becomes of it is in [`Workspace::pulls`]. One that is on its way already goes on.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a name the catalogue does not have.
    pub fn pull_in_background(&self, name: &str, options: PullOptions) -> Result<()> {
        self.models().show(name)?;
        let pulls = self.background_pulls().clone();
        {
            let mut all = pulls.all();
            let status = all.entry(name.to_owned()).or_default();
            if status.running {
                return Ok(());
            }
            *status = PullStatus { name: name.to_owned(), running: true, ..PullStatus::default() };
        }
        let (workspace, models, name) = (self.clone(), self.models(), name.to_owned());
        let handles = pulls.clone();
        let mut running = handles.running();
        let key = name.clone();
        let task = tokio::spawn(async move {
            let progress = |now: &PullProgress| {
                pulls.change(&name, |status| {
                    (status.done, status.total, status.rate) = (now.done, now.total, now.rate);
                    status.step.clone_from(&now.step);
                });
            };
            let outcome = models.pull(&name, &options, &progress).await;
            pulls.running().remove(&name);
            pulls.change(&name, |status| {
                status.running = false;
                status.error = outcome.as_ref().err().map(Error::to_string);
            });
            match outcome {
                // What was read while there was no such model gets its vectors now.
                Ok(model) if model.card.embeds() => workspace.vectors_everywhere(),
                Ok(_) => {}
                Err(error) => tracing::warn!(name, %error, "a model could not be got"),
            }
        });
        running.insert(key, task.abort_handle());
        Ok(())
    }

    /// Stops a download that runs in the background; what is here stays, and a later pull goes on from it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if none of that name runs.
    pub fn stop_pull(&self, name: &str) -> Result<()> {
        let pulls = self.background_pulls();
        let Some(task) = pulls.running().remove(name) else {
            let message = format!("'{name}' is not being pulled; GET /v1/catalogue shows what is");
            return Err(Error::not_found("pull_not_found", message));
        };
        task.abort();
        pulls.change(name, |status| status.running = false);
        Ok(())
    }

    /// Downloads that were started in the background and have not been forgotten.
    pub fn pulls(&self) -> Vec<PullStatus> {
        self.background_pulls().all().values().cloned().collect()
    }
}
