//! What is wanted of a model, whichever way it is done.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// What the model is told; `{{ field }}` stands for a row's field.
    pub instructions: String,
    /// Rows with the answers they should get.
    pub examples: Vec<Example>,
}

/// A field of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name: a column, or a key.
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
}

impl Task {
    /// The labels a task chooses from, if that is all it answers.
    pub fn labels(&self) -> Option<Vec<&str>> {
        self.output.get("enum")?.as_array()?.iter().map(Value::as_str).collect()
    }

    /// Whether any text is an answer.
    pub fn answers_in_text(&self) -> bool {
        self.output.get("type") == Some(&Value::from("string")) && self.output.get("enum").is_none()
    }
}
