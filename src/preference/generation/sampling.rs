//! The choice of the next token.

use std::collections::BTreeSet;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::{GenerationConfig, GenerationError};

/// How the next token is drawn from those that may come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// What logits are divided by: below 1 sharper, above 1 flatter. Above 0.
    pub temperature: f32,
    /// Only the likeliest so many are drawn from (and those as likely as the last of them).
    pub top_k: Option<usize>,
    /// Only the likeliest that together reach this probability are drawn from; `0..=1`, never less than one token.
    pub top_p: Option<f32>,
    /// The same seed draws the same answer.
    pub seed: u64,
}

/// Divides the logits of `tokens` by `penalty`, multiplies the negative ones with it; each token once (Keskar et al.
/// 2019, as transformers' `RepetitionPenaltyLogitsProcessor` does it). Ids beyond the vocabulary are left out.
pub fn repetition_penalty(logits: &mut [f32], tokens: impl IntoIterator<Item = u32>, penalty: f32) {
    let seen: BTreeSet<u32> = tokens.into_iter().collect();
    penalise(logits, &seen, penalty);
}

fn penalise(logits: &mut [f32], seen: &BTreeSet<u32>, penalty: f32) {
    if penalty == 1.0 {
        return;
    }
    for token in seen {
        if let Some(logit) = logits.get_mut(*token as usize) {
            *logit = if *logit < 0.0 {
                *logit * penalty
            } else {
                *logit / penalty
            };
        }
    }
}

/// Chooses tokens, remembering which have been seen.
pub(super) struct Sampler {
    penalty: f32,
    seen: BTreeSet<u32>,
    sampling: Option<(Sampling, ChaCha12Rng)>,
}

impl Sampler {
    pub(super) fn new(config: &GenerationConfig, prompt: &[u32]) -> Result<Sampler, GenerationError> {
        let above_zero = |name, value: f32| {
            if value > 0.0 && value.is_finite() {
                return Ok(());
            }
            let range = "above 0";
            Err(GenerationError::Setting {
                name,
                range,
                value: f64::from(value),
            })
        };
        above_zero("the repetition penalty", config.repetition_penalty)?;
        if let Some(sampling) = config.sampling {
            above_zero("the temperature", sampling.temperature)?;
            if sampling.top_k == Some(0) {
                return Err(GenerationError::Setting {
                    name: "top-k",
                    range: "at least 1",
                    value: 0.0,
                });
            }
            if let Some(top_p) = sampling.top_p
                && !(0.0..=1.0).contains(&top_p)
            {
                return Err(GenerationError::Setting {
                    name: "top-p",
                    range: "between 0 and 1",
                    value: f64::from(top_p),
                });
            }
        }
        Ok(Sampler {
            penalty: config.repetition_penalty,
            seen: prompt.iter().copied().collect(),
            sampling: config
                .sampling
                .map(|sampling| (sampling, ChaCha12Rng::seed_from_u64(sampling.seed))),
        })
    }

    /// Chooses the token at `place` of the answer.
    pub(super) fn choose(&mut self, logits: &mut [f32], place: usize) -> Result<u32, GenerationError> {
        if logits.iter().any(|logit| logit.is_nan()) {
            return Err(GenerationError::NotANumber { token: place });
        }
        penalise(logits, &self.seen, self.penalty);
        let chosen = match &mut self.sampling {
            None => likeliest(logits),
            Some((sampling, random)) => draw(logits, sampling, random),
        };
        let token = chosen.ok_or(GenerationError::NothingAllowed { token: place })?;
        self.seen.insert(token);
        Ok(token)
    }
}

/// Returns the first of the largest; `None` where all are −∞.
fn likeliest(logits: &[f32]) -> Option<u32> {
    let mut best = None;
    let mut value = f32::NEG_INFINITY;
    for (token, logit) in (0_u32..).zip(logits) {
        if *logit > value {
            (best, value) = (Some(token), *logit);
        }
    }
    best
}

/// Draws by temperature, then top-k, then top-p.
fn draw(logits: &[f32], sampling: &Sampling, random: &mut ChaCha12Rng) -> Option<u32> {
    let mut candidates: Vec<(u32, f32)> = (0_u32..)
        .zip(logits)
        .filter(|(_, logit)| **logit > f32::NEG_INFINITY)
        .map(|(token, logit)| (token, logit / sampling.temperature))
        .collect();
    candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let largest = candidates.first()?.1;
    if !largest.is_finite() {
        return candidates.first().map(|(token, _)| *token);
    }
    if let Some(last) = sampling.top_k.and_then(|k| candidates.get(k - 1)) {
        let least = last.1;
        candidates.retain(|(_, logit)| *logit >= least);
    }
    let mut weights: Vec<f64> = candidates
        .iter()
        .map(|(_, logit)| f64::from(logit - largest).exp())
        .collect();
    if let Some(top_p) = sampling.top_p {
        let enough = weights.iter().sum::<f64>() * f64::from(top_p);
        let mut reached = 0.0;
        // A token stays while those before it have not reached the share.
        let kept = weights
            .iter()
            .take_while(|weight| {
                let stays = reached < enough;
                reached += **weight;
                stays
            })
            .count();
        weights.truncate(kept.max(1));
    }
    let place = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 * weights.iter().sum::<f64>();
    let mut passed = 0.0;
    let at = weights.iter().position(|weight| {
        passed += weight;
        place < passed
    });
    candidates
        .get(at.unwrap_or(weights.len() - 1))
        .map(|(token, _)| *token)
}
