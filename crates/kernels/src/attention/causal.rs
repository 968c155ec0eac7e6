//! Causal attention of several sequences over their pages.
//!
//! A query's result has the same bits whatever is computed beside it and on however many threads: pages are counted from a sequence's first
//! position, every sum runs along its inner dimension, and pages are brought together span by span, also where one task goes through all spans.

use std::cell::RefCell;
use std::ops::Range;

use super::page::{PAGE, Page};
use super::running;
use crate::Pool;
use crate::floats::{COLUMNS, Right, Sizes, View, product};
use crate::pool::Slots;

/// The shape of causal attention.
#[derive(Debug, Clone, Copy)]
pub struct AttnShape {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Multiplies each score.
    pub scale: f32,
    /// Scores become `cap * tanh(score / cap)`.
    pub softcap: Option<f32>,
    /// Each query sees only this many latest positions, itself included.
    pub window: Option<usize>,
}

/// The queries of one sequence in a call, and what they see.
#[derive(Debug, Clone)]
pub struct Sequence<'a> {
    /// Position of the first query.
    pub first: usize,
    /// Queries, at positions one after the other.
    pub rows: usize,
    /// Pages from position 0 to the last query's.
    pub pages: Vec<Page<'a>>,
}

/// Pages that are brought together before others join: few queries with long pasts are spread over threads by them.
const SPAN: usize = 4;

/// Queries of one task, so that a head's keys are made ready once for all of them.
const TASK_QUERIES: usize = 96;

/// Queries up to which each span is a task of its own.
const FEW: usize = 16;

/// Tasks for each thread up to which the spans of more queries are, too, so that none waits long for the others.
const TASKS: usize = 4;

/// Numbers that the spans of some queries leave behind, at most, where there are more than few.
const MOST_PARTS: usize = 1 << 20;

/// Queries up to which halves are read as they are: widening them first pays for more.
const NARROW: usize = 12;

/// Causal attention: each query sees the positions of its own sequence up to its own.
///
/// `q` and `out` are T x heads x head_dim, T the queries of all sequences, one sequence's after the other's.
///
/// # Panics
/// If a length does not fit the shape, or a page is missing.
pub fn attention(pool: &Pool, shape: &AttnShape, out: &mut [f32], q: &[f32], sequences: &[Sequence<'_>]) {
    let width = shape.heads * shape.head_dim;
    let rows: usize = sequences.iter().map(|sequence| sequence.rows).sum();
    assert!(out.len() == q.len() && q.len() == rows * width, "{rows} queries of {width}");
    for sequence in sequences {
        assert!(sequence.pages.len() * PAGE >= sequence.first + sequence.rows, "a page for every position");
        assert!(sequence.pages.iter().all(|page| page.fits(shape)), "pages of its heads");
    }
    let window = shape.window.unwrap_or(usize::MAX);
    let (tasks, parts) = plan(shape, window, sequences, pool.threads());
    PARTS.with_borrow_mut(|seen| {
        if seen.len() < parts {
            seen.resize(parts, 0.0);
        }
        let call = Call { shape, window, q, sequences, out: Slots::new(out), parts: Slots::new(seen) };
        pool.run(tasks.len(), &|task| BENCH.with_borrow_mut(|bench| call.run(bench, &tasks[task])));
        // Spans that were tasks of their own come together in their order.
        BENCH.with_borrow_mut(|bench| {
            for (task, part) in tasks.iter().filter_map(|task| Some((task, task.part?))) {
                call.gather(bench, task, part);
            }
        });
    });
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::default();
    /// What the tasks of a caller see, kept from call to call; each writes its part before it is read.
    static PARTS: RefCell<Vec<f32>> = RefCell::default();
}

/// One key-value head for a few positions of a sequence.
struct Task {
    sequence: usize,
    /// The row of the sequence's first query.
    row: usize,
    kv_head: usize,
    /// Of the sequence's queries.
    queries: Range<usize>,
    spans: Range<usize>,
    /// `None` if the task goes through all that its queries see.
    part: Option<Part>,
}

/// Where a task puts what it saw, if other tasks see more.
#[derive(Clone, Copy)]
struct Part {
    at: usize,
    /// The first of the spans that these queries see.
    first: bool,
    /// The last of them.
    last: bool,
}

/// Tasks, and the numbers their parts take. Spans of the same queries follow one another.
fn plan(shape: &AttnShape, window: usize, sequences: &[Sequence<'_>], threads: usize) -> (Vec<Task>, usize) {
    let group = shape.heads / shape.kv_heads;
    let most = (TASK_QUERIES / group).clamp(8, 64);
    let whole = shape.kv_heads * sequences.iter().map(|sequence| sequence.rows.div_ceil(most)).sum::<usize>();
    let (mut tasks, mut parts, mut row) = (Vec::new(), 0, 0);
    for (sequence, Sequence { first, rows, .. }) in sequences.iter().enumerate() {
        for kv_head in 0..shape.kv_heads {
            for from in (0..*rows).step_by(most) {
                let queries = from..(from + most).min(*rows);
                let (oldest, latest) = (visible(window, first + from).start, first + queries.end - 1);
                let spans = oldest / (PAGE * SPAN)..latest / (PAGE * SPAN) + 1;
                let task = |spans, part| Task { sequence, row, kv_head, queries: queries.clone(), spans, part };
                let numbers = queries.len() * group * (running::HEAD + shape.head_dim.next_multiple_of(COLUMNS));
                let split =
                    queries.len() * group <= FEW || whole < threads * TASKS && numbers * spans.len() <= MOST_PARTS;
                if !split || spans.len() == 1 {
                    tasks.push(task(spans, None));
                    continue;
                }
                for span in spans.clone() {
                    let part = Part { at: parts, first: span == spans.start, last: span + 1 == spans.end };
                    tasks.push(task(span..span + 1, Some(part)));
                    parts += numbers;
                }
            }
        }
        row += rows;
    }
    (tasks, parts)
}

/// Positions that the query at a position sees, the latest `window` of those up to it.
fn visible(window: usize, position: usize) -> Range<usize> {
    (position + 1).saturating_sub(window)..position + 1
}

struct Call<'a> {
    shape: &'a AttnShape,
    /// All positions if the shape has none.
    window: usize,
    q: &'a [f32],
    sequences: &'a [Sequence<'a>],
    out: Slots<f32>,
    parts: Slots<f32>,
}

