"""Lines and shapes: how contours are drawn, and what the picture is put together from."""

import cv2
import numpy as np

from .crafted import _mean
from .frame import blur, borders, cells, flatten, luma, mix
from .paint import _lines

INK = (0.05, 0.04, 0.08)


def bold(frame, image, mask):
    rim = _rim(frame, mask, 2.2)
    inner = np.clip(blur(_lines(frame, image, 0 * mask, 1.2, 2.2), 0.5 * frame.unit) * 1.8, 0, 1)
    return mix(image, np.maximum(rim, inner), INK)


def _rim(frame, mask, units: float) -> np.ndarray:
    """Return a band of the given half width along the subject's rim."""
    size = 2 * frame.pixels(units) - 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.clip(cv2.dilate(mask, kernel) - cv2.erode(mask, kernel), 0, 1)


def fine(frame, image, mask):
    flat = 0.5 + 0.5 * flatten(image, frame.odd(3))
    return mix(flat, np.clip(_lines(frame, image, mask, 0.4, 3.5), 0, 1) * 0.92, (0.12, 0.1, 0.16))


def wobbly(frame, image, mask):
    bent = frame.warp(np.dstack([image, mask]), 7, 9)
    image, mask = bent[..., :3], bent[..., 3]
    lines = _lines(frame, image, mask, 0.6, 2.4)
    again = frame.warp(lines, 6, 12)
    return mix(image * 0.85 + 0.15, np.clip(np.maximum(lines, again * 0.85) * 1.1, 0, 1), INK)


def white(frame, image, mask):
    rim = _rim(frame, mask, 1.7)
    inner = np.clip(_lines(frame, image, 0 * mask, 0.8, 2.4), 0, 1)
    return mix(image * 0.74, np.maximum(rim, inner * 0.9), (1, 1, 1))


def speed(frame, image, mask):
    """Draw lines that rush towards the subject from the edges."""
    dx, dy = (frame.x - 0.5) * frame.width / frame.short, (frame.y - 0.52) * frame.height / frame.short
    turn, radius = np.arctan2(dy, dx), np.hypot(dx, dy)
    place = (turn / (2 * np.pi) + 0.5) * 120
    wedge = frame.rng.random(121).astype(np.float32)
    starts = frame.rng.uniform(0.24, 0.44, 121).astype(np.float32)
    cell = np.clip(place.astype(int), 0, 120)
    width = np.clip((radius - starts[cell]) * 3.2, 0, 1) * wedge[cell]
    line = np.clip((width - np.abs(place % 1 - 0.5) * 2) * 5, 0, 1) * (1 - mask)
    return mix(image, line, np.where((wedge[cell] > 0.4)[..., None], np.float32(INK), np.float32([1, 1, 1])))


def contour(frame, image, mask):
    """Cover everything with parallel lines that bend along brightness and form."""
    form = blur(luma(image) * 0.5 + mask * 0.7, 1.6 * frame.unit) * 9 + blur(frame.noise(3), 2 * frame.unit) * 8
    phase = frame.y * frame.height / frame.unit * 0.36 + form
    grey = blur(luma(image), 0.6 * frame.unit)
    line = np.clip((np.cos(2 * np.pi * phase) - 1 + 2 * np.clip(0.74 - 0.6 * grey, 0.12, 0.62)) * 2.2 + 0.3, 0, 1)
    sheet = mix(np.float32([0.97, 0.95, 0.9]), np.float32(0.72), image)
    return mix(sheet, line, image * 0.32)


LINES = {"bold": bold, "fine": fine, "wobbly": wobbly, "white": white, "speed": speed, "contour": contour}


