//! Ways of doing a task: each takes a row and gives an answer of the task's form.
//!
//! [`Workspace::answerer`] prepares a [`Candidate`] (a [`Route`] and a model) with what it may learn from; the [`Answerer`] then answers rows. `ask`
//! makes requests of rows and reads answers; `thinking` (prompt), `finding` (retrieval), `classifier` and `labels` are the routes.

mod ask;
mod classifier;
mod finding;
mod labels;
mod quote;
mod reading;
mod regression;
mod route;
mod thinking;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use domain::{Card, Example, LanguageModel, Passage, Price, Standing, Structured, Task, Usage};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::remotes::policy_of;
use crate::workspace::blocking;
use crate::{Error, Result, Workspace};
use ask::{Asking, Hold};
use classifier::{Classifier, vectors};
use finding::{Finder, Finding, numbered};
use labels::Labels;
use thinking::{Thinker, Thinking};

#[cfg(test)]
pub(crate) use ask::told;
pub(crate) use ask::{form, is_chinese};
pub(crate) use classifier::vectors as vectors_of;
pub(crate) use labels::sum;
pub use route::Route;

/// Passages a knowledge base gives where nobody says how many.
const PASSAGES: usize = 6;

/// A way of doing a task on a model. Written `ROUTE@MODEL`, or `ROUTE~VARIANT@MODEL` where it is not done in the task's own words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Candidate {
    /// The way.
    pub route: Route,
    /// Who answers; an embedding model for [`Route::Classifier`].
    pub model: String,
    /// Other instructions or examples than the task's, by the name they have in the decision.
    pub variant: Option<String>,
}

impl Candidate {
    /// A way of doing a task in its own words.
    pub fn plain(route: Route, model: impl Into<String>) -> Self {
        Self { route, model: model.into(), variant: None }
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variant {
            None => write!(f, "{}@{}", self.route, self.model),
            Some(variant) => write!(f, "{}~{variant}@{}", self.route, self.model),
        }
    }
}

impl FromStr for Candidate {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (way, model) =
            text.split_once('@').ok_or_else(|| format!("'{text}' is no candidate; write ROUTE@MODEL"))?;
        let (route, variant) = way.split_once('~').map_or((way, None), |(route, variant)| (route, Some(variant)));
        if variant == Some("") {
            return Err(format!("'{text}' is no candidate: there is no name after '~'"));
        }
        Ok(Self { route: route.parse()?, model: model.to_owned(), variant: variant.map(str::to_owned) })
    }
}

impl TryFrom<String> for Candidate {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        text.parse()
    }
}

impl From<Candidate> for String {
    fn from(candidate: Candidate) -> Self {
        candidate.to_string()
    }
}

/// What came of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The answer, which the task's schema accepts.
    Output(Value),
    /// Why none is given: any label is expected to cost more than none.
    Abstained(String),
    /// Why there is none.
    Error(String),
}

/// What came of a row, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) usage: Usage,
    /// How likely the answer is, where the route knows.
    pub(crate) probability: Option<f64>,
    /// What was found for it.
    pub(crate) passages: Vec<Passage>,
    /// Whether there is none because what answers failed: that tells nothing of how well it answers.
    pub(crate) lost: bool,
}

/// A candidate that is ready to answer.
pub(crate) struct Answerer {
    pub(crate) candidate: Candidate,
    /// Of the model that answers.
    pub(crate) card: Card,
    /// What tokens cost; nothing for local models.
    pub(crate) price: Option<Price>,
    /// Whether a provider answers.
    remote: bool,
    workspace: Workspace,
    standing: Standing,
    asking: Asking,
    way: Way,
    seed: u64,
}

enum Way {
    Model { model: Arc<dyn LanguageModel>, thinking: Thinking, shots: Shots, finder: Option<Box<Finder>> },
    Classifier(Box<Classifier>),
    Labels(Box<Labels>),
}

/// Examples that are shown before a row.
enum Shots {
    Fixed(Vec<Example>),
    Nearest {
        task: Arc<Task>,
        pool: Vec<Example>,
        vectors: Vec<Vec<f64>>,
        embedder: Arc<dyn domain::Embedder>,
        count: usize,
    },
}

impl Route {
    /// The way of a task that nothing was decided for: with its examples, if it has some, or the passages it names.
    pub(crate) fn usual(task: &Task) -> Self {
        match (&task.knowledge_base, task.examples.len()) {
            (Some(_), _) => Self::Retrieval(PASSAGES),
            (None, 0) => Self::Prompt,
            (None, count) => Self::FewShot(count),
        }
    }

