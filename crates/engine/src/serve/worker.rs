//! The engine thread: one model, its slots, one pass after another.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use domain::{Error, FinishReason, Sampling, TokenProbability};
use kernels::{PAGE, Pool};
use tokio::sync::mpsc::UnboundedSender;

use super::active::{Active, NO_NUMBERS, probability};
use super::clients::{Clients, Turn};
use super::prefixes::{Prefixes, ROOT};
use super::schedule::{self, Share, Stage};
use super::{Counters, Permit};
use crate::Tokenizer;
use crate::decoder::{Decoder, Page, Pages, Row, STATES_AT_ONCE, Sequence, forward};
use crate::sample::has_nan;
use crate::typed::{Constraint, Masker};

/// A request as the engine thread sees it.
pub(super) struct Job {
    pub(super) prompt: Vec<u32>,
    pub(super) sampling: Sampling,
    pub(super) max_tokens: usize,
    pub(super) logprobs: Option<u8>,
    pub(super) echo: bool,
    /// What the answer must be.
    pub(super) constraint: Option<Constraint>,
    /// Less goes first.
    pub(super) priority: i32,
    /// Who asks.
    pub(super) client: String,
    pub(super) came: Instant,
    pub(super) out: UnboundedSender<Out>,
    /// Given back when the request ends.
    pub(super) _permit: Permit,
}

/// What the engine thread tells a request's own side.
pub(super) enum Out {
    /// A slot was found.
    Started { queue_ms: f64 },
    /// So many more tokens of the prompt need not be read: they are remembered, or another request has just read them.
    Cached(usize),
    /// Progress of the prompt.
    Prompt { done: usize, total: usize },
    /// A token of the prompt, when they are asked back.
    Echo(TokenProbability),
    /// A new token.
    Token(TokenProbability),
    /// So many tokens were guessed, of which so many came.
    Guessed { tokens: usize, came: usize },
    /// Nothing comes after.
    Done(FinishReason),
    /// Nor after this: it cannot go on.
    Failed(Error),
}

/// Requests at once, at most, while tokens are guessed.
const MOST_GUESSING: usize = 4;

pub(super) struct Worker {
    decoder: Arc<Decoder>,
    tokenizer: Tokenizer,
    pool: Pool,
    masker: Masker,
    /// Whether tokens are guessed.
    pub(super) guess: bool,
    pub(super) counters: Arc<Counters>,
    context: usize,
    pages: Pages,
    prefixes: Prefixes,
    slots: Vec<Option<Active>>,
    /// What each slot's request has read; empty where nobody is.
    sequences: Vec<Sequence>,
    queue: Receiver<Job>,
    /// Requests without a slot, among them those that had to give theirs back.
    waiting: Vec<Active>,
    clients: Clients,
    /// Requests that have come so far.
    order: u64,
}

impl Worker {
    pub(super) fn new(
        decoder: Arc<Decoder>,
        tokenizer: Tokenizer,
        (pool, masker): (Pool, Masker),
        (slots, context): (usize, usize),
        pages: Pages,
        queue: Receiver<Job>,
    ) -> Self {
        Self {
            decoder,
            tokenizer,
            pool,
            masker,
            guess: true,
            counters: Arc::default(),
            context,
            prefixes: Prefixes::new(pages.stand_alone()),
            pages,
            sequences: (0..slots).map(|_| Sequence::default()).collect(),
            slots: (0..slots).map(|_| None).collect(),
            queue,
            waiting: Vec::new(),
            clients: Clients::default(),
            order: 0,
        }
    }

    /// Works until every sender of requests is gone.
    pub(super) fn run(mut self) {
        loop {
            if self.slots.iter().all(Option::is_none) && self.waiting.is_empty() {
                match self.queue.recv() {
                    Ok(job) => self.wait(job),
                    Err(_) => return,
                }
            }
            while let Ok(job) = self.queue.try_recv() {
                self.wait(job);
            }
            self.forget_who_left();
            self.admit();
            self.step();
        }
    }

    fn wait(&mut self, job: Job) {
        self.order += 1;
        let here = self.slots.iter().flatten().chain(&self.waiting).map(|active| active.job.client.as_str());
        self.clients.come(&job.client, here);
        self.waiting.push(Active::new(job, self.order));
    }

    fn turn(&self, active: &Active) -> Turn {
        (active.job.priority, self.clients.of(&active.job.client), active.order)
    }

    /// The waiting request whose turn it is: who has begun an answer goes on with it before others begin.
    fn next(&self) -> Option<usize> {
        let turn = |&at: &usize| (self.waiting[at].job.priority, !self.waiting[at].again, self.turn(&self.waiting[at]));
        (0..self.waiting.len()).min_by_key(turn)
    }

