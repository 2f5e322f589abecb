"""Backgrounds: a plain studio backdrop and ten places, with their ground and sky jittered by the seed."""

import cv2
import numpy as np

from .frame import Frame, blur, colour, mix
from .sprites import paste, sprite

DAY = (0.42, 0.68, 0.95), (0.84, 0.93, 1.0)
SUN = (1.0, 0.9, 0.45)


def _jitter(frame: Frame, rgb) -> np.ndarray:
    return np.clip(np.float32(rgb) + frame.rng.normal(0, 0.025, 3), 0, 1).astype(np.float32)


def _gradient(frame: Frame, top, bottom) -> np.ndarray:
    return mix(np.float32(_jitter(frame, top)), frame.y, _jitter(frame, bottom))


def _roll(frame: Frame, base: float, height: float) -> np.ndarray:
    """Return the horizon of a rolling hill, one relative height a column."""
    wave = frame.x[0] * frame.width / frame.short * frame.rng.uniform(2, 5) + frame.rng.uniform(0, 6)
    return (base + height * np.sin(wave))[None]


def _ridge(frame: Frame, base: float, height: float, peaks: int) -> np.ndarray:
    """Return the horizon of a mountain range: straight lines between random peaks and valleys."""
    knots = (np.arange(2 * peaks + 1) % 2) * frame.rng.uniform(0.5, 1.0, 2 * peaks + 1) * height
    places = np.linspace(-0.1, 1.1, len(knots)) + frame.rng.uniform(-0.03, 0.03, len(knots))
    return np.interp(frame.x[0], places, base - knots)[None]


def _clouds(frame: Frame, sky: np.ndarray, amount: float = 0.5) -> np.ndarray:
    bands = frame.warp(np.clip(frame.noise(5) * 1.6 - 0.8, 0, 1), 18, 4)
    return mix(sky, bands * np.clip(0.6 - frame.y, 0, 1) * 2 * amount, (1, 1, 1))


def _dot(frame: Frame, image, x: float, y: float, units: float, rgb) -> None:
    """Draw a small anti-aliased dot at a relative place, in place, with sub-pixel position."""
    centre = int(x * frame.width * 16), int(y * frame.height * 16)
    cv2.circle(image, centre, max(8, int(units * frame.unit * 16)), tuple(map(float, rgb)), -1, cv2.LINE_AA, 4)


def _sky(frame: Frame) -> np.ndarray:
    sky = _clouds(frame, _gradient(frame, *DAY))
    x = frame.rng.choice([frame.rng.uniform(0.1, 0.2), frame.rng.uniform(0.8, 0.9)])
    return mix(sky, frame.disc(x, frame.rng.uniform(0.12, 0.2), 0.08), SUN)


def plain(frame: Frame) -> np.ndarray:
    """A clean pale backdrop with a faint floor shadow."""
    tint = colour(frame.rng.uniform(0, 360), frame.rng.uniform(0.03, 0.12), frame.rng.uniform(0.93, 0.98))
    return _gradient(frame, tint, tint * 0.94)


def sea(frame: Frame) -> np.ndarray:
    image, horizon = _sky(frame), frame.rng.uniform(0.52, 0.6)
    image = mix(image, frame.below(horizon), _gradient(frame, (0.3, 0.66, 0.88), (0.05, 0.3, 0.6)))
    for _ in range(9):
        depth = frame.rng.uniform(0.06, 1)
        y, x = horizon + depth * (0.98 - horizon), frame.rng.uniform(0, 1)
        reach = depth * frame.rng.uniform(0.06, 0.16)
        ends = [(int((x + d) * frame.width), int(y * frame.height)) for d in (-reach, reach)]
        cv2.line(image, *ends, (0.75, 0.9, 1.0), frame.pixels(1), cv2.LINE_AA)
    return image


def meadow(frame: Frame) -> np.ndarray:
    image = mix(_sky(frame), frame.below(_roll(frame, 0.6, 0.05)), _jitter(frame, (0.55, 0.82, 0.42)))
    near = _roll(frame, 0.7, 0.04)
    image = mix(image, frame.below(near), _gradient(frame, (0.42, 0.74, 0.34), (0.28, 0.58, 0.24)))
    for _ in range(18):
        rgb = colour(frame.rng.choice([350, 45, 280, 20]), 0.55, 1)
        _dot(frame, image, frame.rng.uniform(0, 1), frame.rng.uniform(0.78, 0.98), 1.3, rgb)
    return image


def mountains(frame: Frame) -> np.ndarray:
    image, far = _sky(frame), _ridge(frame, 0.56, 0.34, 3)
    image = mix(image, frame.below(far), _jitter(frame, (0.58, 0.64, 0.78)))
    snow = frame.below(far) * (1 - frame.below(0.34 + 0.05 * frame.noise(14)))
    image = mix(image, snow, (0.96, 0.97, 1.0))
    image = mix(image, frame.below(_ridge(frame, 0.68, 0.2, 4)), _jitter(frame, (0.38, 0.45, 0.6)))
    return mix(image, frame.below(_roll(frame, 0.76, 0.03)), _jitter(frame, (0.36, 0.56, 0.36)))


