"""How far two people agree who labelled the same videos in two projects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from napari_red.core.track_data import TrackData
from napari_red.core.video_names import told_apart
from trainer.errors import RedError
from trainer.scheme import scheme_for

APART = 5.0
"""Percent of the interocular distance: beyond it two points are apart."""

_OVERLAP = 0.3
"""Of two face boxes, intersection over union: from here they may be one face."""


class CompareError(RedError):
    """Two projects that can't be compared."""


@dataclass(frozen=True)
class Agreement:
    """How far two people agree on a landmark, a group, or all of the face.

    Attributes
    ----------
    name : group, "landmark 31" counted from 1, or "all"
    points : landmarks compared: both see them and placed them
    mean, median : distance in percent of the interocular distance, that of the outer eye
        corners, mean of both; NaN where nothing is compared
    apart : of the points, those farther than 5 percent, in percent
    visibility : of all landmarks, those only one of both says are not visible, in percent
    """

    name: str
    points: int
    mean: float
    median: float
    apart: float
    visibility: float


@dataclass(frozen=True)
class VideoAgreement:
    """One video.

    Attributes
    ----------
    faces : (face in A, face in B, frames compared), faces counted from 0 as in the files
    only_a, only_b : faces that a person said something of and the other project lacks
    total : over all landmarks of the video
    """

    name: str
    faces: tuple[tuple[int, int, int], ...]
    only_a: tuple[int, ...]
    only_b: tuple[int, ...]
    total: Agreement


@dataclass(frozen=True)
class Comparison:
    """Two projects.

    Attributes
    ----------
    videos : those that are in both
    missing_a, missing_b : names of videos that only the other project has
    total : over everything
    groups, landmarks : the same by facial part and by landmark
    """

    videos: tuple[VideoAgreement, ...]
    missing_a: tuple[str, ...]
    missing_b: tuple[str, ...]
    total: Agreement
    groups: tuple[Agreement, ...]
    landmarks: tuple[Agreement, ...]

    @property
    def frames(self) -> int:
        """Faces in frames that were compared."""
        return sum(frames for video in self.videos for *_, frames in video.faces)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """N faces in frames that both labelled.

    Attributes
    ----------
    distance : (N, L) float32, percent of the interocular distance; NaN where not compared
    differs : (N, L) bool, True where only one says that it isn't visible
    """

    distance: np.ndarray
    differs: np.ndarray


def compare(a: Project, b: Project) -> Comparison:
    """Compare what two people said of the videos that are in both projects.

    Videos are the same where their contents are, faces where they overlap, whatever they
    are called. Only frames count that both corrected or accepted.

    Raises
    ------
    CompareError
        If no video is in both, or the number of landmarks differs.
    """
    in_a = {video.fingerprint: video for video in a.videos()}
    in_b = {video.fingerprint: video for video in b.videos()}
    common = [fingerprint for fingerprint in in_a if fingerprint in in_b]
    if not common:
        raise CompareError(
            f"{a.path} and {b.path}: no video is in both; compare projects in which two people "
            "labelled the same files"
        )
    names_a, names_b = told_apart([*in_a.values()]), told_apart([*in_b.values()])
    videos, pairs = [], []
    for fingerprint in common:
        video, found = _compare_video(a, in_a[fingerprint], b, in_b[fingerprint])
        videos.append(replace(video, name=names_a[in_a[fingerprint].id]))
        pairs.append(found)
    sizes = {found.distance.shape[1] for found in pairs if found.distance.size}
    if len(sizes) > 1:
        raise CompareError(
            f"{a.path}: some videos have {min(sizes)} landmarks and some {max(sizes)}; compare "
            "projects of one scheme"
        )
    joined = _joined([found for found in pairs if found.distance.size])
    n_landmarks = joined.distance.shape[1]
    groups = scheme_for(n_landmarks).groups if n_landmarks else {}
    return Comparison(
        tuple(videos),
        tuple(names_b[video.id] for key, video in in_b.items() if key not in in_a),
        tuple(names_a[video.id] for key, video in in_a.items() if key not in in_b),
        _agreement("all", joined),
        tuple(_agreement(name, joined, list(these)) for name, these in groups.items()),
        tuple(_agreement(f"landmark {i + 1}", joined, [i]) for i in range(n_landmarks)),
    )


