"""Train the text encoder alone, as a reader of captions.

    python train_text.py --tokenizer ../assets/model/tokenizer_2 --start ../assets/model/text_encoder_2 --out text --minutes 8

The pooled embedding has to tell things, their number and colours, scene, time and weather, and what the first thing looks like
(visual_code.py); and to ignore style words. The mean of the token embeddings has to tell every style factor, also after the
personalisation formula. Diffusion then starts from an encoder that already separates the words, which a UNet of this size
learns far too slowly by itself. With `--start` the encoder begins as a trained one and `--keep` of the loss holds it to that
one's embeddings on the captions it knew, so that a UNet trained with it goes on working.
"""

import argparse
import copy
import json
import os
import signal
import time
from pathlib import Path

import captions
import numpy as np
import torch
import torch.nn.functional as F
from make_data import FIRST_STYLES, FIRST_SUBJECTS, random_spec
from near import with_near_word
from optimizer import MasterOptimizer
from renderer.picture import COLOURS, SCENES, STYLES, Spec, Thing, subjects
from renderer.weather import TIMES, WEATHERS
from text_model import HIDDEN, encode, new_encoder, personalise, tokenize
from torch import nn
from transformers import CLIPTextModelWithProjection, CLIPTokenizer
from visual_code import CODE, visual_codes

NOTHING = None
CONTENT = {
    "subject": subjects(),
    "second": (NOTHING, *subjects()),
    "count": (1, 2, 3),
    "colour": (NOTHING, *COLOURS),
    "scene": tuple(SCENES),
    "time": (NOTHING, *TIMES),
    "weather": (NOTHING, *WEATHERS),
}
FACTORS = {name: (NOTHING, *values) for name, values in STYLES.items()}
# The scenes that the first released encoder knew.
FIRST_SCENES = ("plain", "sea", "meadow", "mountains", "beach", "forest", "night", "desert", "snow", "city")
SHORT = 32
SAVE_SECONDS = 240


class Readers(nn.Module):
    """Linear heads: content and looks from the pooled embedding, content and styles from the mean token embedding."""

    def __init__(self):
        super().__init__()
        self.pooled = nn.ModuleDict({k: nn.Linear(HIDDEN, len(v)) for k, v in CONTENT.items()})
        self.tokens = nn.ModuleDict({k: nn.Linear(HIDDEN, len(v)) for k, v in (FACTORS | CONTENT).items()})
        self.looks = nn.Linear(HIDDEN, CODE)


def value_of(spec: Spec, name: str):
    """Return what a specification has for a content or style factor."""
    first = spec.things[0]
    if name == "second":
        return spec.things[1].subject if len(spec.things) > 1 else NOTHING
    if name in ("subject", "count", "colour"):
        return getattr(first, name)
    if name in CONTENT:
        return getattr(spec, name)
    style = spec.style(name)
    return style[0] if style else NOTHING


def targets(specs, names) -> dict[str, torch.Tensor]:
    """Return the class numbers of some factors for each specification."""
    table = CONTENT | FACTORS
    return {name: torch.tensor([table[name].index(value_of(s, name)) for s in specs]) for name in names}


