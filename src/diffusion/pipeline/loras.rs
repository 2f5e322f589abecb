//! Adapters of a loaded checkpoint, which can be changed without loading it again.

use std::collections::BTreeSet;
use std::sync::Arc;

use candle_core::{DType, Device};

use super::Pipeline;
use crate::checkpoint::{Checkpoint, Part, UNetNames};
use crate::error::Result;
use crate::lora::{Component, Lora, LoraSet};
use crate::models::UNet2DConditionModel;
use crate::text::TextEncoders;
use crate::weights::{ContentHash, Products};

/// What is needed to build a network again with other adapters.
pub(super) struct Adapters {
    pub checkpoint: Checkpoint,
    /// The checkpoint's hash without adapters.
    pub own_hash: ContentHash,
    /// The adapters that are in the weights now.
    pub loras: Vec<Lora>,
    /// The networks that they change.
    pub touched: BTreeSet<Component>,
}

/// Builds the denoiser with the changes of `loras`.
pub(super) fn build_unet(
    checkpoint: &Checkpoint,
    loras: &Arc<LoraSet>,
    (dtype, products): (DType, Products),
    device: &Device,
) -> Result<UNet2DConditionModel> {
    let patch = loras.patch(Component::Unet, Some(UNetNames::of(&checkpoint.unet)));
    let weights = checkpoint.weights(Part::Unet, dtype, device)?;
    UNet2DConditionModel::new(
        checkpoint.unet.clone(),
        &weights.patched(patch).multiplied(products),
    )
}

impl Pipeline {
    /// The adapters that are in the weights now.
    pub fn loras(&self) -> &[Lora] {
        &self.adapters.loras
    }

    /// Replaces all adapters by `loras`, in order; none gives the checkpoint's own weights back, bit for bit.
    ///
    /// Only networks that the old or the new adapters change are built again, from the mapped files. A refiner keeps its
    /// weights. Slots that were started before go on with the new weights and the texts they were started with.
    ///
    /// # Errors
    /// If an adapter is missing, damaged, or does not fit this model; the pipeline is then as it was before.
    pub fn set_loras(&mut self, loras: &[Lora]) -> Result<()> {
        let set = Arc::new(LoraSet::open(loras)?);
        let files = LoraSet::files(loras)?;
        let (dtype, device) = (self.base.dtype, self.device.clone());
        let checkpoint = &self.adapters.checkpoint;
        let touched: BTreeSet<_> = self.adapters.touched.union(&set.components()).copied().collect();
        let unet = match touched.contains(&Component::Unet) {
            true => Some(build_unet(
                checkpoint,
                &set,
                (dtype, self.base.products),
                &device,
            )?),
            false => None,
        };
        let encoders = (0..checkpoint.text_encoders.len())
            .filter(|&i| touched.contains(&checkpoint.component(i)))
            .map(|i| Ok((i, TextEncoders::build(checkpoint, i, &set, dtype, &device)?)))
            .collect::<Result<_>>()?;
        set.check_taken()?;
        if let Some(unet) = unet {
            self.base.unet = unet;
        }
        self.base.text.replace(encoders);
        let own = self.adapters.own_hash.with_adapters(files);
        self.info.hash = self.info.hash.with_first(&own);
        self.adapters.loras = loras.to_vec();
        self.adapters.touched = set.components();
        Ok(())
    }
}
