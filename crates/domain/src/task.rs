//! What is wanted of a model, whichever way it is done.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Costs, Metric, Policy};

/// A task: from the fields of a row to an answer of a stated form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The name of its file, without `.toml`.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// The fields of a row, in order.
    pub input: Vec<Field>,
    /// JSON Schema of an answer; `{"type": "string"}` where any text will do.
    pub output: Value,
    /// What the model is told; `{{ word }}` stands for the field of a row that has this [`Field::word`].
    pub instructions: String,
    /// Rows with the answers they should get.
    pub examples: Vec<Example>,
    /// How good an answer is.
    pub metric: Metric,
    /// The knowledge base whose passages stand for `{{ passages }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knowledge_base: Option<String>,
    /// Which models may see its rows.
    #[serde(default)]
    pub policy: Policy,
    /// The field of a row that says how sensitive it is, if that is more than the policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity_field: Option<String>,
    /// Ways of doing it that are compared where nobody says which, `ROUTE@MODEL`; none: all that fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<String>,
    /// What a way of doing it must keep to, whatever it scores.
    #[serde(default)]
    pub constraints: Constraints,
    /// What wrong labels cost, and no label; only for tasks that answer with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<Costs>,
    /// How a model grades its answers, where the metric has one do it.
    #[serde(default, skip_serializing_if = "Judging::is_usual")]
    pub judging: Judging,
    /// The embedding model of the metric `similarity`; `None`: the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity_model: Option<String>,
}

/// How a language model grades answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judging {
    /// What makes an answer good, in words.
    pub rubric: String,
    /// Who grades; `None`: the default language model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The best grade, 1 being the worst; with 2, an answer passes or fails.
    pub scale: u8,
    /// A file of answers that people graded, which the judge is held against; beside `tasks/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graded: Option<String>,
}

impl Default for Judging {
    fn default() -> Self {
        Self { rubric: String::new(), model: None, scale: 5, graded: None }
    }
}

impl Judging {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What a way of doing a task must keep to; of ways that are as good, the one that needs least of what is named first is taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Constraints {
    /// Milliseconds that 95 of 100 answers take at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_p95_ms: Option<f64>,
    /// What 1,000 answers cost at most, in the currency of the prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_1000: Option<f64>,
    /// Bytes of memory a model takes at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// What breaks a tie, most important first.
    pub order: Vec<Need>,
}

/// What an answer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Money.
    Cost,
    /// Time.
    Latency,
    /// Memory.
    Memory,
}

/// A field of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name: a column, or a key; any that is not empty.
    pub name: String,
    /// What is in it.
    pub description: String,
    /// Whether a row may come without it.
    pub optional: bool,
}

/// A row and the answer it should get.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Fields and what is in them.
    pub input: Map<String, Value>,
    /// The answer.
    pub output: Value,
    /// Words it is found by: where it came from, what is hard about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl Example {
    /// A row and its answer, without tags.
    pub fn new(input: Map<String, Value>, output: Value) -> Self {
        Self { input, output, tags: Vec::new() }
    }
}

/// What instructions cannot call a field, since it means something in every template.
const TAKEN: [&str; 7] = ["true", "True", "false", "False", "none", "None", "not"];

impl Field {
    /// What stands for it in instructions.
    pub fn word(&self) -> Cow<'_, str> {
        Self::word_of(&self.name)
    }

    /// The word of a field with a name. It is the name itself if that is an identifier: letters, digits and `_`, no digit first. Else whatever is
    /// none of these becomes `_`, several of them one, none at the ends; a digit at the beginning, or a word that templates keep for themselves,
    /// gets a `_` before it: `Review Text` is `Review_Text`, `text (en)` is `text_en`, `2024` is `_2024`. Nothing but signs is `_`.
    pub fn word_of(name: &str) -> Cow<'_, str> {
        if !name.is_empty() && name.chars().all(in_words) && can_begin(name) {
            return Cow::Borrowed(name);
        }
        let mut word = String::with_capacity(name.len());
        for c in name.chars().map(|c| if in_words(c) { c } else { '_' }) {
            if c != '_' || !word.ends_with('_') {
                word.push(c);
            }
        }
        Cow::Owned(match word.trim_matches('_') {
            "" => "_".to_owned(),
            word if can_begin(word) => word.to_owned(),
            word => format!("_{word}"),
        })
    }
}

/// Letters, digits and `_`. Letters in circles and squares are none to a template.
fn in_words(c: char) -> bool {
    let framed = matches!(c, '\u{24b6}'..='\u{24e9}' | '\u{1f130}'..='\u{1f189}');
    c == '_' || is_digit(c) || c.is_alphabetic() && !framed
}

/// A digit as ASCII or Chinese input methods write it.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '\u{ff10}'..='\u{ff19}')
}

fn can_begin(word: &str) -> bool {
    !word.starts_with(is_digit) && !TAKEN.contains(&word)
}

impl Task {
    /// The plainest task with answers of a form: rows have one field, `text`, which is all the model is told.
    pub fn new(name: &str, output: Value) -> Self {
        let mut task = Self {
            name: name.to_owned(),
            description: String::new(),
            input: vec![Field { name: "text".to_owned(), description: String::new(), optional: false }],
            output,
            instructions: "{{ text }}".to_owned(),
            examples: Vec::new(),
            metric: Metric::Exact,
            knowledge_base: None,
            policy: Policy::default(),
            sensitivity_field: None,
            candidates: Vec::new(),
            constraints: Constraints::default(),
            costs: None,
            judging: Judging::default(),
            similarity_model: None,
        };
        task.metric = Metric::of(&task);
        task
    }

    /// The labels a task chooses from, if that is all it answers.
    pub fn labels(&self) -> Option<Vec<&str>> {
        self.output.get("enum")?.as_array()?.iter().map(Value::as_str).collect()
    }

    /// Whether any text is an answer.
    pub fn answers_in_text(&self) -> bool {
        self.output.get("type") == Some(&Value::from("string")) && self.output.get("enum").is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_any_name_has_a_word() {
        for (name, word) in [
            ("text", "text"),
            ("_a__b_", "_a__b_"),
            ("评论", "评论"),
            ("Straße", "Straße"),
            ("问题１", "问题１"),
            ("Review Text", "Review_Text"),
            ("评论 内容", "评论_内容"),
            ("评论（内容）", "评论_内容"),
            ("Kunden-Nr.", "Kunden_Nr"),
            ("text (en)", "text_en"),
            (" - a -- b__c - ", "a_b_c"),
            ("two\nlines", "two_lines"),
            ("How was it?", "How_was_it"),
            ("2024", "_2024"),
            ("１月", "_１月"),
            ("(2024) sales", "_2024_sales"),
            ("Ⓐ side", "side"),
            ("👍", "_"),
            ("...", "_"),
            ("", "_"),
            ("not", "_not"),
            ("None", "_None"),
            ("(true)", "_true"),
            ("nothing", "nothing"),
        ] {
            let field = Field { name: name.to_owned(), description: String::new(), optional: false };
            assert_eq!(field.word(), word, "{name:?}");
            // What is a word stays what it is.
            assert_eq!(Field::word_of(word), word, "{name:?}");
        }
    }
}
