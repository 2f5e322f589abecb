//! What stands beside a checkpoint: adapters, a decoder for previews, a safety checker.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{HubSource, ModelManifest};
use crate::error::{DiffusionError, Result};
use crate::lora::{Lora, as_trained};

/// A model that stands beside a checkpoint: on this machine, or published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Companion {
    /// Where it is; a relative path as in [`ModelManifest::path`].
    pub path: Option<PathBuf>,
    /// Where it is published.
    pub hub: Option<HubSource>,
}

impl Companion {
    /// Where it is on this machine; errors call it `name`.
    pub(super) fn place(&self, name: &str) -> Result<&Path> {
        place(name, &self.path, &self.hub)
    }
}

/// An adapter that a manifest adds: a file or folder on this machine, or published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraChoice {
    /// Where it is, see [`Lora::path`]; a relative path as in [`ModelManifest::path`].
    pub path: Option<PathBuf>,
    /// Where it is published.
    pub hub: Option<HubSource>,
    /// How strongly it acts, see [`Lora::weight`].
    #[serde(default = "as_trained")]
    pub weight: f64,
}

impl LoraChoice {
    /// The adapter, where it is on this machine.
    pub(super) fn lora(&self) -> Result<Lora> {
        Ok(Lora {
            path: place("loras", &self.path, &self.hub)?.to_owned(),
            weight: self.weight,
        })
    }
}

impl From<Lora> for LoraChoice {
    fn from(lora: Lora) -> Self {
        Self {
            path: Some(lora.path),
            hub: None,
            weight: lora.weight,
        }
    }
}

fn place<'a>(name: &str, path: &'a Option<PathBuf>, hub: &Option<HubSource>) -> Result<&'a Path> {
    path.as_deref().ok_or_else(|| {
        let repo = hub.as_ref().map_or("nowhere", |hub| hub.repo.as_str());
        DiffusionError::invalid(
            "path",
            format!("of `{name}` is not set (it is published as {repo})"),
        )
    })
}

/// One thing beside a checkpoint, whose place can be set.
pub struct Beside<'a> {
    /// `lora-1` and on, `taesd` or `safety_checker`.
    pub name: String,
    /// Where it is on this machine.
    pub path: &'a mut Option<PathBuf>,
    /// Where it is published.
    pub hub: Option<&'a HubSource>,
}

impl ModelManifest {
    /// Everything beside the checkpoint.
    pub fn beside_mut(&mut self) -> Vec<Beside<'_>> {
        let loras = self.loras.iter_mut().zip(1..).map(|(lora, nth)| Beside {
            name: format!("lora-{nth}"),
            path: &mut lora.path,
            hub: lora.hub.as_ref(),
        });
        let companions = [
            ("taesd", &mut self.taesd),
            ("safety_checker", &mut self.safety_checker),
        ];
        let companions = companions.into_iter().filter_map(|(name, it)| {
            let it = it.as_mut()?;
            Some(Beside {
                name: name.to_owned(),
                path: &mut it.path,
                hub: it.hub.as_ref(),
            })
        });
        loras.chain(companions).collect()
    }
}
