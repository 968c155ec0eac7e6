//! Tasks: files in `tasks/` of a workspace's folder, one a task.
//!
//! [`Tasks`] finds, checks and changes them, `file` reads one and names what is wrong in it by line and key, `output` reads the form of its answers,
//! `limits` what it must keep to, `costs` what errors cost, `judging` how a model grades, `edit` changes keys where they stand,
//! `templates` holds those that come with the program, and `fit` makes one over for somebody's table. How a task is done is not here.

mod costs;
mod edit;
mod file;
mod fit;
mod judging;
mod limits;
mod output;
mod templates;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use domain::Task;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::files::{self, Writing};
use crate::{Error, LabelledRows, Result, TakenIn};

pub(crate) use file::PASSAGES;
pub use file::Problem;
pub use fit::{Fitted, FittedLabels, LabelledTable};
pub use templates::{Template, templates};

/// The tasks of a folder.
#[derive(Debug, Clone)]
pub struct Tasks {
    folder: PathBuf,
}

/// A task's file, and what is in it or wrong with it.
#[derive(Debug, Clone, Serialize)]
pub struct TaskFile {
    /// The task's name: the file's, without `.toml`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// What it says; nothing if something is wrong.
    pub task: Option<Task>,
    /// What is wrong, in the order of the file.
    pub problems: Vec<Problem>,
}

/// What is to become of a task's file.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskChange {
    /// This text.
    Source(String),
    /// The text it has, with these top-level keys set, or taken out where the value is null; all else stays as it is written.
    Keys(Map<String, Value>),
}

/// Names of tasks are those of files, and go into addresses.
const NAME: &str = "the letters a to z, digits, `-` and `_`, 64 at most";

/// The JSON Schema of tasks' files, for editors.
pub fn task_schema() -> &'static str {
    include_str!("schema.json")
}

impl Tasks {
    /// The tasks of a workspace's folder.
    pub fn of(workspace: &Path) -> Self {
        let folder = workspace.join("tasks");
        // `./tasks` is what a person calls `tasks`.
        Self { folder: folder.strip_prefix(".").map(Path::to_owned).unwrap_or(folder) }
    }

