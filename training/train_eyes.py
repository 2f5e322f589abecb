"""Train the eyes: which attributes does a picture have, and which caption belongs to it?

    python train_eyes.py --tokenizer ../assets/model/tokenizer_2 --text ../assets/model/text_encoder_2 --data 'data/*.npz' --out eyes

Two parts. First the vision tower learns what pictures have (styles, subjects, scenes, times, weathers) against one free vector for
each, with a sigmoid loss (SigLIP's, the true ones weighted up, since a picture has few of many). Then, with the vision tower at
rest, the text tower learns to say those vectors for all the words that people use for them, and to find the caption of a picture
among others. On few computations this learns far more than both towers at once.

Shards need small pictures (`make_data.py --small`); those named `valid-*` choose the thresholds and give the accuracies and are not
trained on, those of the judge are left alone. `--export FOLDER` writes transformers' CLIPModel in float16, the tensor `logit_bias`
beside its weights and `attributes.toml`. Resumable like the other trainings.
"""

import argparse
import functools
import glob
import json
import os
import signal
import time
from pathlib import Path

import captions
import numpy as np
import torch
import torch.nn.functional as F
from captions_content import TIME_PHRASES, WEATHER_PHRASES
from captions_styles import shown_attributes
from eyes_model import PROJECTION, Eyes, new_eyes, pixel_values
from make_data import read_shard
from optimizer import MasterOptimizer
from renderer.picture import SCENES, STYLES, subjects
from renderer.sprites import subject
from renderer.weather import TIMES, WEATHERS
from safetensors.torch import load_file, save_file
from text_model import tokenize
from transformers import CLIPTokenizer

ATTRIBUTE_TOKENS, CAPTION_TOKENS = 12, 40
SAVE_SECONDS = 240
# Of subjects, scenes, times and weathers beside styles: attributes are what the eyes are for.
CONTENT_WEIGHT = 0.3
# An attribute can be told if it shows in so many pictures of each half of the held-out ones, if so large a share of pairs of a
# picture with it and one without are in the right order, and if so large a share of those said to have it do.
LEAST_PICTURES, LEAST_RANKED, LEAST_PRECISION = 3, 0.75, 0.3


class SmallPictures:
    """Small pictures with their specifications, from shards that may still be appearing."""

    def __init__(self, pattern: str, held_out: bool):
        self.pattern, self.held_out, self.paths = pattern, held_out, set()
        self.images, self.specs = [], []

    def refresh(self) -> "SmallPictures":
        """Load shards that are new."""
        for path in sorted(glob.glob(self.pattern)):
            name = Path(path).name
            if (
                path in self.paths
                or ".part" in name
                or name.startswith("judge")
                or name.startswith("valid") != self.held_out
            ):
                continue
            found = read_shard(path)
            if found is None:
                continue
            self.paths.add(path)
            if "small" in found[1]:
                self.images.append(found[1]["small"])
                self.specs += found[0]
        return self

    def rows(self, picks) -> np.ndarray:
        """Return pictures by their numbers."""
        starts = np.cumsum([0] + [len(part) for part in self.images])
        parts = np.searchsorted(starts, picks, side="right") - 1
        return np.stack([self.images[part][i - starts[part]] for part, i in zip(parts, picks)])


@functools.cache
def classes() -> dict[tuple[str, str], int]:
    """Return the number of everything that a picture may have: (factor, value) of styles, and of content."""
    table = [(factor, value) for factor, values in STYLES.items() for value in values]
    table += [("subject", noun) for noun in subjects()] + [("scene", name) for name in SCENES if name != "plain"]
    table += [("time", name) for name in TIMES] + [("weather", name) for name in WEATHERS]
    return {thing: number for number, thing in enumerate(table)}


def has(specs) -> torch.Tensor:
    """Return which classes each picture has, float (pictures, classes)."""
    found = torch.zeros(len(specs), len(classes()))
    for row, spec in enumerate(specs):
        things = [(factor, value) for factor, value, _ in spec.styles]
        things += [("subject", thing.subject) for thing in spec.things]
        things += [("scene", spec.scene), ("time", spec.time), ("weather", spec.weather)]
        found[row, [classes()[thing] for thing in things if thing in classes()]] = 1
    return found


