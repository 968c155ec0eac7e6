//! A knowledge base on disk: `kb.db` is the truth, `words/` follows it.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use domain::{Passage, Span};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::parse::Parsed;
use crate::vectors::{self, Vectors};
use crate::words::{self, Entry, Words};
use crate::{Error, Reader, Result, schema};

/// Documents cut by another version of `chunk` count as not yet ingested.
const CHUNKER: i64 = 3;

/// A document ready to be kept.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// Unique in the knowledge base.
    pub name: String,
    /// Hash of the file's bytes.
    pub content_hash: String,
    /// Size of the file.
    pub bytes_len: u64,
    /// What was read from it.
    pub parsed: Parsed,
    /// What it was cut into.
    pub passages: Vec<Passage>,
    /// Free labels a search can filter by.
    pub metadata: BTreeMap<String, String>,
}

/// A line in the list of documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentInfo {
    /// Unique in the knowledge base.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Hash of the file's bytes.
    pub hash: String,
    /// Size of the file.
    pub bytes: u64,
    /// What kind of file.
    pub format: String,
    /// Number of pages, where the format has them.
    pub pages: usize,
    /// Passages it was cut into.
    pub passages: usize,
    /// Passages that have a vector.
    pub vectors: usize,
    /// What could not be read.
    pub warnings: Vec<String>,
    /// Its labels.
    pub metadata: BTreeMap<String, String>,
}

/// A document's extracted text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocumentText {
    /// Unique in the knowledge base.
    pub name: String,
    /// Its title.
    pub title: String,
    /// All text; spans count its characters.
    pub text: String,
    /// Range of each page, where the format has them.
    pub pages: Vec<Span>,
    /// What could not be read.
    pub warnings: Vec<String>,
}

/// How much is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Documents.
    pub documents: usize,
    /// Passages.
    pub passages: usize,
    /// Passages that have a vector.
    pub vectors: usize,
    /// Bytes of the documents' files.
    pub bytes: u64,
    /// Bytes of the database on disk.
    pub stored_bytes: u64,
    /// The embedding model its vectors come from.
    pub embedder: Option<String>,
    /// Width of its vectors.
    pub dimensions: Option<usize>,
}

/// One knowledge base. One process writes; any number of threads may share it.
pub struct KnowledgeBase {
    dir: PathBuf,
    database: PathBuf,
    read_only: bool,
    state: Mutex<State>,
    vectors: Arc<RwLock<Vectors>>,
}

struct State {
    connection: Connection,
    words: Words,
}

impl KnowledgeBase {
    /// Makes a new, empty one; refuses where there is one already.
    ///
    /// # Errors
    /// [`Error::Conflict`] if `kb.db` is there, [`Error::Failed`] if the directory cannot be written.
    pub fn create(dir: &Path) -> Result<Self> {
        let database = dir.join("kb.db");
        if database.exists() {
            let message =
                format!("{} holds a knowledge base already; use it, remove it, or take another name", dir.display());
            return Err(Error::Conflict { message });
        }
        fs::create_dir_all(dir).map_err(|error| {
            Error::failed(format!("{}: {error}; check that the folder may be written to", dir.display()))
        })?;
        Self::open_database(dir, database)
    }

    /// Opens an existing one for reading and writing, and brings its words index up to date.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, [`Error::Failed`] if it is damaged or from a newer version.
    pub fn open(dir: &Path) -> Result<Self> {
        let database = existing(dir)?;
        Self::open_database(dir, database)
    }

    /// Opens an existing one without ever writing; another process may be writing to it.
    ///
    /// # Errors
    /// As [`KnowledgeBase::open`].
    pub fn open_to_read(dir: &Path) -> Result<Self> {
        let database = existing(dir)?;
        let connection = schema::open_to_read(&database)?;
        let words = Words::open_to_read(&dir.join("words"), &connection, &database)?;
        Ok(Self::over(dir, database, true, State { connection, words }))
    }

