//! A task's file: TOML, read by hand so that whatever is wrong is named by line, column and key, all of it at once.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use domain::{Constraints, Example, Field, Metric, Task};
use serde::Serialize;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{costs, judging, limits, output};
use crate::Candidate;

/// Something wrong in a task's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The key it is about, by path (`output.aspects.polarity`); empty if it is about none.
    pub key: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { String::new() } else { format!("{}: ", self.key) };
        write!(f, "{}:{}: {key}{}", self.line, self.column, self.message)
    }
}

impl Problem {
    pub(super) fn not_text(bytes: &[u8], at: usize) -> Self {
        let before = String::from_utf8_lossy(&bytes[..at]).into_owned();
        let (line, column) = place(&before, at);
        Self { line, column, key: String::new(), message: "this is not UTF-8; save the file as UTF-8".to_owned() }
    }
}

/// A value with where it stands.
pub(super) type At<'a, 'i> = &'a Spanned<DeValue<'i>>;

/// What was found wrong so far.
pub(super) struct Problems<'a> {
    text: &'a str,
    all: Vec<Problem>,
}

impl Problems<'_> {
    pub(super) fn say(&mut self, at: Range<usize>, key: &str, message: impl Into<String>) {
        let (line, column) = place(self.text, at.start);
        self.all.push(Problem { line, column, key: key.to_owned(), message: message.into() });
    }
}

const KEYS: [&str; 14] = [
    "description",
    "input",
    "output",
    "output_schema",
    "instructions",
    "examples",
    "metric",
    "knowledge_base",
    "policy",
    "candidates",
    "constraints",
    "costs",
    "judge",
    "similarity",
];

/// What stands for the passages of a knowledge base in instructions.
pub(crate) const PASSAGES: &str = "passages";

/// Reads a task; nothing if a problem was found.
pub(super) fn read(name: &str, text: &str) -> (Option<Task>, Vec<Problem>) {
    let mut problems = Problems { text, all: Vec::new() };
    // A byte-order mark is what some editors put before everything.
    let (table, errors) = DeTable::parse_recoverable(text.strip_prefix('\u{feff}').unwrap_or(text));
    for error in errors {
        // Keys in Chinese are keys, but not without quotes.
        let remedy = if error.message().contains("unquoted key") { "; put the key in quotes" } else { "" };
        problems.say(error.span().unwrap_or(0..0), "", format!("{}{remedy}", error.message()));
    }
    if !problems.all.is_empty() {
        return (None, problems.all);
    }
    let task = task(name, table.get_ref(), &mut problems);
    problems.all.sort_by_key(|problem| (problem.line, problem.column));
    (problems.all.is_empty().then_some(task), problems.all)
}

fn task(name: &str, table: &DeTable<'_>, problems: &mut Problems<'_>) -> Task {
    for key in table.keys() {
        if !KEYS.contains(&key.get_ref().as_ref()) {
            problems.say(key.span(), key.get_ref(), unknown(key.get_ref(), &KEYS));
        }
    }
    let input = match table.get("input") {
        Some(value) => fields(value, problems),
        None => vec![Field { name: "text".to_owned(), description: String::new(), optional: false }],
    };
    let output = match (table.get("output"), table.get("output_schema")) {
        (Some(_), Some(schema)) => {
            problems.say(schema.span(), "output_schema", "there is `output` besides; keep one of the two");
            Value::Null
        }
        (Some(short), None) => output::short_form(short, "output", problems),
        (None, Some(schema)) => output::schema(schema, problems),
        (None, None) => serde_json::json!({"type": "string"}),
    };
    let instructions = string(table, "instructions", problems);
    match (table.get("instructions"), instructions.trim()) {
        (None, _) => problems.say(0..0, "instructions", "there are none; say what the model is to do with a row"),
        (Some(value), "") => problems.say(value.span(), "instructions", "they are empty; say what the model is to do"),
        (Some(value), _) => {
            let passages = table.contains_key("knowledge_base");
            check_template(&instructions, &input, passages, value.span(), problems);
        }
    }
    let mut task = Task {
        description: string(table, "description", problems),
        input,
        instructions,
        knowledge_base: table.get("knowledge_base").map(|_| string(table, "knowledge_base", problems)),
        constraints: table.get("constraints").map_or_else(Constraints::default, |value| limits::read(value, problems)),
        ..Task::new(name, output)
    };
    if let Some(value) = table.get("policy") {
        (task.policy, task.sensitivity_field) = limits::policy(value, problems);
    }
    if let Some(value) = table.get("costs") {
        let labels = task.labels();
        task.costs = costs::read(value, labels.as_deref(), problems);
    }
    if let Some(value) = table.get("candidates") {
        task.candidates = candidates(value, &task, problems);
    }
    task.metric = metric(table, &task, problems);
    judging::read(table, &mut task, problems);
    if let Some(value) = table.get("knowledge_base")
        && task.knowledge_base.as_deref() == Some("")
    {
        problems.say(value.span(), "knowledge_base", "it is empty; name a knowledge base, or leave the key out");
    }
    if let Some(value) = table.get("examples") {
        task.examples = examples(value, &task, problems);
    }
    task
}

