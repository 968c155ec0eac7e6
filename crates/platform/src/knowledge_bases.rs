//! Knowledge bases: what there is, and their documents.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use knowledge::{DocumentInfo, DocumentText, KnowledgeBase, Stats};
use serde::Serialize;

use crate::ingest::Stage;
use crate::workspace::{BaseSlot, blocking};
use crate::{Error, Result, Workspace};

/// How long [`KnowledgeBases::remove`] waits for a running ingest to stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest name of a knowledge base, in bytes: it is a folder's name.
const LONGEST_NAME: usize = 120;

/// The knowledge bases of a workspace.
pub struct KnowledgeBases<'w> {
    workspace: &'w Workspace,
}

/// A knowledge base, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnowledgeBaseInfo {
    /// Its name.
    pub name: String,
    /// Documents.
    pub documents: usize,
    /// Passages, all searchable by words.
    pub passages: usize,
    /// Passages that have a vector.
    pub vectors: usize,
    /// Bytes of the documents' files.
    pub bytes: u64,
    /// The embedding model its vectors come from.
    pub embedder: Option<String>,
    /// Something is being read or embedded by this process.
    pub ingesting: bool,
    /// Why it cannot be used, if it is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// A digest of all it holds; empty in lists.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
}

/// A line in the list of documents: one that is kept, or one that is on its way or was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentEntry {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What kind of file.
    pub format: String,
    /// Pages, where the format has them.
    pub pages: usize,
    /// Passages it was cut into.
    pub passages: usize,
    /// Passages that have a vector.
    pub vectors: usize,
    /// Size of the file.
    pub bytes: u64,
    /// What could not be read.
    pub warnings: Vec<String>,
    /// Where it is on its way.
    pub status: DocumentStatus,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where a document is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentStatus {
    /// All that can be done is done.
    Ready,
    /// It waits to be read, or is being read.
    Parsing,
    /// Its words are searchable; vectors are being made.
    Embedding,
    /// It could not be read.
    Failed,
}

impl<'w> KnowledgeBases<'w> {
    pub(crate) fn new(workspace: &'w Workspace) -> Self {
        Self { workspace }
    }

