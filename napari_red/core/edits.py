"""Edits of faces and of many frames, each one step that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np

from napari_red.core.cells import Address, prediction_value
from napari_red.core.chunks import CHUNK, Chunk, chunk_of
from napari_red.core.history import Step
from napari_red.core.marks import Marks, marks_to_bytes
from napari_red.core.part import within
from napari_red.core.records import Correction, Prediction
from napari_red.core.reviewed import Reviewed, reviewed
from napari_red.core.session import Session
from trainer.errors import RedError

INTERPOLATED = "interpolated"
"""What the frames between two corrected ones are said to come from."""


class EditError(RedError):
    """An edit that can't be made: what is missing, and what to do."""


P = ParamSpec("P")
R = TypeVar("R")


def undisturbed(
    edit: Callable[Concatenate[Session, P], R],
) -> Callable[Concatenate[Session, P], R]:
    """An edit during which no model stores anything in the session."""

    @wraps(edit)
    def held(session: Session, *args: P.args, **kwargs: P.kwargs) -> R:
        with session.lock:
            return edit(session, *args, **kwargs)

    return held


def transform(
    landmarks: np.ndarray,
    *,
    move: tuple[float, float] = (0.0, 0.0),
    turn: float = 0.0,
    scale: float = 1.0,
    about: tuple[float, float] | None = None,
) -> np.ndarray:
    """Landmarks moved, turned and scaled.

    Parameters
    ----------
    landmarks : (N, 2) array, xy in video pixels
    move : x and y in video pixels
    turn : degrees, clockwise on the screen
    scale : factor
    about : what stays in place when turning and scaling; the landmarks' mean if None

    Returns
    -------
    (N, 2) float32 array
    """
    points = np.asarray(landmarks, np.float64)
    centre = np.nanmean(points, axis=0) if about is None else np.asarray(about, np.float64)
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    placed = (points - centre) @ (scale * rotation).T + centre + np.asarray(move)
    return placed.astype(np.float32)


@undisturbed
def copy_from(session: Session, source: int, frame: int, face: int) -> None:
    """Put a face where it is in another frame, for example the one before.

    What is not visible there isn't here either, and what a person said is not visible here
    stays so.

    Raises
    ------
    EditError
        If that face has no landmarks there.
    """
    track = session.track(face)
    landmarks = track.merged(source)
    placed = np.isfinite(landmarks).all(axis=1)
    if not placed.any():
        raise EditError(
            f"frame {source + 1}: face {face + 1} has no landmarks there to copy; choose a "
            "frame that has"
        )
    nothing = Correction.empty(len(landmarks))
    there, before = track.correction(source) or nothing, track.correction(frame)
    here = before or replace(nothing, run=track.run(frame))
    copied = np.where(placed[:, None], landmarks, here.landmarks)
    correction = replace(here, landmarks=copied, hidden=here.hidden | there.hidden)
    if not correction.same_as(before):
        values: dict[Address, bytes | None] = {
            ("correction", track.record.id, frame): correction.to_bytes()
        }
        session.apply(values, f"copy from frame {source + 1}", (frame, frame))


@undisturbed
def interpolate(session: Session, frame: int, face: int) -> tuple[int, int]:
    """Fill the frames between the two corrected ones round ``frame`` in a straight line; only
    those that are worked on.

    They are kept as predictions, so that no training takes them for the truth. Accepted
    frames stay.

    Returns
    -------
    The two corrected frames.

    Raises
    ------
    EditError
        If there is no corrected frame on one side.
    """
    track = session.track(face)
    first = frame if track.is_corrected(frame) else track.before(frame)
    last = track.after(frame)
    if first is None or last is None:
        side = "before" if first is None else "after"
        raise EditError(
            f"frame {frame + 1}: face {face + 1} has no corrected frame {side} this one to "
            "interpolate from; correct one on either side first"
        )
    begin, end = track.merged(first), track.merged(last)
    predictions = []
    for number in within(session.wanted, first + 1, last):
        part = (number - first) / (last - first)
        points = ((1 - part) * begin + part * end).astype(np.float32)
        predictions.append(Prediction(number, points, np.full(len(points), 0.5, np.float32)))
    if predictions:
        run = session.start_run(INTERPOLATED, "")
        session.finish_run(run, "done")
        label = f"interpolate frames {first + 1} to {last + 1}"
        write_predictions(session, face, run, predictions, label)
    return first, last


