//! How much memory a model will take, told from the headers of its files.

use std::path::Path;

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device};

use super::config::Idefics2Config;
use super::load::{check_precision, read_config};
use super::quantised::{Part, Precision};
use super::weights::{Format, Weights};
use super::{CHUNK, Idefics2, attention, linear};
use crate::ModelError;

/// What a model needs on the processor, in bytes. Nothing is loaded to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryNeed {
    /// All weights in the precision asked for. What stays mapped is counted: it is read for every token.
    pub weights: u64,
    /// A second copy that candle makes of quantised matrices, in another order, where the processor has products of whole
    /// numbers for it: of `q8_0` on x86-64 with VNNI, of all on 64-bit ARM.
    pub repacked: u64,
    /// Keys and values of one token.
    pub cache_per_token: u64,
    /// The most that is in use at a time beside these, for pictures as large as the position table or a chunk of the prompt.
    pub activations: u64,
}

impl MemoryNeed {
    /// Everything together with a prompt and answer of so many tokens.
    pub fn total(&self, tokens: usize) -> u64 {
        self.weights + self.repacked + self.activations + self.cache_per_token * tokens as u64
    }
}

impl Idefics2 {
    /// Says what [`Idefics2::load`] will take for the model at `path`.
    ///
    /// # Errors
    /// As for loading, as far as the headers show it.
    pub fn memory_need(path: &Path, precision: Precision) -> Result<MemoryNeed, ModelError> {
        let weights = Weights::open(path, "model")?;
        check_precision(&weights, precision)?;
        let (_, config) = read_config(path, &weights)?;
        let tensors = weights
            .entries()
            .map(|(name, entry)| (name, &entry.shape[..], entry.format));
        Ok(need(&config, precision, tensors))
    }
}

/// The need of a model with these tensors: name, shape, and how it is stored.
pub(crate) fn need<'a>(
    config: &Idefics2Config,
    precision: Precision,
    tensors: impl Iterator<Item = (&'a str, &'a [usize], Format)>,
) -> MemoryNeed {
    let (mut weights, mut repacked) = (0, 0);
    for (name, shape, stored) in tensors {
        let values: usize = shape.iter().product();
        let format = match part(name) {
            Some(part) if shape.len() > 1 => precision.format(part, values / shape[0].max(1), stored),
            _ => Format::F32,
        };
        weights += format.bytes(values) as u64;
        if let (Format::Quantised(kind), Some(Part::Body)) = (format, part(name))
            && repacks(kind)
        {
            repacked += format.bytes(values) as u64;
        }
    }
    let text = &config.text;
    let values = 2 * text.num_key_value_heads * text.head_dim;
    let cache = match precision.cache(&Device::Cpu) {
        DType::F32 => 4 * values * text.num_hidden_layers,
        // One layer at a time is widened to be used.
        _ => (2 * text.num_hidden_layers + 4) * values,
    };
    let (vision, rows) = (&config.vision, config.vision.patches_per_side().pow(2));
    // In layers of the tower six rows of its width and two of its MLP's are alive at once; in the resampler four of the
    // text model's width; in a chunk of the prompt six of its width and three of its MLP's.
    let seeing = rows * (6 * vision.hidden_size + 2 * vision.intermediate_size).max(4 * text.hidden_size);
    let reading = CHUNK * (6 * text.hidden_size + 3 * text.intermediate_size);
    let fixed = 3 * attention::SCORES + linear::BLOCK;
    MemoryNeed {
        weights,
        repacked,
        cache_per_token: cache as u64,
        activations: 4 * (seeing.max(reading) + fixed) as u64,
    }
}

/// The part of the model that a matrix belongs to; `None` for what is kept in f32 in any case.
fn part(name: &str) -> Option<Part> {
    let weight = name.strip_suffix(".weight")?;
    if weight.ends_with("embed_tokens") {
        return Some(Part::Embedding);
    }
    if weight.ends_with("position_embedding") {
        return None;
    }
    match weight.starts_with("model.vision_model.") || weight == "lm_head" {
        true => Some(Part::Delicate),
        false => Some(Part::Body),
    }
}

