//! A data directory and what is loaded from it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Embedder, LanguageModel};
use engine::{LoadOptions, LocalEmbedder, LocalModel, Stats};
use knowledge::KnowledgeBase;
use serde::Serialize;

use crate::ask::RagModel;
use crate::cache::Cache;
use crate::choose::Choices;
use crate::evals::Running;
use crate::ingest::Jobs;
use crate::lock::Lock;
use crate::memory::Budget;
use crate::pulls::Pulls;
use crate::remotes::{Environment, Opened};
use crate::served::{Served, TaskModel};
use crate::{Decisions, Error, KnowledgeBases, LabelledRows, Models, Result, Tasks, Tokens};

/// What a process wants with a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Knowledge bases may change; one process at a time.
    Write,
    /// They may not; any number of processes.
    Read,
}

/// How models are run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// Requests a model computes at once; `None`: 16.
    pub slots: Option<usize>,
    /// Tokens of context, shared by prompt and answer; `None`: what the model was made for, at most 8,192.
    pub context: Option<u32>,
    /// Requests that may wait for a model beside those it computes; `None`: 64.
    pub queue: Option<usize>,
    /// Whether no tokens are guessed and read ahead.
    pub no_guessing: bool,
    /// Whether keys and values are kept in 8 bits.
    pub small_cache: bool,
    /// Bytes that loaded models may take together; `None`: no limit.
    pub memory: Option<u64>,
}

/// A loaded language model at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineState {
    /// Its name.
    pub name: String,
    /// Bytes it takes at most.
    pub memory: u64,
    /// What it does.
    #[serde(flatten)]
    pub stats: Stats,
}

/// A data directory and everything loaded from it. Cheap to clone.
#[derive(Clone)]
pub struct Workspace {
    inner: Arc<Inner>,
    /// The folder of `tasks/`, `decisions/` and `models.toml`.
    folder: Arc<Path>,
    /// Where keys of remote models may be.
    environment: Environment,
}

struct Inner {
    data: PathBuf,
    access: Access,
    settings: Settings,
    budget: Budget,
    _lock: Option<Lock>,
    models: Cache<LocalModel>,
    embedders: Cache<LocalEmbedder>,
    tasks: Cache<Served>,
    remotes: Cache<Opened>,
    bases: Mutex<HashMap<String, BaseSlot>>,
    jobs: Jobs,
    pulls: Pulls,
    choices: Choices,
    evals: Arc<Running>,
}

/// A knowledge base once it is open; held while it is being opened.
pub(crate) type BaseSlot = Arc<Mutex<Option<Arc<KnowledgeBase>>>>;

impl Workspace {
    /// Opens a data directory, making it if it is not there.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another process writes to it, [`Error::Failed`] if it cannot be made.
    pub fn open(data: &Path, access: Access) -> Result<Self> {
        Self::open_with(data, access, Settings::default())
    }

    /// As [`Workspace::open`], with models run as the settings say.
    ///
    /// # Errors
    /// As [`Workspace::open`].
    pub fn open_with(data: &Path, access: Access, settings: Settings) -> Result<Self> {
        for folder in ["kb", "models"] {
            let path = data.join(folder);
            if !path.is_dir() {
                std::fs::create_dir_all(&path).map_err(|error| {
                    Error::failed(format!(
                        "{}: {error}; check the path and that it may be written to, or choose another --data",
                        path.display()
                    ))
                })?;
            }
        }
        let lock = if access == Access::Write { Some(Lock::take(data)?) } else { None };
        Ok(Self {
            inner: Arc::new(Inner {
                data: data.to_owned(),
                access,
                settings,
                budget: Budget::new(settings.memory),
                _lock: lock,
                models: Cache::default(),
                embedders: Cache::default(),
                tasks: Cache::default(),
                remotes: Cache::default(),
                bases: Mutex::default(),
                jobs: Jobs::default(),
                pulls: Pulls::default(),
                choices: Choices::default(),
                evals: Arc::default(),
            }),
            folder: Path::new(".").into(),
            environment: |_| None,
        })
    }

    /// The same, with tasks and decisions of another folder than the current one.
    #[must_use]
    pub fn with_folder(self, folder: &Path) -> Self {
        Self { folder: folder.into(), ..self }
    }

    /// The same, with variables of the environment, in which keys of remote models may be.
    #[must_use]
    pub fn with_environment(self, environment: Environment) -> Self {
        Self { environment, ..self }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn environment(&self) -> Environment {
        self.environment
    }

    pub(crate) fn opened_remotes(&self) -> &Cache<Opened> {
        &self.inner.remotes
    }

    /// Tasks: those of the folder.
    pub fn tasks(&self) -> Tasks {
        Tasks::of(&self.folder)
    }

    /// Decisions: those of the folder.
    pub fn decisions(&self) -> Decisions {
        Decisions::of(&self.folder)
    }

    /// Labelled rows of tasks: those of the folder.
    pub fn labelled_rows(&self) -> LabelledRows {
        LabelledRows::of(&self.folder)
    }

    pub(crate) fn ready_tasks(&self) -> &Cache<Served> {
        &self.inner.tasks
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.inner.data
    }

    /// Models: the catalogue, and what is installed.
    pub fn models(&self) -> Models {
        Models::new(&self.inner.data)
    }

    /// Knowledge bases: what there is, and their documents.
    pub fn knowledge_bases(&self) -> KnowledgeBases<'_> {
        KnowledgeBases::new(self)
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.inner.jobs
    }

