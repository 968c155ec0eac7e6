//! Rotary positions (Su et al. 2021), in the two pairings files use.

/// Appends the sine and cosine by which each frequency turns at a position; `freqs` are inverse frequencies, `scale` multiplies both
/// (1 but for YaRN).
pub fn rope_angles(pos: f32, freqs: &[f32], scale: f32, angles: &mut Vec<(f32, f32)>) {
    angles.extend(freqs.iter().map(|freq| {
        let (sin, cos) = (f64::from(pos) * f64::from(*freq)).sin_cos();
        (sin as f32 * scale, cos as f32 * scale)
    }));
}

/// Rotates pairs (i, i + half) of each head by `half` angles; numbers beyond twice as many stay.
///
/// # Panics
/// If `x` is not whole heads, or there are more angles than half a head.
pub fn rope_neox(x: &mut [f32], head_dim: usize, angles: &[(f32, f32)]) {
    turn(x, head_dim, angles, |i| (i, i + angles.len()));
}

/// Rotates pairs (2i, 2i + 1) of each head, as Llama's GGUF files want it.
///
/// # Panics
/// If `x` is not whole heads, or there are more angles than half a head.
pub fn rope_norm(x: &mut [f32], head_dim: usize, angles: &[(f32, f32)]) {
    turn(x, head_dim, angles, |i| (2 * i, 2 * i + 1));
}

fn turn(x: &mut [f32], head_dim: usize, angles: &[(f32, f32)], pair: impl Fn(usize) -> (usize, usize)) {
    assert!(x.len().is_multiple_of(head_dim) && angles.len() * 2 <= head_dim, "heads of {head_dim}");
    for head in x.chunks_exact_mut(head_dim) {
        for (i, &(sin, cos)) in angles.iter().enumerate() {
            let (a, b) = pair(i);
            let (u, v) = (head[a], head[b]);
            head[a] = u * cos - v * sin;
            head[b] = u * sin + v * cos;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_turn() {
        let angles = |freqs: &[f32]| {
            let mut angles = Vec::new();
            rope_angles(1.0, freqs, 1.0, &mut angles);
            angles
        };
        let mut x = [1.0, 2.0, 9.0, 9.0];
        rope_neox(&mut x, 4, &angles(&[std::f32::consts::FRAC_PI_2]));
        assert!((x[0] + 2.0).abs() < 1e-6 && (x[1] - 1.0).abs() < 1e-6 && x[2] == 9.0, "{x:?}");
        let mut x = [1.0, 2.0, 3.0, 4.0];
        rope_norm(&mut x, 4, &angles(&[0.0, std::f32::consts::FRAC_PI_2]));
        assert!((x[0] - 1.0).abs() < 1e-6 && (x[2] + 4.0).abs() < 1e-6 && (x[3] - 3.0).abs() < 1e-6, "{x:?}");
    }
}
