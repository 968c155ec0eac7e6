//! A template fitted to somebody's table: its field is called as the column is, and its labels are those that the rows have.

use std::collections::{HashMap, HashSet};

use domain::{Example, Field, Task};
use serde::Serialize;
use serde_json::{Map, Value};

use super::file::{self, PASSAGES};
use super::{Template, edit};
use crate::data::{Reader, columns};
use crate::routes::plain;
use crate::run::records;
use crate::{Error, Result, RowFormat};

/// More labels than this are hardly labels to choose from.
const MOST_LABELS: usize = 200;
/// A text of which more is Han is Chinese.
const HAN: f32 = 0.3;

/// A table of labelled rows that a template is fitted to.
#[derive(Debug, Clone)]
pub struct LabelledTable<'a> {
    /// The file.
    pub bytes: &'a [u8],
    /// How it is written.
    pub format: RowFormat,
    /// The column of the label, if it is none of the usual.
    pub label: Option<&'a str>,
    /// The column that is read, if it is not the one with most to read.
    pub input: Option<&'a str>,
}

/// A template as it is for a table, and what was changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fitted {
    /// The task's file.
    #[serde(skip)]
    pub source: String,
    /// `en` or `zh`.
    pub language: &'static str,
    /// The column that stands for the template's field, if that has another name: the field, the column.
    pub input: Option<(String, String)>,
    /// What is chosen from, where the rows say otherwise than the template.
    pub labels: Vec<FittedLabels>,
    /// Examples of the template that have a label which is none any more.
    pub examples_left_out: usize,
    /// Lines of the instructions that explained labels of the template which are none any more.
    pub lines_left_out: usize,
    /// Rows that are examples of the task as it is now.
    pub examples: usize,
    /// Rows that are none.
    pub wrong: usize,
}

/// Labels that are those of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FittedLabels {
    /// The field of the record; none where a label is the whole answer.
    pub field: Option<String>,
    /// The labels now: the template's first, then in the order of the table.
    pub labels: Vec<String>,
    /// Labels of the template that no row has.
    pub left_out: Vec<String>,
}

impl Template {
    /// A template by name for a table of labelled rows; without a language, in that of the table's texts.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the templates there are; if the table is none, has no column that could be the template's field, or no row of it
    /// is an example of the task that comes of it.
    pub fn fitted(name: &str, language: Option<&'static str>, table: &LabelledTable<'_>) -> Result<Fitted> {
        let template = Self::of(name, language.unwrap_or("en"))?;
        let records = records(table.bytes, table.format)?;
        let broken = records.iter().find_map(|row| Some((row.number, row.fields.as_ref().err()?.clone())));
        let count = records.len();
        let rows: Vec<Map<String, Value>> = records.into_iter().filter_map(|row| row.fields.ok()).collect();
        match (rows.is_empty(), broken) {
            (true, Some((number, why))) => return Err(invalid(format!("row {number}: {why}"))),
            (true, None) => {
                return Err(invalid("there is no row in it; give labelled rows, or begin without a table"));
            }
            _ => {}
        }
        let (keys, examples) = template.called_as(&rows, table)?;
        // Both languages of a template have the same fields; which is meant is told by what comes out, where that is a text.
        match (language, template.language_of(&examples)?) {
            (None, other) if other != template.language => {
                let template = Self::of(name, other)?;
                let (keys, examples) = template.called_as(&rows, table)?;
                template.labelled_as(keys, examples, count, table)
            }
            _ => template.labelled_as(keys, examples, count, table),
        }
    }

    /// The template with its field called as the table's column is, and the rows as examples, whatever their labels are.
    fn called_as(&self, rows: &[Map<String, Value>], table: &LabelledTable<'_>) -> Result<(Renamed, Vec<Example>)> {
        let task = self.read(self.task)?;
        let mut keys = edit::keys(self.task)?;
        let input = column(&task, rows, table)?;
        if let Some((field, column)) = &input {
            rename(&mut keys, field, column);
        }
        let task = self.read(&self.set(self.task, &keys)?)?;
        let examples = labelled(&task, rows, table.label)?;
        Ok((Renamed { task, keys, input }, examples))
    }

