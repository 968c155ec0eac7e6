//! Products of 32-bit floats in tiles of six rows by sixteen columns, and dot products side by side.

use std::arch::x86_64::*;

use half::f16;

use super::ask_for;
use crate::floats::{DOT_ROWS, DOT_TOKENS, NEXT, Right, Sizes, View};

/// `c = a * b`, or `c += a * b`, for up to six rows: see [`crate::floats::product`], which calls this.
///
/// # Safety
/// The machine has AVX2, FMA and F16C; `sizes` are 1 to 6 rows and 16 columns, and the matrices hold them.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn product(a: View<'_>, b: Right<'_>, sizes: Sizes, c: (&mut [f32], usize), add: bool, next: &[f16]) {
    let Sizes { rows, depth, .. } = sizes;
    let next = if next.is_empty() { None } else { Some(next.as_ptr()) };
    // SAFETY: the caller's promises.
    unsafe {
        match b {
            Right::Floats(b) => sized::<false>(a, (b.data.as_ptr().cast(), b.stride), depth, c, rows, add, next),
            Right::Halves(b) => sized::<true>(a, (b.data.as_ptr().cast(), b.stride), depth, c, rows, add, next),
        }
    }
}

/// # Safety
/// Row `i` of `a` has `depth` numbers, row `k < depth` of `b` 16 numbers, halves if `HALVES`, and row `i` of `c` has 16, for every `i < rows`;
/// `rows` is 1 to 6.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn sized<const HALVES: bool>(
    a: View<'_>,
    b: (*const u8, usize),
    depth: usize,
    c: (&mut [f32], usize),
    rows: usize,
    add: bool,
    next: Option<*const f16>,
) {
    // SAFETY: the caller's promises.
    unsafe {
        match rows {
            6 => tile::<6, HALVES>(a, b, depth, c, add, next),
            5 => tile::<5, HALVES>(a, b, depth, c, add, next),
            4 => tile::<4, HALVES>(a, b, depth, c, add, next),
            3 => tile::<3, HALVES>(a, b, depth, c, add, next),
            2 => tile::<2, HALVES>(a, b, depth, c, add, next),
            _ => tile::<1, HALVES>(a, b, depth, c, add, next),
        }
    }
}

/// # Safety
/// As for [`sized`], with `R` rows.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn tile<const R: usize, const HALVES: bool>(
    a: View<'_>,
    (right, b_stride): (*const u8, usize),
    depth: usize,
    (c, c_stride): (&mut [f32], usize),
    add: bool,
    next: Option<*const f16>,
) {
    let mut sums = [[_mm256_setzero_ps(); 2]; R];
    // SAFETY: the caller's promises.
    unsafe {
        let (left, out) = (a.data.as_ptr(), c.as_mut_ptr());
        if add {
            for (r, sums) in sums.iter_mut().enumerate() {
                *sums = [_mm256_loadu_ps(out.add(r * c_stride)), _mm256_loadu_ps(out.add(r * c_stride + 8))];
            }
        }
        for k in 0..depth {
            ask_for(next, k * NEXT);
            let (first, second) = (eight::<HALVES>(right, k * b_stride), eight::<HALVES>(right, k * b_stride + 8));
            for r in 0..R {
                let factor = _mm256_broadcast_ss(&*left.add(r * a.stride + k));
                sums[r][0] = _mm256_fmadd_ps(factor, first, sums[r][0]);
                sums[r][1] = _mm256_fmadd_ps(factor, second, sums[r][1]);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            _mm256_storeu_ps(out.add(r * c_stride), sums[0]);
            _mm256_storeu_ps(out.add(r * c_stride + 8), sums[1]);
        }
    }
}

/// Eight numbers from number `at` on.
///
/// # Safety
/// There are eight, halves if `HALVES`, floats otherwise.
#[target_feature(enable = "avx2,f16c")]
#[inline]
unsafe fn eight<const HALVES: bool>(from: *const u8, at: usize) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        if HALVES {
            _mm256_cvtph_ps(_mm_loadu_si128(from.add(at * 2).cast()))
        } else {
            _mm256_loadu_ps(from.add(at * 4).cast())
        }
    }
}

