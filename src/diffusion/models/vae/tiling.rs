//! Coding a picture in overlapping tiles, so that memory does not grow with its size.
//!
//! As diffusers' `enable_tiling`: tiles overlap by a quarter of their side, and in the overlap the earlier tile fades into
//! the later one, from above first, then from the left. Norms and the attention of the middle block see one tile at a
//! time, so the result differs a little from that of a whole picture.

use candle_core::{DType, Device, Result, Tensor};

use crate::config::VaeConfig;

/// Least side of a tile that is chosen here, in latent values: below it a tile sees too little of the picture.
const LEAST: usize = 32;

/// The side of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tiling {
    /// Latent values, a multiple of 4 so that the overlap is a whole number.
    side: usize,
    /// Pixels a latent value.
    scale: usize,
}

impl Tiling {
    /// Tiles of about `pixels` a side for an autoencoder of this configuration.
    pub fn new(config: &VaeConfig, pixels: usize) -> Self {
        let scale = config.scale();
        Self {
            side: (pixels / scale / 4).max(1) * 4,
            scale,
        }
    }

    /// The tiles for latents of this size with values of `bytes`: none where the whole picture fits into `memory` bytes,
    /// else of the size the autoencoder was trained on, or the largest half, quarter and so on of it that fits.
    pub fn fitting(config: &VaeConfig, height: usize, width: usize, bytes: u64, memory: u64) -> Option<Self> {
        let need = |height, width| need(config, height, width, bytes);
        if need(height, width) <= memory {
            return None;
        }
        let mut tiling = Self::new(config, config.sample_size.max(LEAST * config.scale()));
        while tiling.side > LEAST && need(tiling.side, tiling.side) > memory {
            tiling.side = (tiling.side / 8 * 4).max(LEAST);
        }
        (height > tiling.side || width > tiling.side).then_some(tiling)
    }

    /// Decodes latents (1, channels, height, width) tile by tile; the result is f32 on the processor.
    pub fn decode(self, z: &Tensor, decode: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        self.run(z, self.side, self.side * self.scale, decode)
    }

    /// Encodes a picture (1, channels, height, width) tile by tile; the result is f32, where the picture is.
    pub fn encode(self, picture: &Tensor, encode: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        self.run(picture, self.side * self.scale, self.side, encode)?
            .to_device(picture.device())
    }

    /// Cuts `x` into tiles of `from` a side, which `code` turns into tiles of `to` a side, and joins these.
    fn run(
        self,
        x: &Tensor,
        from: usize,
        to: usize,
        code: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let (_, _, height, width) = x.dims4()?;
        let (stride, overlap) = (from / 4 * 3, to / 4);
        let kept = to - overlap;
        let mut above: Vec<Plane> = Vec::new();
        let mut strips = Vec::new();
        for top in (0..height).step_by(stride) {
            let mut row: Vec<Plane> = Vec::new();
            for (column, left) in (0..width).step_by(stride).enumerate() {
                let tile = x
                    .narrow(2, top, from.min(height - top))?
                    .narrow(3, left, from.min(width - left))?
                    .contiguous()?;
                let mut tile = Plane::of(&code(&tile)?)?;
                if let Some(above) = above.get(column) {
                    tile.fade_from_above(above, overlap);
                }
                if let Some(left) = row.last() {
                    tile.fade_from_left(left, overlap);
                }
                row.push(tile);
            }
            let parts: Vec<_> = row.iter().map(|tile| tile.crop(kept)).collect::<Result<_>>()?;
            strips.push(Tensor::cat(&parts, 3)?);
            above = row;
        }
        Tensor::cat(&strips, 2)
    }
}

/// Bytes that decoding takes at its widest: the last block's first residual block, which holds its input twice (once for
/// the shortcut, once normalised) and its output. Encoding takes less.
fn need(config: &VaeConfig, height: usize, width: usize, bytes: u64) -> u64 {
    let sizes = &config.block_out_channels;
    let (output, input) = (sizes[0], sizes[1.min(sizes.len() - 1)]);
    let pixels = (height * config.scale()) as u64 * (width * config.scale()) as u64;
    pixels * (2 * input + output) as u64 * bytes
}

/// A coded tile, on the processor.
struct Plane {
    values: Vec<f32>,
    channels: usize,
    height: usize,
    width: usize,
}

impl Plane {
    fn of(x: &Tensor) -> Result<Self> {
        let (_, channels, height, width) = x.dims4()?;
        let values = x.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
        Ok(Self {
            values: values.flatten_all()?.to_vec1()?,
            channels,
            height,
            width,
        })
    }

    /// Lets the last rows of the tile above fade into the first ones of this.
    fn fade_from_above(&mut self, above: &Self, overlap: usize) {
        let rows = overlap.min(self.height).min(above.height);
        for channel in 0..self.channels {
            for y in 0..rows {
                let share = y as f32 / rows as f32;
                let from = (channel * above.height + above.height - rows + y) * above.width;
                let to = (channel * self.height + y) * self.width;
                fade(
                    &above.values[from..from + above.width],
                    &mut self.values[to..to + self.width],
                    |_| share,
                );
            }
        }
    }

    /// Lets the last columns of the tile on the left fade into the first ones of this.
    fn fade_from_left(&mut self, left: &Self, overlap: usize) {
        let columns = overlap.min(self.width).min(left.width);
        for line in 0..self.channels * self.height {
            let from = (line + 1) * left.width - columns;
            let to = line * self.width;
            fade(
                &left.values[from..from + columns],
                &mut self.values[to..to + columns],
                |x| x as f32 / columns as f32,
            );
        }
    }

    /// The upper left corner, at most `side` × `side`.
    fn crop(&self, side: usize) -> Result<Tensor> {
        let shape = (1, self.channels, self.height, self.width);
        Tensor::from_slice(&self.values, shape, &Device::Cpu)?
            .narrow(2, 0, side.min(self.height))?
            .narrow(3, 0, side.min(self.width))
    }
}

/// Mixes `old` into `new`, of which value x keeps the share `share(x)`.
fn fade(old: &[f32], new: &mut [f32], share: impl Fn(usize) -> f32) {
    for (x, (new, old)) in new.iter_mut().zip(old).enumerate() {
        let share = share(x);
        *new = old * (1.0 - share) + *new * share;
    }
}
