//! Each recurrence beside its formula in f64, in odd sizes; whole and in pieces, alone and in company.

use super::*;

fn numbers(count: usize, seed: u64, low: f32, high: f32) -> Vec<f32> {
    // A linear congruence is random enough for this.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u32 << 24) as f32
    };
    (0..count).map(|_| low + next() * (high - low)).collect()
}

fn close(ours: &[f32], exact: &[f64], what: &str) {
    assert_eq!(ours.len(), exact.len(), "{what}");
    let size = exact.iter().fold(1.0f64, |size, x| size.max(x.abs()));
    for (at, (ours, exact)) in ours.iter().zip(exact).enumerate() {
        assert!((f64::from(*ours) - exact).abs() < 1e-5 * size, "{what} at {at}: {ours} {exact}");
    }
}

/// Computes rows on a pool.
type Compute<'a> = dyn Fn(&Pool, &mut [f32], &mut [Run<'_>]) + 'a;

/// Runs `rows` rows as one run, and the same again in two runs one after the other beside a run of a stranger's; all the same bits.
/// `compute` takes the rows in which the sequence stands among all, and the runs.
fn in_company(rows: usize, state: usize, width: usize, compute: &Compute<'_>) -> (Vec<f32>, Vec<f32>) {
    let mut kept = vec![0.0; state];
    let mut whole = vec![0.0; rows * width];
    compute(&Pool::new(2), &mut whole, &mut [Run { rows: 0..rows, state: &mut kept }]);
    for cut in [1, rows / 2, rows - 1] {
        let (mut pieces, mut again) = (vec![0.0; rows * width], vec![0.0; state]);
        compute(&Pool::new(1), &mut pieces, &mut [Run { rows: 0..cut, state: &mut again }]);
        let mut stranger = vec![0.5; state];
        let mut both = [Run { rows: cut..rows, state: &mut again }, Run { rows: 0..cut, state: &mut stranger }];
        let mut rest = pieces.clone();
        compute(&Pool::new(3), &mut rest, &mut both);
        pieces[cut * width..].copy_from_slice(&rest[cut * width..]);
        assert_eq!(pieces, whole, "in pieces");
        assert_eq!(again, kept, "the state");
    }
    (whole, kept)
}

#[test]
fn rwkv6_follows_its_formula() {
    for (head, heads, rows) in [(8, 1, 2), (16, 3, 9), (64, 2, 5)] {
        let width = head * heads;
        let [r, k, v] = [1, 2, 3].map(|seed| numbers(rows * width, seed, -1.0, 1.0));
        let (w, bonus) = (numbers(rows * width, 4, 0.0, 1.0), numbers(width, 5, -1.0, 1.0));
        let x = Wkv { head, heads, receptance: &r, decay: &w, key: &k, value: &v };
        let (out, kept) = in_company(rows, width * head, width, &|pool, out, runs| wkv6(pool, out, x, &bonus, runs));
        let mut state = vec![0.0f64; width * head];
        let mut exact = vec![0.0f64; rows * width];
        let at = |x: &[f32], row: usize, h: usize, i: usize| f64::from(x[row * width + h * head + i]);
        for row in 0..rows {
            for h in 0..heads {
                for i in 0..head {
                    for j in 0..head {
                        let kv = at(&k, row, h, i) * at(&v, row, h, j);
                        let kept = &mut state[(h * head + i) * head + j];
                        exact[row * width + h * head + j] +=
                            at(&r, row, h, i) * (*kept + f64::from(bonus[h * head + i]) * kv);
                        *kept = *kept * at(&w, row, h, i) + kv;
                    }
                }
            }
        }
        close(&out, &exact, "wkv6");
        close(&kept, &state, "wkv6 state");
    }
}

#[test]
fn rwkv7_follows_its_formula() {
    for (head, heads, rows) in [(8, 1, 2), (16, 3, 9), (64, 2, 5)] {
        let width = head * heads;
        let [r, k, v, a, b] = [1, 2, 3, 4, 5].map(|seed| numbers(rows * width, seed, -0.3, 0.3));
        let w = numbers(rows * width, 6, 0.5, 1.0);
        let x = Wkv { head, heads, receptance: &r, decay: &w, key: &k, value: &v };
        let (out, kept) = in_company(rows, width * head, width, &|pool, out, runs| wkv7(pool, out, x, &a, &b, runs));
        let mut state = vec![0.0f64; width * head];
        let mut exact = vec![0.0f64; rows * width];
        let at = |x: &[f32], row: usize, h: usize, i: usize| f64::from(x[row * width + h * head + i]);
        for row in 0..rows {
            for h in 0..heads {
                for i in 0..head {
                    let kept = &mut state[(h * head + i) * head..][..head];
                    let taken: f64 = (0..head).map(|j| kept[j] * at(&a, row, h, j)).sum();
                    for j in 0..head {
                        kept[j] = kept[j] * at(&w, row, h, j)
                            + at(&v, row, h, i) * at(&k, row, h, j)
                            + taken * at(&b, row, h, j);
                        exact[row * width + h * head + i] += kept[j] * at(&r, row, h, j);
                    }
                }
            }
        }
        close(&out, &exact, "wkv7");
        close(&kept, &state, "wkv7 state");
    }
}

