"""Where the things of a picture stand, how large they are, and which is before which.

Slots are fixed, since a small model learns a thing in one place far sooner; `varied` jitters place, size and side.
"""

import math
from dataclasses import dataclass

import numpy as np

from .frame import Frame
from .sprites import shape, sprite, subject, table

RELATIONS = ("beside", "under", "on", "in front of", "behind")
CENTRE, EXTENT = (0.5, 0.53), 0.7
LOWEST_TOP, GROUND = 0.78, 0.85


@dataclass
class Item:
    """One drawing in the picture: its relative centre within the central square, and its longest side."""

    subject: str
    drawing: int
    colour: str | None
    x: float
    y: float
    extent: float
    flip: bool = False
    main: bool = True

    def __post_init__(self):
        self.wide, self.tall = shape(self.subject, self.drawing)

    @property
    def bottom(self) -> float:
        """Return where its lower edge is."""
        return self.y + self.extent * self.tall / 2

    @property
    def air(self) -> bool:
        """Say whether it flies or hangs."""
        return subject(self.subject).air

    def stand(self, bottom: float) -> "Item":
        """Put its lower edge at a height."""
        self.y = bottom - self.extent * self.tall / 2
        return self


def arrange(spec, frame: Frame, varied: bool = False, extent: float | None = None, place=None) -> list[Item]:
    """Return the things of a specification from back to front.

    `extent` and `place` set the size and the relative centre of a single thing; they are fractions of the central square.
    """
    if len(spec.things) == 2:
        items = _two(spec)
    elif spec.things[0].count > 1:
        items = _group(spec.things[0])
    else:
        items = [_single(spec.things[0], extent, place)]
    if varied:
        _jitter(items, frame, single=len(items) == 1 and extent is None)
    for factor, value, intensity in spec.styles:
        if factor == "composition" and value in _COMPOSITIONS:
            items = _COMPOSITIONS[value](items, intensity, frame)
    return items


def _item(thing, x: float, y: float, extent: float) -> Item:
    return Item(thing.subject, thing.drawing, thing.colour, x, y, extent)


def _single(thing, extent: float | None, place) -> Item:
    x, y = place or CENTRE
    item = _item(thing, x, y, extent or EXTENT)
    if place is None and not item.air and item.bottom < LOWEST_TOP:
        item.stand(LOWEST_TOP)
    return item


def _group(thing) -> list[Item]:
    """Two of a kind stand side by side; of three, one stands before the two others."""
    air = subject(thing.subject).air
    if thing.count == 2:
        places = [(0.265, 0.74), (0.735, 0.74)]
        extent = 0.45
    else:
        places = [(0.255, 0.58), (0.745, 0.58), (0.5, 0.9)]
        extent = 0.42
    items = [_item(thing, x, 0.5, extent) for x, _ in places]
    for item, (_, bottom) in zip(items, places):
        item.stand(bottom - (0.08 if air else 0))
    return items


def _sizes(first: str, second: str, total: float, least: float = 0.32) -> tuple[float, float]:
    """Return extents for two things whose sum is `total`, in a softened proportion of their real sizes."""
    steps = max(-3, min(3, subject(first).size - subject(second).size))
    share = 1 / (1 + 1.2**-steps)
    share = max(least / total, min(1 - least / total, share))
    return total * share, total * (1 - share)


def _many(thing, x: float, bottom: float, extent: float) -> list[Item]:
    """Return a thing, or a row of it, within one slot."""
    if thing.count == 1:
        return [_item(thing, x, 0, extent).stand(bottom)]
    small = extent * (0.68 if thing.count == 2 else 0.54)
    step = extent * (0.5 if thing.count == 2 else 0.36)
    offsets = [(i - (thing.count - 1) / 2) * step for i in range(thing.count)]
    return [_item(thing, x + dx, 0, small).stand(bottom) for dx in offsets]


