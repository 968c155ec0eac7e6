//! Products of activations with stored weights.
//!
//! Quantised weights meet activations quantised to 8 bits, in blocks of 32 with a scale each. A row of weights is expanded once into byte codes with
//! scales and minima, whatever its storage type, and multiplied with every activation row; so there is one inner loop for eight types.

use std::cell::RefCell;

use half::f16;

use crate::pool::Slots;
use crate::quant::{dequantize_row, scale_min};
use crate::{Dtype, Matrix, Pool};

/// Weights of a group with one scale, as the inner loop sees it.
pub(crate) const GROUP: usize = 32;

/// `out[t][r] = sum over c of x[t][c] * w[r][c]`: T x rows from T x cols.
///
/// # Panics
/// If `x` is not whole rows of `w.cols`, or `out` not as many of `w.rows`.
pub fn matmul(pool: &Pool, out: &mut [f32], x: &[f32], w: &Matrix<'_>) {
    if w.rows == 0 || w.cols == 0 {
        out.fill(0.0);
        return;
    }
    let tokens = x.len() / w.cols;
    assert!(x.len() == tokens * w.cols && out.len() == tokens * w.rows, "{tokens} rows of {} to {}", w.cols, w.rows);
    let quantised = (w.dtype.block_len() > 1).then(|| Activations::new(pool, x, w.cols));
    let slots = Slots::new(out);
    let chunk = w.rows.div_ceil(pool.threads() * 8).clamp(4, 64).next_multiple_of(4);
    pool.run(w.rows.div_ceil(chunk), &|task| {
        let rows = task * chunk..((task + 1) * chunk).min(w.rows);
        // SAFETY: every task writes only the columns `rows` of the output.
        let put = |t: usize, r: usize, value: f32| unsafe { slots.set(t * w.rows + r, value) };
        match &quantised {
            Some(x) => SCRATCH.with_borrow_mut(|scratch| quantised_rows(scratch, x, w, rows, put)),
            None => SCRATCH.with_borrow_mut(|scratch| float_rows(&mut scratch[0].floats, x, w, rows, put)),
        }
    });
}

thread_local! {
    /// Two expanded rows, kept from call to call.
    static SCRATCH: RefCell<[Expanded; 2]> = RefCell::new(Default::default());
}

/// Activations in 8 bits: T rows of codes, a scale for each 32, and the sums the minima are multiplied with.
pub(crate) struct Activations {
    pub(crate) cols: usize,
    pub(crate) codes: Vec<i8>,
    /// T x cols / 32.
    pub(crate) scales: Vec<f32>,
    /// T x cols / 16: scale times the sum of 16 codes.
    pub(crate) sums: Vec<f32>,
}

impl Activations {
    fn new(pool: &Pool, x: &[f32], cols: usize) -> Self {
        let mut all =
            Self { cols, codes: vec![0; x.len()], scales: vec![0.0; x.len() / GROUP], sums: vec![0.0; x.len() / 16] };
        let tokens = x.len() / cols;
        let (codes, scales, sums) =
            (Slots::new(&mut all.codes), Slots::new(&mut all.scales), Slots::new(&mut all.sums));
        let one = |t: usize| {
            // SAFETY: each token's parts are its own.
            let (codes, scales, sums) = unsafe {
                (
                    codes.part(t * cols, cols),
                    scales.part(t * cols / GROUP, cols / GROUP),
                    sums.part(t * cols / 16, cols / 16),
                )
            };
            quantise(&x[t * cols..][..cols], codes, scales, sums);
        };
        if tokens >= 8 {
            pool.run(tokens, &one)
        } else {
            (0..tokens).for_each(one)
        }
        all
    }

    pub(crate) fn tokens(&self) -> usize {
        self.codes.len() / self.cols
    }
}

crate::simd::wide! {
    fn quantise(x: &[f32], codes: &mut [i8], scales: &mut [f32], sums: &mut [f32]) {
        for (b, x) in x.chunks_exact(GROUP).enumerate() {
            let mut max = [0.0f32; 8];
            for lanes in x.chunks_exact(8) {
                for i in 0..8 {
                    max[i] = if lanes[i].abs() > max[i] { lanes[i].abs() } else { max[i] };
                }
            }
            let max = max.iter().copied().fold(0.0f32, f32::max);
            let scale = max / 127.0;
            let inverse = if max > 0.0 && max.is_finite() { 127.0 / max } else { 0.0 };
            let out = &mut codes[b * GROUP..][..GROUP];
            for i in 0..GROUP {
                // Adding and taking away 1.5 * 2^23 rounds to nearest; the low byte of the sum is the code.
                out[i] = (x[i] * inverse + 12_582_912.0).to_bits() as i8;
            }
            scales[b] = scale;
            for half in 0..2 {
                let sum: i32 = out[half * 16..][..16].iter().map(|&code| i32::from(code)).sum();
                sums[b * 2 + half] = sum as f32 * scale;
            }
        }
    }
}

