"""Words that captions do not have for a subject, in its place now and then, so that common words mean something (nearest_words.toml)."""

import functools
import re
import tomllib
from pathlib import Path

import numpy as np


@functools.cache
def near_words() -> dict[str, list[str]]:
    """Return subject -> common words nearest to it in meaning."""
    return tomllib.loads((Path(__file__).parent / "nearest_words.toml").read_text())["subjects"]


def with_near_word(text: str, noun: str, rng: np.random.Generator, chance: float = 0.1) -> str:
    """Return the text, sometimes with a near word in place of the noun and the article that suits it."""
    words = near_words().get(noun)
    if not words or rng.random() >= chance:
        return text
    word = words[int(rng.integers(len(words)))]
    text = re.sub(rf"\b(an?) {re.escape(noun)}\b", f"{'an' if word[0] in 'aeiou' else 'a'} {word}", text)
    return re.sub(rf"\b{re.escape(noun)}\b", word, text)