    /// Every file `tasks/*.toml`, by name; none if there is no such folder.
    ///
    /// # Errors
    /// [`Error::Failed`] if the folder cannot be read.
    pub fn list(&self) -> Result<Vec<TaskFile>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(&self.folder, &error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| self.failed(&self.folder, &error))?.path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                files.push(self.read(&path)?);
            }
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    /// A task's file.
    ///
    /// # Errors
    /// [`Error::NotFound`] naming those there are, [`Error::Invalid`] if no task can have such a name, [`Error::Failed`] if it cannot be read.
    pub fn show(&self, name: &str) -> Result<TaskFile> {
        check_name(name)?;
        let path = self.path(name);
        if !path.is_file() {
            let names: Vec<String> = self.list()?.into_iter().map(|file| file.name).collect();
            let there = match names.as_slice() {
                [] => {
                    "there is none yet; `sumeru task new NAME --from TEMPLATE` makes one, `--workspace` names another folder"
                        .to_owned()
                }
                names => format!("there are {}", names.join(", ")),
            };
            // Whoever is in another folder than they think sees which.
            let folder = std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone());
            return Err(Error::not_found(
                "task_not_found",
                format!("The task '{name}' is not in {}; {there}.", folder.display()),
            ));
        }
        self.read(&path)
    }

    /// Begins a task from a template: its file and, beside it, the template's labelled sample; returns where they are. A sample that is there stays.
    ///
    /// # Errors
    /// [`Error::Invalid`] if no task can have such a name, [`Error::Conflict`] if there is one, [`Error::Failed`] if it cannot be written: then there is
    /// no task.
    pub fn begin(&self, name: &str, template: &Template) -> Result<(PathBuf, PathBuf)> {
        check_name(name)?;
        let path = self.write_new(name, template.task)?;
        let sample = self.folder.join(format!("{name}.sample.jsonl"));
        if !sample.exists()
            && let Err(error) = files::replace(&sample, template.sample.as_bytes())
        {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok((path, sample))
    }

    /// Begins a task from a template that was fitted to a table; returns where it is.
    ///
    /// # Errors
    /// As [`Tasks::begin`].
    pub fn begin_fitted(&self, name: &str, fitted: &Fitted) -> Result<PathBuf> {
        check_name(name)?;
        self.write_new(name, &fitted.source)
    }

    /// As [`Tasks::begin_fitted`], with the table's rows taken in as the task's own.
    ///
    /// # Errors
    /// As [`Tasks::begin`]; if the rows cannot be taken in, there is no task.
    pub fn begin_with_rows(
        &self,
        name: &str,
        fitted: &Fitted,
        (rows, table): (&LabelledRows, &LabelledTable<'_>),
    ) -> Result<(TaskFile, TakenIn)> {
        let path = self.begin_fitted(name, fitted)?;
        let taken = self.show(name).and_then(|file| {
            let task = file.clone().task()?;
            Ok((file, rows.take_in(&task, table.bytes, table.format, table.label)?))
        });
        if taken.is_err() {
            let _ = std::fs::remove_file(&path);
        }
        taken
    }

    /// Writes a new task's file, whole or not at all.
    fn write_new(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        std::fs::create_dir_all(&self.folder).map_err(|error| self.failed(&self.folder, &error))?;
        let mut file = match std::fs::File::create_new(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(Error::Conflict {
                    message: format!("{} is there already; choose another name, or edit it", path.display()),
                });
            }
            Err(error) => return Err(self.failed(&path, &error)),
        };
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|error| {
            // What was begun is nobody's task.
            let _ = std::fs::remove_file(&path);
            self.failed(&path, &error)
        })?;
        Ok(path)
    }

    /// The text of a task's file.
    ///
    /// # Errors
    /// As [`Tasks::show`].
    pub fn source(&self, name: &str) -> Result<String> {
        let path = self.show(name)?.path;
        let bytes = std::fs::read(&path).map_err(|error| self.failed(&path, &error))?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// What a change would make of a task's file, and its text; nothing is written. Keys of a file that is no TOML cannot be set: it stays what it is.
    ///
    /// # Errors
    /// As [`Tasks::show`]; [`Error::Invalid`] for a value that a file cannot hold.
    pub fn try_change(&self, name: &str, change: &TaskChange) -> Result<(TaskFile, String)> {
        let now = self.show(name)?;
        let text = match change {
            TaskChange::Source(text) => text.clone(),
            TaskChange::Keys(keys) => {
                let text = self.source(name)?;
                // What is not UTF-8 would be another text when it is written again.
                let damaged = now.task.is_none() && text.contains(char::REPLACEMENT_CHARACTER);
                match edit::set(&text, keys)? {
                    Some(changed) if !damaged => changed,
                    _ => return Ok((now, text)),
                }
            }
        };
        let (task, problems) = file::read(name, &text);
        Ok((TaskFile { task, problems, ..now }, text))
    }

    /// Changes a task's file, whole or not at all; returns what it is then, and its text.
    ///
    /// # Errors
    /// As [`Tasks::try_change`]; [`Error::Invalid`] naming the first thing that would be wrong in it, [`Error::Failed`] if it cannot be written.
    pub fn change(&self, name: &str, change: &TaskChange) -> Result<(TaskFile, String)> {
        let _alone = Writing::begin();
        let (file, text) = self.try_change(name, change)?;
        if let Some(problem) = file.problems.first() {
            return Err(Error::invalid("task", "invalid_task", format!("{}:{problem}", file.path.display())));
        }
        files::replace(&file.path, text.as_bytes())?;
        Ok((file, text))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.toml"))
    }

    fn read(&self, path: &Path) -> Result<TaskFile> {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = std::fs::read(path).map_err(|error| self.failed(path, &error))?;
        let (task, problems) = match String::from_utf8(bytes) {
            Ok(text) => file::read(&name, &text),
            Err(error) => (None, vec![Problem::not_text(error.as_bytes(), error.utf8_error().valid_up_to())]),
        };
        Ok(TaskFile { name, path: path.to_owned(), task, problems })
    }

    fn failed(&self, path: &Path, error: &std::io::Error) -> Error {
        Error::failed(format!("{}: {error}; check the path and that it may be read and written", path.display()))
    }
}

impl TaskFile {
    /// The task, if nothing is wrong.
    ///
    /// # Errors
    /// [`Error::Invalid`] with each thing that is wrong, by line.
    pub fn task(self) -> Result<Task> {
        let said: Vec<String> =
            self.problems.iter().map(|problem| format!("{}:{problem}", self.path.display())).collect();
        self.task.ok_or_else(|| Error::invalid("task", "invalid_task", said.join("\n")))
    }
}

/// The task of a template.
pub(crate) fn of_template(name: &str, language: &str) -> Option<Task> {
    let template = templates().iter().find(|one| one.name == name && one.language == language)?;
    file::read(name, template.task).0
}

/// Names that go into paths and addresses: no path leads out of its folder by one.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        return Err(Error::invalid(
            "task",
            "invalid_value",
            format!("'{name}' is no name for a task; it may have {NAME}"),
        ));
    }
    Ok(())
}
