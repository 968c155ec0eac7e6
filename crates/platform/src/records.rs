//! Records on disk, and lists of them: a record is a JSON file in a folder of its own, named by an id; a list is given in parts.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// A part of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// It begins after this one.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
    /// The order.
    pub order: Order,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    #[default]
    Oldest,
    /// The newest first.
    Newest,
}

/// Some of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<T> {
    /// In order.
    pub data: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

/// The part of a list that a page asks for; `all` has the oldest first.
///
/// # Errors
/// [`Error::Invalid`] if the page begins after one that is not here.
pub(crate) fn part<T>(mut all: Vec<T>, page: &Page, id: impl Fn(&T) -> String) -> Result<Part<T>> {
    if page.order == Order::Newest {
        all.reverse();
    }
    if let Some(after) = &page.after {
        let Some(at) = all.iter().position(|one| id(one) == *after) else {
            let message =
                format!("Invalid value for 'after': '{}' is not in the list; begin again without it.", shown(after));
            return Err(Error::invalid("after", "invalid_value", message));
        };
        all.drain(..=at);
    }
    let more = all.len() > page.limit;
    all.truncate(page.limit);
    Ok(Part { data: all, more })
}

/// A new id.
pub(crate) fn new_id(prefix: &str) -> String {
    format!("{prefix}{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

/// Ids are ours, so that nothing else is ever a path.
pub(crate) fn is_id(id: &str) -> bool {
    let ours = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    !id.is_empty() && id.len() <= 64 && id.bytes().all(ours)
}

/// Microseconds since 1970.
pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// A name that somebody sent, short enough for a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The records of a folder: of each folder in it the file of this name. What cannot be read is left out.
///
/// # Errors
/// [`Error::Failed`] if the folder itself cannot be read.
pub(crate) fn read_all<T: DeserializeOwned>(folder: &Path, file: &str) -> Result<Vec<T>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder, &error)),
    };
    let ours = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_id));
    let read = |path: PathBuf| {
        read(&path).unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        })
    };
    Ok(ours.filter_map(|entry| read(entry.path().join(file))).collect())
}

/// A record, if it is there.
///
/// # Errors
/// [`Error::Failed`] if it cannot be read.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, &error)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Error::failed(format!("{}: {error}; restore it from a backup, or remove its folder", path.display()))
    })
}

/// Writes a record, whole or not at all.
///
/// # Errors
/// [`Error::Failed`] if it cannot be written.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::failed(format!("{}: it cannot be written: {error}", path.display())))?;
    crate::files::replace(path, &text)
}

/// Before the name of a folder that is being removed.
const GONE: &str = ".gone-";

/// Removes a record's folder. One that is half removed is none: it loses its name first.
///
/// # Errors
/// [`Error::Failed`] if it cannot be removed.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let gone = folder.with_file_name(format!("{GONE}{name}"));
    std::fs::rename(folder, &gone).map_err(|error| failed(folder, &error))?;
    std::fs::remove_dir_all(&gone).map_err(|error| failed(&gone, &error))
}

/// Removes what is left of removals that were cut off.
pub(crate) fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let left = entry.path();
        if entry.file_name().to_string_lossy().starts_with(GONE)
            && let Err(error) = std::fs::remove_dir_all(&left)
        {
            tracing::warn!(folder = %left.display(), %error, "what was removed could not be swept");
        }
    }
}

/// What a disk's complaint means to somebody who waits.
pub(crate) fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!(
        "{}: {error}; check the path, that it may be written to, and that the disk has room",
        path.display()
    ))
}
