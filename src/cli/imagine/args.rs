//! What can be asked for.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use tastemaker_diffusion::{Conditioning, Lora, NoiseKind, SchedulerKind, Upscale, Variation};

/// Pictures of one call, at most.
const MAX_COUNT: u64 = 64;

/// What `tastemaker imagine` is asked to do. What is not said comes from the model's manifest, or, for a folder without
/// one, from the checkpoint's own files (its size and sampler; 30 steps, guidance 7.5).
#[derive(Debug, Args)]
pub struct ImagineArgs {
    /// What to show
    #[arg(required_unless_present = "from")]
    pub(super) prompt: Option<String>,

    /// Draw the picture of this PNG file again, as the receipt in it says, but for what other options say
    #[arg(long, value_name = "PICTURE")]
    pub(super) from: Option<PathBuf>,

    /// A manifest's name (see config/models/), or a checkpoint: a folder in the diffusers layout or a .safetensors file
    #[arg(long, value_name = "NAME|PATH")]
    pub(super) model: Option<String>,

    /// A LoRA to add to the model's weights, as strong as trained or times a weight; several times for several
    #[arg(long = "lora", value_name = "FILE[:WEIGHT]")]
    pub(super) loras: Vec<Lora>,

    /// A profile, as `/profile export` gives it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["like", "dislike"])]
    pub(super) profile: Option<PathBuf>,

    /// Liked attributes, separated by commas
    #[arg(long, value_name = "LIST")]
    pub(super) like: Option<String>,

    /// Disliked attributes, separated by commas
    #[arg(long, value_name = "LIST")]
    pub(super) dislike: Option<String>,

    /// Degree of personalisation, 0 (none) to 1
    #[arg(long, value_name = "B")]
    pub(super) beta: Option<f64>,

    /// How preferences enter: embedding, guidance or reference
    #[arg(long, value_name = "MODE")]
    pub(super) conditioning: Option<Conditioning>,

    /// Seed of the first picture, the next have the numbers after it; drawn at random if absent
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,

    /// The generator of a seed's noise: portable, or torch for the noise that diffusers draws with
    /// `torch.Generator("cpu").manual_seed(N)`
    #[arg(long, value_name = "KIND")]
    pub(super) noise: Option<NoiseKind>,

    /// Turn the noise of the first picture towards that of another seed, by a share of 0 to 1, and that of the next ones
    /// towards the numbers after it; several times, one after the other
    #[arg(long, value_name = "SEED:SHARE")]
    pub(super) vary: Vec<Vary>,

    /// Denoising steps, 1 to 150
    #[arg(long, value_name = "N")]
    pub(super) steps: Option<usize>,

    /// Take brackets in the texts as they are, not as attention weights: (word), (word:1.2), [word]
    #[arg(long)]
    pub(super) plain_brackets: bool,

    /// Layers to leave out at the end of the text encoders
    #[arg(long, value_name = "N")]
    pub(super) clip_skip: Option<usize>,

    /// Guidance scale; up to 1 is without guidance
    #[arg(long, value_name = "S")]
    pub(super) guidance: Option<f64>,

    /// What to stay away from
    #[arg(long, value_name = "TEXT")]
    pub(super) negative: Option<String>,

    /// ddim, ddpm, lcm, euler_a, euler, heun, dpmpp_2m, dpmpp_2m_sde, unipc; from euler_a on also with _karras, from euler
    /// on with _exponential and _beta
    #[arg(long, value_name = "NAME")]
    pub(super) scheduler: Option<SchedulerKind>,

    /// Width and height in pixels, such as 512x768
    #[arg(long, value_name = "WxH")]
    pub(super) size: Option<Size>,

    /// A picture (PNG or JPEG) to start from: its middle, of the shape that is asked for
    #[arg(long, value_name = "FILE")]
    pub(super) image: Option<PathBuf>,

    /// How far to move away from it: above 0 (hardly) to 1 (altogether); 0.6 if absent
    #[arg(long, value_name = "S", requires = "image")]
    pub(super) strength: Option<f64>,

    /// A second pass at a larger size: a factor such as 2, or width and height such as 1024x1536
    #[arg(long, value_name = "F|WxH")]
    pub(super) hires: Option<Larger>,

