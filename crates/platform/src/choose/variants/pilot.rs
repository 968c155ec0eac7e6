//! What prompts do with some rows of the training part: which models' variants are worth a race, what goes wrong, which wordings are worth one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::Example;
use futures_util::StreamExt;

use super::find::Work;
use crate::choose::ledger::Entry;
use crate::routes::{Answerer, Candidate, Outcome, Route};
use crate::{ChooseEvent, Result};

/// Rows that every model is asked, rows that the best are asked, and how many those are.
const FIRST: usize = 8;
const ROWS: usize = 24;
const FOLLOWED: usize = 2;

/// A model's plain prompt on rows of the training part.
pub(super) struct Trial {
    pub(super) candidate: Candidate,
    answerer: Answerer,
    entries: Vec<Entry>,
    scores: Vec<f64>,
}

impl Trial {
    pub(super) fn mean(&self) -> f64 {
        self.scores.iter().sum::<f64>() / self.scores.len().max(1) as f64
    }

    /// Whether it does as well as another, but for a row.
    fn as_good_as(&self, best: &Self) -> bool {
        self.mean() + 1.0 / best.scores.len().max(1) as f64 >= best.mean()
    }

    /// Rows it got wrong, and what it answered, by their places.
    pub(super) fn mistakes(&self) -> Vec<(usize, String)> {
        let wrong = self.scores.iter().zip(&self.entries).enumerate().filter(|(_, (score, _))| **score < 0.5);
        let said = |entry: &Entry| match &entry.outcome {
            Outcome::Output(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            Outcome::Abstained(_) | Outcome::Error(_) => String::new(),
        };
        wrong.map(|(at, (_, entry))| (at, said(entry))).collect()
    }
}

/// Instructions that were written.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) text: String,
}