/// What a thread computes on, kept from call to call.
#[derive(Default)]
struct Bench {
    /// M x dim, times the scale.
    queries: Vec<f32>,
    /// dim x PAGE.
    keys: Vec<f32>,
    /// PAGE x padded.
    values: Vec<f32>,
    /// M x PAGE.
    scores: Vec<f32>,
    /// What M queries have seen in a span: see [`running`].
    span: Vec<f32>,
    /// What they have seen in all.
    seen: Vec<f32>,
}

impl Call<'_> {
    /// Where query `m` of a task lies.
    fn place(&self, task: &Task, m: usize) -> usize {
        let group = self.shape.heads / self.shape.kv_heads;
        let row = task.row + task.queries.start + m / group;
        (row * self.shape.heads + task.kv_head * group + m % group) * self.shape.head_dim
    }

    /// Queries of a task, and numbers of a query's mix.
    fn sizes(&self, task: &Task) -> (usize, usize) {
        let group = self.shape.heads / self.shape.kv_heads;
        (task.queries.len() * group, self.shape.head_dim.next_multiple_of(COLUMNS))
    }

    fn run(&self, bench: &mut Bench, task: &Task) {
        let (queries, padded) = self.sizes(task);
        let (dim, stride) = (self.shape.head_dim, running::HEAD + padded);
        bench.queries.resize(queries * dim, 0.0);
        for (m, query) in bench.queries.chunks_exact_mut(dim).enumerate() {
            for (out, x) in query.iter_mut().zip(&self.q[self.place(task, m)..]) {
                *out = x * self.shape.scale;
            }
        }
        running::begin(&mut bench.seen, queries, padded);
        for span in task.spans.clone() {
            running::begin(&mut bench.span, queries, padded);
            self.span(bench, task, span);
            for (seen, span) in bench.seen.chunks_exact_mut(stride).zip(bench.span.chunks_exact(stride)) {
                running::join(seen, span);
            }
        }
        match task.part {
            // SAFETY: each part is one task's.
            Some(part) => unsafe { self.parts.part(part.at, bench.span.len()) }.copy_from_slice(&bench.span),
            None => self.finish(bench, task),
        }
    }

    /// Adds a span's part to those before it, and finishes with the last.
    fn gather(&self, bench: &mut Bench, task: &Task, part: Part) {
        let (queries, padded) = self.sizes(task);
        let stride = running::HEAD + padded;
        if part.first {
            running::begin(&mut bench.seen, queries, padded);
        }
        // SAFETY: the tasks that wrote to parts have ended.
        let numbers = unsafe { self.parts.part(part.at, queries * stride) };
        for (seen, part) in bench.seen.chunks_exact_mut(stride).zip(numbers.chunks_exact(stride)) {
            running::join(seen, part);
        }
        if part.last {
            self.finish(bench, task);
        }
    }

    fn finish(&self, bench: &Bench, task: &Task) {
        let (_, padded) = self.sizes(task);
        for (m, row) in bench.seen.chunks_exact(running::HEAD + padded).enumerate() {
            // SAFETY: each query of a head is one task's.
            running::finish(row, unsafe { self.out.part(self.place(task, m), self.shape.head_dim) });
        }
    }

    /// What the queries of a task see in a span.
    fn span(&self, bench: &mut Bench, task: &Task, span: usize) {
        let sequence = &self.sequences[task.sequence];
        let group = self.shape.heads / self.shape.kv_heads;
        let positions = sequence.first + task.queries.start..sequence.first + task.queries.end;
        let oldest = visible(self.window, positions.start).start;
        let (queries, padded) = self.sizes(task);
        let (dim, stride) = (self.shape.head_dim, running::HEAD + padded);
        let head = task.kv_head * PAGE * dim..(task.kv_head + 1) * PAGE * dim;
        for page in span * SPAN..(span + 1) * SPAN {
            let here = page * PAGE..((page + 1) * PAGE).min(positions.end);
            if here.start >= positions.end || here.end <= oldest {
                continue;
            }
            let narrow = queries <= NARROW && dim.is_multiple_of(COLUMNS);
            let (keys, values) = match sequence.pages[page] {
                Page::Halves { keys, values } if narrow => {
                    let (keys, values) = (&keys[head.clone()], &values[head.clone()]);
                    let (keys, values) = (View { data: keys, stride: PAGE }, View { data: values, stride: dim });
                    (Right::Halves(keys), Right::Halves(values))
                }
                page => {
                    bench.keys.resize(dim * PAGE, 0.0);
                    bench.values.resize(PAGE * padded, 0.0);
                    page.widen(self.shape, task.kv_head, &mut bench.keys, &mut bench.values, padded);
                    let keys = View { data: bench.keys.as_slice(), stride: PAGE };
                    let values = View { data: bench.values.as_slice(), stride: padded };
                    (Right::Floats(keys), Right::Floats(values))
                }
            };
            bench.scores.resize(queries * PAGE, 0.0);
            let sizes = Sizes { rows: queries, depth: dim, cols: here.len().next_multiple_of(COLUMNS) };
            let a = View { data: bench.queries.as_slice(), stride: dim };
            product(a, keys, sizes, (&mut bench.scores, PAGE), false, values.halves());
            let rows = bench.span.chunks_exact_mut(stride).zip(bench.scores.chunks_exact_mut(PAGE));
            for (m, (row, scores)) in rows.enumerate() {
                let seen = visible(self.window, positions.start + m / group);
                let seen = seen.start.max(here.start) - here.start..seen.end.min(here.end).saturating_sub(here.start);
                running::weigh(row, scores, seen, self.shape.softcap);
            }
            let sizes = Sizes { rows: queries, depth: here.len(), cols: padded };
            let a = View { data: bench.scores.as_slice(), stride: PAGE };
            // Pages are too short for the processor to foresee what comes next.
            let next = match sequence.pages.get(page + 1) {
                Some(Page::Halves { keys, .. }) if narrow && page + 1 < (span + 1) * SPAN => &keys[head.clone()],
                _ => &[],
            };
            product(a, values, sizes, (&mut bench.span[running::HEAD..], stride), true, next);
        }
    }
}
