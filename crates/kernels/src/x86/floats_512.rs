//! Products of 32-bit floats in tiles of six rows by up to sixty-four columns, by AVX-512: a page's row of halves is read in one go.
//!
//! Sums are those of [`super::floats`] to the bit: each is taken along the depth, whatever is beside it.

use std::arch::x86_64::*;

use half::f16;

use super::ask_for;
use crate::floats::{COLUMNS, NEXT, Right, Sizes, View};

/// `c = a * b`, or `c += a * b` if `add`, for up to six rows: see [`crate::floats::product`], which calls this.
///
/// # Safety
/// The machine has AVX-512 with its part F; `sizes` are 1 to 6 rows, and 16, 32 or 64 columns, and the matrices hold them.
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn product_512(
    a: View<'_>,
    b: Right<'_>,
    sizes: Sizes,
    c: (&mut [f32], usize),
    add: bool,
    next: &[f16],
) {
    let (from, stride, halves) = match b {
        Right::Floats(View { data, stride }) => (data.as_ptr().cast(), stride, false),
        Right::Halves(View { data, stride }) => (data.as_ptr().cast(), stride, true),
    };
    let (b, next) = ((from, stride), if next.is_empty() { None } else { Some(next.as_ptr()) });
    // SAFETY: the caller's promises.
    unsafe {
        match (sizes.cols / COLUMNS, halves) {
            (4, true) => of_rows::<4, true>(a, b, sizes, c, add, next),
            (4, false) => of_rows::<4, false>(a, b, sizes, c, add, next),
            (2, true) => of_rows::<2, true>(a, b, sizes, c, add, next),
            (2, false) => of_rows::<2, false>(a, b, sizes, c, add, next),
            (_, true) => of_rows::<1, true>(a, b, sizes, c, add, next),
            (_, false) => of_rows::<1, false>(a, b, sizes, c, add, next),
        }
    }
}

/// # Safety
/// Row `i` of `a` has `depth` numbers, row `k < depth` of `b` `V` vectors, halves if `HALVES`, and row `i` of `c` as many, for every
/// `i < rows`; there are 1 to 6 rows.
#[target_feature(enable = "avx512f")]
unsafe fn of_rows<const V: usize, const HALVES: bool>(
    a: View<'_>,
    b: (*const u8, usize),
    sizes: Sizes,
    c: (&mut [f32], usize),
    add: bool,
    next: Option<*const f16>,
) {
    let depth = sizes.depth;
    // SAFETY: the caller's promises.
    unsafe {
        match sizes.rows {
            6 => tile::<6, V, HALVES>(a, b, depth, c, add, next),
            5 => tile::<5, V, HALVES>(a, b, depth, c, add, next),
            4 => tile::<4, V, HALVES>(a, b, depth, c, add, next),
            3 => tile::<3, V, HALVES>(a, b, depth, c, add, next),
            2 => tile::<2, V, HALVES>(a, b, depth, c, add, next),
            _ => tile::<1, V, HALVES>(a, b, depth, c, add, next),
        }
    }
}

/// # Safety
/// As for [`of_rows`], with `R` rows.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn tile<const R: usize, const V: usize, const HALVES: bool>(
    a: View<'_>,
    (right, b_stride): (*const u8, usize),
    depth: usize,
    (c, c_stride): (&mut [f32], usize),
    add: bool,
    next: Option<*const f16>,
) {
    let mut sums = [[_mm512_setzero_ps(); V]; R];
    // SAFETY: the caller's promises.
    unsafe {
        let (left, out) = (a.data.as_ptr(), c.as_mut_ptr());
        if add {
            for r in 0..R {
                for v in 0..V {
                    sums[r][v] = _mm512_loadu_ps(out.add(r * c_stride + v * COLUMNS));
                }
            }
        }
        for k in 0..depth {
            ask_for(next, k * NEXT);
            let mut columns = [_mm512_setzero_ps(); V];
            for v in 0..V {
                columns[v] = sixteen::<HALVES>(right, k * b_stride + v * COLUMNS);
            }
            for r in 0..R {
                let factor = _mm512_set1_ps(*left.add(r * a.stride + k));
                for v in 0..V {
                    sums[r][v] = _mm512_fmadd_ps(factor, columns[v], sums[r][v]);
                }
            }
        }
        for r in 0..R {
            for v in 0..V {
                _mm512_storeu_ps(out.add(r * c_stride + v * COLUMNS), sums[r][v]);
            }
        }
    }
}

/// Sixteen numbers from number `at` on.
///
/// # Safety
/// There are sixteen, halves if `HALVES`, floats otherwise.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn sixteen<const HALVES: bool>(from: *const u8, at: usize) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        if HALVES {
            _mm512_cvtph_ps(_mm256_loadu_si256(from.add(at * 2).cast()))
        } else {
            _mm512_loadu_ps(from.add(at * 4).cast())
        }
    }
}
