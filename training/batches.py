"""Batches for the UNet: pictures from shards, and texts in all the ways in which the bot conditions."""

import glob
from pathlib import Path

import captions
import numpy as np
import torch
from make_data import read_shard
from text_model import encode, personalise, personalise_pooled, tokenize
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from transformers import CLIPTextModelWithProjection, CLIPTokenizer


HARD_SUBJECTS = (
    "elephant",
    "rabbit",
    "robot",
    "snowman",
    "castle",
    "panda",
    "lighthouse",
    "octopus",
    "horse",
    "penguin",
)
HARD_FACTORS = (
    *("medium", "line", "texture", "contrast", "shape", "focus", "finish"),
    *("saturation", "detail", "composition"),
)


class Shards:
    """The pictures in memory, plain and styled; what a shard holds is the first part of its name (`plain-1.npz`)."""

    KINDS = ("plain", "styled")

    def __init__(self, pattern: str, part: int = 0, parts: int = 1, most: int = 0):
        self.pattern, self.part, self.parts, self.most = pattern, part, parts, most
        self.seen: set[str] = set()
        self.pictures: dict[str, list] = {kind: [] for kind in self.KINDS}

    def refresh(self) -> None:
        """Load shards that are new; of several readers each takes its part of them, and keeps the newest `most` of a kind."""
        for path in sorted(glob.glob(self.pattern)):
            kind = Path(path).name.split("-")[0]
            if path in self.seen or ".part" in path or kind not in self.KINDS:
                continue
            number = sum(map(ord, Path(path).stem.split("-")[-1][-3:])) + len(self.seen)
            self.seen.add(path)
            if self.parts > 1 and number % self.parts != self.part:
                continue
            found = read_shard(path)
            if found is None:
                self.seen.discard(path)
                continue
            specs, data = found
            ends = np.cumsum([2.0 if is_hard(spec) else 1.0 for spec in specs])
            self.pictures[kind].append((data["latents"], data["masks"], specs, ends))
            if self.most and len(self.pictures[kind]) > self.most:
                del self.pictures[kind][0]

    def ready(self) -> bool:
        """Say whether there is anything to draw from."""
        return any(self.pictures.values())

    def sample(self, count: int, styled: float, rng):
        """Return latents, masks and specifications of a random batch of one shape, `styled` of them styled."""
        every = [part for parts in self.pictures.values() for part in parts]
        height, width = every[_by_weight(every, rng)][0].shape[2:]
        parts = {k: [p for p in ps if p[0].shape[2:] == (height, width)] for k, ps in self.pictures.items()}
        rows = []
        for _ in range(count):
            kind = "styled" if (rng.random() < styled or not parts["plain"]) and parts["styled"] else "plain"
            latents, masks, specs, ends = parts[kind][_by_weight(parts[kind], rng)]
            i = int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
            rows.append((latents[i], masks[i], specs[i]))
        latents, masks, specs = zip(*rows)
        return np.stack(latents), np.stack(masks), specs


def is_hard(spec) -> bool:
    """Say whether a picture is of a kind that is learned last, so that it is drawn twice as often.

    Those are subjects of little contrast or much detail, more than one thing, and a single style of fine marks.
    """
    fine = len(spec.styles) == 1 and spec.styles[0][0] in HARD_FACTORS and spec.styles[0][2] == 1
    first = spec.things[0]
    return fine or (not spec.styles and (first.subject in HARD_SUBJECTS or first.count > 1 or len(spec.things) > 1))


def _by_weight(parts, rng) -> int:
    """Return the number of a random shard, those of more and of hard pictures more often."""
    ends = np.cumsum([ends[-1] for *_, ends in parts])
    return int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))


