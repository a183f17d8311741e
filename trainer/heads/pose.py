"""Where head and chest are, as the camera sees them, and what lands on which pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.pose import angles_of, rotation_of

MESH_TO_CAMERA = np.array([1.0, -1.0, -1.0])
"""The mesh's axes (y up, z near) to a camera's (y down, z away)."""

PIVOT = np.array([0.0, -9.0, -1.5])
"""What the head turns about, in the mesh's axes, cm."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: ``pixel = focal * xy / z + centre``, pixel centres at integers.

    ``focal`` is in pixels, ``width`` and ``height`` of the picture too.
    """

    focal: float
    centre: tuple[float, float]
    width: int
    height: int

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) cm in camera axes to (..., 2) pixels."""
        return points[..., :2] * (self.focal / points[..., 2:]) + self.centre


@dataclass(frozen=True)
class Placement:
    """One moment's stance: angles in degrees as in :mod:`trainer.pose`, ``at`` in cm.

    ``at`` is where the pivot of the neck is, in camera axes.
    """

    yaw: float
    pitch: float
    roll: float
    at: tuple[float, float, float]
    chest_yaw: float = 0.0
    chest_pitch: float = 0.0
    chest_roll: float = 0.0

    @property
    def head(self) -> np.ndarray:
        """(3, 3) rotation of the head in camera axes."""
        return rotation_of(self.yaw, self.pitch, self.roll)

    @property
    def chest(self) -> np.ndarray:
        """(3, 3) rotation of the chest in camera axes."""
        return rotation_of(self.chest_yaw, self.chest_pitch, self.chest_roll)

    def place(self, points: np.ndarray, neck: np.ndarray | float = 1.0) -> np.ndarray:
        """(N, 3) mesh points to (N, 3) cm in camera axes.

        ``neck`` is (N,) or one number: 1 for points of the head, 0 for those of the chest.
        """
        local = (points - PIVOT) * MESH_TO_CAMERA
        weight = np.asarray(neck, np.float64)[..., None]
        turned = weight * (local @ self.head.T) + (1 - weight) * (local @ self.chest.T)
        return turned + np.asarray(self.at)

    def seen_angles(self) -> tuple[float, float, float]:
        """(yaw, pitch, roll) in degrees against the line from the camera to the head.

        :func:`trainer.pose.head_angles` estimates these.
        """
        middle = self.place(np.array([[0.0, 1.0, 5.0]]))[0]
        away = middle / np.linalg.norm(middle)
        side = np.cross((0.0, 1.0, 0.0), away)
        side /= np.linalg.norm(side)
        line = np.stack([side, np.cross(away, side), away], axis=1)
        return angles_of(line.T @ self.head)
