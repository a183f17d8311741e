"""How far the videos of a project are."""

from __future__ import annotations

from dataclasses import dataclass

from napari_red.core.marks import Marks
from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from napari_red.core.reviewed import Reviewed, reviewed


@dataclass(frozen=True)
class VideoStanding:
    """One video and its counts.

    Attributes
    ----------
    faces : faces followed through it
    people : their names, without those nobody named
    """

    video: VideoRecord
    reviewed: Reviewed
    faces: int
    people: tuple[str, ...] = ()


def standings(project: Project) -> list[VideoStanding]:
    """All videos of a project, in the order they were added."""
    return [_standing(project, video) for video in project.videos()]


def _standing(project: Project, video: VideoRecord) -> VideoStanding:
    tracks = project.tracks(video.id)
    found = reviewed(
        video.n_frames,
        video.wanted_frames,
        [project.corrected_frames(track.id) for track in tracks],
        [Marks(project.accepted(track.id)) for track in tracks],
    )
    people = tuple(sorted({t.identity.name for t in tracks if t.identity is not None}))
    return VideoStanding(video, found, len(tracks), people)
