//! Failures of one try, and whether another may help: more than [`Error`] tells, which has no word for a 503.

use std::pin::Pin;

use domain::{Error, Event, EventStream};
use futures_util::{Stream, StreamExt};

/// Why a try ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) error: Error,
    /// Whether the same request may be answered a moment later.
    pub(crate) passes: bool,
}

impl Fault {
    /// One that may pass.
    pub(crate) fn passing(error: Error) -> Self {
        Self { error, passes: true }
    }

    /// One that will not.
    pub(crate) fn lasting(error: Error) -> Self {
        Self { error, passes: false }
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
