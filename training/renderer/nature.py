"""Backdrops of open country: each paints a canvas from the sky down to the ground on which the subject stands."""

import numpy as np

from .canvas import Canvas, blend, cloud, fir, moon, oak, palm, sky
from .frame import colour

GRASS, DEEP_GRASS = (0.48, 0.78, 0.36), (0.24, 0.54, 0.22)


def plain(canvas: Canvas) -> None:
    """A clean pale studio; with a time of day or weather, its sky over a bare floor."""
    if canvas.bare:
        tint = colour(canvas.uniform(0, 360), canvas.uniform(0.03, 0.12), canvas.uniform(0.93, 0.98))
        canvas.gradient([tint, tint * 0.94])
        return
    sky(canvas, 0.7)
    canvas.below(np.full(9, 0.72, np.float32), canvas.land((0.66, 0.68, 0.66)), canvas.land((0.5, 0.52, 0.52), 0.8))


def sparkle(canvas: Canvas, top: float, bottom: float, rgb, count: int = 14) -> None:
    """Draw highlights on water, longer and thicker the nearer they are."""
    for _ in range(count):
        depth = canvas.uniform(0.04, 1) ** 1.3
        x, y = canvas.uniform(0, 1), top + depth * (bottom - top)
        reach = 0.02 + depth * canvas.uniform(0.04, 0.1)
        canvas.ellipse(x, y, reach, 0.0022 + 0.004 * depth, rgb)


def sun_path(canvas: Canvas, top: float) -> None:
    """Let a low sun or the moon shine on the water."""
    light = canvas.light
    if light.moon or (light.sun and light.sun_height > 0.3):
        tone = (0.8, 0.86, 1.0) if light.moon else light.sun
        canvas.glow(0.5, top + 0.1, 0.22, tone, 0.35)


def sea(canvas: Canvas) -> None:
    horizon = canvas.uniform(0.53, 0.58)
    sky(canvas, horizon)
    canvas.gradient([canvas.lit(c) for c in ((0.36, 0.68, 0.88), (0.12, 0.44, 0.74), (0.05, 0.28, 0.56))], horizon, 1)
    sun_path(canvas, horizon)
    for row in range(5):
        depth = ((row + 1) / 5) ** 1.4
        y = horizon + depth * (1.0 - horizon) * 0.92
        crest = canvas.hills(y, 0.006 + 0.012 * depth, 4.5 - 2.2 * depth)
        tone = blend((0.2, 0.54, 0.8), (0.06, 0.32, 0.62), depth)
        canvas.below(crest, canvas.lit(blend(tone, (0.55, 0.82, 0.95), 0.3)), canvas.lit(tone), 4, 0.05 + 0.1 * depth)
    sparkle(canvas, horizon, 0.97, canvas.lit((0.8, 0.93, 1.0)))


def tufts(canvas: Canvas, top: float, count: int, rgb) -> None:
    """Strew tufts of grass over the ground, larger the nearer they are."""
    ax = canvas.short / canvas.width
    for _ in range(count):
        x, depth = canvas.uniform(0, 1), canvas.uniform(0, 1)
        y, tall = top + depth * (1.0 - top), 0.014 + 0.022 * depth
        for lean in (-0.6, 0.0, 0.6):
            canvas.poly([(x - 0.2 * tall * ax, y), (x + lean * tall * ax, y - tall), (x + 0.2 * tall * ax, y)], rgb)


def flowers(canvas: Canvas, top: float, count: int, hues=(350, 45, 280, 20, 0)) -> None:
    """Strew flowers over the ground, larger the nearer they are; four petals round a yellow heart."""
    ax, ay = canvas.short / canvas.width, canvas.short / canvas.height
    for depth in np.sort(canvas.rng.random(count)):
        x, y, size = canvas.uniform(0, 1), top + depth * (0.99 - top), 0.006 + 0.009 * depth
        petal = canvas.lit(colour(float(canvas.rng.choice(hues)), canvas.uniform(0.35, 0.7), 1))
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            canvas.circle(x + dx * size * ax, y + dy * size * ay, size, petal)
        canvas.circle(x, y, size * 0.7, canvas.lit((1.0, 0.86, 0.3)))


