//! The inner loops by AVX2, FMA and F16C intrinsics.

use std::arch::x86_64::*;

use half::f16;

use crate::matmul::{Activations, Expanded, GROUP};

/// Up to two rows of codes with up to four tokens.
///
/// # Safety
/// The machine has AVX2 and FMA; `rows` has one or two members as long as `x`'s rows, `t + count` tokens are in `x`, `count` is 1 to 4.
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
        match (rows[0].signed, rows[0].halves) {
            (true, _) => typed::<R, T, true, false>(rows, x, t, sums),
            (false, false) => typed::<R, T, false, false>(rows, x, t, sums),
            (false, true) => typed::<R, T, false, true>(rows, x, t, sums),
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
    let ones = _mm256_set1_epi16(1);
    let mut total = [[_mm256_setzero_ps(); T]; R];
    let codes: [*const i8; T] = std::array::from_fn(|j| x.codes[(t + j) * x.cols..][..x.cols].as_ptr());
    let scales: [*const f32; T] = std::array::from_fn(|j| x.scales[(t + j) * groups..][..groups].as_ptr());
    for row in rows {
        assert!(
            row.codes.len() == x.cols && row.scales.len() == groups * 2 && row.mins.len() == groups * 2,
            "a row as long as the tokens'"
        );
    }
    for g in 0..groups {
        for r in 0..R {
            let row = &rows[r];
            // SAFETY: the row holds `groups` groups of 32 codes and two scales each, asserted above.
            let (weights, scale) = unsafe {
                let weights = _mm256_loadu_si256(row.codes.as_ptr().add(g * GROUP).cast());
                let scale = if HALVES {
                    let pair = row.scales.as_ptr().add(g * 2);
                    _mm256_set_m128(_mm_broadcast_ss(&*pair.add(1)), _mm_broadcast_ss(&*pair))
                } else {
                    _mm256_broadcast_ss(&*row.scales.as_ptr().add(g * 2))
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
                let minima = &rows[r].mins[..groups * 2];
                value += dot_f32(minima, &x.sums[(t + j) * groups * 2..][..groups * 2]);
            }
            sums[r][j] = value;
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

/// Dot product with a half-precision vector.
///
/// # Safety
/// The machine has AVX2, FMA and F16C; `a` and `b` have one length.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn dot_f16(a: &[f32], b: &[f16]) -> f32 {
    let mut totals = [_mm256_setzero_ps(); 4];
    let len = a.len();
    let mut i = 0;
    while i + 32 <= len {
        for (lane, total) in totals.iter_mut().enumerate() {
            let at = i + lane * 8;
            // SAFETY: at + 8 <= len, the length of both.
            unsafe {
                let b = _mm256_cvtph_ps(_mm_loadu_si128(b.as_ptr().add(at).cast()));
                *total = _mm256_fmadd_ps(_mm256_loadu_ps(a.as_ptr().add(at)), b, *total);
            }
        }
        i += 32;
    }
    while i + 8 <= len {
        // SAFETY: i + 8 <= len.
        unsafe {
            let b = _mm256_cvtph_ps(_mm_loadu_si128(b.as_ptr().add(i).cast()));
            totals[0] = _mm256_fmadd_ps(_mm256_loadu_ps(a.as_ptr().add(i)), b, totals[0]);
        }
        i += 8;
    }
    let rest: f32 = a[i..].iter().zip(&b[i..]).map(|(a, b)| a * b.to_f32()).sum();
    sum(_mm256_add_ps(_mm256_add_ps(totals[0], totals[1]), _mm256_add_ps(totals[2], totals[3]))) + rest
}

/// `out += scale * x`.
///
/// # Safety
/// The machine has AVX2, FMA and F16C; `out` and `x` have one length.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn add_scaled_f16(out: &mut [f32], scale: f32, x: &[f16]) {
    let factor = _mm256_set1_ps(scale);
    let len = out.len();
    let mut i = 0;
    while i + 8 <= len {
        // SAFETY: i + 8 <= len, the length of both.
        unsafe {
            let x = _mm256_cvtph_ps(_mm_loadu_si128(x.as_ptr().add(i).cast()));
            let place = out.as_mut_ptr().add(i);
            _mm256_storeu_ps(place, _mm256_fmadd_ps(factor, x, _mm256_loadu_ps(place)));
        }
        i += 8;
    }
    for (out, x) in out[i..].iter_mut().zip(&x[i..]) {
        *out += scale * x.to_f32();
    }
}
