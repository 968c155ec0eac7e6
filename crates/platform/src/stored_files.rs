//! Files that are kept to be used by their ids, as OpenAI's `/v1/files` has them: `files/ID/content`, and beside it `meta.json`.
//!
//! A file arrives in a folder of [`Workspace::upload_dir`], and that folder becomes `files/ID/` by one rename once all of the file is there. So what
//! broke off is no file, and is swept at the next start as every upload is. Not here: how a file is sent, and what its lines mean.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::evals::{Page, Part};
use crate::files::Writing;
use crate::records::{self, failed, is_id, new_id, now, shown};
use crate::{Error, Result, Workspace};

/// What files are kept for: OpenAI's purposes, as far as there is a use here. `evals`: the rows of runs.
pub const FILE_PURPOSES: [&str; 1] = ["evals"];

const META: &str = "meta.json";

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// `file-…`.
    pub id: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Microseconds since 1970.
    pub created: u64,
    /// What it was called where it came from; never a path here.
    pub name: String,
    /// One of [`FILE_PURPOSES`].
    pub purpose: String,
    /// Seconds since 1970 from which it is gone; without any it stays until it is removed.
    pub expires: Option<u64>,
}

impl StoredFile {
    fn is_over(&self) -> bool {
        self.expires.is_some_and(|at| at <= now() / 1_000_000)
    }
}

/// A file, wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// What it is called where it comes from.
    pub name: String,
    /// One of [`FILE_PURPOSES`].
    pub purpose: String,
    /// Seconds until it is gone.
    pub lifetime: Option<u64>,
}

/// The files of a data directory.
#[derive(Debug, Clone)]
pub struct StoredFiles {
    root: PathBuf,
}

impl Workspace {
    /// Files that are kept to be used by their ids.
    pub fn stored_files(&self) -> StoredFiles {
        StoredFiles { root: self.data().join("files") }
    }
}

impl StoredFiles {
    /// What a file is called in the folder it arrives in.
    pub const CONTENT: &'static str = "content";

    /// Takes over a folder of [`Workspace::upload_dir`] that holds a whole file as [`StoredFiles::CONTENT`]. It is gone if the file cannot be kept.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be written.
    pub fn keep(&self, folder: PathBuf, new: NewFile) -> Result<StoredFile> {
        self.take_over(&folder, new).inspect_err(|_| {
            // It would keep the room that a full disk lacks.
            let _ = std::fs::remove_dir_all(&folder);
        })
    }

    fn take_over(&self, folder: &Path, new: NewFile) -> Result<StoredFile> {
        let NewFile { name, purpose, lifetime } = new;
        self.all()?; // what has expired makes room
        let content = folder.join(Self::CONTENT);
        let bytes = on_the_disk(&content).map_err(|error| failed(&content, &error))?;
        let created = now();
        let expires = lifetime.map(|seconds| (created / 1_000_000).saturating_add(seconds));
        let file = StoredFile { id: new_id("file-"), bytes, created, name, purpose, expires };
        records::write(&folder.join(META), &file)?;
        let place = self.root.join(&file.id);
        let placed = std::fs::create_dir_all(&self.root).and_then(|()| std::fs::rename(folder, &place));
        placed.map_err(|error| failed(&place, &error))?;
        Ok(file)
    }

    /// What is known of a file.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not here, or its time is over.
    pub fn show(&self, id: &str) -> Result<StoredFile> {
        if !is_id(id) {
            return Err(missing(id));
        }
        let file: Option<StoredFile> = records::read(&self.root.join(id).join(META))?;
        file.filter(|file| !file.is_over()).ok_or_else(|| missing(id))
    }

    /// Some of the files, in order; those of one purpose, if it is given.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the page begins after one that is not here.
    pub fn list(&self, page: &Page, purpose: Option<&str>) -> Result<Part<StoredFile>> {
        let mut all = self.all()?;
        all.retain(|file| purpose.is_none_or(|purpose| file.purpose == purpose));
        all.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        records::part(all, page, |file| file.id.clone())
    }

