//! Attention: causal over a half-precision cache for decoders, full for encoders.

use std::cell::RefCell;
use std::ops::Range;

use half::f16;

use crate::Pool;
use crate::activations::exp;
use crate::floats::{COLUMNS, Sizes, View, columns, product, widen_halves};
use crate::pool::Slots;
use crate::scan::{add_scaled_f16, dot_f16};

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

/// From so many queries on, laying keys out for tiles pays.
const MANY: usize = 4;

/// Keys laid out at a time.
const BLOCK: usize = 64;

/// Causal attention of T queries at positions `first..first + T` over a cache.
///
/// `q` and `out` are T x heads x head_dim, `k` and `v` at least `first + T` x kv_heads x head_dim.
///
/// # Panics
/// If a length does not fit the shape.
pub fn attention(pool: &Pool, shape: &AttnShape, out: &mut [f32], q: &[f32], k: &[f16], v: &[f16], first: usize) {
    let (dim, width) = (shape.head_dim, shape.heads * shape.head_dim);
    let stride = shape.kv_heads * dim;
    let rows = q.len() / width;
    assert!(out.len() == q.len() && q.len() == rows * width, "queries are whole rows of {width}");
    assert!(k.len() >= (first + rows) * stride && v.len() >= (first + rows) * stride, "the cache holds every position");
    let group = shape.heads / shape.kv_heads;
    let chunk = (TASK_QUERIES / group).clamp(8, 64);
    let chunks = rows.div_ceil(chunk);
    let call = Causal { shape, slots: Slots::new(out), q, k, v, first };
    // One task: one key-value head for a few positions.
    pool.run(chunks * shape.kv_heads, &|task| {
        let (kv_head, at) = (task / chunks, task % chunks * chunk);
        let positions = at..(at + chunk).min(rows);
        if positions.len() * group < MANY {
            positions.for_each(|row| (0..group).for_each(|head| call.one(row, kv_head * group + head)));
        } else {
            TILES.with_borrow_mut(|tiles| call.many(tiles, positions, kv_head));
        }
    });
}

thread_local! {
    static TILES: RefCell<Tiles> = RefCell::default();
}

struct Causal<'a> {
    shape: &'a AttnShape,
    slots: Slots<f32>,
    q: &'a [f32],
    k: &'a [f16],
    v: &'a [f16],
    first: usize,
}

impl Causal<'_> {
    /// Positions that the query of a row sees.
    fn visible(&self, row: usize) -> Range<usize> {
        let end = self.first + row + 1;
        self.shape.window.map_or(0, |window| end.saturating_sub(window))..end
    }

    /// One query, key by key.
    fn one(&self, row: usize, head: usize) {
        let shape = self.shape;
        let dim = shape.head_dim;
        let (stride, kv_head) = (shape.kv_heads * dim, head / (shape.heads / shape.kv_heads));
        let at = (row * shape.heads + head) * dim;
        let query = &self.q[at..at + dim];
        let place = |s: usize| s * stride + kv_head * dim..s * stride + (kv_head + 1) * dim;
        let seen = self.visible(row);
        let score = |s| {
            let score = dot_f16(query, &self.k[place(s)]) * shape.scale;
            shape.softcap.map_or(score, |cap| cap * (score / cap).tanh())
        };
        let mut scores: Vec<f32> = seen.clone().map(score).collect();
        crate::softmax(&mut scores);
        // SAFETY: each (row, head) belongs to exactly one task.
        let out = unsafe { self.slots.part(at, dim) };
        out.fill(0.0);
        for (s, &p) in seen.zip(&scores) {
            add_scaled_f16(out, p, &self.v[place(s)]);
        }
    }

    /// The queries of several positions that share a key-value head.
    fn many(&self, tiles: &mut Tiles, positions: Range<usize>, kv_head: usize) {
        let shape = self.shape;
        let dim = shape.head_dim;
        let (stride, group) = (shape.kv_heads * dim, shape.heads / shape.kv_heads);
        let place = |m: usize| ((positions.start + m / group) * shape.heads + kv_head * group + m % group) * dim;
        tiles.begin(positions.len() * group, dim);
        for (m, query) in tiles.queries.chunks_exact_mut(dim).enumerate() {
            for (out, x) in query.iter_mut().zip(&self.q[place(m)..][..dim]) {
                *out = x * shape.scale;
            }
        }
        let keys = self.visible(positions.start).start..self.first + positions.end;
        let load = |s: usize, key: &mut [f32], value: &mut [f32]| {
            let place = s * stride + kv_head * dim..s * stride + (kv_head + 1) * dim;
            widen_halves(&self.k[place.clone()], key);
            widen_halves(&self.v[place], value);
        };
        tiles.run(keys, shape.softcap, load, |m| self.visible(positions.start + m / group));
        for m in 0..positions.len() * group {
            // SAFETY: each (row, head) belongs to exactly one task.
            tiles.finish(m, unsafe { self.slots.part(place(m), dim) });
        }
    }
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
            tiles.run(0..rows, None, load, |_| 0..rows);
            for m in 0..count {
                // SAFETY: each row of a head is one task's.
                tiles.finish(m, unsafe { slots.part(place(first + m).start, dim) });
            }
        });
    });
}

