//! The terms of a choice, which are kept beside its answers: whoever goes on with it goes on with the same.

use serde::{Deserialize, Serialize};

use super::{ChooseOptions, Search};
use crate::routes::Route;

/// Up to here a browser's numbers are exact: it has to say again what it was told.
const EXACT: u64 = 1 << 53;

/// On what terms a choice is made, in the words of `POST /v1/tasks/{name}/choose`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
// What another version added says something: terms without it would be other terms.
#[serde(deny_unknown_fields)]
pub struct ChooseTerms {
    /// Models; all that are installed if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Routes; those that fit the task if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// How sure it is to be.
    pub confidence: f64,
    /// Of all answers, the share that may be asked for.
    pub spend: f64,
    /// Candidates that are measured on the test split, at most.
    pub finalists: usize,
    /// Examples of the development and of the test split, at most.
    pub examples: usize,
    /// Money it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<f64>,
    /// Seconds it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<f64>,
    /// Of everything drawn by chance.
    pub seed: u64,
    /// Rows asked at once.
    pub concurrency: usize,
    /// Tokens of an answer, at most.
    pub max_tokens: u32,
    /// Other wordings that are written, at most; none if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<usize>,
    /// Who writes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
}

impl ChooseTerms {
    /// Finalists that can be asked for, at most; a choice that measures everybody asks for as many.
    pub const FINALISTS: usize = 100;

    /// The terms of a choice; nothing if they cannot be said: one that measures an earlier decision again has its words from there.
    pub(super) fn of(options: &ChooseOptions) -> Option<Self> {
        let (search, writer) = match &options.search {
            Search::Off => (None, None),
            Search::Write { count, writer } => (Some(*count), writer.clone()),
            Search::Again { .. } => return None,
        };
        if options.seed > EXACT {
            return None;
        }
        Some(Self {
            models: options.models.clone(),
            routes: options.routes.clone(),
            confidence: options.terms.confidence,
            spend: options.terms.spend,
            finalists: options.terms.finalists.min(Self::FINALISTS),
            examples: options.examples,
            max_cost: options.max_cost,
            max_seconds: options.max_time.map(|time| time.as_secs_f64()),
            seed: options.seed,
            concurrency: options.concurrency,
            max_tokens: options.max_tokens,
            search,
            writer,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use evaluate::Terms;
    use serde_json::{Value, json};

    use super::super::{Decisions, Variants};
    use super::*;

    fn said(options: &ChooseOptions) -> Option<Value> {
        ChooseTerms::of(options).map(|terms| json!(terms))
    }

    #[test]
    fn terms_are_said_as_the_server_is_asked() {
        let usual = json!({
            "confidence": 0.95, "spend": 0.4, "finalists": 3, "examples": 400, "seed": 0, "concurrency": 4, "max_tokens": 512,
        });
        assert_eq!(said(&ChooseOptions::default()), Some(usual.clone()));
        let mut all = usual;
        let more = json!({
            "models": ["far"], "routes": ["few-shot:8", "labels"], "spend": 1.0, "finalists": 100, "max_cost": 2.5, "max_seconds": 90.0,
            "search": 6, "writer": "near",
        });
        for (name, value) in more.as_object().expect("an object") {
            all[name] = value.clone();
        }
        let options = ChooseOptions {
            models: vec!["far".to_owned()],
            routes: vec![Route::FewShot(8), Route::Labels],
            terms: Terms { spend: 1.0, finalists: usize::MAX, ..Terms::default() },
            max_cost: Some(2.5),
            max_time: Some(Duration::from_secs(90)),
            search: Search::Write { count: 6, writer: Some("near".to_owned()) },
            ..ChooseOptions::default()
        };
        assert_eq!(said(&options), Some(all));
        let again = Search::Again { candidates: Vec::new(), variants: Variants::new() };
        for unsayable in [
            ChooseOptions { search: again, ..ChooseOptions::default() },
            ChooseOptions { seed: EXACT + 1, ..ChooseOptions::default() },
        ] {
            assert_eq!(said(&unsayable), None);
        }
    }

    #[test]
    fn terms_that_cannot_be_read_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let decisions = Decisions::of(folder.path());
        assert_eq!(decisions.terms("sort"), None, "none were kept");
        let terms = ChooseTerms::of(&ChooseOptions { seed: 7, ..ChooseOptions::default() });
        decisions.keep_terms("sort", terms.as_ref()).unwrap();
        assert_eq!(decisions.terms("sort"), terms);
        assert_eq!(decisions.terms("other"), None);
        let path = folder.path().join("decisions/sort.terms");
        let whole = std::fs::read_to_string(&path).unwrap();
        for damaged in [&whole[..whole.len() - 3], "", "{}", &whole.replace("\"seed\"", "\"seeds\"")] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(decisions.terms("sort"), None, "{damaged}");
        }
        // What another sitting cannot say takes the place of what an earlier one said.
        decisions.keep_terms("sort", terms.as_ref()).unwrap();
        decisions.keep_terms("sort", None).unwrap();
        decisions.keep_terms("sort", None).unwrap();
        assert!(!path.exists());
    }
}
