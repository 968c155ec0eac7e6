//! Mamba's causal convolution and its selective scans (Gu and Dao 2023, Dao and Gu 2024).

use super::{Run, each_part};
use crate::Pool;
use crate::activations::exp;
use crate::pool::Slots;
use crate::simd::wide;

/// A causal convolution of each channel with its own few weights: `out[t] = bias + sum over k of weight[k] x[t - taps + 1 + k]`. `weight` is
/// a row of taps for each channel; a state is the last `taps - 1` rows, oldest first.
///
/// # Panics
/// If sizes do not fit together.
pub fn conv(out: &mut [f32], x: &[f32], weight: &[f32], bias: Option<&[f32]>, width: usize, runs: &mut [Run<'_>]) {
    let taps = weight.len() / width;
    assert!(weight.len() == taps * width && taps > 0 && out.len() == x.len(), "{width} channels of taps");
    let mut by_tap = vec![0.0; weight.len()];
    for (channel, weights) in weight.chunks_exact(taps).enumerate() {
        for (tap, weight) in weights.iter().enumerate() {
            by_tap[tap * width + channel] = *weight;
        }
    }
    for run in runs {
        let rows = run.rows.clone();
        let old = run.state.to_vec();
        assert_eq!(old.len(), (taps - 1) * width, "{} rows of {width} before", taps - 1);
        // The row `back` before the run's row `at`.
        let row = |at: usize, back: usize| match at.checked_sub(back) {
            Some(at) => &x[(rows.start + at) * width..][..width],
            None => &old[(taps - 1 + at - back) * width..][..width],
        };
        for at in 0..rows.len() {
            let out = &mut out[(rows.start + at) * width..][..width];
            match bias {
                Some(bias) => out.copy_from_slice(bias),
                None => out.fill(0.0),
            }
            for (tap, weight) in by_tap.chunks_exact(width).enumerate() {
                add_product(out, row(at, taps - 1 - tap), weight);
            }
        }
        for (back, kept) in (1..taps).rev().zip(run.state.chunks_exact_mut(width)) {
            kept.copy_from_slice(row(rows.len(), back));
        }
    }
}

wide! {
    fn add_product(out: &mut [f32], a: &[f32], b: &[f32]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out += a * b;
        }
    }
}

/// What enters Mamba-1's scan.
#[derive(Clone, Copy)]
pub struct Scan<'a> {
    /// Numbers each channel carries.
    pub states: usize,
    /// Rows of channels.
    pub x: &'a [f32],
    /// How long each step is: rows of channels, above 0.
    pub delta: &'a [f32],
    /// How each number decays, below 0: a row of `states` for each channel.
    pub decay: &'a [f32],
    /// What is put in: rows of `states`.
    pub put: &'a [f32],
    /// What is taken out: rows of `states`.
    pub take: &'a [f32],
    /// How much of a channel goes by: one row.
    pub by: &'a [f32],
}

/// Channels of one task: enough work for a hand-over.
const CHANNELS: usize = 64;

/// Mamba-1: `h = exp(delta decay) h + delta put x; out = take . h + by x`, channel by channel. A state is `states` numbers for each channel.
///
/// # Panics
/// If sizes do not fit together.
pub fn scan(pool: &Pool, out: &mut [f32], s: Scan<'_>, runs: &mut [Run<'_>]) {
    let width = s.by.len();
    let rows = s.x.len() / width.max(1);
    assert!(s.x.len() == out.len() && s.delta.len() == out.len() && out.len() == rows * width, "rows of {width}");
    assert!(s.put.len() == rows * s.states && s.take.len() == rows * s.states, "rows of {}", s.states);
    assert!(s.decay.len() == width * s.states, "{} for each channel", s.states);
    assert!(runs.iter().all(|run| run.state.len() == width * s.states), "{} for each channel", s.states);
    // Parts of a state are equal, so that channels go to tasks as evenly as they can.
    let size = (1..=CHANNELS.min(width)).rev().find(|size| width.is_multiple_of(*size)).unwrap_or(1);
    let out = Slots::new(out);
    each_part(pool, runs, width / size, &|rows, part, state| {
        let decay = &s.decay[part * size * s.states..][..size * s.states];
        for row in rows {
            let at = row * width + part * size;
            // SAFETY: each row's channels are one task's.
            let out = unsafe { out.part(at, size) };
            let of_row = [s.put, s.take].map(|x| &x[row * s.states..][..s.states]);
            let of_channels = (&s.x[at..at + size], &s.delta[at..at + size], &s.by[part * size..][..size]);
            scan_step(out, state, decay, of_channels, of_row);
        }
    });
}

