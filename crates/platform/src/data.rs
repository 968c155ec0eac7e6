//! Labelled data of a task: rows with the answers they should get, in the forms people have them.
//!
//! JSON lines, or one JSON array, of `{"input": {...}, "output": ...}`, or of fields with a label among them; tables with a column for the label;
//! conversations of fine-tuning (OpenAI's `messages`, ShareGPT's `conversations`) and Alpaca's `instruction`, whose last turn is the label. Each
//! may have `tags`.

mod conversation;
mod twins;

use std::collections::BTreeMap;

use domain::{Example, Task};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::routes::plain;
use crate::run::records;
use crate::{Error, Result, Row, RowFormat};
use conversation::{conversation, has_more_turns, turns};
pub use twins::leaks;
pub(crate) use twins::shown;
use twins::{together, twins};

/// Columns that hold the label where nobody says which.
const LABELS: [&str; 8] = ["output", "label", "answer", "expected", "target", "标签", "答案", "输出"];
/// Where the tags of a row are, unless the task has a field of this name.
const TAGS: &str = "tags";

/// Labelled data, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labelled {
    /// Sound examples, in order.
    pub examples: Vec<Example>,
    /// The row of each, from 1.
    pub rows: Vec<usize>,
    /// Rows that are none, and why.
    pub wrong: Vec<(usize, String)>,
    /// Examples that are conversations with earlier turns or a system message, which are not read.
    pub unread: usize,
}

/// What is to be known of labelled data before anything is measured with it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataReport {
    /// Sound examples.
    pub examples: usize,
    /// A hash of them, in order.
    pub fingerprint: String,
    /// Rows that are none: the row, and why.
    pub wrong: Vec<(usize, String)>,
    /// How often each label is there; empty where answers are no labels.
    pub labels: BTreeMap<String, usize>,
    /// Rows that say the same, or nearly, as an earlier one: the earlier row, the later, how alike they are (1: the same).
    pub twins: Vec<(usize, usize, f64)>,
    /// Rows that say the same and have other answers: the earlier and the later.
    pub contradictions: Vec<(usize, usize)>,
    /// What no example is labelled with.
    pub gaps: Gaps,
    /// Rows that say the same, or nearly, as an example in the task's file: they are shown to models, and not measured on.
    pub shown: Vec<usize>,
    /// How many rows are conversations with earlier turns or a system message, which are not read.
    pub unread: usize,
    /// Characters of a row's text: the median and the longest.
    pub characters: (usize, usize),
}

/// What a task may answer and no example does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Gaps {
    /// Of these nothing is learnt or measured: labels, or `field: value` of a record's.
    pub labels: Vec<String>,
    /// Fields of a record that no example labels: they are not measured.
    pub fields: Vec<String>,
}

/// Reads labelled data for a task; `label` names the column of the label, if it is none of the usual.
///
/// # Errors
/// [`Error::Invalid`] if the whole is not what its format says. A row that is wrong is no error: it is kept with the reason.
pub fn labelled(task: &Task, bytes: &[u8], format: RowFormat, label: Option<&str>) -> Result<Labelled> {
    Labelled::of(task, records(bytes, format)?, label)
}

/// Makes examples of a task from what people write down.
pub(crate) struct Reader<'a> {
    task: &'a Task,
    label: Option<&'a str>,
    answer: jsonschema::Validator,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(task: &'a Task, label: Option<&'a str>) -> Result<Self> {
        let answer = jsonschema::validator_for(&relaxed(&task.output)).map_err(|error| {
            Error::invalid("task", "invalid_task", format!("{}: its form is no JSON Schema: {error}", task.name))
        })?;
        Ok(Self { task, label, answer })
    }

    /// The example of a row, if its label is what the task answers; else why not.
    pub(crate) fn example(&self, fields: Map<String, Value>) -> std::result::Result<Example, String> {
        let example = self.unchecked(fields)?;
        self.check(&example)?;
        Ok(example)
    }

    /// Whether the label of an example is what the task answers.
    pub(crate) fn check(&self, example: &Example) -> std::result::Result<(), String> {
        let wrong = self.answer.iter_errors(&example.output).next();
        wrong.map_or(Ok(()), |error| Err(format!("its label is not what the task answers: {error}")))
    }

    /// As [`Reader::example`], whatever the label is.
    pub(crate) fn unchecked(&self, mut fields: Map<String, Value>) -> std::result::Result<Example, String> {
        let own = self.label == Some(TAGS) || self.task.input.iter().any(|field| field.name == TAGS);
        let tags = if own { Vec::new() } else { tags(fields.remove(TAGS))? };
        Ok(Example { tags, ..example(self.task, fields, self.label)? })
    }
}

