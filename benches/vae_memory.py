"""Measures what decoding takes: peak memory and time, whole and in tiles, with an autoencoder of Stable Diffusion 1.5's
shape and random weights, and a denoiser so small that it does not count.

    pip install torch diffusers transformers safetensors
    cargo build --release
    python benches/vae_memory.py [512 1024 2048]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "tests/fixtures/diffusion/sd"
WHOLE, BOUNDED = 1 << 20, 4096  # MiB


def checkpoint(folder):
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel

    torch.manual_seed(0)
    shutil.copytree(TINY, folder)
    for part in ("vae", "unet"):
        shutil.rmtree(folder / part)
    AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, layers_per_block=2, latent_channels=4, sample_size=512,
    ).save_pretrained(folder / "vae")
    config = json.loads((TINY / "unet/config.json").read_text())
    config = {k: v for k, v in config.items() if not k.startswith("_")} | {"sample_size": 64}
    UNet2DConditionModel.from_config(config).save_pretrained(folder / "unet")


def run(folder, side, mib):
    """Seconds of one picture of one step beyond those of a picture of 16², its peak MiB, and those of a picture of 16²."""
    def once(side):
        env = dict(os.environ, TASTEMAKER_MODEL__VAE_MEMORY_MIB=str(mib), TASTEMAKER_MODEL__DEVICES="cpu")
        with tempfile.TemporaryDirectory() as out:
            args = [str(ROOT / "target/release/tastemaker"), "imagine", "a", "--model", str(folder), "--steps", "1",
                    "--size", f"{side}x{side}", "--seed", "1", "--json", "--out", out]
            child = subprocess.Popen(args, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            line = child.stdout.read()
            _, status, usage = os.wait4(child.pid, 0)
            assert status == 0, status
            return json.loads(line)["seconds"], usage.ru_maxrss / 1024
    (base_seconds, base), (seconds, peak) = once(16), once(side)
    return seconds - base_seconds, peak, base


def main():
    sides = [int(side) for side in sys.argv[1:]] or [512, 1024, 2048]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "sd15"
        checkpoint(folder)
        for side in sides:
            for name, mib in (("whole", WHOLE), ("bounded", BOUNDED)):
                seconds, peak, base = run(folder, side, mib)
                print(f"{side}²  {name:8} {peak:8.0f} MiB (16²: {base:.0f} MiB) {seconds:8.1f} s", flush=True)


if __name__ == "__main__":
    main()