@functools.cache
def class_weights(device: str) -> torch.Tensor:
    """Return how much each class counts in the loss."""
    return torch.tensor([1.0 if factor in STYLES else CONTENT_WEIGHT for factor, _ in classes()], device=device)


def words_for(thing: tuple[str, str]) -> list[str]:
    """Return the words for a class, the main one first."""
    factor, value = thing
    if factor in STYLES:
        return captions.style_words()[factor][value]
    if factor == "subject":
        return [value, *subject(value).words]
    return {"scene": captions.SCENE_PHRASES, "time": TIME_PHRASES, "weather": WEATHER_PHRASES}[factor][value]


def say(thing: tuple[str, str], rng) -> str:
    """Return some words for a class."""
    factor, known = thing[0], words_for(thing)
    if factor in STYLES:
        return captions.pick_word(known, rng)
    if factor == "subject":
        noun = str(rng.choice([known[0], *known]))
        return noun if rng.random() < 0.5 else captions.article(noun)
    return known[int(rng.integers(len(known)))]


def vision_loss(eyes, vectors, data: SmallPictures, count: int, rng, device) -> torch.Tensor:
    """Return the loss of what a random batch of pictures is seen to have."""
    picks = rng.integers(len(data.specs), size=count)
    images = data.rows(picks)
    if rng.random() < 0.5:
        images = images[:, :, ::-1]
    truth = has([data.specs[i] for i in picks]).to(device)
    logits = eyes.logits(eyes.pictures(pixel_values(images).to(device)), F.normalize(vectors, dim=-1))
    loss = F.binary_cross_entropy_with_logits(logits, truth, reduction="none") * (1 + 7 * truth)
    return (loss * class_weights(device)).sum(1).mean()


