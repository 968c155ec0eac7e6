//! Asks candidates what a contest wants to know, and keeps what they answer; `means` says what there is time and money for.

mod means;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use domain::{Example, Task};
use evaluate::{Contest, Next};
use futures_util::StreamExt;

use super::baseline::Baseline;
use super::decision::Sheet;
use super::ledger::{Entry, Failures, Ledger, identity};
use super::limits::{self, Bound, Bounds, Taken};
use super::variants::{Field, PlainPrompt, Searched, Variants, fitted};
use super::{
    Bench, ChooseEvent, ChooseOptions, DataUsed, Decision, Entrant, Measured, Part, Parts, Raced, Reason,
    task_fingerprint,
};
use crate::routes::{Answerer, Candidate, Outcome};
use crate::{Error, Labelled, Result, Workspace};

/// A round in which a candidate answers none of so many is its last.
const HOPELESS: usize = 4;

/// What candidates scored, by the hash of the example.
pub(super) type Scores = HashMap<String, BTreeMap<Candidate, f64>>;

/// Asks candidates what a contest wants to know.
pub(super) struct Asker<'a> {
    workspace: &'a Workspace,
    task: &'a Arc<Task>,
    options: &'a ChooseOptions,
    parts: &'a Parts,
    candidates: Vec<Candidate>,
    variants: Variants,
    searched: Option<Searched>,
    answerers: Vec<Option<Answerer>>,
    withdrawn: HashMap<usize, String>,
    /// Of the final, by candidate.
    sheets: HashMap<usize, Sheet>,
    scores: Scores,
    contest: Contest,
    ledger: Ledger,
    bench: Bench,
    started: Instant,
    asked: usize,
    cost: f64,
    /// What each candidate's answers cost with their grades, and how many examples it was asked about.
    costs: Vec<(f64, usize)>,
    /// What each candidate's answers of the race took.
    raced: Vec<Taken>,
    /// What ended it before all was asked.
    ended: Option<Bound>,
}

/// The place of the same model and words by a way that takes less.
fn plainer(of: &Candidate, all: &[Candidate]) -> Option<usize> {
    let wanted = Candidate { route: of.route.plainer()?, ..of.clone() };
    all.iter().position(|one| *one == wanted)
}

/// The model of each candidate, as the place of the first that has the same one.
fn models_of(candidates: &[Candidate]) -> Vec<usize> {
    let first = |one: &Candidate| candidates.iter().position(|other| other.model == one.model);
    candidates.iter().map(|one| first(one).unwrap_or_default()).collect()
}

/// The scores of a round, example by example, and the candidates that cannot go on after it, with the reason.
type Round = (Vec<Vec<f64>>, Vec<(usize, String)>);

impl<'a> Asker<'a> {
    pub(super) fn new(
        workspace: &'a Workspace,
        task: &'a Arc<Task>,
        options: &'a ChooseOptions,
        parts: &'a Parts,
        field: Field,
        (ledger, bench): (Ledger, Bench),
    ) -> Self {
        let (asked, plain) = (field.asked(), field.of_the_task());
        let Field { candidates, variants, searched, started } = field;
        let mut contest = Contest::new(candidates.len(), parts.development.len(), parts.test.len(), options.terms);
        // What was asked before the race is within its means, and what a search brought is measured beside the task's own words.
        contest.charge(asked);
        contest.seat(plain);
        contest.spread(models_of(&candidates));
        contest.beside(candidates.iter().map(|one| plainer(one, &candidates)).collect());
        Self {
            workspace,
            task,
            options,
            parts,
            withdrawn: HashMap::new(),
            answerers: candidates.iter().map(|_| None).collect(),
            costs: vec![(0.0, 0); candidates.len()],
            raced: vec![Taken::default(); candidates.len()],
            ended: None,
            sheets: HashMap::new(),
            scores: Scores::new(),
            contest,
            candidates,
            ledger,
            started,
            asked,
            cost: searched.as_ref().map_or(0.0, |searched| searched.cost) + bench.cost(),
            bench,
            variants,
            searched,
        }
    }

    /// The answers, all of them, and what they scored in this sitting.
    pub(super) fn into_answers(self) -> (Ledger, Scores) {
        (self.ledger, self.scores)
    }

