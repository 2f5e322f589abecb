//! Checkpoints by name: their manifests, what they are published as, and where they are on this machine.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use tastemaker_diffusion::ModelManifest;
use tastemaker_diffusion::manifest::{Beside, HubSource};
use tastemaker_hub::{Model, Part, RepoFile, State};

use crate::config::{Config, find};

/// Finds the manifest of this name in the manifests' folder, or makes one of a checkpoint's own files.
///
/// # Errors
/// When there is neither, or what is there cannot be read.
pub fn named(config: &Config, name: &str) -> anyhow::Result<ModelManifest> {
    let file = config.paths.models.join(format!("{name}.toml"));
    if file.is_file() {
        return ModelManifest::load(&file).with_context(|| format!("cannot use the model `{name}`"));
    }
    let path = find(name.as_ref());
    if path.exists() {
        return ModelManifest::of_checkpoint(&path)
            .with_context(|| format!("cannot use the checkpoint {name}"));
    }
    bail!(
        "there is no model `{name}`: neither {} nor a folder or file of that name exists; `tastemaker models list` shows those there are",
        file.display()
    );
}

/// The names of all manifests, sorted.
///
/// # Errors
/// When the manifests' folder cannot be read.
pub fn names(config: &Config) -> anyhow::Result<Vec<String>> {
    let folder = &config.paths.models;
    let cannot = || format!("cannot read the manifests in {}", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.extension().is_some_and(|end| end == "toml")
            && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// What a manifest's checkpoint is published as, with the files of those it builds on; `None` if its manifest has no hub
/// table.
///
/// # Errors
/// When a manifest that it builds on is missing or has no hub table, or a path or name in one cannot be right.
pub fn published(config: &Config, manifest: &ModelManifest) -> anyhow::Result<Option<Model>> {
    let Some(source) = &manifest.hub else {
        return Ok(None);
    };
    let mut parts = vec![part(source)];
    let mut seen = vec![manifest.name.clone()];
    let mut next = source.base.clone();
    while let Some(name) = next {
        let below =
            named(config, &name).with_context(|| format!("`hub.base` of `{}` is {name}", manifest.name))?;
        ensure!(
            !seen.contains(&name),
            "`hub.base` of `{}` leads back to {name}",
            manifest.name
        );
        let Some(source) = below.hub else {
            bail!(
                "`hub.base` of `{}` is {name}, but that manifest has no hub table",
                manifest.name
            );
        };
        parts.push(part(&source));
        seen.push(name);
        next = source.base;
    }
    Ok(Some(Model::new(&manifest.name, parts)?))
}

fn part(source: &HubSource) -> Part {
    let file = |file: &tastemaker_diffusion::manifest::HubFile| RepoFile {
        path: file.path.clone(),
        place: file.place.clone().unwrap_or_else(|| file.path.clone()),
        size: file.size,
        sha256: file.sha256.clone(),
    };
    Part {
        repo: source.repo.clone(),
        revision: source.revision.clone(),
        gated: source.gated,
        files: source.files.iter().map(file).collect(),
    }
}

/// Where a manifest's checkpoint is: the place that it names, or else the cache of downloads.
///
/// # Errors
/// When it names no place and has not been downloaded; the message says how to.
pub fn locate(config: &Config, manifest: &ModelManifest) -> anyhow::Result<PathBuf> {
    let name = &manifest.name;
    let model = match published(config, manifest)? {
        Some(model) if manifest.path.is_none() => model,
        _ => return Ok(find(manifest.folder()?)),
    };
    in_cache(config, &model, name)
}

/// What stands beside a manifest's checkpoint and comes from the hub, each as a model of its own: adapters, a decoder for
/// previews, a safety checker.
///
/// # Errors
/// When a path or name in a hub table cannot be right.
pub fn published_beside(manifest: &ModelManifest) -> anyhow::Result<Vec<Model>> {
    let mut manifest = manifest.clone();
    let owner = manifest.name.clone();
    let published = |part: Beside<'_>| {
        Some(beside(
            &owner,
            &part.name,
            part.hub.filter(|_| part.path.is_none())?,
        ))
    };
    manifest.beside_mut().into_iter().filter_map(published).collect()
}

fn beside(owner: &str, name: &str, source: &HubSource) -> anyhow::Result<Model> {
    ensure!(
        source.base.is_none(),
        "`{name}` of `{owner}` has a `hub.base`, which is for checkpoints only"
    );
    Ok(Model::new(format!("{owner}-{name}"), vec![part(source)])?)
}

/// Fills in where the published things beside a manifest's checkpoint are: a single file, or else their folder.
///
/// # Errors
/// When one has not been downloaded; the message says how to.
pub fn locate_beside(config: &Config, manifest: &mut ModelManifest) -> anyhow::Result<()> {
    let owner = manifest.name.clone();
    for part in manifest.beside_mut() {
        let Some(source) = part.hub.filter(|_| part.path.is_none()) else {
            continue;
        };
        let model = beside(&owner, &part.name, source)?;
        let folder = in_cache(config, &model, &owner)?;
        let mut files = model.files().map(|(_, file)| &file.place);
        *part.path = Some(match (files.next(), files.next()) {
            (Some(only), None) => folder.join(only),
            _ => folder,
        });
    }
    Ok(())
}

/// Where a published model is in the cache; `pulled` is what fetches it.
fn in_cache(config: &Config, model: &Model, pulled: &str) -> anyhow::Result<PathBuf> {
    let name = model.name();
    match config.hub.cache().state(model) {
        State::Here(folder) => Ok(folder),
        State::Incomplete(missing) if missing.is_empty() => {
            bail!(
                "the files of the model `{name}` are here, but not laid out yet: run `tastemaker models pull {pulled}`"
            )
        }
        State::Incomplete(missing) => bail!(
            "the model `{name}` is incomplete ({} missing): `tastemaker models pull {pulled}` fetches the rest",
            missing.join(", ")
        ),
        State::Absent => bail!(
            "the model `{name}` is not on this machine: `tastemaker models pull {pulled}` downloads it from {}",
            model.parts().first().map_or("the hub", |part| part.repo.as_str())
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: &str = r#"
name = "NAME"
licence = "MIT"
[defaults]
steps = 2
scheduler = "ddim"
guidance = 5.0
width = 64
height = 64
beta = 0.5
[hub]
repo = "owner/NAME"
"#;

    fn config(folder: &std::path::Path, manifests: &[(&str, &str)]) -> Config {
        let mut config = Config::defaults().unwrap();
        config.paths.models = folder.to_owned();
        config.hub.cache = folder.join("hub");
        for (name, rest) in manifests {
            let text = TINY.replace("NAME", name) + rest;
            std::fs::write(folder.join(format!("{name}.toml")), text).unwrap();
        }
        config
    }

    #[test]
    fn every_manifest_of_the_repository_can_be_used() {
        let config = Config::defaults().unwrap();
        for name in names(&config).unwrap() {
            let manifest = named(&config, &name).unwrap();
            let published = published(&config, &manifest).unwrap();
            assert!(manifest.path.is_some() || published.is_some(), "{name}");
        }
    }

    #[test]
    fn a_model_that_is_not_there_is_named_with_what_was_looked_for() {
        let config = Config::defaults().unwrap();
        let error = named(&config, "no-such-model").unwrap_err().to_string();
        assert!(
            error.contains("no-such-model.toml") && error.contains("models list"),
            "{error}"
        );
    }

    #[test]
    fn a_model_that_was_not_downloaded_says_how_to_get_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(
            folder.path(),
            &[("tiny", "files = [{ path = 'model_index.json' }]")],
        );
        let manifest = named(&config, "tiny").unwrap();
        let error = locate(&config, &manifest).unwrap_err().to_string();
        assert!(
            error.contains("tastemaker models pull tiny") && error.contains("owner/tiny"),
            "{error}"
        );
    }

    #[test]
    fn a_checkpoint_takes_the_rest_from_the_one_it_builds_on() {
        let folder = tempfile::tempdir().unwrap();
        let fast = "base = 'tiny'\nfiles = [{ path = 'fast.safetensors', as = 'unet/w' }]";
        let tiny = "files = [{ path = 'unet/w' }, { path = 'vae/w' }]";
        let config = config(folder.path(), &[("fast", fast), ("tiny", tiny)]);
        let model = published(&config, &named(&config, "fast").unwrap())
            .unwrap()
            .unwrap();
        let files: Vec<_> = model
            .files()
            .map(|(part, file)| format!("{}/{}", part.repo, file.path))
            .collect();
        assert_eq!(files, ["owner/fast/fast.safetensors", "owner/tiny/vae/w"]);
    }

    #[test]
    fn what_stands_beside_a_checkpoint_is_a_model_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let rest = "files = [{ path = 'x' }]
[[loras]]
path = 'own.safetensors'
[[loras]]
weight = 0.5
hub = { repo = 'owner/ink', files = [{ path = 'ink.safetensors' }] }
[taesd]
hub = { repo = 'owner/small', files = [{ path = 'config.json' }, { path = 'w.safetensors' }] }
";
        let config = config(folder.path(), &[("tiny", rest)]);
        let mut manifest = named(&config, "tiny").unwrap();
        let names: Vec<_> = published_beside(&manifest)
            .unwrap()
            .iter()
            .map(|model| model.name().to_owned())
            .collect();
        assert_eq!(names, ["tiny-lora-2", "tiny-taesd"]);
        let error = locate_beside(&config, &mut manifest).unwrap_err().to_string();
        assert!(
            error.contains("tastemaker models pull tiny") && error.contains("owner/ink"),
            "{error}"
        );
        // As downloads lie in the cache: a file alone is itself, several are their folder.
        for (repo, files) in [
            ("owner--ink", &["ink.safetensors"][..]),
            ("owner--small", &["config.json", "w.safetensors"]),
        ] {
            let repo = config.hub.cache.join(format!("models--{repo}"));
            let commit = "0".repeat(40);
            std::fs::create_dir_all(repo.join("refs")).unwrap();
            std::fs::write(repo.join("refs/main"), &commit).unwrap();
            std::fs::create_dir_all(repo.join("snapshots").join(&commit)).unwrap();
            for file in files {
                std::fs::write(repo.join("snapshots").join(&commit).join(file), "x").unwrap();
            }
        }
        locate_beside(&config, &mut manifest).unwrap();
        let ink = manifest.loras[1].path.clone().unwrap();
        assert!(ink.ends_with("ink.safetensors") && ink.is_file(), "{ink:?}");
        let small = manifest.taesd.unwrap().path.unwrap();
        assert!(small.join("config.json").is_file(), "{small:?}");
    }

    #[test]
    fn a_base_that_is_missing_or_a_circle_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let files = "files = [{ path = 'x' }]\nbase = ";
        let (a, b, c) = (
            format!("{files}'b'"),
            format!("{files}'a'"),
            format!("{files}'none'"),
        );
        let config = config(folder.path(), &[("a", &a), ("b", &b), ("c", &c)]);
        let error = |name: &str| {
            let error = published(&config, &named(&config, name).unwrap()).unwrap_err();
            format!("{error:#}")
        };
        assert!(error("a").contains("leads back to a"), "{}", error("a"));
        assert!(error("c").contains("none"), "{}", error("c"));
    }
}
