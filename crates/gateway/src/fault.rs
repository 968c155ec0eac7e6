//! Failures of one try, and whether another may help: more than [`Error`] tells, which has no word for a 503.

use std::pin::Pin;
use std::time::Duration;

use domain::{Error, Event, EventStream};
use futures_util::{Stream, StreamExt};

/// Why a try ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) error: Error,
    /// Whether the same request may be answered a moment later.
    pub(crate) passes: bool,
    /// How long the provider is to be left alone before that.
    pub(crate) rest: Duration,
}

impl Fault {
    /// One that may pass.
    pub(crate) fn passing(error: Error) -> Self {
        let told = match &error {
            Error::Busy { retry_after_seconds, .. } => Some(*retry_after_seconds),
            _ => None,
        };
        Self { error, passes: true, rest: Duration::ZERO }.after(told)
    }

    /// The same, where the provider says for how many seconds it is to be left alone.
    pub(crate) fn after(self, seconds: Option<u32>) -> Self {
        Self { rest: seconds.map_or(self.rest, |seconds| Duration::from_secs(u64::from(seconds))), ..self }
    }

    /// One that will not.
    pub(crate) fn lasting(error: Error) -> Self {
        Self { error, passes: false, rest: Duration::ZERO }
    }
}

/// One try at an answer: events, and at its end one `Finished` or one fault.
pub(crate) type Attempt = Pin<Box<dyn Stream<Item = Result<Event, Fault>> + Send>>;

/// A try as a model's stream.
pub(crate) fn plainly(attempt: Attempt) -> EventStream {
    Box::pin(attempt.map(|step| step.map_err(|fault| fault.error)))
}

/// What is at the bottom of an error.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_that_are_asked_for() {
        let busy = || Error::Busy { message: String::new(), retry_after_seconds: 7 };
        for (fault, seconds) in [
            (Fault::passing(busy()), 7),
            (Fault::passing(busy()).after(None), 7),
            (Fault::passing(busy()).after(Some(9)), 9),
            (Fault::passing(Error::failed("x")), 0),
            (Fault::passing(Error::failed("x")).after(Some(9)), 9),
        ] {
            assert_eq!(fault.rest, Duration::from_secs(seconds), "{fault:?}");
        }
    }
}
