//! What was spent, written down, so that a limit outlives the process.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use domain::Error;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// One model's part of a file that others write to as well, a line for each call that cost something:
/// `{"time":…, "model":…, "currency":…, "cost":…}`.
#[derive(Debug)]
pub(crate) struct Book {
    path: PathBuf,
    model: String,
    currency: String,
    spent: f64,
    /// Where the first line begins that was not read yet.
    read: u64,
    /// The line before that. Where it does not stand any more, somebody took lines out, and all are read anew.
    last: Vec<u8>,
}

impl Book {
    /// What is written about a model in the file at `path`, if there is one; nothing is read yet.
    pub(crate) fn new(path: PathBuf, model: &str, currency: &str) -> Self {
        let (model, currency) = (model.to_owned(), currency.to_owned());
        Self { path, model, currency, spent: 0.0, read: 0, last: Vec::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What was spent, as far as the file was read.
    pub(crate) fn spent(&self) -> f64 {
        self.spent
    }

    /// Reads what was written since, by any process.
    ///
    /// # Errors
    /// [`Error::Failed`] if it cannot be read.
    pub(crate) fn look(&mut self) -> Result<(), Error> {
        self.read_on().map_err(|error| {
            let (model, path) = (&self.model, self.path.display());
            Error::failed(format!(
                "Not sent: what '{model}' has cost so far cannot be read in {path} ({error}); make that file readable, or take spend_limit off the card in models.toml."
            ))
        })
    }

    fn read_on(&mut self) -> io::Result<()> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.begin_anew();
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if !self.goes_on_in(&mut file)? {
            self.begin_anew();
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut lines = BufReader::new(file);
        loop {
            let mut line = Vec::new();
            lines.read_until(b'\n', &mut line)?;
            // One without an end is being written, or its writer was killed: it counts once it has an end.
            if !line.ends_with(b"\n") {
                return Ok(());
            }
            self.spent += self.cost(&line);
            self.read += line.len() as u64;
            self.last = line;
        }
    }

    /// Whether the last line that was read stands where it stood.
    fn goes_on_in(&self, file: &mut File) -> io::Result<bool> {
        let mut there = vec![0; self.last.len()];
        file.seek(SeekFrom::Start(self.read - self.last.len() as u64))?;
        match file.read_exact(&mut there) {
            Ok(()) => Ok(there == self.last),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn begin_anew(&mut self) {
        self.spent = 0.0;
        self.read = 0;
        self.last.clear();
    }

    /// What a line adds: nothing if it is of another model or currency, or if its writer was killed in its middle.
    fn cost(&self, line: &[u8]) -> f64 {
        let Ok(entry) = serde_json::from_slice::<Value>(line) else {
            if !line.trim_ascii().is_empty() {
                tracing::warn!(path = %self.path.display(), "a line that says no cost is passed over");
            }
            return 0.0;
        };
        let ours = entry["model"] == self.model && entry["currency"] == self.currency;
        if ours { entry["cost"].as_f64().unwrap_or(0.0) } else { 0.0 }
    }

    /// Writes down what a call cost, in one write, since other processes write at the same time.
    ///
    /// # Errors
    /// It cannot be written, and is not in what was spent.
    pub(crate) fn enter(&self, cost: f64) -> io::Result<()> {
        let time = OffsetDateTime::now_utc().to_string();
        let entry = json!({"time": time, "model": self.model, "currency": self.currency, "cost": cost});
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&self.path)?;
        // A line that was torn would swallow this one; an empty line does no harm.
        let before = if is_ended(&mut file)? { "" } else { "\n" };
        file.write_all(format!("{before}{entry}\n").as_bytes())
    }
}

/// Whether a file's last line has an end.
fn is_ended(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0u8];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    fn line(model: &str, currency: &str, cost: f64) -> String {
        format!("{}\n", json!({"time": "now", "model": model, "currency": currency, "cost": cost}))
    }

    fn add(path: &Path, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn book(path: &Path) -> Book {
        Book::new(path.to_owned(), "m", "CNY")
    }

    /// What a book says when it was looked at.
    fn spent(book: &mut Book) -> f64 {
        book.look().unwrap();
        book.spent()
    }

    #[test]
    fn whole_lines_of_the_model_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spent.jsonl");
        assert_eq!(spent(&mut book(&path)), 0.0, "there is no file yet");
        let ours = line("m", "CNY", 0.25);
        for (text, expected) in [
            (String::new(), 0.0),
            (ours.clone(), 0.25),
            (ours.repeat(3), 0.75),
            (format!("{}{ours}{}", line("other", "CNY", 1.0), line("m", "USD", 1.0)), 0.25),
            (format!("{ours}{{\"time\":\"no"), 0.25),
            (format!("{{\"time\":\"no\n{ours}"), 0.25),
            (format!("\n3\n[]\n{{\"model\":\"m\",\"currency\":\"CNY\"}}\n{ours}"), 0.25),
        ] {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(spent(&mut book(&path)), expected, "{text}");
        }
    }

    #[test]
    fn what_others_write_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spent.jsonl");
        let (mut one, mut other) = (book(&path), book(&path));
        one.enter(0.25).unwrap();
        assert_eq!((spent(&mut other), spent(&mut other)), (0.25, 0.25));
        other.enter(0.5).unwrap();
        assert_eq!((spent(&mut one), spent(&mut other)), (0.75, 0.75));
        // A line in two pieces.
        let more = line("m", "CNY", 1.0);
        let (begin, end) = more.split_at(20);
        add(&path, begin);
        assert_eq!(spent(&mut one), 0.75);
        add(&path, end);
        assert_eq!(spent(&mut one), 1.75);
        // One that is never ended takes nothing of the next with it.
        add(&path, begin);
        one.enter(2.0).unwrap();
        assert_eq!((spent(&mut one), spent(&mut other), spent(&mut book(&path))), (3.75, 3.75, 3.75));
        let text = std::fs::read_to_string(&path).unwrap();
        let last: Value = serde_json::from_str(text.lines().next_back().unwrap()).unwrap();
        assert_eq!((&last["model"], &last["currency"], &last["cost"]), (&json!("m"), &json!("CNY"), &json!(2.0)));
        assert!(last["time"].is_string(), "{text}");
    }

    #[test]
    fn lines_that_are_taken_out_count_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spent.jsonl");
        let (ours, theirs) = (line("m", "CNY", 1.0), line("other", "CNY", 1.0));
        let mut book = book(&path);
        for (after, expected) in
            [(String::new(), 0.0), (theirs.repeat(9), 0.0), (format!("{}{ours}", theirs.repeat(9)), 1.0)]
        {
            std::fs::write(&path, ours.repeat(2)).unwrap();
            assert_eq!(spent(&mut book), 2.0);
            std::fs::write(&path, &after).unwrap();
            assert_eq!(spent(&mut book), expected, "{after}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(spent(&mut book), 0.0);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = book(folder.path()).look().unwrap_err().to_string();
        let path = folder.path().display().to_string();
        assert!([path.as_str(), "'m'", "models.toml"].iter().all(|part| error.contains(part)), "{error}");
    }
}
