"""Labels that lie beside what they mark: one shift of a whole set, seen in the mirror.

A program that counts pixels from 1 where another counts from 0, or a detector that rounds up,
moves every label of a set to the right and down. People wouldn't see one pixel, but a network
learns it, and in a picture's mirror the same shift points the other way. An answer that is the
mean of those for a picture and its mirror picture therefore has no shift to the side, whatever
the network has learned, and what the labels have beside it is their own. (An aligner that is
drawn to the middle of its box, when that is the box of the labels, sees a little less of it.)

Downwards a mirror shows nothing: :func:`measure_answers_below` has what tilted faces say, and
docs/labels.md what other aligners do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.metrics import FAILURE, bootstrap_interval, interocular, nme
from trainer.scheme import scheme_for

LEAST_FACES, LEAST_GROUPS = 30, 10
"""Fewer faces, or faces of fewer people or photos, say too little."""

NOTICED = 0.2
"""A shift that may be smaller than so many pixels isn't sure."""

NOTICED_PART = 0.002
"""Likewise, as part of the interocular distance."""


TELLING = 600
"""Training faces from which a network learns how their labels lie beside its answers."""

_CONSTANT, _TILT = 0, 1  # terms of the fit
_LEAST_TURN, _STRAIGHT = 1e-3, 0.02  # parts of the interocular distance


@dataclass(frozen=True)
class Shift:
    """How far a whole set is moved, in pixels of its pictures.

    Attributes
    ----------
    pixels : the estimate
    low, high : 95 % bootstrap interval over people or photos
    faces : how many it was measured on
    least : what it has to be larger than, to be more than nothing
    """

    pixels: float
    low: float
    high: float
    faces: int
    least: float = NOTICED

    @property
    def sure(self) -> bool:
        """Whether it is more than nothing, to the one side or the other."""
        return self.low > self.least or self.high < -self.least


def measure_label_shift(
    answers: np.ndarray, labels: np.ndarray, groups: Sequence[str]
) -> Shift | None:
    """How far to the right of their landmarks a set's labels lie.

    Parameters
    ----------
    answers : (N, L, 2) xy in pixels, each the mean of the answers for a picture and its
        mirror picture; NaN where no face was found
    labels : (N, L, 2) xy in pixels, NaN where not labelled
    groups : person or photo of each face

    Returns
    -------
    None where too few faces, people or photos can be used, or all are turned alike. Failures
    aren't used; and what differs between faces turned to the left and to the right, or tilted,
    is taken out.
    """
    return _fitted(answers, labels, groups, _CONSTANT)


def learn_label_shift(answers: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
    """How far to the right of a network's answers, and below them, its training labels lie.

    With this added its answers are what such labels would be, whatever of their shift it
    didn't learn: what was taken off, and what answers averaged with the mirror picture can't
    hold. To be learned on faces nobody is measured on.

    Parameters
    ----------
    answers, labels : (N, L, 2) xy in pixels; faces not found or not labelled are NaN

    Returns
    -------
    (2,) float32 xy in pixels of the pictures, the median over faces, failures left out; None
    where fewer than :data:`LEAST_FACES` are left.
    """
    used = _usable(answers, labels)
    if used.sum() < LEAST_FACES:
        return None
    moved = np.nanmean(labels[used] - answers[used].astype(np.float64), axis=1)
    return np.median(moved, axis=0).astype(np.float32)


def measure_answers_below(
    answers: np.ndarray, labels: np.ndarray, groups: Sequence[str]
) -> Shift | None:
    """How far down the face answers lie from where upright and tilted labels agree.

    A shift that a network learned runs down the face, and down a face tilted to one side is
    to the other side in the picture; the labels' own shift is the same however a face is
    tilted. So the difference between tilted faces shows what a network learned of a shift
    downwards. Parameters are those of :func:`measure_label_shift`.
    """
    return _fitted(answers, labels, groups, _TILT)


def measure_labels_below(
    answers: np.ndarray, labels: np.ndarray, groups: Sequence[str], *, relative: bool = False
) -> Shift | None:
    """How far below an aligner's answers labels lie, on average over faces.

    The labels' own shift and the aligner's idea of where landmarks are, in one number: the
    latter grows with a face, so with ``relative`` the numbers of the answer are parts of the
    interocular distance, not pixels. Parameters are those of :func:`measure_label_shift`.
    """
    chosen = _chosen(answers, labels, groups)
    if chosen is None:
        return None
    answers, labels, names = chosen
    below = np.nanmean(labels[..., 1] - answers[..., 1], axis=1)
    if relative:
        below /= interocular(answers)
    low, high = bootstrap_interval(below, names)
    least = NOTICED_PART if relative else NOTICED
    return Shift(float(below.mean()), low, high, len(below), least)


def _chosen(
    answers: np.ndarray, labels: np.ndarray, groups: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, list[str]] | None:
    """What is usable of all three; None where it is too little."""
    used = _usable(answers, labels)
    names = [group for group, taken in zip(groups, used, strict=True) if taken]
    if len(names) < LEAST_FACES or len(set(names)) < LEAST_GROUPS:
        return None
    return answers[used].astype(np.float64), labels[used], names


def _usable(answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,) bool: labelled by its eye corners, found, and no failure but for one shift."""
    corners = list(scheme_for(labels.shape[1]).eye_corners)
    used = np.isfinite(labels[:, corners]).all(axis=(1, 2))
    used &= np.isfinite(answers).all(axis=(1, 2))
    moved = np.nanmean(labels[used] - answers[used].astype(np.float64), axis=1, keepdims=True)
    # As they lie, the smallest faces' shift alone would be a failure.
    used[used] = nme(answers[used] + moved, labels[used]) < FAILURE
    return used


def _fitted(
    answers: np.ndarray, labels: np.ndarray, groups: Sequence[str], term: int
) -> Shift | None:
    """One coefficient of how far labels lie to the right of answers: what is constant, or
    what goes with the sine of a face's tilt."""
    first, second = scheme_for(labels.shape[1]).eye_corners
    chosen = _chosen(answers, labels, groups)
    if chosen is None:
        return None
    answers, labels, names = chosen
    aside = np.nanmean(labels[..., 0] - answers[..., 0], axis=1)
    size = interocular(answers)
    along = (answers[:, second] - answers[:, first]) / size[:, None]
    middle = answers.mean(axis=1) - (answers[:, first] + answers[:, second]) / 2
    turned = (middle * along).sum(axis=1) / size
    poses = np.stack([along[:, 1], turned, turned**3], axis=1)
    alike = np.ptp(poses, axis=0) < _LEAST_TURN
    if np.abs(poses[:, alike]).max(initial=0) > _STRAIGHT:
        return None  # what is constant can't be told from what turning does
    terms = np.column_stack([np.ones(len(aside)), np.where(alike, 0.0, poses)])

    def coefficient(rows: np.ndarray) -> float:
        return float(np.linalg.lstsq(terms[rows], aside[rows], rcond=None)[0][term])

    everyone = np.arange(len(aside))
    low, high = bootstrap_interval(everyone, names, coefficient)
    least = max(NOTICED, NOTICED_PART * float(np.median(size)))
    return Shift(coefficient(everyone), low, high, len(aside), least)
