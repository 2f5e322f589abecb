"""Check that everything the renderer knows can be drawn and named: run it after every change of `subjects.toml`.

python -m renderer.check            # exits with what is wrong
python -m renderer.check credits    # which drawing comes from which set, for the model card
"""

import sys

import numpy as np

from .picture import Spec, Thing, random_content, render
from .scenes import SCENES
from .sprites import COLOURS, SETS, has_icon, table
from .weather import TIMES, WEATHERS

SIDE = 64


def problems() -> list[str]:
    """Return what is wrong: missing icons, words with two meanings, empty or unsteady pictures."""
    found = []
    meaning: dict[str, str] = {}
    for noun, entry in table().items():
        for icon_set, name in entry.drawings:
            if icon_set not in SETS:
                found.append(f"{noun}: no set {icon_set!r}, use one of {', '.join(SETS)}")
            elif not has_icon(icon_set, name):
                found.append(f"{noun}: {SETS[icon_set]} has no icon {name!r}")
        for word in dict.fromkeys((noun, entry.plural, *entry.words)):
            if meaning.setdefault(word, noun) != noun:
                found.append(f"{word!r} means both {meaning[word]} and {noun}")
        if entry.colour and set(noun.split()) & set(COLOURS):
            found.append(f"{noun}: has a colour in its name, so it cannot be repainted")
    if found:
        return found
    for noun, entry in table().items():
        for number in range(len(entry.drawings)):
            _, mask = render(Spec((Thing(noun, drawing=number),)), 1, SIDE, SIDE)
            if not 0.02 < mask.mean() < 0.6:
                found.append(f"{noun}, drawing {number}: covers {mask.mean():.0%} of the picture")
    for name in SCENES:
        for time, weather in [*((t, None) for t in (None, *TIMES)), *((None, w) for w in WEATHERS)]:
            picture, _ = render(Spec((Thing("cat"),), scene=name, time=time, weather=weather), 1, SIDE, SIDE)
            if picture.std() < 10:
                found.append(f"{name}, {time}, {weather}: next to no contrast")
    rng = np.random.default_rng(5)
    for seed in range(60):
        spec = random_content(rng, drawings=2)
        size = ((SIDE, SIDE), (96, 64), (64, 96))[seed % 3]
        one, again = (render(spec, seed, *size, varied=seed % 2 == 0) for _ in range(2))
        if not np.array_equal(one[0], again[0]):
            found.append(f"not the same picture twice: {spec.to_dict()}")
        if Spec.from_dict(spec.to_dict()) != spec:
            found.append(f"lost in JSON: {spec.to_dict()}")
    return found


def credits() -> str:
    """Return the drawings of each set, one line each: the noun and the icon's name."""
    lines = []
    for icon_set, package in SETS.items():
        used = [(noun, name) for noun, entry in table().items() for s, name in entry.drawings if s == icon_set]
        lines += [f"{package}: {len(used)} drawings", *(f"  {noun}: {name}" for noun, name in used)]
    return "\n".join(lines)


def main() -> None:
    """Print the credits, or what is wrong."""
    if sys.argv[1:] == ["credits"]:
        print(credits())
        return
    found = problems()
    print(
        "\n".join(found)
        or f"{len(table())} subjects, {sum(len(e.drawings) for e in table().values())} drawings, {len(SCENES)} scenes: all well"
    )
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
