"""A linear latent space: principal components of 8x8 patches, of the picture itself or of one half its size.

Encoding is one matrix product, so that diffusion training can start before any autoencoder exists; the autoencoder is
then trained to this space (train_vae.py). Strong components are damped (divided by their standard deviation to the power
of 0.6), so that the latents have unit variance overall and colour still counts most. `codec.npz` beside this file holds
the space of the released models: every checkpoint of every size reads the same 16 channels.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

PATCH = 8
DAMPING = 0.6
RELEASED = Path(__file__).parent / "codec.npz"


@dataclass
class PatchCodec:
    """The linear map between uint8 pictures (n, h, w, 3) and latents (n, channels, h / cell, w / cell).

    With `reduce` = 2 a picture is averaged over 2x2 pixels first, so that a cell covers 16x16 pixels of it.
    """

    mean: np.ndarray
    basis: np.ndarray
    scale: np.ndarray
    reduce: int = 1

    @property
    def cell(self) -> int:
        """Return the side of a latent cell in pixels."""
        return PATCH * self.reduce

    @classmethod
    def fit(cls, images: np.ndarray, channels: int) -> "PatchCodec":
        """Find the components of the patches of some pictures."""
        patches = np.concatenate([_patches(part).reshape(-1, PATCH * PATCH * 3) for part in np.array_split(images, 16)])
        mean = patches.mean(0)
        covariance = (patches - mean).T @ (patches - mean) / len(patches)
        values, vectors = np.linalg.eigh(covariance.astype(np.float64))
        values, vectors = values[::-1][:channels], vectors[:, ::-1][:, :channels]
        scale = values ** (-0.5 * DAMPING)
        scale /= np.sqrt((values * scale**2).mean())
        return cls(mean.astype(np.float32), vectors.astype(np.float32), scale.astype(np.float32))

    @classmethod
    def load(cls, path: str | Path = RELEASED, reduce: int = 1) -> "PatchCodec":
        """Read a codec written by `save`."""
        data = np.load(path)
        return cls(data["mean"], data["basis"], data["scale"], reduce)

    def save(self, path: str) -> None:
        """Write the codec to an .npz file."""
        np.savez(path, mean=self.mean, basis=self.basis, scale=self.scale)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return latents, float32."""
        latents = ((_patches(_shrink(images, self.reduce)) - self.mean) @ self.basis) * self.scale
        return np.ascontiguousarray(latents.transpose(0, 3, 1, 2))

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Return the pictures of some latents, uint8, enlarged again where encoding shrank them."""
        patches = (latents.transpose(0, 2, 3, 1) / self.scale) @ self.basis.T + self.mean
        n, rows, columns = patches.shape[:3]
        pixels = patches.reshape(n, rows, columns, PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
        pixels = pixels.reshape(n, rows * PATCH, columns * PATCH, 3)
        if self.reduce > 1:
            size = pixels.shape[2] * self.reduce, pixels.shape[1] * self.reduce
            pixels = np.stack([cv2.resize(p, size, interpolation=cv2.INTER_CUBIC) for p in pixels])
        return ((np.clip(pixels, -1, 1) + 1) * 127.5 + 0.5).astype(np.uint8)

    def rgb_map(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the matrix (channels, 3) and bias (3,) that give each latent cell's mean colour in -1..1."""
        mean_of = np.tile(np.eye(3, dtype=np.float32), (PATCH * PATCH, 1)) / PATCH**2
        return (self.basis.T @ mean_of) / self.scale[:, None], self.mean @ mean_of

    def at(self, reduce: int) -> "PatchCodec":
        """Return the same space for pictures that are `reduce` times as large."""
        return replace(self, reduce=reduce)


def _shrink(images: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return images
    n, height, width = images.shape[:3]
    return images.reshape(n, height // factor, factor, width // factor, factor, 3).mean((2, 4), dtype=np.float32)


def _patches(images: np.ndarray) -> np.ndarray:
    n, height, width = images.shape[:3]
    grid = images.reshape(n, height // PATCH, PATCH, width // PATCH, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return grid.reshape(n, height // PATCH, width // PATCH, PATCH * PATCH * 3).astype(np.float32) / 127.5 - 1