/// What is said, or what fits the form of answers.
fn metric(table: &DeTable<'_>, task: &Task, problems: &mut Problems<'_>) -> Metric {
    let usual = Metric::of(task);
    let Some(value) = table.get("metric") else { return usual };
    let said = string(table, "metric", problems);
    if said.is_empty() {
        return usual;
    }
    match said.parse() {
        Ok(Metric::Accuracy) if task.labels().is_none() => {
            problems.say(
                value.span(),
                "metric",
                "accuracy is of labels, and `output` is no list of labels; `exact` is near",
            );
            usual
        }
        Ok(Metric::Costs) if task.costs.is_none() => {
            problems.say(value.span(), "metric", "there are no costs to go by; say them in a table `[costs]`");
            usual
        }
        Ok(metric) => metric,
        Err(why) => {
            problems.say(value.span(), "metric", why);
            usual
        }
    }
}

/// `"auto"`, or ways that are compared, `ROUTE@MODEL` each.
fn candidates(value: At<'_, '_>, task: &Task, problems: &mut Problems<'_>) -> Vec<String> {
    let DeValue::Array(all) = value.get_ref() else {
        if !matches!(value.get_ref(), DeValue::String(text) if text == "auto") {
            let message = "it is neither \"auto\" nor a list such as [\"prompt@MODEL\", \"labels@MODEL\"]";
            problems.say(value.span(), "candidates", message);
        }
        return Vec::new();
    };
    let mut named = Vec::new();
    for (at, one) in all.iter().enumerate() {
        let said = match one.get_ref() {
            DeValue::String(text) => text.parse::<Candidate>().and_then(|candidate| match &candidate.variant {
                Some(variant) => Err(format!("'~{variant}' is of one decision; leave it out")),
                None => candidate.route.check(task).map_err(|error| error.to_string()).map(|()| candidate.to_string()),
            }),
            other => Err(format!("it is {}, and must be a string: ROUTE@MODEL", kind(other))),
        };
        match said {
            Ok(candidate) if named.contains(&candidate) => {
                problems.say(one.span(), &format!("candidates[{at}]"), format!("{candidate} is there twice"));
            }
            Ok(candidate) => named.push(candidate),
            Err(why) => problems.say(one.span(), &format!("candidates[{at}]"), why),
        }
    }
    named
}

fn string(table: &DeTable<'_>, key: &str, problems: &mut Problems<'_>) -> String {
    match table.get(key) {
        None => String::new(),
        Some(value) => match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            other => {
                problems.say(value.span(), key, format!("it is {}, and must be a string", kind(other)));
                String::new()
            }
        },
    }
}

