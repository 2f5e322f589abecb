//! Vectors of the processor at hand.
//!
//! A kernel is written once, over the trait [`Simd`], and compiled for each instruction set that it may meet; the best one
//! is chosen when it runs. Kernels are `#[inline(always)]` down from [`Kernel::run`], so that their instructions are
//! compiled with the features of the entry point they are called from.
//!
//! A kernel's results may differ between instruction sets in the last bits (fused multiply-add rounds once), never
//! between two calls on one machine.
#![allow(unsafe_code)]

mod pairs;
#[cfg(target_arch = "x86_64")]
mod x86;

use half::f16;

use crate::weights::Values;
pub(super) use pairs::{pair_neighbours, pair_rows};

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
