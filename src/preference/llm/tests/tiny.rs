//! Files of tiny random models, of every architecture and both kinds of vocabularies.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use candle_core::quantized::gguf_file::{Content, Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::llm::decoder::Decoder;
use crate::llm::gguf::{Metadata, Sizes};
use crate::llm::tokenizer::ChatTokenizer;
use crate::llm::{LlmExtractor, LlmMode, LlmOptions};

const HIDDEN: usize = 32;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD: usize = 8;
const FEED: usize = 64;
const LAYERS: usize = 2;
const WORDS: usize = 300;

pub(super) const TEMPLATE: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'].strip() + '<|im_end|>\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// A file of a random model. The vocabulary is the 256 bytes, a few merges and two special tokens.
pub(super) struct Tiny {
    pub(super) path: PathBuf,
    _folder: tempfile::TempDir,
}

fn texts(items: impl IntoIterator<Item = String>) -> Value {
    Value::Array(items.into_iter().map(Value::String).collect())
}

/// The letter that GPT-2's table has for a byte.
fn letter(byte: u8) -> char {
    match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte),
        other => {
            let rank = (0..other)
                .filter(|byte| !matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF))
                .count();
            char::from_u32(256 + rank as u32).unwrap()
        }
    }
}

const MERGES: [(&str, &str); 6] = [
    ("l", "i"),
    ("k", "e"),
    ("li", "ke"),
    ("like", "d"),
    ("d", "is"),
    ("i", "s"),
];

pub(super) fn byte_level() -> Vec<(&'static str, Value)> {
    let mut tokens: Vec<String> = (0..=255u8).map(|byte| letter(byte).to_string()).collect();
    for (left, right) in MERGES {
        tokens.push(format!("{left}{right}"));
    }
    let mut kinds = vec![Value::I32(1); tokens.len()];
    for special in ["<|im_start|>", "<|im_end|>"] {
        tokens.push(special.into());
        kinds.push(Value::I32(3));
    }
    let end = tokens.len() as u32 - 1;
    vec![
        ("tokenizer.ggml.model", Value::String("gpt2".into())),
        ("tokenizer.ggml.pre", Value::String("qwen2".into())),
        ("tokenizer.ggml.tokens", texts(tokens)),
        ("tokenizer.ggml.token_type", Value::Array(kinds)),
        (
            "tokenizer.ggml.merges",
            texts(MERGES.map(|(left, right)| format!("{left} {right}"))),
        ),
        ("tokenizer.ggml.eos_token_id", Value::U32(end)),
    ]
}

pub(super) fn sentencepiece() -> Vec<(&'static str, Value)> {
    let mut tokens: Vec<(String, i32, f32)> = vec![
        ("<unk>".into(), 2, 0.0),
        ("<s>".into(), 3, 0.0),
        ("</s>".into(), 3, 0.0),
    ];
    tokens.extend((0..=255u8).map(|byte| (format!("<0x{byte:02X}>"), 6, 0.0)));
    let pieces = [
        "▁", "l", "o", "v", "e", "lo", "ve", "love", "▁love", "d", "i", "n",
    ];
    for (rank, piece) in pieces.iter().enumerate() {
        tokens.push(((*piece).into(), 1, -(rank as f32)));
    }
    for special in ["<|im_start|>", "<|im_end|>"] {
        tokens.push((special.into(), 3, 0.0));
    }
    let end = tokens.len() as u32 - 1;
    vec![
        ("tokenizer.ggml.model", Value::String("llama".into())),
        (
            "tokenizer.ggml.tokens",
            texts(tokens.iter().map(|token| token.0.clone())),
        ),
        (
            "tokenizer.ggml.token_type",
            Value::Array(tokens.iter().map(|token| Value::I32(token.1)).collect()),
        ),
        (
            "tokenizer.ggml.scores",
            Value::Array(tokens.iter().map(|token| Value::F32(token.2)).collect()),
        ),
        ("tokenizer.ggml.bos_token_id", Value::U32(1)),
        ("tokenizer.ggml.eos_token_id", Value::U32(end)),
        ("tokenizer.ggml.add_space_prefix", Value::Bool(false)),
    ]
}

impl Tiny {
    pub(super) fn new(architecture: &str, seed: u64) -> Self {
        Self::with(architecture, seed, byte_level(), |_| {})
    }