/// A row of weights as codes, scales and minima: `weight = code * scale + min`.
#[derive(Default)]
pub(crate) struct Expanded {
    pub(crate) codes: Vec<u8>,
    /// One for each 16 weights.
    pub(crate) scales: Vec<f32>,
    /// One for each 16 weights; empty where the type has none.
    pub(crate) mins: Vec<f32>,
    /// Codes are signed bytes (Q8_0); otherwise they are below 64.
    pub(crate) signed: bool,
    /// Neighbouring 16s differ in scale (Q6_K).
    pub(crate) halves: bool,
    floats: Vec<f32>,
}

impl Expanded {
    fn resize(&mut self, cols: usize) {
        self.codes.resize(cols, 0);
        self.scales.resize(cols / 16, 0.0);
        self.mins.resize(cols / 16, 0.0);
    }
}

fn quantised_rows(
    scratch: &mut [Expanded; 2],
    x: &Activations,
    w: &Matrix<'_>,
    rows: std::ops::Range<usize>,
    put: impl Fn(usize, usize, f32),
) {
    let tokens = x.tokens();
    for first in rows.clone().step_by(2) {
        let pair = (rows.end - first).min(2);
        for (i, scratch) in scratch.iter_mut().enumerate().take(pair) {
            expand(w.dtype, w.row(first + i), w.cols, scratch);
        }
        let mut t = 0;
        while t < tokens {
            let count = (tokens - t).min(4);
            let mut sums = [[0.0f32; 4]; 2];
            dot(&scratch[..pair], x, t, count, &mut sums);
            for (i, sums) in sums.iter().enumerate().take(pair) {
                for (j, &sum) in sums.iter().enumerate().take(count) {
                    put(t + j, first + i, sum);
                }
            }
            t += count;
        }
    }
}

/// Up to two expanded rows with up to four tokens.
fn dot(rows: &[Expanded], x: &Activations, t: usize, count: usize, sums: &mut [[f32; 4]; 2]) {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the machine has AVX2 and FMA; rows and tokens are within `x` and as long as its rows.
        unsafe { crate::x86::dot(rows, x, t, count, sums) };
        return;
    }
    dot_reference(rows, x, t, count, sums);
}

/// The same, one product after the other.
pub(crate) fn dot_reference(rows: &[Expanded], x: &Activations, t: usize, count: usize, sums: &mut [[f32; 4]; 2]) {
    for (i, row) in rows.iter().enumerate() {
        for j in 0..count {
            let codes = &x.codes[(t + j) * x.cols..][..x.cols];
            let mut total = 0.0;
            for g in 0..x.cols / 16 {
                let product: i32 = (g * 16..g * 16 + 16)
                    .map(|c| {
                        let weight = if row.signed { i32::from(row.codes[c] as i8) } else { i32::from(row.codes[c]) };
                        weight * i32::from(codes[c])
                    })
                    .sum();
                let scale = x.scales[(t + j) * x.cols / GROUP + g / 2];
                total += product as f32 * scale * row.scales[g] + row.mins[g] * x.sums[(t + j) * x.cols / 16 + g];
            }
            sums[i][j] = total;
        }
    }
}

