"""Who a track may be: a name of the project, suggested only where few are wrong.

Nothing of how a face looks is kept in the project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_red.core.chunks import CHUNK
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.locate import locate
from napari_red.core.project import Project
from napari_red.core.records import TrackRecord
from napari_red.core.track_data import TrackData
from napari_red.core.video_names import told_apart
from trainer.data.video import Video, open_video
from trainer.errors import RedError
from trainer.who import SURE, SURE_CLASS, Looks, likeness

FRAMES = 6
"""Frames of a track that are looked at."""

TRACKS_EACH = 3
"""Tracks of each named person that are compared with."""


class Looker(Protocol):
    """Sees how a face looks: :class:`napari_red.core.aligner_process.AlignerProcess`."""

    def look(self, video: Video, faces: Sequence[tuple[int, np.ndarray]]) -> Looks | None: ...


@dataclass(frozen=True)
class Suggestion:
    """A name for a track.

    Attributes
    ----------
    score : f_CLS's probability, or likeness to that person's tracks; 1 is the most
    words : where it comes from
    """

    name: str
    score: float
    words: str


class Identifier:
    """Suggests names; looks at each track once.

    Parameters
    ----------
    project : an open project
    looker : sees faces
    """

    def __init__(self, project: Project, looker: Looker) -> None:
        self.project = project
        self.looker = looker
        self._looks: dict[int, Looks | None] = {}

    def suggest(
        self,
        track_id: int,
        on_progress: ProgressCallback = lambda _: None,
        should_stop: ShouldStop = lambda: False,
    ) -> Suggestion | None:
        """Who a track may be; None where nobody is likely enough.

        f_CLS is believed where it is sure of somebody of this project. Else it is the named
        person whose tracks, in other videos or others of this one, look most alike.

        Raises
        ------
        StopWork
            When ``should_stop`` answers True.
        RedError
            If the track's own video can't be opened, or what the looker reports.
        """
        tracks = {track.id: track for track in self.project.tracks()}
        mine = self._look(tracks[track_id])
        if mine is None:
            return None
        known = {one.name for one in self.project.identities()}
        for name, chance in mine.people:
            if name in known and chance >= SURE_CLASS:
                return Suggestion(name, chance, "the model knows this person")
        others = _compared(tracks[track_id], list(tracks.values()))
        best: tuple[float, TrackRecord] | None = None
        for number, track in enumerate(others):
            if should_stop():
                raise StopWork
            on_progress(Progress(number, len(others), "comparing faces"))
            try:
                theirs = self._look(track)
            except RedError:  # that video isn't at hand; the others may be
                continue
            if theirs is not None and (best is None or likeness(mine, theirs) > best[0]):
                best = likeness(mine, theirs), track
        if best is None or best[0] < SURE or best[1].identity is None:
            return None
        video = told_apart(self.project.videos())[best[1].video_id]
        return Suggestion(best[1].identity.name, best[0], f"looks like in {video}")

    def forget(self, track_id: int) -> None:
        """A track has changed."""
        self._looks.pop(track_id, None)

    def _look(self, track: TrackRecord) -> Looks | None:
        if track.id not in self._looks:
            record = self.project.video(track.video_id)
            faces = surest(self.project, track)
            looks = None
            if faces:
                with open_video(locate(self.project, record)) as video:
                    looks = self.looker.look(video, faces)
            self._looks[track.id] = looks
        return self._looks[track.id]


def surest(
    project: Project, track: TrackRecord, count: int = FRAMES
) -> list[tuple[int, np.ndarray]]:
    """(frame, (L, 2) landmarks) of a track, spread over it, each the surest around."""
    data = TrackData(project, track)
    numbers = project.chunk_numbers(track.id)
    if not numbers:
        return []
    # Few chunks are cut into parts, of many some are looked at.
    places = np.unique(np.linspace(0, len(numbers) - 1, count).round().astype(int))
    parts = -(-count // len(places))
    found = []
    for place in places:
        chunk = data.chunk(numbers[place])
        if chunk is None:
            continue
        for part in np.array_split(np.flatnonzero(chunk.present), parts):
            if len(part):
                index = int(part[chunk.confidence[part].mean(axis=1).argmax()])
                frame = numbers[place] * CHUNK + index
                found.append((frame, data.merged(frame)))
    return [(frame, points) for frame, points in found if np.isfinite(points).all()][:count]


def _compared(track: TrackRecord, tracks: Sequence[TrackRecord]) -> list[TrackRecord]:
    """Named tracks to compare a track with. Two faces of one video may be one person who left
    and came back, so they are among them."""
    chosen: dict[str, list[TrackRecord]] = {}
    for other in tracks:
        if other.identity is not None and other.id != track.id:
            chosen.setdefault(other.identity.name, []).append(other)
    return [one for same in chosen.values() for one in same[-TRACKS_EACH:]]
