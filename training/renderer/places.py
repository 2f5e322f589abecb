"""Backdrops of places that people built, under the open sky."""

import numpy as np

from .canvas import Canvas, blend, cottage, oak, sky
from .frame import colour
from .nature import sparkle, sun_path, tufts

LAMP = (1.0, 0.86, 0.5)


def _lamps(canvas: Canvas) -> bool:
    return canvas.light.dark


def _windows(canvas: Canvas, x0: float, x1: float, top: float, bottom: float, wall, columns: int) -> None:
    """Put rows of windows on a wall, lit at random when it is dark outside."""
    step = (x1 - x0) / columns
    rows = max(1, int((bottom - top) / (step * 1.35 * canvas.width / canvas.height)))
    for row in range(rows):
        y = top + (row + 0.25) * (bottom - top) / rows
        for column in range(columns):
            x = x0 + (column + 0.22) * step
            lamp = canvas.rng.random() < (0.55 if _lamps(canvas) else 0.12)
            pane = LAMP if lamp and _lamps(canvas) else blend(wall, canvas.lit((0.75, 0.9, 1.0)), 0.6 if lamp else 0.3)
            canvas.rect(x, y, x + step * 0.56, y + (bottom - top) / rows * 0.55, pane)


def city(canvas: Canvas) -> None:
    sky(canvas, 0.66)
    for tone, base, count, columns in (((0.66, 0.72, 0.86), 0.36, 8, 3), ((0.42, 0.47, 0.64), 0.47, 6, 4)):
        edges = np.linspace(-0.02, 1.02, count + 1) + np.append(
            np.append(0, canvas.rng.uniform(-0.02, 0.02, count - 1)), 0
        )
        for left, right in zip(edges, edges[1:]):
            top, wall = base + canvas.uniform(-0.13, 0.1), canvas.lit(canvas.vary(tone, 0.025))
            canvas.rect(left, top, right, 0.8, wall)
            canvas.rect(left + 0.7 * (right - left), top, right, 0.8, blend(wall, (0, 0, 0.1), 0.12))
            canvas.rect(left + 0.2 * (right - left), top - 0.015, left + 0.6 * (right - left), top, wall)
            _windows(canvas, left, right, top + 0.02, 0.74, wall, columns)
    canvas.below(np.full(5, 0.74, np.float32), canvas.land((0.72, 0.72, 0.74)))
    canvas.below(np.full(5, 0.765, np.float32), canvas.land((0.46, 0.47, 0.52)), canvas.land((0.34, 0.35, 0.4)), 6)
    for x in np.arange(-0.05, 1.05, 0.22) + canvas.uniform(0, 0.1):
        canvas.poly(
            [(x, 0.965), (x + 0.12, 0.965), (x + 0.115, 0.98), (x - 0.005, 0.98)], canvas.land((0.93, 0.92, 0.86))
        )


