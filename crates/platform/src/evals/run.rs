//! Runs at work in the background: a few rows at once, what came of each written as it comes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::answer::{answer, given, namespace};
use super::grader::{check_messages, grade};
use super::store::Journal;
use super::template::{self, Scope};
use super::{
    Ask, Eval, EvalRow, Evals, Fault, Item, NewRun, Run, Spent, Status, Tally, Turns, Verdict, new_id, now, validator,
};
use crate::workspace::blocking;
use crate::{Error, Result, Workspace};

/// Runs at work at once; others wait.
const RUNS: usize = 2;
/// Rows of a run at work at once.
const AT_ONCE: usize = 4;

/// The runs at work in a workspace.
pub(crate) struct Running {
    live: Mutex<HashMap<String, Live>>,
    turns: Semaphore,
    /// Held while what is kept of evals and runs is read and changed.
    changes: Mutex<()>,
    /// Runs whose end could not be written: told while this process lives; the next one goes on with them.
    unwritten: Mutex<HashMap<String, Run>>,
}

/// A run that waits or works.
struct Live {
    task: AbortHandle,
    progress: Arc<Mutex<Progress>>,
}

/// How far a run is. Nothing is written once it is closed, so that what is counted is what is kept.
struct Progress {
    tally: Tally,
    journal: Option<Journal>,
    closed: bool,
}

impl Default for Running {
    fn default() -> Self {
        let turns = Semaphore::new(RUNS);
        Self { live: Mutex::default(), turns, changes: Mutex::default(), unwritten: Mutex::default() }
    }
}

impl Running {
    fn live(&self) -> MutexGuard<'_, HashMap<String, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changes(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unwritten(&self) -> MutexGuard<'_, HashMap<String, Run>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops a run, if it is here, and says how far it was.
    pub(super) fn stop(&self, id: &str) -> Option<Tally> {
        let Live { task, progress } = self.live().remove(id)?;
        task.abort();
        let mut progress = locked(&progress);
        progress.closed = true;
        Some(progress.tally.clone())
    }

    fn tally(&self, id: &str) -> Option<Tally> {
        self.live().get(id).map(|live| locked(&live.progress).tally.clone())
    }
}