/// A list of texts, or one text in which they stand between commas or semicolons.
fn tags(value: Option<Value>) -> std::result::Result<Vec<String>, String> {
    let words: Vec<String> = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) => text.split([';', ',', '；', '，']).map(str::to_owned).collect(),
        Some(Value::Number(number)) => vec![number.to_string()],
        Some(Value::Array(all)) => {
            let texts: Option<Vec<String>> = all.iter().map(|one| one.as_str().map(str::to_owned)).collect();
            texts.ok_or("its tags are no list of texts")?
        }
        Some(_) => return Err("its tags are no list of texts".to_owned()),
    };
    let mut tags: Vec<String> = Vec::new();
    for word in words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()) {
        if !tags.iter().any(|tag| tag == word) {
            tags.push(word.to_owned());
        }
    }
    Ok(tags)
}

/// A record may be labelled in part: what is not there is not measured.
fn relaxed(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(record) = schema.as_object_mut().filter(|record| record.contains_key("properties")) {
        record.remove("required");
        record.insert("minProperties".to_owned(), Value::from(1));
    }
    schema
}

fn example(task: &Task, mut fields: Map<String, Value>, label: Option<&str>) -> std::result::Result<Example, String> {
    if let Some(turns) = turns(&fields) {
        return conversation(task, &turns?);
    }
    if label.is_none() && fields.contains_key("instruction") && fields.contains_key("output") {
        let part = |key: &str| fields.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        let told: Vec<&str> = [part("instruction"), part("input")].into_iter().flatten().collect();
        let output = fields.get("output").cloned().unwrap_or_default();
        return Ok(Example::new(only(task, &told.join("\n"))?, typed(task, output)?));
    }
    let output = match label {
        Some(label) if property(task, label).is_some() => {
            record(task, &mut fields, |name| name == label).ok_or_else(|| missing(&fields, &format!("`{label}`")))??
        }
        Some(label) => fields.remove(label).ok_or_else(|| missing(&fields, &format!("`{label}`")))?,
        None => {
            // A record's own field is called so, whatever else may be.
            let usual = |key: &&&str| {
                let own = property(task, key).is_some() || task.input.iter().any(|field| field.name == **key);
                fields.contains_key(**key) && !own
            };
            let key = LABELS.iter().find(usual);
            match key {
                Some(key) => fields.remove(*key).unwrap_or_default(),
                None => record(task, &mut fields, |name| task.input.iter().all(|field| field.name != name))
                    .ok_or_else(|| missing(&fields, &usual_labels(task)))??,
            }
        }
    };
    Ok(Example::new(input_of(task, within(fields))?, typed(task, output)?))
}

/// The fields of a row without its label: all of them, or those in the `input` that is all there is.
fn within(mut fields: Map<String, Value>) -> Map<String, Value> {
    match (fields.len(), fields.get_mut("input")) {
        (1, Some(Value::Object(input))) => std::mem::take(input),
        _ => fields,
    }
}

/// What a row has to read, whatever the task: its columns without label and tags. A conversation has none: its turns say what is read.
pub(crate) fn columns(
    mut fields: Map<String, Value>,
    answer: &Value,
    label: Option<&str>,
) -> Option<Map<String, Value>> {
    let alpaca = label.is_none() && fields.contains_key("instruction") && fields.contains_key("output");
    if alpaca || turns(&fields).is_some() {
        return None;
    }
    let own = |name: &str| answer.get("properties").is_some_and(|all| all.get(name).is_some());
    fields.retain(|name, _| {
        label.map_or(!LABELS.contains(&name.as_str()), |label| label != name) && name != TAGS && !own(name)
    });
    Some(within(fields))
}