    pub(crate) fn background_pulls(&self) -> &Pulls {
        &self.inner.pulls
    }

    pub(crate) fn background_choices(&self) -> &Choices {
        &self.inner.choices
    }

    pub(crate) fn running_evals(&self) -> &Arc<Running> {
        &self.inner.evals
    }

    pub(crate) fn writes(&self) -> bool {
        self.inner.access == Access::Write
    }

    /// A language model by name: an installed one, `kb/NAME` (`kb/NAME@MODEL` to say who answers), `task/NAME`, or a remote one. Loaded the first time it is asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not installed, naming what is; [`Error::Failed`] if its file is damaged.
    pub async fn language_model(&self, name: &str) -> Result<Arc<dyn LanguageModel>> {
        if let Some(task) = name.strip_prefix("task/") {
            return Ok(Arc::new(TaskModel::new(self.served(task).await?)));
        }
        match name.strip_prefix("kb/") {
            Some(rest) => {
                let (base, model) =
                    rest.split_once('@').map_or((rest, None), |(base, model)| (base, Some(model.to_owned())));
                self.opened(base).await?;
                Ok(Arc::new(RagModel::new(self.clone(), base, model)))
            }
            None => {
                // What is here is not looked for elsewhere.
                if self.models().installed(name).is_err()
                    && let Some(opened) = self.remote_model(name).await?
                {
                    return Ok(Arc::clone(&opened.0));
                }
                Ok(self.local_model(name).await.map_err(|error| self.or_task(name, error))?)
            }
        }
    }

    /// Tells whoever asks for a task as for a model how a task is asked for.
    fn or_task(&self, name: &str, error: Error) -> Error {
        match error {
            Error::NotFound { code, message } if self.tasks().show(name).is_ok() => Error::NotFound {
                code,
                message: format!("{message}; the task of that name is the model 'task/{name}'"),
            },
            other => other,
        }
    }

    /// Checks that there is such a language model, as [`Workspace::language_model`] would find it, without loading it.
    ///
    /// # Errors
    /// As [`Workspace::language_model`].
    pub(crate) fn is_askable(&self, name: &str) -> Result<()> {
        if let Some(task) = name.strip_prefix("task/") {
            return self.tasks().show(task)?.task().map(drop);
        }
        if let Some(rest) = name.strip_prefix("kb/") {
            let base = rest.split_once('@').map_or(rest, |(base, _)| base);
            return self.knowledge_bases().info(base).map(drop);
        }
        match self.models().installed(name) {
            Ok(installed) if installed.card.embeds() => Err(not_generating(name)),
            Ok(_) => Ok(()),
            Err(_) if self.remotes().list()?.iter().any(|remote| remote.name == name) => Ok(()),
            Err(error) => Err(self.or_task(name, error)),
        }
    }

    /// Whether a model's weights are in memory already.
    pub fn is_loaded(&self, name: &str) -> bool {
        self.inner.models.all().iter().any(|(loaded, _)| loaded == name)
    }

    /// Requests that have a slot or wait for one, of each loaded model.
    pub fn pending(&self) -> Vec<(String, usize)> {
        self.inner.models.all().into_iter().map(|(name, model)| (name, model.stats().pending)).collect()
    }

    /// What each loaded language model is doing, and has done.
    pub fn engine(&self) -> Vec<EngineState> {
        let state = |(name, model): (String, Arc<LocalModel>)| EngineState {
            name,
            memory: model.memory(),
            stats: model.stats(),
        };
        let mut models: Vec<EngineState> = self.inner.models.all().into_iter().map(state).collect();
        models.sort_by(|a, b| a.name.cmp(&b.name));
        models
    }

    /// Bytes that loaded models may take together, if that is limited.
    pub fn memory_allowed(&self) -> Option<u64> {
        self.inner.settings.memory
    }

    /// Removes a model, and lets go of it where it is loaded: requests under way end with it.
    ///
    /// # Errors
    /// As [`Models::rm`].
    pub fn remove_model(&self, name: &str) -> Result<()> {
        self.models().rm(name)?;
        self.let_go(name);
        self.inner.budget.give_back(name);
        Ok(())
    }

    fn let_go(&self, name: &str) {
        self.inner.models.forget(name);
        self.inner.embedders.forget(name);
        // A task that is ready holds its model.
        self.inner.tasks.clear();
    }

