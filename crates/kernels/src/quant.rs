//! Blocks to numbers: the scalar reference of every storage type; and numbers to blocks of the types that models are stored in here.

use half::{bf16, f16};

use crate::Dtype;

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Writes a row's weights as f32. `out.len()` weights are read from the start of `src`.
///
/// # Panics
/// If `src` holds fewer than `out.len()` weights, or `out.len()` is not whole blocks.
pub fn dequantize_row(dtype: Dtype, src: &[u8], out: &mut [f32]) {
    assert!(out.len().is_multiple_of(dtype.block_len()), "a row is whole blocks");
    let bytes = dtype.row_bytes(out.len());
    match dtype {
        Dtype::F16 => return crate::floats::widen(&src[..bytes], out),
        Dtype::F32 => {
            for (out, number) in out.iter_mut().zip(src[..bytes].as_chunks().0) {
                *out = f32::from_le_bytes(*number);
            }
            return;
        }
        _ => {}
    }
    let blocks = src[..bytes].chunks_exact(dtype.block_bytes()).zip(out.chunks_exact_mut(dtype.block_len()));
    for (block, out) in blocks {
        match dtype {
            Dtype::F32 | Dtype::F16 => unreachable!("done above: this is a bug"),
            Dtype::BF16 => out[0] = bf16::from_le_bytes([block[0], block[1]]).to_f32(),
            Dtype::Q4_0 => nibbles(&block[2..], out, half_at(block, 0), -8.0 * half_at(block, 0)),
            Dtype::Q4_1 => nibbles(&block[4..], out, half_at(block, 0), half_at(block, 2)),
            Dtype::Q5_0 => fives(&block[2..], out, half_at(block, 0), -16.0 * half_at(block, 0)),
            Dtype::Q5_1 => fives(&block[4..], out, half_at(block, 0), half_at(block, 2)),
            Dtype::Q8_0 => {
                let scale = half_at(block, 0);
                for (out, &code) in out.iter_mut().zip(&block[2..]) {
                    *out = f32::from(code as i8) * scale;
                }
            }
            Dtype::Q4K => four_k(block, out),
            Dtype::Q5K => five_k(block, out),
            Dtype::Q6K => six_k(block, out),
            Dtype::Iq4Nl => uneven(&block[2..], out, half_at(block, 0)),
            Dtype::Iq4Xs => {
                for (j, out) in out.chunks_exact_mut(32).enumerate() {
                    uneven(&block[8 + j * 16..], out, half_at(block, 0) * f32::from(uneven_scale(block, j)));
                }
            }
        }
    }
}

/// Appends numbers as `dtype` stores them.
///
/// # Panics
/// If they are not whole blocks, or `dtype` is none of F32, F16 and Q8_0.
pub fn quantize_row(dtype: Dtype, numbers: &[f32], out: &mut Vec<u8>) {
    assert!(numbers.len().is_multiple_of(dtype.block_len()), "a row is whole blocks");
    match dtype {
        Dtype::F32 => out.extend(numbers.iter().flat_map(|x| x.to_le_bytes())),
        Dtype::F16 => out.extend(numbers.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes())),
        Dtype::Q8_0 => {
            for block in numbers.chunks_exact(dtype.block_len()) {
                let scale = block.iter().fold(0.0f32, |most, x| most.max(x.abs())) / 127.0;
                let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
                out.extend(f16::from_f32(scale).to_le_bytes());
                out.extend(block.iter().map(|x| (x * inverse).round() as i8 as u8));
            }
        }
        other => panic!("numbers are not turned into {other}: this is a bug"),
    }
}

fn nibbles(codes: &[u8], out: &mut [f32], scale: f32, min: f32) {
    for i in 0..16 {
        out[i] = f32::from(codes[i] & 15) * scale + min;
        out[i + 16] = f32::from(codes[i] >> 4) * scale + min;
    }
}

fn fives(rest: &[u8], out: &mut [f32], scale: f32, min: f32) {
    let high = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]);
    let codes = &rest[4..];
    for i in 0..16 {
        let low = codes[i] & 15 | ((high >> i) as u8 & 1) << 4;
        let upper = codes[i] >> 4 | ((high >> (i + 16)) as u8 & 1) << 4;
        out[i] = f32::from(low) * scale + min;
        out[i + 16] = f32::from(upper) * scale + min;
    }
}

/// The 6-bit scale and minimum of group `j` of a Q4_K or Q5_K block, from its 12 packed bytes.
pub(crate) fn scale_min(packed: &[u8], j: usize) -> (u8, u8) {
    if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (packed[j + 4] & 15 | (packed[j - 4] >> 6) << 4, packed[j + 4] >> 4 | (packed[j] >> 6) << 4)
    }
}

/// The sixteen steps of IQ4_NL and IQ4_XS, closer to each other near 0.
pub(crate) const UNEVEN: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

fn uneven(codes: &[u8], out: &mut [f32], scale: f32) {
    for i in 0..16 {
        out[i] = f32::from(UNEVEN[usize::from(codes[i] & 15)]) * scale;
        out[i + 16] = f32::from(UNEVEN[usize::from(codes[i] >> 4)]) * scale;
    }
}

