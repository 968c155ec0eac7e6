//! Which tensors the result has, what each is made from, and the making: a tensor at a time, the large ones piece by piece.

use std::collections::HashSet;
use std::io::Write;

use kernels::{Dtype, quantize_row};

use super::shards::Shards;
use crate::LoadError;

/// Numbers of a large tensor that are in memory at once.
const AT_ONCE: usize = 1 << 20;

/// What is done to a tensor's numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    Same,
    /// Gemma's norms are stored less one.
    PlusOne,
    /// Mamba's decay is stored as a logarithm.
    NegativeExp,
    Times(f32),
    /// Rows of this many heads, whose first and second halves are turned together, so that each pair lies side by side.
    Interleave(usize),
    /// Columns become rows.
    Transpose,
    /// The same of each matrix of several.
    TransposeEach,
}

impl Step {
    /// Whether each number is changed for itself.
    fn is_local(self) -> bool {
        matches!(self, Self::Same | Self::PlusOne | Self::NegativeExp | Self::Times(_))
    }

    fn apply(self, shape: &[usize], mut numbers: Vec<f32>) -> Vec<f32> {
        match self {
            Self::Same => {}
            Self::PlusOne => numbers.iter_mut().for_each(|x| *x += 1.0),
            Self::NegativeExp => numbers.iter_mut().for_each(|x| *x = -(f64::from(*x).exp() as f32)),
            Self::Times(by) => numbers.iter_mut().for_each(|x| *x *= by),
            Self::Interleave(heads) => return interleaved(&numbers, heads, shape[0]),
            Self::Transpose => return transposed(&numbers, shape[1]),
            Self::TransposeEach => {
                return numbers.chunks_exact(shape[1] * shape[2]).flat_map(|one| transposed(one, shape[2])).collect();
            }
        }
        numbers
    }
}

fn interleaved(numbers: &[f32], heads: usize, rows: usize) -> Vec<f32> {
    let (head, cols) = (rows / heads, numbers.len() / rows);
    let from = |row: usize| row / head * head + row % head % 2 * (head / 2) + row % head / 2;
    (0..rows).flat_map(|row| &numbers[from(row) * cols..][..cols]).copied().collect()
}

fn transposed(numbers: &[f32], cols: usize) -> Vec<f32> {
    (0..cols).flat_map(|col| numbers.iter().skip(col).step_by(cols)).copied().collect()
}

/// Part of a tensor.
pub(super) enum Part {
    /// One of the folder's.
    Stored { name: String, shape: Vec<usize>, step: Step },
    /// Worked out from the configuration.
    Computed(Vec<f32>),
}

/// A tensor of the result.
pub(super) struct Made {
    pub(super) name: String,
    /// Innermost first.
    pub(super) shape: Vec<u64>,
    pub(super) dtype: Dtype,
    parts: Vec<Part>,
}

/// The tensors of the result, each checked when it is asked for.
pub(super) struct Plan<'a> {
    pub(super) shards: &'a Shards,
    matrices: Dtype,
    made: Vec<Made>,
    taken: HashSet<String>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(shards: &'a Shards, matrices: Dtype) -> Self {
        Self { shards, matrices, made: Vec::new(), taken: HashSet::new() }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.shards.has(name)
    }

    /// The first of some names that is there, or else the first.
    pub(super) fn either<'n>(&self, names: &[&'n str]) -> &'n str {
        names.iter().find(|name| self.has(name)).unwrap_or(&names[0])
    }

    /// A size of a tensor, outermost first.
    pub(super) fn size(&self, name: &str, at: usize) -> Result<usize, LoadError> {
        let shape = self.shards.shape(name).ok_or_else(|| self.missing(name))?;
        let size = shape.get(at).copied().filter(|size| *size > 0);
        size.ok_or_else(|| self.misfit(name, format!("has the shape {shape:?}; at least {} sizes expected", at + 1)))
    }

    /// One of the folder's tensors, if it has that shape.
    pub(super) fn part(&mut self, name: &str, shape: &[usize], step: Step) -> Result<Part, LoadError> {
        let found = self.shards.shape(name).ok_or_else(|| self.missing(name))?;
        let thin = |shape: &[usize]| shape.iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
        // Some write a row of numbers as a block of one row.
        if found != shape && (thin(found) != thin(shape) || !step.is_local()) {
            let why = format!("has the shape {found:?}, which does not fit config.json: {shape:?} expected");
            return Err(self.misfit(name, why));
        }
        self.taken.insert(name.to_owned());
        Ok(Part::Stored { name: name.to_owned(), shape: shape.to_vec(), step })
    }

    /// A tensor that stays as exact as it is.
    pub(super) fn exact(&mut self, to: impl Into<String>, shape: &[usize], parts: Vec<Part>) {
        let shape = shape.iter().map(|&size| size as u64).collect();
        self.made.push(Made { name: to.into(), shape, dtype: Dtype::F32, parts });
    }

    /// A matrix, stored as wanted: half precision where its rows are not whole blocks.
    pub(super) fn matrix(&mut self, to: impl Into<String>, [rows, cols]: [usize; 2], part: Part) {
        let whole = cols.is_multiple_of(self.matrices.block_len());
        let dtype = if whole { self.matrices } else { Dtype::F16 };
        self.made.push(Made { name: to.into(), shape: vec![cols as u64, rows as u64], dtype, parts: vec![part] });
    }

    /// A vector.
    pub(super) fn vector(
        &mut self,
        from: &str,
        to: impl Into<String>,
        len: usize,
        step: Step,
    ) -> Result<(), LoadError> {
        let part = self.part(from, &[len], step)?;
        self.exact(to, &[len], vec![part]);
        Ok(())
    }

    /// A linear map, and its bias if there is one.
    pub(super) fn linear(&mut self, from: &str, to: &str, size: [usize; 2], step: Step) -> Result<(), LoadError> {
        let part = self.part(&format!("{from}.weight"), &size, step)?;
        self.matrix(format!("{to}.weight"), size, part);
        let bias = format!("{from}.bias");
        if self.has(&bias) {
            self.vector(&bias, format!("{to}.bias"), size[0], step)?;
        }
        Ok(())
    }

    /// A norm with a bias.
    pub(super) fn layer_norm(&mut self, from: &str, to: &str, len: usize) -> Result<(), LoadError> {
        for part in ["weight", "bias"] {
            self.vector(&format!("{from}.{part}"), format!("{to}.{part}"), len, Step::Same)?;
        }
        Ok(())
    }

    /// A tensor that is known and not needed.
    pub(super) fn leave(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }

    /// The tensors, if every one of the folder's has found its place.
    pub(super) fn finish(self) -> Result<Vec<Made>, LoadError> {
        let left: Vec<&str> = self.shards.names().filter(|name| !self.taken.contains(*name)).collect();
        let Some(first) = left.first() else { return Ok(self.made) };
        let others = if left.len() > 1 { format!(" and {} more", left.len() - 1) } else { String::new() };
        let why = format!(
            "holds tensor '{first}'{others}, which this architecture has no place for here; the model is of a variant that is not run, and would answer wrongly \
             without it"
        );
        Err(LoadError::unfit(self.shards.file_of(first), why))
    }

    fn missing(&self, name: &str) -> LoadError {
        let why =
            format!("tensor '{name}' is missing, which config.json's architecture needs; download the weights again");
        LoadError::unfit(self.shards.file_of(name), why)
    }

    fn misfit(&self, name: &str, why: String) -> LoadError {
        LoadError::unfit(self.shards.file_of(name), format!("tensor '{name}' {why}"))
    }
}

