"""Train the UNet on cached latents with a frozen text encoder.

    python train_unet.py --text text --data 'data/*.npz' --out unet --minutes 95

Runs on one CPU core in bfloat16 (`--device cuda` on a GPU). Shards that appear while it runs are picked up. A
checkpoint `state.pt` is written every few minutes and on SIGTERM, and continued from when the command is run again. The log shows
the loss on held-out pictures with the right subject word, a wrong one and wrong style words: the gaps are what has
to grow.
"""

import argparse
import glob
import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

import captions
from optimizer import MasterOptimizer
from renderer.picture import Spec, subjects
from text_model import encode, personalise, tokenize
from unet_model import new_schedule, new_unet, time_ids

MASK_WEIGHT = 4.0


class Shards:
    """The pictures in memory: square ones, plain and styled, and those of other shapes.

    What a shard holds is the first part of its name: `plain-1.npz`, `styled-1.npz`, `wide-1.npz`, `tall-1.npz`.
    """

    SQUARE, OTHER = ("plain", "styled"), ("wide", "tall")
    # Grey or white on pale, or full of detail: learned last, so drawn twice as often.
    HARD = ("elephant", "rabbit", "robot", "snowman", "castle", "panda", "lighthouse", "octopus", "horse", "penguin")

    def __init__(self, pattern: str):
        self.pattern, self.seen = pattern, set()
        self.parts: dict[str, list] = {}

    def refresh(self) -> None:
        """Load shards that are new."""
        for path in sorted(glob.glob(self.pattern)):
            name = Path(path).name
            kind = name.split("-")[0]
            if path in self.seen or "part" in name or kind not in self.SQUARE + self.OTHER:
                continue
            self.seen.add(path)
            data = np.load(path)
            specs = [Spec(**s) for s in json.loads(str(data["specs"]))]
            self.parts.setdefault(kind, []).append((data["latents"], data["masks"], specs))
            print("loaded", name, len(specs), flush=True)

    def sample(self, count: int, styled: float, other: float, rng):
        """Return latents, masks and specifications of a random batch.

        `styled` is the share of styled pictures in a square batch, `other` the chance of a batch of another shape.
        """
        shapes = [kind for kind in self.OTHER if kind in self.parts]
        shape = str(rng.choice(shapes)) if shapes and rng.random() < other else None
        rows = []
        for _ in range(count):
            kind = shape or ("styled" if rng.random() < styled and "styled" in self.parts else "plain")
            latents, masks, specs = self._part(kind, rng)
            picks = rng.integers(len(specs), size=2)
            i = int(picks[0] if specs[picks[0]].subject in self.HARD else picks[1])
            rows.append((latents[i], masks[i], specs[i]))
        latents, masks, specs = zip(*rows)
        return torch.from_numpy(np.stack(latents)).float(), torch.from_numpy(np.stack(masks)).float() / 255, specs

    def _part(self, kind: str, rng):
        parts = self.parts[kind]
        sizes = np.array([len(specs) for _, _, specs in parts], float)
        return parts[int(rng.choice(len(parts), p=sizes / sizes.sum()))]


