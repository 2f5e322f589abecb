"""The text side: a small CLIP text encoder, and how the pipeline reads it (SDXL's way, one encoder only)."""

import torch
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

HIDDEN = 192


def new_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModelWithProjection:
    """Return an untrained encoder for a tokenizer.

    Its pooled embedding has two halves: the first tells the content, the second the style.
    """
    return CLIPTextModelWithProjection(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=HIDDEN,
            intermediate_size=4 * HIDDEN,
            projection_dim=2 * HIDDEN,
            num_hidden_layers=4,
            num_attention_heads=HIDDEN // 64,
            max_position_embeddings=tokenizer.model_max_length,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


@torch.no_grad()
def with_style_half(encoder: CLIPTextModelWithProjection) -> CLIPTextModelWithProjection:
    """Return an encoder whose pooled embedding tells the content only with a second half for styles, of random projection."""
    old = encoder.text_projection
    if old.out_features < 2 * HIDDEN:
        encoder.text_projection = torch.nn.Linear(HIDDEN, 2 * HIDDEN, bias=False)
        encoder.text_projection.weight[:HIDDEN] = old.weight
        encoder.config.projection_dim = 2 * HIDDEN
    return encoder


def tokenize(tokenizer: CLIPTokenizer, texts: list[str], length: int = 0) -> torch.Tensor:
    """Return token ids of shape (n, length), padded and cut; by default of the full length."""
    length = length or tokenizer.model_max_length
    return tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt").input_ids


def encode(encoder, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token embeddings (n, length, hidden) of the penultimate layer, and pooled ones (n, hidden)."""
    output = encoder(ids, output_hidden_states=True)
    return output.hidden_states[-2], output.text_embeds


def personalise_pooled(prompt, liked, disliked, beta) -> torch.Tensor:
    """Mix pooled embeddings by the same formula, as they are; `beta` is a number or a tensor of shape (n, 1)."""
    return prompt + beta * (liked - disliked)


def personalise(prompt, liked, disliked, beta) -> torch.Tensor:
    """Mix token embeddings as the bot does: p = E(prompt) + beta (E(VP+) - E(VP-)), each token's norm kept.

    `beta` is a number or a tensor of shape (n, 1, 1).
    """
    mixed = prompt + beta * (liked - disliked)
    return mixed * (prompt.norm(dim=-1, keepdim=True) / mixed.norm(dim=-1, keepdim=True).clamp_min(1e-6))
