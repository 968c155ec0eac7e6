use half::f16;

use super::*;
use crate::Pool;

fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Attention as the formula says, in f64.
fn naive(q: &[f32], keys: &[Vec<f32>], values: &[Vec<f32>], scale: f32, cap: Option<f32>) -> Vec<f64> {
    let scores: Vec<f64> = keys
        .iter()
        .map(|k| {
            let s = q.iter().zip(k).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() * f64::from(scale);
            cap.map_or(s, |cap| f64::from(cap) * (s / f64::from(cap)).tanh())
        })
        .collect();
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
    let total: f64 = weights.iter().sum();
    (0..q.len()).map(|d| weights.iter().zip(values).map(|(w, v)| w / total * f64::from(v[d])).sum()).collect()
}

/// Keys in 8 bits, their scales, values in 8 bits, theirs.
type Codes = (Vec<i8>, Vec<f16>, Vec<i8>, Vec<f16>);

/// A sequence's pages, and its keys and values as they went in, rounded to halves.
struct Past {
    pages: Vec<(Vec<f16>, Vec<f16>)>,
    /// The same in 8 bits: keys, their scales, values, theirs.
    codes: Vec<Codes>,
    keys: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
}

impl Past {
    fn new(shape: &AttnShape, positions: usize, seed: u32) -> Self {
        let width = shape.kv_heads * shape.head_dim;
        // What was in a page before must not matter.
        let page = || (vec![f16::from_f32(7.0); PAGE * width], vec![f16::from_f32(9.0); PAGE * width]);
        let mut pages: Vec<_> = (0..positions.div_ceil(PAGE)).map(|_| page()).collect();
        let round = |x: Vec<f32>| -> Vec<f32> { x.iter().map(|x| f16::from_f32(*x).to_f32()).collect() };
        let rows = |seed| noise(positions * width, seed).chunks(width).map(|row| round(row.to_vec())).collect();
        let (keys, values): (Vec<Vec<f32>>, Vec<Vec<f32>>) = (rows(seed), rows(seed + 1));
        let scales = || vec![f16::from_f32(3.0); PAGE * shape.kv_heads * shape.head_dim.div_ceil(BLOCK)];
        let page = || (vec![99; PAGE * width], scales(), vec![-99; PAGE * width], scales());
        let mut codes: Vec<_> = (0..positions.div_ceil(PAGE)).map(|_| page()).collect();
        for (position, (k, v)) in keys.iter().zip(&values).enumerate() {
            let (keys, values) = &mut pages[position / PAGE];
            put_position(shape, PageMut::Halves { keys, values }, position % PAGE, k, v);
            let (keys, key_scales, values, value_scales) = &mut codes[position / PAGE];
            let page = PageMut::Codes { keys, key_scales, values, value_scales };
            put_position(shape, page, position % PAGE, k, v);
        }
        Self { pages, codes, keys, values }
    }

    fn sequence(&self, first: usize, rows: usize) -> Sequence<'_> {
        let pages = self.pages.iter().map(|(keys, values)| Page::Halves { keys, values }).collect();
        Sequence { first, rows, pages }
    }

    fn in_codes(&self, first: usize, rows: usize) -> Sequence<'_> {
        let page = |(keys, key_scales, values, value_scales)| Page::Codes { keys, key_scales, values, value_scales };
        let pages = self.codes.iter().map(|(a, b, c, d)| page((a, b, c, d))).collect();
        Sequence { first, rows, pages }
    }
}

fn shape(heads: usize, kv_heads: usize, head_dim: usize, window: Option<usize>, softcap: Option<f32>) -> AttnShape {
    AttnShape { heads, kv_heads, head_dim, scale: 0.3, softcap, window }
}

#[test]
fn causal_attention_follows_the_formula() {
    let pool = Pool::new(2);
    for (heads, kv_heads, dim, first, rows, window, softcap) in [
        (4, 2, 64, 0, 1, None, None),
        (4, 1, 40, 5, 37, None, Some(5.0)),
        (2, 2, 16, 3, 20, Some(4), None),
        (6, 2, 96, 100, 2, None, None),
        (3, 3, 24, 130, 1, Some(7), None),
        (7, 1, 8, 300, 1, None, None),
        (2, 1, 64, 0, 200, Some(70), None),
        (9, 3, 64, 700, 1, None, None),
        (9, 3, 64, 700, 1, Some(300), None),
        (14, 2, 64, 510, 9, None, None),
    ] {
        let shape = shape(heads, kv_heads, dim, window, softcap);
        let q = noise(rows * heads * dim, 1);
        let past = Past::new(&shape, first + rows, 2);
        let mut out = vec![0.0; q.len()];
        attention(&pool, &shape, &mut out, &q, &[past.sequence(first, rows)]);
        let mut coarse = vec![0.0; q.len()];
        attention(&pool, &shape, &mut coarse, &q, &[past.in_codes(first, rows)]);
        let gap = out.iter().zip(&coarse).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(gap > 0.0 && gap < 2e-2, "{shape:?}: in 8 bits {gap} off");
        for row in 0..rows {
            for head in 0..heads {
                let start = window.map_or(0, |w| (first + row + 1).saturating_sub(w));
                let of_head = |all: &[Vec<f32>]| -> Vec<Vec<f32>> {
                    let kv = head / (heads / kv_heads);
                    all[start..=first + row].iter().map(|x| x[kv * dim..(kv + 1) * dim].to_vec()).collect()
                };
                let place = (row * heads + head) * dim;
                let (keys, values) = (of_head(&past.keys), of_head(&past.values));
                let expected = naive(&q[place..place + dim], &keys, &values, 0.3, softcap);
                for (got, expected) in out[place..place + dim].iter().zip(expected) {
                    assert!((f64::from(*got) - expected).abs() < 1e-4, "{shape:?} {first} {rows}: {got} {expected}");
                }
            }
        }
    }
}

