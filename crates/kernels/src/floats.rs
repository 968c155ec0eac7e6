//! Products of 32-bit floats, and what brings numbers into their shape.

use half::f16;

/// Columns of one tile.
pub(crate) const COLUMNS: usize = 16;

/// Rows of one tile.
const ROWS: usize = 6;

/// A matrix of floats whose rows begin `stride` numbers apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) stride: usize,
}

/// Sizes of a product: `rows` x `depth` by `depth` x `cols`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    /// A multiple of [`COLUMNS`].
    pub(crate) cols: usize,
}

/// `c = a * b`, or `c += a * b` if `add`.
///
/// # Panics
/// If a matrix is too small for the sizes, or `cols` is not whole tiles.
pub(crate) fn product(a: View<'_>, b: View<'_>, sizes: Sizes, c: &mut [f32], c_stride: usize, add: bool) {
    assert!(sizes.cols.is_multiple_of(COLUMNS), "whole tiles of columns");
    for column in (0..sizes.cols).step_by(COLUMNS) {
        for row in (0..sizes.rows).step_by(ROWS) {
            let rows = (sizes.rows - row).min(ROWS);
            let a = View { data: &a.data[row * a.stride..], ..a };
            let b = View { data: &b.data[column..], ..b };
            tile(a, b, sizes.depth, &mut c[row * c_stride + column..], c_stride, rows, add);
        }
    }
}

fn tile(a: View<'_>, b: View<'_>, depth: usize, c: &mut [f32], c_stride: usize, rows: usize, add: bool) {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2 and FMA, `rows` is 1 to 6; the lengths are asserted within.
        unsafe { crate::x86::product(a, b, depth, c, c_stride, rows, add) };
        return;
    }
    tile_reference(a, b, depth, c, c_stride, rows, add);
}

fn tile_reference(a: View<'_>, b: View<'_>, depth: usize, c: &mut [f32], c_stride: usize, rows: usize, add: bool) {
    for row in 0..rows {
        for column in 0..COLUMNS {
            let mut sum = if add { c[row * c_stride + column] } else { 0.0 };
            for k in 0..depth {
                sum += a.data[row * a.stride + k] * b.data[k * b.stride + column];
            }
            c[row * c_stride + column] = sum;
        }
    }
}

/// Eight rows into columns: `out[d * stride + r] = rows[r][d]`.
pub(crate) fn columns(rows: [&[f32]; 8], out: &mut [f32], stride: usize) {
    for d in quick_columns(rows, out, stride)..rows[0].len() {
        for (r, row) in rows.iter().enumerate() {
            out[d * stride + r] = row[d];
        }
    }
}

/// The part of [`columns`] that goes by eights; returns how far it came.
fn quick_columns(rows: [&[f32]; 8], out: &mut [f32], stride: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2.
        return unsafe { crate::x86::columns(rows, out, stride) };
    }
    let _ = (rows, out, stride);
    0
}

/// Halves, as little-endian bytes, to floats.
pub(crate) fn widen(x: &[u8], out: &mut [f32]) {
    assert_eq!(x.len(), out.len() * 2, "two bytes a number");
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2 and F16C, and the lengths fit.
        unsafe { crate::x86::widen(x, out) };
        return;
    }
    for (out, x) in out.iter_mut().zip(x.as_chunks::<2>().0) {
        *out = f16::from_le_bytes(*x).to_f32();
    }
}

/// The same for halves in memory.
pub(crate) fn widen_halves(x: &[f16], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "as many halves as floats");
    #[cfg(target_endian = "little")]
    {
        // SAFETY: a half is two bytes of plain data.
        widen(unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), x.len() * 2) }, out);
    }
    #[cfg(not(target_endian = "little"))]
    for (out, x) in out.iter_mut().zip(x) {
        *out = x.to_f32();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * 0.37 + seed).sin()).collect()
    }

    #[test]
    fn products_follow_the_reference_in_odd_sizes() {
        for (rows, depth, cols, add) in
            [(1, 1, 16, false), (6, 40, 32, true), (7, 33, 16, true), (23, 5, 48, false), (4, 0, 16, true)]
        {
            let (a_stride, b_stride, c_stride) = (depth + 3, cols + 1, cols + 2);
            let (a, b) = (numbers(rows * a_stride, 0.1), numbers((depth + 1) * b_stride, 0.7));
            let (a, b) = (View { data: &a, stride: a_stride }, View { data: &b, stride: b_stride });
            let before = numbers(rows * c_stride, 0.9);
            let (mut fast, mut slow) = (before.clone(), before.clone());
            product(a, b, Sizes { rows, depth, cols }, &mut fast, c_stride, add);
            for row in 0..rows {
                for column in (0..cols).step_by(COLUMNS) {
                    let b = View { data: &b.data[column..], ..b };
                    let a = View { data: &a.data[row * a_stride..], ..a };
                    tile_reference(a, b, depth, &mut slow[row * c_stride + column..], c_stride, 1, add);
                }
            }
            assert!(fast.iter().zip(&slow).all(|(a, b)| (a - b).abs() < 1e-5), "{rows} {depth} {cols}");
            assert_eq!(fast[cols..c_stride], before[cols..c_stride], "nothing beyond the columns is touched");
        }
    }

    #[test]
    fn rows_become_columns() {
        for len in [0, 1, 8, 13, 64] {
            let rows: Vec<Vec<f32>> = (0..8).map(|r| numbers(len, r as f32)).collect();
            let mut out = vec![0.0; len * 11];
            columns(std::array::from_fn(|r| rows[r].as_slice()), &mut out, 11);
            assert!((0..len).all(|d| (0..8).all(|r| out[d * 11 + r] == rows[r][d])), "{len}");
        }
    }

    #[test]
    fn halves_become_floats() {
        for len in [0, 1, 7, 8, 9, 64] {
            let halves: Vec<f16> = numbers(len, 0.2).into_iter().map(f16::from_f32).collect();
            let mut out = vec![0.0; len];
            widen_halves(&halves, &mut out);
            assert!(out.iter().zip(&halves).all(|(out, half)| *out == half.to_f32()), "{len}");
        }
    }
}
