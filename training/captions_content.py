"""Wording of what a picture shows: things, how they stand to each other, scene, time of day and weather.

No style word is among these; `captions_styles.py` adds them.
"""

import numpy as np

from renderer.picture import Spec, Thing
from renderer.sprites import COLOURS, regular_plural, subject, table

# The first phrases of each scene are the usual ones; evaluation takes the first.
SCENE_PHRASES = {
    "plain": ["", "", "", "", "on a plain background", "in a studio", "on a white background", "on a blank background"],
    "sea": ["at sea", "on the sea", "on the ocean", "on the waves", "out at sea", "on the open sea", "in the ocean waves"],
    "meadow": ["in a meadow", "in a field of flowers", "on the grass", "in a flower meadow", "in a park", "in the countryside"],
    "mountains": ["in the mountains", "with mountains behind", "in the alps", "before a mountain range", "in a mountain valley"],
    "beach": ["on a beach", "at the beach", "on the sand by the sea", "on the shore", "on a tropical beach", "at the seaside"],
    "forest": ["in a forest", "in the woods", "among trees", "in a deep forest", "in a fir forest", "in the woodland"],
    "night": ["under a starry sky", "under the stars", "under the moon", "under the night sky", "beneath the milky way"],
    "desert": ["in the desert", "on a sand dune", "among dunes", "in the sahara", "in a canyon", "in a desert with cactuses"],
    "snow": ["in the snow", "in winter", "in a snowy landscape", "at the north pole", "in a winter landscape", "in deep snow"],
    "city": ["in the city", "in front of skyscrapers", "in new york", "before a city skyline", "downtown", "in a big city"],
    "lake": ["by a lake", "at a mountain lake", "at the lakeside", "on the shore of a lake", "at a calm lake", "by a pond"],
    "jungle": ["in the jungle", "in a rainforest", "in a tropical forest", "among palm trees", "in the amazon"],
    "cave": ["in a cave", "in a crystal cave", "in a cavern", "underground", "in a grotto"],
    "room": ["in a room", "in a living room", "indoors", "at home", "inside a house", "in a cosy room"],
    "kitchen": ["on a kitchen table", "in the kitchen", "on a table", "on the table", "on a tablecloth", "at the breakfast table"],
    "street": ["in a street", "on a city street", "on the road", "in an alley", "in a narrow street", "between houses"],
    "space": ["in space", "on the moon", "in outer space", "in the galaxy", "among the planets", "on an alien planet"],
    "underwater": ["underwater", "under water", "under the sea", "at the bottom of the sea", "in the deep sea", "in a coral reef"],
    "farm": ["on a farm", "in a wheat field", "in front of a barn", "in the farmyard", "in a ploughed field", "at a red barn"],
    "garden": ["in a garden", "in the flower garden", "in a backyard", "by a garden fence", "among roses"],
    "river": ["by a river", "at a stream", "on the river bank", "by a winding river", "at a brook"],
    "volcano": ["at a volcano", "before an erupting volcano", "among lava", "on volcanic rock", "near a volcano"],
    "village": ["in a village", "in a small town", "among cottages", "in the village square", "in front of little houses"],
    "harbour": ["in a harbour", "at the harbor", "on a pier", "on the jetty", "at the port", "in a fishing port", "on the docks"],
    "sky": ["in the sky", "among the clouds", "above the clouds", "high in the air", "flying in the clouds", "up in the air"],
}

TIME_PHRASES = {
    "day": ["by day", "during the day", "at noon", "in daylight", "in the afternoon"],
    "dawn": ["at dawn", "at sunrise", "in the early morning", "at daybreak", "in the morning"],
    "dusk": ["at dusk", "at sunset", "in the evening", "at twilight", "at nightfall"],
    "night": ["at night", "in the night", "after dark", "at midnight", "by night"],
}

WEATHER_PHRASES = {
    "rain": ["in the rain", "on a rainy day", "while it rains", "in heavy rain", "in a shower"],
    "snow": ["in falling snow", "while it snows", "in snowfall", "in a snowstorm", "in a blizzard", "with snowflakes falling"],
    "fog": ["in fog", "in the fog", "in the mist", "on a foggy day", "in thick fog"],
    "storm": ["in a thunderstorm", "in a storm", "with lightning", "on a stormy day", "under a stormy sky"],
    "sunshine": ["in bright sunshine", "on a sunny day", "in the sunshine", "in the sun", "under a blazing sun"],
    "rainbow": ["with a rainbow behind", "with a rainbow", "under a rainbow", "with a rainbow in the sky"],
    "wind": ["in the wind", "on a windy day", "with leaves in the wind", "on a breezy day", "in blowing leaves"],
}

RELATION_PHRASES = {
    "beside": ["beside", "next to", "and", "with", "near", "by", "alongside", "and"],
    "under": ["under", "beneath", "below", "underneath"],
    "on": ["on", "on top of", "standing on", "upon"],
    "in front of": ["in front of", "before"],
    "behind": ["behind", "at the back of"],
}
# Said the other way round: "a tree above a cat" is "a cat under a tree".
REVERSED = {"under": ["above", "over"], "in front of": ["behind"], "behind": ["in front of"], "beside": ["beside", "and"]}

