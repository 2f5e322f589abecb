"""Draw the style images of the onboarding, with their manifest.

    python onboarding.py --list onboarding.toml --out ../assets/onboarding

Pictures are drawn at twice their size and scaled down. `unit` in the list sets the brush size: 1.0 is as coarse as in
the training pictures (1/128 of the side), smaller is finer; `extent` and `place` are the subject's size and centre. What a
picture shows is a `subject`, or `things` with a `relation`; a style is the name of its factor with a value, or with a
value and its intensity (`medium = ["oil", 0.8]`).
"""

import argparse
import tomllib
from pathlib import Path

import cv2
from PIL import Image

import captions
from renderer.picture import STYLES, Spec, Thing, render

SIDE, OVERSAMPLING = 512, 2


def specification(entry: dict) -> Spec:
    """Return what an entry of the list asks for."""
    things = entry.get("things") or [{"subject": entry["subject"]}]
    styles = []
    for factor in STYLES:
        if factor in entry:
            value, intensity = entry[factor] if isinstance(entry[factor], list) else (entry[factor], 1.0)
            styles.append((factor, value, intensity))
    content = {name: entry[name] for name in ("relation", "scene", "time", "weather") if name in entry}
    return Spec(tuple(Thing(**thing) for thing in things), styles=tuple(styles), **content)


def draw(entry: dict) -> Image.Image:
    """Return one picture of the list."""
    side, spec = SIDE * OVERSAMPLING, specification(entry)
    unit = side / 128 * entry.get("unit", 0.6)
    pixels, _ = render(spec, entry["seed"], side, side, unit, entry.get("extent"), entry.get("place"))
    return Image.fromarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def quote(text: str) -> str:
    """Return a TOML string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", default=str(Path(__file__).parent / "onboarding.toml"))
    parser.add_argument("--out", required=True)
    parser.add_argument("--quality", type=int, default=86)
    args = parser.parse_args()
    entries = tomllib.loads(Path(args.list).read_text())["image"]
    known, out = set(captions.attribute_names()), Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Style images of the onboarding, in the order in which they are shown. Drawn by training/onboarding.py.",
        "",
    ]
    for number, entry in enumerate(entries, 1):
        unknown = [name for name in entry["attributes"] if name not in known]
        if unknown:
            raise SystemExit(f"{entry['id']}: not in the vocabulary: {', '.join(unknown)}")
        file = f"{entry['id']}.jpg"
        draw(entry).save(out / file, quality=args.quality, optimize=True)
        attributes = ", ".join(map(quote, entry["attributes"]))
        lines += ["[[image]]", f"id = {quote(entry['id'])}", f"file = {quote(file)}"]
        lines += [
            f"title = {quote(entry['title'])}",
            f"alt = {quote(entry['alt'])}",
            f"attributes = [{attributes}]",
            *([f"prompt = {quote(entry['prompt'])}"] if "prompt" in entry else []),
            "",
        ]
        print(number, entry["id"], (out / file).stat().st_size // 1024, "KiB", flush=True)
    (out / "manifest.toml").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
