"""Media: repaint a finished picture as if made with a tool. Each operator takes (frame, image, mask).

The subject has to stay readable at 128 pixels, so cells, dots and strokes get finer where the mask is.
"""

import cv2
import numpy as np
from scipy.spatial import Delaunay

from .frame import blur, borders, cells, emboss, flatten, from_hsv, luma, mix, outline, to_hsv

PAPER = (0.98, 0.97, 0.94)


def _pick(image, points):
    """Return the colours of an image at (x, y) pixel positions."""
    height, width = image.shape[:2]
    columns = points[:, 0].astype(int).clip(0, width - 1)
    rows = points[:, 1].astype(int).clip(0, height - 1)
    return image[rows, columns]


def watercolour(frame, image, mask):
    wet = flatten(frame.warp(image, 5, 10), frame.odd(3))
    rim = np.clip(outline(wet, frame.unit) * 0.9 * frame.unit, 0, 0.4)[..., None]
    pigment = 0.55 + 0.5 * frame.noise(7)[..., None]
    wet = (1 - (1 - wet) * pigment) * (1 - 0.75 * rim)
    gap_x = np.minimum(frame.x, 1 - frame.x) * frame.width
    gap_y = np.minimum(frame.y, 1 - frame.y) * frame.height
    border = np.minimum(gap_x, gap_y) / frame.short
    inside = np.clip((border - 0.01 - 0.08 * frame.noise(10)) * 22, 0, 1)
    return mix(np.broadcast_to(np.float32(PAPER), wet.shape), inside, wet) + frame.grain(0.02)


def oil(frame, image, mask):
    smooth = blur(luma(image), 2 * frame.unit)
    slope = np.arctan2(cv2.Sobel(smooth, cv2.CV_32F, 0, 1), cv2.Sobel(smooth, cv2.CV_32F, 1, 0))
    angle = slope + np.pi / 2 + (frame.noise(4) - 0.5) * 2
    source = flatten(image, frame.odd(3))
    canvas = source.copy()
    area = frame.height * frame.width / frame.unit**2
    points = frame.scatter(int(area / 15))
    frame.rng.shuffle(points)
    inside = _pick(mask, points)
    lengths = np.where(inside > 0.5, 2.4, 5.0) * frame.unit
    turns = _pick(angle, points)
    steps = np.stack([np.cos(turns), np.sin(turns)], 1) * lengths[:, None]
    shades = frame.rng.uniform(0.86, 1.14, (len(points), 1)) + frame.rng.uniform(-0.03, 0.03, (len(points), 1))
    colours = np.clip(_pick(source, points) * shades, 0, 1).astype(float)
    starts, ends = (points - steps).astype(int), (points + steps).astype(int)
    for start, end, rgb, fine in zip(starts.tolist(), ends.tolist(), colours.tolist(), (inside > 0.5).tolist()):
        cv2.line(canvas, start, end, rgb, frame.pixels(1.4 if fine else 2), cv2.LINE_AA)
    return emboss((canvas - 0.5) * 1.1 + 0.5, frame.pixels(1), 1.1)


def sketch(frame, image, mask):
    grey = luma(image)
    soft = blur(1 - grey, 3 * frame.unit)
    dodge = np.clip(grey / (1.02 - soft), 0, 1) ** 2
    lines = np.clip(outline(image, 0.7 * frame.unit) * 0.7 * frame.unit**0.5, 0, 0.8)
    turn = frame.rng.uniform(0.6, 1.0)
    across = (frame.x * frame.width * np.cos(turn) + frame.y * frame.height * np.sin(turn)) / frame.unit
    hatch = np.sin(across * 1.9 + frame.noise(8) * 5)
    shade = np.clip(0.75 - grey, 0, 1) * (0.4 + 0.4 * hatch)
    drawing = np.clip(np.clip(dodge - lines, 0, 1) * 0.96 - shade * 0.7, 0.08, 1)
    return drawing[..., None] * np.float32([0.97, 0.96, 0.94]) + frame.grain(0.02)


