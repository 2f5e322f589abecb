"""Measure an exported model: are subjects recognised, do style words show, does the degree bend pictures smoothly?

    python evaluate.py --model ../assets/model --data 'data/*-1*.npz' --out evaluation.json

Subjects: a small classifier trained on the renderer's pictures judges generated ones. Styles: saturation, brightness,
warmth and edge density of generated pictures are correlated with those of rendered ones over all style words. Degree:
for opposite tastes, the distance from the plain picture has to grow with every step of beta.
"""

import argparse
import glob
import json
import time

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import captions
from renderer.picture import Spec, render, subjects
from sampling import OPPOSITES, Sampler

SIDE = 64
BETAS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def shrink(images) -> torch.Tensor:
    """Return pictures as float tensors (n, 3, 64, 64)."""
    small = np.stack([cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in images])
    return torch.from_numpy(small).permute(0, 3, 1, 2).float() / 127.5 - 1


def train_judge(pattern: str, minutes: float) -> nn.Module:
    """Return a classifier of subjects trained on rendered pictures (shards with images)."""
    images, labels = [], []
    for path in sorted(glob.glob(pattern)):
        data = np.load(path)
        if "images" in data:
            images.append(shrink(data["images"]))
            labels += [subjects().index(s["subject"]) for s in json.loads(str(data["specs"]))]
    images, labels = torch.cat(images), torch.tensor(labels)
    layers, width = [], 3
    for out in (32, 64, 128, 192):
        layers += [nn.Conv2d(width, out, 3, 2, 1), nn.BatchNorm2d(out), nn.ReLU()]
        width = out
    judge = nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(4 * width, len(subjects()))
    )
    held = torch.arange(len(labels)) % 10 == 0
    train = torch.where(~held)[0]
    optimizer = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=0.02)
    start = time.time()
    while (spent := (time.time() - start) / 60 / minutes) < 1:
        rows = train[torch.randint(len(train), (64,))]
        shift = tuple(int(v) for v in torch.randint(-3, 4, (2,)))
        batch = images[rows].roll(shift, (2, 3)) + 0.08 * torch.randn(len(rows), 3, SIDE, SIDE)
        loss = F.cross_entropy(judge(batch), labels[rows], label_smoothing=0.05)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - spent)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    judge.eval()
    with torch.no_grad():
        right = (judge(images[held]).argmax(1) == labels[held]).float().mean().item()
    print(f"judge: {right:.3f} of held-out rendered pictures", flush=True)
    return judge


@torch.no_grad()
def recognised(judge, images, truth) -> np.ndarray:
    """Return which pictures the judge assigns to their subject."""
    guesses = torch.cat([judge(part) for part in shrink(images).split(64)]).argmax(1).numpy()
    return guesses == np.array([subjects().index(name) for name in truth])


def look(image: np.ndarray) -> list[float]:
    """Return saturation, brightness, warmth and edge density of a picture."""
    hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    red, _, blue = image.reshape(-1, 3).mean(0) / 255
    edges = np.abs(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F)).mean()
    return [hsv[..., 1].mean(), hsv[..., 2].mean(), red - blue, edges / 255]


def judge_subjects(sampler, judge, seeds: int) -> dict:
    """Return the share of recognised plain pictures, over all and by subject."""
    share = {}
    for noun in subjects():
        pictures = sampler.draw(sampler.texts([captions.article(noun)] * seeds), range(100, 100 + seeds))
        share[noun] = float(recognised(judge, pictures, [noun] * seeds).mean())
    return {"plain": round(float(np.mean(list(share.values()))), 4), "by subject": share}


def judge_styles(sampler, judge) -> dict:
    """Return, for every style, its measures in rendered and generated pictures, and correlations."""
    cases = [("cat", "a cat"), ("castle", "a castle"), ("car", "a car"), ("owl", "an owl")]
    plain = np.mean([look(render(Spec(subject), 50 + i)[0]) for i, (subject, _) in enumerate(cases)], 0)
    table, right = {}, []
    for factor, values in captions.style_words().items():
        for value, words in values.items():
            made = sampler.draw(sampler.texts([f"{prompt}, {words[0]}" for _, prompt in cases]), range(50, 54))
            real = [render(Spec(subject, **{factor: value}), 50 + i)[0] for i, (subject, _) in enumerate(cases)]
            right.append(recognised(judge, made, [subject for subject, _ in cases]).mean())
            pair = [np.mean([look(p) for p in pictures], 0).round(3).tolist() for pictures in (real, made)]
            table[words[0]] = {"rendered": pair[0], "generated": pair[1]}
    both = np.array([[row["rendered"], row["generated"]] for row in table.values()])
    names = ("saturation", "brightness", "warmth", "edges")
    correlation = {n: round(float(np.corrcoef(both[:, 0, i], both[:, 1, i])[0, 1]), 3) for i, n in enumerate(names)}
    return {
        "styles": len(table),
        "correlation": correlation,
        "subject recognised under a style": round(float(np.mean(right)), 3),
        "rendered plain": plain.round(3).tolist(),
        "table": table,
    }


def judge_degree(sampler, judge) -> dict:
    """Return how pictures move away from the plain one as beta grows, for opposite tastes."""
    rows, kept = {}, []
    for liked, disliked in OPPOSITES:
        distances = []
        for seed, noun in enumerate(("cat", "castle", "sailboat")):
            condition = sampler.personal([captions.article(noun)] * len(BETAS), liked, disliked, BETAS)
            pictures = sampler.draw(condition, [seed] * len(BETAS))
            kept.append(recognised(judge, pictures, [noun] * len(BETAS)))
            small = shrink(pictures)
            small = F.avg_pool2d(small, 4)
            distances.append((small - small[:1]).abs().mean((1, 2, 3)).numpy())
        mean = np.mean(distances, 0)
        steps = np.diff(mean) / max(mean[-1], 1e-6)
        rows[f"{liked} - {disliked}"] = {
            "distance": mean.round(3).tolist(),
            "rising steps": int((steps > -0.02).sum()),
            "largest step": round(float(steps.max()), 3),
        }
    return {"tastes": rows, "subject recognised by beta": np.mean(kept, 0).round(3).tolist()}


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True, help="shards with images, for the classifier")
    parser.add_argument("--codec", help="decode with the linear codec instead of the autoencoder")
    parser.add_argument("--judge-minutes", type=float, default=3)
    parser.add_argument("--judge", default="judge.pt", help="where the trained classifier is kept")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--rescale", type=float, default=0.7)
    parser.add_argument("--only", default="subjects,styles,degree")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    try:
        judge = torch.load(args.judge, weights_only=False)
    except FileNotFoundError:
        judge = train_judge(args.data, args.judge_minutes)
        torch.save(judge, args.judge)
    sampler = Sampler(args.model, args.codec, args.steps, args.guidance, args.rescale)
    tasks = {
        "subjects": lambda: judge_subjects(sampler, judge, args.seeds),
        "styles": lambda: judge_styles(sampler, judge),
        "degree": lambda: judge_degree(sampler, judge),
    }
    result = {}
    for name in args.only.split(","):
        result[name] = tasks[name]()
        print(name, json.dumps(result[name]), flush=True)
        with open(args.out, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
