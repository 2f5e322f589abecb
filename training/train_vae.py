"""Train an AutoencoderKL to the linear latent space of `codec.py`.

    python train_vae.py decoder --data 'data/*-1*.npz' --out vae --minutes 20
    python train_vae.py encoder --data 'data/*-1*.npz' --out vae --minutes 5

The decoder learns latents -> picture (and must beat the linear inverse), the encoder picture -> latents. Shards need
their images (`make_data.py --keep-images`). Run again, a part goes on from where it was, with a fresh schedule.
"""

import argparse
import copy
import glob
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from codec import PatchCodec
from optimizer import MasterOptimizer
from unet_model import LATENT_CHANNELS

LOG_VARIANCE = -14.0
HELD_OUT = 64


def new_vae() -> AutoencoderKL:
    """Return an untrained autoencoder whose residual blocks start as identities."""
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=LATENT_CHANNELS,
        block_out_channels=(32, 48, 64, 96),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=16,
        sample_size=128,
        scaling_factor=1.0,
        force_upcast=False,
    )
    for name, weight in vae.named_parameters():
        if name.endswith(("conv2.weight", "to_out.0.weight")):
            torch.nn.init.zeros_(weight)
    return vae


class Pictures:
    """Pictures with their cached latents; the first few of each shard are held out."""

    def __init__(self, pattern: str):
        data = [np.load(path) for path in sorted(glob.glob(pattern))]
        self.images = [d["images"] for d in data if "images" in d]
        self.latents = [d["latents"] for d in data if "images" in d]

    def batch(self, count: int, cells: int, rng):
        """Return random crops of `cells` latent cells a side: pictures in -1..1 and latents."""
        pictures, latents = [], []
        for _ in range(count):
            shard = int(rng.integers(len(self.images)))
            i = int(rng.integers(HELD_OUT, len(self.images[shard])))
            row, column = rng.integers(0, 17 - cells, 2)
            latents.append(self.latents[shard][i, :, row : row + cells, column : column + cells])
            area = slice(8 * row, 8 * (row + cells)), slice(8 * column, 8 * (column + cells))
            pictures.append(self.images[shard][i][area])
        return to_tensor(np.stack(pictures)), torch.from_numpy(np.stack(latents)).float()

    def held_out(self):
        """Return uint8 pictures and latents that training does not see."""
        images = np.concatenate([part[:HELD_OUT] for part in self.images])
        return images, torch.from_numpy(np.concatenate([part[:HELD_OUT] for part in self.latents])).float()


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """Return uint8 pictures (n, h, w, 3) as floats (n, 3, h, w) in -1..1."""
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    return tensor.contiguous(memory_format=torch.channels_last)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB of pictures in -1..1."""
    return -10 * torch.log10(((a - b) ** 2).mean() / 4).item()


def picture_loss(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Return L1 plus the L1 of horizontal and vertical differences, which keeps edges."""
    edges = sum((made.diff(dim=d) - real.diff(dim=d)).abs().mean() for d in (2, 3))
    return (made - real).abs().mean() + 0.7 * edges


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("decoder", "encoder"))
    parser.add_argument("--data", required=True)
    parser.add_argument("--codec", default="data/codec.npz")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=15, help="of processor time")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--cells", type=int, default=8, help="side of the crops in latent cells of 8 pixels")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--muon-rate", type=float, default=0.02)
    parser.add_argument("--noise", type=float, default=0.4, help="largest latent noise the decoder learns to bear")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    rng = np.random.default_rng(int(time.time()))
    vae = AutoencoderKL.from_pretrained(args.out) if Path(args.out, "config.json").exists() else new_vae()
    vae.to(args.device, memory_format=torch.channels_last)
    modules = [vae.decoder, vae.post_quant_conv] if args.part == "decoder" else [vae.encoder, vae.quant_conv]
    trained = torch.nn.ModuleList(modules)
    optimizer = MasterOptimizer(list(trained.named_parameters()), args.rate, args.muon_rate, average=0.995)
    vae.bfloat16()
    optimizer.weights = tuple(trained.parameters())
    pictures = Pictures(args.data)
    print(f"{sum(p.numel() for p in optimizer.weights) / 1e6:.2f} M parameters", flush=True)
    start, mean_loss = time.process_time(), None
    while (progress := (time.process_time() - start) / 60 / args.minutes) < 1:
        real, latents = pictures.batch(args.batch, args.cells, rng)
        real, latents = real.to(args.device), latents.to(args.device)
        if args.part == "decoder":
            noise = torch.rand(args.batch, 1, 1, 1, device=args.device) ** 2 * args.noise
            made = vae.decode((latents + noise * torch.randn_like(latents)).bfloat16()).sample.float()
            loss = picture_loss(made, real)
        else:
            mean = vae.encode(real.bfloat16()).latent_dist.mean.float()
            loss = (mean - latents).abs().mean()
        loss.backward()
        optimizer.step(min(1, (optimizer.steps + 1) / 50) * min(1, max(0.02, (1 - progress) / 0.5)))
        mean_loss = loss.item() if mean_loss is None else 0.97 * mean_loss + 0.03 * loss.item()
        if optimizer.steps % 50 == 0:
            spent = time.process_time() - start
            rate = optimizer.steps * args.batch / spent
            print(f"{optimizer.steps} {spent:.0f}s loss {mean_loss:.4f} {rate:.1f} crops/s", flush=True)
        if optimizer.steps % 500 == 0:
            save(vae, args.part, optimizer, args.out)
    report(save(vae, args.part, optimizer, args.out), pictures, PatchCodec.load(args.codec), args.part)


def save(vae, part: str, optimizer, out: str) -> AutoencoderKL:
    """Write the autoencoder with averaged weights for the part in training; return it, on the CPU."""
    done = copy.deepcopy(vae).float().cpu()
    weights = {"decoder": (done.decoder, done.post_quant_conv), "encoder": (done.encoder, done.quant_conv)}[part]
    torch.nn.ModuleList(weights).load_state_dict(optimizer.averaged())
    if part == "encoder":
        with torch.no_grad():  # the posterior is a point: nothing was trained to sample around it
            done.quant_conv.weight[LATENT_CHANNELS:] = 0
            done.quant_conv.bias[LATENT_CHANNELS:] = LOG_VARIANCE
    done.save_pretrained(out)
    return done


@torch.no_grad()
def report(vae, pictures: Pictures, codec: PatchCodec, part: str) -> None:
    """Print how good the part is on held-out pictures, beside the linear codec."""
    images, latents = pictures.held_out()
    real = to_tensor(images)
    if part == "encoder":
        mean = torch.cat([vae.encode(x).latent_dist.mean for x in real.split(16)])
        print(f"encoder: relative error {((mean - latents).norm() / latents.norm()).item():.4f}")
        latents = mean
    linear = to_tensor(codec.decode(latents.numpy()))
    made = torch.cat([vae.decode(x).sample for x in latents.split(16)]).clamp(-1, 1)
    for k in range(len(images) // HELD_OUT):
        of = slice(HELD_OUT * k, HELD_OUT * (k + 1))
        print(f"shard {k}: linear {psnr(linear[of], real[of]):.2f} dB, decoder {psnr(made[of], real[of]):.2f} dB")


if __name__ == "__main__":
    main()
