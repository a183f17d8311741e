"""Labels that lie beside what they mark: one shift of a whole set, seen in the mirror.

A program that counts pixels from 1 where another counts from 0, or a detector that rounds up,
moves every label of a set to the right and down. People wouldn't see one pixel, but a network
learns it, and in a picture's mirror the same shift points the other way. An answer that is the
mean of those for a picture and its mirror picture therefore has no shift to the side, whatever
the network has learned, and what the labels have beside it is their own.

Downwards a mirror shows nothing. Whatever moves a label to the right by counting or rounding
moves it down as far, so that is what is assumed; docs/labels.md says what speaks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.metrics import FAILURE, bootstrap_interval, interocular, nme
from trainer.scheme import scheme_for

LEAST_FACES = 30
"""Fewer faces than this say too little."""

NOTICED = 0.2
"""A shift that may be smaller than so many pixels is left alone."""


@dataclass(frozen=True)
class LabelShift:
    """How far to the right of, and below, its landmarks a set's labels lie.

    Attributes
    ----------
    pixels : in pixels of the set's pictures
    low, high : 95 % bootstrap interval over people or photos
    faces : how many it was measured on
    """

    pixels: float
    low: float
    high: float
    faces: int

    @property
    def sure(self) -> bool:
        """Whether it is more than nothing, to the right or to the left."""
        return self.low > NOTICED or self.high < -NOTICED


def measure_label_shift(
    answers: np.ndarray, labels: np.ndarray, groups: Sequence[str]
) -> LabelShift | None:
    """The shift of a set's labels, from answers that are the same in the mirror.

    Parameters
    ----------
    answers : (N, L, 2) xy in pixels, each the mean of the answers for a picture and its
        mirror picture; NaN where no face was found
    labels : (N, L, 2) xy in pixels, NaN where not labelled
    groups : person or photo of each face

    Returns
    -------
    None where fewer than :data:`LEAST_FACES` faces can be used. Failures aren't; and what
    differs between faces turned to the left and to the right, or tilted, is taken out.
    """
    return _fitted(answers, labels, groups, column=0)


def measure_answers_below(
    answers: np.ndarray, labels: np.ndarray, groups: Sequence[str]
) -> LabelShift | None:
    """How far down the face answers lie from where upright and tilted labels agree.

    A shift that a network learned runs down the face, and down a face tilted to one side is
    to the other side in the picture; the labels' own shift is the same however a face is
    tilted. So the difference between tilted faces shows what a network learned of a shift
    downwards. Parameters are those of :func:`measure_label_shift`; the shift is of the
    answers here, in pixels.
    """
    return _fitted(answers, labels, groups, column=3)


def _fitted(
    answers: np.ndarray, labels: np.ndarray, groups: Sequence[str], column: int
) -> LabelShift | None:
    """One coefficient of how far labels lie to the right of answers: of 1, of how far a face
    is turned and its third power, and of the sine of its tilt."""
    scheme = scheme_for(labels.shape[1])
    used = np.isfinite(labels).any(axis=(1, 2)) & np.isfinite(answers).all(axis=(1, 2))
    apart = labels[used].astype(np.float64) - answers[used]
    moved = np.nanmean(apart, axis=1, keepdims=True)
    # As it lies, the smallest faces' shift alone would be a failure.
    used[used] = nme(apart - moved + labels[used], labels[used]) < FAILURE
    if used.sum() < LEAST_FACES:
        return None
    answers = answers[used].astype(np.float64)
    aside = np.nanmean(labels[used, :, 0] - answers[..., 0], axis=1)
    first, second = (answers[:, corner] for corner in scheme.eye_corners)
    along = (second - first) / interocular(answers)[:, None]
    middle = answers.mean(axis=1) - (first + second) / 2
    turned = (middle * along).sum(axis=1) / interocular(answers)
    terms = np.stack([np.ones(len(aside)), turned, turned**3, along[:, 1]], axis=1)

    def coefficient(rows: np.ndarray) -> float:
        return float(np.linalg.lstsq(terms[rows], aside[rows], rcond=None)[0][column])

    everyone = np.arange(len(aside))
    names = [group for group, taken in zip(groups, used, strict=True) if taken]
    low, high = bootstrap_interval(everyone, names, coefficient)
    return LabelShift(coefficient(everyone), low, high, len(aside))
