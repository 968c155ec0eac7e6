//! What is kept of a sequence's positions, as halves or in 8 bits.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::AttnShape;
use crate::floats::widen_halves;

/// Positions of a page.
pub const PAGE: usize = 64;

/// Numbers of a head that share a scale, where they are kept in 8 bits.
pub const BLOCK: usize = 32;

/// Keys and values of [`PAGE`] positions in one layer, as [`put_position`] lays them.
#[derive(Debug, Clone, Copy)]
pub enum Page<'a> {
    /// As halves.
    Halves {
        /// kv_heads x head_dim x PAGE: a number of all positions side by side, as the scores of a page want them.
        keys: &'a [f16],
        /// kv_heads x PAGE x head_dim.
        values: &'a [f16],
    },
    /// In 8 bits, laid the same way, with a scale for each [`BLOCK`] numbers of a position's head.
    Codes {
        /// kv_heads x head_dim x PAGE.
        keys: &'a [i8],
        /// kv_heads x blocks x PAGE.
        key_scales: &'a [f16],
        /// kv_heads x PAGE x head_dim.
        values: &'a [i8],
        /// kv_heads x PAGE x blocks.
        value_scales: &'a [f16],
    },
}

/// The same, to be written to.
pub enum PageMut<'a> {
    /// As halves.
    Halves {
        /// See [`Page`].
        keys: &'a mut [f16],
        /// See [`Page`].
        values: &'a mut [f16],
    },
    /// In 8 bits.
    Codes {
        /// See [`Page`].
        keys: &'a mut [i8],
        /// See [`Page`].
        key_scales: &'a mut [f16],
        /// See [`Page`].
        values: &'a mut [i8],
        /// See [`Page`].
        value_scales: &'a mut [f16],
    },
}

/// Puts a position's keys and values, kv_heads x head_dim each, into a page at position `at`.
///
/// # Panics
/// If a length does not fit the heads.
pub fn put_position(shape: &AttnShape, page: PageMut<'_>, at: usize, keys: &[f32], values: &[f32]) {
    let dim = shape.head_dim;
    assert!(keys.len() == shape.kv_heads * dim && values.len() == keys.len() && at < PAGE, "a position's numbers");
    match page {
        PageMut::Halves { keys: to_keys, values: to_values } => {
            let mut halves = [f16::ZERO; 64];
            for (place, numbers) in to_keys.chunks_mut(PAGE * 64).zip(keys.chunks(64)) {
                let halves = &mut halves[..numbers.len()];
                halves.convert_from_f32_slice(numbers);
                for (d, half) in halves.iter().enumerate() {
                    place[d * PAGE + at] = *half;
                }
            }
            for (head, numbers) in to_values.chunks_exact_mut(PAGE * dim).zip(values.chunks_exact(dim)) {
                head[at * dim..][..dim].convert_from_f32_slice(numbers);
            }
        }
        PageMut::Codes { keys: to_keys, key_scales, values: to_values, value_scales } => {
            let blocks = dim.div_ceil(BLOCK);
            for head in 0..shape.kv_heads {
                for block in 0..blocks {
                    let numbers = head * dim + block * BLOCK..head * dim + dim.min((block + 1) * BLOCK);
                    let (codes, scale) = rounded(&keys[numbers.clone()]);
                    key_scales[(head * blocks + block) * PAGE + at] = scale;
                    for (d, code) in numbers.clone().zip(codes) {
                        to_keys[d * PAGE + at] = code;
                    }
                    let (codes, scale) = rounded(&values[numbers.clone()]);
                    let row = head * PAGE + at;
                    value_scales[row * blocks + block] = scale;
                    let to = &mut to_values[row * dim + block * BLOCK..][..numbers.len()];
                    to.copy_from_slice(&codes[..numbers.len()]);
                }
            }
        }
    }
}

/// Numbers of a block in 8 bits, and their scale.
fn rounded(numbers: &[f32]) -> ([i8; BLOCK], f16) {
    let largest = numbers.iter().fold(0.0f32, |largest, x| if x.abs() > largest { x.abs() } else { largest });
    let scale = f16::from_f32((largest / 127.0).min(f16::MAX.to_f32()));
    let inverse = if scale.to_f32() > 0.0 { 1.0 / scale.to_f32() } else { 0.0 };
    let mut codes = [0; BLOCK];
    for (code, x) in codes.iter_mut().zip(numbers) {
        *code = (x * inverse).round_ties_even() as i8; // saturates; NaN is 0
    }
    (codes, scale)
}

impl Page<'_> {
    /// Whether it is as long as the heads want it.
    pub(super) fn fits(&self, shape: &AttnShape) -> bool {
        let numbers = PAGE * shape.kv_heads * shape.head_dim;
        let scales = PAGE * shape.kv_heads * shape.head_dim.div_ceil(BLOCK);
        match self {
            Self::Halves { keys, values } => keys.len() == numbers && values.len() == numbers,
            Self::Codes { keys, key_scales, values, value_scales } => {
                (keys.len(), values.len(), key_scales.len(), value_scales.len()) == (numbers, numbers, scales, scales)
            }
        }
    }

    /// One head's keys, head_dim x PAGE, and its values, PAGE x `stride`, as floats.
    pub(super) fn widen(
        &self,
        shape: &AttnShape,
        head: usize,
        to_keys: &mut [f32],
        to_values: &mut [f32],
        stride: usize,
    ) {
        let dim = shape.head_dim;
        let blocks = dim.div_ceil(BLOCK);
        let part = |size: usize| head * PAGE * size..(head + 1) * PAGE * size;
        match self {
            Self::Halves { keys, values } => {
                widen_halves(&keys[part(dim)], to_keys);
                for (wide, value) in to_values.chunks_exact_mut(stride).zip(values[part(dim)].chunks_exact(dim)) {
                    widen_halves(value, &mut wide[..dim]);
                    wide[dim..].fill(0.0);
                }
            }
            Self::Codes { keys, key_scales, values, value_scales } => {
                let mut scales = [0.0; PAGE];
                let rows = to_keys.chunks_exact_mut(PAGE).zip(keys[part(dim)].chunks_exact(PAGE));
                for (d, (wide, codes)) in rows.enumerate() {
                    if d % BLOCK == 0 {
                        let block = head * blocks + d / BLOCK;
                        widen_halves(&key_scales[block * PAGE..(block + 1) * PAGE], &mut scales);
                    }
                    scaled(wide, codes, &scales);
                }
                let rows = values[part(dim)].chunks_exact(dim).zip(value_scales[part(blocks)].chunks_exact(blocks));
                for (wide, (codes, scales)) in to_values.chunks_exact_mut(stride).zip(rows) {
                    for ((wide, codes), scale) in wide.chunks_mut(BLOCK).zip(codes.chunks(BLOCK)).zip(scales) {
                        scaled(&mut wide[..codes.len()], codes, &[scale.to_f32(); BLOCK][..codes.len()]);
                    }
                    wide[dim..].fill(0.0);
                }
            }
        }
    }
}

crate::simd::wide! {
    fn scaled(out: &mut [f32], codes: &[i8], scales: &[f32]) {
        for ((out, code), scale) in out.iter_mut().zip(codes).zip(scales) {
            *out = f32::from(*code) * scale;
        }
    }
}
