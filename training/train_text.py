"""Train the text encoder alone, as a reader of captions.

    python train_text.py --tokenizer ../assets/model/tokenizer_2 --start ../assets/model/text_encoder_2 --out text --minutes 8

The first half of the pooled embedding has to tell things, their number and colours, scene, time and weather, and what the first
thing looks like (visual_code.py), and to ignore style words; the second half has to tell the styles. The mean of the token embeddings
has to tell every style factor. Styles have to be told after the personalisation formula too. Diffusion then starts from an encoder
that already separates the words, which a UNet of this size learns far too slowly by itself. With `--start` the encoder begins as a
trained one and `--keep` of the loss holds it to that one's embeddings on the captions it knew, so that a UNet trained with it goes on
working. With `--styles-only` nothing is learned but the second half: only the last layer and the projection change, which the token
embeddings do not go through, and the first half is held to what it was.
"""

import argparse
import copy
import functools
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
from text_model import HIDDEN, encode, new_encoder, personalise, personalise_pooled, tokenize, with_style_half
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
    """Linear heads: content and looks from the first half of the pooled embedding, styles from the second, both from tokens."""

    def __init__(self):
        super().__init__()
        self.pooled = nn.ModuleDict({k: nn.Linear(HIDDEN, len(v)) for k, v in CONTENT.items()})
        self.styles = nn.ModuleDict({k: nn.Linear(HIDDEN, len(v)) for k, v in FACTORS.items()})
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


class Texts:
    """Random captions with their specifications, and what an encoder makes of them and of the tastes that go with half of them."""

    def __init__(self, encoder, tokenizer, count: int, rng, device):
        half = count // 2
        self.specs = [random_spec("styled" if rng.random() < 0.75 else "plain", rng, simple=0.4) for _ in range(count)]
        nouns = [spec.things[0].subject for spec in self.specs]
        full = [with_near_word(captions.caption(s, rng), noun, rng) for s, noun in zip(self.specs, nouns)]
        bare = [with_near_word(captions.content(s, rng), noun, rng) for s, noun in zip(self.specs, nouns)]
        liked = [", ".join(captions.style_list(s, rng, 0.35)) for s in self.specs[:half]]
        disliked = [", ".join(captions.opposite_list(s, rng)) for s in self.specs[:half]]
        length = 0 if rng.random() < 0.15 else SHORT
        self.ids = tokenize(tokenizer, full + bare + liked + disliked, length).to(device)
        states, pooled = encode(encoder, self.ids)
        self.parts = [count, count, half, half]
        self.states, self.pooled = states.float(), pooled.float()
        self.styles = targets(self.specs, FACTORS)
        self.none = {name: torch.zeros_like(classes) for name, classes in self.styles.items()}
        self.beta = torch.from_numpy(rng.uniform(0.5, 1, (half, 1))).float().to(device)


def style_terms(texts: Texts, readers):
    """Return what has to be read from the second half of the pooled embedding, as rows for `read`."""
    full, bare, liked, disliked = texts.pooled[:, HIDDEN:].split(texts.parts)
    first = slice(len(liked))
    mixed = personalise_pooled(bare[first], liked, disliked, texts.beta)
    return (
        ("pooled styles", 1.0, readers.styles, full, texts.styles, slice(None)),
        ("pooled no styles", 0.5, readers.styles, bare, texts.none, slice(None)),
        ("pooled list", 0.5, readers.styles, liked, texts.styles, first),
        ("pooled mixed", 1.0, readers.styles, mixed, texts.styles, first),
    )


def read(terms) -> tuple[torch.Tensor, dict]:
    """Return the summed loss of rows (label, weight, heads, embedding, truth, rows that count) and the accuracies."""
    seen, measures = 0.0, {}
    for label, weight, heads, embedding, truth, keep in terms:
        loss, accuracy = reading_loss(heads, embedding, truth, keep)
        seen = seen + weight * loss
        measures[label] = accuracy
    return seen, measures


def steady(texts: Texts) -> torch.Tensor:
    """Return how much the first half of the pooled embedding differs among lists of styles, which say nothing of content."""
    lists = texts.pooled[:, :HIDDEN].split(texts.parts)
    lists = torch.cat(lists[2:])
    return (lists - lists.mean(0)).pow(2).mean()


