"""From everybody's landmarks to the figures of the comparison's tables."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.metrics import (
    accelerations,
    auc,
    bootstrap_interval,
    failure_rate,
    interocular,
    lag,
    nme,
)
from trainer.peers.clips import MODES, Clip, Found, unmatched
from trainer.peers.offset import apply_offset
from trainer.peers.stills import OURS
from trainer.scheme import subset_7

Row = dict[str, Any]
Offsets = Mapping[str, np.ndarray]

NOTHING, SHIFT, OFFSET = "-", "one shift", "an offset a landmark"
"""What was done to answers before they are compared: ``after`` of a row of stills."""


def still_rows(
    answers: Mapping[str, np.ndarray],
    truth: np.ndarray,
    groups: list[str],
    shifts: Offsets,
    offsets: Offsets,
) -> list[Row]:
    """One set with one kind of box: a row for every aligner, raw, after its one shift of
    all landmarks in pixels, and after that and its offset for each landmark.

    Means are over the faces that every aligner found; failures, AUC and ``with_misses`` (a
    face not found counts as 100 %) over all of them.
    """
    common = np.all([_known(points) for points in answers.values()], axis=0)
    rows = []
    for name, raw in answers.items():
        shifted = raw + shifts[name]
        ways = {NOTHING: raw, SHIFT: shifted, OFFSET: apply_offset(shifted, offsets[name])}
        for after, points in ways.items():
            row: Row = {"aligner": name, "after": after, "faces": len(truth)}
            row |= {"common": int(common.sum()), **_errors(points, truth, groups, common)}
            seven = _errors(subset_7(points), subset_7(truth), groups, common)
            row["points7"] = {key: seven[key] for key in ("mean", "mean_interval", "failures")}
            rows.append(row)
    return rows


def _errors(points: np.ndarray, truth: np.ndarray, groups: list[str], common: np.ndarray) -> Row:
    found = _known(points)
    counted = np.full(len(truth), 100.0)
    counted[found] = nme(points[found], truth[found])
    hits, misses = counted[found], int((~found).sum())
    return {
        "missed": misses,
        "mean": _statistic(counted[common]),
        "mean_interval": _interval(counted, groups, common),
        "std": _statistic(counted[common], np.std),
        "std_interval": _interval(counted, groups, common, np.std),
        "with_misses": float(counted.mean()),
        "failures": failure_rate(hits, misses),
        "failures_interval": bootstrap_interval(counted, groups, failure_rate),
        "auc": auc(hits, misses),
        "errors": np.where(found, counted, np.inf),
    }


@dataclass
class Follow:
    """One clip with truth, and each aligner's (T, 68, 2) of the face it shows."""

    clip: Clip
    truth: np.ndarray
    answers: dict[str, np.ndarray]


COMPARED = ("mean", "std", "jitter", "error_jitter")
"""Figures that are told beside ours on the very same frames."""


def video_rows(runs: Sequence[Follow], offsets: Offsets) -> list[Row]:
    """Clips with truth: a row for every aligner, raw and after its offset.

    Mean, standard deviation and jitter are over frames in which this aligner and ours both
    found the face (jitter: in three neighbouring ones); ``ours`` has our figures on the same
    frames. Failures and ``with_misses`` are over all frames with a truth.
    """
    rows = []
    for name in runs[0].answers:
        for moved in (False, True):

            def answers(of: str, moved: bool = moved) -> list[np.ndarray]:
                raw = [run.answers[of] for run in runs]
                return [apply_offset(one, offsets[of]) for one in raw] if moved else raw

            common = [
                _known(run.truth) & _known(run.answers[name]) & _known(run.answers[OURS])
                for run in runs
            ]
            row: Row = {"aligner": name, "offset": moved, **_followed(runs, answers(name), common)}
            if name != OURS:
                there = _followed(runs, answers(OURS), common)
                row["ours"] = {key: there[key] for key in COMPARED}
            rows.append(row)
    truth = [run.truth for run in runs]
    known = [_known(points) for points in truth]
    own, persons = _smoothness(runs, truth, known, minus_truth=False)
    return [*rows, {"aligner": "truth", "offset": False, **_named("jitter", own, persons)}]


def _followed(
    runs: Sequence[Follow], answers: Sequence[np.ndarray], common: Sequence[np.ndarray]
) -> Row:
    points, truth = np.concatenate(answers), np.concatenate([run.truth for run in runs])
    groups = [run.clip.person for run in runs for _ in range(len(run.truth))]
    labelled = _known(truth)
    people = [group for group, known in zip(groups, labelled, strict=True) if known]
    both = np.concatenate(common)
    jitter, persons = _smoothness(runs, answers, common, minus_truth=False)
    errors, _ = _smoothness(runs, answers, common, minus_truth=True)
    delays = np.array([lag(a, run.truth) for run, a in zip(runs, answers, strict=True)])
    return {
        "frames": int(labelled.sum()),
        "common": int(both.sum()),
        **_errors(points[labelled], truth[labelled], people, both[labelled]),
        **_named("jitter", jitter, persons),
        **_named("error_jitter", errors, persons),
        **_named("lag", delays, [run.clip.person for run in runs]),
    }


