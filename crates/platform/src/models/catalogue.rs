//! The models Sumeru knows where to get: `catalogue.toml`, built into the program.

use std::sync::{Arc, LazyLock};

use domain::{Card, Pooling, Prefixes, Source};
use serde::Deserialize;

static BUILT_IN: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
    let parsed = Catalogue::parse(include_str!("../../catalogue.toml"));
    Arc::new(parsed.expect("the built-in catalogue parses, a test reads it: this is a bug"))
});

/// Every model that can be pulled, in the order people are shown.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalogue {
    pub(super) default_language_model: String,
    pub(super) default_embedder: String,
    #[serde(rename = "model")]
    pub(super) models: Vec<Model>,
}

/// One model and the files it is made of.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    pub(super) name: String,
    description: String,
    #[serde(default)]
    description_zh: String,
    architecture: String,
    parameters: u64,
    context: u32,
    dimensions: Option<u32>,
    languages: Vec<String>,
    licence: String,
    pooling: Option<Pooling>,
    #[serde(default)]
    prefixes: Prefixes,
    pub(super) files: Vec<ModelFile>,
    pub(super) sources: Vec<Source>,
}

/// A file as it is downloaded, pinned by its digest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelFile {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) convert: Option<Convert>,
}

/// What is done to a file once it is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Convert {
    /// The container of the `e5.c` project becomes a GGUF file.
    E5s1,
}

impl Catalogue {
    pub(super) fn built_in() -> Arc<Self> {
        Arc::clone(&BUILT_IN)
    }

    pub(super) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }
}

impl Model {
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The card shown to people; its digest is that of the first file, which holds the weights.
    pub(super) fn card(&self) -> Card {
        Card {
            name: self.name.clone(),
            description: self.description.clone(),
            description_zh: self.description_zh.clone(),
            architecture: self.architecture.clone(),
            parameters: self.parameters,
            context: self.context,
            dimensions: self.dimensions,
            languages: self.languages.clone(),
            licence: self.licence.clone(),
            bytes: self.bytes(),
            sha256: self.files.first().map(|file| file.sha256.clone()).unwrap_or_default(),
            pooling: self.pooling,
            prefixes: self.prefixes.clone(),
            sources: self.sources.clone(),
        }
    }
}

/// Fills a source's template: `{file}` is the file's name, `{n}` a part's number, `{nn}` the same padded to `digits`,
/// `{n-1}` the number before it, padded.
pub(super) fn fill(template: &str, file: &str, part: u32, digits: u32) -> String {
    let digits = digits as usize;
    template
        .replace("{n}", &part.to_string())
        .replace("{nn}", &format!("{part:0digits$}"))
        .replace("{n-1}", &format!("{:0digits$}", part.saturating_sub(1)))
        .replace("{file}", file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use std::collections::HashSet;

    use domain::SourceKind;

    use super::*;
    use crate::models::names;

    #[test]
    fn the_built_in_catalogue_is_sound() {
        let catalogue = Catalogue::parse(include_str!("../../catalogue.toml")).unwrap();
        let mut names = HashSet::new();
        for model in &catalogue.models {
            let name = &model.name;
            assert!(names.insert(name), "{name} is there twice");
            assert!(names::check(name).is_ok(), "{name}");
            assert!(!model.sources.is_empty() && !model.files.is_empty(), "{name} can be had nowhere");
            assert!(model.context > 0 && !model.licence.is_empty() && !model.description.is_empty(), "{name}");
            assert!(!model.description_zh.is_empty(), "{name}");
            assert_eq!(model.dimensions.is_some(), model.pooling.is_some(), "{name}");
            for file in &model.files {
                assert!(file.bytes > 0 && !file.name.contains(['/', '\\']) && !file.name.starts_with('.'), "{name}");
                let hex = file.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                assert!(hex && file.sha256.len() == 64, "{name}: {}", file.sha256);
            }
            for source in &model.sources {
                assert_eq!(source.kind == SourceKind::Wheel, !source.version.is_empty(), "{name}: {source:?}");
                let filled = fill(&source.file, "f", source.first, source.digits);
                assert!(!filled.contains(['{', '}']), "{name}: {filled}");
            }
        }
        assert!(!catalogue.find(&catalogue.default_language_model).unwrap().card().embeds());
        assert!(catalogue.find(&catalogue.default_embedder).unwrap().card().embeds());
    }

    #[test]
    fn templates_are_filled() {
        for (template, part, digits, expected) in [
            ("{file}", 1, 2, "x.gguf"),
            ("p{n}/data/part{nn}.bin", 3, 2, "p3/data/part03.bin"),
            ("p{n}/{file}.part{n-1}", 1, 2, "p1/x.gguf.part00"),
            ("p{nn}", 12, 1, "p12"),
            ("plain", 1, 0, "plain"),
        ] {
            assert_eq!(fill(template, "x.gguf", part, digits), expected);
        }
    }
}
