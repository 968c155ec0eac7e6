//! Weights that are floats already, or are to be used exactly as they are: a few rows at a time as floats, with a few tokens.

use std::ops::Range;

use super::Output;
use crate::Matrix;
use crate::floats::{DOT_ROWS, DOT_TOKENS, dots};
use crate::quant::dequantize_row;

pub(super) fn multiply(scratch: &mut Vec<f32>, x: &[f32], w: &Matrix<'_>, rows: Range<usize>, out: &Output) {
    let cols = w.cols;
    scratch.resize(cols * DOT_ROWS, 0.0);
    for first in rows.clone().step_by(DOT_ROWS) {
        let count = (rows.end - first).min(DOT_ROWS);
        for (i, row) in scratch.chunks_exact_mut(cols).enumerate() {
            // A row that is not there repeats the last; its sums are not used.
            dequantize_row(w.dtype, w.row(first + i.min(count - 1)), row);
        }
        let four = std::array::from_fn(|i| &scratch[i * cols..(i + 1) * cols]);
        for (at, x) in x.chunks(cols * DOT_TOKENS).enumerate() {
            let mut tokens = [x; DOT_TOKENS];
            let here = x.len() / cols;
            for (token, x) in tokens.iter_mut().zip(x.chunks_exact(cols)) {
                *token = x;
            }
            for (t, sums) in dots(&tokens[..here], four)[..here].iter().enumerate() {
                out.put(at * DOT_TOKENS + t, first, &sums[..count]);
            }
        }
    }
}
