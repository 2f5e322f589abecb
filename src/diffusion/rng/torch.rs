//! The numbers that `torch.randn` draws from `torch.Generator("cpu")`, so that a seed gives the picture it gives there.
//!
//! The generator is MT19937 (Matsumoto and Nishimura 1998), seeded with the low 32 bits of the seed. A draw of 16 or more
//! f32 values takes one word a value, of which 24 bits become a uniform number, and turns blocks of 16 into normal ones:
//! value j and value j + 8 are a pair for Box and Muller's transform. If the size is no multiple of 16, the last 16
//! values are drawn afresh. A smaller draw takes two words a uniform number, computes in f64, one value at a time, and
//! keeps the second of each pair for the next small draw.
//!
//! Logarithm, sine and cosine are libm's here and a vectorised approximation there, hence equality within rounding: the
//! golden test states the bound. The golden values are from torch 2.15 on x86-64 with AVX2.

use std::f64::consts::TAU;

const WORDS: usize = 624;
/// Values that are turned into normal ones together.
const BLOCK: usize = 16;

/// One stream of normal numbers; draws continue where the last one ended.
#[derive(Clone)]
pub(crate) struct TorchGenerator {
    state: [u32; WORDS],
    next: usize,
    /// The second value of the last pair of a small draw.
    kept: Option<f64>,
}

impl TorchGenerator {
    /// `torch.Generator("cpu").manual_seed(seed)`.
    pub fn new(seed: u64) -> Self {
        let mut state = [0; WORDS];
        state[0] = seed as u32;
        for i in 1..WORDS {
            let before = state[i - 1];
            state[i] = (before ^ (before >> 30))
                .wrapping_mul(1_812_433_253)
                .wrapping_add(i as u32);
        }
        Self {
            state,
            next: WORDS,
            kept: None,
        }
    }

    /// `torch.randn(count, generator=self)`.
    pub fn normal(&mut self, count: usize) -> Vec<f32> {
        if count < BLOCK {
            return (0..count).map(|_| self.single_normal() as f32).collect();
        }
        let mut values: Vec<f32> = (0..count).map(|_| self.uniform()).collect();
        let mut blocks = values.chunks_exact_mut(BLOCK);
        blocks.by_ref().for_each(make_normal);
        if !blocks.into_remainder().is_empty() {
            let last = &mut values[count - BLOCK..];
            last.fill_with(|| self.uniform());
            make_normal(last);
        }
        values
    }

    fn single_normal(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        let (angle, share) = (TAU * self.double_uniform(), self.double_uniform());
        let radius = libm::sqrt(-2.0 * libm::log1p(-share));
        self.kept = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }

    /// In [0, 1), a multiple of 2⁻²⁴.
    fn uniform(&mut self) -> f32 {
        const BITS: u32 = 24;
        (self.word() & ((1 << BITS) - 1)) as f32 / (1 << BITS) as f32
    }

    /// In [0, 1), a multiple of 2⁻⁵³.
    fn double_uniform(&mut self) -> f64 {
        const BITS: u32 = 53;
        let (high, low) = (u64::from(self.word()), u64::from(self.word()));
        (((high << 32) | low) & ((1 << BITS) - 1)) as f64 / (1u64 << BITS) as f64
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.refill();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn refill(&mut self) {
        for i in 0..WORDS {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % WORDS] & 0x7fff_ffff);
            let twist = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + 397) % WORDS] ^ (y >> 1) ^ twist;
        }
        self.next = 0;
    }
}

/// Turns 16 uniform numbers into 16 normal ones, rounding to f32 where torch does.
fn make_normal(block: &mut [f32]) {
    let (radii, angles) = block.split_at_mut(BLOCK / 2);
    for (radius, angle) in radii.iter_mut().zip(angles) {
        let length = libm::sqrt(f64::from(-2.0 * libm::log(f64::from(1.0 - *radius)) as f32)) as f32;
        let turned = f64::from(TAU as f32 * *angle);
        *radius = length * libm::cos(turned) as f32;
        *angle = length * libm::sin(turned) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_mt19937() {
        // The reference implementation's first words for its default seed.
        let mut generator = TorchGenerator::new(5489);
        let words: Vec<_> = (0..3).map(|_| generator.word()).collect();
        assert_eq!(words, [3_499_211_612, 581_869_302, 3_890_346_734]);
        // C++ demands this of the 10000th.
        let last = (3..10_000).map(|_| generator.word()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn only_the_low_half_of_a_seed_counts_as_in_torch() {
        assert_eq!(
            TorchGenerator::new(5).normal(20),
            TorchGenerator::new((1 << 32) + 5).normal(20)
        );
        assert_ne!(
            TorchGenerator::new(5).normal(20),
            TorchGenerator::new(6).normal(20)
        );
    }

    /// The last 16 of a size that is no multiple of 16 are drawn afresh.
    #[test]
    fn draws_of_different_sizes_begin_alike_up_to_the_last_block() {
        let (long, short) = (
            TorchGenerator::new(3).normal(48),
            TorchGenerator::new(3).normal(40),
        );
        assert_eq!(long[..24], short[..24]);
        assert_ne!(long[24..40], short[24..]);
    }
}
