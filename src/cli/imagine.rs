//! `tastemaker imagine`: pictures on the command line, without Discord.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tastemaker_diffusion::{
    Conditioning, GenerationParams, Hires, Lora, ModelInfo, NoiseKind, Pipeline, SchedulerKind, Slot,
    SourceImage, Tensor, Upscale, Variation, latents,
};
use tastemaker_preference::Profile;

use crate::config::Config;
use crate::engine;
use crate::receipt::{Receipt, encode_png};

/// Pictures of one call, at most.
const MAX_COUNT: u64 = 64;

/// What `tastemaker imagine` is asked to do. What is not said comes from the model's manifest, or, for a folder without
/// one, from the checkpoint's own files (its size and sampler; 30 steps, guidance 7.5).
#[derive(Debug, Args)]
pub struct ImagineArgs {
    /// What to show
    prompt: String,

    /// A manifest's name (see config/models/), or a checkpoint: a folder in the diffusers layout or a .safetensors file
    #[arg(long, value_name = "NAME|PATH")]
    model: Option<String>,

    /// A LoRA to add to the model's weights, as strong as trained or times a weight; several times for several
    #[arg(long = "lora", value_name = "FILE[:WEIGHT]")]
    loras: Vec<Lora>,

    /// A profile, as `/profile export` gives it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["like", "dislike"])]
    profile: Option<PathBuf>,

    /// Liked attributes, separated by commas
    #[arg(long, value_name = "LIST", default_value = "")]
    like: String,

    /// Disliked attributes, separated by commas
    #[arg(long, value_name = "LIST", default_value = "")]
    dislike: String,

    /// Degree of personalisation, 0 (none) to 1
    #[arg(long, value_name = "B")]
    beta: Option<f64>,

    /// How preferences enter: embedding, guidance or reference
    #[arg(long, value_name = "MODE")]
    conditioning: Option<Conditioning>,

    /// Seed of the first picture, the next have the numbers after it; drawn at random if absent
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The generator of a seed's noise: portable, or torch for the noise that diffusers draws with
    /// `torch.Generator("cpu").manual_seed(N)`
    #[arg(long, value_name = "KIND")]
    noise: Option<NoiseKind>,

    /// Turn the noise of the first picture towards that of another seed, by a share of 0 to 1, and that of the next ones
    /// towards the numbers after it; several times, one after the other
    #[arg(long, value_name = "SEED:SHARE")]
    vary: Vec<Vary>,

    /// Denoising steps, 1 to 150
    #[arg(long, value_name = "N")]
    steps: Option<usize>,

    /// Take brackets in the texts as they are, not as attention weights: (word), (word:1.2), [word]
    #[arg(long)]
    plain_brackets: bool,

    /// Layers to leave out at the end of the text encoders
    #[arg(long, value_name = "N")]
    clip_skip: Option<usize>,

    /// Guidance scale; up to 1 is without guidance
    #[arg(long, value_name = "S")]
    guidance: Option<f64>,

    /// What to stay away from
    #[arg(long, value_name = "TEXT", default_value = "")]
    negative: String,

    /// ddim, ddpm, lcm, euler_a, euler, heun, dpmpp_2m, dpmpp_2m_sde, unipc; from euler_a on also with _karras, from euler
    /// on with _exponential
    #[arg(long, value_name = "NAME")]
    scheduler: Option<SchedulerKind>,

    /// Width and height in pixels, such as 512x768
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,

    /// A picture (PNG or JPEG) to start from: its middle, of the shape that is asked for
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,

    /// How far to move away from it: above 0 (hardly) to 1 (altogether)
    #[arg(long, value_name = "S", default_value_t = 0.6, requires = "image")]
    strength: f64,

    /// A second pass at a larger size: a factor such as 2, or width and height such as 1024x1536
    #[arg(long, value_name = "F|WxH")]
    hires: Option<Larger>,

    /// How much of the enlarged picture is drawn anew, above 0 to 1
    #[arg(long, value_name = "S", default_value_t = 0.2, requires = "hires")]
    hires_strength: f64,

    /// Denoising steps of a whole second pass, of which that share is taken; as many as in the first if absent
    #[arg(long, value_name = "N", requires = "hires")]
    hires_steps: Option<usize>,

    /// What is enlarged: image (decoded and encoded again), latent or latent_nearest
    #[arg(long, value_name = "WHAT", default_value_t = Upscale::Image, requires = "hires")]
    hires_upscale: Upscale,

