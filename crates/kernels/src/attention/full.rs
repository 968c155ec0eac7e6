//! Attention of every row to every row.

use std::cell::RefCell;

use super::running;
use crate::Pool;
use crate::floats::{COLUMNS, Right, Sizes, View, columns, product};
use crate::pool::Slots;

/// The shape of attention of every row to every row.
#[derive(Debug, Clone, Copy)]
pub struct FullShape {
    /// Heads, each with keys and values of its own.
    pub heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Multiplies each score.
    pub scale: f32,
}

/// Queries of one task, so that a head's keys are made ready once for all of them.
const TASK_QUERIES: usize = 96;

/// Keys laid out at a time.
const BLOCK: usize = 64;

thread_local! {
    static TILES: RefCell<Tiles> = RefCell::default();
}

/// Attention of every row to every row, within one sequence; all arrays are T x heads x head_dim.
///
/// # Panics
/// If a length does not fit the shape.
pub fn attention_full(pool: &Pool, shape: &FullShape, out: &mut [f32], q: &[f32], k: &[f32], v: &[f32]) {
    let &FullShape { heads, head_dim: dim, scale } = shape;
    let width = heads * dim;
    let rows = q.len() / width;
    assert!(
        q.len() == rows * width && out.len() == q.len() && k.len() == q.len() && v.len() == q.len(),
        "rows of {width}"
    );
    let slots = Slots::new(out);
    let chunks = rows.div_ceil(TASK_QUERIES);
    pool.run(heads * chunks, &|task| {
        let (head, first) = (task / chunks, task % chunks * TASK_QUERIES);
        let count = (rows - first).min(TASK_QUERIES);
        let place = |row: usize| row * width + head * dim..row * width + (head + 1) * dim;
        TILES.with_borrow_mut(|tiles| {
            tiles.begin(count, dim);
            for (m, query) in tiles.queries.chunks_exact_mut(dim).enumerate() {
                for (out, x) in query.iter_mut().zip(&q[place(first + m)]) {
                    *out = x * scale;
                }
            }
            let load = |s: usize, key: &mut [f32], value: &mut [f32]| {
                key.copy_from_slice(&k[place(s)]);
                value.copy_from_slice(&v[place(s)]);
            };
            tiles.run(rows, load);
            for (m, row) in tiles.seen.chunks_exact(running::HEAD + tiles.padded).enumerate() {
                // SAFETY: each row of a head is one task's.
                running::finish(row, unsafe { slots.part(place(first + m).start, dim) });
            }
        });
    });
}

/// A few queries with all keys, block by block.
#[derive(Default)]
struct Tiles {
    dim: usize,
    /// `dim`, up to whole tiles.
    padded: usize,
    /// M x dim, times the scale.
    queries: Vec<f32>,
    /// dim x BLOCK.
    keys: Vec<f32>,
    /// BLOCK x padded.
    values: Vec<f32>,
    /// Eight keys as they come.
    rows: Vec<f32>,
    /// M x BLOCK.
    scores: Vec<f32>,
    /// M rows: see [`running`].
    seen: Vec<f32>,
}

impl Tiles {
    fn begin(&mut self, queries: usize, dim: usize) {
        (self.dim, self.padded) = (dim, dim.next_multiple_of(COLUMNS));
        self.queries.resize(queries * dim, 0.0);
        self.keys.resize(dim * BLOCK, 0.0);
        self.values.clear();
        self.values.resize(BLOCK * self.padded, 0.0); // what is beyond `dim` stays 0
        self.rows.resize(8 * dim, 0.0);
        self.scores.resize(queries * BLOCK, 0.0);
        running::begin(&mut self.seen, queries, self.padded);
    }

    /// Goes through all keys; `load` writes a key and its value.
    fn run(&mut self, keys: usize, load: impl Fn(usize, &mut [f32], &mut [f32])) {
        let (dim, padded) = (self.dim, self.padded);
        let (queries, stride) = (self.queries.len() / dim, running::HEAD + padded);
        for block in (0..keys).step_by(BLOCK) {
            let count = (keys - block).min(BLOCK);
            for eight in (0..count).step_by(8) {
                for (i, key) in self.rows.chunks_exact_mut(dim).enumerate() {
                    // A key that is not there repeats the last; its scores are not used.
                    let at = (eight + i).min(count - 1);
                    load(block + at, key, &mut self.values[at * padded..][..dim]);
                }
                let rows = std::array::from_fn(|i| &self.rows[i * dim..(i + 1) * dim]);
                columns(rows, &mut self.keys[eight..], BLOCK);
            }
            let a = View { data: &self.queries, stride: dim };
            let b = Right::Floats(View { data: &self.keys, stride: BLOCK });
            let sizes = Sizes { rows: queries, depth: dim, cols: count.next_multiple_of(COLUMNS) };
            product(a, b, sizes, (&mut self.scores, BLOCK), false, &[]);
            for (row, scores) in self.seen.chunks_exact_mut(stride).zip(self.scores.chunks_exact_mut(BLOCK)) {
                running::weigh(row, scores, 0..count, None);
            }
            let a = View { data: &self.scores, stride: BLOCK };
            let b = Right::Floats(View { data: &self.values, stride: padded });
            let sizes = Sizes { rows: queries, depth: count, cols: padded };
            product(a, b, sizes, (&mut self.seen[running::HEAD..], stride), true, &[]);
        }
    }
}
