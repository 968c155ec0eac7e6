//! Finds variants: which models are worth them, what is written, which examples are picked.

use std::sync::Arc;
use std::time::Instant;

use domain::{Example, Task};

use super::pilot::{Draft, Trial};
use super::selection::{balanced, diverse, hard};
use super::template::drafted;
use super::writer::{Kind, Mistake, Writer};
use super::{Field, Search, Searched, Variant};
use crate::choose::bench::Bench;
use crate::choose::ledger::Ledger;
use crate::choose::{ChooseEvent, ChooseOptions, Parts};
use crate::routes::{Candidate, Route, read, vectors_of};
use crate::{Result, Workspace};

/// Texts asked for each that is wanted, at most: some are no use.
const TRIES: usize = 2;
/// Examples that those to show are picked from, at most: their vectors take time.
const POOL: usize = 400;
/// Numbers of passages that are tried.
const PASSAGES: [usize; 3] = [3, 6, 10];
/// The part of the answers, of the time and of the money that a search may take: the race and the final need theirs.
const SHARE: f64 = 0.25;

/// A search under way.
pub(super) struct Work<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) task: &'a Arc<Task>,
    pub(super) options: &'a ChooseOptions,
    pub(super) parts: &'a Parts,
    pub(super) ledger: &'a mut Ledger,
    pub(super) bench: &'a mut Bench,
    pub(super) started: Instant,
    pub(super) done: Searched,
    /// Answers and texts that may be asked for.
    most: f64,
}

/// Adds to the field what is tried beside the task's own words.
///
/// # Errors
/// As [`Workspace::choose`]; a writer that was asked for and cannot write is one.
pub(in crate::choose) async fn search(
    workspace: &Workspace,
    task: &Arc<Task>,
    options: &ChooseOptions,
    parts: &Parts,
    (ledger, bench): (&mut Ledger, &mut Bench),
    field: &mut Field,
    watch: &mut impl FnMut(ChooseEvent),
) -> Result<()> {
    match &options.search {
        Search::Off => return Ok(()),
        Search::Again { candidates, variants } => {
            field.candidates.extend(candidates.iter().filter(|one| one.variant.is_some()).cloned());
            field.variants.clone_from(variants);
        }
        Search::Write { count, writer } => {
            let started = field.started;
            // As if each text became a candidate: how many do is not known yet.
            let grid = (field.candidates.len() + count) * (parts.development.len() + parts.test.len());
            let most = options.terms.spend * grid as f64 * SHARE;
            let done = Searched::default();
            let mut work = Work { workspace, task, options, parts, ledger, bench, started, done, most };
            work.find(*count, writer.as_deref(), field, watch).await?;
            work.done.seconds = started.elapsed().as_secs_f64();
            watch(ChooseEvent::Searched(work.done.clone()));
            field.searched = Some(work.done);
        }
    }
    field.line_up();
    Ok(())
}

