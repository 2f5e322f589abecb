//! `safety_checker/config.json` and `preprocessor_config.json`: a CLIP vision model and what it wants to see.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{read_object, require, require_multiple, require_positive, typed, unsupported};
use crate::error::{DiffusionError, Result};
use crate::ops::Activation;

/// Sizes of a CLIP vision model with projection.
#[derive(Debug, Clone)]
pub(crate) struct ClipVisionConfig {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layers: usize,
    pub heads: usize,
    pub channels: usize,
    /// Side of the pictures it takes, pixels.
    pub image_size: usize,
    /// Side of the patches these are cut into, pixels.
    pub patch_size: usize,
    pub layer_norm_eps: f64,
    pub activation: Activation,
    /// Features of its answer.
    pub projection: usize,
}

/// The file as it is, an absent key at the default of transformers' CLIPVisionConfig.
#[derive(Deserialize)]
#[serde(default)]
struct RawVision {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_channels: usize,
    image_size: usize,
    patch_size: usize,
    hidden_act: String,
    layer_norm_eps: f64,
}

impl Default for RawVision {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
        }
    }
}

impl ClipVisionConfig {
    /// Reads a safety checker's `config.json` (a CLIPConfig, of which only the vision part counts).
    pub fn read(path: &Path) -> Result<Self> {
        let object = read_object(path)?;
        require(path, &object, &[("model_type", &[json!("clip"), json!("")])])?;
        let projection = match object.get("projection_dim") {
            None | Some(Value::Null) => 512,
            Some(value) => value
                .as_u64()
                .and_then(|size| usize::try_from(size).ok())
                .ok_or_else(|| unsupported(path, "projection_dim", value, "a number of features"))?,
        };
        // Files from before transformers 4.27 say it twice; the second one counts, as it does there.
        let mut vision = Map::new();
        for key in ["vision_config", "vision_config_dict"] {
            if let Some(Value::Object(part)) = object.get(key) {
                let present = part.iter().filter(|(_, value)| !value.is_null());
                vision.extend(present.map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        let raw: RawVision = typed(path, vision)?;
        let Some(activation) = Activation::from_name(&raw.hidden_act) else {
            let supported = "supported: quick_gelu, gelu";
            return Err(unsupported(path, "hidden_act", &raw.hidden_act, supported));
        };
        require_positive(
            path,
            &[
                ("hidden_size", raw.hidden_size),
                ("intermediate_size", raw.intermediate_size),
                ("num_channels", raw.num_channels),
                ("image_size", raw.image_size),
                ("patch_size", raw.patch_size),
                ("projection_dim", projection),
            ],
        )?;
        require_multiple(
            path,
            "`hidden_size`",
            raw.hidden_size,
            "`num_attention_heads`",
            raw.num_attention_heads,
        )?;
        if raw.num_channels != 3 {
            return Err(unsupported(
                path,
                "num_channels",
                raw.num_channels,
                "supported: 3",
            ));
        }
        Ok(Self {
            hidden_size: raw.hidden_size,
            intermediate_size: raw.intermediate_size,
            layers: raw.num_hidden_layers,
            heads: raw.num_attention_heads,
            channels: raw.num_channels,
            image_size: raw.image_size,
            patch_size: raw.patch_size,
            layer_norm_eps: raw.layer_norm_eps,
            activation,
            projection,
        })
    }
}

/// What CLIPImageProcessor does to a picture: its shorter side resized (bicubic), the middle cut out, each channel
/// normalised.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ImageProcessorConfig {
    /// The shorter side after resizing, pixels.
    pub shortest_edge: u32,
    /// Side of the square cut out, pixels.
    pub crop: u32,
    /// What a value of 0 to 255 is multiplied with first.
    pub rescale: f32,
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

/// The file as it is, an absent key at the value of OpenAI's CLIP.
#[derive(Deserialize)]
#[serde(default)]
struct RawProcessor {
    size: Side,
    crop_size: Side,
    rescale_factor: f32,
    image_mean: [f32; 3],
    image_std: [f32; 3],
}

impl Default for RawProcessor {
    fn default() -> Self {
        Self {
            size: Side::Number(224),
            crop_size: Side::Number(224),
            rescale_factor: 1.0 / 255.0,
            image_mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            image_std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        }
    }
}

/// A length, as older and newer files write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Side {
    Number(u32),
    Shortest { shortest_edge: u32 },
    Square { height: u32, width: u32 },
}

impl ImageProcessorConfig {
    /// Reads the `preprocessor_config.json` that belongs to a checker: in its own folder, or where diffusers puts it, in
    /// `feature_extractor` beside it.
    pub fn find(checker: &Path) -> Result<Self> {
        let own = checker.join("preprocessor_config.json");
        let beside = checker.parent().map_or_else(PathBuf::new, |folder| {
            folder.join("feature_extractor/preprocessor_config.json")
        });
        match [&own, &beside].into_iter().find(|path| path.is_file()) {
            Some(path) => Self::read(path),
            None => Err(DiffusionError::MissingFile {
                path: own.clone(),
                hint: "it may also be in `feature_extractor` beside the checker's folder".to_owned(),
            }),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let object = read_object(path)?;
        let on: &[Value] = &[json!(true)];
        require(
            path,
            &object,
            &[
                ("do_resize", on),
                ("do_center_crop", on),
                ("do_rescale", on),
                ("do_normalize", on),
                // Pillow's number for bicubic.
                ("resample", &[json!(3)]),
            ],
        )?;
        let raw: RawProcessor = typed(path, object)?;
        let shortest_edge = match raw.size {
            Side::Number(side) | Side::Shortest { shortest_edge: side } => side,
            Side::Square { height, width } => {
                let found = format!("{height}×{width}");
                return Err(unsupported(path, "size", found, "the length of the shorter side"));
            }
        };
        let crop = match raw.crop_size {
            Side::Number(side) => side,
            Side::Square { height, width } if height == width => height,
            Side::Square { height, width } => {
                return Err(unsupported(
                    path,
                    "crop_size",
                    format!("{height}×{width}"),
                    "a square",
                ));
            }
            Side::Shortest { shortest_edge } => {
                return Err(unsupported(path, "crop_size", shortest_edge, "height and width"));
            }
        };
        if crop == 0 || crop > shortest_edge {
            let supported = format!("1 to {shortest_edge}, the length of the shorter side");
            return Err(unsupported(path, "crop_size", crop, &supported));
        }
        Ok(Self {
            shortest_edge,
            crop,
            rescale: raw.rescale_factor,
            mean: raw.image_mean,
            std: raw.image_std,
        })
    }
}