def reading_loss(heads, embedding, truth, keep=slice(None)) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the summed cross-entropy of some heads and the accuracy of each."""
    total, accuracy = 0.0, {}
    for name, classes in truth.items():
        logits = heads[name](embedding)
        classes = classes[keep].to(embedding.device)
        total = total + F.cross_entropy(logits, classes)
        accuracy[name] = (logits.argmax(1) == classes).float().mean()
    return total, accuracy


def losses(encoder, readers, tokenizer, count: int, rng) -> tuple[torch.Tensor, dict]:
    """Return the loss of one random batch and its measures."""
    device = readers.looks.weight.device
    half = count // 2
    specs = [random_spec("styled" if rng.random() < 0.75 else "plain", rng, simple=0.4) for _ in range(count)]
    full = [with_near_word(captions.caption(s, rng), s.things[0].subject, rng) for s in specs]
    bare = [with_near_word(captions.content(s, rng), s.things[0].subject, rng) for s in specs]
    liked = [", ".join(captions.style_list(s, rng, 0.35)) for s in specs[:half]]
    disliked = [", ".join(captions.opposite_list(s, rng)) for s in specs[:half]]
    length = 0 if rng.random() < 0.15 else SHORT
    states, pooled = encode(encoder, tokenize(tokenizer, full + bare + liked + disliked, length).to(device))
    states, pooled = states.float(), pooled.float()
    of_full, of_bare, of_liked, of_disliked = states.split([count, count, half, half])
    beta = torch.from_numpy(rng.uniform(0.5, 1, (half, 1, 1))).float().to(device)
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
    looks = torch.from_numpy(visual_codes()[[CONTENT["subject"].index(s.things[0].subject) for s in specs]]).to(device)
    missed = sum(F.mse_loss(readers.looks(pooled[k * count : (k + 1) * count]), looks) for k in (0, 1)) / 2
    gap = F.mse_loss(pooled[:count], pooled[count : 2 * count])
    size = (states.pow(2).mean(-1).sqrt() - 1).pow(2).mean() + (pooled.pow(2).mean(-1).sqrt() - 1).pow(2).mean()
    measures |= {"invariance gap": gap.detach(), "looks missed": missed.detach()}
    return seen + 3.0 * gap + 4.0 * missed + 0.1 * size, measures


def first_caption(rng) -> str:
    """Return a caption of what the first released model knew, in its main words."""
    scene = FIRST_SCENES[int(rng.integers(len(FIRST_SCENES)))] if rng.random() < 0.6 else "plain"
    body = captions.content(
        Spec((Thing(FIRST_SUBJECTS[int(rng.integers(len(FIRST_SUBJECTS)))]),), scene=scene), rng, wild=False
    )
    words = [w[0] for values in captions.style_words().values() for v, w in values.items() if v in FIRST_STYLES]
    chosen = [words[i] for i in rng.choice(len(words), int(rng.integers(0, 4)), replace=False)]
    if rng.random() < 0.15:
        return ", ".join(chosen)
    return ", ".join([body, *chosen])


def keeping_loss(encoder, teacher, tokenizer, count: int, rng) -> torch.Tensor:
    """Return how far the encoder is from the one it began as, on captions that one knew."""
    device = next(encoder.parameters()).device
    ids = tokenize(tokenizer, [first_caption(rng) for _ in range(count)], 0 if rng.random() < 0.3 else SHORT).to(device)
    with torch.no_grad():
        states, pooled = encode(teacher, ids)
    own_states, own_pooled = encode(encoder, ids)
    return F.mse_loss(own_states.float(), states.float()) + F.mse_loss(own_pooled.float(), pooled.float())


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--start", help="a trained text encoder to begin with")
    parser.add_argument("--keep", type=float, default=0.0, help="weight of staying near it on what it knew")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=8, help="of the whole schedule, over all restarts")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--muon-rate", type=float, default=0.02, help="0 uses Adam for everything")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = CLIPTokenizer.from_pretrained(args.tokenizer)
    begun = CLIPTextModelWithProjection.from_pretrained(args.start).float() if args.start else new_encoder(tokenizer)
    teacher = copy.deepcopy(begun).eval().to(args.device) if args.keep else None
    encoder, readers = begun.train().to(args.device), Readers().to(args.device)
    named = [*encoder.named_parameters(), *((f"readers.{name}", weight) for name, weight in readers.named_parameters())]
    print(f"{sum(p.numel() for p in encoder.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimizer = MasterOptimizer(named, args.rate, args.muon_rate)
    before = 0.0
    if (out / "state.pt").exists():
        state = torch.load(out / "state.pt", map_location=args.device)
        optimizer.load(state["optimizer"])
        before = state["spent"]
    rng = np.random.default_rng(optimizer.steps)
    start = written = time.time()
    fast = args.device != "cpu" or torch.cpu._is_avx512_bf16_supported()
    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    while (progress := (spent := before + (time.time() - start) / 60) / args.minutes) < 1 and not asked_to_stop:
        scale = min(1, (optimizer.steps + 1) / 60) * min(1, max(0.02, (1 - progress) / 0.5))
        with torch.autocast(args.device, torch.bfloat16, enabled=fast):
            loss, measures = losses(encoder, readers, tokenizer, args.batch, rng)
            if teacher is not None:
                kept = keeping_loss(encoder, teacher, tokenizer, args.batch, rng)
                measures["kept"] = kept.detach()
                loss = loss + args.keep * kept
        loss.backward()
        optimizer.step(scale)
        if optimizer.steps % 25 == 0:
            print(optimizer.steps, f"{spent:.1f}min loss {loss.item():.3f}", _short(measures), flush=True)
        if time.time() - written > SAVE_SECONDS:
            save(out, encoder, readers, optimizer, spent)
            written = time.time()
    save(out, encoder, readers, optimizer, before + (time.time() - start) / 60)
    if not asked_to_stop:
        report(out, encoder.eval(), readers, tokenizer)


def save(out: Path, encoder, readers, optimizer, spent: float) -> None:
    """Write the encoder, its readers and the checkpoint."""
    encoder.save_pretrained(out)
    torch.save(readers.state_dict(), out / "readers.pt")
    torch.save({"optimizer": optimizer.state(), "spent": spent}, out / "state.part")
    os.replace(out / "state.part", out / "state.pt")


def report(out: Path, encoder, readers, tokenizer) -> None:
    """Print and keep the accuracy of every reader on fresh captions."""
    rng = np.random.default_rng(12345)
    with torch.no_grad():
        runs = [_flat(losses(encoder, readers, tokenizer, 64, rng)[1]) for _ in range(8)]
    result = {key: round(float(np.mean([run[key] for run in runs])), 4) for key in runs[0]}
    (out / "report.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def _flat(measures: dict) -> dict:
    return {
        f"{label} {name}".strip(): float(value)
        for label, group in measures.items()
        for name, value in (group.items() if isinstance(group, dict) else [("", group)])
    }


def _short(measures: dict) -> str:
    means = {
        k: np.mean([float(x) for x in v.values()]) if isinstance(v, dict) else float(v) for k, v in measures.items()
    }
    return ", ".join(f"{k} {v:.3f}" for k, v in means.items())


if __name__ == "__main__":
    main()
