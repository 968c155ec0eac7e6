//! What a run has answered so far, kept beside the file it writes, so that it can be killed and go on.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Answered;
use crate::routes::Outcome;
use crate::{Error, Result, lock};

/// The file `NAME.part`: a line that says of which run it is, then a line for each answered row, in the order they came.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    out: PathBuf,
    /// Those of earlier, and those added.
    answered: Vec<Answered>,
}

/// What makes a run the same run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) task: String,
    pub(super) model: String,
    pub(super) rows: String,
}

impl Journal {
    /// Opens the journal of a run, with what was answered before.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the output is there already, or the journal is another run's, or another process writes to it.
    pub(super) fn open(out: &Path, identity: &Identity) -> Result<Self> {
        let there = || {
            let why = format!("{} is there already; remove it, or write elsewhere with --out", out.display());
            if out.exists() { Err(conflict(why)) } else { Ok(()) }
        };
        there()?;
        let mut name = out.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let failed = |error: std::io::Error| failed(&path, &error);
        let Some(file) = lock::open(&path, lock::DYING).map_err(failed)? else {
            return Err(conflict(format!(
                "another process writes to {}; wait for it, or write elsewhere with --out",
                path.display()
            )));
        };
        // Who was waited for may have come to its end.
        there().inspect_err(|_| _ = std::fs::remove_file(&path))?;
        let mut journal = Self { file, path: path.clone(), out: out.to_owned(), answered: Vec::new() };
        let sound = journal.read(identity)?;
        // What failed, maybe for a provider that was away, is asked once more.
        journal.answered.retain(|answered| !matches!(answered.outcome, Outcome::Error(_)));
        // A line that was being written when the process was killed is no line.
        journal.file.set_len(sound).map_err(failed)?;
        journal.file.seek(SeekFrom::End(0)).map_err(failed)?;
        if sound == 0 {
            journal.line(identity)?;
        }
        Ok(journal)
    }

    /// Reads what is there; returns the bytes of its whole lines.
    fn read(&mut self, identity: &Identity) -> Result<u64> {
        let failed = |error: std::io::Error| failed(&self.path, &error);
        let mut reader = BufReader::new(&self.file);
        let (mut sound, mut line) = (0, Vec::new());
        loop {
            line.clear();
            let count = reader.read_until(b'\n', &mut line).map_err(failed)?;
            if line.last() != Some(&b'\n') {
                return Ok(sound);
            }
            if sound == 0 {
                let its: Option<Identity> = serde_json::from_slice(&line).ok();
                if its.as_ref() != Some(identity) {
                    return Err(conflict(format!(
                        "{} is of another run (another task, model or other rows); remove it, or write elsewhere with --out",
                        self.path.display()
                    )));
                }
            } else {
                match serde_json::from_slice(&line) {
                    Ok(answered) => self.answered.push(answered),
                    Err(_) => return Ok(sound),
                }
            }
            sound += count as u64;
        }
    }

    /// What is answered.
    pub(super) fn answered(&self) -> &[Answered] {
        &self.answered
    }

    /// Keeps an answer.
    pub(super) fn add(&mut self, answered: Answered) -> Result<()> {
        self.line(&answered)?;
        self.answered.push(answered);
        Ok(())
    }

    fn line(&mut self, what: &impl Serialize) -> Result<()> {
        let mut line =
            serde_json::to_vec(what).map_err(|error| Error::failed(format!("an answer cannot be written: {error}")))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| failed(&self.path, &error))
    }

    /// Writes the output, rows in order, whole or not at all, and lets go of the journal.
    pub(super) fn finish(mut self) -> Result<()> {
        self.answered.sort_by_key(|answered| answered.row);
        let mut name = self.out.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        let write = || -> std::io::Result<()> {
            let mut file = std::io::BufWriter::new(File::create(&new)?);
            for answered in &self.answered {
                serde_json::to_writer(&mut file, answered)?;
                file.write_all(b"\n")?;
            }
            file.into_inner()?.sync_all()?;
            std::fs::rename(&new, &self.out)
        };
        write().map_err(|error| {
            let _ = std::fs::remove_file(&new);
            failed(&self.out, &error)
        })?;
        std::fs::remove_file(&self.path).map_err(|error| failed(&self.path, &error))
    }
}

fn conflict(message: String) -> Error {
    Error::Conflict { message }
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::failed(format!(
        "{}: {error}; check the path, that it may be written to, and that the disk has room",
        path.display()
    ))
}
