"""Edits of whole tracks: delete, merge, split, swap, and who it is. Each is one step."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from napari_red.core import cells
from napari_red.core.cells import Address, prediction_value
from napari_red.core.chunks import CHUNK, Chunk
from napari_red.core.edits import EditError, undisturbed
from napari_red.core.marks import MARKS, marks_to_bytes
from napari_red.core.records import Correction, TrackRecord
from napari_red.core.session import Session
from napari_red.core.track_data import TrackData

Values = dict[Address, bytes | None]


@undisturbed
def name_identity(session: Session, face: int, name: str | None) -> None:
    """Say who a face is: the same name is the same person in every video of the project.

    Parameters
    ----------
    name : blank or None is nobody in particular
    """
    project, _ = session.opened()
    record = session.track(face).record
    name = (name or "").strip()
    values: Values = {}
    identity: int | None = None
    if name:
        known = {one.name: one.id for one in project.identities()}
        identity = known.get(name)
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
    project, _ = session.opened()
    known = {one.name: one.id for one in project.identities()}
    new = new.strip()
    if name not in known:
        raise EditError(f"{name}: nobody in this project is called so; choose one of the list")
    if not new or new in known:
        raise EditError(
            f"{new or 'a blank name'}: can't be the new name of {name}, because "
            f"{'somebody else has it; name the tracks so instead' if new else 'it is empty'}"
        )
    session.apply({("identity", known[name], 0): new.encode()}, f"rename {name}", _all(session))


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
def merge_tracks(session: Session, face: int, other: int) -> None:
    """One face that was followed as two: ``other`` fills the frames ``face`` lacks.

    Where both are, what a person corrected stays over what they accepted, and that over
    what a model said; else ``face`` stays.

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

    values = _exchanged(session, kept, gone, better, both=False)
    values |= _emptied(session, gone)
    values["track", gone.record.id, 0] = None
    if kept.record.identity is None and gone.record.identity is not None:
        values["track", kept.record.id, 0] = _track_value(
            kept.record, kept.record.face, gone.record.identity.id
        )
    session.apply(values, f"merge face {other + 1} into {face + 1}", _all(session))


@undisturbed
def split_track(session: Session, face: int, frame: int) -> int:
    """From ``frame`` on this is another face; returns its number in the session."""
    project, video = session.opened()
    track = session.track(face)
    new_id = project.new_id("track")
    number = max(one.face for one in session.tracks) + 1
    record = TrackRecord(new_id, video.id, number, track.record.n_landmarks)
    values = _exchanged(session, track, TrackData(project, record), _from(frame), both=True)
    values["track", new_id, 0] = _track_value(record, number, None)
    session.apply(values, f"split face {face + 1}", (frame, session.n_frames - 1))
    return [one.id for one in session.tracks].index(new_id)


@undisturbed
def swap_tracks(session: Session, face: int, other: int, frame: int) -> None:
    """Two faces that were mixed up: exchange them from ``frame`` on.

    Raises
    ------
    EditError
        If they are the same.
    """
    if face == other:
        raise EditError(f"face {face + 1}: can't be swapped with itself; choose another face")
    values = _exchanged(session, session.track(face), session.track(other), _from(frame), both=True)
    label = f"swap faces {face + 1} and {other + 1}"
    session.apply(values, label, (frame, session.n_frames - 1))


def _exchanged(session: Session, one: TrackData, other: TrackData, where, *, both: bool) -> Values:
    """What two tracks hold after the frames where ``where(first, size)`` is True went from
    ``other`` to ``one``, and back too if ``both``."""
    values: Values = {}
    targets = [(one, other), (other, one)] if both else [(one, other)]
    project, _ = session.opened()
    numbers = sorted({n for t in (one, other) for n in project.chunk_numbers(t.record.id)})
    for number in numbers:
        mask = where(number * CHUNK, CHUNK)
        if mask.any():
            for track, source in targets:
                values |= _taken(track, source, number, mask)
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
    return values


def _taken(track: TrackData, source: TrackData, number: int, mask: np.ndarray) -> Values:
    mine, theirs = (t.chunk(number) or Chunk.empty(t.record.n_landmarks) for t in (track, source))
    mixed = mine.copy()
    mixed.take(theirs, mask)
    value = prediction_value(mixed, track.chunk(number - 1))
    return {("prediction", track.record.id, number): value}


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


def faces_of(session: Session, identities: Iterable[str]) -> list[int]:
    """The faces of the session that belong to one of these people."""
    wanted = set(identities)
    return [
        face
        for face, track in enumerate(session.tracks)
        if track.identity is not None and track.identity.name in wanted
    ]
