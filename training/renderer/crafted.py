"""Media that are made or printed piece by piece. Each operator takes (frame, image, mask)."""

import cv2
import numpy as np

from .frame import blur, borders, cells, flatten, from_hsv, mix, outline, to_hsv
from .paint import _lines


def mosaic(frame, image, mask):
    """Lay square stones along bent rows, finer ones inside the subject, with grout between them."""
    px = frame.x * frame.width / frame.unit + 7 * frame.noise(4)
    py = frame.y * frame.height / frame.unit + 7 * frame.noise(4)
    result = None
    for size, inside in ((5.2, 0), (3.4, 1)):
        u, v = px / size, py / size
        column, row = np.floor(u).astype(int), np.floor(v).astype(int)
        label = (row - row.min()) * (column.max() - column.min() + 1) + column - column.min()
        stones = _mean(image, label)
        shade = frame.rng.uniform(0.84, 1.14, label.max() + 1).astype(np.float32)[label]
        fx, fy = u - column, v - row
        edge = np.minimum(np.minimum(fx, 1 - fx), np.minimum(fy, 1 - fy)) * size
        body = np.clip((edge - 0.16) * 2.2, 0, 1) * (1 + 0.16 * (1 - fx - fy))
        grout = stones * 0.3 + np.float32([0.2, 0.19, 0.18])
        laid = mix(grout, np.clip(body, 0, 1), stones * (shade * (0.9 + 0.2 * body))[..., None])
        result = laid if result is None else mix(result, (mask > 0.5).astype(np.float32), laid)
    return result * 1.08


def _mean(image, label):
    """Return for each pixel the mean colour of all pixels with its label."""
    flat = label.ravel()
    total = np.bincount(flat).clip(1)
    mean = np.stack([np.bincount(flat, image[..., i].ravel()) / total for i in range(3)], -1).astype(np.float32)
    return mean[label]


def embroidery(frame, image, mask):
    """Stitch the picture in crosses of thread on linen."""
    size = 3.0 * frame.unit
    u, v = frame.x * frame.width / size, frame.y * frame.height / size
    cells = int(np.ceil(frame.width / size)), int(np.ceil(frame.height / size))
    small = cv2.resize(np.float32(image), cells, interpolation=cv2.INTER_AREA)
    hue, saturation, value = to_hsv(small)
    small = from_hsv(hue, saturation * 1.2, np.round(value * 6) / 6)
    thread = small[np.floor(v).astype(int) % cells[1], np.floor(u).astype(int) % cells[0]]
    fx, fy = u % 1 - 0.5, v % 1 - 0.5
    under = np.clip(1.5 - np.abs(fx - fy) * 2.7, 0, 1)
    over = np.clip(1.5 - np.abs(fx + fy) * 2.7, 0, 1)
    weave = 0.5 + 0.25 * (np.sin(u * 4 * np.pi) + np.sin(v * 4 * np.pi))
    linen = np.float32([0.78, 0.72, 0.6]) * (0.72 + 0.36 * weave)[..., None]
    stitched = mix(linen, under, thread * (0.62 + 0.22 * under)[..., None])
    return mix(stitched, over, thread * (0.82 + 0.32 * over)[..., None])


