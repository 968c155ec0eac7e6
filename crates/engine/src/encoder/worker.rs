//! The thread that does the work: which texts go next, and on which processor.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use domain::Pooling;
use kernels::Pool;
use tokio::sync::oneshot;

use super::forward::forward;
use super::weights::Weights;

/// Texts are packed together up to this many tokens: enough to read each weight once for many tokens, little enough
/// to stay in the caches.
const GROUP_TOKENS: usize = 256;

/// Groups per worker and round; a question waits for at most one round.
const GROUPS_PER_WORKER: usize = 2;

/// Texts to embed and whom to tell.
pub(super) struct Job {
    texts: Vec<Vec<u32>>,
    urgent: bool,
    reply: oneshot::Sender<Vec<Vec<f32>>>,
    /// Texts yet to do, longest last.
    left: Vec<usize>,
    vectors: Vec<Vec<f32>>,
}

impl Job {
    pub(super) fn new(texts: Vec<Vec<u32>>, urgent: bool, reply: oneshot::Sender<Vec<Vec<f32>>>) -> Self {
        let mut left: Vec<usize> = (0..texts.len()).collect();
        left.sort_by_key(|&at| texts[at].len());
        let vectors = vec![Vec::new(); texts.len()];
        Self { texts, urgent, reply, left, vectors }
    }

    /// Takes the next groups off what is left: texts of like length, each group within `GROUP_TOKENS` if it can be.
    fn take_groups(&mut self, most: usize) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut room = 0;
        while let Some(&text) = self.left.last() {
            let len = self.texts[text].len();
            if len > room || groups.is_empty() {
                if groups.len() == most {
                    break;
                }
                groups.push(Vec::new());
                room = GROUP_TOKENS;
            }
            if let Some(group) = groups.last_mut() {
                group.push(text);
            }
            room = room.saturating_sub(len);
            self.left.pop();
        }
        groups
    }
}

pub(super) struct Worker {
    machine: Machine,
    queue: Receiver<Job>,
    waiting: VecDeque<Job>,
}

impl Worker {
    pub(super) fn new(weights: Weights, pooling: Pooling, pool: Pool, queue: Receiver<Job>) -> Self {
        let singles = (0..pool.threads()).map(|_| Pool::new(1)).collect();
        let machine = Machine { weights, pooling, pool, singles };
        Self { machine, queue, waiting: VecDeque::new() }
    }

    /// Works until every sender is gone and nothing waits.
    pub(super) fn run(mut self) {
        loop {
            if self.waiting.is_empty() {
                match self.queue.recv() {
                    Ok(job) => self.waiting.push_back(job),
                    Err(_) => return,
                }
            }
            self.waiting.extend(self.queue.try_iter());
            self.waiting.retain(|job| !job.reply.is_closed());
            let next = self.waiting.iter().position(|job| job.urgent).unwrap_or(0);
            let Some(mut job) = self.waiting.remove(next) else { continue };
            let groups = job.take_groups(self.machine.singles.len() * GROUPS_PER_WORKER);
            let vectors = self.machine.embed(&job.texts, &groups);
            for (text, vector) in groups.into_iter().flatten().zip(vectors.into_iter().flatten()) {
                job.vectors[text] = vector;
            }
            if job.left.is_empty() {
                // The caller may have left meanwhile: then nobody wants the vectors.
                let _ = job.reply.send(job.vectors);
            } else {
                self.waiting.insert(next, job);
            }
        }
    }
}

/// The model and the processors it runs on.
struct Machine {
    weights: Weights,
    pooling: Pooling,
    pool: Pool,
    /// One per thread of `pool`, each of one thread.
    singles: Vec<Pool>,
}

impl Machine {
    /// One vector per text of each group: a lone group gets every thread, several groups are shared out.
    fn embed(&self, texts: &[Vec<u32>], groups: &[Vec<usize>]) -> Vec<Vec<Vec<f32>>> {
        let run = |pool: &Pool, group: &[usize]| {
            let texts: Vec<&[u32]> = group.iter().map(|&text| texts[text].as_slice()).collect();
            forward(&self.weights, pool, &texts, self.pooling)
        };
        if let [group] = groups {
            return vec![run(&self.pool, group)];
        }
        let next = AtomicUsize::new(0);
        let done = Mutex::new(vec![Vec::new(); groups.len()]);
        self.pool.run(self.singles.len(), &|worker| {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(group) = groups.get(at) else { return };
                let vectors = run(&self.singles[worker], group);
                done.lock().unwrap_or_else(PoisonError::into_inner)[at] = vectors;
            }
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
