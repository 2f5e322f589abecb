"""Load the subject drawings: single emoji SVGs of two open sets, rasterised with resvg."""

import functools
import io
import json
import os
from pathlib import Path

import cv2
import numpy as np
import resvg_py
from PIL import Image

NOTO, FLUENT = "noto", "fluent-emoji-flat"

# Caption noun -> (icon set, icon). One drawing each: a small model learns one shape a word far sooner than two.
SUBJECTS = {
    "cat": (NOTO, "cat"),
    "dog": (NOTO, "dog-face"),
    "fox": (NOTO, "fox"),
    "rabbit": (NOTO, "rabbit"),
    "bear": (NOTO, "bear"),
    "panda": (NOTO, "panda"),
    "elephant": (NOTO, "elephant"),
    "lion": (NOTO, "lion"),
    "horse": (NOTO, "horse"),
    "owl": (NOTO, "owl"),
    "penguin": (NOTO, "penguin"),
    "flamingo": (NOTO, "flamingo"),
    "butterfly": (NOTO, "butterfly"),
    "turtle": (NOTO, "turtle"),
    "frog": (FLUENT, "frog"),
    "fish": (NOTO, "tropical-fish"),
    "whale": (FLUENT, "spouting-whale"),
    "octopus": (NOTO, "octopus"),
    "mushroom": (NOTO, "mushroom"),
    "cactus": (NOTO, "cactus"),
    "sunflower": (NOTO, "sunflower"),
    "tulip": (NOTO, "tulip"),
    "rose": (NOTO, "rose"),
    "palm tree": (NOTO, "palm-tree"),
    "tree": (NOTO, "deciduous-tree"),
    "strawberry": (NOTO, "strawberry"),
    "pineapple": (NOTO, "pineapple"),
    "car": (NOTO, "automobile"),
    "rocket": (NOTO, "rocket"),
    "sailboat": (NOTO, "sailboat"),
    "castle": (NOTO, "castle"),
    "house": (FLUENT, "house"),
    "lighthouse": (NOTO, "lighthouse"),
    "snowman": (NOTO, "snowman-without-snow"),
    "robot": (NOTO, "robot"),
    "teapot": (NOTO, "teapot"),
}

DECOR = {"fir": (NOTO, "evergreen-tree"), "oak": (NOTO, "deciduous-tree")}


@functools.cache
def _icons(icon_set: str) -> dict:
    root = Path(os.environ.get("SPRITES", "node_modules/@iconify-json"))
    return json.loads((root / icon_set / "icons.json").read_text())


@functools.cache
def sprite(name: str, pixels: int = 256) -> np.ndarray:
    """Return the drawing of a subject or decoration as RGBA float32 in 0..1, cropped to what is visible.

    Colours are premultiplied by alpha, so that scaling leaves no dark fringe.
    """
    icon_set, icon_name = SUBJECTS.get(name) or DECOR[name]
    data = _icons(icon_set)
    icon = data["icons"].get(icon_name) or data["icons"][data["aliases"][icon_name]["parent"]]
    width = icon.get("width", data.get("width", 16))
    height = icon.get("height", data.get("height", 16))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}" width="{pixels}" height="{pixels}">{icon["body"]}</svg>'
    )
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True))
    image = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"), np.float32) / 255
    rows, columns = np.where(image[..., 3] > 0.03)
    image = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].copy()
    image[..., :3] *= image[..., 3:]
    return image


def paste(picture, drawing, cx: float, cy: float, extent: float, mask=None) -> None:
    """Draw a sprite onto the picture in place, its longest side `extent` of the picture's short side.

    `cx`, `cy` are its relative centre; `mask` (height, width), if given, is raised to its alpha.
    """
    height, width = picture.shape[:2]
    scale = extent * min(height, width) / max(drawing.shape[:2])
    size = max(1, round(drawing.shape[1] * scale)), max(1, round(drawing.shape[0] * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawing = np.clip(cv2.resize(drawing, size, interpolation=interpolation), 0, 1)
    top, left = round(cy * height - size[1] / 2), round(cx * width - size[0] / 2)
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(height, top + size[1]), min(width, left + size[0])
    if y1 <= y0 or x1 <= x0:
        return
    part = drawing[y0 - top : y1 - top, x0 - left : x1 - left]
    alpha = part[..., 3:]
    picture[y0:y1, x0:x1] = picture[y0:y1, x0:x1] * (1 - alpha) + part[..., :3]
    if mask is not None:
        mask[y0:y1, x0:x1] = np.maximum(mask[y0:y1, x0:x1], alpha[..., 0])
