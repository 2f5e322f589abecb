"""Geometry and small image operations shared by every part of the renderer.

Pictures are float32 arrays of shape (height, width, 3), RGB in 0..1. Lengths of brushes, dots and lines are
given in *units*: one unit is 1/128 of the short side, unless a frame asks for finer ones.
"""

import functools
from dataclasses import dataclass, field

import cv2
import numpy as np

cv2.setNumThreads(1)

LUMA = np.float32([0.299, 0.587, 0.114])


@functools.lru_cache(8)
def _grids(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the relative y and x of every pixel; read only, since they are shared by all frames of a size."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    grids = rows / height, columns / width
    for grid in grids:
        grid.flags.writeable = False
    return grids


@dataclass
class Frame:
    """The size of a picture, its coordinate grids and its random generator."""

    height: int
    width: int
    rng: np.random.Generator
    unit: float = 0.0
    y: np.ndarray = field(init=False, repr=False)
    x: np.ndarray = field(init=False, repr=False)

    def __post_init__(self):
        self.unit = self.unit or self.short / 128
        self.y, self.x = _grids(self.height, self.width)

    @property
    def short(self) -> int:
        """Return the length of the short side in pixels."""
        return min(self.height, self.width)

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height), the order OpenCV wants."""
        return self.width, self.height

    def pixels(self, units: float, least: int = 1) -> int:
        """Return a length given in units as whole pixels."""
        return max(least, round(units * self.unit))

    def odd(self, units: float) -> int:
        """Return a length given in units as an odd number of pixels, at least 3."""
        return max(3, int(units * self.unit) | 1)

    def noise(self, cells: float) -> np.ndarray:
        """Return smooth noise in 0..1 with about `cells` blobs along the short side."""
        rows = max(2, round(cells * self.height / self.short) + 1)
        columns = max(2, round(cells * self.width / self.short) + 1)
        grid = self.rng.random((rows, columns), dtype=np.float32)
        return np.clip(cv2.resize(grid, self.size, interpolation=cv2.INTER_CUBIC), 0, 1)

    def grain(self, strength: float) -> np.ndarray:
        """Return per-pixel grey noise of shape (height, width, 1), blurred with the unit so that it scales."""
        grain = self.rng.normal(0, 1, (self.height, self.width)).astype(np.float32)
        if self.unit > 1.5:
            grain = blur(grain, self.unit / 4)
            grain *= 0.7 / (grain.std() + 1e-6)
        return (grain * strength)[..., None]

    def disc(self, cx: float, cy: float, radius: float) -> np.ndarray:
        """Return an anti-aliased disc mask; the centre is relative, the radius a part of the short side."""
        dx, dy = (self.x - cx) * self.width, (self.y - cy) * self.height
        return np.clip(radius * self.short - np.hypot(dx, dy) + 0.5, 0, 1)

    def dab(self, image: np.ndarray, cx: float, cy: float, radius: float, rgb, share: float) -> None:
        """Draw a translucent disc in place; the centre is relative, the radius a part of the short side."""
        reach = radius * self.short + 1
        x0, x1 = max(0, int(cx * self.width - reach)), min(self.width, int(cx * self.width + reach) + 1)
        y0, y1 = max(0, int(cy * self.height - reach)), min(self.height, int(cy * self.height + reach) + 1)
        if x0 >= x1 or y0 >= y1:
            return
        part = np.s_[y0:y1, x0:x1]
        gap = np.hypot((self.x[part] - cx) * self.width, (self.y[part] - cy) * self.height)
        cover = np.clip(radius * self.short - gap + 0.5, 0, 1)[..., None] * np.float32(share)
        image[part] += (np.float32(rgb) - image[part]) * cover

    def at(self, image: np.ndarray, x: float, y: float):
        """Return the value of an image at a relative place."""
        return image[min(int(y * self.height), self.height - 1), min(int(x * self.width), self.width - 1)].copy()

    def glow(self, cx: float, cy: float, radius: float) -> np.ndarray:
        """Return a Gaussian spot of shape (height, width, 1) with its peak of 1 at the relative centre."""
        dx = (self.x - cx) * self.width / self.short
        dy = (self.y - cy) * self.height / self.short
        return np.exp(-(dx**2 + dy**2) / (2 * radius**2))[..., None]

    def below(self, line: np.ndarray | float) -> np.ndarray:
        """Return an anti-aliased mask of everything below a horizon: a relative height or one for each column."""
        return np.clip((self.y - line) * self.height + 0.5, 0, 1)

    def scatter(self, count: int) -> np.ndarray:
        """Return about `count` jittered grid points as (x, y) pixels, so that they cover the frame evenly."""
        rows = max(1, round((count * self.height / self.width) ** 0.5))
        columns = max(1, round(count / rows))
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
        points = (grid + self.rng.random(grid.shape)) / (columns, rows)
        return (points * (self.width, self.height)).astype(np.float32)

    def warp(self, image: np.ndarray, units: float, cells: float) -> np.ndarray:
        """Return the image with its points moved by smooth noise of the given size."""
        shift = units * self.unit
        mx = self.x * self.width + (self.noise(cells) - 0.5) * shift
        my = self.y * self.height + (self.noise(cells) - 0.5) * shift
        return cv2.remap(image, mx, my, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def luma(image: np.ndarray) -> np.ndarray:
    """Return the brightness of each pixel, shape (height, width)."""
    return image @ LUMA


def to_hsv(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hue (0..360), saturation and value planes."""
    hsv = cv2.cvtColor(np.clip(image, 0, 1).astype(np.float32), cv2.COLOR_RGB2HSV)
    return hsv[..., 0], hsv[..., 1], hsv[..., 2]


