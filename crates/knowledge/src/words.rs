//! The words index: rebuilt from SQLite whenever it is missing, damaged, of another version or ahead of it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query, TermQuery, TermSetQuery};
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, TantivyError};

use crate::{Error, Result, schema, text};

const ANALYZER: &str = "terms";
const WRITER_BYTES: usize = 48 << 20;
/// Headings and titles are short, which BM25 rewards much already. Measured with the questions of `bench/retrieval`:
/// nDCG@10 of words alone is 0.300 at 1.6 and 0.4, and flat (0.35) from 0.2 to 0.5.
const SECTION_BOOST: f32 = 0.35;
const TITLE_BOOST: f32 = 0.15;

/// A passage on its way into the index.
pub(crate) struct Entry<'a> {
    pub(crate) passage: i64,
    pub(crate) document: i64,
    pub(crate) title: &'a str,
    pub(crate) section: &'a str,
    pub(crate) text: &'a str,
}

/// The index in one directory (or in memory, for a reader that may not write).
pub(crate) struct Words {
    dir: PathBuf,
    index: Index,
    reader: IndexReader,
    fields: Fields,
    writer: Option<IndexWriter>,
}

#[derive(Clone, Copy)]
struct Fields {
    passage: Field,
    document: Field,
    title: Field,
    section: Field,
    body: Field,
}

impl Words {
    /// Opens the index and brings it to what the database holds.
    pub(crate) fn open(dir: &Path, connection: &Connection, database: &Path) -> Result<Self> {
        if let Ok(words) = Self::on_disk(dir, false)
            && let Ok((words, true)) = words.caught_up(connection, database)
        {
            return Ok(words);
        }
        tracing::info!(dir = %dir.display(), "the words index is missing, damaged or out of step: building it from kb.db");
        if dir.exists() {
            fs::remove_dir_all(dir).map_err(|error| io_failed(dir, &error))?;
        }
        let mut words = Self::on_disk(dir, true).map_err(|error| failed(dir, &error))?;
        words.add_since(connection, database, -1)?;
        words.commit(&mark(connection, database)?)?;
        Ok(words)
    }

    /// Opens the index as it is; where it cannot be opened, builds one in memory.
    pub(crate) fn open_to_read(dir: &Path, connection: &Connection, database: &Path) -> Result<Self> {
        if let Ok(words) = Self::on_disk(dir, false)
            && words.mark().is_some_and(|mark| same_base(&mark, &identity(connection, database).unwrap_or_default()))
        {
            return Ok(words);
        }
        let (schema, fields) = fields();
        let index = Index::create_in_ram(schema);
        let mut words = Self::over(dir, index, fields).map_err(|error| failed(dir, &error))?;
        words.add_since(connection, database, -1)?;
        words.commit(&mark(connection, database)?)?;
        words.writer = None;
        Ok(words)
    }

    fn on_disk(dir: &Path, create: bool) -> tantivy::Result<Self> {
        let (schema, fields) = fields();
        let index = if create {
            fs::create_dir_all(dir).map_err(|error| TantivyError::IoError(error.into()))?;
            Index::create_in_dir(dir, schema.clone())?
        } else {
            Index::open_in_dir(dir)?
        };
        if index.schema() != schema {
            return Err(TantivyError::SchemaError("made by another version".to_owned()));
        }
        Self::over(dir, index, fields)
    }