/// The 6-bit scale of group `j` of an IQ4_XS block, from -32 on.
pub(crate) fn uneven_scale(block: &[u8], j: usize) -> i8 {
    let high = u16::from_le_bytes([block[2], block[3]]) >> (2 * j) & 3;
    let low = block[4 + j / 2] >> (4 * (j % 2)) & 15;
    (low | (high as u8) << 4) as i8 - 32
}

fn four_k(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let codes = &block[16..];
    for j in 0..8 {
        let (scale, min) = scale_min(&block[4..16], j);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        let shift = 4 * (j % 2);
        for i in 0..32 {
            out[j * 32 + i] = f32::from(codes[j / 2 * 32 + i] >> shift & 15) * scale - min;
        }
    }
}

fn five_k(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let (high, codes) = (&block[16..48], &block[48..]);
    for j in 0..8 {
        let (scale, min) = scale_min(&block[4..16], j);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        let shift = 4 * (j % 2);
        for i in 0..32 {
            let code = codes[j / 2 * 32 + i] >> shift & 15 | (high[i] >> j & 1) << 4;
            out[j * 32 + i] = f32::from(code) * scale - min;
        }
    }
}

fn six_k(block: &[u8], out: &mut [f32]) {
    let (low, high, scales, d) = (&block[..128], &block[128..192], &block[192..208], half_at(block, 208));
    for n in 0..2 {
        for i in 0..32 {
            let bits = high[n * 32 + i];
            let (a, b) = (low[n * 64 + i], low[n * 64 + 32 + i]);
            let codes = [
                a & 15 | (bits & 3) << 4,
                b & 15 | (bits >> 2 & 3) << 4,
                a >> 4 | (bits >> 4 & 3) << 4,
                b >> 4 | (bits >> 6) << 4,
            ];
            for (q, code) in codes.into_iter().enumerate() {
                let scale = f32::from(scales[n * 8 + q * 2 + i / 16] as i8);
                out[n * 128 + q * 32 + i] = d * scale * (f32::from(code) - 32.0);
            }
        }
    }
}

crate::simd::wide! {
    /// Whether the bits of a mask, those of an exponent, are set in none of these numbers.
    fn none_is_full(numbers: &[u8], mask: u16) -> bool {
        let mut full = 0u16;
        for number in numbers.as_chunks::<2>().0 {
            full |= u16::from(u16::from_le_bytes(*number) & mask == mask);
        }
        full == 0
    }
}

/// Whether every weight is a number, neither NaN nor infinite; of quantised ones, whether their scales and minima are.
pub(crate) fn are_finite(dtype: Dtype, blocks: &[u8]) -> bool {
    const HALF: u16 = 0x7c00;
    let scales = match dtype {
        Dtype::F32 => return blocks.as_chunks::<4>().0.iter().all(|number| f32::from_le_bytes(*number).is_finite()),
        Dtype::F16 => return none_is_full(blocks, HALF),
        Dtype::BF16 => return none_is_full(blocks, 0x7f80),
        Dtype::Q4_1 | Dtype::Q5_1 | Dtype::Q4K | Dtype::Q5K => 0..4,
        Dtype::Q6K => 208..210,
        Dtype::Q4_0 | Dtype::Q5_0 | Dtype::Q8_0 | Dtype::Iq4Nl | Dtype::Iq4Xs => 0..2,
    };
    let whole = |half: &[u8; 2]| u16::from_le_bytes(*half) & HALF != HALF;
    blocks.chunks_exact(dtype.block_bytes()).all(|block| block[scales.clone()].as_chunks().0.iter().all(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        let numbers: Vec<f32> = (0..96).map(|i| if i < 32 { 0.0 } else { (i as f32 - 50.0) * 0.37 }).collect();
        for (dtype, close) in [(Dtype::F32, 0.0), (Dtype::F16, 0.01), (Dtype::Q8_0, 0.07)] {
            let (mut bytes, mut again) = (Vec::new(), vec![0.0; numbers.len()]);
            quantize_row(dtype, &numbers, &mut bytes);
            assert_eq!(bytes.len(), dtype.row_bytes(numbers.len()));
            dequantize_row(dtype, &bytes, &mut again);
            assert!(numbers.iter().zip(&again).all(|(a, b)| (a - b).abs() <= close), "{dtype}: {again:?}");
            assert!(again[..32].iter().all(|&x| x == 0.0));
        }
    }

    /// Against the numbers that PyPI's `gguf` 0.19 gives for the same bytes.
    #[test]
    fn uneven_steps_are_those_of_gguf() {
        for (dtype, some, total) in [
            (Dtype::Iq4Nl, [-17.5, 12.5, -63.5, -17.5, 0.5], -128.5),
            (Dtype::Iq4Xs, [32.5, -0.5, -44.5, 32.5, 17.5], -5502.5),
        ] {
            let mut block: Vec<u8> = (0..dtype.block_bytes()).map(|i| (i * 37 + 11) as u8).collect();
            block[..2].copy_from_slice(&f16::from_f32(0.5).to_le_bytes());
            let mut out = vec![0.0; dtype.block_len()];
            dequantize_row(dtype, &block, &mut out);
            assert_eq!([0, 1, 15, 16, 31].map(|i| out[i]), some, "{dtype}");
            assert_eq!(out.iter().sum::<f32>(), total, "{dtype}");
        }
    }
}
