"""What is known of each face while a video is followed, and the rules for losing one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from trainer.geometry import CropTransform, FaceBox, roll_angle
from trainer.steady import TREMBLE


@dataclass(frozen=True)
class TrackingRules:
    """When a face counts as lost, found and the same.

    Lengths are in units of the landmark box's side unless said otherwise. Of 2,447 real
    faces, profiles among them, all had a shape residual of 0.15 or less, an aspect of
    0.72 to 1.51 and outer eye corners 0.38 to 0.80 apart.

    Attributes
    ----------
    min_support : float
        Mean support of the landmarks in the picture. A network finds a face in anything, so this
        catches only the worst: 1 % of real faces have less than 0.95, half of the places
        without a face more than 0.8.
    sure_support : float
        Below this mean support the detector looks at once.
    max_residual : float
        Root mean square distance from the mean shape, moved, turned and scaled onto it.
    aspect : (float, float)
        Width over height of the upright landmark box.
    eye_distance : (float, float)
        Between the outer eye corners.
    min_side : float
        Of the landmark box, pixels.
    min_inside : float
        Part of the landmarks inside the picture.
    max_growth : float
        Ratio of box sides in neighbouring frames, either way.
    check_every : int
        Frames between the detector's looks at a face that is being followed.
    min_face_probability : float
        What the detector must give that look, at least once in two. Where landmarks were
        right all of 100 faces had 0.99 or more, where there was no face 95 % of 260 places
        had 0.28 or less.
    new_support, new_face_probability : float
        What a face that the detector found needs of both, so that it is followed at all.
    same_face : float
        Two tracks whose landmarks are nearer than this, on average, are on one face.
    taken : float
        A detected box whose middle is nearer than this to a followed face is that face.
    longest_wait : int
        Most frames between two searches for a face that isn't there.
    tremble : float
        How strongly landmarks are steadied, see :mod:`trainer.steady`; 0 leaves them as the
        network gives them.
    """

    min_support: float = 0.4
    sure_support: float = 0.94
    max_residual: float = 0.22
    aspect: tuple[float, float] = (0.5, 2.0)
    eye_distance: tuple[float, float] = (0.2, 1.0)
    min_side: float = 10.0
    min_inside: float = 0.5
    max_growth: float = 1.6
    check_every: int = 3
    min_face_probability: float = 0.5
    new_support: float = 0.5
    new_face_probability: float = 0.9
    same_face: float = 0.3
    taken: float = 0.5
    longest_wait: int = 8
    tremble: float = TREMBLE


RULES = TrackingRules()
_HISTORY = 15  # frames of motion that are remembered
_RECENT = 4  # of which so many are left out when looking where a face was going


@dataclass
class FaceResult:
    """One face in one frame, as the network sees it.

    Attributes
    ----------
    landmarks : (L, 2) float32, xy in video pixels
    confidence : (L,) float32, 0 to 1: how likely each landmark is right
    support : 0 to 1, mean of what the picture holds for each landmark: whether it is a face
    state : the LSTM's memory after this frame, batch of one, or None
    identity : (256,) float32 embedding
    disagreement : mean distance between the response maps' and f_REG's landmarks, in sides of
        the upright face box; NaN where not computed
    """

    landmarks: np.ndarray
    confidence: np.ndarray
    support: float
    state: Any
    identity: np.ndarray
    disagreement: float = float("nan")


@dataclass
class Track:
    """One face that is being followed.

    ``first`` is the frame it was found in, ``seen`` the last one in which the detector saw
    it too; ``doubts`` counts its looks since then. A face that a person pointed out and the
    detector can't see is not ``judged`` by it.
    """

    result: FaceResult
    first: int
    doubts: int = 0
    judged: bool = True
    seen: int = field(init=False)
    identity: np.ndarray = field(init=False)
    centres: deque[np.ndarray] = field(default_factory=lambda: deque(maxlen=_HISTORY))

    def __post_init__(self) -> None:
        self.seen = self.first
        self.identity = self.result.identity
        self.centres.append(self.centre)

    @property
    def centre(self) -> np.ndarray:
        """(2,) xy of the landmark box's middle."""
        return np.array(FaceBox.around(self.result.landmarks).centre)

    @property
    def side(self) -> float:
        """Of the landmark box, pixels."""
        return FaceBox.around(self.result.landmarks).side

    def advance(self, result: FaceResult) -> None:
        """Take over the next frame's result."""
        self.result = result
        self.identity = self.identity + 0.1 * (result.identity - self.identity)
        self.centres.append(self.centre)

    def detour(self) -> float:
        """How far the face is from where it was going a few frames ago, in sides.

        A track that is pulled onto another face leaves its course; the other keeps it.
        """
        past = np.array(self.centres)
        if len(past) < _RECENT + 2:
            return 0.0
        before = past[:-_RECENT]
        speed = (before[-1] - before[0]) / (len(before) - 1)
        expected = before[-1] + speed * _RECENT
        return float(np.linalg.norm(past[-1] - expected) / max(self.side, 1.0))


@dataclass
class Memory:
    """What is left of a face that was lost: where, when, and who it looked like."""

    frame: int
    centre: np.ndarray
    side: float
    identity: np.ndarray


def upright_crop(landmarks: np.ndarray, eye_corners: tuple[int, int]) -> CropTransform:
    """The network's crop around (L, 2) landmarks, turned so that the face is upright.

    The box is the tight one in the turned picture: a tilted face isn't seen smaller.
    """
    angle = roll_angle(landmarks, eye_corners)
    turn = CropTransform(0.0, 0.0, 1.0, angle, size=1)
    box = FaceBox.around(turn.apply(landmarks))
    crop = CropTransform.from_box(box, angle=angle)
    x, y = turn.invert(np.array([crop.centre_x, crop.centre_y]))
    return replace(crop, centre_x=float(x), centre_y=float(y))


