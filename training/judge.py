"""Train the judge: a convolutional classifier of subject and styles, of another build than the eyes and on other pictures.

    python make_data.py shard --kind styled --count 4000 --seed 911 --single 0.4 --density 1.6 --small --out data/judge-911.npz
    python judge.py --data 'data/judge-*.npz' --out judge.pt --minutes 30

Nothing that makes or tunes pictures is trained with it or on its shards. One answer for the subject, and for each style factor one
of "none" and its values. Accuracies on held-out rendered pictures are printed and kept in the file.
"""

import argparse
import glob
import json
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from make_data import read_shard, some_subjects
from optimizer import MasterOptimizer
from renderer.picture import STYLES, Spec
from torch import nn

SIDE = 128
NONE = "none"


class Judge(nn.Module):
    """A small residual network on 128x128 pictures, with the names of what it tells."""

    def __init__(self, nouns: tuple[str, ...], styles: dict[str, tuple[str, ...]], width: int = 48):
        super().__init__()
        self.nouns, self.styles = tuple(nouns), {f: (NONE, *values) for f, values in styles.items()}
        widths = (width, 2 * width, 3 * width, 4 * width)
        self.conv_in = nn.Conv2d(3, width, 8, 4, 2)
        self.blocks = nn.ModuleList(_Block(a, b) for a, b in zip(widths, widths[1:]))
        # The subject is where it is; a style is everywhere, in fine marks and in the whole.
        self.subject = nn.Linear(4 * widths[-1], len(self.nouns))
        self.style = nn.ModuleDict({f: nn.Linear(2 * sum(widths), len(v)) for f, v in self.styles.items()})

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Return the logits of the subject and of every factor for pixels in -1..1, (n, 3, 128, 128)."""
        x = self.conv_in(pixels)
        levels = [x]
        for block in self.blocks:
            x = block(x)
            levels.append(x)
        flat = torch.cat([part for level in levels for part in _moments(F.relu(level).float())], 1)
        flat = F.dropout(flat, 0.1, self.training)
        quarters = F.dropout(F.adaptive_avg_pool2d(F.relu(x), 2).flatten(1), 0.2, self.training)
        return self.subject(quarters), {factor: head(flat) for factor, head in self.style.items()}

    @torch.no_grad()
    def look(self, images) -> tuple[list[str], dict[str, np.ndarray]]:
        """Return the subjects of uint8 pictures of any size, and for each factor the chances of its values (none first)."""
        subjects, styles = [], {factor: [] for factor in self.styles}
        for part in range(0, len(images), 64):
            logits, factors = self(shrink(images[part : part + 64]))
            subjects += [self.nouns[i] for i in logits.argmax(1)]
            for factor, values in factors.items():
                styles[factor].append(values.softmax(1).numpy())
        return subjects, {factor: np.concatenate(parts) for factor, parts in styles.items()}


def _moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean and the standard deviation of each channel over the picture."""
    mean = x.mean((2, 3))
    return mean, (x.pow(2).mean((2, 3)) - mean.pow(2)).clamp_min(1e-6).sqrt()


