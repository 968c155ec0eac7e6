//! Prompt search: other wordings of a task's instructions, other examples and other numbers of passages, as candidates of the same race.
//!
//! [`search`] finds them before the race begins: `pilot` asks the plain prompt rows of the training part, which tells the models worth the trouble
//! and the rows they get wrong; `writer` has a model write instructions, which `template` holds to the task's fields, and the better half of which
//! goes on; `selection` picks examples.
//! All of it rests on the training part alone, so that the race on the development part judges what it has never seen.
//!
//! Variants are there before the race, and are not let in while it runs: a newcomer would have to answer all that its rivals have answered, and
//! the level of the bets, which is shared among as many rivals as there are, would have to be shared anew.

mod find;
mod pilot;
mod selection;
mod shown;
mod template;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use domain::{Example, Task};
use serde::{Deserialize, Serialize};

use super::Decision;
use crate::routes::{Candidate, form};
use crate::{Error, Result};

pub(super) use find::search;
pub(super) use shown::Shown;

/// What is tried beside the task's own words.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Search {
    /// Nothing.
    #[default]
    Off,
    /// What a model writes now, and examples that are picked now.
    Write {
        /// Wordings of the instructions that are written, at most; the better half of them races.
        count: usize,
        /// Who writes; the largest local model that takes part if nobody is named, a remote one if there is no local one.
        writer: Option<String>,
    },
    /// What an earlier decision tried, word for word.
    Again {
        /// Its candidates; those without a variant are left to the routes and models.
        candidates: Vec<Candidate>,
        /// Their variants.
        variants: Variants,
    },
}

/// Variants by name.
pub type Variants = BTreeMap<String, Variant>;

/// Instructions or examples that stand in the place of the task's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Instructions, a template as the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Examples, most telling first; a route shows as many as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples: Option<Vec<Example>>,
    /// The model that wrote the instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_by: Option<String>,
}

/// What a model is told where nothing was varied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlainPrompt {
    /// What is said of the form of answers, before everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// The instructions.
    pub instructions: String,
    /// The task's own examples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

impl PlainPrompt {
    pub(super) fn of(task: &Task) -> Self {
        Self { form: form(task), instructions: task.instructions.clone(), examples: task.examples.clone() }
    }
}

/// What a search did, and what it took; all of it counts towards what a choice may spend.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Searched {
    /// Who wrote; nothing if nobody could.
    pub writer: Option<String>,
    /// Of the writer's file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub writer_sha256: String,
    /// Answers to rows of the training part.
    pub pilot: usize,
    /// What the plain prompt of each model scored on them: the model, the mean, the rows.
    pub piloted: Vec<(String, f64, usize)>,
    /// What the best of them scored with what was written, on other rows of that part: the variant, the mean, the rows. The better half races.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drafts: Vec<(String, f64, usize)>,
    /// Texts asked of the writer.
    pub calls: usize,
    /// Tokens the writer read and wrote, and models of the pilot.
    pub prompt_tokens: u64,
    /// See `prompt_tokens`.
    pub completion_tokens: u64,
    /// Time taken, in the last sitting.
    pub seconds: f64,
    /// Money spent, in the last sitting.
    pub cost: f64,
    /// Texts that were left out.
    pub dropped: DroppedTexts,
    /// Why it ended before all was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// Texts of a writer that were left out, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedTexts {
    /// They had lost a field, named one there is none of, or were no template.
    pub fields: usize,
    /// They said what another said, or the task itself.
    pub alike: usize,
    /// They were empty, cut, longer where they should be shorter, or in another language.
    pub unusable: usize,
}

impl DroppedTexts {
    /// All of them.
    pub fn total(&self) -> usize {
        self.fields + self.alike + self.unusable
    }
}

/// Who races, in which words.
pub(super) struct Field {
    pub(super) candidates: Vec<Candidate>,
    pub(super) variants: Variants,
    pub(super) searched: Option<Searched>,
    pub(super) started: Instant,
}

impl Field {
    pub(super) fn plain(candidates: Vec<Candidate>) -> Self {
        Self { candidates, variants: Variants::new(), searched: None, started: Instant::now() }
    }

    /// Lines candidates up so that each model is warm when it is asked again.
    fn line_up(&mut self) {
        self.candidates
            .sort_by(|a, b| a.model.cmp(&b.model).then(a.route.cmp(&b.route)).then(a.variant.cmp(&b.variant)));
        self.candidates.dedup();
    }

    /// Answers and texts that were asked for before the race.
    pub(super) fn asked(&self) -> usize {
        self.searched.as_ref().map_or(0, |searched| searched.pilot + searched.calls)
    }

