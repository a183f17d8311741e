"""Edits of whole tracks: delete, merge, split, swap, and who it is. Each is one step.

Merging, splitting and swapping go through all of a video: they take seconds where it is very
long, so they say how far they are, and can be stopped before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_red.core import cells
from napari_red.core.cells import Address, prediction_value
from napari_red.core.chunks import CHUNK, Chunk
from napari_red.core.edits import EditError, undisturbed
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.marks import MARKS, marks_to_bytes
from napari_red.core.person_names import known_people, person_name
from napari_red.core.project import Project
from napari_red.core.records import Correction, TrackRecord
from napari_red.core.session import Session
from napari_red.core.track_data import TrackData

Values = dict[Address, bytes | None]
Where = Callable[[int, int], np.ndarray]
"""From the first frame and a number of frames to (size,) bool: which of them change."""


def _ignore(_: Progress) -> None:
    pass


def _go_on() -> bool:
    return False


@undisturbed
def name_identity(session: Session, face: int, name: str | None) -> None:
    """Say who a face is: the same name is the same person in every video of the project.

    Parameters
    ----------
    name : blank or None is nobody in particular
    """
    project, _ = session.opened()
    record = session.track(face).record
    name = person_name(name or "")
    values: Values = {}
    identity: int | None = None
    if name:
        identity = known_people(project).get(name)
        if identity is None:
            identity = project.new_id("identity")
            values["identity", identity, 0] = name.encode()
    values["track", record.id, 0] = _track_value(record, record.face, identity)
    session.apply(values, f"face {face + 1} is {name}" if name else "nobody named", _all(session))


@undisturbed
def rename_identity(session: Session, name: str, new: str) -> None:
    """Call a person otherwise, in every video of the project.

    Raises
    ------
    EditError
        If nobody is called so, or somebody else has the new name.
    """
    values = _renamed(session.opened()[0], name, new)
    session.apply(values, f"rename {name}", _all(session))


def rename_in_project(project: Project, name: str, new: str) -> None:
    """As :func:`rename_identity`, where no video is open; it is undone in the person's first.

    Raises
    ------
    EditError
        If nobody is called so, or somebody else has the new name.
    """
    values = _renamed(project, name, new)
    ((_, person, _),) = values
    theirs = {
        one.video_id for one in project.tracks() if one.identity and one.identity.id == person
    }
    video = next((video for video in project.videos() if video.id in theirs), None)
    project.edit(
        values,
        video_id=None if video is None else video.id,
        label=f"rename {name}",
        frames=(0, 0 if video is None else video.n_frames - 1),
    )


@undisturbed
def add_track(session: Session) -> int:
    """Another face, without landmarks yet; returns its number in the session."""
    project, video = session.opened()
    track_id = project.new_id("track")
    number = max((track.face for track in session.tracks), default=-1) + 1
    value = cells.track_value(video.id, number, session.n_landmarks, None)
    session.apply({("track", track_id, 0): value}, "another face", _all(session))
    return [track.id for track in session.tracks].index(track_id)


@undisturbed
def delete_track(session: Session, face: int) -> None:
    """Take a face out of the video, with all that was said of it; undo brings it back."""
    track = session.track(face)
    values = _emptied(session, track)
    values["track", track.record.id, 0] = None
    session.apply(values, f"delete face {face + 1}", _all(session))


@undisturbed
def merge_tracks(
    session: Session,
    face: int,
    other: int,
    on_progress: ProgressCallback = _ignore,
    should_stop: ShouldStop = _go_on,
) -> None:
    """One face that was followed as two: ``other`` fills the frames ``face`` lacks.

    Where both are, what a person corrected stays over what they accepted, and that over
    what a model said; else ``face`` stays. A frame is accepted afterwards where the face that
    stays in it was.

    Raises
    ------
    EditError
        If they are the same.
    """
    if face == other:
        raise EditError(f"face {face + 1}: can't be merged with itself; choose another face")
    kept, gone = session.track(face), session.track(other)

    def better(first: int, size: int) -> np.ndarray:
        return gone.known(first, size) > kept.known(first, size)

    values = _exchanged(session, kept, gone, better, on_progress, should_stop, both=False)
    values |= _emptied(session, gone)
    values["track", gone.record.id, 0] = None
    if kept.record.identity is None and gone.record.identity is not None:
        values["track", kept.record.id, 0] = _track_value(
            kept.record, kept.record.face, gone.record.identity.id
        )
    session.apply(values, f"merge face {other + 1} into {face + 1}", _all(session))


@undisturbed
def split_track(
    session: Session,
    face: int,
    frame: int,
    on_progress: ProgressCallback = _ignore,
    should_stop: ShouldStop = _go_on,
) -> int:
    """From ``frame`` on this is another face; returns its number in the session.

    What a person has been through stays so: where they accepted or corrected the face, it is
    accepted that the other of the two isn't there.
    """
    project, video = session.opened()
    track = session.track(face)
    new_id = project.new_id("track")
    number = max(one.face for one in session.tracks) + 1
    record = TrackRecord(new_id, video.id, number, track.record.n_landmarks)
    new = TrackData(project, record)
    values = _exchanged(session, track, new, _from(frame), on_progress, should_stop)
    values |= _split_marks(track, new, frame)
    values["track", new_id, 0] = _track_value(record, number, None)
    session.apply(values, f"split face {face + 1}", (frame, session.n_frames - 1))
    return [one.id for one in session.tracks].index(new_id)


@undisturbed
def swap_tracks(
    session: Session,
    face: int,
    other: int,
    frame: int,
    on_progress: ProgressCallback = _ignore,
    should_stop: ShouldStop = _go_on,
) -> None:
    """Two faces that were mixed up: exchange them from ``frame`` on.

    Raises
    ------
    EditError
        If they are the same.
    """
    if face == other:
        raise EditError(f"face {face + 1}: can't be swapped with itself; choose another face")
    one, two = session.track(face), session.track(other)
    values = _exchanged(session, one, two, _from(frame), on_progress, should_stop)
    label = f"swap faces {face + 1} and {other + 1}"
    session.apply(values, label, (frame, session.n_frames - 1))


def _exchanged(
    session: Session,
    one: TrackData,
    other: TrackData,
    where: Where,
    on_progress: ProgressCallback,
    should_stop: ShouldStop,
    *,
    both: bool = True,
) -> Values:
    """What two tracks hold after the frames where ``where(first, size)`` is True went from
    ``other`` to ``one``, and back too if ``both``."""
    values: Values = {}
    targets = [(one, other), (other, one)] if both else [(one, other)]
    project, _ = session.opened()
    numbers = sorted({n for t in (one, other) for n in project.chunk_numbers(t.record.id)})
    exchange = _Exchange(project, numbers)
    for done, number in enumerate(numbers):
        if should_stop():
            raise StopWork
        on_progress(Progress(done, len(numbers), "going through the frames …"))
        mask = where(number * CHUNK, CHUNK)
        for track, source in targets if mask.any() else ():
            exchange.take(track, source, number, mask)
    values |= exchange.values
    for number in sorted({*one.accepted.blocks, *other.accepted.blocks}):
        mask = where(number * MARKS, MARKS)
        blocks = [t.accepted.blocks.get(number, np.zeros(MARKS, bool)) for t in (one, other)]
        for (track, _), mine, theirs in zip(targets, blocks, reversed(blocks), strict=False):
            values["accepted", track.record.id, number] = marks_to_bytes(
                np.where(mask, theirs, mine)
            )
    for frame in sorted({*one.corrected, *other.corrected}):
        if where(frame, 1)[0]:
            for track, source in targets:
                values["correction", track.record.id, frame] = _bytes(source.correction(frame))
    on_progress(Progress(0, 0, "writing …"))
    return values


class _Exchange:
    """Predictions that go from one track to another, chunk by chunk, in order.

    What is kept beside a chunk tells how the face moved into it, so a chunk can only be taken
    as it is in the file, ten times as fast, where the one before comes from the same track.
    """

    def __init__(self, project: Project, numbers: list[int]) -> None:
        self.values: Values = {}
        self._project = project
        self._there = set(numbers)
        self._whole: dict[int, int] = {}  # track to the last chunk that came whole
        self._mixed: dict[int, tuple[int, Chunk]] = {}

    def take(self, track: TrackData, source: TrackData, number: int, mask: np.ndarray) -> None:
        """The frames of a chunk where ``mask`` is True come from ``source``."""
        me = track.record.id
        address: Address = ("prediction", me, number)
        follows = self._whole.get(me) == number - 1
        if mask.all() and (follows or number - 1 not in self._there):
            theirs: Address = ("prediction", source.record.id, number)
            self.values[address] = self._project.database.look(lambda db: cells.read(db, theirs))
        else:
            last, mixed = self._mixed.get(me, (-1, None))
            before = (
                mixed if last == number - 1 else (source if follows else track).chunk(number - 1)
            )
            empty = Chunk.empty(track.record.n_landmarks)
            chunk = (track.chunk(number) or empty).copy()
            chunk.take(source.chunk(number) or empty, mask)
            self.values[address] = prediction_value(chunk, before)
            self._mixed[me] = number, chunk
        if mask.all():
            self._whole[me] = number


def _split_marks(track: TrackData, new: TrackData, frame: int) -> Values:
    """The accepted marks of a track and of the one that it is from ``frame`` on: both keep
    all, and have what is corrected in the other one only."""
    values: Values = {}
    corrected = np.array(track.corrected, int)
    for one, gone in ((track, corrected >= frame), (new, corrected < frame)):
        blocks = {number: block.copy() for number, block in track.accepted.blocks.items()}
        for away in corrected[gone].tolist():
            blocks.setdefault(away // MARKS, np.zeros(MARKS, bool))[away % MARKS] = True
        for number, block in blocks.items():
            values["accepted", one.record.id, number] = marks_to_bytes(block)
    return values


def _from(frame: int):
    return lambda first, size: np.arange(first, first + size) >= frame


def _emptied(session: Session, track: TrackData) -> Values:
    project, _ = session.opened()
    record = track.record
    values: Values = {
        ("prediction", record.id, number): None for number in project.chunk_numbers(record.id)
    }
    values |= {("accepted", record.id, number): None for number in track.accepted.blocks}
    values |= {("correction", record.id, frame): None for frame in track.corrected}
    return values


def _track_value(record: TrackRecord, face: int, identity: int | None) -> bytes:
    return cells.track_value(record.video_id, face, record.n_landmarks, identity)


def _bytes(correction: Correction | None) -> bytes | None:
    return None if correction is None else correction.to_bytes()


def _all(session: Session) -> tuple[int, int]:
    return 0, session.n_frames - 1


def _renamed(project: Project, name: str, new: str) -> Values:
    spelt = {one.name: one.id for one in project.identities()}
    known, new = known_people(project), person_name(new)
    person = spelt.get(name, known.get(person_name(name)))
    if person is None:
        raise EditError(f"{name}: nobody in this project is called so; choose one of the list")
    if not new or new in spelt or known.get(new, person) != person:
        raise EditError(
            f"{new or 'a blank name'}: can't be the new name of {name}, because "
            f"{'somebody else has it; name the tracks so instead' if new else 'it is empty'}"
        )
    return {("identity", person, 0): new.encode()}