    /// Gives the slot of the least urgent request back, if one that is more urgent waits for a slot.
    fn make_way(&mut self) {
        let Some(next) = self.next().filter(|_| self.slots.iter().all(Option::is_some)) else { return };
        let Some(last) = self.last_slot() else { return };
        if self.slots[last].as_ref().is_some_and(|active| active.job.priority > self.waiting[next].job.priority) {
            self.share_pages(last);
            self.give_back(last);
        }
    }

    /// The slot of the request whose turn is last: the least urgent, and of those the youngest.
    fn last_slot(&self) -> Option<usize> {
        let last = |&slot: &usize| self.slots[slot].as_ref().map(|active| (active.job.priority, active.order));
        (0..self.slots.len()).filter(|&slot| self.slots[slot].is_some()).max_by_key(last)
    }

    fn forget_who_left(&mut self) {
        self.waiting.retain(|active| !active.job.out.is_closed());
        for slot in 0..self.slots.len() {
            if self.slots[slot].as_ref().is_some_and(|active| active.job.out.is_closed()) {
                self.release(slot);
            }
        }
    }

    /// Gives waiting requests the free slots, by their turns, as long as there is memory for what they are to read.
    fn admit(&mut self) {
        self.make_way();
        while let Some(slot) = self.slots.iter().position(Option::is_none)
            && let Some(next) = self.next()
        {
            let mut active = self.waiting.swap_remove(next);
            let found = self.prefixes.find(active.useful());
            let busy = self.slots.iter().flatten().count();
            let mut wanted = active.tokens.len().div_ceil(PAGE) - found.pages.len();
            if self.pages.stand_alone() {
                wanted = wanted.min(STATES_AT_ONCE);
            }
            // One page more for each, so that nobody has to give its slot back at once.
            wanted += busy + 1;
            if busy > 0 && !self.prefixes.can_spare(wanted.saturating_sub(self.pages.left())) {
                self.waiting.push(active);
                return;
            }
            let mut cached = found.pages.len() * PAGE;
            let sequence = &mut self.sequences[slot];
            *sequence = Sequence::begin(&active.tokens[..cached], found.pages);
            (active.node, active.shared) = (found.node, cached / PAGE);
            if let Some((page, count)) = found.part
                && let Some(copy) = self.page(|pages| pages.copy(&page))
            {
                let sequence = &mut self.sequences[slot];
                sequence.pages.push(copy);
                sequence.tokens.extend_from_slice(&active.tokens[cached..cached + count]);
                cached += count;
            }
            let ended = if active.again { None } else { self.start(&mut active, cached) };
            Counters::add(&self.counters.cached, cached);
            Counters::add(&self.counters.written, if active.again { 0 } else { active.written() });
            self.slots[slot] = Some(active);
            if let Some(end) = ended {
                self.end(slot, end);
            }
        }
    }

    /// Tells a request that it has a slot, and what of its answer is certain before anything is computed.
    fn start(&self, active: &mut Active, cached: usize) -> Option<Out> {
        let queue_ms = active.job.came.elapsed().as_secs_f64() * 1000.0;
        let _ = active.job.out.send(Out::Started { queue_ms }); // whoever left is noticed before the next step
        let _ = active.job.out.send(Out::Cached(cached));
        if active.job.echo {
            // The first token has nothing before it, so no probability.
            let id = active.tokens[0];
            let bytes = self.tokenizer.token_bytes(id);
            let _ = active.job.out.send(Out::Echo(TokenProbability { id, bytes, logprob: None, rivals: Vec::new() }));
            active.echoed = 1;
        }
        active.go_on(&self.tokenizer, self.context)
    }

    /// A page, if need be in place of the one that was used longest ago.
    fn page(&mut self, make: impl Fn(&Pages) -> Option<Arc<Page>>) -> Option<Arc<Page>> {
        loop {
            if let Some(page) = make(&self.pages) {
                return Some(page);
            }
            if !self.prefixes.forget_one() {
                return None;
            }
        }
    }

    fn step(&mut self) {
        for slot in 0..self.slots.len() {
            self.take_over(slot);
        }
        let stages: Vec<Stage> = (0..self.slots.len()).map(|slot| self.stage(slot)).collect();
        let mut shares = schedule::plan(&stages);
        // Logits of every prompt token are large; an echo reads few tokens at a time.
        for share in &mut shares {
            if self.slots[share.slot].as_ref().is_some_and(|active| active.job.echo) {
                share.tokens = share.tokens.min(32);
            }
        }
        self.guess(&stages, &mut shares);
        let shares = self.make_room(&shares);
        if shares.is_empty() {
            return;
        }
        let rows: Vec<Row> = shares.iter().flat_map(|share| self.rows(*share)).collect();
        for share in &shares {
            if let Some(active) = &mut self.slots[share.slot] {
                active.prepare(&self.masker);
            }
        }
        let slots = &self.slots;
        // A pass over a long stretch of prompt takes a second: whoever leaves is noticed within a layer.
        let wanted = || shares.iter().any(|share| slots[share.slot].as_ref().is_some_and(|a| !a.job.out.is_closed()));
        let logits = forward(&self.decoder, &self.pool, &mut self.sequences, &rows, &wanted);
        let Some(mut logits) = logits else { return };
        let mut logits = logits.chunks_exact_mut(self.decoder.vocabulary());
        for share in shares {
            if let Some(active) = &self.slots[share.slot] {
                self.clients.did(&active.job.client, share.tokens);
            }
            self.advance(share, &mut logits);
            self.share_pages(share.slot);
        }
    }

