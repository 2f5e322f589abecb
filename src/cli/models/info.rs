//! `tastemaker models info`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tastemaker_diffusion::ModelManifest;
use tastemaker_diffusion::manifest::Defaults;
use tastemaker_hub::progress::bytes;
use tastemaker_hub::{Cache, Model, State};

use super::list::{Entry, entry, mib};
use super::print;
use super::table::table;
use crate::catalogue;
use crate::config::Config;

/// What `tastemaker models info` is asked to do.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// The model's name, see `tastemaker models list`
    name: String,

    /// Print one JSON object instead of text for people
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Info {
    #[serde(flatten)]
    entry: Entry,
    defaults: Defaults,
    sources: Vec<Source>,
    files: Vec<FileInfo>,
    /// What comes with it: adapters, a decoder for previews, a safety checker.
    beside: Vec<BesideInfo>,
    /// What downloads it.
    command: Option<String>,
}

#[derive(Serialize)]
struct Source {
    repository: String,
    revision: String,
    /// The commit that was downloaded.
    commit: Option<String>,
    gated: bool,
}

#[derive(Serialize)]
struct BesideInfo {
    model: String,
    repository: Option<String>,
    here: bool,
}

#[derive(Serialize)]
struct FileInfo {
    path: String,
    repository: String,
    /// Its path in the repository.
    source: String,
    here: bool,
    /// Bytes, as found, or as the manifest says.
    size: Option<u64>,
    sha256: Option<String>,
    /// Where it is, or goes.
    location: Option<PathBuf>,
}

/// Shows what there is to know about a model.
///
/// # Errors
/// When there is no such model or its manifest cannot be used.
pub fn run(args: &InfoArgs, config: &Config) -> anyhow::Result<()> {
    let manifest = catalogue::named(config, &args.name)?;
    let model = catalogue::published(config, &manifest)?;
    let info = collect(config, &manifest, model.as_ref())?;
    print(&if args.json {
        serde_json::to_string_pretty(&info)? + "\n"
    } else {
        for_people(config, &manifest, &info)
    })
}

fn collect(config: &Config, manifest: &ModelManifest, model: Option<&Model>) -> anyhow::Result<Info> {
    // A checkpoint of one's own is where its manifest says, whatever is in the cache.
    let cached = model.filter(|_| manifest.path.is_none());
    let cache = config.hub.cache();
    Ok(Info {
        entry: entry(config, manifest)?,
        defaults: manifest.defaults.clone(),
        sources: model.map_or(Vec::new(), |model| sources(&cache, model)),
        files: cached.map_or(Ok(Vec::new()), |model| files(&cache, model))?,
        beside: beside(config, manifest)?,
        command: cached.map(|model| format!("tastemaker models pull {}", model.name())),
    })
}

fn sources(cache: &Cache, model: &Model) -> Vec<Source> {
    let source = |part: &tastemaker_hub::Part| Source {
        repository: part.repo.clone(),
        revision: part.revision.clone(),
        commit: cache.commit(part),
        gated: part.gated,
    };
    model.parts().iter().map(source).collect()
}

fn files(cache: &Cache, model: &Model) -> anyhow::Result<Vec<FileInfo>> {
    let pins = cache.pins(model)?.unwrap_or_default();
    let file = |(part, file): (&tastemaker_hub::Part, &tastemaker_hub::RepoFile)| {
        let location = cache.snapshot_file(part, file);
        let found = location.as_ref().and_then(|path| std::fs::metadata(path).ok());
        let pin = pins.of(&file.place);
        FileInfo {
            path: file.place.clone(),
            repository: part.repo.clone(),
            source: file.path.clone(),
            here: found.is_some(),
            size: found.map(|it| it.len()).or(file.size),
            sha256: file.sha256.clone().or_else(|| pin.map(|pin| pin.sha256.clone())),
            location,
        }
    };
    Ok(model.files().map(file).collect())
}

