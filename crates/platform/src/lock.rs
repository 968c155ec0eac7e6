//! One writer to a data directory at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::{Error, Result};

/// Holds the data directory; given up when dropped, or when the process ends in any way.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(data: &Path) -> Result<Self> {
        let path = data.join("LOCK");
        let failed = |error: &dyn std::fmt::Display| {
            Error::failed(format!("{}: {error}; check that the folder may be written to", path.display()))
        };
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder); // without a name the message still helps
                let holder = if holder.trim().is_empty() {
                    "another process".to_owned()
                } else {
                    format!("process {}", holder.trim())
                };
                return Err(Error::Conflict {
                    message: format!(
                        "{} is in use by {holder}, which writes to it; stop that one, send the work to it, or use another --data directory",
                        data.display()
                    ),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())?;
            file.flush()
        };
        write(&mut file).map_err(|error| failed(&error))?;
        Ok(Self { _file: file })
    }

    /// Who holds the directory, if somebody does.
    pub(crate) fn holder(data: &Path) -> Option<String> {
        let file = File::open(data.join("LOCK")).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                std::fs::read_to_string(data.join("LOCK")).ok().map(|pid| pid.trim().to_owned())
            }
            _ => None,
        }
    }
}
