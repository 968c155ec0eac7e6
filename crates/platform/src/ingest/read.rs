//! Reading documents side by side and keeping them in order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
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
/// Documents that may be read ahead of the one that is kept next, for each thread: one slow document must not fill memory with those after it.
const AHEAD: usize = 4;
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
    let mut named: Vec<(String, &Source)> = Vec::with_capacity(sources.documents.len());
    let mut taken = HashSet::new();
    for source in &sources.documents {
        let name = known.name_for(source, sources.uploaded, &taken);
        taken.insert(name.clone());
        named.push((name, source));
    }
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
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
    let turn = Turn::default();
    let (results, outcomes) = mpsc::channel::<(usize, Outcome)>();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (results, next, turn) = (results.clone(), &next, &turn);
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((name, source)) = named.get(at) else { return };
                    turn.wait(at.saturating_sub(workers * AHEAD));
                    if results.send((at, read_one(name, source, uploaded, known))).is_err() {
                        return; // the keeper stopped on an error
                    }
                }
            });
        }
        drop(results);
        let kept = keep_in_order(kb, job, named, &turn, outcomes, report);
        turn.set(usize::MAX); // whoever still waits finds nobody who takes its document
        kept
    })
}

/// Which document is kept next.
#[derive(Default)]
struct Turn {
    at: Mutex<usize>,
    moved: Condvar,
}

impl Turn {
    fn set(&self, at: usize) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = at;
        self.moved.notify_all();
    }

    /// Waits until it has come that far.
    fn wait(&self, wanted: usize) {
        let at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.moved.wait_while(at, |at| *at < wanted).unwrap_or_else(PoisonError::into_inner));
    }
}

fn keep_in_order(
    kb: &KnowledgeBase,
    job: &Job,
    named: &[(String, &Source)],
    turns: &Turn,
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
            turns.set(turn);
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
    /// Names by the path they came from.
    names: HashMap<String, String>,
}

struct KnownDocument {
    /// Of the content, if it is kept as today's version would keep it.
    hash: Option<String>,
    path: Option<String>,
}

impl Known {
    fn read(kb: &KnowledgeBase) -> Result<Self> {
        let (mut documents, mut names) = (HashMap::new(), HashMap::new());
        for document in kb.documents()? {
            let known = KnownDocument { hash: kb.has(&document.name)?, path: document.metadata.get(PATH).cloned() };
            if let Some(path) = &known.path {
                names.insert(path.clone(), document.name.clone());
            }
            documents.insert(document.name, known);
        }
        Ok(Self { documents, names })
    }

    /// The name a file gets: the one it has, else its own, unless that is another file's.
    fn name_for(&self, source: &Source, uploaded: bool, taken: &HashSet<String>) -> String {
        if uploaded {
            return source.name.clone();
        }
        let path = text(source.path.as_os_str());
        if let Some(name) = self.names.get(&path).filter(|name| !taken.contains(*name)) {
            return name.clone();
        }
        let free = |name: &&String| !taken.contains(*name) && self.is_free(name, source);
        [&source.name, &source.long_name].into_iter().find(free).cloned().unwrap_or(path)
    }

    /// Whether a name is nobody's, or that of a file which is gone. Where its whole folder is gone too, it may only be out of
    /// reach; then the name goes to a file of the same content, which was moved.
    fn is_free(&self, name: &str, source: &Source) -> bool {
        let Some(document) = self.documents.get(name) else { return true };
        let Some(other) = document.path.as_deref().map(Path::new) else { return true };
        if !is_gone(other) {
            return false;
        }
        let same = || {
            let bytes =
                std::fs::read(&source.path).ok().filter(|_| source.bytes <= Limits::default().file_bytes as u64);
            bytes.is_some_and(|bytes| document.hash.as_deref() == Some(knowledge::content_hash(&bytes).as_str()))
        };
        other.parent().is_some_and(Path::is_dir) || same()
    }
}

/// Whether it is certain that nothing is there.
fn is_gone(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

/// Removes documents that came from the roots and were not found there now.
fn remove_gone(kb: &KnowledgeBase, known: &Known, sources: &Sources) -> Result<usize> {
    let here: HashSet<String> = sources.documents.iter().map(|source| text(source.path.as_os_str())).collect();
    let mut removed = 0;
    for (name, document) in &known.documents {
        let Some(path) = &document.path else { continue };
        // What could not be looked at keeps what was read of it before.
        let file = Path::new(path);
        let unseen = sources.unseen.iter().any(|folder| file.starts_with(text(folder.as_os_str())));
        if sources.covers(file) && !unseen && !here.contains(path) && is_gone(file) && kb.remove(name)? {
            removed += 1;
        }
    }
    Ok(removed)
}
