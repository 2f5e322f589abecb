"""Backdrops without an open sky: caves and rooms, space, and the bottom of the sea."""

import numpy as np

from .canvas import Canvas, blend
from .frame import colour
from .places import LAMP


def cave(canvas: Canvas) -> None:
    canvas.image[:] = canvas._ink((0.17, 0.13, 0.17))
    x0 = canvas.uniform(0.44, 0.56)
    for part, rgb in (
        (0.0, (0.26, 0.2, 0.24)),
        (0.25, (0.36, 0.28, 0.3)),
        (0.5, (0.5, 0.39, 0.38)),
        (0.75, (0.66, 0.54, 0.48)),
    ):
        turn = np.linspace(0, 2 * np.pi, 25)[:-1]
        wobble = 1 + canvas.rng.uniform(-0.07, 0.07, 24)
        rx, ry = 0.56 - 0.32 * part, 0.52 - 0.3 * part
        canvas.poly(np.stack([x0 + rx * wobble * np.cos(turn), 0.48 + ry * wobble * np.sin(turn)], 1), rgb)
    canvas.glow(x0, 0.42, 0.2, blend((0.8, 0.92, 1.0), canvas.light.sky[1], 0.5), 0.9)
    for x in np.linspace(0.02, 0.98, 13) + canvas.rng.uniform(-0.03, 0.03, 13):
        edge = 0.1 + 1.2 * abs(x - 0.5)
        tall, half = canvas.uniform(0.08, 0.17) * (0.7 + edge), canvas.uniform(0.018, 0.034)
        canvas.poly([(x - half, -0.01), (x + half, -0.01), (x, tall)], (0.22, 0.17, 0.21))
        canvas.poly([(x - half, -0.01), (x - half * 0.2, -0.01), (x, tall)], (0.33, 0.26, 0.3))
    canvas.below(canvas.ridge(0.78, 0.05, 6), (0.42, 0.33, 0.33), (0.18, 0.14, 0.17), 8)
    hue = float(canvas.rng.choice([185, 280, 310, 150]))
    for x, base in ((0.08, 0.86), (0.16, 0.9), (0.9, 0.86), (0.83, 0.92), (0.02, 0.95)):
        canvas.glow(x, base - 0.06, 0.08, colour(hue, 0.6, 1), 0.35)
        for lean, tall in ((-0.05, 0.09), (0.0, 0.14), (0.05, 0.08)):
            tip, half = (x + lean, base - tall), 0.018
            canvas.poly(
                [
                    (x + lean * 0.4 - half, base),
                    (x + lean - half * 0.6, base - tall * 0.75),
                    tip,
                    (x + lean * 0.4, base),
                ],
                colour(hue, 0.35, 1),
            )
            canvas.poly(
                [
                    (x + lean * 0.4, base),
                    tip,
                    (x + lean + half * 0.6, base - tall * 0.75),
                    (x + lean * 0.4 + half, base),
                ],
                colour(hue, 0.6, 0.8),
            )