    pub(super) fn with(
        architecture: &str,
        seed: u64,
        tokenizer: Vec<(&'static str, Value)>,
        change: impl FnOnce(&mut HashMap<String, Value>),
    ) -> Self {
        let mut metadata: HashMap<String, Value> = HashMap::new();
        let mut set = |key: &str, value: Value| {
            metadata.insert(key.replace("ARCH", architecture), value);
        };
        set("general.architecture", Value::String(architecture.into()));
        // candle's Qwen 3 makes its rotations in half precision unless this says 0.
        set("general.dtype", Value::U32(0));
        for (key, value) in [
            ("context_length", 4096),
            ("embedding_length", HIDDEN),
            ("block_count", LAYERS),
            ("feed_forward_length", FEED),
            ("attention.head_count", HEADS),
            ("attention.head_count_kv", KV_HEADS),
            ("attention.key_length", HEAD),
            ("attention.value_length", HEAD),
            ("attention.sliding_window", 512),
            ("rope.dimension_count", HEAD),
        ] {
            set(&format!("ARCH.{key}"), Value::U32(value as u32));
        }
        set("ARCH.rope.freq_base", Value::F32(10_000.0));
        set("ARCH.attention.layer_norm_rms_epsilon", Value::F32(1e-5));
        set("tokenizer.chat_template", Value::String(TEMPLATE.into()));
        for (key, value) in tokenizer {
            set(key, value);
        }
        change(&mut metadata);

        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut tensors: Vec<(String, QTensor)> = Vec::new();
        let mut add = |name: String, shape: &[usize], near: f32| {
            let count: usize = shape.iter().product();
            let values: Vec<f32> = (0..count)
                .map(|_| near + (random.next_u32() as f32 / u32::MAX as f32 - 0.5) * 0.8)
                .collect();
            let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
            let kind = match shape {
                [_, _] => GgmlDType::Q8_0,
                _ => GgmlDType::F32,
            };
            tensors.push((name, QTensor::quantize(&tensor, kind).unwrap()));
        };
        add("token_embd.weight".into(), &[WORDS, HIDDEN], 0.0);
        add("output.weight".into(), &[WORDS, HIDDEN], 0.0);
        add("output_norm.weight".into(), &[HIDDEN], 1.0);
        let (queries, keys) = (HEADS * HEAD, KV_HEADS * HEAD);
        for layer in 0..LAYERS {
            let name = |part: &str| format!("blk.{layer}.{part}");
            for norm in ["attn_norm.weight", "ffn_norm.weight"] {
                add(name(norm), &[HIDDEN], 1.0);
            }
            if architecture == "phi3" {
                add(name("attn_qkv.weight"), &[queries + 2 * keys, HIDDEN], 0.0);
                add(name("ffn_up.weight"), &[2 * FEED, HIDDEN], 0.0);
            } else {
                for (part, width) in [("attn_q", queries), ("attn_k", keys), ("attn_v", keys)] {
                    add(name(&format!("{part}.weight")), &[width, HIDDEN], 0.0);
                    if architecture == "qwen2" {
                        add(name(&format!("{part}.bias")), &[width], 0.0);
                    }
                }
                add(name("ffn_gate.weight"), &[FEED, HIDDEN], 0.0);
                add(name("ffn_up.weight"), &[FEED, HIDDEN], 0.0);
            }
            if matches!(architecture, "qwen3" | "gemma3") {
                add(name("attn_q_norm.weight"), &[HEAD], 1.0);
                add(name("attn_k_norm.weight"), &[HEAD], 1.0);
            }
            if architecture == "gemma3" {
                add(name("post_attention_norm.weight"), &[HIDDEN], 1.0);
                add(name("post_ffw_norm.weight"), &[HIDDEN], 1.0);
            }
            add(name("attn_output.weight"), &[HIDDEN, queries], 0.0);
            add(name("ffn_down.weight"), &[HIDDEN, FEED], 0.0);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.gguf");
        let metadata: Vec<(&str, &Value)> = metadata
            .iter()
            .map(|(key, value)| (key.as_str(), value))
            .collect();
        let tensors: Vec<(&str, &QTensor)> = tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
            .collect();
        write(&mut File::create(&path).unwrap(), &metadata, &tensors).unwrap();
        Self {
            path,
            _folder: folder,
        }
    }

    pub(super) fn content(&self) -> Content {
        Content::read(&mut File::open(&self.path).unwrap()).unwrap()
    }

    pub(super) fn decoder(&self, change: impl FnOnce(&mut Sizes)) -> Decoder {
        let content = self.content();
        let metadata = Metadata {
            content: &content,
            path: &self.path,
        };
        let mut sizes = metadata.sizes().unwrap();
        change(&mut sizes);
        Decoder::load(&self.path, &content, sizes, 512, &Device::Cpu).unwrap()
    }

    pub(super) fn tokenizer(&self) -> ChatTokenizer {
        let content = self.content();
        let metadata = Metadata {
            content: &content,
            path: &self.path,
        };
        ChatTokenizer::load(&metadata, WORDS).unwrap()
    }

    pub(super) fn extractor(&self, mode: LlmMode) -> LlmExtractor {
        LlmExtractor::load(&options(&self.path, mode)).unwrap()
    }
}

pub(super) fn options(path: &Path, mode: LlmMode) -> LlmOptions {
    LlmOptions {
        model: path.to_owned(),
        device: Device::Cpu,
        mode,
        max_tokens: 24,
    }
}
