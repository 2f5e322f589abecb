//! The vectors of x86: AVX2 with FMA, and AVX-512.

use std::arch::x86_64::*;

use half::f16;

use super::{Kernel, Simd};

/// # Safety
/// Needs AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn run_avx2<K: Kernel>(kernel: K) {
    kernel.run::<Avx2>();
}

/// # Safety
/// Needs AVX-512 F and DQ, and all that AVX2 needs.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma,f16c")]
pub unsafe fn run_avx512<K: Kernel>(kernel: K) {
    kernel.run::<Avx512>();
}

/// # Safety
/// Needs AVX512-BF16, and all that AVX-512 needs.
#[target_feature(enable = "avx512bf16,avx512f,avx512dq,avx2,fma,f16c")]
pub unsafe fn run_avx512_bf16<K: Kernel>(kernel: K) {
    kernel.run::<Avx512Bf16>();
}

#[derive(Clone, Copy)]
pub struct Avx2;
#[derive(Clone, Copy)]
pub struct Avx512;
/// AVX-512 whose [`Simd::dot`] takes pairs of bf16.
#[derive(Clone, Copy)]
pub struct Avx512Bf16;

/// # Safety
/// Needs AVX; the blocks must be as [`Simd::transpose_8x8`] says.
#[inline(always)]
unsafe fn transpose_8x8(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    // SAFETY: as the caller promises.
    unsafe {
        // Plain loops and no closures, which would be compiled without the features of the entry point.
        let zero = _mm256_setzero_ps();
        let mut rows = [zero; 8];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = _mm256_loadu_ps(from.add(i * from_stride));
        }
        let mut halves = [[zero; 4]; 2];
        for (half, quads) in halves.iter_mut().enumerate() {
            let [a, b, c, d] = [
                rows[4 * half],
                rows[4 * half + 1],
                rows[4 * half + 2],
                rows[4 * half + 3],
            ];
            let (low_0, high_0) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (low_1, high_1) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            *quads = [
                _mm256_shuffle_ps::<0x44>(low_0, low_1),
                _mm256_shuffle_ps::<0xee>(low_0, low_1),
                _mm256_shuffle_ps::<0x44>(high_0, high_1),
                _mm256_shuffle_ps::<0xee>(high_0, high_1),
            ];
        }
        let [upper, lower] = halves;
        for j in 0..4 {
            let (a, b) = (upper[j], lower[j]);
            _mm256_storeu_ps(to.add(j * to_stride), _mm256_permute2f128_ps::<0x20>(a, b));
            _mm256_storeu_ps(to.add((j + 4) * to_stride), _mm256_permute2f128_ps::<0x31>(a, b));
        }
    }
}

/// # Safety
/// Needs F16C and AVX; eight values must be readable and writable.
#[inline(always)]
unsafe fn widen_8(from: *const f16, to: *mut f32) {
    // SAFETY: as the caller promises; `f16` is two bytes.
    unsafe { _mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128(from.cast()))) }
}

// The sets differ in the names of their intrinsics only, but for comparison, sign and what a product adds up.
macro_rules! vectors {
    ($set:ident, $vector:ty, $lanes:literal, $pairs:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident,
     $mul:ident, $div:ident, $max:ident, $min:ident, $fma:ident, $to_int:ident, $int_add:ident, $int_splat:ident,
     $shift:ident, $cast:ident, $select_le:item, $copysign:item, $dot:item) => {
        // SAFETY (all): the features are present, as the trait demands, and pointers are as it says.
        impl Simd for $set {
            type V = $vector;
            const LANES: usize = $lanes;
            const PAIRS: bool = $pairs;
            #[inline(always)]
            unsafe fn splat(x: f32) -> Self::V {
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self::V {
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn store(to: *mut f32, v: Self::V) {
                unsafe { $store(to, v) }
            }
            #[inline(always)]
            unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
                unsafe { $div(a, b) }
            }
            #[inline(always)]
            unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
                unsafe { $max(a, b) }
            }
            #[inline(always)]
            unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
                unsafe { $min(a, b) }
            }
            #[inline(always)]
            unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
                unsafe { $fma(a, b, c) }
            }
            #[inline(always)]
            unsafe fn power_of_two(n: Self::V) -> Self::V {
                unsafe { $cast($shift::<23>($int_add($to_int(n), $int_splat(127)))) }
            }
            #[inline(always)]
            unsafe fn transpose_8x8(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
                unsafe { transpose_8x8(from, from_stride, to, to_stride) }
            }
            #[inline(always)]
            unsafe fn widen_8(from: *const f16, to: *mut f32) {
                unsafe { widen_8(from, to) }
            }
            $select_le
            $copysign
            $dot
        }
    };
}

vectors!(
    Avx2,
    __m256,
    8,
    false,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_div_ps,
    _mm256_max_ps,
    _mm256_min_ps,
    _mm256_fmadd_ps,
    _mm256_cvtps_epi32,
    _mm256_add_epi32,
    _mm256_set1_epi32,
    _mm256_slli_epi32,
    _mm256_castsi256_ps,
    #[inline(always)]
    unsafe fn select_le(a: __m256, b: __m256, low: __m256, high: __m256) -> __m256 {
        unsafe { _mm256_blendv_ps(high, low, _mm256_cmp_ps::<_CMP_LE_OQ>(a, b)) }
    },
    #[inline(always)]
    unsafe fn copysign(a: __m256, b: __m256) -> __m256 {
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, b))
        }
    },
    #[inline(always)]
    unsafe fn dot(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
);

macro_rules! vectors_512 {
    ($set:ident, $pairs:literal, $dot:item) => {
        vectors!(
            $set,
            __m512,
            16,
            $pairs,
            _mm512_set1_ps,
            _mm512_loadu_ps,
            _mm512_storeu_ps,
            _mm512_add_ps,
            _mm512_sub_ps,
            _mm512_mul_ps,
            _mm512_div_ps,
            _mm512_max_ps,
            _mm512_min_ps,
            _mm512_fmadd_ps,
            _mm512_cvtps_epi32,
            _mm512_add_epi32,
            _mm512_set1_epi32,
            _mm512_slli_epi32,
            _mm512_castsi512_ps,
            #[inline(always)]
            unsafe fn select_le(a: __m512, b: __m512, low: __m512, high: __m512) -> __m512 {
                unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b), high, low) }
            },
            #[inline(always)]
            unsafe fn copysign(a: __m512, b: __m512) -> __m512 {
                unsafe {
                    let sign = _mm512_set1_ps(-0.0);
                    _mm512_or_ps(_mm512_andnot_ps(sign, a), _mm512_and_ps(sign, b))
                }
            },
            $dot
        );
    };
}

vectors_512!(
    Avx512,
    false,
    #[inline(always)]
    unsafe fn dot(a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
);
vectors_512!(
    Avx512Bf16,
    true,
    #[inline(always)]
    unsafe fn dot(a: __m512, b: __m512, c: __m512) -> __m512 {
        // The lanes are pairs of bf16 already; only the type changes.
        unsafe {
            _mm512_dpbf16_ps(
                c,
                std::mem::transmute::<__m512, __m512bh>(a),
                std::mem::transmute::<__m512, __m512bh>(b),
            )
        }
    }
);
