//! Choices that are made in the background, for those who watch.
//!
//! What is known of one is in its [`ChooseStatus`], by task. One that is stopped, or whose process ends, keeps its answers and its terms: the next goes on
//! there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use evaluate::Contest;
use serde::Serialize;
use tokio::sync::watch;

use super::{Begun, ChooseEvent, ChooseOptions, ChooseTerms, Decisions, Part};
use crate::routes::Candidate;
use crate::workspace::blocking;
use crate::{Decision, Error, Labelled, Result, Workspace};

/// Answers that came before it is said how long the rest takes.
const ENOUGH: usize = 5;

/// A choice that is made or was made in the background.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ChooseStatus {
    /// The task.
    pub task: String,
    /// How it stands.
    pub state: ChooseState,
    /// Examples of each part, once it has begun.
    pub parts: Option<PartSizes>,
    /// Who takes part.
    pub candidates: Vec<Contender>,
    /// Answers that are there.
    pub asked: usize,
    /// Of at most so many.
    pub most: usize,
    /// Grades that a judge gave in this sitting, or failed to give.
    pub graded: usize,
    /// How long it took so far.
    pub seconds: f64,
    /// How long it takes still, at most, as far as can be told.
    pub seconds_left: Option<f64>,
    /// Why it failed.
    pub error: Option<String>,
    /// On what terms it is made, or goes on; nothing if there is nothing to go on with, or nobody knows.
    pub terms: Option<ChooseTerms>,
    /// The decision's id: of this choice, or of the last that was made before.
    pub decision: Option<String>,
}

/// How a choice stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChooseState {
    /// None was begun.
    #[default]
    Idle,
    /// It is being made.
    Running,
    /// It is made.
    Done,
    /// It could not be made.
    Failed,
    /// It was stopped, or its process ended; answers are kept.
    Stopped,
}

/// Examples of each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PartSizes {
    /// To learn from.
    pub train: usize,
    /// To race on.
    pub development: usize,
    /// To measure on.
    pub test: usize,
}

/// A candidate, and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contender {
    /// Which.
    pub candidate: Candidate,
    /// How it stands.
    pub state: ContenderState,
    /// Examples answered: of the test part once it is measured there, else of the development part.
    pub examples: usize,
    /// Their mean score.
    pub mean: Option<f64>,
    /// Who beat it.
    pub by: Option<Candidate>,
    /// Why it withdrew.
    pub why: Option<String>,
    /// The median time of an answer.
    pub milliseconds: Option<f64>,
}

/// How a candidate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContenderState {
    /// It is not ready yet.
    Waiting,
    /// A model is loaded, a classifier learns.
    Preparing,
    /// It races.
    Racing,
    /// It was clearly beaten.
    Dropped,
    /// It could not take part, or go on.
    Withdrawn,
    /// It is among the finalists.
    Final,
    /// It was not beaten, but is not among the finalists.
    Out,
}

/// The choices of a workspace, by task.
#[derive(Clone, Default)]
pub(crate) struct Choices {
    all: Arc<Mutex<BTreeMap<String, Choice>>>,
    /// Held while one is begun.
    beginning: Arc<Mutex<()>>,
}

/// From running to ended; either side of a stop waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Stopping,
    Ended,
}

struct Choice {
    status: ChooseStatus,
    figures: Vec<Figures>,
    started: Instant,
    max_time: Option<Duration>,
    /// When the first new answer came, and how many have come.
    came: Option<(Instant, usize)>,
    phase: watch::Sender<Phase>,
}

/// What a candidate came to so far.
#[derive(Clone, Default)]
struct Figures {
    part: Option<Part>,
    scores: Vec<f64>,
    milliseconds: Vec<f64>,
}

impl Choices {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Choice>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Choice)) {
        if let Some(choice) = self.all().get_mut(name) {
            change(choice);
        }
    }

    fn runs(&self, name: &str) -> bool {
        self.all().get(name).is_some_and(|choice| *choice.phase.borrow() != Phase::Ended)
    }

    /// Tells one to stop; whoever wants to know when it has is told.
    fn stop(&self, name: &str) -> Option<watch::Receiver<Phase>> {
        let all = self.all();
        let choice = all.get(name)?;
        choice.phase.send_if_modified(|phase| {
            let runs = *phase == Phase::Running;
            if runs {
                *phase = Phase::Stopping;
            }
            runs
        });
        Some(choice.phase.subscribe())
    }
}

