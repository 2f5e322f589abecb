"""Words for styles: what people may write for them, and lists of liked and disliked words for the formula."""

import functools
import tomllib
from pathlib import Path

import numpy as np
from renderer.styles import STYLES

VOCABULARY = Path(__file__).parents[1] / "assets" / "attributes.toml"
# Factors that people speak of most: dislikes name them more often.
COMMON = ("palette", "light", "medium")


@functools.cache
def _table() -> dict:
    return tomllib.loads((Path(__file__).parent / "attribute_styles.toml").read_text())


@functools.cache
def categories_of_attributes() -> dict[str, str]:
    """Return attribute -> category of the bot's vocabulary."""
    categories = tomllib.loads(VOCABULARY.read_text())["category"]
    return {attribute["name"]: category["name"] for category in categories for attribute in category["attributes"]}


def attribute_names() -> list[str]:
    """Return the names of the bot's vocabulary."""
    return list(categories_of_attributes())


@functools.cache
def style_words() -> dict[str, dict[str, list[str]]]:
    """Return factor -> value -> words, main word first, then attribute names, then others."""
    names, table = set(attribute_names()), _table()
    return {
        factor: {
            value: list(dict.fromkeys([words[0], *(n for n in table["attributes"][value] if n in names), *words[1:]]))
            for value, words in table[factor].items()
        }
        for factor in STYLES
    }


@functools.cache
def shown_attributes() -> dict[str, tuple[str, str]]:
    """Return attribute -> (factor, value) for the attributes that a style truly shows, one for each value."""
    table = _table()["attributes"]
    return {table[value][0]: (factor, value) for factor, values in STYLES.items() for value in values}


@functools.cache
def neutral_words() -> list[str]:
    """Return the words that ask for nothing the renderer can show, the unmapped attributes among them."""
    mapped = {word for values in style_words().values() for words in values.values() for word in words}
    words = [*attribute_names(), *_table()["neutral"]["words"]]
    return [word for word in dict.fromkeys(words) if word not in mapped]


def check() -> None:
    """Report words with two meanings, values without words, and mapped attributes that the vocabulary lacks."""
    meaning: dict[str, str] = {}
    for factor, values in style_words().items():
        for value in STYLES[factor]:
            if value not in values:
                print(f"{factor} {value}: no words")
        for value, words in values.items():
            if value not in STYLES[factor]:
                print(f"{factor} {value}: not a style of the renderer")
            for word in words:
                if word in meaning:
                    print(f"{word}: both {meaning[word]} and {value}")
                meaning[word] = value
    known = set(attribute_names())
    for value, words in _table()["attributes"].items():
        for word in words:
            if word not in known:
                print(f"{word}: mapped to {value}, not in the vocabulary")
    mapped = sum(name in meaning for name in known)
    shown = len(shown_attributes())
    print(
        f"{mapped} of {len(known)} attributes are mapped, {shown} of them truly shown; "
        f"{len(meaning)} style words, {len(neutral_words())} neutral"
    )


def pick_word(words: list[str], rng: np.random.Generator) -> str:
    """Return one of the words: the main one in a quarter of the cases, American spelling in another."""
    word = words[0] if rng.random() < 0.25 else words[int(rng.integers(len(words)))]
    return word.replace("colour", "color").replace("grey", "gray") if rng.random() < 0.25 else word


def _strong(word: str, intensity: float, rng: np.random.Generator) -> str:
    """Return the word, sometimes with one before it that says how strong the style is."""
    strength = _table()["strength"]
    if intensity <= strength["slight"]["most"] and rng.random() < 0.6:
        return f"{rng.choice(strength['slight']['words'])} {word}"
    if intensity >= strength["full"]["least"] and rng.random() < 0.2:
        return f"{rng.choice(strength['full']['words'])} {word}"
    return word


def style_list(spec, rng: np.random.Generator, neutral: float = 0.3, keep: float = 1.0) -> list[str]:
    """Return shuffled words for the styles of a specification, with neutral words strewn in."""
    words = style_words()
    chosen = []
    for factor, value, intensity in spec.styles:
        if rng.random() < keep:
            chosen.append(_strong(pick_word(words[factor][value], rng), intensity, rng))
            if rng.random() < 0.25:
                chosen.append(pick_word(words[factor][value], rng))
    while rng.random() < neutral and len(chosen) < 9:
        chosen.append(pick_word(neutral_words(), rng))
    rng.shuffle(chosen)
    return list(dict.fromkeys(chosen))


def opposite_list(spec, rng: np.random.Generator) -> list[str]:
    """Return words for styles that the picture does not have, at most one value a factor: the dislikes."""
    own = {factor: value for factor, value, _ in spec.styles}
    chosen = []
    for factor, values in style_words().items():
        others = [value for value in values if value != own.get(factor)]
        if others and rng.random() < (0.4 if factor in COMMON else 0.09):
            chosen.append(pick_word(values[str(rng.choice(others))], rng))
    if rng.random() < 0.3:
        chosen.append(pick_word(neutral_words(), rng))
    rng.shuffle(chosen)
    return chosen
