//! Labelled rows of a task that the server keeps: `data/TASK.jsonl` in the workspace's folder, an example a line.
//!
//! The file is anybody's to edit: lines that are no example stay as they are, and are told of; one array of records is read as a line for each. What
//! routes learn from and are measured on is read from here when a choice is begun in the background.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use domain::{Example, Task};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::data::{Reader, input_of, row_id};
use crate::files::{self, Writing};
use crate::{DataReport, Error, Labelled, Result, Row, RowFormat, labelled};

/// Rows that are reported on while somebody waits for a page, at most: twins among ten times as many take a quarter of a minute to find.
const REPORTED: usize = 20_000;

/// The labelled rows of a folder's tasks.
#[derive(Debug, Clone)]
pub struct LabelledRows {
    folder: PathBuf,
}

/// A labelled row, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelledRow {
    /// What it is known by: a hash of its fields.
    pub id: String,
    /// Its fields.
    pub input: Map<String, Value>,
    /// The answer it should get.
    pub output: Value,
    /// Words it is found by.
    pub tags: Vec<String>,
}

/// Some labelled rows of a task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowPage {
    /// The rows, in the order of the file.
    pub rows: Vec<LabelledRow>,
    /// Labelled rows in all.
    pub total: usize,
    /// What is to be known of all of them; with the first rows only, and not of very many.
    pub report: Option<DataReport>,
}

/// What is to become of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowChange {
    /// Its fields.
    pub input: Map<String, Value>,
    /// The answer it should get; null takes the row out.
    pub output: Value,
    /// Words it is found by; those it has stay if nothing is said.
    pub tags: Option<Value>,
}

/// What a change came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RowsChanged {
    /// Rows that were not there.
    pub added: usize,
    /// Rows that were there, with this or another answer.
    pub replaced: usize,
    /// Rows taken out.
    pub removed: usize,
    /// Labelled rows there are now.
    pub total: usize,
    /// Rows of a table that are conversations with earlier turns or a system message, which were not read.
    #[serde(skip)]
    pub unread: usize,
}

/// What came of a table: what was changed, and the rows that are no examples, with why.
pub type TakenIn = (RowsChanged, Vec<(usize, String)>);

impl LabelledRows {
    /// The rows of a workspace's folder.
    pub fn of(workspace: &Path) -> Self {
        let folder = workspace.join("data");
        Self { folder: folder.strip_prefix(".").map(Path::to_owned).unwrap_or(folder) }
    }

    /// Where a task's rows are.
    ///
    /// # Errors
    /// [`Error::Invalid`] if no task can have such a name.
    pub fn path(&self, name: &str) -> Result<PathBuf> {
        crate::tasks::check_name(name)?;
        Ok(self.folder.join(format!("{name}.jsonl")))
    }

    /// How many rows a task has, whatever is in them; none if there is no file.
    ///
    /// # Errors
    /// [`Error::Failed`] if the file cannot be read.
    pub fn count(&self, name: &str) -> Result<usize> {
        let bytes = read(&self.path(name)?)?;
        Ok(bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count())
    }

    /// A task's rows.
    ///
    /// # Errors
    /// [`Error::Failed`] if the file cannot be read. A line that is no example is no error: it is kept with the reason.
    pub fn read(&self, task: &Task) -> Result<Labelled> {
        Labelled::of(task, Row::of_lines(&knowledge::decode(&read(&self.path(&task.name)?)?)), None)
    }

    /// So many of a task's rows, after so many.
    ///
    /// # Errors
    /// As [`LabelledRows::read`].
    pub fn page(&self, task: &Task, after: usize, limit: usize) -> Result<RowPage> {
        let all = self.read(task)?;
        let shown = |example: &Example| LabelledRow {
            id: row_id(&example.input),
            input: example.input.clone(),
            output: example.output.clone(),
            tags: example.tags.clone(),
        };
        Ok(RowPage {
            rows: all.examples.iter().skip(after).take(limit).map(shown).collect(),
            total: all.examples.len(),
            report: (after == 0 && all.examples.len() <= REPORTED).then(|| all.report(task)),
        })
    }

