//! Activations in 8 bits, a few tokens side by side.

use super::GROUP;
use crate::Pool;
use crate::pool::Slots;

/// Tokens side by side, at most.
pub(super) const TILE: usize = 8;

/// Activations in blocks of 32 codes with a scale. Tokens lie in tiles: for each group, for each 4 columns of it, the codes of every token in turn.
#[derive(Default)]
pub(crate) struct Tokens {
    pub(crate) cols: usize,
    pub(crate) count: usize,
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
    /// Groups x 8 x width x 4.
    pub(crate) codes: &'a [i8],
    /// Groups x width.
    pub(crate) scales: &'a [f32],
    /// Groups x width.
    pub(crate) sums: &'a [f32],
    /// Groups x width.
    pub(crate) halves: &'a [i32],
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
            let (codes, scales, sums, halves) = unsafe {
                (
                    codes.part(first * cols, width * cols),
                    scales.part(first * groups, width * groups),
                    sums.part(first * groups, width * groups),
                    halves.part(first * groups, width * groups),
                )
            };
            if here < width {
                codes.fill(0);
                scales.fill(0.0);
                sums.fill(0.0);
                halves.fill(0);
            }
            for j in 0..here {
                quantise(&x[(first + j) * cols..][..cols], (j, width), codes, scales, sums, halves);
            }
        });
    }

    #[cfg(test)]
    pub(super) fn new(pool: &Pool, x: &[f32], cols: usize) -> Self {
        let mut tokens = Self::default();
        tokens.fill(pool, x, cols);
        tokens
    }

    pub(crate) fn tiles(&self) -> usize {
        self.count.div_ceil(TILE)
    }

    /// Tile `at`, and how many tokens are in it.
    pub(crate) fn tile(&self, at: usize) -> (Tile<'_>, usize) {
        let first = at * TILE;
        let here = (self.count - first).min(TILE);
        let (width, groups) = (here.next_power_of_two(), self.cols / GROUP);
        let tile = Tile {
            width,
            codes: &self.codes[first * self.cols..][..width * self.cols],
            scales: &self.scales[first * groups..][..width * groups],
            sums: &self.sums[first * groups..][..width * groups],
            halves: &self.halves[first * groups..][..width * groups],
        };
        (tile, here)
    }
}

fn grow<T: Copy + Default>(data: &mut Vec<T>, len: usize) {
    if data.len() < len {
        data.clear();
        data.resize(len, T::default());
    }
}

impl Tile<'_> {
    pub(super) fn cols(&self) -> usize {
        self.codes.len() / self.width
    }

    /// Code of token `j`, column `c` of group `g`.
    pub(super) fn code(&self, j: usize, g: usize, c: usize) -> i32 {
        i32::from(self.codes[((g * 8 + c / 4) * self.width + j) * 4 + c % 4])
    }
}

crate::simd::wide! {
    fn quantise(x: &[f32], place: (usize, usize), codes: &mut [i8], scales: &mut [f32], sums: &mut [f32], halves: &mut [i32]) {
        let (j, width) = place;
        for (g, x) in x.chunks_exact(GROUP).enumerate() {
            let mut max = [0.0f32; 8];
            for lanes in x.chunks_exact(8) {
                for i in 0..8 {
                    max[i] = if lanes[i].abs() > max[i] { lanes[i].abs() } else { max[i] };
                }
            }
            let mut most = 0.0f32;
            for lane in max {
                most = if lane > most { lane } else { most };
            }
            let inverse = if most > 0.0 && most < f32::INFINITY { 127.0 / most } else { 0.0 };
            let scale = most / 127.0;
            let mut whole = [0i32; GROUP];
            for i in 0..GROUP {
                // Adding 1.5 * 2^23 rounds to nearest; the low bits of the sum are the code.
                whole[i] = (x[i] * inverse + 12_582_912.0).to_bits().wrapping_sub(0x4b40_0000) as i32;
            }
            let mut bytes = [0i8; GROUP];
            for i in 0..GROUP {
                bytes[i] = whole[i] as i8;
            }
            for (i, four) in bytes.chunks_exact(4).enumerate() {
                codes[((g * 8 + i) * width + j) * 4..][..4].copy_from_slice(four);
            }
            // Of the codes as they are stored: numbers that are not numbers have codes, too.
            let (mut first, mut second) = (0i32, 0i32);
            for i in 0..GROUP / 2 {
                first += i32::from(bytes[i]);
                second += i32::from(bytes[GROUP / 2 + i]);
            }
            let at = g * width + j;
            scales[at] = scale;
            sums[at] = scale * (first + second) as f32;
            halves[at] = first & 0xffff | second << 16;
        }
    }
}
