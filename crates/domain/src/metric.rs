//! How good an answer is: the measures a task may name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Task;

/// A measure of one answer against the one that was expected: 0 is wrong, 1 is right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Metric {
    /// The same answer, spaces around it aside.
    Exact,
    /// The same label.
    Accuracy,
    /// What a label costs, as the task's costs say: 1 for a right one, 0 for the dearest.
    Costs,
    /// F1 of the fields of a record, or of a list of records.
    Fields,
    /// A number that is off by at most this part of the expected one.
    Number(f64),
    /// The expected text is part of the answer.
    Contains,
    /// F1 of the longest common subsequence of words (Lin 2004).
    RougeL,
    /// F2 of character n-grams up to 6 (Popović 2015).
    Chrf,
    /// A regular expression is found in the answer.
    Regex(String),
    /// The cosine of both texts' vectors, by an embedding model.
    Similarity,
    /// The share of an answer's sentences that stand in the passages it was given.
    Citations,
    /// A grade by a rubric, which a language model gives.
    Judge,
    /// Whether a language model finds the answer better than the expected one, whichever it reads first.
    JudgePairwise,
}

/// How they are written, and what a file may say.
const NAMES: &str = "exact, accuracy, costs, fields, number, number:TOLERANCE, contains, rouge-l, chrf, regex:PATTERN, similarity, citations, judge, judge-pairwise";

impl Metric {
    /// What fits a task that names none: `accuracy` for labels, `costs` where they have some, `chrf` for text, `fields` for records, `number` for numbers.
    pub fn of(task: &Task) -> Self {
        if task.labels().is_some() {
            return if task.costs.is_some() { Self::Costs } else { Self::Accuracy };
        }
        match task.output.get("type").and_then(serde_json::Value::as_str) {
            Some("string") if task.answers_in_text() => Self::Chrf,
            Some("number" | "integer") => Self::Number(0.0),
            Some("object" | "array") => Self::Fields,
            _ => Self::Exact,
        }
    }

    /// Whether a language model gives the grade.
    pub fn has_judge(&self) -> bool {
        matches!(self, Self::Judge | Self::JudgePairwise)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("exact"),
            Self::Accuracy => f.write_str("accuracy"),
            Self::Costs => f.write_str("costs"),
            Self::Fields => f.write_str("fields"),
            Self::Number(0.0) => f.write_str("number"),
            Self::Number(tolerance) => write!(f, "number:{tolerance}"),
            Self::Contains => f.write_str("contains"),
            Self::RougeL => f.write_str("rouge-l"),
            Self::Chrf => f.write_str("chrf"),
            Self::Regex(pattern) => write!(f, "regex:{pattern}"),
            Self::Similarity => f.write_str("similarity"),
            Self::Citations => f.write_str("citations"),
            Self::Judge => f.write_str("judge"),
            Self::JudgePairwise => f.write_str("judge-pairwise"),
        }
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "exact" => Ok(Self::Exact),
            "accuracy" => Ok(Self::Accuracy),
            "costs" => Ok(Self::Costs),
            "fields" => Ok(Self::Fields),
            "number" => Ok(Self::Number(0.0)),
            "contains" => Ok(Self::Contains),
            "rouge-l" => Ok(Self::RougeL),
            "chrf" => Ok(Self::Chrf),
            "similarity" => Ok(Self::Similarity),
            "citations" => Ok(Self::Citations),
            "judge" => Ok(Self::Judge),
            "judge-pairwise" => Ok(Self::JudgePairwise),
            other if other.len() > "regex:".len() && other.starts_with("regex:") => {
                Ok(Self::Regex(other["regex:".len()..].to_owned()))
            }
            other => match other.strip_prefix("number:").and_then(|tolerance| tolerance.parse::<f64>().ok()) {
                Some(tolerance) if (0.0..1.0).contains(&tolerance) => Ok(Self::Number(tolerance)),
                _ => Err(format!("'{other}' is no metric; there are {NAMES}")),
            },
        }
    }
}

impl TryFrom<String> for Metric {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        metric.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_read_as_they_are_written() {
        for name in [
            "exact",
            "accuracy",
            "costs",
            "fields",
            "number",
            "number:0.05",
            "contains",
            "rouge-l",
            "chrf",
            "regex:^[0-9]+: 好$",
            "similarity",
            "citations",
            "judge",
            "judge-pairwise",
        ] {
            assert_eq!(name.parse::<Metric>().expect(name).to_string(), name);
        }
        for wrong in ["", "f1", "number:", "number:2", "number:-1", "number:NaN", "Exact", "regex:", "regex"] {
            let why = wrong.parse::<Metric>().expect_err(wrong);
            assert!(why.contains("rouge-l"), "{why}");
        }
    }
}
