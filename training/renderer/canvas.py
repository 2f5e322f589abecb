"""A canvas for backdrops: flat shapes with smooth edges in the light of a time of day, fast because they are 8-bit.

Places are relative (0..1 across, 0..1 down), lengths are parts of the short side, colours RGB in 0..1 as in daylight.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .frame import Frame, mix

SHIFT = 4
ONE = 1 << SHIFT


@dataclass(frozen=True)
class Light:
    """The light of a time of day under some weather.

    `sky` goes from the top over the middle to the horizon; `ambient` multiplies the land, `subject` the things in the picture;
    `sun` and `moon` are the colours of these in the sky, or none; `snow` is the share of white on the land.
    """

    sky: tuple
    ambient: tuple = (1.0, 1.0, 1.0)
    subject: tuple = (1.0, 1.0, 1.0)
    cloud: tuple = (1.0, 1.0, 1.0)
    sun: tuple | None = (1.0, 0.9, 0.45)
    sun_height: float = 0.16
    moon: bool = False
    stars: int = 0
    clouds: int = 3
    snow: float = 0.0
    dark: bool = False


def blend(a, b, t: float) -> np.ndarray:
    """Return the colour between `a` (t = 0) and `b` (t = 1)."""
    return np.float32(a) * (1 - t) + np.float32(b) * t


class Canvas:
    """Shapes drawn over each other, from far to near. `bare`: neither time of day nor weather was asked for."""

    def __init__(self, frame: Frame, light: Light, bare: bool = False):
        self.frame, self.light, self.rng, self.bare = frame, light, frame.rng, bare
        self.width, self.height, self.short = frame.width, frame.height, frame.short
        self.image = np.zeros((frame.height, frame.width, 3), np.uint8)

    def uniform(self, low: float, high: float) -> float:
        """Return a random number."""
        return float(self.rng.uniform(low, high))

    def vary(self, rgb, spread: float = 0.02) -> np.ndarray:
        """Return a colour a little off."""
        return np.clip(np.float32(rgb) + self.rng.normal(0, spread, 3), 0, 1)

    def lit(self, rgb) -> np.ndarray:
        """Return a colour in the light of the scene."""
        return np.float32(rgb) * np.float32(self.light.ambient)

    def land(self, rgb, cover: float = 1.0) -> np.ndarray:
        """Return a colour of the ground in the light of the scene, under snow if it snows."""
        return self.lit(blend(rgb, (0.95, 0.97, 1.0), self.light.snow * cover))

    @staticmethod
    def _ink(rgb) -> tuple[int, int, int]:
        red, green, blue = rgb.tolist() if isinstance(rgb, np.ndarray) else rgb
        return (
            int(min(max(red, 0), 1) * 255 + 0.5),
            int(min(max(green, 0), 1) * 255 + 0.5),
            int(min(max(blue, 0), 1) * 255 + 0.5),
        )

    def _point(self, x: float, y: float) -> tuple[int, int]:
        return round((x * self.width - 0.5) * ONE), round((y * self.height - 0.5) * ONE)

    def _points(self, points) -> np.ndarray:
        scaled = np.asarray(points, np.float32) * (self.width * ONE, self.height * ONE)
        return np.round(scaled - ONE / 2).astype(np.int32)

    def poly(self, points, rgb) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self.image, [self._points(points)], self._ink(rgb), cv2.LINE_AA, SHIFT)

    def rect(self, x0: float, y0: float, x1: float, y1: float, rgb) -> None:
        """Fill a rectangle."""
        self.poly([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], rgb)

    def circle(self, x: float, y: float, radius: float, rgb) -> None:
        """Fill a disc."""
        centre = self._point(float(x), float(y))
        cv2.circle(self.image, centre, max(6, int(radius * self.short * ONE)), self._ink(rgb), -1, cv2.LINE_AA, SHIFT)

    def ellipse(self, x: float, y: float, rx: float, ry: float, rgb, turn: float = 0, start=0, end=360) -> None:
        """Fill an ellipse, or a slice of one, turned by degrees."""
        centre = self._point(float(x), float(y))
        axes = max(6, int(rx * self.short * ONE)), max(6, int(ry * self.short * ONE))
        cv2.ellipse(self.image, centre, axes, turn, start, end, self._ink(rgb), -1, cv2.LINE_AA, SHIFT)

    def line(self, points, thickness: float, rgb) -> None:
        """Draw a line through points."""
        pixels = max(1, round(thickness * self.short))
        cv2.polylines(self.image, [self._points(points)], False, self._ink(rgb), pixels, cv2.LINE_AA, SHIFT)

    def gradient(self, stops, top: float = 0.0, bottom: float = 1.0) -> None:
        """Fill the rows from `top` to `bottom` with a gradient through evenly spaced colours."""
        y0, y1 = round(top * self.height), round(bottom * self.height)
        at = np.linspace(0, 1, len(stops))
        rows = np.linspace(0, 1, max(1, y1 - y0))
        planes = [np.interp(rows, at, [s[i] for s in stops]) for i in range(3)]
        inks = np.clip(np.stack(planes, -1) * 255 + 0.5, 0, 255).astype(np.uint8)
        self.image[y0:y1] = np.repeat(inks[:, None], self.width, 1)

    def below(self, line: np.ndarray, rgb, deep=None, bands: int = 10, reach: float | None = None) -> None:
        """Fill everything below a horizon (evenly spaced heights), shading from `rgb` at it to `deep` at the bottom.

        `reach` is how far down the shading goes; it follows the horizon.
        """
        xs = np.linspace(0, 1, len(line))
        reach = reach or 1 - float(line.min())
        for band in range(bands if deep is not None else 1):
            part = band / max(1, bands - 1)
            edge = np.minimum(line + reach * band / bands, 1.02)
            ink = rgb if deep is None else blend(rgb, deep, part)
            self.poly([(-0.01, 1.02), *zip(xs, edge), (1.01, 1.02)], ink)

    def glow(self, x: float, y: float, radius: float, rgb, strength: float = 1.0) -> None:
        """Blend a soft spot of light over the picture."""
        cx, cy, reach = x * self.width, y * self.height, 2.4 * radius * self.short
        x0, x1 = max(0, int(cx - reach)), min(self.width, int(cx + reach) + 1)
        y0, y1 = max(0, int(cy - reach)), min(self.height, int(cy + reach) + 1)
        if x1 <= x0 or y1 <= y0:
            return
        fall = 2 * (radius * self.short) ** 2
        across = np.exp(-((np.arange(x0, x1, dtype=np.float32) - cx) ** 2) / fall)
        down = np.exp(-((np.arange(y0, y1, dtype=np.float32) - cy) ** 2) / fall)
        mask = down[:, None] * across[None] * np.float32(strength)
        part = self.image[y0:y1, x0:x1].astype(np.float32)
        self.image[y0:y1, x0:x1] = mix(part, mask, np.float32(rgb) * 255)

    def tint(self, mask: np.ndarray, rgb) -> None:
        """Blend a colour over the picture where the (height, width) mask is set."""
        self.image[:] = mix(self.image.astype(np.float32), np.float32(mask), np.float32(rgb) * 255)

    def hills(self, base: float, height: float, waves: float = 1.2) -> np.ndarray:
        """Return the horizon of rolling hills: `waves` of them across the picture."""
        x = np.linspace(0, 1, 49) * 2 * np.pi * self.width / self.short
        a, b = self.uniform(0, 6.3), self.uniform(0, 6.3)
        shape = np.sin(x * waves + a) * 0.7 + np.sin(x * waves * 2.3 + b) * 0.3
        return (base + height * shape).astype(np.float32)

    def ridge(self, base: float, height: float, peaks: int) -> np.ndarray:
        """Return the horizon of a mountain range: straight lines between random peaks and valleys, a little rough."""
        count = 2 * peaks + 1
        knots = np.where(np.arange(count) % 2, self.rng.uniform(0.6, 1.0, count), self.rng.uniform(0.0, 0.35, count))
        places = np.linspace(-0.08, 1.08, count) + self.rng.uniform(-0.03, 0.03, count)
        x = np.linspace(0, 1, 65)
        return (base - np.interp(x, places, knots) * height + self.rng.normal(0, height * 0.018, 65)).astype(np.float32)


def sky(canvas: Canvas, horizon: float = 0.6, clouds: bool = True, sun: bool = True) -> None:
    """Paint the sky of the light down to the horizon: its gradient, stars, sun or moon, and clouds."""
    light = canvas.light
    canvas.gradient([canvas.vary(stop, 0.012) for stop in light.sky], 0, min(1, horizon + 0.02))
    if horizon < 0.98:
        canvas.gradient([light.sky[-1]] * 2, min(1, horizon + 0.02), 1)
    for _ in range(light.stars):
        x, y = canvas.rng.random(), canvas.rng.random() * horizon
        canvas.circle(x, y, canvas.uniform(0.0028, 0.007), (1.0, 1.0, 0.88))
    x = float(canvas.rng.choice([canvas.uniform(0.12, 0.2), canvas.uniform(0.8, 0.88)]))
    if sun and light.sun:
        y = light.sun_height * horizon / 0.6 + canvas.uniform(-0.02, 0.02)
        canvas.glow(x, y, 0.16, blend(light.sun, light.sky[-1], 0.6), 0.6)
        canvas.circle(x, y, 0.072, light.sun)
        canvas.circle(x, y, 0.062, blend(light.sun, (1, 1, 1), 0.25))
    if sun and light.moon:
        moon(canvas, x, canvas.uniform(0.14, 0.2))
    if clouds:
        for i in range(light.clouds):
            place = (i + canvas.uniform(0.15, 0.85)) / light.clouds
            size, y = canvas.uniform(0.1, 0.17), canvas.uniform(0.08, 0.3) * horizon / 0.6
            if sun and (light.sun or light.moon) and abs(place - x) < 0.2:
                # A cloud may touch the sun, but it does not hide it.
                place, size = place + (0.13 if place > x else -0.13), 0.8 * size
            cloud(canvas, place, y, size)


def moon(canvas: Canvas, x: float, y: float) -> None:
    """Draw a full moon with a halo and a few craters."""
    canvas.glow(x, y, 0.17, (0.75, 0.82, 1.0), 0.4)
    canvas.circle(x, y, 0.075, (0.98, 0.96, 0.84))
    for dx, dy, radius in ((-0.02, -0.02, 0.017), (0.025, 0.012, 0.013), (-0.012, 0.03, 0.01)):
        short = canvas.short
        canvas.circle(x + dx * short / canvas.width, y + dy * short / canvas.height, radius, (0.88, 0.86, 0.74))


def cloud(canvas: Canvas, x: float, y: float, size: float, rgb=None) -> None:
    """Draw a heap of round puffs with a flat, shaded base; `size` is half its width."""
    light = np.float32(canvas.light.cloud if rgb is None else rgb)
    shade = blend(light, canvas.light.sky[1], 0.35)
    ax, ay = canvas.short / canvas.width, canvas.short / canvas.height
    puffs = [(-0.72, 0.0, 0.3), (-0.3, -0.2, 0.42), (0.22, -0.3, 0.5), (0.66, -0.02, 0.34), (0.1, 0.02, 0.4)]
    puffs = [(px + canvas.uniform(-0.07, 0.07), py, pr * canvas.uniform(0.88, 1.12)) for px, py, pr in puffs]
    for ink, drop, shrink in ((shade, 0.1, 1.0), (light, 0.0, 0.93)):
        for px, py, pr in puffs:
            canvas.circle(x + px * size * ax, y + (py + drop) * size * ay, pr * size * shrink, ink)
    canvas.ellipse(x, y + 0.2 * size * ay, size * 0.95, size * 0.2, shade)


def fir(canvas: Canvas, x: float, base: float, tall: float, rgb) -> None:
    """Draw a fir tree standing at (x, base), its left half lit."""
    ax = canvas.short / canvas.width
    dark, snow = blend(rgb, (0, 0.02, 0.05), 0.28), canvas.light.snow
    trunk = canvas.lit((0.36, 0.25, 0.17))
    canvas.rect(x - 0.045 * tall * ax, base - 0.14 * tall, x + 0.045 * tall * ax, base, trunk)
    for low, top, half in ((0.1, 0.52, 0.3), (0.34, 0.76, 0.24), (0.58, 1.0, 0.17)):
        foot, tip = base - low * tall, base - top * tall
        canvas.poly([(x - half * tall * ax, foot), (x, tip), (x, foot + 0.03 * tall)], rgb)
        canvas.poly([(x, foot + 0.03 * tall), (x, tip), (x + half * tall * ax, foot)], dark)
        if snow:
            edge = 0.45 * half * tall * ax
            canvas.poly(
                [(x - edge, tip + 0.45 * (foot - tip)), (x, tip), (x + edge, tip + 0.45 * (foot - tip))],
                canvas.lit((1, 1, 1)),
            )


def oak(canvas: Canvas, x: float, base: float, tall: float, rgb) -> None:
    """Draw a round leafy tree standing at (x, base)."""
    ax, ay = canvas.short / canvas.width, canvas.short / canvas.height
    trunk = canvas.lit((0.42, 0.29, 0.19))
    half = 0.05 * tall * ax
    canvas.poly(
        [
            (x - half * 1.5, base),
            (x - half * 0.8, base - 0.5 * tall),
            (x + half * 0.8, base - 0.5 * tall),
            (x + half * 1.5, base),
        ],
        trunk,
    )
    dark, pale = blend(rgb, (0, 0.05, 0.05), 0.25), blend(rgb, (1, 1, 0.6), 0.2)
    leaves = [
        (-0.2, 0.5, 0.2),
        (0.2, 0.5, 0.2),
        (0.0, 0.55, 0.25),
        (-0.12, 0.72, 0.2),
        (0.12, 0.72, 0.2),
        (0, 0.82, 0.18),
    ]
    for dx, up, radius in leaves:
        canvas.circle(x + dx * tall * ax, base - (up - 0.03) * tall * ay, radius * tall, dark)
    for dx, up, radius in leaves:
        canvas.circle(x + (dx - 0.02) * tall * ax, base - (up + 0.02) * tall * ay, radius * tall * 0.88, rgb)
    for dx, up, radius in ((-0.16, 0.78, 0.09), (-0.24, 0.56, 0.08), (0.03, 0.9, 0.06)):
        canvas.circle(x + dx * tall * ax, base - up * tall * ay, radius * tall, pale)
    if canvas.light.snow:
        for dx, up, radius in ((-0.12, 0.88, 0.1), (0.06, 0.92, 0.12), (0.2, 0.76, 0.08)):
            canvas.circle(x + dx * tall * ax, base - up * tall * ay, radius * tall, canvas.lit((0.97, 0.98, 1)))


def palm(canvas: Canvas, x: float, base: float, tall: float, rgb, lean: float = 0.12) -> None:
    """Draw a palm tree with its foot at (x, base), leaning."""
    ax = canvas.short / canvas.width
    bark, t = canvas.lit((0.55, 0.4, 0.26)), np.linspace(0, 1, 9)
    spine = np.stack([x + lean * tall * ax * t**1.6, base - tall * t], 1)
    half = (0.045 - 0.02 * t)[:, None] * tall * np.float32([ax, 0])
    canvas.poly([*(spine - half), *(spine + half)[::-1]], bark)
    top = spine[-1]
    for turn in (-2.75, -2.25, -1.75, -1.25, -0.75, -0.3, 0.15, -3.25):
        reach = 0.42 * tall
        s = np.linspace(0, 1, 7)
        dx, dy = np.cos(turn) * reach * s, np.sin(turn) * reach * s + 0.55 * reach * s**2
        width = 0.16 * reach * np.sin(np.pi * np.clip(s * 0.9 + 0.1, 0, 1))
        middle = np.stack([top[0] + dx * ax, top[1] + dy], 1)
        side = np.stack([-0.35 * width * ax, width], 1)
        ink = blend(rgb, (0, 0.1, 0.05), 0.3 if turn in (-2.25, -1.25, -0.3, -3.25) else 0.0)
        canvas.poly([*(middle - side * 0.4), *(middle + side)[::-1]], ink)


def cottage(canvas: Canvas, x: float, base: float, wide: float, wall, roof, lamp: bool = False) -> None:
    """Draw a small house with its lower edge at `base`; `lamp` lights its windows."""
    ax = canvas.short / canvas.width
    half, tall = wide / 2 * ax, wide * 0.62
    canvas.rect(x - half, base - tall, x + half, base, wall)
    canvas.rect(x + half * 0.55, base - tall, x + half, base, blend(wall, (0.2, 0.15, 0.2), 0.15))
    canvas.poly([(x - half * 1.22, base - tall), (x, base - tall - wide * 0.52), (x + half * 1.22, base - tall)], roof)
    pane = (1.0, 0.86, 0.5) if lamp else canvas.lit((0.62, 0.8, 0.92))
    canvas.rect(x - half * 0.72, base - tall * 0.76, x - half * 0.18, base - tall * 0.36, pane)
    canvas.rect(x + half * 0.14, base - tall * 0.62, x + half * 0.58, base, canvas.lit((0.45, 0.28, 0.2)))
