"""The eyes: a small dual encoder in transformers' CLIPModel layout, with a bias for the sigmoid loss."""

from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import nn
from transformers import CLIPConfig, CLIPModel, CLIPTextModelWithProjection, CLIPTokenizer

SIZE, PATCH = 128, 16
TEXT_LAYERS = 3
PROJECTION = 128


def new_eyes(tokenizer: CLIPTokenizer, width: int = 128, layers: int = 5, hidden: int = 192) -> CLIPModel:
    """Return untrained eyes: a vision transformer on 128x128 pictures and a text tower like the model's, one layer less."""
    return CLIPModel(
        CLIPConfig(
            projection_dim=PROJECTION,
            logit_scale_init_value=2.3,
            text_config={
                "vocab_size": len(tokenizer),
                "hidden_size": hidden,
                "intermediate_size": 4 * hidden,
                "num_hidden_layers": TEXT_LAYERS,
                "num_attention_heads": hidden // 64,
                "max_position_embeddings": tokenizer.model_max_length,
                "hidden_act": "quick_gelu",
                "bos_token_id": tokenizer.bos_token_id,
                "eos_token_id": tokenizer.eos_token_id,
                "pad_token_id": tokenizer.pad_token_id,
                "projection_dim": PROJECTION,
            },
            vision_config={
                "image_size": SIZE,
                "patch_size": PATCH,
                "hidden_size": width,
                "intermediate_size": 4 * width,
                "num_hidden_layers": layers,
                "num_attention_heads": width // 32,
                "hidden_act": "quick_gelu",
                "projection_dim": PROJECTION,
            },
        )
    )


class Eyes(nn.Module):
    """A CLIPModel and its bias: P(picture has attribute) = sigmoid(exp(logit_scale) * cosine + logit_bias)."""

    def __init__(self, model: CLIPModel):
        super().__init__()
        self.model = model
        self.logit_bias = nn.Parameter(torch.tensor(-6.0))

    @classmethod
    def load(cls, folder: str) -> "Eyes":
        """Read exported eyes, in float32."""
        eyes = cls(CLIPModel.from_pretrained(folder).float())
        with safe_open(Path(folder) / "model.safetensors", "pt") as file, torch.no_grad():
            eyes.logit_bias.copy_(file.get_tensor("logit_bias"))
        return eyes

    def start_text_from(self, folder: str) -> None:
        """Take the text tower's lower layers from a trained text encoder; its embeddings fit, its projection does not."""
        theirs = CLIPTextModelWithProjection.from_pretrained(folder).float().state_dict()
        mine = self.model.state_dict()
        with torch.no_grad():
            for name, weight in theirs.items():
                if name in mine and mine[name].shape == weight.shape:
                    mine[name].copy_(weight)

    def pictures(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings (n, PROJECTION) of pixel values in -1..1, (n, 3, 128, 128)."""
        output = self.model.vision_model(pixel_values=pixels).pooler_output
        return nn.functional.normalize(self.model.visual_projection(output), dim=-1)

    def texts(self, ids: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings (n, PROJECTION) of token ids."""
        output = self.model.text_model(input_ids=ids).pooler_output
        return nn.functional.normalize(self.model.text_projection(output), dim=-1)

    def logits(self, pictures: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        """Return the logits (pictures, texts) of "the picture has the attribute"."""
        return pictures @ texts.T * self.model.logit_scale.exp() + self.logit_bias


def pixel_values(images: np.ndarray) -> torch.Tensor:
    """Return uint8 pictures (n, 128, 128, 3) as pixel values (n, 3, 128, 128) in -1..1."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
