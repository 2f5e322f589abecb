"""Load the subject drawings: single emoji SVGs of two open sets, rasterised with resvg, recoloured, scaled and pasted."""

import functools
import io
import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import resvg_py
from PIL import Image

from .frame import luma

SETS = {"noto": "noto", "fluent": "fluent-emoji-flat"}
SIZES = {"animal": 2, "plant": 1, "food": 1, "vehicle": 4, "building": 5, "nature": 3, "object": 1}

FLAGS = ("colour", "air", "water", "mass", "shelter", "support", "rare")

# Caption colour -> the RGB a repainted drawing has where its own main colour is of average brightness.
COLOURS = {
    "red": (0.86, 0.13, 0.13),
    "orange": (0.97, 0.52, 0.1),
    "yellow": (0.98, 0.83, 0.16),
    "green": (0.2, 0.64, 0.26),
    "turquoise": (0.16, 0.72, 0.7),
    "blue": (0.16, 0.4, 0.88),
    "purple": (0.52, 0.22, 0.72),
    "pink": (0.97, 0.5, 0.7),
    "brown": (0.49, 0.3, 0.17),
    "black": (0.17, 0.17, 0.2),
    "white": (0.93, 0.93, 0.95),
    "grey": (0.56, 0.57, 0.6),
    "golden": (0.88, 0.68, 0.2),
}


@dataclass(frozen=True)
class Subject:
    """A noun that pictures can show: its drawings and what has to be known about the thing.

    `size` goes from 0 (a berry) to 5 (a house). `colour` says that it can be repainted, `air` that it flies or hangs, `water`
    that it lives in water, `mass` that its noun takes no article, `shelter` that something fits under it, `support` that
    something can be on it, and `rare` that it is seldom asked for.
    """

    noun: str
    kind: str
    drawings: tuple[tuple[str, str], ...]
    plural: str
    words: tuple[str, ...]
    size: int
    colour: bool = False
    air: bool = False
    water: bool = False
    mass: bool = False
    shelter: bool = False
    support: bool = False
    rare: bool = False


# Endings of words whose plural is irregular.
_PLURALS = {
    **{"loaf": "loaves", "leaf": "leaves", "wolf": "wolves", "calf": "calves", "knife": "knives", "scarf": "scarves"},
    **{
        "tomato": "tomatoes",
        "potato": "potatoes",
        "mango": "mangoes",
        "volcano": "volcanoes",
        "mosquito": "mosquitoes",
    },
    **{
        "mouse": "mice",
        "goose": "geese",
        "snowman": "snowmen",
        "snow man": "snow men",
        "fish": "fish",
        "sheep": "sheep",
        "deer": "deer",
        "swine": "swine",
    },
    **{"trout": "trout", "salmon": "salmon", "tuna": "tuna", "cattle": "cattle", "bison": "bison", "jeans": "jeans"},
}


def regular_plural(noun: str) -> str:
    """Return the plural of a word by the rules of spelling and a few exceptions."""
    for one, many in _PLURALS.items():
        if noun.endswith(one):
            return noun.removesuffix(one) + many
    if noun[-1] == "y" and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


@functools.cache
def table() -> dict[str, Subject]:
    """Return all subjects by noun, in the order of `subjects.toml`."""
    kinds = tomllib.loads((Path(__file__).parents[1] / "subjects.toml").read_text())
    found: dict[str, Subject] = {}
    for kind, nouns in kinds.items():
        for noun, entry in nouns.items():
            if noun in found:
                raise ValueError(f"subjects.toml: {noun} is listed twice, as {found[noun].kind} and as {kind}")
            drawings = tuple(tuple(drawing.split(" ")) for drawing in entry["drawings"])
            flags = {name: entry.get(name, False) for name in FLAGS}
            found[noun] = Subject(
                noun,
                kind,
                drawings,
                entry.get("plural") or regular_plural(noun),
                tuple(entry["words"]),
                entry.get("size", SIZES[kind]),
                **flags,
            )
    return found


def subject(noun: str) -> Subject:
    """Return what is known about a noun."""
    if noun not in table():
        raise ValueError(f"no subject {noun!r}: add it to training/subjects.toml or use a noun that is there")
    return table()[noun]


@functools.cache
def _icons(icon_set: str) -> dict:
    root = Path(os.environ.get("SPRITES", "node_modules/@iconify-json"))
    return json.loads((root / SETS[icon_set] / "icons.json").read_text())


def has_icon(icon_set: str, name: str) -> bool:
    """Say whether the set has a drawing of that name."""
    return name in _icons(icon_set)["icons"] or name in _icons(icon_set).get("aliases", {})


@functools.lru_cache(1500)
def icon(icon_set: str, name: str, pixels: int) -> np.ndarray:
    """Return an icon as 8-bit RGBA, drawn `pixels` wide and cropped to what is visible.

    Colours are premultiplied by alpha, so that scaling leaves no dark fringe. Drawings are kept in 8 bits because a process
    that renders for training keeps thousands of them.
    """
    data = _icons(icon_set)
    entry = data["icons"].get(name) or data["icons"][data["aliases"][name]["parent"]]
    width = entry.get("width", data.get("width", 16))
    height = entry.get("height", data.get("height", 16))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}" width="{pixels}" height="{pixels}">{entry["body"]}</svg>'
    )
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True))
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), np.float32) / 255
    rows, columns = np.where(image[..., 3] > 0.03)
    image = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].copy()
    image[..., :3] *= image[..., 3:]
    return _bytes(image)


