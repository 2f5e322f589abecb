//! Ancestral sampling with Euler steps: each step goes below the next noise level and comes back up with fresh noise.

use candle_core::{Result, Tensor};

use super::euler::EulerTables;
use super::noise_schedule::SigmaSpacing;
use super::{Scheduler, Step, combine};
use crate::config::SchedulerConfig;

/// The sampler for one picture.
///
/// diffusers has no Karras variant of it; ours uses the noise levels and times of the plain Euler one.
pub(super) struct EulerAncestralScheduler {
    tables: EulerTables,
}

impl EulerAncestralScheduler {
    pub fn new(config: &SchedulerConfig, steps: usize, spacing: SigmaSpacing) -> Self {
        let mut tables = EulerTables::new(config, steps, "EulerAncestralDiscreteScheduler", spacing);
        // This method always ends without noise.
        tables.sigmas[steps] = 0.0;
        Self { tables }
    }

    /// The noise level to descend to, and the standard deviation of the noise added after.
    fn down_and_up(&self, step: usize) -> (f64, f64) {
        let (from, to) = (self.tables.sigmas[step], self.tables.sigmas[step + 1]);
        let up = (to * to * (from * from - to * to) / (from * from))
            .max(0.0)
            .sqrt();
        ((to * to - up * up).max(0.0).sqrt(), up)
    }
}

impl Scheduler for EulerAncestralScheduler {
    fn timesteps(&self) -> &[f64] {
        &self.tables.timesteps
    }

    fn init_noise_sigma(&self) -> f64 {
        self.tables.init_noise_sigma
    }

    fn scale_input(&self, latents: &Tensor, step: usize) -> Result<Tensor> {
        self.tables.scale_input(latents, step)
    }

    fn add_noise(&self, clean: &Tensor, noise: &Tensor, step: usize) -> Result<Tensor> {
        self.tables.add_noise(clean, noise, step)
    }

    // Drawn even where none is added, at the end, as diffusers does.
    fn needs_noise(&self, _step: usize) -> bool {
        true
    }

    fn step(&mut self, step: usize, output: &Tensor, x: &Tensor, noise: Option<&Tensor>) -> Result<Step> {
        let (down, up) = self.down_and_up(step);
        let clean = self.tables.clean(step, output, x)?;
        let mut next = self.tables.advance(step, &clean, x, down)?;
        if let Some(noise) = noise
            && up > 0.0
        {
            next = combine(1.0, &next, up, noise)?;
        }
        Ok(Step { next, clean })
    }
}