def street(canvas: Canvas) -> None:
    """A city street at eye level, houses on both sides running to a vanishing point."""
    vanish = 0.5, 0.52
    sky(canvas, 0.56, clouds=True, sun=canvas.light.moon)
    canvas.rect(0.36, 0.4, 0.64, 0.6, canvas.lit((0.72, 0.76, 0.84)))
    canvas.below(np.full(5, 0.56, np.float32), canvas.land((0.68, 0.66, 0.66)), canvas.land((0.56, 0.54, 0.55)), 4)
    walls = [
        (0.86, 0.5, 0.4),
        (0.92, 0.76, 0.5),
        (0.6, 0.7, 0.8),
        (0.85, 0.82, 0.76),
        (0.66, 0.5, 0.5),
        (0.6, 0.74, 0.62),
    ]
    for side in (-1, 1):

        def edge(depth, side=side):
            return vanish[0] + side * 0.46 * depth

        tones = canvas.rng.permutation(len(walls))[:4]
        depths = [0.12, 0.24, 0.45, 0.8, 1.35]
        for (near, far), tone in zip(zip(depths[1:], depths), tones):
            top = canvas.uniform(0.42, 0.62)
            wall = canvas.lit(blend(walls[tone], (0.8, 0.84, 0.9), 0.4 * (1 - min(1, near))))
            corners = [
                (edge(near), vanish[1] - top * near),
                (edge(far), vanish[1] - top * far),
                (edge(far), vanish[1] + 0.14 * far),
                (edge(near), vanish[1] + 0.24 * near),
            ]
            canvas.poly(corners, wall)
            for row in range(3):
                for column in range(3):
                    a, b = far + (near - far) * (column + 0.2) / 3, far + (near - far) * (column + 0.75) / 3
                    hi, lo = top * (0.88 - 0.31 * row), top * (0.7 - 0.31 * row)
                    pane = (
                        LAMP
                        if _lamps(canvas) and canvas.rng.random() < 0.6
                        else blend(wall, canvas.lit((0.35, 0.45, 0.6)), 0.55)
                    )
                    canvas.poly(
                        [
                            (edge(a), vanish[1] - hi * a),
                            (edge(b), vanish[1] - hi * b),
                            (edge(b), vanish[1] - lo * b),
                            (edge(a), vanish[1] - lo * a),
                        ],
                        pane,
                    )
    road = [(0.47, 0.57), (0.53, 0.57), (1.02, 1.02), (-0.02, 1.02)]
    canvas.poly([(0.455, 0.57), (0.545, 0.57), (1.2, 1.02), (-0.2, 1.02)], canvas.land((0.78, 0.76, 0.72)))
    canvas.poly(road, canvas.land((0.43, 0.44, 0.49)))
    for low, high in ((0.6, 0.63), (0.68, 0.73), (0.8, 0.87), (0.94, 1.02)):
        a, b = (low - 0.56) * 0.03, (high - 0.56) * 0.03
        canvas.poly([(0.5 - a, low), (0.5 + a, low), (0.5 + b, high), (0.5 - b, high)], canvas.land((0.95, 0.93, 0.84)))
    for x, base, tall in ((0.24, 0.78, 0.4), (0.76, 0.78, 0.4), (0.36, 0.67, 0.22), (0.64, 0.67, 0.22)):
        canvas.line([(x, base), (x, base - tall)], tall * 0.028, canvas.lit((0.2, 0.22, 0.28)))
        canvas.circle(x, base - tall, tall * 0.06, LAMP if _lamps(canvas) else canvas.lit((0.97, 0.95, 0.86)))
        if _lamps(canvas):
            canvas.glow(x, base - tall, tall * 0.22, LAMP, 0.6)


def village(canvas: Canvas) -> None:
    sky(canvas, 0.56)
    canvas.below(
        canvas.hills(0.52, 0.05, 0.8), canvas.land((0.56, 0.76, 0.56)), canvas.land((0.48, 0.7, 0.42)), 5, 0.15
    )
    canvas.below(canvas.hills(0.62, 0.015, 0.8), canvas.land((0.56, 0.78, 0.4)), canvas.land((0.34, 0.6, 0.28)), 8)
    roofs = [(0.8, 0.36, 0.26), (0.62, 0.3, 0.26), (0.42, 0.44, 0.56), (0.72, 0.46, 0.28)]
    walls = [(0.98, 0.94, 0.84), (0.96, 0.86, 0.66), (0.9, 0.78, 0.74), (0.82, 0.88, 0.9)]
    for base, wide, places in ((0.645, 0.15, 5), (0.715, 0.23, 4)):
        for i in range(places):
            x = (i + canvas.uniform(0.3, 0.7)) / places
            if canvas.rng.random() < 0.35:
                oak(canvas, x + 0.5 / places, base + 0.01, wide * 1.1, canvas.land((0.34, 0.58, 0.32), 0.6))
            wall, roof = walls[int(canvas.rng.integers(4))], roofs[int(canvas.rng.integers(4))]
            cottage(
                canvas,
                x,
                base + canvas.uniform(-0.01, 0.01),
                wide * canvas.uniform(0.85, 1.1),
                canvas.lit(wall),
                canvas.land(roof, 0.9),
                _lamps(canvas),
            )
    canvas.below(canvas.hills(0.735, 0.008, 0.8), canvas.land((0.5, 0.74, 0.38)), canvas.land((0.28, 0.54, 0.26)), 8)
    y = np.linspace(0.735, 1.02, 12)
    path, half = 0.5 + 0.06 * np.sin((y - 0.735) * 14), 0.03 + (y - 0.735) * 0.75
    canvas.poly([*zip(path - half, y), *zip((path + half)[::-1], y[::-1])], canvas.land((0.88, 0.78, 0.58)))
    tufts(canvas, 0.76, 14, canvas.land((0.3, 0.58, 0.26), 0.7))


