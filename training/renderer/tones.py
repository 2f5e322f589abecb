"""Colour and light: palettes, lighting, contrast and finish. Each operator takes (frame, image, mask)."""

import cv2
import numpy as np

from .frame import blur, colour, from_hsv, luma, mix, to_hsv


def _toward(hue: np.ndarray, anchors) -> np.ndarray:
    """Return the signed distance in degrees from each hue to its nearest anchor."""
    distances = np.stack([((anchor - hue + 180) % 360) - 180 for anchor in anchors])
    nearest = np.abs(distances).argmin(0)
    return np.take_along_axis(distances, nearest[None], 0)[0]


def pastel(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    return from_hsv(hue, saturation * 0.42, 0.68 + 0.32 * value)


def neon(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    glow = from_hsv(
        hue + 0.85 * _toward(hue, (300, 185, 120, 265)),
        saturation * 1.4 + 0.35,
        value**2.2 * saturation * 1.5 + 0.12 * value + 0.03,
    )
    lines = np.abs(cv2.Laplacian(luma(image), cv2.CV_32F, ksize=3))
    lines = np.clip(blur(lines, frame.unit) * 1.6 * max(1.0, frame.unit), 0, 1)
    glow = mix(glow, lines, from_hsv((hue * 1.7 + 290) % 360 * 0.45 + 170, 1, 1))
    return glow + 0.7 * blur(glow, frame.unit * 5)


def earth(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    shift = _toward(hue, (32, 62))
    return from_hsv(hue + 0.9 * shift, saturation * 0.5 + 0.14, value * 0.78 + 0.06)


def mono(frame, image, mask):
    return np.repeat(luma(image)[..., None], 3, 2)


def warm(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    return from_hsv(hue / 360 * 58 + 2, saturation * 1.0 + 0.28, value * 0.9 + 0.07)


def cool(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    return from_hsv(180 + hue / 360 * 90, saturation * 0.9 + 0.24, value * 0.92)


def sepia(frame, image, mask):
    tone = luma(image)[..., None]
    return tone * np.float32([0.95, 0.8, 0.59]) + np.float32([0.1, 0.06, 0.02])


def vivid(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    return from_hsv(hue + 0.5 * _toward(hue, (350, 145, 222, 285, 42)), saturation * 1.5 + 0.2, value**1.5 * 0.92)


PALETTES = {
    "pastel": pastel,
    "neon": neon,
    "earth": earth,
    "mono": mono,
    "warm": warm,
    "cool": cool,
    "sepia": sepia,
    "vivid": vivid,
}


def _side(frame) -> float:
    return float(frame.rng.choice([0.0, 1.0]))


def soft(frame, image, mask):
    image = 0.55 * image + 0.45 * blur(image, 3 * frame.unit)
    return 0.6 + (image - 0.5) * 0.7 + 0.1 * frame.glow(_side(frame), 0.1, 0.5)


def bright(frame, image, mask):
    rays = frame.glow(_side(frame), 0.02, 0.38) * np.float32([0.55, 0.52, 0.4])
    return np.clip(image, 0, 1) ** 0.7 * 1.08 + rays


def dark(frame, image, mask):
    grey = luma(image)[..., None]
    dim = (0.5 * image + 0.5 * grey) * np.float32([0.38, 0.42, 0.5])
    return dim * (0.5 + 0.65 * frame.glow(0.5, 0.52, 0.42))


def dramatic(frame, image, mask):
    spot = frame.glow(0.5 + frame.rng.uniform(-0.06, 0.06), 0.5, 0.24)
    return np.clip((image - 0.5) * 1.45 + 0.52, 0, 1) * (0.05 + 1.15 * spot)


def foggy(frame, image, mask):
    haze = 0.5 + 0.25 * frame.noise(4) + 0.12 * frame.y - 0.16 * mask
    return mix(blur(image, frame.unit), np.clip(haze, 0, 0.85), (0.85, 0.87, 0.89))


def golden(frame, image, mask):
    low_sun = frame.glow(_side(frame), 0.45, 0.6)
    return image * np.float32([1.08, 0.8, 0.5]) * (0.7 + 0.45 * low_sun) + low_sun * np.float32([0.45, 0.25, 0.04])


def moon(frame, image, mask):
    grey = luma(image)[..., None]
    beam = frame.glow(_side(frame), 0.05, 0.3) * np.float32([0.22, 0.28, 0.34])
    return (0.45 * image + 0.55 * grey) * np.float32([0.3, 0.44, 0.84]) + beam


def backlit(frame, image, mask):
    halo = np.clip(blur(mask, 2.5 * frame.unit) - mask * 0.75, 0, 1)[..., None] * (1 - mask[..., None])
    behind = image * 0.75 + 0.6 * frame.glow(0.5, 0.5, 0.36) * np.float32([1.0, 0.9, 0.68])
    return mix(behind, mask, image * 0.2) + halo * 0.5


LIGHTS = {
    "soft": soft,
    "bright": bright,
    "dark": dark,
    "dramatic": dramatic,
    "foggy": foggy,
    "golden": golden,
    "moon": moon,
    "backlit": backlit,
}


def strong(frame, image, mask):
    image = np.clip(image, 0, 1)
    curve = image * image * (3 - 2 * image)
    return curve * curve * (3 - 2 * curve) * 0.6 + curve * 0.4


def faded(frame, image, mask):
    grey = luma(image)[..., None]
    return (0.6 * image + 0.4 * grey) * 0.5 + np.float32([0.36, 0.35, 0.33])


CONTRASTS = {"strong": strong, "faded": faded}


def grain(frame, image, mask):
    corners = 1 - 0.45 * np.clip(1 - frame.glow(0.5, 0.5, 0.55), 0, 1)
    return image * corners + frame.grain(0.11)


def dreamy(frame, image, mask):
    haze = blur(image, 4.5 * frame.unit)
    image = 0.45 * image + 0.55 * (1 - (1 - image) * (1 - 0.75 * haze))
    for _ in range(9):
        x, y = frame.rng.random(2)
        tint = colour(frame.rng.uniform(280, 420), 0.25, 1)
        image = mix(image, frame.disc(x, y, frame.rng.uniform(0.025, 0.07)) * 0.22, tint)
    return image


FINISHES = {"grain": grain, "dreamy": dreamy}
