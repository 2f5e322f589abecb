"""Times of day and weather: the light in which a scene is painted, and what falls from the sky afterwards."""

from dataclasses import replace

import cv2
import numpy as np

from .canvas import Canvas, Light, blend, cloud
from .frame import Frame, colour, mix

DAY = Light(sky=((0.36, 0.64, 0.94), (0.58, 0.8, 0.98), (0.86, 0.94, 1.0)))

TIMES = {
    "day": DAY,
    "dawn": Light(
        sky=((0.52, 0.6, 0.88), (0.96, 0.72, 0.74), (1.0, 0.88, 0.66)),
        ambient=(1.0, 0.84, 0.8),
        subject=(1.04, 0.95, 0.9),
        cloud=(1.0, 0.86, 0.84),
        sun=(1.0, 0.88, 0.56),
        sun_height=0.5,
    ),
    "dusk": Light(
        sky=((0.25, 0.18, 0.46), (0.78, 0.32, 0.44), (1.0, 0.6, 0.26)),
        ambient=(0.74, 0.5, 0.52),
        subject=(1.0, 0.82, 0.76),
        cloud=(0.86, 0.48, 0.5),
        sun=(1.0, 0.62, 0.22),
        sun_height=0.52,
        dark=True,
    ),
    "night": Light(
        sky=((0.03, 0.04, 0.17), (0.08, 0.1, 0.3), (0.18, 0.22, 0.46)),
        ambient=(0.3, 0.38, 0.6),
        subject=(0.76, 0.82, 1.0),
        cloud=(0.24, 0.28, 0.46),
        sun=None,
        moon=True,
        stars=55,
        clouds=2,
        dark=True,
    ),
}

# Weather -> its own sky at day, how far it replaces the sky of the time, what it multiplies the land by, and its clouds.
_SKIES = {
    "rain": (
        ((0.46, 0.53, 0.62), (0.6, 0.67, 0.74), (0.74, 0.79, 0.83)),
        0.85,
        (0.74, 0.8, 0.88),
        (0.66, 0.7, 0.76),
        5,
    ),
    "storm": (
        ((0.13, 0.14, 0.22), (0.24, 0.26, 0.35), (0.46, 0.48, 0.53)),
        0.9,
        (0.5, 0.54, 0.64),
        (0.3, 0.32, 0.4),
        6,
    ),
    "snow": (((0.62, 0.7, 0.81), (0.74, 0.81, 0.89), (0.88, 0.92, 0.96)), 0.8, (0.9, 0.94, 1.0), (0.9, 0.93, 0.97), 4),
    "fog": (((0.72, 0.76, 0.8), (0.8, 0.83, 0.86), (0.87, 0.89, 0.9)), 0.85, (0.88, 0.9, 0.92), (0.88, 0.9, 0.92), 0),
}
WEATHERS = ("rain", "snow", "fog", "storm", "sunshine", "rainbow", "wind")


def light_of(time: str | None, weather: str | None) -> Light:
    """Return the light of a time of day (day if none) under a weather (clear if none)."""
    light = TIMES[time or "day"]
    if weather == "sunshine":
        if light.moon:
            return replace(light, clouds=0)
        sky = tuple(
            blend(stop, warm, 0.25)
            for stop, warm in zip(light.sky, ((0.2, 0.55, 1.0), (0.6, 0.85, 1.0), (1, 0.97, 0.8)))
        )
        return replace(
            light,
            sky=sky,
            ambient=tuple(np.float32(light.ambient) * (1.07, 1.04, 0.94)),
            clouds=1,
            subject=tuple(np.float32(light.subject) * (1.05, 1.03, 0.97)),
        )
    if weather not in _SKIES:
        return light
    own, share, multiply, clouds, count = _SKIES[weather]
    strength = np.float32(light.ambient) if time not in (None, "day") else np.ones(3, np.float32)
    if light.moon:
        strength = strength * 0.75
    sky = tuple(blend(stop, np.float32(grey) * (0.3 + 0.7 * strength), share) for stop, grey in zip(light.sky, own))
    ambient = tuple(np.float32(light.ambient) * multiply)
    subject = tuple(np.float32(light.subject) * (0.5 + 0.5 * np.float32(multiply)))
    return replace(
        light,
        sky=sky,
        ambient=ambient,
        subject=subject,
        cloud=tuple(np.float32(clouds) * (0.35 + 0.65 * strength)),
        sun=None,
        moon=light.moon and weather == "snow",
        stars=0,
        clouds=count,
        snow=0.8 if weather == "snow" else 0.0,
        dark=light.dark or weather == "storm",
    )


