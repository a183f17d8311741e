"""A frame round a face with which it is moved, turned and scaled as a whole.

Everything here is in napari's order, yx, in video pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_red.core.edits import transform
from napari_red.core.points import from_napari, to_napari

Part = Literal["move", "turn", "scale"]

MARGIN = 0.08
"""How far the frame is from the outermost landmarks, as a part of the face's extent."""

STEM = 0.16
"""How far above the frame the handle for turning is, as a part of the face's extent."""


@dataclass(frozen=True, eq=False)
class FaceFrame:
    """The frame round one face.

    Attributes
    ----------
    low, high : (2,) float64 arrays, yx of the corners
    knob : (2,) float64 array, yx of the handle for turning
    """

    low: np.ndarray
    high: np.ndarray
    knob: np.ndarray

    @classmethod
    def around(cls, points: np.ndarray) -> FaceFrame | None:
        """The frame round (N, 2) points, yx; None if there are fewer than two."""
        if len(points) < 2:
            return None
        low, high = points.min(axis=0), points.max(axis=0)
        extent = max(float((high - low).max()), 1.0)
        low, high = low - MARGIN * extent, high + MARGIN * extent
        knob = np.array([low[0] - STEM * extent, (low[1] + high[1]) / 2])
        return cls(low, high, knob)

    @property
    def centre(self) -> np.ndarray:
        """(2,) float64 array, yx."""
        return (self.low + self.high) / 2

    @property
    def corners(self) -> np.ndarray:
        """(4, 2) float64 array, yx, clockwise on the screen from the upper left."""
        (top, left), (bottom, right) = self.low, self.high
        return np.array([(top, left), (top, right), (bottom, right), (bottom, left)])

    def part_at(self, place: np.ndarray, reach: float) -> Part | None:
        """What a drag that begins at ``place`` does; handles reach so many pixels far."""
        if np.abs(place - self.knob).max() <= reach:
            return "turn"
        if (np.abs(place - self.corners).max(axis=1) <= reach).any():
            return "scale"
        if (place >= self.low).all() and (place <= self.high).all():
            return "move"
        return None

    def outline(self, handle: float) -> np.ndarray:
        """(N, 2) float64 array, yx: one line round the face, its handles squares of
        ``handle`` pixels."""
        square = handle / 2 * np.array([(-1, -1), (-1, 1), (1, 1), (1, -1), (-1, -1)])
        a, b, c, d = self.corners
        middle = np.array([self.low[0], self.knob[1]])
        parts = [a + square, [a], [middle], [self.knob], self.knob + square, [self.knob]]
        parts += [[middle]]
        for corner in (b, c, d):
            parts += [[corner], corner + square, [corner]]
        return np.concatenate([*parts, [a]])


def dragged(
    points: np.ndarray, part: Part, frame: FaceFrame, start: np.ndarray, now: np.ndarray
) -> np.ndarray:
    """Where a face is after a drag of its frame.

    Parameters
    ----------
    points : (N, 2) array, yx, as they were when the drag began
    part : what the drag does; scaling keeps the opposite corner, turning the middle
    start, now : (2,) arrays, yx, where the drag began and where it is

    Returns
    -------
    (N, 2) float64 array, yx
    """
    (landmarks,) = from_napari(points, len(points))
    if part == "move":
        dy, dx = np.asarray(now, float) - start
        placed = transform(landmarks, move=(dx, dy))
    elif part == "turn":
        before, after = (_angle(np.asarray(p, float) - frame.centre) for p in (start, now))
        placed = transform(landmarks, turn=after - before, about=_xy(frame.centre))
    else:
        corner = int(np.abs(frame.corners - start).max(axis=1).argmin())
        fixed = frame.corners[(corner + 2) % 4]
        before = float(np.linalg.norm(np.asarray(start, float) - fixed))
        after = float(np.linalg.norm(np.asarray(now, float) - fixed))
        factor = min(max(after / max(before, 1e-6), 0.1), 10.0)
        placed = transform(landmarks, scale=factor, about=_xy(fixed))
    return to_napari(placed[None])[0]


def _xy(yx: np.ndarray) -> tuple[float, float]:
    return float(yx[1]), float(yx[0])


def _angle(yx: np.ndarray) -> float:
    """Degrees, clockwise on the screen from the right."""
    return float(np.degrees(np.arctan2(yx[0], yx[1])))
