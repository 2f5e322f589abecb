"""Wording: what people may write for a specification, and lists of taste words for the training of the formula."""

import functools
import tomllib
from pathlib import Path

import numpy as np

from renderer.picture import STYLES, Spec

# Other words for the subjects; "mouse" and the like are left out where another subject is nearer.
SYNONYMS = {
    "cat": ["kitten", "kitty", "tomcat", "feline", "tabby", "pussycat"],
    "dog": ["puppy", "hound", "doggy", "pup", "beagle", "terrier", "labrador"],
    "fox": ["red fox", "vixen", "wolf", "coyote"],
    "rabbit": ["bunny", "hare", "mouse"],
    "bear": ["brown bear", "grizzly", "teddy bear", "teddy"],
    "panda": ["panda bear", "giant panda"],
    "elephant": ["mammoth", "baby elephant", "rhino"],
    "lion": ["lioness", "big cat", "tiger", "leopard"],
    "horse": ["pony", "stallion", "mare", "foal", "deer", "unicorn"],
    "owl": ["barn owl", "night owl", "eagle", "hawk"],
    "penguin": ["emperor penguin", "penguins", "duck"],
    "flamingo": ["pink bird", "heron", "crane bird", "stork", "bird", "swan"],
    "butterfly": ["moth", "monarch butterfly", "bee", "insect", "dragonfly"],
    "turtle": ["tortoise", "sea turtle", "snail"],
    "frog": ["toad", "tree frog", "froggy", "lizard"],
    "fish": ["tropical fish", "goldfish", "clownfish", "koi"],
    "whale": ["blue whale", "dolphin", "orca", "shark", "sea creature"],
    "octopus": ["squid", "kraken", "jellyfish", "crab"],
    "mushroom": ["toadstool", "fungus", "fly agaric", "mushrooms"],
    "cactus": ["cacti", "saguaro", "succulent"],
    "sunflower": ["daisy", "yellow flower", "sunflowers", "marigold"],
    "tulip": ["pink flower", "tulips", "lily", "lotus", "flower", "orchid"],
    "rose": ["red rose", "roses", "red flower", "peony", "poppy"],
    "palm tree": ["palm", "coconut palm", "palms", "coconut tree"],
    "tree": ["oak", "oak tree", "maple", "bonsai", "pine tree", "plant", "willow"],
    "strawberry": ["berry", "strawberries", "raspberry", "fruit", "apple", "cherry"],
    "pineapple": ["ananas", "pineapples", "tropical fruit", "mango"],
    "car": ["automobile", "red car", "sports car", "vehicle", "beetle car", "bus", "truck", "taxi"],
    "rocket": ["spaceship", "rocket ship", "spacecraft", "space shuttle", "missile", "airplane", "plane"],
    "sailboat": ["boat", "yacht", "sailing boat", "ship", "sailing ship", "catamaran"],
    "castle": ["fortress", "palace", "citadel", "chateau", "fort", "temple"],
    "house": ["cottage", "home", "cabin", "hut", "villa", "farmhouse", "church", "barn"],
    "lighthouse": ["beacon", "light tower", "tower", "windmill"],
    "snowman": ["snow man", "frosty", "snowmen"],
    "robot": ["android", "droid", "machine", "cyborg", "robots"],
    "teapot": ["kettle", "tea pot", "pot of tea", "coffee pot", "jug", "cup of tea", "vase"],
}

SCENE_PHRASES = {
    "plain": ["", "", "", "on a plain background", "in a studio", "on a white background"],
    "sea": ["at sea", "on the sea", "on the ocean", "in the ocean", "by the lake", "on the water", "on the waves"],
    "meadow": ["in a meadow", "in a field", "in a field of flowers", "on the grass", "in a garden", "in a park"],
    "mountains": ["in the mountains", "on a mountain", "with mountains behind", "in the alps", "on a hill"],
    "beach": ["on a beach", "at the beach", "on the sand by the sea", "on a tropical island", "on the shore"],
    "forest": ["in a forest", "in the woods", "among trees", "in the jungle", "in a deep forest"],
    "night": ["under a starry sky", "under the stars", "at night under the moon", "in space", "under the night sky"],
    "desert": ["in the desert", "on a sand dune", "among dunes", "in the sahara", "in a canyon"],
    "snow": ["in the snow", "in winter", "in a snowy landscape", "in snowfall", "at the north pole"],
    "city": ["in the city", "in a city street", "in front of skyscrapers", "in town", "in new york"],
}

