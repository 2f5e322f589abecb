"""Train the UNet on cached latents with a frozen text encoder.

    python train_unet.py --text text --tokenizer tok --data 'data/*.npz' --out unet --minutes 95

bfloat16 with float32 masters on a GPU (`--device cuda`, where `--compile` and `--workers` help too) and on a CPU that multiplies
bfloat16, float32 on others. `--start`
begins with a released UNet. Shards that appear while it runs are picked up. A checkpoint `state.pt` is written every few minutes
and on SIGTERM, and continued from when the command is run again, with a sheet of drawn pictures (`sheet-*.png`) beside it. The log
shows the loss on held-out pictures with the right subject word, a wrong one and wrong style words: the gaps are what has to grow.
"""

import argparse
import multiprocessing
import os
import signal
import time
from pathlib import Path

import captions
import numpy as np
import torch
from batches import Batches, Conditioner, loader
from codec import RELEASED, PatchCodec
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from make_data import FIRST_SUBJECTS, read_shard, some_subjects
from optimizer import MasterOptimizer
from PIL import Image
from renderer.picture import Spec, Thing
from unet_model import LATENT_CHANNELS, denoise, half_precision, new_schedule, new_unet, time_ids, with_style_half

MASK_WEIGHT = 2.0
SAVE_SECONDS = 240


def noise_steps(count: int, device, generator=None) -> torch.Tensor:
    """Return timesteps: stratified uniform, with 15 of 100 moved to the noisy end, where the subject is decided."""
    steps = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    steps = steps[torch.randperm(count, generator=generator)]
    noisy = torch.rand(count, generator=generator) < 0.15
    return (torch.where(noisy, 0.5 + 0.5 * steps, steps) * 1000).long().clamp(0, 999).to(device)


def velocity_loss(unet, latents, masks, tokens, pooled, alphas, steps, noise, told: int):
    """Return the v-prediction loss of each sample, the subject's cells weighted up; the UNet is told a square of side `told`."""
    alpha = alphas[steps][:, None, None, None]
    noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
    target = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
    dtype = next(unet.parameters()).dtype
    extra = {
        "text_embeds": pooled.to(dtype),
        "time_ids": time_ids(len(latents), told, told).to(latents.device, dtype),
    }
    noisy = noisy.to(dtype).contiguous(memory_format=torch.channels_last)
    guess = unet(noisy, steps, tokens.to(dtype), added_cond_kwargs=extra).sample.float()
    weight = 1 + (MASK_WEIGHT - 1) * masks[:, None]
    return ((guess - target) ** 2 * weight).mean((1, 2, 3)) / weight.mean((1, 2, 3))