def from_hsv(hue, saturation, value) -> np.ndarray:
    """Return the RGB image of hue (any degrees), saturation and value planes (clipped to 0..1)."""
    planes = np.mod(hue, 360), np.clip(saturation, 0, 1), np.clip(value, 0, 1)
    planes = np.broadcast_arrays(*(np.asarray(p, np.float32) for p in planes))
    return cv2.cvtColor(np.ascontiguousarray(np.dstack(planes)), cv2.COLOR_HSV2RGB)


def colour(hue: float, saturation: float, value: float) -> np.ndarray:
    """Return one RGB colour of shape (3,)."""
    return from_hsv([[hue]], [[saturation]], [[value]])[0, 0]


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the image under a Gaussian blur of `sigma` pixels; a wide one is done on a smaller copy."""
    if sigma < 5:
        return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.1))
    height, width = image.shape[:2]
    size = max(2, round(width * 2.5 / sigma)), max(2, round(height * 2.5 / sigma))
    small = cv2.GaussianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (0, 0), 2.4)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def mix(image, mask, other) -> np.ndarray:
    """Return `image` where the (height, width) mask is 0 and `other` (image or colour) where it is 1."""
    image, mask, other = np.float32(image), np.float32(mask), np.float32(other)
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if mask.ndim != 2 or image.shape[-1] != 3:
        return image + (other - image) * (mask[..., None] if mask.ndim == 2 else mask)
    # Whole planes at once: numpy is five times slower where it has to repeat a mask or a colour for every pixel.
    cover = cv2.merge([mask] * 3)
    image, other = _whole(image, mask.shape), _whole(other, mask.shape)
    cover *= other - image
    cover += image
    return cover


def _whole(rgb: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return a colour as a picture of the shape; a picture as it is."""
    if rgb.ndim > 1:
        return rgb
    return cv2.merge([np.full(shape, channel, np.float32) for channel in rgb])


def spread(mask: np.ndarray) -> np.ndarray:
    """Return a (height, width) mask as three equal channels: much faster to multiply with than one that is broadcast."""
    mask = np.asarray(mask, np.float32)
    return cv2.merge((mask, mask, mask))


def outline(image: np.ndarray, sigma: float) -> np.ndarray:
    """Return the strength of edges (Sobel magnitude of the blurred brightness)."""
    smooth = blur(luma(image).astype(np.float32), sigma)
    return np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))


def flatten(image: np.ndarray, size: int) -> np.ndarray:
    """Return the image under a Kuwahara filter of `size` pixels: flat patches, sharp edges."""
    height, width = image.shape[:2]
    side = size - 1
    image = cv2.copyMakeBorder(np.float32(image), side, side, side, side, cv2.BORDER_REFLECT)
    box = {"ksize": (size, size), "anchor": (0, 0)}
    mean, square = cv2.blur(image, **box), cv2.blur(image * image, **box)
    variance = cv2.transform(square - mean * mean, LUMA[None])
    lowest = result = None
    for top in (side, 0):
        for left in (side, 0):
            part = np.s_[top : top + height, left : left + width]
            if lowest is None:
                lowest, result = variance[part].copy(), mean[part].copy()
                continue
            better = variance[part] < lowest
            np.copyto(result, mean[part], where=better[..., None])
            np.copyto(lowest, variance[part], where=better)
    return result


def cells(frame: Frame, points: np.ndarray, drift: float = 0.0) -> np.ndarray:
    """Return for each pixel the number of its nearest (x, y) point; `drift` units of noise bend the borders."""
    columns = points[:, 0].astype(int).clip(0, frame.width - 1)
    rows = points[:, 1].astype(int).clip(0, frame.height - 1)
    seeds = np.ones((frame.height, frame.width), np.uint8)
    seeds[rows, columns] = 0
    _, label = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    if drift:
        mx = frame.x * frame.width + (frame.noise(8) - 0.5) * drift * frame.unit
        my = frame.y * frame.height + (frame.noise(8) - 0.5) * drift * frame.unit
        label = cv2.remap(np.float32(label), mx, my, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return label.astype(int)


def borders(label: np.ndarray) -> np.ndarray:
    """Return 1 where a pixel's label differs from its upper or left neighbour's (the frame edge is none)."""
    edge = np.zeros(label.shape, np.float32)
    edge[1:] = label[1:] != label[:-1]
    edge[:, 1:] = np.maximum(edge[:, 1:], label[:, 1:] != label[:, :-1])
    return edge


def emboss(image: np.ndarray, units: int, strength: float) -> np.ndarray:
    """Return the image lit from the top left as if its brightness were a relief."""
    light = luma(image)
    relief = light - np.roll(light, (units, units), (0, 1))
    return image + (relief * strength)[..., None]
