//! Products of activations with stored weights.
//!
//! Quantised weights meet activations quantised to 8 bits, in blocks of 32 with a scale each. Weights are repacked when a model is loaded
//! ([`Packed`]): eight rows side by side, so that there is one inner loop for all types, for one token and for many. Floating-point weights are
//! used where they lie, with activations as they are.

mod floats;
mod packed;
mod tokens;

use std::cell::RefCell;

pub use packed::Packed;
pub(crate) use packed::{Layout, ROWS};
use tokens::TILE;
pub(crate) use tokens::{Tile, Tokens};

use crate::pool::Slots;
use crate::{Dtype, Matrix, Pool};
use packed::Group;

/// Weights that meet one scale of the activations.
pub(crate) const GROUP: usize = 32;

/// Panels that AVX-512 multiplies at once.
pub(crate) const PAIR: usize = 2;

/// From so many tokens on, giving each code a byte first pays, but for AVX-512.
const MANY: usize = 17;

/// From so many tokens on pairs of panels pay. Fewer wait for memory, which gives one run of bytes sooner than two in turn.
const PAIRED: usize = 3;

/// Rows of one task, at most.
const TASK_ROWS: usize = 1024;

/// Weights of a linear map.
#[derive(Clone, Copy)]
pub enum Weights<'a> {
    /// Repacked; activations are rounded to 8 bits.
    Packed(&'a Packed),
    /// Where they lie; activations stay as they are. Quantised weights are dequantised on the way, which is slow and exact.
    Plain(Matrix<'a>),
}

impl Weights<'_> {
    /// Outputs.
    pub fn rows(&self) -> usize {
        match self {
            Self::Packed(packed) => packed.rows(),
            Self::Plain(matrix) => matrix.rows,
        }
    }

    /// Inputs.
    pub fn cols(&self) -> usize {
        match self {
            Self::Packed(packed) => packed.cols(),
            Self::Plain(matrix) => matrix.cols,
        }
    }
}

/// `out[t][r] = sum over c of x[t][c] * w[r][c]`: T x rows from T x cols.
///
/// # Panics
/// If `x` is not whole rows of the weights' columns, or `out` not as many of their rows.
pub fn matmul(pool: &Pool, out: &mut [f32], x: &[f32], w: Weights<'_>) {
    matmul_each(pool, x, &mut [(w, out)]);
}