def meadow(canvas: Canvas) -> None:
    sky(canvas, 0.6)
    canvas.below(canvas.hills(0.55, 0.035, 0.8), canvas.land((0.6, 0.8, 0.62)), canvas.land((0.5, 0.74, 0.48)), 5, 0.12)
    canvas.below(
        canvas.hills(0.62, 0.04, 1.0), canvas.land((0.6, 0.84, 0.44)), canvas.land((0.44, 0.72, 0.34)), 6, 0.15
    )
    for _ in range(3):
        oak(canvas, canvas.uniform(0.02, 0.98), 0.645, canvas.uniform(0.08, 0.13), canvas.land((0.34, 0.6, 0.32), 0.6))
    canvas.below(canvas.hills(0.7, 0.025, 0.9), canvas.land(canvas.vary(GRASS)), canvas.land(DEEP_GRASS), 10)
    tufts(canvas, 0.74, 26, canvas.land((0.3, 0.62, 0.25), 0.7))
    if canvas.light.snow < 0.5:
        flowers(canvas, 0.74, 26)


def mountains(canvas: Canvas) -> None:
    sky(canvas, 0.55)
    far = canvas.ridge(0.6, 0.42, 2)
    _range(canvas, far, (0.6, 0.67, 0.82), 0.13)
    _range(canvas, canvas.ridge(0.66, 0.27, 3), (0.42, 0.5, 0.66), 0.06)
    ground = canvas.hills(0.7, 0.03, 0.8)
    for x in np.linspace(0.0, 1.0, 15) + canvas.rng.uniform(-0.03, 0.03, 15):
        fir(canvas, x, 0.715, canvas.uniform(0.07, 0.12), canvas.land((0.2, 0.4, 0.34), 0.3))
    canvas.below(ground, canvas.land((0.46, 0.68, 0.38)), canvas.land((0.26, 0.48, 0.26)), 8)
    tufts(canvas, 0.76, 18, canvas.land((0.32, 0.56, 0.28), 0.7))


def _range(canvas: Canvas, line: np.ndarray, rgb, cap: float) -> None:
    """Paint a mountain range: a lit and a shaded side to every slope, and snow on what is high."""
    x = np.linspace(0, 1, len(line))
    canvas.below(line, canvas.land(rgb, 0.4), canvas.land(blend(rgb, canvas.light.sky[-1], 0.35), 0.4), 6)
    shade = canvas.land(blend(rgb, (0.2, 0.24, 0.42), 0.35), 0.3)
    limit = float(line.min()) + cap
    snow = canvas.lit((0.97, 0.98, 1.0))
    tips = [i for i in range(2, len(line) - 2) if line[i] == line[max(0, i - 6) : i + 7].min()]
    for i in tips:
        right = min(len(line) - 1, i + int(canvas.rng.integers(9, 13)))
        fall = [(x[j], line[j]) for j in range(i, right + 1)]
        canvas.poly([*fall, (x[i] + 0.2 * (x[right] - x[i]), line[right] + 0.04), (x[i] - 0.012, line[i] + 0.1)], shade)
        if line[i] < limit:
            left, end = i, i
            while left > 0 and line[left - 1] < limit and line[left - 1] >= line[left] - 0.01:
                left -= 1
            while end < len(line) - 1 and line[end + 1] < limit and line[end + 1] >= line[end] - 0.01:
                end += 1
            edge = [(x[j], line[j]) for j in range(left, end + 1)]
            foot = np.linspace(x[end], x[left], 7)[1:-1]
            depth = max(0.3 * cap, limit - line[i])
            zigzag = [(fx, line[i] + depth * (1.15 if k % 2 else 0.6)) for k, fx in enumerate(foot)]
            canvas.poly([*edge, *zigzag], snow)


