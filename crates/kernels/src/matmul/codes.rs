//! Weights and activations as byte codes, whatever they were stored as.

use half::f16;

use super::GROUP;
use crate::pool::Slots;
use crate::quant::{UNEVEN, scale_min, uneven_scale};
use crate::{Dtype, Pool};

/// Activations in 8 bits: T rows of codes, a scale for each 32, and the sums that minima are multiplied with.
pub(crate) struct Activations {
    pub(crate) cols: usize,
    pub(crate) codes: Vec<i8>,
    /// T x cols / 32.
    pub(crate) scales: Vec<f32>,
    /// T x cols / 32: scale times the sum of 32 codes.
    pub(crate) sums: Vec<f32>,
    /// T x cols / 16: scale times the sum of 16 codes.
    pub(crate) half_sums: Vec<f32>,
}

impl Activations {
    pub(super) fn new(pool: &Pool, x: &[f32], cols: usize) -> Self {
        let groups = x.len() / GROUP;
        let mut all = Self {
            cols,
            codes: vec![0; x.len()],
            scales: vec![0.0; groups],
            sums: vec![0.0; groups],
            half_sums: vec![0.0; groups * 2],
        };
        let tokens = x.len() / cols;
        let (codes, scales) = (Slots::new(&mut all.codes), Slots::new(&mut all.scales));
        let (sums, half_sums) = (Slots::new(&mut all.sums), Slots::new(&mut all.half_sums));
        let groups = cols / GROUP;
        let one = |t: usize| {
            // SAFETY: each token's parts are its own.
            unsafe {
                quantise(
                    &x[t * cols..][..cols],
                    codes.part(t * cols, cols),
                    scales.part(t * groups, groups),
                    sums.part(t * groups, groups),
                    half_sums.part(t * groups * 2, groups * 2),
                );
            }
        };
        if tokens >= 8 {
            pool.run(tokens, &one)
        } else {
            (0..tokens).for_each(one)
        }
        all
    }

    pub(crate) fn tokens(&self) -> usize {
        self.codes.len() / self.cols
    }
}

crate::simd::wide! {
    fn quantise(x: &[f32], codes: &mut [i8], scales: &mut [f32], sums: &mut [f32], half_sums: &mut [f32]) {
        for (b, x) in x.chunks_exact(GROUP).enumerate() {
            let mut max = [0.0f32; 8];
            for lanes in x.chunks_exact(8) {
                for i in 0..8 {
                    max[i] = if lanes[i].abs() > max[i] { lanes[i].abs() } else { max[i] };
                }
            }
            let mut most = 0.0f32;
            for lane in max {
                most = if lane > most { lane } else { most };
            }
            let inverse = if most > 0.0 && most < f32::INFINITY { 127.0 / most } else { 0.0 };
            let scale = most / 127.0;
            let out = &mut codes[b * GROUP..][..GROUP];
            let mut whole = [0i32; GROUP];
            for i in 0..GROUP {
                // Adding 1.5 * 2^23 rounds to nearest; the low bits of the sum are the code.
                whole[i] = (x[i] * inverse + 12_582_912.0).to_bits().wrapping_sub(0x4b40_0000) as i32;
            }
            for i in 0..GROUP {
                out[i] = whole[i] as i8;
            }
            let (mut first, mut second) = (0i32, 0i32);
            for i in 0..GROUP / 2 {
                first = first.wrapping_add(whole[i]);
                second = second.wrapping_add(whole[GROUP / 2 + i]);
            }
            scales[b] = scale;
            half_sums[b * 2] = first as f32 * scale;
            half_sums[b * 2 + 1] = second as f32 * scale;
            sums[b] = half_sums[b * 2] + half_sums[b * 2 + 1];
        }
    }
}

/// A row of weights as codes, scales and minima: `weight = code * scale + min`.
#[derive(Default)]
pub(crate) struct Expanded {
    pub(crate) codes: Vec<u8>,
    /// One for each `span` weights.
    pub(crate) scales: Vec<f32>,
    /// One for each `span` weights; empty for signed codes, which have none.
    pub(crate) mins: Vec<f32>,
    /// How large codes are.
    pub(crate) kind: Kind,
}

/// How large codes are, and how many weights share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    /// Below 16; 32 share a scale.
    #[default]
    Four,
    /// Below 32; 32 share a scale.
    Five,
    /// Below 64; 16 share a scale.
    Six,
    /// Signed bytes; 32 share a scale, and there is no minimum.
    Signed,
}

impl Kind {
    pub(crate) fn of(dtype: Dtype) -> Self {
        match dtype {
            Dtype::Q4_0 | Dtype::Q4_1 | Dtype::Q4K => Self::Four,
            Dtype::Q5_0 | Dtype::Q5_1 | Dtype::Q5K => Self::Five,
            Dtype::Q6K => Self::Six,
            Dtype::Q8_0 | Dtype::Iq4Nl | Dtype::Iq4Xs => Self::Signed,
            Dtype::F32 | Dtype::F16 | Dtype::BF16 => unreachable!("floating-point rows have no codes: this is a bug"),
        }
    }