    /// Adds guesses to the shares of those who write, where few do: beside many, their rows are worth more than guesses.
    fn guess(&mut self, stages: &[Stage], shares: &mut [Share]) {
        let few = stages.iter().filter(|stage| **stage != Stage::Free).count() <= MOST_GUESSING;
        for share in shares {
            let Some(active) = &mut self.slots[share.slot] else { continue };
            active.guessed.clear();
            if self.guess && few && stages[share.slot] == Stage::Writing {
                let room = active.job.max_tokens.saturating_sub(active.written());
                let room = room.min(self.context.saturating_sub(active.tokens.len()));
                let mut guessed = active.drafts.guess(&active.tokens, room.saturating_sub(1));
                if let Some(constraint) = &mut active.job.constraint {
                    guessed.truncate(constraint.possible(&guessed));
                }
                // A state that went on with a wrong guess cannot go back.
                let inside = !self.sequences[share.slot].tokens.len().is_multiple_of(PAGE);
                active.before = match self.sequences[share.slot].pages.last() {
                    Some(page) if self.pages.stand_alone() && inside && !guessed.is_empty() => {
                        let Some(copy) = self.pages.copy(page) else { continue };
                        Some(copy)
                    }
                    _ => None,
                };
                share.tokens += guessed.len();
                active.guessed = guessed;
            }
        }
    }

    /// Takes over whole pages that others have read since: of several that begin alike, one reads for all.
    fn take_over(&mut self, slot: usize) {
        let (Some(active), sequence) = (&mut self.slots[slot], &mut self.sequences[slot]) else { return };
        let mut cached = 0;
        while sequence.tokens.len().is_multiple_of(PAGE)
            && let Some(rest) = active.useful().get(sequence.tokens.len()..)
            && let Some((node, page)) = self.prefixes.next(active.node, rest)
        {
            // An empty page may be waiting for these tokens.
            sequence.pages.truncate(sequence.tokens.len() / PAGE);
            sequence.tokens.extend_from_slice(&rest[..PAGE]);
            sequence.pages.push(page);
            (active.node, active.shared) = (node, active.shared + 1);
            cached += PAGE;
        }
        if self.pages.stand_alone() {
            sequence.keep_from(active.shared.saturating_sub(1));
        }
        Counters::add(&self.counters.cached, cached);
        if cached > 0 && !active.again {
            let _ = active.job.out.send(Out::Cached(cached));
        }
    }

    /// Makes the pages that shares need. Where there are none left, the least urgent and youngest request gives its slot back until there are.
    fn make_room(&mut self, shares: &[Share]) -> Vec<Share> {
        let mut oldest_first = shares.to_vec();
        oldest_first
            .sort_by_key(|share| self.slots[share.slot].as_ref().map(|active| (active.job.priority, active.order)));
        for share in &oldest_first {
            while self.slots[share.slot].is_some() && self.sequences[share.slot].missing(share.tokens) > 0 {
                match self.page(Pages::make) {
                    Some(page) => self.sequences[share.slot].pages.push(page),
                    None => match self.last_slot() {
                        Some(last) => self.give_back(last),
                        None => break,
                    },
                }
            }
        }
        // In the order that was planned: rows of one slot stand together.
        shares.iter().copied().filter(|share| self.slots[share.slot].is_some()).collect()
    }

    /// A request waits again for a slot, with what it has said so far.
    fn give_back(&mut self, slot: usize) {
        self.sequences[slot] = Sequence::default();
        if let Some(mut active) = self.slots[slot].take() {
            (active.node, active.shared, active.again) = (ROOT, 0, true);
            self.waiting.push(active);
        }
    }

    fn rows(&self, share: Share) -> Vec<Row> {
        let Some(active) = &self.slots[share.slot] else { return Vec::new() };
        let from = self.sequences[share.slot].tokens.len();
        let row = |position| Row {
            slot: share.slot,
            position,
            token: active
                .tokens
                .get(position)
                .copied()
                .unwrap_or_else(|| active.guessed[position - active.tokens.len()]),
            logits: position + 1 >= active.tokens.len()
                || (active.job.echo && (active.echoed..active.prompt).contains(&(position + 1))),
        };
        (from..from + share.tokens).map(row).collect()
    }