/// Several products of the same activations, which are quantised once; the weights have as many columns as each other.
///
/// # Panics
/// If `x` is not whole rows of the weights' columns, or an `out` not as many of its weights' rows.
pub fn matmul_each(pool: &Pool, x: &[f32], jobs: &mut [(Weights<'_>, &mut [f32])]) {
    let Some(cols) = jobs.first().map(|(w, _)| w.cols()) else { return };
    if cols == 0 {
        jobs.iter_mut().for_each(|(_, out)| out.fill(0.0));
        return;
    }
    let tokens = x.len() / cols;
    assert_eq!(x.len(), tokens * cols, "whole rows of {cols}");
    QUANTISED.with_borrow_mut(|quantised| {
        if jobs.iter().any(|(w, _)| matches!(w, Weights::Packed(_))) {
            quantised.fill(pool, x, cols);
        }
        multiply_all(pool, x, quantised, jobs, tokens);
    });
}

/// `quantised` are the activations in 8 bits, if any of the weights meet them so.
fn multiply_all(pool: &Pool, x: &[f32], quantised: &Tokens, jobs: &mut [(Weights<'_>, &mut [f32])], tokens: usize) {
    let mut tasks = Vec::new();
    let mut outputs = Vec::new();
    let mut left: usize = jobs.iter().map(|(w, _)| w.rows()).sum();
    for (at, (w, out)) in jobs.iter_mut().enumerate() {
        assert!(w.cols() * tokens == x.len() && out.len() == tokens * w.rows(), "{tokens} rows to {}", w.rows());
        let mut start = 0;
        while start < w.rows() {
            // Less and less, so that all threads come to their end together: two thirds of a fair share of what is left.
            let chunk = (left * 2 / (3 * pool.threads())).next_multiple_of(PAIR * ROWS).clamp(PAIR * ROWS, TASK_ROWS);
            let end = (start + chunk).min(w.rows());
            tasks.push((at, start..end));
            left -= end - start;
            start = end;
        }
        outputs.push((*w, Output { slots: Slots::new(out), rows: w.rows() }));
    }
    pool.run(tasks.len(), &|task| {
        let (at, rows) = tasks[task].clone();
        let (w, out) = &outputs[at];
        SCRATCH.with_borrow_mut(|scratch| match w {
            Weights::Packed(w) => {
                let panels = w.panels(rows.start / ROWS, rows.len().div_ceil(ROWS));
                let place = Place { out, first: rows.start, rows: rows.len() };
                multiply(w.dtype(), panels, quantised, &place, &mut scratch.wide);
            }
            Weights::Plain(w) => floats::multiply(&mut scratch.rows, x, w, rows, out),
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

/// Where the sums of neighbouring rows go, which are one task's.
pub(crate) struct Place<'a> {
    out: &'a Output,
    first: usize,
    rows: usize,
}

impl Place<'_> {
    /// Sums of token `t` for the place's rows, at most so many.
    #[allow(clippy::mut_from_ref, reason = "each row is one task's, and a task writes one sum after the other")]
    pub(crate) fn sums(&self, t: usize, most: usize) -> &mut [f32] {
        // SAFETY: each row is one task's, and tasks write only their own rows.
        unsafe { self.out.slots.part(t * self.out.rows + self.first, self.rows.min(most)) }
    }

    /// The place of the rows from `from` on.
    fn after(&self, from: usize) -> Self {
        Self { out: self.out, first: self.first + from, rows: self.rows - from }
    }
}

/// What a thread keeps from call to call.
#[derive(Default)]
struct Scratch {
    /// A panel with a byte for each code.
    wide: Vec<u8>,
    /// A few rows as floats.
    rows: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    /// A caller's activations; memory that is used again need not be cleared by the system.
    static QUANTISED: RefCell<Tokens> = RefCell::default();
}

/// Bytes of tokens that panels meet one after the other: they stay in a core's own cache.
const NEAR: usize = 256 << 10;

/// Some panels with all tokens.
fn multiply(dtype: Dtype, panels: &[u8], x: &Tokens, out: &Place<'_>, wide: &mut Vec<u8>) {
    let size = Layout::of(dtype).panel(x.cols());
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx512() && x.count() >= PAIRED {
        let pairs = panels.chunks_exact(PAIR * size);
        done = pairs.len() * PAIR;
        let near = (NEAR / (TILE * x.cols())).max(1);
        for tiles in (0..x.tiles()).step_by(near).map(|from| from..(from + near).min(x.tiles())) {
            for (i, panels) in pairs.clone().enumerate() {
                // SAFETY: the machine has AVX2, FMA, F16C and AVX-512 with VNNI.
                unsafe { crate::x86::pair(dtype, panels, x, tiles.clone(), &out.after(i * PAIR * ROWS)) };
            }
        }
    }
    for (i, panel) in panels.chunks_exact(size).enumerate().skip(done) {
        let out = out.after(i * ROWS);
        if x.count() < MANY {
            multiply_panel(dtype, false, panel, x, &out);
        } else {
            wide.resize(Layout::of(dtype).wide().panel(x.cols()), 0);
            widen(dtype, panel, wide);
            multiply_panel(dtype, true, wide, x, &out);
        }
    }
}

/// A panel with all tokens; `wide` if it has a byte for each code.
fn multiply_panel(dtype: Dtype, wide: bool, panel: &[u8], x: &Tokens, out: &Place<'_>) {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2, FMA and F16C.
        unsafe { crate::x86::panel(dtype, wide, panel, x, out) };
        return;
    }
    multiply_reference(dtype, wide, panel, x, out);
}

/// Gives every code of a panel a byte.
fn widen(dtype: Dtype, panel: &[u8], out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2.
        unsafe { crate::x86::widen_panel(dtype, panel, out) };
        return;
    }
    packed::widen_reference(dtype, panel, out);
}

/// A panel with all tokens, a weight at a time.
fn multiply_reference(dtype: Dtype, wide: bool, panel: &[u8], x: &Tokens, out: &Place<'_>) {
    let layout = if wide { Layout::of(dtype).wide() } else { Layout::of(dtype) };
    for (tile, first) in (0..x.tiles()).map(|at| x.tile(at)) {
        for j in 0..tile.here {
            let sums = out.sums(first + j, ROWS);
            sums.fill(0.0);
            for (b, block) in panel.chunks_exact(layout.block()).enumerate() {
                for g in 0..layout.groups {
                    let at = b * layout.groups + g;
                    let scale = tile.scales[at * tile.width + j];
                    for (r, total) in sums.iter_mut().enumerate() {
                        let group = Group::read(dtype, layout, block, g, r);
                        for half in 0..2 {
                            let of_half = half * 16..(half + 1) * 16;
                            let product: i32 = of_half.clone().map(|c| group.codes[c] * tile.code(j, at, c)).sum();
                            let sum: i32 = of_half.map(|c| tile.code(j, at, c)).sum();
                            *total += scale * (product as f32 * group.scales[half] + sum as f32 * group.mins[half]);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
