"""Face boxes, crop transforms and their inverses.

Coordinates are xy, 0-based, pixel centres at integers. A crop of S pixels spans
-0.5 … S-0.5 in its own coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

CROP_SIZE = 128
"""Side of the network's input in pixels (paper, section 4.1)."""

CROP_SCALE = 1.4
"""Crop side over face-box side: what leaves room for shift, rotation and motion."""


@dataclass(frozen=True)
class FaceBox:
    """An axis-parallel box around the 68 landmarks.

    ``x, y`` is the top left corner, ``width, height`` the size, in image pixels.
    ``score`` is a detector's confidence in [0, 1], or 1 when the box is given.
    """

    x: float
    y: float
    width: float
    height: float
    score: float = 1.0

    @classmethod
    def around(cls, landmarks: np.ndarray) -> FaceBox:
        """The tight box around (L, 2) landmarks; NaN rows are left out.

        Raises
        ------
        ValueError
            If no landmark is finite.
        """
        points = np.asarray(landmarks, dtype=np.float64)
        points = points[np.isfinite(points).all(axis=-1)]
        if not len(points):
            raise ValueError("a face box needs at least one labelled landmark, all are NaN")
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return cls(float(x0), float(y0), float(x1 - x0), float(y1 - y0))

    @property
    def centre(self) -> tuple[float, float]:
        """(x, y) of the middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def side(self) -> float:
        """Side of the square of the crop before CROP_SCALE: the mean of width and height."""
        return (self.width + self.height) / 2

    def iou(self, other: FaceBox) -> float:
        """Intersection over union, 0 … 1."""
        w = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        h = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        if w <= 0 or h <= 0:
            return 0.0
        inter = w * h
        return inter / (self.width * self.height + other.width * other.height - inter)


@dataclass(frozen=True)
class CropTransform:
    """A similarity between image pixels and the pixels of a square crop.

    ``crop = scale * R(-angle) @ (image - centre) + (size - 1) / 2``: a face whose
    roll is ``angle`` (radians, clockwise as seen) stands upright in the crop.
    """

    centre_x: float
    centre_y: float
    scale: float
    angle: float = 0.0
    size: int = CROP_SIZE

    @classmethod
    def from_box(
        cls,
        box: FaceBox,
        *,
        angle: float = 0.0,
        size: int = CROP_SIZE,
        crop_scale: float = CROP_SCALE,
    ) -> CropTransform:
        """The crop whose side is ``crop_scale`` times that of ``box``."""
        side = max(box.side * crop_scale, 1.0)
        x, y = box.centre
        return cls(x, y, size / side, angle, size)

    def matrix(self) -> np.ndarray:
        """(2, 3) float64 affine matrix from image xy to crop xy."""
        c, s = self.scale * np.cos(self.angle), self.scale * np.sin(self.angle)
        linear = np.array([[c, s], [-s, c]])
        middle = np.full(2, (self.size - 1) / 2)
        return np.column_stack([linear, middle - linear @ (self.centre_x, self.centre_y)])

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Image xy to crop xy: (..., 2) to (..., 2), float32."""
        m = self.matrix()
        return (np.asarray(points, np.float64) @ m[:, :2].T + m[:, 2]).astype(np.float32)

    def invert(self, points: np.ndarray) -> np.ndarray:
        """Crop xy to image xy: (..., 2) to (..., 2), float32."""
        m = self.matrix()
        back = np.linalg.inv(m[:, :2])
        return ((np.asarray(points, np.float64) - m[:, 2]) @ back.T).astype(np.float32)

    def warp(self, image: np.ndarray) -> np.ndarray:
        """Cut the crop out of an image.

        Parameters
        ----------
        image : (H, W, 3) uint8 array

        Returns
        -------
        (size, size, 3) uint8 array; what lies outside the image repeats its border.

        Notes
        -----
        Shrinking averages: the part of the image that matters is first resized by
        area to within a factor of two, so that fine texture doesn't alias.
        """
        matrix = self.matrix()
        if self.scale < 0.5:
            image, matrix = self._shrunk(image, matrix)
        return cv2.warpAffine(
            np.ascontiguousarray(image),
            matrix,
            (self.size, self.size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def _shrunk(self, image: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        height, width = image.shape[:2]
        reach = 0.75 * self.size / self.scale  # half a diagonal, with a margin
        x0, x1 = (int(np.clip(self.centre_x + d, 0, width)) for d in (-reach, reach + 1))
        y0, y1 = (int(np.clip(self.centre_y + d, 0, height)) for d in (-reach, reach + 1))
        if x1 - x0 < 2 or y1 - y0 < 2:
            return image, matrix
        part = image[y0:y1, x0:x1]
        shrunk_w = max(round((x1 - x0) * self.scale * 1.25), 1)
        shrunk_h = max(round((y1 - y0) * self.scale * 1.25), 1)
        small = cv2.resize(part, (shrunk_w, shrunk_h), interpolation=cv2.INTER_AREA)
        ratio = np.array([(x1 - x0) / shrunk_w, (y1 - y0) / shrunk_h])
        # A pixel centre u of the small picture lies at (u + 0.5) * ratio - 0.5 + corner.
        offset = 0.5 * ratio - 0.5 + (x0, y0)
        linear = matrix[:, :2]
        return small, np.column_stack([linear * ratio, matrix[:, 2] + linear @ offset])


def roll_angle(landmarks: np.ndarray, eye_corners: tuple[int, int]) -> float:
    """In-plane rotation of a face in radians, clockwise as seen; 0 where unknown.

    ``landmarks`` is (L, 2) xy; the angle is that of the line through the outer
    eye corners.
    """
    first, second = landmarks[eye_corners[0]], landmarks[eye_corners[1]]
    dx, dy = second - first
    if not np.isfinite(dx + dy) or (dx == 0 and dy == 0):
        return 0.0
    return float(np.arctan2(dy, dx))
