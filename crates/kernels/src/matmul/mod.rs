//! Products of activations with stored weights.
//!
//! Quantised weights meet activations quantised to 8 bits, in blocks of 32 with a scale each. A row of weights is expanded into byte codes with
//! scales and minima, whatever its storage type, so there is one inner loop for eight types: a few activations are multiplied row by row,
//! many by panels of eight rows.

mod codes;
mod floats;
mod panel;

use std::cell::RefCell;
use std::ops::Range;

pub(crate) use codes::{Activations, Expanded, Kind};
pub(crate) use panel::{Panel, ROWS, TILE};

use crate::pool::Slots;
use crate::{Matrix, Pool};
use codes::expand;

/// Weights that meet one scale of the activations.
pub(crate) const GROUP: usize = 32;

/// From so many tokens on, laying rows side by side pays.
const MANY: usize = 6;

/// Rows of weights in one task at most, so that the tokens are read from afar once for all of them.
const TASK_ROWS: usize = 32;

/// `out[t][r] = sum over c of x[t][c] * w[r][c]`: T x rows from T x cols.
///
/// # Panics
/// If `x` is not whole rows of `w.cols`, or `out` not as many of `w.rows`.
pub fn matmul(pool: &Pool, out: &mut [f32], x: &[f32], w: &Matrix<'_>) {
    matmul_each(pool, x, &mut [(w, out)]);
}

