//! The three transformations, each along one axis.

use super::OUT;
use crate::ops::simd::Simd;

const A: f32 = 0.75;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;

/// `Bᵀ` applied to six vectors.
#[inline(always)]
pub(super) unsafe fn transform_input<S: Simd>(d: [S::V; 6]) -> [S::V; 6] {
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let (a, b) = (S::splat(A), S::splat(B));
        let (minus_a2, minus_b2) = (S::splat(-A2), S::splat(-B2));
        let (product, minus_sum) = (S::splat(A2 * B2), S::splat(-(A2 + B2)));
        let even_a = S::fma(minus_b2, d[2], d[4]);
        let odd_a = S::mul(a, S::fma(minus_b2, d[1], d[3]));
        let even_b = S::fma(minus_a2, d[2], d[4]);
        let odd_b = S::mul(b, S::fma(minus_a2, d[1], d[3]));
        [
            S::fma(product, d[0], S::fma(minus_sum, d[2], d[4])),
            S::add(even_a, odd_a),
            S::sub(even_a, odd_a),
            S::add(even_b, odd_b),
            S::sub(even_b, odd_b),
            S::fma(product, d[1], S::fma(minus_sum, d[3], d[5])),
        ]
    }
}

/// `G` applied to three vectors.
#[inline(always)]
pub(super) unsafe fn transform_weight<S: Simd>(g: [S::V; 3]) -> [S::V; 6] {
    const AT_ZERO: f32 = 1.0 / (A2 * B2);
    const AT_A: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
    const AT_B: f32 = 1.0 / (2.0 * B2 * (B2 - A2));
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let even_a = S::fma(S::splat(AT_A * A2), g[2], S::mul(S::splat(AT_A), g[0]));
        let odd_a = S::mul(S::splat(AT_A * A), g[1]);
        let even_b = S::fma(S::splat(AT_B * B2), g[2], S::mul(S::splat(AT_B), g[0]));
        let odd_b = S::mul(S::splat(AT_B * B), g[1]);
        [
            S::mul(S::splat(AT_ZERO), g[0]),
            S::add(even_a, odd_a),
            S::sub(even_a, odd_a),
            S::add(even_b, odd_b),
            S::sub(even_b, odd_b),
            g[2],
        ]
    }
}

/// `Aᵀ` applied to six vectors.
#[inline(always)]
pub(super) unsafe fn transform_sum<S: Simd>(m: [S::V; 6]) -> [S::V; OUT] {
    // SAFETY: the caller runs where `S` may be used.
    unsafe {
        let (even_a, odd_a) = (S::add(m[1], m[2]), S::sub(m[1], m[2]));
        let (even_b, odd_b) = (S::add(m[3], m[4]), S::sub(m[3], m[4]));
        [
            S::add(S::add(m[0], even_a), even_b),
            S::fma(S::splat(A), odd_a, S::mul(S::splat(B), odd_b)),
            S::fma(S::splat(A2), even_a, S::mul(S::splat(B2), even_b)),
            S::add(
                S::fma(S::splat(A * A2), odd_a, S::mul(S::splat(B * B2), odd_b)),
                m[5],
            ),
        ]
    }
}
