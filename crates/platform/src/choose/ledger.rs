//! Answers that were asked for, kept as they come, so that a choice that was cut goes on and asks nothing twice.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use domain::Usage;
use serde::{Deserialize, Serialize};

use crate::routes::{Answer, Candidate, Outcome};
use crate::{Error, Result, lock};

/// A file of answers, one a line.
pub(super) struct Ledger {
    file: File,
    path: PathBuf,
    known: HashMap<(String, String), Entry>,
    /// Whether an entry was written again, with what was learnt of it since: the last counts.
    again: bool,
}

/// An answer of a candidate to an example.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The candidate, with all that makes it the same.
    pub(super) candidate: String,
    /// The example's hash.
    pub(super) example: String,
    #[serde(flatten)]
    pub(super) outcome: Outcome,
    pub(super) milliseconds: f64,
    pub(super) usage: Usage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) probability: Option<f64>,
    /// What it scores, where finding that took something; of a grader's own entry, what it gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<f64>,
    /// See [`Answer::lost`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) lost: bool,
}

/// What makes a candidate the same as in another sitting: its route, its model's file, what the task says, what it learns from, how long it may speak.
pub(super) fn identity(candidate: &Candidate, model: &str, task: &str, train: &str, max_tokens: u32) -> String {
    format!("{candidate} {model} {task} {train} {max_tokens}")
}

impl Entry {
    pub(super) fn new(candidate: &str, example: &str, (answer, milliseconds): (Answer, f64)) -> Self {
        let Answer { outcome, usage, probability, passages: _, lost } = answer;
        Self {
            candidate: candidate.to_owned(),
            example: example.to_owned(),
            outcome,
            milliseconds,
            usage,
            probability,
            score: None,
            lost,
        }
    }
}

/// Answers that were none, and why.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    /// A kind of reasons, the first of its kind, how many there are.
    kinds: Vec<(String, String, usize)>,
}

impl Failures {
    /// Counts an answer, if it was none.
    pub(super) fn add(&mut self, outcome: &Outcome) {
        // What a model wrote instead of an answer is whole in the outputs.
        const MOST: usize = 200;
        let Outcome::Error(why) = outcome else { return };
        // After a colon or in brackets is what one answer had of its own.
        let kind = why.split([':', '(']).next().unwrap_or_default();
        if let Some((_, _, count)) = self.kinds.iter_mut().find(|(known, ..)| known == kind) {
            *count += 1;
            return;
        }
        let line = why.split_whitespace().collect::<Vec<_>>().join(" ");
        let first = match line.char_indices().nth(MOST) {
            Some((at, _)) => format!("{}…", &line[..at]),
            None => line,
        };
        self.kinds.push((kind.to_owned(), first, 1));
    }

    pub(super) fn count(&self) -> usize {
        self.kinds.iter().map(|(_, _, count)| count).sum()
    }

    /// A reason of the commonest kind, in one line and without the end of a long one; of equals the first that came; nothing if there is none.
    pub(super) fn commonest(&self) -> Option<String> {
        // The last of equals is taken, so the first is looked at last.
        self.kinds.iter().rev().max_by_key(|(_, _, count)| *count).map(|(_, first, _)| first.clone())
    }
}

impl Ledger {
    /// Opens the file, with what is in it.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another process writes to it, [`Error::Failed`] if it cannot be read or written.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| failed(path, &error);
        let Some(mut file) = lock::open(path, lock::DYING).map_err(failed)? else {
            return Err(Error::Conflict {
                message: format!("another process writes to {}; wait for it", path.display()),
            });
        };
        let (mut known, sound, mut again) = entries(&file).map_err(failed)?;
        // What failed in an earlier sitting, maybe for a provider that was away, is asked once more.
        let before = known.len();
        known.retain(|_, entry| !matches!(entry.outcome, Outcome::Error(_)));
        again |= known.len() < before;
        file.set_len(sound).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), known, again })
    }

    /// Answers that are known.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn get(&self, candidate: &str, example: &str) -> Option<&Entry> {
        self.known.get(&(candidate.to_owned(), example.to_owned()))
    }

    /// Keeps an answer, or one anew that is kept already.
    pub(super) fn add(&mut self, entry: Entry) -> Result<()> {
        let mut line = serde_json::to_vec(&entry)
            .map_err(|error| Error::failed(format!("an answer cannot be written: {error}")))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| failed(&self.path, &error))?;
        self.again |= self.known.insert((entry.candidate.clone(), entry.example.clone()), entry).is_some();
        Ok(())
    }

    /// All is said: the file becomes the outputs of a decision.
    pub(super) fn finish(self, to: &Path) -> Result<()> {
        if self.again {
            return self.finish_once(to);
        }
        self.file.sync_all().map_err(|error| failed(&self.path, &error))?;
        std::fs::rename(&self.path, to).map_err(|error| failed(to, &error))
    }

    /// The same with each entry once, as it was written last, in the order in which they first came.
    fn finish_once(mut self, to: &Path) -> Result<()> {
        self.file.seek(SeekFrom::Start(0)).map_err(|error| failed(&self.path, &error))?;
        let new = to.with_extension("new");
        self.write_once(&new).and_then(|()| std::fs::rename(&new, to)).map_err(|error| {
            let _ = std::fs::remove_file(&new);
            failed(to, &error)
        })?;
        std::fs::remove_file(&self.path).map_err(|error| failed(&self.path, &error))
    }

    fn write_once(&mut self, new: &Path) -> std::io::Result<()> {
        let mut out = std::io::BufWriter::new(File::create(new)?);
        for line in BufReader::new(&self.file).lines() {
            let key = serde_json::from_str::<Entry>(&line?).map(|entry| (entry.candidate, entry.example));
            if let Some(entry) = key.ok().and_then(|key| self.known.remove(&key)) {
                writeln!(out, "{}", serde_json::to_string(&entry)?)?;
            }
        }
        out.flush()?;
        out.get_ref().sync_all()
    }
}