COLOUR_WORDS = {
    "turquoise": ["turquoise", "teal"],
    "purple": ["purple", "violet"],
    "grey": ["grey", "gray"],
    "golden": ["golden", "gold"],
    "red": ["red", "red", "scarlet"],
    "blue": ["blue"],
    "brown": ["brown"],
    "black": ["black"],
    "white": ["white"],
}
COUNTS = {2: ["two", "two", "2", "a pair of", "a couple of"], 3: ["three", "three", "3", "a trio of"]}
OPENINGS = [
    *[""] * 12,
    *["a picture of ", "an image of ", "draw ", "draw me ", "show me ", "please paint ", "paint me ", "can you draw "],
    *["i want ", "i would like ", "make me a picture of ", "create ", "generate ", "give me "],
]
ADJECTIVES = ["little", "big", "small", "cute", "happy", "lovely", "old", "young", "tiny", "huge", "pretty", "nice", "funny", "beautiful"]
VERBS = {"animal": ["sitting", "standing", "resting", "waiting", "sleeping", "walking"], "vehicle": ["parked", "waiting", "driving"]}


def article(noun: str) -> str:
    """Return the noun with its indefinite article."""
    silent = noun.startswith(("hour", "honest", "x-ray"))
    sounded = noun.startswith(("uni", "eu", "ufo", "one", "used", "uku"))
    return f"{'an' if (noun[0] in 'aeiou' or silent) and not sounded else 'a'} {noun}"


def pick(words: list[str], rng: np.random.Generator) -> str:
    """Return one of the words."""
    return words[int(rng.integers(len(words)))]


def _counted(word: str, thing: Thing) -> str:
    """Return the plural of a word for a thing."""
    entry = subject(thing.subject)
    return entry.plural if word == entry.noun else regular_plural(word)


def thing_phrase(thing: Thing, rng: np.random.Generator, wild: bool = True) -> str:
    """Return "a red boat", "two little kittens", "the moon": number, article, colour and a noun."""
    entry = subject(thing.subject)
    word = entry.noun
    if wild and entry.words and rng.random() < 0.35:
        word = pick(entry.words, rng)
        if thing.colour and set(word.split()) & set(COLOURS):
            word = entry.noun
        if thing.count > 1 and (word.endswith("s") or set(word.split()) & {"of", "in", "with", "on"}):
            word = entry.noun
    described = []
    if wild and rng.random() < 0.12:
        described.append(pick(ADJECTIVES, rng))
    if thing.colour:
        words = COLOUR_WORDS.get(thing.colour, [thing.colour])
        described.append(pick(words, rng) if wild else thing.colour)
    if thing.count > 1:
        number = COUNTS[thing.count]
        return " ".join([pick(number, rng) if wild else number[0], *described, _counted(word, thing)])
    phrase = " ".join([*described, word])
    lead = rng.random() if wild else 0.0
    bare = (entry.mass and word == entry.noun) or (word.endswith("s") and " of " not in word and (entry.mass or word == entry.plural))
    if bare:
        return phrase if lead < 0.8 else f"some {phrase}"
    return article(phrase) if lead < 0.78 else f"the {phrase}" if lead < 0.87 else phrase


def _things(spec: Spec, rng: np.random.Generator, wild: bool) -> str:
    """Return the things with their relation."""
    first = thing_phrase(spec.things[0], rng, wild)
    if len(spec.things) == 1:
        verbs = VERBS.get(subject(spec.things[0].subject).kind)
        return f"{first} {pick(verbs, rng)}" if verbs and wild and rng.random() < 0.15 else first
    second = thing_phrase(spec.things[1], rng, wild)
    if wild and spec.relation in REVERSED and rng.random() < 0.2:
        return f"{second} {pick(REVERSED[spec.relation], rng)} {first}"
    phrases = RELATION_PHRASES[spec.relation]
    return f"{first} {pick(phrases, rng) if wild else phrases[0]} {second}"


def content(spec: Spec, rng: np.random.Generator, wild: bool = True) -> str:
    """Return a phrase for all that a picture shows, without its styles.

    `wild` allows synonyms, adjectives, other orders and openings ("draw me"); without it the usual wording comes out.
    """
    places = SCENE_PHRASES[spec.scene]
    where = pick(places, rng) if wild else next((p for p in places if p), "") if spec.scene != "plain" else ""
    parts = [where]
    for name, phrases in ((spec.time, TIME_PHRASES), (spec.weather, WEATHER_PHRASES)):
        if name:
            parts.append(pick(phrases[name], rng) if wild else phrases[name][0])
    if wild and rng.random() < 0.3:
        rng.shuffle(parts)
    things, around = _things(spec, rng, wild), " ".join(part for part in parts if part)
    opening = pick(OPENINGS, rng) if wild else ""
    if wild and around and not opening and rng.random() < 0.08:
        return f"{around}, {things}"
    return f"{opening}{things} {around}".strip()


def vocabulary() -> list[str]:
    """Return every word and phrase that captions may say about content, for a tokenizer's corpus."""
    words = [*table()]
    for entry in table().values():
        words += [entry.plural, *entry.words]
    for group in (SCENE_PHRASES, TIME_PHRASES, WEATHER_PHRASES, RELATION_PHRASES, REVERSED, COLOUR_WORDS, COUNTS, VERBS):
        words += [phrase for phrases in group.values() for phrase in phrases]
    words += [*OPENINGS, *ADJECTIVES, "orange", "yellow", "green", "pink", "the", "some"]
    return [word.strip() for word in dict.fromkeys(words) if word.strip()]