def beach(frame: Frame) -> np.ndarray:
    image = mix(_sky(frame), frame.below(0.5), _gradient(frame, (0.1, 0.5, 0.75), (0.35, 0.85, 0.88)))
    shore = _roll(frame, 0.68, 0.025)
    image = mix(image, frame.below(shore - 0.025), (0.95, 0.98, 1.0))
    return mix(image, frame.below(shore), _gradient(frame, (0.99, 0.92, 0.72), (0.92, 0.8, 0.55)))


def forest(frame: Frame) -> np.ndarray:
    image = _gradient(frame, (0.72, 0.88, 0.8), (0.5, 0.72, 0.5))
    for haze, base, tall in ((0.55, 0.48, 0.5), (0.15, 0.52, 0.62)):
        layer, mask = image.copy(), np.zeros(image.shape[:2], np.float32)
        count = 7 if haze < 0.5 else 9
        for i in range(count):
            tree = sprite("fir" if frame.rng.random() < 0.6 else "oak")
            x = (i + frame.rng.uniform(0.1, 0.9)) / count
            paste(layer, tree, x, base + frame.rng.uniform(-0.05, 0.05), tall * frame.rng.uniform(0.8, 1), mask)
        image = mix(layer, mask * haze, (0.62, 0.8, 0.68))
    return mix(image, frame.below(_roll(frame, 0.74, 0.025)), _jitter(frame, (0.25, 0.48, 0.22)))


def night(frame: Frame) -> np.ndarray:
    image = _gradient(frame, (0.04, 0.05, 0.2), (0.24, 0.24, 0.52))
    image = mix(image, np.clip(frame.noise(4) - 0.5, 0, 1) * (1 - frame.y) * 0.8, (0.45, 0.3, 0.65))
    for _ in range(40):
        place = frame.rng.uniform(0, 1), frame.rng.uniform(0, 0.74)
        _dot(frame, image, *place, frame.rng.uniform(0.35, 1.0), (1.0, 1.0, 0.85))
    x, y = frame.rng.choice([0.14, 0.86]), frame.rng.uniform(0.13, 0.2)
    moon = frame.disc(x, y, 0.085) * (1 - frame.disc(x + 0.04, y - 0.02, 0.075))
    image = mix(image, moon, (1.0, 0.96, 0.75))
    return mix(image, frame.below(_roll(frame, 0.76, 0.04)), _jitter(frame, (0.09, 0.13, 0.24)))


def desert(frame: Frame) -> np.ndarray:
    image = _gradient(frame, (0.5, 0.76, 0.95), (1.0, 0.92, 0.76))
    image = mix(image, frame.disc(frame.rng.choice([0.15, 0.85]), 0.17, 0.08), (1.0, 0.85, 0.4))
    image = mix(image, frame.below(_roll(frame, 0.58, 0.06)), _jitter(frame, (0.94, 0.77, 0.48)))
    return mix(image, frame.below(_roll(frame, 0.7, 0.05)), _gradient(frame, (0.9, 0.66, 0.36), (0.8, 0.55, 0.28)))


def snow(frame: Frame) -> np.ndarray:
    image = _gradient(frame, (0.6, 0.72, 0.86), (0.88, 0.92, 0.97))
    image = mix(image, frame.below(_roll(frame, 0.6, 0.04)), _jitter(frame, (0.86, 0.91, 0.98)))
    for x in (0.12, 0.88):
        paste(image, sprite("fir"), x + frame.rng.uniform(-0.06, 0.06), 0.52, frame.rng.uniform(0.28, 0.4))
    image = mix(image, frame.below(_roll(frame, 0.72, 0.035)), (0.96, 0.98, 1.0))
    for _ in range(45):
        _dot(frame, image, *frame.rng.random(2), frame.rng.uniform(0.5, 1.3), (1.0, 1.0, 1.0))
    return image


def city(frame: Frame) -> np.ndarray:
    image = _gradient(frame, (0.55, 0.72, 0.92), (0.95, 0.86, 0.8))
    for tone, base, count in (((0.62, 0.66, 0.8), 0.34, 9), ((0.36, 0.4, 0.56), 0.48, 7)):
        edges = np.linspace(0, frame.width, count + 1).astype(int)
        for left, right in zip(edges, edges[1:]):
            top = int((base + frame.rng.uniform(-0.12, 0.1)) * frame.height)
            image[top:, left:right] = _jitter(frame, tone)
            step = max(3, (right - left) // 4)
            for y in range(top + step, int(0.75 * frame.height), 2 * step):
                for x in range(left + step // 2, right - step // 2, step):
                    lit = frame.rng.random() < 0.55
                    image[y : y + step, x : x + max(1, step // 2)] = (1.0, 0.9, 0.6) if lit else np.float32(tone) * 0.8
    image = blur(image, frame.unit * 0.4)
    return mix(image, frame.below(0.76), _gradient(frame, (0.42, 0.43, 0.48), (0.3, 0.31, 0.36)))


SCENES = {
    "plain": plain,
    "sea": sea,
    "meadow": meadow,
    "mountains": mountains,
    "beach": beach,
    "forest": forest,
    "night": night,
    "desert": desert,
    "snow": snow,
    "city": city,
}
