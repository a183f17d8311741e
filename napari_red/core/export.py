"""Annotation files out of a project; corrections win over predictions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from napari_red.core.annotation import VideoAnnotation, pseudonyms
from napari_red.core.formats.base import Options
from napari_red.core.formats.registry import format_called
from napari_red.core.frame_counts import cant_be_decoded, count_again
from napari_red.core.gather import annotations_of, project_id
from napari_red.core.jobs import ProgressCallback, ShouldStop
from napari_red.core.locate import locate
from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from napari_red.core.session import Session
from napari_red.core.settings_table import secret
from trainer.data.video import Video, open_video
from trainer.errors import RedError


class ExportError(RedError):
    """An export that can't be made: what is missing, and what to do."""


@dataclass(frozen=True)
class ExportChoice:
    """What is exported, and how.

    Attributes
    ----------
    format : a key of :data:`napari_red.core.formats.registry.FORMATS`
    only_accepted : leave out the frames nobody accepted
    n_points : 68, or the 7 that some sets use (``.pts`` and others)
    pseudonyms : "person_01" and so on in the place of names
    pictures : write the frames' pictures too, where the format refers to pictures; frames that
        can't be decoded are left out then
    """

    format: str = "pts"
    only_accepted: bool = False
    n_points: Literal[68, 7] = 68
    pseudonyms: bool = False
    pictures: bool = False


@dataclass(frozen=True)
class ExportSummary:
    """What was written.

    Attributes
    ----------
    out : the folder everything is in
    written : the files to open, or the folders where a format has a file for each frame
    faces : faces in frames that were exported
    corrected : how many of these a person corrected
    without_face : frames that are worked on, and in which no face was exported
    notes : what was left out, and what should be looked at
    """

    out: Path
    written: tuple[Path, ...]
    faces: int
    corrected: int
    without_face: int
    notes: tuple[str, ...] = ()


def export_project(
    project: Project,
    out_dir: str | Path,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
    *,
    choice: ExportChoice | None = None,
    video_ids: Sequence[int] | None = None,
) -> ExportSummary:
    """Export the videos of a project.

    Parameters
    ----------
    out_dir : the folder, made if missing
    choice : format and what goes in; ``.pts`` files of everything if None
    video_ids : which videos; all if None

    Raises
    ------
    ExportError
        If there is nothing to export.
    FormatError
        If the folder can't be written, or holds annotation of other origin.
    MovedVideoError, VideoError
        If pictures are wanted of a video that isn't found or can't be read.
    StopWork
        When ``should_stop`` answers True.
    """
    choice = choice or ExportChoice()
    chosen = [v for v in project.videos() if video_ids is None or v.id in set(video_ids)]
    if not chosen:
        raise ExportError(f"{project.path}: no video in it; add and pre-annotate one first")
    annotations: Sequence[VideoAnnotation] = annotations_of(
        project, chosen, on_progress, should_stop
    )
    records = {video.name: record for video, record in zip(annotations, chosen, strict=True)}
    if not any(video.faces for video in annotations):
        raise ExportError(f"{', '.join(records)}: no landmarks yet; pre-annotate it first")
    if choice.pseudonyms:
        annotations, _ = pseudonyms(annotations, secret(project))
    with _Pictures(project, records) as pictures:
        options = Options(
            choice.only_accepted,
            choice.n_points,
            pictures if choice.pictures else None,
            project_id(project),
        )
        written = format_called(choice.format).write(
            annotations, out_dir, options, on_progress, should_stop
        )
    wanted = [video.wanted_frames for video in chosen]
    return _summary(Path(out_dir), written, annotations, wanted, choice, pictures)


def export_session(
    session: Session,
    out_dir: str | Path,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
    *,
    choice: ExportChoice | None = None,
) -> ExportSummary:
    """Export the open video; see :func:`export_project`."""
    if not session.n_faces:
        raise ExportError(f"{session.video.path}: has no landmarks yet; pre-annotate it first")
    project, video = session.opened()
    return export_project(
        project, out_dir, on_progress, should_stop, choice=choice, video_ids=[video.id]
    )


def _summary(
    out: Path,
    written: Sequence[Path],
    annotations: Sequence[VideoAnnotation],
    wanted: Sequence[range],
    choice: ExportChoice,
    pictures: _Pictures,
) -> ExportSummary:
    faces = corrected = without = 0
    for video, frames in zip(annotations, wanted, strict=True):
        seen: set[int] = set()
        for face in video.faces:
            shown = (face.labelled & face.visible).any(axis=1)
            if choice.only_accepted:
                shown &= face.accepted
            shown &= ~np.isin(face.frames, list(pictures.lost[video.name]))
            faces += int(shown.sum())
            corrected += int((shown & face.corrected.any(axis=1)).sum())
            seen.update(face.frames[np.flatnonzero(shown)].tolist())
        without += len(set(frames) - seen)
    return ExportSummary(out, tuple(written), faces, corrected, without, pictures.notes)


class _Pictures:
    """The pictures of videos that are exported, one open at a time.

    Parameters
    ----------
    project : its videos are looked for where they may have been moved to
    videos : by the name that each is exported under

    Attributes
    ----------
    lost : frames that were asked for and can't be decoded, by the name of their video
    """

    def __init__(self, project: Project, videos: dict[str, VideoRecord]) -> None:
        self._project, self._videos = project, videos
        self._open: tuple[str, Video] | None = None
        self._recounted: list[str] = []
        self.lost: defaultdict[str, set[int]] = defaultdict(set)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell about the videos that were opened."""
        lost = [cant_be_decoded(name, frames) for name, frames in self.lost.items() if frames]
        return (*self._recounted, *lost)

    def __call__(self, video: VideoAnnotation, frame: int) -> np.ndarray | None:
        if self._open is None or self._open[0] != video.name:
            self._close()
            record = self._videos[video.name]
            self._open = (video.name, open_video(locate(self._project, record)))
            self._recounted += count_again(self._project, record, self._open[1])
        image = self._open[1].sound_frame(frame)
        if image is None:
            self.lost[video.name].add(frame)
        return image

    def _close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def __enter__(self) -> _Pictures:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
