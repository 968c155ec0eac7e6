//! The inner loops by AVX2, FMA and F16C intrinsics.

mod expand;
mod floats;
mod half_precision;
mod panel;
mod rows;
mod vector;

use std::arch::x86_64::*;

pub(crate) use expand::expand;
pub(crate) use floats::{columns, product};
pub(crate) use half_precision::{add_scaled_f16, dot_f16, widen};
pub(crate) use panel::{interleave, panel};
pub(crate) use rows::dot;
pub(crate) use vector::dot_row;

/// The sum of eight lanes.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn sum(x: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)))
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    let mut total = _mm256_setzero_ps();
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        // SAFETY: chunks of eight.
        unsafe { total = _mm256_fmadd_ps(_mm256_loadu_ps(a.as_ptr()), _mm256_loadu_ps(b.as_ptr()), total) };
    }
    sum(total) + rest
}