def pointillism(frame, image, mask):
    canvas = 0.25 + 0.75 * blur(image, 1.5 * frame.unit)
    area = frame.height * frame.width / frame.unit**2
    coarse, fine = frame.scatter(int(area / 7)), frame.scatter(int(area / 5))
    points = np.concatenate([coarse, fine[_pick(mask, fine) > 0.5]])
    inside = _pick(mask, points) > 0.5
    hue, saturation, value = (p[0] for p in to_hsv(_pick(image, points)[None]))
    wild = np.where(inside, 0.4, 1.0)
    count = len(points)
    colours = from_hsv(
        hue + frame.rng.normal(0, 17, count) * wild,
        saturation * (1.15 + frame.rng.uniform(-0.3, 0.3, count) * wild) + 0.06,
        value * (0.96 + frame.rng.uniform(-0.2, 0.16, count) * wild),
    )[0]
    radii = np.where(inside, 1.15, 1.75) * frame.unit * 16
    for centre, rgb, radius in zip((points * 16).astype(int).tolist(), colours.tolist(), radii.astype(int).tolist()):
        cv2.circle(canvas, centre, radius, rgb, -1, cv2.LINE_AA, 4)
    return canvas


def pixel(frame, image, mask):
    cells = frame.width * 32 // frame.short, frame.height * 32 // frame.short
    small = cv2.resize(np.float32(image), cells, interpolation=cv2.INTER_AREA)
    small = np.round(np.clip(small * 1.06 - 0.02, 0, 1) * 5) / 5
    return cv2.resize(small, frame.size, interpolation=cv2.INTER_NEAREST)


def glass(frame, image, mask):
    solid = (mask > 0.5).astype(np.uint8)
    area = frame.height * frame.width / (128 * frame.unit) ** 2
    labels = [cells(frame, frame.scatter(int(count * area)), 4) for count in (60, 110)]
    label = np.where(solid, labels[1] + labels[0].max() + 1, labels[0])
    flat = label.ravel()
    total = np.bincount(flat).clip(1)
    mean = np.stack([np.bincount(flat, image[..., i].ravel()) / total for i in range(3)], -1).astype(np.float32)
    panes = mean[label] * frame.rng.uniform(0.85, 1.15, len(total)).astype(np.float32)[label][..., None]
    detail = flatten(image, frame.odd(3))
    panes = mix(panes, mask * 0.8, detail)
    hue, saturation, value = to_hsv(panes)
    panes = from_hsv(hue, saturation * 1.35 + 0.04, value * 1.05) + 0.1 * frame.glow(0.5, 0.4, 0.4)
    seams = borders(label)
    rim = borders(solid)
    lead = cv2.dilate(seams, np.ones((frame.pixels(1),) * 2)) * np.where(solid, 0.3, 0.9)
    lead = np.maximum(lead, cv2.dilate(rim, np.ones((frame.pixels(2),) * 2)))
    return panes * (1 - np.clip(blur(lead.astype(np.float32), 0.5 * frame.unit) * 1.35, 0, 0.95))[..., None]


def halftone(frame, image, mask):
    ink = np.clip((np.round(image * 3) / 3 - 0.5) * 1.25 + 0.55, 0, 1)
    grey = blur(luma(image), frame.unit)
    px, py = frame.x * frame.width, frame.y * frame.height
    wave = 2 * np.pi / (5.2 * frame.unit) * 0.5**0.5
    screen = (np.cos((px + py) * wave) + np.cos((px - py) * wave)) / 4 + 0.5
    dots = np.clip((screen - (0.2 + 0.75 * grey)) * 6, 0, 1) * (1 - 0.6 * mask)
    lines = np.clip((outline(image, frame.unit) * frame.unit**0.5 - 0.35) * 3, 0, 1)
    ink = np.clip(ink * 0.75 + 0.25, 0, 1)
    return ink * (1 - 0.65 * dots)[..., None] * (1 - lines)[..., None]