def text_loss(eyes, vectors, seen, data: SmallPictures, tokenizer, count: int, rng, device) -> torch.Tensor:
    """Return the loss of saying the classes' vectors, and of finding the captions of pictures by their embeddings `seen`."""
    things = list(classes())
    picks = rng.integers(len(things), size=count)
    styles = len([1 for factor, _ in things if factor in STYLES])
    picks = np.where(rng.random(count) < 0.6, picks % styles, picks)
    texts = tokenize(tokenizer, [say(things[i], rng) for i in picks], ATTRIBUTE_TOKENS).to(device)
    logits = eyes.texts(texts) @ F.normalize(vectors, dim=-1).detach().T
    target = F.normalize(vectors[picks], dim=-1).detach()
    near = 1 - (eyes.texts(texts) * target).sum(1).mean()
    named = F.cross_entropy(20 * logits, torch.from_numpy(picks).to(device))
    rows = rng.integers(len(data.specs), size=count // 2)
    told = [captions.caption(data.specs[i], rng) for i in rows]
    pairs = (
        20
        * seen[torch.from_numpy(rows).to(device)]
        @ eyes.texts(tokenize(tokenizer, told, CAPTION_TOKENS).to(device)).T
    )
    own = torch.arange(len(rows), device=device)
    return 3 * near + named + 0.25 * (F.cross_entropy(pairs, own) + F.cross_entropy(pairs.T, own))


@torch.no_grad()
def trained_vectors(eyes, tokenizer) -> torch.Tensor:
    """Return the vectors (classes, PROJECTION) that trained eyes have for the main words of the classes."""
    main = [next(name for name in words_for(thing) if name) for thing in classes()]
    return eyes.texts(tokenize(tokenizer, main, ATTRIBUTE_TOKENS))


@torch.no_grad()
def see(eyes, data: SmallPictures, device) -> torch.Tensor:
    """Return the embeddings of all pictures."""
    images = np.concatenate(data.images)
    return torch.cat([eyes.pictures(pixel_values(images[i : i + 128]).to(device)) for i in range(0, len(images), 128)])


def best_threshold(chance: np.ndarray, true: np.ndarray) -> float:
    """Return the chance from which an attribute counts as there: the one with the best F1, since most are rare."""
    levels = np.unique(np.concatenate([chance[true], np.quantile(chance[~true], np.linspace(0.5, 1, 200))]))
    found = np.array([(chance[true] >= level).sum() for level in levels])
    said = np.array([(chance >= level).sum() for level in levels])
    return float(levels[(2 * found / (said + true.sum())).argmax()])


@torch.no_grad()
def judge(eyes, tokenizer, data: SmallPictures, device) -> list[dict]:
    """Return for each attribute that the renderer shows a threshold, chosen on half of the held-out pictures, and how good it is on
    the other half: `accuracy` is the mean of sensitivity and specificity there, `ranked` the area under the ROC curve.
    """
    seen, table = see(eyes, data, device), []
    names = shown_attributes()
    texts = eyes.texts(tokenize(tokenizer, list(names), ATTRIBUTE_TOKENS).to(device))
    chance = eyes.logits(seen, texts).sigmoid().cpu().numpy()
    half = np.arange(len(data.specs)) % 2 == 0
    for column, (name, style) in enumerate(names.items()):
        true = np.array([style in {s[:2] for s in spec.styles} for spec in data.specs])
        if min(true[half].sum(), true[~half].sum()) < LEAST_PICTURES:
            continue
        threshold = best_threshold(chance[half, column], true[half])
        yes, no = chance[~half & true, column], np.sort(chance[~half & ~true, column])
        found, false = (yes >= threshold).mean(), (no >= threshold).mean()
        table.append(
            {
                "name": name,
                "factor": style[0],
                "threshold": float(threshold),
                "accuracy": float((found + 1 - false) / 2),
                "found": float(found),
                "false": float(false),
                "precision": float(
                    (yes >= threshold).sum() / max(1, (yes >= threshold).sum() + (no >= threshold).sum())
                ),
                "ranked": float((np.searchsorted(no, yes) / len(no)).mean()),
                "pictures": int(true[~half].sum()),
            }
        )
    return table


def save(out: Path, eyes, vectors, optimizer, part: str, spent: float) -> None:
    """Write the checkpoint."""
    state = {
        "eyes": eyes.state_dict(),
        "vectors": vectors,
        "optimizer": optimizer.state(),
        "part": part,
        "spent": spent,
    }
    torch.save(state, out / "state.part")
    os.replace(out / "state.part", out / "state.pt")


def told(row: dict) -> bool:
    """Say whether an attribute can be told well enough to be named."""
    enough = row["ranked"] >= LEAST_RANKED and 0 < row["threshold"] < 1
    return enough and row["found"] > 0 and row["precision"] >= LEAST_PRECISION


def export(eyes: Eyes, table: list[dict], folder: Path) -> None:
    """Write the folder that the bot and transformers load; the tokenizer is the model's and stays with it."""
    folder.mkdir(parents=True, exist_ok=True)
    eyes.model.half().save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    weights["logit_bias"] = eyes.logit_bias.detach().float().cpu().half()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    lines = [
        "# The attributes that the eyes can tell: P(picture has it) >= threshold means that it shows.",
        "# Thresholds were chosen on half of the held-out rendered pictures, the figures are from the other half. found: share of the",
        "# pictures with the attribute that reach the threshold; false: share of those without it that do; accuracy: mean of found and",
        "# of 1 - false; ranked: share of pairs of a picture with the attribute and one without that are in the right order.",
        "",
    ]
    for row in sorted(filter(told, table), key=lambda r: (-r["ranked"], r["name"])):
        lines += ["[[attribute]]", f'name = "{row["name"]}"', f"threshold = {row['threshold']:.4f}"]
        lines += [f"{key} = {row[key]:.3f}" for key in ("accuracy", "found", "false", "ranked")] + [""]
    (folder / "attributes.toml").write_text("\n".join(lines).rstrip() + "\n")
    size = sum(f.stat().st_size for f in folder.iterdir() if f.is_file())
    print(f"{size / 2**20:.2f} MiB, {lines.count('[[attribute]]')} attributes in {folder}")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--text", help="a trained text encoder whose lower layers the text tower starts as")
    parser.add_argument("--start", help="folder of trained eyes to begin with, in place of --text and their size")
    parser.add_argument("--data", default="data/*.npz")
    parser.add_argument("--out", required=True, help="checkpoints")
    parser.add_argument("--export", help="the folder to write at the end")
    parser.add_argument("--minutes", type=float, default=20, help="of the whole schedule, over all restarts")
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall", help="what the minutes count")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--text-share", type=float, default=0.3, help="of the minutes, for the text tower")
    parser.add_argument("--muon-rate", type=float, default=0.02)
    parser.add_argument("--width", type=int, default=128, help="of the vision tower")
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(5)
    out, device = Path(args.out), args.device
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = CLIPTokenizer.from_pretrained(args.tokenizer)
    if args.start:
        eyes = Eyes.load(args.start)
        vectors = trained_vectors(eyes, tokenizer)
    else:
        eyes = Eyes(new_eyes(tokenizer, args.width, args.layers))
        vectors = torch.randn(len(classes()), PROJECTION)
        if args.text:
            eyes.start_text_from(args.text)
    eyes.train().to(device)
    vectors = torch.nn.Parameter(vectors.to(device))
    data = SmallPictures(args.data, held_out=False).refresh()
    if not data.specs:
        raise SystemExit(f"{args.data}: no shard with small pictures (make_data.py --small writes them)")
    print(f"{sum(p.numel() for p in eyes.parameters()) / 1e6:.2f} M parameters, {len(data.specs)} pictures", flush=True)
    state = torch.load(out / "state.pt", map_location=device) if (out / "state.pt").exists() else None
    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    for part, share in (("vision", 1 - args.text_share), ("text", args.text_share)):
        if state and state["part"] == "text" and part == "vision":
            continue
        named = _weights(eyes, vectors, part)
        optimizer = MasterOptimizer(named, args.rate, args.muon_rate if part == "vision" else 0.0, average=0.99)
        # float32 throughout: the optimiser's master copies are the weights themselves.
        before = 0.0
        if state:
            eyes.load_state_dict(state["eyes"])
            vectors.data.copy_(state["vectors"])
            if state["part"] == part:
                optimizer.load(state["optimizer"])
                before = state["spent"]
        done = _train(part, share, args, eyes, vectors, optimizer, data, tokenizer, before, out, asked_to_stop)
        if not done:
            return
        state = None
    held = SmallPictures(args.data, held_out=True).refresh()
    if held.specs:
        finish(eyes, tokenizer, held, args, out)


