"""What is open now, and the one place that changes the project.

A session is one video of a project. It reads what a frame needs when it is turned to,
and every change goes to the file first. Methods may be called from any thread. Edits of
many frames are in :mod:`napari_red.core.edits`, those of whole tracks in
:mod:`napari_red.core.track_edits`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_red.core.cells import Address
from napari_red.core.frame_view import FrameView
from napari_red.core.history import Step
from napari_red.core.places import default_places, writable
from napari_red.core.project import Project, ProjectError
from napari_red.core.records import Correction, Prediction, TrackRecord, VideoRecord
from napari_red.core.track_data import TrackData
from trainer.data.fingerprint import video_fingerprint
from trainer.data.video import Video
from trainer.scheme import IBUG68

Change = Callable[[int, int], None]
"""Told the first and last frame that changed."""


class Session:
    """One open video with its project.

    Parameters
    ----------
    video : an open video
    project_path : path of the project file; by default beside the video, or among the
        person's own data where that folder can't be written. The file is made at the
        first change.
    project : an open project to keep the video in, instead of a path; who opened it
        closes it

    Attributes
    ----------
    warnings : list of str
        What the person should know about the project; the video has its own.

    Raises
    ------
    ProjectError
        If the project file is there and can't be used.
    """

    def __init__(
        self,
        video: Video,
        project_path: str | Path | None = None,
        *,
        project: Project | None = None,
    ) -> None:
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
        self._owns_project = project is None
        self._project = project
        self._record: VideoRecord | None = None
        self._tracks: list[TrackData] = []
        if project is None:
            existing = next((place for place in self._places if place.exists()), None)
            if existing is not None:
                self._project = Project(writable(existing, self._places[-1]), "auto")
        if self._project is not None:
            if self._project.read_only:
                self.warnings.append(
                    f"{self._project.path}: opened for reading only, because "
                    f"{self._project.read_only}. Nothing can be changed here."
                )
            self._load(self._project)

    def close(self) -> None:
        """Close the project file; everything is in it already."""
        if self._project is not None and self._owns_project:
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
    def project(self) -> Project | None:
        """The project file; None as long as no change has made it."""
        return self._project

    @property
    def video_id(self) -> int | None:
        """The video's number in the project; None as long as it isn't in there."""
        return None if self._record is None else self._record.id

    def hand_over(self) -> Project:
        """The project file, made if it isn't there; the caller closes it from now on."""
        project, _ = self.opened()
        self._owns_project = False
        return project

    @property
    def read_only(self) -> str:
        """Why nothing can be changed; empty where it can."""
        return self._project.read_only if self._project is not None else ""

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

    @property
    def tracks(self) -> list[TrackRecord]:
        """The tracks of this video; a face's number here is its place in this list."""
        return [track.record for track in self._tracks]

    # -- reading -------------------------------------------------------------------

    def view(self, frame: int) -> FrameView:
        """The landmarks of one frame, corrections before predictions."""
        with self._lock:
            view = FrameView.empty(frame, self.n_faces, self.n_landmarks)
            for face, track in enumerate(self._tracks):
                track.fill(view, face)
            return view

    def track(self, face: int) -> TrackData:
        """What is known of one face."""
        return self._tracks[face]

    def corrected_frames(self) -> list[tuple[int, int]]:
        """(frame, face) of everything a person corrected, in order."""
        with self._lock:
            pairs = [(f, i) for i, track in enumerate(self._tracks) for f in track.corrected]
        return sorted(pairs)

    def complete_corrections(self) -> dict[tuple[int, int], np.ndarray]:
        """(frame, face) to (L, 2) float32 landmarks, for the corrected faces that have
        a position for every landmark: what re-running a model holds on to."""
        with self._lock:
            found = {
                (frame, face): track.merged(frame)
                for face, track in enumerate(self._tracks)
                for frame in track.corrected
                if not _all_hidden(track.correction(frame))
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
        """Write ``(face, prediction)`` pairs; corrected and accepted frames stay as they are.

        Raises
        ------
        ProjectError
            If the file can't be written, or a face has another number of landmarks.
        """
        rows = list(batch)
        project, _ = self.opened()
        found = [face for face, prediction in rows if not prediction.lost]
        for face in range(max(found, default=-1) + 1):
            self._need_track(face, len(rows[0][1].landmarks))
        rows = [(face, prediction) for face, prediction in rows if face < self.n_faces]
        if not rows:
            return
        frames = [prediction.frame for _, prediction in rows]
        with self._lock:
            tracks = self._tracks
            project.write_predictions(
                run_id, [(tracks[face].record.id, prediction) for face, prediction in rows]
            )
            for face in {face for face, _ in rows}:
                tracks[face].forget(min(frames), max(frames))
        self._tell(min(frames), max(frames))

    # -- corrections ---------------------------------------------------------------

    def move(
        self,
        frame: int,
        face: int,
        landmarks: Mapping[int, tuple[float, float]],
        label: str = "move",
    ) -> None:
        """A person put landmarks somewhere: index to (x, y) in video pixels.

        It is on the disk when this returns.
        """
        with self._lock:
            correction = self._correction(frame, face)
            for index, position in landmarks.items():
                correction.landmarks[index] = position
                correction.hidden[index] = False
            self._correct(frame, {face: correction}, label)

    def hide(self, frame: int, face: int, indices: Iterable[int]) -> None:
        """A person said that landmarks are not visible; they keep their position."""
        with self._lock:
            correction = self._correction(frame, face)
            correction.hidden[list(indices)] = True
            self._correct(frame, {face: correction}, "not visible")

    def show_all(self, frame: int) -> None:
        """Take every "not visible" in a frame back."""
        with self._lock:
            shown = {}
            for face in range(self.n_faces):
                shown[face] = self._correction(frame, face)
                shown[face].hidden[:] = False
            self._correct(frame, shown, "visible")

    def reset(self, frame: int, face: int, indices: Iterable[int] | None = None) -> None:
        """Take what a person said about landmarks back, all of the face's if None."""
        with self._lock:
            correction = self._correction(frame, face)
            chosen = slice(None) if indices is None else list(indices)
            correction.landmarks[chosen] = np.nan
            correction.hidden[chosen] = False
            self._correct(frame, {face: correction}, "reset to the prediction")

    def undo(self) -> int | None:
        """Take the last edit back; returns its frame, None if there is nothing to undo."""
        return self._step(Project.undo)

    def redo(self) -> int | None:
        """Make the last undone edit again; returns its frame, None if there is none."""
        return self._step(Project.redo)

    def can_undo(self) -> tuple[int, int]:
        """How many edits can be undone and redone."""
        if self._project is None or self._record is None:
            return 0, 0
        return self._project.can_undo(self._record.id)

    def apply(
        self, values: Mapping[Address, bytes | None], label: str, frames: tuple[int, int]
    ) -> Step | None:
        """Give cells of the project other values, as one edit that can be undone."""
        with self._lock:
            project, record = self.opened()
            step = project.edit(values, video_id=record.id, label=label, frames=frames)
            if step is not None:
                self._follow(step)
        if step is not None:
            self._tell(step.first, step.last)
        return step

    def _step(self, act: Callable[[Project, int], Step | None]) -> int | None:
        with self._lock:
            if self._project is None or self._record is None:
                return None
            step = act(self._project, self._record.id)
            if step is None:
                return None
            self._follow(step)
        self._tell(step.first, step.last)
        return step.first

    def _correction(self, frame: int, face: int) -> Correction:
        """A copy of what a person said about a face, to be changed."""
        track = self._tracks[face]
        known = track.correction(frame)
        if known is None:
            return replace(Correction.empty(track.record.n_landmarks), run=track.run(frame))
        return replace(known, landmarks=known.landmarks.copy(), hidden=known.hidden.copy())

    def _correct(self, frame: int, corrections: Mapping[int, Correction], label: str) -> None:
        values: dict[Address, bytes | None] = {}
        for face, correction in corrections.items():
            if not correction.same_as(self._tracks[face].correction(frame)):
                value = None if correction.says_nothing else correction.to_bytes()
                values["correction", self._tracks[face].record.id, frame] = value
        if values:
            self.apply(values, label, (frame, frame))

    def _follow(self, step: Step) -> None:
        """Bring what is in memory up to a step that the project made."""
        if any(change.kind in ("track", "identity") for change in step.changes):
            self.reload()
            return
        by_id = {track.record.id: track for track in self._tracks}
        for change in step.changes:
            track = by_id.get(change.a)
            if track is None:
                continue
            if change.kind == "prediction" and step.kind != "do":
                track.forget(step.first, step.last)  # part of it may be newer, and stayed
            else:
                track.follow(change, change.before if step.kind == "undo" else change.after)

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
                    times=video.timestamps,
                )
            return self._project, self._record

    def reload(self) -> None:
        """Read the tracks anew, after a change that wasn't made here."""
        with self._lock:
            project, record = self.opened()
            self._tracks = [TrackData(project, track) for track in project.tracks(record.id)]

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
                self.reload()
                return
            if record.path == path:
                self.warnings.append(
                    f"{path}: the video has changed since it was annotated; its earlier "
                    f"landmarks are kept in {project.path}, and it starts anew here"
                )

    def _need_track(self, face: int, n_landmarks: int) -> None:
        known = self._tracks[face].record.n_landmarks if face < self.n_faces else None
        if known == n_landmarks:
            return
        project, video = self.opened()
        number = self._tracks[face].record.face if known else self._free_number()
        record = project.add_track(video.id, number, n_landmarks)
        with self._lock:
            self._tracks.append(TrackData(project, record))

    def _free_number(self) -> int:
        return max((track.record.face for track in self._tracks), default=-1) + 1

    def _tell(self, first: int, last: int) -> None:
        for listener in list(self.listeners):
            listener(first, last)


def _all_hidden(correction: Correction | None) -> bool:
    return correction is not None and bool(correction.hidden.all())
