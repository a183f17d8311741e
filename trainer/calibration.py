"""Confidence that means something: fitting it to errors, and measuring how well it does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from trainer.calibration_data import NOTHING, VIDEO, Observations
from trainer.models.confidence import Confidence

BINS = 15

RIGHT = 5.0
"""A landmark is right if its error is at most so many per cent of the interocular distance."""

WARNED = 0.05
"""Weight of a place without a face, beside 1 of a face: teaches that nothing is right there."""

VIDEOS = 0.25
"""Weight of all frames of videos beside 1 of all stills. Frames of one video are much alike, and
those that are annotated are mostly rendered: what is promised has to hold for real faces."""

_ROUNDS = 50


def auroc(score: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive has the higher score; ties count half.

    ``score`` (N,) and ``positive`` (N,) bool. NaN where one of the two kinds is missing.
    """
    positive = np.asarray(positive, bool)
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return float("nan")
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]  # 1-based, the mean among ties
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * few))


@dataclass(frozen=True)
class Reliability:
    """What was promised and what came true, in bins of equally many landmarks.

    ``promised``, ``came_true`` and ``counts`` are (bins,) arrays, lowest confidence first.
    """

    promised: np.ndarray
    came_true: np.ndarray
    counts: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error, 0 … 1: their mean difference over all landmarks."""
        gap = np.abs(self.promised - self.came_true)
        return float((gap * self.counts).sum() / max(self.counts.sum(), 1))


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Reliability:
    """Confidence (N,) against what was right (N,) bool, in bins of equally many."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return Reliability(
        np.array([confidence[part].mean() for part in parts]),
        np.array([right[part].mean() for part in parts]),
        np.array([len(part) for part in parts]),
    )


def expected_calibration_error(
    confidence: np.ndarray, right: np.ndarray, bins: int = BINS
) -> float:
    """Mean gap between confidence and the part that was right, over equal-mass bins."""
    return reliability(confidence, right, bins).error


def fit(
    evidence: np.ndarray,
    right: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    ridge: float = 3.0,
    own_ridge: float = 30.0,
) -> Confidence:
    """The logistic model of a landmark's being right, by Newton's method.

    Parameters
    ----------
    evidence : (N, L, F) of N faces, see :func:`trainer.models.confidence.evidence`
    right : (N, L) bool
    weights : (N,) how much each face counts; None is 1 each
    ridge : pulls slopes towards 0 and the landmarks' own levels towards a common one
    own_ridge : pulls the landmarks' own slopes towards common ones

    Returns
    -------
    A slope for each kind of evidence and a level, of each landmark.
    """
    n, n_landmarks, n_kinds = evidence.shape
    weight = np.ones((n, 1)) if weights is None else np.asarray(weights, np.float64)[:, None]
    flat = evidence.reshape(-1, n_kinds).astype(np.float64)
    middle, scale = flat.mean(axis=0), flat.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1.0)
    one = np.ones((n, n_landmarks, 1))
    x = np.concatenate([(evidence.astype(np.float64) - middle) / scale, one], axis=-1)
    y = right.astype(np.float64)
    # What all landmarks share, and what each has beside it: slopes, and the level as the last.
    common, own = np.zeros(n_kinds + 1), np.zeros((n_landmarks, n_kinds + 1))
    hold = np.append(np.full(n_kinds, ridge), 1e-6)
    hold_own = np.append(np.full(n_kinds, own_ridge), ridge)
    for _ in range(_ROUNDS):
        p = _sigmoid((x * (common + own)).sum(axis=-1))
        pull = np.einsum("nl,nlf->lf", weight * (p - y), x)
        bend = np.einsum("nl,nlf,nlg->lfg", weight * p * (1 - p), x, x, optimize=True)
        # A landmark's own part bears on the common one alone, so it is solved for first.
        solved = np.linalg.solve(
            bend + np.diag(hold_own),
            np.concatenate([bend, (pull + hold_own * own)[..., None]], axis=-1),
        )
        through, alone = solved[..., :-1], solved[..., -1]
        step = np.linalg.solve(
            bend.sum(axis=0) + np.diag(hold) - (bend @ through).sum(axis=0),
            pull.sum(axis=0) + hold * common - np.einsum("lfg,lg->f", bend, alone),
        )
        own_step = alone - through @ step
        longest = max(np.abs(step).max(), np.abs(own_step).max())
        part = min(1.0, 4.0 / max(float(longest), 1e-12))
        common, own = common - part * step, own - part * own_step
        if longest < 1e-8:
            break
    together = common + own
    slopes = together[:, :-1] / scale
    return Confidence(slopes, together[:, -1] - slopes @ middle)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(z, -60, 60)))


