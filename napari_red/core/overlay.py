"""Landmarks and contour lines drawn onto a frame: for reports, the README, the demo."""

from __future__ import annotations

import cv2
import numpy as np

from napari_red.core.palette import CORRECTED_COLOUR, landmark_colours, opacity
from napari_red.core.points import segment_indices
from trainer.scheme import scheme_for

_SHIFT = 4  # binary digits of sub-pixel precision in OpenCV's drawing


def draw_landmarks(
    image: np.ndarray,
    landmarks: np.ndarray,
    confidence: np.ndarray | None = None,
    corrected: np.ndarray | None = None,
    *,
    scale: int = 1,
) -> np.ndarray:
    """A copy of the frame with the landmarks on it.

    Parameters
    ----------
    image : (H, W, 3) uint8 array
    landmarks : (F, L, 2) array, xy in pixels of the image, NaN = not drawn
    confidence : (F, L) array, 0 … 1, or None for all 1; low is drawn faint
    corrected : (F, L) bool array or None; True gets a white rim
    scale : how many times larger than the frame the picture is, at least 1

    Returns
    -------
    (H * scale, W * scale, 3) uint8 array
    """
    height, width = image.shape[:2]
    size = (width * scale, height * scale)
    picture = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC) if scale > 1 else image.copy()
    faces = np.asarray(landmarks, np.float64)
    if confidence is None:
        confidence = np.ones(faces.shape[:2])
    if corrected is None:
        corrected = np.zeros(faces.shape[:2], bool)
    scheme = scheme_for(faces.shape[1])
    colours = landmark_colours(scheme) * 255
    for points, sure, by_hand in zip(
        (faces + 0.5) * scale - 0.5, opacity(confidence), corrected, strict=True
    ):
        finite = np.isfinite(points).all(axis=1)
        if not finite.any():
            continue
        extent = np.ptp(points[finite], axis=0).max()
        radius, line = max(extent / 90, 1.5), max(round(extent / 200), 1)
        for a, b in segment_indices(scheme):
            if finite[a] and finite[b]:
                alpha = 0.7 * min(sure[a], sure[b])
                _blend(picture, alpha, _line, points[a], points[b], tuple(colours[b]), line)
        for i in np.flatnonzero(finite):
            if by_hand[i]:
                _blend(picture, 1.0, _dot, points[i], radius * 1.6, CORRECTED_COLOUR)
            _blend(picture, sure[i], _dot, points[i], radius, tuple(colours[i]))
    return picture


def _fixed(point: np.ndarray) -> tuple[int, int]:
    x, y = np.round(point * 2**_SHIFT).astype(int)
    return int(x), int(y)


def _line(picture: np.ndarray, a: np.ndarray, b: np.ndarray, colour: tuple, width: int) -> None:
    cv2.line(picture, _fixed(a), _fixed(b), colour, width, cv2.LINE_AA, _SHIFT)


def _dot(picture: np.ndarray, centre: np.ndarray, radius: float, colour: tuple) -> None:
    cv2.circle(picture, _fixed(centre), round(radius * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)


def _blend(picture: np.ndarray, alpha: float, draw, *values) -> None:
    """Draw with opacity ``alpha``, touching only the part of the picture concerned."""
    points = np.array([value for value in values if isinstance(value, np.ndarray)])
    margin = max(value for value in values if isinstance(value, (int, float))) + 3
    low = np.maximum(np.floor(points.min(axis=0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(points.max(axis=0) + margin) + 1, picture.shape[1::-1]).astype(int)
    if (high <= low).any():
        return
    part = picture[low[1] : high[1], low[0] : high[0]]
    drawn = part.copy()
    draw(drawn, *(v - low if isinstance(v, np.ndarray) else v for v in values))
    cv2.addWeighted(drawn, float(alpha), part, 1 - float(alpha), 0, dst=part)
