//! From what a person asked for to the request that the pool gets; pure.

use tastemaker_commands::imagine::Aspect;
use tastemaker_diffusion::Upscale;
use tastemaker_pool::{Hires, ImageRequest, Pixels, Source, SourceOf, Variation};
use tastemaker_storage::{AppliedAttribute, JobRecord};

use super::sources::File;
use super::taste::Taste;
use super::{beta, render, size};
use crate::config::Generation;

/// How much of a picture *vary* draws anew: near enough to be the same idea, far enough to be another picture.
const VARY_STRENGTH: f64 = 0.7;
/// How far *vary* turns the noise instead, where the picture itself is not at hand.
const TURN_STRENGTH: f64 = 0.35;
/// How much of an enlarged picture *upscale* draws anew: enough for edges. From about a half on, a model that is asked for
/// more than its own size puts a second subject beside the first.
const UPSCALE_STRENGTH: f64 = 0.2;
/// What *upscale* enlarges.
const UPSCALE_OF: Upscale = Upscale::Image;
/// How much of a person's own picture is drawn anew, unless they say.
pub(super) const IMAGE_STRENGTH: f64 = 0.6;
/// Variations in a row that a request carries. Beyond them the oldest has long been turned away from, and is let go.
const VARIATIONS_LIMIT: usize = 16;

/// Is what the model at hand draws by default.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelDefaults {
    /// Width and height in pixels that it was trained on.
    pub native: (u32, u32),
    /// What both sides must be divisible by.
    pub multiple: u32,
    /// Denoising steps.
    pub steps: u32,
    /// Guidance scale.
    pub guidance: f64,
    /// Guidance rescale, 0 to 1.
    pub guidance_rescale: f64,
    /// Scheduler name.
    pub scheduler: String,
    /// Conditioning mode.
    pub conditioning: String,
    /// Which generator makes a seed's noise.
    pub noise: String,
}

/// Is what a person asked for in `/imagine`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wish {
    /// What to draw.
    pub prompt: String,
    /// What to avoid.
    pub negative: String,
    /// β, if given.
    pub beta: Option<f64>,
    /// Seed.
    pub seed: u64,
    /// Number of pictures.
    pub count: u8,
    /// Shape of the pictures.
    pub aspect: Aspect,
    /// Whether to leave the person's taste aside.
    pub plain: bool,
    /// A picture of the person's own to start from.
    pub file: Option<File>,
}

/// Is a request together with what the record of its job says about the taste in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    /// What the pool gets.
    pub request: ImageRequest,
    /// The attributes in VP+ and VP−.
    pub applied: Vec<AppliedAttribute>,
    /// Version of the profile they come from.
    pub profile_version: Option<u64>,
    /// A picture to be kept with the job, and to start from.
    pub file: Option<File>,
}

impl Draft {
    /// The request of a job that is there, with its taste.
    fn like(source: &JobRecord) -> Self {
        Self {
            request: source.job.request.clone(),
            applied: source.applied.clone(),
            profile_version: source.profile_version,
            file: None,
        }
    }

    /// Puts a taste in place of the one that is there, at `beta` or else at the person's own default β.
    ///
    /// Without a taste the picture is plain, whatever β was asked for.
    fn personalise(&mut self, taste: Option<&Taste>, beta: Option<f64>) {
        let Some(taste) = taste else {
            self.request.vp_plus.clear();
            self.request.vp_minus.clear();
            self.request.beta = 0.0;
            self.applied.clear();
            self.profile_version = None;
            return;
        };
        self.request.vp_plus = taste.vp_plus.clone();
        self.request.vp_minus = taste.vp_minus.clone();
        self.request.beta = beta::round(beta.unwrap_or(taste.strength).clamp(0.0, 1.0));
        self.applied = taste.applied.clone();
        self.profile_version = Some(taste.version);
    }

    fn for_asker(source: &JobRecord, asker: Asker<'_>) -> Self {
        let mut draft = Self::like(source);
        let personal = render::is_personal(source);
        // Plain by choice stays plain; plain for want of a profile does not.
        let beta = (personal && source.job.request.beta == 0.0).then_some(0.0);
        match asker {
            Asker::Owner(taste) if !personal => draft.personalise(taste, beta),
            Asker::Owner(_) => {}
            Asker::Other(taste) => draft.personalise(taste, beta),
        }
        draft
    }
}

