//! Builds the model out of its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::quantized::{QStorage, QTensor};
use candle_core::{DType, Device, Tensor};

use super::config::{Idefics2Config, PerceiverConfig, TextConfig, VisionConfig};
use super::connector::{Connector, GatedMlp, PerceiverLayer, RmsNorm};
use super::linear::{Linear, Matrix};
use super::lora::{Adapter, Lora};
use super::quantised::{CONFIG_KEY, PRECISION_KEY, Part, Precision, quantise};
use super::text::{Rotary, TextLayer, TextModel};
use super::vision::{LayerNorm, VisionLayer, VisionTower};
use super::weights::{Bytes, Format, Weights, narrow, widen};
use super::{Activation, Idefics2, Parts};
use crate::ModelError;

/// Where and how to load a model.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Where it computes.
    pub device: Device,
    /// What its matrices are kept in.
    pub precision: Precision,
    /// PEFT adapters that are merged into the weights while these are read, before any quantising.
    pub adapters: Vec<PathBuf>,
}

impl LoadOptions {
    /// Without adapters.
    pub fn new(device: Device, precision: Precision) -> Self {
        let adapters = Vec::new();
        Self {
            device,
            precision,
            adapters,
        }
    }
}

/// A tensor that a saved model holds.
pub(crate) enum Saved {
    /// As it is in the files that were loaded, with this shape.
    AsStored(Vec<usize>),
    /// As it is in memory, with the shape it has in a file.
    Matrix(Arc<Matrix>, Vec<usize>),
}

/// Every tensor there is to load, in the order of the model: its name, its shape, and what it is for. The one list that
/// loading, saving and the estimate of memory go by.
pub(crate) struct Loader {
    weights: Weights,
    adapters: Vec<Adapter>,
    options: LoadOptions,
    compute: DType,
    saved: Vec<(String, Saved)>,
}

/// The configuration of the model at `path`, as text and as read.
pub(crate) fn read_config(path: &Path, weights: &Weights) -> Result<(String, Idefics2Config), ModelError> {
    let (file, text) = match weights.metadata(CONFIG_KEY) {
        Some(text) => (weights.path().to_owned(), text.to_owned()),
        None if weights.path().extension().is_some_and(|end| end == "gguf") => {
            let reason =
                format!("`{CONFIG_KEY}` is missing: this is no GGUF file of an IDEFICS2 model saved here");
            return Err(ModelError::malformed(weights.path(), reason));
        }
        None => {
            let file = path.join("config.json");
            if !file.is_file() {
                let hint = "an IDEFICS2 folder as transformers saves it".to_owned();
                return Err(ModelError::MissingFile { path: file, hint });
            }
            let text = std::fs::read_to_string(&file).map_err(|e| ModelError::io(&file, e))?;
            (file, text)
        }
    };
    let config = Idefics2Config::from_json(&text, &file)?;
    Ok((text, config))
}

/// Refuses a GGUF file of another precision than was asked for.
pub(crate) fn check_precision(weights: &Weights, asked: Precision) -> Result<(), ModelError> {
    match weights.metadata(PRECISION_KEY) {
        Some(saved) if saved.parse::<Precision>()? != asked => Err(ModelError::input(format!(
            "{} holds the model as {saved}, not as {asked}: load it as {saved}",
            weights.path().display()
        ))),
        _ => Ok(()),
    }
}

impl Idefics2 {
    /// Loads a model from a folder as transformers saves it (`config.json` and `model.safetensors`, or its shards), or from a
    /// GGUF file that [`Idefics2::save_gguf`] wrote (the file, or the folder it lies in if there are no others).
    ///
    /// Files are mapped. Quantising goes matrix by matrix, so that no more than one is there in full beside the result.
    ///
    /// # Errors
    /// If a file is absent or damaged, the configuration asks for what is not supported, a tensor is missing or misshapen,
    /// or an adapter does not fit; the message names file, key or tensor.
    pub fn load(path: &Path, options: &LoadOptions) -> Result<Self, ModelError> {
        let weights = Weights::open(path, "model")?;
        check_precision(&weights, options.precision)?;
        let (config_json, config) = read_config(path, &weights)?;
        Self::build(weights, config, config_json, options)
    }