    fn over(dir: &Path, index: Index, fields: Fields) -> tantivy::Result<Self> {
        index.tokenizers().register(ANALYZER, TextAnalyzer::from(Terms));
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { dir: dir.to_owned(), index, reader, fields, writer: None })
    }

    /// Applies what the database has done since the last commit; false where that cannot be known.
    fn caught_up(mut self, connection: &Connection, database: &Path) -> Result<(Self, bool)> {
        let now = mark(connection, database)?;
        let Some(then) = self.mark() else { return Ok((self, false)) };
        if then != now {
            let (Some(done), Some(wanted)) = (generation(&then), generation(&now)) else { return Ok((self, false)) };
            if !same_base(&then, &identity(connection, database)?) || done > wanted {
                return Ok((self, false));
            }
            self.remove_since(connection, database, done)?;
            self.add_since(connection, database, done)?;
            self.commit(&now)?;
        }
        let passages: u64 = connection
            .query_row("SELECT count(*) FROM passages", [], |row| row.get(0))
            .map_err(|error| schema::failed(database, &error))?;
        let whole = self.count() == passages;
        Ok((self, whole))
    }

    fn remove_since(&mut self, connection: &Connection, database: &Path, generation: i64) -> Result<()> {
        let gone = || -> rusqlite::Result<Vec<i64>> {
            let sql = "SELECT document FROM removed WHERE generation > ?1 UNION SELECT id FROM documents WHERE generation > ?1";
            connection.prepare_cached(sql)?.query_map([generation], |row| row.get(0))?.collect()
        };
        for document in gone().map_err(|error| schema::failed(database, &error))? {
            self.remove(document)?;
        }
        Ok(())
    }

    fn add_since(&mut self, connection: &Connection, database: &Path, generation: i64) -> Result<()> {
        let sql = "SELECT p.id, p.document, d.title, p.section, p.text FROM passages p
                   JOIN documents d ON d.id = p.document WHERE d.generation > ?1 ORDER BY p.id";
        let broken = |error: rusqlite::Error| schema::failed(database, &error);
        let mut statement = connection.prepare(sql).map_err(broken)?;
        let mut rows = statement.query([generation]).map_err(broken)?;
        while let Some(row) = rows.next().map_err(broken)? {
            let text = |at: usize| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
            let entry = Entry {
                passage: row.get(0).map_err(broken)?,
                document: row.get(1).map_err(broken)?,
                title: text(2).map_err(broken)?,
                section: text(3).map_err(broken)?,
                text: text(4).map_err(broken)?,
            };
            self.add(&entry)?;
        }
        Ok(())
    }

    /// Adds a passage; visible after [`Words::commit`].
    pub(crate) fn add(&mut self, entry: &Entry<'_>) -> Result<()> {
        let fields = self.fields;
        let mut document = TantivyDocument::default();
        document.add_u64(fields.passage, entry.passage.unsigned_abs());
        document.add_u64(fields.document, entry.document.unsigned_abs());
        document.add_text(fields.title, entry.title);
        document.add_text(fields.section, entry.section);
        document.add_text(fields.body, entry.text);
        let added = self.writer()?.add_document(document);
        added.map(|_| ()).map_err(|error| failed(&self.dir, &error))
    }

    /// Removes all passages of a document; visible after [`Words::commit`].
    pub(crate) fn remove(&mut self, document: i64) -> Result<()> {
        let term = tantivy::Term::from_field_u64(self.fields.document, document.unsigned_abs());
        self.writer()?.delete_term(term);
        Ok(())
    }

    /// Makes what was added and removed visible and durable, under the database's mark.
    pub(crate) fn commit(&mut self, mark: &str) -> Result<()> {
        let commit = |writer: &mut IndexWriter| {
            let mut prepared = writer.prepare_commit()?;
            prepared.set_payload(mark);
            prepared.commit()
        };
        let done = commit(self.writer()?).and_then(|_| self.reader.reload());
        done.map_err(|error| failed(&self.dir, &error))
    }

    /// Lets running merges end and gives the writer's memory and threads back.
    pub(crate) fn rest(&mut self) -> Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.wait_merging_threads().and_then(|()| self.reader.reload()).map_err(|error| failed(&self.dir, &error))
    }

    /// What was last committed, as it stays while a reader holds it.
    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Passages in the index.
    pub(crate) fn count(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    fn mark(&self) -> Option<String> {
        self.index.load_metas().ok()?.payload
    }

    fn writer(&mut self) -> Result<&mut IndexWriter> {
        if self.writer.is_none() {
            let writer = self.index.writer_with_num_threads(1, WRITER_BYTES);
            self.writer = Some(writer.map_err(|error| failed(&self.dir, &error))?);
        }
        self.writer.as_mut().ok_or_else(|| Error::failed("the words index has no writer: this is a bug"))
    }
}

