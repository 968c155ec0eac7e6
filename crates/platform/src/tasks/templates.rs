//! Tasks that come with the program, each in Chinese and English with a small labelled sample written for it.

use serde::Serialize;

use crate::{Error, Result};

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

const ALL: [Template; 18] = [
    template!("answer", "en"),
    template!("answer", "zh"),
    template!("call-quality", "en"),
    template!("call-quality", "zh"),
    template!("classify", "en"),
    template!("classify", "zh"),
    template!("extract", "en"),
    template!("extract", "zh"),
    template!("label-clusters", "en"),
    template!("label-clusters", "zh"),
    template!("opinion", "en"),
    template!("opinion", "zh"),
    template!("rewrite", "en"),
    template!("rewrite", "zh"),
    template!("support", "en"),
    template!("support", "zh"),
    template!("translate", "en"),
    template!("translate", "zh"),
];

impl Template {
    /// One line for people.
    pub fn description(&self) -> String {
        super::file::read(self.name, self.task).0.map(|task| task.description).unwrap_or_default()
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming those there are.
    pub fn of(name: &str, language: &str) -> Result<Self> {
        let fits = |one: &&Self| one.name == name && one.language == language;
        ALL.iter().find(fits).copied().ok_or_else(|| {
            let mut names: Vec<&str> = ALL.iter().map(|one| one.name).collect();
            names.dedup();
            let message = format!("'{name}' is no template; there are {}", names.join(", "));
            Error::invalid("template", "invalid_value", message)
        })
    }
}

/// All of them, by name and language.
pub fn templates() -> &'static [Template] {
    &ALL
}
