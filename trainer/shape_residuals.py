"""What people corrected in faces of a like shape, for any other frame or video.

A network is off in much the same way wherever a face is turned and opened in much the same
way, and so is what it was taught from what somebody calls right. Kernel regression (Nadaraya
and Watson, 1964) of the corrections on the shape that the network sees tells how far. A face
is much the same in a mirror, so what was corrected on one side holds for the other too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NEAR = 0.08
"""Standard deviation of the kernel: root mean square distance of two shapes' landmarks, in
root mean square distances of a shape's landmarks from their centre."""

UNCHANGED = 2.0
"""So many faces that nothing had to be changed in stand beside those that are known."""

SOMEBODY_ELSE = 0.3
"""What a correction of another person counts, one of the same person counting 1."""


MIRRORED = 0.15
"""What the mirror picture of a correction counts."""


@dataclass(frozen=True, eq=False)
class CorrectedFaces:
    """Faces that a person set right. N faces, L landmarks.

    Attributes
    ----------
    told : (N, L, 2) xy in pixels, what they say; NaN where they say nothing
    seen : (N, L, 2) what the network says of the same faces, all finite
    people : N words, the same for the same person
    """

    told: np.ndarray
    seen: np.ndarray
    people: tuple[str, ...]


class ShapeResiduals:
    """How far off a network is expected to be, by what it sees.

    Parameters
    ----------
    mean_shape : (L, 2), any size: what shapes are laid on
    faces : what is known
    flip : which landmark each one is in a mirror, as in :class:`trainer.scheme.LandmarkScheme`;
        None leaves mirror pictures out
    """

    def __init__(
        self, mean_shape: np.ndarray, faces: CorrectedFaces, flip: Sequence[int] | None = None
    ) -> None:
        centred = as_complex(mean_shape) - as_complex(mean_shape).mean()
        self._mean = centred / np.sqrt((np.abs(centred) ** 2).mean())
        seen = as_complex(faces.seen)
        away = as_complex(faces.told) - seen
        people, counts = np.asarray(faces.people, object), np.ones(len(seen))
        if flip is not None:
            seen = np.concatenate([seen, _mirrored(seen, flip)])
            away = np.concatenate([away, _mirrored(away, flip)])
            people = np.concatenate([people, people])
            counts = np.concatenate([counts, MIRRORED * counts])
        self._shapes, turns = self._laid(seen)
        away = away / turns
        self._known = np.isfinite(away)
        self._away = np.where(self._known, away, 0)
        self._counts = {
            person: counts * np.where(people == person, 1.0, SOMEBODY_ELSE)
            for person in set(faces.people)
        }
        self._stranger = counts * SOMEBODY_ELSE

    def offset(self, seen: np.ndarray, person: str = "") -> np.ndarray:
        """(L,) complex: what to add to a face's landmarks, in their pixels.

        Parameters
        ----------
        seen : (L, 2) finite xy in pixels, what the network says
        person : one of :attr:`CorrectedFaces.people`; anything else is somebody else
        """
        shapes, turns = self._laid(as_complex(seen)[None])
        apart = (np.abs(self._shapes - shapes) ** 2).mean(axis=1)
        weights = self._counts.get(person, self._stranger) * np.exp(-apart / (2 * NEAR**2))
        away = (weights @ self._away) / (weights @ self._known + UNCHANGED)
        return away * turns[0]

    def _laid(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, L) shapes laid on the mean shape, and (N, 1) what turns and scales them back."""
        centred = points - points.mean(axis=1, keepdims=True)
        turns = (centred @ self._mean.conj())[:, None] / len(self._mean)
        return centred / turns, turns


def _mirrored(points: np.ndarray, flip: Sequence[int]) -> np.ndarray:
    return -points.conj()[:, list(flip)]


def as_complex(points: np.ndarray) -> np.ndarray:
    """(..., 2) xy as complex numbers, (...)."""
    return points[..., 0].astype(np.float64) + 1j * points[..., 1]
