//! Several adapters together, ready to be merged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::adapter::{self, Module};
use super::{Component, Lora, keys};
use crate::checkpoint::UNetNames;
use crate::error::{DiffusionError, Result};
use crate::weights::Patch;

/// All changes to a model, by component.
#[derive(Default)]
pub(crate) struct LoraSet {
    components: BTreeMap<Component, BTreeMap<String, Vec<Change>>>,
}

struct Change {
    module: Module,
    /// Whether a layer took it.
    taken: AtomicBool,
}

impl LoraSet {
    /// Reads the adapters' tables.
    ///
    /// # Errors
    /// If one cannot be used; the message names its file.
    pub fn open(loras: &[Lora]) -> Result<Self> {
        let mut components: BTreeMap<_, BTreeMap<_, Vec<_>>> = BTreeMap::new();
        for lora in loras {
            for ((component, module), change) in adapter::open(lora)? {
                let change = Change {
                    module: change,
                    taken: AtomicBool::new(false),
                };
                components
                    .entry(component)
                    .or_default()
                    .entry(module)
                    .or_default()
                    .push(change);
            }
        }
        Ok(Self { components })
    }

    /// The adapters' files with their weights, for the name of the weights.
    ///
    /// # Errors
    /// If one is missing.
    pub fn files(loras: &[Lora]) -> Result<Vec<(PathBuf, f64)>> {
        loras
            .iter()
            .map(|lora| Ok((adapter::locate(&lora.path)?, lora.weight)))
            .collect()
    }

    /// The components that are changed.
    pub fn components(&self) -> BTreeSet<Component> {
        self.components.keys().copied().collect()
    }

    /// The changes to one component, if there are any. `names` leads from diffusers' names to those of the code that SDXL
    /// was trained with, which kohya's trainer uses too.
    pub fn patch(self: &Arc<Self>, component: Component, names: Option<UNetNames>) -> Option<Arc<dyn Patch>> {
        self.components.contains_key(&component).then(|| {
            Arc::new(ComponentPatch {
                set: self.clone(),
                component,
                names,
            }) as Arc<dyn Patch>
        })
    }

    /// Checks that every change found its layer, once all components were loaded.
    ///
    /// # Errors
    /// If not, naming what is left over.
    pub fn check_taken(&self) -> Result<()> {
        let all: Vec<_> = self
            .components
            .values()
            .flat_map(BTreeMap::values)
            .flatten()
            .collect();
        let left: Vec<_> = all
            .iter()
            .filter(|change| !change.taken.load(Ordering::Relaxed))
            .collect();
        let Some(first) = left.first() else {
            return Ok(());
        };
        let path = first.module.file.path();
        let own = |change: &Change| change.module.file.path() == path;
        let of = all.iter().filter(|change| own(change)).count();
        let left: Vec<_> = left.into_iter().filter(|change| own(change)).collect();
        let count = left.len();
        let examples: Vec<_> = left
            .iter()
            .take(3)
            .map(|change| format!("`{}`", change.module.down))
            .collect();
        let reason = format!(
            "{count} of the LoRA's {of} layers are not in this model, such as {}; it was made for another kind of model",
            examples.join(", ")
        );
        Err(DiffusionError::malformed(path, reason))
    }
}

/// The changes to one component.
struct ComponentPatch {
    set: Arc<LoraSet>,
    component: Component,
    names: Option<UNetNames>,
}

impl ComponentPatch {
    /// The changes to the layer whose weight has this name.
    fn changes(&self, name: &str) -> impl Iterator<Item = &Change> {
        let modules = &self.set.components[&self.component];
        let layer = name.strip_suffix(".weight");
        let ours = layer.map(|layer| keys::underscored(layer.strip_prefix("text_model.").unwrap_or(layer)));
        let theirs = self.names.as_ref().zip(layer).and_then(|(names, layer)| {
            let theirs = names.name(&format!("{layer}."))?;
            Some(keys::underscored(theirs.strip_suffix('.').unwrap_or(&theirs)))
        });
        [ours, theirs]
            .into_iter()
            .flatten()
            .filter_map(|name| modules.get(&name))
            .flatten()
    }
}

impl Patch for ComponentPatch {
    fn touches(&self, name: &str) -> bool {
        self.changes(name).next().is_some()
    }

    fn apply(&self, name: &str, shape: &[usize], values: &mut [f32]) -> Result<()> {
        for change in self.changes(name) {
            let (up, down) = change.module.matrices()?;
            let (rows, columns) = (up.dim(0)?, down.dim(1)?);
            let wanted = shape.first().copied().unwrap_or_default();
            if rows != wanted || rows * columns != values.len() {
                let wanted_columns = values.len() / wanted.max(1);
                let reason = format!(
                    "LoRA `{}` changes a {rows}×{columns} matrix, the model's `{name}` has {wanted}×{wanted_columns}; it \
                     was made for another kind of model",
                    change.module.down
                );
                return Err(DiffusionError::malformed(change.module.file.path(), reason));
            }
            change.taken.store(true, Ordering::Relaxed);
            // Adding zeros would still turn a negative zero positive.
            if change.module.scale == 0.0 {
                continue;
            }
            let delta = (up.matmul(&down)? * change.module.scale)?
                .flatten_all()?
                .to_vec1::<f32>()?;
            values
                .iter_mut()
                .zip(delta)
                .for_each(|(value, delta)| *value += delta);
        }
        Ok(())
    }
}
