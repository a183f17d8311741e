"""Which frames of a project need a person next, and why, over all its videos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_red.core.feature_store import FeatureStore
from napari_red.core.project import Project
from napari_red.core.records import TrackRecord, VideoRecord
from napari_red.core.track_data import TrackData
from trainer.frame_features import NAMES, FrameFeatures
from trainer.ranking import Proposal, TrackReview, rank

MOST = 60
"""Proposals that are shown."""

SHAPES = 60
"""Accepted shapes, over the whole project, that others are compared with."""


@dataclass(frozen=True)
class ToReview:
    """A frame that a person should look at.

    Attributes
    ----------
    video, track : which video and which face
    face : number of the face in its video, from 0, as in a session
    frame : from 0
    words : why
    """

    video: VideoRecord
    track: TrackRecord
    face: int
    frame: int
    words: str


@dataclass(frozen=True, eq=False)
class _Track:
    """One track, with the frames of its video that are wanted."""

    video: VideoRecord
    face: int
    data: TrackData
    wanted: range
    accepted: np.ndarray
    corrected: np.ndarray

    @classmethod
    def of(cls, video: VideoRecord, face: int, data: TrackData) -> _Track:
        wanted = video.wanted_frames
        part = slice(wanted.start, wanted.stop, wanted.step)
        accepted = data.accepted.as_array(video.n_frames)[part]
        corrected = [wanted.index(frame) for frame in data.corrected if frame in wanted]
        return cls(video, face, data, wanted, accepted, np.array(corrected, int))

    def review(self, features: FrameFeatures) -> TrackReview:
        """What :func:`trainer.ranking.rank` wants, of the wanted frames only."""
        part = slice(self.wanted.start, self.wanted.stop, self.wanted.step)
        chosen = FrameFeatures(*(getattr(features, name)[part] for name in NAMES))
        return TrackReview(
            key=self,
            features=chosen,
            corrected=self.corrected,
            accepted=self.accepted,
            landmarks=lambda number: self.data.merged(self.wanted[number]),
        )

    def shapes(self, most: int, features: FrameFeatures) -> list[np.ndarray]:
        """(L, 2) landmarks of some of the frames in which a person looked at the face."""
        done = np.union1d(self.corrected, np.flatnonzero(self.accepted & ~features.lost))
        chosen = done[np.linspace(0, len(done) - 1, min(most, len(done))).astype(int)]
        return [self.data.merged(self.wanted[int(number)]) for number in chosen]

    def proposed(self, proposal: Proposal) -> ToReview:
        frame = self.wanted[proposal.frame]
        return ToReview(self.video, self.data.record, self.face, frame, proposal.words)


def propose(
    project: Project,
    store: FeatureStore,
    *,
    limit: int = MOST,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[ToReview]:
    """The frames whose correction is expected to help most, best first.

    Only frames in the range that is worked on, in which a model said something about some
    frame of the track; see :func:`trainer.ranking.rank`.

    Parameters
    ----------
    should_stop : asked between tracks; the list is empty where it answered True
    """
    tracks: list[_Track] = []
    reviews: list[TrackReview] = []
    for video in project.videos():
        for face, record in enumerate(project.tracks(video.id)):
            if should_stop():
                return []
            track = _Track.of(video, face, TrackData(project, record))
            features = store.of(record.id, video.n_frames)
            if len(track.wanted) and not features.lost.all():
                tracks.append(track)
                reviews.append(track.review(features))
    found = rank(reviews, limit, accepted_shapes=_accepted_shapes(tracks, reviews))
    return [proposal.key.proposed(proposal) for proposal in found]  # type: ignore[attr-defined]


def _accepted_shapes(tracks: list[_Track], reviews: list[TrackReview]) -> np.ndarray | None:
    if not tracks:
        return None
    each = max(SHAPES // len(tracks), 1)
    shapes: list[np.ndarray] = []
    for track, review in zip(tracks, reviews, strict=True):
        if len(shapes) < SHAPES:
            shapes += track.shapes(each, review.features)
    n_landmarks = tracks[0].data.record.n_landmarks
    alike = [shape for shape in shapes if len(shape) == n_landmarks]
    return np.stack(alike) if alike else None