/// The answers of a file by candidate and example, how many bytes of it are whole lines, and whether one is there twice: the later one counts.
type Entries = (HashMap<(String, String), Entry>, u64, bool);

fn entries(file: &File) -> std::io::Result<Entries> {
    let (mut known, mut sound, mut line, mut again) = (HashMap::new(), 0u64, Vec::new(), false);
    let mut reader = BufReader::new(file);
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        // A line that was being written when the process was killed is no line.
        if line.last() != Some(&b'\n') {
            break;
        }
        let Ok(entry) = serde_json::from_slice::<Entry>(&line) else { break };
        again |= known.insert((entry.candidate.clone(), entry.example.clone()), entry).is_some();
        sound += count as u64;
    }
    Ok((known, sound, again))
}

/// The answers a decision rests on.
pub(super) fn read(path: &Path) -> Result<HashMap<(String, String), Entry>> {
    let known = File::open(path).and_then(|file| entries(&file));
    known.map(|(known, ..)| known).map_err(|error| failed(path, &error))
}

pub(super) fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!(
        "{}: {error}; check the path, that it may be written to, and that the disk has room",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_commonest_reason_of_failures_is_told() {
        let mut failures = Failures::default();
        assert_eq!((failures.count(), failures.commonest()), (0, None));
        failures.add(&Outcome::Output(serde_json::Value::Null));
        let (cut, one, other) = ("cut after 9 tokens", "no JSON: I\n think", "no JSON: It seems");
        for (why, commonest) in [(cut, cut), (one, cut), (other, "no JSON: I think"), (cut, cut)] {
            failures.add(&Outcome::Error(why.to_owned()));
            assert_eq!(failures.commonest().as_deref(), Some(commonest));
        }
        assert_eq!(failures.count(), 4);
        let mut long = Failures::default();
        long.add(&Outcome::Error("长".repeat(1000)));
        assert_eq!(long.commonest().map(|why| why.chars().count()), Some(201));
    }

    #[test]
    fn what_was_written_whole_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.part");
        let answer = |value| Answer { outcome: Outcome::Output(json!(value)), ..Answer::default() };
        let mut ledger = Ledger::open(&path).unwrap();
        assert!(matches!(Ledger::open(&path), Err(Error::Conflict { .. })));
        ledger.add(Entry::new("a", "1", (answer("x"), 2.0))).unwrap();
        ledger.add(Entry::new("a", "2", (answer("y"), 3.0))).unwrap();
        drop(ledger);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let mut ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.get("a", "1").unwrap().outcome, Outcome::Output(json!("x")));
        assert!(ledger.get("a", "2").is_none() && ledger.get("b", "1").is_none());
        ledger.add(Entry::new("a", "2", (answer("y"), 3.0))).unwrap();
        ledger.finish(&folder.path().join("y")).unwrap();
        assert_eq!(std::fs::read(folder.path().join("y")).unwrap(), whole);
    }

    #[test]
    fn what_failed_is_asked_once_more_in_another_sitting() {
        let folder = tempfile::tempdir().unwrap();
        let (path, to) = (folder.path().join("x.part"), folder.path().join("y"));
        let error = Answer { outcome: Outcome::Error("away".to_owned()), ..Answer::default() };
        let answer = Answer { outcome: Outcome::Output(json!("x")), ..Answer::default() };
        let mut ledger = Ledger::open(&path).unwrap();
        for example in ["1", "2"] {
            ledger.add(Entry::new("a", example, (error.clone(), 2.0))).unwrap();
        }
        assert!(ledger.get("a", "1").is_some(), "in the same sitting it is not");
        drop(ledger);
        let mut ledger = Ledger::open(&path).unwrap();
        assert!(ledger.get("a", "1").is_none() && ledger.get("a", "2").is_none());
        ledger.add(Entry::new("a", "1", (answer, 3.0))).unwrap();
        ledger.finish(&to).unwrap();
        let lines: Vec<String> = std::fs::read_to_string(&to).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("\"x\"") && !lines[0].contains("away"));
    }

    #[test]
    fn what_was_written_again_is_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let (path, to) = (folder.path().join("x.part"), folder.path().join("y"));
        let answer = |value| Answer { outcome: Outcome::Output(json!(value)), ..Answer::default() };
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.add(Entry::new("a", "1", (answer("x"), 2.0))).unwrap();
        ledger.add(Entry::new("a", "2", (answer("y"), 3.0))).unwrap();
        ledger.add(Entry { score: Some(0.5), ..ledger.get("a", "1").unwrap().clone() }).unwrap();
        drop(ledger);
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.get("a", "1").unwrap().score, Some(0.5));
        ledger.finish(&to).unwrap();
        let text = std::fs::read_to_string(&to).unwrap();
        let lines: Vec<Entry> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said: Vec<(&str, Option<f64>)> = lines.iter().map(|one| (one.example.as_str(), one.score)).collect();
        assert_eq!(said, [("1", Some(0.5)), ("2", None)]);
        assert!(!path.exists());
    }
}
