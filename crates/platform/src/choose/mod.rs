//! Choosing a way of doing a task by measurement: candidates race on the development split, the finalists are measured on the test split.
//!
//! [`Workspace::choose`] is the way through; `asker` asks candidates what the contest wants to know, `bench` has their answers graded, `decision` says
//! which is best and how sure that is, `baseline` what it comes to without looking, `ledger` keeps every answer and `terms` what was asked for so that a
//! choice that was cut goes on, [`Decisions`] are those there are, with what was answered (`outputs`). `background` makes choices that nobody waits
//! for, `variants` finds other words for a task.

mod asker;
mod background;
mod baseline;
mod bench;
mod changes;
mod decision;
mod decisions;
mod facts;
mod judged;
mod ledger;
mod limits;
mod outputs;
mod report;
mod terms;
mod variants;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::{Example, Task};
use evaluate::{Shares, Terms};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::grade::Reliability;
use crate::routes::{Candidate, Route};
use crate::{Error, Labelled, ModelState, Result, Workspace};
use asker::Asker;
use bench::Bench;
use ledger::Ledger;
use variants::Field;

pub(crate) use background::Choices;
pub use background::{ChooseState, ChooseStatus, Contender, ContenderState, PartSizes};
pub use baseline::Baseline;
pub use decision::{Against, DataUsed, Decision, Entrant, JudgeUsed, Measured, Raced, Reason};
pub use decisions::Decisions;
pub use judged::agreement_facts;
pub use limits::{Bound, Bounds};
pub use outputs::{AskedAnswer, AskedRow};
pub use report::ReportLanguage;
pub use terms::ChooseTerms;
pub use variants::{DroppedTexts, PlainPrompt, Search, Searched, Variant, Variants};

/// What a choice is among, and how far it may go.
#[derive(Debug, Clone)]
pub struct ChooseOptions {
    /// Routes; those that fit the task if there is none.
    pub routes: Vec<Route>,
    /// Models; all that are installed if there is none.
    pub models: Vec<String>,
    /// Of everything drawn by chance.
    pub seed: u64,
    /// Shares of the splits.
    pub shares: Shares,
    /// What is tried beside the task's own words.
    pub search: Search,
    /// How far it may go.
    pub terms: Terms,
    /// Examples of the development and of the test split, at most.
    pub examples: usize,
    /// Money it may take, in the currency of the prices: half of it for the race. A round that would go over it is not asked; one that does ends there.
    pub max_cost: Option<f64>,
    /// Time it may take: half of it for the race.
    pub max_time: Option<Duration>,
    /// Rows asked at once.
    pub concurrency: usize,
    /// Tokens of an answer, at most.
    pub max_tokens: u32,
    /// The file's name, for the record.
    pub file: String,
    /// Its column of the label, if it was named.
    pub label: Option<String>,
    /// The folder of `tasks/` and `decisions/`.
    pub folder: PathBuf,
}

impl Default for ChooseOptions {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            models: Vec::new(),
            seed: 0,
            shares: Shares::default(),
            terms: Terms::default(),
            examples: 400,
            max_cost: None,
            max_time: None,
            concurrency: 4,
            max_tokens: 512,
            search: Search::Off,
            file: String::new(),
            label: None,
            folder: PathBuf::from("."),
        }
    }
}

/// A part of the data that candidates are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// They race on it.
    Development,
    /// The finalists are measured on it.
    Test,
}

/// What happens while it is chosen.
#[derive(Debug, Clone, PartialEq)]
pub enum ChooseEvent {
    /// Before the race: the plain prompt of a model answered rows of the training part.
    Piloted {
        /// Which.
        candidate: Candidate,
        /// Its mean score.
        mean: f64,
        /// Of so many.
        examples: usize,
    },
    /// Before the race: instructions were written.
    Written {
        /// The variant's name.
        name: String,
        /// The instructions.
        text: String,
    },
    /// All variants are there.
    Searched(Searched),
    /// These take part, on so many examples to learn from, to race on, to be measured on.
    Begun {
        /// The candidates.
        candidates: Vec<Candidate>,
        /// Examples of the three parts.
        parts: (usize, usize, usize),
        /// Answers kept by an earlier sitting that was cut: they are not asked for again.
        kept: usize,
    },
    /// One is being made ready: a model is loaded, a classifier learns.
    Preparing(Candidate),
    /// One cannot take part, or go on.
    Withdrawn {
        /// Which.
        candidate: Candidate,
        /// Why.
        why: String,
    },
    /// One is clearly beaten.
    Dropped {
        /// Which.
        candidate: Candidate,
        /// By whom.
        by: Candidate,
        /// After so many examples.
        after: usize,
    },
    /// What one answered in a round has its scores.
    Scored {
        /// Which.
        candidate: Candidate,
        /// On examples of this part.
        part: Part,
        /// Of each answer.
        scores: Vec<f64>,
        /// How long each took.
        milliseconds: Vec<f64>,
    },
    /// The judge was held against answers that people graded; nothing of how it did if there are none.
    Judged {
        /// Who grades.
        model: String,
        /// How it did.
        reliability: Option<Box<Reliability>>,
    },
    /// The judge gave so many grades of those wanted now.
    Graded {
        /// Grades.
        graded: usize,
        /// Wanted.
        of: usize,
    },
    /// These are measured on the test split.
    Finalists(Vec<Candidate>),
    /// So many answers of at most so many are there.
    Progress {
        /// Answers.
        asked: usize,
        /// At most.
        most: usize,
    },
}

