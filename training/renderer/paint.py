"""Media drawn and painted by hand. Each operator takes (frame, image, mask) and returns the full effect."""

import cv2
import numpy as np

from .frame import blur, emboss, flatten, from_hsv, luma, mix, outline, to_hsv
from .surface import streaks

PAPER = np.float32([0.97, 0.955, 0.92])


def _lines(frame, image, mask, units: float = 0.8, gain: float = 3.0) -> np.ndarray:
    """Return drawn lines in 0..1: the strong edges of the picture and the whole rim of the subject."""
    inner = np.clip((outline(image, units * frame.unit) * frame.unit**0.5 - 0.3) * gain, 0, 1)
    rim = np.clip(np.hypot(*np.gradient(blur(mask, units * frame.unit))) * 3.2 * frame.unit * units, 0, 1)
    return np.maximum(inner, rim)


def gouache(frame, image, mask):
    flat = flatten(frame.warp(image, 3, 14), frame.odd(4))
    hue, saturation, value = to_hsv(flat)
    flat = from_hsv(hue, saturation * 0.92 + 0.03, np.round(value * 5) / 5 * 0.94 + 0.05)
    dry = streaks(frame, 0.12, 12, 2.4)
    return flat * (0.95 + 0.1 * dry)[..., None] + 0.03 + frame.grain(0.012)


