//! `tastemaker onboarding render`: the pictures of the onboarding, drawn by any model.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use tastemaker_diffusion::GenerationParams;

use super::imagine::{denoise, joined};
use crate::bot::{Gallery, StyleImage};
use crate::config::Config;
use crate::engine;

/// Quality of the files: no artefacts that anybody would comment on.
const QUALITY: u8 = 93;

/// What `tastemaker onboarding` is asked to do.
#[derive(Debug, Args)]
pub struct OnboardingArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Draw a set of onboarding pictures with any model, from the prompts in a set's manifest
    Render(RenderArgs),
}

/// What `tastemaker onboarding render` is asked to do.
#[derive(Debug, Args)]
struct RenderArgs {
    /// A manifest's name (see config/models/), or a checkpoint: a folder in the diffusers layout or a .safetensors file
    /// (default: model.name of the configuration)
    #[arg(long, value_name = "NAME|PATH")]
    model: Option<String>,

    /// Folder for the pictures and their manifest, made if it is not there; pictures that are there stay (default:
    /// onboarding/MODEL in the folder of the database)
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Draw these images only, anew where they are there already
    #[arg(long, value_name = "ID", num_args = 1..)]
    only: Vec<String>,

    /// Folder of the set whose manifest has the prompts (default: the one that comes along)
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,

    /// Denoising steps, 1 to 150 (default: the model's)
    #[arg(long, value_name = "N")]
    steps: Option<usize>,

    /// Another number draws other pictures; each image has a seed of its own, made of this and its id
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// Draws pictures.
///
/// # Errors
/// With a message for the person at the terminal: a model or set that cannot be read, an image that is not in it, a folder
/// that cannot be written.
pub fn run(args: OnboardingArgs, config: &Config) -> anyhow::Result<()> {
    let Command::Render(args) = args.command;
    render(&args, config)
}

fn render(args: &RenderArgs, config: &Config) -> anyhow::Result<()> {
    let from = match &args.from {
        Some(from) => from.clone(),
        None => config.paths.assets.join("onboarding"),
    };
    let set = Gallery::load(&from).with_context(|| format!("cannot read the set in {}", from.display()))?;
    let mut config = config.clone();
    if let Some(model) = &args.model {
        config.model.name.clone_from(model);
    }
    let manifest = engine::manifest(&config)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => config.paths.data.join("onboarding").join(&manifest.name),
    };
    let wanted = wanted(&set, &args.only, &out)?;
    fs::create_dir_all(&out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    if wanted.is_empty() {
        println!("{} has every picture already.", out.display());
        return finish(&set, &out);
    }
    let device = config.model.devices.first().map_or("auto", String::as_str);
    let pipeline = engine::ModelSource::of(&config, &manifest, device)?
        .load()
        .with_context(|| format!("cannot load the model `{}`", manifest.name))?;
    let plain = manifest.defaults("");
    let mut requests = Vec::with_capacity(wanted.len());
    for (image, prompt) in &wanted {
        let params = GenerationParams {
            prompt: (*prompt).to_owned(),
            seed: seed_of(&image.id, args.seed),
            steps: args.steps.unwrap_or(plain.steps),
            beta: 0.0,
            ..plain.clone()
        };
        params.validate(pipeline.info())?;
        requests.push(params);
    }
    let together = joined(&requests, &config);
    let mut done = 0;
    for (images, requests) in wanted.chunks(together).zip(requests.chunks(together)) {
        let started = Instant::now();
        for ((image, _), slot) in images.iter().zip(denoise(&pipeline, requests)?) {
            let picture = pipeline.decode(&slot)?;
            done += 1;
            let (total, id) = (wanted.len(), &image.id);
            if pipeline
                .check(&picture)?
                .is_some_and(|report| report.is_flagged())
            {
                println!(
                    "{done}/{total}  {id}: left out, the safety checker found something; another --seed may do"
                );
                continue;
            }
            let path = out.join(file_of(image));
            write(&path, &jpeg(&picture)?)?;
            // After each, so that what is there can be used whenever this ends.
            note(&set, &out)?;
            println!(
                "{done}/{total}  {}  {:.1} s",
                path.display(),
                started.elapsed().as_secs_f64()
            );
        }
    }
    finish(&set, &out)
}

/// The images to draw, with their prompts.
fn wanted<'a>(
    set: &'a Gallery,
    only: &[String],
    out: &Path,
) -> anyhow::Result<Vec<(&'a StyleImage, &'a str)>> {
    if let Some(unknown) = only.iter().find(|id| set.get(id).is_none()) {
        let ids: Vec<&str> = set.images().iter().map(|image| image.id.as_str()).collect();
        bail!(
            "there is no image `{unknown}` in the set; there are {}",
            ids.join(", ")
        );
    }
    let mut files = BTreeMap::new();
    for image in set.images() {
        if let Some(other) = files.insert(file_of(image), &image.id) {
            bail!(
                "`{other}` and `{}` would both be drawn into {}; give one of them another id",
                image.id,
                file_of(image)
            );
        }
    }
    let only: BTreeSet<&str> = only.iter().map(String::as_str).collect();
    let mut wanted = Vec::new();
    let mut without = Vec::new();
    for image in set.images() {
        let id = image.id.as_str();
        if !only.is_empty() && !only.contains(id) {
            continue;
        }
        match &image.prompt {
            None => without.push(id),
            Some(_) if only.is_empty() && out.join(file_of(image)).is_file() => {}
            Some(prompt) => wanted.push((image, prompt.as_str())),
        }
    }
    if !without.is_empty() {
        let without = without.join(", ");
        if set.images().iter().all(|image| image.prompt.is_none()) || !only.is_empty() {
            bail!("the manifest has no `prompt` for {without}; add one to each");
        }
        eprintln!("Note: left out for want of a `prompt` in the manifest: {without}.");
    }
    Ok(wanted)
}