class Conditioner:
    """Turns specifications into what the UNet sees: token and pooled embeddings, in all the ways of the bot."""

    def __init__(self, folder: str, tokenizer: str, device: str):
        self.tokenizer = CLIPTokenizer.from_pretrained(tokenizer)
        self.encoder = CLIPTextModelWithProjection.from_pretrained(folder).eval().to(device)
        self.device = device

    @torch.no_grad()
    def texts(self, texts: list[str]):
        """Return token and pooled embeddings of some texts."""
        with torch.autocast(self.device, torch.bfloat16):
            tokens, pooled = encode(self.encoder, tokenize(self.tokenizer, texts).to(self.device))
        return tokens.float(), pooled.float()

    def training(self, specs, rng):
        """Return embeddings for a training batch.

        One in ten captions is empty. Of the styled pictures, 30% use the personalisation formula with their styles
        in VP+ and others in VP-, and some have style words as their only tokens (the extra rows of the bot's
        `guidance` mode).
        """
        plans, texts = [], []
        for spec in specs:
            draw = rng.random() if spec.styles() else 1.0
            if rng.random() < 0.1:
                plans.append(("as is", len(texts)))
                texts.append("")
            elif draw < 0.3:
                plans.append(("formula", len(texts)))
                texts += self._formula_texts(spec, rng)
            elif draw < 0.42:
                plans.append(("formula" if draw < 0.33 else "list" if draw < 0.39 else "as is", len(texts)))
                liked = ", ".join(captions.style_list(spec, rng, 0.2))
                bare = captions.content(spec, rng)
                texts += [bare, liked, ""] if draw < 0.33 else [bare, liked] if draw < 0.39 else [liked]
            else:
                plans.append(("as is", len(texts)))
                texts.append(captions.caption(spec, rng))
        tokens, pooled = self.texts(texts)
        chosen = []
        for kind, at in plans:
            if kind == "formula":
                beta = rng.uniform(0.5, 1.0)
                chosen.append(personalise(tokens[at], tokens[at + 1], tokens[at + 2], beta))
            else:
                chosen.append(tokens[at + 1] if kind == "list" else tokens[at])
        return torch.stack(chosen), pooled[[at for _, at in plans]]

    @staticmethod
    def _formula_texts(spec, rng) -> list[str]:
        """Return prompt, VP+ and VP-; sometimes the prompt itself names some of the styles."""
        liked = captions.style_list(spec, rng, 0.35)
        prompt = captions.content(spec, rng)
        if len(liked) > 1 and rng.random() < 0.25:
            prompt, liked = f"{prompt}, {liked[0]}", liked[1:]
        return [prompt, ", ".join(liked), ", ".join(captions.opposite_list(spec, rng))]


def noise_steps(count: int, generator=None) -> torch.Tensor:
    """Return timesteps: stratified uniform, with three in ten moved to the noisy end, where the subject is decided."""
    steps = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    steps = steps[torch.randperm(count, generator=generator)]
    noisy = torch.rand(count, generator=generator) < 0.3
    return (torch.where(noisy, 0.5 + 0.5 * steps, steps) * 1000).long().clamp(0, 999)


def velocity_loss(unet, latents, masks, tokens, pooled, alphas, steps, noise):
    """Return the v-prediction loss of each sample, the subject's cells weighted up."""
    alpha = alphas[steps][:, None, None, None]
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    target = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    dtype = unet.dtype
    height, width = (8 * size for size in latents.shape[2:])
    extra = {
        "text_embeds": pooled.to(dtype),
        "time_ids": time_ids(len(latents), height, width).to(latents.device, dtype),
    }
    noisy = noisy.to(dtype).contiguous(memory_format=torch.channels_last)
    guess = unet(noisy, steps, tokens.to(dtype), added_cond_kwargs=extra).sample.float()
    weight = 1 + (MASK_WEIGHT - 1) * masks[:, None]
    return ((guess - target) ** 2 * weight).mean((1, 2, 3)) / weight.mean((1, 2, 3))


