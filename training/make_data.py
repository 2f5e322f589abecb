"""Render a shard of training pictures: `images` (optional), specifications and seeds, and their latents.

python make_data.py fit --out data/codec.npz
python make_data.py shard --kind styled --count 8000 --seed 3 --codec data/codec.npz --out data/styled-3.npz
"""

import argparse
import json
import os
import time

import cv2
import numpy as np

from codec import PatchCodec
from renderer.picture import STYLES, Spec, render, subjects
from renderer.scenes import SCENES

CHANCES = {"detail": 0.12, "palette": 0.4, "light": 0.35, "medium": 0.55, "contrast": 0.1, "finish": 0.1}

# The subject is always in the same place and of the same size: latent cells are 8 pixels wide, so even a jitter of a few
# pixels makes the latents of one drawing look like those of many, and costs several times the training.
PLACE, EXTENT, EXTENT_MINIMAL = (0.5, 0.53), 0.7, 0.54


def random_spec(kind: str, rng: np.random.Generator) -> Spec:
    """Return a specification: `plain` has no style at all, `styled` at least one, `mixed` is either."""
    if kind == "mixed":
        kind = "plain" if rng.random() < 0.4 else "styled"
    places = list(SCENES)[1:]
    scene = "plain" if rng.random() < 0.45 else places[int(rng.integers(len(places)))]
    subject = subjects()[int(rng.integers(len(subjects())))]
    styles = {}
    while kind == "styled" and not styles:
        styles = {
            factor: values[int(rng.integers(len(values)))]
            for factor, values in STYLES.items()
            if rng.random() < CHANCES[factor]
        }
    return Spec(subject, scene, **styles)


def fit(args) -> None:
    """Fit the linear codec on a mix of plain and styled pictures."""
    rng = np.random.default_rng(args.seed)
    images = [render(random_spec(k, rng), i)[0] for i in range(1200) for k in ("plain", "styled")]
    images = np.stack(images)
    for channels in (12, 16, 20, 24, 32):
        codec = PatchCodec.fit(images, channels)
        back = codec.decode(codec.encode(images[:600]))
        error = (back.astype(np.float32) - images[:600]) / 255
        psnr = [-10 * np.log10((error[i::2] ** 2).mean()) for i in (0, 1)]
        print(f"{channels} channels: L1 {np.abs(error).mean():.4f}, PSNR plain {psnr[0]:.2f}, styled {psnr[1]:.2f} dB")
    codec = PatchCodec.fit(images, args.channels)
    codec.save(args.out)
    print("standard deviation of each latent channel", codec.encode(images).std((0, 2, 3)).round(2).tolist())


def shard(args) -> None:
    """Render one shard."""
    rng = np.random.default_rng(args.seed)
    codec = PatchCodec.load(args.codec)
    latents, masks, specs, images = [], [], [], []
    start = time.time()
    for i in range(args.count):
        spec = random_spec(args.kind, rng)
        seed = args.seed * 1_000_000 + i
        extent = EXTENT_MINIMAL if spec.detail == "minimal" else EXTENT
        image, mask = render(spec, seed, args.height, args.width, extent=extent, place=PLACE)
        latents.append(codec.encode(image[None])[0].astype(np.float16))
        cells = args.width // 8, args.height // 8
        masks.append((cv2.resize(mask, cells, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8))
        specs.append({"subject": spec.subject, "scene": spec.scene, **spec.styles()})
        if args.keep_images:
            images.append(image)
        if i % 1000 == 999:
            print(f"{i + 1} pictures, {(i + 1) / (time.time() - start):.0f}/s", flush=True)
    extra = {"images": np.stack(images)} if args.keep_images else {}
    temporary = args.out + ".part.npz"
    np.savez(temporary, latents=np.stack(latents), masks=np.stack(masks), specs=json.dumps(specs), **extra)
    os.replace(temporary, args.out)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("fit", "shard"))
    parser.add_argument("--kind", choices=("plain", "styled", "mixed"), default="styled")
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--height", type=int, default=128)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--codec", default="data/codec.npz")
    parser.add_argument("--keep-images", action="store_true")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    {"fit": fit, "shard": shard}[args.command](args)


if __name__ == "__main__":
    main()