def _two(spec) -> list[Item]:
    first, second = spec.things
    if spec.relation not in RELATIONS:
        raise ValueError(f"no relation {spec.relation!r}: use one of {', '.join(RELATIONS)}")
    if spec.relation == "under":
        return _under(first, second)
    if spec.relation == "on":
        return _on(first, second)
    if spec.relation in ("in front of", "behind"):
        front, back = (first, second) if spec.relation == "in front of" else (second, first)
        return _before(front, back)
    one, two = _sizes(first.subject, second.subject, 0.98)
    left, right = _item(first, 0, 0, one), _item(second, 0, 0, two)
    span = one * left.wide + two * right.wide
    if span > 0.93:
        one, two, span = one * 0.93 / span, two * 0.93 / span, 0.93
    gap = min(0.12, (0.97 - span) / 2)
    start = 0.5 - (span + gap) / 2
    place = start + one * left.wide / 2, 0.5 + (span + gap) / 2 - two * right.wide / 2
    bottoms = [max(0.56, 0.04 + size * item.tall) if item.air else GROUND for item, size in ((left, one), (right, two))]
    return [*_many(first, place[0], bottoms[0], one), *_many(second, place[1], bottoms[1], two)]


def _before(front, back) -> list[Item]:
    near, far = _sizes(front.subject, back.subject, 1.1, 0.42)
    air = subject(back.subject).air
    rear = _many(back, 0.6, 0.5 if air else 0.72, min(far, 0.64))
    return [*rear, *_many(front, 0.36, 0.9, min(near, 0.56))]


def _under(low, high) -> list[Item]:
    if subject(high.subject).shelter:
        roof = _many(high, 0.5, 0.86, 0.82)
        return [*roof, *_many(low, 0.57, 0.92, 0.4)]
    below, above = _sizes(low.subject, high.subject, 0.92, 0.38)
    item = _item(high, 0.5, 0, above)
    tall = _item(low, 0.5, 0, below).tall * below
    top = max(0.03, 0.93 - tall - 0.03 - item.tall * above)
    return [*_many(high, 0.5, top + item.tall * above, above), *_many(low, 0.5, 0.93, below)]


def _on(upper, lower) -> list[Item]:
    over, base = _sizes(upper.subject, lower.subject, 1.02, 0.36)
    base = min(0.66, base)
    support, rider = _item(lower, 0.5, 0, base), _item(upper, 0.5, 0, min(over, 0.5))
    surface = _surface(lower, rider.extent * rider.wide / base)
    height = rider.extent * rider.tall + base * support.tall * (1 - surface)
    if height > 0.92:
        base, rider.extent = base * 0.92 / height, rider.extent * 0.92 / height
        support.extent = base
    ground = max(LOWEST_TOP, min(0.93, 0.93 * (0.5 + 0.5 * min(1, height / 0.8))))
    support.stand(ground)
    top = support.y - base * support.tall / 2 + surface * base * support.tall
    return [*_many(lower, 0.5, ground, base), *_many(upper, 0.5, top + 0.02, rider.extent)]


def _surface(thing, share: float) -> float:
    """Return where the upper edge of a drawing is in its middle, as a part of its height from the top."""
    alpha = sprite(thing.subject, thing.drawing, None)[..., 3] > 0.5
    width = alpha.shape[1]
    half = max(2, int(0.3 * min(1.0, share) * width))
    middle = alpha[:, width // 2 - half : width // 2 + half]
    tops = np.where(middle.any(0), middle.argmax(0), alpha.shape[0])
    return float(np.median(tops)) / alpha.shape[0]


def _jitter(items: list[Item], frame: Frame, single: bool) -> None:
    """Move, scale and mirror: a single thing a lot, several a little so that their relation stays, in place."""
    rng = frame.rng
    if single:
        item, bottom = items[0], items[0].bottom
        item.extent *= rng.uniform(0.72, 1.06)
        item.x += rng.uniform(-0.09, 0.09)
        item.stand(min(0.95, bottom + rng.uniform(-0.05, 0.05)))
        item.flip = bool(rng.random() < 0.5)
        return
    scale, dx, dy = rng.uniform(0.88, 1.02), rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03)
    mirror = rng.random() < 0.5
    for item in items:
        item.x, item.y = 0.5 + (item.x - 0.5) * scale + dx, 0.5 + (item.y - 0.5) * scale + dy
        item.extent *= scale
        item.x = 1 - item.x if mirror else item.x
        item.flip = bool(rng.random() < 0.5)


