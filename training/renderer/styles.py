"""All style factors with their values, and how they are applied to a picture.

A style is (factor, value, intensity). A picture has at most one value of each factor; a missing one means plain.
"""

import numpy as np

from .air import AIRS, MOODS
from .crafted import CRAFTED
from .era import ERAS
from .finish import FINISHES, FOCUS
from .frame import Frame, colour, mix
from .light import LIGHTS
from .lines import LINES, SHAPES
from .media import MEDIA as PRINTED
from .paint import PAINTED
from .surface import TEXTURES
from .technique import CULTURES, TECHNIQUES
from .tones import CONTRASTS, PALETTES, SATURATIONS

MEDIA = {**PRINTED, **PAINTED, **CRAFTED}

# What `apply` does, in this order. Light and air come before the medium that paints them; finish comes last.
OPERATORS = {
    "palette": PALETTES,
    "saturation": SATURATIONS,
    "light": LIGHTS,
    "atmosphere": AIRS,
    "mood": MOODS,
    "era": ERAS,
    "focus": FOCUS,
    "shape": SHAPES,
    "line": LINES,
    "medium": MEDIA,
    "culture": CULTURES,
    "technique": TECHNIQUES,
    "contrast": CONTRASTS,
    "texture": TEXTURES,
    "finish": FINISHES,
}

# Factors that change where things stand (the layout executes them), then the backdrop's, then those of `apply`.
STYLES: dict[str, tuple[str, ...]] = {
    "composition": ("close-up", "distant", "off-centre", "negative-space", "repetition", "busy", "frame"),
    "view": ("tilted", "fisheye"),
    "detail": ("minimal", "ornate"),
    **{factor: tuple(operators) for factor, operators in OPERATORS.items()},
}

# Media and techniques that leave no colour: a palette is applied to them once more.
MONOCHROME = ("sketch", "linocut", "charcoal", "ink-wash", "etching", "daguerreotype")


def weight(factor: str, intensity: float) -> float:
    """Return how much of the full effect an intensity in 0..1 shows; a medium is never a mere ghost."""
    return intensity if factor not in ("medium", "technique", "culture", "shape", "era") else 0.3 + 0.7 * intensity


def apply(frame: Frame, image: np.ndarray, mask: np.ndarray, styles) -> np.ndarray:
    """Return the picture under all of the styles that change what is painted; others are left to the layout."""
    chosen = {factor: (value, intensity) for factor, value, intensity in styles}
    for factor, operators in OPERATORS.items():
        if factor not in chosen:
            continue
        value, intensity = chosen[factor]
        image = _blend(image, operators[value](frame, image, mask), weight(factor, intensity))
        if value in MONOCHROME and "palette" in chosen:
            palette, strength = chosen["palette"]
            if palette != "mono":
                tinted = image * np.float32([1.0, 0.9, 0.92]) + 0.04
                image = _blend(image, PALETTES[palette](frame, np.clip(tinted, 0, 1), mask), strength)
    return image


def _blend(image: np.ndarray, full: np.ndarray, share: float) -> np.ndarray:
    """Return the picture with a share of the full effect, in 0..1."""
    full = np.clip(full, 0, 1)
    return np.ascontiguousarray(full if share >= 1 else image + (full - image) * share, np.float32)


def backdrop(frame: Frame, image: np.ndarray, styles) -> np.ndarray:
    """Return a scene under the style of its detail, before anything stands in it."""
    for factor, value, intensity in styles:
        if factor == "detail":
            return _blend(image, (_minimal if value == "minimal" else _ornate)(frame, image), intensity)
    return image


def _minimal(frame: Frame, image: np.ndarray) -> np.ndarray:
    """Reduce a scene to two flat areas in its own mean colours, with a lot of empty space."""
    split = int(0.7 * frame.height)
    upper, lower = image[:split].mean((0, 1)), image[split:].mean((0, 1))
    return mix(np.broadcast_to(upper, image.shape), frame.below(split / frame.height), lower)


def _ornate(frame: Frame, image: np.ndarray) -> np.ndarray:
    """Cover a scene with a rosette pattern in its own hues."""
    px, py = frame.x * frame.width / frame.unit, frame.y * frame.height / frame.unit
    cell = 21.0
    ox, oy = frame.rng.uniform(0, cell, 2)
    dx, dy = (px + ox) % cell - cell / 2, (py + oy) % cell - cell / 2
    radius, turn = np.hypot(dx, dy), np.arctan2(dy, dx)
    petals = np.clip((9.0 + 1.6 * np.cos(8 * turn) - radius) * 0.9, 0, 1)
    heart = np.clip((3.2 - radius) * 0.9, 0, 1)
    rings = np.clip(0.5 + 2 * np.cos(radius * 2.1), 0, 1) * petals
    corner_x, corner_y = cell / 2 - np.abs(dx), cell / 2 - np.abs(dy)
    buds = np.clip((2.6 - np.hypot(corner_x, corner_y)) * 0.9, 0, 1)
    accent = colour(frame.rng.uniform(0, 360), 0.6, 0.9)
    image = mix(image, petals * 0.72, image * 0.45 + accent * 0.42)
    image = mix(image, rings * 0.72, (1.0, 0.92, 0.7))
    return mix(image, np.maximum(heart, buds) * 0.9, accent * 0.7)