/// Says who asks for another picture like one that is there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asker<'a> {
    /// Whose picture it is. Their present taste counts only if the picture has none.
    Owner(Option<&'a Taste>),
    /// Someone else, who gets their own taste.
    Other(Option<&'a Taste>),
}

impl Wish {
    /// Drafts the request of `/imagine`.
    pub(super) fn draft(
        self,
        taste: Option<&Taste>,
        model: &ModelDefaults,
        generation: &Generation,
    ) -> Draft {
        let (width, height) = size::size(self.aspect, model.native, model.multiple);
        let request = ImageRequest {
            prompt: self.prompt,
            negative: self.negative,
            vp_plus: String::new(),
            vp_minus: String::new(),
            beta: 0.0,
            conditioning: generation
                .conditioning
                .clone()
                .unwrap_or_else(|| model.conditioning.clone()),
            seed: self.seed,
            noise: model.noise.clone(),
            steps: generation.steps.unwrap_or(model.steps),
            guidance: model.guidance,
            guidance_rescale: model.guidance_rescale,
            scheduler: model.scheduler.clone(),
            width,
            height,
            count: self.count.clamp(1, generation.max_count),
            variations: Vec::new(),
            source: None,
            hires: None,
        };
        let mut draft = Draft {
            request,
            applied: Vec::new(),
            profile_version: None,
            file: self.file,
        };
        // A plain picture keeps the taste beside it, so that ➕ finds it.
        draft.personalise(taste, if self.plain { Some(0.0) } else { self.beta });
        draft
    }
}

/// Drafts *again*: the same request with another seed.
pub(super) fn again(source: &JobRecord, asker: Asker<'_>, seed: u64) -> Draft {
    let mut draft = Draft::for_asker(source, asker);
    draft.request.seed = seed;
    draft.request.variations.clear();
    draft
}

/// Drafts *vary*: the same request, starting from the finished pictures with the noise of another seed.
pub(super) fn vary(source: &JobRecord, asker: Asker<'_>, seed: u64) -> Draft {
    let mut draft = Draft::for_asker(source, asker);
    let request = &mut draft.request;
    // From the finished size, so that nothing of it is lost.
    (request.width, request.height) = size::of(request);
    request.hires = None;
    request.seed = seed;
    request.variations.clear();
    request.source = Some(Source {
        of: SourceOf::Pictures(source.job.id),
        strength: VARY_STRENGTH,
        hashes: Vec::new(),
        pixels: Pixels::default(),
    });
    draft
}

/// Drafts *vary* where the pictures are not at hand: the same request a step aside, towards the noise of another seed.
pub(super) fn turn(source: &JobRecord, asker: Asker<'_>, seed: u64) -> Draft {
    let mut draft = Draft::for_asker(source, asker);
    let variations = &mut draft.request.variations;
    if variations.len() >= VARIATIONS_LIMIT {
        variations.remove(0);
    }
    variations.push(Variation {
        seed,
        strength: TURN_STRENGTH,
    });
    draft
}

/// Drafts *upscale*: the same pictures, and a second pass at a larger size; `None` if they cannot be larger.
pub(super) fn upscale(source: &JobRecord) -> Option<Draft> {
    let mut draft = Draft::like(source);
    let (width, height) = size::larger(&draft.request)?;
    draft.request.hires = Some(Hires {
        width,
        height,
        strength: UPSCALE_STRENGTH,
        steps: draft.request.steps,
        upscale: UPSCALE_OF.to_string(),
    });
    Some(draft)
}

/// Drafts the same picture at another β; `taste` serves a picture that has none.
pub(super) fn at_beta(source: &JobRecord, taste: Option<&Taste>, beta: f64) -> Draft {
    let mut draft = Draft::like(source);
    if !render::is_personal(source) {
        draft.personalise(taste, Some(beta));
    } else {
        draft.request.beta = beta;
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::task;
    use super::*;
    use crate::config::Config;

    fn taste() -> Taste {
        Taste {
            vp_plus: "ink".into(),
            vp_minus: "glossy".into(),
            applied: Vec::new(),
            version: 1,
            strength: 0.4,
        }
    }

    fn model() -> ModelDefaults {
        ModelDefaults {
            native: (128, 128),
            multiple: 16,
            steps: 20,
            guidance: 5.0,
            guidance_rescale: 0.0,
            scheduler: "ddim".into(),
            conditioning: "embedding".into(),
            noise: "portable".into(),
        }
    }

    fn wish() -> Wish {
        Wish {
            prompt: "a lighthouse".into(),
            negative: String::new(),
            beta: None,
            seed: 7,
            count: 1,
            aspect: Aspect::Square,
            plain: false,
            file: None,
        }
    }

    fn generation() -> Generation {
        Config::defaults().unwrap().generation
    }

    #[test]
    fn beta_is_the_asked_one_or_ones_own_default() {
        let request = |wish: Wish| wish.draft(Some(&taste()), &model(), &generation()).request;
        assert_eq!(request(wish()).beta, 0.4);
        assert_eq!(
            request(Wish {
                beta: Some(0.9),
                ..wish()
            })
            .beta,
            0.9
        );
    }

    #[test]
    fn plain_is_beta_zero_with_the_taste_at_hand() {
        let plain = Wish {
            plain: true,
            beta: Some(0.9),
            ..wish()
        }
        .draft(Some(&taste()), &model(), &generation())
        .request;
        let zero = Wish {
            beta: Some(0.0),
            ..wish()
        }
        .draft(Some(&taste()), &model(), &generation())
        .request;
        assert_eq!(plain, zero);
        assert_eq!(plain.vp_plus, "ink");
    }

    #[test]
    fn without_a_profile_the_picture_is_plain() {
        let request = Wish {
            beta: Some(0.9),
            ..wish()
        }
        .draft(None, &model(), &generation())
        .request;
        assert_eq!(
            (request.beta, request.vp_plus.as_str(), request.vp_minus.as_str()),
            (0.0, "", "")
        );
    }

    #[test]
    fn configured_steps_and_count_bound_the_request() {
        let generation = Generation {
            steps: Some(3),
            max_count: 2,
            ..generation()
        };
        let request = Wish { count: 4, ..wish() }
            .draft(None, &model(), &generation)
            .request;
        assert_eq!((request.steps, request.count), (3, 2));
    }

    #[test]
    fn again_changes_the_seed_alone() {
        let source = task(0.6).record;
        let draft = again(&source, Asker::Owner(Some(&taste())), 99);
        assert_eq!(
            draft.request,
            ImageRequest {
                seed: 99,
                ..source.job.request.clone()
            }
        );
        assert_eq!(
            (draft.applied, draft.profile_version),
            (source.applied, source.profile_version)
        );
    }

    #[test]
    fn vary_starts_from_the_finished_picture_with_another_seed() {
        let mut source = task(0.6).record;
        source.job.request = upscale(&source).unwrap().request;
        let varied = vary(&source, Asker::Owner(None), 99).request;
        assert_eq!(
            (varied.seed, varied.width, varied.hires.is_none()),
            (99, 256, true)
        );
        assert_eq!(varied.source.unwrap().of, SourceOf::Pictures(3));
        assert_eq!((varied.prompt, varied.beta), ("a *lighthouse*".into(), 0.6));
    }

    #[test]
    fn upscale_changes_the_size_alone_and_only_once() {
        let source = task(0.6).record;
        let larger = upscale(&source).unwrap().request;
        assert_eq!(
            ImageRequest {
                hires: None,
                ..larger.clone()
            },
            source.job.request
        );
        assert_eq!(size::of(&larger), (256, 256));
        let mut again = source;
        again.job.request = larger;
        assert_eq!(upscale(&again), None);
    }

    #[test]
    fn without_the_picture_vary_keeps_the_seed_and_turns_its_noise_on_from_where_it_is() {
        let mut source = task(0.6).record;
        source.job.request = turn(&source, Asker::Owner(None), 1).request;
        let twice = turn(&source, Asker::Owner(None), 2).request;
        assert_eq!(twice.seed, 7);
        assert_eq!(
            twice.variations.iter().map(|it| it.seed).collect::<Vec<_>>(),
            [1, 2]
        );
        for seed in 0..40 {
            source.job.request = turn(&source, Asker::Owner(None), seed).request;
        }
        assert_eq!(source.job.request.variations.len(), VARIATIONS_LIMIT);
    }

    #[test]
    fn someone_else_gets_their_own_taste() {
        let source = task(0.6).record;
        let theirs = again(&source, Asker::Other(Some(&taste())), 99);
        assert_eq!(
            (theirs.request.vp_plus.as_str(), theirs.request.beta),
            ("ink", 0.4)
        );
        assert_eq!((theirs.applied.len(), theirs.profile_version), (0, Some(1)));
        let plain = again(&source, Asker::Other(None), 99);
        assert_eq!(
            (
                plain.request.vp_plus.as_str(),
                plain.request.beta,
                plain.profile_version
            ),
            ("", 0.0, None)
        );
        // A picture made plain on purpose stays plain.
        assert_eq!(
            again(&task(0.0).record, Asker::Other(Some(&taste())), 99)
                .request
                .beta,
            0.0
        );
    }

    #[test]
    fn a_taste_that_came_later_serves_an_earlier_plain_picture() {
        let mut source = task(0.0).record;
        source.job.request.vp_plus.clear();
        source.job.request.vp_minus.clear();
        assert_eq!(again(&source, Asker::Owner(Some(&taste())), 99).request.beta, 0.4);
        let lifted = at_beta(&source, Some(&taste()), 0.2).request;
        assert_eq!(
            (lifted.vp_plus.as_str(), lifted.beta, lifted.seed),
            ("ink", 0.2, 7)
        );
    }
}
