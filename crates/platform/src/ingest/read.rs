//! Reading documents side by side and keeping them in order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use knowledge::parse::{Limits, parse};
use knowledge::{KnowledgeBase, NewDocument, chunk};

use super::jobs::Job;
use super::sources::{Source, Sources, text};
use super::{Failed, IngestReport};
use crate::Result;

/// Label that says where a document came from.
const PATH: &str = "path";
/// Tokens of a passage, at most: long enough to hold an answer with what explains it, short enough that five of them are read in seconds.
const PASSAGE_TOKENS: usize = 256;
/// Words become searchable at least this often.
const COMMIT_EVERY: Duration = Duration::from_secs(2);

/// What became of one file.
enum Outcome {
    Unchanged,
    New { document: Box<NewDocument>, changed: bool },
    Failed(String),
}

/// Reads what is new or changed, in as many threads as there are processors, and keeps it in the order of the names: the
/// index is then the same however often the work was interrupted.
pub(super) fn run(kb: &KnowledgeBase, job: &Job, sources: &Sources, prune: bool) -> Result<IngestReport> {
    let known = Known::read(kb)?;
    let mut report = IngestReport {
        skipped: sources.skipped.clone(),
        warnings: sources.warnings.clone(),
        bytes: sources.documents.iter().map(|source| source.bytes).sum(),
        ..IngestReport::default()
    };
    let stats = kb.stats()?;
    job.counts(stats.passages, stats.vectors);
    let named: Vec<(String, &Source)> =
        sources.documents.iter().map(|source| (known.name_for(source, sources.uploaded), source)).collect();
    read_all(kb, job, sources.uploaded, &known, &named, &mut report)?;
    if prune {
        report.removed = remove_gone(kb, &known, sources)?;
    }
    kb.rest()?;
    let stats = kb.stats()?;
    job.counts(stats.passages, stats.vectors);
    Ok(report)
}

fn read_all(
    kb: &KnowledgeBase,
    job: &Job,
    uploaded: bool,
    known: &Known,
    named: &[(String, &Source)],
    report: &mut IngestReport,
) -> Result<()> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    let next = AtomicUsize::new(0);
    // Bounded, so that few parsed documents wait in memory for their turn.
    let (results, outcomes) = mpsc::sync_channel::<(usize, Outcome)>(workers);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (results, next) = (results.clone(), &next);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((name, source)) = named.get(at) else { return };
                    if results.send((at, read_one(name, source, uploaded, known))).is_err() {
                        return; // the keeper stopped on an error
                    }
                }
            });
        }
        drop(results);
        keep_in_order(kb, job, named, outcomes, report)
    })
}

fn keep_in_order(
    kb: &KnowledgeBase,
    job: &Job,
    named: &[(String, &Source)],
    outcomes: mpsc::Receiver<(usize, Outcome)>,
    report: &mut IngestReport,
) -> Result<()> {
    let mut early: BTreeMap<usize, Outcome> = BTreeMap::new();
    let mut turn = 0;
    let mut committed = Instant::now();
    let mut since = 0;
    for (at, outcome) in outcomes {
        early.insert(at, outcome);
        while let Some(outcome) = early.remove(&turn) {
            job.check()?;
            since += usize::from(matches!(outcome, Outcome::New { .. }));
            keep(kb, job, &named[turn].0, outcome, report)?;
            turn += 1;
        }
        if since > 0 && committed.elapsed() > COMMIT_EVERY {
            kb.commit()?;
            (committed, since) = (Instant::now(), 0);
        }
    }
    Ok(())
}

