//! The operations that definitions of architectures are written in. Inference runs them on quantised weights and kept states
//! (`pass.rs`); training runs the same definitions on a tape (`tape.rs`).

use std::ops::Range;

use kernels::{AttnShape, Packed};

use crate::gguf::TensorInfo;

/// A matrix of a linear map.
pub(super) enum Stored {
    /// Repacked for the products.
    Packed(Packed),
    /// Used where it lies in the file.
    File(TensorInfo),
}

/// A linear map, by its tensor's name.
pub(super) struct Linear {
    pub(super) name: String,
    /// Its first row in the tensor: some tensors hold several maps.
    pub(super) first: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) weight: Stored,
    pub(super) bias: Option<Vector>,
}

/// Numbers that are learned, by their tensor's name.
pub(super) struct Vector {
    pub(super) name: String,
    pub(super) data: Vec<f32>,
}

/// A normalisation of each part of `size` numbers. The weight is as long as a part, which all share, or as a row.
pub(super) struct Norm {
    pub(super) weight: Vector,
    /// With a bias the mean is taken out first (layer norm); without it is left (root-mean-square norm).
    pub(super) bias: Option<Vector>,
    pub(super) size: usize,
    pub(super) epsilon: f32,
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Map {
    Silu,
    Sigmoid,
    Tanh,
    Softplus,
    ReluSquared,
    Exp,
}

/// How a feed-forward net's gate is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Silu,
    Gelu,
}

/// How rotary positions pair numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairs {
    /// (2i, 2i + 1), as Llama's files are laid out.
    Neighbours,
    /// (i, i + half).
    Halves,
}

/// Rotary positions of heads.
#[derive(Debug, Clone)]
pub(super) struct Rope {
    pub(super) head: usize,
    pub(super) pairs: Pairs,
    /// Inverse frequencies; numbers beyond twice as many stay.
    pub(super) freqs: Vec<f32>,
    /// Multiplies sine and cosine (YaRN).
    pub(super) scale: f32,
    /// Models have at most two; the number of this one.
    pub(super) at: usize,
}

/// What a definition may do with rows of numbers, one row for each token.
pub(super) trait Ops {
    /// Rows of numbers.
    type Rows;

    /// Several linear maps of the same rows.
    fn linear<const N: usize>(&mut self, maps: [&Linear; N], x: &Self::Rows) -> [Self::Rows; N];
    fn norm(&mut self, norm: &Norm, x: &Self::Rows) -> Self::Rows;
    /// Each part of `size` numbers at length 1.
    fn unit(&mut self, x: Self::Rows, size: usize) -> Self::Rows;
    fn map(&mut self, map: Map, x: Self::Rows) -> Self::Rows;
    fn copy(&mut self, x: &Self::Rows) -> Self::Rows;
    fn scale(&mut self, x: Self::Rows, by: f32) -> Self::Rows;
    fn add(&mut self, a: Self::Rows, b: &Self::Rows) -> Self::Rows;
    fn multiply(&mut self, a: Self::Rows, b: &Self::Rows) -> Self::Rows;
    /// The same vector added to every row.
    fn add_vector(&mut self, x: Self::Rows, vector: &Vector) -> Self::Rows;
    /// Every row multiplied by the same vector.
    fn multiply_vector(&mut self, x: Self::Rows, vector: &Vector) -> Self::Rows;
    /// `x + (other - x) * by`.
    fn mix(&mut self, x: &Self::Rows, other: &Self::Rows, by: &Vector) -> Self::Rows;
    /// The same, with a row of its own for each row.
    fn mix_rows(&mut self, x: &Self::Rows, other: &Self::Rows, by: &Self::Rows) -> Self::Rows;
    fn gate(&mut self, kind: Gate, gate: Self::Rows, up: &Self::Rows) -> Self::Rows;
    /// Columns of each row.
    fn columns(&mut self, x: &Self::Rows, columns: Range<usize>) -> Self::Rows;
    /// The sum of each part of `size` numbers, at each of its places.
    fn part_sums(&mut self, x: Self::Rows, size: usize) -> Self::Rows;
    /// Turns heads to their positions.
    fn turn(&mut self, x: Self::Rows, rope: &Rope) -> Self::Rows;
    /// Causal attention over the sequence so far; keys and values are kept.
    fn attention(&mut self, shape: &AttnShape, q: &Self::Rows, k: &Self::Rows, v: &Self::Rows) -> Self::Rows;

    // What follows goes through a part of the layer's state, zeros where a sequence begins.

    /// Each row's predecessor.
    fn shift(&mut self, x: &Self::Rows, state: Range<usize>) -> Self::Rows;
    /// A causal convolution of each column with its own taps.
    fn conv(&mut self, x: &Self::Rows, weight: &Vector, bias: Option<&Vector>, state: Range<usize>) -> Self::Rows;
    /// RWKV-6's recurrence of receptance, decay, key and value.
    fn wkv6(&mut self, x: [&Self::Rows; 4], bonus: &Vector, head: usize, state: Range<usize>) -> Self::Rows;
    /// RWKV-7's recurrence of receptance, decay, key, value, what is taken out, and where it is put back.
    fn wkv7(&mut self, x: [&Self::Rows; 6], head: usize, state: Range<usize>) -> Self::Rows;
    /// Mamba-1's scan of input, step, what is put in and what is taken out; `decay` and `by` as [`kernels::Scan`] has them.
    fn scan(&mut self, x: [&Self::Rows; 4], decay: &Vector, by: &Vector, state: Range<usize>) -> Self::Rows;
    /// Mamba-2's scan of the same, in groups.
    fn scan2(
        &mut self,
        x: [&Self::Rows; 4],
        decay: &Vector,
        by: &Vector,
        groups: usize,
        state: Range<usize>,
    ) -> Self::Rows;
}