    /// How much of the enlarged picture is drawn anew, above 0 to 1
    #[arg(long, value_name = "S", default_value_t = 0.2, requires = "hires")]
    pub(super) hires_strength: f64,

    /// Denoising steps of a whole second pass, of which that share is taken; as many as in the first if absent
    #[arg(long, value_name = "N", requires = "hires")]
    pub(super) hires_steps: Option<usize>,

    /// What is enlarged: image (decoded and encoded again), latent or latent_nearest
    #[arg(long, value_name = "WHAT", default_value_t = Upscale::Image, requires = "hires")]
    pub(super) hires_upscale: Upscale,

    /// Pictures to make, denoised together
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MAX_COUNT))]
    pub(super) count: u64,

    /// Folder for the pictures, made if it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) out: PathBuf,

    /// Print one JSON object a picture
    #[arg(long)]
    pub(super) json: bool,

    /// Start from this noise (safetensors, key `latents`, one picture's or one for each) instead of the seed's
    #[arg(long, value_name = "FILE")]
    pub(super) init_latents: Option<PathBuf>,

    /// Write the final latents, before decoding, to this safetensors file (key `latents`)
    #[arg(long, value_name = "FILE")]
    pub(super) save_latents: Option<PathBuf>,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub width: usize,
    pub height: usize,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (width, height) = text
            .split_once(['x', 'X', '×'])
            .ok_or("a size is two numbers with an x between, such as 512x768")?;
        let side = |text: &str| {
            text.trim()
                .parse()
                .map_err(|_| format!("`{text}` is not a number of pixels"))
        };
        Ok(Self {
            width: side(width)?,
            height: side(height)?,
        })
    }
}

/// The size of a second pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Larger {
    Times(f64),
    To(Size),
}

impl FromStr for Larger {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<f64>() {
            Ok(factor) if (1.0..=16.0).contains(&factor) => Ok(Self::Times(factor)),
            Ok(_) => Err(format!("a factor is between 1 and 16, not {text}")),
            Err(_) => text.parse().map(Self::To),
        }
    }
}

impl Larger {
    /// The size in pixels, multiples of `multiple`.
    pub fn of(self, width: usize, height: usize, multiple: usize) -> Size {
        let times =
            |side: usize, factor: f64| ((side as f64 * factor / multiple as f64).round() as usize) * multiple;
        match self {
            Self::To(size) => size,
            Self::Times(factor) => Size {
                width: times(width, factor),
                height: times(height, factor),
            },
        }
    }
}

/// One step aside from a seed's noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vary(pub Variation);

impl FromStr for Vary {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "a variation is a seed and a share with a colon between, such as 42:0.35".to_owned();
        let (seed, share) = text.split_once(':').ok_or_else(wrong)?;
        let (seed, strength) = (
            seed.parse().map_err(|_| wrong())?,
            share.parse().map_err(|_| wrong())?,
        );
        Ok(Self(Variation { seed, strength }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_two_numbers() {
        assert_eq!(
            "512x768".parse::<Size>().unwrap(),
            Size {
                width: 512,
                height: 768
            }
        );
        for wrong in ["512", "x", "5x", "axb", "-1x2"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_larger_size_is_a_factor_or_a_size() {
        let of = |text: &str| text.parse::<Larger>().unwrap().of(512, 768, 8);
        assert_eq!(of("1.5"), "768x1152".parse().unwrap());
        assert_eq!(of("640x960"), "640x960".parse().unwrap());
        // To the nearest size there is.
        assert_eq!(of("1.33"), "680x1024".parse().unwrap());
        for wrong in ["0.5", "99", "big", "2x"] {
            assert!(wrong.parse::<Larger>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn variations_are_a_seed_and_a_share() {
        let vary: Vary = "42:0.35".parse().unwrap();
        assert_eq!(
            vary.0,
            Variation {
                seed: 42,
                strength: 0.35
            }
        );
        for wrong in ["42", "x:0.5", "42:", "42:much"] {
            assert!(wrong.parse::<Vary>().is_err(), "{wrong}");
        }
    }
}