/// Examples that routes learn from, at most.
const TRAIN: usize = 2000;

/// A choice that can be made.
struct Begun {
    task: Arc<Task>,
    parts: Parts,
    candidates: Vec<Candidate>,
    ledger: Ledger,
}

impl Workspace {
    /// Chooses among candidates by measuring them on labelled data, and keeps the decision.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are too few examples or no candidate, [`Error::Conflict`] if another process chooses for the same task,
    /// [`Error::Failed`] if the disk is full. A candidate that fails is no error: it withdraws, and the decision says why.
    pub async fn choose(
        &self,
        task: &Task,
        data: &Labelled,
        options: &ChooseOptions,
        mut watch: impl FnMut(ChooseEvent),
    ) -> Result<(Decision, PathBuf)> {
        let begun = self.begin_choice(task, data, options)?;
        self.make_choice(begun, data, options, &mut watch).await
    }

    /// What a choice is among and by, and the answers there are already.
    fn begin_choice(&self, task: &Task, data: &Labelled, options: &ChooseOptions) -> Result<Begun> {
        let parts = Parts::of(task, data, options)?;
        let named = options.routes.is_empty() && options.models.is_empty() && !task.candidates.is_empty();
        let mut candidates = if named { self.named_by(task)? } else { self.candidates(task, options)? };
        self.one_currency(task, &candidates)?;
        if options.routes.is_empty() && !named {
            let examples = whole_examples(task, &parts.train);
            candidates.retain(|one| differs(one.route, examples));
        }
        let decisions = Decisions::of(&options.folder);
        let ledger = Ledger::open(&decisions.begun(&task.name)?)?;
        decisions.keep_terms(&task.name, ChooseTerms::of(options).as_ref())?;
        Ok(Begun { task: Arc::new(task.clone()), parts, candidates, ledger })
    }

    async fn make_choice(
        &self,
        begun: Begun,
        data: &Labelled,
        options: &ChooseOptions,
        watch: &mut impl FnMut(ChooseEvent),
    ) -> Result<(Decision, PathBuf)> {
        let Begun { task, parts, candidates, mut ledger } = begun;
        let kept = ledger.len();
        let mut bench = Bench::open(self, &task, options).await?;
        bench.may_see(&parts.train)?;
        bench.may_see(&parts.development)?;
        bench.may_see(&parts.test)?;
        bench.hold(&mut ledger, watch).await?;
        let mut field = Field::plain(candidates);
        variants::search(self, &task, options, &parts, (&mut ledger, &mut bench), &mut field, watch).await?;
        watch(ChooseEvent::Begun {
            candidates: field.candidates.clone(),
            parts: (parts.train.len(), parts.development.len(), parts.test.len()),
            kept,
        });
        let mut asker = Asker::new(self, &task, options, &parts, field, (ledger, bench));
        asker.run(watch).await?;
        let decision = asker.decide(data);
        let (ledger, scores) = asker.into_answers();
        let path = Decisions::of(&options.folder).keep(&decision, ledger, &parts, &scores)?;
        Ok((decision, path))
    }