/// Name of the file that an image is drawn into.
fn file_of(image: &StyleImage) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let name: String = image.id.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    format!("{name}.jpg")
}

/// The seed of an image: FNV-1a over its id, so that it is the same whatever else is drawn.
fn seed_of(id: &str, seed: u64) -> u64 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    u64::from(id.bytes().fold(0x811c_9dc5, step)).wrapping_add(seed)
}

fn jpeg(picture: &RgbImage) -> anyhow::Result<Vec<u8>> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, QUALITY).encode_image(picture)?;
    Ok(file)
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, content)
        .and_then(|()| fs::rename(&part, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes the manifest of the pictures that are there, in the order of the set.
fn note(set: &Gallery, out: &Path) -> anyhow::Result<()> {
    let there = set
        .images()
        .iter()
        .map(|image| (image, file_of(image)))
        .filter(|(_, file)| out.join(file).is_file());
    write(&out.join("manifest.toml"), Gallery::manifest(there)?.as_bytes())
}

/// Says how the set is used, once it is sure that it can be.
fn finish(set: &Gallery, out: &Path) -> anyhow::Result<()> {
    note(set, out)?;
    let drawn = Gallery::load(out).with_context(|| format!("the set in {} cannot be used", out.display()))?;
    println!(
        "{} of {} pictures are in {}. To show them: [onboarding] folder = {:?} in the configuration.",
        drawn.images().len(),
        set.images().len(),
        out.display(),
        out.display().to_string()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: OnboardingArgs,
    }

    /// Makes a set of three images, of which the last has no prompt.
    fn set(folder: &Path) {
        let mut manifest = String::new();
        for (id, prompt) in [
            ("fox", "prompt = \"a fox\""),
            ("red boat", "prompt = \"a boat, ink\""),
            ("moon", ""),
        ] {
            let file = format!("{}.png", id.replace(' ', "-"));
            RgbImage::new(4, 4).save(folder.join(&file)).unwrap();
            manifest.push_str(&format!(
                "[[image]]\nid = \"{id}\"\nfile = \"{file}\"\ntitle = \"The {id}\"\nalt = \"A {id}.\"\n\
                 attributes = [\"pastel colours\", \"ink drawing\"]\n{prompt}\n"
            ));
        }
        fs::write(folder.join("manifest.toml"), manifest).unwrap();
    }

    fn draw(from: &Path, out: &Path, words: &[&str]) -> anyhow::Result<()> {
        let mut config = Config::defaults()?;
        config.model.devices = vec!["cpu".to_owned()];
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diffusion/sd");
        let (model, from, out) = (
            model.display().to_string(),
            from.display().to_string(),
            out.display().to_string(),
        );
        let fixed = [
            "onboarding",
            "render",
            "--model",
            &model,
            "--from",
            &from,
            "--out",
            &out,
            "--steps",
            "2",
        ];
        run(Line::try_parse_from(fixed.iter().chain(words))?.args, &config)
    }

    #[test]
    fn a_set_is_drawn_goes_on_where_it_stopped_and_can_be_shown() {
        let (from, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        set(from.path());
        let out = out.path().join("new");
        draw(from.path(), &out, &["--only", "red boat"]).unwrap();
        let ids = |out: &Path| -> Vec<String> {
            let set = Gallery::load(out).unwrap();
            set.images().iter().map(|image| image.id.clone()).collect()
        };
        assert_eq!(ids(&out), ["red boat"]);
        let boat = fs::read(out.join("red_boat.jpg")).unwrap();
        // What is there stays as it is.
        fs::write(out.join("red_boat.jpg"), &boat[..boat.len() - 1]).unwrap();
        draw(from.path(), &out, &[]).unwrap();
        assert_eq!(ids(&out), ["fox", "red boat"]);
        assert_eq!(fs::read(out.join("red_boat.jpg")).unwrap().len(), boat.len() - 1);
        let drawn = Gallery::load(&out).unwrap();
        let (fox, before) = (drawn.get("fox").unwrap(), Gallery::load(from.path()).unwrap());
        let before = before.get("fox").unwrap();
        assert_eq!(
            (&fox.title, &fox.alt, &fox.attributes, &fox.prompt),
            (&before.title, &before.alt, &before.attributes, &before.prompt)
        );
        let picture = image::load_from_memory(&fox.bytes).unwrap();
        assert!(picture.width() >= 16 && picture.width() == picture.height());
        // Asked for by name, it is drawn again, and is the same; with another seed it is another.
        draw(from.path(), &out, &["--only", "red boat"]).unwrap();
        assert_eq!(fs::read(out.join("red_boat.jpg")).unwrap(), boat);
        draw(from.path(), &out, &["--only", "red boat", "--seed", "5"]).unwrap();
        assert_ne!(fs::read(out.join("red_boat.jpg")).unwrap(), boat);
        draw(from.path(), &out, &[]).unwrap();
    }

    #[test]
    fn what_cannot_be_drawn_is_named() {
        let (from, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        set(from.path());
        let refused = |words: &[&str]| format!("{:#}", draw(from.path(), out.path(), words).unwrap_err());
        let unknown = refused(&["--only", "cat"]);
        assert!(
            unknown.contains("`cat`") && unknown.contains("fox, red boat"),
            "{unknown}"
        );
        assert!(refused(&["--only", "moon"]).contains("no `prompt` for moon"));
        let path = from.path().join("manifest.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        fs::write(&path, manifest.replace("id = \"moon\"", "id = \"red_boat\"")).unwrap();
        let twice = refused(&[]);
        assert!(twice.contains("`red boat` and `red_boat`"), "{twice}");
        assert!(
            format!(
                "{:#}",
                draw(Path::new("no/such/set"), out.path(), &[]).unwrap_err()
            )
            .contains("no/such/set")
        );
    }
}
