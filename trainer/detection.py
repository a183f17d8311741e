"""Face detectors behind one small interface.

Measured on other people's faces (452 YouTube frames; 870 + 337 photos of Helen and AFW;
one CPU thread). A face is found if its box overlaps the true one by IoU 0.3; "first" asks
that of the first box alone:

===================================  =======  =======  ================  ============
detector                             frames   photos   first             ms a picture
===================================  =======  =======  ================  ============
MTCNN, windows from 20 px            100 %    100 %    100 / 99.7 %      11 / 19
MTCNN, as :data:`SEARCH` says        100 %    100 %    100 / 99.9 %      11 / 14
LBP cascade of scikit-image          93.6 %   87.6 %   93.4 / 87.6 %     28 / 23
===================================  =======  =======  ================  ============

Pictures cut to the face itself: 86-94 % in the first look, 99.3 % with the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from trainer.geometry import CROP_SCALE, CropTransform, FaceBox
from trainer.mtcnn import DetectorError, Mtcnn
from trainer.scheme import IBUG68

__all__ = [
    "DetectedFace",
    "DetectorError",
    "FaceDetector",
    "FaceJudge",
    "MtcnnDetector",
    "box_of_landmarks",
    "default_detector",
]

_JUDGED_SIDE = 48  # pixels that O-Net sees
_JUDGED_SCALE = 1.1  # side of what it sees over that of the landmark box


@dataclass(frozen=True)
class DetectedFace(FaceBox):
    """A face box with the face's roll as the detector saw it.

    ``angle`` is in radians, clockwise as seen, as :func:`trainer.geometry.roll_angle`.
    """

    angle: float = 0.0


class FaceDetector(Protocol):
    """Anything that finds faces."""

    def detect(self, image: np.ndarray) -> list[FaceBox]:
        """Faces of an image, the one a person would mean first.

        Parameters
        ----------
        image : (H, W, 3) uint8 RGB array

        Returns
        -------
        Tight boxes of the 68 landmarks in image pixels; may reach beyond the image.
        :class:`DetectedFace` where the detector tells the roll too.
        """
        ...


@runtime_checkable
class FaceJudge(Protocol):
    """A detector that can also say whether a place shows a face, in no time."""

    def face_probability(self, image: np.ndarray, places: list[CropTransform]) -> np.ndarray:
        """How sure it is that each place shows a face.

        Parameters
        ----------
        image : (H, W, 3) uint8 RGB array
        places : N crops as for the network

        Returns
        -------
        (N,) array, 0 to 1
        """
        ...


@dataclass(frozen=True)
class SearchSettings:
    """What sizes of face are looked for, and when a second look is taken.

    Attributes
    ----------
    min_face_pixels : float
        Smallest window ever searched.
    min_face_part : float
        Smallest window of the first look, as a part of the picture's shorter side.
    second_part : float
        The same for the second look, taken when the first one found nothing.
    second_margin : float
        Border added around the picture for the second look, as a part of its longer
        side: a face that fills the whole picture is found only with room around it.
    """

    min_face_pixels: float = 20.0
    min_face_part: float = 0.08
    second_part: float = 0.03
    second_margin: float = 0.15


SEARCH = SearchSettings()


@dataclass(frozen=True)
class BoxMapping:
    """From a detector's box and five points to the tight box of the 68 landmarks.

    Everything is in units of the detector box's side (mean of width and height), seen
    from its centre. ``centre_x`` and ``centre_y`` weigh 1 and the coordinate of the eyes'
    middle, the nose tip and the mouth's middle; ``log_width`` and ``log_height`` weigh 1
    and width / side - 1. A least-squares fit on one half (by person or photo) of
    YouTube Faces' training people and Helen, 875 faces; on the other half, other people
    and AFW the centre is right to 0.03 of the side in x and 0.03 in y, the size to 5 %
    (standard deviations).
    """

    centre_x: tuple[float, ...] = (-0.017, 0.930, -0.875, 0.467)
    centre_y: tuple[float, ...] = (0.051, 0.208, 0.100, 0.306)
    log_width: tuple[float, ...] = (0.027, 0.922)
    log_height: tuple[float, ...] = (-0.201, -0.536)

    def __call__(self, box: np.ndarray, points: np.ndarray) -> DetectedFace:
        """One face of :meth:`trainer.mtcnn.Mtcnn.detect`, mapped."""
        width, height = box[2:4] - box[:2]
        side = (width + height) / 2
        centre = (box[:2] + box[2:4]) / 2
        eyes, nose, mouth = points[:2].mean(axis=0), points[2], points[3:].mean(axis=0)
        seen = (np.stack([eyes, nose, mouth]) - centre) / side
        x = centre[0] + side * np.dot(self.centre_x, [1, *seen[:, 0]])
        y = centre[1] + side * np.dot(self.centre_y, [1, *seen[:, 1]])
        shape = [1, width / side - 1]
        w = side * np.exp(np.dot(self.log_width, shape))
        h = side * np.exp(np.dot(self.log_height, shape))
        dx, dy = points[1] - points[0]
        return DetectedFace(
            float(x - w / 2),
            float(y - h / 2),
            float(w),
            float(h),
            score=float(box[4]),
            angle=float(np.arctan2(dy, dx)),
        )


class MtcnnDetector:
    """MTCNN, mapped to landmark boxes. One instance per thread.

    Raises
    ------
    DetectorError
        If the detector's weights are missing.
    """

    def __init__(self, search: SearchSettings = SEARCH, mapping: BoxMapping | None = None):
        self._search = search
        self._mapping = mapping or BoxMapping()
        self._net = Mtcnn()

    def detect(self, image: np.ndarray) -> list[FaceBox]:
        """See :class:`FaceDetector`."""
        image = np.ascontiguousarray(image)
        if min(image.shape[:2]) == 0:
            return []
        boxes, points = self._net.detect(image, self._smallest(image, self._search.min_face_part))
        if not len(boxes):
            boxes, points = self._second_look(image)
        faces = [self._mapping(box, five) for box, five in zip(boxes, points, strict=True)]
        # Sure and large first: a small sharp face behind somebody is seldom meant.
        return sorted(faces, key=lambda face: -(face.score**2) * np.sqrt(face.side))

    def face_probability(self, image: np.ndarray, places: list[CropTransform]) -> np.ndarray:
        """See :class:`FaceJudge`. Takes 1 ms a face.

        Of 206 real faces all had 0.99 or more; places beside them, one box side away, had
        0.22 or less in 99 of 100 cases.
        """
        if not places:
            return np.empty(0)
        part = _JUDGED_SIDE * CROP_SCALE / _JUDGED_SCALE
        return self._net.face_probability(
            np.stack(
                [
                    replace(place, scale=place.scale * part / place.size, size=_JUDGED_SIDE).warp(
                        image
                    )
                    for place in places
                ]
            )
        )

    def _smallest(self, image: np.ndarray, part: float) -> float:
        return max(self._search.min_face_pixels, part * min(image.shape[:2]))

    def _second_look(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        margin = int(self._search.second_margin * max(image.shape[:2]))
        padded = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
        boxes, points = self._net.detect(padded, self._smallest(image, self._search.second_part))
        boxes[:, :4] -= margin
        return boxes, points - margin


def box_of_landmarks(face: FaceBox, n_landmarks: int) -> FaceBox:
    """From the box of a face's 68 landmarks to that of the scheme's landmarks.

    The 7 landmarks of :data:`trainer.scheme.POINTS7` span a smaller box; its place in
    the larger one was measured on 2,447 faces.
    """
    if n_landmarks == IBUG68.n_landmarks:
        return face
    x, y = face.centre
    width, height = 0.594 * face.side, 0.512 * face.side
    return replace(
        face, x=x - width / 2, y=y - 0.073 * face.side - height / 2, width=width, height=height
    )


def default_detector() -> FaceDetector:
    """The embedded detector: works offline at once.

    Raises
    ------
    DetectorError
        If its weights are missing.
    """
    return MtcnnDetector()
