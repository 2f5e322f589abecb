"""Render a shard of training pictures: specifications, seeds and latents; on demand the pictures, whole or at 128x128.

python make_data.py shard --kind styled --count 2000 --seed 3 --small --out data/styled-3.npz
python make_data.py stream --workers 14 --minutes 20 --small --out data

`stream` renders shards of all kinds on many processes until its time is over, while training reads them. `fit` finds a new
linear codec; the released one is beside this file, and every released model reads its latents.
"""

import argparse
import json
import multiprocessing
import os
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
from codec import RELEASED, PatchCodec
from PIL import Image
from renderer.picture import STYLES, Spec, random_content, render, subjects

# How often a styled picture has a value of each factor; those that rework the whole picture seldom meet.
CHANCES = {"palette": 0.3, "light": 0.25, "medium": 0.45}
RARE = 0.07
SMALL = 128
# What the first released model knew: these subjects and styles.
FIRST_SUBJECTS = (
    *("cat", "dog", "fox", "rabbit", "bear", "panda", "elephant", "lion", "horse", "owl", "penguin", "flamingo"),
    *("butterfly", "turtle", "frog", "fish", "whale", "octopus", "mushroom", "cactus", "sunflower", "tulip", "rose"),
    *("palm tree", "tree", "strawberry", "pineapple", "car", "rocket", "sailboat", "castle", "house", "lighthouse"),
    *("snowman", "robot", "teapot"),
)
FIRST_STYLES = (
    *(
        "minimal",
        "ornate",
        "pastel",
        "neon",
        "earth",
        "mono",
        "warm",
        "cool",
        "sepia",
        "vivid",
        "soft",
        "bright",
        "dark",
    ),
    *(
        "dramatic",
        "foggy",
        "golden",
        "moon",
        "backlit",
        "watercolour",
        "oil",
        "sketch",
        "pointillism",
        "pixel",
        "glass",
    ),
    *("halftone", "lowpoly", "woodblock", "papercut", "chalk", "linocut", "strong", "faded", "grain", "dreamy"),
)


def random_spec(
    kind: str,
    rng,
    nouns=None,
    drawings: int = 1,
    simple: float = 0.0,
    styles=STYLES,
    single: float = 0.0,
    density: float = 1.0,
    factors: tuple[str, ...] = (),
) -> Spec:
    """Return a specification: `plain` has no style at all, `styled` at least one, `mixed` is either.

    `nouns` are the subjects to draw from (all if none), `drawings` how many drawings of each are used, `simple` the share of pictures
    that show one thing in its own colours, and `styles` the values of each factor. Of the styled pictures `single` have one style at
    full intensity, any of `factors` (all if none) equally often; the others have each factor with its usual chance times `density`.
    """
    if kind == "mixed":
        kind = "plain" if rng.random() < 0.4 else "styled"
    spec = random_content(rng, nouns, drawings)
    if rng.random() < simple:
        first = spec.things[0]
        spec = Spec((type(first)(first.subject, drawing=first.drawing),), scene=spec.scene)
    chosen = ()
    if kind == "styled" and rng.random() < single:
        pairs = [
            (factor, value) for factor, values in styles.items() for value in values if factor in (factors or styles)
        ]
        chosen = ((*pairs[int(rng.integers(len(pairs)))], 1.0),)
    while kind == "styled" and not chosen:
        chosen = tuple(
            (factor, values[int(rng.integers(len(values)))], round(float(rng.choice((rng.uniform(0.3, 1), 1.0))), 2))
            for factor, values in styles.items()
            if rng.random() < density * CHANCES.get(factor, RARE)
        )
    return Spec(spec.things, spec.relation, spec.scene, spec.time, spec.weather, chosen)


def some_styles(which: str) -> dict[str, tuple[str, ...]]:
    """Return the styles to draw from: `all`, or those of the `first` model."""
    if which == "all":
        return STYLES
    kept = {factor: tuple(v for v in values if v in FIRST_STYLES) for factor, values in STYLES.items()}
    return {factor: values for factor, values in kept.items() if values}


def some_subjects(count: int) -> tuple[str, ...]:
    """Return so many subjects: those of the first model, then others spread evenly, rare ones last; 0 is all of them."""
    common = subjects(rare=False)
    count = min(count or len(subjects()), len(subjects()))
    rest = [noun for noun in (common if count <= len(common) else subjects()) if noun not in FIRST_SUBJECTS]
    picks = np.linspace(0, len(rest) - 1, max(0, count - len(FIRST_SUBJECTS))).round().astype(int)
    return FIRST_SUBJECTS[:count] + tuple(rest[i] for i in picks)