class _Block(nn.Module):
    def __init__(self, width: int, out: int):
        super().__init__()
        self.a = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, out, 3, 2, 1, bias=False))
        self.b = nn.Sequential(nn.BatchNorm2d(out), nn.ReLU(), nn.Conv2d(out, out, 3, 1, 1))
        self.skip = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(width, out, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.skip(x) + self.b(self.a(x))


def shrink(images) -> torch.Tensor:
    """Return pictures as float tensors (n, 3, 128, 128) in -1..1."""
    small = np.stack([cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in images])
    return torch.from_numpy(small).permute(0, 3, 1, 2).float() / 127.5 - 1


def disturbed(pixels: torch.Tensor) -> torch.Tensor:
    """Return pixels turned over, moved a little, and with some blur and noise.

    Drawn pictures are softer than rendered ones, and the judge must not go by that.
    """
    pixels = torch.where(torch.rand(len(pixels), 1, 1, 1) < 0.5, pixels.flip(3), pixels)
    pixels = pixels.roll(tuple(int(v) for v in torch.randint(-10, 11, (2,))), (2, 3))
    if torch.rand(()) < 0.4:
        pixels = F.interpolate(F.avg_pool2d(pixels, 2), scale_factor=2, mode="bilinear")
    pixels = pixels + 0.05 * torch.rand(()) * torch.randn_like(pixels)
    return pixels.contiguous(memory_format=torch.channels_last)


def answers(spec: Spec, judge: Judge) -> list[int]:
    """Return the number of the subject, -100 where there are several or an unknown one, then of each factor's value."""
    noun = spec.things[0].subject
    found = [judge.nouns.index(noun) if len(spec.things) == 1 and noun in judge.nouns else -100]
    for factor, values in judge.styles.items():
        style = spec.style(factor)
        found.append(values.index(style[0]) if style else 0)
    return found


def train(args) -> Judge:
    """Return a judge trained on shards with small pictures."""
    images, specs = [], []
    for path in sorted(glob.glob(args.data)):
        found = read_shard(path)
        if found and "small" in found[1]:
            images.append(found[1]["small"])
            specs += found[0]
    if not specs:
        raise SystemExit(f"{args.data}: no shard with small pictures (make_data.py --small writes them)")
    images = np.concatenate(images)
    seen = {(f, v) for s in specs for f, v, _ in s.styles}
    styles = {f: tuple(v for v in values if (f, v) in seen) for f, values in STYLES.items()}
    judge = Judge(some_subjects(args.subjects), {f: v for f, v in styles.items() if v})
    truth = torch.tensor([answers(spec, judge) for spec in specs])
    held = torch.arange(len(specs)) % 8 == 0
    rows = torch.where(~held)[0]
    judge.to(memory_format=torch.channels_last)
    named = [(n if n.startswith("blocks") else f"readers.{n}", w) for n, w in judge.named_parameters()]
    optimizer = MasterOptimizer(named, args.rate, args.muon_rate)
    fast = torch.cpu._is_avx512_bf16_supported()
    clock = time.time if args.clock == "wall" else time.process_time
    start = clock()
    print(f"{sum(p.numel() for p in judge.parameters()) / 1e6:.2f} M parameters, {len(rows)} pictures", flush=True)
    while (spent := (clock() - start) / 60 / args.minutes) < 1:
        batch = rows[torch.randint(len(rows), (args.batch,))]
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            subject, factors = judge(disturbed(shrink(images[batch])))
        loss = F.cross_entropy(subject.float(), truth[batch, 0], ignore_index=-100, label_smoothing=0.05)
        for column, logits in enumerate(factors.values(), 1):
            loss = loss + F.cross_entropy(logits.float(), truth[batch, column])
        loss.backward()
        optimizer.step(min(1, (optimizer.steps + 1) / 50) * (1 - spent))
        if optimizer.steps % 50 == 0:
            print(f"{optimizer.steps} {(clock() - start) / 60:.1f}min loss {loss.item():.3f}", flush=True)
    judge.eval()
    judge.report = _report(judge, images[held], truth[held])
    print(json.dumps(judge.report, indent=1))
    return judge


@torch.no_grad()
def _report(judge: Judge, images, truth) -> dict:
    """Return the accuracy of each answer on held-out rendered pictures: of the subject, and of the values that are there."""
    parts = [judge(shrink(images[i : i + 64])) for i in range(0, len(images), 64)]
    subject = torch.cat([s for s, _ in parts]).argmax(1)
    known = truth[:, 0] >= 0
    result = {"subject": (subject == truth[:, 0])[known].float().mean().item(), "pictures": len(images)}
    for column, factor in enumerate(judge.styles, 1):
        guess = torch.cat([f[factor] for _, f in parts]).argmax(1)
        there = truth[:, column] > 0
        if there.any():
            result[factor] = (guess == truth[:, column])[there].float().mean().item()
            result[f"{factor}, when there is none"] = (guess == 0)[~there].float().mean().item()
    return {name: round(value, 3) for name, value in result.items()}


def keep(judge: Judge, path: str) -> None:
    """Write the judge."""
    styles = {factor: values[1:] for factor, values in judge.styles.items()}
    torch.save({"nouns": judge.nouns, "styles": styles, "report": judge.report, "weights": judge.state_dict()}, path)


def load_judge(path: str) -> Judge:
    """Read a judge."""
    data = torch.load(path)
    judge = Judge(data["nouns"], data["styles"])
    judge.load_state_dict(data["weights"])
    judge.report = data["report"]
    return judge.eval()


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--subjects", type=int, default=0, help="as for make_data.py")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall", help="what the minutes count")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--muon-rate", type=float, default=0.02)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(911)
    judge = train(args)
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    keep(judge, args.out)


if __name__ == "__main__":
    main()
