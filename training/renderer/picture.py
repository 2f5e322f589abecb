"""Compose one picture from a specification."""

from dataclasses import dataclass

import numpy as np

from .finish import FINISHES
from .frame import Frame, colour, mix
from .light import LIGHTS
from .media import MEDIA
from .scenes import SCENES
from .sprites import SUBJECTS, paste, sprite
from .tones import CONTRASTS, PALETTES

# Style factors in the order in which they are applied; a missing one means plain.
STYLES = {
    "detail": ("minimal", "ornate"),
    "palette": tuple(PALETTES),
    "light": tuple(LIGHTS),
    "medium": tuple(MEDIA),
    "contrast": tuple(CONTRASTS),
    "finish": tuple(FINISHES),
}
MONOCHROME_MEDIA = ("sketch", "linocut")


@dataclass(frozen=True)
class Spec:
    """What a picture shows and how: a subject, a scene, and at most one value of each style factor."""

    subject: str
    scene: str = "plain"
    detail: str | None = None
    palette: str | None = None
    light: str | None = None
    medium: str | None = None
    contrast: str | None = None
    finish: str | None = None

    def styles(self) -> dict[str, str]:
        """Return the factors that are set."""
        return {name: getattr(self, name) for name in STYLES if getattr(self, name)}


def _backdrop(frame: Frame, spec: Spec) -> np.ndarray:
    if spec.detail == "minimal":
        return _minimal(frame, SCENES[spec.scene](frame))
    image = SCENES[spec.scene](frame)
    return _ornate(frame, image) if spec.detail == "ornate" else image


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
    petals = np.clip((8.2 + 2 * np.cos(8 * turn) - radius) * 0.9, 0, 1)
    heart = np.clip((3.2 - radius) * 0.9, 0, 1)
    rings = np.clip(0.5 + 2 * np.cos(radius * 2.1), 0, 1) * petals
    accent = colour(frame.rng.uniform(0, 360), 0.55, 0.95)
    image = mix(image, petals * 0.55, image * 0.6 + accent * 0.35)
    image = mix(image, rings * 0.55, (1.0, 0.92, 0.7))
    return mix(image, heart * 0.8, accent * 0.75)


def render(spec: Spec, seed: int, height: int = 128, width: int = 128, unit: float = 0.0, extent=None, place=None):
    """Draw a picture; return it as uint8 (height, width, 3) with the subject's mask (float32, 0..1).

    `unit` is the size in pixels of the finest brush detail; by default 1/128 of the short side. `extent` is the
    subject's size as a part of the short side and `place` its relative centre; by default both are jittered.
    """
    frame = Frame(height, width, np.random.default_rng(seed), unit)
    image = np.ascontiguousarray(_backdrop(frame, spec), np.float32)
    mask = np.zeros((height, width), np.float32)
    usual = frame.rng.uniform(0.62, 0.7) * (0.78 if spec.detail == "minimal" else 1)
    middle = 0.5 + frame.rng.uniform(-0.04, 0.04), 0.54 + frame.rng.uniform(-0.03, 0.03)
    extent, place = extent or usual, place or middle
    drawing = sprite(spec.subject, 256 if frame.short <= 256 else 1024)
    _shade_ground(frame, image, place, extent * drawing.shape[0] / max(drawing.shape[:2]), extent)
    paste(image, drawing, *place, extent, mask)
    for factor, operators in (("palette", PALETTES), ("light", LIGHTS)):
        if name := getattr(spec, factor):
            image = np.clip(operators[name](frame, image, mask), 0, 1).astype(np.float32)
    if spec.medium:
        image = np.clip(MEDIA[spec.medium](frame, image, mask), 0, 1).astype(np.float32)
        if spec.medium in MONOCHROME_MEDIA and spec.palette not in (None, "mono"):
            image = np.clip(PALETTES[spec.palette](frame, _tinted(frame, image), mask), 0, 1).astype(np.float32)
    for factor, operators in (("contrast", CONTRASTS), ("finish", FINISHES)):
        if name := getattr(spec, factor):
            image = np.clip(operators[name](frame, image, mask), 0, 1).astype(np.float32)
    return (image * 255 + 0.5).astype(np.uint8), mask


def _shade_ground(frame: Frame, image: np.ndarray, place, tall: float, extent: float) -> None:
    """Darken the ground below the subject a little, in place."""
    dx = (frame.x - place[0]) * frame.width / frame.short / (0.33 * extent)
    dy = (frame.y - place[1]) * frame.height / frame.short - tall / 2
    shadow = np.exp(-(dx**2) - (dy / (0.045 * extent)) ** 2)
    image[:] = mix(image, 0.22 * shadow, (0.1, 0.1, 0.15))


def _tinted(frame: Frame, image: np.ndarray) -> np.ndarray:
    """Give a monochrome print a hue, so that a palette word still shows on it."""
    return image * np.float32([1.0, 0.9, 0.92]) + 0.04


def subjects() -> tuple[str, ...]:
    """Return the caption nouns."""
    return tuple(SUBJECTS)