class Probe:
    """Measures the gap between right and wrong words on held-out pictures, with fixed noise and steps.

    The first released model's subjects and the others are measured apart.
    """

    def __init__(self, pattern: str, conditioner: Conditioner, nouns, count: int):
        self.sets = {}
        old = set(FIRST_SUBJECTS)
        specs, data = read_shard(pattern.format("plain"))
        single = [i for i, s in enumerate(specs) if len(s.things) == 1]
        for kind, rows in (
            ("plain old", [i for i in single if specs[i].things[0].subject in old][:count]),
            ("plain new", [i for i in single if specs[i].things[0].subject not in old][:count]),
        ):
            self._add(kind, rows, specs, data, conditioner, nouns)
        specs, data = read_shard(pattern.format("styled"))
        self._add("styled", list(range(min(count, len(specs)))), specs, data, conditioner, nouns)

    def _add(self, kind: str, rows, specs, data, conditioner, nouns) -> None:
        if not rows:
            return
        specs = [specs[i] for i in rows]
        latents = torch.from_numpy(data["latents"][rows]).float()
        masks = torch.from_numpy(data["masks"][rows]).float() / 255
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(7))
        steps = (torch.arange(len(rows)) * 1000 // len(rows)).clamp(max=999)
        texts = {"right": [self._text(s) for s in specs]}
        others = [nouns[(7 + 3 * i + nouns.index(s.things[0].subject)) % len(nouns)] for i, s in enumerate(specs)]
        wrong = [_renamed(s, other) for s, other in zip(specs, others)]
        texts["wrong subject"] = [self._text(s) for s in wrong]
        if kind == "styled":
            texts["wrong style"] = [self._text(s, specs[i - 1]) for i, s in enumerate(specs)]
        conditions = {name: conditioner.texts(lines) for name, lines in texts.items()}
        self.sets[kind] = (latents, masks, noise, steps, conditions)

    @staticmethod
    def _text(spec: Spec, style_of: Spec | None = None) -> str:
        words = captions.style_words()
        styles = [words[factor][value][0] for factor, value, _ in (style_of or spec).styles]
        return ", ".join([captions.content(spec, np.random.default_rng(1), wild=False), *styles])

    @torch.no_grad()
    def measure(self, unet, alphas, told: int) -> dict[str, float]:
        """Return the losses by kind and wording."""
        device = alphas.device
        result = {}
        for kind, (latents, masks, noise, steps, conditions) in self.sets.items():
            for name, (tokens, pooled) in conditions.items():
                rows = [t.to(device) for t in (latents, masks, tokens, pooled)]
                loss = velocity_loss(unet, *rows, alphas, steps.to(device), noise.to(device), told)
                result[f"{kind} {name}"] = round(loss.mean().item(), 4)
        return result


def _renamed(spec: Spec, noun: str) -> Spec:
    first = spec.things[0]
    return Spec(
        (Thing(noun, first.count, first.colour), *spec.things[1:]), spec.relation, spec.scene, spec.time, spec.weather
    )


def sheet(unet, conditioner, codec, told: int, nouns, path: Path) -> None:
    """Draw a sheet of pictures with the linear codec: subjects, plain and under style words."""
    first, others = nouns[: len(FIRST_SUBJECTS)], nouns[len(FIRST_SUBJECTS) :]
    picks = [*first[::9], *others[:: max(1, len(others) // 12)]][:16]
    styles = [w[0] for values in captions.style_words().values() for w in values.values()]
    prompts = [captions.article(noun) for noun in picks]
    prompts += [f"{captions.article(nouns[i % 5])}, {styles[(7 * i) % len(styles)]}" for i in range(8)]
    tokens, pooled = conditioner.texts(prompts)
    cells = unet.config.sample_size
    noise = torch.randn(len(prompts), LATENT_CHANNELS, cells, cells, generator=torch.Generator().manual_seed(3))
    latents = denoise(unet, tokens, pooled, conditioner.texts([""]), noise.to(tokens.device), (told, told))
    pictures = codec.decode(latents.float().cpu().numpy())
    rows = [np.concatenate(list(pictures[i : i + 8]), 1) for i in range(0, len(pictures), 8)]
    Image.fromarray(np.concatenate(rows)).save(path)


def save(out: Path, optimizer, spent: float) -> None:
    """Write the checkpoint, the averaged weights and the last ones, each in one step."""
    for name, content in (
        ("state", {"optimizer": optimizer.state(), "spent": spent}),
        ("average", optimizer.averaged()),
        ("last", dict(zip(optimizer.names, optimizer.masters))),
    ):
        torch.save(content, out / f"{name}.part")
        os.replace(out / f"{name}.part", out / f"{name}.pt")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--data", default="data/*.npz")
    parser.add_argument(
        "--valid", default="data/valid-{}.npz", help="held-out shards; the log says nothing of gaps without"
    )
    parser.add_argument("--start", help="folder of a trained UNet to begin with")
    parser.add_argument("--channels", default="64,128,256")
    parser.add_argument("--cells", type=int, default=16, help="latent cells a side")
    parser.add_argument(
        "--told", type=int, default=256, help="side in pixels that the UNet is told, whatever the shape"
    )
    parser.add_argument("--codec", default=str(RELEASED))
    parser.add_argument("--subjects", type=int, default=0, help="as for make_data.py")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=95, help="of the whole schedule, over all restarts")
    parser.add_argument("--stop-after", type=float, default=1e9, help="minutes after which this run pauses")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--muon-rate", type=float, default=0.02, help="0 uses Adam for everything")
    parser.add_argument(
        "--decay-from", type=float, default=0.15, help="part of the schedule after which the rates fall"
    )
    parser.add_argument("--plain-until", type=float, default=0.2, help="part of the schedule with plain pictures only")
    parser.add_argument("--styled", type=float, default=0.6, help="share of styled pictures after that")
    parser.add_argument("--probe", type=int, default=96, help="pictures of each kind for the gaps")
    parser.add_argument("--most-shards", type=int, default=0, help="shards of a kind that a reader keeps; 0 is all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(int(time.time()))
    out, device = Path(args.out), args.device
    out.mkdir(parents=True, exist_ok=True)
    conditioner = Conditioner(args.text, args.tokenizer, device)
    nouns = some_subjects(args.subjects)
    if args.start:
        unet = with_style_half(UNet2DConditionModel.from_pretrained(args.start).float())
    else:
        unet = new_unet([int(width) for width in args.channels.split(",")], args.cells)
    unet.train().to(device, memory_format=torch.channels_last)
    optimizer = MasterOptimizer(list(unet.named_parameters()), args.rate, args.muon_rate)
    if device == "cpu":
        unet.set_attn_processor(AttnProcessor())  # flash attention's backward pass is slow on a CPU
    else:
        torch.backends.cudnn.benchmark = True
    if device != "cpu" or torch.cpu._is_avx512_bf16_supported():
        half_precision(unet)
        optimizer.weights = tuple(unet.parameters())
    before = 0.0
    if (out / "state.pt").exists():
        state = torch.load(out / "state.pt", map_location=device)
        optimizer.load(state["optimizer"])
        before = state["spent"]
    alphas = new_schedule().alphas_cumprod.to(device)
    codec, probe = PatchCodec.load(args.codec), None
    share = multiprocessing.Value("d", 0.0)
    batches = iter(loader(Batches(args.data, args.tokenizer, args.batch, share, args.most_shards), args.workers))
    model = torch.compile(unet) if args.compile else unet
    print(f"{sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M parameters", flush=True)
    start = saved = time.time()
    mean_loss, samples = None, 0
    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    while True:
        spent = before + (time.time() - start) / 60
        if spent >= args.minutes or spent - before >= args.stop_after or asked_to_stop:
            break
        progress = spent / args.minutes
        share.value = 0.0 if progress < args.plain_until else args.styled
        latents, masks, ids, rows, degrees = next(batches)
        tokens, pooled = conditioner.planned(ids, rows, degrees)
        latents, masks = latents.to(device, torch.float32), masks.to(device, torch.float32) / 255
        steps, noise = noise_steps(len(latents), device), torch.randn_like(latents)
        loss = velocity_loss(model, latents, masks, tokens, pooled, alphas, steps, noise, args.told).mean()
        loss.backward()
        scale = min(1, (optimizer.steps + 1) / 50) * min(1, max(0.02, (1 - progress) / (1 - args.decay_from)))
        norm = optimizer.step(scale)
        samples += len(latents)
        if optimizer.steps % 10 == 0:  # reading the loss waits for the device
            mean_loss = loss.item() if mean_loss is None else 0.85 * mean_loss + 0.15 * loss.item()
        if optimizer.steps % 50 == 0:
            rate = samples / (time.time() - start)
            print(
                f"{optimizer.steps} {spent:.1f}min loss {mean_loss or 0:.4f} norm {norm:.2f} {rate:.1f}/s", flush=True
            )
        if time.time() - saved > SAVE_SECONDS:
            save(out, optimizer, spent)
            probe = probe or _probe(args, conditioner, nouns)
            if probe:
                print("  probe", probe.measure(unet, alphas, args.told), flush=True)
            sheet(unet, conditioner, codec, args.told, nouns, out / f"sheet-{optimizer.steps:06d}.png")
            saved = time.time()
    save(out, optimizer, before + (time.time() - start) / 60)
    print("done", optimizer.steps, "steps", flush=True)


def _probe(args, conditioner, nouns) -> Probe | None:
    if not all(os.path.exists(args.valid.format(kind)) for kind in ("plain", "styled")):
        return None
    return Probe(args.valid, conditioner, nouns, args.probe)


if __name__ == "__main__":
    main()