    pub(super) async fn run(&mut self, watch: &mut impl FnMut(ChooseEvent)) -> Result<()> {
        for at in 0..self.candidates.len() {
            self.prepare(at, watch).await;
        }
        let mut announced = Vec::new();
        loop {
            match self.next_round(watch) {
                Next::Done => return Ok(()),
                Next::Race { candidates, examples } => {
                    let (of, before) = (&self.parts.development[examples], self.asked);
                    let Some((mut scores, mut out)) = self.round(&candidates, of, false, watch).await? else {
                        self.cut_short(before, watch);
                        continue;
                    };
                    out.extend(
                        candidates
                            .iter()
                            .filter_map(|at| Some((*at, self.raced[*at].over(&self.task.constraints, self.options)?))),
                    );
                    // Before its scores count: what cannot be chosen beats nobody that can.
                    for (at, why) in out {
                        if let Some(place) = self.running(&candidates).iter().position(|one| *one == at) {
                            scores.iter_mut().for_each(|of_example| _ = of_example.remove(place));
                            self.contest.charge(scores.len());
                            self.withdraw(at, why, watch);
                        }
                    }
                    for beaten in self.contest.raced(&scores) {
                        let name = |at: usize| self.candidates[at].clone();
                        watch(ChooseEvent::Dropped {
                            candidate: name(beaten.candidate),
                            by: name(beaten.by),
                            after: beaten.after,
                        });
                    }
                }
                Next::Final { candidates, examples } => {
                    if candidates.iter().any(|at| !announced.contains(at)) {
                        announced.clone_from(&candidates);
                        watch(ChooseEvent::Finalists(
                            candidates.iter().map(|at| self.candidates[*at].clone()).collect(),
                        ));
                    }
                    let (of, before) = (&self.parts.test[examples], self.asked);
                    let Some((scores, out)) = self.round(&candidates, of, true, watch).await? else {
                        self.cut_short(before, watch);
                        continue;
                    };
                    self.contest.judged(&scores);
                    for (at, why) in out {
                        self.sheets.remove(&at);
                        self.withdraw(at, why, watch);
                    }
                }
            }
        }
    }

    /// Those of a round that did not withdraw since it was asked.
    fn running(&self, round: &[usize]) -> Vec<usize> {
        round.iter().copied().filter(|at| !self.withdrawn.contains_key(at)).collect()
    }

    fn withdraw(&mut self, at: usize, why: String, watch: &mut impl FnMut(ChooseEvent)) {
        self.contest.withdraw(at);
        watch(ChooseEvent::Withdrawn { candidate: self.candidates[at].clone(), why: why.clone() });
        self.withdrawn.insert(at, why);
    }

    /// Makes a candidate ready, or has it withdraw.
    async fn prepare(&mut self, at: usize, watch: &mut impl FnMut(ChooseEvent)) {
        let candidate = self.candidates[at].clone();
        watch(ChooseEvent::Preparing(candidate.clone()));
        let ChooseOptions { max_tokens, seed, .. } = *self.options;
        let made = match fitted(&self.variants, &candidate, self.task, self.parts.train.clone()) {
            Ok((task, train)) => self.workspace.answerer(&task, &candidate, &train, max_tokens, seed).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(answerer) => match limits::never(&self.task.constraints, self.options, &answerer) {
                None => self.answerers[at] = Some(answerer),
                Some(why) => self.withdraw(at, why, watch),
            },
            Err(error) => self.withdraw(at, error.to_string(), watch),
        }
    }

    /// Asks candidates for examples; their scores, example by example, and those that cannot go on, with the reason. Nothing if the money was spent
    /// before all were asked: a round is measured whole, or does not count.
    async fn round(
        &mut self,
        candidates: &[usize],
        examples: &[Example],
        last: bool,
        watch: &mut impl FnMut(ChooseEvent),
    ) -> Result<Option<Round>> {
        let mut sheets = Vec::new();
        let mut scores = vec![Vec::with_capacity(candidates.len()); examples.len()];
        let mut out = Vec::new();
        for at in candidates {
            let Some(mut entries) = self.answers(*at, examples, watch).await? else { return Ok(None) };
            let before = self.bench.cost();
            let left = self.options.max_cost.map(|most| most - self.cost);
            let graded = self.bench.scores(&mut entries, examples, left, &mut self.ledger, watch).await?;
            self.cost += self.bench.cost() - before;
            self.costs[*at].0 += self.bench.cost() - before;
            let Some(graded) = graded else { return Ok(None) };
            graded.iter().zip(&mut scores).for_each(|(score, scores)| scores.push(*score));
            self.scored(*at, if last { Part::Test } else { Part::Development }, &entries, graded.clone(), watch);
            let errors = entries.iter().filter_map(|entry| match &entry.outcome {
                Outcome::Error(why) => Some(why),
                Outcome::Output(_) | Outcome::Abstained(_) => None,
            });
            let errors: Vec<&String> = errors.collect();
            self.raced[*at].count(&entries);
            if errors.len() == entries.len() && errors.len() >= HOPELESS {
                out.push((*at, format!("it answered none of {}: {}", errors.len(), errors[0])));
            } else if let Some((lost, asked)) = self.raced[*at].too_many_lost() {
                let why = errors.last().map_or("", |why| why);
                out.push((*at, format!("{lost} of {asked} answers failed, the last because: {why}")));
            }
            if !last {
                let price = self.answerers[*at].as_ref().and_then(|answerer| answerer.price.as_ref());
                self.raced[*at].add(&entries, price);
            }
            if last {
                sheets.push((*at, entries, graded));
            }
        }
        for (at, entries, graded) in sheets {
            let price = self.answerers[at].as_ref().and_then(|answerer| answerer.price.clone());
            for (entry, score) in entries.iter().zip(graded) {
                let cost = price.as_ref().map_or(0.0, |price| price.cost(&entry.usage));
                self.sheet(at).add(entry, score, cost);
            }
        }
        Ok(Some((scores, out)))
    }