def circles(frame, image, mask):
    """Lay discs of the local colour in a hexagonal grid, smaller ones inside the subject."""
    result = None
    for size, ground in ((7.0, 0.68), (3.8, 0.78)):
        u = frame.x * frame.width / frame.unit / size
        v = frame.y * frame.height / frame.unit / size / 0.866
        row = np.round(v)
        offset = 0.5 * (row % 2)
        column = np.round(u - offset)
        label = _number(row, column)
        tone = _mean(image, label)
        gap = np.hypot(u - offset - column, (v - row) * 0.866)
        disc = np.clip((0.485 - gap) * size * frame.unit, 0, 1)
        ring = np.clip((0.25 - np.abs(gap - 0.2)) * 4, 0, 1) * 0.18
        laid = mix(tone * ground, disc, tone * (1.04 + ring)[..., None])
        result = laid if result is None else mix(result, (mask > 0.5).astype(np.float32), laid)
    return result


def _number(row, column) -> np.ndarray:
    """Return one whole number for each cell of a grid."""
    row, column = row.astype(int) - int(row.min()), column.astype(int) - int(column.min())
    return row * (column.max() + 1) + column


def hexagons(frame, image, mask):
    result = None
    for size in (8.5, 4.6):
        px, py = frame.x * frame.width / frame.unit / size, frame.y * frame.height / frame.unit / size
        best = label = None
        for shift in (0.0, 0.5):
            row = np.round(py / 1.732 - shift) + shift
            column = np.round(px - shift) + shift
            gap = np.maximum(np.abs(px - column), 0.5 * np.abs(px - column) + 0.866 * np.abs(py - row * 1.732))
            number = _number(row * 2, column * 2)
            if best is None:
                best, label = gap, number
                continue
            nearer = gap < best
            label = np.where(nearer, number * 2 + 1, label * 2)
            best = np.minimum(gap, best)
        shade = frame.rng.uniform(0.9, 1.1, label.max() + 1).astype(np.float32)[label]
        seam = np.clip((best - 0.44) * size * 0.9, 0, 1)
        cell = _mean(image, label) * shade[..., None] * 1.02
        laid = mix(cell, seam * 0.85, np.float32([0.95, 0.93, 0.88]))
        result = laid if result is None else mix(result, (mask > 0.5).astype(np.float32), laid)
    return result


def shards(frame, image, mask):
    """Break the picture into facets that each show it a little moved, with light falling across each."""
    height, width = mask.shape
    seeds = frame.scatter(int(26 * height * width / frame.short**2))
    seeds = seeds + frame.rng.normal(0, 4, seeds.shape) * frame.unit
    label = cells(frame, seeds)
    pieces = label.max() + 1
    middle = np.stack([np.bincount(label.ravel(), place.ravel()) for place in (frame.x, frame.y)], 1)
    middle = middle / np.bincount(label.ravel()).clip(1)[:, None] * frame.size
    shift = frame.rng.normal(0, 3.6, (pieces, 2)) * frame.unit
    mx, my = np.float32(frame.x * width + shift[label, 0]), np.float32(frame.y * height + shift[label, 1])
    moved = cv2.remap(np.float32(image), mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    turn = frame.rng.uniform(0, 2 * np.pi, pieces)[label]
    dx = frame.x * width - middle[label, 0]
    dy = frame.y * height - middle[label, 1]
    fall = np.clip((dx * np.cos(turn) + dy * np.sin(turn)) / (13 * frame.unit), -1, 1)
    seam = blur(cv2.dilate(borders(label), np.ones((frame.pixels(0.7),) * 2)), 0.4 * frame.unit)
    return moved * (1 + 0.34 * fall)[..., None] * (1 - 0.7 * seam)[..., None]


def distorted(frame, image, mask):
    px, py = frame.x * frame.width, frame.y * frame.height
    wave = 2 * np.pi / (38 * frame.unit)
    start = frame.rng.uniform(0, 6, 2)
    mx = px + 4.4 * frame.unit * np.sin(py * wave + start[0])
    my = py + 3.2 * frame.unit * np.sin(px * wave + start[1])
    return cv2.remap(np.float32(image), np.float32(mx), np.float32(my), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


SHAPES = {"circles": circles, "hexagons": hexagons, "shards": shards, "distorted": distorted}
