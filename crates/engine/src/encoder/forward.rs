//! One pass through the encoder: tokens in, one vector per text out.

use std::ops::Range;

use domain::Pooling;
use kernels::{FullShape, Pool, add, attention_full, gelu_erf, layer_norm, matmul, matmul_each};

use super::weights::{Layer, Linear, Norm, Weights};

/// Embeds a few texts together; their tokens share the matrix products and nothing else.
pub(super) fn forward(weights: &Weights, pool: &Pool, texts: &[&[u32]], pooling: Pooling) -> Vec<Vec<f32>> {
    let width = weights.width();
    let mut starts = vec![0];
    for text in texts {
        starts.push(starts[starts.len() - 1] + text.len());
    }
    let spans: Vec<Range<usize>> = starts.windows(2).map(|ends| ends[0]..ends[1]).collect();
    let mut state = State::new(weights, embed(weights, texts));
    for layer in &weights.layers {
        state.layer(weights, pool, layer, &spans);
    }
    spans
        .into_iter()
        .map(|span| unit(pool_span(&state.x[span.start * width..span.end * width], width, pooling)))
        .collect()
}

fn embed(weights: &Weights, texts: &[&[u32]]) -> Vec<f32> {
    let width = weights.width();
    let tokens: usize = texts.iter().map(|text| text.len()).sum();
    let mut x = vec![0.0; tokens * width];
    let places = texts.iter().flat_map(|text| text.iter().enumerate());
    for (row, (position, &id)) in x.chunks_exact_mut(width).zip(places) {
        weights.word(id, row);
        add(row, weights.position(position));
        add(row, &weights.kind);
    }
    norm_rows(&mut x, &weights.norm, weights.shape.epsilon);
    x
}

/// The activations between layers and room for what happens within one.
struct State {
    x: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    mixed: Vec<f32>,
    out: Vec<f32>,
    inner: Vec<f32>,
}

impl State {
    fn new(weights: &Weights, x: Vec<f32>) -> Self {
        let room = || vec![0.0; x.len()];
        let inner = vec![0.0; x.len() / weights.width() * weights.shape.inner];
        Self { q: room(), k: room(), v: room(), mixed: room(), out: room(), inner, x }
    }

    fn layer(&mut self, weights: &Weights, pool: &Pool, layer: &Layer, spans: &[Range<usize>]) {
        let shape = &weights.shape;
        let (q, k, v) = (layer.q.weights(), layer.k.weights(), layer.v.weights());
        matmul_each(pool, &self.x, &mut [(q, &mut self.q), (k, &mut self.k), (v, &mut self.v)]);
        for (linear, out) in [(&layer.q, &mut self.q), (&layer.k, &mut self.k), (&layer.v, &mut self.v)] {
            add_bias(linear, out);
        }
        let head_dim = shape.width / shape.heads;
        let scale = 1.0 / (head_dim as f32).sqrt();
        let full = FullShape { heads: shape.heads, head_dim, scale };
        for span in spans {
            let part = span.start * shape.width..span.end * shape.width;
            let (q, k, v) = (&self.q[part.clone()], &self.k[part.clone()], &self.v[part.clone()]);
            attention_full(pool, &full, &mut self.mixed[part], q, k, v);
        }
        apply(&layer.output, pool, &self.mixed, &mut self.out);
        self.add_and_norm(&layer.output_norm, shape.epsilon);
        apply(&layer.up, pool, &self.x, &mut self.inner);
        pool.rows(&mut self.inner, shape.inner, &|_, row| gelu_erf(row));
        apply(&layer.down, pool, &self.inner, &mut self.out);
        self.add_and_norm(&layer.final_norm, shape.epsilon);
    }

    fn add_and_norm(&mut self, norm: &Norm, epsilon: f32) {
        add(&mut self.x, &self.out);
        norm_rows(&mut self.x, norm, epsilon);
    }
}

fn apply(linear: &Linear, pool: &Pool, x: &[f32], out: &mut [f32]) {
    matmul(pool, out, x, linear.weights());
    add_bias(linear, out);
}

fn add_bias(linear: &Linear, out: &mut [f32]) {
    for row in out.chunks_exact_mut(linear.bias.len()) {
        add(row, &linear.bias);
    }
}

fn norm_rows(x: &mut [f32], norm: &Norm, epsilon: f32) {
    let mut normed = vec![0.0; norm.weight.len()];
    for row in x.chunks_exact_mut(norm.weight.len()) {
        layer_norm(&mut normed, row, &norm.weight, &norm.bias, epsilon);
        row.copy_from_slice(&normed);
    }
}

fn pool_span(rows: &[f32], width: usize, pooling: Pooling) -> Vec<f32> {
    let mut sum = vec![0.0; width];
    let taken = match pooling {
        Pooling::Cls => rows.len().min(width),
        Pooling::Mean => rows.len(),
    };
    for row in rows[..taken].chunks_exact(width) {
        add(&mut sum, row);
    }
    sum
}

/// Scaled to length one, which makes dividing a mean by its count needless.
fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    vector.iter_mut().for_each(|x| *x *= scale);
    vector
}
