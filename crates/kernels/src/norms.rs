//! Normalisation of rows.

crate::simd::wide! {
    /// Root-mean-square norm of each row of `weight.len()` numbers (Zhang and Sennrich 2019), times `weight`.
    ///
    /// # Panics
    /// If `out` and `x` differ in length, or are not whole rows.
    pub fn rms_norm(out: &mut [f32], x: &[f32], weight: &[f32], eps: f32) {
        let width = weight.len();
        assert!(out.len() == x.len() && x.len().is_multiple_of(width), "rows of {width}");
        for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let scale = 1.0 / (sum_of(x, |x| x * x) / width as f32 + eps).sqrt();
            for ((out, x), w) in out.iter_mut().zip(x).zip(weight) {
                *out = x * scale * w;
            }
        }
    }
}

crate::simd::wide! {
    /// Layer norm of each row (Ba et al. 2016), times `weight` plus `bias`.
    ///
    /// # Panics
    /// If `out` and `x` differ in length, or are not whole rows.
    pub fn layer_norm(out: &mut [f32], x: &[f32], weight: &[f32], bias: &[f32], eps: f32) {
        let width = weight.len();
        assert!(out.len() == x.len() && bias.len() == width && x.len().is_multiple_of(width), "rows of {width}");
        for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let mean = sum_of(x, |x| x) / width as f32;
            let variance = sum_of(x, |x| (x - mean) * (x - mean)) / width as f32;
            let scale = 1.0 / (variance + eps).sqrt();
            for (i, out) in out.iter_mut().enumerate() {
                *out = (x[i] - mean) * scale * weight[i] + bias[i];
            }
        }
    }
}

/// Layer norm of each of the `weight.len() / size` groups of a row, times `weight` plus `bias`.
///
/// # Panics
/// If `out` and `x` differ in length, or are not whole rows of whole groups.
pub fn group_norm(out: &mut [f32], x: &[f32], weight: &[f32], bias: &[f32], size: usize, eps: f32) {
    for (out, x) in out.chunks_exact_mut(weight.len()).zip(x.chunks_exact(weight.len())) {
        for at in (0..weight.len()).step_by(size) {
            let group = at..at + size;
            layer_norm(&mut out[group.clone()], &x[group.clone()], &weight[group.clone()], &bias[group], eps);
        }
    }
}

/// Root-mean-square norm of each of the `weight.len() / size` groups of a row, times `weight`.
///
/// # Panics
/// If `out` and `x` differ in length, or are not whole rows of whole groups.
pub fn group_rms_norm(out: &mut [f32], x: &[f32], weight: &[f32], size: usize, eps: f32) {
    for (out, x) in out.chunks_exact_mut(weight.len()).zip(x.chunks_exact(weight.len())) {
        for at in (0..weight.len()).step_by(size) {
            let group = at..at + size;
            rms_norm(&mut out[group.clone()], &x[group.clone()], &weight[group], eps);
        }
    }
}

/// Brings each part of `size` numbers to length 1; one shorter than `least` is divided by that.
pub fn unit(x: &mut [f32], size: usize, least: f32) {
    for part in x.chunks_exact_mut(size) {
        let length = sum_of(part, |x| x * x).sqrt();
        let scale = 1.0 / if length > least { length } else { least };
        part.iter_mut().for_each(|x| *x *= scale);
    }
}

/// The sum of what becomes of each number, in eight lanes: quicker than in one, and closer to the true value.
#[inline(always)]
pub(crate) fn sum_of(x: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (eights, rest) = x.as_chunks::<8>();
    for x in eights {
        for i in 0..8 {
            lanes[i] += of(x[i]);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane += of(*x);
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_normed_each_by_itself() {
        let x = [1.0, 3.0, 10.0, 30.0];
        let (mut out, mut alone) = ([0.0; 4], [0.0; 2]);
        group_norm(&mut out, &x, &[1.0, 2.0, 3.0, 4.0], &[0.0, 0.0, 1.0, 0.0], 2, 1e-9);
        layer_norm(&mut alone, &x[2..], &[3.0, 4.0], &[1.0, 0.0], 1e-9);
        assert!((out[0] + 1.0).abs() < 1e-6 && (out[1] - 2.0).abs() < 1e-6 && out[2..] == alone, "{out:?}");
        group_rms_norm(&mut out, &x, &[1.0, 2.0, 3.0, 4.0], 2, 0.0);
        rms_norm(&mut alone, &x[..2], &[1.0, 2.0], 0.0);
        assert!(out[..2] == alone && (out[2] - 3.0 * 10.0 / 500.0f32.sqrt()).abs() < 1e-6, "{out:?}");
    }

    #[test]
    fn a_unit_has_length_one_and_nothing_stays_nothing() {
        let mut x = [3.0, 4.0, 0.0, 0.0];
        unit(&mut x, 2, 1e-12);
        assert!((x[0] - 0.6).abs() < 1e-6 && (x[1] - 0.8).abs() < 1e-6 && x[2..] == [0.0, 0.0], "{x:?}");
    }
}
