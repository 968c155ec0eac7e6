//! Eight rows of codes side by side, for many activations: each lane of a vector belongs to one row, so scales are applied to eight sums at once.

use super::GROUP;
use super::codes::{Activations, Expanded, Kind, expand};
use crate::Matrix;

/// Rows of a panel.
pub(crate) const ROWS: usize = 8;

/// Tokens multiplied with a panel at once.
pub(crate) const TILE: usize = 4;

/// Eight rows: for each group of 32 weights, and in it for each 4, the 4 codes of every row in turn; scales and minima row by row.
#[derive(Default)]
pub(crate) struct Panel {
    pub(crate) kind: Kind,
    pub(crate) codes: Vec<u8>,
    /// Spans x 8.
    pub(crate) scales: Vec<f32>,
    /// Spans x 8; empty for signed codes.
    pub(crate) mins: Vec<f32>,
}

impl Panel {
    /// Takes up to eight rows from `first` on; rows beyond the last are zeros.
    pub(super) fn pack(&mut self, w: &Matrix<'_>, first: usize, row: &mut [Expanded; ROWS]) {
        let kind = Kind::of(w.dtype);
        let spans = w.cols / kind.span();
        self.kind = kind;
        self.codes.resize(w.cols * ROWS, 0);
        self.scales.resize(spans * ROWS, 0.0);
        self.mins.resize(if kind == Kind::Signed { 0 } else { spans * ROWS }, 0.0);
        let count = (w.rows - first).min(ROWS);
        for (r, row) in row.iter_mut().enumerate() {
            // A row that is not there repeats the last; its sums are not used.
            expand(w.dtype, w.row(first + r.min(count - 1)), w.cols, row);
        }
        #[cfg(target_arch = "x86_64")]
        if crate::simd::has_avx2() {
            // SAFETY: the machine has AVX2; rows and panel were sized for `w.cols`, which is whole groups.
            unsafe { crate::x86::interleave(row, self) };
            return;
        }
        self.interleave_reference(row);
    }

    pub(super) fn interleave_reference(&mut self, rows: &[Expanded; ROWS]) {
        for (r, row) in rows.iter().enumerate() {
            for (c, &code) in row.codes.iter().enumerate() {
                self.codes[c / GROUP * GROUP * ROWS + c % GROUP / 4 * 4 * ROWS + r * 4 + c % 4] = code;
            }
            for (s, &scale) in row.scales.iter().enumerate() {
                self.scales[s * ROWS + r] = scale;
            }
            for (s, &min) in row.mins.iter().enumerate() {
                self.mins[s * ROWS + r] = min;
            }
        }
    }

    /// The sums of up to [`TILE`] tokens from `t` on with each row.
    pub(super) fn multiply(&self, x: &Activations, t: usize, count: usize, sums: &mut [[f32; ROWS]; TILE]) {
        #[cfg(target_arch = "x86_64")]
        if crate::simd::has_avx2() {
            // SAFETY: the machine has AVX2 and FMA; tokens are within `x`, and the panel is as long as its rows.
            unsafe { crate::x86::panel(self, x, t, count, sums) };
            return;
        }
        self.multiply_reference(x, t, count, sums);
    }

    /// The same, a weight at a time.
    pub(super) fn multiply_reference(&self, x: &Activations, t: usize, count: usize, sums: &mut [[f32; ROWS]; TILE]) {
        let span = self.kind.span();
        for (j, sums) in sums.iter_mut().enumerate().take(count) {
            let codes = &x.codes[(t + j) * x.cols..][..x.cols];
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = 0.0;
                for s in 0..x.cols / span {
                    let product: i32 = (s * span..(s + 1) * span)
                        .map(|c| {
                            let at = c / GROUP * GROUP * ROWS + c % GROUP / 4 * 4 * ROWS + r * 4 + c % 4;
                            let code = self.codes[at];
                            let weight =
                                if self.kind == Kind::Signed { i32::from(code as i8) } else { i32::from(code) };
                            weight * i32::from(codes[c])
                        })
                        .sum();
                    let scale = x.scales[(t + j) * x.cols / GROUP + s * span / GROUP];
                    *sum += product as f32 * scale * self.scales[s * ROWS + r];
                    if let Some(min) = self.mins.get(s * ROWS + r) {
                        let sums = if span == GROUP { &x.sums } else { &x.half_sums };
                        *sum += min * sums[(t + j) * x.cols / span + s];
                    }
                }
            }
        }
    }
}
