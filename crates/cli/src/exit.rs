//! Exit codes, and the last words that go with them.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    Partly,
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partly => 3,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Something typed cannot be meant.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error that ends with exit code 2.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// The one table from errors to exit codes.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    if error.is::<Usage>() || matches!(error.downcast_ref(), Some(domain::Error::Invalid { .. })) {
        return Exit::Usage;
    }
    Exit::Failed
}

/// The error and what caused it, in one line.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_map_to_exit_codes() {
        for (error, expected) in [
            (usage("x"), Exit::Usage),
            (domain::Error::invalid("kb", "invalid_value", "x").into(), Exit::Usage),
            (domain::Error::failed("x").into(), Exit::Failed),
            (domain::Error::not_found("model_not_found", "x").into(), Exit::Failed),
            (anyhow::anyhow!("x"), Exit::Failed),
        ] {
            assert_eq!(of(&error), expected, "{error}");
        }
    }
}