    /// Pictures to make, denoised together
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=MAX_COUNT))]
    count: u64,

    /// Folder for the pictures, made if it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,

    /// Print one JSON object a picture
    #[arg(long)]
    json: bool,

    /// Start from this noise (safetensors, key `latents`, one picture's or one for each) instead of the seed's
    #[arg(long, value_name = "FILE")]
    init_latents: Option<PathBuf>,

    /// Write the final latents, before decoding, to this safetensors file (key `latents`)
    #[arg(long, value_name = "FILE")]
    save_latents: Option<PathBuf>,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    width: usize,
    height: usize,
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
enum Larger {
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
    fn of(self, width: usize, height: usize, multiple: usize) -> Size {
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
struct Vary(Variation);

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

impl Vary {
    /// The variation of picture `k`.
    fn of(self, k: u64) -> Variation {
        Variation {
            seed: self.0.seed.wrapping_add(k),
            ..self.0
        }
    }
}

/// One line of `--json`.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a Path,
    /// From the start of its batch to the finished file.
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    latents: Option<&'a Path>,
    #[serde(flatten)]
    receipt: &'a Receipt,
}

/// Makes the pictures and writes them as PNG files that carry their parameters.
///
/// # Errors
/// With a message for the person at the terminal: a model, profile or latents that cannot be read, parameters out of
/// range, a folder that cannot be written.
pub fn run(args: ImagineArgs, config: &Config) -> anyhow::Result<()> {
    let pipeline = load(&args, config)?;
    let requests = requests(&args, config, &pipeline)?;
    // The pictures differ in their noise only, so that what holds for one holds for all.
    for notice in requests
        .first()
        .map_or(Ok(Vec::new()), |first| pipeline.notices(first))?
    {
        eprintln!("Note: {notice}.");
    }
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let mut finals = Vec::new();
    for group in requests.chunks(joined(&requests, config)) {
        let started = Instant::now();
        let slots = denoise(&pipeline, group)?;
        for (params, slot) in group.iter().zip(&slots) {
            let receipt = Receipt::new(params, pipeline.info());
            let picture = pipeline.decode(slot)?;
            if pipeline
                .check(&picture)?
                .is_some_and(|report| report.is_flagged())
            {
                tracing::warn!(
                    seed = params.seed,
                    "the safety checker found something in this picture"
                );
            }
            let file = encode_png(&picture, &receipt)?;
            let path = write_new(&args.out, &format!("seed-{}", params.seed), &file)?;
            let seconds = started.elapsed().as_secs_f64();
            let line = Line {
                path: &path,
                seconds,
                latents: args.save_latents.as_deref(),
                receipt: &receipt,
            };
            report(&line, args.json)?;
            finals.push(slot.latents().clone());
        }
    }
    if let Some(path) = &args.save_latents {
        latents::save(path, &finals)?;
    }
    Ok(())
}

fn load(args: &ImagineArgs, config: &Config) -> anyhow::Result<Pipeline> {
    let mut config = config.clone();
    if let Some(name) = &args.model {
        config.model.name.clone_from(name);
    }
    let mut manifest = engine::manifest(&config)?;
    manifest.loras.extend(args.loras.iter().cloned());
    let device = config.model.devices.first().map_or("auto", String::as_str);
    engine::ModelSource::of(&config, &manifest, device)?
        .load()
        .with_context(|| format!("cannot load the model `{}`", manifest.name))
}

/// The parameters of each picture, checked.
fn requests(
    args: &ImagineArgs,
    config: &Config,
    pipeline: &Pipeline,
) -> anyhow::Result<Vec<GenerationParams>> {
    let info = pipeline.info();
    let mut first = defaults(args, config)?;
    (first.vp_plus, first.vp_minus) = preferences(args)?;
    first.negative.clone_from(&args.negative);
    first.beta = args.beta.unwrap_or(first.beta);
    first.conditioning = args.conditioning.unwrap_or(first.conditioning);
    first.seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    first.noise = args.noise.unwrap_or(first.noise);
    first.steps = args.steps.unwrap_or(first.steps);
    first.guidance = args.guidance.unwrap_or(first.guidance);
    first.prompt_weights = !args.plain_brackets;
    first.clip_skip = args.clip_skip.unwrap_or(first.clip_skip);
    first.scheduler = args.scheduler.unwrap_or(first.scheduler);
    let init = args.init_latents.as_deref().map(latents::load).transpose()?;
    if let Some(size) = args.size {
        (first.width, first.height) = (size.width, size.height);
    } else if let Some(latents) = &init {
        // The latents say the size better than a default does.
        (first.width, first.height) = size_of(latents, info)?;
    }
    if let Some(path) = &args.image {
        first.source = Some(source(path, first.width, first.height, args.strength)?);
    }
    if let Some(larger) = args.hires {
        let size = larger.of(first.width, first.height, info.vae_scale);
        first.hires = Some(Hires {
            width: size.width,
            height: size.height,
            strength: args.hires_strength,
            steps: args.hires_steps.unwrap_or(first.steps),
            upscale: args.hires_upscale,
        });
    }
    let mut requests = Vec::new();
    for k in 0..args.count {
        let mut params = first.clone();
        params.seed = first.seed.wrapping_add(k);
        params.variations = args.vary.iter().map(|vary| vary.of(k)).collect();
        params.init_latents = init
            .as_ref()
            .map(|latents| row(latents, k, args.count))
            .transpose()?;
        params.validate(info)?;
        requests.push(params);
    }
    Ok(requests)
}

/// The middle of a picture, at the size of the one to make.
fn source(path: &Path, width: usize, height: usize, strength: f64) -> anyhow::Result<SourceImage> {
    let picture = image::ImageReader::open(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .with_guessed_format()?
        .decode()
        .with_context(|| format!("{} is no picture that can be read (PNG or JPEG)", path.display()))?;
    Ok(SourceImage::fitting(
        &picture.into_rgb8(),
        width,
        height,
        strength,
    ))
}

fn defaults(args: &ImagineArgs, config: &Config) -> anyhow::Result<GenerationParams> {
    let mut config = config.clone();
    if let Some(name) = &args.model {
        config.model.name.clone_from(name);
    }
    Ok(engine::manifest(&config)?.defaults(args.prompt.clone()))
}

/// VP+ and VP−.
fn preferences(args: &ImagineArgs) -> anyhow::Result<(String, String)> {
    let Some(path) = &args.profile else {
        return Ok((args.like.clone(), args.dislike.clone()));
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let profile =
        Profile::from_json(&text).with_context(|| format!("{} is not a profile", path.display()))?;
    Ok((profile.vp_plus(), profile.vp_minus()))
}

fn size_of(latents: &Tensor, info: &ModelInfo) -> anyhow::Result<(usize, usize)> {
    let (_, _, height, width) = latents.dims4()?;
    Ok((width * info.vae_scale, height * info.vae_scale))
}

/// Picture `k`'s noise: its own row, or the only one.
fn row(latents: &Tensor, k: u64, count: u64) -> anyhow::Result<Tensor> {
    let rows = latents.dim(0)?;
    ensure!(
        rows == 1 || rows as u64 == count,
        "the file has latents for {rows} pictures, {count} are asked for"
    );
    Ok(latents.narrow(0, if rows == 1 { 0 } else { k as usize }, 1)?)
}

/// How many of these pictures, all of one size, are denoised together.
fn joined(requests: &[GenerationParams], config: &Config) -> usize {
    let pixels = requests.first().map_or(1, |first| first.width * first.height);
    let fit = config.pool.max_pixels / (pixels as u64).max(1);
    usize::try_from(fit)
        .unwrap_or(usize::MAX)
        .clamp(1, config.pool.max_slots.max(1))
}

/// Takes all pictures to their last step, together.
fn denoise(pipeline: &Pipeline, group: &[GenerationParams]) -> anyhow::Result<Vec<Slot>> {
    let mut slots = group
        .iter()
        .map(|params| pipeline.start(params))
        .collect::<Result<Vec<_>, _>>()?;
    let total = slots.iter().map(Slot::steps).max().unwrap_or_default();
    let bar = progress_bar(total as u64)?;
    for _ in 0..total {
        pipeline.step(&mut slots.iter_mut().collect::<Vec<_>>())?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(slots)
}

/// Shows progress to a person; a pipe or a log gets none.
fn progress_bar(steps: u64) -> anyhow::Result<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let bar = ProgressBar::new(steps);
    bar.set_style(ProgressStyle::with_template(
        "{bar:32} step {pos} of {len}, {eta} left",
    )?);
    bar.enable_steady_tick(Duration::from_millis(250));
    Ok(bar)
}

/// Writes a file under a name that is not taken: `stem.png`, `stem-2.png` and so on.
fn write_new(folder: &Path, stem: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
    for n in 1..10_000 {
        let name = if n == 1 {
            format!("{stem}.png")
        } else {
            format!("{stem}-{n}.png")
        };
        let path = folder.join(name);
        match std::fs::File::create_new(&path) {
            Ok(mut file) => {
                file.write_all(content)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", path.display())),
        }
    }
    bail!("{} holds thousands of pictures of this seed", folder.display())
}

fn report(line: &Line<'_>, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let written = if json {
        writeln!(out, "{}", serde_json::to_string(line)?)
    } else {
        let receipt = line.receipt;
        let path = line.path.display();
        writeln!(
            out,
            "{path}  seed {}, β {}, {:.1} s",
            receipt.seed, receipt.beta, line.seconds
        )
    };
    match written {
        // Whoever read the output has seen enough; the pictures are written all the same.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
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
            vary.of(2),
            Variation {
                seed: 44,
                strength: 0.35
            }
        );
        for wrong in ["42", "x:0.5", "42:", "42:much"] {
            assert!(wrong.parse::<Vary>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn pictures_never_overwrite_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let first = write_new(folder.path(), "seed-1", b"a").unwrap();
        let second = write_new(folder.path(), "seed-1", b"b").unwrap();
        assert_eq!(second, folder.path().join("seed-1-2.png"));
        assert_eq!(std::fs::read(first).unwrap(), b"a");
    }

    #[test]
    fn latents_are_one_for_all_or_one_for_each() {
        let latents = Tensor::new(&[[[[1f32]]], [[[2.0]]]], &tastemaker_diffusion::Device::Cpu).unwrap();
        let value = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(value(row(&latents, 1, 2).unwrap()), [2.0]);
        assert_eq!(
            value(row(&latents.narrow(0, 0, 1).unwrap(), 2, 3).unwrap()),
            [1.0]
        );
        assert!(row(&latents, 0, 3).is_err());
    }
}
