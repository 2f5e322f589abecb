//! Vectors of the processor at hand.
//!
//! A kernel is written once, over the trait [`Simd`], and compiled for each instruction set that it may meet; the best one
//! is chosen when it runs. Kernels are `#[inline(always)]` down from [`Kernel::run`], so that their instructions are
//! compiled with the features of the entry point they are called from.
//!
//! A kernel's results may differ between instruction sets in the last bits (fused multiply-add rounds once), never
//! between two calls on one machine.
#![allow(unsafe_code)]

use half::f16;

use crate::weights::Values;

/// Work that is compiled for every instruction set.
pub(super) trait Kernel {
    /// Does the work with vectors `S`. Implementations must be `#[inline(always)]`.
    fn run<S: Simd>(self);
}

/// Operations on a vector of f32.
///
/// # Safety
/// The methods of an implementation may be called only where its instruction set is present; [`dispatch`] sees to that.
/// Loads and stores access `LANES` consecutive values.
pub(super) trait Simd: Copy {
    type V: Copy;
    const LANES: usize;
    /// Whether [`Self::dot`] takes pairs of bf16.
    const PAIRS: bool;
    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// `a · b + c`, rounded once where the machine can.
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `a · b + c` where a product of matrices adds up: of values, or, with vectors for it, of pairs of bf16, two products
    /// a lane (see [`dispatch_pairs`]).
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `2^n` for whole n from −126 to 127.
    unsafe fn power_of_two(n: Self::V) -> Self::V;
    /// `low` where `a ≤ b`, else `high`.
    unsafe fn select_le(a: Self::V, b: Self::V, low: Self::V, high: Self::V) -> Self::V;
    /// The magnitude of `a` with the sign of `b`.
    unsafe fn copysign(a: Self::V, b: Self::V) -> Self::V;
    /// Transposes 8×8 values: `to[j · to_stride + i] = from[i · from_stride + j]`.
    unsafe fn transpose_8x8(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize);
    /// Widens 8 halves.
    unsafe fn widen_8(from: *const f16, to: *mut f32);
}

/// Runs a kernel with the best vectors this machine has.
pub(super) fn dispatch<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    {
        // The macro caches what it finds.
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c");
        if avx2 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            // SAFETY: the features were just found.
            return unsafe { x86::run_avx512(kernel) };
        }
        if avx2 {
            // SAFETY: the features were just found.
            return unsafe { x86::run_avx2(kernel) };
        }
    }
    kernel.run::<Portable>();
}

/// Whether this machine adds up products of bf16 (AVX512-BF16).
pub(crate) fn multiplies_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512bf16")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Runs a kernel with vectors whose [`Simd::dot`] takes each lane as two bf16, the first in the lower half. They are as wide as
/// those of [`dispatch`].
///
/// # Panics
/// Unless [`multiplies_bf16`].
pub(super) fn dispatch_pairs<K: Kernel>(kernel: K) {
    assert!(multiplies_bf16(), "this machine does not multiply bf16");
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the features were just found.
    unsafe {
        x86::run_avx512_bf16(kernel);
    }
    #[cfg(not(target_arch = "x86_64"))]
    drop(kernel);
}

/// Rounds neighbours to bf16, two a value: `to[i]` has `from[2i]` in its lower half and `from[2i + 1]`, or 0 behind the last, in
/// its upper.
#[inline(always)]
pub(super) fn pair_neighbours(from: &[f32], to: &mut [f32]) {
    let (pairs, last) = from.as_chunks::<2>();
    assert!(to.len() == from.len().div_ceil(2));
    for (&[low, high], to) in pairs.iter().zip(&mut *to) {
        *to = pair(low, high);
    }
    if let (&[low], Some(to)) = (last, to.last_mut()) {
        *to = pair(low, 0.0);
    }
}

