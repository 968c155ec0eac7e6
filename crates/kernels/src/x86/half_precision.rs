//! Half-precision vectors.

use std::arch::x86_64::*;

use half::f16;

use super::sum;

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

/// Halves, as bytes, to 32-bit floats.
///
/// # Safety
/// The machine has AVX2 and F16C; `x` has two bytes for each number of `out`.
#[target_feature(enable = "avx2,f16c")]
pub(crate) unsafe fn widen(x: &[u8], out: &mut [f32]) {
    let whole = out.len() / 8 * 8;
    assert!(x.len() >= out.len() * 2, "two bytes a number");
    for at in (0..whole).step_by(8) {
        // SAFETY: at + 8 <= the numbers of both.
        unsafe {
            let wide = _mm256_cvtph_ps(_mm_loadu_si128(x.as_ptr().add(at * 2).cast()));
            _mm256_storeu_ps(out.as_mut_ptr().add(at), wide);
        }
    }
    for at in whole..out.len() {
        out[at] = f16::from_le_bytes([x[at * 2], x[at * 2 + 1]]).to_f32();
    }
}
