//! What every request shares.

use std::sync::Arc;
use std::time::SystemTime;

use domain::Error;
use platform::{PullOptions, Workspace};
use tokio::sync::{Semaphore, watch};

use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::{Limits, Options};

/// Requests that are begun at once for each processor: more than one, so that a grammar that takes long does not hold up the others.
const BEGINNINGS: usize = 4;

/// Where the server is between start and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// All are welcome.
    Serving,
    /// Nobody new; what runs may finish.
    Draining,
    /// What still runs is cut off.
    Cut,
}

/// What every request shares.
pub(crate) struct App {
    pub(crate) workspace: Arc<Workspace>,
    /// As it was asked for; on the loopback one more name this server goes by.
    pub(crate) host: String,
    /// Names of a proxy in front.
    pub(crate) allowed_hosts: Vec<String>,
    /// Only this machine can reach the server, so names of other machines in a request are a trick.
    pub(crate) loopback: bool,
    pub(crate) key: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) pull: PullOptions,
    pub(crate) slots: Arc<Semaphore>,
    /// Requests whose prompts are cut into tokens and whose grammars are compiled at once: each takes a thread, and processors are few.
    pub(crate) beginnings: Semaphore,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) started: SystemTime,
}

impl App {
    pub(crate) fn new(
        workspace: Arc<Workspace>,
        options: Options,
        loopback: bool,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        Self {
            workspace,
            key: key(&options).map(str::to_owned),
            host: options.host,
            allowed_hosts: options.allowed_hosts,
            loopback,
            limits: options.limits,
            pull: options.pull,
            slots: Arc::new(Semaphore::new(options.limits.in_flight)),
            beginnings: Semaphore::new(BEGINNINGS * std::thread::available_parallelism().map_or(1, usize::from)),
            metrics: Arc::default(),
            phase,
            started: SystemTime::now(),
        }
    }

    /// Resolves when the server has come to `phase`, or is gone.
    pub(crate) async fn reaches(&self, phase: Phase) {
        let _ = self.phase.clone().wait_for(|now| *now >= phase).await; // an error: the server is gone
    }
}

/// The key, if there is one: an empty one is none.
pub(crate) fn key(options: &Options) -> Option<&str> {
    options.api_key.as_deref().map(str::trim).filter(|key| !key.is_empty())
}

/// Runs work that waits for the disk away from the threads that serve.
pub(crate) async fn blocking<T: Send + 'static>(
    app: &Arc<App>,
    work: impl FnOnce(&Workspace) -> Result<T, Error> + Send + 'static,
) -> Result<T, Failure> {
    let workspace = Arc::clone(&app.workspace);
    let done = tokio::task::spawn_blocking(move || work(&workspace)).await.map_err(|error| {
        Error::failed(format!("the work stopped on a bug of this program ({error}); please report what was asked for"))
    })?;
    Ok(done?)
}
