"""Render the pictures from which the `embedded` metric learns what looks look like, and those it is measured on.

    python metric_data.py --out data/metric

Each set is one file of raw pixels (`train.rgb`: count x 128 x 128 x 3 bytes) and one of specifications (`train.jsonl`). The
two sets share no subject and no seed: what is measured is how well looks are known on things never seen.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from make_data import random_spec
from renderer.picture import render, subjects

HELD_OUT_SUBJECTS, SIDE = 10, 128


def main() -> None:
    """Parse the command line and render both sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=24_000)
    parser.add_argument("--test", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    held_out = set(np.random.default_rng(args.seed).permutation(subjects())[:HELD_OUT_SUBJECTS].tolist())
    for number, (name, count) in enumerate((("train", args.train), ("test", args.test)), 1):
        rng = np.random.default_rng(args.seed + number)
        start = time.time()
        with open(out / f"{name}.rgb", "wb") as pixels, open(out / f"{name}.jsonl", "w") as labels:
            for index in range(count):
                spec = random_spec("mixed" if rng.random() < 0.2 else "styled", rng, density=1.6)
                while any((thing.subject in held_out) != (name == "test") for thing in spec.things):
                    spec = random_spec("styled", rng, density=1.6)
                image, _ = render(spec, (args.seed + number) * 1_000_000 + index, SIDE, SIDE)
                pixels.write(image.tobytes())
                looks = {factor: value for factor, value, _ in spec.styles}
                labels.write(json.dumps({"subject": spec.things[0].subject, "scene": spec.scene, **looks}) + "\n")
        print(name, count, "pictures in", round(time.time() - start), "s", flush=True)


if __name__ == "__main__":
    main()
