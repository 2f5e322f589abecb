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
        let mut request = source.job.request.clone();
        if let Some(ranking) = source.ranking.as_ref().filter(|it| request.count == it.drawn) {
            // Nothing was chosen among what was drawn.
            request.count = ranking.shown;
        }
        Self {
            request,
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
            picks: Vec::new(),
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
    draft.request.picks.clear();
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
    request.picks.clear();
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
mod tests;
