//! Values rounded to bf16, two in the place of one f32.

/// Rounds neighbours to bf16, two a value: `to[i]` has `from[2i]` in its lower half and `from[2i + 1]`, or 0 behind the last, in
/// its upper.
#[inline(always)]
pub(in crate::ops) fn pair_neighbours(from: &[f32], to: &mut [f32]) {
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
pub(in crate::ops) fn pair_rows(low: &[f32], high: Option<&[f32]>, to: &mut [f32]) {
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