#[test]
fn mambas_scan_follows_its_formula() {
    for (width, states, rows) in [(7, 3, 2), (96, 16, 9), (130, 20, 4)] {
        let x = numbers(rows * width, 1, -1.0, 1.0);
        let delta = numbers(rows * width, 2, 0.001, 0.5);
        let decay = numbers(width * states, 3, -4.0, -0.1);
        let [put, take] = [4, 5].map(|seed| numbers(rows * states, seed, -1.0, 1.0));
        let by = numbers(width, 6, -1.0, 1.0);
        let s = Scan { states, x: &x, delta: &delta, decay: &decay, put: &put, take: &take, by: &by };
        let (out, kept) = in_company(rows, width * states, width, &|pool, out, runs| scan(pool, out, s, runs));
        let mut state = vec![0.0f64; width * states];
        let mut exact = vec![0.0f64; rows * width];
        for row in 0..rows {
            for c in 0..width {
                let (x, delta) = (f64::from(x[row * width + c]), f64::from(delta[row * width + c]));
                for n in 0..states {
                    let kept = &mut state[c * states + n];
                    *kept = *kept * (delta * f64::from(decay[c * states + n])).exp()
                        + delta * f64::from(put[row * states + n]) * x;
                    exact[row * width + c] += *kept * f64::from(take[row * states + n]);
                }
                exact[row * width + c] += f64::from(by[c]) * x;
            }
        }
        close(&out, &exact, "scan");
        close(&kept, &state, "scan's state");
    }
}

#[test]
fn mamba_2s_scan_follows_its_formula() {
    for (heads, head, groups, states, rows) in [(1, 3, 1, 5, 2), (4, 8, 2, 16, 9), (6, 5, 3, 24, 4)] {
        let width = heads * head;
        let x = numbers(rows * width, 1, -1.0, 1.0);
        let delta = numbers(rows * heads, 2, 0.001, 0.5);
        let decay = numbers(heads, 3, -4.0, -0.1);
        let [put, take] = [4, 5].map(|seed| numbers(rows * groups * states, seed, -1.0, 1.0));
        let by = numbers(heads, 6, -1.0, 1.0);
        let s = Scan2 { states, heads, groups, x: &x, delta: &delta, decay: &decay, put: &put, take: &take, by: &by };
        let (out, kept) = in_company(rows, width * states, width, &|pool, out, runs| scan2(pool, out, s, runs));
        let mut state = vec![0.0f64; width * states];
        let mut exact = vec![0.0f64; rows * width];
        for row in 0..rows {
            for c in 0..width {
                let h = c / head;
                let (x, delta) = (f64::from(x[row * width + c]), f64::from(delta[row * heads + h]));
                let of_group = (row * groups + h / (heads / groups)) * states;
                for n in 0..states {
                    let kept = &mut state[c * states + n];
                    *kept = *kept * (delta * f64::from(decay[h])).exp() + delta * f64::from(put[of_group + n]) * x;
                    exact[row * width + c] += *kept * f64::from(take[of_group + n]);
                }
                exact[row * width + c] += f64::from(by[h]) * x;
            }
        }
        close(&out, &exact, "scan2");
        close(&kept, &state, "scan2's state");
    }
}

#[test]
fn convolutions_and_shifts_look_back_within_their_sequence() {
    for (width, taps, rows) in [(3, 4, 9), (20, 4, 2), (5, 1, 3), (9, 2, 5)] {
        let x = numbers(rows * width, 1, -1.0, 1.0);
        let (weight, bias) = (numbers(width * taps, 2, -1.0, 1.0), numbers(width, 3, -1.0, 1.0));
        let (out, kept) = in_company(rows, (taps - 1) * width, width, &|_, out, runs| {
            conv(out, &x, &weight, Some(&bias), width, runs);
        });
        let before =
            |row: usize, back: usize, c: usize| row.checked_sub(back).map_or(0.0, |row| f64::from(x[row * width + c]));
        let exact: Vec<f64> = (0..rows * width)
            .map(|at| {
                let (row, c) = (at / width, at % width);
                let sum: f64 = (0..taps).map(|k| f64::from(weight[c * taps + k]) * before(row, taps - 1 - k, c)).sum();
                f64::from(bias[c]) + sum
            })
            .collect();
        close(&out, &exact, "conv");
        let last: Vec<f64> =
            (0..(taps - 1) * width).map(|at| before(rows - 1, taps - 2 - at / width, at % width)).collect();
        close(&kept, &last, "conv's state");
    }
    let x = numbers(12, 1, -1.0, 1.0);
    let (out, kept) = in_company(4, 3, 3, &|_, out, runs| shift(out, &x, 3, runs));
    assert_eq!((&out[..3], &out[3..], &kept[..]), (&[0.0; 3][..], &x[..9], &x[9..]));
}

#[test]
fn odd_numbers_stay_in_their_row_and_head() {
    let (head, heads, rows) = (8, 2, 3);
    let width = head * heads;
    let mut r = numbers(rows * width, 1, -1.0, 1.0);
    let [k, v] = [2, 3].map(|seed| numbers(rows * width, seed, -1.0, 1.0));
    let w = numbers(rows * width, 4, 0.0, 1.0);
    (r[width], r[width + 1], r[width + 2]) = (f32::NAN, f32::INFINITY, 1e-42);
    let mut state = vec![0.0; width * head];
    let mut out = vec![0.0; rows * width];
    let x = Wkv { head, heads, receptance: &r, decay: &w, key: &k, value: &v };
    wkv7(&Pool::new(2), &mut out, x, &k, &v, &mut [Run { rows: 0..rows, state: &mut state }]);
    let odd: Vec<usize> = (0..out.len()).filter(|&at| !out[at].is_finite()).map(|at| at / head).collect();
    assert!(odd.iter().all(|&at| at == 2), "only the second row's first head: {odd:?}");
    assert!(state.iter().all(|x| x.is_finite()), "what is asked is not kept");
    shift(&mut [], &[], 3, &mut [Run { rows: 0..0, state: &mut [0.0; 3] }]);
}