def _bytes(image: np.ndarray) -> np.ndarray:
    return (image * 255 + 0.5).astype(np.uint8)


def _floats(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) * np.float32(1 / 255)


def sprite(noun: str, drawing: int = 0, colour: str | None = None, pixels: int = 256) -> np.ndarray:
    """Return a drawing of a subject, repainted if a colour is given: premultiplied RGBA float32 in 0..1, cropped.

    `drawing` counts modulo the number of drawings that the subject has.
    """
    image = _floats(_original(noun, drawing, pixels))
    return repaint(image, COLOURS[colour]) if colour else image


def _original(noun: str, drawing: int, pixels: int) -> np.ndarray:
    drawings = subject(noun).drawings
    return icon(*drawings[drawing % len(drawings)], pixels)


def shape(noun: str, drawing: int = 0) -> tuple[float, float]:
    """Return width and height of a drawing as parts of its longest side."""
    height, width = _original(noun, drawing, 256).shape[:2]
    return width / max(height, width), height / max(height, width)


def repaint(drawing: np.ndarray, target) -> np.ndarray:
    """Return a drawing with its main colour replaced by the target RGB; shading and other colours stay.

    The main colour is the hue that covers most (weighed by saturation), or grey where next to nothing has a hue. A pixel
    belongs to it by its distance in hue; its brightness relative to the mean of the main colour is kept.
    """
    alpha = drawing[..., 3]
    rgb = drawing[..., :3] / np.maximum(alpha, 1e-3)[..., None]
    hsv = cv2.cvtColor(np.clip(rgb, 0, 1), cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    chroma = saturation * value
    vivid = np.clip((chroma - 0.08) / 0.14, 0, 1)
    counts = np.bincount((hue / 10).astype(int).ravel() % 36, (vivid * alpha * (0.4 + saturation)).ravel(), 36)
    smooth = (
        counts + 0.8 * (np.roll(counts, 1) + np.roll(counts, -1)) + 0.4 * (np.roll(counts, 2) + np.roll(counts, -2))
    )
    if (vivid * alpha).sum() > 0.3 * alpha.sum():
        centre = smooth.argmax() * 10 + 5
        distance = np.abs((hue - centre + 180) % 360 - 180)
        part = np.clip((48 - distance) / 14, 0, 1) * vivid
    else:
        part = (1 - vivid) * np.clip((value - 0.2) / 0.15, 0, 1)
    light = luma(rgb)
    weight = part * alpha
    mean = (light * weight).sum() / max(weight.sum(), 1e-6)
    ratio = np.clip(light / max(mean, 0.05), 0, 2.2)[..., None]
    target = np.float32(target)
    shaded = np.where(ratio < 1, target * ratio**0.9, target + (1 - target) * np.clip(ratio - 1, 0, 1) * 0.6)
    painted = rgb + part[..., None] * (shaded - rgb)
    return np.dstack([np.clip(painted, 0, 1) * alpha[..., None], alpha]).astype(np.float32)


@functools.lru_cache(2048)
def _scaled(noun: str, drawing: int, colour: str | None, width: int, height: int, pixels: int) -> np.ndarray:
    if colour:
        return _bytes(resize(sprite(noun, drawing, colour, pixels), width, height))
    return resize(_original(noun, drawing, pixels), width, height)


def resize(drawing: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the drawing scaled to a size in pixels."""
    interpolation = cv2.INTER_AREA if width * height < drawing.shape[0] * drawing.shape[1] else cv2.INTER_CUBIC
    scaled = cv2.resize(drawing, (width, height), interpolation=interpolation)
    return scaled if scaled.dtype == np.uint8 else np.clip(scaled, 0, 1)


def scaled_sprite(noun: str, drawing: int, colour: str | None, extent_pixels: float, flip: bool = False) -> np.ndarray:
    """Return a drawing with its longest side `extent_pixels` long, mirrored if `flip`; cached by size."""
    pixels = 256 if extent_pixels <= 256 else 1024
    wide, tall = shape(noun, drawing)
    size = max(1, round(wide * extent_pixels)), max(1, round(tall * extent_pixels))
    image = _floats(_scaled(noun, drawing, colour, *size, pixels))
    return image[:, ::-1] if flip else image


def blit(picture, drawing, left: int, top: int, mask=None) -> None:
    """Draw a premultiplied drawing onto a picture (RGB or RGBA) in place, its top left corner at a pixel.

    `mask` (height, width), if given, is raised to its alpha.
    """
    height, width = picture.shape[:2]
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(height, top + drawing.shape[0]), min(width, left + drawing.shape[1])
    if y1 <= y0 or x1 <= x0:
        return
    part = drawing[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha, channels = part[..., 3], picture.shape[2]
    rest = 1 - alpha
    picture[y0:y1, x0:x1] *= cv2.merge((rest,) * channels)
    picture[y0:y1, x0:x1] += part[..., :channels]
    if mask is not None:
        mask[y0:y1, x0:x1] = np.maximum(mask[y0:y1, x0:x1], alpha)
