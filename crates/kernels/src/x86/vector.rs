//! A stored row with one token, without a detour through memory: what writing a word costs.

use std::arch::x86_64::*;

use super::expand::{fifths, get, half, nibbles, scales_k, six_k_codes, uneven};
use super::sum;
use crate::Dtype;
use crate::matmul::{Activations, GROUP};
use crate::quant::uneven_scale;

/// The product of a row with token `t`.
///
/// # Safety
/// The machine has AVX2, FMA and F16C; `row` is `x.cols` weights of a quantised type, and token `t` is in `x`.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn dot_row(dtype: Dtype, row: &[u8], x: &Activations, t: usize) -> f32 {
    let groups = x.cols / GROUP;
    assert_eq!(row.len(), dtype.row_bytes(x.cols), "a row as long as the token");
    let token = Token {
        codes: x.codes[t * x.cols..][..x.cols].as_ptr(),
        scales: x.scales[t * groups..][..groups].as_ptr(),
        sums: x.sums[t * groups..][..groups].as_ptr(),
        half_sums: x.half_sums[t * groups * 2..][..groups * 2].as_ptr(),
    };
    let (row, blocks) = (row.as_ptr(), row.len() / dtype.block_bytes());
    // SAFETY: the row is whole blocks, and the token has a code for each weight and a scale and a sum for each 32.
    unsafe {
        match dtype {
            Dtype::Q8_0 => signed::<34>(row, blocks, &token),
            Dtype::Iq4Nl => signed::<18>(row, blocks, &token),
            Dtype::Iq4Xs => uneven_groups(row, blocks, &token),
            Dtype::Q4_0 => plain::<18, 2, false>(row, blocks, &token, Some(-8.0)),
            Dtype::Q4_1 => plain::<20, 4, false>(row, blocks, &token, None),
            Dtype::Q5_0 => plain::<22, 6, true>(row, blocks, &token, Some(-16.0)),
            Dtype::Q5_1 => plain::<24, 8, true>(row, blocks, &token, None),
            Dtype::Q4K => four_or_five_k::<144, false>(row, blocks, &token),
            Dtype::Q5K => four_or_five_k::<176, true>(row, blocks, &token),
            Dtype::Q6K => six_k(row, blocks, &token),
            Dtype::F32 | Dtype::F16 | Dtype::BF16 => unreachable!("these have no codes: this is a bug"),
        }
    }
}

struct Token {
    codes: *const i8,
    scales: *const f32,
    sums: *const f32,
    half_sums: *const f32,
}

impl Token {
    /// # Safety
    /// The token has a group `g`.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    unsafe fn codes(&self, g: usize) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_si256(self.codes.add(g * GROUP).cast()) }
    }
}

/// Unsigned codes with a token's, in eight sums.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn products(weights: __m256i, token: __m256i) -> __m256 {
    _mm256_cvtepi32_ps(_mm256_madd_epi16(_mm256_maddubs_epi16(weights, token), _mm256_set1_epi16(1)))
}

/// Signed codes with a token's, in eight sums.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn signed_products(weights: __m256i, token: __m256i) -> __m256 {
    products(_mm256_abs_epi8(weights), _mm256_sign_epi8(token, weights))
}

/// Blocks of 32 with a scale and signed bytes, or nibbles that stand for them.
///
/// # Safety
/// As for [`dot_row`]; blocks are `BYTES` long.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn signed<const BYTES: usize>(row: *const u8, blocks: usize, token: &Token) -> f32 {
    let mut totals = [_mm256_setzero_ps(); 2];
    for b in 0..blocks {
        // SAFETY: block and group `b` are there.
        unsafe {
            let block = row.add(b * BYTES);
            let weights = if BYTES == 18 { uneven(block.add(2)) } else { get(block.add(2)) };
            let products = signed_products(weights, token.codes(b));
            let scale = _mm256_set1_ps(half(block) * *token.scales.add(b));
            totals[b % 2] = _mm256_fmadd_ps(products, scale, totals[b % 2]);
        }
    }
    sum(_mm256_add_ps(totals[0], totals[1]))
}

/// IQ4_XS.
///
/// # Safety
/// As for [`dot_row`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn uneven_groups(row: *const u8, blocks: usize, token: &Token) -> f32 {
    let mut totals = [_mm256_setzero_ps(); 2];
    for b in 0..blocks {
        // SAFETY: block `b` and groups `8b..8b + 8` are there.
        unsafe {
            let block = row.add(b * 136);
            let (head, d) = (std::slice::from_raw_parts(block, 8), half(block));
            for j in 0..8 {
                let products = signed_products(uneven(block.add(8 + j * 16)), token.codes(b * 8 + j));
                let scale = _mm256_set1_ps(d * f32::from(uneven_scale(head, j)) * *token.scales.add(b * 8 + j));
                totals[j % 2] = _mm256_fmadd_ps(products, scale, totals[j % 2]);
            }
        }
    }
    sum(_mm256_add_ps(totals[0], totals[1]))
}

