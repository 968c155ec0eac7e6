//! Attention and its way back, a score at a time.

use std::rc::Rc;

use kernels::AttnShape;

use super::{Tape, Value};

impl Tape<'_> {
    pub(super) fn attend(&mut self, shape: AttnShape, [q, k, v]: [&Rc<Value>; 3]) -> Rc<Value> {
        let rows = self.tokens.len();
        let AttnShape { heads, kv_heads, head_dim, .. } = shape;
        let (q, k, v) = (Rc::clone(q), Rc::clone(k), Rc::clone(v));
        let mut data = vec![0.0; q.data.len()];
        let mut all = Vec::with_capacity(rows * heads);
        for row in 0..rows {
            for head in 0..heads {
                let (first, weights) = weights(&shape, &q.data, &k.data, row, head);
                let out = &mut data[(row * heads + head) * head_dim..][..head_dim];
                for (at, (weight, _)) in (first..).zip(&weights) {
                    let value = &v.data[(at * kv_heads + head * kv_heads / heads) * head_dim..][..head_dim];
                    out.iter_mut().zip(value).for_each(|(out, v)| *out += weight * v);
                }
                all.push((first, weights));
            }
        }
        self.push(data, move |grad, grads| {
            for (place, (first, weights)) in all.iter().enumerate() {
                let (row, head) = (place / heads, place % heads);
                let grad = &grad[place * head_dim..][..head_dim];
                let kv = |at: usize| (at * kv_heads + head * kv_heads / heads) * head_dim;
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
                let of_weights: Vec<f32> =
                    (0..weights.len()).map(|i| dot(grad, &v.data[kv(first + i)..][..head_dim])).collect();
                let mean: f32 = of_weights.iter().zip(weights).map(|(grad, (weight, _))| grad * weight).sum();
                let query = (row * heads + head) * head_dim;
                for (i, (weight, slope)) in weights.iter().enumerate() {
                    let at = kv(first + i);
                    let into = &mut grads.of(&v)[at..at + head_dim];
                    into.iter_mut().zip(grad).for_each(|(into, grad)| *into += weight * grad);
                    let of_dot = weight * (of_weights[i] - mean) * slope;
                    for d in 0..head_dim {
                        grads.of(&q)[query + d] += of_dot * k.data[at + d];
                        grads.of(&k)[at + d] += of_dot * q.data[query + d];
                    }
                }
            }
        })
    }
}

/// The first position a row's head sees, and of each from there on its weight and how its score changes with its dot product.
fn weights(shape: &AttnShape, q: &[f32], k: &[f32], row: usize, head: usize) -> (usize, Vec<(f32, f32)>) {
    let AttnShape { heads, kv_heads, head_dim, scale, softcap, window } = *shape;
    let first = window.map_or(0, |window| (row + 1).saturating_sub(window));
    let query = &q[(row * heads + head) * head_dim..][..head_dim];
    let (mut scores, mut slopes) = (Vec::new(), Vec::new());
    for at in first..=row {
        let key = &k[(at * kv_heads + head * kv_heads / heads) * head_dim..][..head_dim];
        let score = scale * query.iter().zip(key).map(|(q, k)| q * k).sum::<f32>();
        let (score, slope) = match softcap {
            None => (score, scale),
            Some(cap) => {
                let tanh = (score / cap).tanh();
                (cap * tanh, scale * (1.0 - tanh * tanh))
            }
        };
        scores.push(score);
        slopes.push(slope);
    }
    kernels::softmax(&mut scores);
    (first, scores.into_iter().zip(slopes).collect())
}