/// Attention of a few queries block of keys by block of keys, with a running maximum (Milakov and Gimelshein 2018; Dao et al. 2022).
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
    /// M x padded, to be divided by the totals.
    mixed: Vec<f32>,
    /// Each query's largest score so far, and the sum of exponentials relative to it.
    running: Vec<(f32, f32)>,
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
        self.mixed.clear();
        self.mixed.resize(queries * self.padded, 0.0);
        self.running.clear();
        self.running.resize(queries, (f32::NEG_INFINITY, 0.0));
    }

    /// Goes through all keys; `load` writes a key and its value, `visible` says which keys a query sees.
    fn run(
        &mut self,
        keys: Range<usize>,
        softcap: Option<f32>,
        load: impl Fn(usize, &mut [f32], &mut [f32]),
        visible: impl Fn(usize) -> Range<usize>,
    ) {
        let (dim, padded, queries) = (self.dim, self.padded, self.running.len());
        for block in keys.clone().step_by(BLOCK) {
            let count = (keys.end - block).min(BLOCK);
            for eight in (0..count).step_by(8) {
                for (i, key) in self.rows.chunks_exact_mut(dim).enumerate() {
                    // A key that is not there repeats the last; its scores are not used.
                    let at = (eight + i).min(count - 1);
                    load(block + at, key, &mut self.values[at * padded..][..dim]);
                }
                let rows = std::array::from_fn(|i| &self.rows[i * dim..(i + 1) * dim]);
                columns(rows, &mut self.keys[eight..], BLOCK);
            }
            let (a, b) = (View { data: &self.queries, stride: dim }, View { data: &self.keys, stride: BLOCK });
            let sizes = Sizes { rows: queries, depth: dim, cols: count.next_multiple_of(COLUMNS) };
            product(a, b, sizes, &mut self.scores, BLOCK, false);
            for m in 0..queries {
                let seen = visible(m);
                let seen = seen.start.max(block) - block..(seen.end.min(block + count)).saturating_sub(block);
                self.weigh(m, seen, softcap);
            }
            let (a, b) = (View { data: &self.scores, stride: BLOCK }, View { data: &self.values, stride: padded });
            product(a, b, Sizes { rows: queries, depth: count, cols: padded }, &mut self.mixed, padded, true);
        }
    }

    /// Turns a query's scores with a block into weights, and what was mixed before to the same measure.
    fn weigh(&mut self, m: usize, seen: Range<usize>, softcap: Option<f32>) {
        let scores = &mut self.scores[m * BLOCK..][..BLOCK];
        if seen.is_empty() {
            scores.fill(0.0);
            return;
        }
        scores[..seen.start].fill(f32::NEG_INFINITY);
        scores[seen.end..].fill(f32::NEG_INFINITY);
        if let Some(cap) = softcap {
            scores[seen].iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
        }
        let (most, total) = &mut self.running[m];
        let factor = exponentials(scores, most, total);
        if factor != 1.0 {
            scale(&mut self.mixed[m * self.padded..][..self.padded], factor);
        }
    }

    /// A query's result.
    fn finish(&self, m: usize, out: &mut [f32]) {
        let total = self.running[m].1;
        let share = if total > 0.0 { 1.0 / total } else { 0.0 };
        for (out, x) in out.iter_mut().zip(&self.mixed[m * self.padded..]) {
            *out = x * share;
        }
    }
}

