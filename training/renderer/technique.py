"""Techniques and cultures: processes that repaint a finished picture. Each operator takes (frame, image, mask)."""

import functools

import cv2
import numpy as np

from .frame import blur, flatten, from_hsv, luma, mix, to_hsv
from .paint import PAPER, _lines
from .surface import streaks
from .tones import _ramp


def glitch(frame, image, mask):
    rows = np.repeat(frame.rng.normal(0, 1, 64), frame.height // 64 + 1)[: frame.height]
    torn = np.where(np.abs(rows) > 1.0, rows, 0) * 7 * frame.unit
    mx = np.float32(frame.x * frame.width + torn[:, None])
    my = np.float32(frame.y * frame.height)
    split = 3.2 * frame.unit
    planes = [
        cv2.remap(np.float32(image[..., i]), mx + split * (i - 1), my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        for i in range(3)
    ]
    broken = np.dstack(planes)
    for _ in range(7):
        tall, wide = frame.pixels(frame.rng.uniform(1.5, 5)), frame.pixels(frame.rng.uniform(10, 45))
        top, left = (
            frame.rng.integers(frame.height - tall),
            frame.rng.integers(frame.width - min(wide, frame.width - 1)),
        )
        part = broken[top : top + tall, left : left + wide]
        broken[top : top + tall, left : left + wide] = (
            part[..., ::-1] * 0.5 + from_hsv([[frame.rng.choice([300, 180, 110])]], 0.9, 1) * 0.5
        )
    scan = 1 - 0.16 * (np.sin(frame.y * frame.height / frame.unit * 2.6) > 0)
    return broken * scan[..., None]


def cyanotype(frame, image, mask):
    print_ = _ramp(image * 0.95, (0.02, 0.1, 0.28), (0.06, 0.28, 0.55), (0.5, 0.7, 0.86), (0.95, 0.97, 0.97))
    gap_x = np.minimum(frame.x, 1 - frame.x) * frame.width
    gap_y = np.minimum(frame.y, 1 - frame.y) * frame.height
    gap = np.minimum(gap_x, gap_y) / frame.short
    brushed = np.maximum(streaks(frame, 0, 30, 1.6), streaks(frame, np.pi / 2, 30, 1.6))
    inside = np.clip((gap - 0.02 - 0.07 * brushed) * 60, 0, 1)
    wash = 0.86 + 0.26 * frame.noise(5)[..., None]
    return mix(np.broadcast_to(PAPER, image.shape), inside, print_ * wash)


@functools.cache
def _letters(size: int) -> np.ndarray:
    """Return glyphs from empty to dense, each (size, size), in 0..1."""
    glyphs = []
    for letter in " .:-+*coa%#@":
        cell = np.zeros((4 * size, 4 * size), np.uint8)
        (wide, tall), _ = cv2.getTextSize(letter, cv2.FONT_HERSHEY_SIMPLEX, size / 7, max(1, size // 3))
        start = (4 * size - wide) // 2, (4 * size + tall) // 2
        cv2.putText(cell, letter, start, cv2.FONT_HERSHEY_SIMPLEX, size / 7, 255, max(1, size // 3), cv2.LINE_AA)
        glyphs.append(cv2.resize(cell, (size, size), interpolation=cv2.INTER_AREA))
    return np.stack(glyphs).astype(np.float32) / 255


def ascii_(frame, image, mask):
    size = max(5, frame.pixels(4.4))
    rows, columns = -(-frame.height // size), -(-frame.width // size)
    small = cv2.resize(np.float32(image), (columns, rows), interpolation=cv2.INTER_AREA)
    inside = cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA)
    grey = np.clip(luma(small) * (0.55 + 0.45 * inside) + 0.25 * inside, 0, 1)
    glyphs = _letters(size)
    which = np.clip((grey * len(glyphs)).astype(int), 0, len(glyphs) - 1)
    text = glyphs[which].transpose(0, 2, 1, 3).reshape(rows * size, columns * size)[: frame.height, : frame.width]
    hue, saturation, value = to_hsv(small)
    tint = from_hsv(hue, saturation * 1.1, 0.45 + 0.55 * value)
    big = cv2.resize(tint, (columns * size, rows * size), interpolation=cv2.INTER_NEAREST)[
        : frame.height, : frame.width
    ]
    return np.float32([0.02, 0.04, 0.03]) + big * (1.15 * text + 0.14 * (0.3 + 0.7 * mask))[..., None]


def marbling(frame, image, mask):
    """Float the colours in combed swirls; the subject is drawn calmer and keeps its rim."""
    calm = 1 - 0.75 * blur(mask, 1.5 * frame.unit)
    mx, my = frame.x * frame.width, frame.y * frame.height
    for cells, reach in ((3, 34), (6, 16)):
        mx = mx + (frame.noise(cells) - 0.5) * reach * frame.unit * calm
        my = my + (frame.noise(cells) - 0.5) * reach * frame.unit * calm
    flow = cv2.remap(np.float32(image), np.float32(mx), np.float32(my), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    bands = np.sin((mx + 0.7 * my) / frame.unit * 0.36) * calm
    hue, saturation, value = to_hsv(flow)
    flow = from_hsv(hue + 34 * bands * (1 - mask), saturation + 0.26 * calm, value * (0.9 + 0.2 * bands))
    vein = np.clip(1.1 - np.abs(np.sin((mx - 0.4 * my) / frame.unit * 0.18)) * 9, 0, 1) * calm
    flow = mix(flow, vein * 0.85, (0.98, 0.95, 0.86))
    return mix(flow, np.clip(_lines(frame, 0 * image, mask, 0.7), 0, 1) * 0.7, (0.1, 0.08, 0.2))


def batik(frame, image, mask):
    """Dye cloth in few colours, with pale wax lines around the forms and crackled veins."""
    hue, saturation, value = to_hsv(flatten(image, frame.odd(5)))
    dye = from_hsv(np.round(hue / 40) * 40, saturation * 1.1 + 0.2, np.round(value * 3) / 3 * 0.82 + 0.06)
    dye = dye * np.float32([0.95, 0.86, 0.82]) * (0.72 + 0.5 * frame.noise(9))[..., None]
    veins = np.minimum(np.abs(frame.noise(9) - 0.5), np.abs(frame.noise(13) - 0.5)) + 0.05 * frame.noise(50)
    crackle = np.clip(1 - veins / 0.045, 0, 1) * (1 - 0.6 * mask)
    dye = mix(dye, crackle * 0.8, (0.14, 0.12, 0.32))
    wax = np.clip(blur(_lines(frame, image, mask, 1.5, 1.6), 0.6 * frame.unit) * 1.6, 0, 1)
    return mix(dye, wax * 0.9, (0.98, 0.9, 0.7))


def splatter(frame, image, mask):
    """Throw drops and threads of the picture's own colours onto it, mostly beside the subject."""
    layer, cover = np.zeros_like(image), np.zeros_like(mask)
    for _ in range(46):
        x, y = frame.rng.random(2)
        row, column = int(y * (frame.height - 1)), int(x * (frame.width - 1))
        if mask[row, column] > 0.5 and frame.rng.random() < 0.75:
            continue
        source = image[frame.rng.integers(frame.height), frame.rng.integers(frame.width)]
        tone = from_hsv([[frame.rng.uniform(0, 360)]], 0.85, 0.95)[0, 0] if frame.rng.random() < 0.6 else source * 0.8
        size = frame.rng.exponential(2.6) + 1
        centre = column, row
        for _ in range(9):
            offset = frame.rng.normal(0, 2.2 * size, 2) * frame.unit
            spot = int(column + offset[0]), int(row + offset[1])
            radius = frame.pixels(size * frame.rng.uniform(0.12, 0.42))
            for target, ink in ((layer, tone.tolist()), (cover, 1.0)):
                cv2.circle(target, spot, radius, ink, -1, cv2.LINE_AA)
        for target, ink in ((layer, tone.tolist()), (cover, 1.0)):
            cv2.circle(target, centre, frame.pixels(size), ink, -1, cv2.LINE_AA)
    for _ in range(7):
        steps = np.cumsum(frame.rng.normal(0, 1, (14, 2)).cumsum(0) * 3 * frame.unit, 0)
        thread = (steps + frame.rng.random(2) * (frame.width, frame.height)).astype(np.int32)[None]
        tone = from_hsv([[frame.rng.uniform(0, 360)]], 0.8, frame.rng.choice([0.1, 0.95]))[0, 0].tolist()
        for target, ink in ((layer, tone), (cover, 1.0)):
            cv2.polylines(target, thread, False, ink, frame.pixels(0.8), cv2.LINE_AA)
    return mix(image, cover * (1 - 0.6 * mask), layer / np.maximum(cover, 0.05)[..., None])


def daguerreotype(frame, image, mask):
    plate = _ramp(
        (image - 0.5) * 1.35 + 0.5, (0.05, 0.05, 0.07), (0.3, 0.29, 0.3), (0.66, 0.63, 0.58), (0.93, 0.9, 0.82)
    )
    plate = plate * (0.8 + 0.34 * frame.noise(4))[..., None] + frame.grain(0.03)
    dx, dy = (frame.x - 0.5) * 2, (frame.y - 0.5) * 2
    oval = np.hypot(dx / 0.92, dy / 0.98)
    plate = plate * np.clip((1.25 - oval) * 2.2, 0.2, 1)[..., None]
    brass = np.clip(1 - np.abs(oval - 1.0) / 0.03, 0, 1)
    frame_tone = np.float32([0.16, 0.09, 0.05]) * (0.8 + 0.5 * frame.noise(30))[..., None]
    return mix(mix(plate, np.clip((oval - 1) * 70, 0, 1), frame_tone), brass, (0.76, 0.6, 0.32))


TECHNIQUES = {
    "glitch": glitch,
    "cyanotype": cyanotype,
    "ascii": ascii_,
    "marbling": marbling,
    "batik": batik,
    "splatter": splatter,
    "daguerreotype": daguerreotype,
}


def _bands(frame, wide: float) -> tuple[np.ndarray, np.ndarray]:
    """Return masks of a band along the upper and lower edge, and the height within it in 0..1."""
    gap = np.minimum(frame.y, 1 - frame.y) / wide
    return np.clip((1 - gap) * wide * frame.height, 0, 1), gap


def greek(frame, image, mask):
    """Paint black figures with clay-red lines on clay, between bands of meander."""
    clay, black = np.float32([0.83, 0.45, 0.22]), np.float32([0.07, 0.05, 0.05])
    glaze = (0.92 + 0.14 * frame.noise(30))[..., None]
    ground = clay * glaze * (0.9 + 0.2 * luma(image))[..., None]
    figure = np.clip((mask - 0.4) * 4, 0, 1) * (1 - np.clip(_lines(frame, image, 0 * mask, 0.9, 2) * 1.3, 0, 1))
    tones = np.clip((luma(flatten(image, frame.odd(3))) - 0.72) * 8, 0, 1) * 0.75
    painted = mix(ground, figure * (1 - tones), black)
    band, gap = _bands(frame, 0.1)
    u, v = (frame.x * frame.width / frame.short * 13) % 1 * 6, gap * 7
    key = ((v > 1) & (v < 2)) | ((u < 1) & (v > 1) & (v < 6)) | ((v > 5) & (v < 6) & (u < 4.5))
    key = key | ((u > 3.5) & (u < 4.5) & (v > 3) & (v < 6)) | ((v > 3) & (v < 4) & (u > 2) & (u < 4.5))
    return mix(mix(painted, band, clay * glaze), band * key, black)


def porcelain(frame, image, mask):
    blue = _ramp(
        flatten(image, frame.odd(3)), (0.04, 0.08, 0.36), (0.12, 0.26, 0.66), (0.6, 0.72, 0.92), (0.97, 0.98, 1)
    )
    faint = mix(blue, np.clip(0.62 - 0.62 * mask, 0, 1), (0.95, 0.97, 1.0))
    lines = _lines(frame, image, mask, 0.7, 2)
    painted = mix(faint, lines * 0.85, (0.06, 0.1, 0.42))
    radius = np.hypot((frame.x - 0.5) * frame.width, (frame.y - 0.5) * frame.height) / frame.short
    turn = np.arctan2(frame.y - 0.5, frame.x - 0.5)
    petals = np.clip(1.2 - np.abs(radius - 0.455 - 0.016 * np.cos(turn * 22)) / 0.012, 0, 1)
    rings = np.clip(1.2 - np.abs(radius - 0.415) / 0.006, 0, 1) + np.clip(1.2 - np.abs(radius - 0.49) / 0.009, 0, 1)
    painted = mix(painted, np.clip(radius - 0.405, 0, 0.02) * 50, (0.97, 0.98, 1.0))
    painted = mix(painted, np.clip(petals + rings, 0, 1), (0.1, 0.2, 0.6))
    painted = mix(painted, np.clip((radius - 0.5) * frame.short, 0, 1), (0.72, 0.66, 0.6))
    shine = frame.glow(0.3, 0.22, 0.09)
    return painted * (1 - 0.2 * np.clip(radius - 0.3, 0, 1))[..., None] + 0.35 * shine


def dotted(frame, image, mask):
    """Paint earth colours in chains of dots around the subject, after the dot painting of Australia."""
    away = cv2.distanceTransform((mask < 0.5).astype(np.uint8), cv2.DIST_L2, 3) / frame.unit
    inside = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3) / frame.unit
    ring = np.floor(away / 4.2).astype(int)
    tones = np.float32([[0.95, 0.86, 0.68], [0.85, 0.5, 0.16], [0.62, 0.2, 0.1], [0.95, 0.72, 0.3], [0.42, 0.24, 0.14]])
    points = frame.scatter(int(frame.height * frame.width / frame.unit**2 / 14))
    hue, saturation, value = to_hsv(image)
    earth = from_hsv(np.where(saturation > 0.2, 12 + hue / 360 * 40, 30), 0.55 + 0.3 * saturation, value * 0.86)
    sheet = mix(np.broadcast_to(np.float32([0.2, 0.09, 0.06]), image.shape), mask, earth * 0.85).astype(np.float32)
    for x, y in points.astype(int):
        x, y = min(x, frame.width - 1), min(y, frame.height - 1)
        if inside[y, x] > 1:
            tone, size = np.clip(earth[y, x] * 1.5 + 0.12, 0, 1), 0.9
        else:
            tone, size = tones[ring[y, x] % 5], 1.6
        cv2.circle(sheet, (int(x), int(y)), frame.pixels(size), tone.tolist(), -1, cv2.LINE_AA)
    line = np.clip(1.4 - np.abs(away - 1.6), 0, 1) * (mask < 0.5)
    return mix(sheet, line, (0.97, 0.9, 0.76))


def tiles(frame, image, mask):
    """Set the subject before a wall of eight-pointed stars in turquoise, blue and gold."""
    size = 15.0
    u = (frame.x * frame.width / frame.unit / size) % 1 - 0.5
    v = (frame.y * frame.height / frame.unit / size) % 1 - 0.5
    square, diamond = np.maximum(np.abs(u), np.abs(v)), (np.abs(u) + np.abs(v)) * 0.7071
    star = np.minimum(square, diamond)
    wall = mix(
        np.broadcast_to(np.float32([0.1, 0.5, 0.56]), image.shape), np.clip((0.33 - star) * 22, 0, 1), (0.1, 0.2, 0.5)
    )
    wall = mix(wall, np.clip(1 - np.abs(star - 0.33) / 0.025, 0, 1), (0.93, 0.8, 0.45))
    wall = mix(wall, np.clip((0.15 - star) * 22, 0, 1), (0.93, 0.9, 0.8))
    wall = mix(wall, np.clip(1 - np.abs(0.5 - square) / 0.025, 0, 1), (0.93, 0.8, 0.45))
    wall = wall * (0.72 + 0.42 * luma(image))[..., None]
    rim = np.clip(cv2.dilate(mask, np.ones((2 * frame.pixels(1.4) + 1,) * 2)) - mask, 0, 1)
    return mix(mix(mix(wall, np.float32(0.14), image), mask, image), rim, (0.96, 0.84, 0.5))


CULTURES = {"greek": greek, "porcelain": porcelain, "dotted": dotted, "tiles": tiles}