def _compare_video(
    a: Project, video_a: VideoRecord, b: Project, video_b: VideoRecord
) -> tuple[VideoAgreement, _Pairs]:
    tracks_a = [TrackData(a, record) for record in a.tracks(video_a.id)]
    tracks_b = [TrackData(b, record) for record in b.tracks(video_b.id)]
    held_a, held_b = ([_held(t) for t in tracks] for tracks in (tracks_a, tracks_b))
    sizes = {track.record.n_landmarks for track in (*tracks_a, *tracks_b)}
    if len(sizes) > 1:
        raise CompareError(
            f"{video_a.name}: has {tracks_a[0].record.n_landmarks} landmarks in {a.path} and "
            f"{tracks_b[0].record.n_landmarks} in {b.path}; compare projects of one scheme"
        )
    frames = [[np.intersect1d(one, other) for other in held_b] for one in held_a]
    overlaps = np.zeros((len(tracks_a), len(tracks_b)))
    for i, one in enumerate(tracks_a):
        for j, other in enumerate(tracks_b):
            overlaps[i, j] = _overlap(one, other, frames[i][j])
    matched = [
        (int(i), int(j))
        for i, j in zip(*linear_sum_assignment(-overlaps), strict=True)
        if overlaps[i, j] > 0
    ]
    pairs = [_pairs(tracks_a[i], tracks_b[j], frames[i][j]) for i, j in matched]
    joined = _joined(pairs)
    taken_a, taken_b = {i for i, _ in matched}, {j for _, j in matched}
    agreement = VideoAgreement(
        video_a.name,
        tuple(
            (tracks_a[i].record.face, tracks_b[j].record.face, len(found.distance))
            for (i, j), found in zip(matched, pairs, strict=True)
        ),
        tuple(_left(tracks_a, held_a, taken_a)),
        tuple(_left(tracks_b, held_b, taken_b)),
        _agreement("all", joined),
    )
    return agreement, joined


def _left(tracks: list[TrackData], held: list[np.ndarray], taken: set[int]) -> list[int]:
    return [
        track.record.face
        for number, track in enumerate(tracks)
        if number not in taken and len(held[number])
    ]


def _held(track: TrackData) -> np.ndarray:
    """Frames of a track in which a person corrected or accepted the face, in order."""
    return np.union1d(np.array(track.corrected, np.int64), track.accepted_faces())


def _overlap(one: TrackData, other: TrackData, frames: np.ndarray) -> float:
    """In how many of the frames the two faces are in the same place: box over box."""
    found = 0.0
    for frame in frames.tolist():
        (low, high), (low_b, high_b) = (_box(track.merged(frame)) for track in (one, other))
        both = np.prod(np.clip(np.minimum(high, high_b) - np.maximum(low, low_b), 0, None))
        either = np.prod(high - low) + np.prod(high_b - low_b) - both
        share = both / either if either > 0 else 0.0
        found += share if share >= _OVERLAP else 0.0
    return found


def _box(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = landmarks[np.isfinite(landmarks).all(axis=1)]
    if not len(known):
        return np.zeros(2), np.zeros(2)
    return known.min(axis=0).astype(np.float64), known.max(axis=0).astype(np.float64)


def _pairs(one: TrackData, other: TrackData, frames: np.ndarray) -> _Pairs:
    n_landmarks = one.record.n_landmarks
    left, right = scheme_for(n_landmarks).eye_corners
    distance = np.full((len(frames), n_landmarks), np.nan, np.float32)
    differs = np.zeros((len(frames), n_landmarks), bool)
    for row, frame in enumerate(frames.tolist()):
        points = [track.merged(frame) for track in (one, other)]
        hidden = [_hidden(track, frame) for track in (one, other)]
        eyes = np.mean([np.linalg.norm(p[left] - p[right]) for p in points])
        if np.isfinite(eyes) and eyes > 0:
            apart = np.linalg.norm(points[0] - points[1], axis=1) / eyes * 100
            distance[row] = np.where(hidden[0] | hidden[1], np.nan, apart)
        differs[row] = hidden[0] != hidden[1]
    return _Pairs(distance, differs)


def _hidden(track: TrackData, frame: int) -> np.ndarray:
    correction = track.correction(frame)
    return np.zeros(track.record.n_landmarks, bool) if correction is None else correction.hidden


def _joined(pairs: Sequence[_Pairs]) -> _Pairs:
    if not pairs:
        return _Pairs(np.zeros((0, 0), np.float32), np.zeros((0, 0), bool))
    return _Pairs(
        np.concatenate([one.distance for one in pairs]),
        np.concatenate([one.differs for one in pairs]),
    )


def _agreement(name: str, pairs: _Pairs, landmarks: list[int] | None = None) -> Agreement:
    these = slice(None) if landmarks is None else landmarks
    distance, differs = pairs.distance[:, these], pairs.differs[:, these]
    known = distance[np.isfinite(distance)]
    nan = float("nan")
    return Agreement(
        name,
        len(known),
        float(known.mean()) if len(known) else nan,
        float(np.median(known)) if len(known) else nan,
        float((known > APART).mean() * 100) if len(known) else nan,
        float(differs.mean() * 100) if differs.size else nan,
    )
