//! Tasks that come with the program, each in Chinese and English with a small labelled sample written for it.

use serde::Serialize;

/// A task to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Template {
    /// `classify`, `extract`...
    pub name: &'static str,
    /// `en` or `zh`.
    pub language: &'static str,
    /// The task's file.
    #[serde(skip)]
    pub task: &'static str,
    /// Rows with the answers they should get, one JSON object a line: `{"input": {...}, "output": ...}`.
    #[serde(skip)]
    pub sample: &'static str,
}

macro_rules! template {
    ($name:literal, $language:literal) => {
        Template {
            name: $name,
            language: $language,
            task: include_str!(concat!("templates/", $name, ".", $language, ".toml")),
            sample: include_str!(concat!("templates/", $name, ".", $language, ".jsonl")),
        }
    };
}

const ALL: [Template; 6] = [
    template!("classify", "en"),
    template!("classify", "zh"),
    template!("extract", "en"),
    template!("extract", "zh"),
    template!("opinion", "en"),
    template!("opinion", "zh"),
];

/// All of them, by name and language.
pub fn templates() -> &'static [Template] {
    &ALL
}
