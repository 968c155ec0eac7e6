//! The errors that cross walls. Each names the offending value and the remedy.

/// What a model, embedder or index says when it cannot do what was asked.
///
/// One table in `server` maps these to HTTP statuses, one in `cli` to exit codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request itself cannot be served: 400.
    #[error("{message}")]
    Invalid {
        /// The parameter at fault, in the caller's words (`messages`, `top_p`...).
        param: Option<String>,
        /// A stable code (`context_length_exceeded`, `invalid_value`...).
        code: &'static str,
        /// What was wrong, why, what to do.
        message: String,
    },
    /// A model, document or knowledge base by that name is not here: 404.
    #[error("{message}")]
    NotFound {
        /// A stable code (`model_not_found`, `knowledge_base_not_found`...).
        code: &'static str,
        /// What was asked for, and what there is.
        message: String,
    },
    /// Something is there already, or in use: 409.
    #[error("{message}")]
    Conflict {
        /// What, by whom, and what to do.
        message: String,
    },
    /// No room in the queue: 429.
    #[error("{message}")]
    Busy {
        /// How full, and what to do.
        message: String,
        /// When to try again.
        retry_after_seconds: u32,
    },
    /// A file is damaged, a disk full, a process gone: 500.
    #[error("{message}")]
    Failed {
        /// What failed, with the path or value, and what to do.
        message: String,
    },
}

impl Error {
    /// An [`Error::Invalid`] naming a parameter.
    pub fn invalid(param: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { param: Some(param.to_owned()), code, message: message.into() }
    }

    /// An [`Error::NotFound`].
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::NotFound { code, message: message.into() }
    }

    /// An [`Error::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into() }
    }
}