    /// Adds rows, replaces those that are there, takes out those without an answer: all of them or none.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming a row that is none of the task's, or whose answer is not of its form.
    pub fn put(&self, task: &Task, changes: Vec<RowChange>) -> Result<RowsChanged> {
        let reader = Reader::new(task, None)?;
        let sound = changes.into_iter().enumerate().map(|(at, change)| {
            wanted(task, &reader, change).map_err(|why| {
                let row = format!("rows[{at}]");
                Error::invalid(&row, "invalid_row", format!("{row}: {why}"))
            })
        });
        let sound = sound.collect::<Result<Vec<_>>>()?;
        self.write(task, sound)
    }

    /// Takes in a table of labelled rows: what was changed, and the rows that are none, with why.
    ///
    /// # Errors
    /// As [`labelled`].
    pub fn take_in(&self, task: &Task, bytes: &[u8], format: RowFormat, label: Option<&str>) -> Result<TakenIn> {
        let Labelled { examples, wrong, unread, .. } = labelled(task, bytes, format, label)?;
        let wanted = examples.into_iter().map(|example| (row_id(&example.input), Wanted::Example(example, Tags::Said)));
        Ok((RowsChanged { unread, ..self.write(task, wanted.collect())? }, wrong))
    }

    fn write(&self, task: &Task, changes: Vec<(String, Wanted)>) -> Result<RowsChanged> {
        let _alone = Writing::begin();
        let path = self.path(&task.name)?;
        let mut lines = Lines::read(task, &read(&path)?)?;
        let mut changed = RowsChanged::default();
        for (id, wanted) in changes {
            let known = lines.known.contains_key(&id);
            match wanted {
                Wanted::Nothing => changed.removed += usize::from(lines.remove(&id)),
                Wanted::Example(example, tags) => {
                    *(if known { &mut changed.replaced } else { &mut changed.added }) += 1;
                    lines.put(id, example, tags);
                }
            }
        }
        changed.total = lines.sound();
        files::replace(&path, lines.text().as_bytes())?;
        Ok(changed)
    }
}

/// What a row is to be.
enum Wanted {
    Example(Example, Tags),
    Nothing,
}

/// Whether the tags of a row are said, or those it has are to stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tags {
    Said,
    AsTheyAre,
}

fn wanted(task: &Task, reader: &Reader<'_>, change: RowChange) -> std::result::Result<(String, Wanted), String> {
    if change.output.is_null() {
        return Ok((row_id(&input_of(task, change.input)?), Wanted::Nothing));
    }
    let tags = if change.tags.is_some() { Tags::Said } else { Tags::AsTheyAre };
    let mut fields = Map::from_iter([("input".to_owned(), Value::Object(change.input))]);
    fields.insert("output".to_owned(), change.output);
    fields.extend(change.tags.map(|tags| ("tags".to_owned(), tags)));
    let example = reader.example(fields)?;
    Ok((row_id(&example.input), Wanted::Example(example, tags)))
}

/// The lines of a file, of which some are known rows.
struct Lines {
    lines: Vec<Option<String>>,
    known: HashMap<String, Known>,
}

/// A row of the file.
#[derive(Default)]
struct Known {
    /// The lines that say it.
    at: Vec<usize>,
    /// Those of them whose answer is one of the task's.
    sound: usize,
    tags: Vec<String>,
}

impl Lines {
    fn read(task: &Task, bytes: &[u8]) -> Result<Self> {
        let text = knowledge::decode(bytes);
        let reader = Reader::new(task, None)?;
        let mut all = Self { lines: text.lines().map(|line| Some(line.to_owned())).collect(), known: HashMap::new() };
        for Row { number, fields } in Row::of_lines(&text) {
            // A label that is none any more does not make it another row.
            if let Ok(example) = fields.and_then(|fields| reader.unchecked(fields)) {
                let known = all.known.entry(row_id(&example.input)).or_default();
                known.at.push(number - 1);
                known.sound += usize::from(reader.check(&example).is_ok());
                known.tags = example.tags;
            }
        }
        Ok(all)
    }

    /// Rows whose answer is one of the task's.
    fn sound(&self) -> usize {
        self.known.values().map(|known| known.sound).sum()
    }

    fn remove(&mut self, id: &str) -> bool {
        let Some(known) = self.known.remove(id) else { return false };
        known.at.iter().for_each(|at| self.lines[*at] = None);
        true
    }

