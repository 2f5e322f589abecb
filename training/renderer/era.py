"""Eras: the printed and filmed look of a time. Each operator takes (frame, image, mask)."""

import cv2
import numpy as np

from .frame import blur, flatten, from_hsv, luma, mix, to_hsv


def _behind(frame, image, mask, ground, share: float) -> np.ndarray:
    """Return the picture with a part of its background replaced by a pattern."""
    return mix(mix(image, np.float32(share), ground), mask, image)


def deco(frame, image, mask):
    """Put the subject before a fan of black and gold rays, in a stepped frame."""
    turn = np.arctan2(1.02 - frame.y, (frame.x - 0.5) * frame.width / frame.height)
    fan = np.clip(np.sin(turn * 22) * 6, -1, 1) * 0.5 + 0.5
    gold, night = np.float32([0.86, 0.68, 0.32]), np.float32([0.05, 0.09, 0.1])
    ground = mix(np.broadcast_to(night, image.shape), fan * (0.45 + 0.5 * (1 - frame.y)), gold)
    scene = _behind(frame, image * np.float32([0.95, 0.88, 0.72]), mask, ground, 0.88)
    rim = np.clip(cv2.dilate(mask, np.ones((2 * frame.pixels(1.2) + 1,) * 2)) - mask, 0, 1)
    scene = mix(scene, rim, night)
    gap = np.minimum(np.minimum(frame.x, 1 - frame.x) * frame.width, np.minimum(frame.y, 1 - frame.y) * frame.height)
    gap = gap / frame.unit
    corner = np.minimum(frame.x, 1 - frame.x) * frame.width + np.minimum(frame.y, 1 - frame.y) * frame.height
    gap = np.minimum(gap, corner / frame.unit - 13)
    scene = mix(scene, np.clip(6 - gap, 0, 1), night)
    return mix(scene, np.clip(1.3 - np.abs(gap - 4), 0, 1) + np.clip(0.9 - np.abs(gap - 1.6), 0, 1), gold)


def silent(frame, image, mask):
    grey = luma(image)
    film = np.clip((grey - 0.5) * 1.4 + 0.52, 0, 1)
    iris = np.hypot((frame.x - 0.5) * frame.width, (frame.y - 0.5) * frame.height) / frame.short
    film = film * np.clip((0.53 - iris) * 9, 0.02, 1)
    for x in frame.rng.uniform(0, 1, 5):
        film = film + 0.22 * np.exp(-(((frame.x - x) * frame.width / frame.unit / 0.45) ** 2))
    film = film[..., None] * np.float32([1.0, 0.98, 0.92]) + frame.grain(0.07)
    for x, y in frame.scatter(18):
        cv2.circle(
            film, (int(x), int(y)), frame.pixels(frame.rng.uniform(0.3, 1.0)), (0.04, 0.04, 0.04), -1, cv2.LINE_AA
        )
    return film


def fifties(frame, image, mask):
    """Print in turquoise, coral and cream, with boomerangs and starbursts behind the subject."""
    cream, mint, coral = np.float32([0.97, 0.92, 0.78]), np.float32([0.42, 0.76, 0.7]), np.float32([0.93, 0.45, 0.36])
    ground = np.ascontiguousarray(np.broadcast_to(mint, image.shape)).astype(np.float32)
    blob = blur(frame.noise(3), 2 * frame.unit)
    ground = mix(ground, np.clip((blob - 0.56) * 40, 0, 1), cream).astype(np.float32)
    for x, y in frame.scatter(13):
        reach, tone = (
            frame.rng.uniform(3, 6) * frame.unit,
            (coral if frame.rng.random() < 0.6 else np.float32([0.2, 0.25, 0.3])),
        )
        for turn in np.arange(4) * np.pi / 4:
            step = np.array([np.cos(turn), np.sin(turn)]) * reach * (1 if turn % (np.pi / 2) < 0.1 else 0.6)
            ends = [(int(x + s * step[0]), int(y + s * step[1])) for s in (-1, 1)]
            cv2.line(ground, *ends, tone.tolist(), frame.pixels(0.6), cv2.LINE_AA)
    tinted = image * np.float32([0.98, 0.92, 0.8]) * 0.9 + np.float32([0.08, 0.06, 0.04])
    return _behind(frame, tinted, mask, ground * (0.55 + 0.5 * luma(image))[..., None], 0.8) + frame.grain(0.02)


def seventies(frame, image, mask):
    """Run brown, orange and yellow stripes in an arch behind the subject."""
    tones = np.float32(
        [[0.36, 0.2, 0.12], [0.72, 0.28, 0.12], [0.92, 0.52, 0.14], [0.97, 0.76, 0.3], [0.95, 0.88, 0.7]]
    )
    dx = np.abs(frame.x - 0.5) * frame.width / frame.short
    dy = np.clip(0.6 - frame.y, 0, 1)
    ring = np.hypot(dx, dy)
    index = np.clip(((0.62 - ring) / 0.075).astype(int), 0, 4)
    ground = blur(tones[index], 0.3 * frame.unit)
    hue, saturation, value = to_hsv(image)
    tinted = from_hsv(hue, saturation * 0.85, value) * np.float32([1.0, 0.85, 0.6]) * 0.9 + np.float32(
        [0.08, 0.05, 0.02]
    )
    return _behind(frame, tinted, mask, ground * (0.7 + 0.34 * luma(image))[..., None], 0.88) + frame.grain(0.03)