OPENINGS = ["", "", "", "", "", "", "a picture of ", "an image of ", "draw ", "draw me ", "show me ", "please paint "]
ADJECTIVES = ["little", "big", "small", "cute", "happy", "lovely", "old", "young", "tiny", "huge", "fluffy", "pretty"]
VERBS = ["", "", "", "", "sitting", "standing", "resting", "waiting", "sleeping", "alone"]


VOCABULARY = Path(__file__).parents[1] / "assets" / "attributes.toml"


@functools.cache
def _table() -> dict:
    return tomllib.loads((Path(__file__).parent / "attribute_styles.toml").read_text())


@functools.cache
def attribute_names() -> list[str]:
    """Return the names of the bot's vocabulary."""
    categories = tomllib.loads(VOCABULARY.read_text())["category"]
    return [attribute["name"] for category in categories for attribute in category["attributes"]]


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
def neutral_words() -> list[str]:
    """Return the words that ask for nothing the renderer can show, the unmapped attributes among them."""
    mapped = {word for values in style_words().values() for words in values.values() for word in words}
    words = [*attribute_names(), *_table()["neutral"]["words"]]
    return [word for word in dict.fromkeys(words) if word not in mapped]


def check() -> None:
    """Report words with two meanings and mapped attributes that the vocabulary lacks."""
    meaning: dict[str, str] = {}
    for values in style_words().values():
        for value, words in values.items():
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
    print(f"{mapped} of {len(known)} attributes show, {len(meaning)} style words, {len(neutral_words())} neutral")


def article(noun: str) -> str:
    """Return the noun with its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def pick_word(words: list[str], rng: np.random.Generator) -> str:
    """Return one of the words: the main one in a quarter of the cases, American spelling in another."""
    word = words[0] if rng.random() < 0.25 else words[int(rng.integers(len(words)))]
    return word.replace("colour", "color").replace("grey", "gray") if rng.random() < 0.25 else word


def content(spec: Spec, rng: np.random.Generator, wild: bool = True) -> str:
    """Return a phrase for subject and scene; `wild` allows synonyms, adjectives and openings."""
    noun, scene = spec.subject, SCENE_PHRASES[spec.scene]
    if not wild:
        where = scene[int(rng.integers(3))]
        return f"{article(noun)} {where}".strip()
    if rng.random() < 0.35:
        noun = str(rng.choice(SYNONYMS[noun]))
    if rng.random() < 0.2:
        noun = f"{rng.choice(ADJECTIVES)} {noun}"
    lead = rng.random()
    noun = article(noun) if lead < 0.75 else f"the {noun}" if lead < 0.85 else noun
    verb = str(rng.choice(VERBS))
    return " ".join(f"{rng.choice(OPENINGS)}{noun} {verb} {rng.choice(scene)}".split())


def style_list(spec: Spec, rng: np.random.Generator, neutral: float = 0.3, keep: float = 1.0) -> list[str]:
    """Return shuffled words for the styles of a specification, with neutral words strewn in."""
    words = style_words()
    chosen = []
    for factor, value in spec.styles().items():
        if rng.random() < keep:
            chosen.append(pick_word(words[factor][value], rng))
            if rng.random() < 0.25:
                chosen.append(pick_word(words[factor][value], rng))
    while rng.random() < neutral and len(chosen) < 9:
        chosen.append(pick_word(neutral_words(), rng))
    rng.shuffle(chosen)
    return list(dict.fromkeys(chosen))


def caption(spec: Spec, rng: np.random.Generator, wild: bool = True) -> str:
    """Return a full caption: content, then style words (sometimes the other way round)."""
    words = style_list(spec, rng, neutral=0.15)
    body = content(spec, rng, wild)
    if words and rng.random() < 0.1:
        return ", ".join([*words, body])
    if len(words) == 1 and rng.random() < 0.15:
        return f"{words[0]} {body.removeprefix('a ').removeprefix('an ')}"
    return ", ".join([body, *words])


def opposite_list(spec: Spec, rng: np.random.Generator) -> list[str]:
    """Return words for styles that the picture does not have, at most one value a factor: the dislikes."""
    chosen = []
    for factor, values in style_words().items():
        others = [value for value in values if value != getattr(spec, factor)]
        if others and rng.random() < (0.5 if factor in ("palette", "light", "medium") else 0.2):
            chosen.append(pick_word(values[str(rng.choice(others))], rng))
    if rng.random() < 0.3:
        chosen.append(pick_word(neutral_words(), rng))
    rng.shuffle(chosen)
    return chosen