    /// Why a task cannot be done so.
    pub(crate) fn check(self, task: &Task) -> Result<()> {
        let why = match self {
            Self::Classifier | Self::Labels if task.labels().is_none() => {
                "it answers with one of several labels, and the task does not"
            }
            Self::Retrieval(_) | Self::Fusion(_) | Self::Reranked(_) if task.knowledge_base.is_none() => {
                "it needs passages, and the task names no `knowledge_base`"
            }
            _ => return Ok(()),
        };
        Err(Error::invalid("route", "invalid_route", format!("'{self}' is no way to do '{}': {why}", task.name)))
    }
}

impl Workspace {
    /// Makes a candidate ready for a task; `train` is what it may learn from and show. The same seed makes it the same.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the task cannot be done so or there is too little to learn from; as [`Workspace::language_model`].
    pub(crate) async fn answerer(
        &self,
        task: &Arc<Task>,
        candidate: &Candidate,
        train: &[Example],
        max_tokens: u32,
        seed: u64,
    ) -> Result<Answerer> {
        let Candidate { route, model: name, .. } = candidate;
        route.check(task)?;
        let standing = self.standing(name)?;
        // Before anything is sent, a model's name looked up by a provider among it.
        task.policy.allows(&standing).map_err(|refusal| {
            self.audit(&task.name, &refusal, None);
            Error::from(refusal)
        })?;
        let remote = self.remotes().find(name)?;
        let by_schema = remote.as_ref().is_some_and(|remote| remote.structured == Structured::Schema);
        let hold = if by_schema { Hold::Schema } else { Hold::Words };
        let asking = Asking::new(Arc::clone(task), max_tokens, hold)?;
        let (remote, price) = (remote.is_some(), remote.and_then(|remote| remote.price));
        let (card, way) = match route {
            Route::Classifier => {
                let embedder = self.embedder(name).await?;
                let known = [&task.examples[..], train].concat();
                (embedder.card().clone(), Way::Classifier(Box::new(Classifier::learn(embedder, task, &known).await?)))
            }
            Route::Labels => {
                let model = self.local_model(name).await?;
                let card = model.card().clone();
                (card, Way::Labels(Box::new(Labels::learn(model, &asking, train).await?)))
            }
            _ => {
                let model = self.language_model(name).await?;
                let shots = self.shots(*route, task, train, &standing).await?;
                let way = Way::Model {
                    thinking: thinking(*route),
                    shots,
                    finder: self.finder(*route, task, name).await?.map(Box::new),
                    model: Arc::clone(&model),
                };
                (model.card().clone(), way)
            }
        };
        // What a loaded model knows of itself does not tell one file of it from another.
        let card = match self.models().installed(name) {
            Ok(installed) => Card { sha256: installed.card.sha256, ..card },
            Err(_) => card,
        };
        let (candidate, workspace) = (candidate.clone(), self.clone());
        Ok(Answerer { candidate, card, price, remote, workspace, standing, asking, way, seed })
    }

    /// The task's examples first, as many of the others as are wanted; none that is labelled in part, which would teach to leave
    /// out the rest, and none that the model may not see.
    async fn shots(&self, route: Route, task: &Arc<Task>, train: &[Example], standing: &Standing) -> Result<Shots> {
        let whole = jsonschema::validator_for(&task.output).ok();
        let may_see = |one: &&Example| {
            policy_of(task, &one.input).is_ok_and(|policy: domain::Policy| policy.allows(standing).is_ok())
        };
        let shown = |one: &&Example| {
            !task.examples.iter().any(|own| own.input == one.input && own.output == one.output)
                && whole.as_ref().is_none_or(|whole| whole.is_valid(&one.output))
        };
        let own = || task.examples.iter().filter(may_see);
        let known = || own().chain(train.iter().filter(may_see).filter(shown)).cloned();
        Ok(match route {
            Route::FewShot(count) => Shots::Fixed(known().take(count).collect()),
            Route::Nearest(count) => {
                let embedder = self.embedder(&self.default_embedder()?).await?;
                let pool: Vec<Example> = known().collect();
                let vectors =
                    vectors(&*embedder, pool.iter().map(|example| read(task, &example.input)).collect()).await?;
                Shots::Nearest { task: Arc::clone(task), pool, vectors, embedder, count }
            }
            Route::Retrieval(_) | Route::Fusion(_) | Route::Reranked(_) => Shots::Fixed(own().cloned().collect()),
            _ => Shots::Fixed(Vec::new()),
        })
    }

