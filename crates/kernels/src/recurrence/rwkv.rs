//! The matrices that RWKV-6 and RWKV-7 carry (Peng et al. 2024, 2025): one a head, keys by values.

use super::{Run, each_part};
use crate::Pool;
use crate::pool::Slots;
use crate::simd::wide;

/// What enters the recurrence, rows of whole heads each.
#[derive(Clone, Copy)]
pub struct Wkv<'a> {
    /// Numbers of a head's side; a multiple of 8.
    pub head: usize,
    /// Heads of a row.
    pub heads: usize,
    /// What is asked of the state.
    pub receptance: &'a [f32],
    /// What the state keeps of itself, channel by channel: 0 to 1.
    pub decay: &'a [f32],
    /// Keys.
    pub key: &'a [f32],
    /// Values.
    pub value: &'a [f32],
}

impl Wkv<'_> {
    /// # Panics
    /// If a side is not eights, or what enters is not as long as `out`.
    fn check(&self, out: &[f32], runs: &[Run<'_>]) {
        let width = self.head * self.heads;
        assert!(self.head.is_multiple_of(8) && out.len().is_multiple_of(width.max(1)), "heads of eights");
        for part in [self.receptance, self.decay, self.key, self.value] {
            assert_eq!(part.len(), out.len(), "rows as long as the output's");
        }
        assert!(runs.iter().all(|run| run.state.len() == width * self.head), "a matrix of {} for each head", self.head);
    }
}

/// RWKV-6: `out = (S + bonus k v) r; S = decay S + k v`, head by head; `bonus` is one row. A state is a matrix for each head, a row for
/// each key channel.
///
/// # Panics
/// If sizes do not fit together.
pub fn wkv6(pool: &Pool, out: &mut [f32], x: Wkv<'_>, bonus: &[f32], runs: &mut [Run<'_>]) {
    x.check(out, runs);
    let (head, width) = (x.head, x.head * x.heads);
    assert_eq!(bonus.len(), width, "a bonus for each channel");
    let out = Slots::new(out);
    each_part(pool, runs, x.heads, &|rows, part, state| {
        let bonus = &bonus[part * head..][..head];
        for row in rows {
            let at = row * width + part * head;
            // SAFETY: each row's head is one task's.
            let out = unsafe { out.part(at, head) };
            out.fill(0.0);
            let [r, w, k, v] = [x.receptance, x.decay, x.key, x.value].map(|x| &x[at..at + head]);
            step6(out, state, bonus, (r, w), (k, v));
        }
    });
}

wide! {
    fn step6(out: &mut [f32], state: &mut [f32], bonus: &[f32], asked: (&[f32], &[f32]), put: (&[f32], &[f32])) {
        let ((receptance, decay), (key, value)) = (asked, put);
        for (channel, kept) in state.chunks_exact_mut(value.len()).enumerate() {
            let (r, w, k) = (receptance[channel], decay[channel], key[channel]);
            let first = r * bonus[channel] * k;
            for ((out, kept), v) in out.iter_mut().zip(kept).zip(value) {
                *out += r * *kept + first * v;
                *kept = w * *kept + k * v;
            }
        }
    }
}

/// RWKV-7: `S = S (decay + removed added) + v k; out = S r`, head by head: what stands at `removed` is taken out and put back at `added`.
/// A state is a matrix for each head, a row for each value channel.
///
/// # Panics
/// If sizes do not fit together.
pub fn wkv7(pool: &Pool, out: &mut [f32], x: Wkv<'_>, removed: &[f32], added: &[f32], runs: &mut [Run<'_>]) {
    x.check(out, runs);
    assert!(removed.len() == out.len() && added.len() == out.len(), "rows as long as the output's");
    let (head, width) = (x.head, x.head * x.heads);
    let out = Slots::new(out);
    each_part(pool, runs, x.heads, &|rows, part, state| {
        for row in rows {
            let at = row * width + part * head;
            // SAFETY: each row's head is one task's.
            let out = unsafe { out.part(at, head) };
            let channels = [x.receptance, x.decay, x.key, removed, added].map(|x| &x[at..at + head]);
            step7(out, state, &x.value[at..at + head], channels);
        }
    });
}

wide! {
    fn step7(out: &mut [f32], state: &mut [f32], value: &[f32], channels: [&[f32]; 5]) {
        let [receptance, decay, key, removed, added] = channels.map(|x| x.as_chunks::<8>().0);
        for ((kept, out), v) in state.chunks_exact_mut(value.len()).zip(out.iter_mut()).zip(value) {
            let kept = kept.as_chunks_mut::<8>().0;
            let mut lanes = [0.0f32; 8];
            for (kept, removed) in kept.iter().zip(removed) {
                for i in 0..8 {
                    lanes[i] += kept[i] * removed[i];
                }
            }
            let taken: f32 = lanes.iter().sum();
            let mut lanes = [0.0f32; 8];
            for (at, kept) in kept.iter_mut().enumerate() {
                for i in 0..8 {
                    kept[i] = kept[i] * decay[at][i] + v * key[at][i] + taken * added[at][i];
                    lanes[i] += kept[i] * receptance[at][i];
                }
            }
            *out = lanes.iter().sum();
        }
    }
}
