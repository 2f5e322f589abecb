"""Colour: palettes, saturation and contrast. Each operator takes (frame, image, mask) and returns the full effect."""

import cv2
import numpy as np

from .frame import blur, from_hsv, luma, mix, to_hsv


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
        value**2.2 * saturation * 1.05 + 0.12 * value + 0.03,
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


def _ramp(image: np.ndarray, *stops) -> np.ndarray:
    """Return the picture with its brightness mapped to evenly spaced colours from dark to light."""
    levels = np.linspace(0, 1, 256)
    table = np.stack([np.interp(levels, np.linspace(0, 1, len(stops)), channel) for channel in zip(*stops)], 1)
    return table.astype(np.float32)[(np.clip(luma(image), 0, 1) * 255).astype(np.uint8)]


def _single(hue: float, spread: float, *stops):
    """Return a palette of one hue: a ramp of brightness with some of the old hues squeezed around it."""

    def operator(frame, image, mask):
        old, saturation, value = to_hsv(image)
        near = from_hsv(hue + spread * np.sin(np.radians(old)), saturation * 0.7 + 0.3, value)
        return mix(_ramp(image, *stops), np.float32(0.45), near)

    return operator


def rainbow(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    sweep = 330 * (0.75 * frame.x + 0.5 * frame.y) + 60 * mask
    return from_hsv(sweep, 0.55 + 0.35 * saturation, value * 0.85 + 0.13)


def gold(frame, image, mask):
    night = _ramp(image, (0.01, 0.02, 0.06), (0.05, 0.09, 0.2), (0.1, 0.16, 0.3))
    shine = luma(image) + 0.12 * np.sin(luma(image) * 26 + frame.noise(5) * 5)
    metal = _ramp(
        np.repeat(shine[..., None], 3, 2), (0.12, 0.06, 0.01), (0.55, 0.36, 0.06), (0.95, 0.74, 0.22), (1, 0.95, 0.68)
    )
    edges = np.abs(cv2.Laplacian(blur(luma(image), frame.unit * 0.6), cv2.CV_32F))
    leaf = np.clip(edges * 9 * max(1.0, frame.unit / 2) ** 2, 0, 0.8)
    return mix(mix(night, leaf, (0.85, 0.66, 0.22)), mask, metal)


def duotone(frame, image, mask):
    warmth = np.repeat((image @ np.float32([0.62, 0.36, 0.02]))[..., None], 3, 2)
    return _ramp(warmth, (0.13, 0.08, 0.36), (0.55, 0.16, 0.42), (0.96, 0.42, 0.36), (1.0, 0.92, 0.76))


def iridescent(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    film = 165 + 170 * np.abs(np.mod(luma(image) * 1.2 + frame.noise(3) * 1.5 + 0.5 * frame.y, 2) - 1)
    return from_hsv(film, 0.3 + 0.25 * saturation, 0.62 + 0.4 * value) * (0.72 + 0.28 * value[..., None])


def jewel(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    deep = hue + 0.9 * _toward(hue, (350, 150, 222, 285, 42))
    return from_hsv(deep, saturation * 1.2 + 0.5, value**1.6 * 0.78)


def primary(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    pure = hue + _toward(hue, (0, 50, 222))
    solid = np.clip(saturation * 6 - 0.9, 0, 1)
    return from_hsv(pure, solid * 0.92, np.where(solid > 0.5, np.clip(value * 1.1 + 0.05, 0.35, 0.95), value))


def sunset(frame, image, mask):
    places = np.linspace(0, 1, 4)
    stops = zip((0.32, 0.16, 0.5), (0.86, 0.3, 0.5), (1.0, 0.55, 0.26), (0.98, 0.8, 0.4))
    sky = np.stack([np.interp(frame.y, places, channel) for channel in stops], -1).astype(np.float32)
    light = luma(image)[..., None]
    return sky * (0.12 + 1.05 * light) + 0.16 * light**4 + 0.2 * (image - light)


def unnatural(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    return from_hsv(hue + 160, saturation * 1.15 + 0.14, value)


def complementary(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    wiggle = 14 * np.sin(np.radians(hue))
    behind = from_hsv(212 + wiggle, saturation * 0.6 + 0.42, value * 0.85)
    return mix(behind, mask, from_hsv(28 + wiggle, saturation * 0.6 + 0.4, value * 0.9 + 0.1))


PALETTES = {
    "pastel": pastel,
    "neon": neon,
    "earth": earth,
    "mono": mono,
    "warm": warm,
    "cool": cool,
    "sepia": sepia,
    "vivid": vivid,
    "blue": _single(220, 16, (0.02, 0.04, 0.2), (0.08, 0.24, 0.7), (0.4, 0.66, 0.96), (0.93, 0.97, 1)),
    "green": _single(125, 24, (0.02, 0.12, 0.05), (0.1, 0.42, 0.16), (0.5, 0.78, 0.36), (0.95, 1, 0.86)),
    "red": _single(356, 10, (0.14, 0, 0.02), (0.66, 0.04, 0.07), (0.95, 0.3, 0.25), (1, 0.9, 0.86)),
    "pink": _single(318, 26, (0.16, 0.02, 0.22), (0.6, 0.15, 0.6), (0.97, 0.45, 0.72), (1, 0.92, 0.97)),
    "yellow": _single(51, 7, (0.26, 0.16, 0), (0.82, 0.6, 0.02), (1, 0.85, 0.16), (1, 0.98, 0.72)),
    "orange": _single(27, 9, (0.22, 0.06, 0), (0.8, 0.32, 0.02), (1, 0.6, 0.16), (1, 0.93, 0.78)),
    "teal": _single(180, 10, (0, 0.12, 0.14), (0.02, 0.44, 0.46), (0.28, 0.78, 0.76), (0.88, 1, 0.98)),
    "rainbow": rainbow,
    "gold": gold,
    "duotone": duotone,
    "iridescent": iridescent,
    "jewel": jewel,
    "primary": primary,
    "sunset": sunset,
    "unnatural": unnatural,
    "complementary": complementary,
}


def muted(frame, image, mask):
    grey = luma(image)[..., None]
    return grey + (image - grey) * 0.4


def oversaturated(frame, image, mask):
    hue, saturation, value = to_hsv(image)
    return from_hsv(hue, saturation * 2.6 + 0.1, value * 1.06)


def selective(frame, image, mask):
    grey = luma(image)[..., None] * 0.85
    return mix(np.repeat(grey, 3, 2), mask, grey + (image - grey) * 1.35)


def milky(frame, image, mask):
    return 0.46 * (luma(image)[..., None] * 0.3 + image * 0.7) + np.float32([0.53, 0.525, 0.5])


SATURATIONS = {"muted": muted, "oversaturated": oversaturated, "selective": selective, "milky": milky}


def strong(frame, image, mask):
    image = np.clip(image, 0, 1)
    curve = image * image * (3 - 2 * image)
    return curve * curve * (3 - 2 * curve) * 0.6 + curve * 0.4


def faded(frame, image, mask):
    grey = luma(image)[..., None]
    return (0.6 * image + 0.4 * grey) * 0.5 + np.float32([0.36, 0.35, 0.33])


def inverted(frame, image, mask):
    return 1 - image


def posterised(frame, image, mask):
    hue, saturation, value = to_hsv(blur(image, 0.5 * frame.unit))
    return from_hsv(np.round(hue / 30) * 30, np.round(saturation * 2.4) / 2.4, np.round(value * 3) / 3 * 0.96 + 0.04)


def hdr(frame, image, mask):
    wide, grey = blur(luma(image), 5 * frame.unit), luma(image)
    local = np.clip(0.35 + 0.4 * grey + (grey - wide) * 2.0, 0.06, 1)
    toned = image * (local / (grey + 0.1))[..., None]
    grey = luma(toned)[..., None]
    return grey + (toned - grey) * 1.5


def crushed(frame, image, mask):
    return np.clip((image - 0.42) * 1.55, 0, 1) ** 0.9


CONTRASTS = {
    "strong": strong,
    "faded": faded,
    "inverted": inverted,
    "posterised": posterised,
    "hdr": hdr,
    "crushed": crushed,
}
