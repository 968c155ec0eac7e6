//! Softmax over scores that come block by block (Milakov and Gimelshein 2018; Dao et al. 2022).
//!
//! What a query has seen is one row of numbers: its largest score, the sum of exponentials relative to it, and the values mixed by them, to be
//! divided by that sum in the end.

use std::ops::Range;

use crate::activations::exp;

/// Numbers before a row's mix.
pub(super) const HEAD: usize = 2;

/// Rows of queries that have seen nothing; `width` numbers are mixed.
pub(super) fn begin(rows: &mut Vec<f32>, queries: usize, width: usize) {
    rows.clear();
    rows.resize(queries * (HEAD + width), 0.0);
    for row in rows.chunks_exact_mut(HEAD + width) {
        row[0] = f32::NEG_INFINITY;
    }
}

/// Turns a query's scores with a block into weights, those it does not see into 0, and what was mixed before to the same measure.
pub(super) fn weigh(row: &mut [f32], scores: &mut [f32], seen: Range<usize>, softcap: Option<f32>) {
    if seen.is_empty() {
        scores.fill(0.0);
        return;
    }
    scores[..seen.start].fill(f32::NEG_INFINITY);
    scores[seen.end..].fill(f32::NEG_INFINITY);
    if let Some(cap) = softcap {
        scores[seen].iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
    }
    let (head, mixed) = row.split_at_mut(HEAD);
    let [most, total] = head else { unreachable!("a row's head is two numbers: this is a bug") };
    let factor = exponentials(scores, most, total);
    if factor != 1.0 {
        scale(mixed, factor);
    }
}

/// Adds what the same query has seen elsewhere.
pub(super) fn join(into: &mut [f32], from: &[f32]) {
    if from[0] == f32::NEG_INFINITY {
        return;
    }
    let largest = into[0].max(from[0]);
    let own = if into[0] == f32::NEG_INFINITY { 0.0 } else { exp(into[0] - largest) };
    let other = exp(from[0] - largest);
    add_weighted(&mut into[1..], own, &from[1..], other);
    into[0] = largest;
}

/// A query's result; zeros if it has seen nothing.
pub(super) fn finish(row: &[f32], out: &mut [f32]) {
    let total = row[1];
    let share = if total > 0.0 { 1.0 / total } else { 0.0 };
    for (out, x) in out.iter_mut().zip(&row[HEAD..]) {
        *out = x * share;
    }
}

crate::simd::widest! {
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

crate::simd::wide! {
    fn add_weighted(into: &mut [f32], own: f32, from: &[f32], other: f32) {
        for (into, from) in into.iter_mut().zip(from) {
            *into = *into * own + from * other;
        }
    }
}