def room(canvas: Canvas) -> None:
    hue = float(canvas.rng.choice([35, 45, 150, 200, 20, 340]))
    glow = 0.7 if canvas.light.dark else 1.0
    wall = colour(hue, canvas.uniform(0.16, 0.26), 0.92 * glow)
    canvas.gradient([wall, wall * 0.95], 0, 0.7)
    for x in np.arange(0.0, 1.0, 0.08):
        canvas.rect(x, 0, x + 0.035, 0.68, wall * 0.97)
    x0, x1, y0, y1 = 0.1, 0.4, 0.1, 0.46
    if canvas.rng.random() < 0.5:
        x0, x1 = 0.6, 0.9
    _window(canvas, x0, y0, x1, y1, curtain=colour((hue + 160) % 360, 0.4, 0.8 * glow))
    other = 1 - (x0 + x1) / 2
    frame_rgb = np.float32((0.55, 0.38, 0.24)) * glow
    canvas.rect(other - 0.11, 0.15, other + 0.11, 0.34, frame_rgb)
    canvas.rect(other - 0.095, 0.165, other + 0.095, 0.325, np.float32((0.72, 0.86, 0.94)) * glow)
    canvas.poly(
        [(other - 0.095, 0.325), (other - 0.02, 0.22), (other + 0.095, 0.325)], np.float32((0.42, 0.62, 0.46)) * glow
    )
    canvas.circle(other + 0.05, 0.2, 0.018, np.float32((1.0, 0.85, 0.4)) * glow)
    canvas.rect(0, 0.66, 1, 0.7, np.float32((0.97, 0.96, 0.93)) * glow)
    canvas.gradient([np.float32((0.74, 0.54, 0.35)) * glow, np.float32((0.58, 0.4, 0.25)) * glow], 0.7, 1)
    for i in range(-8, 9):
        canvas.line([(0.5 + i * 0.085, 0.7), (0.5 + i * 0.2, 1.0)], 0.004, np.float32((0.46, 0.31, 0.2)) * glow)
    rug = colour((hue + 160) % 360, 0.5, 0.72 * glow)
    canvas.ellipse(0.5, 0.88, 0.42, 0.095, blend(rug, (1, 1, 1), 0.35))
    canvas.ellipse(0.5, 0.88, 0.38, 0.08, rug)
    canvas.ellipse(0.5, 0.88, 0.28, 0.055, blend(rug, (1, 1, 1), 0.2))
    x = 0.93 if x0 < 0.5 else 0.07
    canvas.rect(x - 0.05, 0.7, x + 0.05, 0.8, np.float32((0.8, 0.45, 0.32)) * glow)
    for turn in np.linspace(-2.6, -0.5, 7):
        tip = x + 0.13 * np.cos(turn), 0.7 + 0.24 * np.sin(turn)
        side = np.float32([-np.sin(turn), np.cos(turn)]) * 0.022
        middle = np.float32([(x + tip[0]) / 2, (0.7 + tip[1]) / 2])
        canvas.poly([(x, 0.71), middle - side, tip, middle + side], np.float32((0.28, 0.55, 0.32)) * glow)
    if canvas.light.dark:
        canvas.glow(other, 0.4, 0.4, LAMP, 0.3)