impl Workspace {
    /// Begins to choose for a task by its labelled rows; what becomes of it is in [`Workspace::choice`]. The file and the folder of the options are
    /// those of the task. Answers of one that was stopped are not asked for again.
    ///
    /// # Errors
    /// [`Error::Conflict`] if one is under way, [`Error::NotFound`] if there is no such task or model, [`Error::Invalid`] if there are too few rows.
    pub fn choose_in_background(&self, name: &str, options: ChooseOptions) -> Result<ChooseStatus> {
        let choices = self.background_choices().clone();
        let task = self.tasks().show(name)?.task()?;
        let _alone = choices.beginning.lock().unwrap_or_else(PoisonError::into_inner);
        if choices.runs(name) {
            let message = format!("a choice for '{name}' is under way already; watch it, or stop it first");
            return Err(Error::Conflict { message });
        }
        let rows = self.labelled_rows();
        let file = rows.path(name)?.display().to_string();
        let options = ChooseOptions { file, folder: self.folder().to_owned(), ..options };
        let data = rows.read(&task)?;
        let begun = self.begin_choice(&task, &data, &options)?;
        let (phase, stopping) = watch::channel(Phase::Running);
        let choice = Choice::new(&begun, &options, phase);
        let status = choice.status();
        choices.all().insert(name.to_owned(), choice);
        let (workspace, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            let made = workspace.made(&name, begun, data, options, stopping).await;
            workspace.background_choices().change(&name, |choice| choice.end(made));
        });
        Ok(status)
    }

    /// Makes a choice on a thread of its own, since splits and intervals are computed between answers; nothing if it was stopped.
    async fn made(
        &self,
        name: &str,
        begun: Begun,
        data: Labelled,
        options: ChooseOptions,
        mut stopping: watch::Receiver<Phase>,
    ) -> Result<Option<(Decision, String)>> {
        let (workspace, name) = (self.clone(), name.to_owned());
        let runtime = tokio::runtime::Handle::current();
        let work = move || {
            let choices = workspace.background_choices().clone();
            let mut watch = |event| choices.change(&name, |choice| choice.see(event));
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = stopping.wait_for(|phase| *phase != Phase::Running) => Ok(None),
                    made = workspace.make_choice(begun, &data, &options, &mut watch) => {
                        made.map(|(decision, path)| Some((decision, Decisions::id(&path))))
                    }
                }
            })
        };
        blocking(work).await?
    }

    /// How the choice for a task stands.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such task, [`Error::Failed`] if decisions cannot be read.
    pub fn choice(&self, name: &str) -> Result<ChooseStatus> {
        self.tasks().show(name)?;
        if let Some(choice) = self.background_choices().all().get(name) {
            return Ok(choice.status());
        }
        let decisions = self.decisions();
        let left = decisions.left(name);
        Ok(ChooseStatus {
            state: if left > 0 { ChooseState::Stopped } else { ChooseState::Idle },
            asked: left,
            terms: if left > 0 { decisions.terms(name) } else { None },
            decision: decisions.last(name)?.map(|(path, _)| Decisions::id(&path)),
            ..ChooseStatus::new(name)
        })
    }

    /// How it stands, in a word; nothing if none was begun.
    pub fn choice_state(&self, name: &str) -> Option<ChooseState> {
        let state = self.background_choices().all().get(name).map(|choice| choice.status.state);
        state.or_else(|| (self.decisions().left(name) > 0).then_some(ChooseState::Stopped))
    }

    /// Stops the choice for a task, if one is under way, and waits until it has stopped; how it stands then.
    ///
    /// # Errors
    /// As [`Workspace::choice`].
    pub async fn stop_choice(&self, name: &str) -> Result<ChooseStatus> {
        self.tasks().show(name)?;
        let stopped = self.background_choices().stop(name);
        if let Some(mut phase) = stopped {
            let _ = phase.wait_for(|phase| *phase == Phase::Ended).await; // an error: another was begun since
        }
        self.choice(name)
    }

    /// Stops every choice that is under way: the process is about to end.
    pub fn stop_choices(&self) {
        let choices = self.background_choices();
        let names: Vec<String> = choices.all().keys().cloned().collect();
        for name in names {
            choices.stop(&name);
        }
    }
}

impl ChooseStatus {
    fn new(task: &str) -> Self {
        Self { task: task.to_owned(), ..Self::default() }
    }
}

impl Contender {
    fn new(candidate: &Candidate) -> Self {
        Self {
            candidate: candidate.clone(),
            state: ContenderState::Waiting,
            examples: 0,
            mean: None,
            by: None,
            why: None,
            milliseconds: None,
        }
    }
}

