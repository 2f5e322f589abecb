//! Elementary functions on vectors.
#![allow(unsafe_code)]

use super::simd::Simd;

/// `e^x` within 2 units in the last place; saturates instead of overflowing.
///
/// Cody and Waite's argument reduction with the degree-5 polynomial that Cephes uses, without branches.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    // Adding and subtracting 1.5 · 2²³ rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let x = S::min(S::max(x, S::splat(-87.3)), S::splat(88.3));
        let shifted = S::fma(x, S::splat(std::f32::consts::LOG2_E), S::splat(ROUND));
        let n = S::sub(shifted, S::splat(ROUND));
        // ln 2 in two parts, so that the product with n is exact in the first.
        let r = S::fma(n, S::splat(-0.693_359_4), x);
        let r = S::fma(n, S::splat(2.121_944_4e-4), r);
        let p = polynomial::<S, 6>(
            &[
                0.5,
                1.666_666_5e-1,
                4.166_579_6e-2,
                8.333_452e-3,
                1.398_199_9e-3,
                1.987_569_1e-4,
            ],
            r,
        );
        let y = S::add(S::fma(S::mul(p, r), r, r), S::splat(1.0));
        S::mul(y, S::power_of_two(n))
    }
}

/// The error function within 1.5e-7: `x + x·P(x²)` near zero, `1 − e^Q(|x|)` beyond.
///
/// `P` (degree 6) and `Q = ln erfc` (degree 9) are Chebyshev fits on [0, 0.93²] and [0.9, 4]; from 4 on erf rounds to 1.
/// Both sides are computed and one is chosen, so that the loop around has no branch.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn erf<S: Simd>(x: S::V) -> S::V {
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
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let a = S::copysign(x, S::splat(1.0));
        let near = S::fma(x, polynomial::<S, 7>(&P, S::mul(x, x)), x);
        let decay = exp::<S>(polynomial::<S, 10>(&Q, S::min(a, S::splat(4.0))));
        let far = S::copysign(S::sub(S::splat(1.0), decay), x);
        S::select_le(a, S::splat(0.921_875), near, far)
    }
}

/// Horner's scheme, lowest coefficient first.
#[inline(always)]
unsafe fn polynomial<S: Simd, const N: usize>(coefficients: &[f32; N], x: S::V) -> S::V {
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let mut sum = S::splat(coefficients[N - 1]);
        for &c in coefficients[..N - 1].iter().rev() {
            sum = S::fma(sum, x, S::splat(c));
        }
        sum
    }
}

/// `x · σ(x)`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn silu<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let decay = exp::<S>(S::sub(S::splat(0.0), x));
        S::div(x, S::add(S::splat(1.0), decay))
    }
}

/// `x · σ(1.702 x)`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn quick_gelu<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let decay = exp::<S>(S::mul(S::splat(-1.702), x));
        S::div(x, S::add(S::splat(1.0), decay))
    }
}

/// `x · Φ(x)`.
///
/// # Safety
/// As for [`Simd`].
#[inline(always)]
pub(super) unsafe fn gelu<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let half = S::mul(S::splat(0.5), x);
        let erf = erf::<S>(S::mul(x, S::splat(std::f32::consts::FRAC_1_SQRT_2)));
        S::fma(half, erf, half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::simd::{Kernel, Portable, dispatch};

    #[derive(Clone, Copy)]
    enum Function {
        Exp,
        Erf,
    }

    struct Map<'a>(Function, &'a mut [f32]);

    impl Kernel for Map<'_> {
        #[inline(always)]
        fn run<S: Simd>(self) {
            for x in self.1.chunks_mut(S::LANES) {
                let mut values = [0f32; 16];
                values[..x.len()].copy_from_slice(x);
                // SAFETY: a vector has at most 16 lanes.
                unsafe {
                    let v = S::load(values.as_ptr());
                    let y = match self.0 {
                        Function::Exp => exp::<S>(v),
                        Function::Erf => erf::<S>(v),
                    };
                    S::store(values.as_mut_ptr(), y);
                }
                x.copy_from_slice(&values[..x.len()]);
            }
        }
    }

    /// On this machine's vectors and on portable ones.
    fn map(function: Function, x: &[f32]) -> [Vec<f32>; 2] {
        let (mut best, mut portable) = (x.to_vec(), x.to_vec());
        dispatch(Map(function, &mut best));
        Map(function, &mut portable).run::<Portable>();
        [best, portable]
    }

    #[test]
    fn exp_agrees_with_the_precise_function() {
        let x: Vec<_> = (-8700..=8800).map(|i| i as f32 / 100.0).collect();
        for found in map(Function::Exp, &x) {
            for (&x, found) in x.iter().zip(found) {
                let precise = f64::from(x).exp();
                let error = (f64::from(found) - precise).abs() / precise;
                assert!(error < 3e-7, "exp({x}): {error}");
            }
        }
        for found in map(Function::Exp, &[1e9, -1e9, 0.0]) {
            assert!(found[0].is_finite() && found[1] < 1e-37 && found[2] == 1.0);
        }
    }

    #[test]
    fn erf_agrees_with_the_precise_function() {
        let x: Vec<_> = (-60_000..=60_000).map(|i| i as f32 / 10_000.0).collect();
        for found in map(Function::Erf, &x) {
            for (&x, found) in x.iter().zip(found) {
                let error = (f64::from(found) - libm::erf(f64::from(x))).abs();
                assert!(error < 2.5e-7, "erf({x}): {error}");
            }
        }
    }
}
