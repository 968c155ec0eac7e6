//! Files of a workspace's folder that the server changes: written whole, one writer at a time.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Error, Result};

/// Held from reading a file to writing what it becomes, so that of two changes none is lost.
pub(crate) struct Writing {
    _alone: MutexGuard<'static, ()>,
}

impl Writing {
    /// Waits for whoever writes now.
    pub(crate) fn begin() -> Self {
        static WRITERS: Mutex<()> = Mutex::new(());
        Self { _alone: WRITERS.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

/// Replaces a file as a whole, or makes it, and its folder.
///
/// # Errors
/// [`Error::Failed`] if it cannot be written; it is then what it was.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        crate::models::replace(path, bytes, true)
    };
    write().map_err(|error| {
        let path = path.display();
        Error::failed(format!("{path}: {error}; check the path, that it may be written to, and that the disk has room"))
    })
}