    /// The places of those that keep to the task's own words.
    pub(super) fn of_the_task(&self) -> Vec<usize> {
        (0..self.candidates.len()).filter(|at| self.candidates[*at].variant.is_none()).collect()
    }
}

/// The task and the examples to learn from as a candidate takes them.
///
/// # Errors
/// [`Error::Failed`] if there is no such variant.
pub(super) fn fitted(
    variants: &Variants,
    candidate: &Candidate,
    task: &Arc<Task>,
    train: Vec<Example>,
) -> Result<(Arc<Task>, Vec<Example>)> {
    let Some(name) = &candidate.variant else { return Ok((Arc::clone(task), train)) };
    let variant = variants.get(name).ok_or_else(|| {
        Error::failed(format!(
            "the words of '{candidate}' are not among the variants of its decision; `sumeru choose {}` decides anew",
            task.name
        ))
    })?;
    let mut varied = Task::clone(task);
    if let Some(instructions) = &variant.instructions {
        template::check(instructions, task).map_err(|why| {
            Error::invalid(
                "task",
                "invalid_task",
                format!(
                    "the instructions of '{candidate}' do not fit '{0}' any more: {why}; `sumeru choose {0}` decides anew",
                    task.name
                ),
            )
        })?;
        varied.instructions.clone_from(instructions);
    }
    let train = match &variant.examples {
        None => train,
        // They stand for the task's, too; a route shows of them what its model may see.
        Some(examples) => {
            varied.examples.clear();
            examples.clone()
        }
    };
    Ok((Arc::new(varied), train))
}

impl Decision {
    /// The task and what it may learn from as the decision has a candidate take them.
    pub(crate) fn fitted(
        &self,
        candidate: &Candidate,
        task: &Arc<Task>,
        train: Vec<Example>,
    ) -> Result<(Arc<Task>, Vec<Example>)> {
        if candidate.variant.is_some() && self.prompt.instructions != task.instructions {
            tracing::warn!(
                task = task.name,
                %candidate,
                "its words were chosen before the instructions of the task were edited; `sumeru choose` decides anew"
            );
        }
        fitted(&self.variants, candidate, task, train)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn task(field: &str) -> Arc<Task> {
        Arc::new(Task {
            input: vec![domain::Field { name: field.to_owned(), description: String::new(), optional: false }],
            instructions: format!("Sort {{{{ {field} }}}}"),
            examples: vec![example("own")],
            ..Task::new("sort", json!({"type": "string"}))
        })
    }

    fn example(text: &str) -> Example {
        Example::new(Map::from_iter([("text".to_owned(), json!(text))]), json!("x"))
    }

    #[test]
    fn a_candidate_takes_the_words_it_names() {
        let plain = task("text");
        let variants = Variants::from([
            ("short1".to_owned(), Variant { instructions: Some("{{ text }}?".to_owned()), ..Variant::default() }),
            ("hard".to_owned(), Variant { examples: Some(vec![example("hard")]), ..Variant::default() }),
        ]);
        let fitted =
            |name: &str, task: &Arc<Task>| fitted(&variants, &name.parse().expect(name), task, vec![example("train")]);
        let (task, train) = fitted("prompt@m", &plain).expect("plain");
        assert!(task == plain && train == [example("train")]);
        let (task, train) = fitted("prompt~short1@m", &plain).expect("words");
        assert_eq!((task.instructions.as_str(), task.examples.len(), train.len()), ("{{ text }}?", 1, 1));
        let (task, train) = fitted("few-shot:8~hard@m", &plain).expect("examples");
        assert!(task.examples.is_empty() && train == [example("hard")] && task.instructions == plain.instructions);
        let gone = fitted("prompt~rules1@m", &plain).expect_err("no such words").to_string();
        assert!(gone.contains("prompt~rules1@m") && gone.contains("sumeru choose sort"), "{gone}");
        let edited = fitted("prompt~short1@m", &self::task("review")).expect_err("another field").to_string();
        assert!(edited.contains("do not fit 'sort'") && edited.contains("review"), "{edited}");
    }

    #[test]
    fn candidates_are_read_as_they_are_written() {
        for name in ["prompt@m", "few-shot:8~diverse@org/m@x", "prompt~short1@m"] {
            let candidate: Candidate = name.parse().expect(name);
            assert_eq!(candidate.to_string(), name);
        }
        let candidate: Candidate = "few-shot:8~diverse@m".parse().expect("a candidate");
        assert_eq!((candidate.variant.as_deref(), candidate.model.as_str()), (Some("diverse"), "m"));
        assert!("prompt~@m".parse::<Candidate>().is_err() && "guess~x@m".parse::<Candidate>().is_err());
    }
}