/// The best passages by BM25, best first.
pub(crate) fn search(
    searcher: &Searcher,
    question: &str,
    top: usize,
    within: Option<&HashSet<i64>>,
) -> Result<Vec<(i64, f32)>> {
    let terms = text::query_terms(question);
    if terms.is_empty() || top == 0 {
        return Ok(Vec::new());
    }
    let (_, fields) = fields();
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::with_capacity(terms.len() * 3);
    for term in &terms {
        for (field, boost) in [(fields.body, 1.0), (fields.section, SECTION_BOOST), (fields.title, TITLE_BOOST)] {
            let query = TermQuery::new(tantivy::Term::from_field_text(field, &term.text), IndexRecordOption::WithFreqs);
            clauses.push((Occur::Should, Box::new(BoostQuery::new(Box::new(query), boost * term.weight))));
        }
    }
    let mut query: Box<dyn Query> = Box::new(BooleanQuery::new(clauses));
    if let Some(documents) = within {
        let terms = documents.iter().map(|id| tantivy::Term::from_field_u64(fields.document, id.unsigned_abs()));
        let filter = ConstScoreQuery::new(Box::new(TermSetQuery::new(terms)), 0.0);
        query = Box::new(BooleanQuery::new(vec![(Occur::Must, query), (Occur::Must, Box::new(filter))]));
    }
    let run = || -> tantivy::Result<Vec<(i64, f32)>> {
        let found = searcher.search(&query, &TopDocs::with_limit(top).order_by_score())?;
        let passages = found.into_iter().map(|(score, address)| {
            let column = searcher.segment_reader(address.segment_ord).fast_fields().u64("passage")?;
            let passage = column.first(address.doc_id).unwrap_or_default();
            Ok((i64::try_from(passage).unwrap_or_default(), score))
        });
        let mut passages: Vec<(i64, f32)> = passages.collect::<tantivy::Result<_>>()?;
        // Those as good as each other come as they stand in the index, which is otherwise after a kill: their ids do not change.
        passages.sort_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
        Ok(passages)
    };
    run().map_err(|error| {
        Error::failed(format!(
            "searching the words index failed: {error}; open the knowledge base again to have it rebuilt"
        ))
    })
}

/// Names the state of the database an index was built from: `version:identity:generation`.
pub(crate) fn mark(connection: &Connection, database: &Path) -> Result<String> {
    let generation: String = setting(connection, database, "generation")?;
    Ok(format!("{}:{generation}", identity(connection, database)?))
}

fn identity(connection: &Connection, database: &Path) -> Result<String> {
    Ok(format!("{}:{}", text::VERSION, setting(connection, database, "identity")?))
}

fn setting(connection: &Connection, database: &Path, key: &str) -> Result<String> {
    connection
        .query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get(0))
        .map_err(|error| schema::failed(database, &error))
}

fn same_base(mark: &str, identity: &str) -> bool {
    mark.rsplit_once(':').is_some_and(|(base, _)| base == identity)
}

fn generation(mark: &str) -> Option<i64> {
    mark.rsplit_once(':')?.1.parse().ok()
}

fn fields() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let passage = schema.add_u64_field("passage", FAST);
    let document = schema.add_u64_field("document", INDEXED);
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(ANALYZER)
        .set_index_option(IndexRecordOption::WithFreqs)
        .set_fieldnorms(true);
    let options = TextOptions::default().set_indexing_options(indexing);
    let title = schema.add_text_field("title", options.clone());
    let section = schema.add_text_field("section", options.clone());
    let body = schema.add_text_field("body", options);
    (schema.build(), Fields { passage, document, title, section, body })
}

fn failed(dir: &Path, error: &TantivyError) -> Error {
    let remedy = match error {
        TantivyError::LockFailure(..) => "another process is writing to it: stop that one, or wait until it is done",
        TantivyError::IoError(_) | TantivyError::OpenWriteError(_) => {
            "check free disk space and that the folder may be written to"
        }
        _ => "remove the folder: it is rebuilt from kb.db",
    };
    Error::failed(format!("{}: {error}; {remedy}", dir.display()))
}

fn io_failed(dir: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!("{}: {error}; check that the folder may be written to", dir.display()))
}

/// [`text::terms`] as tantivy wants it.
#[derive(Clone)]
struct Terms;

struct Stream {
    terms: std::vec::IntoIter<text::Term>,
    token: Token,
}

impl Tokenizer for Terms {
    type TokenStream<'a> = Stream;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream {
        Stream { terms: text::terms(text).into_iter(), token: Token::default() }
    }
}

impl TokenStream for Stream {
    fn advance(&mut self) -> bool {
        let Some(term) = self.terms.next() else { return false };
        self.token.text = term.text;
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
