//! How far a file's download got, kept on disk beside it, so that a killed process can go on.
//!
//! Bytes are written before they are noted, so a note never promises what is not there; what a power cut may lose all
//! the same is found by the file's digest.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::store::replace;

/// What is known of one piece of a file: a range on another machine that becomes a range of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    /// Which bytes these are; another tag means that they may not be put together with the ones here.
    pub(super) tag: String,
    /// Bytes to fetch; not known for a server that does not say.
    pub(super) len: Option<u64>,
    /// Bytes it takes in the file; not known before a whole wheel is here.
    pub(super) size: Option<u64>,
    pub(super) segments: Vec<Segment>,
    /// Whether it is in the file.
    pub(super) placed: bool,
}

/// A run of bytes fetched by one request at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Segment {
    /// Within the piece.
    pub(super) start: u64,
    /// Not known for a server that does not say.
    pub(super) len: Option<u64>,
    pub(super) done: u64,
    pub(super) complete: bool,
}

impl Piece {
    pub(super) fn new(tag: String, len: Option<u64>, size: Option<u64>, segment: Option<u64>) -> Self {
        let segments = match (len, segment) {
            (Some(len), Some(segment)) if len > 0 => (0..len)
                .step_by(segment.max(1) as usize)
                .map(|start| Segment { start, len: Some(segment.min(len - start)), done: 0, complete: false })
                .collect(),
            _ => vec![Segment { start: 0, len, done: 0, complete: false }],
        };
        Self { tag, len, size, segments, placed: false }
    }

    /// Whether two notes speak of the same bytes, cut in the same way.
    fn is(&self, other: &Self) -> bool {
        let cuts = |piece: &Self| piece.segments.iter().map(|segment| (segment.start, segment.len)).collect::<Vec<_>>();
        let sized = self.size.is_none() || other.size.is_none() || self.size == other.size;
        self.tag == other.tag && self.len == other.len && sized && cuts(self) == cuts(other)
    }

    pub(super) fn fetched(&self) -> bool {
        self.segments.iter().all(|segment| segment.complete)
    }

    /// Bytes of the file this piece stands for by now.
    fn done(&self) -> u64 {
        let fetched: u64 = self.segments.iter().map(|segment| segment.done).sum();
        match (self.placed, self.len, self.size) {
            (true, _, Some(size)) => size,
            (false, Some(len), Some(size)) if len > 0 => {
                (u128::from(fetched) * u128::from(size) / u128::from(len)) as u64
            }
            _ => fetched,
        }
    }
}

/// The notes of one file.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    pieces: Mutex<Vec<Piece>>,
    unsaved: Mutex<u64>,
}

impl Journal {
    /// Takes up what earlier notes say of the same pieces. The second value: whether there was any.
    pub(super) fn open(path: PathBuf, mut pieces: Vec<Piece>) -> (Self, bool) {
        let mut resumed = false;
        let earlier = read(&path);
        if earlier.len() == pieces.len() {
            for (piece, earlier) in pieces.iter_mut().zip(earlier) {
                if piece.is(&earlier) {
                    resumed |= earlier.segments.iter().any(|segment| segment.done > 0);
                    *piece = earlier;
                }
            }
        }
        (Self { path, pieces: Mutex::new(pieces), unsaved: Mutex::new(0) }, resumed)
    }

    pub(super) fn pieces(&self) -> MutexGuard<'_, Vec<Piece>> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes bytes that are in their file now; saves the notes every `every` bytes.
    pub(super) fn advance(&self, (piece, segment): (usize, usize), bytes: u64, every: u64) -> std::io::Result<()> {
        self.pieces()[piece].segments[segment].done += bytes;
        let due = {
            let mut unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner);
            *unsaved += bytes;
            let due = *unsaved >= every;
            if due {
                *unsaved = 0;
            }
            due
        };
        if due { self.save() } else { Ok(()) }
    }

    pub(super) fn save(&self) -> std::io::Result<()> {
        let pieces = self.pieces(); // held while writing, so that an older note cannot replace a newer one
        replace(&self.path, &serde_json::to_vec(&*pieces)?, false)
    }

    /// Bytes of the file that are here.
    pub(super) fn done(&self) -> u64 {
        self.pieces().iter().map(Piece::done).sum()
    }
}

/// Bytes of a file that an earlier download left, going by its notes.
pub(super) fn done(path: &Path) -> u64 {
    read(path).iter().map(Piece::done).sum()
}

/// Notes that cannot be read are no notes: the download starts over.
fn read(path: &Path) -> Vec<Piece> {
    let parsed = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Vec<Piece>>(&bytes).ok());
    let sound = |piece: &Piece| piece.segments.iter().all(|segment| segment.len.is_none_or(|len| segment.done <= len));
    parsed.filter(|pieces| pieces.iter().all(sound)).unwrap_or_default()
}