def _window(canvas: Canvas, x0: float, y0: float, x1: float, y1: float, curtain=None) -> None:
    """Draw a window with the sky of the scene's light outside."""
    light, white = canvas.light, (0.97, 0.96, 0.94)
    canvas.rect(x0 - 0.015, y0 - 0.015, x1 + 0.015, y1 + 0.015, white)
    rows = np.linspace(y0, y1, 9)
    for i, (a, b) in enumerate(zip(rows, rows[1:])):
        canvas.rect(x0, a, x1, b + 0.004, blend(light.sky[0], light.sky[-1], i / 7))
    for _ in range(light.stars // 5):
        canvas.circle(canvas.uniform(x0, x1), canvas.uniform(y0, y1), 0.004, (1, 1, 0.9))
    if light.moon or light.sun:
        canvas.circle(
            x0 + 0.7 * (x1 - x0), y0 + 0.3 * (y1 - y0), 0.035, (0.98, 0.96, 0.84) if light.moon else light.sun
        )
    canvas.poly(
        [(x0, y1), (x0, y1 - 0.07), (x0 + 0.4 * (x1 - x0), y1 - 0.1), (x1, y1 - 0.05), (x1, y1)],
        canvas.land((0.5, 0.72, 0.42)),
    )
    canvas.rect((x0 + x1) / 2 - 0.007, y0, (x0 + x1) / 2 + 0.007, y1, white)
    canvas.rect(x0, (y0 + y1) / 2 - 0.007, x1, (y0 + y1) / 2 + 0.007, white)
    canvas.rect(x0 - 0.03, y1 + 0.01, x1 + 0.03, y1 + 0.035, (0.9, 0.88, 0.85))
    if curtain is not None:
        for edge, way in ((x0 - 0.05, 1), (x1 + 0.05, -1)):
            canvas.poly(
                [(edge, y0 - 0.04), (edge + way * 0.1, y0 - 0.04), (edge + way * 0.055, y1 + 0.05), (edge, y1 + 0.05)],
                curtain,
            )
            canvas.poly(
                [(edge + way * 0.035, y0 - 0.04), (edge + way * 0.06, y0 - 0.04), (edge + way * 0.035, y1 + 0.05)],
                curtain * 0.88,
            )
        canvas.rect(x0 - 0.07, y0 - 0.06, x1 + 0.07, y0 - 0.042, (0.5, 0.36, 0.25))


def kitchen(canvas: Canvas) -> None:
    """A kitchen table before a tiled wall with a window and a shelf."""
    glow = 0.7 if canvas.light.dark else 1.0
    hue = float(canvas.rng.choice([190, 45, 150, 210]))
    wall = colour(hue, canvas.uniform(0.1, 0.2), 0.94 * glow)
    canvas.gradient([wall, wall], 0, 0.72)
    for x in np.arange(0, 1.01, 0.083):
        canvas.rect(x, 0.4, x + 0.005, 0.72, wall * 0.9)
    for y in np.arange(0.4, 0.72, 0.083):
        canvas.rect(0, y, 1, y + 0.005, wall * 0.9)
    left = canvas.rng.random() < 0.5
    x0 = 0.08 if left else 0.62
    _window(canvas, x0, 0.07, x0 + 0.3, 0.36)
    s0 = 0.5 if left else 0.06
    canvas.rect(s0, 0.3, s0 + 0.44, 0.325, np.float32((0.62, 0.43, 0.28)) * glow)
    for i in range(4):
        x, tall = s0 + 0.06 + 0.105 * i, canvas.uniform(0.07, 0.11)
        jar = colour(float(canvas.rng.choice([10, 45, 130, 210, 30])), 0.55, 0.85 * glow)
        canvas.rect(x - 0.032, 0.3 - tall, x + 0.032, 0.3, jar)
        canvas.rect(x - 0.026, 0.3 - tall - 0.018, x + 0.026, 0.3 - tall, np.float32((0.93, 0.9, 0.85)) * glow)
        canvas.rect(x - 0.024, 0.3 - tall * 0.85, x - 0.012, 0.3 - 0.012, blend(jar, (1, 1, 1), 0.45))
    wood, deep = np.float32((0.82, 0.61, 0.4)) * glow, np.float32((0.66, 0.46, 0.28)) * glow
    canvas.gradient([wood, deep], 0.7, 1)
    canvas.rect(0, 0.695, 1, 0.712, blend(wood, (1, 1, 1), 0.35))
    for y in (0.77, 0.85, 0.945):
        canvas.rect(0, y, 1, y + 0.004, deep * 0.88)
    cloth = colour(float(canvas.rng.choice([0, 210, 45, 140])), 0.5, 0.9 * glow)
    canvas.poly([(0.2, 0.74), (0.8, 0.74), (0.93, 0.97), (0.07, 0.97)], blend(cloth, (1, 1, 1), 0.55))
    for i in range(6):
        a, b = 0.2 + 0.1 * i, 0.07 + 0.1433 * i
        canvas.poly([(a, 0.74), (a + 0.05, 0.74), (b + 0.072, 0.97), (b, 0.97)], blend(cloth, (1, 1, 1), 0.25))


def space(canvas: Canvas) -> None:
    frame = canvas.frame
    canvas.gradient([(0.02, 0.02, 0.09), (0.07, 0.05, 0.2), (0.14, 0.08, 0.28)])
    hue = canvas.uniform(200, 330)
    cloud = np.clip(frame.noise(3) * 1.5 - 0.6, 0, 1) * 0.5
    canvas.tint(cloud, colour(hue, 0.6, 0.7))
    for _ in range(90):
        canvas.circle(canvas.uniform(0, 1), canvas.uniform(0, 0.85), canvas.uniform(0.002, 0.0065), (1.0, 0.98, 0.92))
    x, y, radius = float(canvas.rng.choice([0.14, 0.86])), canvas.uniform(0.16, 0.26), canvas.uniform(0.09, 0.12)
    tone = colour(canvas.uniform(0, 360), 0.55, 0.9)
    canvas.glow(x, y, radius * 1.3, tone, 0.3)
    canvas.circle(x, y, radius, tone * 0.62)
    canvas.circle(x - radius * 0.1, y - radius * 0.08, radius * 0.9, tone * 0.82)
    canvas.circle(x - radius * 0.2, y - radius * 0.16, radius * 0.74, tone)
    canvas.circle(1 - x + 0.04, canvas.uniform(0.3, 0.4), 0.03, colour(canvas.uniform(0, 360), 0.4, 0.85))
    ground = 0.76 + 0.09 * (np.linspace(-1, 1, 33) ** 2)
    canvas.below(ground.astype(np.float32), (0.68, 0.67, 0.74), (0.36, 0.35, 0.44), 10)
    for _ in range(8):
        cx, depth = canvas.uniform(0, 1), canvas.uniform(0.05, 1)
        cy, size = 0.84 + depth * 0.14, 0.02 + 0.035 * depth
        canvas.ellipse(cx, cy, size, size * 0.36, (0.4, 0.39, 0.48))
        canvas.ellipse(cx, cy + size * 0.08, size * 0.86, size * 0.26, (0.54, 0.53, 0.61))


def underwater(canvas: Canvas) -> None:
    canvas.gradient([canvas.lit(c) for c in ((0.5, 0.88, 0.95), (0.16, 0.62, 0.84), (0.05, 0.36, 0.64))], 0, 0.85)
    frame, start = canvas.frame, canvas.uniform(0.2, 0.8)
    fan = (frame.x - start) / (frame.y + 0.35)
    rays = np.clip(np.sin(fan * 22 + canvas.uniform(0, 6)) * 0.7 + np.sin(fan * 9.0) * 0.5, 0, 1) * np.clip(
        0.75 - frame.y, 0, 1
    )
    canvas.tint(rays * 0.5, canvas.lit((0.9, 1.0, 1.0)))
    canvas.below(canvas.ridge(0.74, 0.12, 3), canvas.lit((0.14, 0.48, 0.68)), canvas.lit((0.1, 0.4, 0.6)), 3)
    canvas.below(canvas.hills(0.79, 0.02, 1.0), canvas.lit((0.86, 0.82, 0.62)), canvas.lit((0.56, 0.6, 0.56)), 8)
    for x in (*canvas.rng.uniform(0.0, 0.2, 4), *canvas.rng.uniform(0.8, 1.0, 4)):
        tall, base, t = canvas.uniform(0.16, 0.36), canvas.uniform(0.84, 0.95), np.linspace(0, 1, 9)
        wave = x + 0.018 * np.sin(t * 9 + x * 40) * t
        half = 0.013 * (1 - t * 0.7)
        rgb = canvas.lit(canvas.vary((0.16, 0.56, 0.34), 0.04))
        canvas.poly([*zip(wave - half, base - tall * t), *zip((wave + half)[::-1], (base - tall * t)[::-1])], rgb)
    for x in (canvas.uniform(0.03, 0.16), canvas.uniform(0.84, 0.97), canvas.uniform(0.2, 0.3)):
        rgb, base = (
            canvas.lit(colour(float(canvas.rng.choice([350, 15, 300, 40])), 0.65, 0.95)),
            canvas.uniform(0.86, 0.96),
        )
        for turn in (-2.3, -1.9, -1.57, -1.2, -0.8):
            reach = canvas.uniform(0.07, 0.11)
            tip = x + np.cos(turn) * reach, base + np.sin(turn) * reach
            canvas.line([(x, base), tip], 0.018, rgb)
            canvas.circle(*tip, 0.012, rgb)
    for _ in range(14):
        x, y, radius = canvas.uniform(0, 1), canvas.uniform(0.05, 0.75), canvas.uniform(0.006, 0.016)
        canvas.circle(x, y, radius, canvas.lit((0.72, 0.92, 0.98)))
        canvas.circle(x, y, radius * 0.75, canvas.lit((0.4, 0.76, 0.9)))
        canvas.circle(x - radius * 0.3, y - radius * 0.3, radius * 0.25, (1, 1, 1))
