//! Normalisation of rows.

/// Root-mean-square norm of each row of `weight.len()` numbers (Zhang and Sennrich 2019), times `weight`.
///
/// # Panics
/// If `out` and `x` differ in length, or are not whole rows.
pub fn rms_norm(out: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
    let width = weight.len();
    assert!(out.len() == x.len() && x.len().is_multiple_of(width), "rows of {width}");
    for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
        let scale = 1.0 / (sum(x.iter().map(|x| x * x)) / width as f32 + eps).sqrt();
        for ((out, x), w) in out.iter_mut().zip(x).zip(weight) {
            *out = x * scale * w;
        }
    }
}

/// Layer norm of each row (Ba et al. 2016), times `weight` plus `bias`.
///
/// # Panics
/// If `out` and `x` differ in length, or are not whole rows.
pub fn layer_norm(out: &mut [f32], x: &[f32], weight: &[f32], bias: &[f32], eps: f32) {
    let width = weight.len();
    assert!(out.len() == x.len() && bias.len() == width && x.len().is_multiple_of(width), "rows of {width}");
    for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
        let mean = sum(x.iter().copied()) / width as f32;
        let variance = sum(x.iter().map(|x| (x - mean) * (x - mean))) / width as f32;
        let scale = 1.0 / (variance + eps).sqrt();
        for (i, out) in out.iter_mut().enumerate() {
            *out = (x[i] - mean) * scale * weight[i] + bias[i];
        }
    }
}

/// A sum in eight lanes: quicker than one, and closer to the true value.
pub(crate) fn sum(numbers: impl Iterator<Item = f32>) -> f32 {
    let mut lanes = [0.0f32; 8];
    for (i, x) in numbers.enumerate() {
        lanes[i % 8] += x;
    }
    lanes.iter().sum()
}
