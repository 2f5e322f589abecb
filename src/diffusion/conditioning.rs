//! How a person's visual preferences enter the denoiser.
//!
//! After ViPer (Salehi et al., ECCV 2024). `E` is the text encoders' hidden states, `VP+` and `VP−` the attributes a
//! person likes and dislikes as prompt strings, `neg` the negative prompt, β the one degree of personalisation, s the
//! guidance scale, ε(c) the denoiser's output under condition c.
//!
//! - `embedding`: `c⁺ = E(prompt) + β·(E(VP+) − E(VP−))`, `ε = ε(E(neg)) + s·(ε(c⁺) − ε(E(neg)))`. Two rows.
//! - `guidance`: `ε = ε(E(neg)) + s·(ε(E(prompt)) + β·ε(E(VP+)) − ε(E(neg)) − β·ε(E(VP−)))`. Four rows.
//! - `reference`, the authors' code: the same with `c⁺ = E(prompt) + β·E(VP+)` in place of `E(prompt)` and
//!   `c⁻ = E(neg) + β·E(VP−)` in place of `E(neg)`. Four rows.
//!
//! A prompt longer than the text encoder's context has several contexts, joined one after the other; the rows of a picture
//! are filled up to the longest with empty ones. VP strings always have one (see `text::chunks`): their states are added
//! to each of the prompt's contexts, and where they have a row of their own, they are repeated, which changes nothing in
//! attention. So the formulas hold for any lengths, and a long prompt changes evenly with β.
//!
//! A model distilled to take the guidance scale as an input (LCM) has no classifier-free guidance: each row is guided
//! inside the network, the negative prompt has no effect, and `guidance` is `ε(c) + β·(ε(VP+) − ε(VP−))`, to which the
//! formula above reduces when every ε already stands for `neg + s·(ε − neg)`.
//!
//! Only token states are mixed. Pooled vectors and time ids stay those of the prompt and the negative prompt: the VP+ row
//! carries the prompt's, the VP− row the negative prompt's. With [`VpNorm::Keep`], each token of a mixed embedding is
//! rescaled to its norm in the embedding that preferences were added to (`E(prompt)`, and `E(neg)` for `c⁻`). With
//! [`VpPooled::Mixed`], the pooled vectors of `c⁺` and `c⁻` are mixed by the same formulas, and never rescaled.
//!
//! Up to s = 1 there is no guidance, as in diffusers: s counts as 1, so that the negative term cancels and its row is left
//! out. With β = 0 or without preferences every mode is plain classifier-free guidance on `E(prompt)`, bit for bit.

use candle_core::{D, Result, Tensor};

use crate::params::{Conditioning, Mixing, VpNorm, VpPooled};
use crate::text::Encoded;

/// The conditions of one picture, one for each row it has in the denoiser's batch, and the rule that joins the outputs.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub rows: Vec<Row>,
    guide: Guide,
    rescale: f64,
}

/// What one row of the denoiser's batch is conditioned on.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// (1, tokens, features)
    pub states: Tensor,
    /// (1, features), in SDXL-shaped models.
    pub pooled: Option<Tensor>,
    /// Whether the row stands on the negative prompt's side (SDXL's refiner scores the two sides differently).
    pub negative: bool,
}

/// How the rows' outputs become one.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Guide {
    /// `[c]`
    None,
    /// `[neg, c]`
    ClassifierFree { scale: f64 },
    /// `[c, VP+, VP−]`
    Preferences { beta: f64 },
    /// `[neg, c, VP+, VP−]`
    GuidedPreferences { scale: f64, beta: f64 },
}

/// The encoded texts of one picture.
pub(crate) struct Texts<'a> {
    pub prompt: &'a Encoded,
    /// Used only with guidance.
    pub negative: Option<&'a Encoded>,
    /// VP+ and VP−, if preferences play a part.
    pub preferences: Option<(&'a Encoded, &'a Encoded)>,
}