fn locked(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Evals {
    /// Starts a run; what becomes of it is in [`Evals::run`]. Must be called within a runtime.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an eval or a model that is not here, [`Error::Invalid`] naming the row or template that cannot be.
    pub fn start(&self, eval: &str, new: NewRun) -> Result<Run> {
        let NewRun { name, metadata, data_source, ask, rows, lines } = new;
        let eval = self.store.eval(eval)?;
        check_rows(&eval, &rows, lines.as_deref())?;
        if let Some(ask) = &ask {
            check_turns(&ask.turns)?;
        }
        for model in models(&eval, ask.as_ref()) {
            self.workspace.is_askable(model)?;
        }
        if eval.criteria.iter().any(|criterion| criterion.grader.embeds()) {
            self.workspace.default_embedder()?;
        }
        let id = new_id("evalrun_");
        let run = Run {
            name: name.unwrap_or_else(|| id.clone()),
            id,
            eval: eval.id.clone(),
            created: now(),
            metadata,
            status: Status::Queued,
            error: None,
            data_source,
            ask,
            tally: Tally::of(&eval.criteria),
        };
        {
            let _turn = self.workspace.running_evals().changes();
            self.store.eval(&eval.id)?; // it may have been removed since
            self.store.keep_new_run(&run, &rows)?;
        }
        self.begin(eval, run.clone());
        Ok(run)
    }

    /// Goes on with runs that an earlier process left.
    pub fn resume(&self) {
        if !self.workspace.writes() {
            return;
        }
        for eval in self.store.evals().unwrap_or_default() {
            for run in self.store.runs(&eval.id).unwrap_or_default() {
                if !run.status.is_over() {
                    self.begin(eval.clone(), run);
                }
            }
        }
    }

    /// Stops a run. What came of its rows so far stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not here, [`Error::Conflict`] if it is over.
    pub fn cancel(&self, eval: &str, id: &str) -> Result<Run> {
        let running = self.workspace.running_evals();
        let _turn = running.changes();
        self.store.eval(eval)?;
        let mut run = self.store.run(eval, id)?;
        if run.status.is_over() {
            let status = serde_json::to_value(run.status).unwrap_or_default();
            let message = format!("The run '{id}' is {} and cannot be canceled.", status.as_str().unwrap_or_default());
            return Err(Error::Conflict { message });
        }
        run.tally = running.stop(id).unwrap_or(run.tally);
        run.status = Status::Canceled;
        self.store.keep_run(&run)?;
        running.unwritten().remove(id);
        Ok(run)
    }

    /// With what came of the rows until now.
    pub(super) fn as_it_stands(&self, mut run: Run) -> Run {
        if let Some(ended) = self.workspace.running_evals().unwritten().get(&run.id) {
            return ended.clone();
        }
        if !run.status.is_over()
            && let Some(tally) = self.workspace.running_evals().tally(&run.id)
        {
            run.tally = tally;
        }
        run
    }

    fn begin(&self, eval: Eval, run: Run) {
        let tally = Tally::of(&eval.criteria);
        let progress = Arc::new(Mutex::new(Progress { tally, journal: None, closed: false }));
        let (evals, id, watched) = (self.clone(), run.id.clone(), Arc::clone(&progress));
        let running = self.workspace.running_evals();
        // Held until the run is known, so that one that is over at once is known before it is forgotten.
        let mut live = running.live();
        let task = tokio::spawn(async move { evals.carry_out(eval, run, watched).await });
        live.insert(id, Live { task: task.abort_handle(), progress });
    }

    async fn carry_out(self, eval: Eval, run: Run, progress: Arc<Mutex<Progress>>) {
        let running = Arc::clone(self.workspace.running_evals());
        let _turn = running.turns.acquire().await; // an error: nobody closes it
        let (eval_id, id) = (run.eval.clone(), run.id.clone());
        let outcome = self.work(eval, run, &progress).await;
        if let Err(error) = &outcome {
            tracing::warn!(run = id, %error, "an eval's run failed");
        }
        // Whoever changes a run waits for the disk.
        let _ = blocking(move || self.finish(&eval_id, &id, outcome.err())).await;
    }

    async fn work(&self, eval: Eval, run: Run, progress: &Arc<Mutex<Progress>>) -> Result<()> {
        let (evals, started, counted) = (self.clone(), run.clone(), Arc::clone(progress));
        let rows = blocking(move || evals.open(&started, &counted)).await??;
        let Some((rows, mut left)) = rows else { return Ok(()) };
        // One that cannot be loaded is the run's fault, not each row's.
        for model in models(&eval, run.ask.as_ref()) {
            self.workspace.language_model(model).await?;
        }
        left.retain(|index| *index < rows.len());
        let job = Arc::new(Job { workspace: self.workspace.clone(), eval, run, rows });
        let asked = futures_util::stream::iter(left).map(move |index| {
            let job = Arc::clone(&job);
            async move { job.item(index).await }
        });
        let mut coming = asked.buffer_unordered(AT_ONCE);
        while let Some(item) = coming.next().await {
            let mut progress = locked(progress);
            if progress.closed {
                return Ok(());
            }
            if let Some(journal) = &mut progress.journal {
                journal.add(&item)?;
            }
            progress.tally.add(&item);
        }
        Ok(())
    }

    /// The rows, and which of them are left; nothing if the run was stopped while it waited.
    fn open(&self, run: &Run, progress: &Mutex<Progress>) -> Result<Option<(Vec<EvalRow>, Vec<usize>)>> {
        let _turn = self.workspace.running_evals().changes();
        let mut kept = self.store.run(&run.eval, &run.id)?;
        if kept.status.is_over() {
            return Ok(None);
        }
        let rows = self.store.rows(&run.eval, &run.id)?;
        let (journal, done): (Journal, BTreeMap<usize, Item>) = self.store.journal(&run.eval, &run.id)?;
        let mut progress = locked(progress);
        done.values().for_each(|item| progress.tally.add(item));
        progress.journal = Some(journal);
        kept.status = Status::InProgress;
        self.store.keep_run(&kept)?;
        let left = (0..rows.len()).filter(|index| !done.contains_key(index)).collect();
        Ok(Some((rows, left)))
    }

    fn finish(&self, eval: &str, id: &str, error: Option<Error>) {
        let running = self.workspace.running_evals();
        let _turn = running.changes();
        let tally = running.stop(id);
        // One that is gone or was stopped meanwhile is as somebody wanted it.
        let Ok(mut run) = self.store.run(eval, id) else { return };
        if run.status.is_over() {
            return;
        }
        run.tally = tally.unwrap_or(run.tally);
        run.status = if error.is_some() { Status::Failed } else { Status::Completed };
        run.error = error.as_ref().map(Fault::from);
        if let Err(error) = self.store.keep_run(&run) {
            tracing::error!(run = id, %error, "what came of an eval's run could not be kept");
            running
                .unwritten()
                .insert(run.id.clone(), Run { status: Status::Failed, error: Some(Fault::from(&error)), ..run });
        }
    }
}

/// What a row needs.
struct Job {
    workspace: Workspace,
    eval: Eval,
    run: Run,
    rows: Vec<EvalRow>,
}

impl Job {
    /// Asks, grades, and says what came of it.
    async fn item(&self, index: usize) -> Item {
        // Rows that ask no model never wait, and others want the thread, too.
        tokio::task::yield_now().await;
        let row = &self.rows[index];
        let item = Value::Object(row.item.clone());
        let mut sample = match &self.run.ask {
            Some(ask) => answer(&self.workspace, ask, &item).await,
            None => given(row),
        };
        let (mut results, mut spent) = (Vec::new(), Vec::new());
        if sample.error.is_none() {
            if let (Some(ask), usage) = (&self.run.ask, sample.usage) {
                spent.push(Spent { model: ask.model.clone(), usage });
            }
            let names = namespace(row, &sample);
            let scope = Scope { item: &item, sample: names.as_ref() };
            for criterion in &self.eval.criteria {
                let (graded, cost) = grade(&self.workspace, criterion, scope).await;
                results.push(graded);
                spent.extend(cost);
            }
            sample.error = results.iter().find_map(|graded| graded.error.clone());
        }
        let verdict = match &sample.error {
            Some(_) => Verdict::Error,
            None if results.iter().all(|graded| graded.passed) => Verdict::Pass,
            None => Verdict::Fail,
        };
        Item { index, created: now() / 1_000_000, verdict, item: row.item.clone(), sample, results, spent }
    }
}

/// Every model a run asks, once.
fn models<'a>(eval: &'a Eval, ask: Option<&'a Ask>) -> Vec<&'a str> {
    let mut all: Vec<&str> = ask.iter().map(|ask| ask.model.as_str()).collect();
    all.extend(eval.criteria.iter().filter_map(|criterion| criterion.grader.model()));
    all.sort_unstable();
    all.dedup();
    all
}

fn check_turns(turns: &Turns) -> Result<()> {
    const TEMPLATE: &str = "data_source.input_messages.template";
    const REFERENCE: &str = "data_source.input_messages.item_reference";
    match turns {
        Turns::Template(messages) => check_messages(TEMPLATE, messages),
        Turns::Reference(reference) => template::check_reference(REFERENCE, reference),
    }
}

/// Checks rows against the eval's schema; those of a file stand in its lines.
fn check_rows(eval: &Eval, rows: &[EvalRow], lines: Option<&[usize]>) -> Result<()> {
    const CONTENT: &str = "data_source.source.content";
    const FILE: &str = "data_source.source.id";
    if rows.is_empty() {
        let message = format!("Invalid value for '{CONTENT}': it is empty; give at least one row.");
        return Err(Error::invalid(CONTENT, "invalid_value", message));
    }
    let schema = validator(&eval.item_schema)?;
    for (at, row) in rows.iter().enumerate() {
        let item = Value::Object(row.item.clone());
        if let Some(error) = schema.iter_errors(&item).next() {
            let (path, what) = match lines.and_then(|lines| lines.get(at)) {
                Some(line) => (FILE.to_owned(), format!("the item in line {line} of the file")),
                None => (format!("{CONTENT}[{at}].item"), "it".to_owned()),
            };
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { String::new() } else { format!(" at {place}") };
            // It may show the whole value.
            let why: String = error.to_string().chars().take(300).collect();
            let message = format!("Invalid value for '{path}': {what} is not of the eval's item_schema{place}: {why}.");
            return Err(Error::invalid(&path, "invalid_value", message));
        }
    }
    Ok(())
}