@undisturbed
def write_predictions(
    session: Session, face: int, run: int, predictions: Sequence[Prediction], label: str
) -> Step | None:
    """Replace what is predicted for a face, as one step; corrected and accepted frames stay.

    Parameters
    ----------
    run : from :meth:`napari_red.core.session.Session.start_run`
    predictions : one for each frame; lost ones empty theirs
    """
    track = session.track(face)
    by_chunk: dict[int, list[Prediction]] = {}
    for prediction in predictions:
        if not track.is_held(prediction.frame):
            by_chunk.setdefault(chunk_of(prediction.frame)[0], []).append(prediction)
    changed: dict[int, Chunk] = {}
    for number, batch in by_chunk.items():
        known = track.chunk(number)
        chunk = Chunk.empty(track.record.n_landmarks) if known is None else known.copy()
        for prediction in batch:
            chunk.put(chunk_of(prediction.frame)[1], run, prediction)
        changed[number] = chunk
    if not changed:
        return None
    values: dict[Address, bytes | None] = {
        ("prediction", track.record.id, number): prediction_value(
            chunk, changed.get(number - 1, track.chunk(number - 1))
        )
        for number, chunk in changed.items()
    }
    first = min(changed) * CHUNK
    last = min((max(changed) + 1) * CHUNK, session.n_frames) - 1
    frames = [prediction.frame for batch in by_chunk.values() for prediction in batch]
    first, last = max(first, min(frames)), min(last, max(frames))
    return session.apply(values, label, (first, last))


def accept(session: Session, frame: int, faces: Sequence[int] | None = None) -> None:
    """Say that a frame is right as it is: of some faces, or of all if None."""
    _mark(session, range(frame, frame + 1), faces, True, "accept")


def unaccept(session: Session, frame: int, faces: Sequence[int] | None = None) -> None:
    """Take :func:`accept` back."""
    _mark(session, range(frame, frame + 1), faces, False, "not accepted")


def accept_up_to(session: Session, frame: int, faces: Sequence[int] | None = None) -> range:
    """Say that all frames up to this one are right as they are; only those that are worked on.

    Returns
    -------
    The frames.

    Raises
    ------
    EditError
        If none of them is worked on.
    """
    frames = within(session.wanted, 0, frame + 1)
    if not frames:
        raise EditError(
            f"frame {frame + 1}: no frame up to this one is worked on, so there is nothing to "
            "accept; go to a later one"
        )
    _mark(session, frames, faces, True, f"accept up to frame {frame + 1}")
    return frames


@undisturbed
def _mark(
    session: Session,
    frames: range,
    faces: Sequence[int] | None,
    value: bool,
    label: str,
) -> None:
    values: dict[Address, bytes | None] = {}
    for face in range(session.n_faces) if faces is None else faces:
        track = session.track(face)
        for number, block in track.accepted.changed(frames, value).items():
            values["accepted", track.record.id, number] = marks_to_bytes(block)
    if values:
        session.apply(values, label, (frames[0], frames[-1]))


def counts(session: Session) -> Reviewed:
    """How many frames of the video a person has been through; waits for nobody."""
    tracks = session.all_tracks()
    corrected = [list(track.corrected) for track in tracks]
    accepted = [Marks(track.accepted.blocks) for track in tracks]
    return reviewed(session.n_frames, session.wanted, corrected, accepted)