    fn open_database(dir: &Path, database: PathBuf) -> Result<Self> {
        let connection = schema::open(&database)?;
        let words = Words::open(&dir.join("words"), &connection, &database)?;
        let base = Self::over(dir, database, false, State { connection, words });
        base.state().words.rest()?;
        Ok(base)
    }

    fn over(dir: &Path, database: PathBuf, read_only: bool, state: State) -> Self {
        Self { dir: dir.to_owned(), database, read_only, state: Mutex::new(state), vectors: Arc::default() }
    }

    /// Keeps a document, replacing the one of that name. Durable at once, searchable by words after
    /// [`KnowledgeBase::commit`]. A passage that has not changed keeps its vector.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be written; then nothing has changed.
    pub fn put(&self, document: &NewDocument) -> Result<()> {
        self.writable()?;
        let mut state = self.state();
        let kept = self.sql(keep(&mut state.connection, document))?;
        if let Some(gone) = kept.replaced {
            state.words.remove(gone)?;
        }
        for (passage, id) in document.passages.iter().zip(kept.passages) {
            state.words.add(&Entry {
                passage: id,
                document: kept.document,
                title: &document.parsed.title,
                section: &passage.section,
                text: &passage.text,
            })?;
        }
        Ok(())
    }

    /// The content hash of the document of that name, if it is kept as today's version would keep it.
    ///
    /// # Errors
    /// [`Error::Failed`] if the database cannot be read.
    pub fn has(&self, name: &str) -> Result<Option<String>> {
        let state = self.state();
        let sql = "SELECT hash FROM documents WHERE name = ?1 AND chunker = ?2";
        self.sql(state.connection.query_row(sql, params![name, CHUNKER], |row| row.get(0)).optional())
    }

    /// Forgets a document; says whether it was there.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be written.
    pub fn remove(&self, name: &str) -> Result<bool> {
        self.writable()?;
        let mut state = self.state();
        let gone = self.sql(forget(&mut state.connection, name))?;
        if let Some(document) = gone {
            state.words.remove(document)?;
        }
        Ok(gone.is_some())
    }

    /// Makes all that was put and removed searchable by words.
    ///
    /// # Errors
    /// [`Error::Failed`] if the words index cannot be written; it catches up when next opened.
    pub fn commit(&self) -> Result<()> {
        self.writable()?;
        let mut state = self.state();
        let mark = words::mark(&state.connection, &self.database)?;
        state.words.commit(&mark)?;
        self.sql(state.connection.execute("DELETE FROM removed", []))?;
        Ok(())
    }

    /// Commits, waits for merges and gives memory back: to be called when an ingest ends.
    ///
    /// # Errors
    /// As [`KnowledgeBase::commit`].
    pub fn rest(&self) -> Result<()> {
        self.commit()?;
        let mut state = self.state();
        state.words.rest()?;
        self.sql(state.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize;"))
    }

    /// All documents, by name.
    ///
    /// # Errors
    /// [`Error::Failed`] if the database cannot be read.
    pub fn documents(&self) -> Result<Vec<DocumentInfo>> {
        let state = self.state();
        self.sql(list(&state.connection))
    }

    /// The text of a document, or nothing if there is none of that name.
    ///
    /// # Errors
    /// [`Error::Failed`] if the database cannot be read.
    pub fn document(&self, name: &str) -> Result<Option<DocumentText>> {
        let state = self.state();
        let sql = "SELECT name, title, text, pages, warnings FROM documents WHERE name = ?1";
        let read = |row: &Row<'_>| {
            Ok(DocumentText {
                name: row.get(0)?,
                title: row.get(1)?,
                text: row.get(2)?,
                pages: json(row, 3)?,
                warnings: json(row, 4)?,
            })
        };
        self.sql(state.connection.query_row(sql, [name], read).optional())
    }

