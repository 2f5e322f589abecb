"""Draw contact sheets of everything the renderer can show, to be looked at.

python contact_sheet.py subjects --out sheets        # every drawing of every subject
python contact_sheet.py scenes times pairs --out sheets --side 128
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from renderer.layout import RELATIONS
from renderer.picture import COLOURS, Spec, Thing, random_content, render, subjects
from renderer.scenes import SCENES
from renderer.sprites import subject, table
from renderer.styles import STYLES
from renderer.weather import TIMES, WEATHERS

LABEL = 12


def sheet(cells: list[tuple[str, np.ndarray]], columns: int) -> Image.Image:
    """Return pictures in a grid, each with its label above."""
    side = cells[0][1].shape[0]
    rows = -(-len(cells) // columns)
    page = Image.new("RGB", (columns * (side + 4), rows * (side + LABEL + 4)), "white")
    pen = ImageDraw.Draw(page)
    for i, (label, picture) in enumerate(cells):
        x, y = i % columns * (side + 4), i // columns * (side + LABEL + 4)
        pen.text((x, y), label[: side // 6], fill="black")
        page.paste(Image.fromarray(picture), (x, y + LABEL))
    return page


def _draw(spec: Spec, side: int, seed: int = 1, **options) -> np.ndarray:
    return render(spec, seed, side, side, **options)[0]


def subject_cells(side: int):
    """Every drawing of every subject on the plain backdrop."""
    for noun in subjects():
        for number in range(len(subject(noun).drawings)):
            yield f"{noun} {number}", _draw(Spec((Thing(noun, drawing=number),)), side)


def scene_cells(side: int):
    """Every scene with four different things."""
    for name in SCENES:
        for seed, noun in enumerate(("cat", "sailboat", "robot", "tree")):
            yield name, _draw(Spec((Thing(noun),), scene=name), side, seed)


def time_cells(side: int):
    """Every scene at every time of day that it has."""
    for name, scene in SCENES.items():
        for time in (None, *TIMES):
            fits = time is None or time in scene.times
            yield (
                f"{name} {time or '-'}" + ("" if fits else " (unused)"),
                _draw(Spec((Thing("fox"),), scene=name, time=time), side, 3),
            )


def weather_cells(side: int):
    """Every scene in every weather."""
    for name in SCENES:
        for weather in WEATHERS:
            yield f"{name} {weather}", _draw(Spec((Thing("penguin"),), scene=name, weather=weather), side, 4)


def pair_cells(side: int):
    """Two things in every relation."""
    pairs = {
        "beside": (
            ("cat", "dog"),
            ("castle", "mouse"),
            ("apple", "pear"),
            ("car", "tree"),
            ("moon", "owl"),
            ("whale", "sailboat"),
        ),
        "under": (
            ("cat", "tree"),
            ("frog", "umbrella"),
            ("fox", "moon"),
            ("teapot", "palm tree"),
            ("horse", "rainbow"),
            ("car", "ufo"),
        ),
        "on": (
            ("cat", "bed"),
            ("frog", "mushroom"),
            ("owl", "car"),
            ("penguin", "skateboard"),
            ("monkey", "elephant"),
            ("strawberry", "plate"),
        ),
        "in front of": (
            ("cat", "house"),
            ("robot", "castle"),
            ("tulip", "lighthouse"),
            ("dog", "car"),
            ("bear", "volcano"),
            ("ship", "moon"),
        ),
        "behind": (
            ("cat", "mushroom"),
            ("castle", "tree"),
            ("elephant", "mouse"),
            ("sun", "house"),
            ("lion", "cactus"),
            ("tree", "car"),
        ),
    }
    scenes = ("plain", "meadow", "beach", "plain", "snow", "night")
    for relation in RELATIONS:
        for (one, two), scene in zip(pairs[relation], scenes):
            if one in table() and two in table():
                spec = Spec((Thing(one), Thing(two)), relation, scene)
                yield f"{one} {relation} {two}", _draw(spec, side, 2)


def count_cells(side: int):
    """One, two and three of a thing."""
    for noun in ("cat", "apple", "balloon", "car", "giraffe", "fish", "tulip", "key", "snake", "house"):
        for count in (1, 2, 3):
            yield f"{count} {noun}", _draw(Spec((Thing(noun, count),), scene="meadow" if count == 2 else "plain"), side)


def colour_cells(side: int):
    """Things in every colour."""
    for noun in ("cat", "car", "sailboat", "house", "tulip", "apple", "dragon", "umbrella", "book", "star"):
        for colour in (None, *COLOURS):
            yield f"{colour or '-'} {noun}", _draw(Spec((Thing(noun, colour=colour),)), side)


def layout_cells(side: int):
    """Compositions and views at three intensities, and jittered places."""
    for factor in ("composition", "view"):
        for value in STYLES[factor]:
            for intensity in (0.3, 0.65, 1.0):
                spec = Spec((Thing("fox"),), scene="meadow", styles=((factor, value, intensity),))
                yield f"{value} {intensity}", _draw(spec, side, 5)
    for seed in range(6):
        yield "varied", _draw(Spec((Thing("fox"),), scene="forest"), side, seed, varied=True)


def random_cells(side: int):
    """What training sees without styles."""
    rng = np.random.default_rng(11)
    for seed in range(140):
        spec = random_content(rng, drawings=2, plain=0.2)
        yield (
            " ".join(f"{t.count} {t.colour or ''} {t.subject}" for t in spec.things),
            _draw(spec, side, seed, varied=seed % 2 == 1),
        )


STYLED = (
    ("cat", "plain"),
    ("sailboat", "sea"),
    ("castle", "mountains"),
    ("tulip", "meadow"),
    ("robot", "city"),
    ("owl", "forest"),
)


def style_cells(side: int):
    """Every value of every style factor on six things."""
    for factor, values in STYLES.items():
        for value in values:
            for seed, (noun, scene) in enumerate(STYLED):
                spec = Spec((Thing(noun),), scene=scene, styles=((factor, value, 1.0),))
                yield f"{factor} {value}", _draw(spec, side, seed)


def mixed_cells(side: int):
    """Three styles of different factors, at random intensities."""
    rng = np.random.default_rng(3)
    for seed in range(98):
        factors = rng.choice(list(STYLES), 3, replace=False)
        styles = tuple((str(f), str(rng.choice(STYLES[f])), float(rng.uniform(0.3, 1))) for f in factors)
        noun, scene = STYLED[seed % len(STYLED)]
        label = " ".join(value for _, value, _ in styles)
        yield label, _draw(Spec((Thing(noun),), scene=scene, styles=styles), side, seed)


SHEETS = {
    "subjects": (subject_cells, 20),
    "scenes": (scene_cells, 8),
    "times": (time_cells, 10),
    "weather": (weather_cells, 14),
    "pairs": (pair_cells, 6),
    "counts": (count_cells, 9),
    "colours": (colour_cells, 14),
    "layout": (layout_cells, 9),
    "random": (random_cells, 14),
    "styles": (style_cells, 12),
    "mixed": (mixed_cells, 14),
}


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sheets", nargs="*", choices=[[], *SHEETS], default=[])
    parser.add_argument("--out", required=True)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--page", type=int, default=200, help="pictures on one page")
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    for name in args.sheets or SHEETS:
        cells, columns = SHEETS[name]
        drawn = list(cells(args.side))
        for page, start in enumerate(range(0, len(drawn), args.page)):
            sheet(drawn[start : start + args.page], columns).save(out / f"{name}-{page}.png")
        print(name, len(drawn), "pictures")


if __name__ == "__main__":
    main()
