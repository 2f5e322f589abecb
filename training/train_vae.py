"""Train an AutoencoderKL to the linear latent space of `codec.py`.

    python train_vae.py decoder --data 'data/*.npz' --out vae --minutes 20
    python train_vae.py encoder --data 'data/*.npz' --out vae --minutes 5

The decoder learns latents -> picture (and must beat the linear inverse), the encoder picture -> latents. Shards need their
images (`make_data.py --keep-images`); new ones are picked up while it runs. A checkpoint is written every four minutes and on
SIGTERM, and gone on from when the command is run again. `--start FOLDER` begins with a trained autoencoder of the same number of
levels or one level less. Weights are float32 on a CPU and bfloat16 with float32 masters on a GPU.
"""

import argparse
import copy
import glob
import os
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from codec import RELEASED, PatchCodec
from diffusers import AutoencoderKL
from optimizer import MasterOptimizer
from unet_model import LATENT_CHANNELS
from vae_model import LOG_VARIANCE, new_vae, start_from

HELD_OUT = 24
SAVE_SECONDS = 240


class Pictures:
    """Pictures of shards with images; the first few of each shard are held out."""

    def __init__(self, pattern: str, codec: PatchCodec):
        self.pattern, self.codec = pattern, codec
        self.images: dict[str, np.ndarray] = {}
        self.drawn: dict[str, np.ndarray] = {}
        self.sizes: dict[str, int] = {}
        self.refresh()
        if not self.images:
            raise SystemExit(f"{pattern}: no shard with images (make_data.py --keep-images writes them)")

    def refresh(self) -> None:
        """Load shards that are new or have grown."""
        for path in sorted(glob.glob(self.pattern)):
            name = Path(path).name
            if ".part" in name or name.startswith(("valid", "judge")) or self.sizes.get(path) == os.path.getsize(path):
                continue
            self.sizes[path] = os.path.getsize(path)
            data = np.load(path)
            if "images" in data and len(data["images"]) > HELD_OUT:
                self.images[path] = data["images"]
                if "drawn" in data:
                    self.drawn[path] = data["drawn"]
                print("loaded", name, len(self.images[path]), flush=True)

    def batch(self, count: int, cells: int, rng, redrawn: bool = False):
        """Return random crops of `cells` latent cells a side: pictures in -1..1 and latents, redrawn ones where there are any."""
        pictures, latents, paths, side = [], [], list(self.images), self.codec.cell
        chances = np.array([len(part) for part in self.images.values()], float)
        for _ in range(count):
            path = paths[int(rng.choice(len(paths), p=chances / chances.sum()))]
            i = int(rng.integers(HELD_OUT, len(self.images[path])))
            image = self.images[path][i]
            row = int(rng.integers(0, image.shape[0] // side - cells + 1))
            column = int(rng.integers(0, image.shape[1] // side - cells + 1))
            pictures.append(image[side * row : side * (row + cells), side * column : side * (column + cells)])
            if redrawn and path in self.drawn:
                latents.append(self.drawn[path][i, :, row : row + cells, column : column + cells].astype(np.float32))
            else:
                latents.append(self.codec.encode(pictures[-1][None])[0])
        return to_tensor(np.stack(pictures)), torch.from_numpy(np.stack(latents))

    def held_out(self):
        """Yield the name of each shard with its uint8 pictures that training does not see."""
        for path, images in self.images.items():
            yield Path(path).stem, images[:HELD_OUT]


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """Return uint8 pictures (n, h, w, 3) as floats (n, 3, h, w) in -1..1."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().contiguous() / 127.5 - 1


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB of pictures in -1..1."""
    return -10 * torch.log10(((a - b) ** 2).mean() / 4).item()


def picture_loss(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Return L1 plus the L1 of horizontal and vertical differences at three scales, which keeps edges sharp and in place."""
    total = (made - real).abs().mean()
    for weight in (0.6, 0.5, 0.4):
        for d in (2, 3):
            total = total + weight * (made.diff(dim=d) - real.diff(dim=d)).abs().mean()
        made, real = F.avg_pool2d(made, 2), F.avg_pool2d(real, 2)
    return total


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("decoder", "encoder"))
    parser.add_argument("--data", required=True)
    parser.add_argument("--codec", default=str(RELEASED))
    parser.add_argument("--reduce", type=int, default=2, help="2: cells of 16 pixels and five levels; 1: of 8 and four")
    parser.add_argument("--levels", default="32,32,48,64,96", help="channels, finest level first")
    parser.add_argument("--start", help="a trained autoencoder to begin with")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=15, help="of the whole schedule, over all restarts")
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall", help="what the minutes count")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--cells", type=int, default=8, help="side of the crops in latent cells")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--muon-rate", type=float, default=0.02)
    parser.add_argument("--noise", type=float, default=0.4, help="largest latent noise the decoder learns to bear")
    parser.add_argument(
        "--redrawn", type=float, default=0.7, help="share of batches with latents of redraw.py, where there are"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(int(time.time()))
    rng = np.random.default_rng(int(time.time()))
    codec = PatchCodec.load(args.codec, args.reduce)
    vae = load_or_start(args)
    vae.to(args.device)
    modules = [vae.decoder, vae.post_quant_conv] if args.part == "decoder" else [vae.encoder, vae.quant_conv]
    trained = torch.nn.ModuleList(modules)
    optimizer = MasterOptimizer(list(trained.named_parameters()), args.rate, args.muon_rate, average=0.995)
    dtype = torch.float32 if args.device == "cpu" else torch.bfloat16
    vae.to(dtype)
    optimizer.weights = tuple(trained.parameters())
    state, before = Path(args.out) / f"{args.part}.state", 0.0
    if state.exists():
        saved = torch.load(state, map_location=args.device)
        optimizer.load(saved["optimizer"])
        before = saved["spent"]
    pictures = Pictures(args.data, codec)
    print(f"{sum(p.numel() for p in optimizer.weights) / 1e6:.2f} M parameters", flush=True)
    clock = time.time if args.clock == "wall" else time.process_time
    start, mean_loss, written, steps = clock(), None, time.time(), 0
    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    while (progress := (before + (spent := clock() - start) / 60) / args.minutes) < 1 and not asked_to_stop:
        real, latents = pictures.batch(
            args.batch, args.cells, rng, args.part == "decoder" and rng.random() < args.redrawn
        )
        real, latents = real.to(args.device), latents.to(args.device)
        if args.part == "decoder":
            noise = torch.rand(args.batch, 1, 1, 1, device=args.device) ** 2 * args.noise
            made = vae.decode((latents + noise * torch.randn_like(latents)).to(dtype)).sample.float()
            loss = picture_loss(made, real)
        else:
            mean = vae.encode(real.to(dtype)).latent_dist.mean.float()
            loss = (mean - latents).abs().mean()
        loss.backward()
        optimizer.step(min(1, (optimizer.steps + 1) / 30) * min(1, max(0.02, (1 - progress) / 0.5)))
        mean_loss = loss.item() if mean_loss is None else 0.97 * mean_loss + 0.03 * loss.item()
        steps += 1
        if optimizer.steps % 20 == 0:
            rate = steps * args.batch / spent
            print(f"{optimizer.steps} {before + spent / 60:.1f}min loss {mean_loss:.4f} {rate:.2f} crops/s", flush=True)
            pictures.refresh()
        if time.time() - written > SAVE_SECONDS:
            save(vae, args, optimizer, before + spent / 60)
            written = time.time()
    report(save(vae, args, optimizer, before + (clock() - start) / 60), pictures, codec, args.part)


def load_or_start(args) -> AutoencoderKL:
    """Return the autoencoder in `--out` if there is one, else a new one or what `--start` names, enlarged."""
    if (Path(args.out) / "config.json").exists():
        return AutoencoderKL.from_pretrained(args.out)
    levels = [int(width) for width in args.levels.split(",")]
    vae = new_vae(levels, 16 * PatchCodec.load(args.codec, args.reduce).cell)
    if args.start:
        print("new:", *start_from(vae, AutoencoderKL.from_pretrained(args.start).float()))
    return vae


def save(vae, args, optimizer, spent: float) -> AutoencoderKL:
    """Write the autoencoder with averaged weights for the part in training, and the checkpoint; return it, on the CPU."""
    done = copy.deepcopy(vae).float().cpu()
    weights = {"decoder": (done.decoder, done.post_quant_conv), "encoder": (done.encoder, done.quant_conv)}[args.part]
    torch.nn.ModuleList(weights).load_state_dict(optimizer.averaged())
    if args.part == "encoder":
        with torch.no_grad():  # the posterior is a point: nothing was trained to sample around it
            done.quant_conv.weight[LATENT_CHANNELS:] = 0
            done.quant_conv.bias[LATENT_CHANNELS:] = LOG_VARIANCE
    done.save_pretrained(args.out)
    state = Path(args.out) / f"{args.part}.state"
    torch.save({"optimizer": optimizer.state(), "spent": spent}, f"{state}.part")
    os.replace(f"{state}.part", state)
    return done


@torch.no_grad()
def report(vae, pictures: Pictures, codec: PatchCodec, part: str) -> None:
    """Print how good the part is on held-out pictures, beside the linear codec."""
    for name, images in pictures.held_out():
        real, latents = to_tensor(images), torch.from_numpy(codec.encode(images))
        line = name
        if part == "encoder":
            mean = torch.cat([vae.encode(x).latent_dist.mean for x in real.split(4)])
            line += f": encoder's relative error {((mean - latents).norm() / latents.norm()).item():.4f}"
            latents = mean
        linear = to_tensor(codec.decode(latents.numpy()))
        made = torch.cat([vae.decode(x).sample for x in latents.split(4)]).clamp(-1, 1)
        print(f"{line}: linear {psnr(linear, real):.2f} dB, decoder {psnr(made, real):.2f} dB", flush=True)


if __name__ == "__main__":
    main()