def _smoothness(
    runs: Sequence[Follow],
    answers: Sequence[np.ndarray],
    common: Sequence[np.ndarray],
    *,
    minus_truth: bool,
) -> tuple[np.ndarray, list[str]]:
    values: list[np.ndarray] = []
    persons: list[str] = []
    for run, points, both in zip(runs, answers, common, strict=True):
        moved = points - run.truth if minus_truth else points
        moved = np.where(both[:, None, None], moved, np.nan)
        values.append(accelerations(moved, interocular(run.truth)))
        persons += [run.clip.person] * len(values[-1])
    return np.concatenate(values), persons


def clip_rows(runs: Sequence[tuple[Clip, dict[str, Found]]]) -> tuple[list[Row], list[Row]]:
    """Clips without truth: (a row for every aligner, jitter by clip).

    Jitter is over frames whose one face this aligner and ours both found, divided by the
    median of all aligners' interocular distances; ``ours`` has ours on the same frames. A
    clip of several faces has none. A face is lost if it is found by a peer and overlaps none
    of ours by IoU 0.3.
    """
    names = list(runs[0][1])
    by_clip: list[Row] = []
    for clip, found in runs:
        if clip.faces == 1:
            by_clip.append({"clip": clip.name, **_clip_jitter(found)})
    peer_of = {mode.name: mode.peer for mode in MODES}
    rows = []
    for name in names:
        pooled = np.array([row["jitter"][name] for row in by_clip])
        same = np.array([row["ours"][name] for row in by_clip])
        lost = both = lacking = 0
        for _, found in runs:
            for frame, faces in enumerate(found[name]):
                ours = found[OURS][frame]
                lost_now = unmatched(faces, [ours])
                others = [found[n][frame] for n in names if peer_of.get(n) not in (
                    None, peer_of.get(name))]  # fmt: skip
                lost += int(lost_now.sum())
                both += int((lost_now & ~unmatched(faces, others)).sum())
                lacking += int(unmatched(ours, [faces]).sum())
        rows.append(
            {
                "aligner": name,
                "frames": sum(len(found[name]) for _, found in runs),
                "faces": sum(len(faces) for _, found in runs for faces in found[name]),
                "with_face": sum(len(faces) > 0 for _, found in runs for faces in found[name]),
                "lost": lost,
                "lost_confirmed": both,
                "only_ours": lacking,
                "clips": int(np.isfinite(pooled).sum()),
                "ours": _statistic(same[np.isfinite(same)]),
                **_named("jitter", pooled, [row["clip"] for row in by_clip]),
            }
        )
    return rows, by_clip


def _clip_jitter(found: Mapping[str, Found]) -> Row:
    points = {
        name: np.stack([faces[0] if len(faces) else np.full((68, 2), np.nan) for faces in frames])
        for name, frames in found.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # frames in which nobody found a face
        size = np.nanmedian(interocular(np.stack(list(points.values()))), axis=0)
    values: dict[str, dict[str, float]] = {"jitter": {}, "ours": {}}
    for name, one in points.items():
        both = (_known(one) & _known(points[OURS]))[:, None, None]
        for key, whose in (("jitter", one), ("ours", points[OURS])):
            moved = accelerations(np.where(both, whose, np.nan), size)
            values[key][name] = _statistic(moved[np.isfinite(moved)])
    return {"frames": len(size), **values}


def _known(points: np.ndarray) -> np.ndarray:
    """(N, L, 2) to (N,): whether there is a face with all its landmarks."""
    return np.asarray(np.isfinite(points).all(axis=(1, 2)))


def _named(name: str, values: np.ndarray, groups: list[str]) -> Row:
    known = np.isfinite(values)
    return {name: _statistic(values[known]), f"{name}_interval": _interval(values, groups, known)}


def _statistic(values: np.ndarray, of: Callable[[np.ndarray], Any] = np.mean) -> float:
    return float(of(values)) if len(values) else float("nan")


def _interval(
    values: np.ndarray,
    groups: list[str],
    keep: np.ndarray,
    of: Callable[[np.ndarray], Any] = np.mean,
) -> tuple[float, float]:
    if not keep.any():
        return float("nan"), float("nan")
    kept = [group for group, here in zip(groups, keep, strict=True) if here]
    return bootstrap_interval(values[keep], kept, of)