    /// All passages of all documents in order: for exports and measurements.
    ///
    /// # Errors
    /// [`Error::Failed`] if the database cannot be read.
    pub fn passages(&self) -> Result<Vec<Passage>> {
        let state = self.state();
        self.sql(passages(&state.connection, "1 ORDER BY d.name, p.ord", []))
    }

    /// How much is there.
    ///
    /// # Errors
    /// [`Error::Failed`] if the database cannot be read.
    pub fn stats(&self) -> Result<Stats> {
        let state = self.state();
        let sql = "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM passages), (SELECT count(*) FROM vectors),
                   (SELECT coalesce(sum(bytes), 0) FROM documents),
                   (SELECT value FROM settings WHERE key = 'embedder'), (SELECT value FROM settings WHERE key = 'dimensions')";
        let mut stats = self.sql(state.connection.query_row(sql, [], |row| {
            let dimensions: Option<String> = row.get(5)?;
            Ok(Stats {
                documents: row.get(0)?,
                passages: row.get(1)?,
                vectors: row.get(2)?,
                bytes: row.get(3)?,
                stored_bytes: 0,
                embedder: row.get(4)?,
                dimensions: dimensions.and_then(|text| text.parse().ok()),
            })
        }))?;
        stats.stored_bytes = fs::metadata(&self.database).map(|file| file.len()).unwrap_or_default();
        Ok(stats)
    }

    /// Says which model vectors come from; another one than before means all of them are made anew.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be written.
    pub fn set_embedder(&self, name: &str, dimensions: usize) -> Result<()> {
        let wanted = (Some(name.to_owned()), Some(dimensions));
        let stats = self.stats()?;
        if (stats.embedder, stats.dimensions) == wanted {
            return Ok(());
        }
        self.writable()?;
        let mut state = self.state();
        self.sql((|| {
            let transaction = state.connection.transaction()?;
            transaction.execute("DELETE FROM vectors", [])?;
            let sql = "INSERT OR REPLACE INTO settings VALUES ('embedder', ?1), ('dimensions', ?2)";
            transaction.execute(sql, params![name, dimensions.to_string()])?;
            transaction.commit()
        })())
    }

    /// The first passages that have no vector yet.
    ///
    /// # Errors
    /// [`Error::Failed`] if the database cannot be read.
    pub fn pending_vectors(&self, limit: usize) -> Result<Vec<Passage>> {
        let state = self.state();
        let wanted = "NOT EXISTS (SELECT 1 FROM vectors v WHERE v.passage = p.id) ORDER BY p.id LIMIT ?1";
        self.sql(passages(&state.connection, wanted, [limit]))
    }

    /// Keeps vectors by passage id, all or none; ids no longer there are passed over.
    ///
    /// # Errors
    /// [`Error::Failed`] if the width is not the embedder's, or they cannot be written.
    pub fn put_vectors(&self, vectors: &[(String, Vec<f32>)]) -> Result<()> {
        self.writable()?;
        let dimensions = self.stats()?.dimensions;
        if let Some((id, vector)) = vectors.iter().find(|(_, vector)| Some(vector.len()) != dimensions) {
            let wanted = dimensions.map_or_else(|| "none, as no embedder is set".to_owned(), |width| width.to_string());
            let message = format!(
                "the vector of passage {id} is {} wide, this knowledge base's are {wanted}; set its embedder first",
                vector.len()
            );
            return Err(Error::failed(message));
        }
        let mut state = self.state();
        self.sql((|| {
            let transaction = state.connection.transaction()?;
            {
                let sql = "INSERT OR REPLACE INTO vectors(passage, vector) SELECT id, ?2 FROM passages WHERE hash = ?1";
                let mut insert = transaction.prepare_cached(sql)?;
                for (id, vector) in vectors {
                    insert.execute(params![id, vectors::to_blob(vector)])?;
                }
            }
            transaction.commit()
        })())
    }