/// `[input]`: names, and what is in them; a name that ends with `?` may be left out.
fn fields(value: At<'_, '_>, problems: &mut Problems<'_>) -> Vec<Field> {
    let DeValue::Table(table) = value.get_ref() else {
        let message = format!("it is {}, and must be a table: a field and what is in it", kind(value.get_ref()));
        problems.say(value.span(), "input", message);
        return Vec::new();
    };
    if table.is_empty() {
        problems.say(value.span(), "input", "it has no field; name what a row holds, such as `text = \"the review\"`");
    }
    let mut all: Vec<Field> = Vec::new();
    for (key, value) in table.iter() {
        let path = format!("input.{}", key.get_ref());
        let (name, optional) = field_of(key.get_ref());
        if name.is_empty() {
            problems.say(key.span(), &path, "a field needs a name: that of a column, or of a key");
        }
        if let Some(same) = all.iter().find(|field| field.word() == Field::word_of(&name)) {
            let message = format!(
                "`{}` and `{name}` are both '{{{{ {} }}}}' in instructions; call one of them otherwise",
                same.name,
                same.word()
            );
            problems.say(key.span(), &path, message);
        }
        match value.get_ref() {
            DeValue::String(description) => {
                all.push(Field { name, description: description.to_string(), optional });
            }
            other => {
                let mut message = format!("it is {}, and must say in a string what is in the field", kind(other));
                // What is written at the end of a file belongs to the table that was opened last.
                if KEYS.contains(&key.get_ref().as_ref()) {
                    message += &format!("; if the task's own `{}` is meant, put it above [input]", key.get_ref());
                }
                problems.say(value.span(), &path, message);
            }
        }
    }
    all
}

/// A key without the `?` that makes it optional.
pub(super) fn name_of(key: &str) -> (&str, bool) {
    key.strip_suffix('?').map_or((key, false), |name| (name, true))
}

/// The name of a field by its key in `[input]`, and whether a row may come without it. Heads of tables are questions, too, so that two `?` at the
/// end stand for one of the name.
fn field_of(key: &str) -> (String, bool) {
    let stem = key.trim_end_matches('?');
    let marks = key.len() - stem.len();
    (format!("{stem}{}", "?".repeat(marks / 2)), marks % 2 == 1)
}

/// The key in `[input]` of a field that a row needs.
pub(super) fn key_of(name: &str) -> String {
    let marks = &name[name.trim_end_matches('?').len()..];
    format!("{name}{marks}")
}

/// Instructions name fields that there are, each by its word.
fn check_template(text: &str, input: &[Field], passages: bool, at: Range<usize>, problems: &mut Problems<'_>) {
    let environment = minijinja::Environment::new();
    let template = match environment.template_from_str(text) {
        Ok(template) => template,
        Err(error) => {
            let remedy = by_name(text, input, |said, name| said.contains(name)).map(|remedy| format!("; {remedy}"));
            let message = format!("they are no template: {}{}", said(&error), remedy.unwrap_or_default());
            problems.say(at, "instructions", message);
            return;
        }
    };
    // To a template, `{{ 2024 }}` is a number, and `{{ text (en) }}` a call.
    if let Some(remedy) = by_name(text, input, |said, name| said == name) {
        problems.say(at, "instructions", remedy);
        return;
    }
    let words: Vec<Cow<'_, str>> = input.iter().map(Field::word).collect();
    let mut strange: Vec<String> = template
        .undeclared_variables(false)
        .into_iter()
        .filter(|name| words.iter().all(|word| *word != name.as_str()) && !(passages && name == PASSAGES))
        .collect();
    strange.sort();
    for name in strange {
        let message = if name == PASSAGES {
            "'{{ passages }}' are a knowledge base's; name one with `knowledge_base`".to_owned()
        } else {
            format!("'{{{{ {name} }}}}' is no field; there are {}", words.join(", "))
        };
        problems.say(at.clone(), "instructions", message);
    }
}

/// What to say instead where a template's braces name a field as it is called and not by its word; `is` compares what they hold with the name.
fn by_name(text: &str, input: &[Field], is: impl Fn(&str, &str) -> bool) -> Option<String> {
    let braces: Vec<&str> = [("{{", "}}"), ("{%", "%}")]
        .into_iter()
        .flat_map(|(open, close)| {
            text.split(open).skip(1).map(move |rest| rest.split(close).next().unwrap_or_default())
        })
        .map(|said| said.trim_matches(['-', '+']).trim())
        .collect();
    let field = input
        .iter()
        .filter(|field| !field.name.trim().is_empty() && field.word() != field.name.trim())
        .find(|field| braces.iter().any(|said| is(said, field.name.trim())))?;
    let Field { name, .. } = field;
    Some(format!("the field `{name}` is named by its word in instructions: say '{{{{ {} }}}}'", field.word()))
}