    /// A file, to be read piece by piece.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not here, or its time is over.
    pub fn open(&self, id: &str) -> Result<(StoredFile, File)> {
        let file = self.show(id)?;
        let path = self.root.join(id).join(Self::CONTENT);
        match File::open(&path) {
            Ok(content) => Ok((file, content)),
            // Somebody removed it meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing(id)),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    /// All bytes of a file.
    ///
    /// # Errors
    /// As [`StoredFiles::open`].
    pub fn content(&self, id: &str) -> Result<Vec<u8>> {
        let (_, mut content) = self.open(id)?;
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|error| failed(&self.root.join(id), &error))?;
        Ok(bytes)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not here, or its time is over.
    pub fn delete(&self, id: &str) -> Result<()> {
        let _alone = Writing::begin();
        self.show(id)?;
        records::remove(&self.root.join(id))
    }

    /// Those that are here. What has expired is removed on the way.
    fn all(&self) -> Result<Vec<StoredFile>> {
        let _alone = Writing::begin();
        records::sweep(&self.root);
        let all: Vec<StoredFile> = records::read_all(&self.root, META)?;
        let (over, here): (Vec<StoredFile>, Vec<StoredFile>) = all.into_iter().partition(StoredFile::is_over);
        for file in over {
            if let Err(error) = records::remove(&self.root.join(&file.id)) {
                tracing::warn!("an expired file could not be removed: {error}");
            }
        }
        Ok(here)
    }
}

/// Waits until a file is on the disk, so that no record is there before what it speaks of, and says how many bytes it has.
fn on_the_disk(path: &Path) -> std::io::Result<u64> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// In the words of OpenAI, with a remedy.
fn missing(id: &str) -> Error {
    let message = format!("No such File object: {}. GET /v1/files lists those there are.", shown(id));
    Error::not_found("file_not_found", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Access;
    use crate::evals::Order;

    fn workspace(folder: &Path) -> Workspace {
        Workspace::open(folder, Access::Write).unwrap()
    }

    /// A folder that a file has arrived in.
    fn arrived(workspace: &Workspace, content: &str) -> PathBuf {
        let folder = workspace.upload_dir().unwrap();
        std::fs::write(folder.join(StoredFiles::CONTENT), content).unwrap();
        folder
    }

    fn new(name: &str, purpose: &str, lifetime: Option<u64>) -> NewFile {
        NewFile { name: name.to_owned(), purpose: purpose.to_owned(), lifetime }
    }

    fn ids(files: &StoredFiles, page: &Page, purpose: Option<&str>) -> (Vec<String>, bool) {
        let part = files.list(page, purpose).unwrap();
        (part.data.into_iter().map(|file| file.id).collect(), part.more)
    }

    fn everything() -> Page {
        Page { limit: 100, ..Page::default() }
    }

    fn is_missing<T>(outcome: Result<T>) -> bool {
        matches!(outcome, Err(Error::NotFound { code: "file_not_found", .. }))
    }

    #[test]
    fn a_file_is_kept_read_listed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = workspace(folder.path());
        let files = workspace.stored_files();
        assert_eq!(ids(&files, &everything(), None), (Vec::new(), false), "before there is a folder");
        let content = "{\"item\": {\"q\": \"年假几天？\"}}\n";
        let came = arrived(&workspace, content);
        let file = files.keep(came.clone(), new("../行.jsonl", "evals", None)).unwrap();
        assert!(!came.exists(), "the folder was taken over");
        assert_eq!((file.bytes, file.name.as_str(), file.expires), (content.len() as u64, "../行.jsonl", None));
        assert!(file.id.starts_with("file-") && is_id(&file.id), "{}", file.id);
        let others: Vec<StoredFile> = ["evals", "other", "evals"]
            .iter()
            .map(|purpose| files.keep(arrived(&workspace, "x"), new("x", purpose, Some(3600))).unwrap())
            .collect();
        assert_eq!(others[0].expires, Some(others[0].created / 1_000_000 + 3600));

        // Nothing of it is held in memory.
        let files = workspace.stored_files();
        assert_eq!(files.show(&file.id).unwrap(), file);
        assert_eq!(files.content(&file.id).unwrap(), content.as_bytes());
        let all: Vec<String> = std::iter::once(&file).chain(&others).map(|file| file.id.clone()).collect();
        assert_eq!(ids(&files, &everything(), None), (all.clone(), false));
        let page = Page { after: Some(all[3].clone()), limit: 2, order: Order::Newest };
        assert_eq!(ids(&files, &page, None), (vec![all[2].clone(), all[1].clone()], true));
        assert_eq!(ids(&files, &everything(), Some("other")), (vec![all[2].clone()], false));
        assert!(files.list(&Page { after: Some("file-x".to_owned()), ..everything() }, None).is_err());

        files.delete(&file.id).unwrap();
        assert!(is_missing(files.show(&file.id)) && is_missing(files.content(&file.id)));
        assert!(is_missing(files.delete(&file.id)));
        assert_eq!(ids(&files, &everything(), None).0, all[1..]);
        for id in ["", ".", "..", "../kb", "file-none", "FILE-1", "files/x"] {
            assert!(is_missing(files.show(id)) && is_missing(files.open(id)) && is_missing(files.delete(id)), "{id}");
        }
    }

    #[test]
    fn what_is_not_whole_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = workspace(folder.path());
        let files = workspace.stored_files();
        let half = arrived(&workspace, "{\"item\": {");
        assert!(ids(&files, &everything(), None).0.is_empty() && half.exists(), "it may still be arriving");
        // One that never came, and one that cannot be placed, leave nothing.
        let empty = workspace.upload_dir().unwrap();
        let error = files.keep(empty.clone(), new("x", "evals", None)).unwrap_err().to_string();
        assert!(error.contains(StoredFiles::CONTENT) && !empty.exists(), "{error}");
        std::fs::write(folder.path().join("files"), "in the way").unwrap();
        assert!(files.keep(half.clone(), new("x", "evals", None)).is_err() && !half.exists());
        std::fs::remove_file(folder.path().join("files")).unwrap();
        // Nor does what lost its record, or was being removed when the process was killed.
        let kept = files.keep(arrived(&workspace, "x"), new("x", "evals", None)).unwrap();
        let (bare, gone) = (folder.path().join("files/file-1"), folder.path().join("files/.gone-file-2"));
        for left in [&bare, &gone] {
            std::fs::create_dir(left).unwrap();
            std::fs::write(left.join(StoredFiles::CONTENT), "x").unwrap();
        }
        assert_eq!(ids(&files, &everything(), None).0, [kept.id]);
        assert!(is_missing(files.open("file-1")) && !gone.exists());
    }

    #[test]
    fn an_expired_file_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = workspace(folder.path());
        let files = workspace.stored_files();
        let over = files.keep(arrived(&workspace, "x"), new("x", "evals", Some(0))).unwrap();
        let place = folder.path().join("files").join(&over.id);
        assert!(place.exists());
        assert!(is_missing(files.show(&over.id)) && is_missing(files.content(&over.id)));
        assert!(is_missing(files.delete(&over.id)));
        // Whoever comes next sweeps it away.
        let kept = files.keep(arrived(&workspace, "x"), new("x", "evals", Some(3600))).unwrap();
        assert!(!place.exists());
        assert_eq!(ids(&files, &everything(), None).0, [kept.id]);
    }
}