/// The form of a field of the answer, where that is a record.
fn property<'a>(task: &'a Task, name: &str) -> Option<&'a Value> {
    task.output.get("properties")?.get(name)
}

/// A record whose fields are columns of the row: `sentiment` beside `text`. What is empty was not labelled.
fn record(
    task: &Task,
    fields: &mut Map<String, Value>,
    wanted: impl Fn(&str) -> bool,
) -> Option<std::result::Result<Value, String>> {
    let names: Vec<String> =
        fields.keys().filter(|name| wanted(name) && property(task, name).is_some()).cloned().collect();
    let mut output = Map::new();
    for name in &names {
        let value = fields.remove(name).unwrap_or_default();
        let text = property(task, name).is_some_and(|form| form.get("type").is_some_and(|kind| kind == "string"));
        match value {
            Value::Null => {}
            Value::String(said) if said.trim().is_empty() => {}
            Value::String(said) if text => {
                output.insert(name.clone(), Value::from(said.trim()));
            }
            // Workbooks have numbers where labels are written in digits.
            Value::Number(_) | Value::Bool(_) if text => {
                output.insert(name.clone(), Value::from(value.to_string()));
            }
            Value::String(said) => match serde_json::from_str(&said) {
                Ok(value) => {
                    output.insert(name.clone(), value);
                }
                Err(error) => return Some(Err(format!("its label `{name}` is no JSON ({error}): {said}"))),
            },
            other => {
                output.insert(name.clone(), other);
            }
        }
    }
    if names.is_empty() {
        return None;
    }
    let empty = || Err("its label is empty".to_owned());
    Some(if output.is_empty() { empty() } else { Ok(Value::Object(output)) })
}

/// The fields a task speaks of; other columns are nobody's business.
pub(crate) fn input_of(task: &Task, fields: Map<String, Value>) -> std::result::Result<Map<String, Value>, String> {
    let speaks_of = |name: &String| {
        task.input.iter().any(|field| field.name == *name) || task.sensitivity_field.as_ref() == Some(name)
    };
    let there: Vec<String> = fields.keys().cloned().collect();
    let input: Map<String, Value> = fields.into_iter().filter(|(name, _)| speaks_of(name)).collect();
    let empty = |name: &str| input.get(name).is_none_or(|value| value.is_null() || value == "");
    match task.input.iter().find(|field| !field.optional && empty(&field.name)) {
        Some(field) if !there.contains(&field.name) && !there.is_empty() => {
            Err(format!("the field `{}` is missing or empty; the row has {}", field.name, there.join(", ")))
        }
        Some(field) => Err(format!("the field `{}` is missing or empty", field.name)),
        None => Ok(input),
    }
}

/// Columns a label is looked for in; a record's own fields come first.
fn usual_labels(task: &Task) -> String {
    named(own_fields(task).chain(LABELS))
}

/// The fields of a record, which may have a column each.
fn own_fields(task: &Task) -> impl Iterator<Item = &str> {
    let own = task.output.get("properties").and_then(Value::as_object);
    own.into_iter().flat_map(Map::keys).map(String::as_str)
}

fn named<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn missing(fields: &Map<String, Value>, wanted: &str) -> String {
    let there: Vec<&str> = fields.keys().map(String::as_str).collect();
    format!(
        "it has no label: no {wanted} among {}; say which column it is (label, on the command line --label)",
        there.join(", ")
    )
}

/// A text as the one field of a task.
fn only(task: &Task, text: &str) -> std::result::Result<Map<String, Value>, String> {
    let mut needed = task.input.iter().filter(|field| !field.optional);
    match (needed.next(), needed.next()) {
        (Some(field), None) => Ok(Map::from_iter([(field.name.clone(), Value::from(text))])),
        _ => Err(format!("a conversation has one text for a row, and '{}' has several fields", task.name)),
    }
}

