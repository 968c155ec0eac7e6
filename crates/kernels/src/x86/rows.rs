//! One or two rows of codes with a few tokens.

use std::arch::x86_64::*;

use super::{dot_f32, sum};
use crate::matmul::{Activations, Expanded, GROUP, Kind};

/// Up to two rows of codes with up to four tokens.
///
/// # Safety
/// The machine has AVX2 and FMA; `rows` has one or two members of one kind as long as `x`'s rows, tokens `t..t + count` are in `x`,
/// `count` is 1 to 4.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn dot(rows: &[Expanded], x: &Activations, t: usize, count: usize, sums: &mut [[f32; 4]; 2]) {
    // SAFETY: the caller's promises are passed on; the constants say how many rows and tokens there are.
    unsafe {
        match (rows.len(), count) {
            (2, 4) => tile::<2, 4>(rows, x, t, sums),
            (2, 3) => tile::<2, 3>(rows, x, t, sums),
            (2, 2) => tile::<2, 2>(rows, x, t, sums),
            (2, 1) => tile::<2, 1>(rows, x, t, sums),
            (1, 4) => tile::<1, 4>(rows, x, t, sums),
            (1, 3) => tile::<1, 3>(rows, x, t, sums),
            (1, 2) => tile::<1, 2>(rows, x, t, sums),
            _ => tile::<1, 1>(rows, x, t, sums),
        }
    }
}

/// # Safety
/// As for [`dot`].
#[target_feature(enable = "avx2,fma")]
unsafe fn tile<const R: usize, const T: usize>(rows: &[Expanded], x: &Activations, t: usize, sums: &mut [[f32; 4]; 2]) {
    // SAFETY: the caller's promises are passed on.
    unsafe {
        match rows[0].kind {
            Kind::Signed => typed::<R, T, true, false>(rows, x, t, sums),
            Kind::Six => typed::<R, T, false, true>(rows, x, t, sums),
            Kind::Four | Kind::Five => typed::<R, T, false, false>(rows, x, t, sums),
        }
    }
}

/// # Safety
/// As for [`dot`]; rows have exactly `R` members, tokens `t..t + T` are in `x`.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn typed<const R: usize, const T: usize, const SIGNED: bool, const HALVES: bool>(
    rows: &[Expanded],
    x: &Activations,
    t: usize,
    sums: &mut [[f32; 4]; 2],
) {
    let groups = x.cols / GROUP;
    let spans = if HALVES { groups * 2 } else { groups };
    let ones = _mm256_set1_epi16(1);
    let mut total = [[_mm256_setzero_ps(); T]; R];
    let codes: [*const i8; T] = std::array::from_fn(|j| x.codes[(t + j) * x.cols..][..x.cols].as_ptr());
    let scales: [*const f32; T] = std::array::from_fn(|j| x.scales[(t + j) * groups..][..groups].as_ptr());
    for row in &rows[..R] {
        assert!(row.codes.len() == x.cols && row.scales.len() == spans, "a row as long as the tokens'");
        assert!(SIGNED || row.mins.len() == spans, "a minimum for each scale");
    }
    for g in 0..groups {
        for r in 0..R {
            let row = &rows[r];
            // SAFETY: the row holds `groups` groups of 32 codes and their scales, asserted above.
            let (weights, scale) = unsafe {
                let weights = _mm256_loadu_si256(row.codes.as_ptr().add(g * GROUP).cast());
                let scale = if HALVES {
                    let pair = row.scales.as_ptr().add(g * 2);
                    _mm256_set_m128(_mm_broadcast_ss(&*pair.add(1)), _mm_broadcast_ss(&*pair))
                } else {
                    _mm256_broadcast_ss(&*row.scales.as_ptr().add(g))
                };
                (weights, scale)
            };
            for j in 0..T {
                // SAFETY: token j has `groups` groups of 32 codes and one scale each, sliced above.
                let (activations, activation_scale) = unsafe {
                    (_mm256_loadu_si256(codes[j].add(g * GROUP).cast()), _mm256_broadcast_ss(&*scales[j].add(g)))
                };
                // Unsigned times signed bytes, added in pairs: at most 2 * 128 * 127, which fits 16 bits.
                let pairs = if SIGNED {
                    _mm256_maddubs_epi16(_mm256_abs_epi8(weights), _mm256_sign_epi8(activations, weights))
                } else {
                    _mm256_maddubs_epi16(weights, activations)
                };
                let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, ones));
                total[r][j] = _mm256_fmadd_ps(products, _mm256_mul_ps(scale, activation_scale), total[r][j]);
            }
        }
    }
    for r in 0..R {
        for j in 0..T {
            let mut value = sum(total[r][j]);
            if !SIGNED {
                let sums = if HALVES { &x.half_sums } else { &x.sums };
                value += dot_f32(&rows[r].mins, &sums[(t + j) * spans..][..spans]);
            }
            sums[r][j] = value;
        }
    }
}