def losses(encoder, readers, tokenizer, count: int, rng) -> tuple[torch.Tensor, dict]:
    """Return the loss of one random batch and its measures."""
    device = readers.looks.weight.device
    texts = Texts(encoder, tokenizer, count, rng, device)
    of_full, of_bare, of_liked, of_disliked = texts.states.split(texts.parts)
    first = slice(len(of_liked))
    mixed = personalise(of_bare[first], of_liked, of_disliked, texts.beta[:, :, None])
    subject, bare_subject = texts.pooled[:, :HIDDEN].split(texts.parts)[:2]
    content = targets(texts.specs, CONTENT)
    everything = texts.styles | content
    seen, measures = read(
        (
            ("pooled", 1.0, readers.pooled, subject, content, slice(None)),
            ("pooled bare", 1.0, readers.pooled, bare_subject, content, slice(None)),
            ("caption", 1.0, readers.tokens, of_full.mean(1), everything, slice(None)),
            ("bare", 0.5, readers.tokens, of_bare.mean(1), texts.none | content, slice(None)),
            ("list", 0.5, readers.tokens, of_liked.mean(1), texts.styles, first),
            ("mixed", 1.0, readers.tokens, mixed.mean(1), texts.styles, first),
            *style_terms(texts, readers),
        )
    )
    nouns = [CONTENT["subject"].index(s.things[0].subject) for s in texts.specs]
    looks = torch.from_numpy(visual_codes()[nouns]).to(device)
    missed = sum(F.mse_loss(readers.looks(part), looks) for part in (subject, bare_subject)) / 2
    gap = F.mse_loss(subject, bare_subject)
    length = (texts.states.pow(2).mean(-1).sqrt() - 1).pow(2).mean()
    size = length + (texts.pooled.pow(2).mean(-1).sqrt() - 1).pow(2).mean()
    measures |= {"invariance gap": gap.detach(), "looks missed": missed.detach()}
    return seen + 3.0 * gap + 3.0 * steady(texts) + 4.0 * missed + 0.1 * size, measures


def style_losses(encoder, readers, tokenizer, count: int, rng, teacher) -> tuple[torch.Tensor, dict]:
    """Return the loss of one random batch for the second half of the pooled embedding alone, and its measures."""
    texts = Texts(encoder, tokenizer, count, rng, readers.looks.weight.device)
    seen, measures = read(style_terms(texts, readers))
    with torch.no_grad():
        before = encode(teacher, texts.ids[: 2 * count])[1].float()
    kept = F.mse_loss(texts.pooled[: 2 * count, :HIDDEN], before[:, :HIDDEN])
    size = (texts.pooled[:, HIDDEN:].pow(2).mean(-1).sqrt() - 1).pow(2).mean()
    lists = steady(texts)
    measures |= {"kept": kept.detach(), "steady": lists.detach()}
    return seen + 200.0 * kept + 10.0 * lists + 0.1 * size, measures


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
    own_pooled = own_pooled[:, : pooled.shape[1]].float()  # without the half for styles, if it began without
    return F.mse_loss(own_states.float(), states.float()) + F.mse_loss(own_pooled, pooled.float())


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--start", help="a trained text encoder to begin with")
    parser.add_argument("--keep", type=float, default=0.0, help="weight of staying near it on what it knew")
    parser.add_argument(
        "--styles-only", action="store_true", help="learn the second half of the pooled embedding alone"
    )
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
    teacher = copy.deepcopy(begun).eval().to(args.device) if args.keep or args.styles_only else None
    begun = with_style_half(begun)
    if args.styles_only:
        begun.requires_grad_(False)
        for part in (begun.text_model.encoder.layers[-1], begun.text_model.final_layer_norm, begun.text_projection):
            part.requires_grad_(True)
    encoder, readers = begun.train().to(args.device), Readers().to(args.device)
    own = readers.styles if args.styles_only else readers
    named = [(name, weight) for name, weight in encoder.named_parameters() if weight.requires_grad]
    named += [(f"readers.{name}", weight) for name, weight in own.named_parameters()]
    print(f"{sum(p.numel() for p in encoder.parameters()) / 1e6:.2f} M parameters", flush=True)
    optimizer = MasterOptimizer(named, args.rate, args.muon_rate)
    before = 0.0
    if (out / "state.pt").exists():
        state = torch.load(out / "state.pt", map_location=args.device)
        optimizer.load(state["optimizer"])
        before = state["spent"]
    batch_losses = functools.partial(style_losses, teacher=teacher) if args.styles_only else losses
    rng = np.random.default_rng(optimizer.steps)
    start = written = time.time()
    fast = args.device != "cpu" or torch.cpu._is_avx512_bf16_supported()
    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    while (progress := (spent := before + (time.time() - start) / 60) / args.minutes) < 1 and not asked_to_stop:
        scale = min(1, (optimizer.steps + 1) / 60) * min(1, max(0.02, (1 - progress) / 0.5))
        with torch.autocast(args.device, torch.bfloat16, enabled=fast):
            loss, measures = batch_losses(encoder, readers, tokenizer, args.batch, rng)
            if args.keep:
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
        report(out, lambda rng: batch_losses(encoder.eval(), readers, tokenizer, 64, rng)[1])


def save(out: Path, encoder, readers, optimizer, spent: float) -> None:
    """Write the encoder, its readers and the checkpoint."""
    encoder.save_pretrained(out)
    torch.save(readers.state_dict(), out / "readers.pt")
    torch.save({"optimizer": optimizer.state(), "spent": spent}, out / "state.part")
    os.replace(out / "state.part", out / "state.pt")


def report(out: Path, measured) -> None:
    """Print and keep the accuracy of every reader on fresh captions; `measured` makes a batch with a generator and reads it."""
    rng = np.random.default_rng(12345)
    with torch.no_grad():
        runs = [_flat(measured(rng)) for _ in range(8)]
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
