"""Which frames of a project a person should correct next, and why.

A frame's worth is the error it is expected to have (:mod:`trainer.expected_error`), less
where a corrected frame is near, more where its pose or shape is unlike what was corrected
and accepted. The best frame is proposed, its near-duplicates drop out, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from trainer.expected_error import expected_error
from trainer.frame_features import JUMP, FrameFeatures, frames_mask
from trainer.likeness import Likeness
from trainer.reasons import LOW, Kind, Reason

GAP = 10
"""Frames nearer than this to a proposed or corrected frame of the track show the same; in a
short track frames nearer than a twentieth of it, two at least. The worst frames come in runs:
the larger the gap, the fewer of them are ever proposed."""

SAME = {
    "yaw": 2.5, "x": 0.05, "y": 0.05, "side": 0.04, "confidence": 0.04,
    "low_confidence": 0.06, "oddness": 0.005,
}  # fmt: skip
"""Frames of one track whose features all differ by less show the same, however far apart.

Degrees; sides of the face box for its middle; a part of the side for the side."""

SWAPPED = 110.0
"""Degrees of yaw beyond which the sides may be swapped: a profile, and the yaw's own error."""

_FADE = 30.0  # frames over which a correction's effect on its neighbours goes down to 1/e
_NEAR = 0.8  # part of the expected error that a correction right beside has taken away
_TAKEN = 0.5  # part of its worth that a frame loses beside a better one that is proposed
_NEW_POSE = 30.0  # degrees to the nearest corrected yaw that count as a new pose
_POSE_GAIN = 0.5  # a new pose is worth so much more
_ODD_GAIN = 0.5
_SWAPPED_ERROR = 40.0  # per cent
_LOST_ERROR = 25.0  # per cent: some faces are gone and not lost
_LOST_AT_ENDS = 0.2  # of that, where a track has not begun yet or has ended
_SHORT_LOSS = 3  # frames without a face that are told of
_DISAGREES, _FAR, _FAR_POSE = 0.03, 100.0, 20.0  # what reasons of strength 1 begin at
_FEWEST = 20  # accepted frames whose oddness says what is usual
_USUAL_ODDNESS = (0.026, 0.046)  # median and 95 % of rendered heads of the training split


@dataclass(frozen=True, eq=False)
class TrackReview:
    """One track, as far as it is looked through.

    Attributes
    ----------
    key : names the track in proposals, such as (video id, track id)
    features : of its T frames
    corrected : (n,) numbers of corrected frames, ascending
    accepted : (T,) bool, or (m, 2) first frames and ends of stretches
    landmarks : gives the (L, 2) landmarks of a frame, for those that are proposed; None if
        shapes aren't to be compared part by part
    """

    key: Hashable
    features: FrameFeatures
    corrected: np.ndarray
    accepted: np.ndarray
    landmarks: Callable[[int], np.ndarray] | None = None


@dataclass(frozen=True)
class Proposal:
    """A frame that should be looked at.

    Attributes
    ----------
    key : of the track
    frame : 0-based number in the video
    score : error in per cent of the interocular distance that a correction is expected to
        take away, weighted as :mod:`trainer.ranking` says; descending over a list
    reasons : the strongest first, at least one
    """

    key: Hashable
    frame: int
    score: float
    reasons: tuple[Reason, ...]

    @property
    def words(self) -> str:
        """All reasons as a person reads them."""
        return "; ".join(reason.words for reason in self.reasons)


def rank(
    tracks: Sequence[TrackReview],
    limit: int,
    *,
    gap: int = GAP,
    accepted_shapes: np.ndarray | None = None,
    error: Callable[[FrameFeatures], np.ndarray] = expected_error,
) -> list[Proposal]:
    """The frames of a whole project whose correction is expected to help most, best first.

    Accepted and corrected frames are never among them, nor near-duplicates of corrected or
    better ones: see :data:`GAP` and :data:`SAME`.

    Parameters
    ----------
    tracks : all tracks of all videos
    limit : most proposals
    gap : see :data:`GAP`; 0 allows near-duplicates, of any kind
    accepted_shapes : (n, L, 2) landmarks of accepted and corrected frames of the project, a
        sample is enough: shapes of proposals unlike them are told of
    error : gives the (T,) error that frames are expected to have, per cent
    """
    usual = _Usual.of(tracks)
    like = Likeness.of(accepted_shapes) if accepted_shapes is not None else None
    lists = [_Candidates(track, usual, gap, error) for track in tracks]
    best = np.array([one.best() for one in lists], np.float64)
    proposals: list[Proposal] = []
    while len(proposals) < limit and len(best):
        number = int(best.argmax())
        if best[number] <= 0:
            break
        track, candidates = tracks[number], lists[number]
        frame = candidates.take()
        reasons = _reasons(track, frame, usual, candidates.distance)
        if like is not None and track.landmarks is not None and not track.features.lost[frame]:
            reasons += like.reasons(track.landmarks(frame))
        proposals.append(Proposal(track.key, frame, float(best[number]), _told(reasons)))
        best[number] = candidates.best()
    return proposals


