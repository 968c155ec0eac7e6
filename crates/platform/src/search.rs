//! Finding passages in a knowledge base.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use domain::{Hit, Purpose, SearchMode};
use globset::{Glob, GlobSetBuilder};
use knowledge::{KnowledgeBase, Query};
use serde::Serialize;

use crate::workspace::blocking;
use crate::{Error, Result, Workspace};

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchRequest {
    /// The question.
    pub query: String,
    /// How many passages at most.
    pub top: usize,
    /// Words, vectors or both.
    pub mode: SearchMode,
    /// Only documents whose name matches one of these globs; all if empty.
    pub documents: Vec<String>,
    /// Only documents that have all these labels.
    pub metadata: BTreeMap<String, String>,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            query: String::new(),
            top: 10,
            mode: SearchMode::default(),
            documents: Vec::new(),
            metadata: BTreeMap::new(),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SearchAnswer {
    /// Best first.
    pub hits: Vec<Hit>,
    /// Share of passages that have vectors yet, 0 to 1.
    pub vectors_ready: f32,
    /// Time spent.
    pub timings: SearchTimings,
}

/// Time a search spent, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SearchTimings {
    /// Making the question's vector, and loading the model for it the first time.
    pub embed_ms: f64,
    /// Finding and fusing.
    pub search_ms: f64,
}

impl Workspace {
    /// Finds passages. Without an embedding model, or before there are vectors, words alone are searched.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the knowledge base is not there, [`Error::Invalid`] for a filter that matches nothing or vectors that cannot be.
    pub async fn search(&self, base: &str, request: SearchRequest) -> Result<SearchAnswer> {
        if request.query.trim().is_empty() {
            return Err(Error::invalid("query", "invalid_value", "the question is empty; say what to look for"));
        }
        let name = base.to_owned();
        let kb = self.opened(base).await?;
        let started = Instant::now();
        let vector = self.question_vector(&kb, &request).await?;
        let embed_ms = started.elapsed().as_secs_f64() * 1000.0;
        let started = Instant::now();
        let result = blocking(move || {
            let documents =
                if request.documents.is_empty() { None } else { Some(matching(&kb, &name, &request.documents)?) };
            let query = Query {
                text: request.query,
                vector,
                mode: request.mode,
                top: request.top,
                documents,
                metadata: request.metadata,
            };
            kb.snapshot()?.search(&query)
        })
        .await??;
        let timings = SearchTimings { embed_ms, search_ms: started.elapsed().as_secs_f64() * 1000.0 };
        Ok(SearchAnswer { hits: result.hits, vectors_ready: result.vectors_ready, timings })
    }

    async fn question_vector(&self, kb: &Arc<KnowledgeBase>, request: &SearchRequest) -> Result<Option<Vec<f32>>> {
        if request.mode == SearchMode::Lexical {
            return Ok(None);
        }
        let needed = request.mode == SearchMode::Vector;
        let stats = kb.stats()?;
        let Some(name) = stats.embedder.filter(|_| stats.vectors > 0) else {
            if needed {
                let remedy =
                    "ingest again with an embedding model installed, or search in the mode 'lexical' or 'hybrid'";
                return Err(Error::invalid(
                    "mode",
                    "no_vectors",
                    format!("this knowledge base has no vectors yet; {remedy}"),
                ));
            }
            return Ok(None);
        };
        let embedder = match self.embedder(&name).await {
            Ok(embedder) => embedder,
            Err(Error::NotFound { .. }) if !needed => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut made = embedder.embed(vec![request.query.clone()], Purpose::Query).await?;
        Ok(made.vectors.pop())
    }
}

/// Names of documents that match one of the globs.
fn matching(kb: &KnowledgeBase, base: &str, globs: &[String]) -> Result<Vec<String>> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(Glob::new(glob).map_err(|error| {
            Error::invalid("documents", "invalid_value", format!("'{glob}' is not a glob: {error}"))
        })?);
    }
    let set = set.build().map_err(|error| Error::invalid("documents", "invalid_value", error.to_string()))?;
    // A document's exact name counts too, whatever signs are in it.
    let exact: HashSet<&str> = globs.iter().map(String::as_str).collect();
    let names: Vec<String> = kb
        .documents()?
        .into_iter()
        .map(|document| document.name)
        .filter(|name| set.is_match(name) || exact.contains(name.as_str()))
        .collect();
    if names.is_empty() {
        let message =
            format!("no document of '{base}' matches {}; `sumeru kb documents {base}` lists them", globs.join(", "));
        return Err(Error::invalid("documents", "invalid_value", message));
    }
    Ok(names)
}