    /// Sums of two currencies are no sum.
    fn one_currency(&self, task: &Task, candidates: &[Candidate]) -> Result<()> {
        let remotes = self.remotes().list()?;
        let judge = task.metric.has_judge().then_some(task.judging.model.as_ref()).flatten();
        let takes = |name: &String| candidates.iter().any(|one| one.model == *name) || judge == Some(name);
        let prices = remotes.iter().filter(|remote| takes(&remote.name)).filter_map(|remote| remote.price.as_ref());
        let mut currencies: Vec<&str> = prices.map(|price| price.currency.as_str()).collect();
        currencies.sort_unstable();
        currencies.dedup();
        match currencies.as_slice() {
            [one, other, ..] => Err(Error::invalid(
                "models",
                "mixed_currencies",
                format!(
                    "prices in {one} and {other} cannot be compared; give them in one currency, or name models of one with --models"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The candidates that a task's file names, of models that are here.
    fn named_by(&self, task: &Task) -> Result<Vec<Candidate>> {
        let remotes = self.remotes().list()?;
        let read = |text: &String| {
            let candidate: Candidate =
                text.parse().map_err(|why: String| Error::invalid("candidates", "invalid_candidate", why))?;
            candidate.route.check(task)?;
            if remotes.iter().all(|remote| remote.name != candidate.model) {
                self.models().installed(&candidate.model)?;
            }
            Ok(candidate)
        };
        task.candidates.iter().map(read).collect()
    }

    /// What is asked for, or all that fits.
    fn candidates(&self, task: &Task, options: &ChooseOptions) -> Result<Vec<Candidate>> {
        let (mut texts, mut vectors) = (Vec::new(), Vec::new());
        for model in self.models().list()? {
            if model.state == ModelState::Installed {
                if model.card.embeds() { &mut vectors } else { &mut texts }.push(model.card.name);
            }
        }
        let remote: Vec<String> = self.remotes().list()?.into_iter().map(|remote| remote.name).collect();
        if !options.models.is_empty() {
            for name in options.models.iter().filter(|name| !remote.contains(name)) {
                self.models().installed(name)?;
            }
            let asked = |name: &String| options.models.contains(name);
            texts.extend(remote.iter().cloned());
            texts.retain(asked);
            // A classifier needs vectors from somewhere, whichever models write.
            if vectors.iter().any(asked) {
                vectors.retain(asked);
            }
        } else {
            texts.extend(remote.iter().cloned());
        }
        let routes =
            if options.routes.is_empty() { fitting(task, !vectors.is_empty()) } else { options.routes.clone() };
        let mut all = Vec::new();
        for route in routes {
            route.check(task)?;
            let models = if route == Route::Classifier { &vectors } else { &texts };
            // Where probabilities of tokens are not to be had, nothing can be read off them.
            let needs_them = matches!(route, Route::Labels | Route::Reranked(_));
            let can = |model: &&String| !needs_them || !remote.contains(model);
            all.extend(models.iter().filter(can).map(|model| Candidate::plain(route, model)));
        }
        // One model after the other, so that each is warm when it is asked again.
        all.sort_by(|a, b| a.model.cmp(&b.model).then(a.route.cmp(&b.route)));
        all.dedup();
        if all.is_empty() {
            let why = match options.models.as_slice() {
                [] => "no installed model can do this; `sumeru models pull` brings one".to_owned(),
                named => format!(
                    "none of the models that were named can do this by the routes that are tried: {}",
                    named.join(", ")
                ),
            };
            return Err(Error::invalid("models", "no_candidate", why));
        }
        Ok(all)
    }
}

/// Examples that can be shown to a model: the task's own, and those that are labelled whole.
fn whole_examples(task: &Task, train: &[Example]) -> usize {
    let form = jsonschema::validator_for(&task.output).ok();
    let whole = |one: &&Example| form.as_ref().is_none_or(|form| form.is_valid(&one.output));
    task.examples.len() + train.iter().filter(whole).count()
}

/// Whether a route does otherwise than a plainer one with so few examples: none cannot be shown, and of no more than are shown none are nearest.
fn differs(route: Route, examples: usize) -> bool {
    match route {
        Route::FewShot(_) => examples > 0,
        Route::Nearest(count) => examples > count,
        _ => true,
    }
}

/// Routes worth trying for a task where nobody says which: those that take one call.
fn fitting(task: &Task, vectors: bool) -> Vec<Route> {
    let mut all = Vec::new();
    if task.knowledge_base.is_some() {
        all.extend([Route::Retrieval(6), Route::Fusion(6), Route::Reranked(6)]);
        return all;
    }
    all.extend([Route::Prompt, Route::Steps, Route::FewShot(8)]);
    if vectors {
        all.push(Route::Nearest(8));
    }
    if task.labels().is_some() {
        all.push(Route::Labels);
        if vectors {
            all.push(Route::Classifier);
        }
    }
    all
}

/// The parts of the data.
struct Parts {
    train: Vec<Example>,
    development: Vec<Example>,
    test: Vec<Example>,
}

impl Parts {
    fn of(task: &Task, data: &Labelled, options: &ChooseOptions) -> Result<Self> {
        let mut split = data.split(options.shares, options.seed);
        // What is shown as an example is learnt from, and tells nothing of rows that were not.
        let shown = crate::data::shown(task, &data.examples);
        for part in [&mut split.development, &mut split.test] {
            split.train.extend(part.extract_if(.., |at| shown.contains(at)));
        }
        let part = |places: &[usize], most: usize| -> Vec<Example> {
            places.iter().take(most).map(|at| data.examples[*at].clone()).collect()
        };
        let parts = Self {
            train: part(&split.train, TRAIN),
            development: part(&split.development, options.examples),
            test: part(&split.test, options.examples),
        };
        if parts.test.len() < 2 || parts.development.is_empty() {
            return Err(Error::invalid(
                "data",
                "too_few_examples",
                format!(
                    "{} labelled examples are too few to choose by: {} to race on and {} to measure on are left; label ten at least, better a hundred",
                    data.examples.len(),
                    parts.development.len(),
                    parts.test.len()
                ),
            ));
        }
        Ok(parts)
    }
}

/// A hash of what a task says.
pub(crate) fn task_fingerprint(task: &Task) -> String {
    let text = serde_json::to_string(task).expect("a task is plain data: this is a bug");
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