def shape_residual(landmarks: np.ndarray, mean_shape: np.ndarray) -> float:
    """Root mean square distance of (L, 2) landmarks to a mean shape, best placed on it.

    The mean shape is moved, turned and scaled; the answer is in sides of its box.
    """
    shape = landmarks.astype(np.float64) - landmarks.mean(axis=0)
    mean = mean_shape.astype(np.float64) - mean_shape.mean(axis=0)
    mean /= max(FaceBox.around(mean).side, 1e-9)
    power = (shape**2).sum()
    if power == 0:
        return float("inf")
    along = (shape * mean).sum() / power
    across = (shape[:, 0] * mean[:, 1] - shape[:, 1] * mean[:, 0]).sum() / power
    placed = shape @ np.array([[along, across], [-across, along]])
    return float(np.sqrt(((placed - mean) ** 2).sum(axis=1).mean()))


@dataclass(frozen=True)
class Judge:
    """Says of a result whether it can be a face, by :class:`TrackingRules`."""

    rules: TrackingRules
    mean_shape: np.ndarray
    eye_corners: tuple[int, int]

    def why_not(
        self, result: FaceResult, image_shape: tuple[int, ...], side_before: float | None = None
    ) -> str | None:
        """Why this is no face that could be followed further, in words; None if it is one.

        Parameters
        ----------
        result : of the frame in question
        image_shape : (height, width, ...)
        side_before : the landmark box's side in the frame before, pixels
        """
        rules, points = self.rules, result.landmarks
        if not np.isfinite(points).all():
            return "no landmarks"
        if result.support < rules.min_support:
            return f"low confidence ({result.support:.2f})"
        height, width = image_shape[:2]
        inside = ((points >= -0.5) & (points < (width - 0.5, height - 0.5))).all(axis=1).mean()
        if inside < rules.min_inside:
            return "left the picture"
        side = FaceBox.around(points).side
        if side < rules.min_side:
            return "too small"
        if side_before is not None:
            growth = side / side_before
            if not 1 / rules.max_growth <= growth <= rules.max_growth:
                return "jumped in size"
        return self._odd_shape(points)

    def _odd_shape(self, points: np.ndarray) -> str | None:
        turn = CropTransform(0.0, 0.0, 1.0, roll_angle(points, self.eye_corners), size=1)
        upright = FaceBox.around(turn.apply(points))
        first, second = points[list(self.eye_corners)]
        eyes = float(np.hypot(*(second - first))) / upright.side
        low, high = self.rules.eye_distance
        narrow, wide = self.rules.aspect
        if not low <= eyes <= high or not narrow * upright.height <= upright.width:
            return "not the shape of a face"
        if upright.width > wide * upright.height:
            return "not the shape of a face"
        if shape_residual(points, self.mean_shape) > self.rules.max_residual:
            return "not the shape of a face"
        return None


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of two faces' landmarks over the smaller one's box side."""
    side = min(FaceBox.around(one).side, FaceBox.around(other).side)
    return float(np.linalg.norm(one - other, axis=-1).mean() / max(side, 1.0))


def impostors(tracks: dict[int, Track], rules: TrackingRules) -> dict[int, int]:
    """Tracks that have slid onto another track's face: {slot of it: slot that stays}.

    The one that stays is the one that kept its course and is surer of its landmarks.
    """
    gone: dict[int, int] = {}
    slots = sorted(tracks)
    for i, first in enumerate(slots):
        for second in slots[i + 1 :]:
            if first in gone or second in gone:
                continue
            a, b = tracks[first], tracks[second]
            if distance(a.result.landmarks, b.result.landmarks) >= rules.same_face:
                continue
            doubt = [t.detour() - t.result.support for t in (a, b)]
            if doubt[1] >= doubt[0]:
                gone[second] = first
            else:
                gone[first] = second
    return gone


def assign_slots(
    found: list[Track], free: dict[int, Memory | None], frame: int
) -> dict[int, Track]:
    """Which newly found face goes into which free slot.

    Parameters
    ----------
    found : faces in the detector's order
    free : free slots, with what is remembered of the face that was there
    frame : the present frame's number

    Returns
    -------
    {slot: face}. A face that was lost gets its slot back where place and looks agree;
    a stranger takes a slot nobody had, and only then one whose face has gone.
    """
    costs = []
    for rank, track in enumerate(found):
        for slot, memory in free.items():
            cost = _STRANGER if memory is None else _unlikeness(track, memory, frame)
            costs.append((cost + 1e-3 * rank, rank, slot))
    taken: dict[int, Track] = {}
    used: set[int] = set()
    for _, rank, slot in sorted(costs):
        if slot not in taken and rank not in used:
            taken[slot] = found[rank]
            used.add(rank)
    return taken


_STRANGER = 0.5  # cost of an unused slot: better than a face that fits badly


def _unlikeness(track: Track, memory: Memory, frame: int) -> float:
    """0 for the same face at the same place, about 1 for another one elsewhere."""
    away = np.linalg.norm(track.centre - memory.centre) / max(memory.side, 1.0)
    size = abs(np.log(max(track.side, 1.0) / max(memory.side, 1.0)))
    # A face may have gone anywhere meanwhile, so the place counts less with time.
    place = min((away + size) / 3, 1.0) * float(np.exp(-(frame - memory.frame) / 50))
    norms = np.linalg.norm(track.identity) * np.linalg.norm(memory.identity)
    looks = 1 - float(track.identity @ memory.identity) / norms if norms > 0 else 0.0
    return 0.5 * place + min(2 * looks, 1.0) * 0.5
