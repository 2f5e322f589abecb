"""Wording: what people may write for a specification, and lists of taste words for the training of the formula."""

import numpy as np

from captions_content import SCENE_PHRASES, article, content, vocabulary
from captions_styles import attribute_names, check, neutral_words, opposite_list, pick_word, style_list, style_words
from renderer.picture import Spec

__all__ = [
    "SCENE_PHRASES",
    "article",
    "attribute_names",
    "caption",
    "check",
    "content",
    "neutral_words",
    "opposite_list",
    "pick_word",
    "style_list",
    "style_words",
    "vocabulary",
]


def caption(spec: Spec, rng: np.random.Generator, wild: bool = True) -> str:
    """Return a full caption: content and style words, mostly in this order."""
    words = style_list(spec, rng, neutral=0.15)
    body = content(spec, rng, wild)
    order = rng.random()
    if words and order < 0.12:
        return ", ".join([*words, body])
    if len(words) == 1 and order < 0.25:
        return f"{words[0]} {body.removeprefix('a ').removeprefix('an ')}"
    if len(words) > 1 and order < 0.2:
        return ", ".join([words[0], body, *words[1:]])
    return ", ".join([body, *words])
