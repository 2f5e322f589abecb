//! The names of an adapter's tensors.

use super::Component;

/// What a tensor is to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Down,
    Up,
    /// A number; divided by the rank it scales the product.
    Alpha,
}

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Absent if the name does not tell.
    pub component: Option<Component>,
    /// The layer's name within its network, dots as underscores (kohya does not tell them apart), without `text_model`.
    pub module: String,
    pub role: Role,
}

/// Ends of names, the longer first where one ends in another.
const ENDINGS: &[(&str, Role)] = &[
    (".lora_A.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora_A.default.weight", Role::Down),
    (".lora_B.default.weight", Role::Up),
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    (".lora_linear_layer.down.weight", Role::Down),
    (".lora_linear_layer.up.weight", Role::Up),
    ("_lora.down.weight", Role::Down),
    ("_lora.up.weight", Role::Up),
    (".alpha", Role::Alpha),
];

/// Parts of names that belong to other methods, with what those are called.
const OTHER_METHODS: &[(&str, &str)] = &[
    (".dora_scale", "DoRA"),
    ("lora_magnitude_vector", "DoRA"),
    (".hada_", "LoHa"),
    (".lokr_", "LoKr"),
    (".lora_mid.", "LoCon in Tucker form"),
    (".oft_", "OFT"),
    (".oft_R.", "OFT"),
    (".boft_", "BOFT"),
    (".ia3_", "IA³"),
    (".diff", "full weight differences"),
    (".a1.weight", "GLoRA"),
    (".lora_B.bias", "a LoRA with biases"),
    ("bundle_emb.", "a LoRA bundled with embeddings"),
];

/// The method that a tensor's name belongs to, if it is another than plain LoRA.
pub(super) fn other_method(name: &str) -> Option<&'static str> {
    OTHER_METHODS
        .iter()
        .find_map(|(mark, method)| name.contains(mark).then_some(*method))
}

/// Takes a name apart; `None` if it is none that adapters have.
pub(super) fn parse(name: &str) -> Option<Key> {
    let (path, role) = ENDINGS
        .iter()
        .find_map(|(ending, role)| Some((name.strip_suffix(ending)?, *role)))?;
    let kohya = [
        ("lora_unet_", Component::Unet),
        ("lora_te1_", Component::TextEncoder),
        ("lora_te2_", Component::TextEncoder2),
        ("lora_te_", Component::TextEncoder),
    ];
    for (prefix, component) in kohya {
        if let Some(module) = path.strip_prefix(prefix) {
            return Some(Key {
                component: Some(component),
                module: module.strip_prefix("text_model_").unwrap_or(module).to_owned(),
                role,
            });
        }
    }
    let path = path.strip_prefix("base_model.model.").unwrap_or(path);
    let dotted = [
        ("unet.", Component::Unet),
        ("text_encoder.", Component::TextEncoder),
        ("text_encoder_2.", Component::TextEncoder2),
    ];
    let (component, path) = dotted
        .iter()
        .find_map(|(prefix, component)| Some((Some(*component), path.strip_prefix(prefix)?)))
        .unwrap_or_else(|| (component_of(path), path));
    let mut path = path
        .strip_prefix("text_model.")
        .unwrap_or(path)
        .replace(".processor.", ".");
    // Before diffusers used PEFT, adapters sat beside the projections and had their own names.
    if name.contains("_lora.") {
        let text = matches!(component, Some(Component::TextEncoder | Component::TextEncoder2));
        for (side, text_name, unet_name) in [
            (".to_q", ".q_proj", ".to_q"),
            (".to_k", ".k_proj", ".to_k"),
            (".to_v", ".v_proj", ".to_v"),
            (".to_out", ".out_proj", ".to_out.0"),
        ] {
            if let Some(start) = path.strip_suffix(side) {
                path = format!("{start}{}", if text { text_name } else { unet_name });
                break;
            }
        }
    }
    Some(Key {
        component,
        module: underscored(&path),
        role,
    })
}

/// The network that a layer without prefix can only belong to.
fn component_of(path: &str) -> Option<Component> {
    let starts = |names: &[&str]| names.iter().any(|name| path.starts_with(name));
    if starts(&[
        "down_blocks.",
        "mid_block.",
        "up_blocks.",
        "conv_in",
        "conv_out",
        "time_embedding.",
        "add_embedding.",
    ]) {
        Some(Component::Unet)
    } else if starts(&["text_model.", "encoder.layers.", "embeddings."]) {
        Some(Component::TextEncoder)
    } else {
        None
    }
}

/// A layer's name with dots as underscores.
pub(super) fn underscored(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_leads_to_the_same_layer() {
        let module = "down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0";
        for name in [
            "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.lora_A.weight",
            "base_model.model.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.lora_A.weight",
            "base_model.model.unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.lora_A.default.weight",
            "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_out.0.lora.down.weight",
            "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.down.weight",
            "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_out_0.lora_down.weight",
        ] {
            let expected = Key {
                component: Some(Component::Unet),
                module: module.to_owned(),
                role: Role::Down,
            };
            assert_eq!(parse(name), Some(expected), "{name}");
        }
        let module = "encoder_layers_0_self_attn_q_proj";
        for (name, component) in [
            (
                "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_B.weight",
                Component::TextEncoder,
            ),
            (
                "text_encoder_2.encoder.layers.0.self_attn.q_proj.lora_B.weight",
                Component::TextEncoder2,
            ),
            (
                "text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.up.weight",
                Component::TextEncoder,
            ),
            (
                "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight",
                Component::TextEncoder,
            ),
            (
                "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight",
                Component::TextEncoder,
            ),
            (
                "lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight",
                Component::TextEncoder2,
            ),
        ] {
            let expected = Key {
                component: Some(component),
                module: module.to_owned(),
                role: Role::Up,
            };
            assert_eq!(parse(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn other_methods_are_told_by_name() {
        for (name, method) in [
            ("lora_unet_mid_block_resnets_0_conv1.hada_w1_a", "LoHa"),
            ("lora_unet_mid_block_resnets_0_conv1.lokr_w1", "LoKr"),
            ("lora_unet_x.dora_scale", "DoRA"),
            ("unet.x.lora_magnitude_vector", "DoRA"),
            ("lora_unet_x.lora_mid.weight", "LoCon in Tucker form"),
        ] {
            assert_eq!(other_method(name), Some(method));
        }
        assert_eq!(other_method("lora_unet_x.lora_down.weight"), None);
        assert_eq!(parse("lora_unet_x.weird.weight"), None);
    }
}