def behind(canvas: Canvas, weather: str | None, horizon: float) -> None:
    """Paint what the weather puts behind the subject: a rainbow, the sun's rays, lightning, fog in the distance."""
    if weather == "rainbow":
        _rainbow(canvas, horizon)
    elif weather == "sunshine" and not canvas.light.moon:
        _rays(canvas)
    elif weather == "storm":
        for i in range(4):
            dark = blend(canvas.light.cloud, (0.1, 0.1, 0.16), 0.35)
            cloud(
                canvas, (i + canvas.uniform(0.2, 0.8)) / 4, canvas.uniform(0.02, 0.12), canvas.uniform(0.18, 0.26), dark
            )
        _lightning(canvas, float(canvas.rng.choice([canvas.uniform(0.1, 0.2), canvas.uniform(0.8, 0.9)])), horizon)
    elif weather == "fog":
        frame = canvas.frame
        depth = np.exp(-(((frame.y - horizon) / 0.3) ** 2))
        drift = 0.3 * frame.noise(4) - 0.15
        tone = blend(canvas.light.sky[-1], canvas.light.sky[1], 0.3)
        canvas.tint(np.clip(0.25 + 0.6 * depth + drift, 0, 0.9), tone)


def _rainbow(canvas: Canvas, horizon: float) -> None:
    frame = canvas.frame
    cx, cy = canvas.uniform(0.35, 0.65), horizon + 0.06
    dx, dy = (frame.x - cx) * canvas.width / canvas.short, (frame.y - cy) * canvas.height / canvas.short
    part = (np.hypot(dx, dy) - 0.4) / 0.13
    inside = (part > 0) & (part < 1)
    hue = np.clip(1 - part, 0, 1) * 275
    bow = cv2.cvtColor(
        np.dstack([hue, np.full_like(hue, 0.75), np.ones_like(hue)]).astype(np.float32), cv2.COLOR_HSV2RGB
    )
    fade = np.clip((horizon - frame.y) * 9 + 0.3, 0, 1) * np.clip(np.minimum(part, 1 - part) * 7, 0, 1) * 0.62 * inside
    canvas.image[:] = mix(canvas.image.astype(np.float32), fade.astype(np.float32), bow * 255)


def _rays(canvas: Canvas) -> None:
    frame, left = canvas.frame, canvas.rng.random() < 0.5
    cx = 0.06 if left else 0.94
    dx, dy = (frame.x - cx) * canvas.width / canvas.short, (frame.y - 0.04) * canvas.height / canvas.short
    away = np.hypot(dx, dy)
    beams = 0.5 + 0.5 * np.sin(np.arctan2(dy, dx) * 17 + canvas.uniform(0, 6))
    canvas.tint(
        np.clip((0.16 + 0.34 * beams) * np.clip(1.05 - away, 0, 1) + np.exp(-((away / 0.17) ** 2)) * 0.8, 0, 0.95),
        (1.0, 0.96, 0.74),
    )


def _lightning(canvas: Canvas, x: float, horizon: float) -> None:
    points, y = [(x, 0.1)], 0.1
    while y < horizon:
        y += canvas.uniform(0.05, 0.1)
        points.append((points[-1][0] + canvas.uniform(-0.055, 0.055), min(y, horizon)))
    canvas.glow(x, 0.25, 0.22, (0.75, 0.78, 1.0), 0.5)
    canvas.line(points, 0.018, (0.78, 0.8, 1.0))
    canvas.line(points, 0.008, (1.0, 1.0, 0.94))