/// Dot products of up to three tokens with four rows: see [`crate::floats::dots`], which calls this.
///
/// # Safety
/// The machine has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn dots(tokens: &[&[f32]], rows: [&[f32]; DOT_ROWS]) -> [[f32; DOT_ROWS]; DOT_TOKENS] {
    let len = rows[0].len();
    assert!(rows.iter().chain(tokens).all(|numbers| numbers.len() == len), "vectors of one length");
    // SAFETY: all have the length.
    unsafe {
        match tokens {
            [a, b, c] => dot_tile([a, b, c], rows),
            [a, b] => dot_tile([a, b], rows),
            [a] => dot_tile([a], rows),
            _ => [[0.0; DOT_ROWS]; DOT_TOKENS],
        }
    }
}

/// # Safety
/// All vectors have the length of the first row.
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn dot_tile<const T: usize>(tokens: [&&[f32]; T], rows: [&[f32]; DOT_ROWS]) -> [[f32; DOT_ROWS]; DOT_TOKENS] {
    let len = rows[0].len();
    let whole = len / 8 * 8;
    let mut sums = [[_mm256_setzero_ps(); DOT_ROWS]; T];
    for k in (0..whole).step_by(8) {
        // SAFETY: k + 8 <= len.
        let rows = rows.map(|row| unsafe { _mm256_loadu_ps(row.as_ptr().add(k)) });
        for t in 0..T {
            // SAFETY: k + 8 <= len.
            let token = unsafe { _mm256_loadu_ps(tokens[t].as_ptr().add(k)) };
            for r in 0..DOT_ROWS {
                sums[t][r] = _mm256_fmadd_ps(token, rows[r], sums[t][r]);
            }
        }
    }
    let mut out = [[0.0; DOT_ROWS]; DOT_TOKENS];
    for t in 0..T {
        for r in 0..DOT_ROWS {
            out[t][r] = super::sum(sums[t][r]);
            for k in whole..len {
                out[t][r] += tokens[t][k] * rows[r][k];
            }
        }
    }
    out
}

/// Eight rows into columns: `out[d * stride + r] = rows[r][d]` for whole eights of `d`; returns how many were done.
///
/// # Safety
/// The machine has AVX2.
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn columns(rows: [&[f32]; 8], out: &mut [f32], stride: usize) -> usize {
    let whole = rows[0].len() / 8 * 8;
    assert!(rows.iter().all(|row| row.len() >= whole), "rows of one length");
    assert!(whole == 0 || out.len() >= (whole - 1) * stride + 8, "room for every column");
    for d in (0..whole).step_by(8) {
        // SAFETY: d + 8 <= the length of each row, and eight numbers fit at each of the eight columns.
        unsafe {
            let eight = std::array::from_fn(|r| _mm256_loadu_si256(rows[r].as_ptr().add(d).cast()));
            for (i, column) in transpose(eight).into_iter().enumerate() {
                _mm256_storeu_si256(out.as_mut_ptr().add((d + i) * stride).cast(), column);
            }
        }
    }
    whole
}

/// Eight vectors of eight 32-bit numbers, rows to columns.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    let pairs = |x, y| (_mm256_unpacklo_epi32(x, y), _mm256_unpackhi_epi32(x, y));
    let ((ab0, ab1), (cd0, cd1), (ef0, ef1), (gh0, gh1)) = (pairs(a, b), pairs(c, d), pairs(e, f), pairs(g, h));
    let fours = |x, y| (_mm256_unpacklo_epi64(x, y), _mm256_unpackhi_epi64(x, y));
    let ((p0, p1), (p2, p3)) = (fours(ab0, cd0), fours(ab1, cd1));
    let ((q0, q1), (q2, q3)) = (fours(ef0, gh0), fours(ef1, gh1));
    let low = |x, y| _mm256_permute2x128_si256::<0x20>(x, y);
    let high = |x, y| _mm256_permute2x128_si256::<0x31>(x, y);
    [low(p0, q0), low(p1, q1), low(p2, q2), low(p3, q3), high(p0, q0), high(p1, q1), high(p2, q2), high(p3, q3)]
}
