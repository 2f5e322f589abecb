"""Textures: what the picture seems to be painted on or made of. Each operator takes (frame, image, mask)."""

import cv2
import numpy as np

from .frame import blur, luma, mix


def streaks(frame, turn: float, length: float, width: float) -> np.ndarray:
    """Return noise in 0..1 drawn out along a direction (radians); length and width are in units."""
    side = int(np.hypot(frame.height, frame.width)) + 2
    thin = max(1.0, width * frame.unit)
    grid = frame.rng.random((int(side / thin) + 2, int(side / (length * frame.unit)) * 4 + 2), dtype=np.float32)
    long = blur(cv2.resize(grid, (side, side), interpolation=cv2.INTER_LINEAR), 0.3 * thin)
    turned = cv2.getRotationMatrix2D((side / 2, side / 2), np.degrees(-turn), 1)
    turned[:, 2] += (frame.width - side) / 2, (frame.height - side) / 2
    noise = cv2.warpAffine(long, turned, frame.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.clip((noise - noise.mean()) / (noise.std() * 4 + 1e-6) + 0.5, 0, 1)


def _grid(frame) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates of all pixels in units."""
    return frame.x * frame.width / frame.unit, frame.y * frame.height / frame.unit


def paper(frame, image, mask):
    folds = np.zeros_like(mask)
    for _ in range(9):
        turn, at = frame.rng.uniform(0, np.pi), frame.rng.uniform(0.2, 0.8, 2)
        side = (frame.x - at[0]) * np.cos(turn) + (frame.y - at[1]) * np.sin(turn) + 0.05 * (frame.noise(3) - 0.5)
        folds += np.sign(side) * np.exp(-np.abs(side) * 16) * frame.rng.uniform(0.5, 1)
    fibre = blur(frame.noise(100) - 0.5, 0.4 * frame.unit)
    light = 1 + 0.13 * folds + 0.3 * fibre
    return (0.88 * image + np.float32([0.11, 0.1, 0.08])) * light[..., None]


def canvas(frame, image, mask):
    px, py = _grid(frame)
    weave = np.sin(px * 2.1) * (0.5 + 0.5 * np.sin(py * 1.05 + np.pi * (np.floor(px * 0.334) % 2)))
    weave = weave + np.sin(py * 2.1) * 0.7
    return (image * 0.95 + 0.02) * (1 + 0.16 * weave + 0.1 * (frame.noise(40) - 0.5))[..., None]


def wood(frame, image, mask):
    px, py = _grid(frame)
    plank = np.floor(py / 26)
    rings = np.sin(py * 1.3 + frame.noise(3) * 16 + plank * 5 + 0.35 * np.sin(px * 0.08 + plank * 2) * 9)
    grain = 0.5 + 0.3 * rings + 0.35 * (streaks(frame, 0, 40, 0.8) - 0.5)
    board = mix(np.float32([0.46, 0.28, 0.14]), np.clip(grain, 0, 1), (0.83, 0.6, 0.36))
    gap = np.clip(1.1 - np.abs(py % 26 - 0.5), 0, 1)
    stained = board * (0.25 + 0.85 * image) * 0.62 + image * 0.42
    return stained * (1 - 0.65 * gap * (1 - 0.4 * mask))[..., None]


def knit(frame, image, mask):
    px, py = _grid(frame)
    cell_x, cell_y = 4.0, 3.2
    across = np.abs((px / cell_x) % 1 - 0.5) * 2
    phase = (py / cell_y - 0.9 * across) % 1
    row = np.floor(py / cell_y - 0.9 * across)
    column = np.floor(px / cell_x)
    mx = ((column + 0.5) * cell_x * frame.unit).astype(np.float32)
    my = ((row + 0.9) * cell_y * frame.unit).astype(np.float32)
    wool = cv2.remap(np.float32(blur(image, 0.7 * frame.unit)), mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    thread = np.clip(1.2 - np.abs(phase - 0.5) * 1.7, 0, 1) * np.clip(1.35 - np.abs(across - 0.5) * 1.1, 0, 1)
    return wool * (0.42 + 0.72 * thread + 0.1 * (frame.noise(80) - 0.5))[..., None]


def stone(frame, image, mask):
    rough = frame.noise(16) * 0.35 + frame.noise(40) * 0.35 + frame.noise(90) * 0.3
    relief = rough + 0.55 * blur(luma(image), 0.8 * frame.unit) + 0.12 * blur(mask, frame.unit)
    step = frame.pixels(0.8)
    slope = relief - np.roll(relief, (step, step), (0, 1))
    cracks = np.clip(1 - np.abs(frame.noise(4) + 0.12 * frame.noise(24) - 0.56) / 0.013, 0, 1) * (1 - 0.6 * mask)
    grey = luma(image)[..., None]
    slope = slope * (1 - 0.45 * mask)
    block = (grey * 0.5 + image * 0.34 + 0.12) * np.float32([1.0, 0.97, 0.9]) * (0.72 + 0.5 * rough)[..., None]
    return block * (1 + 1.6 * np.clip(slope, -0.4, 0.4))[..., None] * (1 - 0.6 * cracks)[..., None]


def scratched(frame, image, mask):
    film = image * np.float32([1.0, 0.94, 0.82]) * 0.92 + 0.04
    marks = np.zeros_like(mask)
    for _ in range(16):
        x, top = frame.rng.uniform(0, frame.width), frame.rng.uniform(-0.3, 0.6) * frame.height
        end = x + frame.rng.normal(0, 2) * frame.unit, top + frame.rng.uniform(0.3, 1.0) * frame.height
        light = float(frame.rng.choice([0.85, -0.6]))
        cv2.line(marks, (int(x), int(top)), (int(end[0]), int(end[1])), light, frame.pixels(0.5), cv2.LINE_AA)
    for x, y in frame.scatter(26):
        cv2.circle(marks, (int(x), int(y)), frame.pixels(frame.rng.uniform(0.3, 1.1)), -0.8, -1, cv2.LINE_AA)
    corners = 1 - 0.3 * np.clip(1 - frame.glow(0.5, 0.5, 0.6), 0, 1)
    return film * corners + marks[..., None] * 0.75 + frame.grain(0.06)


def metal(frame, image, mask):
    brushed = streaks(frame, 0, 60, 0.6)
    sheen = 0.5 + 0.5 * np.sin((frame.x * 1.4 + frame.y * 0.9) * 5.5 + frame.rng.uniform(0, 6))
    grey = luma(image)[..., None]
    plate = (0.75 * grey + 0.25 * image) * np.float32([0.86, 0.93, 1.02])
    step = frame.pixels(1)
    relief = blur(luma(image) + 0.4 * mask, 0.7 * frame.unit)
    bevel = np.clip(relief - np.roll(relief, (step, step), (0, 1)), -0.35, 0.35)
    return plate * (0.62 + 0.35 * brushed + 0.34 * sheen)[..., None] + (bevel * 1.5 + 0.08 * sheen)[..., None]


def ribbed(frame, image, mask):
    px, _ = _grid(frame)
    rib = (px / 6.5) % 1 - 0.5
    mx = frame.x * frame.width + rib * 6.5 * frame.unit * 0.95
    seen = cv2.remap(np.float32(image), mx, frame.y * frame.height, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    seen = blur(seen, 0.4 * frame.unit)
    return (
        seen * (1.04 - 0.5 * np.abs(rib) ** 1.5 * 2)[..., None] + 0.3 * np.exp(-(((rib + 0.22) / 0.06) ** 2))[..., None]
    )


TEXTURES = {
    "paper": paper,
    "canvas": canvas,
    "wood": wood,
    "knit": knit,
    "stone": stone,
    "scratched": scratched,
    "metal": metal,
    "ribbed": ribbed,
}