/// A label as the task answers: tables hold texts, where it may be JSON.
fn typed(task: &Task, output: Value) -> std::result::Result<Value, String> {
    match output {
        Value::Null => Err("its label is empty".to_owned()),
        Value::String(text) if text.trim().is_empty() => Err("its label is empty".to_owned()),
        Value::String(text) if task.labels().is_some() => Ok(Value::from(text.trim())),
        Value::String(text) if !task.answers_in_text() => serde_json::from_str(&text).map_err(|error| {
            let own = named(own_fields(task));
            let columns =
                if own.is_empty() { own } else { format!("; or give each field a column, and name none: {own}") };
            format!("its label is no JSON ({error}){columns}: {text}")
        }),
        Value::Number(_) | Value::Bool(_) if task.labels().is_some() || task.answers_in_text() => {
            Ok(Value::from(output.to_string()))
        }
        other => Ok(other),
    }
}

impl Labelled {
    /// As [`labelled`], of rows that were read.
    pub(crate) fn of(task: &Task, rows: Vec<Row>, label: Option<&str>) -> Result<Self> {
        let reader = Reader::new(task, label)?;
        let mut all = Self::default();
        for Row { number, fields } in rows {
            let more = fields.as_ref().is_ok_and(has_more_turns);
            match fields.and_then(|fields| reader.example(fields)) {
                Ok(example) => {
                    all.examples.push(example);
                    all.rows.push(number);
                    all.unread += usize::from(more);
                }
                Err(why) => all.wrong.push((number, why)),
            }
        }
        Ok(all)
    }

    /// What no example is labelled with.
    pub fn gaps(&self, task: &Task) -> Gaps {
        if self.examples.is_empty() {
            return Gaps::default();
        }
        let choices = |form: &Value| form.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut gaps = Gaps::default();
        for (field, form) in task.output.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let said: Vec<&Value> = self.examples.iter().filter_map(|example| example.output.get(field)).collect();
            if said.is_empty() {
                gaps.fields.push(field.clone());
                continue;
            }
            let unseen = choices(form).into_iter().filter(|one| !said.contains(&one));
            gaps.labels.extend(unseen.map(|one| format!("{field}: {}", one.as_str().unwrap_or_default())));
        }
        let unseen = choices(&task.output).into_iter().filter(|one| self.examples.iter().all(|row| row.output != *one));
        gaps.labels.extend(unseen.filter_map(|one| one.as_str().map(str::to_owned)));
        gaps
    }

    /// What is to be known of it.
    pub fn report(&self, task: &Task) -> DataReport {
        let texts = self.texts();
        let twins = twins(&texts);
        let mut labels = BTreeMap::new();
        for example in &self.examples {
            if let Some(label) = class(&example.output) {
                *labels.entry(label.to_owned()).or_insert(0) += 1;
            }
        }
        // Free texts are seldom said twice.
        if labels.len() > 50 && labels.len() * 2 > self.examples.len() {
            labels.clear();
        }
        let mut lengths: Vec<usize> = texts.iter().map(|text| text.chars().count()).collect();
        lengths.sort_unstable();
        DataReport {
            examples: self.examples.len(),
            fingerprint: fingerprint(&self.examples),
            wrong: self.wrong.clone(),
            gaps: self.gaps(task),
            labels,
            contradictions: self.differing(&twins),
            twins: twins.iter().map(|one| (self.rows[one.first], self.rows[one.second], one.alike)).collect(),
            shown: shown(task, &self.examples).into_iter().map(|at| self.rows[at]).collect(),
            unread: self.unread,
            characters: (lengths.get(lengths.len() / 2).copied().unwrap_or(0), lengths.last().copied().unwrap_or(0)),
        }
    }

    /// Rows that say the same and have other answers: the earlier and the later.
    pub fn contradictions(&self) -> Vec<(usize, usize)> {
        self.differing(&twins(&self.texts()))
    }

    fn differing(&self, twins: &[evaluate::Twins]) -> Vec<(usize, usize)> {
        let output = |at: usize| &self.examples[at].output;
        let differs = |pair: &&evaluate::Twins| pair.alike >= 1.0 && output(pair.first) != output(pair.second);
        twins.iter().filter(differs).map(|pair| (self.rows[pair.first], self.rows[pair.second])).collect()
    }

    fn texts(&self) -> Vec<String> {
        self.examples.iter().map(|example| plain(&example.input)).collect()
    }

    /// The parts of a split, in which twins are never on two sides.
    pub fn split(&self, shares: evaluate::Shares, seed: u64) -> evaluate::Split {
        let texts = self.texts();
        let groups = together(texts.len(), &twins(&texts));
        let strata: Vec<String> =
            self.examples.iter().map(|example| class(&example.output).unwrap_or_default().to_owned()).collect();
        // Free texts are strata of one each: there is nothing to keep in shares.
        let kinds: std::collections::HashSet<&String> = strata.iter().collect();
        let strata = if kinds.len() * 4 > strata.len() { vec![String::new(); strata.len()] } else { strata };
        evaluate::split(&strata, &groups, shares, seed)
    }
}

