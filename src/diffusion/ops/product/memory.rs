//! Memory of kernels: what tasks share, what they fill, and what is kept for the next one.

use std::sync::{Mutex, PoisonError};

/// Memory that tasks write to without overlap.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Shared(pub *mut f32);
// SAFETY: a plain address; whoever writes through it upholds that tasks do not overlap.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// The address `at` values further.
    ///
    /// # Safety
    /// It must lie in the same allocation.
    #[inline(always)]
    pub unsafe fn at(self, at: usize) -> *mut f32 {
        // SAFETY: as the caller promises.
        unsafe { self.0.add(at) }
    }
}

/// A buffer of `len` values that `fill` writes, every one, without setting it to zero first.
///
/// # Safety
/// `fill` must write all `len` values, unless it panics.
pub(in crate::ops) unsafe fn filled(len: usize, fill: impl FnOnce(Shared)) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    fill(Shared(values.as_mut_ptr()));
    // SAFETY: `fill` has written them, as the caller promises.
    unsafe { values.set_len(len) };
    values
}

/// Working memory that is kept for the next kernel: not cleared, returned when dropped.
///
/// Each task takes one; there are never more than tasks that ran at the same time.
pub(in crate::ops) struct Scratch {
    pub buffers: [Vec<f32>; 3],
}

static SCRATCH: Mutex<Vec<[Vec<f32>; 3]>> = Mutex::new(Vec::new());

impl Scratch {
    pub fn take() -> Self {
        let kept = SCRATCH.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self {
            buffers: kept.unwrap_or_default(),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let buffers = std::mem::take(&mut self.buffers);
        SCRATCH
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(buffers);
    }
}

/// The first `len` values of a scratch buffer, whatever they are.
pub(in crate::ops) fn sized(scratch: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
    &mut scratch[..len]
}