    /// Puts the pages that a slot has filled into the tree.
    fn share_pages(&mut self, slot: usize) {
        let (Some(active), sequence) = (&mut self.slots[slot], &mut self.sequences[slot]) else { return };
        let whole = sequence.tokens.len() / PAGE;
        for at in active.shared..whole {
            let tokens = &sequence.tokens[at * PAGE..(at + 1) * PAGE];
            let (node, page) = self.prefixes.insert(active.node, tokens, Arc::clone(&sequence.pages[at]));
            (active.node, sequence.pages[at]) = (node, page);
        }
        active.shared = whole;
        if self.pages.stand_alone() {
            // The page at the node is held, so that the node stays.
            sequence.keep_from(whole.saturating_sub(1));
        }
    }

    /// Takes a share's logits: echoes the prompt, draws the next token, ends what is at its end.
    fn advance<'a>(&mut self, share: Share, logits: &mut impl Iterator<Item = &'a mut [f32]>) {
        let Some(active) = &mut self.slots[share.slot] else { return };
        let read = self.sequences[share.slot].tokens.len();
        if read <= active.prompt {
            Counters::add(&self.counters.read, share.tokens);
            let _ = active.job.out.send(Out::Prompt { done: read, total: active.prompt });
        }
        if active.job.echo {
            while active.echoed <= read && active.echoed < active.prompt {
                let Some(logits) = logits.next() else { return };
                if has_nan(logits) {
                    return self.end(share.slot, Out::Failed(Error::failed(NO_NUMBERS)));
                }
                let id = active.tokens[active.echoed];
                let _ = active.job.out.send(Out::Echo(probability(&self.tokenizer, logits, id, active.job.logprobs)));
                active.echoed += 1;
            }
        }
        if read < active.tokens.len() {
            return;
        }
        let guessed = std::mem::take(&mut active.guessed);
        let known = active.tokens.len();
        let mut ended = (active.job.max_tokens == 0).then_some(Out::Done(FinishReason::Length));
        let mut came = 0;
        // All are taken: what comes after them is another share's.
        let logits: Vec<&mut [f32]> = logits.take(1 + guessed.len()).collect();
        for (at, logits) in logits.into_iter().enumerate() {
            if at < came {
                continue; // a token that was guessed, and then forced
            }
            ended = ended
                .or_else(|| active.write(&self.tokenizer, logits, self.context))
                .or_else(|| active.go_on(&self.tokenizer, self.context));
            let said = &active.tokens[known..];
            came = said.iter().zip(&guessed).take_while(|(said, guessed)| said == guessed).count();
            if ended.is_some() || came < said.len() {
                break; // what was read after this place was read for another token
            }
        }
        let (sequence, before) = (&mut self.sequences[share.slot], active.before.take());
        if !self.pages.stand_alone() {
            sequence.tokens.truncate(known + came);
        } else if came < guessed.len() {
            // Back to before the guess: what of it came is read once more.
            sequence.truncate(known - 1);
            if let (Some(before), Some(page)) = (before, sequence.pages.last_mut()) {
                *page = before;
            }
        }
        Counters::add(&self.counters.written, active.tokens.len() - known);
        Counters::add(&self.counters.guessed, guessed.len());
        Counters::add(&self.counters.accepted, came.min(guessed.len()));
        if !guessed.is_empty() {
            active.drafts.learn(guessed.len(), came);
            let _ = active.job.out.send(Out::Guessed { tokens: guessed.len(), came });
        }
        if let Some(end) = ended {
            self.end(share.slot, end);
        }
    }

    /// Tells a request its end and frees its slot.
    fn end(&mut self, slot: usize, end: Out) {
        if let Some(active) = &self.slots[slot] {
            let _ = active.job.out.send(end); // whoever left does not want to know
        }
        self.release(slot);
    }

    /// Frees a slot and remembers what was read in it.
    fn release(&mut self, slot: usize) {
        self.share_pages(slot);
        let sequence = std::mem::take(&mut self.sequences[slot]);
        let Some(active) = self.slots[slot].take() else { return };
        let whole = sequence.tokens.len() / PAGE;
        let rest = &sequence.tokens[whole * PAGE..];
        if !rest.is_empty()
            && let Some(page) = sequence.pages.into_iter().nth(whole)
        {
            self.prefixes.insert(active.node, rest, page);
        }
    }

    /// Where a slot's request stands.
    fn stage(&self, slot: usize) -> Stage {
        let read = self.sequences[slot].tokens.len();
        match &self.slots[slot] {
            None => Stage::Free,
            Some(active) if active.written() > 0 && read + 1 == active.tokens.len() => Stage::Writing,
            Some(active) => Stage::Reading { done: read, total: active.tokens.len(), turn: self.turn(active) },
        }
    }
}
