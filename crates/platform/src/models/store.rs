//! The folder of models: records of what is installed, locks, space, digests.
//!
//! `models/NAME/card.json` is written last and makes a model installed; `models/NAME/partial/` holds what a cut download
//! left; `models/.NAME.lock` is held by whoever changes `models/NAME`.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Card;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Result;
use crate::{Error, lock};

const RECORD: &str = "card.json";
const PARTIAL: &str = "partial";

/// What is written about an installed model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(flatten)]
    pub(super) card: Card,
    /// What is loaded: relative to the model's folder (empty: the folder itself), or absolute if it was added where it lies.
    pub(super) load: PathBuf,
    /// Every file the model needs, with its size, so that a cut file is noticed without reading it.
    pub(super) files: Vec<RecordFile>,
    /// The folder a converted model was made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) converted_from: Option<PathBuf>,
}

/// A file of an installed model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RecordFile {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

impl Record {
    /// Whether the file is the user's own, somewhere else.
    pub(super) fn is_added(&self) -> bool {
        self.load.is_absolute()
    }
}

/// `DATA/models`.
#[derive(Debug, Clone)]
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn partial(&self, name: &str) -> PathBuf {
        self.folder(name).join(PARTIAL)
    }

    /// Names of the models that have a record, in alphabetical order.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io(&self.folder, &error)),
        };
        let named = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = named
            .filter(|name| super::names::check(name).is_ok() && self.folder(name).join(RECORD).is_file())
            .collect();
        names.sort();
        Ok(names)
    }

    /// What is written about a model; nothing if it is not installed.
    pub(super) fn record(&self, name: &str) -> Result<Option<Record>> {
        if super::names::check(name).is_err() {
            return Ok(None);
        }
        let path = self.folder(name).join(RECORD);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(io(&path, &error)),
        };
        let record = serde_json::from_slice(&bytes).map_err(|error| {
            let remedy = format!("`sumeru models rm {name} --yes`, then get it again");
            Error::failed(format!("{} is damaged: {error}; {remedy}", path.display()))
        })?;
        Ok(Some(record))
    }

    /// Where the model is loaded from, if all its files are there with the size they should have.
    pub(super) fn check(&self, record: &Record) -> Result<PathBuf> {
        let folder = self.folder(&record.card.name);
        for file in &record.files {
            let path = folder.join(&file.path);
            let why = match std::fs::metadata(&path) {
                Ok(found) if found.len() == file.bytes => continue,
                Ok(found) => format!("has {} bytes instead of {}", found.len(), file.bytes),
                Err(error) if error.kind() == ErrorKind::NotFound => "is gone".to_owned(),
                Err(error) => format!("cannot be read: {error}"),
            };
            let name = &record.card.name;
            let again = match &record.converted_from {
                Some(folder) => format!("`sumeru models add {}`", folder.display()),
                None if record.is_added() => "`sumeru models add` its file".to_owned(),
                None => "`sumeru models pull` it".to_owned(),
            };
            let remedy = format!("`sumeru models rm {name} --yes`, then {again} again");
            return Err(Error::failed(format!("model '{name}': {} {why}; {remedy}", path.display())));
        }
        Ok(self.load_path(record))
    }

    /// Where the model is loaded from, whether it is there or not.
    pub(super) fn load_path(&self, record: &Record) -> PathBuf {
        let folder = self.folder(&record.card.name);
        // Joining an empty path would add a slash.
        if record.load.as_os_str().is_empty() { folder } else { folder.join(&record.load) }
    }

    /// Writes the record: from here on the model is installed.
    pub(super) fn write(&self, record: &Record) -> Result<()> {
        let folder = self.folder(&record.card.name);
        std::fs::create_dir_all(&folder).map_err(|error| io(&folder, &error))?;
        let text = serde_json::to_vec_pretty(record).map_err(|error| Error::failed(error.to_string()))?;
        let path = folder.join(RECORD);
        replace(&path, &text, true).map_err(|error| io(&path, &error))
    }

    /// Removes the record: the model is not installed any more.
    pub(super) fn forget(&self, name: &str) -> Result<()> {
        let path = self.folder(name).join(RECORD);
        gone(&path, std::fs::remove_file(&path))
    }

    /// Removes a model: the record first, so that half a removal is not half a model.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        self.forget(name)?;
        let folder = self.folder(name);
        gone(&folder, std::fs::remove_dir_all(&folder))
    }

    /// Removes a model whose file is the user's own, wherever that lies.
    pub(super) fn remove_added(&self, name: &str) -> Result<()> {
        self.forget(name)?;
        let partial = self.partial(name);
        gone(&partial, std::fs::remove_dir_all(&partial))?;
        let _ = std::fs::remove_dir(self.folder(name)); // stays if somebody keeps files of their own in it
        Ok(())
    }

    /// Takes the right to change a model's folder; nothing if another process has it for longer than `patience`.
    pub(super) fn lock(&self, name: &str, patience: Duration) -> Result<Option<File>> {
        std::fs::create_dir_all(&self.folder).map_err(|error| io(&self.folder, &error))?;
        let path = self.folder.join(format!(".{name}.lock"));
        lock::open(&path, patience).map_err(|error| io(&path, &error))
    }
}

/// What is not there need not be removed.
fn gone(path: &Path, removed: std::io::Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io(path, &error)),
        _ => Ok(()),
    }
}

/// Replaces a file as a whole; `sync` waits until it is on the disk.
pub(crate) fn replace(path: &Path, bytes: &[u8], sync: bool) -> std::io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        if sync {
            file.sync_all()?;
        }
        std::fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        // Half of it would keep the room that a full disk lacks.
        let _ = std::fs::remove_file(&temporary);
    })?;
    if sync { sync_folder(path) } else { Ok(()) }
}

/// Makes a rename in a file's folder last.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        #[cfg(unix)]
        Some(folder) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// A file's SHA-256 in lower-case hex.
pub(super) fn sha256(path: &Path) -> Result<String> {
    let read = || {
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => hash.update(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    read().map_err(|error| io(path, &error))
}

/// Bytes that may still be written where a path is; nothing if the system does not say.
pub(crate) fn free_space(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists())?;
    fs4::available_space(there).ok()
}

/// What the system refused to do with a path, and what to do about it.
pub(super) fn io(path: &Path, error: &std::io::Error) -> Error {
    Error::failed(match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            let free = free_space(path).map_or(String::new(), |free| format!(" ({free} bytes free)"));
            format!(
                "{}: the disk is full{free}; make room and run the same command again, what is there is kept",
                path.display()
            )
        }
        ErrorKind::PermissionDenied => {
            format!("{}: {error}; check the folder's rights, or choose another with --data", path.display())
        }
        _ => format!("{}: {error}", path.display()),
    })
}
