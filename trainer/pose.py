"""Where a head is turned, from its landmarks: perspective-n-point on an average face."""

from __future__ import annotations

import cv2
import numpy as np

from trainer.face_3d import FACE_3D
from trainer.scheme import SUBSET_7

RIGID_68 = (*range(17, 48), 48, 54)
"""Brows, nose, eyes and mouth corners: what stays where it is on the head. The jaw's
landmarks slide along the visible outline as the head turns, and the mouth opens."""

_LEAST = 6
_AXES = np.array([1.0, -1.0, -1.0])  # the mesh's axes to a camera's: y down, z away


def head_angles(
    landmarks: np.ndarray, image_size: tuple[float, float]
) -> tuple[float, float, float]:
    """How a head is turned against the line from the camera to it.

    Parameters
    ----------
    landmarks : (68, 2) or (7, 2), xy in pixels; NaN where unknown
    image_size : (width, height) in pixels of the picture the camera took. Only its longer
        side counts: it is taken as the focal length, as of a lens that sees 53 degrees.

    Returns
    -------
    (yaw, pitch, roll) in degrees, NaN where fewer than six landmarks are known or no
    head fits. Yaw is positive when the nose points to the image's right, pitch when it
    points up, roll when the head is tilted clockwise as seen; 0, 0, 0 looks into the camera.
    """
    points = np.asarray(landmarks, np.float64)
    face, used = _model(len(points))
    known = np.isfinite(points).all(axis=-1) & used
    if known.sum() < _LEAST:
        return (np.nan, np.nan, np.nan)
    rotation = _rotation(face[known] * _AXES, points[known], float(max(image_size)))
    return (np.nan, np.nan, np.nan) if rotation is None else angles_of(rotation)


def rotation_of(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(3, 3) rotation in a camera's axes (x right, y down, z away) of angles in degrees.

    The head is tilted first, then raised, then turned; see :func:`head_angles`.
    """
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians((yaw, pitch, roll))) for f in (np.cos, np.sin))
    turn = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    lift = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return turn @ lift @ tilt


def angles_of(rotation: np.ndarray) -> tuple[float, float, float]:
    """The (yaw, pitch, roll) in degrees of a (3, 3) rotation; undoes :func:`rotation_of`."""
    x, y, z = -rotation[:, 2]  # where the nose points
    yaw = float(np.degrees(np.arctan2(x, -z)))
    pitch = float(np.degrees(np.arcsin(np.clip(-y, -1, 1))))
    upright = rotation_of(yaw, pitch, 0).T @ rotation
    return yaw, pitch, float(np.degrees(np.arctan2(upright[1, 0], upright[0, 0])))


def _model(n_landmarks: int) -> tuple[np.ndarray, np.ndarray]:
    """(L, 3) points of the average face, and (L,) which of them to trust."""
    if n_landmarks == len(SUBSET_7):
        return FACE_3D[list(SUBSET_7)], np.ones(n_landmarks, bool)
    used = np.zeros(len(FACE_3D), bool)
    used[list(RIGID_68)] = True
    return FACE_3D, used


def _rotation(face: np.ndarray, points: np.ndarray, focal: float) -> np.ndarray | None:
    # With the axis through the face, the answer is against the line of sight.
    middle = points.mean(axis=0)
    camera = np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1.0]])
    try:
        found, turn, shift = cv2.solvePnP(face, points, camera, None, flags=cv2.SOLVEPNP_SQPNP)
        if not found:
            return None
        turn, _ = cv2.solvePnPRefineLM(face, points, camera, None, turn, shift)
    except cv2.error:  # all points in one place
        return None
    rotation, _ = cv2.Rodrigues(turn)
    return rotation if np.isfinite(rotation).all() else None
