"""Atmosphere and mood: what hangs in the air around the subject. Each operator takes (frame, image, mask)."""

import cv2
import numpy as np

from .frame import blur, colour, luma, mix
from .surface import streaks


def _sprinkle(frame, count: int, least: float, most: float, tones, inside: float = 0.3, mask=None, squash: float = 1.0):
    """Return a layer of small turned ellipses with its cover; on the subject only a part of them stays."""
    layer = np.zeros((frame.height, frame.width, 3), np.float32)
    cover = np.zeros((frame.height, frame.width), np.float32)
    for x, y in frame.scatter(count):
        place = min(int(y), frame.height - 1), min(int(x), frame.width - 1)
        if mask is not None and mask[place] > 0.5 and frame.rng.random() > inside:
            continue
        size = frame.rng.uniform(least, most)
        axes = frame.pixels(size), frame.pixels(size * squash)
        turn, tone = frame.rng.uniform(0, 180), tones[frame.rng.integers(len(tones))]
        for target, ink in ((layer, tuple(map(float, tone))), (cover, 1.0)):
            cv2.ellipse(target, (int(x), int(y)), axes, turn, 0, 360, ink, -1, cv2.LINE_AA)
    return layer / np.maximum(cover, 0.05)[..., None], cover


def dusty(frame, image, mask):
    haze = 0.42 + 0.34 * streaks(frame, 0.1, 60, 7) - 0.16 * mask
    air = mix(blur(image, 0.6 * frame.unit), haze, (0.8, 0.66, 0.45))
    motes, cover = _sprinkle(frame, 90, 0.3, 0.8, [(1.0, 0.92, 0.74)])
    return mix(air, blur(cover, 0.3 * frame.unit) * 0.7, motes)


def underwater(frame, image, mask):
    depth = mix(np.float32([0.16, 0.66, 0.74]), frame.y[..., None], (0.02, 0.2, 0.42))
    bent = frame.warp(image, 3.5, 9)
    wet = mix(bent * np.float32([0.55, 0.92, 1.0]), np.float32(0.42) - 0.2 * mask, depth)
    net = np.abs(frame.noise(7) - 0.5) + np.abs(frame.noise(10) - 0.5)
    wet = wet + (np.clip(0.26 - net, 0, 1) * 2.6 * (1.1 - frame.y))[..., None] * np.float32([0.6, 0.9, 0.85])
    wet = np.ascontiguousarray(wet, np.float32)
    for x, y in frame.rng.random((26, 2)):
        radius = frame.rng.uniform(0.007, 0.028)
        inside = np.clip(frame.at(wet, x, y) * 1.1, 0, 1)
        frame.dab(wet, x, y, radius, (0.85, 1.0, 1.0), 0.8)
        frame.dab(wet, x, y, radius * 0.78, inside, 0.85)
        frame.dab(wet, x - 0.3 * radius, y - 0.3 * radius, radius * 0.3, (0.95, 1, 1), 1)
    return wet


def cosmic(frame, image, mask):
    cloud = frame.noise(3) * 0.6 + frame.noise(7) * 0.4
    space = mix(np.float32([0.02, 0.01, 0.08]), np.clip((cloud - 0.4) * 3, 0, 1)[..., None], (0.36, 0.1, 0.5))
    other = np.clip((frame.noise(4) - 0.5) * 2.6, 0, 1)
    space = mix(space, other * 0.7, (0.08, 0.34, 0.6))
    scene = mix(space, 0.16 + 0.6 * mask, image * np.float32([0.86, 0.8, 1.05]))
    stars, cover = _sprinkle(frame, 150, 0.2, 0.75, [(1, 1, 1), (0.8, 0.9, 1), (1, 0.9, 0.75)], 0.06, mask)
    glow = np.clip(blur(mask, 4 * frame.unit) - mask, 0, 1)[..., None] * np.float32([0.5, 0.3, 0.9])
    return mix(scene, cover, stars) + 0.5 * blur(cover, 1.4 * frame.unit)[..., None] + glow


