"""In which order frames are proposed, and how many of the worst ones come first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.expected_error import WEIGHTS, Weights, expected_error
from trainer.experiments.aligned_heads import LOST, AlignedClip
from trainer.frame_features import FrameFeatures, summarise
from trainer.ranking import TrackReview, rank

PART = 0.1
"""The worst so much of the frames is looked for among the first so much proposed."""

TARGET = 25.0
"""Per cent of the worst tenth that should be among the first tenth proposed."""

EARLY = 0.02
"""What the first so much of all frames proposed stands for is measured too."""

BESIDE = 5
"""Frames around a proposal that it stands for: more than half of what a correction changes is
carried on so far (:data:`trainer.carry.CARRY_FRAMES`)."""

CONFIDENCE_ALONE = Weights(WEIGHTS.usual, (-0.327, 0.0, 0.0), WEIGHTS.level)
"""As :data:`trainer.expected_error.WEIGHTS`, fitted to confidence and no other sign."""

ROUNDS = 1000
NEVER = np.inf


@dataclass(frozen=True, eq=False)
class Frames:
    """All frames of all clips in a row.

    Attributes
    ----------
    features : of each clip
    errors : (N,) per cent, against the truth
    people : (N,) names
    clips : (N,) numbers
    """

    features: list[FrameFeatures]
    errors: np.ndarray
    people: np.ndarray
    clips: np.ndarray

    @classmethod
    def of(cls, clips: Sequence[AlignedClip], *, own_eyes: bool = False) -> Frames:
        """Of aligned clips; see :meth:`AlignedClip.errors`."""
        lengths = [len(clip.truth) for clip in clips]
        return cls(
            [summarise(c.landmarks, c.confidence, c.disagreement) for c in clips],
            np.concatenate([clip.errors(own_eyes=own_eyes) for clip in clips]),
            np.repeat([clip.person for clip in clips], lengths),
            np.repeat(np.arange(len(clips)), lengths),
        )

    def __len__(self) -> int:
        return len(self.errors)


def orders(frames: Frames) -> dict[str, np.ndarray]:
    """Places of all frames in each order: (N,) from 0, infinite where never proposed."""
    together = FrameFeatures.joined(frames.features)
    sure = np.where(together.lost, -1.0, together.confidence)
    worth = np.where(together.lost, LOST, expected_error(together))
    count = len(frames)
    return {
        "queue": _queue(frames, expected_error),
        "confidence, near-duplicates left out": _queue(frames, _by_confidence),
        "ranking": _places(-worth),
        "confidence": _places(sure),
        "evenly": _places(np.arange(count) % round(1 / PART)),
        "chance": _places(np.random.default_rng(0).random(count)),
        "truth, near-duplicates left out": _queue(frames, None),
        "truth": _places(-frames.errors),
    }


def measure(frames: Frames) -> tuple[dict[str, dict[str, Any]], dict[str, np.ndarray]]:
    """For each order: per cent found and stood for, over people, and what confidence has less.

    Returns
    -------
    rows : by order ``found``, ``interval``, ``against`` (the order of confidence it is
        compared with), ``gain`` with its interval, ``proposed`` of all frames, ``stood_for``
        (see :func:`stood_for`) with its interval and gain over bare confidence
    curves : by order (101,) per cent of the worst tenth among the first 0 to 100 % proposed
    """
    places = orders(frames)
    drawn = list(_draws(frames.people))
    everything = np.arange(len(frames))
    shares = {name: [found(frames.errors, at, i) for i in drawn] for name, at in places.items()}
    rng = np.random.default_rng(0)
    shares["chance"] = [found(frames.errors, rng.random(len(frames)), i) for i in drawn]
    points = {name: found(frames.errors, at, everything) for name, at in places.items()}
    points["chance"] = float(np.mean(shares["chance"]))
    early = {name: [stood_for(frames, at, i) for i in drawn] for name, at in places.items()}
    rows: dict[str, dict[str, Any]] = {}
    for name, at in places.items():
        left_out = name == "queue" or name.endswith("left out")
        other = "confidence, near-duplicates left out" if left_out else "confidence"
        gains = np.array(shares[name]) - np.array(shares[other])
        rows[name] = {
            "found": points[name],
            "interval": _ends(shares[name]),
            "against": other,
            "gain": points[name] - points[other],
            "gain_interval": _ends(gains),
            "proposed": 100 * float(np.isfinite(at).mean()),
            "stood_for": stood_for(frames, at, everything),
            "stood_for_interval": _ends(early[name]),
            "stood_for_gain": stood_for(frames, at, everything)
            - stood_for(frames, places["confidence"], everything),
            "stood_for_gain_interval": _ends(np.subtract(early[name], early["confidence"])),
        }
    parts = np.linspace(0, 1, 101)
    curves = {
        name: np.array([found(frames.errors, at, everything, part) for part in parts])
        for name, at in places.items()
    }
    return rows, curves


def found(errors: np.ndarray, places: np.ndarray, drawn: np.ndarray, part: float = PART) -> float:
    """Per cent of the worst tenth of the frames drawn that is among the first part proposed."""
    worst = _worst(errors[drawn])
    return 100 * float(worst[_first(places[drawn], part)].sum() / worst.sum())


def stood_for(frames: Frames, places: np.ndarray, drawn: np.ndarray, part: float = EARLY) -> float:
    """Per cent of the worst tenth that the first part proposed holds, or has within a few frames.

    Those are :data:`BESIDE` frames of the same clip, before or after.
    """
    proposed = np.zeros(len(drawn), bool)
    proposed[_first(places[drawn], part)] = True
    reached, clips = proposed.copy(), frames.clips[drawn]
    for away in range(1, BESIDE + 1):
        near = (drawn[away:] - drawn[:-away] == away) & (clips[away:] == clips[:-away])
        reached[away:] |= proposed[:-away] & near
        reached[:-away] |= proposed[away:] & near
    worst = _worst(frames.errors[drawn])
    return 100 * float(worst[reached].sum() / worst.sum())


def _worst(errors: np.ndarray) -> np.ndarray:
    """(N,) bool, the worst tenth."""
    worst = np.zeros(len(errors), bool)
    worst[np.argsort(-errors, kind="stable")[: round(PART * len(errors))]] = True
    return worst


def _first(places: np.ndarray, part: float) -> np.ndarray:
    """Numbers of the first part proposed, of (N,) places."""
    first = np.argsort(places, kind="stable")[: round(part * len(places))]
    return first[np.isfinite(places[first])]


def _by_confidence(features: FrameFeatures) -> np.ndarray:
    return expected_error(features, CONFIDENCE_ALONE)


def _queue(frames: Frames, error: Callable[[FrameFeatures], np.ndarray] | None) -> np.ndarray:
    """Places in the queue, with errors as they are expected or, for None, as they are."""
    nothing, starts = np.empty((0, 2), int), np.flatnonzero(np.diff(frames.clips, prepend=-1))
    begin: dict[Hashable, int] = dict(enumerate(starts.tolist()))
    tracks = [
        TrackReview(number, features, np.empty(0, int), nothing)
        for number, features in enumerate(frames.features)
    ]
    true = {
        id(track.features): errors
        for track, errors in zip(tracks, np.split(frames.errors, starts[1:]), strict=True)
    }
    places = np.full(len(frames), NEVER)
    given = error or (lambda features: true[id(features)])
    for place, proposal in enumerate(rank(tracks, len(frames), error=given)):
        places[begin[proposal.key] + proposal.frame] = place
    return places


def _places(values: np.ndarray) -> np.ndarray:
    """(N,) place of each in ascending order."""
    places = np.empty(len(values))
    places[np.argsort(values, kind="stable")] = np.arange(len(values))
    return places


def _draws(people: np.ndarray) -> Sequence[np.ndarray]:
    """Frames of as many people as there are, drawn with replacement."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(people == name) for name in np.unique(people)]
    return [
        np.concatenate([members[k] for k in rng.integers(0, len(members), len(members))])
        for _ in range(ROUNDS)
    ]


def _ends(values: Sequence[float] | np.ndarray) -> list[float]:
    return [float(v) for v in np.quantile(values, [0.025, 0.975])]
