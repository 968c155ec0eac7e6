//! Products of 32-bit floats, and what brings numbers into their shape.

use half::f16;

/// Columns that tiles are made of.
pub(crate) const COLUMNS: usize = 16;

/// Rows of one tile.
const ROWS: usize = 6;

/// Halves that memory is asked for at each step of the depth: two lines of a cache.
pub(crate) const NEXT: usize = 64;

/// A matrix whose rows begin `stride` numbers apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a, T = f32> {
    pub(crate) data: &'a [T],
    pub(crate) stride: usize,
}

/// The right side of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Right<'a> {
    Floats(View<'a>),
    /// Widened on the way.
    Halves(View<'a, f16>),
}

/// Sizes of a product: `rows` x `depth` by `depth` x `cols`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    /// A multiple of [`COLUMNS`].
    pub(crate) cols: usize,
}

/// `c = a * b`, or `c += a * b` if `add`. Each sum is taken along the depth, so it has the same bits in a product of any size.
///
/// `c` is given with its stride. Memory is asked for what is `next`, so that it is near when its turn comes.
///
/// # Panics
/// If a matrix is too small for the sizes, or `cols` is not whole tiles.
pub(crate) fn product(a: View<'_>, b: Right<'_>, sizes: Sizes, c: (&mut [f32], usize), add: bool, next: &[f16]) {
    let (c, c_stride) = c;
    assert!(sizes.cols.is_multiple_of(COLUMNS), "whole tiles of columns");
    let (mut column, mut next) = (0, next);
    while column < sizes.cols {
        let cols = tile_columns(sizes.cols - column);
        let (mut now, later) = next.split_at(next.len().min(sizes.depth * NEXT));
        for row in (0..sizes.rows).step_by(ROWS) {
            let sizes = Sizes { rows: (sizes.rows - row).min(ROWS), depth: sizes.depth, cols };
            let a = View { data: &a.data[row * a.stride..], ..a };
            tile(a, b.from(column), sizes, (&mut c[row * c_stride + column..], c_stride), add, now);
            now = &[];
        }
        (column, next) = (column + cols, later);
    }
}

/// Columns of the next tile, if so many are left.
fn tile_columns(left: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx512() {
        return [4, 2, 1].map(|vectors| vectors * COLUMNS).into_iter().find(|&cols| cols <= left).unwrap_or(COLUMNS);
    }
    COLUMNS.min(left)
}

impl Right<'_> {
    /// What is to be read, if it is halves.
    pub(crate) fn halves(&self) -> &[f16] {
        match self {
            Self::Floats(_) => &[],
            Self::Halves(view) => view.data,
        }
    }

    /// Numbers there are, and those from one row to the next.
    fn shape(&self) -> (usize, usize) {
        match self {
            Self::Floats(View { data, stride }) => (data.len(), *stride),
            Self::Halves(View { data, stride }) => (data.len(), *stride),
        }
    }

    /// From a column on.
    fn from(self, column: usize) -> Self {
        match self {
            Self::Floats(view) => Self::Floats(View { data: &view.data[column..], ..view }),
            Self::Halves(view) => Self::Halves(View { data: &view.data[column..], ..view }),
        }
    }

    fn get(self, row: usize, column: usize) -> f32 {
        match self {
            Self::Floats(View { data, stride }) => data[row * stride + column],
            Self::Halves(View { data, stride }) => data[row * stride + column].to_f32(),
        }
    }
}

fn tile(a: View<'_>, b: Right<'_>, sizes: Sizes, c: (&mut [f32], usize), add: bool, next: &[f16]) {
    let Sizes { rows, depth, cols } = sizes;
    let (len, stride) = b.shape();
    assert!(a.data.len() >= (rows - 1) * a.stride + depth, "rows of a");
    assert!(depth == 0 || len >= (depth - 1) * stride + cols, "rows of b");
    assert!(c.0.len() >= (rows - 1) * c.1 + cols, "rows of c");
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx512() {
        // SAFETY: the machine has AVX-512, and the tile is one of its sizes, which the matrices hold.
        unsafe { crate::x86::product_512(a, b, sizes, c, add, next) };
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2, FMA and F16C, and the tile is 1 to 6 rows of 16, which the matrices hold.
        unsafe { crate::x86::product(a, b, sizes, c, add, next) };
        return;
    }
    let _ = next;
    tile_reference(a, b, sizes, c, add);
}

fn tile_reference(a: View<'_>, b: Right<'_>, sizes: Sizes, (c, c_stride): (&mut [f32], usize), add: bool) {
    for row in 0..sizes.rows {
        for column in 0..sizes.cols {
            let mut sum = if add { c[row * c_stride + column] } else { 0.0 };
            for k in 0..sizes.depth {
                sum += a.data[row * a.stride + k] * b.get(k, column);
            }
            c[row * c_stride + column] = sum;
        }
    }
}

