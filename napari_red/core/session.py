"""What is open now, and the one place that changes the project.

A session is one video of a project. It reads what a frame needs when it is turned to,
and every change goes to the file first. Methods may be called from any thread. Edits of
many frames are in :mod:`napari_red.core.edits`, those of whole tracks in
:mod:`napari_red.core.track_edits`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_red.core.cells import Address
from napari_red.core.frame_view import FrameView
from napari_red.core.history import Step
from napari_red.core.project import Project
from napari_red.core.records import Correction, Prediction, TrackRecord, VideoRecord
from napari_red.core.run_faces import RunFaces
from napari_red.core.track_data import TrackData
from napari_red.core.video_home import VideoHome
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
        self.listeners: list[Change] = []
        self._lock = threading.RLock()
        self._home = VideoHome(video, project_path, project)
        self.fingerprint = self._home.fingerprint
        self._tracks: list[TrackData] = []
        self._runs = RunFaces()
        try:
            if self._home.is_known():
                self.reload()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the project file; everything is in it already."""
        with self._lock:
            self._home.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def warnings(self) -> list[str]:
        """What the person should know about the project; the video has its own."""
        return self._home.warnings

    @property
    def recounted(self) -> list[str]:
        """Those warnings that say that the video has another number of frames than was noted."""
        return self._home.recounted

    @property
    def project_path(self) -> Path:
        """Where the project file is, or will be at the first change."""
        return self._home.path

    @property
    def project(self) -> Project | None:
        """The project file; None as long as no change has made it."""
        return self._home.project

    @property
    def video_id(self) -> int | None:
        """The video's number in the project; None as long as it isn't in there."""
        return None if self._home.record is None else self._home.record.id

    def hand_over(self) -> Project:
        """The project file, made if it isn't there; the caller closes it from now on."""
        with self._lock:
            return self._home.hand_over()

    @property
    def read_only(self) -> str:
        """Why nothing can be changed; empty where it can."""
        return "" if self.project is None else self.project.read_only

    @property
    def n_frames(self) -> int:
        """Frames of the video, T."""
        return self.video.n_frames

    @property
    def wanted(self) -> range:
        """The frames that are worked on; all, unless the project says otherwise."""
        return self._home.wanted

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
            view = self.blank(frame)
            for face, track in enumerate(self._tracks):
                track.fill(view, face)
            return view

    def blank(self, frame: int) -> FrameView:
        """A view without landmarks; waits for nobody."""
        return FrameView.empty(frame, self.n_faces, self.n_landmarks)

    def track(self, face: int) -> TrackData:
        """What is known of one face."""
        return self._tracks[face]

    def all_tracks(self) -> list[TrackData]:
        """What is known of each face; waits for nobody, also while faces are being changed."""
        return list(self._tracks)

    def corrected_frames(self) -> list[tuple[int, int]]:
        """(frame, face) of everything a person corrected, in order."""
        with self._lock:
            pairs = [(f, i) for i, track in enumerate(self._tracks) for f in track.corrected]
        return sorted(pairs)

    # -- predictions ---------------------------------------------------------------

    def start_run(self, model: str, device: str) -> int:
        """Note that a model starts; returns the run's id."""
        with self._lock:
            project, record = self.opened()
            run_id = project.start_run(record.id, model, device)
            self._runs.start(run_id, [track.record.id for track in self._tracks])
            return run_id

    def finish_run(self, run_id: int, outcome: str) -> None:
        """Note how it ended: done, cancelled or failed."""
        self._runs.finish(run_id)
        self.opened()[0].finish_run(run_id, outcome)

    def store(self, run_id: int, batch: Iterable[tuple[int, Prediction]]) -> None:
        """Write ``(face, prediction)`` pairs; corrected and accepted frames stay as they are.

        A face is what had that number when the run started, whatever was deleted or added
        since; a number beyond those is another face.

        Raises
        ------
        ProjectError
            If the file can't be written, or a face has another number of landmarks.
        """
        rows = list(batch)
        with self._lock:
            project, video = self.opened()
            known = {track.record.id: track for track in self._tracks}
            faces = self._runs.of(run_id, list(known))
            found = [(face, len(one.landmarks)) for face, one in rows if not one.lost]
            for face, n_landmarks in sorted(found):
                if self._tracks and n_landmarks != self.n_landmarks:  # says what to do
                    project.add_track(video.id, self.tracks[0].face, n_landmarks)
                while len(faces) <= face:
                    track = self._new_track(n_landmarks)
                    known[track.record.id] = track
                    faces.append(track.record.id)
            stored = [(faces[face], one) for face, one in rows if face < len(faces)]
            stored = [(track, one) for track, one in stored if track in known]
            if not stored:
                return
            project.write_predictions(run_id, stored)
            first = min(one.frame for _, one in stored)
            last = max(one.frame for _, one in stored)
            for track_id in {track for track, _ in stored}:
                known[track_id].forget(first, last)
        self._tell(first, last)

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

    def undo(self, near: int | None = None) -> int | None:
        """Take the last edit back; returns its frame nearest to ``near``, None if none is left."""
        return self._step(Project.undo, near)

    def redo(self, near: int | None = None) -> int | None:
        """Make the last undone edit again; returns its frame nearest to ``near``."""
        return self._step(Project.redo, near)

    def can_undo(self) -> tuple[int, int]:
        """How many edits can be undone and redone."""
        project, video_id = self.project, self.video_id
        return (0, 0) if project is None or video_id is None else project.can_undo(video_id)

    @property
    def lock(self) -> AbstractContextManager[bool]:
        """Held while an edit is worked out, so that no model stores anything in between."""
        return self._lock

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

    def _step(self, act: Callable[[Project, int], Step | None], near: int | None) -> int | None:
        with self._lock:
            project, video_id = self.project, self.video_id
            if project is None or video_id is None:
                return None
            step = act(project, video_id)
            if step is None:
                return None
            self._follow(step)
        self._tell(step.first, step.last)
        return step.frame_near(near)

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
            return self._home.opened()

    def reload(self) -> None:
        """Read the tracks anew, after a change that wasn't made here."""
        with self._lock:
            project, record = self.opened()
            self._tracks = [TrackData(project, track) for track in project.tracks(record.id)]

    def follow_part(self) -> None:
        """Read anew which frames are worked on, after that was changed."""
        with self._lock:
            self._home.follow_part()

    def _new_track(self, n_landmarks: int) -> TrackData:
        project, video = self.opened()
        number = max((track.record.face for track in self._tracks), default=-1) + 1
        track = TrackData(project, project.add_track(video.id, number, n_landmarks))
        self._tracks.append(track)
        return track

    def _tell(self, first: int, last: int) -> None:
        for listener in list(self.listeners):
            listener(first, last)