    /// The template with the labels that examples have.
    fn labelled_as(
        &self,
        renamed: Renamed,
        examples: Vec<Example>,
        rows: usize,
        table: &LabelledTable<'_>,
    ) -> Result<Fitted> {
        let Renamed { task, mut keys, input } = renamed;
        let labels = labels(&task, &examples)?;
        let (mut examples_left_out, mut lines_left_out) = (0, 0);
        for fitted in &labels {
            choose_from(&mut keys, fitted);
            examples_left_out += keep_examples(&mut keys, fitted);
            lines_left_out += keep_lines(&mut keys, &old_labels(&task, fitted.field.as_deref()), &fitted.left_out);
        }
        let source = self.set(self.task, &keys)?;
        let task = self.read(&source)?;
        let reader = Reader::new(&task, table.label)?;
        let checked: Vec<_> = examples.iter().map(|example| reader.check(example)).collect();
        let sound = checked.iter().filter(|one| one.is_ok()).count();
        if let (0, Some(Err(why))) = (sound, checked.first()) {
            return Err(none_fits(&task, why));
        }
        Ok(Fitted {
            source,
            language: self.language,
            input,
            labels,
            examples_left_out,
            lines_left_out,
            examples: sound,
            wrong: rows - sound,
        })
    }

    /// The language of examples: that of the answers, where these are texts.
    fn language_of(&self, examples: &[Example]) -> Result<&'static str> {
        const LOOKED_AT: usize = 200;
        let in_text = self.read(self.task)?.answers_in_text();
        let text = |example: &Example| match example.output.as_str().filter(|_| in_text) {
            Some(output) => output.to_owned(),
            None => plain(&example.input),
        };
        let texts: Vec<String> = examples.iter().take(LOOKED_AT).map(text).collect();
        Ok(if knowledge::han_share(&texts.join("\n")) > HAN { "zh" } else { "en" })
    }

    /// The template with other values, checked to be a task still.
    fn set(&self, text: &str, keys: &Map<String, Value>) -> Result<String> {
        let text = edit::set(text, keys)?;
        text.ok_or_else(|| Error::failed(format!("the template '{}' is no TOML", self.name)))
    }

    fn read(&self, text: &str) -> Result<Task> {
        let (task, problems) = file::read(self.name, text);
        let why = || problems.first().map(ToString::to_string).unwrap_or_default();
        task.ok_or_else(|| invalid(format!("the template '{}' cannot be fitted to this table: {}", self.name, why())))
    }
}

/// A template whose field is called as a column is.
struct Renamed {
    task: Task,
    keys: Map<String, Value>,
    input: Option<(String, String)>,
}

/// The column for the field that the table does not have, if there is such a field.
fn column(task: &Task, rows: &[Map<String, Value>], table: &LabelledTable<'_>) -> Result<Option<(String, String)>> {
    let Some(columns) = to_read(task, rows, table) else { return Ok(None) };
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let required: Vec<&str> =
        task.input.iter().filter(|field| !field.optional).map(|field| field.name.as_str()).collect();
    let missing: Vec<&str> = required.iter().copied().filter(|field| !names.contains(field)).collect();
    match (table.input, required.as_slice(), missing.as_slice()) {
        (Some(column), [field], _) if *field != column => {
            if !names.contains(&column) {
                let there = names.join(", ");
                return Err(invalid(format!("there is no column '{column}' to read; there are {there}")));
            }
            Ok(Some(((*field).to_owned(), column.to_owned())))
        }
        (None, _, [field]) => {
            let free = columns.iter().filter(|(name, _)| task.input.iter().all(|field| field.name != *name));
            match free.max_by_key(|(_, read)| *read) {
                Some((column, read)) if read.letters > 0 => Ok(Some(((*field).to_owned(), column.clone()))),
                _ => {
                    let there = if names.is_empty() { "none besides the label".to_owned() } else { names.join(", ") };
                    Err(invalid(format!(
                        "no column could be the template's `{field}`, what is to be read: there are {there}; call one `{field}`"
                    )))
                }
            }
        }
        _ => Ok(None),
    }
}