/// Rows of weights that [`dots`] takes at a time.
pub(crate) const DOT_ROWS: usize = 4;

/// Tokens that [`dots`] takes at a time, at most.
pub(crate) const DOT_TOKENS: usize = 3;

/// The dot products of up to three tokens with four rows: `out[t][r]`. Each is taken in eight sums of every eighth number, so it has the same
/// bits beside any others.
pub(crate) fn dots(tokens: &[&[f32]], rows: [&[f32]; DOT_ROWS]) -> [[f32; DOT_ROWS]; DOT_TOKENS] {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2 and FMA; the lengths are asserted within.
        return unsafe { crate::x86::dots(tokens, rows) };
    }
    dots_reference(tokens, rows)
}

fn dots_reference(tokens: &[&[f32]], rows: [&[f32]; DOT_ROWS]) -> [[f32; DOT_ROWS]; DOT_TOKENS] {
    let dot = |t: usize, r: usize| {
        let mut lanes = [0.0f32; 8];
        for (i, (a, b)) in tokens[t].iter().zip(rows[r]).enumerate() {
            lanes[i % 8] += a * b;
        }
        lanes.iter().sum()
    };
    std::array::from_fn(|t| std::array::from_fn(|r| if t < tokens.len() { dot(t, r) } else { 0.0 }))
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
        for (rows, depth, cols, add) in [
            (1, 1, 16, false),
            (6, 40, 32, true),
            (7, 33, 16, true),
            (23, 5, 48, false),
            (4, 0, 16, true),
            (9, 64, 112, true),
        ] {
            let (a_stride, b_stride, c_stride) = (depth + 3, cols + 1, cols + 2);
            let (a, b) = (numbers(rows * a_stride, 0.1), numbers((depth + 1) * b_stride, 0.7));
            let halves: Vec<f16> = b.iter().copied().map(f16::from_f32).collect();
            let a = View { data: a.as_slice(), stride: a_stride };
            let floats = Right::Floats(View { data: &b, stride: b_stride });
            let halves = Right::Halves(View { data: &halves, stride: b_stride });
            let before = numbers(rows * c_stride, 0.9);
            for b in [floats, halves] {
                let (mut fast, mut slow) = (before.clone(), before.clone());
                product(a, b, Sizes { rows, depth, cols }, (&mut fast, c_stride), add, &[]);
                for row in 0..rows {
                    let a = View { data: &a.data[row * a_stride..], ..a };
                    let mut alone = before.clone();
                    product(
                        a,
                        b,
                        Sizes { rows: 1, depth, cols },
                        (&mut alone[row * c_stride..], c_stride),
                        add,
                        b.halves(),
                    );
                    assert_eq!(alone[row * c_stride..][..cols], fast[row * c_stride..][..cols], "the same alone");
                    let sizes = Sizes { rows: 1, depth, cols };
                    tile_reference(a, b, sizes, (&mut slow[row * c_stride..], c_stride), add);
                    #[cfg(target_arch = "x86_64")]
                    if crate::simd::has_avx2() {
                        let mut narrow = before.clone();
                        for column in (0..cols).step_by(COLUMNS) {
                            let (sizes, out) =
                                (Sizes { cols: COLUMNS, ..sizes }, &mut narrow[row * c_stride + column..]);
                            // SAFETY: the machine has AVX2, FMA and F16C, and the matrices hold a row of 16.
                            unsafe { crate::x86::product(a, b.from(column), sizes, (out, c_stride), add, &[]) };
                        }
                        assert_eq!(narrow[row * c_stride..][..cols], fast[row * c_stride..][..cols], "by AVX2");
                    }
                }
                assert!(fast.iter().zip(&slow).all(|(a, b)| (a - b).abs() < 1e-5), "{rows} {depth} {cols}");
                assert_eq!(fast[cols..c_stride], before[cols..c_stride], "nothing beyond the columns is touched");
            }
        }
    }

    #[test]
    fn dots_follow_the_reference_and_are_the_same_alone() {
        for len in [0, 1, 7, 8, 33, 576] {
            let tokens: Vec<Vec<f32>> = (0..3).map(|t| numbers(len, t as f32)).collect();
            let rows: Vec<Vec<f32>> = (0..4).map(|r| numbers(len, r as f32 + 0.3)).collect();
            let rows = std::array::from_fn(|r| rows[r].as_slice());
            let all: Vec<&[f32]> = tokens.iter().map(Vec::as_slice).collect();
            let together = dots(&all, rows);
            for count in 1..3 {
                assert_eq!(dots(&all[..count], rows)[..count], together[..count], "{len}");
            }
            let slow = dots_reference(&all, rows);
            assert!(
                together.as_flattened().iter().zip(slow.as_flattened()).all(|(a, b)| (a - b).abs() < 1e-4),
                "{len}"
            );
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
