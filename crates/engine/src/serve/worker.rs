//! The engine thread: one model, its slots, one pass after another.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use domain::{FinishReason, Sampling, TokenProbability};
use kernels::Pool;
use tokio::sync::mpsc::UnboundedSender;

use super::Permit;
use super::schedule::{self, Choice, Remembered, Share, Stage};
use crate::Tokenizer;
use crate::decoder::{Cache, Decoder, Row, forward};
use crate::sample::{LogProbs, Sampler};

/// A request as the engine thread sees it.
pub(super) struct Job {
    pub(super) prompt: Vec<u32>,
    pub(super) sampling: Sampling,
    pub(super) max_tokens: usize,
    pub(super) logprobs: Option<u8>,
    pub(super) echo: bool,
    pub(super) came: Instant,
    pub(super) out: UnboundedSender<Out>,
    /// Given back when the request ends.
    pub(super) _permit: Permit,
}

/// Tokens at the end of a prompt that are read even if they are remembered: from so many on, products of many tokens are used.
const READ_AGAIN: usize = 8;

/// What the engine thread tells a request's own side.
pub(super) enum Out {
    /// A slot was found; this many tokens of the prompt need not be read again.
    Started { cached: usize, queue_ms: f64 },
    /// Progress of the prompt.
    Prompt { done: usize, total: usize },
    /// A token of the prompt, when they are asked back.
    Echo(TokenProbability),
    /// A new token.
    Token(TokenProbability),
    /// Nothing comes after.
    Done(FinishReason),
}

pub(super) struct Worker {
    decoder: Arc<Decoder>,
    tokenizer: Tokenizer,
    pool: Pool,
    context: usize,
    caches: Vec<Cache>,
    slots: Vec<Option<Active>>,
    queue: Receiver<Job>,
    waiting: VecDeque<Job>,
    /// Requests admitted so far.
    order: u64,
    /// The last request of each slot, by its order.
    used: Vec<u64>,
}

struct Active {
    job: Job,
    sampler: Sampler,
    /// Prompt tokens in the cache.
    read: usize,
    written: usize,
    /// The token to be fed next, once the prompt is read.
    next: u32,
    order: u64,
}

impl Worker {
    pub(super) fn new(
        decoder: Arc<Decoder>,
        tokenizer: Tokenizer,
        pool: Pool,
        sizes: (usize, usize),
        queue: Receiver<Job>,
    ) -> Self {
        let (slots, context) = sizes;
        let caches = (0..slots).map(|_| decoder.cache()).collect();
        let used = vec![0; slots];
        let slots = (0..slots).map(|_| None).collect();
        Self { decoder, tokenizer, pool, context, caches, slots, queue, waiting: VecDeque::new(), order: 0, used }
    }

    /// Works until every sender of requests is gone.
    pub(super) fn run(mut self) {
        loop {
            if self.slots.iter().all(Option::is_none) && self.waiting.is_empty() {
                match self.queue.recv() {
                    Ok(job) => self.waiting.push_back(job),
                    Err(_) => return,
                }
            }
            self.waiting.extend(self.queue.try_iter());
            self.forget_who_left();
            self.admit();
            self.step();
        }
    }