def lowpoly(frame, image, mask):
    height, width = mask.shape
    weight = outline(image, 1.2 * frame.unit) * (1 + 2.5 * mask) + 0.012
    area = height * width / (128 * frame.unit) ** 2
    chosen = frame.rng.choice(height * width, int(230 * area), p=(weight / weight.sum()).ravel())
    corners = [[0, 0], [0, height - 1], [width - 1, 0], [width - 1, height - 1]]
    along = np.linspace(0, 1, 9)[1:-1, None] * (width - 1, height - 1)
    edges = [along * (1, 0), along * (0, 1), along * (1, 0) + (0, height - 1), along * (0, 1) + (width - 1, 0)]
    loose = np.stack([chosen % width, chosen // width], 1)
    points = np.concatenate([loose, corners, *edges, frame.scatter(int(40 * area))])
    points = points.astype(np.float64) + frame.rng.normal(0, 0.01, points.shape)
    triangles = points[Delaunay(points).simplices]
    colours = _pick(blur(image, 0.8 * frame.unit), triangles.mean(1))
    uneven = np.where(_pick(mask, triangles.mean(1)) > 0.5, 0.1, 0.2)[:, None]
    colours = np.clip(colours * (1 + uneven * frame.rng.uniform(-1, 1, (len(colours), 1))), 0, 1)
    canvas = np.float32(image)
    for corners, rgb in zip(np.round(triangles).astype(np.int32), colours.tolist()):
        cv2.fillConvexPoly(canvas, corners, rgb, cv2.LINE_AA)
    return canvas


def woodblock(frame, image, mask):
    flat = flatten(image, frame.odd(3))
    grey = luma(flat)
    steps = np.round(grey * 4) / 4
    flat = flat * (steps / (grey + 0.03))[..., None] * 0.8
    flat = flat + 0.2 * np.float32([0.93, 0.85, 0.68]) * (0.4 + 0.6 * steps)[..., None]
    rings = np.sin(frame.y * frame.height / frame.unit * 1.15 + frame.noise(3) * 18 + frame.noise(30) * 1.5)
    flat = flat * (1 - 0.15 * (rings > 0.35) * (1 - 0.7 * mask))[..., None]
    lines = np.clip((outline(image, 0.8 * frame.unit) * frame.unit**0.5 - 0.35) * 4, 0, 1)
    return mix(flat * np.float32([1.0, 0.96, 0.86]), lines, (0.1, 0.1, 0.22))


def papercut(frame, image, mask):
    flat = flatten(frame.warp(image, 2, 12), frame.odd(4))
    grey = blur(luma(flat), 0.6 * frame.unit)
    shadow = np.zeros_like(grey)
    drop = frame.pixels(2)
    layers = [grey > level for level in (0.3, 0.5, 0.68, 0.84)] + [mask > 0.5]
    for sheet in layers:
        sheet = sheet.astype(np.float32)
        cast = blur(np.roll(sheet, (drop, drop), (0, 1)), 1.3 * frame.unit)
        shadow = np.maximum(shadow, cast * (1 - sheet))
    levels = np.round(flat * 6) / 6
    rim = np.clip(emboss(levels, frame.pixels(0.7), 0.5), 0, 1)
    return rim * (1 - 0.66 * shadow)[..., None] + frame.grain(0.018)


def chalk(frame, image, mask):
    board = np.float32([0.13, 0.17, 0.16]) + 0.05 * (frame.noise(5)[..., None] - 0.5)
    hue, saturation, value = to_hsv(blur(image, 0.6 * frame.unit))
    tint = from_hsv(hue, saturation * 0.75, 0.72 + 0.28 * value)
    lines = np.clip(outline(image, 0.8 * frame.unit) * 1.3 * frame.unit**0.5, 0, 1)
    dust = 0.55 + 0.45 * frame.noise(70)
    across = (frame.x * frame.width - frame.y * frame.height) / frame.unit
    rub = 0.6 + 0.4 * np.sin(across * 1.5 + frame.noise(9) * 6)
    fill = np.clip(luma(image) - 0.15, 0, 1) * rub * (0.26 + 0.44 * mask)
    return mix(np.broadcast_to(board, image.shape), np.clip((lines + fill) * dust, 0, 1), tint) + frame.grain(0.02)


def linocut(frame, image, mask):
    grey = blur(flatten(image, frame.odd(3)) @ np.float32([0.3, 0.5, 0.2]), 0.5 * frame.unit)
    turn = frame.rng.uniform(-0.3, 0.3)
    along = (frame.x * frame.width * np.sin(turn) + frame.y * frame.height * np.cos(turn)) / frame.unit
    cuts = np.sin(along * 1.55 + frame.noise(6) * 7)
    printed = 1 / (1 + np.exp(-(grey - 0.56 - 0.2 * cuts * (1 - 0.55 * mask)) * 18 / frame.unit**0.2))
    lines = np.clip((outline(image, 0.8 * frame.unit) * frame.unit**0.5 - 0.25) * 3, 0, 1)
    printed = printed * (1 - lines)
    speck = np.clip(frame.noise(60) - 0.83, 0, 1) * 3
    printed = np.clip(printed + speck, 0, 1)
    return mix(np.full_like(image, np.float32([0.08, 0.08, 0.1])), printed, (0.97, 0.95, 0.89))


MEDIA = {
    "watercolour": watercolour,
    "oil": oil,
    "sketch": sketch,
    "pointillism": pointillism,
    "pixel": pixel,
    "glass": glass,
    "halftone": halftone,
    "lowpoly": lowpoly,
    "woodblock": woodblock,
    "papercut": papercut,
    "chalk": chalk,
    "linocut": linocut,
}
