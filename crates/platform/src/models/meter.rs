//! What is told about a pull while it runs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How often the numbers are told while bytes arrive.
const EVERY: Duration = Duration::from_millis(100);
/// How long bytes are counted before the rate is worked out anew.
const SAMPLE: Duration = Duration::from_millis(500);

/// How far a pull is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PullProgress {
    /// Bytes of the model that are here, those of an earlier, cut pull included.
    pub done: u64,
    /// Bytes of the model.
    pub total: u64,
    /// Bytes a second, lately.
    pub rate: f64,
    /// What is being done, or why a source was given up, for people.
    pub step: String,
}

/// Whom a pull tells how far it is.
pub(super) type Report<'a> = &'a (dyn Fn(&PullProgress) + Send + Sync);

pub(super) struct Meter<'a> {
    report: Report<'a>,
    state: Mutex<State>,
}

struct State {
    now: PullProgress,
    /// Bytes of the files before the present one.
    before: u64,
    told: Instant,
    sampled: Instant,
    sampled_done: u64,
}

impl<'a> Meter<'a> {
    pub(super) fn new(total: u64, report: Report<'a>) -> Self {
        let start = Instant::now();
        let now = PullProgress { total, ..PullProgress::default() };
        let state = State { now, before: 0, told: start, sampled: start, sampled_done: 0 };
        Self { report, state: Mutex::new(state) }
    }

    /// Says how many bytes there will be, where that is known only now.
    pub(super) fn expect(&self, total: u64) {
        self.state().now.total = total;
    }

    /// Says what is done from now on.
    pub(super) fn step(&self, step: impl Into<String>) {
        let now = {
            let mut state = self.state();
            state.now.step = step.into();
            state.now.clone()
        };
        (self.report)(&now);
    }

    /// A file is here and verified.
    pub(super) fn file_done(&self, bytes: u64) {
        self.state().before += bytes;
        self.set(0);
    }

    /// Sets where counting starts, so that bytes of an earlier pull do not count as fast.
    pub(super) fn resume(&self, done: u64) {
        let mut state = self.state();
        state.sampled_done = state.before + done;
        state.sampled = Instant::now();
        drop(state);
        self.set(done);
    }

    /// Whether it is time to tell the numbers again.
    pub(super) fn due(&self) -> bool {
        self.state().told.elapsed() >= EVERY
    }

    /// Tells how many bytes of the present file are here.
    pub(super) fn set(&self, done: u64) {
        let now = {
            let mut state = self.state();
            state.now.done = (state.before + done).min(state.now.total);
            state.told = Instant::now();
            let span = state.sampled.elapsed();
            if span >= SAMPLE {
                let rate = state.now.done.saturating_sub(state.sampled_done) as f64 / span.as_secs_f64();
                // A mean that forgets: steady enough to read, quick enough to be true.
                state.now.rate = if state.now.rate == 0.0 { rate } else { 0.7 * state.now.rate + 0.3 * rate };
                state.sampled = state.told;
                state.sampled_done = state.now.done;
            }
            state.now.clone()
        };
        (self.report)(&now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
