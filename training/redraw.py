"""Let a trained UNet redraw the latents of rendered pictures, so that the decoder learns to clear up what the UNet leaves.

    python redraw.py --model ../assets/model --data data/plain-1.npz --count 500 --out data/redrawn-1.npz

Each picture's latents get noise up to a random step and are denoised again under its caption, with the bot's guidance: what
comes out has the UNet's blotches and the picture's shapes. The shard that is written has the pictures, and those latents as `drawn`;
train_vae.py mixes them with the exact ones.
"""

import argparse
import os

import captions
import numpy as np
import torch
from codec import RELEASED, PatchCodec
from make_data import read_shard
from renderer.picture import Spec
from sampling import Sampler
from unet_model import new_schedule, time_ids


def caption(spec: Spec) -> str:
    """Return the plainest caption of a specification."""
    words = captions.style_words()
    body = captions.content(spec, np.random.default_rng(1), wild=False)
    return ", ".join([body, *(words[factor][value][0] for factor, value, _ in spec.styles)])


@torch.no_grad()
def redraw(sampler: Sampler, latents: torch.Tensor, texts: list[str], level: float, steps: int) -> torch.Tensor:
    """Return latents noised up to `level` (0..1 of the schedule) and denoised in a few guided steps."""
    schedule = new_schedule()
    alphas = schedule.alphas_cumprod
    times = [round(999 * level * (steps - i) / steps) for i in range(steps)]
    tokens, pooled = sampler.texts(texts)
    empty, empty_pooled = sampler.texts([""])
    count = len(texts)
    tokens, pooled = (
        torch.cat([empty.expand(count, -1, -1), tokens]),
        torch.cat([empty_pooled.expand(count, -1), pooled]),
    )
    side = sampler.unet.config.sample_size * sampler.cell
    extra = {"text_embeds": pooled, "time_ids": time_ids(2 * count, side, side)}
    x = alphas[times[0]].sqrt() * latents + (1 - alphas[times[0]]).sqrt() * torch.randn_like(latents)
    for now, after in zip(times, [*times[1:], None]):
        free, bound = sampler.unet(torch.cat([x, x]), now, tokens, added_cond_kwargs=extra).sample.chunk(2)
        v = free + sampler.guidance * (bound - free)
        spread = bound.std((1, 2, 3), keepdim=True) / v.std((1, 2, 3), keepdim=True)
        v = v * (sampler.rescale * spread + 1 - sampler.rescale)
        a, s = alphas[now].sqrt(), (1 - alphas[now]).sqrt()
        clean, noise = a * x - s * v, s * x + a * v
        x = clean if after is None else alphas[after].sqrt() * clean + (1 - alphas[after]).sqrt() * noise
    return x


def main() -> None:
    """Parse the command line and write the shard."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True, help="a shard with images")
    parser.add_argument("--codec", default=str(RELEASED))
    parser.add_argument("--reduce", type=int, default=2)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--levels", type=float, nargs=2, default=(0.4, 0.75))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    sampler, codec = Sampler(args.model), PatchCodec.load(args.codec, args.reduce)
    specs, data = read_shard(args.data)
    images, drawn = data["images"][: args.count], []
    specs = specs[: args.count]
    for start in range(0, len(images), 16):
        latents = torch.from_numpy(codec.encode(images[start : start + 16]))
        texts = [caption(spec) for spec in specs[start : start + 16]]
        drawn.append(redraw(sampler, latents, texts, rng.uniform(*args.levels), args.steps).half().numpy())
    np.savez(args.out + ".part.npz", images=images, drawn=np.concatenate(drawn), specs=data["specs"])
    os.replace(args.out + ".part.npz", args.out)


if __name__ == "__main__":
    main()
