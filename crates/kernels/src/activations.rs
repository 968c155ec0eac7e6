//! Pointwise functions, in place.

crate::simd::widest! {
    /// `gate = silu(gate) * up`.
    pub fn silu_mul(gate: &mut [f32], up: &[f32]) {
        for (g, u) in gate.iter_mut().zip(up) {
            *g = *g / (1.0 + exp(-*g)) * u;
        }
    }
}

crate::simd::widest! {
    /// `gate = gelu(gate) * up`, gelu by its tanh approximation.
    pub fn gelu_mul(gate: &mut [f32], up: &[f32]) {
        for (g, u) in gate.iter_mut().zip(up) {
            let x = *g;
            let inner = 0.797_884_6 * (x + 0.044_715 * x * x * x);
            // tanh(y) = 1 - 2 / (exp(2y) + 1)
            *g = 0.5 * x * (2.0 - 2.0 / (exp(2.0 * inner) + 1.0)) * u;
        }
    }
}

crate::simd::widest! {
    /// Gelu by the error function, as BERT uses it.
    pub fn gelu_erf(x: &mut [f32]) {
        for x in x {
            *x *= 0.5 * (1.0 + erf(*x * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}

crate::simd::widest! {
    /// `x = silu(x)`.
    pub fn silu(x: &mut [f32]) {
        for x in x {
            *x = *x / (1.0 + exp(-*x));
        }
    }
}

crate::simd::widest! {
    /// `x = 1 / (1 + e^-x)`.
    pub fn sigmoid(x: &mut [f32]) {
        for x in x {
            *x = 1.0 / (1.0 + exp(-*x));
        }
    }
}

crate::simd::widest! {
    /// The hyperbolic tangent.
    pub fn tanh(x: &mut [f32]) {
        for x in x {
            // Where the difference from 1 is small the quotient is exact enough; near 0 the series is better.
            let small = *x * (1.0 + *x * *x * (-1.0 / 3.0 + *x * *x * (2.0 / 15.0 - *x * *x * (17.0 / 315.0))));
            let large = 1.0 - 2.0 / (exp(2.0 * *x) + 1.0);
            *x = if x.abs() < 0.15 { small } else { large };
        }
    }
}

crate::simd::widest! {
    /// `x = e^x`.
    pub fn exponential(x: &mut [f32]) {
        for x in x {
            *x = exp(*x);
        }
    }
}

/// `x = ln(1 + e^x)`; beyond 20 that is `x`.
pub fn softplus(x: &mut [f32]) {
    for x in x {
        *x = if *x > 20.0 { *x } else { x.exp().ln_1p() };
    }
}

crate::simd::wide! {
    /// The square of what is above 0.
    pub fn relu_squared(x: &mut [f32]) {
        for x in x {
            let above = if *x > 0.0 { *x } else { 0.0 };
            *x = above * above;
        }
    }
}

crate::simd::wide! {
    /// `a *= b`.
    pub fn multiply(a: &mut [f32], b: &[f32]) {
        for (a, b) in a.iter_mut().zip(b) {
            *a *= b;
        }
    }
}

crate::simd::wide! {
    /// `out = x + (other - x) * by`.
    pub fn mix(out: &mut [f32], x: &[f32], other: &[f32], by: &[f32]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = x[i] + (other[i] - x[i]) * by[i];
        }
    }
}

crate::simd::wide! {
    /// `a += b`.
    pub fn add(a: &mut [f32], b: &[f32]) {
        for (a, b) in a.iter_mut().zip(b) {
            *a += b;
        }
    }
}

crate::simd::widest! {
    /// Turns logits into probabilities. Rows of only `-inf` become zeros.
    pub fn softmax(x: &mut [f32]) {
        let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if max == f32::NEG_INFINITY {
            x.fill(0.0);
            return;
        }
        for x in x.iter_mut() {
            *x = exp(*x - max);
        }
        let total = crate::norms::sum_of(x, |x| x);
        for x in x {
            *x /= total;
        }
    }
}

/// `e^x` to about one unit in the last place of f32, in operations a compiler can vectorise: 2^n by exponent bits, the rest by a polynomial.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = if x > -87.3 { x } else { -87.3 };
    let x = if x < 88.0 { x } else { 88.0 };
    let rounded = x * std::f32::consts::LOG2_E + 12_582_912.0; // to the nearest whole number, in the low bits
    let n = rounded - 12_582_912.0;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p =
        1.0 + r * (1.0 + r * (0.5 + r * (0.166_666_57 + r * (0.041_665_795 + r * (0.008_333_452 + r * 0.001_388_9)))));
    p * f32::from_bits(rounded.to_bits().wrapping_sub(0x4b40_0000).wrapping_add(127) << 23)
}

/// The error function to about 1.2e-7 (Abramowitz and Stegun 7.1.28 is not enough; this is Numerical Recipes' Chebyshev fit of erfc).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let z = x.abs();
    let t = 1.0 / (1.0 + 0.5 * z);
    let poly = -1.265_512_2
        + t * (1.000_023_7
            + t * (0.374_091_96
                + t * (0.096_784_18
                    + t * (-0.186_288_06
                        + t * (0.278_868_07
                            + t * (-1.135_204 + t * (1.488_515_9 + t * (-0.822_152_23 + t * 0.170_872_77))))))));
    let erfc = t * exp(-z * z + poly);
    if x >= 0.0 { 1.0 - erfc } else { erfc - 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_everywhere() {
        for i in -870..=879 {
            let x = i as f32 / 10.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 5e-7, "{x}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn gelu_matches_known_values() {
        let mut x = [-3.0, -1.0, 0.0, 0.5, 1.0, 3.0];
        gelu_erf(&mut x);
        for (got, expected) in x.iter().zip([-0.004_049_69, -0.158_655_25, 0.0, 0.345_731_23, 0.841_344_8, 2.995_950_3])
        {
            assert!((got - expected).abs() < 1e-6, "{got} {expected}");
        }
    }

    #[test]
    fn softmax_bears_the_extremes() {
        let mut x = [f32::NEG_INFINITY, 1e30, 1e30];
        softmax(&mut x);
        assert!(x[0] < 1e-30 && (x[1] - 0.5).abs() < 1e-6, "{x:?}");
        let mut x = [f32::NEG_INFINITY; 3];
        softmax(&mut x);
        assert_eq!(x, [0.0; 3]);
    }

    #[test]
    fn silu_and_tanh_gelu() {
        let mut x = [1.0, -2.0, 20.0];
        silu_mul(&mut x, &[1.0, 2.0, 1.0]);
        for (got, expected) in x.iter().zip([0.731_058_6, -0.476_811_7, 20.0]) {
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
        let mut x = [1.0, -1.0, 30.0];
        gelu_mul(&mut x, &[1.0, 1.0, 1.0]);
        for (got, expected) in x.iter().zip([0.841_192, -0.158_808, 30.0]) {
            assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        }
    }

    #[test]
    fn one_number_functions_follow_their_formulas() {
        type Case = (fn(&mut [f32]), fn(f64) -> f64);
        let cases: [Case; 6] = [
            (silu, |x| x / (1.0 + (-x).exp())),
            (sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
            (tanh, f64::tanh),
            (exponential, f64::exp),
            (softplus, |x| if x > 30.0 { x } else { x.exp().ln_1p() }),
            (relu_squared, |x| x.max(0.0).powi(2)),
        ];
        for (at, (ours, exact)) in cases.into_iter().enumerate() {
            for i in -400..=400 {
                let x = i as f32 / 10.0 + 0.003;
                let mut got = [x];
                ours(&mut got);
                let exact = exact(f64::from(x));
                let gap = (f64::from(got[0]) - exact).abs();
                assert!(gap < 2e-6 * exact.abs().max(1e-3), "{at} of {x}: {} {exact}", got[0]);
            }
        }
    }

    #[test]
    fn a_mix_goes_from_one_to_the_other() {
        let mut out = [0.0; 3];
        mix(&mut out, &[1.0, 2.0, 3.0], &[5.0, 6.0, 7.0], &[0.0, 0.5, 1.0]);
        assert_eq!(out, [1.0, 4.0, 7.0]);
        multiply(&mut out, &[2.0, 0.5, 0.0]);
        assert_eq!(out, [2.0, 2.0, 0.0]);
    }
}
