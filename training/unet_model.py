"""The denoiser: an SDXL-shaped UNet for 16 channels of latents, and its noise schedule."""

import functools

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel
from text_model import HIDDEN
from torch import nn

LATENT_CHANNELS = 16
TIME_ID_SIZE = 32


def new_unet(channels=(64, 128, 256), cells: int = 16) -> UNet2DConditionModel:
    """Return an untrained UNet for pictures of `cells` latent cells a side.

    It attends to the tokens at half and a quarter of that, where it is cheap. The pooled text embedding joins the time
    embedding (`text_time`), as in SDXL: that is how the subject is learned, and how styles reach the level of fine marks.
    """
    return UNet2DConditionModel(
        sample_size=cells,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=tuple(channels),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=[max(2, width // 32) for width in channels],
        cross_attention_dim=HIDDEN,
        use_linear_projection=True,
        norm_num_groups=32 if channels[0] % 32 == 0 else 16,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_ID_SIZE,
        projection_class_embeddings_input_dim=6 * TIME_ID_SIZE + 2 * HIDDEN,
    )


def new_schedule() -> DDIMScheduler:
    """Return the schedule used in training and, by default, in sampling: v-prediction with zero terminal SNR."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


def time_ids(count: int, height: int, width: int) -> torch.Tensor:
    """Return SDXL's size conditioning (n, 6) for uncropped pictures of the given size in pixels."""
    return torch.tensor([[height, width, 0, 0, height, width]]).repeat(count, 1).float()


def half_precision(network: nn.Module) -> None:
    """Turn a network to bfloat16; on a CPU its group norms work in float32, where they are four times as fast."""
    network.bfloat16()
    if next(network.parameters()).device.type == "cpu":
        for part in network.modules():
            if isinstance(part, nn.GroupNorm):
                part.forward = functools.partial(_float_group_norm, part)


def _float_group_norm(part: nn.GroupNorm, x: torch.Tensor) -> torch.Tensor:
    weight, bias = part.weight.float(), part.bias.float()
    return F.group_norm(x.float(), part.num_groups, weight, bias, part.eps).to(x.dtype)


@torch.no_grad()
def denoise(unet, tokens, pooled, empty, latents, size, steps: int = 12, guidance: float = 2.5, rescale: float = 0.7):
    """Return latents of pictures: guided DDIM from pure noise.

    `empty` are the token and pooled embeddings (one row each) of no text, and `size` the height and width in pixels that the
    UNet is told.
    """
    schedule = new_schedule()
    schedule.set_timesteps(steps)
    count, device, dtype = len(tokens), tokens.device, unet.dtype
    tokens = torch.cat([empty[0].expand(count, -1, -1), tokens]).to(dtype)
    pooled = torch.cat([empty[1].expand(count, -1), pooled]).to(dtype)
    extra = {"text_embeds": pooled, "time_ids": time_ids(2 * count, *size).to(device, dtype)}
    for step in schedule.timesteps:
        double = torch.cat([latents, latents]).to(dtype).contiguous(memory_format=torch.channels_last)
        free, bound = unet(double, step.to(device), tokens, added_cond_kwargs=extra).sample.float().chunk(2)
        guided = free + guidance * (bound - free)
        spread = bound.std((1, 2, 3), keepdim=True) / guided.std((1, 2, 3), keepdim=True)
        latents = schedule.step(guided * (rescale * spread + 1 - rescale), step, latents).prev_sample
    return latents


@torch.no_grad()
def with_style_half(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Return a UNet that was told the content only with room for the style half of the pooled embedding; it ignores it yet."""
    old = unet.add_embedding.linear_1
    added = 6 * TIME_ID_SIZE + 2 * HIDDEN - old.in_features
    if added > 0:
        layer = nn.Linear(old.in_features + added, old.out_features)
        layer.bias.copy_(old.bias)
        layer.weight[:, :HIDDEN] = old.weight[:, :HIDDEN]
        layer.weight[:, HIDDEN : HIDDEN + added] = 0
        layer.weight[:, HIDDEN + added :] = old.weight[:, HIDDEN:]
        unet.add_embedding.linear_1 = layer
        unet.register_to_config(projection_class_embeddings_input_dim=layer.in_features)
    return unet


@torch.no_grad()
def forget_size(unet: UNet2DConditionModel, height: int, width: int) -> None:
    """Make the UNet behave for every told size as it does for one, so that it can draw pictures of another size.

    The part of the size in the first layer of the additional embedding moves into its bias.
    """
    layer = unet.add_embedding.linear_1
    told = unet.add_time_proj(time_ids(1, height, width).flatten()).reshape(1, -1).to(layer.weight.dtype)
    columns = slice(layer.in_features - told.shape[1], None)
    layer.bias += (layer.weight[:, columns] @ told.T)[:, 0]
    layer.weight[:, columns] = 0
