//! From patches to rows that the text model reads: the modality projection and the perceiver resampler.

use candle_core::Tensor;

use super::CHUNK;
use super::attention::{Piece, Sight, attention};
use super::config::{Activation, PerceiverConfig};
use super::linear::Linear;
use super::vision::{activate, split};
use crate::ModelError;

/// Projection and resampler.
#[derive(Clone)]
pub(crate) struct Connector {
    pub config: PerceiverConfig,
    pub projection: GatedMlp,
    /// `(latents, width)`.
    pub latents: Tensor,
    pub layers: Vec<PerceiverLayer>,
    pub norm: RmsNorm,
}

/// One layer of the resampler: the latents look at the patches and at themselves.
#[derive(Clone)]
pub(crate) struct PerceiverLayer {
    pub latents_norm: RmsNorm,
    pub context_norm: RmsNorm,
    pub q: Linear,
    pub k: Linear,
    pub v: Linear,
    pub o: Linear,
    pub mlp_norm: RmsNorm,
    pub mlp: GatedMlp,
}

/// `down(act(gate(x))·up(x))`.
#[derive(Clone)]
pub(crate) struct GatedMlp {
    pub gate: Linear,
    pub up: Linear,
    pub down: Linear,
    pub activation: Activation,
}

/// Root mean square normalisation.
#[derive(Clone)]
pub(crate) struct RmsNorm {
    pub weight: Tensor,
    pub eps: f64,
}

impl GatedMlp {
    /// Applies it to the rows of `x`, some hundred at a time, since it is much wider inside.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let n = x.dim(0)?;
        let parts = (0..n)
            .step_by(CHUNK)
            .map(|from| self.of_chunk(&x.narrow(0, from, CHUNK.min(n - from))?))
            .collect::<Result<Vec<_>, _>>()?;
        match &parts[..] {
            [only] => Ok(only.clone()),
            _ => Ok(Tensor::cat(&parts, 0)?),
        }
    }

    fn of_chunk(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let gate = activate(&self.gate.forward(x)?, self.activation)?;
        self.down.forward(&(gate * self.up.forward(x)?)?)
    }

    /// Its linear layers.
    pub fn linears(&mut self) -> [&mut Linear; 3] {
        [&mut self.gate, &mut self.up, &mut self.down]
    }
}

impl RmsNorm {
    /// Normalises each row of `x`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        Ok(candle_nn::ops::rms_norm(
            &x.contiguous()?,
            &self.weight,
            self.eps as f32,
        )?)
    }
}

impl Connector {
    /// Makes the patches of one picture, `(patches, vision width)`, a few rows: `(latents, text width)`.
    pub fn forward(&self, patches: &Tensor) -> Result<Tensor, ModelError> {
        let context = self.projection.forward(patches)?;
        let mut latents = self.latents.clone();
        for layer in &self.layers {
            latents = layer.forward(&latents, &context, &self.config)?;
        }
        self.norm.forward(&latents)
    }

    /// Shows every linear layer.
    pub fn visit(
        &mut self,
        see: &mut dyn FnMut(&mut Linear) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        self.projection.linears().into_iter().try_for_each(&mut *see)?;
        for layer in &mut self.layers {
            for linear in [&mut layer.q, &mut layer.k, &mut layer.v, &mut layer.o] {
                see(linear)?;
            }
            layer.mlp.linears().into_iter().try_for_each(&mut *see)?;
        }
        Ok(())
    }
}

impl PerceiverLayer {
    fn forward(
        &self,
        latents: &Tensor,
        context: &Tensor,
        config: &PerceiverConfig,
    ) -> Result<Tensor, ModelError> {
        let own = self.latents_norm.forward(latents)?;
        let all = Tensor::cat(&[&self.context_norm.forward(context)?, &own], 0)?;
        let keys = split(&self.k.forward(&all)?, config.num_key_value_heads)?;
        let values = split(&self.v.forward(&all)?, config.num_key_value_heads)?;
        let queries = split(&self.q.forward(&own)?, config.n_heads)?;
        let seen = attention(&queries, &[Piece { keys, values }], Sight::Everything)?;
        let latents = (latents + self.o.forward(&seen)?)?;
        let normed = self.mlp_norm.forward(&latents)?;
        Ok((&latents + self.mlp.forward(&normed)?)?)
    }
}