def sparkles(frame, image, mask):
    glow = np.clip(blur(mask, 6 * frame.unit) * 1.3 - 0.6 * mask, 0, 1)[..., None] * np.float32([0.5, 0.4, 0.62])
    scene = image * np.float32([0.84, 0.78, 0.98]) * 0.86 + glow * 0.55
    light = np.zeros_like(mask)
    for x, y in frame.scatter(34):
        reach = frame.rng.uniform(1.5, 6.0) * frame.unit
        if mask[min(int(y), frame.height - 1), min(int(x), frame.width - 1)] > 0.5:
            reach *= 0.45
        star = np.float32(
            [[x, y - reach], [x + reach / 7, y - reach / 7], [x + reach, y], [x + reach / 7, y + reach / 7]]
        )
        star = np.concatenate([star, 2 * np.float32([x, y]) - star])
        cv2.fillPoly(light, [np.round(star * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    return scene + (light + 0.9 * blur(light, 1.6 * frame.unit))[..., None] * np.float32([1.0, 0.94, 0.72])


PARTY = ((0.96, 0.26, 0.3), (1.0, 0.8, 0.16), (0.2, 0.7, 0.95), (0.4, 0.82, 0.35), (0.9, 0.4, 0.85))


def festive(frame, image, mask):
    paper, cover = _sprinkle(frame, 130, 0.9, 1.9, PARTY, 0.12, mask, 0.5)
    scene = mix(np.clip(image * 1.04 + 0.03, 0, 1), cover, paper).astype(np.float32)
    sag = 0.07 + 0.09 * (1 - (2 * ((frame.x[0] * 2) % 1) - 1) ** 2)
    rope = np.clip(1.3 - np.abs(frame.y - sag[None]) * frame.height / frame.unit / 0.5, 0, 1)
    scene = np.ascontiguousarray(mix(scene, rope, (0.3, 0.2, 0.25)), np.float32)
    for number, x in enumerate(np.arange(0.04, 1, 0.092)):
        y = 0.07 + 0.09 * (1 - (2 * ((x * 2) % 1) - 1) ** 2)
        px, py, half = x * frame.width, y * frame.height, 4.2 * frame.unit
        flag = np.int32([[px - half, py], [px + half, py], [px, py + 2.4 * half]])
        cv2.fillConvexPoly(scene, flag, PARTY[number % len(PARTY)], cv2.LINE_AA)
    return scene


def autumn(frame, image, mask):
    grey = luma(image)[..., None]
    tone = mix(image, np.float32(0.62) - 0.3 * mask, grey * np.float32([1.2, 0.84, 0.45]) + np.float32([0.06, 0, 0]))
    leaves, cover = _sprinkle(
        frame,
        85,
        1.6,
        3.4,
        [(0.86, 0.36, 0.08), (0.95, 0.62, 0.1), (0.7, 0.18, 0.08), (0.6, 0.36, 0.1)],
        0.12,
        mask,
        0.48,
    )
    return mix(tone, cover, leaves * (0.86 + 0.28 * frame.noise(60))[..., None])


def spring(frame, image, mask):
    fresh = np.clip(image * np.float32([0.98, 1.04, 0.96]) * 0.9 + np.float32([0.1, 0.1, 0.1]), 0, 1)
    scene = np.ascontiguousarray(fresh, np.float32)
    for x in frame.rng.permutation(np.linspace(0, 1, 15)):
        for edge in (0, 1):
            y = abs(edge - abs(frame.rng.normal(0, 0.05)))
            size = frame.rng.uniform(2.2, 4.0) * frame.unit
            px, py = x * frame.width + frame.rng.normal(0, 3) * frame.unit, y * frame.height
            tone = colour(frame.rng.choice([338, 345, 325]), frame.rng.uniform(0.18, 0.42), 1).tolist()
            for turn in np.arange(5) * 2 * np.pi / 5 + frame.rng.uniform(0, 1):
                spot = int(px + 0.8 * size * np.cos(turn)), int(py + 0.8 * size * np.sin(turn))
                cv2.circle(scene, spot, max(1, int(0.62 * size)), tone, -1, cv2.LINE_AA)
            cv2.circle(scene, (int(px), int(py)), max(1, int(0.4 * size)), (1.0, 0.8, 0.3), -1, cv2.LINE_AA)
    petals, cover = _sprinkle(frame, 46, 0.8, 1.5, [(1.0, 0.72, 0.82), (1.0, 0.86, 0.92)], 0.2, mask, 0.55)
    return mix(scene, cover, petals)


def embers(frame, image, mask):
    grey = luma(image)[..., None]
    smoke = frame.warp(frame.noise(5), 14, 4)
    burnt = (0.35 * image + 0.65 * grey) * np.float32([0.72, 0.4, 0.26]) * (0.5 + 0.8 * smoke)[..., None]
    fire = (np.clip(frame.y - 0.5, 0, 1) * 1.5 * (0.5 + smoke))[..., None] * np.float32([0.8, 0.26, 0.03])
    sparks, cover = _sprinkle(frame, 110, 0.2, 0.7, [(1.0, 0.62, 0.16), (1.0, 0.4, 0.1), (1, 0.85, 0.4)], 0.3, mask)
    heat = blur(cover, 1.2 * frame.unit)[..., None] * np.float32([1.0, 0.36, 0.08])
    return mix(burnt + fire * (1 - 0.6 * mask[..., None]), cover, sparks) + 0.8 * heat


AIRS = {
    "dusty": dusty,
    "underwater": underwater,
    "cosmic": cosmic,
    "sparkles": sparkles,
    "festive": festive,
    "autumn": autumn,
    "spring": spring,
    "embers": embers,
}


def eerie(frame, image, mask):
    grey = luma(image)[..., None]
    sick = (0.4 * image + 0.6 * grey) * np.float32([0.5, 0.74, 0.42]) * (0.25 + 0.95 * frame.glow(0.5, 0.56, 0.33))
    fog = np.clip(frame.warp(frame.noise(4), 20, 3) * frame.y * 1.5 - 0.4, 0, 0.8) * (1 - 0.6 * mask)
    eyes = np.zeros_like(mask)
    for _ in range(3):
        x, y = frame.rng.choice([0.12, 0.88]) + frame.rng.normal(0, 0.05), frame.rng.uniform(0.15, 0.6)
        for side in (-1, 1):
            spot = int(x * frame.width + side * 2.4 * frame.unit), int(y * frame.height)
            cv2.ellipse(eyes, spot, (frame.pixels(1.4), frame.pixels(0.8)), side * 18, 0, 360, 1.0, -1, cv2.LINE_AA)
    light = (eyes * (1 - mask))[..., None] * np.float32([1.0, 0.95, 0.3])
    return mix(sick, fog, (0.34, 0.5, 0.3)) + light + 0.5 * blur(np.float32(light), 1.5 * frame.unit)


def romantic(frame, image, mask):
    soft = 0.6 * image + 0.4 * blur(image, 2.5 * frame.unit)
    rose = mix(soft, np.float32(0.36) - 0.14 * mask, (1.0, 0.62, 0.7)) + 0.08
    hearts, cover = np.zeros_like(image), np.zeros_like(mask)
    turn = np.linspace(0, 2 * np.pi, 40)
    outline = np.stack([np.sin(turn) ** 3, -(13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn)) / 16], 1)
    for place in frame.scatter(14):
        points = np.int32((place + outline * frame.rng.uniform(3, 7.5) * frame.unit) * 16)
        cv2.fillPoly(hearts, [points], colour(frame.rng.uniform(336, 356), 0.62, 0.98).tolist(), cv2.LINE_AA, 4)
        cv2.fillPoly(cover, [points], 1.0, cv2.LINE_AA, 4)
    return mix(rose, cover * (0.75 - 0.6 * mask), hearts / np.maximum(cover, 0.05)[..., None])


MOODS = {"eerie": eerie, "romantic": romantic}