    /// Keeps and tells what the answers of a candidate scored.
    fn scored(
        &mut self,
        at: usize,
        part: Part,
        entries: &[Entry],
        scores: Vec<f64>,
        watch: &mut impl FnMut(ChooseEvent),
    ) {
        let candidate = self.candidates[at].clone();
        for (entry, score) in entries.iter().zip(&scores) {
            self.scores.entry(entry.example.clone()).or_default().insert(candidate.clone(), *score);
        }
        let milliseconds = entries.iter().map(|entry| entry.milliseconds).collect();
        watch(ChooseEvent::Scored { candidate, part, scores, milliseconds });
    }

    fn sheet(&mut self, at: usize) -> &mut Sheet {
        self.sheets.entry(at).or_insert_with(|| Sheet {
            candidate: at,
            scores: Vec::new(),
            answers: Vec::new(),
            failures: Failures::default(),
            abstained: 0,
            milliseconds: Vec::new(),
            prompt_tokens: 0,
            completion_tokens: 0,
            cost: 0.0,
        })
    }

    /// A candidate's answers to examples, in their order: those known, and those asked for now. Nothing if the money there is was spent before all came.
    async fn answers(
        &mut self,
        at: usize,
        examples: &[Example],
        watch: &mut impl FnMut(ChooseEvent),
    ) -> Result<Option<Vec<Entry>>> {
        let Some(answerer) = &self.answerers[at] else {
            return Err(Error::failed("a candidate that withdrew was asked: this is a bug"));
        };
        let name = self.identity(answerer);
        let keys: Vec<String> =
            examples.iter().map(|example| crate::data::fingerprint(std::slice::from_ref(example))).collect();
        let new: Vec<usize> = (0..examples.len()).filter(|at| self.ledger.get(&name, &keys[*at]).is_none()).collect();
        let most = self.contest.most();
        let price = answerer.price.as_ref();
        // What was paid in an earlier sitting was paid for this choice.
        let known = keys.iter().filter_map(|key| self.ledger.get(&name, key));
        let paid: f64 = known.map(|entry| price.map_or(0.0, |price| price.cost(&entry.usage))).sum();
        self.cost += paid;
        self.costs[at].0 += paid;
        self.costs[at].1 += examples.len();
        let max_cost = self.options.max_cost;
        let dear = price.is_some_and(|price| !price.is_free());
        let gone = |cost: f64| dear && max_cost.is_some_and(|most| cost > most);
        let enough = AtomicBool::new(!new.is_empty() && gone(self.cost));
        let within = new.iter().take_while(|_| !enough.load(Ordering::Relaxed));
        let asked = within.map(|at| async { (*at, answerer.timed(&examples[*at].input).await) });
        let mut coming = futures_util::stream::iter(asked).buffer_unordered(self.options.concurrency.max(1));
        while let Some((one, came)) = coming.next().await {
            let cost = price.map_or(0.0, |price| price.cost(&came.0.usage));
            self.cost += cost;
            self.costs[at].0 += cost;
            let score = self.bench.at_once(&examples[one], &came.0).await;
            self.ledger.add(Entry { score, ..Entry::new(&name, &keys[one], came) })?;
            self.asked += 1;
            watch(ChooseEvent::Progress { asked: self.asked, most: most.max(self.asked) });
            // What is under way is paid for, and kept.
            if gone(self.cost) {
                enough.store(true, Ordering::Relaxed);
            }
        }
        drop(coming);
        if enough.into_inner() {
            return Ok(None);
        }
        self.asked += examples.len() - new.len();
        let missing = || Error::failed("an answer that was kept is not there: this is a bug");
        let entries = keys.iter().map(|key| self.ledger.get(&name, key).cloned().ok_or_else(missing));
        entries.collect::<Result<_>>().map(Some)
    }

    /// What makes a candidate the same as in an earlier sitting: its route, its model's file, the task in its words, what it learns from and shows.
    fn identity(&self, answerer: &Answerer) -> String {
        let train = crate::data::fingerprint(&self.parts.train);
        identity(&answerer.candidate, &answerer.card.sha256, &answerer.digest(), &train, self.options.max_tokens)
    }