fn said(error: &minijinja::Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    error.line().map_or(what.clone(), |line| format!("{what}, in their line {line}"))
}

/// `[[examples]]`: each with `input` and `output` that fit.
fn examples(value: At<'_, '_>, task: &Task, problems: &mut Problems<'_>) -> Vec<Example> {
    let DeValue::Array(array) = value.get_ref() else {
        let message = format!("it is {}, and must be a list: write `[[examples]]` before each", kind(value.get_ref()));
        problems.say(value.span(), "examples", message);
        return Vec::new();
    };
    let answer = jsonschema::validator_for(&task.output).ok();
    let mut all = Vec::new();
    for (number, value) in array.iter().enumerate() {
        let path = format!("examples[{number}]");
        let DeValue::Table(table) = value.get_ref() else {
            let message = format!("it is {}, and must be a table with `input` and `output`", kind(value.get_ref()));
            problems.say(value.span(), &path, message);
            continue;
        };
        for key in table.keys().filter(|key| !["input", "output"].contains(&key.get_ref().as_ref())) {
            problems.say(key.span(), &path, unknown(key.get_ref(), &["input", "output"]));
        }
        let (Some(input), Some(output)) = (table.get("input"), table.get("output")) else {
            problems.say(value.span(), &path, "it needs `input` and `output`");
            continue;
        };
        let row = row(input, &format!("{path}.input"), task, problems);
        let expected = json(output.get_ref());
        if let Some(error) = answer.as_ref().and_then(|answer| answer.iter_errors(&expected).next()) {
            let message = format!("it is not what the task answers: {error}");
            problems.say(output.span(), &format!("{path}.output"), message);
        }
        all.push(Example::new(row, expected));
    }
    all
}

fn row(value: At<'_, '_>, path: &str, task: &Task, problems: &mut Problems<'_>) -> Map<String, Value> {
    let DeValue::Table(table) = value.get_ref() else {
        // A task of one field needs no name for it.
        if let [only] = task.input.as_slice() {
            return Map::from_iter([(only.name.clone(), json(value.get_ref()))]);
        }
        problems.say(
            value.span(),
            path,
            format!("it is {}, and must be a table of the task's fields", kind(value.get_ref())),
        );
        return Map::new();
    };
    let names: Vec<&str> = task.input.iter().map(|field| field.name.as_str()).collect();
    for key in table.keys().filter(|key| !names.contains(&key.get_ref().as_ref())) {
        problems.say(key.span(), path, unknown(key.get_ref(), &names));
    }
    for field in task.input.iter().filter(|field| !field.optional && !table.contains_key(field.name.as_str())) {
        problems.say(value.span(), path, format!("the field `{}` is missing", field.name));
    }
    table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect()
}

/// What is said of a key that is not known.
pub(super) fn unknown(key: &str, known: &[&str]) -> String {
    let near = known.iter().min_by_key(|name| distance(key, name)).filter(|name| distance(key, name) <= 2);
    match near {
        Some(near) => format!("'{key}' is not known; `{near}` is near"),
        None => format!("'{key}' is not known; there are {}", known.join(", ")),
    }
}

/// Letters to change, put in or take out (Levenshtein 1966).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}

/// What a value is, for people.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The same in JSON; a date is its text.
pub(super) fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(is) => Value::from(*is),
        DeValue::Datetime(date) => Value::from(date.to_string()),
        DeValue::Array(array) => array.iter().map(|value| json(value.get_ref())).collect(),
        DeValue::Table(table) => {
            Value::Object(table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect())
        }
    }
}

/// Line and column, from 1, of a byte.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at.min(text.len()))];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
