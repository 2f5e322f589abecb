"""The autoencoder: diffusers' AutoencoderKL over the linear latent space, and its start from one of half the size."""

import torch
from diffusers import AutoencoderKL
from unet_model import LATENT_CHANNELS

LOG_VARIANCE = -14.0


def new_vae(channels=(32, 32, 48, 64, 96), size: int = 256) -> AutoencoderKL:
    """Return an untrained autoencoder whose residual blocks start as identities.

    It halves the picture once less often than it has levels: five levels make cells of 16x16 pixels, four of 8x8.
    """
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=LATENT_CHANNELS,
        block_out_channels=tuple(channels),
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        layers_per_block=1,
        norm_num_groups=16,
        sample_size=size,
        scaling_factor=1.0,
        force_upcast=False,
    )
    for name, weight in vae.named_parameters():
        if name.endswith(("conv2.weight", "conv2.bias", "to_out.0.weight", "to_out.0.bias")):
            torch.nn.init.zeros_(weight)
    return vae


@torch.no_grad()
def start_from(vae: AutoencoderKL, small: AutoencoderKL) -> list[str]:
    """Give `vae` the weights of one with a level less, so that it starts as that one, enlarged twice.

    The decoder's new level passes pixels on. The encoder's first level becomes the second, with a mean over 2x2 pixels
    before it. Return the names of the weights that were not taken over.
    """
    extra = len(vae.config.block_out_channels) - len(small.config.block_out_channels)
    if extra not in (0, 1):
        raise ValueError(
            f"the autoencoder to start from must have the same number of levels or one less, not {-extra} more"
        )
    theirs, mine, missing = small.state_dict(), vae.state_dict(), []
    for name, weight in mine.items():
        other = name
        if extra and name.startswith("encoder.down_blocks."):
            _, _, level, rest = name.split(".", 3)
            other = f"encoder.down_blocks.{int(level) - 1}.{rest}"
        if other in theirs and theirs[other].shape == weight.shape:
            weight.copy_(theirs[other])
        else:
            missing.append(name)
    for name in missing:
        if name.endswith("upsamplers.0.conv.weight") and mine[name].shape[0] == mine[name].shape[1]:
            torch.nn.init.dirac_(mine[name])
        if name == "encoder.down_blocks.0.downsamplers.0.conv.weight":
            mine[name].zero_()
            for channel in range(mine[name].shape[0]):
                mine[name][channel, channel, :2, :2] = 0.25
        if name.endswith("samplers.0.conv.bias"):
            mine[name].zero_()
    vae.load_state_dict(mine)
    return missing