    /// Lets go of models used longest ago until one of so many bytes fits into the memory allowed.
    fn make_room(&self, name: &str, bytes: u64) -> Result<()> {
        let Inner { models, embedders, budget, .. } = &*self.inner;
        let (models, embedders) = (models.all(), embedders.all());
        let busy = |other: &str| {
            let model = models.iter().find(|(name, _)| name == other).map(|(_, model)| model.stats().pending > 0);
            // Beside the one that keeps it and the one here, somebody uses it.
            let embedder = embedders.iter().find(|(name, _)| name == other).map(|(_, one)| Arc::strong_count(one) > 2);
            // What is being loaded is nowhere yet.
            model.or(embedder).unwrap_or(true)
        };
        for other in budget.take(name, bytes, &busy)? {
            tracing::info!(model = other, "let go of, to make room for {name}");
            self.let_go(&other);
        }
        Ok(())
    }

    pub(crate) async fn local_model(&self, name: &str) -> Result<Arc<LocalModel>> {
        let installed = self.models().installed(name)?;
        if installed.card.embeds() {
            return Err(not_generating(name));
        }
        let Settings { slots, queue, context, no_guessing, small_cache, .. } = self.inner.settings;
        let usual = LoadOptions::default();
        let (weights, budget) = (installed.card.bytes, &self.inner.budget);
        let cache = budget.cache_beside(weights);
        let options = LoadOptions {
            name: name.to_owned(),
            slots: slots.unwrap_or(usual.slots),
            context,
            queue: queue.unwrap_or(usual.queue),
            guess: !no_guessing,
            small_cache,
            cache: usize::try_from(cache).unwrap_or(usize::MAX),
            ..usual
        };
        let path = installed.path;
        let load = async {
            self.make_room(name, weights + cache)?;
            let loaded = match blocking(move || LocalModel::load(&path, &options)).await {
                // A whole context always fits, so that it may take more than was thought.
                Ok(Ok(model)) => self.make_room(name, model.memory()).map(|()| model),
                Ok(Err(error)) => Err(error.into()),
                Err(error) => Err(error),
            };
            loaded.inspect_err(|_| budget.give_back(name))
        };
        let model = self.inner.models.get(name, &installed.card.sha256, load).await?;
        budget.touch(name);
        Ok(model)
    }

    pub(crate) async fn local_embedder(&self, name: &str) -> Result<Arc<LocalEmbedder>> {
        let installed = self.models().installed(name)?;
        if !installed.card.embeds() {
            return Err(Error::invalid(
                "model",
                "invalid_model",
                format!("'{name}' makes text, not vectors; choose an embedding model"),
            ));
        }
        let digest = installed.card.sha256.clone();
        let load = async {
            self.make_room(name, installed.card.bytes)?;
            let loaded = blocking(move || LocalEmbedder::load(&installed.path, &installed.card)).await;
            let loaded = loaded.and_then(|loaded| Ok(loaded?));
            loaded.inspect_err(|_| self.inner.budget.give_back(name))
        };
        let embedder = self.inner.embedders.get(name, &digest, load).await?;
        self.inner.budget.touch(name);
        Ok(embedder)
    }

    /// An embedding model by name.
    ///
    /// # Errors
    /// As [`Workspace::language_model`].
    pub async fn embedder(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        Ok(self.local_embedder(name).await?)
    }

    /// A model's tokenizer.
    ///
    /// # Errors
    /// As [`Workspace::language_model`].
    pub async fn tokenizer(&self, name: &str) -> Result<Tokens> {
        let installed = self.models().installed(name)?;
        Ok(if installed.card.embeds() {
            Tokens::new(self.local_embedder(name).await?.tokenizer().clone())
        } else {
            Tokens::new(self.local_model(name).await?.tokenizer().clone())
        })
    }

    /// The language model for requests that name none: the catalogue's default, or the first installed.
    ///
    /// # Errors
    /// [`Error::NotFound`] if none is installed.
    pub fn default_language_model(&self) -> Result<String> {
        self.models().default_of(false)
    }

    /// The embedding model for requests that name none.
    ///
    /// # Errors
    /// [`Error::NotFound`] if none is installed.
    pub fn default_embedder(&self) -> Result<String> {
        self.models().default_of(true)
    }

    pub(crate) fn bases(&self) -> MutexGuard<'_, HashMap<String, BaseSlot>> {
        self.inner.bases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_generating(name: &str) -> Error {
    let message = format!("'{name}' makes vectors, not text; choose a generating model");
    Error::invalid("model", "invalid_model", message)
}

/// Runs work that computes or waits for the disk away from the threads that serve.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        if error.is_panic() {
            Error::failed(format!(
                "the work stopped on a bug of this program ({error}); please report it with what you did"
            ))
        } else {
            Error::failed("the work was cancelled because the program is ending")
        }
    })
}