def collage(frame, image, mask):
    """Glue torn pieces, each moved and toned a little, with white paper edges and shadows."""
    height, width = mask.shape
    solid = (mask > 0.5).astype(int)
    labels = [cells(frame, frame.scatter(int(n * height * width / frame.short**2)), 9) for n in (16, 22)]
    label = np.where(solid, labels[1] + labels[0].max() + 1, labels[0])
    pieces = label.max() + 1
    shift = frame.rng.normal(0, 1.6, (pieces, 2)) * frame.unit
    mx = np.float32(frame.x * width + shift[label, 0] * (1 - 0.4 * solid))
    my = np.float32(frame.y * height + shift[label, 1] * (1 - 0.4 * solid))
    torn = cv2.remap(np.float32(image), mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    hue, saturation, value = to_hsv(torn)
    turn = frame.rng.normal(0, 22, pieces)[label] * (1 - 0.6 * solid)
    shade = frame.rng.uniform(0.78, 1.1, pieces)[label]
    torn = from_hsv(hue + turn, saturation * 1.1, value * shade)
    print_rows = np.sin(frame.y * height / frame.unit * 2.1) * np.sin(
        frame.x * width / frame.unit * 0.9 + 9 * frame.noise(30)
    )
    news = (frame.rng.random(pieces) < 0.22)[label] * (1 - solid)
    torn = mix(torn, news * 0.75, np.float32([0.9, 0.88, 0.82]) * (1 - 0.5 * np.clip(print_rows * 3, 0, 1))[..., None])
    edge = borders(label)
    size = frame.pixels(1.4)
    rim = blur(cv2.dilate(edge, np.ones((size, size))), 0.3 * frame.unit) * (0.5 + 0.5 * frame.noise(50))
    drop = frame.pixels(1.6)
    shadow = blur(np.roll(cv2.dilate(edge, np.ones((size, size))), (drop, drop), (0, 1)), 0.9 * frame.unit)
    return mix(torn * (1 - 0.5 * shadow)[..., None], np.clip(rim * 1.2, 0, 0.95), (0.97, 0.96, 0.93))


def screen_print(frame, image, mask):
    """Print three flat inks that do not quite meet."""
    flat = flatten(image, frame.odd(4))
    levels = 2 + mask[..., None]
    inks = np.round(np.clip(flat * 1.08, 0, 1) * levels) / levels
    move = frame.pixels(1.6)
    inks = np.dstack(
        [np.roll(inks[..., 0], (move, -move), (0, 1)), inks[..., 1], np.roll(inks[..., 2], (-move, move), (0, 1))]
    )
    speck = np.clip((frame.noise(90) - 0.86) * 6, 0, 1) * 0.6
    sheet = np.float32([0.97, 0.94, 0.86])
    cover = sheet * (0.12 + 0.88 * inks)
    return mix(cover, speck, sheet) * (0.96 + 0.06 * frame.noise(50))[..., None]


def cel(frame, image, mask):
    """Paint two flat tones a colour with one hard shadow and clean ink lines, as in animation."""
    hue, saturation, value = to_hsv(flatten(image, frame.odd(3)))
    clean = from_hsv(hue, saturation * 1.25 + 0.03, np.round(value * 3.2) / 3.2 * 0.98 + 0.04)
    move = int(0.11 * frame.short)
    body = blur(mask, 3 * frame.unit)
    shade = np.clip((body - np.roll(body, (-move, -move), (0, 1)) - 0.25) * 9, 0, 1) * mask
    shine = np.clip((body - np.roll(body, (move, move), (0, 1)) - 0.25) * 9, 0, 1) * mask
    clean = clean * (1 - 0.42 * shade[..., None] * np.float32([1.0, 0.85, 0.5])) + 0.2 * shine[..., None]
    lines = np.clip((outline(image, 0.5 * frame.unit) * frame.unit**0.5 - 0.35) * 2.2, 0, 0.9)
    lines = np.maximum(lines, _lines(frame, image * 0, mask, 0.7))
    return mix(clean, lines, (0.1, 0.06, 0.14))


def clay(frame, image, mask):
    """Model the subject as a rounded body of clay with finger marks, lit from one side."""
    solid = (mask > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(solid, cv2.DIST_L2, 3)
    reach = 0.13 * frame.short
    round_ = np.sqrt(np.clip(1 - (1 - np.clip(depth / reach, 0, 1)) ** 2, 0, 1)) * reach
    part = blur(flatten(image, frame.odd(3)) @ np.float32([0.3, 0.4, 0.3]), 0.8 * frame.unit)
    prints = np.sin(frame.noise(8) * 36) * 0.1 * (0.35 + mask) + frame.noise(14) * 1.4
    relief = blur(round_, frame.unit) + frame.unit * (prints + 3.2 * part * mask)
    gy, gx = np.gradient(relief.astype(np.float32))
    normal = 1 / np.sqrt(gx**2 + gy**2 + 1)
    shade = np.clip(0.36 + 0.7 * normal + 0.4 * (gx + gy) * normal, 0.42, 1.3)
    shine = np.clip(normal * (1 + 0.9 * (gx + gy)) - 1.05, 0, 1) ** 2 * 1.6
    hue, saturation, value = to_hsv(flatten(blur(image, 0.6 * frame.unit), frame.odd(4)))
    body = from_hsv(hue, saturation * 0.95 + 0.05, value * 0.95)
    drop = frame.pixels(5)
    cast = blur(np.roll(mask, (drop, drop), (0, 1)), 3 * frame.unit) * (1 - mask) * 0.45
    return body * (shade * (1 - cast))[..., None] + np.clip(shine, 0, 0.5)[..., None]


CRAFTED = {
    "mosaic": mosaic,
    "embroidery": embroidery,
    "collage": collage,
    "screen-print": screen_print,
    "cel": cel,
    "clay": clay,
}