/// How much there is to read in a column. Addresses, and what tells rows apart, are often longer than what is said in a row, and are no words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct ToRead {
    /// Letters in values of several words.
    in_sentences: usize,
    /// Letters in values of nothing but letters.
    in_words: usize,
    /// Letters in all.
    letters: usize,
}

impl ToRead {
    fn add(&mut self, text: &str) {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let words = text.split_whitespace().filter(|word| word.contains(char::is_alphabetic)).count();
        let is_sentence = words > 1 || knowledge::han_share(text) > HAN;
        self.in_sentences += if is_sentence { letters } else { 0 };
        self.in_words += if letters == text.trim().chars().count() { letters } else { 0 };
        self.letters += letters;
    }
}

/// The columns that may be read; none if all rows are conversations.
fn to_read(task: &Task, rows: &[Map<String, Value>], table: &LabelledTable<'_>) -> Option<Vec<(String, ToRead)>> {
    let mut all: Vec<(String, ToRead)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut is_table = false;
    for fields in rows.iter().filter_map(|row| columns(row.clone(), &task.output, table.label)) {
        is_table = true;
        for (name, value) in fields {
            let at = *places.entry(name).or_insert_with_key(|name| {
                all.push((name.clone(), ToRead::default()));
                all.len() - 1
            });
            all[at].1.add(value.as_str().unwrap_or_default());
        }
    }
    // What stands for passages is no row's.
    all.retain(|(name, _)| Field::word_of(name) != PASSAGES);
    is_table.then_some(all)
}

/// Calls a field of the template's rows otherwise: in the form of rows by its key, in instructions by its word.
fn rename(keys: &mut Map<String, Value>, field: &str, column: &str) {
    let renamed = |fields: &Value, to: &str| -> Value {
        let fields = fields.as_object().cloned().unwrap_or_default();
        fields.into_iter().map(|(name, value)| (if name == field { to.to_owned() } else { name }, value)).collect()
    };
    if let Some(input) = keys.get_mut("input") {
        *input = renamed(input, &file::key_of(column));
    }
    if let Some(Value::String(text)) = keys.get_mut("instructions") {
        *text = text.replace(&format!("{{{{ {field} }}}}"), &format!("{{{{ {} }}}}", Field::word_of(column)));
    }
    for example in keys.get_mut("examples").and_then(Value::as_array_mut).into_iter().flatten() {
        example["input"] = renamed(&example["input"], column);
    }
}

/// The rows as examples, whatever their labels are.
fn labelled(task: &Task, rows: &[Map<String, Value>], label: Option<&str>) -> Result<Vec<Example>> {
    let reader = Reader::new(task, label)?;
    let (mut examples, mut wrong) = (Vec::new(), None);
    for row in rows {
        match reader.unchecked(row.clone()) {
            Ok(example) => examples.push(example),
            Err(why) => wrong = wrong.or(Some(why)),
        }
    }
    match wrong {
        Some(why) if examples.is_empty() => Err(none_fits(task, &why)),
        _ => Ok(examples),
    }
}

/// No row is an example of a task; why the first is none.
fn none_fits(task: &Task, why: &str) -> Error {
    let fields = task.output.get("properties").and_then(Value::as_object);
    let fields = fields.map(|fields| fields.keys().map(String::as_str).collect::<Vec<_>>().join("`, `"));
    let wanted = fields
        .map_or_else(String::new, |fields| format!("; the template answers with `{fields}`: call the columns so"));
    invalid(format!("no row is an example that the template could be fitted to: {why}{wanted}"))
}

