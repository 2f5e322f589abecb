//! The vision tower: SigLIP for pictures of any shape (NaViT's fractional positions).
//!
//! Padding takes no part: only the patches that lie wholly inside the picture go through the tower, one picture at a time.
//! That gives what masking the others in a batch gives.

use candle_core::{DType, Tensor};

use super::attention::{Piece, Sight, attention};
use super::config::{Activation, VisionConfig};
use super::linear::Linear;
use crate::ModelError;

/// Vision tower.
#[derive(Clone)]
pub(crate) struct VisionTower {
    pub config: VisionConfig,
    /// The convolution over patches, as a product with flattened ones.
    pub patches: Linear,
    /// `(positions, width)`.
    pub positions: Tensor,
    pub layers: Vec<VisionLayer>,
    pub norm: LayerNorm,
}

/// One encoder layer.
#[derive(Clone)]
pub(crate) struct VisionLayer {
    pub norm1: LayerNorm,
    pub q: Linear,
    pub k: Linear,
    pub v: Linear,
    pub out: Linear,
    pub norm2: LayerNorm,
    pub fc1: Linear,
    pub fc2: Linear,
}

/// Layer normalisation, in two passes: candle's fused one subtracts squares, which loses digits where the mean is large.
#[derive(Clone)]
pub(crate) struct LayerNorm {
    pub weight: Tensor,
    pub bias: Tensor,
    pub eps: f64,
}

impl LayerNorm {
    fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        Ok(candle_nn::ops::layer_norm_slow(
            x,
            &self.weight,
            &self.bias,
            self.eps as f32,
        )?)
    }
}

/// The patches of a picture that lie wholly inside it.
#[derive(Debug, PartialEq)]
pub(crate) struct Patches {
    /// Their numbers in the grid, row by row.
    pub inside: Vec<u32>,
    /// Their rows in the table of positions.
    pub positions: Vec<u32>,
}

impl Patches {
    /// Finds them by a mask of pixels (1 inside, 0 padding), `height × width`, for a table of `side × side` positions.
    pub fn of_mask(mask: &[u8], height: usize, width: usize, patch: usize, side: usize) -> Self {
        let (rows, columns) = (height / patch, width / patch);
        let whole = |row: usize, column: usize| {
            let line = column * patch..(column + 1) * patch;
            (row * patch..(row + 1) * patch).all(|y| mask[y * width..][line.clone()].iter().all(|&m| m != 0))
        };
        let grid: Vec<bool> = (0..rows * columns)
            .map(|i| whole(i / columns, i % columns))
            .collect();
        // The picture's extent is read off its first column and first row.
        let tall = (0..rows).filter(|row| grid[row * columns]).count();
        let wide = (0..columns).filter(|&column| grid[column]).count();
        let (down, across) = (buckets(tall, rows, side), buckets(wide, columns, side));
        let inside: Vec<u32> = (0..grid.len() as u32).filter(|&i| grid[i as usize]).collect();
        let positions = inside
            .iter()
            .map(|&i| down[i as usize / columns] * side as u32 + across[i as usize % columns])
            .collect();
        Self { inside, positions }
    }
}

/// Where each of `count` patches falls when `extent` of them fill a side that has `side` positions.
///
/// A patch's place is compared with multiples of `1 / side` in f32, so that one at a boundary falls on the side of it on
/// which rounding puts it, as in PyTorch on a processor.
pub(crate) fn buckets(extent: usize, count: usize, side: usize) -> Vec<u32> {
    let step = 1.0 / extent as f32;
    let width = 1.0 / side as f64;
    let boundaries: Vec<f32> = (1..side)
        .map(|i| (width + (i - 1) as f64 * width) as f32)
        .collect();
    (0..count)
        .map(|i| {
            let place = (i as f32 * step).min((1.0 - 1e-6) as f32);
            boundaries.partition_point(|&boundary| boundary <= place) as u32
        })
        .collect()
}

impl VisionTower {
    /// Encodes a picture `(channels, height, width)` with its mask of pixels: `(patches inside, width)`.
    pub fn forward(&self, pixels: &Tensor, mask: &[u8]) -> Result<Tensor, ModelError> {
        let (channels, height, width) = pixels.dims3()?;
        let patch = self.config.patch_size;
        let found = Patches::of_mask(mask, height, width, patch, self.config.patches_per_side());
        if found.inside.is_empty() {
            return Err(ModelError::input(format!(
                "a picture must hold at least one patch of {patch}×{patch} pixels; this one, of {width}×{height} with its \
                 padding, does not"
            )));
        }
        let (rows, columns) = (height / patch, width / patch);
        let device = self.positions.device();
        let inside = Tensor::new(&found.inside[..], pixels.device())?;
        let flat = pixels
            .narrow(1, 0, rows * patch)?
            .narrow(2, 0, columns * patch)?
            .reshape((channels, rows, patch, columns, patch))?
            .permute((1, 3, 0, 2, 4))?
            .reshape((rows * columns, channels * patch * patch))?
            .index_select(&inside, 0)?
            .to_device(device)?
            .to_dtype(self.positions.dtype())?;
        let positions = Tensor::new(&found.positions[..], device)?;
        let positions = self.positions.index_select(&positions, 0)?;
        let mut x = (self.patches.forward(&flat)? + positions)?;
        for layer in &self.layers {
            x = layer.forward(&x, &self.config)?;
        }
        self.norm.forward(&x)
    }

    /// Shows every linear layer that an adapter may change.
    pub fn visit(
        &mut self,
        see: &mut dyn FnMut(&mut Linear) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        for layer in &mut self.layers {
            for linear in [
                &mut layer.q,
                &mut layer.k,
                &mut layer.v,
                &mut layer.out,
                &mut layer.fc1,
                &mut layer.fc2,
            ] {
                see(linear)?;
            }
        }
        Ok(())
    }
}

impl VisionLayer {
    fn forward(&self, x: &Tensor, config: &VisionConfig) -> Result<Tensor, ModelError> {
        let heads = config.num_attention_heads;
        let normed = self.norm1.forward(x)?;
        let keys = split(&self.k.forward(&normed)?, heads)?;
        let values = split(&self.v.forward(&normed)?, heads)?;
        let queries = split(&self.q.forward(&normed)?, heads)?;
        let seen = attention(&queries, &[Piece { keys, values }], Sight::Everything)?;
        let x = (x + self.out.forward(&seen)?)?;
        let normed = self.norm2.forward(&x)?;
        let inner = activate(&self.fc1.forward(&normed)?, config.hidden_act)?;
        Ok((x + self.fc2.forward(&inner)?)?)
    }
}

/// Rows `(n, heads·d)` as `(heads, n, d)`.
pub(crate) fn split(x: &Tensor, heads: usize) -> Result<Tensor, ModelError> {
    let (n, width) = x.dims2()?;
    Ok(x.reshape((n, heads, width / heads))?
        .transpose(0, 1)?
        .contiguous()?)
}

/// Applies an activation to each value.
pub(crate) fn activate(x: &Tensor, activation: Activation) -> Result<Tensor, ModelError> {
    Ok(match activation {
        Activation::Silu => x.silu()?,
        Activation::Gelu => x.gelu_erf()?,
        Activation::GeluPytorchTanh => x.gelu()?,
        Activation::Relu => x.relu()?,
    })
}

/// A mask of pixels `(height, width)` as bytes.
pub(crate) fn mask_bytes(mask: &Tensor) -> Result<Vec<u8>, ModelError> {
    Ok(mask.to_dtype(DType::U8)?.flatten_all()?.to_vec1()?)
}
