//! An encoder's weights in memory.

use half::f16;
use kernels::{Dtype, Matrix, Packed, Pool, dequantize_row};

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
    map: Map,
    pub bias: Vec<f32>,
}

/// Weights of a linear map.
enum Map {
    Packed(Packed),
    /// Floats.
    Plain(Table),
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
    /// `None` if a weight is no number.
    pub(super) fn new(pool: &Pool, table: Table, bias: Vec<f32>) -> Option<Self> {
        let map = match Packed::new(pool, &table.matrix()) {
            Some(packed) => packed.is_finite().then_some(Map::Packed(packed))?,
            None => table.matrix().is_finite(pool).then_some(Map::Plain(table))?,
        };
        Some(Self { map, bias })
    }

    pub(super) fn of_floats(table: Table, bias: Vec<f32>) -> Self {
        Self { map: Map::Plain(table), bias }
    }

    pub(super) fn weights(&self) -> kernels::Weights<'_> {
        match &self.map {
            Map::Packed(packed) => kernels::Weights::Packed(packed),
            Map::Plain(table) => kernels::Weights::Plain(table.matrix()),
        }
    }
}

impl Table {
    fn matrix(&self) -> Matrix<'_> {
        let Self { dtype, rows, cols, data } = self;
        Matrix { dtype: *dtype, rows: *rows, cols: *cols, data }
    }

    /// Two bytes a weight. Eight-bit products would be twice as fast, but MiniLM's large activations do not bear them:
    /// the vectors' cosine with exact ones falls to 0.999.
    pub(super) fn halves(rows: usize, cols: usize, values: &[f32]) -> Self {
        let data = values.iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        Self { dtype: Dtype::F16, rows, cols, data }
    }
}
