//! One writer at a time: to a data directory, and to any file that is a writer's alone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// How long a process that was killed may take to let go of its files: its memory is given back first.
pub(crate) const DYING: Duration = Duration::from_secs(2);

/// Opens a file, making it if it is not there, and makes it this process's alone until it is dropped; nothing if another keeps it for longer than
/// `patience`.
///
/// # Errors
/// As the system opens and locks a file.
pub(crate) fn open(path: &Path, patience: Duration) -> std::io::Result<Option<File>> {
    const LOOK: Duration = Duration::from_millis(20);
    let began = Instant::now();
    loop {
        // Each time anew: who is done may have renamed the file, or removed it.
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if began.elapsed() >= patience => return Ok(None),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
        }
    }
}

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
        let Some(mut file) = open(&path, DYING).map_err(|error| failed(&error))? else {
            // Without a name the message still helps.
            let holder = std::fs::read_to_string(&path).unwrap_or_default();
            let holder = match holder.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            return Err(Error::Conflict {
                message: format!(
                    "{} is in use by {holder}, which writes to it; stop that one, send the work to it, or use another --data directory",
                    data.display()
                ),
            });
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_file_only_for_a_moment_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let first = open(&path, Duration::ZERO).unwrap().unwrap();
        assert!(open(&path, Duration::ZERO).unwrap().is_none(), "it is another's");
        let done = path.with_extension("done");
        let ending = std::thread::spawn({
            let (path, done) = (path.clone(), done.clone());
            move || {
                std::thread::sleep(Duration::from_millis(100));
                std::fs::rename(path, done).unwrap();
                drop(first);
            }
        });
        let mut next = open(&path, Duration::from_secs(60)).unwrap().unwrap();
        ending.join().unwrap();
        next.write_all(b"of the next").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"of the next");
        assert_eq!(std::fs::read(&done).unwrap(), b"", "what the first has put away is nobody's to write to");
    }
}