crate::simd::wide! {
    fn expand(dtype: Dtype, row: &[u8], cols: usize, out: &mut Expanded) {
        out.resize(cols);
        out.signed = dtype == Dtype::Q8_0;
        out.halves = dtype == Dtype::Q6K;
        let half_at = |block: &[u8], at: usize| half_to_f32(u16::from_le_bytes([block[at], block[at + 1]]));
        let blocks = row.chunks_exact(dtype.block_bytes()).zip(out.codes.chunks_exact_mut(dtype.block_len()));
        match dtype {
            Dtype::Q4_0 | Dtype::Q4_1 => {
                let at = if dtype == Dtype::Q4_0 { 2 } else { 4 };
                for (b, (block, codes)) in blocks.enumerate() {
                    let packed = &block[at..at + 16];
                    for i in 0..16 {
                        codes[i] = packed[i] & 15;
                        codes[i + 16] = packed[i] >> 4;
                    }
                    let scale = half_at(block, 0);
                    let min = if at == 2 { -8.0 * scale } else { half_at(block, 2) };
                    out.scales[b * 2..b * 2 + 2].fill(scale);
                    out.mins[b * 2..b * 2 + 2].fill(min);
                }
            }
            Dtype::Q5_0 | Dtype::Q5_1 => {
                let at = if dtype == Dtype::Q5_0 { 2 } else { 4 };
                for (b, (block, codes)) in blocks.enumerate() {
                    let high = [block[at], block[at + 1], block[at + 2], block[at + 3]];
                    let packed = &block[at + 4..at + 20];
                    // Each byte's own bit of `high`, moved to the place of 16.
                    let mut bits = [0u8; 32];
                    for i in 0..32 {
                        bits[i] = if high[i / 8] & BIT[i] != 0 { 16 } else { 0 };
                    }
                    for i in 0..16 {
                        codes[i] = packed[i] & 15 | bits[i];
                        codes[i + 16] = packed[i] >> 4 | bits[i + 16];
                    }
                    let scale = half_at(block, 0);
                    let min = if at == 2 { -16.0 * scale } else { half_at(block, 2) };
                    out.scales[b * 2..b * 2 + 2].fill(scale);
                    out.mins[b * 2..b * 2 + 2].fill(min);
                }
            }
            Dtype::Q8_0 => {
                for (b, (block, codes)) in blocks.enumerate() {
                    codes.copy_from_slice(&block[2..34]);
                    out.scales[b * 2..b * 2 + 2].fill(half_at(block, 0));
                }
                out.mins.fill(0.0);
            }
            Dtype::Q4K | Dtype::Q5K => {
                for (b, (block, codes)) in blocks.enumerate() {
                    let packed = &block[if dtype == Dtype::Q4K { 16 } else { 48 }..][..128];
                    for pair in 0..4 {
                        let (packed, codes) = (&packed[pair * 32..][..32], &mut codes[pair * 64..][..64]);
                        for i in 0..32 {
                            codes[i] = packed[i] & 15;
                            codes[i + 32] = packed[i] >> 4;
                        }
                    }
                    if dtype == Dtype::Q5K {
                        let high = &block[16..48];
                        for group in 0..8 {
                            let codes = &mut codes[group * 32..][..32];
                            for i in 0..32 {
                                codes[i] |= (high[i] >> group & 1) << 4;
                            }
                        }
                    }
                    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
                    for group in 0..8 {
                        let (scale, min) = scale_min(&block[4..16], group);
                        let at = b * 16 + group * 2;
                        out.scales[at..at + 2].fill(d * f32::from(scale));
                        out.mins[at..at + 2].fill(-dmin * f32::from(min));
                    }
                }
            }
            Dtype::Q6K => {
                for (b, (block, codes)) in blocks.enumerate() {
                    for n in 0..2 {
                        let (low, high, codes) = (&block[n * 64..][..64], &block[128 + n * 32..][..32], &mut codes[n * 128..][..128]);
                        for i in 0..32 {
                            codes[i] = low[i] & 15 | (high[i] & 3) << 4;
                            codes[i + 32] = low[i + 32] & 15 | (high[i] >> 2 & 3) << 4;
                            codes[i + 64] = low[i] >> 4 | (high[i] >> 4 & 3) << 4;
                            codes[i + 96] = low[i + 32] >> 4 | (high[i] >> 6) << 4;
                        }
                    }
                    let d = half_at(block, 208);
                    for group in 0..16 {
                        let scale = d * f32::from(block[192 + group] as i8);
                        out.scales[b * 16 + group] = scale;
                        out.mins[b * 16 + group] = -32.0 * scale;
                    }
                }
            }
            Dtype::F32 | Dtype::F16 | Dtype::BF16 => unreachable!("floating-point rows are not expanded: this is a bug"),
        }
    }
}

/// The bit of byte `i / 8` that belongs to weight `i`.
const BIT: [u8; 32] = {
    let mut bits = [0; 32];
    let mut i = 0;
    while i < 32 {
        bits[i] = 1 << (i % 8);
        i += 1;
    }
    bits
};

#[inline(always)]
fn half_to_f32(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32()
}

fn float_rows(
    row: &mut Vec<f32>,
    x: &[f32],
    w: &Matrix<'_>,
    rows: std::ops::Range<usize>,
    put: impl Fn(usize, usize, f32),
) {
    row.resize(w.cols, 0.0);
    for r in rows {
        dequantize_row(w.dtype, w.row(r), row);
        for (t, x) in x.chunks_exact(w.cols).enumerate() {
            put(t, r, dot_f32(row, x));
        }
    }
}

