//! Asking again.

use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use domain::{Card, Error, Event, EventStream, LanguageModel, Request};
use futures_util::StreamExt;
use tokio::time::sleep;

use crate::Budget;
use crate::fault::Fault;

/// How long to wait before asking again.
///
/// Full jitter: a random time up to a bound that doubles, so that those who failed together do not come back together
/// (Brooker, "Exponential Backoff and Jitter", 2015).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The bound of the first wait.
    pub first: Duration,
    /// What the bound grows to.
    pub longest: Duration,
    /// A provider that wants to be left alone for longer is not asked again.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(20), patience: Duration::from_secs(60) }
    }
}

impl Pace {
    /// How long to wait after so many failures before this one, where the provider is to be left alone for `rest`; `None`:
    /// too long to wait.
    fn wait(&self, failures: u32, rest: Duration) -> Option<Duration> {
        let bound = self.first.saturating_mul(2u32.saturating_pow(failures)).min(self.longest);
        (rest <= self.patience).then(|| rest + bound.mul_f64(fastrand::f64()))
    }
}

/// A model that is asked again if it was busy, out of reach or out of order, and if nothing of its answer was given out yet.
pub struct Retry {
    inner: Arc<Budget>,
    retries: u32,
    pace: Pace,
}

impl Retry {
    /// Asks up to `retries` times more, at the usual pace.
    pub fn new(inner: Budget, retries: u32) -> Self {
        Self { inner: Arc::new(inner), retries, pace: Pace::default() }
    }

    /// The same at another pace.
    pub fn at(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }
}

impl LanguageModel for Retry {
    fn card(&self) -> &Card {
        self.inner.card()
    }

    fn generate(&self, request: Request) -> EventStream {
        let (inner, retries, pace) = (Arc::clone(&self.inner), self.retries, self.pace);
        Box::pin(stream! {
            let mut failures = 0;
            loop {
                let mut attempt = inner.attempt(request.clone());
                let mut given = false;
                let fault = loop {
                    match attempt.next().await {
                        Some(Ok(event)) => {
                            given |= !matches!(event, Event::Progress(_));
                            let last = matches!(event, Event::Finished { .. });
                            yield Ok(event);
                            if last {
                                return;
                            }
                        }
                        Some(Err(fault)) => break fault,
                        None => break Fault::lasting(Error::failed("a try ended without an end: this is a bug")),
                    }
                };
                // Closes the connection, before the wait rather than after it.
                drop(attempt);
                let wait = pace.wait(failures, fault.rest).filter(|_| fault.passes && !given && failures < retries);
                let Some(wait) = wait else {
                    yield Err(after(failures, fault.error));
                    return;
                };
                failures += 1;
                tracing::debug!(model = inner.card().name, failures, ?wait, error = %fault.error, "asked again");
                sleep(wait).await;
            }
        })
    }
}

/// The last error of several says how many there were.
fn after(failures: u32, error: Error) -> Error {
    match error {
        Error::Failed { message } if failures > 0 => {
            Error::failed(format!("{message} It was asked {} times.", failures + 1))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_never_longer_than_they_may_be() {
        let pace = Pace::default();
        for (failures, rest, least, most) in [
            (0, 0, 0, 500),
            (1, 0, 0, 1000),
            (5, 0, 0, 16_000),
            (6, 0, 0, 20_000),
            (u32::MAX, 0, 0, 20_000),
            (0, 60, 60_000, 60_500),
        ] {
            for _ in 0..100 {
                let wait = pace.wait(failures, Duration::from_secs(rest)).expect("it is not too long").as_millis();
                assert!((least..=most).contains(&wait), "{failures} {rest}: {wait}");
            }
        }
        assert_eq!(pace.wait(0, Duration::from_secs(61)), None);
    }
}
