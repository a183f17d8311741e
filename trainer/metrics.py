"""Errors of landmarks against the truth (paper, section 5.1).

NME here is always the mean point-to-point distance divided by the distance of the
outer eye corners, in per cent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trainer.geometry import FaceBox
from trainer.scheme import LandmarkScheme, scheme_for

FAILURE = 10.0
"""An error above this many per cent is a failure; the AUC's upper end too."""

MIN_IOU = 0.3
"""A detected face counts as the true one if their boxes overlap at least this much."""


def interocular(landmarks: np.ndarray) -> np.ndarray:
    """Distance of the outer eye corners: (..., L, 2) xy to (...) in pixels."""
    first, second = scheme_for(landmarks.shape[-2]).eye_corners
    return np.linalg.norm(landmarks[..., first, :] - landmarks[..., second, :], axis=-1)


def point_errors(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Each landmark's distance in per cent of the interocular distance, NaN if unlabelled.

    (..., L, 2) and (..., L, 2), xy in pixels, to (..., L).
    """
    distance = np.linalg.norm(predicted - truth, axis=-1)
    return 100 * distance / interocular(truth)[..., None]


def nme(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Interocular NME in per cent: (..., L, 2) twice to (...); unlabelled landmarks left out."""
    return np.nanmean(point_errors(predicted, truth), axis=-1)


def failure_rate(errors: np.ndarray, misses: int = 0) -> float:
    """Per cent of faces with an error above 10 %, ``misses`` not found counted as failures."""
    total = len(errors) + misses
    return 100 * (float(np.sum(errors > FAILURE)) + misses) / total if total else float("nan")


def auc(errors: np.ndarray, misses: int = 0) -> float:
    """Area under the cumulative error curve up to 10 %, 0 … 1; a miss adds nothing.

    The exact integral of the empirical curve: a face with error e adds (10 - e) / 10.
    """
    total = len(errors) + misses
    gained = np.clip(1 - np.asarray(errors) / FAILURE, 0, None).sum()
    return float(gained / total) if total else float("nan")


def group_errors(
    predicted: np.ndarray, truth: np.ndarray, scheme: LandmarkScheme
) -> dict[str, float]:
    """Mean error in per cent by facial part, over (N, L, 2) faces."""
    errors = point_errors(predicted, truth)
    return {
        group: float(np.nanmean(errors[:, list(indices)]))
        for group, indices in scheme.groups.items()
    }


def pixel_accuracy(
    labels: np.ndarray, truth: np.ndarray, scheme: LandmarkScheme
) -> dict[str, float]:
    """By facial part, the per cent of its pixels that the response maps give to the landmark.

    The paper's figure 9: of the pixels in the true squares of a part's landmarks, how many
    their own landmark's channel wins.

    Parameters
    ----------
    labels : (N, S, S) int, which channel of M wins each pixel; 0 is background
    truth : (N, S, S) int, the label map drawn at the true landmarks

    Returns
    -------
    per cent by part, and of ``all``; NaN for a part that is nowhere in ``truth``
    """
    number_of = {group: i for i, group in enumerate(scheme.groups, 1)}
    part = np.array([0, *(number_of[group] for group in scheme.group_of())])[truth]
    right = labels == truth
    of_part = {group: right[part == number] for group, number in number_of.items()}
    of_part["all"] = right[part > 0]
    return {
        group: 100 * float(hits.mean()) if hits.size else float("nan")
        for group, hits in of_part.items()
    }


def matches(found: FaceBox, true: FaceBox) -> bool:
    """Whether a found face is the true one: IoU of the boxes of at least 0.3."""
    return found.iou(true) >= MIN_IOU


def bootstrap_interval(
    values: np.ndarray,
    groups: list[str],
    statistic: Callable[[np.ndarray], float] = np.mean,
    *,
    level: float = 0.95,
    rounds: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """A bootstrap interval that draws whole groups (people, photos), not single faces.

    Parameters
    ----------
    values : (N,) array
    groups : N names; faces of one group stay together, since they aren't independent
    statistic : function of the drawn values
    """
    rng = np.random.default_rng(seed)
    order: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        order.setdefault(group, []).append(index)
    members = [np.array(indices) for indices in order.values()]
    drawn = []
    for _ in range(rounds):
        chosen = rng.integers(0, len(members), len(members))
        drawn.append(statistic(values[np.concatenate([members[c] for c in chosen])]))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def accelerations(landmarks: np.ndarray, scale: np.ndarray | None = None) -> np.ndarray:
    """How far each frame's landmarks leave the line from the frame before to the next.

    Parameters
    ----------
    landmarks : (T, L, 2) xy in pixels of neighbouring frames, NaN where there is no face
    scale : (T,) in pixels, what to divide by; the landmarks' own interocular distance if None

    Returns
    -------
    (T - 2,) mean over the landmarks of ``|x[t-1] - 2 x[t] + x[t+1]| / scale[t]`` in per
    cent, NaN unless all three frames have a face
    """
    if len(landmarks) < 3:
        return np.empty(0)
    points = np.asarray(landmarks, np.float64)
    size = interocular(points) if scale is None else np.asarray(scale, np.float64)
    second = points[:-2] - 2 * points[1:-1] + points[2:]
    return 100 * np.linalg.norm(second, axis=-1).mean(axis=-1) / size[1:-1]


def jitter(landmarks: np.ndarray, scale: np.ndarray | None = None) -> float:
    """Jitter of one clip: the mean of :func:`accelerations` over its frames, in per cent.

    Frame-to-frame acceleration over interocular distance: 0 for landmarks at rest or moving
    at one speed, NaN if no three neighbouring frames have a face. A face's own movement counts
    too; of a clip with truth, ``jitter(predicted - truth, interocular(truth))`` is without it.
    """
    values = accelerations(landmarks, scale)
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")


def lag(predicted: np.ndarray, truth: np.ndarray, most: int = 6) -> float:
    """By how many frames a predicted trajectory is late, to a part of a frame.

    The delay at which the velocities of the two agree best: their cross-correlation, summed
    over landmarks and both axes, at whole delays from ``-most`` to ``most``, and the top of
    the parabola through the best one and its neighbours. Velocities, because a steady drift
    correlates with itself at any delay, and because a constant error mustn't count.

    Parameters
    ----------
    predicted, truth : (T, L, 2) xy of neighbouring frames, NaN where there is no face
    most : longest delay looked for, frames

    Returns
    -------
    Frames, above 0 when the prediction comes late; NaN if the clip is too short, nothing
    moves, or the best delay is at the end of the range
    """
    moved = np.diff(np.asarray(predicted, np.float64), axis=0)
    true = np.diff(np.asarray(truth, np.float64), axis=0)
    if len(moved) < 3 * most:
        return float("nan")
    middle = slice(most, len(moved) - most)
    here = moved[middle]
    curve = []
    for delay in range(-most, most + 1):
        there = true[most - delay : len(true) - most - delay]
        both = np.isfinite(here) & np.isfinite(there)
        a, b = here[both], there[both]
        power = np.sqrt((a**2).sum() * (b**2).sum())
        curve.append((a * b).sum() / power if power > 0 else np.nan)
    if not np.isfinite(curve).all():
        return float("nan")
    top = int(np.argmax(curve))
    if top in (0, 2 * most):
        return float("nan")
    before, at, after = curve[top - 1 : top + 2]
    return top - most + 0.5 * (before - after) / (before - 2 * at + after)
