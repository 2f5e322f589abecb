"""Assemble the diffusers folder of the model from its trained parts, in float16.

    python export.py --tokenizer tok --text text --unet unet/last.pt --vae vae --out ../assets/model

The layout is the SDXL refiner's: one text encoder, as `text_encoder_2`. `--unet` is a checkpoint of train_unet.py, or a diffusers
folder. The preview map of the latents is printed, as config/models/*.toml has it.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from codec import RELEASED, PatchCodec
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModelWithProjection
from unet_model import forget_size, new_schedule, new_unet


def read_unet(path: Path, channels, cells: int) -> UNet2DConditionModel:
    """Return the UNet of a folder or of a checkpoint."""
    if path.is_dir():
        return UNet2DConditionModel.from_pretrained(path).float()
    unet = new_unet(channels, cells)
    unet.load_state_dict({name: weight.float() for name, weight in torch.load(path, map_location="cpu").items()})
    return unet


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--unet", required=True)
    parser.add_argument("--channels", default="64,128,256")
    parser.add_argument("--cells", type=int, default=16)
    parser.add_argument(
        "--told",
        type=int,
        default=256,
        help="side in pixels that the UNet was always told: it forgets sizes; 0: it does not",
    )
    parser.add_argument("--vae", required=True)
    parser.add_argument("--codec", default=str(RELEASED))
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    out = Path(args.out)
    unet = read_unet(Path(args.unet), [int(width) for width in args.channels.split(",")], args.cells)
    if args.told:
        forget_size(unet, args.told, args.told)
    unet.half().save_pretrained(out / "unet")
    CLIPTextModelWithProjection.from_pretrained(args.text).half().save_pretrained(out / "text_encoder_2")
    if Path(args.tokenizer).resolve() != (out / "tokenizer_2").resolve():
        shutil.copytree(args.tokenizer, out / "tokenizer_2", dirs_exist_ok=True)
    new_schedule().save_pretrained(out / "scheduler")
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
    for path in out.glob("*/config.json"):  # where the parts lay on this machine is nobody's business
        config = json.loads(path.read_text())
        config.pop("_name_or_path", None)
        path.write_text(json.dumps(config, indent=2) + "\n")
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    print(f"{size / 2**20:.1f} MiB in {out}")
    weights, bias = PatchCodec.load(args.codec).rgb_map()
    print("[preview]\nbias =", [round(float(b), 4) for b in bias], "\nweights = [")
    print("".join(f"    [{', '.join(f'{v:.4f}' for v in row)}],\n" for row in weights) + "]")


if __name__ == "__main__":
    main()