crate::simd::wide! {
    /// Scores to exponentials relative to the largest so far; returns what earlier sums are to be multiplied with.
    fn exponentials(scores: &mut [f32], most: &mut f32, total: &mut f32) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; 16];
        for scores in scores.chunks_exact(16) {
            for i in 0..16 {
                lanes[i] = if scores[i] > lanes[i] { scores[i] } else { lanes[i] };
            }
        }
        let mut largest = *most;
        for lane in lanes {
            largest = if lane > largest { lane } else { largest };
        }
        if largest == f32::NEG_INFINITY {
            scores.fill(0.0);
            return 1.0;
        }
        let mut sums = [0.0f32; 16];
        for scores in scores.chunks_exact_mut(16) {
            for i in 0..16 {
                // Far below the largest, `exp` is not quite 0; what is not seen must be.
                let weight = exp(scores[i] - largest);
                scores[i] = if scores[i] == f32::NEG_INFINITY { 0.0 } else { weight };
                sums[i] += scores[i];
            }
        }
        let factor = if *most == f32::NEG_INFINITY { 0.0 } else { exp(*most - largest) };
        let mut sum = 0.0;
        for lane in sums {
            sum += lane;
        }
        *total = *total * factor + sum;
        *most = largest;
        factor
    }
}

crate::simd::wide! {
    fn scale(x: &mut [f32], factor: f32) {
        for x in x {
            *x *= factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    /// Attention as the formula says, in f64.
    fn naive(q: &[f32], keys: &[Vec<f32>], values: &[Vec<f32>], scale: f32, cap: Option<f32>) -> Vec<f64> {
        let scores: Vec<f64> = keys
            .iter()
            .map(|k| {
                let s = q.iter().zip(k).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() * f64::from(scale);
                cap.map_or(s, |cap| f64::from(cap) * (s / f64::from(cap)).tanh())
            })
            .collect();
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
        let total: f64 = weights.iter().sum();
        (0..q.len()).map(|d| weights.iter().zip(values).map(|(w, v)| w / total * f64::from(v[d])).sum()).collect()
    }

    #[test]
    fn causal_attention_follows_the_formula() {
        let pool = Pool::new(2);
        for (heads, kv_heads, dim, first, rows, window, softcap) in [
            (4, 2, 64, 0, 1, None, None),
            (4, 1, 40, 5, 37, None, Some(5.0)),
            (2, 2, 16, 3, 20, Some(4), None),
            (6, 2, 96, 100, 2, None, None),
            (3, 3, 24, 130, 1, Some(7), None),
            (7, 1, 8, 300, 1, None, None),
            (2, 1, 64, 0, 200, Some(70), None),
        ] {
            let shape = AttnShape { heads, kv_heads, head_dim: dim, scale: 0.3, softcap, window };
            let q = noise(rows * heads * dim, 1);
            let halves =
                |seed| noise((first + rows) * kv_heads * dim, seed).into_iter().map(f16::from_f32).collect::<Vec<_>>();
            let (k, v) = (halves(2), halves(3));
            let mut out = vec![0.0; q.len()];
            attention(&pool, &shape, &mut out, &q, &k, &v, first);
            for row in 0..rows {
                for head in 0..heads {
                    let start = window.map_or(0, |w| (first + row + 1).saturating_sub(w));
                    let at = |c: &[f16], s: usize| -> Vec<f32> {
                        let kv = head / (heads / kv_heads);
                        c[(s * kv_heads + kv) * dim..][..dim].iter().map(|x| x.to_f32()).collect()
                    };
                    let keys: Vec<_> = (start..=first + row).map(|s| at(&k, s)).collect();
                    let values: Vec<_> = (start..=first + row).map(|s| at(&v, s)).collect();
                    let place = (row * heads + head) * dim;
                    let expected = naive(&q[place..place + dim], &keys, &values, 0.3, softcap);
                    for (got, expected) in out[place..place + dim].iter().zip(expected) {
                        assert!((f64::from(*got) - expected).abs() < 1e-4, "{got} {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn full_attention_follows_the_formula() {
        let pool = Pool::new(2);
        for (heads, dim, rows) in [(2, 32, 1), (3, 32, 45), (1, 80, 33), (1, 20, 210)] {
            let [q, k, v] = [1, 2, 3].map(|seed| noise(rows * heads * dim, seed));
            let mut out = vec![0.0; q.len()];
            attention_full(&pool, &FullShape { heads, head_dim: dim, scale: 0.2 }, &mut out, &q, &k, &v);
            let split = |x: &[f32], head: usize| -> Vec<Vec<f32>> {
                (0..rows).map(|r| x[(r * heads + head) * dim..][..dim].to_vec()).collect()
            };
            for row in 0..rows {
                for head in 0..heads {
                    let place = (row * heads + head) * dim;
                    let expected = naive(&q[place..place + dim], &split(&k, head), &split(&v, head), 0.2, None);
                    for (got, expected) in out[place..place + dim].iter().zip(expected) {
                        assert!((f64::from(*got) - expected).abs() < 1e-5, "{got} {expected}");
                    }
                }
            }
        }
    }
}