def beach(canvas: Canvas) -> None:
    sky(canvas, 0.5)
    canvas.gradient([canvas.lit(c) for c in ((0.1, 0.5, 0.76), (0.2, 0.68, 0.84), (0.45, 0.86, 0.88))], 0.5, 0.72)
    sun_path(canvas, 0.5)
    sparkle(canvas, 0.51, 0.66, canvas.lit((0.85, 0.97, 1.0)), 8)
    shore = canvas.hills(0.685, 0.018, 0.9)
    canvas.below(shore - 0.03, canvas.lit((0.72, 0.93, 0.93)))
    canvas.below(shore - 0.014, canvas.lit((0.97, 0.99, 1.0)))
    canvas.below(shore, canvas.land((0.84, 0.74, 0.52)), canvas.land((0.98, 0.88, 0.66)), 4, 0.06)
    canvas.below(shore + 0.06, canvas.land((0.98, 0.89, 0.68)), canvas.land((0.93, 0.8, 0.55)), 6)
    left = canvas.rng.random() < 0.5
    palm(canvas, 0.05 if left else 0.95, 0.8, 0.56, canvas.land((0.2, 0.58, 0.3), 0.4), 0.22 if left else -0.22)
    for _ in range(9):
        x, y = canvas.uniform(0, 1), canvas.uniform(0.8, 0.98)
        canvas.ellipse(x, y, canvas.uniform(0.006, 0.012), 0.005, canvas.land(canvas.vary((0.99, 0.95, 0.88), 0.03)))


def forest(canvas: Canvas) -> None:
    light = canvas.light
    glade = canvas.lit((0.86, 0.95, 0.76))
    canvas.gradient([canvas.lit((0.55, 0.76, 0.6)), glade, canvas.lit((0.72, 0.86, 0.6))], 0, 0.75)
    if light.stars:
        canvas.glow(0.5, 0.2, 0.4, (0.4, 0.5, 0.75), 0.3)
    for haze, base, tall, count in ((0.6, 0.64, 0.5, 11), (0.32, 0.69, 0.62, 8)):
        for i in canvas.rng.permutation(count):
            x = (i + canvas.uniform(0.1, 0.9)) / count
            rgb = blend(canvas.vary((0.16, 0.42, 0.24), 0.03), (0.66, 0.84, 0.62), haze)
            draw = fir if canvas.rng.random() < 0.6 else oak
            draw(canvas, x, base, tall * canvas.uniform(0.75, 1), canvas.land(rgb, 0.5))
    canvas.glow(0.5, 0.42, 0.22, glade, 0.4)
    canvas.below(canvas.hills(0.71, 0.02, 0.8), canvas.land((0.4, 0.62, 0.3)), canvas.land((0.18, 0.4, 0.19)), 8)
    for x in (canvas.uniform(-0.02, 0.05), canvas.uniform(0.95, 1.02)):
        fir(canvas, x, 0.86, canvas.uniform(0.85, 0.95), canvas.land((0.1, 0.32, 0.2), 0.6))
    tufts(canvas, 0.76, 26, canvas.land((0.25, 0.5, 0.22), 0.6))
    for _ in range(4):
        x, y = canvas.uniform(0.02, 0.98), canvas.uniform(0.8, 0.97)
        canvas.rect(x - 0.005, y - 0.018, x + 0.005, y, canvas.lit((0.95, 0.9, 0.8)))
        canvas.ellipse(x, y - 0.018, 0.016, 0.014, canvas.lit((0.85, 0.25, 0.2)), 0, 180, 360)