def _zoom(items: list[Item], scale: float, centre: tuple[float, float], onto: tuple[float, float]) -> list[Item]:
    for item in items:
        item.x, item.y = onto[0] + (item.x - centre[0]) * scale, onto[1] + (item.y - centre[1]) * scale
        item.extent *= scale
    return items


def _bounds(items: list[Item]) -> tuple[float, float, float, float]:
    """Return the left, top, right and lower edge of all things."""
    return (
        min(i.x - i.extent * i.wide / 2 for i in items),
        min(i.y - i.extent * i.tall / 2 for i in items),
        max(i.x + i.extent * i.wide / 2 for i in items),
        max(i.bottom for i in items),
    )


def _close_up(items, intensity, frame):
    left, top, right, bottom = _bounds(items)
    centre = (left + right) / 2, top + 0.42 * (bottom - top)
    size = max(right - left, bottom - top)
    return _zoom(items, max(1.0, (0.95 + 0.4 * intensity) / size), centre, (0.5, 0.5))


def _distant(items, intensity, frame):
    left, _, right, bottom = _bounds(items)
    ground = 0.8 if not items[0].air else 0.56
    return _zoom(items, 0.62 - 0.28 * intensity, ((left + right) / 2, bottom), (0.5, ground))


def _off_centre(items, intensity, frame):
    left, _, right, bottom = _bounds(items)
    scale = min(1.0, 0.62 / (right - left)) * (0.95 - 0.1 * intensity)
    half = (right - left) / 2 * scale
    side = -1 if frame.rng.random() < 0.5 else 1
    reach = max(half + 0.02, 0.5 - 0.24 * intensity)
    return _zoom(items, scale, ((left + right) / 2, bottom), (reach if side < 0 else 1 - reach, bottom))


def _negative_space(items, intensity, frame):
    left, _, right, bottom = _bounds(items)
    scale = (0.62 - 0.2 * intensity) * min(1.0, 0.7 / (right - left))
    side = 0.27 if frame.rng.random() < 0.5 else 0.73
    return _zoom(items, scale, ((left + right) / 2, bottom), (side, 0.86))


def _repetition(items, intensity, frame):
    """Repeat the things in a grid: two by two, or three by three in full."""
    count = 3 if intensity > 0.55 else 2
    left, top, right, bottom = _bounds(items)
    scale = 0.86 / count / max(right - left, bottom - top)
    copies = []
    for row in range(count):
        for column in range(count):
            onto = (column + 0.5) / count, (row + 0.5) / count
            for item in items:
                x = onto[0] + (item.x - (left + right) / 2) * scale
                y = onto[1] + (item.y - (top + bottom) / 2) * scale
                copies.append(Item(item.subject, item.drawing, item.colour, x, y, item.extent * scale, item.flip))
    return copies


def _busy(items, intensity, frame):
    """Crowd small things around: fellows of the same kind, at the edges and behind."""
    kind = subject(items[0].subject).kind
    fellows = [noun for noun in _fellows(kind) if noun != items[0].subject]
    crowd, count = [], round(8 + 10 * intensity)
    for i in range(count):
        turn = 2 * math.pi * (i + frame.rng.uniform(-0.3, 0.3)) / count
        reach = frame.rng.uniform(0.4, 0.5)
        x, y = 0.5 + reach * math.cos(turn) * 1.05, 0.52 + reach * math.sin(turn)
        noun = fellows[int(frame.rng.integers(len(fellows)))]
        crowd.append(
            Item(noun, 0, None, x, y, frame.rng.uniform(0.17, 0.25), bool(frame.rng.random() < 0.5), main=False)
        )
    crowd.sort(key=lambda item: item.bottom)
    return [*crowd, *_zoom(items, 0.9, (0.5, 0.53), (0.5, 0.53))]


def _fellows(kind: str) -> list[str]:
    return [entry.noun for entry in table().values() if entry.kind == kind]


_COMPOSITIONS = {
    "close-up": _close_up,
    "distant": _distant,
    "off-centre": _off_centre,
    "negative-space": _negative_space,
    "repetition": _repetition,
    "busy": _busy,
}