def swirl(frame, image, mask):
    """Paint strokes that flow around eddies and along the subject's rim."""
    swirls = blur(frame.noise(5), 4 * frame.unit) * 9
    form = blur(luma(image) * 0.6 + mask, 3 * frame.unit) * 5
    gy, gx = np.gradient(swirls + form)
    length = np.hypot(gx, gy) + 1e-6
    vx, vy = -gy / length, gx / length
    px, py = frame.x * frame.width, frame.y * frame.height
    seedlings = blur(frame.rng.random((frame.height, frame.width), dtype=np.float32), 0.55 * frame.unit)
    bristles, colours = np.zeros_like(seedlings), np.zeros_like(image)
    mx, my = px.copy(), py.copy()
    step, steps = 1.1 * frame.unit, 9
    for turn in range(steps):
        bristles += cv2.remap(seedlings, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        if turn % 2 == 0:
            colours += cv2.remap(image, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        sx = cv2.remap(np.float32(vx), mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        sy = cv2.remap(np.float32(vy), mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        mx, my = mx + step * sx, my + step * sy
    bristles = (bristles - bristles.mean()) / (bristles.std() + 1e-6)
    paint = mix(colours / (steps // 2 + 1), mask * 0.6, image)
    hue, saturation, value = to_hsv(paint)
    strength = 1 - 0.35 * mask
    paint = from_hsv(hue + 9 * bristles * strength, saturation * 1.2 + 0.08, value * (1 + 0.15 * bristles * strength))
    return emboss(paint, frame.pixels(0.6), 1.2)


def charcoal(frame, image, mask):
    grey = blur(luma(image), 1.2 * frame.unit)
    tooth = frame.noise(90) * 0.6 + frame.noise(45) * 0.4
    smear = streaks(frame, 0.9, 22, 1.6)
    dark = np.clip(1.2 - grey * 1.25, 0, 1) * (0.4 + 1.0 * smear) + 0.18 * (1 - mask) * smear
    strokes = _lines(frame, image, mask, 1.3, 1.6)
    coal = np.clip(dark + 0.9 * strokes - 0.5 * tooth * (1 - strokes), 0, 0.95)
    return PAPER * 0.9 * (1 - coal * 0.95)[..., None] + frame.grain(0.03)


def ink_wash(frame, image, mask):
    wet = flatten(frame.warp(image, 4, 9), frame.odd(4))
    grey = blur(luma(wet), 0.6 * frame.unit)
    tone = np.round(np.clip(grey * 1.1, 0, 1) * 3.2) / 3.2
    wash = np.clip(1 - tone, 0, 1) * (0.6 + 0.6 * frame.noise(6)) * (0.42 + 0.58 * mask)
    gap = np.hypot(frame.x - 0.5, frame.y - 0.52) + 0.12 * frame.noise(7)
    wash *= np.clip((0.66 - gap) * 7, 0, 1)
    weight = 0.35 + 0.9 * frame.noise(5)
    brush = np.clip(blur(_lines(frame, image, mask, 1.1, 2), 0.5 * frame.unit) * weight * 1.7, 0, 1)
    ink = np.clip(wash * 0.8 + brush, 0, 0.94)[..., None]
    sheet = np.float32([0.965, 0.95, 0.9]) * (1 - ink * np.float32([0.96, 0.94, 0.9]))
    left, top, side = int(0.87 * frame.width), int(0.84 * frame.height), frame.pixels(10)
    sheet[top : top + side, left : left + side] = (0.76, 0.14, 0.1)
    bar = frame.pixels(1.2)
    for at in (0.22, 0.5, 0.78):
        row = top + int(at * side) - bar // 2
        sheet[row : row + bar, left + 2 * bar : left + side - 2 * bar] = (0.97, 0.9, 0.84)
    return sheet


def coloured_pencil(frame, image, mask):
    fine = streaks(frame, -0.85, 20, 0.7)
    cross = streaks(frame, -0.35, 14, 0.7)
    cover = np.clip(0.3 + 1.15 * fine * (0.55 + 0.6 * mask) + 0.25 * cross, 0, 1)
    hue, saturation, value = to_hsv(image)
    lead = from_hsv(hue, saturation * 1.15 + 0.03, value * 0.94)
    drawn = PAPER - (PAPER - lead) * cover[..., None]
    return drawn * (1 - 0.6 * _lines(frame, image, mask, 0.6, 2) * (0.5 + 0.7 * fine))[..., None]


def crayon(frame, image, mask):
    loose = frame.warp(flatten(image, frame.odd(4)), 5, 11)
    hue, saturation, value = to_hsv(loose)
    wax = from_hsv(hue, saturation * 1.3 + 0.12, value * 0.96)
    rub = streaks(frame, -0.7, 16, 2.2) + 0.35 * (frame.noise(80) - 0.5)
    cover = np.clip((rub - 0.3) * 3 + 0.62 + 0.45 * frame.warp(mask, 5, 11), 0.1, 1)
    drawn = mix(np.broadcast_to(PAPER, image.shape), cover, wax)
    lines = frame.warp(_lines(frame, image, mask, 1.5, 2), 5, 11) * np.clip(rub * 2.2, 0.3, 1)
    return mix(drawn, lines * 0.85, wax * 0.25)


def etching(frame, image, mask):
    grey = np.clip(blur(luma(image), 0.7 * frame.unit) * 1.12 - 0.02 + 0.08 * mask, 0, 1)
    px, py = frame.x * frame.width / frame.unit, frame.y * frame.height / frame.unit
    bend = blur(grey, 3 * frame.unit) * 4 + frame.noise(4) * 2
    ink = np.zeros_like(grey)
    for turn, deepest in ((0.25, 0.95), (-0.9, 0.6), (1.35, 0.34)):
        wave = 0.5 + 0.5 * np.sin((px * np.sin(turn) + py * np.cos(turn)) * 2.2 + bend)
        width = np.clip((deepest - grey) / deepest, 0, 1) * 0.85
        ink = np.maximum(ink, np.clip((width - wave) * 4.5 * min(1.0, frame.unit / 2) + 0.1, 0, 1) * (width > 0.03))
    ink = np.maximum(ink, _lines(frame, image, mask, 0.6, 3))
    return mix(np.broadcast_to(np.float32([0.95, 0.91, 0.8]), image.shape), ink * 0.93, (0.16, 0.1, 0.06))


def fresco(frame, image, mask):
    plaster = frame.noise(24) * 0.5 + frame.noise(60) * 0.5
    grey = luma(image)[..., None]
    paint = (0.62 * image + 0.38 * grey) * np.float32([0.86, 0.78, 0.66]) + np.float32([0.15, 0.12, 0.08])
    paint = paint * (0.82 + 0.3 * plaster)[..., None]
    ridge = np.abs(frame.noise(6) - 0.5) + 0.1 * np.abs(frame.noise(26) - 0.5)
    cracks = np.clip(1 - ridge / 0.02, 0, 1) * 0.75
    lost = np.clip((frame.noise(5) * 0.75 + frame.noise(22) * 0.4 - 0.83 - 0.22 * mask) * 30, 0, 1)
    paint = mix(paint, cracks, (0.3, 0.24, 0.18))
    edge = np.clip(blur(lost, 0.8 * frame.unit) - lost, 0, 1) * 0.9
    bare = np.float32([0.83, 0.77, 0.66]) * (0.86 + 0.2 * plaster)[..., None]
    return mix(paint, lost, bare) * (1 - edge)[..., None]


def graffiti(frame, image, mask):
    px, py = frame.x * frame.width / frame.unit, frame.y * frame.height / frame.unit
    row = np.floor(py / 8)
    across = (px + 8 * (row % 2)) % 16
    tones = frame.rng.uniform(0.8, 1.1, (64, 64)).astype(np.float32)
    brick = tones[row.astype(int) % 64, ((px + 8 * (row % 2)) // 16).astype(int) % 64]
    mortar = np.maximum(np.clip(1.2 - across, 0, 1), np.clip(1.2 - py % 8, 0, 1))
    wall = mix(brick[..., None] * np.float32([0.6, 0.36, 0.3]), mortar, (0.66, 0.6, 0.55))
    wall = wall * (0.88 + 0.2 * frame.noise(70))[..., None]
    hue, saturation, value = to_hsv(flatten(image, frame.odd(3)))
    spray = from_hsv(hue, saturation * 1.35 + 0.06, value * 1.05)
    halo = np.clip(blur(mask, 9 * frame.unit) * 1.8, 0, 0.85) * (0.65 + 0.5 * frame.noise(50))
    sheet = mix(wall, 0.4, mix(wall, 0.75, spray))
    sheet = mix(sheet, halo * (1 - mask), from_hsv(frame.rng.choice([320, 185, 52]) + 0 * halo, 0.75, 1))
    size = frame.pixels(3.2)
    thick = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * size + 1,) * 2))
    sheet = mix(sheet, thick, (0.06, 0.05, 0.09))
    drips = np.zeros_like(mask)
    for x in frame.rng.uniform(0.25, 0.75, 7):
        column = np.flatnonzero(thick[:, int(x * frame.width)] > 0.5)
        if len(column):
            end = column[-1] + int(frame.rng.uniform(6, 18) * frame.unit)
            at = int(x * frame.width)
            cv2.line(drips, (at, int(column[-1]) - size), (at, int(end)), 1.0, frame.pixels(1.3), cv2.LINE_AA)
    sheet = mix(sheet, drips, (0.06, 0.05, 0.09))
    painted = spray * (0.92 + 0.16 * frame.noise(60))[..., None] * (1 - 0.6 * _lines(frame, image, 0 * mask))[..., None]
    mortar_shows = 1 - 0.18 * mortar[..., None]
    return mix(sheet, mask, painted * mortar_shows)


PAINTED = {
    "gouache": gouache,
    "swirl": swirl,
    "charcoal": charcoal,
    "ink-wash": ink_wash,
    "coloured-pencil": coloured_pencil,
    "crayon": crayon,
    "etching": etching,
    "fresco": fresco,
    "graffiti": graffiti,
}