def night(canvas: Canvas) -> None:
    frame = canvas.frame
    canvas.gradient([(0.03, 0.04, 0.17), (0.12, 0.12, 0.36), (0.28, 0.25, 0.52)], 0, 0.8)
    drift = np.clip(frame.noise(4) - 0.5, 0, 1) * (1 - frame.y) * 0.8
    canvas.tint(drift, (0.45, 0.3, 0.65))
    for _ in range(70):
        canvas.circle(canvas.uniform(0, 1), canvas.uniform(0, 0.72), canvas.uniform(0.0025, 0.008), (1.0, 1.0, 0.86))
    x, y = float(canvas.rng.choice([0.15, 0.85])), canvas.uniform(0.14, 0.2)
    moon(canvas, x, y)
    canvas.below(canvas.hills(0.7, 0.03, 0.7), (0.12, 0.15, 0.32))
    for x in np.linspace(0.0, 1.0, 9) + canvas.rng.uniform(-0.04, 0.04, 9):
        fir(canvas, x, 0.77, canvas.uniform(0.08, 0.16), (0.07, 0.11, 0.22))
    canvas.below(canvas.hills(0.76, 0.025, 0.8), (0.13, 0.19, 0.3), (0.05, 0.08, 0.16), 6)


def desert(canvas: Canvas) -> None:
    sky(canvas, 0.6, clouds=canvas.light.dark)
    for x in (canvas.uniform(0.05, 0.3), canvas.uniform(0.65, 0.95)):
        wide, top = canvas.uniform(0.08, 0.14), canvas.uniform(0.42, 0.5)
        shape = [(x - wide, 0.64), (x - wide * 0.72, top), (x + wide * 0.6, top), (x + wide, 0.64)]
        canvas.poly(shape, canvas.land((0.82, 0.5, 0.36)))
        canvas.poly([(x + wide * 0.1, 0.64), (x + wide * 0.2, top), shape[2], shape[3]], canvas.land((0.68, 0.38, 0.3)))
    tones = ((0.97, 0.8, 0.52), (0.9, 0.68, 0.4)), ((0.95, 0.74, 0.42), (0.82, 0.56, 0.3))
    for (bright, deep), base in zip(tones, (0.6, 0.69)):
        crest = canvas.hills(base, 0.035, 0.9)
        canvas.below(crest, canvas.land(bright), canvas.land(deep), 8)
        peak = int(crest[8:-8].argmin()) + 8
        x = np.linspace(0, 1, len(crest))
        end = min(len(crest) - 1, peak + 16)
        lee = [(x[i], crest[i]) for i in range(peak, end + 1)]
        foot = [(x[end] - 0.1, base + 0.12), (x[peak] - 0.03, base + 0.1)]
        canvas.poly([*lee, *foot], canvas.land(blend(deep, (0.5, 0.3, 0.2), 0.22)))
    for row in range(5):
        ripple = canvas.hills(0.8 + 0.045 * row, 0.006, 2)
        canvas.line(np.stack([np.linspace(0, 1, len(ripple)), ripple], 1), 0.004, canvas.land((0.78, 0.53, 0.28)))
    for x in (canvas.uniform(0.03, 0.12), canvas.uniform(0.88, 0.97)):
        _saguaro(canvas, x, canvas.uniform(0.72, 0.78), canvas.uniform(0.12, 0.2))


def _saguaro(canvas: Canvas, x: float, base: float, tall: float) -> None:
    ax, rgb = canvas.short / canvas.width, canvas.land((0.3, 0.55, 0.33), 0.4)
    thick = tall * 0.2
    canvas.line([(x, base), (x, base - tall)], thick, rgb)
    for side, low in ((-1, 0.35), (1, 0.5)):
        reach = x + side * 0.3 * tall * ax
        canvas.line(
            [(x, base - low * tall), (reach, base - low * tall), (reach, base - (low + 0.3) * tall)], thick * 0.7, rgb
        )