impl Plan {
    /// Lays out the rows. Tensors stay in f32; the caller converts them.
    pub fn new(
        texts: &Texts<'_>,
        mode: Conditioning,
        beta: f64,
        guidance: f64,
        rescale: f64,
        mixing: Mixing,
    ) -> Result<Self> {
        let positive = |states: Tensor| Row {
            states,
            pooled: texts.prompt.pooled.clone(),
            negative: false,
        };
        let negative = |states: Tensor| Row {
            states,
            // Without guidance there is no negative prompt, and the VP− row stands beside the prompt alone.
            pooled: texts.negative.unwrap_or(texts.prompt).pooled.clone(),
            negative: texts.negative.is_some(),
        };
        let mixed = |row: Row, preference: &Encoded| mix_row(row, preference, beta, mixing);
        let prompt = &texts.prompt.states;
        let (rows, guide) = match (texts.preferences, mode) {
            (None, _) => match texts.negative {
                Some(neg) => {
                    let rows = vec![negative(neg.states.clone()), positive(prompt.clone())];
                    (rows, Guide::ClassifierFree { scale: guidance })
                }
                None => (vec![positive(prompt.clone())], Guide::None),
            },
            (Some((plus, minus)), Conditioning::Embedding) => {
                let row = mixed(positive(prompt.clone()), &between(plus, minus)?)?;
                match texts.negative {
                    Some(neg) => (
                        vec![negative(neg.states.clone()), row],
                        Guide::ClassifierFree { scale: guidance },
                    ),
                    None => (vec![row], Guide::None),
                }
            }
            (Some((plus, minus)), Conditioning::Guidance | Conditioning::Reference) => {
                let reference = mode == Conditioning::Reference;
                let with = |row: Row, preference: &Encoded| match reference {
                    true => mixed(row, preference),
                    false => Ok(row),
                };
                let mut rows = vec![
                    with(positive(prompt.clone()), plus)?,
                    positive(repeated(&plus.states, prompt)?),
                    negative(repeated(&minus.states, prompt)?),
                ];
                match texts.negative {
                    Some(neg) => {
                        rows.insert(0, with(negative(neg.states.clone()), minus)?);
                        (
                            rows,
                            Guide::GuidedPreferences {
                                scale: guidance,
                                beta,
                            },
                        )
                    }
                    None => (rows, Guide::Preferences { beta }),
                }
            }
        };
        Ok(Self { rows, guide, rescale })
    }

    /// Tokens of every row's text.
    pub fn tokens(&self) -> usize {
        self.rows.first().map_or(0, |row| row.states.dims()[1])
    }

    /// Joins the rows' outputs, each (1, channels, height, width), f32.
    pub fn combine(&self, outputs: &[Tensor]) -> Result<Tensor> {
        let (joined, text) = match (self.guide, outputs) {
            (Guide::None, [c]) => return Ok(c.clone()),
            (Guide::Preferences { beta }, [c, plus, minus]) => return c + ((plus - minus)? * beta)?,
            (Guide::ClassifierFree { scale }, [neg, c]) => ((neg + ((c - neg)? * scale)?)?, c),
            (Guide::GuidedPreferences { scale, beta }, [neg, c, plus, minus]) => {
                let direction = ((c - neg)? + ((plus - minus)? * beta)?)?;
                ((neg + (direction * scale)?)?, c)
            }
            _ => candle_core::bail!("{} outputs for {} rows", outputs.len(), self.rows.len()),
        };
        if self.rescale > 0.0 {
            rescale(&joined, text, self.rescale)
        } else {
            Ok(joined)
        }
    }
}

/// The direction from what is disliked to what is liked.
fn between(plus: &Encoded, minus: &Encoded) -> Result<Encoded> {
    let pooled = plus.pooled.as_ref().zip(minus.pooled.as_ref());
    Ok(Encoded {
        states: (&plus.states - &minus.states)?,
        pooled: pooled.map(|(plus, minus)| plus - minus).transpose()?,
        contexts: plus.contexts,
    })
}

