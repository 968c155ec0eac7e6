//! Answers that people graded: what a judge is held against.

use std::path::Path;

use domain::{Example, Metric, Task};
use serde_json::{Map, Value};

use crate::run::records;
use crate::{Error, Result, Row, RowFormat};

/// An answer and the grade a person gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct GradedRow {
    /// Which row of the file, from 1.
    pub row: usize,
    /// The row, and the expected answer; `null` where there is none.
    pub example: Example,
    /// The answer.
    pub answer: Value,
    /// The grade, 0 (worst) to 1 (best).
    pub human: f64,
}

/// Answers that people graded, and what is wrong with the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Graded {
    /// Sound rows, in order.
    pub rows: Vec<GradedRow>,
    /// Rows that are none, and why.
    pub wrong: Vec<(usize, String)>,
}

/// Words for grades, and where they stand between worst and best.
const WORDS: [(&str, f64); 16] = [
    ("fail", 0.0),
    ("no", 0.0),
    ("bad", 0.0),
    ("worse", 0.0),
    ("不合格", 0.0),
    ("差", 0.0),
    ("更差", 0.0),
    ("tie", 0.5),
    ("平", 0.5),
    ("pass", 1.0),
    ("yes", 1.0),
    ("good", 1.0),
    ("better", 1.0),
    ("合格", 1.0),
    ("好", 1.0),
    ("更好", 1.0),
];

/// Reads answers that people graded: rows of `{"input": {...}, "expected": ..., "answer": ..., "score": ...}`, or tables whose other columns are the
/// input. `score` is between 0 and 1, true or false, or pass or fail; where any is above 1 all are grades of the scale, as is `grade` always.
///
/// # Errors
/// [`Error::Invalid`] if the whole is not what its format says, or no row is sound. A row that is wrong is kept with the reason.
pub fn graded(task: &Task, path: &Path) -> Result<Graded> {
    let bytes = std::fs::read(path).map_err(|error| {
        Error::invalid(
            "graded",
            "unreadable",
            format!("{} cannot be read: {error}; name a file of graded answers", path.display()),
        )
    })?;
    let records = records(&bytes, RowFormat::of(path)?)?;
    // A score above 1 is a grade, and then so are the others.
    let number = |row: &Row| row.fields.as_ref().ok().and_then(|fields| typed(fields.get("score")?).as_f64());
    let scale = records.iter().filter_map(number).any(|score| score > 1.0);
    let mut all = Graded { rows: Vec::new(), wrong: Vec::new() };
    for Row { number, fields } in records {
        match fields.and_then(|fields| row(task, number, fields, scale)) {
            Ok(row) => all.rows.push(row),
            Err(why) => all.wrong.push((number, why)),
        }
    }
    if all.rows.is_empty() {
        let why = all.wrong.first().map_or("it is empty".to_owned(), |(row, why)| format!("row {row}: {why}"));
        let message = format!("{} has no graded answer of '{}': {why}", path.display(), task.name);
        return Err(Error::invalid("graded", "no_graded_answer", message));
    }
    Ok(all)
}

fn row(
    task: &Task,
    number: usize,
    mut fields: Map<String, Value>,
    scale: bool,
) -> std::result::Result<GradedRow, String> {
    let answer = fields.remove("answer").ok_or("it has no `answer`")?;
    let (score, grade) = (fields.remove("score"), fields.remove("grade"));
    let human = match (grade, score) {
        (Some(grade), _) => human(&typed(&grade), task, true)?,
        (None, Some(score)) => human(&typed(&score), task, scale)?,
        (None, None) => return Err("it has no `score` and no `grade`".to_owned()),
    };
    let output = ["expected", "output"].iter().find_map(|key| fields.remove(*key)).filter(|value| *value != "");
    let output = output.unwrap_or_default();
    let input = match fields.remove("input") {
        Some(Value::Object(input)) => input,
        Some(text) if fields.is_empty() && task.input.len() == 1 => {
            Map::from_iter([(task.input[0].name.clone(), text)])
        }
        Some(text) => {
            fields.insert("input".to_owned(), text);
            fields
        }
        None => fields,
    };
    let empty = |name: &str| input.get(name).is_none_or(|value| value.is_null() || value == "");
    if let Some(field) = task.input.iter().find(|field| !field.optional && empty(&field.name)) {
        return Err(format!("the field `{}` is missing or empty", field.name));
    }
    if task.metric == Metric::JudgePairwise && output.is_null() {
        return Err("it has no `expected` answer to compare with".to_owned());
    }
    Ok(GradedRow { row: number, example: Example::new(input, output), answer, human })
}

/// Tables hold texts.
fn typed(value: &Value) -> Value {
    match value {
        Value::String(text) => text.trim().parse::<f64>().map_or_else(|_| value.clone(), Value::from),
        other => other.clone(),
    }
}

fn human(value: &Value, task: &Task, scale: bool) -> std::result::Result<f64, String> {
    let best = f64::from(task.judging.scale);
    let known = |text: &str| WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim())).map(|(_, at)| *at);
    let read = match value {
        Value::Bool(good) => Some(f64::from(*good)),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(1.0),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(0.0),
        Value::String(text) => known(text),
        other => other.as_f64().map(|number| if scale { (number - 1.0) / (best - 1.0) } else { number }),
    };
    read.filter(|score| (0.0..=1.0).contains(score)).ok_or_else(|| {
        format!("{value} is no grade: give 0 to 1, true or false, or a grade from 1 to {}", task.judging.scale)
    })
}