def snow(canvas: Canvas) -> None:
    sky(canvas, 0.6)
    canvas.below(canvas.hills(0.56, 0.035, 0.8), canvas.lit((0.84, 0.9, 0.97)), canvas.lit((0.76, 0.84, 0.94)), 5, 0.15)
    for x in np.linspace(0.02, 0.98, 11) + canvas.rng.uniform(-0.03, 0.03, 11):
        fir(canvas, x, 0.645, canvas.uniform(0.09, 0.15), canvas.lit((0.4, 0.58, 0.6)))
    canvas.below(canvas.hills(0.65, 0.025, 0.9), canvas.lit((0.93, 0.96, 1.0)), canvas.lit((0.83, 0.9, 0.98)), 6, 0.2)
    for x in (canvas.uniform(0.04, 0.14), canvas.uniform(0.86, 0.96)):
        fir(canvas, x, 0.76, canvas.uniform(0.4, 0.52), canvas.lit((0.16, 0.42, 0.36)))
    canvas.below(canvas.hills(0.745, 0.02, 0.9), canvas.lit((0.99, 1.0, 1.0)), canvas.lit((0.82, 0.89, 0.97)), 8)


def lake(canvas: Canvas) -> None:
    shore = 0.56
    sky(canvas, shore)
    line = canvas.ridge(0.575, 0.34, 2)
    _range(canvas, line, (0.52, 0.6, 0.74), 0.1)
    wood = canvas.land((0.2, 0.42, 0.34), 0.3)
    canvas.below(canvas.hills(0.55, 0.012, 1.4), wood, wood, 1, 0.05)
    for x in np.linspace(0.0, 1.0, 23) + canvas.rng.uniform(-0.02, 0.02, 23):
        fir(canvas, x, 0.575, canvas.uniform(0.05, 0.1), canvas.land(canvas.vary((0.2, 0.42, 0.34)), 0.3))
    top, rows = round(0.575 * canvas.height), round(0.3 * canvas.height)
    mirror = canvas.image[max(0, top - rows) : top][::-1].astype(np.float32)
    deep = np.float32(canvas.lit((0.16, 0.42, 0.6))) * 255
    fade = np.linspace(0.35, 0.75, len(mirror), dtype=np.float32)[:, None, None]
    canvas.gradient([canvas.lit((0.18, 0.46, 0.64)), canvas.lit((0.1, 0.32, 0.5))], 0.575, 1)
    canvas.image[top : top + len(mirror)] = mirror * (1 - fade) + deep * fade
    canvas.image[top + len(mirror) :] = (mirror[-1] * 0.25 + deep * 0.75).mean(0)
    sun_path(canvas, 0.58)
    sparkle(canvas, 0.59, 0.85, canvas.lit((0.8, 0.92, 0.98)), 10)
    bank = canvas.hills(0.84, 0.015, 0.8)
    canvas.below(bank - 0.012, canvas.land((0.72, 0.68, 0.5)))
    canvas.below(bank, canvas.land((0.46, 0.7, 0.36)), canvas.land((0.26, 0.5, 0.24)), 5)
    ax = canvas.short / canvas.width
    for x in [*canvas.rng.uniform(-0.01, 0.16, 9), *canvas.rng.uniform(0.84, 1.01, 9)]:
        tall, lean = canvas.uniform(0.12, 0.24), canvas.uniform(-0.03, 0.03) * ax
        canvas.line([(x, 0.93), (x + lean, 0.9 - tall)], 0.006, canvas.land((0.35, 0.55, 0.25), 0.3))
        canvas.ellipse(x + lean, 0.91 - tall, 0.009, 0.028, canvas.land((0.45, 0.3, 0.18), 0.3))


