//! The decisions of a folder: `decisions/TASK-DATE.json`, with the answers they rest on, the examples that routes learnt from and those that were
//! asked about beside each.

use std::path::{Path, PathBuf};

use domain::Example;

use super::asker::Scores;
use super::ledger::{Ledger, failed};
use super::terms::ChooseTerms;
use super::{Decision, Parts, outputs};
use crate::{Error, Result, files};

/// The decisions of a folder.
#[derive(Debug, Clone)]
pub struct Decisions {
    folder: PathBuf,
}

impl Decisions {
    /// The decisions of a workspace's folder.
    pub fn of(workspace: &Path) -> Self {
        let folder = workspace.join("decisions");
        Self { folder: folder.strip_prefix(".").map(Path::to_owned).unwrap_or(folder) }
    }

    /// All of a task, oldest first; of all tasks for none. What cannot be read is left out.
    ///
    /// # Errors
    /// [`Error::Failed`] if the folder cannot be read.
    pub fn list(&self, task: Option<&str>) -> Result<Vec<(PathBuf, Decision)>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&self.folder, &error)),
        };
        let mut all: Vec<(PathBuf, Decision)> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .filter_map(|path| Decision::read(&path).ok().map(|decision| (path, decision)))
            .filter(|(_, decision)| task.is_none_or(|task| decision.task == task))
            .collect();
        all.sort_by(|a, b| (&a.1.date, number(&a.0), &a.0).cmp(&(&b.1.date, number(&b.0), &b.0)));
        Ok(all)
    }

    /// The last decision of a task, if there is one.
    ///
    /// # Errors
    /// As [`Decisions::list`].
    pub fn last(&self, task: &str) -> Result<Option<(PathBuf, Decision)>> {
        Ok(self.list(Some(task))?.pop())
    }

    /// The decision by which a task is done: the last that chose something, for one that chose nothing, with a provider away or constraints that
    /// nothing keeps to, takes no way from those who use it. If none ever chose, the last.
    ///
    /// # Errors
    /// As [`Decisions::list`].
    pub fn in_force(&self, task: &str) -> Result<Option<(PathBuf, Decision)>> {
        let mut all = self.list(Some(task))?;
        let Some(last) = all.pop() else { return Ok(None) };
        if last.1.chosen.is_some() {
            return Ok(Some(last));
        }
        let earlier = all.into_iter().rev().find(|(_, decision)| decision.chosen.is_some());
        Ok(earlier.or(Some(last)))
    }

    /// A decision of a task by its id, or the last.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or none of this id; as [`Decisions::list`].
    pub fn find(&self, task: &str, id: Option<&str>) -> Result<(PathBuf, Decision)> {
        let mut all = self.list(Some(task))?;
        let Some(id) = id else {
            return all.pop().ok_or_else(|| {
                Error::not_found(
                    "decision_not_found",
                    format!("Nothing was decided for '{task}' yet; `sumeru choose {task} --data FILE` decides."),
                )
            });
        };
        // Looked for among those there are, so that no id is a path.
        all.into_iter().find(|(path, _)| Self::id(path) == id).ok_or_else(|| {
            Error::not_found(
                "decision_not_found",
                format!(
                    "The decision '{id}' of '{task}' is not there; GET /v1/tasks/{task}/decisions lists those there are."
                ),
            )
        })
    }

    /// What a decision is known by: its file's name, without `.json`.
    pub fn id(path: &Path) -> String {
        path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The examples a decision's routes learnt from.
    pub(crate) fn train(path: &Path) -> Result<Vec<Example>> {
        let file = path.with_extension("train.jsonl");
        let text = std::fs::read_to_string(&file).map_err(|error| failed(&file, &error))?;
        let read =
            |line| serde_json::from_str(line).map_err(|error| Error::failed(format!("{}: {error}", file.display())));
        text.lines().map(read).collect()
    }

    /// Where the answers of a choice that is under way are kept.
    pub(super) fn begun(&self, task: &str) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.folder).map_err(|error| failed(&self.folder, &error))?;
        Ok(self.part(task))
    }

    fn part(&self, task: &str) -> PathBuf {
        self.folder.join(format!("{task}.part"))
    }

    /// How many answers of a choice that was cut are kept.
    pub(super) fn left(&self, task: &str) -> usize {
        std::fs::read(self.part(task)).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
    }

    /// Keeps the terms of a choice beside its answers, in the place of an earlier sitting's; of one that cannot say them none are there.
    ///
    /// # Errors
    /// [`Error::Failed`] if they cannot be written.
    pub(super) fn keep_terms(&self, task: &str, terms: Option<&ChooseTerms>) -> Result<()> {
        let path = self.terms_of(task);
        if let Some(terms) = terms {
            let text = serde_json::to_string(terms).expect("terms are plain data: this is a bug");
            return files::replace(&path, text.as_bytes());
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&path, &error)),
            _ => Ok(()),
        }
    }

    /// The terms of a choice that was cut; nothing if none were kept, or if another version wrote them.
    pub(super) fn terms(&self, task: &str) -> Option<ChooseTerms> {
        serde_json::from_slice(&std::fs::read(self.terms_of(task)).ok()?).ok()
    }

    fn terms_of(&self, task: &str) -> PathBuf {
        self.folder.join(format!("{task}.terms"))
    }

    /// Keeps a decision, its answers and its examples; the decision last, so that what it names is there.
    pub(super) fn keep(&self, decision: &Decision, ledger: Ledger, parts: &Parts, scores: &Scores) -> Result<PathBuf> {
        let name = |count: usize| match count {
            1 => format!("{}-{}.json", decision.task, decision.date),
            more => format!("{}-{}-{more}.json", decision.task, decision.date),
        };
        let path = (1..).map(|count| self.folder.join(name(count))).find(|path| !path.exists()).unwrap_or_default();
        let examples = path.with_extension("train.jsonl");
        let lines: Vec<String> = parts
            .train
            .iter()
            .map(|example| serde_json::to_string(example).expect("an example is plain data: this is a bug"))
            .collect();
        std::fs::write(&examples, lines.join("\n")).map_err(|error| failed(&examples, &error))?;
        outputs::keep(&path, parts, scores)?;
        ledger.finish(&path.with_extension("outputs.jsonl"))?;
        // Without answers to go on with they are of no use, and harm nothing if they stay.
        let _ = std::fs::remove_file(self.terms_of(&decision.task));
        let text = serde_json::to_string_pretty(decision).expect("a decision is plain data: this is a bug");
        let new = path.with_extension("new");
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, &path))
            .map_err(|error| failed(&path, &error))?;
        Ok(path)
    }
}

/// Which of a day: `TASK-2026-11-27-3.json` is the third.
fn number(path: &Path) -> usize {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut parts = stem.rsplit('-');
    let last: usize = parts.next().and_then(|last| last.parse().ok()).unwrap_or(1);
    // `TASK-2026-11-27` ends with a day of two digits after a month; a number comes after the day.
    let before: Vec<&str> = parts.take(3).collect();
    let is_date =
        before.len() == 3 && before[2].len() == 4 && before.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    if is_date { last } else { 1 }
}