    async fn finder(&self, route: Route, task: &Task, name: &str) -> Result<Option<Finder>> {
        let (finding, count) = match route {
            Route::Retrieval(count) => (Finding::Plain, count),
            Route::Fusion(count) => (Finding::Fusion, count),
            Route::Reranked(count) => (Finding::Reranked, count),
            _ => return Ok(None),
        };
        let Some(base) = task.knowledge_base.clone() else { return Ok(None) };
        let (workspace, of) = (self.clone(), base.clone());
        let fingerprint = blocking(move || workspace.base(&of)?.fingerprint()).await??;
        Ok(Some(Finder { workspace: self.clone(), base, fingerprint, count, finding, name: name.to_owned() }))
    }
}

fn thinking(route: Route) -> Thinking {
    match route {
        Route::Steps => Thinking::Steps,
        Route::Vote(samples) => Thinking::Vote(samples),
        Route::Tree(budget) => Thinking::Tree(budget),
        _ => Thinking::None,
    }
}

impl Answerer {
    /// Of a model that is at hand, the plain way: nothing is looked for, the examples are the task's.
    #[cfg(test)]
    pub(crate) fn plain(task: &Arc<Task>, model: Arc<dyn LanguageModel>) -> Result<Self> {
        Ok(Self {
            candidate: Candidate::plain(Route::usual(task), model.card().name.clone()),
            card: model.card().clone(),
            price: None,
            remote: false,
            workspace: Workspace::open(&std::env::temp_dir().join("sumeru-tests"), crate::Access::Read)?,
            standing: Standing::local("m"),
            asking: Asking::new(Arc::clone(task), 100, Hold::Words)?,
            way: Way::Model {
                model,
                thinking: Thinking::None,
                shots: Shots::Fixed(task.examples.clone()),
                finder: None,
            },
            seed: 0,
        })
    }

    /// A hash of what it says to a model beside a row: the task in its words, the examples it shows, and what tells which; the documents it looks into.
    pub(crate) fn digest(&self) -> String {
        let (shown, beside) = match &self.way {
            Way::Model { shots, finder, .. } => {
                let (shown, by) = match shots {
                    Shots::Fixed(examples) => (&examples[..], String::new()),
                    Shots::Nearest { pool, embedder, .. } => (&pool[..], format!(" {}", embedder.card().name)),
                };
                (shown, by + finder.as_ref().map_or("", |finder| finder.fingerprint.as_str()))
            }
            Way::Classifier(_) | Way::Labels(_) => (&[][..], String::new()),
        };
        let task = crate::choose::task_fingerprint(self.asking.task());
        format!("{task} {}{beside}", crate::data::fingerprint(shown))
    }

    /// What it looks into held, hashed, when it was made ready; nothing if it looks into nothing.
    pub(crate) fn knowledge(&self) -> Option<&str> {
        match &self.way {
            Way::Model { finder: Some(finder), .. } => Some(&finder.fingerprint),
            _ => None,
        }
    }

    /// Bytes of the models it takes, who else may use them; none of a provider's.
    pub(crate) fn memory(&self) -> u64 {
        let beside = match &self.way {
            Way::Model { shots: Shots::Nearest { embedder, .. }, .. } => embedder.card().bytes,
            _ => 0,
        };
        self.card.bytes + beside
    }

    /// Whether a provider answers and nobody says what that costs.
    pub(crate) fn unpriced(&self) -> bool {
        self.remote && self.price.is_none()
    }

    /// Tokens of an answer, at most.
    pub(crate) fn max_tokens(&self) -> u32 {
        self.asking.max_tokens()
    }

    /// Answers a row.
    pub(crate) async fn answer(&self, fields: &Map<String, Value>) -> Answer {
        let failed = |why: String| Answer { outcome: Outcome::Error(why), ..Answer::default() };
        let lost = |error: Error| Answer::lost(&error, Usage::default());
        if let Err(why) = self.asking.check(fields).and_then(|()| self.may_see(fields)) {
            return failed(why);
        }
        match &self.way {
            Way::Classifier(classifier) => match classifier.answer(fields).await {
                Err(error) => lost(error),
                Ok((probabilities, tokens)) => {
                    let usage = Usage { prompt_tokens: tokens, ..Usage::default() };
                    self.label(classifier.labels(), &probabilities, usage)
                }
            },
            Way::Labels(labels) => match labels.answer(&self.asking, fields).await {
                Err(error) => lost(error),
                Ok((probabilities, usage)) => self.label(labels.labels(), &probabilities, usage),
            },
            Way::Model { model, thinking, shots, finder } => {
                let (hits, found) = match finder {
                    None => (Vec::new(), Usage::default()),
                    Some(finder) => {
                        match finder.passages(model, &read(self.asking.task(), fields), self.asking.chinese()).await {
                            Err(error) => return lost(error),
                            Ok(found) => found,
                        }
                    }
                };
                let shots = match shots.of(fields).await {
                    Err(error) => return lost(error),
                    Ok(shots) => shots,
                };
                let messages = match self.asking.messages(&shots, &numbered(&hits), fields) {
                    Err(why) => return failed(why),
                    Ok(messages) => messages,
                };
                let thinker = Thinker { model, asking: &self.asking, messages, seed: self.seed };
                let answer = thinking.answer(&thinker).await;
                let passages: Vec<_> = hits.into_iter().map(|hit| hit.passage).collect();
                let outcome = match answer.outcome {
                    Outcome::Output(output) => self.asking.quoted(output, fields, &passages),
                    other => other,
                };
                Answer { outcome, usage: labels::sum(answer.usage, found), passages, ..answer }
            }
        }
    }

