//! The database's shape, and how an older one becomes today's.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::{Error, Result};

/// Append only: a step that has shipped is never edited. Row numbers are never used twice (AUTOINCREMENT), because
/// the words index and cached vectors name passages by them.
const MIGRATIONS: &[&str] = &["
CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    hash TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    format TEXT NOT NULL,
    text TEXT NOT NULL,
    pages TEXT NOT NULL,
    warnings TEXT NOT NULL,
    metadata TEXT NOT NULL,
    chunker INTEGER NOT NULL,
    generation INTEGER NOT NULL
);
CREATE TABLE passages(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL,
    document INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    ord INTEGER NOT NULL,
    page INTEGER,
    section TEXT NOT NULL,
    span_start INTEGER NOT NULL,
    span_end INTEGER NOT NULL,
    text TEXT NOT NULL,
    UNIQUE(document, ord)
);
CREATE INDEX passages_hash ON passages(hash);
CREATE TABLE vectors(
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    passage INTEGER NOT NULL UNIQUE REFERENCES passages(id) ON DELETE CASCADE,
    vector BLOB NOT NULL
);
CREATE TABLE removed(document INTEGER PRIMARY KEY, generation INTEGER NOT NULL);
INSERT INTO settings VALUES ('generation', '0'), ('identity', lower(hex(randomblob(8))));
"];

/// Opens `kb.db` for writing and brings it to today's schema.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    let mut connection = Connection::open(path).map_err(|error| failed(path, &error))?;
    prepare(&connection).map_err(|error| failed(path, &error))?;
    // NORMAL: a killed process loses nothing; after a power cut the last documents may be missing, and since a
    // document's rows and its hash go together, the next ingest sees that and reads them again.
    connection
        .execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
        .map_err(|error| failed(path, &error))?;
    let version = version(&connection, path)?;
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = connection.transaction().map_err(|error| failed(path, &error))?;
        transaction
            .execute_batch(sql)
            .and_then(|()| transaction.pragma_update(None, "user_version", step as i64 + 1))
            .and_then(|()| transaction.commit())
            .map_err(|error| failed(path, &error))?;
    }
    Ok(connection)
}

/// Opens `kb.db` without ever writing to it.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| failed(path, &error))?;
    prepare(&connection).map_err(|error| failed(path, &error))?;
    if version(&connection, path)? < MIGRATIONS.len() {
        return Err(Error::failed(format!(
            "{} was written by an older version; run any command that writes to it (such as `sumeru ingest`) once to bring it up to date",
            path.display()
        )));
    }
    Ok(connection)
}

/// What went wrong with which database.
pub(crate) fn failed(path: &Path, error: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full: free some space and run the same command again",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "the file is damaged: remove this knowledge base and ingest its documents again"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another process is writing to it: try again when it is done"
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            "check that the folder exists and may be written to"
        }
        _ => "run `sumeru doctor` to check the data directory",
    };
    Error::failed(format!("{}: {error}; {remedy}", path.display()))
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(32);
    connection.execute_batch("PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000;")
}

fn version(connection: &Connection, path: &Path) -> Result<usize> {
    let version: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(|error| failed(path, &error))?;
    let known = MIGRATIONS.len();
    usize::try_from(version).ok().filter(|version| *version <= known).ok_or_else(|| {
        Error::failed(format!(
            "{} has schema version {version}, this program knows up to {known}: it was written by a newer sumeru; use that one",
            path.display()
        ))
    })
}
