//! Activations to 8 bits, by AVX2.

use std::arch::x86_64::*;

use crate::matmul::GROUP;

/// Rounds a group to codes between -127 and 127: the codes, the scale, and the sums of the codes of both halves.
///
/// # Safety
/// The machine has AVX2.
#[target_feature(enable = "avx2")]
#[inline]
pub(crate) unsafe fn quantise(x: &[f32; GROUP]) -> ([i8; GROUP], f32, [i32; 2]) {
    // SAFETY: 32 floats are four vectors of eight; the codes have room for one of 32 bytes.
    unsafe {
        let parts: [__m256; 4] = [0, 8, 16, 24].map(|at| _mm256_loadu_ps(x.as_ptr().add(at)));
        let most = largest(parts);
        let inverse = if most > 0.0 && most < f32::INFINITY { 127.0 / most } else { 0.0 };
        let [a, b, c, d] = parts.map(|x| _mm256_cvtps_epi32(_mm256_mul_ps(x, _mm256_set1_ps(inverse))));
        let mixed = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        // Packing goes by halves of vectors: eights become fours, out of order.
        let bytes = _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        let mut codes = [0i8; GROUP];
        _mm256_storeu_si256(codes.as_mut_ptr().cast(), bytes);
        let pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes);
        let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
        let eights = _mm256_add_epi32(fours, _mm256_shuffle_epi32::<0b10_11_00_01>(fours));
        let halves = _mm256_add_epi32(eights, _mm256_shuffle_epi32::<0b01_00_11_10>(eights));
        (codes, most / 127.0, [_mm256_extract_epi32::<0>(halves), _mm256_extract_epi32::<4>(halves)])
    }
}

/// The largest size of a number; numbers that are not numbers have none.
#[target_feature(enable = "avx2")]
#[inline]
fn largest(parts: [__m256; 4]) -> f32 {
    let mut most = _mm256_setzero_ps();
    for x in parts {
        // The second operand stands where the first is not a number.
        most = _mm256_max_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0), x), most);
    }
    let four = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps::<1>(most));
    let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
}
