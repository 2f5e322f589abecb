"""Lighting. Each operator takes (frame, image, mask) and returns the full effect."""

import cv2
import numpy as np

from .frame import blur, luma, mix


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


def candle(frame, image, mask):
    x, y = abs(_side(frame) - 0.14), 0.72
    reach = 0.08 + 1.15 * frame.glow(x, y, 0.3) + 0.25 * frame.glow(0.5, 0.55, 0.3)
    lit = image * np.float32([1.12, 0.7, 0.36]) * reach
    stick = np.clip(1 - np.abs((frame.x - x) * frame.width / frame.unit / 3.2) ** 8, 0, 1) * frame.below(y + 0.05)
    lit = mix(lit, stick, (0.93, 0.8, 0.58))
    dx, dy = (frame.x - x) * frame.width / frame.short, (frame.y - y - 0.01) * frame.height / frame.short
    flame = np.exp(-((dx / 0.017) ** 2) - (dy / (0.05 - 0.02 * np.sign(dy))) ** 2)[..., None]
    halo = frame.glow(x, y, 0.07) * np.float32([0.75, 0.42, 0.12])
    return lit + halo + flame * np.float32([1.2, 1.0, 0.6])


def rim(frame, image, mask):
    inside = np.clip(mask - blur(mask, 2.2 * frame.unit), 0, 1) * 2.6
    side = 0.55 + 0.45 * (frame.x if frame.rng.random() < 0.5 else 1 - frame.x)
    dim = luma(image)[..., None] * 0.45 + image * 0.55
    scene = mix(dim * np.float32([0.16, 0.2, 0.3]), mask, dim * np.float32([0.3, 0.34, 0.42]))
    return scene + (inside * side)[..., None] * np.float32([0.85, 1.0, 1.15])


def rays(frame, image, mask):
    x = abs(_side(frame) - 0.1)
    turn = np.arctan2(frame.y + 0.12, frame.x - x)
    beams = np.interp(turn, np.linspace(0, np.pi, 40), frame.rng.random(40) ** 1.5).astype(np.float32)
    beams = blur(beams, frame.unit) * np.exp(-1.1 * np.hypot(frame.x - x, frame.y + 0.1))
    shade = image * np.float32([0.66, 0.62, 0.56])
    return shade + (beams * (1 - 0.35 * mask))[..., None] * np.float32([1.35, 1.2, 0.82])


def dappled(frame, image, mask):
    gaps = np.zeros_like(mask)
    for x, y in frame.scatter(70):
        axes = frame.pixels(frame.rng.uniform(2.5, 7)), frame.pixels(frame.rng.uniform(2, 4.5))
        cv2.ellipse(gaps, (int(x), int(y)), axes, float(frame.rng.uniform(0, 180)), 0, 360, 1.0, -1, cv2.LINE_AA)
    gaps = np.clip(blur(gaps, 1.3 * frame.unit) * (0.5 + frame.noise(4)), 0, 1)[..., None]
    return image * mix(np.float32([0.54, 0.64, 0.54]), gaps, (1.3, 1.24, 0.96)) + 0.12 * gaps


def blue_hour(frame, image, mask):
    last = np.exp(-(((frame.y - 0.62) / 0.16) ** 2))[..., None] * (1 - 0.6 * mask[..., None])
    dusk = image * np.float32([0.42, 0.54, 0.9]) + np.float32([0.06, 0.08, 0.24])
    return dusk + last * np.float32([0.3, 0.13, 0.06])


def studio(frame, image, mask):
    side = frame.x if frame.rng.random() < 0.5 else 1 - frame.x
    sweep = 0.34 + 0.5 * frame.glow(0.5, 0.5, 0.34)[..., 0] - 0.12 * frame.below(0.8)
    backdrop = np.repeat(sweep[..., None], 3, 2) * np.float32([0.98, 1.0, 1.04])
    scene = mix(image * sweep[..., None], np.float32(0.85), backdrop)
    edge = np.clip(mask - blur(mask, 2 * frame.unit), 0, 1) * (1 - side)
    lit = image * (1.22 - 0.5 * side)[..., None] + edge[..., None]
    return mix(scene, mask, lit)


def hard(frame, image, mask):
    way = 1 if frame.rng.random() < 0.5 else -1
    shadow, cast = mask.copy(), mask
    for step in (1, 2, 4, 8):
        move = frame.pixels(1.4 * step)
        shift = np.float32([[1, 0, way * move], [0, 1, move * 0.6]])
        shadow = np.maximum(shadow, cv2.warpAffine(cast, shift, frame.size))
        cast = shadow
    shadow = blur(shadow, 0.5 * frame.unit) * (1 - mask)
    side = np.clip(0.5 + way * (0.5 - frame.x) * 1.6, 0, 1)[..., None]
    burnt = np.clip((image - 0.5) * 1.6 + 0.6, 0, 1) * (0.55 + 0.6 * side)
    return burnt * (1 - 0.78 * shadow)[..., None]


def coloured(frame, image, mask):
    side = frame.x if frame.rng.random() < 0.5 else 1 - frame.x
    share = (1 / (1 + np.exp(-(side + 0.06 * frame.noise(4) - 0.52) * 9)))[..., None]
    gel = mix(np.float32([1.15, 0.16, 0.75]), share, (0.1, 0.72, 1.2))
    return (0.25 * image + 0.75 * luma(image)[..., None] ** 1.2) * gel + 0.06 * gel


def flare(frame, image, mask):
    x, y = abs(_side(frame) - 0.16), 0.15
    dx = (frame.x - x) * frame.width / frame.short
    dy = (frame.y - y) * frame.height / frame.short
    star = np.exp(-np.abs(dx * dy) * 900) * np.exp(-np.hypot(dx, dy) * 7)
    light = frame.glow(x, y, 0.07) * 1.3 + frame.glow(x, y, 0.3) * 0.4 + star[..., None]
    bright = np.clip(image * 1.02 + light * np.float32([1.0, 0.92, 0.74]), 0, 1)
    for step, size, tint in ((0.45, 0.03, (1, 0.75, 0.3)), (0.9, 0.06, (0.4, 1, 0.6)), (1.3, 0.04, (0.5, 0.7, 1))):
        ghost = frame.disc(x + (0.5 - x) * 1.5 * step, y + (0.5 - y) * 1.5 * step, size)
        bright = mix(bright, ghost * 0.4, tint)
    return bright


LIGHTS = {
    "soft": soft,
    "bright": bright,
    "dark": dark,
    "dramatic": dramatic,
    "foggy": foggy,
    "golden": golden,
    "moon": moon,
    "backlit": backlit,
    "candle": candle,
    "rim": rim,
    "rays": rays,
    "dappled": dappled,
    "blue-hour": blue_hour,
    "studio": studio,
    "hard": hard,
    "coloured": coloured,
    "flare": flare,
}
