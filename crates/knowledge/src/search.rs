//! Finding passages: by words, by vectors, by both.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use domain::{Hit, SearchMode};
use rusqlite::Connection;
use tantivy::Searcher;

use crate::vectors::Vectors;
use crate::{Result, schema, store, words};

/// How many of each side's results are fused.
const DEPTH: usize = 100;
/// The constant of reciprocal rank fusion: how little the first places differ. The customary 60 was found for many systems
/// over long lists; of two, it lets what both find late outdo what one finds first. Measured with the questions of
/// `bench/retrieval`: nDCG@10 is 0.353 at 60, 0.376 at 20, 0.385 at 10, 0.397 at 5 and 0.400 at 1.
const FUSION: f32 = 5.0;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Query {
    /// The question.
    pub text: String,
    /// Its vector, unit length; without it only words are searched.
    pub vector: Option<Vec<f32>>,
    /// Words, vectors or both.
    pub mode: SearchMode,
    /// How many hits at most.
    pub top: usize,
    /// Only in these documents.
    pub documents: Option<Vec<String>>,
    /// Only in documents that have all these labels.
    pub metadata: BTreeMap<String, String>,
}

impl Query {
    /// A question in the default mode, without vector and filters.
    pub fn text(text: impl Into<String>, top: usize) -> Self {
        Self {
            text: text.into(),
            vector: None,
            mode: SearchMode::default(),
            top,
            documents: None,
            metadata: BTreeMap::new(),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResult {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Share of passages that have vectors yet, 0 to 1.
    pub vectors_ready: f32,
}

/// A knowledge base as it was at one moment.
pub struct Reader {
    database: PathBuf,
    connection: Mutex<Connection>,
    searcher: Searcher,
    vectors: Arc<RwLock<Vectors>>,
}

#[derive(Default, Clone, Copy)]
struct Found {
    score: f32,
    lexical: Option<u32>,
    vector: Option<u32>,
}

impl Reader {
    pub(crate) fn new(database: &Path, searcher: Searcher, vectors: Arc<RwLock<Vectors>>) -> Result<Self> {
        let connection = schema::open_to_read(database)?;
        // The first read pins what this connection sees until the transaction ends with it.
        connection
            .execute_batch("BEGIN; SELECT count(*) FROM settings;")
            .map_err(|error| schema::failed(database, &error))?;
        Ok(Self { database: database.to_owned(), connection: Mutex::new(connection), searcher, vectors })
    }

    /// Searches.
    ///
    /// # Errors
    /// [`crate::Error::Failed`] if the index or the database cannot be read.
    pub fn search(&self, query: &Query) -> Result<SearchResult> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = |error: rusqlite::Error| schema::failed(&self.database, &error);
        let (ready, dims) = readiness(&connection).map_err(sql)?;
        let within = allowed(&connection, query).map_err(sql)?;
        let depth = DEPTH.max(query.top);
        let by_words = match query.mode {
            SearchMode::Vector => Vec::new(),
            SearchMode::Hybrid | SearchMode::Lexical => {
                words::search(&self.searcher, &query.text, depth, within.as_ref())?
            }
        };
        let by_vectors = match (&query.vector, query.mode) {
            (Some(vector), SearchMode::Hybrid | SearchMode::Vector) => {
                self.nearest(&connection, vector, dims, depth, within.as_ref()).map_err(sql)?
            }
            _ => Vec::new(),
        };
        let hits = collect(&connection, ranked(&by_words, &by_vectors, query.mode), query.top).map_err(sql)?;
        Ok(SearchResult { hits, vectors_ready: ready })
    }

    fn nearest(
        &self,
        connection: &Connection,
        vector: &[f32],
        dims: usize,
        depth: usize,
        within: Option<&HashSet<i64>>,
    ) -> rusqlite::Result<Vec<(i64, f32)>> {
        {
            let mut vectors = self.vectors.write().unwrap_or_else(PoisonError::into_inner);
            vectors.refresh(connection, dims)?;
        }
        let vectors = self.vectors.read().unwrap_or_else(PoisonError::into_inner);
        Ok(vectors.nearest(vector, depth, within))
    }
}

fn readiness(connection: &Connection) -> rusqlite::Result<(f32, usize)> {
    let sql = "SELECT (SELECT count(*) FROM vectors), (SELECT count(*) FROM passages),
               coalesce((SELECT CAST(value AS INTEGER) FROM settings WHERE key = 'dimensions'), 0)";
    let (vectors, passages, dims): (u32, u32, usize) =
        connection.prepare_cached(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok((if passages == 0 { 1.0 } else { vectors as f32 / passages as f32 }, dims))
}

/// Ids of the documents a search may look into; nothing where there is no filter.
fn allowed(connection: &Connection, query: &Query) -> rusqlite::Result<Option<HashSet<i64>>> {
    if query.documents.is_none() && query.metadata.is_empty() {
        return Ok(None);
    }
    let names: Option<HashSet<&str>> = query.documents.as_ref().map(|names| names.iter().map(String::as_str).collect());
    let mut statement = connection.prepare_cached("SELECT id, name, metadata FROM documents")?;
    let mut rows = statement.query([])?;
    let mut ids = HashSet::new();
    while let Some(row) = rows.next()? {
        let named = match &names {
            Some(names) => names.contains(row.get_ref(1)?.as_str()?),
            None => true,
        };
        if !named {
            continue;
        }
        let labels: BTreeMap<String, String> =
            if query.metadata.is_empty() { BTreeMap::new() } else { store::json(row, 2)? };
        if query.metadata.iter().all(|(key, value)| labels.get(key) == Some(value)) {
            ids.insert(row.get(0)?);
        }
    }
    Ok(Some(ids))
}

/// What a place in one order, from 1, is worth when orders are fused.
pub(crate) fn reciprocal(rank: u32) -> f32 {
    1.0 / (FUSION + rank as f32)
}

/// Both sides' results in one order; with one side only, in its order and with its score.
fn ranked(by_words: &[(i64, f32)], by_vectors: &[(i64, f32)], mode: SearchMode) -> Vec<(i64, Found)> {
    let mut all: HashMap<i64, Found> = HashMap::new();
    for (rank, (passage, score)) in (1u32..).zip(by_words) {
        let found = all.entry(*passage).or_default();
        found.lexical = Some(rank);
        found.score += if mode == SearchMode::Hybrid { reciprocal(rank) } else { *score };
    }
    for (rank, (passage, score)) in (1u32..).zip(by_vectors) {
        let found = all.entry(*passage).or_default();
        found.vector = Some(rank);
        found.score += if mode == SearchMode::Hybrid { reciprocal(rank) } else { *score };
    }
    let mut order: Vec<(i64, Found)> = all.into_iter().collect();
    order.sort_by(|(a, x), (b, y)| y.score.total_cmp(&x.score).then(a.cmp(b)));
    order
}

fn collect(connection: &Connection, order: Vec<(i64, Found)>, top: usize) -> rusqlite::Result<Vec<Hit>> {
    let mut hits = Vec::with_capacity(top.min(order.len()));
    for (id, found) in order {
        if hits.len() == top {
            break;
        }
        let passage = store::passages(connection, "p.id = ?1", [id])?.pop();
        hits.extend(passage.map(|passage| Hit {
            passage,
            score: found.score,
            lexical_rank: found.lexical,
            vector_rank: found.vector,
        }));
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_sides_like_comes_first() {
        let order = ranked(&[(1, 9.0), (2, 8.0), (3, 7.0)], &[(4, 0.9), (2, 0.8)], SearchMode::Hybrid);
        assert_eq!(order[0].0, 2);
        assert_eq!((order[0].1.lexical, order[0].1.vector), (Some(2), Some(2)));
        assert_eq!(order.len(), 4);
        let order = ranked(&[(1, 9.0), (2, 8.0)], &[], SearchMode::Lexical);
        assert_eq!((order[0].0, order[0].1.score), (1, 9.0));
    }
}