    /// The likeliest label, or the one that is expected to cost least where the task says what errors cost.
    fn label(&self, labels: &[String], probabilities: &[f64], usage: Usage) -> Answer {
        let likeliest =
            (0..labels.len()).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b])).unwrap_or_default();
        let (given, cost) = match &self.asking.task().costs {
            None => (Some(likeliest), 0.0),
            Some(costs) => costs.decide(labels, probabilities),
        };
        let probability = probabilities.get(given.unwrap_or(likeliest)).copied();
        let outcome = match given {
            Some(at) => Outcome::Output(Value::from(labels[at].as_str())),
            None => Outcome::Abstained(format!(
                "no label is likely enough: '{}' is to {:.0} %, and the cheapest is expected to cost {cost:.2}",
                labels[likeliest],
                probability.unwrap_or_default() * 100.0
            )),
        };
        Answer { outcome, usage, probability, ..Answer::default() }
    }

    /// Whether the model may see a row; nothing of it has been sent yet.
    fn may_see(&self, fields: &Map<String, Value>) -> std::result::Result<(), String> {
        let task = self.asking.task();
        policy_of(task, fields)?.allows(&self.standing).map_err(|refusal| {
            let row = crate::data::fingerprint(&[Example::new(fields.clone(), Value::Null)]);
            self.workspace.audit(&task.name, &refusal, Some(&row));
            format!("refused: {refusal}")
        })
    }

    /// Answers a row, and says how many milliseconds it took.
    pub(crate) async fn timed(&self, fields: &Map<String, Value>) -> (Answer, f64) {
        let started = Instant::now();
        let answer = self.answer(fields).await;
        (answer, started.elapsed().as_secs_f64() * 1000.0)
    }
}

impl Shots {
    /// Those for a row, the most like it last, where models look most.
    async fn of(&self, fields: &Map<String, Value>) -> Result<Vec<&Example>> {
        match self {
            Self::Fixed(examples) => Ok(examples.iter().collect()),
            Self::Nearest { task, pool, vectors, embedder, count } => {
                let of_row = classifier::vectors(&**embedder, vec![read(task, fields)]).await?;
                let row = of_row.first().map(Vec::as_slice).unwrap_or_default();
                let alike = |at: usize| vectors[at].iter().zip(row).map(|(a, b)| a * b).sum::<f64>();
                let mut order: Vec<(f64, usize)> = (0..pool.len()).map(|at| (alike(at), at)).collect();
                order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                Ok(order.into_iter().take(*count).rev().map(|(_, at)| &pool[at]).collect())
            }
        }
    }
}

/// What a task reads of a row as one text: its fields alone, for a row may have others, which nothing was measured with.
pub(crate) fn read(task: &Task, fields: &Map<String, Value>) -> String {
    text_of(fields.iter().filter(|(name, _)| task.input.iter().any(|field| field.name == **name)).map(|(_, one)| one))
}

/// A row as one text: what its fields hold, a line each.
pub(crate) fn plain(fields: &Map<String, Value>) -> String {
    text_of(fields.values())
}

fn text_of<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    let lines: Vec<String> = values
        .filter(|value| !value.is_null())
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    lines.join("\n")
}

fn wide(vector: &[f32]) -> Vec<f64> {
    vector.iter().map(|one| f64::from(*one)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A table that is run has columns that the rows it was measured on had not.
    #[test]
    fn what_is_no_field_of_the_task_is_not_read() {
        let task = Task { sensitivity_field: Some("how".to_owned()), ..Task::new("sort", json!({"type": "string"})) };
        let row = |row: Value| row.as_object().expect("a row").clone();
        let bare = row(json!({"text": "the lamp is broken"}));
        let more = row(json!({"id": 1, "text": "the lamp is broken", "team": "repairs", "how": "secret"}));
        assert_eq!(read(&task, &bare), "the lamp is broken");
        assert_eq!(read(&task, &more), read(&task, &bare));
        assert!(plain(&more).contains("repairs"));
    }
}
