//! Threads that wait for work close by: a matrix product takes less time than waking a sleeping thread.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Worker threads that share the tasks of one call at a time.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// One caller at a time.
    turn: Mutex<()>,
}

struct Shared {
    /// Raised once a call; workers spin on it, then sleep.
    epoch: AtomicUsize,
    /// Workers that sleep or are about to.
    sleeping: AtomicUsize,
    next: AtomicUsize,
    tasks: AtomicUsize,
    /// [`OPEN`] while a call takes workers in, plus those that are in. A worker that is late, because the machine gave its processor to
    /// someone else, finds the gate closed: nobody waits for one that has not begun.
    gate: AtomicUsize,
    panicked: AtomicBool,
    work: Mutex<Option<Work>>,
    wake: Condvar,
}

/// The caller's closure, its lifetime forgotten.
#[derive(Clone, Copy)]
struct Work(*const (dyn Fn(usize) + Sync));

// SAFETY: the closure behind the pointer is `Sync`, and `Pool::run` keeps it alive until every worker is done with it.
unsafe impl Send for Work {}

const SPINS: usize = 20_000;
const STOP: usize = usize::MAX;
const OPEN: usize = 1 << (usize::BITS - 1);

impl Pool {
    /// A pool of `threads` in all; the caller is one of them.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            epoch: AtomicUsize::new(0),
            sleeping: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            tasks: AtomicUsize::new(0),
            gate: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            work: Mutex::new(None),
            wake: Condvar::new(),
        });
        let workers = (1..threads.max(1))
            .filter_map(|_| {
                let shared = Arc::clone(&shared);
                // Without a thread the others do its share.
                std::thread::Builder::new().name("kernel".to_owned()).spawn(move || shared.serve()).ok()
            })
            .collect();
        Self { shared, workers, turn: Mutex::new(()) }
    }

    /// Threads that work on a call, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `task` once for each number under `tasks`, on all threads, and returns when all are done.
    ///
    /// # Panics
    /// If a task does.
    pub fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if tasks <= 1 || self.workers.is_empty() {
            (0..tasks).for_each(task);
            return;
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. Workers use the pointer only while they are inside the gate, and this function closes the
        // gate and waits until none is inside before it returns; a panic of the caller's own share is caught until then.
        let work = Work(unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync + 'static)>(task)
        });
        *shared.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
        shared.next.store(0, Ordering::Relaxed);
        shared.tasks.store(tasks, Ordering::Relaxed);
        shared.panicked.store(false, Ordering::Relaxed);
        shared.gate.store(OPEN, Ordering::Release);
        shared.call(shared.epoch.load(Ordering::Relaxed) + 1);
        let own = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shared.share(task)));
        shared.gate.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0usize;
        while shared.gate.load(Ordering::Acquire) > 0 {
            spins += 1;
            if spins < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        if let Err(panic) = own {
            std::panic::resume_unwind(panic);
        }
        assert!(!shared.panicked.load(Ordering::Acquire), "a task panicked on a worker thread");
    }
}

impl Pool {
    /// Calls `task` with the number and the numbers of each row of `width`, on all threads.
    ///
    /// # Panics
    /// If a task does, or `x` is not whole rows.
    pub fn rows(&self, x: &mut [f32], width: usize, task: &(dyn Fn(usize, &mut [f32]) + Sync)) {
        assert!(x.len().is_multiple_of(width), "rows of {width}");
        let rows = x.len() / width;
        let slots = Slots::new(x);
        // A few thousand numbers are less work than a call of another thread.
        let chunk = rows.div_ceil(self.threads() * 4).max(8192 / width.max(1)).max(1);
        self.run(rows.div_ceil(chunk), &|at| {
            for row in at * chunk..((at + 1) * chunk).min(rows) {
                // SAFETY: each row is one task's.
                task(row, unsafe { slots.part(row * width, width) });
            }
        });
    }
}

impl Shared {
    fn share(&self, task: &(dyn Fn(usize) + Sync)) {
        let tasks = self.tasks.load(Ordering::Relaxed);
        loop {
            let mine = self.next.fetch_add(1, Ordering::Relaxed);
            if mine >= tasks {
                return;
            }
            task(mine);
        }
    }

