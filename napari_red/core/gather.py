"""What a project says of a video, as values that every format is written from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from napari_red.core.annotation import FaceAnnotation, VideoAnnotation
from napari_red.core.chunks import CHUNK, chunk_of
from napari_red.core.find_videos import presumed_path
from napari_red.core.formats.base import distinct
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.marks import Marks
from napari_red.core.project import Project
from napari_red.core.records import TrackRecord, VideoRecord


def annotations_of(
    project: Project,
    videos: Sequence[VideoRecord],
    on_progress: ProgressCallback = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> list[VideoAnnotation]:
    """All faces of these videos, corrections before predictions.

    Of videos of one name, those that came later into the project get a number, whether all
    of them are exported or one. The path is where the video was last seen, or where it lies
    now if it was moved with the project; None where another video lies there.

    Raises
    ------
    StopWork
        When ``should_stop`` answers True.
    """
    rows = project.database.read("SELECT id, name FROM videos ORDER BY id")
    called = distinct([name for _, name in rows])
    names = {key: name for (key, _), name in zip(rows, called, strict=True)}
    found = []
    for number, video in enumerate(videos):
        if should_stop():
            raise StopWork
        on_progress(Progress(number, len(videos), names[video.id]))
        found.append(_annotation(project, video, names[video.id]))
    return found


def annotation_of(project: Project, video: VideoRecord) -> VideoAnnotation:
    """All faces of one video; see :func:`annotations_of`."""
    (annotation,) = annotations_of(project, [video])
    return annotation


def _annotation(project: Project, video: VideoRecord, name: str) -> VideoAnnotation:
    models = project.run_models(video.id)
    faces = tuple(_face(project, track, models) for track in project.tracks(video.id))
    return VideoAnnotation(
        path=presumed_path(project, video),
        name=name,
        n_frames=video.n_frames,
        height=video.height,
        width=video.width,
        fps=video.fps,
        times=project.times(video.id),
        stems=video.annotation_stems() if video.frame_names else None,
        faces=faces,
        picture_names=video.frame_names,
        id=_hashed(video.fingerprint),
    )


def project_id(project: Project) -> str:
    """An id that a project keeps when its file is moved or renamed; "" without a video.

    It is made from what every project file holds, so that old ones and those that may not
    be written have one too. A copy of the file has the same id, a merged project another.
    """
    rows = project.database.read("SELECT fingerprint, added FROM videos ORDER BY id LIMIT 1")
    return _hashed(*rows[0]) if rows else ""


def _hashed(*words: str) -> str:
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def _face(project: Project, track: TrackRecord, models: dict[int, str]) -> FaceAnnotation:
    """One face in the frames where anybody said where it is."""
    frames: list[np.ndarray] = []
    landmarks: list[np.ndarray] = []
    confidence: list[np.ndarray] = []
    runs: list[np.ndarray] = []
    corrections = project.corrections(track.id)
    said: dict[int, list[int]] = {}
    for frame in corrections:
        number, index = chunk_of(frame)
        said.setdefault(number, []).append(index)
    numbers = {*project.chunk_numbers(track.id), *said}
    for number in sorted(numbers):
        chunk = project.chunk(track.id, number)
        there = np.zeros(CHUNK, bool) if chunk is None else chunk.present.copy()
        there[said.get(number, [])] = True
        rows = np.flatnonzero(there)
        frames.append(rows + number * CHUNK)
        if chunk is None:
            landmarks.append(np.full((len(rows), track.n_landmarks, 2), np.nan, np.float32))
            confidence.append(np.full((len(rows), track.n_landmarks), np.nan, np.float32))
            runs.append(np.zeros(len(rows), np.int32))
        else:
            landmarks.append(chunk.landmarks[rows])
            sure = np.where(chunk.present[rows, None], chunk.confidence[rows], np.nan)
            confidence.append(sure.astype(np.float32))
            runs.append(chunk.run[rows])
    shape = (0, track.n_landmarks)
    all_frames = np.concatenate([np.zeros(0, np.int64), *frames])
    points = np.concatenate([np.zeros((*shape, 2), np.float32), *landmarks])
    sure = np.concatenate([np.zeros(shape, np.float32), *confidence])
    visible = np.ones(sure.shape, bool)
    corrected = np.zeros(sure.shape, bool)
    for row in np.flatnonzero(np.isin(all_frames, list(corrections))):
        correction = corrections[int(all_frames[row])]
        moved = correction.moved
        points[row, moved] = correction.landmarks[moved]
        sure[row, moved] = 1
        corrected[row], visible[row] = moved, ~correction.hidden
    marks = Marks(project.accepted(track.id))
    accepted = marks.as_array(int(all_frames.max(initial=-1)) + 1)[all_frames]
    name = track.identity.name if track.identity else f"face {track.face + 1}"
    return FaceAnnotation(
        face=track.face,
        name=name,
        identity=track.identity.name if track.identity else None,
        frames=all_frames,
        landmarks=points,
        confidence=sure,
        visible=visible,
        corrected=corrected,
        accepted=accepted,
        models=tuple(models.get(int(run)) for run in np.concatenate([np.zeros(0, int), *runs])),
    )