/// Several products of the same activations, which are quantised once; the matrices have as many columns as each other.
///
/// # Panics
/// If `x` is not whole rows of the matrices' columns, or an `out` not as many of its matrix's rows.
pub fn matmul_each(pool: &Pool, x: &[f32], jobs: &mut [(&Matrix<'_>, &mut [f32])]) {
    multiply(pool, x, jobs, true);
}

/// The same with activations as they are, not rounded to 8 bits: several times slower, to tell rounding from error.
///
/// # Panics
/// As [`matmul_each`].
pub fn matmul_exact(pool: &Pool, x: &[f32], jobs: &mut [(&Matrix<'_>, &mut [f32])]) {
    multiply(pool, x, jobs, false);
}

fn multiply(pool: &Pool, x: &[f32], jobs: &mut [(&Matrix<'_>, &mut [f32])], round: bool) {
    let Some(cols) = jobs.first().map(|(w, _)| w.cols) else { return };
    if cols == 0 {
        jobs.iter_mut().for_each(|(_, out)| out.fill(0.0));
        return;
    }
    let tokens = x.len() / cols;
    assert_eq!(x.len(), tokens * cols, "whole rows of {cols}");
    let quantised =
        (round && jobs.iter().any(|(w, _)| w.dtype.block_len() > 1)).then(|| Activations::new(pool, x, cols));
    let many = tokens >= MANY;
    let mut tasks = Vec::new();
    let mut outputs = Vec::new();
    for (at, (w, out)) in jobs.iter_mut().enumerate() {
        assert!(w.cols == cols && out.len() == tokens * w.rows, "{tokens} rows of {cols} to {}", w.rows);
        let most = if many { TASK_ROWS } else { 64 };
        let chunk = w.rows.div_ceil(pool.threads() * 8).clamp(4, most).next_multiple_of(if many { 16 } else { 4 });
        tasks.extend((0..w.rows).step_by(chunk).map(|start| (at, start..(start + chunk).min(w.rows))));
        outputs.push((**w, Output { slots: Slots::new(out), rows: w.rows }));
    }
    pool.run(tasks.len(), &|task| {
        let (at, rows) = tasks[task].clone();
        let (w, out) = &outputs[at];
        let codes = quantised.as_ref().filter(|_| w.dtype.block_len() > 1);
        SCRATCH.with_borrow_mut(|scratch| match codes {
            Some(x) if many => panels(scratch, x, w, rows, out),
            Some(x) => row_by_row(scratch, x, w, rows, out),
            None => floats::multiply(&mut scratch.floats, x, w, rows, out),
        });
    });
}

/// Where sums go. Every task writes only its own rows' columns.
pub(crate) struct Output {
    slots: Slots<f32>,
    rows: usize,
}

impl Output {
    /// Writes the sums of token `t` for neighbouring rows from `first` on.
    fn put(&self, t: usize, first: usize, sums: &[f32]) {
        // SAFETY: each row is one task's, and tasks write only their own rows.
        unsafe { self.slots.part(t * self.rows + first, sums.len()) }.copy_from_slice(sums);
    }
}

/// What a thread keeps from call to call.
#[derive(Default)]
struct Scratch {
    rows: [Expanded; ROWS],
    panels: [Panel; TASK_ROWS / ROWS],
    floats: floats::Scratch,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// For many tokens: a few panels are packed, and each handful of tokens meets all of them while it is near.
fn panels(scratch: &mut Scratch, x: &Activations, w: &Matrix<'_>, rows: Range<usize>, out: &Output) {
    let count = rows.len().div_ceil(ROWS);
    for (i, panel) in scratch.panels[..count].iter_mut().enumerate() {
        panel.pack(w, rows.start + i * ROWS, &mut scratch.rows);
    }
    let tokens = x.tokens();
    let mut sums = [[0.0; ROWS]; TILE];
    for t in (0..tokens).step_by(TILE) {
        let few = (tokens - t).min(TILE);
        for (i, panel) in scratch.panels[..count].iter().enumerate() {
            panel.multiply(x, t, few, &mut sums);
            let first = rows.start + i * ROWS;
            let width = (rows.end - first).min(ROWS);
            for (j, sums) in sums[..few].iter().enumerate() {
                out.put(t + j, first, &sums[..width]);
            }
        }
    }
}

/// For few tokens: two rows at a time.
fn row_by_row(scratch: &mut Scratch, x: &Activations, w: &Matrix<'_>, rows: Range<usize>, out: &Output) {
    let tokens = x.tokens();
    #[cfg(target_arch = "x86_64")]
    if tokens == 1 && crate::simd::has_avx2() {
        for r in rows {
            // SAFETY: the machine has AVX2, FMA and F16C; the row is as long as the one token, and of a quantised type.
            out.put(0, r, &[unsafe { crate::x86::dot_row(w.dtype, w.row(r), x, 0) }]);
        }
        return;
    }
    for first in rows.clone().step_by(2) {
        let pair = (rows.end - first).min(2);
        for (i, scratch) in scratch.rows.iter_mut().enumerate().take(pair) {
            expand(w.dtype, w.row(first + i), w.cols, scratch);
        }
        for t in (0..tokens).step_by(4) {
            let count = (tokens - t).min(4);
            let mut sums = [[0.0f32; 4]; 2];
            dot(&scratch.rows[..pair], x, t, count, &mut sums);
            for j in 0..count {
                out.put(t + j, first, &[sums[0][j], sums[1][j]][..pair]);
            }
        }
    }
}

/// Up to two expanded rows with up to four tokens.
fn dot(rows: &[Expanded], x: &Activations, t: usize, count: usize, sums: &mut [[f32; 4]; 2]) {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2 and FMA; rows and tokens are within `x` and as long as its rows.
        unsafe { crate::x86::dot(rows, x, t, count, sums) };
        return;
    }
    dot_reference(rows, x, t, count, sums);
}

/// The same, a weight at a time.
fn dot_reference(rows: &[Expanded], x: &Activations, t: usize, count: usize, sums: &mut [[f32; 4]; 2]) {
    for (row, sums) in rows.iter().zip(sums) {
        let span = row.kind.span();
        for (j, total) in sums.iter_mut().enumerate().take(count) {
            let codes = &x.codes[(t + j) * x.cols..][..x.cols];
            *total = 0.0;
            for s in 0..x.cols / span {
                let product: i32 = (s * span..(s + 1) * span)
                    .map(|c| {
                        let weight = if row.kind == Kind::Signed {
                            i32::from(row.codes[c] as i8)
                        } else {
                            i32::from(row.codes[c])
                        };
                        weight * i32::from(codes[c])
                    })
                    .sum();
                *total += product as f32 * x.scales[(t + j) * x.cols / GROUP + s * span / GROUP] * row.scales[s];
                if let Some(min) = row.mins.get(s) {
                    let sums = if span == GROUP { &x.sums } else { &x.half_sums };
                    *total += min * sums[(t + j) * x.cols / span + s];
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
