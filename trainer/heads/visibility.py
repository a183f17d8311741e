"""Whether landmarks are seen, from how far away each pixel's surface is."""

from __future__ import annotations

import numpy as np


def visible_at(
    depth: np.ndarray,
    pixels: np.ndarray,
    distance: np.ndarray,
    scale: float = 1.5,
    tolerance: float = 0.6,
) -> np.ndarray:
    """Whether surface points are seen.

    Parameters
    ----------
    depth : (H * scale, W * scale) float32 cm, of :meth:`Renderer.draw`
    pixels : (L, 2) where the points land, in pixels of the picture
    scale : how much finer ``depth`` is
    distance : (L,) cm, how far away they are
    tolerance : cm; points on an outline lie between their own surface and what is behind

    Returns
    -------
    (L,) bool: inside the picture, and nothing in front
    """
    height, width = depth.shape
    x, y = np.round((pixels + 0.5) * scale - 0.5).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    padded = np.pad(depth, 1, mode="edge")
    cx, cy = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    around = [padded[cy + dy, cx + dx] for dy in range(3) for dx in range(3)]
    return inside & (np.max(around, axis=0) > distance - tolerance)