impl Work<'_> {
    /// The better half of drafts, by what the best model makes of them on rows of the training part that no writer was shown mistakes of. A race of
    /// all of them on several routes took twice the time and told no more: among so many, each has few examples, and one is best by luck.
    pub(super) async fn better_half(
        &mut self,
        best: &Trial,
        drafts: Vec<Draft>,
        watch: &mut impl FnMut(ChooseEvent),
    ) -> Result<Vec<Draft>> {
        let kept = drafts.len().div_ceil(2);
        let parts = self.parts;
        let rows = parts.train.get(ROWS..).unwrap_or_default();
        let rows = &rows[..ROWS.min(rows.len())];
        if rows.len() < FIRST {
            return Ok(drafts);
        }
        let mut marked: Vec<(f64, Draft)> = Vec::new();
        for draft in drafts {
            let candidate = Candidate { variant: Some(draft.name.clone()), ..best.candidate.clone() };
            let mut task = domain::Task::clone(self.task);
            task.instructions.clone_from(&draft.text);
            let (most, seed) = (self.options.max_tokens, self.options.seed);
            let mut mean = 0.0;
            let ready = self.workspace.answerer(&Arc::new(task), &candidate, &[], most, seed).await;
            // What cannot be asked, or paid for any more, comes last.
            if let (Ok(answerer), false) = (ready, self.enough()) {
                let mut trial = Trial { candidate, answerer, entries: Vec::new(), scores: Vec::new() };
                self.ask(&mut trial, rows, watch).await?;
                mean = trial.mean();
                self.done.drafts.push((draft.name.clone(), mean, trial.scores.len()));
            }
            marked.push((mean, draft));
        }
        marked.sort_by(|a, b| b.0.total_cmp(&a.0));
        Ok(marked.into_iter().take(kept).map(|(_, draft)| draft).collect())
    }

    /// The models whose variants are worth a race, best first: the best on rows of the training part, and the next one if it does as well but for
    /// a row. All are asked a few rows, the best of them more. What every variant of every model would take is spent on what may win.
    pub(super) async fn pilot(
        &mut self,
        models: &[String],
        route: Route,
        watch: &mut impl FnMut(ChooseEvent),
    ) -> Result<Vec<Trial>> {
        let train = &self.parts.train;
        let mut trials = Vec::new();
        for model in models {
            let candidate = Candidate::plain(route, model.as_str());
            let (most, seed) = (self.options.max_tokens, self.options.seed);
            // Whoever cannot take part withdraws from the race, with the reason.
            if let Ok(answerer) = self.workspace.answerer(self.task, &candidate, &[], most, seed).await {
                let mut trial = Trial { candidate, answerer, entries: Vec::new(), scores: Vec::new() };
                self.ask(&mut trial, &train[..FIRST.min(train.len())], watch).await?;
                trials.push(trial);
            }
        }
        trials.sort_by(|a, b| b.mean().total_cmp(&a.mean()));
        for trial in trials.iter_mut().take(FOLLOWED) {
            let more = train.get(trial.scores.len()..ROWS.min(train.len())).unwrap_or_default();
            self.ask(trial, more, watch).await?;
        }
        for trial in &trials {
            self.done.piloted.push((trial.candidate.model.clone(), trial.mean(), trial.scores.len()));
        }
        trials.truncate(FOLLOWED);
        trials.sort_by(|a, b| b.mean().total_cmp(&a.mean()));
        if let [best, next] = trials.as_slice()
            && !next.as_good_as(best)
        {
            trials.truncate(1);
        }
        Ok(trials)
    }

    /// Asks rows, unless enough was spent. Rows that the money there is does not reach are let go, whole.
    async fn ask(&mut self, trial: &mut Trial, rows: &[Example], watch: &mut impl FnMut(ChooseEvent)) -> Result<()> {
        if rows.is_empty() || self.enough() {
            return Ok(());
        }
        let Some(mut entries) = self.answers(&trial.answerer, rows).await? else { return Ok(()) };
        let (before, left) = (self.bench.cost(), self.left());
        let graded = self.bench.scores(&mut entries, rows, left, self.ledger, watch).await?;
        self.done.cost += self.bench.cost() - before;
        let Some(graded) = graded else { return Ok(()) };
        trial.scores.extend(graded);
        for entry in &entries {
            self.done.prompt_tokens += u64::from(entry.usage.prompt_tokens);
            self.done.completion_tokens += u64::from(entry.usage.completion_tokens);
        }
        self.done.pilot += entries.len();
        trial.entries.extend(entries);
        watch(ChooseEvent::Piloted {
            candidate: trial.candidate.clone(),
            mean: trial.mean(),
            examples: trial.scores.len(),
        });
        Ok(())
    }

    /// Answers to rows, those known and those asked for now. Nothing if the money for a search was spent before all came.
    async fn answers(&mut self, answerer: &Answerer, rows: &[Example]) -> Result<Option<Vec<Entry>>> {
        let name = format!(
            "pilot {} {} {} {}",
            answerer.candidate,
            answerer.card.sha256,
            answerer.digest(),
            self.options.max_tokens
        );
        let keys: Vec<String> = rows.iter().map(|row| crate::data::fingerprint(std::slice::from_ref(row))).collect();
        let new: Vec<usize> = (0..rows.len()).filter(|at| self.ledger.get(&name, &keys[*at]).is_none()).collect();
        let enough = AtomicBool::new(false);
        let within = new.into_iter().take_while(|_| !enough.load(Ordering::Relaxed));
        let asked = within.map(|at| {
            let input = rows[at].input.clone();
            async move { (at, answerer.timed(&input).await) }
        });
        let mut coming = futures_util::stream::iter(asked).buffer_unordered(self.options.concurrency.max(1));
        let price = answerer.price.as_ref();
        // What was paid in an earlier sitting was paid for this choice.
        let known = keys.iter().filter_map(|key| self.ledger.get(&name, key));
        self.done.cost += known.map(|entry| price.map_or(0.0, |price| price.cost(&entry.usage))).sum::<f64>();
        while let Some((at, came)) = coming.next().await {
            self.done.cost += price.map_or(0.0, |price| price.cost(&came.0.usage));
            let score = self.bench.at_once(&rows[at], &came.0).await;
            self.ledger.add(Entry { score, ..Entry::new(&name, &keys[at], came) })?;
            if self.left().is_some_and(|left| left < 0.0) {
                enough.store(true, Ordering::Relaxed);
            }
        }
        drop(coming);
        if enough.into_inner() {
            return Ok(None);
        }
        let missing = || crate::Error::failed("an answer that was kept is not there: this is a bug");
        let entries = keys.iter().map(|key| self.ledger.get(&name, key).cloned().ok_or_else(missing));
        entries.collect::<Result<_>>().map(Some)
    }
}