class Probe:
    """Measures the gap between right and wrong words on held-out pictures, with fixed noise and steps."""

    def __init__(self, pattern: str, conditioner: Conditioner, count: int = 96):
        self.sets = {}
        for kind in ("plain", "styled"):
            data = np.load(pattern.format(kind))
            specs = [Spec(**s) for s in json.loads(str(data["specs"]))[:count]]
            latents = torch.from_numpy(data["latents"][:count]).float()
            masks = torch.from_numpy(data["masks"][:count]).float() / 255
            draw = torch.Generator().manual_seed(7)
            noise = torch.randn(latents.shape, generator=draw)
            steps = (torch.arange(count) * 1000 // count).clamp(max=999)
            texts = {"right": [self._text(s) for s in specs]}
            nouns = subjects()
            wrong = [nouns[(nouns.index(s.subject) + 7 + 3 * i) % len(nouns)] for i, s in enumerate(specs)]
            texts["wrong subject"] = [self._text(Spec(**(vars(s) | {"subject": w}))) for s, w in zip(specs, wrong)]
            if kind == "styled":
                texts["wrong style"] = [self._text(s, specs[i - 1]) for i, s in enumerate(specs)]
            conditions = {name: conditioner.texts(lines) for name, lines in texts.items()}
            self.sets[kind] = (latents, masks, noise, steps, conditions)

    @staticmethod
    def _text(spec: Spec, style_of: Spec | None = None) -> str:
        rng = np.random.default_rng(1)
        words = captions.style_words()
        styles = (style_of or spec).styles()
        return ", ".join([captions.content(spec, rng, wild=False), *(words[f][v][0] for f, v in styles.items())])

    @torch.no_grad()
    def measure(self, unet, alphas) -> dict[str, float]:
        """Return the losses by kind and wording."""
        device = alphas.device
        result = {}
        for kind, (latents, masks, noise, steps, conditions) in self.sets.items():
            for name, (tokens, pooled) in conditions.items():
                rows = [t.to(device) for t in (latents, masks, tokens, pooled)]
                loss = velocity_loss(unet, *rows, alphas, steps.to(device), noise.to(device))
                result[f"{kind} {name}"] = round(loss.mean().item(), 4)
        return result


def save(out: Path, unet, optimizer, spent: float) -> None:
    """Write the checkpoint, the averaged weights and the last ones, each in one step."""
    out.mkdir(parents=True, exist_ok=True)
    torch.save({"optimizer": optimizer.state(), "spent": spent}, out / "state.part")
    os.replace(out / "state.part", out / "state.pt")
    torch.save(optimizer.averaged(), out / "average.part")
    os.replace(out / "average.part", out / "average.pt")
    torch.save(dict(zip(optimizer.names, optimizer.masters)), out / "last.part")
    os.replace(out / "last.part", out / "last.pt")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--data", default="data/*.npz")
    parser.add_argument("--valid", default="data/valid-{}.npz")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=95, help="of the whole schedule, over all restarts")
    parser.add_argument("--stop-after", type=float, default=1e9, help="minutes after which this run pauses")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--muon-rate", type=float, default=0.02, help="0 uses Adam for everything")
    parser.add_argument("--plain-until", type=float, default=0.2, help="part of the schedule with plain pictures only")
    parser.add_argument("--styled", type=float, default=0.6, help="share of styled pictures after that")
    parser.add_argument("--other", type=float, default=0.08, help="share of wide and tall batches after that")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(int(time.time()))
    rng = np.random.default_rng()
    out, device = Path(args.out), args.device
    conditioner = Conditioner(args.text, args.tokenizer, device)
    unet = new_unet().to(device, memory_format=torch.channels_last)
    optimizer = MasterOptimizer(list(unet.named_parameters()), args.rate, args.muon_rate)
    unet.bfloat16()
    optimizer.weights = tuple(unet.parameters())
    if device == "cpu":
        unet.set_attn_processor(AttnProcessor())  # flash attention's backward pass is slow on a CPU
    before = 0.0
    if (out / "state.pt").exists():
        state = torch.load(out / "state.pt", map_location=device)
        optimizer.load(state["optimizer"])
        before = state["spent"]
    alphas = new_schedule().alphas_cumprod.to(device)
    shards, probe = Shards(args.data), None
    print(f"{sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M parameters", flush=True)
    start = saved = time.time()
    mean_loss, samples = None, 0
    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    while True:
        spent = before + (time.time() - start) / 60
        if spent >= args.minutes or spent - before >= args.stop_after or asked_to_stop:
            break
        if optimizer.steps % 25 == 0 or not shards.seen:
            shards.refresh()
        progress = spent / args.minutes
        share, other = (0.0, 0.0) if progress < args.plain_until else (args.styled, args.other)
        latents, masks, specs = shards.sample(args.batch, share, other, rng)
        tokens, pooled = conditioner.training(specs, rng)
        noise = torch.randn_like(latents)
        rows = [t.to(device) for t in (latents, masks, tokens, pooled)]
        steps = noise_steps(args.batch).to(device)
        loss = velocity_loss(unet, *rows, alphas, steps, noise.to(device)).mean()
        loss.backward()
        scale = min(1, (optimizer.steps + 1) / 50) * min(1, max(0.02, (1 - progress) / 0.45))
        norm = optimizer.step(scale)
        samples += args.batch
        mean_loss = loss.item() if mean_loss is None else 0.98 * mean_loss + 0.02 * loss.item()
        if optimizer.steps % 50 == 0:
            rate = samples / (time.time() - start)
            print(f"{optimizer.steps} {spent:.1f}min loss {mean_loss:.4f} norm {norm:.2f} {rate:.1f}/s", flush=True)
        if optimizer.steps % 250 == 100 and all(os.path.exists(args.valid.format(k)) for k in ("plain", "styled")):
            probe = probe or Probe(args.valid, conditioner)
            print("  probe", probe.measure(unet, alphas), flush=True)
        if time.time() - saved > 240:
            save(out, unet, optimizer, spent)
            saved = time.time()
    save(out, unet, optimizer, spent)
    print("done", optimizer.steps, "steps", flush=True)


if __name__ == "__main__":
    main()
