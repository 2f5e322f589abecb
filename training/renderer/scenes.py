"""The scenes of the pictures by name, and how a time of day and weather change them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import interiors, nature, places
from .canvas import Canvas, Light
from .frame import Frame
from .weather import DAY, WEATHERS, behind, light_of


@dataclass(frozen=True)
class Scene:
    """A backdrop: how it is painted, where its horizon is, and which times and weathers make sense in it.

    `outdoors` says that weather reaches it, `ground` that there is something to stand on.
    """

    paint: Callable[[Canvas], None]
    horizon: float = 0.6
    times: tuple[str, ...] = ("dawn", "day", "dusk", "night")
    weathers: tuple[str, ...] = ("rain", "snow", "fog", "storm", "sunshine", "rainbow", "wind")
    outdoors: bool = True
    ground: bool = True


_INDOORS = {"weathers": (), "outdoors": False}

SCENES = {
    "plain": Scene(nature.plain, 0.7, weathers=("rain", "snow", "fog", "storm", "sunshine", "rainbow", "wind")),
    "sea": Scene(nature.sea, 0.55, weathers=("rain", "fog", "storm", "sunshine", "rainbow")),
    "meadow": Scene(nature.meadow),
    "mountains": Scene(nature.mountains, weathers=("rain", "snow", "fog", "storm", "sunshine", "rainbow")),
    "beach": Scene(nature.beach, 0.5, weathers=("rain", "fog", "storm", "sunshine", "rainbow", "wind")),
    "forest": Scene(nature.forest, 0.7, weathers=("rain", "snow", "fog", "sunshine", "wind")),
    "night": Scene(nature.night, 0.7, times=(), weathers=("snow", "fog")),
    "desert": Scene(nature.desert, weathers=("storm", "sunshine")),
    "snow": Scene(nature.snow, weathers=("snow", "fog", "sunshine")),
    "city": Scene(places.city, 0.7, weathers=("rain", "snow", "fog", "storm", "sunshine", "rainbow")),
    "lake": Scene(nature.lake, 0.56, weathers=("rain", "fog", "storm", "sunshine", "rainbow")),
    "jungle": Scene(nature.jungle, 0.7, times=("day", "dusk", "night"), weathers=("rain", "fog", "sunshine")),
    "cave": Scene(interiors.cave, 0.75, times=(), **_INDOORS),
    "room": Scene(interiors.room, 0.68, **_INDOORS),
    "kitchen": Scene(interiors.kitchen, 0.7, **_INDOORS),
    "street": Scene(places.street, 0.58, weathers=("rain", "snow", "fog", "storm", "sunshine")),
    "space": Scene(interiors.space, 0.78, times=(), **_INDOORS),
    "underwater": Scene(interiors.underwater, 0.8, times=("day", "night"), **_INDOORS),
    "farm": Scene(places.farm),
    "garden": Scene(places.garden, 0.66),
    "river": Scene(nature.river),
    "volcano": Scene(nature.volcano, 0.72, times=("day", "night"), weathers=("rain",)),
    "village": Scene(places.village),
    "harbour": Scene(places.harbour, weathers=("rain", "fog", "storm", "sunshine", "rainbow")),
    "sky": Scene(nature.sky_scene, 1.0, weathers=("storm", "sunshine", "rainbow"), ground=False),
}


def scene(name: str) -> Scene:
    """Return a scene by name."""
    if name not in SCENES:
        raise ValueError(f"no scene {name!r}: use one of {', '.join(SCENES)}")
    return SCENES[name]


def backdrop(frame: Frame, name: str, time: str | None = None, weather: str | None = None) -> tuple[np.ndarray, Light]:
    """Return the backdrop of a scene as float32 in 0..1, with the light that falls on what stands in it."""
    place, light = scene(name), light_of(time, weather)
    if weather is not None and weather not in WEATHERS:
        raise ValueError(f"no weather {weather!r}: use one of {', '.join(WEATHERS)}")
    canvas = Canvas(frame, light, time is None and weather is None)
    place.paint(canvas)
    if place.outdoors:
        behind(canvas, weather, place.horizon)
    return canvas.image.astype(np.float32) / 255, light if name not in ("space", "cave") else DAY