def _weights(eyes, vectors, part: str) -> list:
    """Return the named weights of a part."""
    is_text = [
        (name, weight, ".text_model." in name or "text_projection" in name) for name, weight in eyes.named_parameters()
    ]
    if part == "text":
        return [(name, weight) for name, weight, text in is_text if text]
    return [*((name, weight) for name, weight, text in is_text if not text), ("vectors", vectors)]


def _train(part, share, args, eyes, vectors, optimizer, data, tokenizer, before, out, asked_to_stop) -> bool:
    """Train one part for its share of the minutes; return whether it was finished."""
    rng = np.random.default_rng(optimizer.steps)
    seen = see(eyes, data, args.device) if part == "text" else None
    fast = args.device != "cpu" or torch.cpu._is_avx512_bf16_supported()
    clock = time.time if args.clock == "wall" else time.process_time
    start, written, mean = clock(), time.time(), None
    minutes = args.minutes * share
    while (progress := (spent := before + (clock() - start) / 60) / minutes) < 1 and not asked_to_stop:
        with torch.autocast(args.device, torch.bfloat16, enabled=fast):
            if part == "vision":
                loss = vision_loss(eyes, vectors, data, args.batch, rng, args.device)
            else:
                loss = text_loss(eyes, vectors, seen, data, tokenizer, args.batch, rng, args.device)
        loss.backward()
        optimizer.step(min(1, (optimizer.steps + 1) / 50) * min(1, max(0.02, (1 - progress) / 0.6)))
        mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        if optimizer.steps % 25 == 0:
            print(f"{part} {optimizer.steps} {spent:.1f}min loss {mean:.3f}", flush=True)
            if part == "vision":
                data.refresh()
        if time.time() - written > SAVE_SECONDS:
            save(out, eyes, vectors.data, optimizer, part, spent)
            written = time.time()
    save(out, eyes, vectors.data, optimizer, part, before + (clock() - start) / 60)
    return not asked_to_stop


def finish(eyes, tokenizer, held: SmallPictures, args, out: Path) -> None:
    """Report on held-out pictures and export."""
    table = judge(eyes.eval(), tokenizer, held, args.device)
    (out / "report.json").write_text(json.dumps(table, indent=1) + "\n")
    means = {key: np.mean([row[key] for row in table]) for key in ("accuracy", "ranked")}
    print(
        f"{len(table)} attributes on {len(held.specs)} held-out pictures: {means}; {sum(map(told, table))} can be told"
    )
    if args.export:
        export(eyes.cpu(), table, Path(args.export))


if __name__ == "__main__":
    main()
