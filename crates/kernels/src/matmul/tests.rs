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

fn packed(dtype: Dtype, rows: usize, cols: usize, data: &[u8]) -> Packed {
    Packed::new(&Pool::new(2), &Matrix::new(dtype, rows, cols, data).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// The product with 8-bit activations stays within their rounding error of the product of dequantised weights.
    #[test]
    fn products_follow_the_weights(seed in any::<u64>(), dtype in proptest::sample::select(Dtype::ALL.to_vec()), rows in 1usize..70, blocks in 1usize..4, tokens in 1usize..40, threads in 1usize..4) {
        let cols = blocks * dtype.block_len().max(32);
        let data = weights(dtype, rows, cols, seed);
        let matrix = Matrix::new(dtype, rows, cols, &data).unwrap();
        let x = activations(tokens, cols);
        let pool = Pool::new(threads);
        let packed = Packed::new(&pool, &matrix);
        let mut out = vec![f32::NAN; tokens * rows];
        matmul(&pool, &mut out, &x, packed.as_ref().map_or(Weights::Plain(matrix), Weights::Packed));
        let mut plain = vec![f32::NAN; tokens * rows];
        matmul(&pool, &mut plain, &x, Weights::Plain(matrix));
        let mut row = vec![0.0; cols];
        for r in 0..rows {
            dequantize_row(dtype, matrix.row(r), &mut row);
            for t in 0..tokens {
                let x = &x[t * cols..][..cols];
                let exact: f64 = x.iter().zip(&row).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                // Half a step of the activations' rounding on each product, in the worst case.
                let size = row.iter().map(|w| f64::from(w.abs())).sum::<f64>();
                let bound = if dtype.block_len() == 1 { 1e-3 } else { size * (5.0 / 127.0 / 2.0) + 1e-3 };
                let (got, plain) = (f64::from(out[t * rows + r]), f64::from(plain[t * rows + r]));
                prop_assert!((got - exact).abs() <= bound, "{dtype} row {r} token {t}: {got} {exact}");
                prop_assert!((plain - exact).abs() <= 1e-3 + size * 1e-5, "{dtype} row {r} token {t}: {plain} {exact}");
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
fn packed_weights_are_the_weights() {
    for dtype in quantised() {
        for rows in [1, 8, 11] {
            let cols = 768;
            let data = weights(dtype, rows, cols, 3);
            let packed = packed(dtype, rows, cols, &data);
            assert_eq!((packed.rows(), packed.cols(), packed.dtype()), (rows, cols, dtype));
            let mut exact = vec![0.0; cols];
            for r in 0..rows {
                dequantize_row(dtype, &data[r * dtype.row_bytes(cols)..], &mut exact);
                for (c, exact) in exact.iter().enumerate() {
                    let weight = packed.weight(r, c);
                    assert!((weight - exact).abs() < 1e-5, "{dtype} {r} {c}: {weight} {exact}");
                }
            }
        }
    }
}

#[test]
fn packed_weights_take_hardly_more_than_the_file() {
    for dtype in quantised() {
        let (rows, cols) = (64, 512);
        let data = weights(dtype, rows, cols, 3);
        let bytes = packed(dtype, rows, cols, &data).bytes();
        assert!(bytes * 100 <= data.len() * 103, "{dtype}: {bytes} for {}", data.len());
    }
}

/// Sums of `rows` neighbouring rows with all tokens.
fn sums_of(rows: usize, tokens: usize, multiply: &mut dyn FnMut(&Place<'_>)) -> Vec<f32> {
    let mut sums = vec![f32::NAN; tokens * rows];
    let out = Output { slots: Slots::new(&mut sums), rows };
    multiply(&Place { out: &out, first: 0, rows });
    sums
}

#[test]
fn the_fast_paths_follow_the_references() {
    let pool = Pool::new(1);
    for dtype in quantised() {
        let (rows, cols) = (43, 512);
        let w = packed(dtype, rows, cols, &weights(dtype, rows, cols, 7));
        let (size, wide_size) = (Layout::of(dtype).panel(cols), Layout::of(dtype).wide().panel(cols));
        for tokens in [1, 2, 3, 4, 7, 8, 9, 13, 24] {
            let x = Tokens::new(&pool, &activations(tokens, cols), cols);
            for (at, count, rows) in [(0, 2, 16), (0, 4, 32), (2, 2, 16), (3, 1, 8), (2, 4, 27), (4, 2, 11), (5, 1, 3)]
            {
                let panels = w.panels(at, count);
                let each = |one: &dyn Fn(&[u8], &Place<'_>)| {
                    sums_of(rows, tokens, &mut |out| {
                        for (i, panel) in panels.chunks_exact(size).enumerate() {
                            one(panel, &out.after(i * ROWS));
                        }
                    })
                };
                let widened = |panel: &[u8]| {
                    let (mut wide, mut reference) = (vec![0; wide_size], vec![0; wide_size]);
                    widen(dtype, panel, &mut wide);
                    packed::widen_reference(dtype, panel, &mut reference);
                    assert!(wide == reference, "{dtype}");
                    wide
                };
                let slow = each(&|panel, out| multiply_reference(dtype, false, panel, &x, out));
                let follows = |sums: &[f32]| {
                    let close = sums.iter().zip(&slow).all(|(a, b)| close(*a, *b));
                    assert!(close, "{dtype} {tokens} {rows}: {sums:?} {slow:?}");
                };
                follows(&each(&|panel, out| multiply_reference(dtype, true, &widened(panel), &x, out)));
                let fast = each(&|panel, out| multiply_panel(dtype, false, panel, &x, out));
                follows(&fast);
                // The same to the bit, whatever the instructions and the form.
                assert!(fast == each(&|panel, out| multiply_panel(dtype, true, &widened(panel), &x, out)), "{dtype}");
                let all = sums_of(rows, tokens, &mut |out| multiply(dtype, panels, &x, out, &mut Vec::new()));
                assert!(fast == all, "{dtype} {tokens} {rows}");
            }
        }
    }
}

/// A token's sums are the same alone and among others: whole numbers add up in any order, and scales are applied in one.
#[test]
fn company_does_not_change_a_sum() {
    let pool = Pool::new(2);
    for dtype in quantised() {
        let (rows, cols, tokens) = (40, 512, 37);
        let w = packed(dtype, rows, cols, &weights(dtype, rows, cols, 7));
        let x = activations(tokens, cols);
        let mut all = vec![0.0; tokens * rows];
        matmul(&pool, &mut all, &x, Weights::Packed(&w));
        for few in [1, 2, 5, 8, 12] {
            let mut some = vec![0.0; few * rows];
            matmul(&pool, &mut some, &x[..few * cols], Weights::Packed(&w));
            assert!(some == all[..few * rows], "{dtype}: {few} of {tokens}");
        }
    }
}

/// The largest codes there can be, all of one sign, must not overflow the 16 bits their pairs are added in.
#[test]
fn extremes_do_not_overflow() {
    for dtype in quantised() {
        let cols = 256;
        for fill in [0xff, 0x00, 0x80] {
            let mut data = vec![fill; dtype.row_bytes(cols) * 8];
            for block in data.chunks_exact_mut(dtype.block_bytes()) {
                let at = if dtype == Dtype::Q6K { 208 } else { 0 };
                block[at..at + 2].copy_from_slice(&f16::from_f32(0.01).to_le_bytes());
                if matches!(dtype, Dtype::Q4_1 | Dtype::Q5_1 | Dtype::Q4K | Dtype::Q5K) {
                    block[2..4].copy_from_slice(&f16::from_f32(0.01).to_le_bytes());
                }
                if dtype == Dtype::Q6K {
                    block[192..208].fill(0x80); // scales of -128
                }
            }
            let w = packed(dtype, 8, cols, &data);
            let mut row = vec![0.0; cols];
            dequantize_row(dtype, &data[..dtype.row_bytes(cols)], &mut row);
            let exact = row.iter().sum::<f32>();
            for (sign, tokens) in [(1.0, 1), (1.0, 9), (1.0, 40), (-1.0, 1), (-1.0, 9), (-1.0, 40)] {
                let mut out = vec![0.0; 8 * tokens];
                matmul(&Pool::new(1), &mut out, &vec![sign; cols * tokens], Weights::Packed(&w));
                assert!(
                    out.iter().all(|sum| (sum - exact * sign).abs() < 1e-3 * exact.abs().max(1.0)),
                    "{dtype}: {out:?} {exact}"
                );
            }
        }
    }
}

#[test]
fn numbers_that_are_not_numbers_do_not_panic() {
    for dtype in quantised() {
        let cols = dtype.block_len();
        let w = packed(dtype, 1, cols, &weights(dtype, 1, cols, 1));
        for bad in [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0] {
            for tokens in [1, 20] {
                matmul(&Pool::new(1), &mut vec![0.0; tokens], &vec![bad; cols * tokens], Weights::Packed(&w));
            }
        }
    }
}

#[test]
fn weights_that_are_no_numbers_are_noticed() {
    let (rows, cols, pool) = (19, 512, Pool::new(2));
    for dtype in Dtype::ALL {
        let data = weights(dtype, rows, cols, 3);
        let finite = |data: &[u8]| {
            let matrix = Matrix::new(dtype, rows, cols, data).unwrap();
            let all = matrix.is_finite(&pool);
            assert!(Packed::new(&pool, &matrix).is_none_or(|packed| packed.is_finite() == all), "{dtype}");
            all
        };
        assert!(finite(&data), "{dtype}");
        let places: &[usize] = match dtype {
            Dtype::Q6K => &[208],
            Dtype::Q4_1 | Dtype::Q5_1 | Dtype::Q4K | Dtype::Q5K => &[0, 2],
            _ => &[0],
        };
        let wrong: &[&[u8]] = match dtype {
            Dtype::F32 => &[&[0, 0, 0x80, 0x7f], &[1, 0, 0xc0, 0xff]],
            Dtype::BF16 => &[&[0x80, 0x7f], &[0xc1, 0xff]],
            _ => &[&[0, 0x7c], &[1, 0xfe]],
        };
        // Of the last block: it may stand in a panel that is not full.
        let last = data.len() - dtype.block_bytes();
        for (place, wrong) in places.iter().flat_map(|place| wrong.iter().map(move |wrong| (last + place, wrong))) {
            let mut data = data.clone();
            data[place..place + wrong.len()].copy_from_slice(wrong);
            assert!(!finite(&data), "{dtype} {wrong:?}");
        }
    }
}
