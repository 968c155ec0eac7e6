//! Products of activations with stored weights.
//!
//! Quantised weights meet activations quantised to 8 bits, in blocks of 32 with a scale each. Weights are repacked when a model is loaded
//! ([`Packed`]): eight rows side by side, so that there is one inner loop for all types, for one token and for many. Floating-point weights are
//! used where they lie, with activations as they are.

mod floats;
mod packed;
mod tokens;

use std::cell::RefCell;
use std::ops::Range;

pub use packed::Packed;
pub(crate) use packed::{Layout, ROWS};
pub(crate) use tokens::Tile;

use crate::pool::Slots;
use crate::{Dtype, Matrix, Pool};
use packed::Group;
use tokens::{TILE, Tokens};

/// Weights that meet one scale of the activations.
pub(crate) const GROUP: usize = 32;

/// Panels that are multiplied at once, at most.
const PAIR: usize = 2;

/// Sums of the rows of a pair of panels for each token of a tile.
pub(crate) type Sums = [[f32; PAIR * ROWS]; 8];

/// From so many tokens on, giving each code a byte first pays.
const MANY: usize = 17;

/// Panels of one task for many tokens, so that these are read from afar once for all of them.
const TASK_PANELS: usize = 4;

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
fn multiply_all(
    pool: &Pool,
    x: &[f32],
    quantised: &Tokens,
    jobs: &mut [(Weights<'_>, &mut [f32])],
    tokens: usize,
) {
    let many = tokens >= MANY;
    let mut tasks = Vec::new();
    let mut outputs = Vec::new();
    for (at, (w, out)) in jobs.iter_mut().enumerate() {
        assert!(w.cols() * tokens == x.len() && out.len() == tokens * w.rows(), "{tokens} rows to {}", w.rows());
        let most = if many { TASK_PANELS * ROWS } else { 256 };
        let chunk = w.rows().div_ceil(pool.threads() * 8).next_multiple_of(PAIR * ROWS).min(most);
        tasks.extend((0..w.rows()).step_by(chunk).map(|start| (at, start..(start + chunk).min(w.rows()))));
        outputs.push((*w, Output { slots: Slots::new(out), rows: w.rows() }));
    }
    pool.run(tasks.len(), &|task| {
        let (at, rows) = tasks[task].clone();
        let (w, out) = &outputs[at];
        SCRATCH.with_borrow_mut(|scratch| match w {
            Weights::Packed(w) if many => many_tokens(&mut scratch.wide, quantised, w, rows, out),
            Weights::Packed(w) => few_tokens(quantised, w, rows, out),
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

    /// Writes the sums of panels, whose rows begin at `first`, for the tokens from `t` on.
    fn put_panels(&self, t: usize, tokens: usize, first: usize, sums: &Sums) {
        let width = (self.rows - first).min(PAIR * ROWS);
        for (j, sums) in sums[..tokens].iter().enumerate() {
            self.put(t + j, first, &sums[..width]);
        }
    }
}

/// What a thread keeps from call to call.
#[derive(Default)]
struct Scratch {
    /// Panels with a byte for each code.
    wide: Vec<u8>,
    /// A few rows as floats.
    rows: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
    /// A caller's activations; memory that is used again need not be cleared by the system.
    static QUANTISED: RefCell<Tokens> = RefCell::default();
}

/// `rows` begin with a panel.
fn few_tokens(x: &Tokens, w: &Packed, rows: Range<usize>, out: &Output) {
    let mut sums = Sums::default();
    for first in rows.clone().step_by(PAIR * ROWS) {
        let panels = w.panels(first / ROWS, (rows.end - first).div_ceil(ROWS).min(PAIR));
        for at in 0..x.tiles() {
            let (tile, here) = x.tile(at);
            multiply(w.dtype(), false, panels, tile, &mut sums);
            out.put_panels(at * TILE, here, first, &sums);
        }
    }
}

/// A few panels are widened, and each handful of tokens meets all of them while it is near.
fn many_tokens(wide: &mut Vec<u8>, x: &Tokens, w: &Packed, rows: Range<usize>, out: &Output) {
    let size = Layout::of(w.dtype()).wide().panel(w.cols());
    let count = rows.len().div_ceil(ROWS);
    if wide.len() < size * TASK_PANELS {
        wide.resize(size * TASK_PANELS, 0);
    }
    for (i, out) in wide.chunks_exact_mut(size).enumerate().take(count) {
        widen(w, w.panels(rows.start / ROWS + i, 1), out);
    }
    let mut sums = Sums::default();
    for at in 0..x.tiles() {
        let (tile, here) = x.tile(at);
        for (i, panels) in wide[..count * size].chunks(PAIR * size).enumerate() {
            multiply(w.dtype(), true, panels, tile, &mut sums);
            out.put_panels(at * TILE, here, rows.start + i * PAIR * ROWS, &sums);
        }
    }
}

/// One or two panels with a tile of tokens; `wide` if they have a byte for each code.
fn multiply(dtype: Dtype, wide: bool, panels: &[u8], x: Tile<'_>, sums: &mut Sums) {
    let size = Layout::of(dtype);
    let size = if wide { size.wide() } else { size }.panel(x.cols());
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx512() && panels.len() == PAIR * size {
        // SAFETY: the machine has AVX2, FMA, F16C and AVX-512 with VNNI.
        unsafe { crate::x86::pair(dtype, wide, panels, x, sums) };
        return;
    }
    for (i, panel) in panels.chunks_exact(size).enumerate() {
        #[cfg(target_arch = "x86_64")]
        if crate::simd::has_avx2() {
            // SAFETY: the machine has AVX2, FMA and F16C.
            unsafe { crate::x86::panel(dtype, wide, panel, x, sums, i * ROWS) };
            continue;
        }
        multiply_reference(dtype, wide, panel, x, sums, i * ROWS);
    }
}

/// Gives every code of a panel a byte.
fn widen(w: &Packed, panel: &[u8], out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2.
        unsafe { crate::x86::widen_panel(w.dtype(), panel, out) };
        return;
    }
    packed::widen_reference(w.dtype(), panel, out);
}

/// A panel with a tile, a weight at a time; its sums are written from `place` on.
fn multiply_reference(dtype: Dtype, wide: bool, panel: &[u8], x: Tile<'_>, sums: &mut Sums, place: usize) {
    let layout = if wide { Layout::of(dtype).wide() } else { Layout::of(dtype) };
    sums.iter_mut().for_each(|sums| sums[place..][..ROWS].fill(0.0));
    for (b, block) in panel.chunks_exact(layout.block()).enumerate() {
        for g in 0..layout.groups {
            let at = b * layout.groups + g;
            for r in 0..ROWS {
                let group = Group::read(dtype, layout, block, g, r);
                for (j, sums) in sums.iter_mut().enumerate().take(x.width) {
                    let scale = x.scales[at * x.width + j];
                    for half in 0..2 {
                        let of_half = half * 16..(half + 1) * 16;
                        let product: i32 = of_half.clone().map(|c| group.codes[c] * x.code(j, at, c)).sum();
                        let sum: i32 = of_half.map(|c| x.code(j, at, c)).sum();
                        sums[place + r] +=
                            scale * (product as f32 * group.scales[half] + sum as f32 * group.mins[half]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