/// A row with a preference, which has one context, added to each of its contexts and as the model wants it to its pooled vector.
fn mix_row(row: Row, preference: &Encoded, degree: f64, mixing: Mixing) -> Result<Row> {
    let direction = repeated(&preference.states, &row.states)?;
    let pooled = match (row.pooled, &preference.pooled, mixing.pooled) {
        (Some(base), Some(direction), VpPooled::Mixed) => Some(mix(&base, direction, degree, VpNorm::Raw)?),
        (pooled, ..) => pooled,
    };
    Ok(Row {
        states: mix(&row.states, &direction, degree, mixing.norm)?,
        pooled,
        negative: row.negative,
    })
}

/// The states of one context, repeated to the length of `like`.
fn repeated(states: &Tensor, like: &Tensor) -> Result<Tensor> {
    match like.dim(1)? / states.dim(1)? {
        1 => Ok(states.clone()),
        times => states.repeat((1, times, 1)),
    }
}

/// `base + degree · direction`, each token rescaled to its norm in `base` if asked.
fn mix(base: &Tensor, direction: &Tensor, degree: f64, norm: VpNorm) -> Result<Tensor> {
    let mixed = (base + (direction * degree)?)?;
    match norm {
        VpNorm::Raw => Ok(mixed),
        VpNorm::Keep => {
            let length = |x: &Tensor| x.sqr()?.sum_keepdim(D::Minus1)?.sqrt();
            // A token mixed to exactly zero has no direction to keep; it stays zero.
            let ratio = (length(base)? / length(&mixed)?.maximum(f64::from(f32::MIN_POSITIVE))?)?;
            mixed.broadcast_mul(&ratio)
        }
    }
}

