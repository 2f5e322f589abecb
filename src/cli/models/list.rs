//! `tastemaker models list`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tastemaker_diffusion::ModelManifest;
use tastemaker_diffusion::manifest::MemoryNeed;
use tastemaker_hub::State;
use tastemaker_hub::progress::bytes;

use super::print;
use super::table::table;
use crate::catalogue;
use crate::config::{Config, find};

/// What `tastemaker models list` is asked to do.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print one JSON array instead of a table for people
    #[arg(long)]
    json: bool,
}

/// One model, as far as a list goes.
#[derive(Debug, Serialize)]
pub struct Entry {
    /// The name to choose it by.
    name: String,
    description: String,
    licence: String,
    /// Pixels of a picture, unless the request says otherwise.
    width: usize,
    height: usize,
    /// `yes`, `partly` or `no`.
    pub here: &'static str,
    /// The folder or file to load, where all of it is here.
    pub path: Option<PathBuf>,
    /// Bytes of its files that are here, for a download.
    pub bytes_on_disk: Option<u64>,
    /// MiB.
    memory: Option<MemoryNeed>,
    /// The repository that it is published as.
    repository: Option<String>,
    /// Whether the configuration names it.
    configured: bool,
}

/// Lists the models of the manifests' folder.
///
/// # Errors
/// When the folder or a manifest cannot be read; manifests that can are listed first.
pub fn run(args: &ListArgs, config: &Config) -> anyhow::Result<()> {
    let (mut entries, mut broken) = (Vec::new(), Vec::new());
    for name in catalogue::names(config)? {
        let entry = catalogue::named(config, &name).and_then(|manifest| entry(config, &manifest));
        match entry {
            Ok(entry) => entries.push(entry),
            Err(error) => broken.push(format!("{error:#}")),
        }
    }
    print(&if args.json {
        serde_json::to_string_pretty(&entries)? + "\n"
    } else {
        for_people(&entries)
    })?;
    anyhow::ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

/// Looks a model up on this machine.
pub fn entry(config: &Config, manifest: &ModelManifest) -> anyhow::Result<Entry> {
    let model = catalogue::published(config, manifest)?;
    let mut entry = Entry {
        name: manifest.name.clone(),
        description: manifest.description.clone(),
        licence: manifest.licence.clone(),
        width: manifest.defaults.width,
        height: manifest.defaults.height,
        here: "no",
        path: None,
        bytes_on_disk: None,
        memory: manifest.memory,
        repository: manifest.hub.as_ref().map(|hub| hub.repo.clone()),
        configured: config.model.name == manifest.name,
    };
    match (&manifest.path, &model) {
        (Some(path), _) => {
            let path = find(path);
            if path.exists() {
                (entry.here, entry.path) = ("yes", Some(path));
            }
        }
        (None, Some(model)) => {
            let cache = config.hub.cache();
            match cache.state(model) {
                State::Here(folder) => (entry.here, entry.path) = ("yes", Some(folder)),
                State::Incomplete(_) => entry.here = "partly",
                State::Absent => {}
            }
            entry.bytes_on_disk = Some(cache.size_on_disk(model));
        }
        (None, None) => {}
    }
    Ok(entry)
}

fn for_people(entries: &[Entry]) -> String {
    let head = [
        "",
        "NAME",
        "PICTURE",
        "HERE",
        "ON DISK",
        "MEMORY F16 / F32",
        "LICENCE",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for entry in entries {
        rows.push(vec![
            if entry.configured { "→" } else { "" }.to_owned(),
            entry.name.clone(),
            format!("{}×{}", entry.width, entry.height),
            entry.here.to_owned(),
            match entry.bytes_on_disk {
                Some(0) | None => "–".to_owned(),
                Some(count) => bytes(count),
            },
            entry.memory.map_or("–".to_owned(), |memory| {
                format!("{} / {}", mib(memory.f16), mib(memory.f32))
            }),
            entry.licence.clone(),
        ]);
    }
    table(&rows)
}

/// MiB for people.
pub fn mib(count: Option<u64>) -> String {
    count.map_or("–".to_owned(), |count| bytes(count.saturating_mul(1 << 20)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_model_is_here_and_the_configured_one() {
        let config = Config::defaults().unwrap();
        let manifest = catalogue::named(&config, "embedded").unwrap();
        let entry = entry(&config, &manifest).unwrap();
        assert_eq!((entry.here, entry.configured), ("yes", true));
        let text = for_people(&[entry]);
        let line = text.lines().nth(1).unwrap();
        assert!(line.starts_with("→  embedded  256×256  yes"), "{text}");
    }

    #[test]
    fn a_published_model_is_not_here_until_it_is_pulled() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::defaults().unwrap();
        config.hub.cache = folder.path().to_owned();
        let manifest = catalogue::named(&config, "sd15").unwrap();
        let entry = entry(&config, &manifest).unwrap();
        assert_eq!((entry.here, entry.bytes_on_disk), ("no", Some(0)));
        let json = serde_json::to_value(&entry).unwrap();
        assert_eq!(json["repository"], "stable-diffusion-v1-5/stable-diffusion-v1-5");
        assert_eq!(json["memory"]["f16"], 2034);
    }
}
