"""How far off a frame's landmarks are expected to be, told from its features alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.frame_features import FrameFeatures

SIGNS = ("confidence", "disagreement", "jump")
"""What the error is told from: the logit of the first, the logarithms of the others.

The confidence of the worst landmarks, oddness and yaw were tried beside them: over people left
out of the fit they find no more of the worst frames, since these three hold what they say."""

_LEAST = 0.003  # sides of the face box: what disagreement and jump tell nothing below
_SUREST = 0.995


@dataclass(frozen=True)
class Weights:
    """A linear model of the logarithm of the error.

    Attributes
    ----------
    usual : of each sign, in the order of :data:`SIGNS`; stands where a sign isn't known
    slopes : of each sign
    level : logarithm of the error in per cent where all signs are usual
    """

    usual: tuple[float, ...]
    slopes: tuple[float, ...]
    level: float


WEIGHTS = Weights((1.214, -4.188, -4.626), (-0.187, 0.364, 0.15), 1.016)
"""Fitted with :func:`fit` to red-lite on 24 rendered people of the training split whom it hasn't
learnt, 48 clips, 1,914 frames in which the face was found: ``python -m trainer heads --out HEADS
--people 64 --split train --clips 2 --frames 40 --size 192``, then ``python -m trainer experiments
ranking --heads HEADS --work WORK --fit``. On people whom it has learnt f_REG is too often right,
and disagreement would get too much of the say. Errors are in per cent of a frontal face's
distance of the outer eye corners."""


def expected_error(features: FrameFeatures, weights: Weights = WEIGHTS) -> np.ndarray:
    """(T,) float32 expected error in per cent of the interocular distance; NaN where lost."""
    known = _signs(features)
    total = np.full(len(features), weights.level, np.float32)
    for sign, usual, slope in zip(known, weights.usual, weights.slopes, strict=True):
        total += np.float32(slope) * np.nan_to_num(sign - np.float32(usual), nan=0.0)
    total[features.lost] = np.nan
    return np.exp(total)


def fit(features: FrameFeatures, errors: np.ndarray) -> Weights:
    """Weights by least squares of the logarithm, for which large errors don't count too much.

    Parameters
    ----------
    features : of n frames, of any tracks
    errors : (n,) in per cent, against the truth; frames without a face are left out
    """
    found = ~features.lost
    signs = _signs(features)[:, found].astype(np.float64)
    usual = np.nanmean(signs, axis=1)
    table = np.nan_to_num(signs - usual[:, None], nan=0.0)
    table = np.column_stack([*table, np.ones(table.shape[1])])
    solved = np.linalg.lstsq(table, np.log(np.maximum(errors[found], 0.1)), rcond=None)[0]
    return Weights(
        tuple(round(float(v), 3) for v in usual),
        tuple(round(float(v), 3) for v in solved[:-1]),
        round(float(solved[-1]), 3),
    )


def _signs(features: FrameFeatures) -> np.ndarray:
    """(3, T) float32, see :data:`SIGNS`."""
    sure = np.clip(features.confidence, 1 - _SUREST, _SUREST)
    return np.stack(
        [
            np.log(sure / (1 - sure)),
            np.log(features.disagreement + _LEAST),
            np.log(features.jump + _LEAST),
        ]
    ).astype(np.float32)