    /// A candidate and how far it came.
    fn entrant(&self, at: usize) -> Entrant {
        let contest = &self.contest;
        let beaten = contest.beaten().iter().find(|beaten| beaten.candidate == at);
        let card = self.answerers[at].as_ref().map(|answerer| &answerer.card);
        let examples = beaten.map_or(contest.raced_examples(), |beaten| beaten.after);
        Entrant {
            candidate: self.candidates[at].clone(),
            identity: self.answerers[at].as_ref().map(|one| self.identity(one)).unwrap_or_default(),
            model_sha256: card.map(|card| card.sha256.clone()).unwrap_or_default(),
            memory: self.answerers[at].as_ref().map_or(0, Answerer::memory),
            price: self.answerers[at].as_ref().and_then(|answerer| answerer.price.clone()),
            unpriced: self.answerers[at].as_ref().is_some_and(Answerer::unpriced),
            // How far one came that withdrew, its reason says.
            race: (examples > 0 && card.is_some() && !self.withdrawn.contains_key(&at)).then(|| Raced {
                examples,
                mean: contest.race_mean(at),
                failed: self.raced[at].failures().count(),
                failure: self.raced[at].failures().commonest(),
                beaten_by: beaten.map(|beaten| self.candidates[beaten.by].clone()),
            }),
            withdrawn: self.withdrawn.get(&at).cloned(),
            result: None,
            against: None,
            breaks: Vec::new(),
        }
    }

    /// What it comes to.
    pub(super) fn decide(&self, data: &Labelled) -> Decision {
        let (options, contest) = (self.options, &self.contest);
        let knowledge = self.answerers.iter().flatten().find_map(Answerer::knowledge);
        let mut decision = Decision {
            task: self.task.name.clone(),
            task_fingerprint: task_fingerprint(self.task),
            date: time::OffsetDateTime::now_utc().date().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            metric: self.task.metric.clone(),
            judge: self.bench.used(),
            constraints: self.task.constraints.clone(),
            seed: options.seed,
            bounds: Bounds {
                max_cost: options.max_cost,
                max_seconds: options.max_time.map(|time| time.as_secs_f64()),
                ended: self.ended,
            },
            terms: options.terms,
            max_tokens: options.max_tokens,
            concurrency: options.concurrency,
            data: DataUsed {
                file: options.file.clone(),
                label: options.label.clone(),
                fingerprint: crate::data::fingerprint(&data.examples),
                train_fingerprint: crate::data::fingerprint(&self.parts.train),
                knowledge_fingerprint: knowledge.unwrap_or_default().to_owned(),
                examples: data.examples.len(),
                wrong: data.wrong.len(),
                train: self.parts.train.len(),
                development: self.parts.development.len(),
                test: self.parts.test.len(),
            },
            candidates: (0..self.candidates.len()).map(|at| self.entrant(at)).collect(),
            chosen: None,
            reason: Reason::default(),
            why: String::new(),
            not_ruled_out: Vec::new(),
            examples_to_settle: None,
            rows_to_settle: None,
            baseline: None,
            routes_that_fit: self.options.routes.is_empty(),
            models: self.options.models.clone(),
            asked: contest.spent().0,
            grid: contest.spent().1,
            seconds: self.started.elapsed().as_secs_f64(),
            cost: self.cost,
            prompt: PlainPrompt::of(self.task),
            variants: self.variants.clone(),
            search: self.searched.clone(),
        };
        let mut sheets: Vec<Sheet> = Vec::new();
        for (at, scores) in contest.finals() {
            if let Some(sheet) = self.sheets.get(&at).filter(|sheet| sheet.scores.len() == scores.len()) {
                let measured = sheet.measured(self.task, &self.parts.test, options.terms.confidence, options.seed);
                if let Some(measured) = measured {
                    let corrected = self.bench.corrected(&sheet.scores, options.terms.confidence);
                    let measured = Measured { corrected, ..measured };
                    let entrant = &mut decision.candidates[at];
                    entrant.breaks = limits::breaks(&self.task.constraints, &measured, entrant.memory);
                    entrant.result = Some(measured);
                    sheets.push(sheet.clone());
                }
            }
        }
        decision.choose(&sheets);
        if let Some(baseline) = Baseline::of(self.task, &self.parts.train, &self.parts.test) {
            let chosen =
                sheets.iter().find(|sheet| Some(&self.candidates[sheet.candidate]) == decision.chosen.as_ref());
            decision.hold_against(baseline, chosen.map(|sheet| sheet.scores.as_slice()));
        }
        decision.order();
        decision
    }
}
