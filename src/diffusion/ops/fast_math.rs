//! Elementary functions that the compiler can vectorise.

/// `e^x` within 2 units in the last place; saturates instead of overflowing.
///
/// Cody and Waite's argument reduction with the degree-5 polynomial that Cephes uses, without branches.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.3, 88.3);
    // Adding and subtracting 1.5 · 2²³ rounds to the nearest whole number without a call.
    const ROUND: f32 = 12_582_912.0;
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // ln 2 in two parts, so that the product with n is exact in the first.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4_f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let y = (p * r) * r + r + 1.0;
    y * f32::from_bits((((n as i32) + 127) << 23) as u32)
}

/// The error function within 1.5e-7: `x + x·P(x²)` near zero, `1 − e^Q(|x|)` beyond.
///
/// `P` (degree 6) and `Q = ln erfc` (degree 9) are Chebyshev fits on [0, 0.93²] and [0.9, 4]; from 4 on erf rounds to 1.
/// Both sides are computed and one is chosen, so that the loop around has no branch.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    const P: [f32; 7] = [
        0.128_379_17,
        -0.376_126_35,
        0.112_836_93,
        -0.026_859_21,
        5.200_501_5e-3,
        -8.136_075e-4,
        8.339_972e-5,
    ];
    const Q: [f32; 10] = [
        3.345_408_8e-4,
        -1.130_317_7,
        -0.631_626,
        -0.110_338_15,
        0.026_622_739,
        -4.859_320_4e-3,
        6.282_396_5e-4,
        -5.217_786e-5,
        2.307_801_2e-6,
        -3.163_540_5e-8,
    ];
    let a = x.abs();
    let near = x + x * polynomial(&P, x * x);
    let far = (1.0 - exp(polynomial(&Q, a.min(4.0)))).copysign(x);
    if a > 0.921_875 { far } else { near }
}

/// Horner's scheme, lowest coefficient first.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f32; N], x: f32) -> f32 {
    let mut sum = 0.0;
    for &c in coefficients.iter().rev() {
        sum = sum * x + c;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_agrees_with_the_precise_function() {
        for i in -8700..=8800 {
            let x = i as f32 / 100.0;
            let precise = f64::from(x).exp();
            let error = (f64::from(exp(x)) - precise).abs() / precise;
            assert!(error < 3e-7, "exp({x}): {error}");
        }
        assert!(exp(1e9).is_finite());
        assert!(exp(-1e9) < 1e-37);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn erf_agrees_with_the_precise_function() {
        for i in -60_000..=60_000 {
            let x = i as f32 / 10_000.0;
            let error = (f64::from(erf(x)) - libm::erf(f64::from(x))).abs();
            assert!(error < 2.5e-7, "erf({x}): {error}");
        }
    }
}
