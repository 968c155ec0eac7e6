//! The inner loops by intrinsics: AVX2, FMA and F16C; pairs of panels, and attention's products, by AVX-512.

mod floats;
mod floats_512;
mod half_precision;
mod limits;
mod pairs;
mod quantise;
mod tile;

use std::arch::x86_64::*;

pub(crate) use floats::{columns, dots, product};
pub(crate) use floats_512::product_512;
pub(crate) use half_precision::{dot_f16, widen};
pub(crate) use limits::{float_chain, integer_chain, integer_chain_512};
pub(crate) use pairs::pair;
pub(crate) use quantise::quantise;
pub(crate) use tile::{panel, widen as widen_panel};

/// Asks memory for two lines of a cache, `at` halves on, if anything comes next.
#[inline(always)]
fn ask_for(next: Option<*const half::f16>, at: usize) {
    if let Some(next) = next {
        for half in 0..2 {
            // SAFETY: nothing is read, so that it need not be there.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(at + half * 32).cast()) };
        }
    }
}

/// The sum of eight lanes.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn sum(x: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)))
}