    /// Raises the epoch and wakes who sleeps.
    fn call(&self, epoch: usize) {
        self.epoch.store(epoch, Ordering::SeqCst);
        // A worker counts itself as sleeping before it looks at the epoch for the last time: either it sees this one, or it is seen here.
        if self.sleeping.load(Ordering::SeqCst) > 0 {
            let _guard = self.work.lock().unwrap_or_else(PoisonError::into_inner);
            self.wake.notify_all();
        }
    }

    fn serve(&self) {
        let mut seen = 0;
        loop {
            seen = self.next_epoch(seen);
            if seen == STOP {
                return;
            }
            if self.enter() {
                let work = *self.work.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(work) = work {
                    // SAFETY: this worker is inside the gate, and `run` waits for it to leave before its borrow ends.
                    let task = unsafe { &*work.0 };
                    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.share(task))).is_err() {
                        self.panicked.store(true, Ordering::Release);
                    }
                }
                self.gate.fetch_sub(1, Ordering::Release);
            }
        }
    }

    /// Waits for another epoch than the one seen: awake for a while, then asleep.
    fn next_epoch(&self, seen: usize) -> usize {
        for _ in 0..SPINS {
            let epoch = self.epoch.load(Ordering::Acquire);
            if epoch != seen {
                return epoch;
            }
            std::hint::spin_loop();
        }
        let mut guard = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        while self.epoch.load(Ordering::SeqCst) == seen {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleeping.fetch_sub(1, Ordering::SeqCst);
        self.epoch.load(Ordering::Acquire)
    }

    /// Goes in if the gate is open.
    fn enter(&self) -> bool {
        let step = |gate: usize| (gate & OPEN != 0).then_some(gate + 1);
        self.gate.fetch_update(Ordering::AcqRel, Ordering::Acquire, step).is_ok()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.call(STOP);
        for worker in self.workers.drain(..) {
            let _ = worker.join(); // a worker's panic was reported by `run`
        }
    }
}

/// A slice whose parts are written by tasks that promise not to overlap.
pub(crate) struct Slots<T> {
    start: *mut T,
    len: usize,
}

// SAFETY: parts are handed out only through `part`, whose callers promise that no two overlap.
unsafe impl<T: Send> Sync for Slots<T> {}

impl<T: Copy> Slots<T> {
    pub(crate) fn new(slice: &mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len() }
    }

    /// A part of the slice.
    ///
    /// # Safety
    /// No other part in use overlaps it, and the slice outlives it.
    #[allow(clippy::mut_from_ref, reason = "the point of the type; the caller promises there is no overlap")]
    pub(crate) unsafe fn part(&self, at: usize, len: usize) -> &mut [T] {
        assert!(at + len <= self.len, "within the slice");
        // SAFETY: within the slice, and exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) }
    }
}

/// Threads worth using here: what the scheduler and a control group allow.
pub fn default_threads() -> usize {
    let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get); // honours cgroup quotas on Linux
    all.clamp(1, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_runs_once() {
        let pool = Pool::new(4);
        for tasks in [0, 1, 2, 7, 1000] {
            let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            for _ in 0..50 {
                pool.run(tasks, &|i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
            }
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 50), "{tasks}");
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(3);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.run(100, &|i| assert_ne!(i, 50))));
        assert!(outcome.is_err());
        let sum = AtomicUsize::new(0);
        pool.run(10, &|i| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 45);
    }

    #[test]
    fn rows_are_each_given_once() {
        let pool = Pool::new(3);
        let mut x = vec![0.0; 3000 * 7];
        pool.rows(&mut x, 7, &|row, numbers| numbers.iter_mut().for_each(|x| *x += row as f32));
        assert!(x.chunks_exact(7).enumerate().all(|(row, numbers)| numbers == [row as f32; 7]));
        pool.rows(&mut [], 7, &|_, _| panic!("there are none"));
    }

    #[test]
    fn two_callers_take_turns() {
        let pool = Pool::new(2);
        let sum = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        pool.run(10, &|i| {
                            sum.fetch_add(i, Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), 4 * 100 * 45);
    }
}