fn for_people(config: &Config, manifest: &ModelManifest, info: &Info) -> String {
    let mut text = match manifest.description.as_str() {
        "" => format!("{}\n", manifest.name),
        description => format!("{}: {description}\n", manifest.name),
    };
    let mut rows = Vec::new();
    let mut row = |key: &str, value: String| rows.push(vec![format!("  {key}"), value]);
    row("licence", manifest.licence.clone());
    for source in &info.sources {
        let commit = source
            .commit
            .as_ref()
            .map_or(String::new(), |commit| format!(", here: commit {commit}"));
        let gated = if source.gated {
            ", gated: accept its licence there"
        } else {
            ""
        };
        let page = format!(
            "{}/{}",
            config.hub.endpoint.trim_end_matches('/'),
            source.repository
        );
        row(
            "from",
            format!("{page} (revision {}{commit}{gated})", source.revision),
        );
    }
    let place = match (&info.entry.path, &manifest.path) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(path)) => format!("nothing at {}", path.display()),
        (None, None) if info.entry.here == "partly" => "some files are missing".to_owned(),
        (None, None) => "not on this machine".to_owned(),
    };
    row("here", place);
    if let Some(command) = info.command.as_ref().filter(|_| info.entry.path.is_none()) {
        row("get it", command.clone());
    }
    let dtype = manifest.dtype.map(|dtype| format!("{dtype:?}").to_lowercase());
    row(
        "precision",
        dtype.unwrap_or_else(|| "the device's best".to_owned()),
    );
    if let Some(memory) = manifest.memory {
        let memory = [("f32", memory.f32), ("f16", memory.f16), ("bf16", memory.bf16)];
        let memory: Vec<_> = memory
            .iter()
            .map(|(name, count)| format!("{name} {}", mib(*count)))
            .collect();
        row(
            "memory",
            format!("{} for the weights; pictures come on top", memory.join(", ")),
        );
    }
    for it in &info.beside {
        let state = if it.here { "here" } else { "missing" };
        let repository = it.repository.as_deref().unwrap_or_default();
        row("beside it", format!("{} from {repository}: {state}", it.model));
    }
    let it = &manifest.defaults;
    row("size", format!("{}×{} pixels", it.width, it.height));
    row("steps", format!("{} of {}", it.steps, it.scheduler));
    row(
        "guidance",
        format!("{}, rescaled by {}", it.guidance, it.guidance_rescale),
    );
    row("taste", format!("{} at β {}", it.conditioning, it.beta));
    text += &table(&rows);
    if info.files.is_empty() {
        return text;
    }
    text += "  files\n";
    let rows = info.files.iter().map(|file| {
        let state = if file.here { "here" } else { "missing" };
        let foreign = info
            .sources
            .first()
            .is_some_and(|own| own.repository != file.repository);
        let from = match (file.source == file.path, foreign) {
            (true, false) => String::new(),
            (_, true) => format!("from {}: {}", file.repository, file.source),
            (false, false) => format!("from {}", file.source),
        };
        vec![
            format!("    {state}"),
            file.path.clone(),
            file.size.map_or("–".to_owned(), bytes),
            from,
        ]
    });
    text + &table(&rows.collect::<Vec<_>>())
}

/// What is published beside a checkpoint.
fn beside(config: &Config, manifest: &ModelManifest) -> anyhow::Result<Vec<BesideInfo>> {
    let describe = |model: &Model| BesideInfo {
        model: model.name().to_owned(),
        repository: model.parts().first().map(|part| part.repo.clone()),
        here: matches!(config.hub.cache().state(model), State::Here(_)),
    };
    let models = catalogue::published_beside(manifest)?;
    Ok(models.iter().map(describe).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_is_not_here_says_how_to_get_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::defaults().unwrap();
        config.hub.cache = folder.path().to_owned();
        let manifest = catalogue::named(&config, "sd15").unwrap();
        let model = catalogue::published(&config, &manifest).unwrap();
        let info = collect(&config, &manifest, model.as_ref()).unwrap();
        let text = for_people(&config, &manifest, &info);
        for part in [
            "CreativeML-OpenRAIL-M",
            "https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5 (revision main)",
            "tastemaker models pull sd15",
            "25 of dpmpp_2m_karras",
            "f16 2.0 GiB",
            "missing  unet/config.json",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