def plan_texts(specs, rng) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return texts, four row numbers a picture (tokens, liked, disliked, pooled) and the degree of the taste.

    One in ten captions is empty. Of the styled pictures, 60% use the personalisation formula with their styles in VP+ and others
    in VP-, and some have style words as their only tokens (the extra rows of the bot's `guidance` mode).
    """
    texts, rows, degrees = [], [], []
    for spec in specs:
        at, draw = len(texts), rng.random() if spec.styles else 1.0
        row, degree = (at, at, at, at), 0.0
        if rng.random() < 0.1:
            texts.append("")
        elif draw < 0.63:
            texts += (
                _formula_texts(spec, rng) if draw < 0.6 else [captions.content(spec, rng), _liked(spec, rng, 0.2), ""]
            )
            row, degree = (at, at + 1, at + 2, at), _degree(spec, rng)
        elif draw < 0.66:
            texts += [captions.content(spec, rng), _liked(spec, rng, 0.2)]
            row = (at + 1, at, at, at)
        elif draw < 0.68:
            texts.append(_liked(spec, rng, 0.2))
        else:
            texts.append(captions.caption(spec, rng))
        rows.append(row)
        degrees.append(degree)
    return texts, np.array(rows), np.array(degrees, np.float32)


def _degree(spec, rng) -> float:
    """Return a beta for a styled picture: the fainter its styles the lower, so that a rising beta strengthens a style."""
    intensity = float(np.mean([strength for _, _, strength in spec.styles]))
    return (
        rng.uniform(0.5, 1.0)
        if intensity == 1
        else float(np.clip(0.1 + 0.5 * intensity + rng.uniform(-0.08, 0.08), 0, 1))
    )


def _liked(spec, rng, neutral: float) -> str:
    return ", ".join(captions.style_list(spec, rng, neutral))


def _formula_texts(spec, rng) -> list[str]:
    """Return prompt, VP+ and VP-; sometimes the prompt itself names some of the styles."""
    liked = captions.style_list(spec, rng, 0.35)
    prompt = captions.content(spec, rng)
    if len(liked) > 1 and rng.random() < 0.25:
        prompt, liked = f"{prompt}, {liked[0]}", liked[1:]
    return [prompt, ", ".join(liked), ", ".join(captions.opposite_list(spec, rng))]


class Batches(IterableDataset):
    """An endless row of batches; with several workers each reads its own part of the shards."""

    def __init__(self, pattern: str, tokenizer: str, count: int, share, most: int = 0):
        self.pattern, self.tokenizer, self.count, self.share, self.most = pattern, tokenizer, count, share, most

    def __iter__(self):
        worker = get_worker_info()
        part, parts = (worker.id, worker.num_workers) if worker else (0, 1)
        rng = np.random.default_rng()
        tokenizer = CLIPTokenizer.from_pretrained(self.tokenizer)
        shards, number = Shards(self.pattern, part, parts, self.most), 0
        while True:
            if number % 25 == 0 or not shards.ready():
                shards.refresh()
                if not shards.ready():  # another reader took the few shards that are there: read them too
                    shards = Shards(self.pattern, most=self.most)
                    shards.refresh()
            if not shards.ready():
                raise FileNotFoundError(f"{self.pattern}: no shard yet (make_data.py writes them)")
            latents, masks, specs = shards.sample(self.count, self.share.value, rng)
            texts, rows, degrees = plan_texts(specs, rng)
            yield (
                torch.from_numpy(latents),
                torch.from_numpy(masks),
                tokenize(tokenizer, texts).to(torch.int32),
                torch.from_numpy(rows),
                torch.from_numpy(degrees),
            )
            number += 1


def loader(dataset: Batches, workers: int) -> DataLoader:
    """Return a loader that makes batches on other processes, or in this one if there are none."""
    options = {"prefetch_factor": 4, "persistent_workers": True} if workers else {}
    return DataLoader(dataset, batch_size=None, num_workers=workers, pin_memory=torch.cuda.is_available(), **options)


class Conditioner:
    """The frozen text encoder: turns token ids into what the UNet sees."""

    def __init__(self, folder: str, tokenizer: str, device: str):
        self.tokenizer = CLIPTokenizer.from_pretrained(tokenizer)
        self.encoder = CLIPTextModelWithProjection.from_pretrained(folder).float().eval().to(device)
        self.device = device

    @torch.no_grad()
    def ids(self, ids: torch.Tensor):
        """Return token and pooled embeddings of token ids."""
        fast = self.device != "cpu" or torch.cpu._is_avx512_bf16_supported()
        with torch.autocast(self.device, torch.bfloat16, enabled=fast):
            tokens, pooled = encode(self.encoder, ids.to(self.device, torch.long))
        return tokens.float(), pooled.float()

    def texts(self, texts: list[str]):
        """Return token and pooled embeddings of some texts."""
        return self.ids(tokenize(self.tokenizer, texts))

    def planned(self, ids, rows, degrees):
        """Return the embeddings of a training batch (see `plan_texts`)."""
        tokens, pooled = self.ids(ids)
        own, liked, disliked, pool = rows.to(self.device).unbind(1)
        degrees = degrees.to(self.device)[:, None]
        mixed = personalise(tokens[own], tokens[liked], tokens[disliked], degrees[:, :, None])
        return mixed, personalise_pooled(pooled[pool], pooled[liked], pooled[disliked], degrees)
