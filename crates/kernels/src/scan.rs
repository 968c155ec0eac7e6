//! Products with half-precision vectors: the exact vector scan.

use half::f16;

use crate::Pool;
use crate::pool::Slots;

/// The dot product of a vector and a half-precision one.
///
/// # Panics
/// If their lengths differ.
pub fn dot_f16(a: &[f32], b: &[f16]) -> f32 {
    assert_eq!(a.len(), b.len(), "vectors of one length");
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2, FMA and F16C; the lengths are equal.
        return unsafe { crate::x86::dot_f16(a, b) };
    }
    dot_reference(a, b)
}

/// The same, one number after the other.
fn dot_reference(a: &[f32], b: &[f16]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b.to_f32()).sum()
}

/// The dot products of a query with each row of a matrix (`out.len()` rows).
///
/// # Panics
/// If `rows` is not `out.len()` vectors as long as the query.
pub fn scan_f16(pool: &Pool, query: &[f32], rows: &[f16], out: &mut [f32]) {
    let width = query.len();
    assert_eq!(rows.len(), out.len() * width, "rows of {width}");
    let total = out.len();
    let slots = Slots::new(out);
    let chunk = 1024;
    pool.run(total.div_ceil(chunk), &|task| {
        let start = task * chunk;
        let count = chunk.min(total - start);
        // SAFETY: chunks do not overlap.
        let out = unsafe { slots.part(start, count) };
        for (out, row) in out.iter_mut().zip(rows[start * width..].chunks_exact(width)) {
            *out = dot_f16(query, row);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_path_follows_the_reference() {
        for len in [0, 1, 7, 8, 31, 32, 33, 384, 1000] {
            let a: Vec<f32> = (0..len).map(|i| (i as f32 * 0.37).sin()).collect();
            let b: Vec<f16> = (0..len).map(|i| f16::from_f32((i as f32 * 0.73).cos())).collect();
            assert!((dot_f16(&a, &b) - dot_reference(&a, &b)).abs() < 1e-4, "{len}");
        }
    }

    #[test]
    fn a_scan_is_one_product_a_row() {
        let rows: Vec<f16> = (0..3000 * 4).map(|i| f16::from_f32((i % 17) as f32)).collect();
        let query = [1.0, -1.0, 0.5, 2.0];
        let mut out = vec![0.0; 3000];
        scan_f16(&Pool::new(2), &query, &rows, &mut out);
        for (row, out) in rows.chunks_exact(4).zip(&out) {
            assert_eq!(*out, dot_reference(&query, row));
        }
    }
}
