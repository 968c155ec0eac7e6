//! An encoder's weights in memory.

use half::f16;
use kernels::{Dtype, Matrix, dequantize_row};

/// Weights in a `Q8_0` block.
const BLOCK: usize = 32;

/// The sizes of an encoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub width: usize,
    pub heads: usize,
    pub inner: usize,
    pub layers: usize,
    pub positions: usize,
    pub epsilon: f32,
}

pub(super) struct Weights {
    pub shape: Shape,
    pub words: Table,
    /// `positions` rows.
    pub positions: Vec<f32>,
    /// The row of the only token type in use.
    pub kind: Vec<f32>,
    pub norm: Norm,
    pub layers: Vec<Layer>,
}

pub(super) struct Layer {
    pub q: Linear,
    pub k: Linear,
    pub v: Linear,
    pub output: Linear,
    pub output_norm: Norm,
    pub up: Linear,
    pub down: Linear,
    pub final_norm: Norm,
}

pub(super) struct Norm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A matrix of rows by their number.
pub(super) struct Table {
    pub dtype: Dtype,
    pub rows: usize,
    pub cols: usize,
    pub data: Vec<u8>,
}

pub(super) struct Linear {
    pub table: Table,
    pub bias: Vec<f32>,
}

impl Weights {
    pub(super) fn width(&self) -> usize {
        self.shape.width
    }

    /// Writes a token's row; an id beyond the table reads as the table's first row.
    pub(super) fn word(&self, id: u32, out: &mut [f32]) {
        let Table { dtype, rows, cols, data } = &self.words;
        let row = if (id as usize) < *rows { id as usize } else { 0 };
        let len = dtype.row_bytes(*cols);
        dequantize_row(*dtype, &data[row * len..(row + 1) * len], out);
    }

    /// The row of a position; beyond the last it is the last.
    pub(super) fn position(&self, at: usize) -> &[f32] {
        let width = self.shape.width;
        let at = at.min(self.shape.positions - 1);
        &self.positions[at * width..(at + 1) * width]
    }
}

impl Linear {
    pub(super) fn matrix(&self) -> Matrix<'_> {
        let Table { dtype, rows, cols, data } = &self.table;
        Matrix { dtype: *dtype, rows: *rows, cols: *cols, data }
    }
}

impl Table {
    pub(super) fn halves(rows: usize, cols: usize, values: &[f32]) -> Self {
        let data = values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        Self { dtype: Dtype::F16, rows, cols, data }
    }

    /// Eight bits a weight: a quarter of the memory, products in integers, and vectors that differ in the fourth digit.
    pub(super) fn eight_bits(rows: usize, cols: usize, values: &[f32]) -> Self {
        if !cols.is_multiple_of(BLOCK) {
            return Self::halves(rows, cols, values);
        }
        let mut data = Vec::with_capacity(values.len() / BLOCK * (BLOCK + 2));
        for block in values.chunks_exact(BLOCK) {
            let largest = block.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            let scale = largest / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            data.extend_from_slice(&f16::from_f32(scale).to_le_bytes());
            data.extend(block.iter().map(|value| (value * inverse).round() as i8 as u8));
        }
        Self { dtype: Dtype::Q8_0, rows, cols, data }
    }
}
