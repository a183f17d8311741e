"""How far the videos of a project are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_red.core.marks import Marks
from napari_red.core.project import Project
from napari_red.core.records import VideoRecord


@dataclass(frozen=True)
class VideoStanding:
    """One video and its counts.

    Attributes
    ----------
    corrected : frames in which any face is corrected
    accepted : frames in which every face is accepted
    faces : faces followed through it
    people : their names, without those nobody named
    """

    video: VideoRecord
    corrected: int
    accepted: int
    faces: int
    people: tuple[str, ...] = ()


def standings(project: Project) -> list[VideoStanding]:
    """All videos of a project, in the order they were added."""
    return [_standing(project, video) for video in project.videos()]


def _standing(project: Project, video: VideoRecord) -> VideoStanding:
    tracks = project.tracks(video.id)
    corrected: set[int] = set()
    for track in tracks:
        corrected.update(project.corrected_frames(track.id))
    marks = [Marks(project.accepted(track.id)) for track in tracks]
    accepted = marks[0].count if len(marks) == 1 else 0
    if len(marks) > 1 and all(one.blocks for one in marks):
        arrays = [one.as_array(video.n_frames) for one in marks]
        accepted = int(np.logical_and.reduce(arrays).sum())
    people = tuple(sorted({t.identity.name for t in tracks if t.identity is not None}))
    return VideoStanding(video, len(corrected), accepted, len(tracks), people)
