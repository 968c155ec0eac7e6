use half::f16;
use proptest::prelude::*;

use super::*;
use crate::Dtype;
use crate::quant::dequantize_row;

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
            Dtype::F16 => block.copy_from_slice(&f16::from_f32((next() % 2001) as f32 / 1000.0 - 1.0).to_le_bytes()),
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
    (0..tokens * cols).map(|i| ((i * 7919 % 1013) as f32 / 506.0 - 1.0) * if i % 97 == 0 { 5.0 } else { 1.0 }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// The product with 8-bit activations stays within their rounding error of the product of dequantised weights.
    #[test]
    fn products_follow_the_weights(seed in any::<u64>(), dtype in proptest::sample::select(Dtype::ALL.to_vec()), rows in 1usize..70, blocks in 1usize..4, tokens in 1usize..20, threads in 1usize..4) {
        let cols = blocks * dtype.block_len().max(32);
        let data = weights(dtype, rows, cols, seed);
        let w = Matrix::new(dtype, rows, cols, &data).unwrap();
        let x = activations(tokens, cols);
        let mut out = vec![f32::NAN; tokens * rows];
        matmul(&Pool::new(threads), &mut out, &x, &w);
        let mut plain = vec![f32::NAN; tokens * rows];
        matmul_exact(&Pool::new(threads), &x, &mut [(&w, &mut plain)]);
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

fn quantised() -> impl Iterator<Item = Dtype> {
    Dtype::ALL.into_iter().filter(|dtype| dtype.block_len() > 1)
}

fn close(a: f32, b: f32) -> bool {
    (a - b).abs() < 1e-3 * (1.0 + b.abs())
}

#[test]
fn rows_expand_as_they_dequantise() {
    for dtype in quantised() {
        let cols = 768;
        let data = weights(dtype, 1, cols, 3);
        let (mut fast, mut slow) = (Expanded::default(), Expanded::default());
        expand(dtype, &data, cols, &mut fast);
        slow.clone_shape(&fast);
        codes::expand_reference(dtype, &data, &mut slow);
        assert_eq!(fast.codes, slow.codes, "{dtype}");
        let mut exact = vec![0.0; cols];
        dequantize_row(dtype, &data, &mut exact);
        for row in [&fast, &slow] {
            for (c, exact) in exact.iter().enumerate() {
                let code =
                    if row.kind == Kind::Signed { f32::from(row.codes[c] as i8) } else { f32::from(row.codes[c]) };
                let span = c / row.kind.span();
                let weight = code * row.scales[span] + row.mins.get(span).copied().unwrap_or(0.0);
                assert!((weight - exact).abs() < 1e-5, "{dtype} {c}: {weight} {exact}");
            }
        }
    }
}

#[test]
fn the_fast_paths_follow_the_references() {
    let pool = Pool::new(1);
    for dtype in quantised() {
        let (rows, cols, tokens) = (11, 512, 9);
        let data = weights(dtype, rows, cols, 7);
        let w = Matrix::new(dtype, rows, cols, &data).unwrap();
        let x = Activations::new(&pool, &activations(tokens, cols), cols);
        let mut expanded: [Expanded; ROWS] = Default::default();
        let mut panel = Panel::default();
        panel.pack(&w, 8, &mut expanded); // five of its rows are not there
        for count in 1..=TILE {
            let (mut fast, mut slow) = ([[0.0; 4]; 2], [[0.0; 4]; 2]);
            dot(&expanded[..2], &x, 5, count, &mut fast);
            dot_reference(&expanded[..2], &x, 5, count, &mut slow);
            let (mut panel_fast, mut panel_slow) = ([[0.0; ROWS]; TILE], [[0.0; ROWS]; TILE]);
            panel.multiply(&x, 5, count, &mut panel_fast);
            panel.multiply_reference(&x, 5, count, &mut panel_slow);
            for j in 0..count {
                for r in 0..2 {
                    assert!(close(fast[r][j], slow[r][j]), "{dtype}: {} {}", fast[r][j], slow[r][j]);
                    assert!(close(panel_slow[j][r], slow[r][j]), "{dtype}: {} {}", panel_slow[j][r], slow[r][j]);
                }
                for r in 0..ROWS {
                    assert!(close(panel_fast[j][r], panel_slow[j][r]), "{dtype} row {r}");
                }
            }
        }
        #[cfg(target_arch = "x86_64")]
        if crate::simd::has_avx2() {
            let mut slow = [[0.0; 4]; 2];
            dot_reference(&expanded[..1], &x, 3, 1, &mut slow);
            // SAFETY: AVX2 is here, and so is FMA; the row is as long as the tokens.
            let fast = unsafe { crate::x86::dot_row(dtype, w.row(8), &x, 3) };
            assert!(close(fast, slow[0][0]), "{dtype}: {fast} {}", slow[0][0]);
        }
        let packed = (panel.codes.clone(), panel.scales.clone(), panel.mins.clone());
        panel.interleave_reference(&expanded);
        assert_eq!(packed, (panel.codes, panel.scales, panel.mins), "{dtype}");
    }
}

/// The largest codes there can be, all of one sign, must not overflow the 16 bits their pairs are added in.
#[test]
fn extremes_do_not_overflow() {
    for dtype in quantised() {
        let cols = 256;
        let mut data = vec![0xff; dtype.row_bytes(cols) * 8];
        for block in data.chunks_exact_mut(dtype.block_bytes()) {
            let at = if dtype == Dtype::Q6K { 208 } else { 0 };
            block[at..at + 2].copy_from_slice(&f16::from_f32(0.01).to_le_bytes());
            if matches!(dtype, Dtype::Q4_1 | Dtype::Q5_1 | Dtype::Q4K | Dtype::Q5K) {
                block[2..4].copy_from_slice(&f16::from_f32(0.01).to_le_bytes());
            } else if dtype == Dtype::Q8_0 {
                block[2..].fill(0x80); // -128, the largest there is
            }
        }
        let w = Matrix::new(dtype, 8, cols, &data).unwrap();
        let mut row = vec![0.0; cols];
        dequantize_row(dtype, w.row(0), &mut row);
        for (sign, tokens) in [(1.0, 1), (1.0, 9), (-1.0, 1), (-1.0, 9)] {
            let mut out = vec![0.0; 8 * tokens];
            matmul(&Pool::new(1), &mut out, &vec![sign; cols * tokens], &w);
            let exact = row.iter().sum::<f32>() * sign;
            assert!(
                out.iter().all(|sum| (sum - exact).abs() < 1e-3 * exact.abs().max(1.0)),
                "{dtype}: {out:?} {exact}"
            );
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