def before(frame: Frame, image: np.ndarray, mask: np.ndarray, weather: str | None, light: Light) -> np.ndarray:
    """Return the picture with what the weather puts before the subject: rain, flakes, a veil of fog, leaves."""
    if weather in ("rain", "storm"):
        return _streaks(frame, image, 170 if weather == "storm" else 120, 0.34 if weather == "storm" else 0.16)
    if weather == "snow":
        sheet = np.zeros(image.shape[:2], np.uint8)
        for _ in range(110):
            _spot(frame, sheet, frame.rng.random(), frame.rng.random(), frame.rng.uniform(0.0035, 0.0105), 255)
        near = mask * 0.45
        return mix(image, sheet / np.float32(255) * (1 - near), (1.0, 1.0, 1.0))
    if weather == "fog":
        veil = np.clip(0.2 + 0.35 * (frame.noise(3) - 0.4) + 0.12 * frame.y, 0, 0.5) * (1 - 0.45 * mask)
        return mix(image, veil, blend(light.sky[-1], light.sky[1], 0.3))
    if weather == "wind":
        return _leaves(frame, image, mask)
    return image


def _spot(frame: Frame, sheet, x: float, y: float, radius: float, value: int) -> None:
    centre = int(x * frame.width * 16), int(y * frame.height * 16)
    cv2.circle(sheet, centre, max(9, int(radius * frame.short * 16)), value, -1, cv2.LINE_AA, 4)


def _streaks(frame: Frame, image, count: int, lean: float) -> np.ndarray:
    sheet = np.zeros(image.shape[:2], np.uint8)
    xs, ys = frame.rng.uniform(-0.1, 1.2, count), frame.rng.uniform(-0.1, 1, count)
    lengths = frame.rng.uniform(0.03, 0.075, count)
    width = max(1, round(0.0035 * frame.short))
    for x, y, length in zip(xs, ys, lengths):
        ends = [
            (x * frame.width, y * frame.height),
            ((x * frame.width - lean * length * frame.short), y * frame.height + length * frame.short),
        ]
        start, end = (tuple(int(v * 16) for v in point) for point in ends)
        cv2.line(sheet, start, end, 255, width, cv2.LINE_AA, 4)
    return mix(image, sheet * np.float32(0.55 / 255), (0.88, 0.94, 1.0))


def _leaves(frame: Frame, image, mask) -> np.ndarray:
    """Blow leaves and streaks of air across the picture, fewer before the subject."""
    layer = np.clip(image * 255, 0, 255).astype(np.uint8)
    for _ in range(6):
        x, y, reach = frame.rng.uniform(0, 1), frame.rng.uniform(0.08, 0.9), frame.rng.uniform(0.1, 0.22)
        t = np.linspace(0, 1, 12)
        curl = np.stack(
            [(x + (t - 0.5) * 2 * reach) * frame.width, (y + 0.015 * np.sin(t * 5 + x * 9)) * frame.height], 1
        )
        cv2.polylines(
            layer,
            [np.round(curl * 16).astype(np.int32)],
            False,
            (240, 246, 250),
            max(1, round(0.006 * frame.short)),
            cv2.LINE_AA,
            4,
        )
    for _ in range(20):
        x, y, turn = frame.rng.random(), frame.rng.random(), frame.rng.uniform(0, 180)
        rgb = colour(float(frame.rng.choice([15, 28, 42, 95])), 0.8, 0.85) * 255
        centre = int(x * frame.width * 16), int(y * frame.height * 16)
        size = frame.rng.uniform(0.01, 0.018) * frame.short * 16
        cv2.ellipse(
            layer, centre, (int(size), int(size * 0.45)), turn, 0, 360, tuple(map(float, rgb)), -1, cv2.LINE_AA, 4
        )
    keep = (0.75 * mask)[..., None]
    return image * keep + layer.astype(np.float32) / 255 * (1 - keep)