    /// Their names, sorted.
    ///
    /// # Errors
    /// [`Error::Failed`] if the data directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let folder = self.workspace.data().join("kb");
        let entries = std::fs::read_dir(&folder).map_err(|error| {
            Error::failed(format!("{}: {error}; check the data directory with `sumeru doctor`", folder.display()))
        })?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().join("kb.db").is_file())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| check_name(name).is_ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// All of them, without fingerprints; one that cannot be read says why and holds nobody up.
    ///
    /// # Errors
    /// [`Error::Failed`] if the data directory cannot be read.
    pub fn list(&self) -> Result<Vec<KnowledgeBaseInfo>> {
        let info = |name: String| {
            self.info(&name).unwrap_or_else(|error| KnowledgeBaseInfo {
                name,
                documents: 0,
                passages: 0,
                vectors: 0,
                bytes: 0,
                embedder: None,
                ingesting: false,
                error: Some(error.to_string()),
                fingerprint: String::new(),
            })
        };
        Ok(self.names()?.into_iter().map(info).collect())
    }

    /// One of them, without its fingerprint.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not there.
    pub fn info(&self, name: &str) -> Result<KnowledgeBaseInfo> {
        let Stats { documents, passages, vectors, bytes, embedder, .. } = self.workspace.base(name)?.stats()?;
        let ingesting = self.workspace.jobs().of(name).is_busy();
        Ok(KnowledgeBaseInfo {
            name: name.to_owned(),
            documents,
            passages,
            vectors,
            bytes,
            embedder,
            ingesting,
            error: None,
            fingerprint: String::new(),
        })
    }

    /// One of them, with the digest of all it holds.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not there.
    pub fn show(&self, name: &str) -> Result<KnowledgeBaseInfo> {
        let fingerprint = self.workspace.base(name)?.fingerprint()?;
        Ok(KnowledgeBaseInfo { fingerprint, ..self.info(name)? })
    }

    /// Its documents by name: those kept, those on their way, those of the last ingest that were refused.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the knowledge base is not there.
    pub fn documents(&self, name: &str) -> Result<Vec<DocumentEntry>> {
        let kept = self.workspace.base(name)?.documents()?;
        let (stage, waiting, failed) = self.workspace.jobs().of(name).now();
        let mut entries: BTreeMap<String, DocumentEntry> = kept
            .into_iter()
            .map(|document| (document.name.clone(), entry(document, stage == Stage::Embedding)))
            .collect();
        for name in waiting {
            entries.entry(name.clone()).or_insert_with(|| DocumentEntry::without_text(&name)).status =
                DocumentStatus::Parsing;
        }
        for failed in failed {
            let entry = entries.entry(failed.name.clone()).or_insert_with(|| DocumentEntry::without_text(&failed.name));
            (entry.status, entry.error) = (DocumentStatus::Failed, Some(failed.error));
        }
        Ok(entries.into_values().collect())
    }

    /// A document's extracted text.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the knowledge base or the document is not there.
    pub fn document(&self, base: &str, name: &str) -> Result<DocumentText> {
        self.workspace.base(base)?.document(name)?.ok_or_else(|| {
            Error::not_found(
                "document_not_found",
                format!("'{name}' is not in the knowledge base '{base}'; `sumeru kb documents {base}` lists what is"),
            )
        })
    }

    /// Makes an empty one.
    ///
    /// # Errors
    /// [`Error::Conflict`] if there is one, [`Error::Invalid`] for a name that cannot be or a model that makes no vectors.
    pub fn create(&self, name: &str, embedder: Option<&str>) -> Result<KnowledgeBaseInfo> {
        let model = embedder.map(|model| self.workspace.models().installed(model)).transpose()?;
        let dimensions = match &model {
            Some(model) => Some(model.card.dimensions.ok_or_else(|| {
                Error::invalid(
                    "embedder",
                    "invalid_model",
                    format!("'{}' makes text, not vectors; choose an embedding model", model.card.name),
                )
            })?),
            None => None,
        };
        let base = self.workspace.new_base(name)?;
        if let (Some(model), Some(dimensions)) = (embedder, dimensions) {
            base.set_embedder(model, dimensions as usize)?;
        }
        self.info(name)
    }

    /// Removes one with all it holds. A running ingest of it is stopped first; that may take seconds, so call this where waiting is allowed.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not there, [`Error::Conflict`] if an ingest does not stop.
    pub fn remove(&self, name: &str) -> Result<()> {
        check_name(name)?;
        let folder = self.workspace.base_folder(name);
        if !folder.join("kb.db").exists() {
            return Err(self.workspace.no_such_base(name));
        }
        let job = self.workspace.jobs().of(name);
        job.end();
        let since = Instant::now();
        let _turn = loop {
            if let Some(turn) = job.try_turn() {
                break turn;
            }
            if since.elapsed() > PATIENCE {
                job.go_on();
                return Err(Error::Conflict {
                    message: format!(
                        "'{name}' is being ingested and did not stop in a minute; try again when it is done"
                    ),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        self.workspace.bases().remove(name);
        self.workspace.jobs().forget(name);
        // Uploads that wait go first: they must not come back with the next knowledge base of that name.
        let _ = std::fs::remove_dir_all(self.workspace.data().join("inbox").join(name)); // usually there is none
        // Renamed first: a removal that is cut in the middle leaves no half of a knowledge base behind.
        let gone = self.workspace.data().join("kb").join(format!(".removed-{name}"));
        let failed = |error: std::io::Error| {
            Error::failed(format!("{}: {error}; check that it may be written to", folder.display()))
        };
        let _ = std::fs::remove_dir_all(&gone); // of an earlier removal that was cut
        std::fs::rename(&folder, &gone).map_err(failed)?;
        std::fs::remove_dir_all(&gone).map_err(failed)
    }
}

impl KnowledgeBases<'_> {
    /// Deletes what removals that were cut left behind.
    pub(crate) fn sweep(&self) {
        let entries = std::fs::read_dir(self.workspace.data().join("kb")).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".removed-")) {
            let _ = std::fs::remove_dir_all(entry.path()); // only space is lost if it stays
        }
    }
}

impl DocumentEntry {
    fn without_text(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            format: String::new(),
            pages: 0,
            passages: 0,
            vectors: 0,
            bytes: 0,
            warnings: Vec::new(),
            status: DocumentStatus::Ready,
            error: None,
        }
    }
}

