//! Evals on disk: `evals/ID/eval.json`, and of each run `runs/RUN/run.json`, `rows.jsonl` (what was sent) and `items.jsonl` (what came of it).

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Eval, EvalRow, Item, Run, shown};
use crate::records::{failed, is_id, read, read_all, remove, write};
use crate::{Error, Result};

/// Where evals are kept.
#[derive(Debug, Clone)]
pub(super) struct Store {
    root: PathBuf,
}

impl Store {
    pub(super) fn of(data: &Path) -> Self {
        Self { root: data.join("evals") }
    }

    /// All evals, the oldest first. What cannot be read is left out.
    pub(super) fn evals(&self) -> Result<Vec<Eval>> {
        let mut all: Vec<Eval> = read_all(&self.root, "eval.json")?;
        all.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(all)
    }

    pub(super) fn eval(&self, id: &str) -> Result<Eval> {
        let missing = || {
            let message = format!("There is no eval '{}'; GET /v1/evals lists those there are.", shown(id));
            Error::not_found("eval_not_found", message)
        };
        read(&self.folder(id).ok_or_else(missing)?.join("eval.json"))?.ok_or_else(missing)
    }

    pub(super) fn keep_eval(&self, eval: &Eval) -> Result<()> {
        let folder = self.root.join(&eval.id);
        std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
        write(&folder.join("eval.json"), eval)
    }

    pub(super) fn remove_eval(&self, id: &str) -> Result<()> {
        remove(&self.root.join(id))
    }

    /// All runs of an eval, the oldest first. What cannot be read is left out.
    pub(super) fn runs(&self, eval: &str) -> Result<Vec<Run>> {
        let mut all: Vec<Run> = read_all(&self.root.join(eval).join("runs"), "run.json")?;
        all.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(all)
    }

    pub(super) fn run(&self, eval: &str, id: &str) -> Result<Run> {
        let missing = || {
            let message =
                format!("The eval '{eval}' has no run '{}'; GET /v1/evals/{eval}/runs lists those it has.", shown(id));
            Error::not_found("eval_run_not_found", message)
        };
        if !is_id(id) {
            return Err(missing());
        }
        read(&self.run_folder(eval, id).join("run.json"))?.ok_or_else(missing)
    }

    /// Keeps a new run: its rows first, so that a run that is there has them.
    pub(super) fn keep_new_run(&self, run: &Run, rows: &[EvalRow]) -> Result<()> {
        let folder = self.run_folder(&run.eval, &run.id);
        std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
        let mut text = Vec::new();
        for row in rows {
            serde_json::to_writer(&mut text, row).expect("a row is plain data: this is a bug");
            text.push(b'\n');
        }
        let path = folder.join("rows.jsonl");
        let kept = std::fs::write(&path, text).map_err(|error| failed(&path, &error)).and_then(|()| self.keep_run(run));
        kept.inspect_err(|_| {
            // Half a run is none, and would keep the room that a full disk lacks.
            let _ = std::fs::remove_dir_all(&folder);
        })
    }

    pub(super) fn keep_run(&self, run: &Run) -> Result<()> {
        write(&self.run_folder(&run.eval, &run.id).join("run.json"), run)
    }

    pub(super) fn remove_run(&self, eval: &str, id: &str) -> Result<()> {
        remove(&self.run_folder(eval, id))
    }

    pub(super) fn rows(&self, eval: &str, run: &str) -> Result<Vec<EvalRow>> {
        let path = self.run_folder(eval, run).join("rows.jsonl");
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
        let row =
            |line| serde_json::from_str(line).map_err(|error| Error::failed(format!("{}: {error}", path.display())));
        text.lines().map(row).collect()
    }

    /// What came of rows, by their places.
    pub(super) fn items(&self, eval: &str, run: &str) -> Result<BTreeMap<usize, Item>> {
        let path = self.run_folder(eval, run).join("items.jsonl");
        match File::open(&path) {
            Ok(file) => Ok(sound(&path, file)?.0),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    /// The file of what came of rows, to be written on, with what is in it.
    pub(super) fn journal(&self, eval: &str, run: &str) -> Result<(Journal, BTreeMap<usize, Item>)> {
        let path = self.run_folder(eval, run).join("items.jsonl");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|error| failed(&path, &error))?;
        let (items, length) = sound(&path, file.try_clone().map_err(|error| failed(&path, &error))?)?;
        // A line that was being written when the process was killed is no line.
        file.set_len(length).map_err(|error| failed(&path, &error))?;
        file.seek(SeekFrom::End(0)).map_err(|error| failed(&path, &error))?;
        Ok((Journal { file, path }, items))
    }

    fn run_folder(&self, eval: &str, run: &str) -> PathBuf {
        self.root.join(eval).join("runs").join(run)
    }

    fn folder(&self, id: &str) -> Option<PathBuf> {
        is_id(id).then(|| self.root.join(id))
    }
}

/// What came of rows, one a line, as it comes.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    pub(super) fn add(&mut self, item: &Item) -> Result<()> {
        let mut line = serde_json::to_vec(item)
            .map_err(|error| Error::failed(format!("{}: an item cannot be written: {error}", self.path.display())))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| failed(&self.path, &error))
    }
}

/// The items up to the first line that is none, and how many bytes they take.
fn sound(path: &Path, file: File) -> Result<(BTreeMap<usize, Item>, u64)> {
    let (mut items, mut length, mut line) = (BTreeMap::new(), 0u64, Vec::new());
    let mut reader = BufReader::new(file);
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line).map_err(|error| failed(path, &error))?;
        if line.last() != Some(&b'\n') {
            return Ok((items, length));
        }
        let Ok(item) = serde_json::from_slice::<Item>(&line) else { return Ok((items, length)) };
        items.insert(item.index, item);
        length += count as u64;
    }
}
