"""What is open now, and the one place that changes the project.

A session is one video and its project file. It keeps the landmarks in memory as
well, so that turning to a frame costs no reading; every change goes to the file
first. Methods may be called from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from napari_red.core.places import default_places, writable
from napari_red.core.project import Project, ProjectError
from napari_red.core.records import Correction, Edit, Prediction, TrackRecord, VideoRecord
from trainer.data.fingerprint import video_fingerprint
from trainer.data.video import Video
from trainer.scheme import IBUG68

Change = Callable[[int, int], None]
"""Told the first and last frame that changed."""


@dataclass(frozen=True, eq=False)
class FrameView:
    """The landmarks of one frame, corrections before predictions.

    Attributes
    ----------
    frame : int, from 0
    landmarks : (F, L, 2) float32 array, xy in video pixels, NaN = not labelled
    confidence : (F, L) float32 array, 0 … 1; 1 where a person put the landmark
    corrected, hidden : (F, L) bool arrays
    """

    frame: int
    landmarks: np.ndarray
    confidence: np.ndarray
    corrected: np.ndarray
    hidden: np.ndarray

    @property
    def visible(self) -> np.ndarray:
        """(F, L) bool array: labelled and not hidden."""
        return np.isfinite(self.landmarks).all(axis=-1) & ~self.hidden


@dataclass
class _Track:
    record: TrackRecord
    landmarks: np.ndarray  # (T, L, 2) float32 predictions, NaN = none
    confidence: np.ndarray  # (T, L) float32
    corrections: dict[int, Correction] = field(default_factory=dict)

    def merged(self, frame: int) -> np.ndarray:
        correction = self.corrections.get(frame)
        if correction is None:
            return self.landmarks[frame].copy()
        moved = correction.moved[:, None]
        return np.where(moved, correction.landmarks, self.landmarks[frame])


class Session:
    """One open video with its project.

    Parameters
    ----------
    video : an open video
    project_path : path of the project file; by default beside the video, or among the
        person's own data where that folder can't be written. The file is made at the
        first change.

    Attributes
    ----------
    warnings : list of str
        What the person should know about the project; the video has its own.

    Raises
    ------
    ProjectError
        If the project file is there and can't be used.
    """

    def __init__(self, video: Video, project_path: str | Path | None = None) -> None:
        self.video = video
        self.fingerprint = video_fingerprint(video.path)
        self.warnings: list[str] = []
        self.listeners: list[Change] = []
        self._lock = threading.RLock()
        self._places = (
            [Path(project_path)]
            if project_path is not None
            else default_places(video.path, self.fingerprint)
        )
        self._project: Project | None = None
        self._record: VideoRecord | None = None
        self._tracks: list[_Track] = []
        self._undo: list[Edit] = []
        self._redo: list[Edit] = []
        existing = next((place for place in self._places if place.exists()), None)
        if existing is not None:
            self._project = Project(writable(existing, self._places[-1]))
            self._load(self._project)

    def close(self) -> None:
        """Close the project file; everything is in it already."""
        if self._project is not None:
            self._project.close()
            self._project = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def project_path(self) -> Path:
        """Where the project file is, or will be at the first change."""
        return self._project.path if self._project is not None else self._places[0]

    @property
    def n_frames(self) -> int:
        """Frames of the video, T."""
        return self.video.n_frames

    @property
    def n_landmarks(self) -> int:
        """Landmarks of a face, L; 68 as long as there is no face."""
        return self._tracks[0].record.n_landmarks if self._tracks else IBUG68.n_landmarks

    @property
    def n_faces(self) -> int:
        """Faces followed through this video, F."""
        return len(self._tracks)

    # -- reading -------------------------------------------------------------------

    def view(self, frame: int) -> FrameView:
        """The landmarks of one frame, corrections before predictions."""
        with self._lock:
            shape = (self.n_faces, self.n_landmarks)
            landmarks = np.full((*shape, 2), np.nan, np.float32)
            confidence = np.zeros(shape, np.float32)
            corrected, hidden = np.zeros(shape, bool), np.zeros(shape, bool)
            for face, track in enumerate(self._tracks):
                landmarks[face] = track.merged(frame)
                confidence[face] = track.confidence[frame]
                correction = track.corrections.get(frame)
                if correction is not None:
                    corrected[face], hidden[face] = correction.moved, correction.hidden
                    confidence[face, correction.moved] = 1
            return FrameView(frame, landmarks, confidence, corrected, hidden)

    def corrected_frames(self) -> list[tuple[int, int]]:
        """(frame, face) of everything a person corrected, in order."""
        with self._lock:
            pairs = [(f, i) for i, track in enumerate(self._tracks) for f in track.corrections]
        return sorted(pairs)

    def complete_corrections(self) -> dict[tuple[int, int], np.ndarray]:
        """(frame, face) to (L, 2) float32 landmarks, for the corrected faces that have
        a position for every landmark: what re-running a model holds on to."""
        with self._lock:
            found = {
                (frame, face): track.merged(frame)
                for face, track in enumerate(self._tracks)
                for frame, correction in track.corrections.items()
                if not correction.hidden.all()
            }
        return {key: merged for key, merged in found.items() if np.isfinite(merged).all()}

    # -- predictions ---------------------------------------------------------------

    def start_run(self, model: str, device: str) -> int:
        """Note that a model starts; returns the run's id."""
        project, record = self.opened()
        return project.start_run(record.id, model, device)

    def finish_run(self, run_id: int, outcome: str) -> None:
        """Note how it ended: done, cancelled or failed."""
        self.opened()[0].finish_run(run_id, outcome)

    def store(self, run_id: int, batch: Iterable[tuple[int, Prediction]]) -> None:
        """Write ``(face, prediction)`` pairs; corrected frames stay as they are.

        Raises
        ------
        ProjectError
            If the file can't be written, or a face has another number of landmarks.
        """
        rows = list(batch)
        project, _ = self.opened()
        found = [face for face, prediction in rows if not prediction.lost]
        for face in range(max(found, default=-1) + 1):
            self._add_track(face, len(rows[0][1].landmarks))
        rows = [(face, prediction) for face, prediction in rows if face < self.n_faces]
        if not rows:
            return
        project.write_predictions(
            run_id, [(self._tracks[face].record.id, prediction) for face, prediction in rows]
        )
        with self._lock:
            for face, prediction in rows:
                track = self._tracks[face]
                if prediction.frame not in track.corrections:
                    track.landmarks[prediction.frame] = prediction.landmarks
                    track.confidence[prediction.frame] = prediction.confidence
        frames = [prediction.frame for _, prediction in rows]
        self._tell(min(frames), max(frames))

    # -- corrections ---------------------------------------------------------------

    def move(self, frame: int, face: int, landmarks: dict[int, tuple[float, float]]) -> None:
        """A person put landmarks somewhere: index to (x, y) in video pixels.

        It is on the disk when this returns.
        """
        correction = self._correction(frame, face)
        for index, position in landmarks.items():
            correction.landmarks[index] = position
            correction.hidden[index] = False
        self._edit(frame, face, "move", correction)

    def hide(self, frame: int, face: int, indices: Iterable[int]) -> None:
        """A person said that landmarks are not visible; they keep their position."""
        correction = self._correction(frame, face)
        correction.hidden[list(indices)] = True
        self._edit(frame, face, "hide", correction)

    def show_all(self, frame: int) -> None:
        """Take every "not visible" in a frame back."""
        for face in range(self.n_faces):
            correction = self._correction(frame, face)
            if correction.hidden.any():
                correction.hidden[:] = False
                self._edit(frame, face, "show", correction)

    def undo(self) -> int | None:
        """Take the last edit back; returns its frame, None if there is nothing to undo."""
        return self._step("undo")

    def redo(self) -> int | None:
        """Make the last undone edit again; returns its frame, None if there is none."""
        return self._step("redo")

    def _step(self, kind: str) -> int | None:
        with self._lock:
            source, target = (
                (self._undo, self._redo) if kind == "undo" else (self._redo, self._undo)
            )
            if not source:
                return None
            edit = source[-1]
            face = next(
                i for i, track in enumerate(self._tracks) if track.record.id == edit.track_id
            )
            self._write(face, edit.frame, kind, edit.before if kind == "undo" else edit.after)
            target.append(source.pop())
        self._tell(edit.frame, edit.frame)
        return edit.frame

    def _correction(self, frame: int, face: int) -> Correction:
        with self._lock:
            known = self._tracks[face].corrections.get(frame)
        if known is None:
            return Correction.empty(self.n_landmarks)
        return replace(known, landmarks=known.landmarks.copy(), hidden=known.hidden.copy())

    def _edit(self, frame: int, face: int, kind: str, correction: Correction) -> None:
        with self._lock:
            if correction.same_as(self._tracks[face].corrections.get(frame)):
                return
            edit = self._write(face, frame, kind, correction)
            self._undo.append(edit)
            self._redo.clear()
        self._tell(frame, frame)

    def _write(self, face: int, frame: int, kind: str, correction: Correction | None) -> Edit:
        project, _ = self.opened()
        track = self._tracks[face]
        edit = project.write_correction(track.record.id, frame, kind, correction)
        if edit.after is None:
            track.corrections.pop(frame, None)
        else:
            track.corrections[frame] = edit.after
        return edit

    # -- the project behind it -----------------------------------------------------

    def opened(self) -> tuple[Project, VideoRecord]:
        """The project file and this video's record in it, made if they aren't there."""
        with self._lock:
            if self._project is None:
                self._project = self._first_that_works()
            if self._record is None:
                video = self.video
                self._record = self._project.add_video(
                    video.path,
                    self.fingerprint,
                    n_frames=video.n_frames,
                    height=video.height,
                    width=video.width,
                    fps=video.fps,
                    name=video.name,
                    frame_names=video.frame_names,
                )
            return self._project, self._record

    def _first_that_works(self) -> Project:
        for place in self._places[:-1]:
            try:
                return Project(place)
            except ProjectError as error:
                self.warnings.append(
                    f"{error} Meanwhile the landmarks are kept in {self._places[-1]}"
                )
        self._places[-1].parent.mkdir(parents=True, exist_ok=True)
        return Project(self._places[-1])

    def _load(self, project: Project) -> None:
        path = str(Path(self.video.path).absolute())
        for record in project.videos():
            if record.fingerprint == self.fingerprint:
                break
            if record.path == path:
                self.warnings.append(
                    f"{path}: the video has changed since it was annotated; its earlier "
                    f"landmarks are kept in {project.path}, and it starts anew here"
                )
        else:
            return
        self.opened()
        self._tracks = [self._read_track(project, track) for track in project.tracks(record.id)]
        for edit in project.history(record.id):
            if edit.kind == "undo":
                self._redo.append(self._undo.pop())
            elif edit.kind == "redo":
                self._undo.append(self._redo.pop())
            else:
                self._undo.append(edit)
                self._redo.clear()

    def _read_track(self, project: Project, record: TrackRecord) -> _Track:
        track = self._empty_track(record)
        for prediction in project.predictions(record.id):
            track.landmarks[prediction.frame] = prediction.landmarks
            track.confidence[prediction.frame] = prediction.confidence
        track.corrections = project.corrections(record.id)
        return track

    def _empty_track(self, record: TrackRecord) -> _Track:
        shape = (self.n_frames, record.n_landmarks)
        return _Track(record, np.full((*shape, 2), np.nan, np.float32), np.zeros(shape, np.float32))

    def _add_track(self, face: int, n_landmarks: int) -> None:
        known = self._tracks[face].record.n_landmarks if face < self.n_faces else None
        if known == n_landmarks:
            return
        project, video = self.opened()
        record = project.add_track(video.id, face, n_landmarks)
        with self._lock:
            self._tracks.append(self._empty_track(record))

    def _tell(self, first: int, last: int) -> None:
        for listener in list(self.listeners):
            listener(first, last)
