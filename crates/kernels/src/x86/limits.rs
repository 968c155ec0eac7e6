//! The chains of instructions that products are made of, with nothing around them.

use std::arch::x86_64::*;

/// `rounds` of `N` products of 32 unsigned with 32 signed bytes, added up in 32 bits.
///
/// # Safety
/// The machine has AVX2.
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn integer_chain<const N: usize>(rounds: usize) -> i32 {
    let ones = _mm256_set1_epi16(1);
    let weights = std::hint::black_box(_mm256_set1_epi8(3));
    let mut sums = [_mm256_setzero_si256(); N];
    for _ in 0..rounds {
        for sum in &mut sums {
            // The sum is the activation, so that no product can be left out.
            let pairs = _mm256_maddubs_epi16(weights, *sum);
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
        }
    }
    let all = sums.into_iter().fold(_mm256_setzero_si256(), |all, sum| _mm256_add_epi32(all, sum));
    _mm256_extract_epi32::<0>(all)
}

/// `rounds` of `N` products of 64 unsigned with 64 signed bytes, added up in 32 bits.
///
/// # Safety
/// The machine has AVX-512 F and VNNI.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(crate) unsafe fn integer_chain_512<const N: usize>(rounds: usize) -> i32 {
    let weights = std::hint::black_box(_mm512_set1_epi8(3));
    let mut sums = [_mm512_set1_epi32(1); N];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, weights, *sum);
        }
    }
    _mm512_reduce_add_epi32(sums.into_iter().fold(_mm512_setzero_si512(), |all, sum| _mm512_add_epi32(all, sum)))
}

/// `rounds` of `N` multiplications and additions of eight floats.
///
/// # Safety
/// The machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn float_chain<const N: usize>(rounds: usize) -> f32 {
    let (half, quarter) = (std::hint::black_box(_mm256_set1_ps(0.5)), _mm256_set1_ps(0.25));
    let mut sums = [_mm256_set1_ps(1.0); N];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, half, quarter);
        }
    }
    super::sum(sums.into_iter().fold(_mm256_setzero_ps(), |all, sum| _mm256_add_ps(all, sum)))
}