impl Choice {
    fn new(begun: &Begun, options: &ChooseOptions, phase: watch::Sender<Phase>) -> Self {
        let Begun { task, parts, candidates, .. } = begun;
        let (train, development, test) = (parts.train.len(), parts.development.len(), parts.test.len());
        let status = ChooseStatus {
            state: ChooseState::Running,
            parts: Some(PartSizes { train, development, test }),
            candidates: candidates.iter().map(Contender::new).collect(),
            most: Contest::new(candidates.len(), development, test, options.terms).most(),
            terms: ChooseTerms::of(options),
            ..ChooseStatus::new(&task.name)
        };
        let figures = vec![Figures::default(); candidates.len()];
        Self { status, figures, started: Instant::now(), max_time: options.max_time, came: None, phase }
    }

    fn see(&mut self, event: ChooseEvent) {
        use ContenderState::{Dropped, Final, Out, Preparing, Racing, Withdrawn};
        if !matches!(event, ChooseEvent::Withdrawn { .. }) {
            // They are made ready one after the other: something else happens, so this one is.
            self.each(|one| one.state = if one.state == Preparing { Racing } else { one.state });
        }
        match event {
            ChooseEvent::Begun { candidates, .. } => self.admit(&candidates),
            ChooseEvent::Judged { .. }
            | ChooseEvent::Piloted { .. }
            | ChooseEvent::Written { .. }
            | ChooseEvent::Searched(_) => {}
            ChooseEvent::Preparing(candidate) => self.one(&candidate, |one, _| one.state = Preparing),
            ChooseEvent::Withdrawn { candidate, why } => {
                self.one(&candidate, |one, _| (one.state, one.why) = (Withdrawn, Some(why)));
            }
            ChooseEvent::Dropped { candidate, by, .. } => {
                self.one(&candidate, |one, _| (one.state, one.by) = (Dropped, Some(by)));
            }
            ChooseEvent::Finalists(finalists) => self.each(|one| {
                one.state = match one.state {
                    _ if finalists.contains(&one.candidate) => Final,
                    Racing => Out,
                    other => other,
                }
            }),
            ChooseEvent::Scored { candidate, part, scores, milliseconds } => {
                self.one(&candidate, |one, figures| figures.add(one, part, &scores, &milliseconds));
            }
            ChooseEvent::Graded { .. } => self.status.graded += 1,
            ChooseEvent::Progress { asked, most } => {
                (self.status.asked, self.status.most) = (asked, most);
                self.came.get_or_insert((Instant::now(), 0)).1 += 1;
            }
        }
    }

    /// Takes in those that a search brought, in the order of the race.
    fn admit(&mut self, candidates: &[Candidate]) {
        self.status.candidates = candidates.iter().map(Contender::new).collect();
        self.figures = vec![Figures::default(); candidates.len()];
    }

    fn each(&mut self, change: impl FnMut(&mut Contender)) {
        self.status.candidates.iter_mut().for_each(change);
    }

    fn one(&mut self, candidate: &Candidate, change: impl FnOnce(&mut Contender, &mut Figures)) {
        let mut all = self.status.candidates.iter_mut().zip(&mut self.figures);
        if let Some((one, figures)) = all.find(|(one, _)| one.candidate == *candidate) {
            change(one, figures);
        }
    }

    fn end(&mut self, made: Result<Option<(Decision, String)>>) {
        self.status.seconds = self.started.elapsed().as_secs_f64();
        match made {
            Ok(Some((decision, id))) => {
                self.status.state = ChooseState::Done;
                (self.status.asked, self.status.decision) = (decision.asked, Some(id));
                self.status.terms = None;
            }
            Ok(None) => self.status.state = ChooseState::Stopped,
            Err(error) => {
                tracing::warn!(task = self.status.task, %error, "a choice could not be made");
                self.status.state = ChooseState::Failed;
                self.status.error = Some(error.to_string());
            }
        }
        self.phase.send_replace(Phase::Ended);
    }

    fn status(&self) -> ChooseStatus {
        let mut status = self.status.clone();
        if status.state == ChooseState::Running {
            status.seconds = self.started.elapsed().as_secs_f64();
            status.seconds_left = self.seconds_left();
        }
        status
    }

    /// As long as the answers that are left take if they come as those so far, and no longer than it may.
    fn seconds_left(&self) -> Option<f64> {
        let allowed = self.max_time.map(|most| (most.as_secs_f64() - self.started.elapsed().as_secs_f64()).max(0.0));
        let (first, count) = self.came.filter(|(_, count)| *count >= ENOUGH)?;
        let each = first.elapsed().as_secs_f64() / (count - 1) as f64;
        let left = each * self.status.most.saturating_sub(self.status.asked) as f64;
        Some(allowed.map_or(left, |allowed| left.min(allowed)))
    }
}

