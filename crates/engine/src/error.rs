//! Why a model file cannot be used.

use std::path::{Path, PathBuf};

/// A model that cannot be loaded: what is wrong with which file, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read or written.
    #[error("{path}: {why}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The file's bytes contradict themselves or its format.
    #[error("{path} is damaged or not what it seems: {why}; get the file again (one that was pulled: `sumeru models rm`, then `pull`)", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        why: String,
    },
    /// A file of a folder that was to be converted does not fit.
    #[error("{path}: {why}", path = path.display())]
    Unfit {
        /// The file, or the folder where it is missing.
        path: PathBuf,
        /// What does not fit, and what to do.
        why: String,
    },
    /// A key of the file's metadata is missing or makes no sense.
    #[error("the model's metadata does not fit: {key}: {why}")]
    Metadata {
        /// The key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file is sound, but of a kind this build does not run.
    #[error("{0}")]
    Unsupported(String),
}

impl LoadError {
    /// The system would not give or take the file's bytes.
    pub fn io(path: &Path, error: impl std::fmt::Display) -> Self {
        Self::Io { path: path.to_owned(), why: error.to_string() }
    }

    /// The file's bytes are wrong.
    pub fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.into() }
    }

    /// A tensor that holds what no weight can be.
    pub(crate) fn no_weight(path: &Path, tensor: &str) -> Self {
        Self::damaged(path, format!("tensor '{tensor}' holds NaN or infinity, which is no weight"))
    }

    /// Cannot be converted as it is.
    pub(crate) fn unfit(path: &Path, why: impl Into<String>) -> Self {
        Self::Unfit { path: path.to_owned(), why: why.into() }
    }

    /// The same, of a file: what speaks only of a key or a kind says whose.
    pub(crate) fn of_file(self, path: &Path) -> Self {
        match self {
            Self::Metadata { key, why } => Self::damaged(path, format!("its metadata does not fit: {key}: {why}")),
            Self::Unsupported(why) => Self::Unsupported(format!("{}: {why}", path.display())),
            named => named,
        }
    }

    /// A metadata key is wrong.
    pub fn metadata(key: &str, why: impl Into<String>) -> Self {
        Self::Metadata { key: key.to_owned(), why: why.into() }
    }
}

impl From<LoadError> for domain::Error {
    fn from(error: LoadError) -> Self {
        Self::failed(error.to_string())
    }
}