def fit(args) -> None:
    """Fit the linear codec on a mix of plain and styled pictures."""
    rng = np.random.default_rng(args.seed)
    images = [render(random_spec(k, rng), i, 128, 128)[0] for i in range(args.count // 2) for k in ("plain", "styled")]
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
    codec = PatchCodec.load(args.codec, args.reduce)
    nouns = some_subjects(args.subjects)
    factors = tuple(filter(None, args.factors.split(",")))
    rows: dict[str, list] = {"latents": [], "masks": [], "specs": [], "images": [], "small": []}
    start = time.time()
    for i in range(args.count):
        styles = some_styles(args.styles)
        spec = random_spec(
            args.kind, rng, nouns, args.drawings, args.simple, styles, args.single, args.density, factors
        )
        seed = args.seed * 1_000_000 + i
        image, mask = render(spec, seed, args.height, args.width, varied=args.varied)
        rows["latents"].append(codec.encode(image[None])[0].astype(np.float16))
        cells = args.width // codec.cell, args.height // codec.cell
        rows["masks"].append((cv2.resize(mask, cells, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8))
        rows["specs"].append(spec.to_dict())
        if args.keep_images:
            rows["images"].append(image)
        if args.small:
            rows["small"].append(np.asarray(Image.fromarray(image).resize((SMALL, SMALL), Image.Resampling.BILINEAR)))
        if i % 500 == 499:
            print(f"{i + 1} pictures, {(i + 1) / (time.time() - start):.0f}/s", flush=True)
    specs = json.dumps(rows.pop("specs"))
    temporary = args.out + ".part.npz"
    np.savez(temporary, specs=specs, **{name: np.stack(part) for name, part in rows.items() if part})
    os.replace(temporary, args.out)


def read_shard(path: str | Path):
    """Return the specifications of a shard and its arrays, or nothing while it is being written."""
    try:
        data = np.load(path)
        return [Spec.from_dict(row) for row in json.loads(str(data["specs"]))], data
    except (zipfile.BadZipFile, EOFError, OSError):
        return None


def stream(args) -> None:
    """Render shards on many processes until the time is over."""
    finish = time.time() + 60 * args.minutes
    jobs = [(worker, args.workers, finish, args) for worker in range(args.workers)]
    with multiprocessing.get_context("spawn").Pool(args.workers) as pool:
        pool.map(_stream_worker, jobs, chunksize=1)


def portrait(height: int, width: int) -> tuple[int, int]:
    """Return the height and width of a portrait picture of about the same area, sides 3 to 2, as the bot asks for it."""
    area = height * width
    return tuple(64 * max(1, round((area * ratio) ** 0.5 / 64)) for ratio in (1.5, 1 / 1.5))


def _stream_worker(job) -> None:
    worker, workers, finish, args = job
    cv2.setNumThreads(1)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    number = 0
    while time.time() < finish:
        # The first half plain, so that training can begin with plain pictures; then mostly styled.
        kind = "plain" if number < 2 or number % 4 == 0 else "styled"
        seed = args.seed + worker + workers * number
        height, width = args.height, args.width
        if args.wide and number % args.wide == args.wide - 1:
            height, width = portrait(height, width)
            if (number // args.wide + worker) % 2 == 0:
                height, width = width, height
        path = Path(args.out) / f"{kind}-{seed}.npz"
        if not path.exists():
            own = {"kind": kind, "seed": seed, "height": height, "width": width, "out": str(path)}
            shard(argparse.Namespace(**(vars(args) | own)))
        number += 1


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("fit", "shard", "stream"))
    parser.add_argument("--kind", choices=("plain", "styled", "mixed"), default="styled")
    parser.add_argument("--count", type=int, default=2000, help="pictures of a shard")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--subjects", type=int, default=0, help="use only so many subjects; 0 is all")
    parser.add_argument("--styles", choices=("all", "first"), default="all", help="first: those of the first model")
    parser.add_argument("--drawings", type=int, default=1, help="drawings of a subject that are used")
    parser.add_argument("--simple", type=float, default=0.0, help="share of pictures of one thing in its own colours")
    parser.add_argument("--single", type=float, default=0.0, help="share of styled pictures with one style, in full")
    parser.add_argument(
        "--factors", default="", help="factors of these single styles, with commas between; all if none"
    )
    parser.add_argument("--density", type=float, default=1.0, help="chance of a style of each factor, times the usual")
    parser.add_argument("--varied", action="store_true", help="jitter place, size and side of the things")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--codec", default=str(RELEASED))
    parser.add_argument("--reduce", type=int, default=2, help="pictures are shrunk so many times before encoding")
    parser.add_argument("--keep-images", action="store_true")
    parser.add_argument("--small", action="store_true", help="keep the pictures at 128x128, for the eyes and the judge")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--minutes", type=float, default=10, help="how long `stream` goes on")
    parser.add_argument(
        "--wide", type=int, default=0, help="every so-manieth shard of `stream` is portrait or landscape"
    )
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    {"fit": fit, "shard": shard, "stream": stream}[args.command](args)


if __name__ == "__main__":
    main()