@dataclass(frozen=True, eq=False)
class _Usual:
    """What the project's corrected and accepted frames look like.

    ``yaws`` of corrected frames, ascending; ``oddness`` of accepted ones, median and 95 %.
    """

    yaws: np.ndarray
    oddness: tuple[float, float]

    @classmethod
    def of(cls, tracks: Sequence[TrackReview]) -> _Usual:
        yaws, oddness = [np.empty(0)], [np.empty(0)]
        for track in tracks:
            features = track.features
            yaws.append(features.yaw[np.asarray(track.corrected, np.intp)])
            accepted = frames_mask(track.accepted, len(features))
            oddness.append(features.oddness[accepted][:: max(int(accepted.sum()) // 1000, 1)])
        yaw, odd = np.concatenate(yaws), np.concatenate(oddness)
        yaw, odd = np.sort(yaw[np.abs(yaw) <= SWAPPED]), odd[np.isfinite(odd)]
        if len(odd) < _FEWEST:
            return cls(yaw, _USUAL_ODDNESS)
        middle, high = np.quantile(odd, [0.5, 0.95])
        return cls(yaw, (float(middle), float(max(high, middle * 1.2))))

    def pose_distance(self, yaw: np.ndarray) -> np.ndarray:
        """Degrees to the nearest corrected yaw; 0 where nothing is corrected or known."""
        if not len(self.yaws):
            return np.zeros(len(yaw), np.float32)
        after = np.searchsorted(self.yaws, yaw)
        last = len(self.yaws) - 1
        away = np.minimum(
            np.abs(yaw - self.yaws[np.minimum(after, last)]),
            np.abs(yaw - self.yaws[np.maximum(after - 1, 0)]),
        )
        return np.nan_to_num(away, nan=0.0)

    def strangeness(self, oddness: np.ndarray) -> np.ndarray:
        """1 where a shape is three times as far off as 95 % of the accepted ones."""
        middle, high = self.oddness
        return np.nan_to_num((oddness - middle) / (3 * (high - middle)), nan=0.0)


@dataclass(eq=False)
class _Candidates:
    """The frames of one track that can be proposed, fewer with every one that is."""

    track: TrackReview
    usual: _Usual
    gap: int
    error: Callable[[FrameFeatures], np.ndarray]
    distance: np.ndarray = field(init=False)
    frames: np.ndarray = field(init=False)
    scores: np.ndarray = field(init=False)
    looks: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        features = self.track.features
        n_frames = len(features)
        self.gap = min(self.gap, max(n_frames // 20, 2))
        corrected = np.asarray(self.track.corrected, np.intp)
        self.distance = _distances(n_frames, corrected)
        scores = _worth(features, self.error(features), self.usual, self.distance)
        scores[frames_mask(self.track.accepted, n_frames)] = 0
        scores[self.distance < max(self.gap, 1)] = 0
        self.frames = _block_best(scores, max(self.gap // 2, 1))
        self.scores = scores[self.frames]
        self.looks = _looks(features, self.frames)
        if self.gap:
            for look in _looks(features, corrected).T:
                self._drop_alike(look)

    def best(self) -> float:
        return float(self.scores.max()) if len(self.scores) else 0.0

    def take(self) -> int:
        """The best frame; those that show the same drop out, those near it are worth less."""
        index = int(self.scores.argmax())
        frame = int(self.frames[index])
        if not self.gap:
            self.scores[index] = 0
            return frame
        fade = 2 * self.gap
        reach = slice(*np.searchsorted(self.frames, (frame - 5 * fade, frame + 5 * fade)))
        away = np.abs(self.frames[reach] - frame)
        self.scores[reach] *= np.where(away < self.gap, 0, 1 - _TAKEN * np.exp(-away / fade))
        self._drop_alike(self.looks[:, index].copy())
        return frame

    def _drop_alike(self, look: np.ndarray) -> None:
        alike = np.abs(self.looks[0] - look[0]) < 1
        for own, other in zip(self.looks[1:], look[1:], strict=True):
            alike &= np.abs(own - other) < 1
        self.scores[alike] = 0


def _worth(
    features: FrameFeatures, error: np.ndarray, usual: _Usual, distance: np.ndarray
) -> np.ndarray:
    """(T,) expected gain of correcting each frame, see :class:`Proposal`."""
    error = np.array(error)
    error[np.abs(features.yaw) > SWAPPED] = _SWAPPED_ERROR
    error *= 1 + _ODD_GAIN * np.clip(usual.strangeness(features.oddness), 0, 2)
    lost = features.lost
    error[lost] = 0
    for first, stop in _stretches(lost):
        at_ends = first == 0 or stop == len(lost)
        if stop - first < len(lost):
            shown = first if first else stop - 1
            error[shown] = _LOST_ERROR * (_LOST_AT_ENDS if at_ends else 1.0)
    error *= 1 + _POSE_GAIN * np.clip(usual.pose_distance(features.yaw) / _NEW_POSE, 0, 1)
    return error * (1 - _NEAR * np.exp(-distance / _FADE))


def _distances(n_frames: int, corrected: np.ndarray) -> np.ndarray:
    """(T,) float32 frames to the nearest corrected one; infinite where there is none."""
    away = np.full(n_frames, np.inf, np.float32)
    if len(corrected):
        numbers = np.arange(n_frames)
        after = np.searchsorted(corrected, numbers)
        last = len(corrected) - 1
        ahead = np.abs(corrected[np.minimum(after, last)] - numbers)
        away[:] = np.minimum(ahead, np.abs(numbers - corrected[np.maximum(after - 1, 0)]))
    return away


def _block_best(scores: np.ndarray, block: int) -> np.ndarray:
    """Numbers of the best frame of each block of neighbours, where it is worth anything."""
    padded = np.zeros(-(-len(scores) // block) * block, scores.dtype)
    padded[: len(scores)] = scores
    best = padded.reshape(-1, block).argmax(axis=1) + np.arange(0, len(padded), block)
    return best[padded[best] > 0]


def _looks(features: FrameFeatures, frames: np.ndarray) -> np.ndarray:
    """(7, n) what frames look like, in units of :data:`SAME`; NaN is like nothing."""
    side = features.side[frames]
    rows = [
        getattr(features, name)[frames] / (side if name in "xy" else 1) / same
        for name, same in SAME.items()
        if name != "side"
    ]
    return np.stack([*rows, np.log(side) / SAME["side"]])


def _stretches(mask: np.ndarray) -> list[tuple[int, int]]:
    """First frames and ends of the stretches in which a mask is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.view(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _reasons(track: TrackReview, frame: int, usual: _Usual, distance: np.ndarray) -> list[Reason]:
    """All that can be said for a frame, strong or weak."""
    features = track.features
    lost = features.lost
    away = float(distance[frame])
    found = []
    if np.isfinite(away):
        found.append(Reason(Kind.FAR, away, min(away / _FAR, 1.4)))
    if lost[frame]:
        seen = np.flatnonzero(~lost[frame:])
        length = int(seen[0]) if len(seen) else len(lost) - frame
        return [*found, Reason(Kind.LOST, length, 2.0)]
    at = {name: float(getattr(features, name)[frame]) for name in vars(features)}
    found.append(Reason(Kind.CONFIDENCE, at["confidence"], (1 - at["confidence"]) / (1 - LOW)))
    for kind, name, enough in (
        (Kind.DISAGREEMENT, "disagreement", _DISAGREES), (Kind.JUMP, "jump", JUMP)
    ):  # fmt: skip
        if np.isfinite(at[name]):
            found.append(Reason(kind, at[name], min(at[name] / enough, 3.0)))
    if abs(at["yaw"]) > SWAPPED:
        found.append(Reason(Kind.SWAPPED, at["yaw"], 4.0))
    else:
        pose = float(usual.pose_distance(features.yaw[frame : frame + 1])[0])
        found.append(Reason(Kind.POSE, at["yaw"], min(pose / _FAR_POSE, 1.5)))
        strange = float(usual.strangeness(features.oddness[frame : frame + 1])[0])
        found.append(Reason(Kind.ODD, at["oddness"], min(strange, 3.0)))
    before = np.flatnonzero(~lost[:frame])
    length = frame - 1 - int(before[-1]) if len(before) else 0
    if length >= _SHORT_LOSS:
        found.append(Reason(Kind.LOST_BEFORE, length, 1 + min(length / 50, 1.0)))
    return found


def _told(reasons: list[Reason]) -> tuple[Reason, ...]:
    """Those strong enough, the strongest first and one of a kind; the strongest if none is."""
    ordered = sorted(reasons, key=lambda reason: -reason.strength)
    kinds: set[Kind] = set()
    told: list[Reason] = []
    for reason in ordered:
        if reason.kind not in kinds and (reason.strength >= 1 or not told):
            told.append(reason)
            kinds.add(reason.kind)
    return tuple(told)
