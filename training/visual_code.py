"""A code of what each subject looks like: principal components of its plain drawing, small.

The text encoder learns to say it in its pooled embedding, so that subjects that look alike are near each other and the UNet
learns one decoding of the code instead of one for each word.
"""

import functools

import cv2
import numpy as np
from renderer.picture import subjects
from renderer.sprites import sprite

SIDE, CODE = 32, 64


def small_drawing(noun: str, drawing: int = 0, side: int = SIDE) -> np.ndarray:
    """Return a subject's drawing as (side, side, 4), premultiplied, its longest side filling the square."""
    picture = sprite(noun, drawing, None)
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.clip(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), 0, 1)
    canvas = np.zeros((side, side, 4), np.float32)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    canvas[top : top + size[1], left : left + size[0]] = small
    return canvas


@functools.cache
def visual_codes() -> np.ndarray:
    """Return a code for each of `subjects()`, float32 (n, CODE), scaled to unit variance as a whole.

    Single components keep their proportions, so that coarse shape and colour count most.
    """
    drawings = np.stack([small_drawing(noun).ravel() for noun in subjects()])
    centred = drawings - drawings.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    codes = centred @ directions[:CODE].T
    codes = np.pad(codes, ((0, 0), (0, CODE - codes.shape[1])))
    return (codes / codes.std()).astype(np.float32)
