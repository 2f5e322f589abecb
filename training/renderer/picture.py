"""Compose one picture from a specification."""

from dataclasses import asdict, dataclass, field

import cv2
import numpy as np

from .canvas import Light
from .frame import Frame, blur, luma, mix
from .layout import RELATIONS, Item, arrange
from .scenes import SCENES, backdrop, scene
from .sprites import COLOURS, blit, scaled_sprite, subject, table
from .styles import STYLES, apply
from .styles import backdrop as styled_backdrop
from .weather import before

__all__ = ["COLOURS", "RELATIONS", "SCENES", "STYLES", "Spec", "Thing", "random_content", "render", "subjects"]


@dataclass(frozen=True)
class Thing:
    """Something in the picture: how many of it, in which colour (its own if none), and in which of its drawings."""

    subject: str
    count: int = 1
    colour: str | None = None
    drawing: int = 0


@dataclass(frozen=True)
class Spec:
    """What a picture shows and how.

    One or two things, the second standing in `relation` to the first ("a cat under a tree"), a scene, a time of day and a
    weather, and styles as (factor, value, intensity in 0.3..1), at most one value of each factor.
    """

    things: tuple[Thing, ...]
    relation: str = "beside"
    scene: str = "plain"
    time: str | None = None
    weather: str | None = None
    styles: tuple[tuple[str, str, float], ...] = field(default=())

    def to_dict(self) -> dict:
        """Return the specification as plain values for JSON, without what is left at its default."""
        found = {"things": [{k: v for k, v in asdict(t).items() if v is not None} for t in self.things]}
        found |= {"relation": self.relation} if len(self.things) > 1 else {}
        found |= {"scene": self.scene}
        found |= {name: getattr(self, name) for name in ("time", "weather") if getattr(self, name)}
        return found | ({"styles": [list(style) for style in self.styles]} if self.styles else {})

    @classmethod
    def from_dict(cls, data: dict) -> "Spec":
        """Return the specification that `to_dict` wrote."""
        data = dict(data)
        things = tuple(Thing(**thing) for thing in data.pop("things"))
        styles = tuple((str(f), str(v), float(i)) for f, v, i in data.pop("styles", ()))
        return cls(things, styles=styles, **data)

    def style(self, factor: str) -> tuple[str, float] | None:
        """Return the value and intensity of a style factor, if the picture has it."""
        return next(((value, intensity) for name, value, intensity in self.styles if name == factor), None)


def subjects(rare: bool = True) -> tuple[str, ...]:
    """Return the caption nouns, with those seldom asked for or without."""
    return tuple(noun for noun, entry in table().items() if rare or not entry.rare)


def random_content(rng: np.random.Generator, nouns=None, drawings: int = 1, plain: float = 0.4) -> Spec:
    """Return a specification without styles: things, relation, scene, time and weather.

    Of the pictures 70 % show one thing, 15 % two or three of it, 15 % two things; a fifth of all things have a colour
    (about half of those that can be repainted). `nouns` are the subjects to draw from (all if none), `drawings` how many
    drawings of each are used, and `plain` the share without a scene.
    """
    nouns = tuple(nouns or subjects())
    kind = rng.random()
    first = _random_thing(rng, nouns, drawings)
    things, relation = (first,), "beside"
    if kind < 0.15:
        things = (Thing(first.subject, int(rng.integers(2, 4)), first.colour, first.drawing),)
    elif kind < 0.3:
        things, relation = _random_pair(rng, first, nouns, drawings)
    name = "plain" if rng.random() < plain else _fitting_scene(rng, things)
    place, time, weather = scene(name), None, None
    chance = 0.08 if name == "plain" else 0.3
    if place.times and rng.random() < chance:
        time = str(rng.choice(place.times))
    if place.weathers and rng.random() < chance:
        sunless = ("sunshine", "rainbow") if time in ("dusk", "night") else ()
        weather = str(rng.choice([name for name in place.weathers if name not in sunless]))
    return Spec(things, relation, name, time, weather)


def _random_thing(rng, nouns, drawings: int) -> Thing:
    entry = subject(nouns[int(rng.integers(len(nouns)))])
    colour = str(rng.choice(list(COLOURS))) if entry.colour and rng.random() < 0.48 else None
    return Thing(entry.noun, 1, colour, int(rng.integers(min(drawings, len(entry.drawings)))))