/// What is chosen from, where the rows have other labels than the template.
fn labels(task: &Task, examples: &[Example]) -> Result<Vec<FittedLabels>> {
    let record = task.output.get("properties").and_then(Value::as_object);
    let fields: Vec<Option<&str>> = match record {
        Some(fields) => fields.keys().map(|field| Some(field.as_str())).collect(),
        None => vec![None],
    };
    let mut all = Vec::new();
    for field in fields {
        let old = old_labels(task, field);
        let mut seen = HashSet::new();
        let label = |example: &'_ Example| -> Option<String> {
            let output = field.map_or(Some(&example.output), |field| example.output.get(field));
            output.and_then(Value::as_str).map(|text| text.trim().to_owned())
        };
        let said: Vec<String> =
            examples.iter().filter_map(label).filter(|label| !label.is_empty() && seen.insert(label.clone())).collect();
        // One label alone is no choice; it is told of when rows are checked.
        if old.is_empty() || said.len() < 2 {
            continue;
        }
        if said.len() > MOST_LABELS || said.len() > 20 && said.len() * 10 > examples.len() * 9 {
            let whose = field.map_or_else(String::new, |field| format!(" of `{field}`"));
            return Err(invalid(format!(
                "{} different labels{whose} in {} rows are no labels to choose from; is another column meant (label, on the command line --label), or is the answer a text \
                 (a template such as rewrite)?",
                said.len(),
                examples.len()
            )));
        }
        let (kept, left_out): (Vec<String>, Vec<String>) = old.into_iter().partition(|label| seen.contains(label));
        let new: Vec<String> = said.into_iter().filter(|label| !kept.contains(label)).collect();
        if !new.is_empty() || !left_out.is_empty() {
            let labels = kept.into_iter().chain(new).collect();
            all.push(FittedLabels { field: field.map(str::to_owned), labels, left_out });
        }
    }
    Ok(all)
}

