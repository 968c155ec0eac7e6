//! Watches one case at a time: panics, also contained ones, time and memory.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::targets::Target;

/// Processor time of one case; on a busy machine seconds on the wall say little.
const LONGEST: Duration = Duration::from_secs(10);
/// Time on the wall, for a case that waits for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Kilobytes that one case may add to the process.
const MOST_MEMORY: u64 = 512 << 10;

/// First part of the name under which a process keeps the case it is in; its number follows.
const MARKER: &str = "running-";

/// Something that a reader must not do.
pub(crate) struct Finding {
    pub(crate) what: String,
    /// Where; findings at one place are one.
    pub(crate) place: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.what, self.place)
    }
}

/// The watch over the process.
pub(crate) struct Watch {
    crashes: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    panics: Vec<(String, String)>,
}

struct Running {
    target: &'static str,
    bytes: Vec<u8>,
    since: Instant,
    worked: Duration,
}

impl Watch {
    /// Watches from now on; findings are kept in `crashes`.
    pub(crate) fn start(crashes: &Path) -> Result<Watch, String> {
        std::fs::create_dir_all(crashes).map_err(|error| format!("{}: {error}", crashes.display()))?;
        let state = Arc::new(Mutex::new(State::default()));
        let of_hook = Arc::clone(&state);
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map_or_else(String::new, |at| format!("{}:{}", short(at.file()), at.line()));
            let what = info.payload_as_str().unwrap_or("no message").to_owned();
            of_hook.lock().unwrap_or_else(PoisonError::into_inner).panics.push((what, place));
        }));
        let watch = Watch { crashes: crashes.to_owned(), state };
        watch.rescue_last();
        watch.guard_time();
        Ok(watch)
    }

    /// Runs one case: its answer, and what was wrong.
    pub(crate) fn case(&self, target: &'static Target, bytes: &[u8]) -> (Option<String>, Option<Finding>) {
        // A stack overflow or a failed allocation kills the process; the next start finds the input here.
        let marker = marker(&self.crashes, std::process::id());
        if let Err(error) = std::fs::write(&marker, bytes) {
            eprintln!("{}: {error}", marker.display());
        }
        let running =
            Running { target: target.name, bytes: bytes.to_vec(), since: Instant::now(), worked: processor_time() };
        self.state().running = Some(running);
        let before = memory(Start::Fresh);
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
        let grown = memory(Start::Going).saturating_sub(before);
        let mut state = self.state();
        state.running = None;
        let panics = std::mem::take(&mut state.panics);
        drop(state);
        let finding = if let Some((what, place)) = panics.into_iter().next() {
            let how = if outcome.is_ok() { "contained panic" } else { "panic" };
            Some(Finding { what: format!("{how}: {}", what.lines().next().unwrap_or_default()), place })
        } else if let Ok(Err(broken)) = &outcome {
            Some(Finding { what: format!("broken promise: {broken}"), place: crate::kind(broken) })
        } else if grown > MOST_MEMORY {
            Some(Finding { what: format!("{} MiB for {} bytes", grown >> 10, bytes.len()), place: "memory".to_owned() })
        } else {
            None
        };
        (outcome.ok().and_then(Result::ok), finding)
    }

    /// Saves an input under a name that says what it does.
    pub(crate) fn keep(&self, target: &Target, finding: &Finding, bytes: &[u8]) -> PathBuf {
        save(&self.crashes, target.name, &finding.place, bytes)
    }

    /// No case is under way any more.
    pub(crate) fn rest(&self) {
        // Missing is as good as removed.
        let _ = std::fs::remove_file(marker(&self.crashes, std::process::id()));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what processes that are no more were reading when they ended; others may be at work beside this one.
    fn rescue_last(&self) {
        for entry in std::fs::read_dir(&self.crashes).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(process) = name.strip_prefix(MARKER).and_then(|id| id.parse::<u32>().ok()) else { continue };
            if Path::new("/proc").join(process.to_string()).exists() {
                continue;
            }
            if let Ok(bytes) = std::fs::read(entry.path()) {
                let path = save(&self.crashes, "unknown", &format!("process-{process}-died-or-was-stopped"), &bytes);
                eprintln!("an earlier run ended inside a case; its input: {}", path.display());
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// A case cannot be stopped from outside, so one that is too long ends the process, its input saved.
    fn guard_time(&self) {
        let (state, crashes) = (Arc::clone(&self.state), self.crashes.clone());
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(500));
                let state = state.lock().unwrap_or_else(PoisonError::into_inner);
                let too_long = |running: &&Running| {
                    processor_time().saturating_sub(running.worked) > LONGEST || running.since.elapsed() > LONGEST_WAIT
                };
                if let Some(running) = state.running.as_ref().filter(too_long) {
                    let path = save(&crashes, running.target, "slow", &running.bytes);
                    println!("{}: a case of more than {LONGEST:?}\n  input: {}", running.target, path.display());
                    let _ = std::fs::remove_file(marker(&crashes, std::process::id()));
                    std::process::exit(1);
                }
            }
        });
    }
}

/// Where a process keeps the case it is in.
fn marker(crashes: &Path, process: u32) -> PathBuf {
    crashes.join(format!("{MARKER}{process}"))
}

fn save(crashes: &Path, target: &str, place: &str, bytes: &[u8]) -> PathBuf {
    let place: String = place.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(80).collect();
    let path = crashes.join(format!("{target}-{place}"));
    if let Err(error) = std::fs::write(&path, bytes) {
        eprintln!("{}: {error}", path.display());
    }
    path
}

/// The end of a path that still tells the crate.
fn short(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    parts[parts.len().saturating_sub(4)..].join("/")
}

/// What this process has used of the processor; nothing where the system does not tell.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name before the last bracket may hold spaces; user and system time are 12th and 13th behind it, in ticks.
    let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

enum Start {
    /// The peak starts anew from what is in use now.
    Fresh,
    /// The peak since the fresh start.
    Going,
}

/// Peak resident memory in kilobytes; 0 where the system does not tell.
fn memory(start: Start) -> u64 {
    if let Start::Fresh = start {
        // Refused in some containers: then the peak is that of the whole run and only a new record counts.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