/// A prompt read whole, in pieces, a token at a time, beside others, on one thread or two: every query has the same bits.
#[test]
fn a_query_gets_the_same_bits_in_any_company() {
    for shape in [
        shape(14, 2, 64, None, None),
        shape(9, 3, 64, None, None),
        shape(4, 4, 32, Some(100), None),
        shape(4, 1, 40, Some(300), Some(20.0)),
    ] {
        let width = shape.heads * shape.head_dim;
        let (len, pool) = (620, Pool::new(2));
        let q = noise(len * width, 5);
        let past = Past::new(&shape, len, 6);
        let mut whole = vec![0.0; q.len()];
        attention(&pool, &shape, &mut whole, &q, &[past.sequence(0, len)]);
        let mut coarse = vec![0.0; q.len()];
        attention(&pool, &shape, &mut coarse, &q, &[past.in_codes(0, len)]);
        let other = Past::new(&shape, 300, 8);
        for (at, count) in [(0, 1), (63, 2), (64, 1), (255, 1), (256, 3), (300, 150), (599, 1), (600, 20)] {
            let part = at * width..(at + count) * width;
            let mut alone = vec![0.0; count * width];
            attention(&Pool::new(1), &shape, &mut alone, &q[part.clone()], &[past.sequence(at, count)]);
            assert_eq!(alone, whole[part.clone()], "{shape:?}: {count} from {at}");
            attention(&Pool::new(1), &shape, &mut alone, &q[part.clone()], &[past.in_codes(at, count)]);
            assert_eq!(alone, coarse[part.clone()], "{shape:?}: {count} from {at}, in 8 bits");
            let (mut both, mut queries) = (vec![0.0; (count + 2) * width], noise(2 * width, 9));
            queries.extend_from_slice(&q[part.clone()]);
            let sequences = [other.sequence(298, 2), past.sequence(at, count)];
            attention(&pool, &shape, &mut both, &queries, &sequences);
            assert_eq!(both[2 * width..], whole[part], "{shape:?}: {count} from {at}, beside another");
        }
    }
}

#[test]
fn full_attention_follows_the_formula() {
    let pool = Pool::new(2);
    for (heads, dim, rows) in [(2, 32, 1), (3, 32, 45), (1, 80, 33), (1, 20, 210)] {
        let [q, k, v] = [1, 2, 3].map(|seed| noise(rows * heads * dim, seed));
        let mut out = vec![0.0; q.len()];
        attention_full(&pool, &FullShape { heads, head_dim: dim, scale: 0.2 }, &mut out, &q, &k, &v);
        let split = |x: &[f32], head: usize| -> Vec<Vec<f32>> {
            (0..rows).map(|r| x[(r * heads + head) * dim..][..dim].to_vec()).collect()
        };
        for row in 0..rows {
            for head in 0..heads {
                let place = (row * heads + head) * dim;
                let expected = naive(&q[place..place + dim], &split(&k, head), &split(&v, head), 0.2, None);
                for (got, expected) in out[place..place + dim].iter().zip(expected) {
                    assert!((f64::from(*got) - expected).abs() < 1e-5, "{got} {expected}");
                }
            }
        }
    }
}

#[test]
fn a_block_in_8_bits_is_as_close_as_it_can_be() {
    let shape = shape(2, 2, 40, None, None);
    let mut keys = noise(80, 1);
    (keys[0], keys[33], keys[41]) = (f32::NAN, 1e-42, 1e30);
    let zeros = vec![0.0; 80];
    let (mut codes, mut scales) = (vec![1; 80 * PAGE], vec![f16::ONE; 4 * PAGE]);
    let (mut values, mut value_scales) = (vec![1; 80 * PAGE], vec![f16::ONE; 4 * PAGE]);
    let page = PageMut::Codes {
        keys: &mut codes,
        key_scales: &mut scales,
        values: &mut values,
        value_scales: &mut value_scales,
    };
    put_position(&shape, page, 5, &keys, &zeros);
    for (at, key) in keys.iter().enumerate().filter(|(at, _)| at / 40 == 0 && *at > 0) {
        let block = at % 40 / BLOCK;
        let scale = scales[block * PAGE + 5].to_f32();
        assert!((f32::from(codes[at * PAGE + 5]) * scale - key).abs() <= scale * 0.51 + 1e-6, "{at}");
    }
    assert_eq!((codes[5], codes[4]), (0, 1), "what is no number is nothing, and no other position is touched");
    assert!(values[5 * 40..6 * 40].iter().all(|&code| code == 0) && values[6 * 40] == 1);
}
