//! A weight matrix where it lies, usually in a mapped file.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::quant::are_finite;
use crate::{Dtype, Pool};

/// Weights of a linear map: `rows` outputs by `cols` inputs, row after row in blocks.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    /// How the weights are stored.
    pub dtype: Dtype,
    /// Outputs.
    pub rows: usize,
    /// Inputs.
    pub cols: usize,
    /// The blocks.
    pub data: &'a [u8],
}

/// Why bytes are not a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatrixError {
    /// A row is not a whole number of blocks.
    Row {
        /// The type.
        dtype: Dtype,
        /// Weights in a row.
        cols: usize,
    },
    /// There are too few or too many bytes.
    Length {
        /// Bytes a matrix of this shape takes.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

impl std::fmt::Display for MatrixError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Row { dtype, cols } => {
                write!(f, "a row of {cols} weights is not whole {dtype} blocks of {}", dtype.block_len())
            }
            Self::Length { expected, found } => write!(f, "{expected} bytes expected, {found} found"),
        }
    }
}

impl std::error::Error for MatrixError {}

impl<'a> Matrix<'a> {
    /// Checks the shape against the bytes.
    ///
    /// # Errors
    /// [`MatrixError`] if a row is not whole blocks, or `data` is not exactly `rows` rows.
    pub fn new(dtype: Dtype, rows: usize, cols: usize, data: &'a [u8]) -> Result<Self, MatrixError> {
        if !cols.is_multiple_of(dtype.block_len()) {
            return Err(MatrixError::Row { dtype, cols });
        }
        let expected = dtype.row_bytes(cols).saturating_mul(rows);
        if data.len() != expected {
            return Err(MatrixError::Length { expected, found: data.len() });
        }
        Ok(Self { dtype, rows, cols, data })
    }

    /// Whether every weight is a number, neither NaN nor infinite: files are damaged. Reads all of it, on all threads of the pool.
    pub fn is_finite(&self, pool: &Pool) -> bool {
        let finite = AtomicBool::new(true);
        let chunk = self.rows.div_ceil(pool.threads() * 4).max(1);
        pool.run(self.rows.div_ceil(chunk), &|at| {
            if !(at * chunk..((at + 1) * chunk).min(self.rows)).all(|row| are_finite(self.dtype, self.row(row))) {
                finite.store(false, Ordering::Relaxed);
            }
        });
        finite.into_inner()
    }

    /// The blocks of one row.
    ///
    /// # Panics
    /// If `row` is out of range.
    pub fn row(&self, row: usize) -> &'a [u8] {
        let bytes = self.data.len() / self.rows.max(1);
        &self.data[row * bytes..][..bytes]
    }
}
