//! `tastemaker models pull`.

use anyhow::{Context as _, bail};
use clap::Args;
use tastemaker_hub::Hub;
use tastemaker_hub::progress::bytes;

use super::bars::Bars;
use super::print;
use crate::catalogue;
use crate::cli::run::stop_signal;
use crate::config::Config;

/// What `tastemaker models pull` is asked to do.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// The model's name, see `tastemaker models list`
    name: String,

    /// Read the files that are here and download the damaged ones again
    #[arg(long)]
    repair: bool,
}

/// Downloads what is missing of a model, and of what its manifest publishes beside it.
///
/// # Errors
/// When there is no such model, or it cannot be had; what has arrived stays, and the same command goes on from there.
pub async fn run(args: &PullArgs, config: &Config) -> anyhow::Result<()> {
    let manifest = catalogue::named(config, &args.name)?;
    let mut models = catalogue::published_beside(&manifest)?;
    if let Some(model) = catalogue::published(config, &manifest)? {
        models.insert(0, model);
    }
    if models.is_empty() {
        let place = manifest.folder()?.display();
        bail!("the model `{}` is not on the hub: it is {place}", manifest.name);
    }
    let hub = Hub::new(&config.hub.options()?)?;
    for model in &models {
        let bars = Bars::new(format!("downloading {}", model.name()));
        let pulled = tokio::select! {
            pulled = hub.pull(model, args.repair, &bars) => pulled,
            () = stop_signal() => {
                bars.clear();
                bail!("stopped; what has arrived is kept, `tastemaker models pull {}` goes on from there", args.name);
            }
        };
        bars.clear();
        let pulled = pulled.with_context(|| format!("cannot download the model `{}`", model.name()))?;
        let licence = match model.name() == manifest.name {
            true => format!("; licence: {}", manifest.licence),
            // Whoever published it says which one.
            false => String::new(),
        };
        let how = match pulled.downloaded {
            0 => "was here already".to_owned(),
            count => format!("is here, {} downloaded", bytes(count)),
        };
        let folder = pulled.folder.display();
        print(&format!("{} {how}{licence}\n{folder}\n", model.name()))?;
    }
    if let Some(path) = &manifest.path {
        let path = path.display();
        print(&format!(
            "note: its manifest sets `path`, so that {path} is used instead of this download\n"
        ))?;
    }
    Ok(())
}