/// What an answer is counted as: itself, or the only field of a record that is labelled.
fn class(output: &Value) -> Option<&str> {
    match output {
        Value::Object(fields) if fields.len() == 1 => fields.values().next().and_then(Value::as_str),
        other => other.as_str(),
    }
}

/// A hash of examples, in order.
pub(crate) fn fingerprint(examples: &[Example]) -> String {
    let mut hash = Sha256::new();
    for example in examples {
        hash.update(Value::Object(example.input.clone()).to_string());
        hash.update([0]);
        hash.update(example.output.to_string());
        hash.update([1]);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What a row is known by: a hash of its fields alone, in the order of their names, whatever its label is.
pub(crate) fn row_id(input: &Map<String, Value>) -> String {
    let mut fields: Vec<(&String, &Value)> = input.iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    let sorted = fields.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    fingerprint(&[Example::new(sorted, Value::Null)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn task(output: Value) -> Task {
        Task::new("sort", output)
    }

    fn read(task: &Task, text: &str) -> Labelled {
        labelled(task, text.as_bytes(), RowFormat::JsonLines, None).expect("rows")
    }

    #[test]
    fn what_no_row_is_labelled_with_is_named() {
        let sort = task(json!({"type": "string", "enum": ["a", "b", "c"]}));
        assert_eq!(read(&sort, r#"{"text": "x", "label": "b"}"#).gaps(&sort).labels, ["a", "c"]);
        assert_eq!(read(&sort, r#"{"text": "x"}"#).gaps(&sort), Gaps::default(), "nothing is labelled at all");
        let opinion = task(json!({"type": "object", "properties": {
            "mood": {"type": "string", "enum": ["good", "bad"]}, "tone": {"enum": ["warm"]}, "said": {"type": "string"},
        }}));
        let rows = read(&opinion, r#"{"text": "x", "mood": "bad"}"#);
        let Gaps { labels, fields } = rows.report(&opinion).gaps;
        assert_eq!((labels, fields), (vec!["mood: good".to_owned()], vec!["tone".to_owned(), "said".to_owned()]));
    }

    #[test]
    fn rows_without_a_label_are_told_where_it_is_looked_for() {
        let opinion = task(json!({"type": "object", "properties": {"mood": {"type": "string"}}}));
        let rows = read(&opinion, r#"{"text": "x", "stars": 3}"#);
        assert!(rows.wrong[0].1.starts_with("it has no label: no `mood`, `output`, "), "{:?}", rows.wrong);
        assert!(rows.wrong[0].1.contains("`输出` among text, stars; say which column it is"), "{:?}", rows.wrong);
        let sort = task(json!({"type": "string", "enum": ["a"]}));
        let rows = read(&sort, r#"{"review": "x", "label": "a"}"#);
        assert_eq!(rows.wrong[0].1, "the field `text` is missing or empty; the row has review");
    }

    #[test]
    fn every_form_is_the_same_example() {
        let sort = task(json!({"type": "string", "enum": ["a", "b"]}));
        let wanted = Example::new(Map::from_iter([("text".to_owned(), json!("hello"))]), json!("a"));
        for form in [
            json!({"input": {"text": "hello"}, "output": "a"}),
            json!({"text": "hello", "label": " a "}),
            json!({"text": "hello", "标签": "a", "id": 7}),
            json!({"messages": [{"role": "system", "content": "sort"}, {"role": "user", "content": "hello"}, {"role": "assistant", "content": "a"}]}),
            json!({"conversations": [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "a"}]}),
            json!({"instruction": "hello", "input": "", "output": "a"}),
        ] {
            let got = read(&sort, &form.to_string());
            assert_eq!(got.examples, std::slice::from_ref(&wanted), "{form}: {:?}", got.wrong);
        }
        let opinion = task(json!({"type": "object", "properties": {
            "sentiment": {"type": "string", "enum": ["a", "b"]}, "stars": {"type": "integer"}}, "required": ["sentiment", "stars"]}));
        for (row, label, wanted) in [
            (json!({"text": "x", "sentiment": "a"}), None, json!({"sentiment": "a"})),
            (json!({"text": "x", "sentiment": " a ", "stars": "3"}), None, json!({"sentiment": "a", "stars": 3})),
            (json!({"text": "x", "sentiment": "a", "stars": 3}), Some("stars"), json!({"stars": 3})),
            (json!({"text": "x", "sentiment": "", "stars": 3}), None, json!({"stars": 3})),
            (json!({"text": "x", "label": {"stars": 3}}), None, json!({"stars": 3})),
        ] {
            let got = labelled(&opinion, row.to_string().as_bytes(), RowFormat::JsonLines, label).expect("rows");
            assert_eq!(
                got.examples,
                [Example::new(Map::from_iter([("text".to_owned(), json!("x"))]), wanted)],
                "{row}: {:?}",
                got.wrong
            );
        }
        for row in [
            json!({"text": "x", "sentiment": ""}),
            json!({"text": "x", "stars": "many"}),
            json!({"text": "x", "sentiment": "c"}),
        ] {
            assert_eq!(read(&opinion, &row.to_string()).wrong.len(), 1, "{row}");
        }
        let answers =
            task(json!({"type": "object", "properties": {"answer": {"type": "string"}, "area": {"type": "string"}}}));
        let read_so = read(&answers, r#"{"text": "x", "answer": true, "area": 7}"#);
        assert_eq!(read_so.examples[0].output, json!({"answer": "true", "area": "7"}), "its own fields, as texts");
        let csv = labelled(&sort, b"text,kind\nhello,a\n", RowFormat::Csv, Some("kind")).expect("rows");
        assert_eq!(csv.examples, [wanted]);
        let record = task(json!({"type": "object", "required": ["n"]}));
        assert_eq!(read(&record, r#"{"text": "x", "output": "{\"n\": 1}"}"#).examples[0].output, json!({"n": 1}));
    }

    #[test]
    fn one_array_is_read_as_its_rows() {
        let sort = task(json!({"type": "string", "enum": ["a", "b"]}));
        let text = r#"
            [{"instruction": "Sort this.", "input": "hello", "output": "a"},
             {"conversations": [{"from": "human", "value": "bye"}, {"from": "gpt", "value": "b"}]},
             "no row", {"text": "x", "label": "c"}]"#;
        let got = read(&sort, text);
        let texts: Vec<&Value> = got.examples.iter().map(|example| &example.input["text"]).collect();
        assert_eq!(texts, ["Sort this.\nhello", "bye"]);
        assert_eq!((&got.rows[..], got.wrong.len(), got.wrong[0].0, got.wrong[1].0), (&[1, 2][..], 2, 3, 4));
        let cut = labelled(&sort, &text.as_bytes()[..text.len() - 40], RowFormat::JsonLines, None);
        assert!(cut.expect_err("it is cut").to_string().contains("the file seems to be cut"));
    }

    #[test]
    fn turns_that_are_not_read_are_counted() {
        let sort = task(json!({"type": "string", "enum": ["a", "b"]}));
        let turn = |who: &str, what: &str| json!({"role": who, "content": what});
        let row = |turns: Vec<Value>| json!({"messages": turns}).to_string();
        let lines = [
            row(vec![turn("user", "one"), turn("assistant", "a")]),
            row(vec![turn("system", "sort"), turn("user", "two"), turn("assistant", "a")]),
            row(vec![turn("user", "0"), turn("assistant", "b"), turn("user", "three"), turn("assistant", "a")]),
            row(vec![turn("system", "sort"), turn("user", "four"), turn("assistant", "z")]),
        ];
        let got = read(&sort, &lines.join("\n"));
        let texts: Vec<&Value> = got.examples.iter().map(|example| &example.input["text"]).collect();
        assert_eq!(texts, ["one", "two", "three"]);
        assert_eq!((got.unread, got.report(&sort).unread), (2, 2), "a row that is none is told of as that");
    }

    #[test]
    fn rows_that_are_the_tasks_own_examples_are_found() {
        let mut sort = task(json!({"type": "string", "enum": ["a", "b"]}));
        let line = |text: &str| json!({"text": text, "label": "a", "title": "x"}).to_string();
        let long = "The parcel was supposed to come on Tuesday, and it is Friday now";
        let lines = [line("something else"), line("HELLO"), line(&format!("{long}!!")), line(&format!("{long}."))];
        let rows = read(&sort, &lines.join("\n"));
        assert_eq!(shown(&sort, &rows.examples), Vec::<usize>::new(), "there is no example");
        let example = |text: &str| Example::new(Map::from_iter([("text".to_owned(), json!(text))]), json!("b"));
        sort.examples = vec![example("Hello!"), example("nobody says so"), example(&format!("{long}, sir"))];
        assert_eq!(shown(&sort, &rows.examples), [1, 2, 3]);
        assert_eq!(rows.report(&sort).shown, [2, 3, 4], "by row");
        let title = domain::Field { name: "title".to_owned(), description: String::new(), optional: false };
        sort.input.insert(0, title);
        let rows = read(&sort, &lines.join("\n"));
        sort.examples = vec![Example::new(
            Map::from_iter([("text".to_owned(), json!("hello")), ("title".to_owned(), json!("X"))]),
            json!("a"),
        )];
        assert_eq!(shown(&sort, &rows.examples), [1], "in whatever order the fields are");
    }

    #[test]
    fn tags_come_as_a_list_or_in_a_column() {
        let sort = Task::new("sort", json!({"type": "string", "enum": ["a", "b"]}));
        for (tags, expected) in [
            (json!(["new", " hard ", "new", ""]), &["new", "hard"][..]),
            (json!("new; hard，long"), &["new", "hard", "long"]),
            (json!(2026), &["2026"]),
            (json!(null), &[]),
        ] {
            let line = json!({"input": {"text": "hello"}, "output": "a", "tags": tags}).to_string();
            let got = read(&sort, &line);
            assert_eq!(got.examples[0].tags, expected, "{line}: {:?}", got.wrong);
            assert_eq!(got.examples[0].input, Map::from_iter([("text".to_owned(), json!("hello"))]));
        }
        let csv = labelled(&sort, b"text,label,tags\nhello,a,\"x,y\"\n", RowFormat::Csv, None).expect("rows");
        assert_eq!(csv.examples[0].tags, ["x", "y"]);
        assert!(read(&sort, r#"{"text": "x", "label": "a", "tags": [1]}"#).wrong[0].1.contains("no list of texts"));
        // Whose field it is, its it stays.
        let mut own = sort;
        own.input[0].name = "tags".to_owned();
        assert_eq!(read(&own, r#"{"tags": "x;y", "label": "a"}"#).examples[0].input["tags"], "x;y");
    }

    #[test]
    fn a_row_is_known_by_its_fields() {
        let row = |text: &str| row_id(serde_json::from_str::<Value>(text).expect("JSON").as_object().expect("fields"));
        assert_eq!(row(r#"{"a": 1, "b": 2}"#), row(r#"{"b": 2, "a": 1}"#));
        assert_ne!(row(r#"{"a": 1, "b": 2}"#), row(r#"{"a": 2, "b": 1}"#));
    }

    #[test]
    fn a_record_may_be_labelled_in_part() {
        let record = task(json!({"type": "object", "properties": {"a": {"enum": ["x"]}, "b": {"type": "string"}},
            "required": ["a", "b"], "additionalProperties": false}));
        let lines = [
            r#"{"text": "t", "output": {"a": "x"}}"#,
            r#"{"text": "t", "output": {}}"#,
            r#"{"text": "t", "output": {"a": "y"}}"#,
        ];
        let got = read(&record, &lines.join("\n"));
        assert_eq!((got.rows, got.wrong.len()), (vec![1], 2));
    }

    #[test]
    fn what_is_wrong_is_said_by_row() {
        let sort = task(json!({"type": "string", "enum": ["a", "b"]}));
        for (line, part) in [
            (r#"{"text": "x"}"#, "no label"),
            (r#"{"text": "x", "label": ""}"#, "label is empty"),
            (r#"{"text": "x", "label": null}"#, "label is empty"),
            (r#"{"text": "x", "label": "z"}"#, "not what the task answers"),
            (r#"{"text": "", "label": "a"}"#, "`text` is missing"),
            (r#"[1]"#, "JSON object"),
            ("{", "no JSON"),
            (r#"{"messages": [{"role": "user", "content": "x"}]}"#, "nobody answers"),
            (r#"{"messages": "x"}"#, "a turn of a conversation"),
        ] {
            let got = read(&sort, &format!("{{\"text\": \"fine\", \"label\": \"a\"}}\n{line}"));
            assert_eq!((got.examples.len(), got.wrong.len(), got.wrong[0].0), (1, 1, 2), "{line}");
            assert!(got.wrong[0].1.contains(part), "{}", got.wrong[0].1);
        }
    }

    #[test]
    fn twins_contradictions_and_leaks_are_named_by_row() {
        let sort = task(json!({"type": "string", "enum": ["a", "b"]}));
        let line = |text: &str, label: &str| json!({"text": text, "label": label}).to_string();
        let all =
            read(&sort, &[line("Hello!", "a"), line("other", "b"), line("hello", "b"), line("hello", "a")].join("\n"));
        let report = all.report(&sort);
        assert_eq!((&report.contradictions[..], all.contradictions()), (&[(1, 3)][..], vec![(1, 3)]));
        assert_eq!(report.twins, [(1, 3, 1.0), (1, 4, 1.0)]);
        assert_eq!(report.labels, BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 2)]));
        let (one, other) =
            (read(&sort, &line("hello", "a")), read(&sort, &[line("new", "a"), line("HELLO", "a")].join("\n")));
        assert_eq!(leaks(&one, &other), [(1, 2, 1.0)]);
        let parts = all.split(evaluate::Shares { development: 0.4, test: 0.4 }, 1);
        let part =
            |at: usize| [&parts.train, &parts.development, &parts.test].iter().position(|part| part.contains(&at));
        assert!(part(0) == part(2) && part(0) == part(3), "{parts:?}");
    }

    /// Pieces that labelled rows are made of.
    #[rustfmt::skip]
    const PIECES: [&str; 24] = [
        "{", "}", "[", "]", ":", ",", "\"", "\n", "\r\n", "\t", "\"text\"", "\"output\"", "\"a\"", "\"input\"", "\"messages\"",
        "\"role\"", "\"content\"", "null", "1e999", "\\u0000", "text", "label", "正面", "\u{feff}",
    ];

    proptest! {
        #[test]
        fn any_text_is_rows_or_says_which_are_none(
            pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..80)
        ) {
            let sort = task(json!({"type": "string", "enum": ["a", "正面"]}));
            for format in [RowFormat::JsonLines, RowFormat::Csv, RowFormat::Tsv] {
                if let Ok(all) = labelled(&sort, pieces.concat().as_bytes(), format, None) {
                    prop_assert_eq!(all.examples.len(), all.rows.len());
                    for example in &all.examples {
                        prop_assert!(example.input.contains_key("text") && ["a", "正面"].iter().any(|label| example.output == *label));
                    }
                }
            }
        }
    }
}
