//! Weights that are floats already: sixteen rows side by side for several tokens, or one by one for a few.

use std::ops::Range;

use super::Output;
use crate::Matrix;
use crate::floats::{COLUMNS, Sizes, View, columns, product};
use crate::quant::dequantize_row;

/// From so many tokens on, laying rows side by side pays.
const SEVERAL: usize = 4;

/// What a thread keeps from call to call.
#[derive(Default)]
pub(super) struct Scratch {
    /// Eight rows.
    rows: Vec<f32>,
    /// Sixteen rows, column by column.
    panel: Vec<f32>,
    sums: Vec<f32>,
}

pub(super) fn multiply(scratch: &mut Scratch, x: &[f32], w: &Matrix<'_>, rows: Range<usize>, out: &Output) {
    let (cols, tokens) = (w.cols, x.len() / w.cols);
    scratch.rows.resize(cols * 8, 0.0);
    if tokens < SEVERAL {
        for r in rows {
            dequantize_row(w.dtype, w.row(r), &mut scratch.rows[..cols]);
            for (t, x) in x.chunks_exact(cols).enumerate() {
                out.put(t, r, &[dot(&scratch.rows[..cols], x)]);
            }
        }
        return;
    }
    scratch.panel.resize(cols * COLUMNS, 0.0);
    scratch.sums.resize(tokens * COLUMNS, 0.0);
    for first in rows.clone().step_by(COLUMNS) {
        let count = (rows.end - first).min(COLUMNS);
        for eight in (0..count).step_by(8) {
            for (i, row) in scratch.rows.chunks_exact_mut(cols).enumerate() {
                // A row that is not there repeats the last; its sums are not used.
                dequantize_row(w.dtype, w.row(first + (eight + i).min(count - 1)), row);
            }
            let eight_rows = std::array::from_fn(|i| &scratch.rows[i * cols..(i + 1) * cols]);
            columns(eight_rows, &mut scratch.panel[eight..], COLUMNS);
        }
        let (a, b) = (View { data: x, stride: cols }, View { data: &scratch.panel, stride: COLUMNS });
        let sizes = Sizes { rows: tokens, depth: cols, cols: COLUMNS };
        product(a, b, sizes, &mut scratch.sums, COLUMNS, false);
        for (t, sums) in scratch.sums.chunks_exact(COLUMNS).enumerate() {
            out.put(t, first, &sums[..count]);
        }
    }
}

crate::simd::wide! {
    fn dot(a: &[f32], b: &[f32]) -> f32 {
        let mut lanes = [0.0f32; 32];
        for (a, b) in a.chunks_exact(32).zip(b.chunks_exact(32)) {
            for i in 0..32 {
                lanes[i] += a[i] * b[i];
            }
        }
        let done = a.len() / 32 * 32;
        let mut total = 0.0;
        for (a, b) in a[done..].iter().zip(&b[done..]) {
            total += a * b;
        }
        for lane in lanes {
            total += lane;
        }
        total
    }
}