/// Blocks of 32 with 4 or 5 bits; the minimum is `offset` times the scale, or stored beside it.
///
/// # Safety
/// As for [`dot_row`]; blocks are `BYTES` long with nibbles from `CODES` on, fifth bits in the four bytes before them.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn plain<const BYTES: usize, const CODES: usize, const FIVE: bool>(
    row: *const u8,
    blocks: usize,
    token: &Token,
    offset: Option<f32>,
) -> f32 {
    let mut totals = [_mm256_setzero_ps(); 2];
    let mut minima = [0.0f32; 2];
    for b in 0..blocks {
        // SAFETY: block and group `b` are there.
        unsafe {
            let block = row.add(b * BYTES);
            let mut weights = nibbles(block.add(CODES));
            if FIVE {
                weights = _mm256_or_si256(weights, fifths(block.add(CODES - 4)));
            }
            let scale = half(block);
            let factor = _mm256_set1_ps(scale * *token.scales.add(b));
            totals[b % 2] = _mm256_fmadd_ps(products(weights, token.codes(b)), factor, totals[b % 2]);
            let min = if offset.is_some() { scale } else { half(block.add(2)) };
            minima[b % 2] += min * *token.sums.add(b);
        }
    }
    sum(_mm256_add_ps(totals[0], totals[1])) + (minima[0] + minima[1]) * offset.unwrap_or(1.0)
}

/// # Safety
/// As for [`dot_row`].
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn four_or_five_k<const BYTES: usize, const FIVE: bool>(row: *const u8, blocks: usize, token: &Token) -> f32 {
    let low = _mm256_set1_epi8(15);
    let mut totals = [_mm256_setzero_ps(); 2];
    let mut minima = _mm256_setzero_ps();
    let (mut scales, mut mins) = ([0.0f32; 8], [0.0f32; 8]);
    for b in 0..blocks {
        // SAFETY: block `b` and groups `8b..8b + 8` are there.
        unsafe {
            let block = row.add(b * BYTES);
            scales_k(block, scales.as_mut_ptr(), mins.as_mut_ptr());
            let own = _mm256_mul_ps(_mm256_loadu_ps(scales.as_ptr()), _mm256_loadu_ps(token.scales.add(b * 8)));
            _mm256_storeu_ps(scales.as_mut_ptr(), own);
            minima = _mm256_fmadd_ps(_mm256_loadu_ps(mins.as_ptr()), _mm256_loadu_ps(token.sums.add(b * 8)), minima);
            let high = get(block.add(16)); // of a Q4_K block these are codes, and not used
            for pair in 0..4 {
                let both = get(block.add(if FIVE { 48 } else { 16 } + pair * 32));
                let mut weights = [_mm256_and_si256(both, low), _mm256_and_si256(_mm256_srli_epi16(both, 4), low)];
                for (half, weights) in weights.iter_mut().enumerate() {
                    let group = pair * 2 + half;
                    if FIVE {
                        let own = _mm256_set1_epi8((1u8 << group).cast_signed());
                        let bit = _mm256_cmpeq_epi8(_mm256_and_si256(high, own), own);
                        *weights = _mm256_or_si256(*weights, _mm256_and_si256(bit, _mm256_set1_epi8(16)));
                    }
                    let products = products(*weights, token.codes(b * 8 + group));
                    totals[half] = _mm256_fmadd_ps(products, _mm256_broadcast_ss(&scales[group]), totals[half]);
                }
            }
        }
    }
    sum(_mm256_add_ps(_mm256_add_ps(totals[0], totals[1]), minima))
}

/// # Safety
/// As for [`dot_row`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn six_k(row: *const u8, blocks: usize, token: &Token) -> f32 {
    let mut totals = [_mm256_setzero_ps(); 2];
    let mut minima = _mm256_setzero_ps();
    for b in 0..blocks {
        // SAFETY: block `b` and groups `8b..8b + 8` are there.
        unsafe {
            let block = row.add(b * 210);
            let bytes = _mm_loadu_si128(block.add(192).cast());
            let wide = _mm256_cvtepi8_epi16(bytes);
            let d = half(block.add(208));
            for (eight, bytes) in [bytes, _mm_srli_si128(bytes, 8)].into_iter().enumerate() {
                let scales = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), _mm256_set1_ps(d));
                let sums = _mm256_loadu_ps(token.half_sums.add(b * 16 + eight * 8));
                minima = _mm256_fmadd_ps(scales, sums, minima);
            }
            for n in 0..2 {
                for (quarter, weights) in six_k_codes(block, n).into_iter().enumerate() {
                    let group = n * 4 + quarter;
                    // Pairs' sums are below 2 * 63 * 127; times a scale they fit 32 bits.
                    let pairs = _mm256_maddubs_epi16(weights, token.codes(b * 8 + group));
                    let scales = scale_pair(wide, group);
                    let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, scales));
                    let factor = _mm256_set1_ps(d * *token.scales.add(b * 8 + group));
                    totals[quarter % 2] = _mm256_fmadd_ps(products, factor, totals[quarter % 2]);
                }
            }
        }
    }
    sum(_mm256_fmadd_ps(minima, _mm256_set1_ps(-32.0), _mm256_add_ps(totals[0], totals[1])))
}

/// The two 16-bit scales of a group of 32, the first in the lower half of the vector, the second in the upper.
#[target_feature(enable = "avx2")]
#[inline]
fn scale_pair(scales: __m256i, group: usize) -> __m256i {
    // Every half gets the eight scales it chooses from: those of groups 0..4, or of 4..8.
    let eight = if group < 4 {
        _mm256_permute2x128_si256::<0x00>(scales, scales)
    } else {
        _mm256_permute2x128_si256::<0x11>(scales, scales)
    };
    let at = (group % 4 * 4) as i16;
    let (first, second) = (at | (at + 1) << 8, (at + 2) | (at + 3) << 8);
    _mm256_shuffle_epi8(eight, _mm256_set_m128i(_mm_set1_epi16(second), _mm_set1_epi16(first)))
}
