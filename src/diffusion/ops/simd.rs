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

    #[derive(Clone, Copy)]
    pub struct Avx2;
    #[derive(Clone, Copy)]
    pub struct Avx512;

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

    // The two sets differ in the names of their intrinsics only, but for comparison and sign.
    macro_rules! vectors {
        ($set:ident, $vector:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident,
         $mul:ident, $div:ident, $max:ident, $min:ident, $fma:ident, $to_int:ident, $int_add:ident, $int_splat:ident,
         $shift:ident, $cast:ident, $select_le:item, $copysign:item) => {
            // SAFETY (all): the features are present, as the trait demands, and pointers are as it says.
            impl Simd for $set {
                type V = $vector;
                const LANES: usize = $lanes;
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
            }
        };
    }

    vectors!(
        Avx2,
        __m256,
        8,
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
        }
    );

    vectors!(
        Avx512,
        __m512,
        16,
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
