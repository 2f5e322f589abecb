"""The denoiser: an SDXL-shaped UNet for 16x16 latents, and its noise schedule."""

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel

from text_model import HIDDEN

LATENT_CHANNELS = 16
TIME_ID_SIZE = 32


def new_unet(channels=(64, 128, 256)) -> UNet2DConditionModel:
    """Return an untrained UNet; it attends to the tokens at 8x8 and 4x4, where that is cheap.

    The pooled text embedding joins the time embedding (`text_time`), as in SDXL: that is how the subject is learned.
    """
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=[width // 32 for width in channels],
        cross_attention_dim=HIDDEN,
        use_linear_projection=True,
        norm_num_groups=32,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_ID_SIZE,
        projection_class_embeddings_input_dim=6 * TIME_ID_SIZE + HIDDEN,
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
