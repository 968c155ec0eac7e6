//! Activations in 8 bits, a few tokens side by side.

use super::GROUP;
use crate::Pool;
use crate::pool::Slots;

/// Tokens side by side, at most.
pub(super) const TILE: usize = 8;

/// Activations in blocks of 32 codes with a scale. Tokens lie in tiles: for each group, for each 4 columns of it, the codes of every token in turn.
#[derive(Default)]
pub(crate) struct Tokens {
    cols: usize,
    count: usize,
    codes: Vec<i8>,
    /// One for each token and group.
    scales: Vec<f32>,
    /// Scale times the sum of the codes.
    sums: Vec<f32>,
    /// The sums of the codes of both halves, 16 bits each, the first in the lower.
    halves: Vec<i32>,
}

/// Tokens side by side.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a> {
    /// How many there are place for: 1, 2, 4 or 8. Those beyond the last are zeros.
    pub(crate) width: usize,
    /// How many there are.
    pub(crate) here: usize,
    /// Groups x 8 x width x 4.
    pub(crate) codes: &'a [i8],
    /// Groups x width.
    pub(crate) scales: &'a [f32],
    /// Groups x width.
    pub(crate) sums: &'a [f32],
    /// Groups x width.
    pub(crate) halves: &'a [i32],
}

/// The same, to be written to.
struct TileMut<'a> {
    width: usize,
    codes: &'a mut [i8],
    scales: &'a mut [f32],
    sums: &'a mut [f32],
    halves: &'a mut [i32],
}

impl Tokens {
    /// Rounds rows of `cols` numbers, whole groups, to 8 bits, where others were before.
    pub(super) fn fill(&mut self, pool: &Pool, x: &[f32], cols: usize) {
        let count = x.len() / cols;
        let (whole, rest) = (count / TILE * TILE, count % TILE);
        let places = whole + if rest > 0 { rest.next_power_of_two() } else { 0 };
        let groups = cols / GROUP;
        (self.cols, self.count) = (cols, count);
        grow(&mut self.codes, places * cols);
        grow(&mut self.scales, places * groups);
        grow(&mut self.sums, places * groups);
        grow(&mut self.halves, places * groups);
        let (codes, scales) = (Slots::new(&mut self.codes), Slots::new(&mut self.scales));
        let (sums, halves) = (Slots::new(&mut self.sums), Slots::new(&mut self.halves));
        pool.run(count.div_ceil(TILE), &|at| {
            let first = at * TILE;
            let here = (count - first).min(TILE);
            let width = here.next_power_of_two();
            // SAFETY: each tile's parts are one task's.
            let mut tile = unsafe {
                TileMut {
                    width,
                    codes: codes.part(first * cols, width * cols),
                    scales: scales.part(first * groups, width * groups),
                    sums: sums.part(first * groups, width * groups),
                    halves: halves.part(first * groups, width * groups),
                }
            };
            if here < width {
                tile.codes.fill(0);
                tile.scales.fill(0.0);
                tile.sums.fill(0.0);
                tile.halves.fill(0);
            }
            for j in 0..here {
                tile.quantise(j, &x[(first + j) * cols..][..cols]);
            }
        });
    }

    #[cfg(test)]
    pub(super) fn new(pool: &Pool, x: &[f32], cols: usize) -> Self {
        let mut tokens = Self::default();
        tokens.fill(pool, x, cols);
        tokens
    }

    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn tiles(&self) -> usize {
        self.count.div_ceil(TILE)
    }

    /// Tile `at`, and the number of its first token.
    pub(crate) fn tile(&self, at: usize) -> (Tile<'_>, usize) {
        let first = at * TILE;
        let here = (self.count - first).min(TILE);
        let (width, groups) = (here.next_power_of_two(), self.cols / GROUP);
        let tile = Tile {
            width,
            here,
            codes: &self.codes[first * self.cols..][..width * self.cols],
            scales: &self.scales[first * groups..][..width * groups],
            sums: &self.sums[first * groups..][..width * groups],
            halves: &self.halves[first * groups..][..width * groups],
        };
        (tile, first)
    }
}

fn grow<T: Copy + Default>(data: &mut Vec<T>, len: usize) {
    if data.len() < len {
        data.clear();
        data.resize(len, T::default());
    }
}

impl Tile<'_> {
    /// Code of token `j`, column `c` of group `g`.
    pub(super) fn code(&self, j: usize, g: usize, c: usize) -> i32 {
        i32::from(self.codes[((g * 8 + c / 4) * self.width + j) * 4 + c % 4])
    }
}

/// A group's codes, its scale, and the sums of the codes of both halves.
type Rounded = ([i8; GROUP], f32, [i32; 2]);

impl TileMut<'_> {
    /// Rounds token `j` to 8 bits.
    fn quantise(&mut self, j: usize, x: &[f32]) {
        #[cfg(target_arch = "x86_64")]
        if crate::simd::has_avx2() {
            #[target_feature(enable = "avx2")]
            fn by_avx2(tile: &mut TileMut<'_>, j: usize, x: &[f32]) {
                for (g, x) in x.as_chunks().0.iter().enumerate() {
                    // SAFETY: the machine has AVX2.
                    tile.put(j, g, unsafe { crate::x86::quantise(x) });
                }
            }
            // SAFETY: the machine has AVX2.
            unsafe { by_avx2(self, j, x) };
            return;
        }
        for (g, x) in x.as_chunks().0.iter().enumerate() {
            self.put(j, g, quantise_reference(x));
        }
    }

    /// Puts group `g` of token `j` where it belongs.
    #[inline(always)]
    fn put(&mut self, j: usize, g: usize, (bytes, scale, [first, second]): Rounded) {
        let width = self.width;
        let codes = &mut self.codes[g * GROUP * width..][..GROUP * width];
        for i in 0..GROUP / 4 {
            let at = (i * width + j) * 4;
            codes[at..at + 4].copy_from_slice(&bytes[i * 4..i * 4 + 4]);
        }
        let at = g * width + j;
        self.scales[at] = scale;
        self.sums[at] = scale * (first + second) as f32;
        self.halves[at] = first & 0xffff | second << 16;
    }
}

/// By one number after the other.
fn quantise_reference(x: &[f32; GROUP]) -> Rounded {
    let most = x.iter().fold(0.0f32, |most, x| if x.abs() > most { x.abs() } else { most });
    let inverse = if most > 0.0 && most < f32::INFINITY { 127.0 / most } else { 0.0 };
    let bytes = x.map(|x| (x * inverse).round_ties_even() as i8);
    // Of the codes as they are stored: numbers that are not numbers have codes, too.
    let sum = |half: &[i8]| half.iter().map(|&code| i32::from(code)).sum();
    (bytes, most / 127.0, [sum(&bytes[..GROUP / 2]), sum(&bytes[GROUP / 2..])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_follows_its_reference() {
        let x: Vec<f32> =
            (0..GROUP * 500).map(|i| ((i * 7919 % 4093) as f32 / 2046.0 - 1.0) * (i / 31) as f32).collect();
        for group in x.as_chunks().0 {
            #[cfg(target_arch = "x86_64")]
            if crate::simd::has_avx2() {
                // SAFETY: the machine has AVX2.
                assert_eq!(unsafe { crate::x86::quantise(group) }, quantise_reference(group));
            }
        }
    }
}
