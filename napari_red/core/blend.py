"""How landmarks of one face pass over into each other, from frame to frame."""

from __future__ import annotations

import numpy as np

from napari_red.core.records import Prediction
from trainer.geometry import FaceBox


def smoothstep(part: float) -> float:
    """0 to 1 without a bend at either end."""
    part = min(max(part, 0.0), 1.0)
    return part * part * (3 - 2 * part)


def between(one: Prediction, other: Prediction, weight: float) -> Prediction:
    """``weight`` 0 is ``one``, 1 is ``other``."""
    landmarks = (1 - weight) * one.landmarks + weight * other.landmarks
    confidence = (1 - weight) * one.confidence + weight * other.confidence
    nearer = one if weight < 0.5 else other
    return Prediction(
        one.frame,
        landmarks.astype(np.float32),
        confidence.astype(np.float32),
        nearer.disagreement,
    )


def farthest(there: np.ndarray, here: np.ndarray) -> float:
    """The farthest that any landmark moves, in sides of the face box; infinite where there
    was none."""
    if not np.isfinite(there).all():
        return float("inf")
    side = max(FaceBox.around(there).side, 1.0)
    return float(np.linalg.norm(there - here, axis=-1).max()) / side