def _random_pair(rng, first: Thing, nouns, drawings: int) -> tuple[tuple[Thing, ...], str]:
    """Return two different things in a relation that suits them."""
    relation = str(rng.choice(RELATIONS, p=(0.36, 0.16, 0.16, 0.16, 0.16)))
    pool = [noun for noun in nouns if noun != first.subject]
    if relation == "under":
        fits = [noun for noun in pool if subject(noun).shelter or (subject(noun).air and subject(noun).size > 0)]
    elif relation == "on":
        fits = [noun for noun in pool if subject(noun).support]
        if subject(first.subject).size > 3:
            small = [noun for noun in nouns if subject(noun).size <= 3]
            first = _random_thing(rng, small or nouns, drawings)
    else:
        fits = pool
    fits = [noun for noun in fits if noun != first.subject] or pool
    return (first, _random_thing(rng, fits, drawings)), relation


def _fitting_scene(rng, things) -> str:
    """Return a scene: any in half of the cases, else one where such things are found."""
    names = list(SCENES)[1:]
    if rng.random() < 0.5:
        return names[int(rng.integers(len(names)))]
    entry = subject(things[0].subject)
    if entry.water:
        names = ["underwater", "sea", "beach", "harbour", "lake", "river", "sea"]
        if entry.kind != "vehicle":
            names[-1] = "underwater"
    elif entry.air:
        names = ["sky", "sky", "space", "night", "meadow", "mountains", "sea", "city", "village"]
    elif entry.kind == "food" or entry.size <= 1 and entry.kind == "object":
        names = ["kitchen", "kitchen", "room", "garden", "meadow", "beach", "snow", "street", "farm", "village"]
    elif entry.kind == "object":
        names = ["room", "room", "street", "garden", "city", "village", "forest", "beach", "cave", "snow", "farm"]
    elif entry.kind == "vehicle":
        names = ["street", "city", "village", "desert", "snow", "mountains", "meadow", "beach", "farm", "night"]
    elif entry.kind == "building":
        names = ["meadow", "mountains", "sea", "village", "desert", "snow", "night", "lake", "river", "forest", "city"]
    else:
        names = [n for n in names if n not in ("sky", "space", "underwater", "sea", "kitchen")]
    return names[int(rng.integers(len(names)))]


