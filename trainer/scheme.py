"""Landmark schemes: how many landmarks, what they are called, how they mirror.

Index order never changes anywhere in the project; "left" and "right" mean the
side of the image, because sources disagree about the side of the person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.errors import RedError


class SchemeError(RedError):
    """A number of landmarks that no scheme has."""


@dataclass(frozen=True)
class LandmarkScheme:
    """A fixed, ordered set of landmarks.

    Attributes
    ----------
    name : str
    n_landmarks : int
        L in the paper.
    groups : dict of str to tuple of int
        Facial part to 0-based landmark indices; every landmark is in exactly one.
    contours : tuple of (indices, closed)
        The lines an annotator expects to see.
    flip : tuple of int
        ``mirrored[i] = original[flip[i]]`` after mirroring x.
    eye_corners : (int, int)
        The outer eye corners, whose distance normalises errors.
    """

    name: str
    n_landmarks: int
    groups: dict[str, tuple[int, ...]]
    contours: tuple[tuple[tuple[int, ...], bool], ...]
    flip: tuple[int, ...]
    eye_corners: tuple[int, int]

    def group_of(self) -> list[str]:
        """The facial part of each landmark, in landmark order, length L."""
        names = [""] * self.n_landmarks
        for group, indices in self.groups.items():
            for index in indices:
                names[index] = group
        return names

    def flip_landmarks(self, landmarks: np.ndarray, width: float) -> np.ndarray:
        """Mirror landmarks with an image of ``width`` pixels.

        Parameters
        ----------
        landmarks : (..., L, 2) array, xy in pixels, pixel centres at integers
        width : float
            Image width in pixels.

        Returns
        -------
        (..., L, 2) array, in the same landmark order
        """
        mirrored = np.array(landmarks, copy=True)
        mirrored[..., 0] = width - 1 - mirrored[..., 0]
        return mirrored[..., list(self.flip), :]


def _span(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


IBUG68 = LandmarkScheme(
    name="ibug68",
    n_landmarks=68,
    groups={
        "jaw": _span(0, 16),
        "brows": _span(17, 26),
        "nose": _span(27, 35),
        "eyes": _span(36, 47),
        "mouth": _span(48, 67),
    },
    contours=(
        (_span(0, 16), False),
        (_span(17, 21), False),
        (_span(22, 26), False),
        (_span(27, 30), False),
        (_span(31, 35), False),
        (_span(36, 41), True),
        (_span(42, 47), True),
        (_span(48, 59), True),
        (_span(60, 67), True),
    ),
    flip=(
        *range(16, -1, -1),
        *range(26, 16, -1),
        27, 28, 29, 30,
        35, 34, 33, 32, 31,
        45, 44, 43, 42, 47, 46,
        39, 38, 37, 36, 41, 40,
        54, 53, 52, 51, 50, 49, 48,
        59, 58, 57, 56, 55,
        64, 63, 62, 61, 60,
        67, 66, 65,
    ),
    eye_corners=(36, 45),
)  # fmt: skip

POINTS7 = LandmarkScheme(
    name="points7",
    n_landmarks=7,
    groups={"eyes": (0, 1, 2, 3), "nose": (4,), "mouth": (5, 6)},
    contours=(((0, 1), False), ((2, 3), False), ((5, 6), False)),
    flip=(3, 2, 1, 0, 4, 6, 5),
    eye_corners=(0, 3),
)
"""Four eye corners, nose tip, two mouth corners: the paper's 7-landmark setting."""

SUBSET_7 = (36, 39, 42, 45, 30, 48, 54)
"""Where the 7 landmarks of :data:`POINTS7` are among the 68 of :data:`IBUG68`."""

SCHEMES = {scheme.n_landmarks: scheme for scheme in (IBUG68, POINTS7)}


def scheme_for(n_landmarks: int) -> LandmarkScheme:
    """The scheme with ``n_landmarks`` landmarks.

    Raises
    ------
    SchemeError
        If there is none.
    """
    try:
        return SCHEMES[n_landmarks]
    except KeyError:
        known = ", ".join(str(n) for n in sorted(SCHEMES))
        raise SchemeError(
            f"no landmark scheme has {n_landmarks} landmarks; choose one of {known}"
        ) from None


def subset_7(landmarks: np.ndarray) -> np.ndarray:
    """The 7-landmark subset of a 68-landmark result: (..., 68, 2) to (..., 7, 2)."""
    return landmarks[..., list(SUBSET_7), :]
