"""Landmarks as the project keeps them and as napari wants them.

The only place that swaps axes. The project: ``(F, L, 2)`` xy, pixel centres at
integers, NaN = not labelled. napari: ``(F * L, 2)`` yx, face after face, always
finite, because NaN breaks a layer's extent and thumbnail.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from trainer.geometry import FaceBox
from trainer.scheme import LandmarkScheme

PLACEHOLDER = 0.0
"""Where a landmark without a position stands in napari's array; it is never shown."""


def to_napari(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks of one frame for a Points layer.

    Parameters
    ----------
    landmarks : (F, L, 2) array, xy in video pixels, NaN where not labelled

    Returns
    -------
    points : (F * L, 2) float64 array, yx, finite; a copy
    labelled : (F * L,) bool array
    """
    flat = np.asarray(landmarks, np.float64).reshape(-1, 2)[:, ::-1]
    labelled = np.asarray(np.isfinite(flat).all(axis=1))
    return np.where(labelled[:, None], flat, PLACEHOLDER), labelled


def from_napari(points: np.ndarray, n_landmarks: int) -> np.ndarray:
    """Points of a layer as landmarks of one frame.

    Parameters
    ----------
    points : (F * L, 2) array, yx
    n_landmarks : int
        L.

    Returns
    -------
    (F, L, 2) float32 array, xy; a copy
    """
    return np.array(np.asarray(points)[:, ::-1], np.float32).reshape(-1, n_landmarks, 2)


def face_and_landmark(index: int, n_landmarks: int) -> tuple[int, int]:
    """Which face and which landmark the point ``index`` of a layer is."""
    return divmod(int(index), n_landmarks)


def by_face(indices: Iterable[int], n_landmarks: int) -> dict[int, list[int]]:
    """Face to its landmarks among these points of a layer."""
    found: dict[int, list[int]] = {}
    for index in indices:
        face, landmark = face_and_landmark(index, n_landmarks)
        found.setdefault(face, []).append(landmark)
    return found


def moved_places(
    points: np.ndarray, before: np.ndarray, n_landmarks: int
) -> dict[int, dict[int, tuple[float, float]]]:
    """Where the points of a layer are that aren't where they were.

    Parameters
    ----------
    points, before : (F * L, 2) arrays, yx
    n_landmarks : int
        L.

    Returns
    -------
    Face to landmark to (x, y), of those only that have moved.
    """
    landmarks = from_napari(points, n_landmarks)
    moved = np.flatnonzero((points != before).any(axis=1))
    return {
        face: {index: _xy(landmarks[face, index]) for index in indices}
        for face, indices in by_face(moved, n_landmarks).items()
    }


def box_to_napari(box: FaceBox) -> np.ndarray:
    """A face box as a napari rectangle: (4, 2) float64 array of corners, yx."""
    x0, y0, x1, y1 = box.x, box.y, box.x + box.width, box.y + box.height
    return np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]], np.float64)


def box_from_napari(corners: np.ndarray) -> FaceBox:
    """The face box around the corners of a napari shape: (N, 2 or more), yx last."""
    return FaceBox.around(np.asarray(corners, np.float64)[:, -2:][:, ::-1])


def segment_indices(scheme: LandmarkScheme) -> np.ndarray:
    """(S, 2) int array: the pairs of landmarks that contour lines join."""
    pairs: list[tuple[int, int]] = []
    for indices, closed in scheme.contours:
        pairs += pairwise(indices)
        if closed:
            pairs.append((indices[-1], indices[0]))
    return np.array(pairs, int)


def contour_vectors(points: np.ndarray, segments: np.ndarray, n_landmarks: int) -> np.ndarray:
    """Contour lines as napari vectors, for every face in a layer.

    Parameters
    ----------
    points : (F * L, 2) array, yx, finite
    segments : (S, 2) int array from :func:`segment_indices`
    n_landmarks : int
        L.

    Returns
    -------
    (F * S, 2, 2) float64 array: start yx and direction yx. A line of no length gets
    a tiny one, since its normal has to exist.
    """
    faces = np.asarray(points, np.float64).reshape(-1, n_landmarks, 2)
    starts, ends = faces[:, segments[:, 0]], faces[:, segments[:, 1]]
    vectors = np.stack([starts, ends - starts], axis=2).reshape(-1, 2, 2)
    vectors[~vectors[:, 1].any(axis=1), 1] = 1e-3
    return vectors


def _xy(landmark: np.ndarray) -> tuple[float, float]:
    return float(landmark[0]), float(landmark[1])
