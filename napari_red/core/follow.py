"""Where the camera goes when it follows a face."""

from __future__ import annotations

import numpy as np

FILLS = 0.6
"""How much of the picture's shorter way the face takes."""

SLACK = 0.25
"""By how much of that the size may differ before the zoom changes."""

SMOOTH = 0.35
"""How much of the way to the face the camera goes with a step to a frame nearby."""


def follow(
    points: np.ndarray,
    canvas: tuple[float, float],
    centre: tuple[float, float],
    zoom: float,
    *,
    near: bool,
) -> tuple[tuple[float, float], float]:
    """Where to look.

    Parameters
    ----------
    points : (N, 2) array, yx in video pixels, at least one: the face
    canvas : height and width in screen pixels
    centre, zoom : where the camera looks, yx, and screen pixels per video pixel
    near : True if the frame before is on the canvas, so that the camera glides

    Returns
    -------
    The new centre, yx, and zoom.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    extent = np.maximum(high - low, 1.0)
    wanted = FILLS * float((np.asarray(canvas) / extent).min())
    target = (low + high) / 2
    if not near:
        return (float(target[0]), float(target[1])), wanted
    ratio = zoom / wanted
    if not 1 / (1 + SLACK) <= ratio <= 1 + SLACK:
        zoom = float(zoom * (1 / ratio) ** SMOOTH)
    y, x = np.asarray(centre) + SMOOTH * (target - centre)
    return (float(y), float(x)), zoom
