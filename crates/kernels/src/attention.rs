//! Attention: causal over a half-precision cache for decoders, full for encoders.

use half::f16;

use crate::Pool;
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
    let slots = Slots::new(out);
    // One task: one key-value head for a few queries, so that its keys stay in the cache.
    let chunk = 16;
    let chunks = rows.div_ceil(chunk);
    pool.run(chunks * shape.kv_heads, &|task| {
        let (kv_head, chunk_at) = (task / chunks, task % chunks);
        let mut scores = Vec::new();
        for row in chunk_at * chunk..((chunk_at + 1) * chunk).min(rows) {
            let last = first + row;
            let start = shape.window.map_or(0, |window| (last + 1).saturating_sub(window));
            for head in kv_head * group..(kv_head + 1) * group {
                let at = row * width + head * dim;
                let query = &q[at..at + dim];
                scores.clear();
                scores.extend((start..=last).map(|s| {
                    let score = dot_f16(query, &k[s * stride + kv_head * dim..][..dim]) * shape.scale;
                    shape.softcap.map_or(score, |cap| cap * (score / cap).tanh())
                }));
                crate::softmax(&mut scores);
                // SAFETY: each (row, head) belongs to exactly one task.
                let out = unsafe { slots.part(at, dim) };
                out.fill(0.0);
                for (s, &p) in (start..=last).zip(&scores) {
                    add_scaled_f16(out, p, &v[s * stride + kv_head * dim..][..dim]);
                }
            }
        }
    });
}

/// Attention of every row to every row, within one sequence; all arrays are T x heads x head_dim.
///
/// # Panics
/// If a length does not fit the shape.
pub fn attention_full(
    pool: &Pool,
    heads: usize,
    head_dim: usize,
    scale: f32,
    out: &mut [f32],
    q: &[f32],
    k: &[f32],
    v: &[f32],
) {
    let width = heads * head_dim;
    let rows = q.len() / width;
    assert!(
        q.len() == rows * width && out.len() == q.len() && k.len() == q.len() && v.len() == q.len(),
        "rows of {width}"
    );
    let slots = Slots::new(out);
    pool.run(heads, &|head| {
        let padded = rows.next_multiple_of(LANES);
        let (mut keys, mut values) = (vec![0.0; head_dim * padded], Vec::with_capacity(rows * head_dim));
        for row in 0..rows {
            let at = row * width + head * head_dim;
            for d in 0..head_dim {
                keys[d * padded + row] = k[at + d];
            }
            values.extend_from_slice(&v[at..at + head_dim]);
        }
        let mut scores = vec![0.0; padded];
        for row in 0..rows {
            let at = row * width + head * head_dim;
            score(&mut scores, &q[at..at + head_dim], &keys, scale);
            crate::softmax(&mut scores[..rows]);
            // SAFETY: each head is one task's, and rows do not overlap.
            mix(unsafe { slots.part(at, head_dim) }, &scores[..rows], &values);
        }
    });
}

const LANES: usize = 32;

crate::simd::wide! {
    /// Scores of one query against keys laid out dimension by dimension.
    fn score(scores: &mut [f32], query: &[f32], keys: &[f32], scale: f32) {
        let padded = scores.len();
        for (block, scores) in scores.chunks_exact_mut(LANES).enumerate() {
            let mut sums = [0.0f32; LANES];
            for (d, &x) in query.iter().enumerate() {
                let keys = &keys[d * padded + block * LANES..][..LANES];
                for lane in 0..LANES {
                    sums[lane] += x * keys[lane];
                }
            }
            for lane in 0..LANES {
                scores[lane] = sums[lane] * scale;
            }
        }
    }
}

crate::simd::wide! {
    /// The mean of values, weighted by probabilities.
    fn mix(out: &mut [f32], probabilities: &[f32], values: &[f32]) {
        let dim = out.len();
        let mut from = 0;
        while from < dim {
            let width = (dim - from).min(LANES);
            let mut sums = [0.0f32; LANES];
            if width == LANES {
                for (row, &p) in probabilities.iter().enumerate() {
                    let value = &values[row * dim + from..][..LANES];
                    for lane in 0..LANES {
                        sums[lane] += p * value[lane];
                    }
                }
            } else {
                for (row, &p) in probabilities.iter().enumerate() {
                    for (sum, value) in sums.iter_mut().zip(&values[row * dim + from..][..width]) {
                        *sum += p * value;
                    }
                }
            }
            out[from..from + width].copy_from_slice(&sums[..width]);
            from += width;
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
        for (heads, dim, rows) in [(2, 32, 1), (3, 32, 45), (1, 80, 33)] {
            let [q, k, v] = [1, 2, 3].map(|seed| noise(rows * heads * dim, seed));
            let mut out = vec![0.0; q.len()];
            attention_full(&pool, heads, dim, 0.2, &mut out, &q, &k, &v);
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