impl Work<'_> {
    /// Whether as much was spent as a search may.
    pub(super) fn enough(&self) -> bool {
        let over = |most: Option<f64>, spent: f64| most.is_some_and(|most| spent > most * SHARE);
        over(self.options.max_time.map(|most| most.as_secs_f64()), self.started.elapsed().as_secs_f64())
            || self.left().is_some_and(|left| left < 0.0)
            || (self.done.pilot + self.done.calls) as f64 > self.most
    }

    /// Money that a search may still spend, if there is a limit.
    pub(super) fn left(&self) -> Option<f64> {
        self.options.max_cost.map(|most| most * SHARE - self.done.cost)
    }

    async fn find(
        &mut self,
        count: usize,
        writer: Option<&str>,
        field: &mut Field,
        watch: &mut impl FnMut(ChooseEvent),
    ) -> Result<()> {
        let mut models: Vec<String> = Vec::new();
        for candidate in field.candidates.iter().filter(|one| one.route != Route::Classifier) {
            if !models.contains(&candidate.model) {
                models.push(candidate.model.clone());
            }
        }
        let found = field.candidates.iter().map(|candidate| candidate.route).find(|route| route.passages().is_some());
        let trials = self.pilot(&models, found.unwrap_or(Route::Prompt), watch).await?;
        let Some(best) = trials.first() else {
            self.done.ended = Some("no model could be asked".to_owned());
            return Ok(());
        };
        let mistakes = best.mistakes();
        let examples = self.examples(&mistakes).await?;
        for (name, variant) in examples {
            enter(field, &of(&trials), &name, variant, |route| matches!(route, Route::FewShot(_)));
        }
        self.instructions(count, writer, &models, &trials, field, watch).await?;
        passages(field, &of(&trials));
        Ok(())
    }

    /// Has instructions written, and enters the better half of them.
    async fn instructions(
        &mut self,
        count: usize,
        asked: Option<&str>,
        models: &[String],
        trials: &[Trial],
        field: &mut Field,
        watch: &mut impl FnMut(ChooseEvent),
    ) -> Result<()> {
        let writer = match self.writer(asked, models).await {
            Ok(Some(writer)) => writer,
            Ok(None) => {
                self.done.ended = Some("the policy lets no model write".to_owned());
                return Ok(());
            }
            // Whoever was named must be able to; of others the race can do without.
            Err(error) if asked.is_none() => {
                self.done.ended = Some(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        (self.done.writer, self.done.writer_sha256) = (Some(writer.name.clone()), writer.sha256.clone());
        let mistakes = trials.first().map(Trial::mistakes).unwrap_or_default();
        let parts = self.parts;
        let mistakes: Vec<Mistake<'_>> = mistakes.iter().map(|(at, said)| (&parts.train[*at], said.as_str())).collect();
        let drafts = self.drafts(count, &writer, &mistakes, watch).await?;
        let drafts = match trials.first() {
            Some(best) => self.better_half(best, drafts, watch).await?,
            None => drafts,
        };
        for Draft { name, text } in drafts {
            let variant = Variant { instructions: Some(text), written_by: Some(writer.name.clone()), examples: None };
            enter(field, &of(trials), &name, variant, |route| {
                matches!(route, Route::Prompt | Route::Labels) || route.passages().is_some()
            });
        }
        Ok(())
    }

    /// Asks for one kind of instructions after the other until there are so many, or nothing new comes.
    async fn drafts(
        &mut self,
        count: usize,
        writer: &Writer,
        mistakes: &[Mistake<'_>],
        watch: &mut impl FnMut(ChooseEvent),
    ) -> Result<Vec<Draft>> {
        let (mut kinds, mut numbers) = (vec![Kind::Short, Kind::Precise, Kind::Guide, Kind::Rules], [0; 4]);
        kinds.retain(|kind| self.told(writer, *kind, mistakes, 0).is_some());
        let mut drafts: Vec<Draft> = Vec::new();
        for attempt in 0..count * TRIES {
            if drafts.len() == count {
                break;
            }
            if self.enough() {
                self.done.ended = Some("a quarter of the answers, of the time or of the money was spent".to_owned());
                break;
            }
            let (kind, again) = (kinds[attempt % kinds.len()], attempt / kinds.len());
            let Some(told) = self.told(writer, kind, mistakes, again) else { continue };
            let written = match self.write(writer, told, again).await {
                Ok(written) => written.unwrap_or_default(),
                Err(error) => {
                    self.done.ended = Some(format!("'{}' could not write: {error}", writer.name));
                    break;
                }
            };
            let others: Vec<&str> = drafts.iter().map(|draft| draft.text.as_str()).collect();
            let drafted = drafted(self.task, &written, kind.becomes(), &others, &mut self.done.dropped);
            let Some(text) = drafted else { continue };
            numbers[kind as usize] += 1;
            let name = format!("{}{}", kind.name(), numbers[kind as usize]);
            watch(ChooseEvent::Written { name: name.clone(), text: text.clone() });
            drafts.push(Draft { name, text });
        }
        Ok(drafts)
    }

    /// Sets of examples: unlike each other, of every label as many, and those the best plain prompt got wrong. In each the first few are good for
    /// themselves, so that a route takes as many as it shows.
    async fn examples(&self, mistakes: &[(usize, String)]) -> Result<Vec<(String, Variant)>> {
        const MOST: usize = 64;
        let whole = jsonschema::validator_for(&self.task.output).ok();
        let sound = |one: &Example| whole.as_ref().is_none_or(|whole| whole.is_valid(&one.output));
        let pool: Vec<Example> = self.parts.train.iter().take(POOL).filter(|one| sound(one)).cloned().collect();
        if pool.len() < 2 {
            return Ok(Vec::new());
        }
        let vectors = match self.workspace.default_embedder() {
            Err(_) => None,
            Ok(name) => {
                let embedder = self.workspace.embedder(&name).await?;
                let texts = pool.iter().map(|example| read(self.task, &example.input)).collect();
                Some(vectors_of(&*embedder, texts).await?)
            }
        };
        let all: Vec<usize> = (0..pool.len()).collect();
        let apart = vectors.as_ref().map(|vectors| diverse(vectors, &all, MOST)).unwrap_or_default();
        let even = balanced(&pool, vectors.as_deref(), MOST);
        let wrong: Vec<usize> =
            mistakes.iter().filter_map(|(at, _)| pool.iter().position(|one| *one == self.parts.train[*at])).collect();
        let fill = if even.is_empty() { if apart.is_empty() { &all } else { &apart } } else { &even };
        let hard = if wrong.is_empty() { Vec::new() } else { hard(&pool, &wrong, fill, MOST) };
        let sets = [("diverse", apart), ("balanced", even), ("hard", hard)];
        Ok(sets
            .into_iter()
            .filter(|(_, picked)| !picked.is_empty())
            .map(|(name, picked)| {
                let examples = picked.into_iter().map(|at| pool[at].clone()).collect();
                (name.to_owned(), Variant { examples: Some(examples), ..Variant::default() })
            })
            .collect())
    }
}

/// The models of trials.
fn of(trials: &[Trial]) -> Vec<&str> {
    trials.iter().map(|trial| trial.candidate.model.as_str()).collect()
}

/// Enters a variant on each of these models that has a plain candidate it can stand in for: by the routes that `fits` names, or else the first that
/// writes at all. Of routes that find passages one is enough: their kinds and numbers race by themselves.
fn enter(field: &mut Field, models: &[&str], name: &str, variant: Variant, fits: impl Fn(Route) -> bool) {
    let mut entered = Vec::new();
    for model in models {
        let of_model = || {
            let plain = field.candidates.iter().filter(|one| one.model == *model && one.variant.is_none());
            plain.map(|one| one.route).filter(|route| *route != Route::Classifier)
        };
        // Where all examples are shown, there is nothing to pick.
        let picks = |route: Route| variant.examples.as_ref().is_none_or(|all| route.shown() < all.len());
        let mut routes: Vec<Route> = of_model().filter(|route| fits(*route) && picks(*route)).collect();
        if routes.iter().any(|route| route.passages().is_some()) {
            routes.retain(|route| route.passages().is_some());
            routes.truncate(1);
        }
        // Words of one's own can stand before any route; examples only where they are shown.
        if routes.is_empty() && variant.instructions.is_some() {
            routes.extend(of_model().next());
        }
        let one = |route| Candidate { variant: Some(name.to_owned()), ..Candidate::plain(route, *model) };
        entered.extend(routes.into_iter().map(one));
    }
    if !entered.is_empty() {
        field.candidates.extend(entered);
        field.variants.insert(name.to_owned(), variant);
    }
}

/// Other numbers of passages for the routes that find some.
fn passages(field: &mut Field, models: &[&str]) {
    let plain = field.candidates.iter().filter(|one| one.variant.is_none());
    let found = plain.filter(|one| models.contains(&one.model.as_str()));
    let more: Vec<Candidate> = found
        .flat_map(|one| {
            let numbers = PASSAGES.iter().filter_map(|count| one.route.with_passages(*count));
            numbers.map(|route| Candidate::plain(route, one.model.as_str()))
        })
        .collect();
    field.candidates.extend(more);
    field.line_up();
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn field(candidates: &[&str]) -> Field {
        Field::plain(candidates.iter().map(|one| one.parse().expect(one)).collect())
    }

    fn names(field: &Field) -> Vec<String> {
        field.candidates.iter().map(ToString::to_string).collect()
    }

    fn examples(count: usize) -> Variant {
        let one = Example::new(Map::from_iter([("text".to_owned(), json!("t"))]), json!("x"));
        Variant { examples: Some(vec![one; count]), ..Variant::default() }
    }

    fn words() -> Variant {
        Variant { instructions: Some("{{ text }}?".to_owned()), ..Variant::default() }
    }

    #[test]
    fn variants_stand_beside_the_plain_candidates_they_fit() {
        let plain = ["few-shot:8@m", "labels@m", "prompt@m", "prompt@n", "prompt-steps@m", "classifier@e"];
        let mut all = field(&plain);
        enter(&mut all, &["m"], "short1", words(), |route| matches!(route, Route::Prompt | Route::Labels));
        enter(&mut all, &["m"], "diverse", examples(9), |route| matches!(route, Route::FewShot(_)));
        assert_eq!(names(&all)[6..], ["labels~short1@m", "prompt~short1@m", "few-shot:8~diverse@m"]);
        assert_eq!(all.variants.keys().collect::<Vec<_>>(), ["diverse", "short1"]);
        // Eight of eight are no choice, and what nobody can show is not kept.
        enter(&mut all, &["m", "n"], "hard", examples(8), |route| matches!(route, Route::FewShot(_)));
        assert!(!all.variants.contains_key("hard") && names(&all).len() == 9);
        all.line_up();
        assert!(all.of_the_task().iter().all(|at| all.candidates[*at].variant.is_none()));
        assert_eq!(all.of_the_task().len(), plain.len());
    }

    #[test]
    fn words_are_tried_on_one_route_with_passages_and_numbers_on_all() {
        let mut all = field(&["retrieval:6@m", "retrieval-fusion:6@m", "retrieval:6@n"]);
        enter(&mut all, &["m"], "guide1", words(), |route| route.passages().is_some());
        passages(&mut all, &["m"]);
        assert_eq!(
            names(&all),
            [
                "retrieval:3@m",
                "retrieval:6@m",
                "retrieval:6~guide1@m",
                "retrieval:10@m",
                "retrieval-fusion:3@m",
                "retrieval-fusion:6@m",
                "retrieval-fusion:10@m",
                "retrieval:6@n"
            ]
        );
        let mut steps = field(&["prompt-steps@m"]);
        enter(&mut steps, &["m"], "guide1", words(), |route| route == Route::Prompt);
        assert_eq!(names(&steps), ["prompt-steps@m", "prompt-steps~guide1@m"]);
    }
}