@dataclass(frozen=True)
class Row:
    """Figures of the second half's faces of one set that came in one way."""

    name: str
    faces: int
    right: float
    mean_confidence: float
    auroc: float
    calibration_error: float
    support_auroc: float
    """What the support, the confidence of a network that isn't calibrated, has instead."""
    support_error: float
    curve: Reliability


def fit_observations(seen: Observations) -> Confidence:
    """Confidence from the first half's people.

    Stills weigh alike, and all frames of videos together :data:`VIDEOS` of all stills.
    """
    first = seen.only(~seen.second_half)
    first = first.only(~np.isnan(first.errors).any(axis=1))
    weights = np.ones(len(first.errors))
    frames = first.ways == VIDEO
    if frames.any() and not frames.all():
        weights[frames] = VIDEOS * (~frames).sum() / frames.sum()
    weights[first.ways == NOTHING] = WARNED
    return fit(first.evidence, first.errors <= RIGHT, weights)


def rows(seen: Observations, confidence: Confidence) -> list[Row]:
    """How confidence does on the second half's people: a row for each set and way, and all."""
    second = seen.only(seen.second_half)
    real = second.only(second.ways != NOTHING)
    kinds = np.char.add(np.char.add(real.sets, ", "), real.ways)
    chosen = {str(kind): kinds == kind for kind in np.unique(kinds)}
    return [
        _row(name, real.only(mask), confidence)
        for name, mask in {**chosen, "all": np.ones(len(kinds), bool)}.items()
    ]


def without_face(seen: Observations, confidence: Confidence) -> dict[str, float] | None:
    """Mean confidence at the second half's places without a face: of all, and the 95th percentile.

    None if there are none.
    """
    nothing = seen.only(seen.second_half & (seen.ways == NOTHING))
    if not len(nothing.errors):
        return None
    means = confidence_of(confidence, nothing.evidence).mean(axis=1)
    support = nothing.support.mean(axis=1)
    return {
        "places": len(means),
        "confidence": float(means.mean()),
        "confidence_95": float(np.quantile(means, 0.95)),
        "support": float(support.mean()),
        "support_95": float(np.quantile(support, 0.95)),
    }


def confidence_of(model: Confidence, evidence: np.ndarray) -> np.ndarray:
    """(N, L, F) evidence to (N, L) confidence."""
    with torch.inference_mode():
        return model(torch.from_numpy(evidence)).numpy()


def _row(name: str, seen: Observations, model: Confidence) -> Row:
    labelled = np.isfinite(seen.errors)
    right = (seen.errors <= RIGHT)[labelled]
    promised = confidence_of(model, seen.evidence)[labelled]
    support = seen.support[labelled]
    curve = reliability(promised, right)
    return Row(
        name,
        len(seen.errors),
        float(right.mean()),
        float(promised.mean()),
        auroc(-promised, ~right),
        curve.error,
        auroc(-support, ~right),
        expected_calibration_error(support, right),
        curve,
    )


def draw_reliability(rows: list[Row], path: Path) -> None:
    """A picture of what was promised against what came true, one line for each row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 5.5), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for row in rows:
        bold = {"linewidth": 2.5, "color": "black"} if row.name == "all" else {"linewidth": 1.2}
        label = f"{row.name}: {row.calibration_error:.3f}"
        axis.plot(row.curve.promised, row.curve.came_true, marker=".", label=label, **bold)
    axis.set(
        xlabel="confidence",
        ylabel=f"landmarks with an error of at most {RIGHT:g} %",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    axis.legend(title="expected calibration error", fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
