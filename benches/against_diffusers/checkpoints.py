"""Writes checkpoints with random weights in the shapes of Stable Diffusion 1.5 and SDXL, in diffusers' folder layout.

Speed and memory depend on shapes, not on what the numbers mean, so nothing has to be downloaded. Weights are drawn so that
activations keep about unit size through all layers: results of two implementations can then be compared digit by digit.

    pip install torch diffusers transformers accelerate safetensors
    python benches/against_diffusers/checkpoints.py CACHE sd15 f32
"""

import gc
import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

VOCABULARY = 49408
DTYPES = {"f32": torch.float32, "f16": torch.float16}


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1:
                p.add_(torch.randn(p.shape, generator=generator), alpha=0.1)
            elif "embedding" in name and "time" not in name and "add_" not in name:
                p.normal_(0, 0.5, generator=generator)
            else:
                p.normal_(0, 0.8 / p[0].numel() ** 0.5, generator=generator)
    return model.eval()


def tokenizer(folder):
    """One token a character: all bytes, all bytes that end a word, names that never occur, the two special tokens."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = iter(range(256, 512))
    characters = [chr(b if b in keep else next(extra)) for b in range(256)]
    tokens = characters + [c + "</w>" for c in characters]
    tokens += [f"<unused{i}>" for i in range(VOCABULARY - 2 - len(tokens))]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": "<|endoftext|>", **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def text_config(size, layers, heads, activation, projection):
    return CLIPTextConfig(
        vocab_size=VOCABULARY, hidden_size=size, intermediate_size=4 * size, num_hidden_layers=layers,
        num_attention_heads=heads, hidden_act=activation, projection_dim=projection, max_position_embeddings=77,
        bos_token_id=VOCABULARY - 2, eos_token_id=VOCABULARY - 1,
    )


def vae(scaling_factor):
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=2, latent_channels=4, sample_size=512,
        scaling_factor=scaling_factor,
    )


def sd15():
    yield "text_encoder", lambda: CLIPTextModel(text_config(768, 12, 12, "quick_gelu", 768))
    yield "vae", lambda: vae(0.18215)
    yield "unet", lambda: UNet2DConditionModel(
        sample_size=64, block_out_channels=(320, 640, 1280, 1280), cross_attention_dim=768, attention_head_dim=8
    )


def sdxl():
    yield "text_encoder", lambda: CLIPTextModel(text_config(768, 12, 12, "quick_gelu", 768))
    yield "text_encoder_2", lambda: CLIPTextModelWithProjection(text_config(1280, 32, 20, "gelu", 1280))
    yield "vae", lambda: vae(0.13025)
    yield "unet", lambda: UNet2DConditionModel(
        sample_size=128, block_out_channels=(320, 640, 1280), layers_per_block=2, cross_attention_dim=2048,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=(5, 10, 20),
        transformer_layers_per_block=(1, 2, 10), use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
    )


FAMILIES = {"sd15": sd15, "sdxl": sdxl}


def make(cache, family, dtype):
    folder = Path(cache) / f"{family}-{dtype}"
    if (folder / "model_index.json").is_file():
        return folder
    torch.set_grad_enabled(False)
    xl = family == "sdxl"
    for seed, (name, build) in enumerate(FAMILIES[family]()):
        print(f"writing {folder / name}", file=sys.stderr)
        model = randomise(build(), seed).to(DTYPES[dtype])
        # Whole files: sharded ones are read alike, but fewer files keep the comparison simple.
        model.save_pretrained(folder / name, max_shard_size="100GB")
        del model
        gc.collect()
    for name in ["tokenizer", "tokenizer_2"] if xl else ["tokenizer"]:
        tokenizer(folder / name)
    scheduler = {
        "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000, "prediction_type": "epsilon", "clip_sample": False, "set_alpha_to_one": False,
        "steps_offset": 1, "timestep_spacing": "leading",
    }
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(scheduler))
    index = {
        "_class_name": "StableDiffusionXLPipeline" if xl else "StableDiffusionPipeline", "_diffusers_version": "0.30.0",
        "scheduler": ["diffusers", "DDIMScheduler"], "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "text_encoder": ["transformers", "CLIPTextModel"],
    }
    if xl:
        index |= {
            "tokenizer_2": ["transformers", "CLIPTokenizer"], "force_zeros_for_empty_prompt": False,
            "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        }
    else:
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None]}
    # Written last: its presence says that the folder is complete.
    (folder / "model_index.json").write_text(json.dumps(index, indent=1))
    return folder


if __name__ == "__main__":
    print(make(*sys.argv[1:]))