impl Figures {
    fn add(&mut self, one: &mut Contender, part: Part, scores: &[f64], milliseconds: &[f64]) {
        // The test part is another exam.
        if self.part != Some(part) {
            *self = Self { part: Some(part), ..Self::default() };
        }
        self.scores.extend(scores);
        self.milliseconds.extend(milliseconds);
        self.milliseconds.sort_by(f64::total_cmp);
        one.examples = self.scores.len();
        one.mean = (!self.scores.is_empty()).then(|| self.scores.iter().sum::<f64>() / self.scores.len() as f64);
        one.milliseconds = self.milliseconds.get(self.milliseconds.len() / 2).copied();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(model: &str) -> Candidate {
        format!("prompt@{model}").parse().expect("a candidate")
    }

    fn choice(models: &[&str]) -> Choice {
        let contender = |model: &&str| Contender {
            candidate: candidate(model),
            state: ContenderState::Waiting,
            examples: 0,
            mean: None,
            by: None,
            why: None,
            milliseconds: None,
        };
        let candidates = models.iter().map(contender).collect();
        Choice {
            status: ChooseStatus { state: ChooseState::Running, candidates, ..ChooseStatus::new("sort") },
            figures: vec![Figures::default(); models.len()],
            started: Instant::now(),
            max_time: None,
            came: None,
            phase: watch::channel(Phase::Running).0,
        }
    }

    #[test]
    fn what_happens_is_seen() {
        use ContenderState::{Dropped, Final, Out, Preparing, Racing, Waiting, Withdrawn};
        let mut choice = choice(&["a", "b", "c", "d"]);
        let scored = |model: &str, part, scores: &[f64]| ChooseEvent::Scored {
            candidate: candidate(model),
            part,
            scores: scores.to_vec(),
            milliseconds: vec![30.0, 10.0, 20.0],
        };
        for (event, states) in [
            (ChooseEvent::Preparing(candidate("a")), [Preparing, Waiting, Waiting, Waiting]),
            (ChooseEvent::Preparing(candidate("b")), [Racing, Preparing, Waiting, Waiting]),
            (
                ChooseEvent::Withdrawn { candidate: candidate("b"), why: "it is not here".to_owned() },
                [Racing, Withdrawn, Waiting, Waiting],
            ),
            (ChooseEvent::Preparing(candidate("c")), [Racing, Withdrawn, Preparing, Waiting]),
            (ChooseEvent::Preparing(candidate("d")), [Racing, Withdrawn, Racing, Preparing]),
            (ChooseEvent::Progress { asked: 1, most: 40 }, [Racing, Withdrawn, Racing, Racing]),
            (scored("a", Part::Development, &[1.0, 0.0, 0.5]), [Racing, Withdrawn, Racing, Racing]),
            (
                ChooseEvent::Dropped { candidate: candidate("c"), by: candidate("a"), after: 3 },
                [Racing, Withdrawn, Dropped, Racing],
            ),
            (ChooseEvent::Finalists(vec![candidate("a")]), [Final, Withdrawn, Dropped, Out]),
        ] {
            choice.see(event.clone());
            let got: Vec<ContenderState> = choice.status.candidates.iter().map(|one| one.state).collect();
            assert_eq!(got, states, "{event:?}");
        }
        let all = choice.status().candidates;
        assert_eq!((all[0].examples, all[0].mean, all[0].milliseconds), (3, Some(0.5), Some(20.0)));
        assert_eq!((all[1].why.as_deref(), &all[2].by), (Some("it is not here"), &Some(candidate("a"))));
        // The final is another exam.
        choice.see(scored("a", Part::Test, &[1.0, 1.0, 1.0]));
        assert_eq!((choice.status().candidates[0].examples, choice.status().candidates[0].mean), (3, Some(1.0)));
    }

    #[test]
    fn what_is_left_is_told_once_answers_come() {
        let mut choice = choice(&["a"]);
        for asked in 1..=ENOUGH {
            assert_eq!(choice.status().seconds_left, None);
            choice.see(ChooseEvent::Progress { asked, most: 100 });
        }
        assert!(choice.status().seconds_left.is_some_and(|left| left >= 0.0));
        choice.status.terms = ChooseTerms::of(&ChooseOptions::default());
        choice.max_time = Some(Duration::ZERO);
        assert_eq!(choice.status().seconds_left, Some(0.0));
        choice.end(Err(Error::failed("the disk is full")));
        let ended = choice.status();
        assert_eq!(
            (ended.state, ended.error.as_deref(), ended.seconds_left),
            (ChooseState::Failed, Some("the disk is full"), None)
        );
        assert!(ended.terms.is_some(), "it goes on when there is room");
    }
}