def farm(canvas: Canvas) -> None:
    sky(canvas, 0.57)
    canvas.below(canvas.hills(0.54, 0.03, 0.8), canvas.land((0.56, 0.76, 0.52)), canvas.land((0.5, 0.72, 0.4)), 4, 0.12)
    ground = np.full(5, 0.61, np.float32)
    canvas.below(ground, canvas.land((0.9, 0.8, 0.42)), canvas.land((0.76, 0.6, 0.26)), 8)
    for i in range(-9, 10):
        low, wide = 0.5 + i * 0.18, 0.035
        canvas.poly(
            [(0.5 + i * 0.022, 0.61), (0.5 + (i + 0.4) * 0.022, 0.61), (low + wide * 1.6, 1.02), (low - wide, 1.02)],
            canvas.land((0.7, 0.52, 0.24), 0.8),
        )
    left = canvas.rng.random() < 0.5
    x = 0.2 if left else 0.8
    red, roof = canvas.lit((0.74, 0.2, 0.17)), canvas.land((0.45, 0.3, 0.28), 0.9)
    canvas.rect(x - 0.15, 0.45, x - 0.085, 0.64, canvas.lit((0.72, 0.74, 0.78)))
    canvas.ellipse(x - 0.1175, 0.45, 0.033, 0.035, canvas.lit((0.6, 0.62, 0.68)), 0, 180, 360)
    canvas.rect(x - 0.09, 0.49, x + 0.13, 0.64, red)
    canvas.poly([(x - 0.105, 0.5), (x - 0.06, 0.4), (x + 0.02, 0.36), (x + 0.1, 0.4), (x + 0.145, 0.5)], roof)
    canvas.poly([(x - 0.075, 0.5), (x - 0.045, 0.42), (x + 0.02, 0.385), (x + 0.085, 0.42), (x + 0.115, 0.5)], red)
    white = canvas.lit((0.97, 0.95, 0.9))
    canvas.rect(x - 0.02, 0.55, x + 0.06, 0.64, white)
    canvas.rect(x - 0.014, 0.556, x + 0.054, 0.64, red)
    canvas.line([(x - 0.014, 0.556), (x + 0.054, 0.64)], 0.006, white)
    canvas.line([(x + 0.054, 0.556), (x - 0.014, 0.64)], 0.006, white)
    oak(canvas, 1 - x, 0.63, 0.2, canvas.land((0.34, 0.6, 0.3), 0.6))
    for x in np.arange(0.02, 1.0, 0.107):
        canvas.rect(x - 0.009, 0.63, x + 0.009, 0.71, canvas.land((0.93, 0.9, 0.82), 0.3))
    for y in (0.645, 0.675):
        canvas.rect(0, y, 1, y + 0.013, canvas.land((0.93, 0.9, 0.82), 0.3))


def garden(canvas: Canvas) -> None:
    sky(canvas, 0.5)
    for i in range(9):
        rgb = canvas.land(canvas.vary((0.34, 0.6, 0.34), 0.03), 0.6)
        oak(canvas, (i + canvas.uniform(0.2, 0.8)) / 9, 0.58, canvas.uniform(0.2, 0.32), rgb)
    canvas.below(
        canvas.hills(0.545, 0.008, 4), canvas.land((0.28, 0.52, 0.28), 0.6), canvas.land((0.2, 0.42, 0.22), 0.6), 4, 0.1
    )
    for x in np.arange(-0.02, 1.04, 0.06):
        white = canvas.lit((0.97, 0.97, 0.95))
        canvas.poly([(x, 0.67), (x, 0.57), (x + 0.018, 0.55), (x + 0.036, 0.57), (x + 0.036, 0.67)], white)
    canvas.rect(0, 0.6, 1, 0.612, canvas.lit((0.9, 0.9, 0.88)))
    canvas.rect(0, 0.64, 1, 0.652, canvas.lit((0.9, 0.9, 0.88)))
    canvas.below(np.full(5, 0.665, np.float32), canvas.land((0.56, 0.8, 0.4)), canvas.land((0.34, 0.62, 0.28)), 8)
    ax, ay = canvas.short / canvas.width, canvas.short / canvas.height
    for x in np.linspace(0.0, 1.0, 15):
        leaf = canvas.land(canvas.vary((0.24, 0.5, 0.24), 0.03), 0.5)
        canvas.circle(x, 0.7, 0.042, leaf)
        for _ in range(5):
            bloom = canvas.lit(colour(float(canvas.rng.choice([345, 330, 45, 275, 10])), canvas.uniform(0.4, 0.75), 1))
            fx, fy = x + canvas.uniform(-0.034, 0.034) * ax, 0.69 + canvas.uniform(-0.034, 0.02) * ay
            canvas.circle(fx, fy, 0.0115, bloom)
            canvas.circle(fx, fy, 0.0045, canvas.lit((1, 0.93, 0.6)))
    y = np.linspace(0.735, 1.02, 9)
    half = 0.1 + (y - 0.735) * 0.9
    canvas.poly([*zip(0.5 - half, y), *zip((0.5 + half)[::-1], y[::-1])], canvas.land((0.86, 0.8, 0.68)))
    for y in (0.755, 0.8, 0.86, 0.935):
        reach = 0.1 + (y - 0.735) * 0.9
        canvas.line([(0.5 - reach, y), (0.5 + reach, y)], 0.004, canvas.land((0.72, 0.65, 0.54)))