def render(
    spec: Spec,
    seed: int,
    height: int = 256,
    width: int = 256,
    unit: float = 0.0,
    extent: float | None = None,
    place: tuple[float, float] | None = None,
    varied: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a picture; return it as uint8 (height, width, 3) with the mask of its things (float32, 0..1).

    `unit` is the size in pixels of the finest brush detail; by default 1/128 of the short side. Things stand in fixed slots
    unless `varied`; `extent` and `place` set the size (a part of the short side) and the relative centre of a single thing.
    """
    frame = Frame(height, width, np.random.default_rng(seed), unit)
    image, light = backdrop(frame, spec.scene, spec.time, spec.weather)
    composition = spec.style("composition")
    if composition and composition[0] in ("negative-space", "repetition"):
        image = styled_backdrop(frame, image, (("detail", "minimal", 1.0),))
    image = np.ascontiguousarray(styled_backdrop(frame, image, spec.styles), np.float32)
    items = arrange(spec, frame, varied, extent, place)
    mask = np.zeros((height, width), np.float32)
    drawn = [(_drawing(frame, item, light), item) for item in items]
    if spec.scene == "plain" and not (spec.time or spec.weather):
        image *= _plain_tone(drawn)
    else:
        _set_off(frame, image, drawn)
    grounded = scene(spec.scene).ground and not (composition and composition[0] == "repetition")
    for (drawing, left, top), item in drawn:
        if grounded and not item.air:
            _shade_ground(frame, image, drawing, left, top)
        blit(image, drawing, left, top, mask if item.main else None)
    if scene(spec.scene).outdoors:
        image = before(frame, image, mask, spec.weather, light)
    image, mask = _view(spec, frame, image, mask)
    if composition and composition[0] == "frame":
        image = _framed(frame, image, composition[1])
    image = apply(frame, image.astype(np.float32), mask, spec.styles)
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8), mask


def _drawing(frame: Frame, item: Item, light: Light) -> tuple[np.ndarray, int, int]:
    """Return an item's drawing in the light of the scene, and the pixel of its top left corner."""
    drawing = scaled_sprite(item.subject, item.drawing, item.colour, item.extent * frame.short, item.flip)
    if light.subject != (1.0, 1.0, 1.0):
        tint = np.float32([*light.subject, 1.0])
        drawing = np.minimum(drawing * tint, drawing[..., 3:])
    x = 0.5 * frame.width + (item.x - 0.5) * frame.short
    # In a tall picture the central square lies a little lower, where the ground is.
    y = 0.7 * (frame.height - frame.short) + item.y * frame.short
    return drawing, round(x - drawing.shape[1] / 2), round(y - drawing.shape[0] / 2)


def _plain_tone(drawn) -> np.float32:
    """Return by how much to darken a pale backdrop, so that white things and thin pale lines stand out on it."""
    tones = []
    for (drawing, _, _), _ in drawn:
        small = cv2.resize(drawing, (24, 24), interpolation=cv2.INTER_AREA)
        alpha = small[..., 3]
        rim = alpha * (1 - blur(alpha, 2.0)) + 1e-6
        tones.append(float((luma(small[..., :3]) / np.maximum(alpha, 0.1) * rim).sum() / rim.sum()))
    return np.float32(1 - 0.55 * np.clip(max(tones) - 0.66, 0, 0.3))


def _set_off(frame: Frame, image: np.ndarray, drawn) -> None:
    """Lighten or darken the backdrop around things that would vanish in it, softly and in place.

    Seen at an eighth of the size: where the rim of the things differs from the ring around them by less than 0.3 in
    colour, a glow (for dark things) or a shade (for bright ones) lies behind them, the stronger the smaller the difference.
    """
    step = max(4, frame.short // 32)
    cells = frame.width // step, frame.height // step
    small = cv2.resize(image, cells, interpolation=cv2.INTER_AREA)
    layer = np.zeros((cells[1], cells[0], 4), np.float32)
    for (drawing, left, top), _ in drawn:
        x0, y0 = left // step, top // step
        across, down = -(-(left + drawing.shape[1]) // step) - x0, -(-(top + drawing.shape[0]) // step) - y0
        padded = np.zeros((down * step, across * step, 4), np.float32)
        padded[top - y0 * step :, left - x0 * step :][: drawing.shape[0], : drawing.shape[1]] = drawing
        blit(layer, cv2.resize(padded, (across, down), interpolation=cv2.INTER_AREA), x0, y0)
    alpha = layer[..., 3]
    near = blur(alpha, 1.6)
    ring = np.clip(near * (1 - alpha) * 4, 0, 1)
    rim = np.clip((1 - near) * alpha * 4, 0, 1)
    if ring.sum() < 1 or rim.sum() < 1:
        return
    colours = layer[..., :3] / np.maximum(alpha, 0.05)[..., None]
    # The nearest colour of the rim for each cell of the ring, by blurring both colours with their weights.
    weight = blur(rim, 1.6) + 1e-4
    around = blur(colours * rim[..., None], 1.6) / weight[..., None]
    difference = np.abs(around - small) @ np.float32([0.35, 0.45, 0.3]) * 1.15
    lack = np.clip((0.3 - difference) / 0.3, 0, 1) * np.clip(weight * 5, 0, 1)
    amount = float((lack * ring).sum() / ring.sum())
    tone = float((luma(around) * ring).sum() / ring.sum())
    if amount < 0.12:
        return
    strength = np.clip(blur(np.maximum(lack, amount * 0.8) * np.clip(near * 1.6, 0, 1), 1.5), 0, 1) * 0.75
    target = small * 0.35 if tone > 0.55 else small * 0.35 + 0.65
    strength = cv2.resize(strength, frame.size, interpolation=cv2.INTER_CUBIC)
    target = cv2.resize(target, frame.size, interpolation=cv2.INTER_CUBIC)
    image[:] = mix(image, np.clip(strength, 0, 1), np.clip(target, 0, 1))


def _shade_ground(frame: Frame, image: np.ndarray, drawing: np.ndarray, left: int, top: int) -> None:
    """Lay a soft flat shadow under a drawing's foot, in place."""
    height, width = drawing.shape[:2]
    foot = drawing[int(height * 0.9) :, :, 3].max(0) > 0.3
    columns = np.flatnonzero(foot)
    if not len(columns):
        return
    middle = left + (columns[0] + columns[-1]) / 2
    reach = max(0.3 * width, 0.62 * (columns[-1] - columns[0] + 1))
    tall = max(2.0, 0.035 * max(height, width) + 0.06 * reach)
    base = top + height - 0.35 * tall
    y0, y1 = max(0, int(base - 3 * tall)), min(frame.height, int(base + 3 * tall))
    x0, x1 = max(0, int(middle - 2 * reach)), min(frame.width, int(middle + 2 * reach))
    if y1 <= y0 or x1 <= x0:
        return
    dx = ((np.arange(x0, x1, dtype=np.float32) - middle) / reach) ** 2
    dy = ((np.arange(y0, y1, dtype=np.float32) - base) / tall) ** 2
    shadow = np.exp(-dy)[:, None] * np.exp(-(dx**2))[None]
    image[y0:y1, x0:x1] *= cv2.merge([1 - np.float32(share) * shadow for share in (0.38, 0.37, 0.34)])


def _view(spec: Spec, frame: Frame, image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return picture and mask under a tilted or bulging view."""
    found = spec.style("view")
    if found is None:
        return image, mask
    value, intensity = found
    if value == "tilted":
        angle = (6 + 12 * intensity) * (1 if frame.rng.random() < 0.5 else -1)
        zoom = 1 + 0.012 * abs(angle)
        turn = cv2.getRotationMatrix2D((frame.width / 2, frame.height / 2), angle, zoom)
        options = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REFLECT}
        return cv2.warpAffine(image, turn, frame.size, **options), cv2.warpAffine(mask, turn, frame.size, **options)
    dx, dy = (frame.x - 0.5) * frame.width / frame.short * 2, (frame.y - 0.5) * frame.height / frame.short * 2
    radius = np.sqrt(dx**2 + dy**2)
    bend = 1 / (1 + 0.75 * intensity * np.clip(1 - radius, -0.42, 1))
    mx, my = (frame.width / 2 + dx * bend * frame.short / 2), (frame.height / 2 + dy * bend * frame.short / 2)
    options = {"interpolation": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REFLECT}
    bulged, moved = cv2.remap(image, mx, my, **options), cv2.remap(mask, mx, my, **options)
    edge = np.clip((1.13 - radius) * frame.short / 4, 0, 1)
    return mix(np.full_like(image, 0.04), edge, bulged), moved * edge


def _framed(frame: Frame, image: np.ndarray, intensity: float) -> np.ndarray:
    """Put the picture into a moulded wooden or golden frame with a pale mat."""
    wide = (0.06 + 0.05 * intensity) * frame.short
    gap_x = np.minimum(frame.x * frame.width + 0.5, frame.width - frame.x * frame.width - 0.5)
    gap_y = np.minimum(frame.y * frame.height + 0.5, frame.height - frame.y * frame.height - 0.5)
    gap = np.minimum(gap_x, gap_y)
    tone = np.float32([(0.5, 0.33, 0.2), (0.78, 0.6, 0.25), (0.32, 0.22, 0.18)][int(frame.rng.integers(3))])
    profile = 0.75 + 0.45 * np.sin(np.clip(gap / (0.7 * wide), 0, 1) * np.pi * 1.5)
    side = np.where(gap_x < gap_y, 0.9, 1.05)
    moulding = tone * (profile * side)[..., None]
    image = mix(image, np.clip(wide + 0.5 - gap, 0, 1), (0.96, 0.94, 0.89))
    image = mix(image, np.clip(0.7 * wide + 0.5 - gap, 0, 1), moulding)
    inner = np.clip(1 - np.abs(gap - wide) / (0.012 * frame.short), 0, 1) * (gap >= wide)
    return mix(image, inner * 0.35, (0.1, 0.1, 0.1))
