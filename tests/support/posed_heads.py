"""Landmarks of an average head as a camera sees it in a pose."""

from __future__ import annotations

import numpy as np

from trainer.face_3d import FACE_3D
from trainer.pose import rotation_of


def seen(yaw=0.0, pitch=0.0, roll=0.0, *, at=(640, 360), side=300.0, focal=1280.0) -> np.ndarray:
    """(68, 2) landmarks of the average head in a pose, its size on the picture ``side`` or so."""
    camera = FACE_3D * (1, -1, -1) @ rotation_of(yaw, pitch, roll).T
    away = 15 * focal / side
    return focal * camera[:, :2] / (camera[:, 2:] + away) + at