def harbour(canvas: Canvas) -> None:
    sky(canvas, 0.56)
    canvas.below(canvas.hills(0.5, 0.03, 0.8), canvas.land((0.55, 0.68, 0.66)), canvas.land((0.5, 0.66, 0.56)), 3, 0.1)
    edges = np.linspace(0, 1, 10)
    hues = canvas.rng.permutation([8, 28, 45, 200, 150, 350, 20, 215, 90])
    for left, right, hue in zip(edges, edges[1:], hues):
        wall, top = canvas.lit(colour(float(hue), 0.45, 0.92)), canvas.uniform(0.42, 0.47)
        canvas.rect(left, top, right, 0.6, wall)
        canvas.poly(
            [(left - 0.004, top), ((left + right) / 2, top - 0.05), (right + 0.004, top)],
            canvas.land((0.7, 0.36, 0.28), 0.9),
        )
        _windows(canvas, left, right, top + 0.015, 0.56, wall, 2)
    canvas.rect(0, 0.575, 1, 0.605, canvas.land((0.6, 0.57, 0.54)))
    canvas.gradient([canvas.lit((0.3, 0.6, 0.74)), canvas.lit((0.1, 0.38, 0.56))], 0.605, 0.82)
    sun_path(canvas, 0.61)
    sparkle(canvas, 0.62, 0.78, canvas.lit((0.8, 0.93, 0.97)), 10)
    for x in (canvas.uniform(0.06, 0.16), canvas.uniform(0.84, 0.94), canvas.uniform(0.3, 0.7)):
        _boat(canvas, x, canvas.uniform(0.66, 0.7), canvas.uniform(0.16, 0.22))
    for row, y in enumerate(np.linspace(0.8, 1.0, 5)):
        tone = canvas.land(canvas.vary(blend((0.72, 0.54, 0.36), (0.6, 0.42, 0.27), row / 4), 0.02), 0.8)
        canvas.rect(0, y, 1, y + 0.06, tone)
        canvas.rect(0, y, 1, y + 0.006, canvas.land((0.42, 0.29, 0.2), 0.3))
    for x in (0.06, 0.94):
        canvas.rect(x - 0.03, 0.69, x + 0.03, 0.86, canvas.land((0.46, 0.33, 0.22), 0.2))
        canvas.ellipse(x, 0.69, 0.03, 0.012, canvas.land((0.66, 0.5, 0.34)))
        canvas.rect(x - 0.032, 0.74, x + 0.032, 0.765, canvas.lit((0.93, 0.88, 0.76)))


def _boat(canvas: Canvas, x: float, y: float, wide: float) -> None:
    ax = canvas.short / canvas.width
    hull = canvas.lit(colour(float(canvas.rng.choice([5, 210, 40, 160])), 0.7, 0.8))
    half = wide / 2 * ax
    canvas.line([(x, y), (x, y - wide)], 0.008, canvas.lit((0.4, 0.3, 0.24)))
    canvas.poly(
        [(x + 0.01 * ax, y - wide * 0.95), (x + half * 0.8, y - 0.06), (x + 0.01 * ax, y - 0.06)],
        canvas.lit((0.98, 0.97, 0.93)),
    )
    canvas.poly(
        [(x - half, y - 0.035), (x + half, y - 0.035), (x + half * 0.7, y + 0.015), (x - half * 0.7, y + 0.015)], hull
    )
    canvas.rect(x - half, y - 0.04, x + half, y - 0.03, canvas.lit((0.98, 0.97, 0.93)))