    /// Weights that share a scale.
    pub(crate) fn span(self) -> usize {
        if self == Self::Six { 16 } else { GROUP }
    }
}

impl Expanded {
    fn resize(&mut self, kind: Kind, cols: usize) {
        let spans = cols / kind.span();
        self.kind = kind;
        self.codes.resize(cols, 0);
        self.scales.resize(spans, 0.0);
        self.mins.resize(if kind == Kind::Signed { 0 } else { spans }, 0.0);
    }
}

#[cfg(test)]
impl Expanded {
    /// Makes room as another row has it.
    pub(super) fn clone_shape(&mut self, other: &Self) {
        self.resize(other.kind, other.codes.len());
    }
}

/// Writes a row's codes, scales and minima. The row is `cols` weights of a quantised type.
pub(crate) fn expand(dtype: Dtype, row: &[u8], cols: usize, out: &mut Expanded) {
    out.resize(Kind::of(dtype), cols);
    assert_eq!(row.len(), dtype.row_bytes(cols), "a row of {cols} weights");
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2, FMA and F16C; the row is whole blocks, and `out` was sized for them.
        unsafe { crate::x86::expand(dtype, row, out) };
        return;
    }
    expand_reference(dtype, row, out);
}

/// The same, a weight at a time.
pub(super) fn expand_reference(dtype: Dtype, row: &[u8], out: &mut Expanded) {
    let half_at = |block: &[u8], at: usize| f16::from_le_bytes([block[at], block[at + 1]]).to_f32();
    let (len, span) = (dtype.block_len(), out.kind.span());
    for (b, block) in row.chunks_exact(dtype.block_bytes()).enumerate() {
        for i in 0..len {
            out.codes[b * len + i] = code(dtype, block, i);
        }
        for s in 0..len / span {
            let at = b * (len / span) + s;
            let (scale, min) = match dtype {
                Dtype::Q4_0 => (half_at(block, 0), -8.0 * half_at(block, 0)),
                Dtype::Q5_0 => (half_at(block, 0), -16.0 * half_at(block, 0)),
                Dtype::Q4K | Dtype::Q5K => {
                    let (scale, min) = scale_min(&block[4..16], s);
                    (half_at(block, 0) * f32::from(scale), -half_at(block, 2) * f32::from(min))
                }
                Dtype::Q6K => {
                    let scale = half_at(block, 208) * f32::from(block[192 + s] as i8);
                    (scale, -32.0 * scale)
                }
                Dtype::Iq4Xs => (half_at(block, 0) * f32::from(uneven_scale(block, s)), 0.0),
                _ => (half_at(block, 0), half_at(block, 2)),
            };
            out.scales[at] = scale;
            if let Some(place) = out.mins.get_mut(at) {
                *place = min;
            }
        }
    }
}

/// The code of weight `i` of a block.
fn code(dtype: Dtype, block: &[u8], i: usize) -> u8 {
    let nibble = |packed: &[u8]| if i < 16 { packed[i] & 15 } else { packed[i - 16] >> 4 };
    let fifth = |high: &[u8]| (high[i / 8] >> (i % 8) & 1) << 4;
    let pair = |packed: &[u8]| packed[i / 64 * 32 + i % 32] >> (4 * (i / 32 % 2)) & 15;
    match dtype {
        Dtype::Q4_0 => nibble(&block[2..]),
        Dtype::Q4_1 => nibble(&block[4..]),
        Dtype::Q5_0 => nibble(&block[6..]) | fifth(&block[2..]),
        Dtype::Q5_1 => nibble(&block[8..]) | fifth(&block[4..]),
        Dtype::Q8_0 => block[2 + i],
        Dtype::Q4K => pair(&block[16..]),
        Dtype::Q5K => pair(&block[48..]) | (block[16 + i % 32] >> (i / 32) & 1) << 4,
        Dtype::Q6K => {
            let (half, quarter, at) = (i / 128, i / 32 % 4, i % 32);
            let low = block[half * 64 + quarter % 2 * 32 + at] >> (4 * (quarter / 2)) & 15;
            low | (block[128 + half * 32 + at] >> (2 * quarter) & 3) << 4
        }
        Dtype::Iq4Nl => UNEVEN[usize::from(nibble(&block[2..]))] as u8,
        Dtype::Iq4Xs => UNEVEN[usize::from(block[8 + i / 32 * 16 + i % 16] >> (4 * (i / 16 % 2)) & 15)] as u8,
        Dtype::F32 | Dtype::F16 | Dtype::BF16 => unreachable!("floating-point rows have no codes: this is a bug"),
    }
}