crate::simd::wide! {
    fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
        let mut lanes = [0.0f32; 32];
        let mut chunks = a.chunks_exact(32).zip(b.chunks_exact(32));
        for (a, b) in &mut chunks {
            for i in 0..32 {
                lanes[i] += a[i] * b[i];
            }
        }
        let done = a.len() / 32 * 32;
        let mut rest = 0.0;
        for (a, b) in a[done..].iter().zip(&b[done..]) {
            rest += a * b;
        }
        let mut total = 0.0;
        for lane in lanes {
            total += lane;
        }
        total + rest
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes that are valid blocks with scales of a sane size.
    pub(crate) fn weights(dtype: Dtype, rows: usize, cols: usize, seed: u64) -> Vec<u8> {
        let mut state = seed.wrapping_mul(2).wrapping_add(1);
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32
        };
        let mut data = vec![0u8; dtype.row_bytes(cols) * rows];
        for block in data.chunks_exact_mut(dtype.block_bytes()) {
            block.iter_mut().for_each(|byte| *byte = next() as u8);
            let small = f16::from_f32((next() % 1000) as f32 / 1000.0 * 0.05).to_le_bytes();
            match dtype {
                Dtype::F32 => block.copy_from_slice(&((next() % 2001) as f32 / 1000.0 - 1.0).to_le_bytes()),
                Dtype::F16 => {
                    block.copy_from_slice(&f16::from_f32((next() % 2001) as f32 / 1000.0 - 1.0).to_le_bytes())
                }
                Dtype::BF16 => {
                    block.copy_from_slice(&half::bf16::from_f32((next() % 2001) as f32 / 1000.0 - 1.0).to_le_bytes())
                }
                Dtype::Q6K => block[208..210].copy_from_slice(&small),
                Dtype::Q4_1 | Dtype::Q5_1 | Dtype::Q4K | Dtype::Q5K => {
                    block[..2].copy_from_slice(&small);
                    block[2..4].copy_from_slice(&small);
                }
                _ => block[..2].copy_from_slice(&small),
            }
        }
        data
    }

    fn activations(tokens: usize, cols: usize) -> Vec<f32> {
        (0..tokens * cols)
            .map(|i| ((i * 7919 % 1013) as f32 / 506.0 - 1.0) * if i % 97 == 0 { 5.0 } else { 1.0 })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// The product with 8-bit activations stays within their rounding error of the product of dequantised weights.
        #[test]
        fn products_follow_the_weights(seed in any::<u64>(), dtype in proptest::sample::select(Dtype::ALL.to_vec()), rows in 1usize..70, blocks in 1usize..4, tokens in 1usize..11, threads in 1usize..4) {
            let cols = blocks * dtype.block_len().max(32);
            let data = weights(dtype, rows, cols, seed);
            let w = Matrix::new(dtype, rows, cols, &data).unwrap();
            let x = activations(tokens, cols);
            let mut out = vec![f32::NAN; tokens * rows];
            matmul(&Pool::new(threads), &mut out, &x, &w);
            let mut row = vec![0.0; cols];
            for r in 0..rows {
                dequantize_row(dtype, w.row(r), &mut row);
                for t in 0..tokens {
                    let x = &x[t * cols..][..cols];
                    let exact: f64 = x.iter().zip(&row).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    // Half a step of the activations' rounding on each product, in the worst case.
                    let bound: f64 = row.iter().map(|w| f64::from(w.abs())).sum::<f64>() * (5.0 / 127.0 / 2.0) + 1e-3;
                    let bound = if dtype.block_len() == 1 { 1e-3 } else { bound };
                    prop_assert!((f64::from(out[t * rows + r]) - exact).abs() <= bound, "{dtype} row {r} token {t}: {} {exact}", out[t * rows + r]);
                }
            }
        }
    }

    #[test]
    fn the_fast_path_follows_the_reference() {
        let pool = Pool::new(1);
        for dtype in Dtype::ALL.into_iter().filter(|dtype| dtype.block_len() > 1) {
            let cols = 512;
            let data = weights(dtype, 2, cols, 7);
            let w = Matrix::new(dtype, 2, cols, &data).unwrap();
            let x = Activations::new(&pool, &activations(4, cols), cols);
            let mut rows: [Expanded; 2] = Default::default();
            for (i, row) in rows.iter_mut().enumerate() {
                expand(dtype, w.row(i), cols, row);
            }
            for count in 1..=4 {
                let (mut fast, mut slow) = ([[0.0; 4]; 2], [[0.0; 4]; 2]);
                dot(&rows, &x, 0, count, &mut fast);
                dot_reference(&rows, &x, 0, count, &mut slow);
                for i in 0..2 {
                    for j in 0..count {
                        let size: f32 = 1.0 + slow[i][j].abs();
                        assert!(
                            (fast[i][j] - slow[i][j]).abs() < 2e-3 * size,
                            "{dtype}: {} {}",
                            fast[i][j],
                            slow[i][j]
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_that_are_not_numbers_do_not_panic() {
        let data = weights(Dtype::Q4_0, 1, 32, 1);
        let w = Matrix::new(Dtype::Q4_0, 1, 32, &data).unwrap();
        for bad in [f32::NAN, f32::INFINITY] {
            matmul(&Pool::new(1), &mut [0.0], &[bad; 32], &w);
        }
    }
}
