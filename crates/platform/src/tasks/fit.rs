//! A template fitted to somebody's table: its field is called as the column is, and its labels are those that the rows have.

use std::collections::HashSet;

use domain::{Example, Task};
use serde::Serialize;
use serde_json::{Map, Value};

use super::file::{self, is_identifier};
use super::{Template, edit};
use crate::data::{LABELS, Reader, TAGS};
use crate::run::records;
use crate::{Error, Result, RowFormat};

/// More labels than this are hardly labels to choose from.
const MOST_LABELS: usize = 200;
/// Rows that tell in which language they are.
const LOOKED_AT: usize = 200;

/// A template as it is for a table, and what was changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fitted {
    /// The task's file.
    #[serde(skip)]
    pub source: String,
    /// The column that stands for the template's field, if that has another name: the field, the column.
    pub input: Option<(String, String)>,
    /// What is chosen from, where the rows say otherwise than the template.
    pub labels: Vec<FittedLabels>,
    /// Examples of the template that have a label which is none any more.
    pub examples_left_out: usize,
    /// Lines of the instructions that explained the template's own labels.
    pub lines_left_out: usize,
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
    /// The template for a table of labelled rows; `label` names the column of the label, if it is none of the usual.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the table is none, has no column that could be the template's field, or no row has a label.
    pub fn fitted(&self, bytes: &[u8], format: RowFormat, label: Option<&str>) -> Result<Fitted> {
        let records = records(bytes, format)?;
        let broken = records.iter().find_map(|row| Some((row.number, row.fields.as_ref().err()?.clone())));
        let rows: Vec<Map<String, Value>> = records.into_iter().filter_map(|row| row.fields.ok()).collect();
        if let (true, Some((number, why))) = (rows.is_empty(), broken) {
            return Err(invalid(format!("row {number}: {why}")));
        }
        let mut keys = edit::keys(self.task)?;
        let input = column(&self.read(self.task)?, &rows, label)?;
        if let Some((field, column)) = &input {
            rename(&mut keys, field, column);
        }
        let source = self.set(self.task, &keys)?;
        let task = self.read(&source)?;
        let examples = labelled(&task, rows, label)?;
        let labels = labels(&task, &examples)?;
        let (mut examples_left_out, mut lines_left_out) = (0, 0);
        for fitted in &labels {
            choose_from(&mut keys, fitted);
            examples_left_out += keep_examples(&mut keys, fitted);
            lines_left_out += keep_lines(&mut keys, &old_labels(&task, fitted.field.as_deref()));
        }
        let source = self.set(&source, &keys)?;
        self.read(&source)?;
        Ok(Fitted { source, input, labels, examples_left_out, lines_left_out })
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

/// Whether the texts of a table are Chinese, by the characters of its first rows.
///
/// # Errors
/// [`Error::Invalid`] if the table is none.
pub fn is_chinese_table(bytes: &[u8], format: RowFormat) -> Result<bool> {
    let rows = records(bytes, format)?.into_iter().take(LOOKED_AT).filter_map(|row| row.fields.ok());
    let texts: Vec<String> = rows.map(|row| crate::routes::plain(&row)).collect();
    Ok(knowledge::han_share(&texts.join("\n")) > 0.3)
}

/// The column for the field that the table does not have, if there is such a field.
fn column(task: &Task, rows: &[Map<String, Value>], label: Option<&str>) -> Result<Option<(String, String)>> {
    let columns = columns(rows, label);
    let there = |name: &str| columns.iter().any(|(column, _)| column == name);
    let missing: Vec<&str> =
        task.input.iter().filter(|field| !field.optional && !there(&field.name)).map(|field| &*field.name).collect();
    let [field] = missing.as_slice() else { return Ok(None) };
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let answers = |name: &str| task.output.get("properties").is_some_and(|all| all.get(name).is_some());
    let taken = |name: &str| {
        label.map_or(LABELS.contains(&name), |label| label == name)
            || name == TAGS
            || answers(name)
            || task.input.iter().any(|field| field.name == name)
    };
    // Of several columns the text is the one with most to read.
    let longest = columns.iter().filter(|(name, _)| !taken(name)).max_by_key(|(_, characters)| *characters);
    match longest {
        None if columns.is_empty() => Ok(None),
        Some((name, 1..)) if is_identifier(name) => Ok(Some(((*field).to_owned(), name.clone()))),
        Some((name, 1..)) => Err(invalid(format!(
            "the column '{name}' seems to be what is to be read, and its name is no word of letters, digits and `_`, by which instructions \
             could name it; rename it in the head of the table, `{field}` for instance"
        ))),
        _ => Err(invalid(format!(
            "no column could be the template's `{field}`, what is to be read: there are {}; call one `{field}`",
            names.join(", ")
        ))),
    }
}

/// The names of columns with the characters of their texts in all, in the order of the table. Conversations have turns instead.
fn columns(rows: &[Map<String, Value>], label: Option<&str>) -> Vec<(String, usize)> {
    let mut columns: Vec<(String, usize)> = Vec::new();
    for row in rows {
        let turns = ["messages", "conversations"].iter().any(|key| row.contains_key(*key));
        if turns || label.is_none() && row.contains_key("instruction") && row.contains_key("output") {
            continue;
        }
        for (name, value) in row.get("input").and_then(Value::as_object).unwrap_or(row) {
            // An address is long, and nothing to read.
            let text = value.as_str().filter(|text| !text.trim_start().starts_with("http"));
            let characters = text.map_or(0, |text| text.chars().count());
            match columns.iter_mut().find(|(column, _)| column == name) {
                Some((_, all)) => *all += characters,
                None => columns.push((name.clone(), characters)),
            }
        }
    }
    columns
}

/// Calls a field of the template's rows otherwise.
fn rename(keys: &mut Map<String, Value>, field: &str, column: &str) {
    let renamed = |fields: &Value| -> Value {
        let fields = fields.as_object().cloned().unwrap_or_default();
        fields.into_iter().map(|(name, value)| (if name == field { column.to_owned() } else { name }, value)).collect()
    };
    if let Some(input) = keys.get_mut("input") {
        *input = renamed(input);
    }
    if let Some(Value::String(text)) = keys.get_mut("instructions") {
        *text = text.replace(&format!("{{{{ {field} }}}}"), &format!("{{{{ {column} }}}}"));
    }
    for example in keys.get_mut("examples").and_then(Value::as_array_mut).into_iter().flatten() {
        example["input"] = renamed(&example["input"]);
    }
}

/// The rows as examples, whatever their labels are.
fn labelled(task: &Task, rows: Vec<Map<String, Value>>, label: Option<&str>) -> Result<Vec<Example>> {
    let reader = Reader::new(task, label)?;
    let (mut examples, mut wrong) = (Vec::new(), None);
    for row in rows {
        match reader.unchecked(row) {
            Ok(example) => examples.push(example),
            Err(why) => wrong = wrong.or(Some(why)),
        }
    }
    match (examples.is_empty(), wrong) {
        (false, _) => Ok(examples),
        (true, Some(why)) => {
            let fields = task.output.get("properties").and_then(Value::as_object);
            let fields = fields.map(|fields| fields.keys().map(String::as_str).collect::<Vec<_>>().join("`, `"));
            let wanted = fields.map_or_else(String::new, |fields| {
                format!("; the template answers with `{fields}`: call the columns so")
            });
            Err(invalid(format!("no row is an example that the template could be fitted to: {why}{wanted}")))
        }
        (true, None) => Err(invalid("there is no row in it; give labelled rows, or begin without a table")),
    }
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
        if said.len() > MOST_LABELS || said.len() > 20 && said.len() * 2 > examples.len() {
            let whose = field.map_or_else(String::new, |field| format!(" of `{field}`"));
            return Err(invalid(format!(
                "{} different labels{whose} in {} rows are no labels to choose from; is another column meant (--label), or is the answer a text \
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

/// Leaves the lines out that explain the template's labels (`billing: prices...`), which are others now; how many.
fn keep_lines(keys: &mut Map<String, Value>, old: &[String]) -> usize {
    let Some(Value::String(text)) = keys.get_mut("instructions") else { return 0 };
    let explains =
        |line: &&str| old.iter().any(|label| [":", "："].iter().any(|c| line.contains(&format!("{label}{c}"))));
    let left_out = text.lines().filter(explains).count();
    let kept: Vec<&str> = text.lines().filter(|line| !explains(line)).collect();
    *text = kept.join("\n") + "\n";
    left_out
}

fn invalid(message: impl Into<String>) -> Error {
    Error::invalid("data", "invalid_data", message)
}

#[cfg(test)]
mod tests {
    use super::super::templates;
    use super::*;

    fn fit(template: &str, language: &str, table: &str, label: Option<&str>) -> Result<Fitted> {
        Template::of(template, language).expect("a template").fitted(table.as_bytes(), RowFormat::Csv, label)
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
            let fitted = template.fitted(template.sample.as_bytes(), RowFormat::JsonLines, None).expect(template.name);
            assert_eq!(fitted.source, template.task, "{} {}", template.name, template.language);
            assert_eq!((fitted.input, fitted.labels.len()), (None, 0));
        }
    }

    #[test]
    fn every_field_of_a_template_can_be_called_otherwise() {
        for template in templates().iter().filter(|template| !template.sample.contains("\"terms\"")) {
            let field = template.read(template.task).expect("a task").input[0].name.clone();
            let rows = template.sample.replace(&format!("\"{field}\":"), "\"column\":");
            let fitted = template.fitted(rows.as_bytes(), RowFormat::JsonLines, None).expect(template.name);
            assert_eq!(fitted.input, Some((field.clone(), "column".to_owned())), "{}", template.name);
            let task = task(&fitted);
            assert!(task.instructions.contains("{{ column }}"), "{}", fitted.source);
            let read = crate::labelled(&task, rows.as_bytes(), RowFormat::JsonLines, None).expect("rows");
            assert_eq!(read.wrong, [], "{}", template.name);
        }
    }

    #[test]
    fn what_is_read_is_the_column_with_most_to_read() {
        for (table, label, column) in [
            ("url,title,label\nhttps://example.org/a/long/address,Good,x\nhttps://example.org/b,Bad,y\n", None, "title"),
            ("id,short,long,label\n1,a b,a b c d e,x\n2,c,f g h,y\n", None, "long"),
            ("answer,score\nIt is so,x\nIt is not,y\n", Some("score"), "answer"),
        ] {
            let fitted = fit("classify", "en", table, label).expect(table);
            assert_eq!(fitted.input, Some(("text".to_owned(), column.to_owned())), "{table}");
        }
    }

    #[test]
    fn conversations_keep_the_templates_field() {
        let lines = r#"{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "greeting"}]}
{"messages": [{"role": "user", "content": "bye"}, {"role": "assistant", "content": "farewell"}]}
"#;
        let template = Template::of("classify", "en").expect("a template");
        let fitted = template.fitted(lines.as_bytes(), RowFormat::JsonLines, None).expect("fits");
        assert_eq!((fitted.input.clone(), task(&fitted).labels()), (None, Some(vec!["greeting", "farewell"])));
    }

    #[test]
    fn what_cannot_be_fitted_is_said() {
        let many: String = (0..300).map(|at| format!("row {at},label {at}\n")).collect();
        for (template, table, label, said) in [
            ("classify", "text\nabc\n", None, "name its column with --label"),
            ("classify", "my text,label\nabc,x\ndef,y\n", None, "the column 'my text' seems to be"),
            ("classify", "label,tags\nx,a\ny,b\n", None, "no column could be the template's `text`"),
            ("opinion", "text,label\nabc,x\n", None, "answers with `sentiment`, `aspects`"),
            ("classify", "text,label\n", None, "there is no row in it"),
            ("classify", "", None, "names the columns"),
            ("classify", &format!("text,label\n{many}"), None, "300 different labels in 300 rows"),
        ] {
            let error = fit(template, "en", table, label).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
        let template = Template::of("classify", "en").expect("a template");
        let error = template.fitted(b"{\"a\"\n", RowFormat::JsonLines, None).expect_err("no JSON").to_string();
        assert!(error.contains("row 1: this line is no JSON"), "{error}");
    }
}