/// Rounds two rows to bf16, one value of each to a value of `to`: `low`'s in the lower half. No `high` is zeros.
#[inline(always)]
pub(super) fn pair_rows(low: &[f32], high: Option<&[f32]>, to: &mut [f32]) {
    match high {
        Some(high) => {
            for ((low, high), to) in low.iter().zip(high).zip(to) {
                *to = pair(*low, *high);
            }
        }
        None => low.iter().zip(to).for_each(|(low, to)| *to = pair(*low, 0.0)),
    }
}

/// Two values rounded to the nearest bf16, even on a tie, in one; without branches, so that compilers make vectors of it.
#[inline(always)]
fn pair(low: f32, high: f32) -> f32 {
    let round = |x: f32| {
        let bits = x.to_bits();
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
        // Rounding could carry a NaN into infinity.
        if x.is_nan() { bits >> 16 | 0x40 } else { rounded }
    };
    f32::from_bits(round(low) | round(high) << 16)
}

/// Lanes of the vectors that [`dispatch`] chooses.
pub(super) fn lanes() -> usize {
    struct Ask<'a>(&'a mut usize);
    impl Kernel for Ask<'_> {
        #[inline(always)]
        fn run<S: Simd>(self) {
            *self.0 = S::LANES;
        }
    }
    let mut lanes = 0;
    dispatch(Ask(&mut lanes));
    lanes
}

/// Arrays of eight, for the compiler to make of what it can. Safe on every machine.
#[derive(Clone, Copy)]
pub(super) struct Portable;

#[inline(always)]
fn zip(a: [f32; 8], b: [f32; 8], f: impl Fn(f32, f32) -> f32) -> [f32; 8] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Portable {
    type V = [f32; 8];
    const LANES: usize = 8;
    const PAIRS: bool = false;
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; 8]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: the caller gives eight readable values.
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        // SAFETY: the caller gives room for eight values.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn fma(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Without the instruction `mul_add` is a slow call.
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
        } else {
            std::array::from_fn(|i| a[i] * b[i] + c[i])
        }
    }
    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: as the caller promises.
        unsafe { Self::fma(a, b, c) }
    }
    #[inline(always)]
    unsafe fn power_of_two(n: Self::V) -> Self::V {
        n.map(|n| f32::from_bits(((n as i32 + 127) << 23) as u32))
    }
    #[inline(always)]
    unsafe fn select_le(a: Self::V, b: Self::V, low: Self::V, high: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] <= b[i] { low[i] } else { high[i] })
    }
    #[inline(always)]
    unsafe fn copysign(a: Self::V, b: Self::V) -> Self::V {
        zip(a, b, f32::copysign)
    }
    #[inline(always)]
    unsafe fn transpose_8x8(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
        for i in 0..8 {
            for j in 0..8 {
                // SAFETY: the caller gives both blocks.
                unsafe { *to.add(j * to_stride + i) = *from.add(i * from_stride + j) }
            }
        }
    }
    #[inline(always)]
    unsafe fn widen_8(from: *const f16, to: *mut f32) {
        for i in 0..8 {
            // SAFETY: the caller gives eight values and room for them.
            unsafe { *to.add(i) = (*from.add(i)).to_f32() }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
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
}

/// Copies stored weights from `start` on to `to`, widened to f32.
#[inline(always)]
pub(super) fn widen<S: Simd>(values: Values<'_>, start: usize, to: &mut [f32]) {
    match values {
        Values::F32(values) => to.copy_from_slice(&values[start..start + to.len()]),
        Values::F16(values) => {
            let (from_8, from_rest) = values[start..start + to.len()].as_chunks::<8>();
            let (to_8, to_rest) = to.as_chunks_mut::<8>();
            for (from, to) in from_8.iter().zip(to_8) {
                // SAFETY: both are arrays of eight.
                unsafe { S::widen_8(from.as_ptr(), to.as_mut_ptr()) }
            }
            for (from, to) in from_rest.iter().zip(to_rest) {
                *to = from.to_f32();
            }
        }
        Values::Bf16(values) => {
            for (from, to) in values[start..start + to.len()].iter().zip(to) {
                *to = f32::from_bits(u32::from(from.to_bits()) << 16);
            }
        }
    }
}
