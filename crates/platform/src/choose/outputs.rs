//! What candidates answered to the examples a decision rests on: `X.examples.jsonl` has the examples with what each candidate scored,
//! `X.outputs.jsonl` the answers.

use std::collections::BTreeMap;
use std::path::Path;

use domain::Example;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::asker::Scores;
use super::ledger::{self, failed};
use super::{Decisions, Part, Parts};
use crate::routes::{Candidate, Outcome};
use crate::{Error, Result};

/// An example of a decision, and what each candidate that was asked said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskedRow {
    /// The example's fields.
    pub input: Map<String, Value>,
    /// The answer it should get.
    pub expected: Value,
    /// Words it is found by.
    pub tags: Vec<String>,
    /// Which part it is of.
    pub part: Part,
    /// By candidate.
    pub answers: BTreeMap<Candidate, AskedAnswer>,
}

/// What a candidate said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskedAnswer {
    /// The answer, or why there is none.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What it scored when it was chosen.
    pub score: f64,
    /// How long it took.
    pub milliseconds: f64,
}

/// A line of `X.examples.jsonl`.
#[derive(Serialize, Deserialize)]
struct Asked {
    /// The hash by which answers name it.
    id: String,
    part: Part,
    #[serde(flatten)]
    example: Example,
    scores: BTreeMap<Candidate, f64>,
}

/// Keeps the examples that were asked about, beside the decision at `path`.
pub(super) fn keep(path: &Path, parts: &Parts, scores: &Scores) -> Result<()> {
    let all = [(Part::Development, &parts.development), (Part::Test, &parts.test)];
    let mut text = String::new();
    for (part, examples) in all {
        for example in examples {
            let id = crate::data::fingerprint(std::slice::from_ref(example));
            if let Some(scores) = scores.get(&id) {
                let line = Asked { id, part, example: example.clone(), scores: scores.clone() };
                text += &serde_json::to_string(&line).expect("an example is plain data: this is a bug");
                text.push('\n');
            }
        }
    }
    let file = path.with_extension("examples.jsonl");
    std::fs::write(&file, text).map_err(|error| failed(&file, &error))
}

impl Decisions {
    /// What was answered to the examples of a decision, by its id, or of the last.
    ///
    /// # Errors
    /// As [`Decisions::find`]; [`Error::NotFound`] if its examples were not kept, [`Error::Failed`] if what is kept is damaged.
    pub fn outputs(&self, task: &str, id: Option<&str>) -> Result<Vec<AskedRow>> {
        let (path, decision) = self.find(task, id)?;
        let file = path.with_extension("examples.jsonl");
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let id = Self::id(&path);
                let message =
                    format!("The examples of the decision '{id}' were not kept with it; choose again to see answers.");
                return Err(Error::not_found("outputs_not_found", message));
            }
            Err(error) => return Err(failed(&file, &error)),
        };
        let answers = ledger::read(&path.with_extension("outputs.jsonl"))?;
        let by: BTreeMap<&Candidate, String> =
            decision.candidates.iter().map(|entrant| (&entrant.candidate, entrant.identity.clone())).collect();
        let row = |line: &str| {
            let asked: Asked = serde_json::from_str(line).map_err(|error| {
                Error::failed(format!("{}: a line of it is no example ({error}); choose again", file.display()))
            })?;
            let answer = |(candidate, score): (Candidate, f64)| {
                let entry = answers.get(&(by.get(&candidate)?.clone(), asked.id.clone()))?;
                let (outcome, milliseconds) = (entry.outcome.clone(), entry.milliseconds);
                Some((candidate, AskedAnswer { outcome, score, milliseconds }))
            };
            let Example { input, output: expected, tags } = asked.example;
            Ok(AskedRow {
                input,
                expected,
                tags,
                part: asked.part,
                answers: asked.scores.into_iter().filter_map(answer).collect(),
            })
        };
        text.lines().map(row).collect()
    }
}