    /// What there is now, unmoved by later writes.
    ///
    /// # Errors
    /// [`Error::Failed`] if the database cannot be opened a second time.
    pub fn snapshot(&self) -> Result<Reader> {
        // The words first: passages they name that are gone by then are left out, while the other way round new ones would be missed.
        let searcher = self.state().words.searcher();
        Reader::new(&self.database, searcher, Arc::clone(&self.vectors))
    }

    /// A digest of everything that was put, whatever the order or the interruptions on the way there.
    ///
    /// # Errors
    /// [`Error::Failed`] if the database cannot be read.
    pub fn fingerprint(&self) -> Result<String> {
        let state = self.state();
        let mut hasher = blake3::Hasher::new();
        self.sql(digest(&state.connection, &mut hasher))?;
        hasher.update(&state.words.count().to_le_bytes());
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// The directory it lives in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn writable(&self) -> Result<()> {
        if self.read_only {
            let message =
                format!("{} is open for reading only, because another process is writing to it", self.dir.display());
            return Err(Error::Conflict { message });
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves no half-done work behind: transactions roll back when dropped.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sql<T>(&self, result: rusqlite::Result<T>) -> Result<T> {
        result.map_err(|error| schema::failed(&self.database, &error))
    }
}

fn existing(dir: &Path) -> Result<PathBuf> {
    let database = dir.join("kb.db");
    if database.exists() {
        return Ok(database);
    }
    let message = format!("there is no knowledge base in {}; `sumeru kb list` shows those there are", dir.display());
    Err(Error::not_found("knowledge_base_not_found", message))
}

struct Kept {
    document: i64,
    passages: Vec<i64>,
    replaced: Option<i64>,
}

fn keep(connection: &mut Connection, new: &NewDocument) -> rusqlite::Result<Kept> {
    let transaction = connection.transaction()?;
    let vectors = vectors_to_keep(&transaction, new)?;
    let replaced = delete(&transaction, &new.name)?;
    let generation = next_generation(&transaction)?;
    if let Some(document) = replaced {
        transaction.execute("INSERT INTO removed VALUES (?1, ?2)", [document, generation])?;
    }
    let parsed = &new.parsed;
    transaction.prepare_cached(
        "INSERT INTO documents(name, title, hash, bytes, format, text, pages, warnings, metadata, chunker, generation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?.execute(params![
        new.name, parsed.title, new.content_hash, new.bytes_len, parsed.format.name(), parsed.text,
        to_json(&parsed.pages)?, to_json(&parsed.warnings)?, to_json(&new.metadata)?, CHUNKER, generation,
    ])?;
    let document = transaction.last_insert_rowid();
    let mut ids = Vec::with_capacity(new.passages.len());
    {
        let mut insert = transaction.prepare_cached(
            "INSERT INTO passages(hash, document, ord, page, section, span_start, span_end, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let mut restore = transaction.prepare_cached("INSERT INTO vectors(passage, vector) VALUES (?1, ?2)")?;
        for (ord, passage) in new.passages.iter().enumerate() {
            let [start, end] = passage.span;
            insert.execute(params![
                passage.id,
                document,
                ord,
                passage.page,
                passage.section,
                start,
                end,
                passage.text
            ])?;
            ids.push(transaction.last_insert_rowid());
            if let Some(vector) = vectors.get(&(passage.id.clone(), passage.section.clone())) {
                restore.execute(params![transaction.last_insert_rowid(), vector])?;
            }
        }
    }
    transaction.commit()?;
    Ok(Kept { document, passages: ids, replaced })
}

/// Vectors by passage id and section; none if the title has changed, which is embedded with each passage.
fn vectors_to_keep(
    transaction: &Transaction<'_>,
    new: &NewDocument,
) -> rusqlite::Result<HashMap<(String, String), Vec<u8>>> {
    let sql = "SELECT p.hash, p.section, v.vector FROM vectors v JOIN passages p ON p.id = v.passage
               JOIN documents d ON d.id = p.document WHERE d.name = ?1 AND d.title = ?2";
    let mut statement = transaction.prepare_cached(sql)?;
    let rows = statement
        .query_map(params![new.name, new.parsed.title], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    rows.collect()
}

fn forget(connection: &mut Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let transaction = connection.transaction()?;
    let gone = delete(&transaction, name)?;
    if let Some(document) = gone {
        let generation = next_generation(&transaction)?;
        transaction.execute("INSERT INTO removed VALUES (?1, ?2)", [document, generation])?;
    }
    transaction.commit()?;
    Ok(gone)
}

/// Deletes a document; its passages and their vectors go with it.
fn delete(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<i64>> {
    transaction
        .prepare_cached("DELETE FROM documents WHERE name = ?1 RETURNING id")?
        .query_row([name], |row| row.get(0))
        .optional()
}

fn next_generation(transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
    let sql = "UPDATE settings SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation' RETURNING CAST(value AS INTEGER)";
    transaction.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

fn list(connection: &Connection) -> rusqlite::Result<Vec<DocumentInfo>> {
    let sql = "SELECT d.name, d.title, d.hash, d.bytes, d.format, json_array_length(d.pages), d.warnings, d.metadata,
               count(p.id), count(v.passage) FROM documents d LEFT JOIN passages p ON p.document = d.id
               LEFT JOIN vectors v ON v.passage = p.id GROUP BY d.id ORDER BY d.name";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(DocumentInfo {
            name: row.get(0)?,
            title: row.get(1)?,
            hash: row.get(2)?,
            bytes: row.get(3)?,
            format: row.get(4)?,
            pages: row.get(5)?,
            warnings: json(row, 6)?,
            metadata: json(row, 7)?,
            passages: row.get(8)?,
            vectors: row.get(9)?,
        })
    })?;
    rows.collect()
}

/// Passages by a condition over `p` (passages) and `d` (documents).
pub(crate) fn passages(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Passage>> {
    let sql = format!(
        "SELECT p.hash, d.name, d.title, p.page, p.section, p.span_start, p.span_end, p.text
         FROM passages p JOIN documents d ON d.id = p.document WHERE {condition}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values, |row| {
        Ok(Passage {
            id: row.get(0)?,
            document: row.get(1)?,
            title: row.get(2)?,
            page: row.get(3)?,
            section: row.get(4)?,
            span: [row.get(5)?, row.get(6)?],
            text: row.get(7)?,
        })
    })?;
    rows.collect()
}

fn digest(connection: &Connection, hasher: &mut blake3::Hasher) -> rusqlite::Result<()> {
    for sql in [
        "SELECT name, title, hash, bytes, format, text, pages, warnings, metadata, chunker FROM documents ORDER BY name",
        "SELECT d.name, p.ord, p.hash, p.page, p.section, p.span_start, p.span_end, p.text, v.vector FROM passages p
         JOIN documents d ON d.id = p.document LEFT JOIN vectors v ON v.passage = p.id ORDER BY d.name, p.ord",
        "SELECT key, value FROM settings WHERE key IN ('embedder', 'dimensions') ORDER BY key",
    ] {
        let mut statement = connection.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                use rusqlite::types::ValueRef;
                let (kind, bytes) = match row.get_ref(column)? {
                    ValueRef::Null => (0u8, Vec::new()),
                    ValueRef::Integer(value) => (1, value.to_le_bytes().to_vec()),
                    ValueRef::Real(value) => (2, value.to_le_bytes().to_vec()),
                    ValueRef::Text(value) => (3, value.to_vec()),
                    ValueRef::Blob(value) => (4, value.to_vec()),
                };
                hasher.update(&[kind]).update(&(bytes.len() as u64).to_le_bytes()).update(&bytes);
            }
        }
        hasher.update(b"\xff");
    }
    Ok(())
}

pub(crate) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn to_json<T: Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
