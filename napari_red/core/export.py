"""Annotation files out of a project, in the layout of 300-VW.

``NAME/annot/000001.pts`` for the first face, ``NAME/face_2/annot/000001.pts`` for the
second and so on. File names count frames from 1, or are those of numbered
pictures. A frame without the face has no file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.project import Project
from napari_red.core.records import Correction, Prediction, TrackRecord, VideoRecord
from napari_red.core.session import Session
from trainer.data.pts import write_pts
from trainer.errors import RedError

MARKER = "napari-red.json"
"""Stands in a folder that this program exported; only there older files are replaced."""

_FRAME_FILE = re.compile(r"^\d+\.pts$")


class ExportError(RedError):
    """Annotation files that can't be written."""


@dataclass(frozen=True)
class ExportSummary:
    """What was written: the video's folder, files, corrected files among them, frames
    without any face."""

    folder: Path
    files: int
    corrected: int
    without_face: int


def export_project(
    project: Project,
    out_dir: str | Path,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> list[ExportSummary]:
    """Export every video of a project; see :func:`export_video`."""
    videos = project.videos()
    if not videos:
        raise ExportError(f"{project.path}: no video in it; pre-annotate one first")
    return [
        export_video(project, video, out_dir, on_progress, should_stop, name=name)
        for video, name in zip(videos, _distinct([video.name for video in videos]), strict=True)
    ]


def export_video(
    project: Project,
    video: VideoRecord,
    out_dir: str | Path,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
    *,
    name: str | None = None,
) -> ExportSummary:
    """Write the annotation of one video; corrections win over predictions.

    Landmarks that are not visible keep their position in the file, as is usual in that
    format; a face of which no landmark is visible has no file.

    Parameters
    ----------
    out_dir : the folder that gets ``NAME/annot``
    name : the video's folder; by default the video's name

    Raises
    ------
    ExportError
        If the folder can't be written, or holds annotation of other origin.
    StopWork
        When ``should_stop`` answers True.
    """
    folder = Path(out_dir) / (name or video.name)
    tracks = project.tracks(video.id)
    total = video.n_frames * len(tracks)
    stems = video.annotation_stems()
    files = corrected = 0
    with_face: set[int] = set()
    _claim(folder)
    for track in tracks:
        annot = face_folder(folder, track.face)
        _make(annot)
        written: set[str] = set()
        merged = _merged(project, track)
        for step, frame in enumerate(range(video.n_frames)):
            if should_stop():
                raise StopWork
            if frame in merged:
                landmarks, by_hand = merged[frame]
                file_name = f"{stems[frame]}.pts"
                write_pts(annot / file_name, landmarks)
                written.add(file_name)
                corrected += by_hand
                with_face.add(frame)
            if step % 50 == 0:
                on_progress(Progress(track.face * video.n_frames + step, total, str(annot)))
        _remove_others(annot, written)
        files += len(written)
    on_progress(Progress(total, total, str(folder)))
    return ExportSummary(folder, files, corrected, video.n_frames - len(with_face))


def export_session(
    session: Session,
    out_dir: str | Path,
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> ExportSummary:
    """Export the open video; see :func:`export_video`."""
    if not session.n_faces:
        raise ExportError(f"{session.video.path}: has no landmarks yet; pre-annotate it first")
    project, video = session.opened()
    return export_video(project, video, out_dir, on_progress, should_stop)


def face_folder(folder: Path, face: int) -> Path:
    """Where the annotation of face number ``face`` (from 0) goes."""
    return folder / "annot" if face == 0 else folder / f"face_{face + 1}" / "annot"


def _merged(project: Project, track: TrackRecord) -> dict[int, tuple[np.ndarray, bool]]:
    """Frame to (landmarks, corrected?) for the frames that get a file."""
    predictions: dict[int, Prediction] = {p.frame: p for p in project.predictions(track.id)}
    corrections = project.corrections(track.id)
    merged: dict[int, tuple[np.ndarray, bool]] = {
        frame: (prediction.landmarks, False) for frame, prediction in predictions.items()
    }
    for frame, correction in corrections.items():
        if correction.hidden.all():
            merged.pop(frame, None)
            continue
        merged[frame] = (_apply(correction, predictions.get(frame)), True)
    return {frame: row for frame, row in merged.items() if np.isfinite(row[0]).any()}


def _apply(correction: Correction, prediction: Prediction | None) -> np.ndarray:
    if prediction is None:
        return correction.landmarks
    return np.where(correction.moved[:, None], correction.landmarks, prediction.landmarks)


def _claim(folder: Path) -> None:
    """Make the video's folder ours, unless someone else's annotation is in it."""
    marker = folder / MARKER
    if not marker.exists() and any(folder.glob("**/annot/*.pts")):
        raise ExportError(
            f"{folder}: holds annotation files that this program didn't write; choose another "
            "folder, so that they aren't overwritten"
        )
    _make(folder)
    try:
        marker.write_text(json.dumps({"written_by": "napari-red"}) + "\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder, error) from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> ExportError:
    return ExportError(
        f"{folder}: can't be written ({error.strerror}); choose a folder you may write to"
    )


def _remove_others(annot: Path, written: set[str]) -> None:
    for path in annot.iterdir():
        if _FRAME_FILE.match(path.name) and path.name not in written:
            path.unlink()


def _distinct(names: Iterable[str]) -> list[str]:
    seen: dict[str, int] = {}
    distinct: list[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        distinct.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return distinct