    pub(crate) fn build(
        weights: Weights,
        config: Idefics2Config,
        config_json: String,
        options: &LoadOptions,
    ) -> Result<Self, ModelError> {
        let adapters = options
            .adapters
            .iter()
            .map(|folder| Adapter::open(folder))
            .collect::<Result<_, _>>()?;
        let mut loader = Loader {
            weights,
            adapters,
            options: options.clone(),
            compute: options.precision.compute(&options.device),
            saved: Vec::new(),
        };
        let vision = loader.vision(&config.vision)?;
        let connector = loader.connector(&config)?;
        let text = loader.text(&config)?;
        loader.adapters.iter().try_for_each(Adapter::finish)?;
        Ok(Self {
            parts: Arc::new(Parts {
                config,
                config_json,
                vision,
                connector,
                text,
                device: options.device.clone(),
                precision: options.precision,
                compute: loader.compute,
                adapted: false,
                weights: Arc::new(loader.weights),
                saved: Arc::new(loader.saved),
            }),
        })
    }
}

impl Loader {
    fn vision(&mut self, config: &VisionConfig) -> Result<VisionTower, ModelError> {
        let root = "model.vision_model";
        let (width, inner, patch) = (config.hidden_size, config.intermediate_size, config.patch_size);
        let table = config.patches_per_side() * config.patches_per_side();
        let patches = format!("{root}.embeddings.patch_embedding");
        let layers = (0..config.num_hidden_layers)
            .map(|i| {
                let at = format!("{root}.encoder.layers.{i}");
                let mut biased = |name: &str, rows, columns| {
                    let name = format!("{at}.{name}");
                    self.linear(&name, &[rows, columns], true, Part::Delicate)
                };
                let (q, k, v) = (
                    biased("self_attn.q_proj", width, width)?,
                    biased("self_attn.k_proj", width, width)?,
                    biased("self_attn.v_proj", width, width)?,
                );
                let out = biased("self_attn.out_proj", width, width)?;
                let (fc1, fc2) = (biased("mlp.fc1", inner, width)?, biased("mlp.fc2", width, inner)?);
                Ok(VisionLayer {
                    norm1: self.layer_norm(&format!("{at}.layer_norm1"), config)?,
                    q,
                    k,
                    v,
                    out,
                    norm2: self.layer_norm(&format!("{at}.layer_norm2"), config)?,
                    fc1,
                    fc2,
                })
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(VisionTower {
            config: config.clone(),
            patches: self.linear(
                &patches,
                &[width, config.num_channels, patch, patch],
                true,
                Part::Delicate,
            )?,
            positions: self.tensor(
                &format!("{root}.embeddings.position_embedding.weight"),
                &[table, width],
            )?,
            layers,
            norm: self.layer_norm(&format!("{root}.post_layernorm"), config)?,
        })
    }

    fn connector(&mut self, config: &Idefics2Config) -> Result<Connector, ModelError> {
        let Idefics2Config {
            text,
            vision,
            perceiver,
            ..
        } = config;
        let root = "model.connector.modality_projection";
        let sizes = [vision.hidden_size, text.intermediate_size, text.hidden_size];
        let projection = self.mlp(root, sizes, text.hidden_act)?;
        let root = "model.connector.perceiver_resampler";
        let layers = (0..perceiver.depth)
            .map(|i| self.perceiver_layer(&format!("{root}.layers.{i}"), perceiver))
            .collect::<Result<_, ModelError>>()?;
        let width = perceiver.hidden_size;
        Ok(Connector {
            config: perceiver.clone(),
            projection,
            latents: self.tensor(&format!("{root}.latents"), &[perceiver.n_latents, width])?,
            layers,
            norm: self.rms_norm(&format!("{root}.norm"), width, perceiver.rms_norm_eps)?,
        })
    }

    fn perceiver_layer(&mut self, at: &str, config: &PerceiverConfig) -> Result<PerceiverLayer, ModelError> {
        let (width, eps) = (config.hidden_size, config.rms_norm_eps);
        let queries = config.n_heads * config.head_dim;
        let keys = config.num_key_value_heads * config.head_dim;
        Ok(PerceiverLayer {
            latents_norm: self.rms_norm(&format!("{at}.input_latents_norm"), width, eps)?,
            context_norm: self.rms_norm(&format!("{at}.input_context_norm"), width, eps)?,
            q: self.body(&format!("{at}.self_attn.q_proj"), queries, width)?,
            k: self.body(&format!("{at}.self_attn.k_proj"), keys, width)?,
            v: self.body(&format!("{at}.self_attn.v_proj"), keys, width)?,
            o: self.body(&format!("{at}.self_attn.o_proj"), width, queries)?,
            mlp_norm: self.rms_norm(&format!("{at}.post_attention_layernorm"), width, eps)?,
            mlp: self.mlp(&format!("{at}.mlp"), [width, 4 * width, width], config.hidden_act)?,
        })
    }

    fn text(&mut self, config: &Idefics2Config) -> Result<TextModel, ModelError> {
        let text = &config.text;
        let root = "model.text_model";
        let (width, eps) = (text.hidden_size, text.rms_norm_eps);
        let table = [text.vocab_size, width];
        let embedding = format!("{root}.embed_tokens.weight");
        let embedding = self.matrix(&embedding, &table, Part::Embedding, &[])?;
        let layers = (0..text.num_hidden_layers)
            .map(|i| self.text_layer(&format!("{root}.layers.{i}"), text))
            .collect::<Result<_, ModelError>>()?;
        let norm = self.rms_norm(&format!("{root}.norm"), width, eps)?;
        let head = match config.tie_word_embeddings {
            false => self.linear("lm_head", &table, false, Part::Delicate)?,
            true => Linear {
                name: "lm_head".into(),
                weight: embedding.clone(),
                bias: None,
                lora: Vec::new(),
            },
        };
        Ok(TextModel {
            rotary: Rotary::new(text.head_dim, text.rope_theta),
            config: text.clone(),
            embedding,
            layers,
            norm,
            head,
        })
    }

    fn text_layer(&mut self, at: &str, config: &TextConfig) -> Result<TextLayer, ModelError> {
        let (width, eps) = (config.hidden_size, config.rms_norm_eps);
        let queries = config.num_attention_heads * config.head_dim;
        let keys = config.num_key_value_heads * config.head_dim;
        let sizes = [width, config.intermediate_size, width];
        Ok(TextLayer {
            attention_norm: self.rms_norm(&format!("{at}.input_layernorm"), width, eps)?,
            q: self.body(&format!("{at}.self_attn.q_proj"), queries, width)?,
            k: self.body(&format!("{at}.self_attn.k_proj"), keys, width)?,
            v: self.body(&format!("{at}.self_attn.v_proj"), keys, width)?,
            o: self.body(&format!("{at}.self_attn.o_proj"), width, queries)?,
            mlp_norm: self.rms_norm(&format!("{at}.post_attention_layernorm"), width, eps)?,
            mlp: self.mlp(&format!("{at}.mlp"), sizes, config.hidden_act)?,
        })
    }

    fn mlp(
        &mut self,
        at: &str,
        [input, inner, output]: [usize; 3],
        activation: Activation,
    ) -> Result<GatedMlp, ModelError> {
        Ok(GatedMlp {
            gate: self.body(&format!("{at}.gate_proj"), inner, input)?,
            up: self.body(&format!("{at}.up_proj"), inner, input)?,
            down: self.body(&format!("{at}.down_proj"), output, inner)?,
            activation,
        })
    }

    fn rms_norm(&mut self, name: &str, width: usize, eps: f64) -> Result<RmsNorm, ModelError> {
        Ok(RmsNorm {
            weight: self.tensor(&format!("{name}.weight"), &[width])?,
            eps,
        })
    }

    fn layer_norm(&mut self, name: &str, config: &VisionConfig) -> Result<LayerNorm, ModelError> {
        let width = [config.hidden_size];
        Ok(LayerNorm {
            weight: self.tensor(&format!("{name}.weight"), &width)?,
            bias: self.tensor(&format!("{name}.bias"), &width)?,
            eps: config.layer_norm_eps,
        })
    }

    fn body(&mut self, name: &str, rows: usize, columns: usize) -> Result<Linear, ModelError> {
        self.linear(name, &[rows, columns], false, Part::Body)
    }

    /// A layer; dimensions after the first are its columns.
    fn linear(&mut self, name: &str, shape: &[usize], bias: bool, part: Part) -> Result<Linear, ModelError> {
        let (rows, columns) = (shape[0], shape[1..].iter().product());
        let mut merged = Vec::new();
        for adapter in &mut self.adapters {
            merged.extend(adapter.take(name, rows, columns)?);
        }
        Ok(Linear {
            name: name.into(),
            weight: self.matrix(&format!("{name}.weight"), shape, part, &merged)?,
            bias: match bias {
                true => Some(self.tensor(&format!("{name}.bias"), &[rows])?),
                false => None,
            },
            lora: Vec::new(),
        })
    }

    /// A matrix in the precision that was asked for, with what adapters add.
    fn matrix(
        &mut self,
        name: &str,
        shape: &[usize],
        part: Part,
        merged: &[Lora],
    ) -> Result<Arc<Matrix>, ModelError> {
        let (entry, bytes) = self.weights.find(name, shape)?;
        let (rows, columns) = (shape[0], shape[1..].iter().product::<usize>());
        let (stored, device) = (entry.format, &self.options.device);
        let mut wanted = self.options.precision.format(part, columns, stored);
        if !merged.is_empty() {
            if let Format::Quantised(_) = stored {
                return Err(ModelError::input(format!(
                    "{}: tensor `{name}` is quantised, and nothing can be merged into it; add the adapter beside the model, \
                     or merge it into the checkpoint in f16 or bf16 and quantise that",
                    self.weights.path().display()
                )));
            }
            if self.options.precision == Precision::F32 {
                wanted = Format::F32;
            }
        }
        let source = Matrix::Stored {
            bytes: bytes.clone(),
            format: stored,
            rows,
            columns,
        };
        let read = |from: usize, n: usize| -> Result<Vec<f32>, ModelError> {
            let mut values = source.widened(from, n)?;
            for lora in merged {
                let delta = lora.delta(from, n)?;
                values
                    .iter_mut()
                    .zip(delta)
                    .for_each(|(value, add)| *value += add);
            }
            Ok(values)
        };
        let matrix = match (wanted, stored) {
            (Format::Quantised(kind), Format::Quantised(_)) => {
                let storage = QStorage::from_data(bytes.as_slice().into(), device, kind)?;
                Matrix::Quantised(Arc::new(QTensor::new(storage, (rows, columns))?))
            }
            (Format::Quantised(kind), _) => {
                Matrix::Quantised(Arc::new(quantise((rows, columns), kind, device, &read)?))
            }
            (format, _) => {
                let bytes = match format == stored && merged.is_empty() {
                    true => bytes,
                    false => Bytes::Owned(narrow(format, &read(0, rows)?).into()),
                };
                match device {
                    Device::Cpu => Matrix::Stored {
                        bytes,
                        format,
                        rows,
                        columns,
                    },
                    device => {
                        let raw = bytes.as_slice();
                        let tensor = Tensor::from_raw_buffer(raw, dtype(format), &[rows, columns], device)?;
                        Matrix::OnDevice(match self.options.precision {
                            Precision::Q8_0 | Precision::Q4_0 => tensor,
                            _ => tensor.to_dtype(self.compute)?,
                        })
                    }
                }
            }
        };
        let matrix = Arc::new(matrix);
        self.saved
            .push((name.to_owned(), Saved::Matrix(matrix.clone(), shape.to_vec())));
        Ok(matrix)
    }

    /// A small tensor in the precision of activations.
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let (entry, bytes) = self.weights.find(name, shape)?;
        let mut values = vec![0f32; shape.iter().product()];
        match entry.format {
            Format::Quantised(kind) => {
                let storage = QStorage::from_data(bytes.as_slice().into(), &Device::Cpu, kind)?;
                let tensor = QTensor::new(storage, values.len())?.dequantize(&Device::Cpu)?;
                values = tensor.to_vec1()?;
            }
            format => widen(format, bytes.as_slice(), &mut values),
        }
        self.saved
            .push((name.to_owned(), Saved::AsStored(shape.to_vec())));
        Ok(Tensor::from_vec(values, shape, &self.options.device)?.to_dtype(self.compute)?)
    }
}

fn dtype(format: Format) -> DType {
    match format {
        Format::F16 => DType::F16,
        Format::Bf16 => DType::BF16,
        Format::F32 | Format::Quantised(_) => DType::F32,
    }
}
