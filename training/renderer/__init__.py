"""Draw captioned synthetic pictures: an emoji sprite in a scene, seen through style operators."""

from .picture import Spec, render

__all__ = ["Spec", "render"]
