//! Answers that were asked for, kept as they come, so that a choice that was cut goes on and asks nothing twice.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use domain::Usage;
use serde::{Deserialize, Serialize};

use crate::routes::{Answer, Candidate, Outcome};
use crate::{Error, Result};

/// A file of answers, one a line.
pub(super) struct Ledger {
    file: File,
    path: PathBuf,
    known: HashMap<(String, String), Entry>,
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
}

/// What makes a candidate the same as in another sitting: its route, its model's file, what the task says, what it learns from, how long it may speak.
pub(super) fn identity(candidate: &Candidate, model: &str, task: &str, train: &str, max_tokens: u32) -> String {
    format!("{candidate} {model} {task} {train} {max_tokens}")
}

impl Entry {
    pub(super) fn new(candidate: &str, example: &str, (answer, milliseconds): (Answer, f64)) -> Self {
        let Answer { outcome, usage, probability } = answer;
        Self { candidate: candidate.to_owned(), example: example.to_owned(), outcome, milliseconds, usage, probability }
    }
}

impl Ledger {
    /// Opens the file, with what is in it.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another process writes to it, [`Error::Failed`] if it cannot be read or written.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| failed(path, &error);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Conflict {
                    message: format!("another process writes to {}; wait for it", path.display()),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let (known, sound) = entries(&file).map_err(failed)?;
        file.set_len(sound).map_err(failed)?;
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), known })
    }

    pub(super) fn get(&self, candidate: &str, example: &str) -> Option<&Entry> {
        self.known.get(&(candidate.to_owned(), example.to_owned()))
    }

    /// Keeps an answer.
    pub(super) fn add(&mut self, entry: Entry) -> Result<()> {
        let mut line = serde_json::to_vec(&entry)
            .map_err(|error| Error::failed(format!("an answer cannot be written: {error}")))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| failed(&self.path, &error))?;
        self.known.insert((entry.candidate.clone(), entry.example.clone()), entry);
        Ok(())
    }

    /// All is said: the file becomes the outputs of a decision.
    pub(super) fn finish(self, to: &Path) -> Result<()> {
        self.file.sync_all().map_err(|error| failed(&self.path, &error))?;
        std::fs::rename(&self.path, to).map_err(|error| failed(to, &error))
    }
}

/// The answers of a file by candidate and example, and how many bytes of it are whole lines.
type Entries = (HashMap<(String, String), Entry>, u64);

fn entries(file: &File) -> std::io::Result<Entries> {
    let (mut known, mut sound, mut line) = (HashMap::new(), 0u64, Vec::new());
    let mut reader = BufReader::new(file);
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        // A line that was being written when the process was killed is no line.
        if line.last() != Some(&b'\n') {
            break;
        }
        let Ok(entry) = serde_json::from_slice::<Entry>(&line) else { break };
        known.insert((entry.candidate.clone(), entry.example.clone()), entry);
        sound += count as u64;
    }
    Ok((known, sound))
}

/// The answers a decision rests on.
pub(super) fn read(path: &Path) -> Result<HashMap<(String, String), Entry>> {
    let known = File::open(path).and_then(|file| entries(&file));
    known.map(|(known, _)| known).map_err(|error| failed(path, &error))
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
}