def eighties(frame, image, mask):
    """Put the subject before a striped sun over a glowing grid, in magenta and cyan."""
    sky = mix(np.float32([0.1, 0.02, 0.28]), np.clip(frame.y / 0.62, 0, 1)[..., None], (0.75, 0.12, 0.6))
    sun = frame.disc(0.5, 0.44, 0.3)
    slits = (np.sin(frame.y * 64) > (0.95 - 2.2 * np.clip(frame.y - 0.36, 0, 1) * 2.2)).astype(np.float32)
    tone = mix(np.float32([1.0, 0.86, 0.25]), np.clip((frame.y - 0.14) / 0.56, 0, 1)[..., None], (1.0, 0.2, 0.6))
    ground = mix(sky, sun * (1 - slits), tone)
    far = np.clip(frame.y - 0.62, 1e-3, 1)
    across = np.abs(((frame.x - 0.5) / far * 0.09 * 6) % 1 - 0.5) * far * 12
    depth = np.abs(((0.16 / far) % 1) - 0.5) * far * far * 80
    grid = np.clip(1 - np.minimum(0.5 * 12 * far - across, 0.5 * far * far * 80 - depth) * 3.5, 0, 1)
    floor = mix(np.float32([0.06, 0.01, 0.2]), grid[..., None], (0.15, 0.95, 1.0))
    ground = mix(ground, frame.below(0.62), floor)
    hue, saturation, value = to_hsv(image)
    body = from_hsv(hue, saturation * 1.3, value) * np.float32([1.0, 0.8, 1.08])
    rim = np.clip(cv2.dilate(mask, np.ones((2 * frame.pixels(1.1) + 1,) * 2)) - mask, 0, 1)
    scene = mix(_behind(frame, body, mask, ground, 0.9), rim, (0.2, 1.0, 1.0))
    return scene + 0.5 * blur(rim, 2.2 * frame.unit)[..., None] * np.float32([0.2, 0.9, 1.0])


def y2k(frame, image, mask):
    """Fill the ground with glossy bubbles and chrome in icy blue and pink."""
    ground = mix(np.float32([0.72, 0.86, 1.0]), frame.y[..., None], (0.96, 0.75, 0.95))
    ground = np.array(np.broadcast_to(ground, image.shape), np.float32)
    for x, y in frame.scatter(20) / frame.size:
        radius = frame.rng.uniform(0.035, 0.1)
        for part, tone in (
            (1, (0.4, 0.6, 0.96)),
            (0.92, (0.6, 0.76, 1)),
            (0.8, (0.78, 0.88, 1)),
            (0.62, (0.92, 0.96, 1)),
        ):
            frame.dab(ground, x, y, radius * part, tone, 0.8)
        frame.dab(ground, x - 0.35 * radius, y - 0.4 * radius, 0.25 * radius, (1, 1, 1), 1)
    hue, saturation, value = to_hsv(image)
    chrome = 0.5 + 0.5 * np.sin(luma(blur(image, frame.unit)) * 13)
    body = from_hsv(hue, saturation * 1.1 + 0.04, value) * 0.75 + (0.28 * chrome)[..., None] * np.float32(
        [0.85, 0.95, 1.1]
    )
    rim = np.clip(cv2.dilate(mask, np.ones((2 * frame.pixels(1.3) + 1,) * 2)) - mask, 0, 1)
    return mix(_behind(frame, body, mask, ground, 0.88), rim, (1, 1, 1))


def manuscript(frame, image, mask):
    """Paint on parchment before gold leaf, within a border of vines and red initials."""
    sheet = np.float32([0.91, 0.82, 0.62]) * (0.86 + 0.2 * frame.noise(8))[..., None]
    check = (np.floor(frame.x * 14) + np.floor(frame.y * 14)) % 2
    leaf = np.float32([0.84, 0.64, 0.2]) * (0.86 + 0.16 * check + 0.2 * frame.noise(14))[..., None]
    flat = flatten(image, frame.odd(3)) * np.float32([0.98, 0.9, 0.8]) * 0.94
    rim = np.clip(cv2.dilate(mask, np.ones((2 * frame.pixels(0.9) + 1,) * 2)) - mask, 0, 1)
    scene = mix(_behind(frame, flat, mask, leaf * (0.6 + 0.5 * luma(image))[..., None], 0.72), rim, (0.14, 0.08, 0.06))
    gap_x = np.minimum(frame.x, 1 - frame.x) * frame.width / frame.unit
    gap_y = np.minimum(frame.y, 1 - frame.y) * frame.height / frame.unit
    gap = np.minimum(gap_x, gap_y)
    along = np.where(gap_x < gap_y, frame.y * frame.height, frame.x * frame.width) / frame.unit
    vine = np.clip(1.1 - np.abs(gap - 7 - 2.6 * np.sin(along * 0.5)), 0, 1)
    leaves = np.clip(2.0 - np.hypot((along % 6.3) - 3.1, gap - 7 + 3 * np.sign(np.sin(along * 0.5))), 0, 1)
    page = mix(mix(sheet, vine, (0.16, 0.36, 0.2)), leaves, (0.66, 0.12, 0.14))
    page = mix(page, np.clip(1.3 - np.abs(gap - 13.2), 0, 1), (0.16, 0.22, 0.5))
    return mix(page, np.clip((gap - 13.8) * frame.unit, 0, 1), scene)


ERAS = {
    "deco": deco,
    "silent": silent,
    "fifties": fifties,
    "seventies": seventies,
    "eighties": eighties,
    "y2k": y2k,
    "manuscript": manuscript,
}
