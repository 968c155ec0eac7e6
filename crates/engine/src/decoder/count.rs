//! The operations once more, only counted: what a token costs follows from the definitions themselves.

use std::ops::Range;
use std::path::Path;

use kernels::{AttnShape, Pool};

use super::ops::{Gate, Linear, Map, Norm, Ops, Rope, Stored, Vector};
use super::{Blocks, Decoder};
use crate::LoadError;

/// What a model takes, and what a token costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Footprint {
    /// Bytes of all weights.
    pub weights: u64,
    /// Bytes of weights that are read for each pass.
    pub read: u64,
    /// Multiplications with weights for each token.
    pub products: u64,
    /// Those of them that only a token whose successor is drawn needs: the scores of the vocabulary.
    pub scores: u64,
    /// Multiplications with what was read before, for each token and each position before it.
    pub attention: u64,
    /// Multiplications with a state, for each token.
    pub recurrence: u64,
    /// Bytes kept for each token of a text.
    pub kept_per_token: u64,
    /// Bytes kept for each text, however long.
    pub kept_per_text: u64,
    /// Layers.
    pub layers: u64,
    /// Tokens it was made to read.
    pub context: u64,
}

/// Counts what a model takes. Its weights are not loaded.
///
/// # Errors
/// [`LoadError`] if the file is damaged or of a kind this build does not run.
pub fn footprint(model: &Path) -> Result<Footprint, LoadError> {
    let decoder = Decoder::load(model, &Pool::new(1), true, usize::MAX)?;
    let mut count = Count { decoder: &decoder, found: Footprint::default() };
    let width = decoder.width;
    let logits = decoder.run(&mut count, width, |_, _| true, |_, x| x);
    debug_assert!(logits.is_some(), "counting does not give up");
    let layers = decoder.blocks.len() as u64;
    let page = decoder.pages(0, 1, false).page_bytes();
    let (kept_per_token, kept_per_text) = match decoder.blocks {
        Blocks::Transformer(..) => (page / kernels::PAGE as u64, 0),
        _ => (0, page),
    };
    let weights = decoder.gguf.tensors().map(|(_, info)| decoder.gguf.matrix(info).data.len() as u64).sum();
    let context = decoder.context as u64;
    let scores = (decoder.output.rows * decoder.output.cols) as u64;
    Ok(Footprint { weights, scores, kept_per_token, kept_per_text, layers, context, ..count.found })
}

/// Rows are told by their width.
struct Count<'a> {
    decoder: &'a Decoder,
    found: Footprint,
}

impl Ops for Count<'_> {
    type Rows = usize;

    fn linear<const N: usize>(&mut self, maps: [&Linear; N], _: &usize) -> [usize; N] {
        maps.map(|linear| {
            if let Stored::File(info) = &linear.weight {
                self.found.read += self.decoder.gguf.matrix(info).data.len() as u64;
            }
            self.found.products += (linear.rows * linear.cols) as u64;
            linear.rows
        })
    }

    fn norm(&mut self, _: &Norm, x: &usize) -> usize {
        *x
    }

    fn unit(&mut self, x: usize, _: usize) -> usize {
        x
    }

    fn map(&mut self, _: Map, x: usize) -> usize {
        x
    }

    fn copy(&mut self, x: &usize) -> usize {
        *x
    }

    fn scale(&mut self, x: usize, _: f32) -> usize {
        x
    }

    fn add(&mut self, a: usize, _: &usize) -> usize {
        a
    }

    fn multiply(&mut self, a: usize, _: &usize) -> usize {
        a
    }

    fn add_vector(&mut self, x: usize, _: &Vector) -> usize {
        x
    }

    fn multiply_vector(&mut self, x: usize, _: &Vector) -> usize {
        x
    }

    fn mix(&mut self, x: &usize, _: &usize, _: &Vector) -> usize {
        *x
    }

    fn mix_rows(&mut self, x: &usize, _: &usize, _: &usize) -> usize {
        *x
    }

    fn gate(&mut self, _: Gate, gate: usize, _: &usize) -> usize {
        gate
    }

    fn columns(&mut self, _: &usize, columns: Range<usize>) -> usize {
        columns.len()
    }

    fn part_sums(&mut self, x: usize, _: usize) -> usize {
        x
    }

    fn turn(&mut self, x: usize, _: &Rope) -> usize {
        x
    }

    fn attention(&mut self, shape: &AttnShape, q: &usize, _: &usize, _: &usize) -> usize {
        self.found.attention += 2 * (shape.heads * shape.head_dim) as u64;
        *q
    }

    fn shift(&mut self, x: &usize, _: Range<usize>) -> usize {
        *x
    }

    fn conv(&mut self, x: &usize, weight: &Vector, _: Option<&Vector>, _: Range<usize>) -> usize {
        self.found.recurrence += weight.data.len() as u64;
        *x
    }

    fn wkv6(&mut self, x: [&usize; 4], _: &Vector, _: usize, state: Range<usize>) -> usize {
        self.found.recurrence += 3 * state.len() as u64;
        *x[3]
    }

    fn wkv7(&mut self, x: [&usize; 6], _: usize, state: Range<usize>) -> usize {
        self.found.recurrence += 5 * state.len() as u64;
        *x[3]
    }

    fn scan(&mut self, x: [&usize; 4], _: &Vector, _: &Vector, state: Range<usize>) -> usize {
        self.found.recurrence += 12 * state.len() as u64; // an exponential is worth about nine of them
        *x[0]
    }

    fn scan2(&mut self, x: [&usize; 4], _: &Vector, _: &Vector, _: usize, state: Range<usize>) -> usize {
        self.found.recurrence += 3 * state.len() as u64;
        *x[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::{FAMILIES, HEAD_DIM, HEADS, KV_HEADS, LAYERS, Tiny};

    #[test]
    fn what_is_counted_is_what_is_there() {
        for family in FAMILIES {
            let tiny = Tiny::new(family);
            let numbers: usize = tiny.tensors.values().map(Vec::len).sum();
            let (_folder, path) = tiny.write();
            let found = footprint(&path).unwrap();
            assert_eq!((found.weights, found.layers), (numbers as u64 * 4, LAYERS as u64), "{family}");
            assert!(found.read <= found.weights && found.read * 10 > found.weights * 8, "{family}: {found:?}");
            assert_eq!(found.read, found.products * 4, "{family}: every weight once");
            if crate::tiny::RECURRENT.contains(&family) {
                assert!(found.kept_per_token == 0 && found.kept_per_text > 0 && found.recurrence > 0, "{family}");
            } else {
                assert_eq!(found.kept_per_token as usize, LAYERS * 2 * KV_HEADS * HEAD_DIM * 2, "{family}");
                assert_eq!(found.attention as usize, LAYERS * 2 * HEADS * HEAD_DIM, "{family}");
            }
        }
    }
}