/// What a template has to choose from.
fn old_labels(task: &Task, field: Option<&str>) -> Vec<String> {
    let form = field.map_or(Some(&task.output), |field| task.output.get("properties")?.get(field));
    let labels = form.and_then(|form| form.get("enum")).and_then(Value::as_array);
    labels.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn choose_from(keys: &mut Map<String, Value>, fitted: &FittedLabels) {
    let labels: Value = fitted.labels.iter().map(String::as_str).collect();
    let Some(output) = keys.get_mut("output") else { return };
    match &fitted.field {
        None => *output = labels,
        Some(field) => {
            for name in [field.clone(), format!("{field}?")] {
                if let Some(form) = output.get_mut(&name) {
                    *form = labels.clone();
                }
            }
        }
    }
}

/// Leaves the examples out whose label is none any more; how many.
fn keep_examples(keys: &mut Map<String, Value>, fitted: &FittedLabels) -> usize {
    let Some(Value::Array(examples)) = keys.get_mut("examples") else { return 0 };
    let before = examples.len();
    examples.retain(|example| {
        let output = fitted.field.as_ref().map_or(Some(&example["output"]), |field| example["output"].get(field));
        output.and_then(Value::as_str).is_none_or(|label| fitted.labels.iter().any(|one| one == label))
    });
    let gone = before - examples.len();
    if examples.is_empty() {
        keys.insert("examples".to_owned(), Value::Null);
    }
    gone
}

/// Leaves the lines out that explain labels (`billing: prices...`) of which none is left; how many.
fn keep_lines(keys: &mut Map<String, Value>, old: &[String], left_out: &[String]) -> usize {
    let Some(Value::String(text)) = keys.get_mut("instructions") else { return 0 };
    let is_in = |line: &str, label: &String| [":", "："].iter().any(|colon| line.contains(&format!("{label}{colon}")));
    let of_others = |line: &&str| {
        let explained: Vec<&String> = old.iter().filter(|label| is_in(line, label)).collect();
        !explained.is_empty() && explained.iter().all(|label| left_out.contains(label))
    };
    let count = text.lines().filter(of_others).count();
    let kept: Vec<&str> = text.lines().filter(|line| !of_others(line)).collect();
    *text = kept.join("\n") + "\n";
    count
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid("data", "invalid_data", message)
}

#[cfg(test)]
mod tests {
    use super::super::templates;
    use super::*;

    fn fit(template: &str, language: &str, table: &str, label: Option<&str>) -> Result<Fitted> {
        let language = if language == "zh" { "zh" } else { "en" };
        Template::fitted(template, Some(language), &of(table, RowFormat::Csv, label))
    }

    fn of<'a>(text: &'a str, format: RowFormat, label: Option<&'a str>) -> LabelledTable<'a> {
        LabelledTable { bytes: text.as_bytes(), format, label, input: None }
    }

    fn task(fitted: &Fitted) -> Task {
        let (task, problems) = file::read("t", &fitted.source);
        task.unwrap_or_else(|| panic!("{problems:?}\n{}", fitted.source))
    }

    #[test]
    fn its_field_is_the_column_and_its_labels_are_those_of_the_rows() {
        let table = "id,message,kind\n1,The lamp is broken,bug\n2,Please add a dark mode,idea\n3,It crashes,bug\n";
        let fitted = fit("classify", "en", table, Some("kind")).expect("fits");
        assert_eq!(fitted.input, Some(("text".to_owned(), "message".to_owned())));
        assert_eq!((fitted.labels[0].labels.join(" "), fitted.labels[0].left_out.len()), ("bug idea".to_owned(), 5));
        assert_eq!((fitted.examples_left_out, fitted.lines_left_out), (5, 1));
        let task = task(&fitted);
        assert_eq!((task.input[0].name.as_str(), task.labels()), ("message", Some(vec!["bug", "idea"])));
        assert!(task.instructions.contains("{{ message }}") && !task.instructions.contains("billing"), "{task:?}");
        assert!(fitted.source.contains("# An answer is one of these labels."), "{}", fitted.source);
        let rows = crate::labelled(&task, table.as_bytes(), RowFormat::Csv, Some("kind")).expect("rows");
        assert_eq!((rows.examples.len(), rows.wrong), (3, vec![]));
    }

    #[test]
    fn a_record_is_fitted_by_the_columns_that_are_its_fields() {
        let table = "评价,sentiment\n屏幕很好,正面\n电池不行,负面\n一般,说不清\n";
        let fitted = fit("opinion", "zh", table, None).expect("fits");
        let task = task(&fitted);
        assert_eq!(task.output["properties"]["sentiment"]["enum"], serde_json::json!(["正面", "负面", "说不清"]));
        assert_eq!(fitted.labels[0].left_out, ["有褒有贬"]);
        // One example speaks of a label that is gone; the other is asked as the rows are.
        assert_eq!((task.examples.len(), &task.examples[0].output["sentiment"]), (1, &Value::from("正面")));
        assert!(task.examples[0].input.contains_key("评价"), "{task:?}");
    }

    #[test]
    fn every_template_stays_as_it_is_for_its_own_sample() {
        for template in templates() {
            let fitted = Template::fitted(template.name, None, &of(template.sample, RowFormat::JsonLines, None));
            let fitted = fitted.expect(template.name);
            assert_eq!(fitted.language, template.language, "{}", template.name);
            assert_eq!(fitted.source, template.task, "{} {}", template.name, template.language);
            assert_eq!((fitted.input, fitted.labels.len(), fitted.wrong), (None, 0, 0));
        }
    }

    #[test]
    fn every_field_of_a_template_can_be_called_otherwise() {
        for template in templates().iter().filter(|template| !template.sample.contains("\"terms\"")) {
            let field = template.read(template.task).expect("a task").input[0].name.clone();
            let rows = template.sample.replace(&format!("\"{field}\":"), "\"column\":");
            let fitted =
                Template::fitted(template.name, None, &of(&rows, RowFormat::JsonLines, None)).expect(template.name);
            assert_eq!(fitted.input, Some((field.clone(), "column".to_owned())), "{}", template.name);
            let task = task(&fitted);
            assert!(task.instructions.contains("{{ column }}"), "{}", fitted.source);
            let read = crate::labelled(&task, rows.as_bytes(), RowFormat::JsonLines, None).expect("rows");
            assert_eq!(read.wrong, [], "{}", template.name);
        }
    }

    #[test]
    fn a_column_of_any_name_is_read() {
        for (column, word) in [
            ("Review Text", "Review_Text"),
            ("评论 内容", "评论_内容"),
            ("text (en)", "text_en"),
            ("2024", "_2024"),
            ("Kunden-Nr.", "Kunden_Nr"),
            ("How was it?", "How_was_it"),
        ] {
            for (template, label) in [("classify", "label"), ("opinion", "sentiment")] {
                let table = format!(
                    "No.,Bought here?,{column},{label}\n1,yes,The lamp is broken,negative\n2,no,It is a very good lamp,positive\n"
                );
                let fitted = fit(template, "en", &table, None).expect(column);
                assert_eq!(fitted.input, Some(("text".to_owned(), column.to_owned())), "{template}");
                let task = task(&fitted);
                assert_eq!((task.input.len(), task.input[0].optional), (1, false), "{}", fitted.source);
                assert_eq!((task.input[0].name.as_str(), &*task.input[0].word()), (column, word));
                assert!(task.instructions.contains(&format!("{{{{ {word} }}}}")), "{}", fitted.source);
                let read = crate::labelled(&task, table.as_bytes(), RowFormat::Csv, None).expect("rows");
                assert_eq!((read.examples.len(), read.wrong), (2, vec![]), "{template}: {column}");
                // A table that is run has its other columns, too.
                let rows = records(table.as_bytes(), RowFormat::Csv).expect("rows");
                let rows: Vec<Map<String, Value>> = rows.into_iter().map(|row| row.fields.expect("a row")).collect();
                for row in read.examples.iter().chain(&task.examples).map(|example| &example.input).chain(&rows) {
                    let text = row[column].as_str().expect("a text");
                    let told = crate::routes::told(&task, row, "").expect(column);
                    assert!(told.contains(text) && !told.contains("{{"), "{told}");
                }
            }
        }
    }

    #[test]
    fn what_is_read_is_the_column_with_most_to_read() {
        for (table, label, column) in [
            (
                "url,title,label\nhttps://example.org/a/long/address,Good,x\nhttps://example.org/b,Bad,y\n",
                None,
                "title",
            ),
            ("id,short,long,label\n1,a b,a b c d e,x\n2,c,f g h,y\n", None, "long"),
            (
                "ticket,subject,at,label\n0b0e7a1c-1f2d-4c3b,Login broken,2026-11-27T10:00:00,x\nf,Bad,2026,y\n",
                None,
                "subject",
            ),
            ("address,label\nhttps://a.example,x\nhttps://b.example,y\n", None, "address"),
            ("answer,score\nIt is so,x\nIt is not,y\n", Some("score"), "answer"),
        ] {
            let fitted = fit("classify", "en", table, label).expect(table);
            assert_eq!(fitted.input, Some(("text".to_owned(), column.to_owned())), "{table}");
        }
    }

    #[test]
    fn a_column_can_be_named_and_rows_may_be_nested() {
        let table = "id,title,body,label\n1,Good,It is very good,x\n2,Bad,It is very bad,y\n";
        let named =
            |input| Template::fitted("classify", None, &LabelledTable { input, ..of(table, RowFormat::Csv, None) });
        assert_eq!(named(Some("title")).expect("fits").input, Some(("text".to_owned(), "title".to_owned())));
        assert!(named(Some("nothing")).expect_err("none").to_string().contains("there are id, title, body"));
        let nested = "{\"input\": {\"body\": \"so good\"}, \"output\": \"x\"}\n{\"input\": {\"body\": \"so bad\"}, \"output\": \"y\"}\n";
        let fitted = Template::fitted("classify", None, &of(nested, RowFormat::JsonLines, None)).expect("fits");
        assert_eq!((fitted.input, fitted.examples), (Some(("text".to_owned(), "body".to_owned())), 2));
    }

    #[test]
    fn the_language_is_that_of_the_texts_or_of_what_comes_out() {
        let chinese = "id,内容,label\n0b0e7a1c-1f2d-4c3b-0b0e7a1c-1f2d-4c3b,灯坏了,甲\n2,真好,乙\n";
        let english = "text,output\n今天下雨,It rains today\n明天晴,Fine tomorrow\n";
        let table = |text| of(text, RowFormat::Csv, None);
        assert_eq!(Template::fitted("classify", None, &table(chinese)).expect("fits").language, "zh");
        assert_eq!(Template::fitted("classify", Some("en"), &table(chinese)).expect("fits").language, "en");
        assert_eq!(Template::fitted("translate", None, &table(english)).expect("fits").language, "en");
        let swapped = "text,output\nIt rains today,今天下雨\nFine tomorrow,明天晴\n";
        assert_eq!(Template::fitted("translate", None, &table(swapped)).expect("fits").language, "zh");
    }

    #[test]
    fn what_explains_a_label_that_stays_stays() {
        let fitted = fit("classify", "en", "text,label\nmy bill,billing\nbuy now,spam\n", None).expect("fits");
        assert_eq!((fitted.labels[0].labels.join(" "), fitted.lines_left_out), ("billing spam".to_owned(), 0));
        assert_eq!(fitted.examples_left_out, 4);
    }

    #[test]
    fn conversations_keep_the_templates_field() {
        let lines = r#"{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "greeting"}]}
{"messages": [{"role": "user", "content": "bye"}, {"role": "assistant", "content": "farewell"}]}
"#;
        let fitted = Template::fitted("classify", None, &of(lines, RowFormat::JsonLines, None)).expect("fits");
        assert_eq!((fitted.input.clone(), task(&fitted).labels()), (None, Some(vec!["greeting", "farewell"])));
    }

    #[test]
    fn what_cannot_be_fitted_is_said() {
        let many: String = (0..300).map(|at| format!("row {at},label {at}\n")).collect();
        for (template, table, label, said) in [
            ("classify", "text\nabc\n", None, "say which column it is (label, on the command line --label)"),
            ("classify", "label,tags\nx,a\ny,b\n", None, "there are none besides the label; call one `text`"),
            ("classify", "id,label\n1,a\n2,b\n", None, "no column could be the template's `text`"),
            ("opinion", "text,label\nabc,x\n", None, "answers with `sentiment`, `aspects`"),
            ("opinion", "review,label\nabc,1\ndef,0\n", None, "its label is not what the task answers: 1"),
            ("opinion", "review,stars\nabc,1\ndef,0\n", Some("stars"), "its label is not what the task answers"),
            ("classify", "text,label\n", None, "there is no row in it"),
            ("classify", "", None, "names the columns"),
            ("classify", &format!("text,label\n{many}"), None, "300 different labels in 300 rows"),
        ] {
            let error = fit(template, "en", table, label).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
        let error = Template::fitted("classify", None, &of("{\"a\"\n", RowFormat::JsonLines, None));
        let error = error.expect_err("no JSON").to_string();
        assert!(error.contains("row 1: this line is no JSON"), "{error}");
    }
}