def river(canvas: Canvas) -> None:
    sky(canvas, 0.55)
    canvas.below(canvas.hills(0.53, 0.04, 0.8), canvas.land((0.56, 0.72, 0.66)), canvas.land((0.5, 0.7, 0.52)), 4, 0.1)
    canvas.below(canvas.hills(0.585, 0.012, 0.9), canvas.land((0.58, 0.8, 0.42)), canvas.land((0.3, 0.58, 0.26)), 10)
    t = np.linspace(0, 1, 25)
    y = 0.59 + 0.43 * t**1.5
    middle = 0.5 + canvas.rng.choice([-1, 1]) * 0.17 * np.sin(t * 5.2 + 0.4) * (0.25 + t)
    half = 0.012 + 0.26 * t**1.6
    bank = [*zip(middle - half - 0.012 - 0.015 * t, y), *zip((middle + half + 0.012 + 0.015 * t)[::-1], y[::-1])]
    canvas.poly(bank, canvas.land((0.74, 0.68, 0.48)))
    for part in np.linspace(0, 1, 5):
        wide = half * (1 - 0.5 * part)
        tone = canvas.lit(blend((0.32, 0.64, 0.84), (0.18, 0.5, 0.76), part))
        canvas.poly([*zip(middle - wide, y), *zip((middle + wide)[::-1], y[::-1])], tone)
    for i in range(4, 24, 2):
        canvas.ellipse(
            middle[i] + canvas.uniform(-0.5, 0.5) * half[i],
            y[i],
            0.1 * half[i] + 0.01,
            0.003,
            canvas.lit((0.8, 0.93, 1.0)),
        )
    for x in (*canvas.rng.uniform(0.0, 0.28, 3), *canvas.rng.uniform(0.72, 1.0, 3)):
        oak(
            canvas,
            x,
            canvas.uniform(0.61, 0.66),
            canvas.uniform(0.13, 0.2),
            canvas.land(canvas.vary((0.3, 0.58, 0.3), 0.03), 0.6),
        )
    for x in (canvas.uniform(-0.02, 0.04), canvas.uniform(0.96, 1.02)):
        oak(canvas, x, canvas.uniform(0.76, 0.82), canvas.uniform(0.4, 0.5), canvas.land((0.26, 0.54, 0.27), 0.6))


def jungle(canvas: Canvas) -> None:
    canvas.gradient([canvas.lit(c) for c in ((0.28, 0.5, 0.3), (0.66, 0.84, 0.5), (0.4, 0.62, 0.32))], 0, 0.8)
    canvas.glow(0.5, 0.4, 0.24, canvas.lit((0.95, 1.0, 0.75)), 0.6)
    for i in range(7):
        x = (i + canvas.uniform(0.1, 0.9)) / 7
        palm(
            canvas,
            x,
            0.74,
            canvas.uniform(0.42, 0.62),
            canvas.land(canvas.vary((0.36, 0.6, 0.34), 0.03), 0.2),
            canvas.uniform(-0.2, 0.2),
        )
    canvas.below(canvas.hills(0.72, 0.02, 0.9), canvas.land((0.3, 0.52, 0.22)), canvas.land((0.14, 0.32, 0.14)), 8)
    for x, lean in ((0.02, 0.25), (0.98, -0.25)):
        palm(canvas, x, 0.9, 0.82, canvas.lit((0.14, 0.42, 0.2)), lean)
    ax = canvas.short / canvas.width
    for x in (0.1, 0.2, 0.83, 0.93):
        drop = canvas.uniform(0.2, 0.42)
        canvas.line([(x, 0), (x + 0.012 * ax, drop * 0.5), (x, drop)], 0.007, canvas.lit((0.2, 0.36, 0.16)))
        for y in np.arange(0.06, drop, 0.06):
            canvas.ellipse(x + 0.014 * ax, y, 0.018, 0.009, canvas.lit((0.3, 0.55, 0.22)), 30)
    for x in np.linspace(-0.02, 1.02, 8):
        rgb = canvas.lit(canvas.vary((0.13, 0.38, 0.17), 0.03))
        for turn in (-2.3, -1.9, -1.57, -1.2, -0.8):
            reach = canvas.uniform(0.1, 0.17) * (1.3 if abs(x - 0.5) > 0.3 else 0.75)
            tip = x + np.cos(turn) * reach * ax, 1.01 + np.sin(turn) * reach
            side = np.float32([-np.sin(turn) * ax, np.cos(turn)]) * reach * 0.16
            middle = np.float32([(x + tip[0]) / 2, (1.01 + tip[1]) / 2])
            canvas.poly([(x, 1.01), middle - side, tip, middle + side], rgb)