impl Made {
    /// Numbers it holds.
    pub(super) fn numbers(&self) -> u64 {
        self.shape.iter().product()
    }

    /// Writes its bytes; `tell` is told how many, every so often.
    pub(super) fn write<E: From<std::io::Error> + From<LoadError>>(
        &self,
        shards: &Shards,
        out: &mut dyn Write,
        tell: &mut dyn FnMut(u64),
    ) -> Result<(), E> {
        let cols = self.shape[0] as usize;
        let at_once = (AT_ONCE / cols).max(1) * cols;
        let mut bytes = Vec::new();
        for part in &self.parts {
            let (name, shape, step) = match part {
                Part::Computed(numbers) => {
                    self.encode(shards, &self.name, numbers, &mut bytes)?;
                    out.write_all(&bytes)?;
                    tell(bytes.len() as u64);
                    continue;
                }
                Part::Stored { name, shape, step } => (name, shape, step),
            };
            let count: usize = shape.iter().product();
            let at_once = if step.is_local() { at_once } else { count };
            for start in (0..count).step_by(at_once.max(1)) {
                let numbers = shards.part(name, start..count.min(start + at_once))?;
                self.encode(shards, name, &step.apply(shape, numbers), &mut bytes)?;
                out.write_all(&bytes)?;
                tell(bytes.len() as u64);
            }
        }
        Ok(())
    }

    fn encode(&self, shards: &Shards, from: &str, numbers: &[f32], bytes: &mut Vec<u8>) -> Result<(), LoadError> {
        let most = if self.dtype == Dtype::F16 { 65_504.0 } else { f32::MAX };
        if let Some(odd) = numbers.iter().find(|x| x.is_nan() || x.abs() > most) {
            let remedy = if odd.is_finite() { "choose another with --as" } else { "download the weights again" };
            let why = format!("tensor '{from}' holds {odd}, which cannot be stored as {}; {remedy}", self.dtype);
            return Err(LoadError::unfit(shards.file_of(from), why));
        }
        bytes.clear();
        quantize_row(self.dtype, numbers, bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_what_they_say() {
        let numbers = |count: usize| (0..count).map(|x| x as f32).collect::<Vec<_>>();
        for (step, shape, expected) in [
            (Step::Same, &[2, 2][..], vec![0.0, 1.0, 2.0, 3.0]),
            (Step::PlusOne, &[2], vec![1.0, 2.0]),
            (Step::NegativeExp, &[2], vec![-1.0, -std::f32::consts::E]),
            (Step::Times(0.25), &[2], vec![0.0, 0.25]),
            // Two heads of four rows: 0 2 | 1 3 become neighbours.
            (Step::Interleave(2), &[8], vec![0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]),
            (Step::Interleave(1), &[4, 2], vec![0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0]),
            (Step::Transpose, &[2, 3], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
            (Step::TransposeEach, &[2, 2, 2], vec![0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]),
        ] {
            assert_eq!(step.apply(shape, numbers(shape.iter().product())), expected, "{step:?}");
        }
    }
}
