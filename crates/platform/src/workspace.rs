//! A data directory and what is loaded from it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{Embedder, LanguageModel};
use engine::{LoadOptions, LocalEmbedder, LocalModel};
use knowledge::KnowledgeBase;

use crate::ask::RagModel;
use crate::ingest::Jobs;
use crate::lock::Lock;
use crate::pulls::Pulls;
use crate::{Error, KnowledgeBases, Models, Result, Tokens};

/// What a process wants with a data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Knowledge bases may change; one process at a time.
    Write,
    /// They may not; any number of processes.
    Read,
}

/// A data directory and everything loaded from it. Cheap to clone.
#[derive(Clone)]
pub struct Workspace {
    inner: Arc<Inner>,
}

struct Inner {
    data: PathBuf,
    access: Access,
    _lock: Option<Lock>,
    models: Cache<LocalModel>,
    embedders: Cache<LocalEmbedder>,
    bases: Mutex<HashMap<String, Arc<KnowledgeBase>>>,
    jobs: Jobs,
    pulls: Pulls,
}

type Cache<T> = tokio::sync::Mutex<HashMap<String, Arc<T>>>;

impl Workspace {
    /// Opens a data directory, making it if it is not there.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another process writes to it, [`Error::Failed`] if it cannot be made.
    pub fn open(data: &Path, access: Access) -> Result<Self> {
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
                _lock: lock,
                models: Cache::default(),
                embedders: Cache::default(),
                bases: Mutex::default(),
                jobs: Jobs::default(),
                pulls: Pulls::default(),
            }),
        })
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

    pub(crate) fn writes(&self) -> bool {
        self.inner.access == Access::Write
    }

    /// A language model by name: an installed one, or `kb/NAME` (`kb/NAME@MODEL` to say who answers). Loaded the first time it is asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not installed, naming what is; [`Error::Failed`] if its file is damaged.
    pub async fn language_model(&self, name: &str) -> Result<Arc<dyn LanguageModel>> {
        match name.strip_prefix("kb/") {
            Some(rest) => {
                let (base, model) =
                    rest.split_once('@').map_or((rest, None), |(base, model)| (base, Some(model.to_owned())));
                self.base(base)?;
                Ok(Arc::new(RagModel::new(self.clone(), base, model)))
            }
            None => Ok(self.local_model(name).await?),
        }
    }

    /// Whether a model's weights are in memory already.
    pub async fn is_loaded(&self, name: &str) -> bool {
        self.inner.models.lock().await.contains_key(name)
    }

    /// Requests that have a slot or wait for one, of each loaded model.
    pub async fn pending(&self) -> Vec<(String, usize)> {
        let models = self.inner.models.lock().await;
        models.iter().map(|(name, model)| (name.clone(), model.stats().pending)).collect()
    }

    pub(crate) async fn local_model(&self, name: &str) -> Result<Arc<LocalModel>> {
        // The lock is held while loading, so that two requests do not load one model twice.
        let mut models = self.inner.models.lock().await;
        if let Some(model) = models.get(name) {
            return Ok(Arc::clone(model));
        }
        let installed = self.models().installed(name)?;
        if installed.card.embeds() {
            return Err(Error::invalid(
                "model",
                "invalid_model",
                format!("'{name}' makes vectors, not text; choose a generating model"),
            ));
        }
        let options = LoadOptions { name: name.to_owned(), ..LoadOptions::default() };
        let path = installed.path;
        let model = blocking(move || LocalModel::load(&path, &options)).await??;
        let model = Arc::new(model);
        models.insert(name.to_owned(), Arc::clone(&model));
        Ok(model)
    }

    pub(crate) async fn local_embedder(&self, name: &str) -> Result<Arc<LocalEmbedder>> {
        let mut embedders = self.inner.embedders.lock().await;
        if let Some(embedder) = embedders.get(name) {
            return Ok(Arc::clone(embedder));
        }
        let installed = self.models().installed(name)?;
        if !installed.card.embeds() {
            return Err(Error::invalid(
                "model",
                "invalid_model",
                format!("'{name}' makes text, not vectors; choose an embedding model"),
            ));
        }
        let embedder = Arc::new(blocking(move || LocalEmbedder::load(&installed.path, &installed.card)).await??);
        embedders.insert(name.to_owned(), Arc::clone(&embedder));
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

    pub(crate) fn bases(&self) -> MutexGuard<'_, HashMap<String, Arc<KnowledgeBase>>> {
        self.inner.bases.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