fn keep(kb: &KnowledgeBase, job: &Job, name: &str, outcome: Outcome, report: &mut IngestReport) -> Result<()> {
    match outcome {
        Outcome::Unchanged => {
            report.unchanged += 1;
            job.document_done(name, 0, None);
        }
        Outcome::Failed(error) => {
            let failed = Failed { name: name.to_owned(), error };
            job.document_done(name, 0, Some(&failed));
            report.failed.push(failed);
        }
        Outcome::New { document, changed } => {
            kb.put(&document)?;
            *(if changed { &mut report.changed } else { &mut report.added }) += 1;
            report.warnings.extend(document.parsed.warnings.iter().map(|warning| format!("{name}: {warning}")));
            job.document_done(name, document.passages.len(), None);
        }
    }
    Ok(())
}

fn read_one(name: &str, source: &Source, uploaded: bool, known: &Known) -> Outcome {
    let limits = Limits::default();
    // Asked before the file is read: one that is larger than the limit may be larger than memory.
    if source.bytes > limits.file_bytes as u64 {
        return Outcome::Failed(format!(
            "it has {} bytes and the limit is {}; split it into smaller files",
            source.bytes, limits.file_bytes
        ));
    }
    let bytes = match std::fs::read(&source.path) {
        Ok(bytes) => bytes,
        Err(error) => return Outcome::Failed(format!("{error}; check that {} may be read", source.path.display())),
    };
    let hash = knowledge::content_hash(&bytes);
    let path = text(source.path.as_os_str());
    let before = known.documents.get(name);
    if before.is_some_and(|document| {
        document.hash.as_deref() == Some(hash.as_str()) && (uploaded || document.path.as_deref() == Some(path.as_str()))
    }) {
        return Outcome::Unchanged;
    }
    match parse(name, &bytes, &limits) {
        Ok(parsed) => {
            let passages = chunk::chunk(name, &parsed, PASSAGE_TOKENS, &chunk::estimate_tokens);
            let labels = if uploaded { BTreeMap::new() } else { BTreeMap::from([(PATH.to_owned(), path)]) };
            let document = NewDocument {
                name: name.to_owned(),
                content_hash: hash,
                bytes_len: bytes.len() as u64,
                parsed,
                passages,
                metadata: labels,
            };
            Outcome::New { document: Box::new(document), changed: before.is_some() }
        }
        Err(error) => Outcome::Failed(format!("{}; {}", error.reason, error.remedy)),
    }
}

/// What the knowledge base holds before an ingest.
struct Known {
    documents: HashMap<String, KnownDocument>,
}

struct KnownDocument {
    /// Of the content, if it is kept as today's version would keep it.
    hash: Option<String>,
    path: Option<String>,
}

impl Known {
    fn read(kb: &KnowledgeBase) -> Result<Self> {
        let mut documents = HashMap::new();
        for document in kb.documents()? {
            let known = KnownDocument { hash: kb.has(&document.name)?, path: document.metadata.get(PATH).cloned() };
            documents.insert(document.name, known);
        }
        Ok(Self { documents })
    }

    /// The name a file gets: its own, unless that belongs to another file which is still there.
    fn name_for(&self, source: &Source, uploaded: bool) -> String {
        let path = text(source.path.as_os_str());
        let free = |name: &str| match self.documents.get(name).and_then(|document| document.path.as_deref()) {
            None => true,
            Some(other) => uploaded || other == path || !Path::new(other).is_file(),
        };
        [&source.name, &source.long_name].into_iter().find(|name| free(name)).cloned().unwrap_or(path)
    }
}

/// Removes documents that came from the roots and were not found there now.
fn remove_gone(kb: &KnowledgeBase, known: &Known, sources: &Sources) -> Result<usize> {
    let here: HashSet<String> = sources.documents.iter().map(|source| text(source.path.as_os_str())).collect();
    let mut removed = 0;
    for (name, document) in &known.documents {
        let Some(path) = &document.path else { continue };
        let ours = sources.roots.iter().any(|root| Path::new(path).starts_with(text(root.as_os_str())));
        // A file that is there but could not be read keeps what was read of it before.
        if ours && !here.contains(path) && kb.remove(name)? {
            removed += 1;
        }
    }
    Ok(removed)
}