/// Whether candle keeps a second copy of a quantised matrix that is multiplied with single rows.
fn repacks(kind: GgmlDType) -> bool {
    #[cfg(target_arch = "x86_64")]
    let repacks = kind == GgmlDType::Q8_0
        && (std::is_x86_feature_detected!("avx512vnni") || std::is_x86_feature_detected!("avxvnni"));
    #[cfg(not(target_arch = "x86_64"))]
    let repacks = cfg!(target_arch = "aarch64") && matches!(kind, GgmlDType::Q4_0 | GgmlDType::Q8_0);
    repacks
}

#[cfg(test)]
mod tests {
    use super::super::linear::Matrix;
    use super::super::load::Saved;
    use super::*;

    /// The published 8B checkpoint's configuration.
    fn published() -> Idefics2Config {
        let json = r#"{
            "model_type": "idefics2", "image_token_id": 32001, "tie_word_embeddings": false,
            "perceiver_config": {"model_type": "idefics2"},
            "text_config": {"max_position_embeddings": 32768, "model_type": "mistral", "pad_token_id": 0,
                            "rms_norm_eps": 1e-05, "vocab_size": 32003},
            "vision_config": {"hidden_size": 1152, "image_size": 980, "intermediate_size": 4304, "model_type": "idefics2",
                              "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14}
        }"#;
        Idefics2Config::from_json(json, Path::new("config.json")).unwrap()
    }

    /// Its tensors, from the shapes in the configuration.
    fn tensors() -> Vec<(String, Vec<usize>)> {
        let mut all = Vec::new();
        let mut add = |name: String, shape: &[usize]| all.push((name, shape.to_vec()));
        let vision = "model.vision_model";
        add(
            format!("{vision}.embeddings.patch_embedding.weight"),
            &[1152, 3, 14, 14],
        );
        add(format!("{vision}.embeddings.patch_embedding.bias"), &[1152]);
        add(
            format!("{vision}.embeddings.position_embedding.weight"),
            &[4900, 1152],
        );
        for i in 0..27 {
            let at = format!("{vision}.encoder.layers.{i}");
            for (name, rows, columns) in [
                ("self_attn.q_proj", 1152, 1152),
                ("self_attn.k_proj", 1152, 1152),
                ("self_attn.v_proj", 1152, 1152),
                ("self_attn.out_proj", 1152, 1152),
                ("mlp.fc1", 4304, 1152),
                ("mlp.fc2", 1152, 4304),
            ] {
                add(format!("{at}.{name}.weight"), &[rows, columns]);
                add(format!("{at}.{name}.bias"), &[rows]);
            }
            for name in [
                "layer_norm1.weight",
                "layer_norm1.bias",
                "layer_norm2.weight",
                "layer_norm2.bias",
            ] {
                add(format!("{at}.{name}"), &[1152]);
            }
        }
        for name in ["weight", "bias"] {
            add(format!("{vision}.post_layernorm.{name}"), &[1152]);
        }
        let connector = "model.connector";
        add(
            format!("{connector}.modality_projection.gate_proj.weight"),
            &[14336, 1152],
        );
        add(
            format!("{connector}.modality_projection.up_proj.weight"),
            &[14336, 1152],
        );
        add(
            format!("{connector}.modality_projection.down_proj.weight"),
            &[4096, 14336],
        );
        add(format!("{connector}.perceiver_resampler.latents"), &[64, 4096]);
        add(format!("{connector}.perceiver_resampler.norm.weight"), &[4096]);
        let mut layers = |root: String, count, queries, keys, inner, norms: &[&str]| {
            for i in 0..count {
                for (name, rows, columns) in [
                    ("self_attn.q_proj", queries, 4096),
                    ("self_attn.k_proj", keys, 4096),
                    ("self_attn.v_proj", keys, 4096),
                    ("self_attn.o_proj", 4096, queries),
                    ("mlp.gate_proj", inner, 4096),
                    ("mlp.up_proj", inner, 4096),
                    ("mlp.down_proj", 4096, inner),
                ] {
                    add(format!("{root}.{i}.{name}.weight"), &[rows, columns]);
                }
                for name in norms {
                    add(format!("{root}.{i}.{name}.weight"), &[4096]);
                }
            }
        };
        let resampler = [
            "input_latents_norm",
            "input_context_norm",
            "post_attention_layernorm",
        ];
        layers(
            format!("{connector}.perceiver_resampler.layers"),
            3,
            1536,
            384,
            16384,
            &resampler,
        );
        let decoder = ["input_layernorm", "post_attention_layernorm"];
        layers("model.text_model.layers".into(), 32, 4096, 1024, 14336, &decoder);
        add("model.text_model.embed_tokens.weight".into(), &[32003, 4096]);
        add("model.text_model.norm.weight".into(), &[4096]);
        add("lm_head.weight".into(), &[32003, 4096]);
        all
    }