def volcano(canvas: Canvas) -> None:
    light = canvas.light
    canvas.gradient(
        [blend(c, stop, 0.3) for c, stop in zip(((0.25, 0.12, 0.2), (0.72, 0.28, 0.2), (1.0, 0.66, 0.32)), light.sky)],
        0,
        0.7,
    )
    left = canvas.uniform(0.4, 0.6)
    canvas.glow(left, 0.2, 0.2, (1.0, 0.62, 0.2), 0.8)
    for dx, dy, size in ((-0.02, 0.13, 0.1), (0.05, 0.07, 0.13), (-0.07, 0.03, 0.14), (0.12, -0.02, 0.16)):
        cloud(canvas, left + dx, dy, size, (0.45, 0.36, 0.38))
    cone = [
        (left - 0.5, 0.74),
        (left - 0.2, 0.42),
        (left - 0.08, 0.23),
        (left + 0.08, 0.23),
        (left + 0.2, 0.42),
        (left + 0.5, 0.74),
    ]
    canvas.poly(cone, canvas.land((0.4, 0.27, 0.26), 0.6))
    canvas.poly([(left + 0.02, 0.74), (left + 0.03, 0.23), *cone[3:]], canvas.land((0.3, 0.19, 0.21), 0.6))
    canvas.ellipse(left, 0.232, 0.08, 0.018, (1.0, 0.75, 0.25))
    for dx, end, wide in ((-0.03, 0.5, 0.02), (0.02, 0.72, 0.03), (0.06, 0.44, 0.016)):
        y = np.linspace(0.23, end, 9)
        x = left + dx + (y - 0.23) * dx * 4 + 0.015 * np.sin(y * 40 + dx * 90)
        half = wide * np.linspace(0.7, 1.3, 9)
        for part, rgb in ((1.0, (0.95, 0.3, 0.1)), (0.5, (1.0, 0.7, 0.2))):
            canvas.poly([*zip(x - half * part, y), *zip((x + half * part)[::-1], y[::-1])], rgb)
    canvas.below(
        canvas.ridge(0.74, 0.06, 5), canvas.land((0.36, 0.25, 0.25), 0.7), canvas.land((0.2, 0.13, 0.15), 0.7), 8
    )
    for _ in range(5):
        x, y = canvas.uniform(0, 1), canvas.uniform(0.8, 0.98)
        reach = canvas.uniform(0.05, 0.12)
        crack = [(x + reach * s, y + canvas.uniform(-0.012, 0.012)) for s in np.linspace(-1, 1, 7)]
        canvas.line(crack, 0.01, (0.9, 0.3, 0.1))
        canvas.line(crack, 0.004, (1.0, 0.75, 0.3))
    for _ in range(16):
        canvas.circle(
            left + canvas.uniform(-0.25, 0.25),
            canvas.uniform(0.02, 0.3),
            canvas.uniform(0.003, 0.007),
            (1.0, 0.7, 0.25),
        )


def sky_scene(canvas: Canvas) -> None:
    """High in the air: clouds far and near, no ground."""
    sky(canvas, 1.0, clouds=False)
    for y, size, count in ((0.3, 0.1, 3), (0.62, 0.15, 3), (0.86, 0.2, 3), (0.99, 0.26, 4)):
        for i in range(count):
            rgb = blend(canvas.light.cloud, canvas.light.sky[-1], 0.45 * (1 - y))
            x = (i + canvas.uniform(0.1, 0.9)) / count
            cloud(canvas, x, y + canvas.uniform(-0.05, 0.05), size * canvas.uniform(0.85, 1.15), rgb)
