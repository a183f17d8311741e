"""All that was corrected in a project, for aligning any of its videos.

Where the network is off in faces of a like shape, it is changed alike
(:mod:`trainer.shape_residuals`): in the rest of a video, in the person's other videos and,
since labels have their own idea of where a landmark is, a little in everybody's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import chain

import numpy as np

from napari_red.core.aligner import Answerer
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.locate import MovedVideoError, locate
from napari_red.core.project import Project
from napari_red.core.records import TrackRecord
from napari_red.core.session import Session
from napari_red.core.track_data import TrackData
from trainer.data.video import VideoError, open_video
from trainer.shape_residuals import CorrectedFaces

FRAMES_EACH = 40
"""Corrected frames of a track, and as many accepted ones, that are asked at most; evenly spread."""

FACES = 160
"""Faces that are asked at most for one video, its own and those of its people first."""

Told = tuple[int, np.ndarray, np.ndarray]
"""Frame, (L, 2) finite landmarks, and (L,) bool: which of them a person stands by."""


class KnownAnswers:
    """What one network says of faces that a person set right, each asked once.

    Parameters
    ----------
    answerer : the network

    Attributes
    ----------
    notes : videos that couldn't be opened, and why; what was corrected there isn't used
    """

    def __init__(self, answerer: Answerer) -> None:
        self.notes: list[str] = []
        self._answerer = answerer
        self._seen: dict[bytes, np.ndarray] = {}

    def of(
        self,
        session: Session,
        on_progress: ProgressCallback = lambda _: None,
        should_stop: ShouldStop = lambda: False,
    ) -> CorrectedFaces | None:
        """Corrected and accepted faces, for aligning the session's video; None without any.

        Raises
        ------
        StopWork
            When ``should_stop`` answers True.
        RedError
            Whatever the network reports.
        """
        project, record = session.opened()
        own = [session.track(face) for face in range(session.n_faces)]
        people = {person_of(track.record) for track in own}
        rows = project.database.read("SELECT DISTINCT track_id FROM corrections")
        known = {track_id for (track_id,) in rows}
        others = [t for t in project.tracks() if t.video_id != record.id and t.id in known]
        others.sort(key=lambda track: person_of(track) not in people)
        found: list[tuple[TrackRecord, Told]] = []
        for track in chain(own, (TrackData(project, one) for one in others)):
            if len(found) >= FACES:
                break
            if track.record.n_landmarks == session.n_landmarks:
                found += [(track.record, told) for told in _told(track)[: FACES - len(found)]]
        return self._asked(session, project, found, on_progress, should_stop)

    def _asked(
        self,
        session: Session,
        project: Project,
        found: list[tuple[TrackRecord, Told]],
        on_progress: ProgressCallback,
        should_stop: ShouldStop,
    ) -> CorrectedFaces | None:
        told, seen, people = [], [], []
        for video_id in dict.fromkeys(track.video_id for track, _ in found):
            if should_stop():
                raise StopWork
            on_progress(Progress(0, 0, f"learning from {len(found)} corrected and accepted faces"))
            here = [(track, one) for track, one in found if track.video_id == video_id]
            try:
                answers = self._video(session, project, video_id, [one for _, one in here])
            except (MovedVideoError, VideoError) as error:
                self._note(f"{error}. What was corrected there isn't used.")
                continue
            for (track, (_, points, known)), answer in zip(here, answers, strict=True):
                told.append(np.where(known[:, None], points, np.nan))
                seen.append(answer)
                people.append(person_of(track))
        if not told:
            return None
        return CorrectedFaces(np.stack(told), np.stack(seen), tuple(people))

    def _video(
        self, session: Session, project: Project, video_id: int, told: Sequence[Told]
    ) -> list[np.ndarray]:
        """(L, 2) answers for faces of one video, in their order."""
        keys = [_key(video_id, frame, points) for frame, points, _ in told]
        missing = [place for place, key in enumerate(keys) if key not in self._seen]
        if missing:
            faces = [(told[place][0], told[place][1]) for place in missing]
            if video_id == session.video_id:
                answers = self._answerer.answers(session.video, faces)
            else:
                with open_video(locate(project, project.video(video_id))) as video:
                    answers = self._answerer.answers(video, faces)
            self._seen |= {keys[place]: a for place, a in zip(missing, answers, strict=True)}
        return [self._seen[key] for key in keys]

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def person_of(track: TrackRecord) -> str:
    """A word that is the same for tracks of the same person; an unnamed one is its own."""
    return f"track {track.id}" if track.identity is None else f"person {track.identity.name}"


def _told(track: TrackData) -> list[Told]:
    """What people say of a track: its corrected frames, and at most as many accepted ones,
    which say that nothing had to be changed."""
    found: list[Told] = []
    for frame in _spread(track.corrected):
        points, correction = track.complete(frame), track.correction(frame)
        if points is not None and correction is not None:
            found.append((frame, points, ~correction.hidden))
    accepted = np.setdiff1d(track.accepted_faces(), track.corrected).tolist()
    for frame in _spread(accepted, len(found)):
        points = track.predicted(frame)
        if np.isfinite(points).all():
            found.append((frame, points, np.ones(len(points), bool)))
    return found


def _spread(frames: Sequence[int], most: int = FRAMES_EACH) -> list[int]:
    places = np.linspace(0, len(frames) - 1, min(len(frames), most)).round().astype(int)
    return [frames[place] for place in places]


def _key(video_id: int, frame: int, points: np.ndarray) -> bytes:
    return hashlib.sha1(f"{video_id} {frame} ".encode() + points.tobytes()).digest()