    fn forget_who_left(&mut self) {
        self.waiting.retain(|job| !job.out.is_closed());
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|active| active.job.out.is_closed()) {
                *slot = None;
            }
        }
    }

    /// Gives waiting requests the free slots, oldest first, each with what any slot remembers of its prompt.
    fn admit(&mut self) {
        while let Some(job) = self.waiting.pop_front() {
            // The last tokens are always read: the last one for its logits, a few with it so that they go through the same arithmetic as
            // in a prompt that is read whole, and the same request gets the same answer. An echo needs everyone's.
            let useful = if job.echo { 0 } else { job.prompt.len().saturating_sub(READ_AGAIN) };
            let common: Vec<usize> = self.caches.iter().map(|cache| cache.common(&job.prompt).min(useful)).collect();
            let remembered: Vec<_> = (0..self.slots.len())
                .map(|slot| Remembered {
                    free: self.slots[slot].is_none(),
                    common: common[slot],
                    held: self.caches[slot].tokens.len(),
                    used: self.used[slot],
                })
                .collect();
            let Some(Choice { slot, copy_from }) = schedule::choose(&remembered) else {
                self.waiting.push_front(job);
                return;
            };
            let cached = common[copy_from.unwrap_or(slot)];
            if let Some(from) = copy_from
                && let Ok([mine, theirs]) = self.caches.get_disjoint_mut([slot, from])
            {
                mine.copy(theirs, cached);
            }
            self.caches[slot].truncate(cached);
            let queue_ms = job.came.elapsed().as_secs_f64() * 1000.0;
            let _ = job.out.send(Out::Started { cached, queue_ms }); // whoever left is noticed before the next step
            if job.echo {
                self.echo_first(&job);
            }
            self.order += 1;
            self.used[slot] = self.order;
            let sampler = Sampler::new(job.sampling.clone(), &job.prompt);
            self.slots[slot] = Some(Active { sampler, read: cached, written: 0, next: 0, order: self.order, job });
        }
    }

    /// The first token of an echoed prompt has nothing before it, so no probability.
    fn echo_first(&self, job: &Job) {
        let id = job.prompt[0];
        let first = TokenProbability { id, bytes: self.tokenizer.token_bytes(id), logprob: None, rivals: Vec::new() };
        let _ = job.out.send(Out::Echo(first));
    }

    fn step(&mut self) {
        let stages: Vec<Stage> = self
            .slots
            .iter()
            .map(|slot| match slot {
                None => Stage::Free,
                Some(active) if active.read < active.job.prompt.len() => {
                    Stage::Reading { done: active.read, total: active.job.prompt.len(), order: active.order }
                }
                Some(_) => Stage::Writing,
            })
            .collect();
        let mut shares = schedule::plan(&stages);
        // Logits of every prompt token are large; an echo reads few tokens at a time.
        for share in &mut shares {
            if self.slots[share.slot].as_ref().is_some_and(|active| active.job.echo) {
                share.prompt = share.prompt.min(32);
            }
        }
        if shares.is_empty() {
            return;
        }
        let rows: Vec<Row> = shares.iter().flat_map(|share| self.rows(*share)).collect();
        let slots = &self.slots;
        // A pass over a long stretch of prompt takes a second: whoever leaves is noticed within a layer.
        let wanted = || shares.iter().any(|share| slots[share.slot].as_ref().is_some_and(|a| !a.job.out.is_closed()));
        let Some(logits) = forward(&self.decoder, &self.pool, &mut self.caches, &rows, &wanted) else { return };
        let mut logits = logits.chunks_exact(self.decoder.vocabulary()).map(<[f32]>::to_vec);
        for share in shares {
            self.advance(share, &mut logits);
        }
    }

    fn rows(&self, share: Share) -> Vec<Row> {
        let Some(active) = &self.slots[share.slot] else { return Vec::new() };
        if share.prompt == 0 {
            let position = self.caches[share.slot].tokens.len();
            return vec![Row { slot: share.slot, position, token: active.next, logits: true }];
        }
        let end = active.job.prompt.len();
        (active.read..active.read + share.prompt)
            .map(|position| Row {
                slot: share.slot,
                position,
                token: active.job.prompt[position],
                logits: active.job.echo || position + 1 == end,
            })
            .collect()
    }

    /// Takes a share's logits: echoes the prompt, draws the next token, ends what is at its end.
    fn advance(&mut self, share: Share, logits: &mut impl Iterator<Item = Vec<f32>>) {
        let Some(active) = &mut self.slots[share.slot] else { return };
        let total = active.job.prompt.len();
        if share.prompt > 0 {
            let from = active.read;
            active.read += share.prompt;
            let _ = active.job.out.send(Out::Prompt { done: active.read, total });
            if active.job.echo {
                for position in from + 1..=active.read.min(total - 1) {
                    let Some(logits) = logits.next() else { return };
                    let token = probability(&self.tokenizer, &logits, active.job.prompt[position], active.job.logprobs);
                    let _ = active.job.out.send(Out::Echo(token));
                }
            }
            if active.read < total {
                return;
            }
        }
        let Some(mut logits) = logits.next() else { return };
        let done = if active.job.max_tokens == 0 {
            Some(FinishReason::Length)
        } else {
            Self::write(active, &self.tokenizer, &mut logits, self.context)
        };
        if let Some(reason) = done {
            let _ = active.job.out.send(Out::Done(reason));
            self.slots[share.slot] = None;
        }
    }

    fn write(active: &mut Active, tokenizer: &Tokenizer, logits: &mut [f32], context: usize) -> Option<FinishReason> {
        let told = active.job.logprobs.map(|_| logits.to_vec());
        let token = active.sampler.draw(logits);
        if tokenizer.is_end(token) {
            return Some(FinishReason::Stop);
        }
        let probability = match &told {
            Some(told) => probability(tokenizer, told, token, active.job.logprobs),
            None => TokenProbability { id: token, bytes: Vec::new(), logprob: None, rivals: Vec::new() },
        };
        let _ = active.job.out.send(Out::Token(probability));
        active.written += 1;
        active.next = token;
        let full = active.job.prompt.len() + active.written >= context;
        (active.written >= active.job.max_tokens || full).then_some(FinishReason::Length)
    }
}

fn probability(tokenizer: &Tokenizer, logits: &[f32], id: u32, count: Option<u8>) -> TokenProbability {
    let all = LogProbs::new(logits);
    let bytes = |id| tokenizer.token_bytes(id);
    TokenProbability { id, bytes: bytes(id), logprob: all.of(id), rivals: all.top(count.unwrap_or(0).into(), bytes) }
}
