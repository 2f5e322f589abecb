"""Train the text encoder alone, as a reader of captions.

    python train_text.py --tokenizer tok --out text --minutes 8

The pooled embedding has to tell subject and scene and to ignore style words; the mean of the token embeddings has
to tell every style factor, also after the personalisation formula. Diffusion then starts from an encoder that
already separates the words, which a UNet of this size learns far too slowly by itself.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPTokenizer

import captions
from make_data import random_spec
from renderer.picture import STYLES, subjects
from renderer.scenes import SCENES
from text_model import HIDDEN, encode, new_encoder, personalise, tokenize

CONTENT = {"subject": subjects(), "scene": tuple(SCENES)}
FACTORS = {name: (None, *values) for name, values in STYLES.items()}


class Readers(nn.Module):
    """Linear heads: content from the pooled embedding, content and styles from the mean token embedding."""

    def __init__(self):
        super().__init__()
        self.pooled = nn.ModuleDict({k: nn.Linear(HIDDEN, len(v)) for k, v in CONTENT.items()})
        self.tokens = nn.ModuleDict({k: nn.Linear(HIDDEN, len(v)) for k, v in (FACTORS | CONTENT).items()})


def targets(specs, names) -> dict[str, torch.Tensor]:
    """Return the class numbers of some factors for each specification."""
    table = CONTENT | FACTORS
    return {name: torch.tensor([table[name].index(getattr(s, name)) for s in specs]) for name in names}


def reading_loss(heads, embedding, truth, keep=slice(None)) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the summed cross-entropy of some heads and the accuracy of each."""
    total, accuracy = 0.0, {}
    for name, classes in truth.items():
        logits = heads[name](embedding)
        total = total + F.cross_entropy(logits, classes[keep])
        accuracy[name] = (logits.argmax(1) == classes[keep]).float().mean().item()
    return total, accuracy


def losses(encoder, readers, tokenizer, count: int, rng) -> tuple[torch.Tensor, dict]:
    """Return the loss of one random batch and its measures."""
    half = count // 2
    specs = [random_spec("styled" if rng.random() < 0.8 else "plain", rng) for _ in range(count)]
    full = [captions.caption(s, rng) for s in specs]
    bare = [captions.content(s, rng) for s in specs]
    liked = [", ".join(captions.style_list(s, rng, 0.35)) for s in specs[:half]]
    disliked = [", ".join(captions.opposite_list(s, rng)) for s in specs[:half]]
    texts = full + bare + liked + disliked
    length = 0 if rng.random() < 0.12 else 26
    states, pooled = encode(encoder, tokenize(tokenizer, texts, length))
    states, pooled = states.float(), pooled.float()
    of_full, of_bare, of_liked, of_disliked = states.split([count, count, half, half])
    beta = torch.from_numpy(rng.uniform(0.5, 1, (half, 1, 1))).float()
    mixed = personalise(of_bare[:half], of_liked, of_disliked, beta)

    content = targets(specs, CONTENT)
    styles = targets(specs, FACTORS)
    everything = styles | content
    none = {name: torch.zeros_like(classes) for name, classes in styles.items()}
    first = slice(half)
    seen, measures = 0.0, {}
    for label, weight, heads, embedding, truth, keep in (
        ("pooled", 1.0, readers.pooled, pooled[:count], content, slice(None)),
        ("pooled bare", 1.0, readers.pooled, pooled[count : 2 * count], content, slice(None)),
        ("caption", 1.0, readers.tokens, of_full.mean(1), everything, slice(None)),
        ("bare", 0.5, readers.tokens, of_bare.mean(1), none | content, slice(None)),
        ("list", 0.5, readers.tokens, of_liked.mean(1), styles, first),
        ("mixed", 1.0, readers.tokens, mixed.mean(1), styles, first),
    ):
        loss, accuracy = reading_loss(heads, embedding, truth, keep)
        seen = seen + weight * loss
        measures[label] = accuracy
    gap = F.mse_loss(pooled[:count], pooled[count : 2 * count])
    size = (states.pow(2).mean(-1).sqrt() - 1).pow(2).mean() + (pooled.pow(2).mean(-1).sqrt() - 1).pow(2).mean()
    measures["invariance gap"] = gap.item()
    return seen + 3.0 * gap + 0.1 * size, measures


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    tokenizer = CLIPTokenizer.from_pretrained(args.tokenizer)
    encoder, readers = new_encoder(tokenizer).train(), Readers()
    parameters = [*encoder.parameters(), *readers.parameters()]
    print(f"{sum(p.numel() for p in encoder.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimizer = torch.optim.AdamW(parameters, args.rate, betas=(0.9, 0.98), weight_decay=0.01)
    start, step = time.time(), 0
    while (spent := (time.time() - start) / 60 / args.minutes) < 1:
        for group in optimizer.param_groups:
            group["lr"] = args.rate * min(1, (step + 1) / 60) * min(1, max(0.02, (1 - spent) / 0.5))
        with torch.autocast("cpu", torch.bfloat16):
            loss, measures = losses(encoder, readers, tokenizer, args.batch, rng)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 50 == 0:
            print(step, f"{time.time() - start:.0f}s loss {loss.item():.3f}", _short(measures), flush=True)
    encoder.eval()
    encoder.save_pretrained(args.out)
    torch.save(readers.state_dict(), Path(args.out) / "readers.pt")
    rng = np.random.default_rng(12345)
    with torch.no_grad():
        runs = [_flat(losses(encoder, readers, tokenizer, 64, rng)[1]) for _ in range(12)]
    result = {key: round(float(np.mean([run[key] for run in runs])), 4) for key in runs[0]}
    print(json.dumps(result, indent=1))


def _flat(measures: dict) -> dict:
    return {
        f"{label} {name}".strip(): value
        for label, group in measures.items()
        for name, value in (group.items() if isinstance(group, dict) else [("", group)])
    }


def _short(measures: dict) -> str:
    parts = [f"{k} {np.mean(list(v.values())) if isinstance(v, dict) else v:.3f}" for k, v in measures.items()]
    return ", ".join(parts)


if __name__ == "__main__":
    main()
