"""Assemble the diffusers folder of the model from its trained parts, in float16.

    python export.py --tokenizer tok --text text --unet unet/last.pt --vae vae --out ../assets/model

The layout is the SDXL refiner's: one text encoder, as `text_encoder_2`. While no autoencoder is trained yet, leave
`--vae` out: the model then has none.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from transformers import CLIPTextModelWithProjection

from unet_model import new_schedule, new_unet


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--unet", required=True)
    parser.add_argument("--vae")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    out = Path(args.out)
    unet = new_unet()
    unet.load_state_dict(torch.load(args.unet, map_location="cpu"))
    unet.half().save_pretrained(out / "unet")
    CLIPTextModelWithProjection.from_pretrained(args.text).half().save_pretrained(out / "text_encoder_2")
    shutil.copytree(args.tokenizer, out / "tokenizer_2", dirs_exist_ok=True)
    new_schedule().save_pretrained(out / "scheduler")
    if args.vae:
        AutoencoderKL.from_pretrained(args.vae).half().save_pretrained(out / "vae")
    index = {
        "_class_name": "StableDiffusionXLPipeline",
        "_diffusers_version": "0.30.0",
        "feature_extractor": [None, None],
        "force_zeros_for_empty_prompt": False,
        "image_encoder": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": [None, None],
        "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
        "tokenizer": [None, None],
        "tokenizer_2": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    print(f"{size / 2**20:.1f} MiB in {out}")


if __name__ == "__main__":
    main()