    fn put(&mut self, id: String, mut example: Example, tags: Tags) {
        let known = self.known.remove(&id);
        if let (Tags::AsTheyAre, Some(known)) = (tags, &known) {
            example.tags.clone_from(&known.tags);
        }
        let line = serde_json::to_string(&example).expect("an example is plain data: this is a bug");
        let places = known.map(|known| known.at).unwrap_or_default();
        places.iter().for_each(|at| self.lines[*at] = None);
        let at = places.first().copied().unwrap_or(self.lines.len());
        match self.lines.get_mut(at) {
            Some(old) => *old = Some(line),
            None => self.lines.push(Some(line)),
        }
        self.known.insert(id, Known { at: vec![at], sound: 1, tags: example.tags });
    }

    fn text(&self) -> String {
        self.lines.iter().flatten().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(as_lines(&bytes).unwrap_or(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => {
            Err(Error::failed(format!("{}: {error}; check the path and that it may be read", path.display())))
        }
    }
}

/// One array of records as a line for each; nothing for all else, which stays as it is.
fn as_lines(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if !text.trim_ascii_start().starts_with(b"[") {
        return None;
    }
    let records: Vec<Map<String, Value>> = serde_json::from_slice(text).ok()?;
    Some(records.into_iter().map(|record| format!("{}\n", Value::Object(record))).collect::<String>().into_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task() -> Task {
        Task::new("sort", json!({"type": "string", "enum": ["a", "b"]}))
    }

    fn change(text: &str, output: Value, tags: Option<Value>) -> RowChange {
        RowChange { input: Map::from_iter([("text".to_owned(), json!(text))]), output, tags }
    }

    fn changed(added: usize, replaced: usize, removed: usize, total: usize) -> RowsChanged {
        RowsChanged { added, replaced, removed, total, unread: 0 }
    }

    #[test]
    fn rows_are_added_replaced_and_taken_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let (rows, task) = (LabelledRows::of(folder.path()), task());
        assert_eq!((rows.count("sort"), rows.page(&task, 0, 9).map(|page| page.total)), (Ok(0), Ok(0)));
        let put = |changes| rows.put(&task, changes);
        let two = vec![change("one", json!("a"), Some(json!(["hard"]))), change("two", json!("a"), None)];
        assert_eq!(put(two), Ok(changed(2, 0, 0, 2)));
        // Tags stay where nothing is said of them.
        assert_eq!(
            put(vec![change("one", json!("b"), None), change("three", json!("b"), None)]),
            Ok(changed(1, 1, 0, 3))
        );
        assert_eq!(
            put(vec![change("two", Value::Null, None), change("four", Value::Null, None)]),
            Ok(changed(0, 0, 1, 2))
        );
        let page = rows.page(&task, 0, 1).expect("a page");
        assert_eq!(
            (page.rows[0].output.clone(), page.rows[0].tags.clone(), page.total),
            (json!("b"), vec!["hard".to_owned()], 2)
        );
        assert_eq!(page.report.expect("a report").labels["b"], 2);
        let rest = rows.page(&task, 1, 9).expect("a page");
        assert!(rest.rows.len() == 1 && rest.report.is_none());
        let text = std::fs::read_to_string(folder.path().join("data/sort.jsonl")).expect("a file");
        assert_eq!(text.lines().next(), Some(r#"{"input":{"text":"one"},"output":"b","tags":["hard"]}"#));
        let left: Vec<_> = std::fs::read_dir(folder.path().join("data")).expect("a folder").collect();
        assert_eq!(left.len(), 1, "nothing else is left there");
    }

    #[test]
    fn a_row_that_is_none_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let (rows, task) = (LabelledRows::of(folder.path()), task());
        for (wrong, part) in [
            (change("two", json!("z"), None), "rows[1]: its label is not what the task answers"),
            (change("", json!("a"), None), "rows[1]: the field `text` is missing"),
            (change("", Value::Null, None), "rows[1]: the field `text` is missing"),
            (change("two", json!("a"), Some(json!(true))), "rows[1]: its tags are no list"),
        ] {
            let error = rows.put(&task, vec![change("one", json!("a"), None), wrong]).expect_err("a wrong row");
            assert!(error.to_string().contains(part), "{error}");
        }
        assert_eq!(rows.count("sort"), Ok(0));
        assert!(rows.path("../sort").is_err());
    }

    #[test]
    fn what_people_wrote_stays_and_a_table_is_taken_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let (rows, task) = (LabelledRows::of(folder.path()), task());
        std::fs::create_dir(folder.path().join("data")).expect("a folder");
        let lines = "{\"text\": \"one\", \"label\": \"a\"}\n# to be sorted\n\n{\"text\": \"old\", \"label\": \"gone\"}";
        std::fs::write(folder.path().join("data/sort.jsonl"), lines).expect("written");
        let table = "text,kind,tags\none,b,\"new;hard\"\ntwo,a,\nthree,z,\n";
        let (changed, wrong) = rows.take_in(&task, table.as_bytes(), RowFormat::Csv, Some("kind")).expect("a table");
        assert_eq!((changed.added, changed.replaced, changed.total), (1, 1, 2));
        assert_eq!((wrong.len(), wrong[0].0), (1, 3));
        let text = std::fs::read_to_string(folder.path().join("data/sort.jsonl")).expect("a file");
        let expected = [
            r#"{"input":{"text":"one"},"output":"b","tags":["new","hard"]}"#,
            "# to be sorted",
            "",
            r#"{"text": "old", "label": "gone"}"#,
            r#"{"input":{"text":"two"},"output":"a"}"#,
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        let page = rows.page(&task, 0, 9).expect("a page");
        assert_eq!((page.total, page.report.expect("a report").wrong.len()), (2, 2));
    }

    #[test]
    fn an_array_is_taken_in_and_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (rows, task) = (LabelledRows::of(folder.path()), task());
        let turn = |who: &str, what: &str| json!({"role": who, "content": what});
        let array = json!([
            {"messages": [turn("system", "sort"), turn("user", "one"), turn("assistant", "a")]},
            {"text": "two", "label": "b"},
            7,
        ]);
        let taken = rows.take_in(&task, array.to_string().as_bytes(), RowFormat::JsonLines, None).expect("rows");
        assert_eq!((taken.0, taken.1.len()), (RowsChanged { unread: 1, ..changed(2, 0, 0, 2) }, 1));
        // Somebody puts one in the place of the lines.
        let path = folder.path().join("data/sort.jsonl");
        std::fs::write(&path, "\u{feff}[\n {\"text\": \"one\", \"label\": \"a\"},\n {\"text\": \"x\"}\n]\n")
            .expect("written");
        let read = rows.read(&task).expect("rows");
        assert_eq!((read.rows, read.wrong.len(), rows.count("sort")), (vec![1], 1, Ok(2)));
        assert_eq!(rows.put(&task, vec![change("one", json!("b"), None)]), Ok(changed(0, 1, 0, 1)));
        let text = std::fs::read_to_string(&path).expect("a file");
        assert_eq!(text, "{\"input\":{\"text\":\"one\"},\"output\":\"b\"}\n{\"text\":\"x\"}\n");
        // What only begins like one is lines as ever.
        for line in ["[ ] to be sorted", "[7]", "[{\"text\": \"cut\""] {
            std::fs::write(&path, format!("{line}\n{{\"text\": \"one\", \"label\": \"a\"}}\n")).expect("written");
            let read = rows.read(&task).expect("rows");
            assert_eq!((read.rows, read.wrong.len()), (vec![2], 1), "{line}");
            assert_eq!(rows.put(&task, vec![change("one", json!("b"), None)]), Ok(changed(0, 1, 0, 1)));
            assert!(std::fs::read_to_string(&path).expect("a file").starts_with(line));
        }
    }

    #[test]
    fn rows_that_are_there_twice_stay_until_one_is_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (rows, task) = (LabelledRows::of(folder.path()), task());
        std::fs::create_dir(folder.path().join("data")).expect("a folder");
        let twice = "{\"text\": \"one\", \"label\": \"a\"}\n{\"text\": \"one\", \"label\": \"b\"}\n";
        std::fs::write(folder.path().join("data/sort.jsonl"), twice).expect("written");
        assert_eq!(rows.put(&task, vec![change("two", json!("a"), None)]), Ok(changed(1, 0, 0, 3)));
        assert_eq!(rows.page(&task, 0, 9).expect("a page").report.expect("a report").contradictions, [(1, 2)]);
        assert_eq!(rows.put(&task, vec![change("one", json!("b"), None)]), Ok(changed(0, 1, 0, 2)));
    }

    #[test]
    fn writers_at_once_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let (rows, task) = (LabelledRows::of(folder.path()), task());
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let (rows, task) = (&rows, &task);
                scope.spawn(move || {
                    for row in 0..5 {
                        rows.put(task, vec![change(&format!("{writer} {row}"), json!("a"), None)]).expect("written");
                    }
                });
            }
        });
        assert_eq!(rows.read(&task).map(|all| all.examples.len()), Ok(40));
    }
}