wide! {
    fn scan_step(out: &mut [f32], state: &mut [f32], decay: &[f32], of_channels: (&[f32], &[f32], &[f32]), of_row: [&[f32]; 2]) {
        let ([put, take], (x, delta, by)) = (of_row, of_channels);
        let states = put.len();
        for channel in 0..out.len() {
            let (delta, x) = (delta[channel], x[channel]);
            let kept = &mut state[channel * states..][..states];
            let decay = &decay[channel * states..][..states];
            let into = delta * x;
            let mut lanes = [0.0f32; 8];
            let (kept, rest) = kept.as_chunks_mut::<8>();
            for (at, kept) in kept.iter_mut().enumerate() {
                for i in 0..8 {
                    let n = at * 8 + i;
                    kept[i] = kept[i] * exp(delta * decay[n]) + into * put[n];
                    lanes[i] += kept[i] * take[n];
                }
            }
            let from = states - rest.len();
            for (i, kept) in rest.iter_mut().enumerate() {
                let n = from + i;
                *kept = *kept * exp(delta * decay[n]) + into * put[n];
                lanes[i] += *kept * take[n];
            }
            out[channel] = lanes.iter().sum::<f32>() + by[channel] * x;
        }
    }
}

/// What enters Mamba-2's scan.
#[derive(Clone, Copy)]
pub struct Scan2<'a> {
    /// Numbers each channel carries.
    pub states: usize,
    /// Heads of a row; their channels share a step and a decay.
    pub heads: usize,
    /// Groups of heads that share what is put in and taken out.
    pub groups: usize,
    /// Rows of channels.
    pub x: &'a [f32],
    /// How long each step is: rows of heads, above 0.
    pub delta: &'a [f32],
    /// How each head decays, below 0: one row.
    pub decay: &'a [f32],
    /// What is put in: rows of `groups` times `states`.
    pub put: &'a [f32],
    /// What is taken out: the same.
    pub take: &'a [f32],
    /// How much of a head's channels goes by: one row.
    pub by: &'a [f32],
}

/// Mamba-2: as Mamba-1, with one decay a head. A state is `states` numbers for each channel.
///
/// # Panics
/// If sizes do not fit together.
pub fn scan2(pool: &Pool, out: &mut [f32], s: Scan2<'_>, runs: &mut [Run<'_>]) {
    let rows = s.delta.len() / s.heads;
    let width = out.len() / rows.max(1);
    let (head, of_row) = (width / s.heads, s.groups * s.states);
    assert!(s.x.len() == out.len() && out.len() == rows * head * s.heads, "rows of {} heads", s.heads);
    assert!(s.decay.len() == s.heads && s.by.len() == s.heads, "{} heads", s.heads);
    assert!(s.heads.is_multiple_of(s.groups), "{} heads in {} groups", s.heads, s.groups);
    assert!(s.put.len() == rows * of_row && s.take.len() == rows * of_row, "rows of {of_row}");
    assert!(runs.iter().all(|run| run.state.len() == width * s.states), "{} for each channel", s.states);
    let out = Slots::new(out);
    each_part(pool, runs, s.heads, &|rows, part, state| {
        let group = part / (s.heads / s.groups);
        for row in rows {
            let at = row * width + part * head;
            // SAFETY: each row's head is one task's.
            let out = unsafe { out.part(at, head) };
            let delta = s.delta[row * s.heads + part];
            let numbers = (exp(delta * s.decay[part]), delta, s.by[part]);
            let of_row = [s.put, s.take].map(|x| &x[row * of_row + group * s.states..][..s.states]);
            scan2_step(out, state, numbers, &s.x[at..at + head], of_row);
        }
    });
}

wide! {
    fn scan2_step(out: &mut [f32], state: &mut [f32], numbers: (f32, f32, f32), x: &[f32], of_row: [&[f32]; 2]) {
        let ((decay, delta, by), [put, take]) = (numbers, of_row);
        let states = put.len();
        for (channel, out) in out.iter_mut().enumerate() {
            let into = delta * x[channel];
            let (kept, rest) = state[channel * states..][..states].as_chunks_mut::<8>();
            let mut lanes = [0.0f32; 8];
            for (at, kept) in kept.iter_mut().enumerate() {
                for i in 0..8 {
                    kept[i] = kept[i] * decay + into * put[at * 8 + i];
                    lanes[i] += kept[i] * take[at * 8 + i];
                }
            }
            let from = states - rest.len();
            for (i, kept) in rest.iter_mut().enumerate() {
                *kept = *kept * decay + into * put[from + i];
                lanes[i] += *kept * take[from + i];
            }
            *out = lanes.iter().sum::<f32>() + by * x[channel];
        }
    }
}