/// Brings the standard deviation of a guided output back towards the conditional one's, by `share` (Lin et al. 2023,
/// section 3.4). In the modes with four rows, the output for the (mixed) prompt is the conditional one.
fn rescale(guided: &Tensor, conditional: &Tensor, share: f64) -> Result<Tensor> {
    let deviation = |x: &Tensor| x.flatten_all()?.var(0)?.sqrt();
    let ratio = (deviation(conditional)? / deviation(guided)?)?;
    let rescaled = guided.broadcast_mul(&ratio)?;
    (rescaled * share)? + (guided * (1.0 - share))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{bits, noise, relative_error};

    fn encoded(seed: u64) -> Encoded {
        Encoded {
            states: noise(seed, (1, 5, 8)),
            pooled: Some(noise(seed + 100, (1, 4))),
            contexts: 1,
        }
    }

    const MIXING: Mixing = Mixing {
        norm: VpNorm::Keep,
        pooled: VpPooled::Mixed,
    };

    /// Prompt, negative prompt and preferences.
    fn personal([prompt, negative, plus, minus]: &[Encoded; 4]) -> Texts<'_> {
        Texts {
            prompt,
            negative: Some(negative),
            preferences: Some((plus, minus)),
        }
    }

    fn pooled(row: &Row) -> Vec<u32> {
        bits(row.pooled.as_ref().unwrap())
    }

    #[test]
    fn without_preferences_every_mode_is_the_same() {
        let (prompt, negative) = (encoded(1), encoded(2));
        let texts = Texts {
            prompt: &prompt,
            negative: Some(&negative),
            preferences: None,
        };
        for mode in [
            Conditioning::Embedding,
            Conditioning::Guidance,
            Conditioning::Reference,
        ] {
            let plan = Plan::new(&texts, mode, 0.7, 5.0, 0.0, MIXING).unwrap();
            assert_eq!(plan.rows.len(), 2);
            assert_eq!(bits(&plan.rows[1].states), bits(&prompt.states));
            assert_eq!(pooled(&plan.rows[1]), bits(prompt.pooled.as_ref().unwrap()));
        }
    }

    #[test]
    fn rows_carry_the_pooled_vectors_of_prompt_and_negative_prompt() {
        let all @ [prompt, negative, ..] = &[1, 2, 3, 4].map(encoded);
        let texts = personal(all);
        let plan = Plan::new(&texts, Conditioning::Reference, 0.5, 5.0, 0.0, Mixing::default()).unwrap();
        let pooled: Vec<_> = plan.rows.iter().map(pooled).collect();
        let (positive, negative) = (
            bits(prompt.pooled.as_ref().unwrap()),
            bits(negative.pooled.as_ref().unwrap()),
        );
        assert_eq!(pooled, [negative.clone(), positive.clone(), positive, negative]);
    }

    #[test]
    fn pooled_vectors_are_mixed_where_the_model_asks_for_it() {
        let all @ [prompt, negative, plus, minus] = &[1, 2, 3, 4].map(encoded);
        let texts = personal(all);
        let plan = |mode| Plan::new(&texts, mode, 0.5, 5.0, 0.0, MIXING).unwrap();
        let own = |text: &Encoded| text.pooled.clone().unwrap();
        let sum = |base: &Encoded, added: &Tensor| bits(&(own(base) + (added * 0.5).unwrap()).unwrap());
        let rows = plan(Conditioning::Embedding).rows;
        let direction = (own(plus) - own(minus)).unwrap();
        assert_eq!(pooled(&rows[0]), bits(&own(negative)));
        assert_eq!(pooled(&rows[1]), sum(prompt, &direction));
        let rows = plan(Conditioning::Reference).rows;
        assert_eq!(pooled(&rows[0]), sum(negative, &own(minus)));
        assert_eq!(pooled(&rows[1]), sum(prompt, &own(plus)));
        assert_eq!(pooled(&rows[2]), bits(&own(prompt)));
        let rows = plan(Conditioning::Guidance).rows;
        assert_eq!(pooled(&rows[1]), bits(&own(prompt)));
    }

    #[test]
    fn kept_norms_are_the_prompts() {
        let (base, direction) = (noise(1, (1, 5, 8)), noise(2, (1, 5, 8)));
        let mixed = mix(&base, &direction, 0.9, VpNorm::Keep).unwrap();
        let length = |x: &Tensor| x.sqr().unwrap().sum(D::Minus1).unwrap().sqrt().unwrap();
        assert!(relative_error(&length(&mixed), &length(&base)) < 1e-5);
        let raw = mix(&base, &direction, 0.9, VpNorm::Raw).unwrap();
        assert!(relative_error(&length(&raw), &length(&base)) > 0.05);
        // A token that cancels exactly stays zero instead of becoming NaN.
        let gone = mix(&base, &base, -1.0, VpNorm::Keep).unwrap();
        assert!(bits(&gone).iter().all(|&b| b == 0));
    }

    #[test]
    fn guidance_follows_the_formula() {
        let all = [1, 2, 3, 4].map(encoded);
        let texts = personal(&all);
        let plan = Plan::new(&texts, Conditioning::Guidance, 0.5, 5.0, 0.0, Mixing::default()).unwrap();
        let one = |v: f32| Tensor::full(v, (1, 1, 1, 1), &candle_core::Device::Cpu).unwrap();
        let joined = plan.combine(&[one(1.0), one(2.0), one(4.0), one(3.0)]).unwrap();
        assert_eq!(
            joined.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            [1.0 + 5.0 * (2.0 + 2.0 - 1.0 - 1.5)]
        );
        // Without guidance the negative prompt has no row, and s counts as 1.
        let texts = Texts {
            negative: None,
            ..texts
        };
        let plan = Plan::new(&texts, Conditioning::Guidance, 0.5, 1.0, 0.7, Mixing::default()).unwrap();
        assert_eq!(plan.rows.len(), 3);
        let joined = plan.combine(&[one(2.0), one(4.0), one(3.0)]).unwrap();
        assert_eq!(joined.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [2.5]);
    }
}