fn entry(document: DocumentInfo, embedding: bool) -> DocumentEntry {
    let missing = document.vectors < document.passages;
    DocumentEntry {
        name: document.name,
        title: document.title,
        format: document.format,
        pages: document.pages,
        passages: document.passages,
        vectors: document.vectors,
        bytes: document.bytes,
        warnings: document.warnings,
        status: if embedding && missing { DocumentStatus::Embedding } else { DocumentStatus::Ready },
        error: None,
    }
}

impl Workspace {
    /// A knowledge base by name, opened the first time it is asked for. Opening may rebuild an index: not for threads that serve.
    pub(crate) fn base(&self, name: &str) -> Result<Arc<KnowledgeBase>> {
        check_name(name)?;
        let folder = self.base_folder(name);
        if !folder.join("kb.db").exists() {
            return Err(self.no_such_base(name));
        }
        let slot = self.base_slot(name);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(base) = slot.as_ref() {
            return Ok(Arc::clone(base));
        }
        let base =
            Arc::new(if self.writes() { KnowledgeBase::open(&folder)? } else { KnowledgeBase::open_to_read(&folder)? });
        *slot = Some(Arc::clone(&base));
        Ok(base)
    }

    /// The same, for threads that serve.
    pub(crate) async fn opened(&self, name: &str) -> Result<Arc<KnowledgeBase>> {
        let slot = self.bases().get(name).cloned();
        if let Some(base) = slot.and_then(|slot| slot.try_lock().ok()?.clone()) {
            return Ok(base);
        }
        let (workspace, name) = (self.clone(), name.to_owned());
        blocking(move || workspace.base(&name)).await?
    }

    fn base_slot(&self, name: &str) -> BaseSlot {
        Arc::clone(self.bases().entry(name.to_owned()).or_default())
    }

    /// A knowledge base by name, made if it is not there.
    pub(crate) fn base_or_new(&self, name: &str, embedder: Option<&str>) -> Result<Arc<KnowledgeBase>> {
        match self.base(name) {
            Err(Error::NotFound { .. }) => {
                self.knowledge_bases().create(name, embedder)?;
                self.base(name)
            }
            other => other,
        }
    }

    fn new_base(&self, name: &str) -> Result<Arc<KnowledgeBase>> {
        check_name(name)?;
        let slot = self.base_slot(name);
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.base_folder(name);
        if folder.join("kb.db").exists() {
            return Err(Error::Conflict {
                message: format!("there is a knowledge base '{name}' already; use it, remove it, or take another name"),
            });
        }
        let base = Arc::new(KnowledgeBase::create(&folder)?);
        *slot = Some(Arc::clone(&base));
        Ok(base)
    }

    pub(crate) fn base_folder(&self, name: &str) -> PathBuf {
        self.data().join("kb").join(name)
    }

    fn no_such_base(&self, name: &str) -> Error {
        let there = match self.knowledge_bases().names().unwrap_or_default() {
            names if names.is_empty() => "there is none yet".to_owned(),
            names => format!("there are: {}", names.join(", ")),
        };
        let message =
            format!("there is no knowledge base '{name}' ({there}); `sumeru ingest PATH --kb {name}` makes it");
        Error::not_found("knowledge_base_not_found", message)
    }
}

/// A name is a folder's name and part of addresses.
fn check_name(name: &str) -> Result<()> {
    let lower = |c: char| c.is_alphanumeric() && !c.is_uppercase();
    let fits =
        name.starts_with(lower) && name.len() <= LONGEST_NAME && name.chars().all(|c| lower(c) || c == '-' || c == '_');
    if fits {
        return Ok(());
    }
    let shown: String = name.chars().take(60).collect();
    let rule = "use lower-case letters of any language, digits, '-' and '_', beginning with a letter or digit, at most 120 bytes";
    Err(Error::invalid("name", "invalid_value", format!("'{shown}' cannot be a knowledge base's name; {rule}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folders_everywhere() {
        for (name, fits) in [
            ("work", true),
            ("制度-2026", true),
            ("a_b", true),
            ("7", true),
            ("", false),
            ("Work", false),
            ("a b", false),
            ("../x", false),
            ("-a", false),
            (".a", false),
            ("a/b", false),
            ("a.b", false),
            ("über", true),
        ] {
            assert_eq!(check_name(name).is_ok(), fits, "{name}");
        }
        assert!(check_name(&"a".repeat(121)).is_err());
    }
}