    fn published_need(precision: Precision) -> MemoryNeed {
        let tensors = tensors();
        let stored = tensors
            .iter()
            .map(|(name, shape)| (name.as_str(), &shape[..], Format::Bf16));
        need(&published(), precision, stored)
    }

    #[test]
    fn the_published_model_takes_less_than_7_gb_in_4_bits_with_a_turn_of_56_images() {
        let need = published_need(Precision::Q4_0);
        let tokens = 56 * (64 + 30) + 500;
        let total = need.total(tokens) - need.repacked;
        assert!(total < 7_000_000_000, "{need:?}: {total}");
    }

    #[test]
    fn unquantised_weights_take_what_their_files_do() {
        let values: usize = tensors()
            .iter()
            .map(|(_, shape)| shape.iter().product::<usize>())
            .sum();
        assert_eq!(values / 1_000_000, 8402);
        let need = published_need(Precision::Bf16).weights as f64;
        assert!((need / (2 * values) as f64 - 1.0).abs() < 0.01, "{need}");
    }

    /// Bytes of all tensors that a model has loaded.
    fn kept(model: &Idefics2) -> u64 {
        let bytes = |saved: &Saved| match saved {
            Saved::AsStored(shape) => 4 * shape.iter().product::<usize>(),
            Saved::Matrix(matrix, _) => match &**matrix {
                Matrix::Stored { bytes, .. } => bytes.as_slice().len(),
                Matrix::Quantised(tensor) => tensor.storage_size_in_bytes(),
                Matrix::OnDevice(tensor) => tensor.elem_count() * tensor.dtype().size_in_bytes(),
            },
        };
        model
            .parts
            .saved
            .iter()
            .map(|(_, saved)| bytes(saved) as u64)
            .sum()
    }

    #[test]
    fn the_estimate_of_the_tiny_model_is_what_is_kept() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/preference/idefics2");
        for precision in Precision::ALL {
            let options = super::super::LoadOptions::new(Device::Cpu, precision);
            let kept = kept(&Idefics2::load(&folder, &options).unwrap());
            assert_eq!(
                Idefics2::memory_need(&folder, precision).unwrap().weights,
                kept,
                "{precision}"
            );
        }
    }

    #[test]
    fn the_published_adapters_are_as_large_as_rank_8_on_the_layers_their_pattern_names() {
        let projections = "down_proj|gate_proj|up_proj|k_proj|q_proj|v_proj|o_proj";
        let pattern = format!("^.*(text_model|modality_projection|perceiver_resampler).*({projections}).*$");
        let pattern = fancy_regex::Regex::new(&pattern).unwrap();
        let bytes: usize = tensors()
            .iter()
            .filter(|(name, _)| pattern.is_match(name).unwrap())
            .map(|(_, shape)| 4 * 8 * (shape[0] + shape[1]))
            .sum();
        // 93.4 MB with the header of 510 tensors.
        assert_eq!(bytes / 100_000, 933);
    }
}
