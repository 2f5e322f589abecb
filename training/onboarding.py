"""Draw the style images of the onboarding, with their manifest.

    python onboarding.py --list onboarding.toml --out ../assets/onboarding [--only ID ...]

Pictures are drawn at twice their size and scaled down. `styles` in the list names values of the renderer, each with its
intensity if that is not 1; `unit` sets the brush size: 1.0 is as coarse as in training (1/128 of the side), smaller is
finer; `extent` and `place` are the size and centre of a single subject.
"""

import argparse
import tomllib
from pathlib import Path

import cv2
from PIL import Image

from captions_styles import categories_of_attributes
from renderer.picture import STYLES, Spec, Thing, render

SIDE, OVERSAMPLING = 512, 2
FACTOR = {value: factor for factor, values in STYLES.items() for value in values}
HEADER = "# Style images of the onboarding, in the order in which they are shown. Drawn by training/onboarding.py."


def style(text: str) -> tuple[str, str, float]:
    """Return the factor, value and intensity that "value" or "value 0.6" names."""
    value, _, intensity = text.partition(" ")
    if value not in FACTOR:
        raise SystemExit(f"no style is called {value}: see STYLES in renderer/styles.py")
    return FACTOR[value], value, float(intensity or 1)


def specification(entry: dict) -> Spec:
    """Return what an entry of the list shows."""
    things = tuple(Thing(**thing) for thing in entry["things"])
    more = {key: entry[key] for key in ("relation", "scene", "time", "weather") if key in entry}
    return Spec(things, styles=tuple(map(style, entry["styles"])), **more)


def draw(entry: dict) -> Image.Image:
    """Return one picture of the list."""
    side = SIDE * OVERSAMPLING
    unit = side / 128 * entry.get("unit", 0.6)
    options = {"extent": entry.get("extent"), "place": entry.get("place"), "varied": True}
    pixels, _ = render(specification(entry), entry["seed"], side, side, unit, **options)
    return Image.fromarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def quote(text: str) -> str:
    """Return a TOML string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def manifest(entries: list[dict]) -> str:
    """Return the manifest that the bot reads."""
    lines = [HEADER, ""]
    for entry in entries:
        lines += ["[[image]]", f"id = {quote(entry['id'])}", f"file = {quote(entry['id'] + '.jpg')}"]
        lines += [f"{key} = {quote(entry[key])}" for key in ("title", "alt", "prompt")]
        lines += [f"attributes = [{', '.join(map(quote, entry['attributes']))}]", ""]
    return "\n".join(lines)


def check(entries: list[dict]) -> None:
    """Refuse attributes that the vocabulary lacks, doubles and empty categories; say how many categories each shows."""
    categories = categories_of_attributes()
    shown = {}
    for entry in entries:
        unknown = [name for name in entry["attributes"] if name not in categories]
        if unknown:
            raise SystemExit(f"{entry['id']}: not in the vocabulary: {', '.join(unknown)}")
        if len(set(entry["attributes"])) < len(entry["attributes"]):
            raise SystemExit(f"{entry['id']}: an attribute stands twice")
        for name in entry["attributes"]:
            shown.setdefault(categories[name], set()).add(name)
    missing = set(categories.values()) - set(shown)
    if missing:
        raise SystemExit(f"no picture shows {', '.join(sorted(missing))}")
    each = [len({categories[name] for name in entry["attributes"]}) for entry in entries]
    print(f"{len(entries)} pictures, {sum(map(len, shown.values()))} attributes of {len(shown)} categories")
    print(f"{min(each)} to {max(each)} categories a picture")


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", default=str(Path(__file__).parent / "onboarding.toml"))
    parser.add_argument("--out", required=True)
    parser.add_argument("--quality", type=int, default=86)
    parser.add_argument("--only", nargs="*", help="ids to draw; all by default")
    args = parser.parse_args()
    entries, out = tomllib.loads(Path(args.list).read_text())["image"], Path(args.out)
    check(entries)
    out.mkdir(parents=True, exist_ok=True)
    for number, entry in enumerate(entries, 1):
        if args.only and entry["id"] not in args.only:
            continue
        file = out / f"{entry['id']}.jpg"
        draw(entry).save(file, quality=args.quality, optimize=True)
        print(number, entry["id"], file.stat().st_size // 1024, "KiB", flush=True)
    (out / "manifest.toml").write_text(manifest(entries))


if __name__ == "__main__":
    main()
