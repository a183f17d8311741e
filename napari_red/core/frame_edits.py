"""Edits of one frame that may concern several faces, each one step that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from napari_red.core.cells import Address
from napari_red.core.edits import undisturbed
from napari_red.core.records import Correction
from napari_red.core.session import Session

Chosen = Mapping[int, Sequence[int]]
"""Face to the landmarks of it that are meant."""

Places = Mapping[int, Mapping[int, tuple[float, float]]]
"""Face to landmark to where it goes: (x, y) in video pixels."""


def move(session: Session, frame: int, places: Places, label: str = "move") -> None:
    """Put landmarks somewhere. What is not visible becomes visible when it is moved by
    itself, and stays as it is when it moves along with visible ones."""
    hidden = session.view(frame).hidden
    alone = all(hidden[face, list(moved)].all() for face, moved in places.items())

    def change(face: int, correction: Correction) -> None:
        for index, position in places[face].items():
            correction.landmarks[index] = position
            if alone:
                correction.hidden[index] = False

    _change(session, frame, places, change, label)


def hide(session: Session, frame: int, chosen: Chosen) -> None:
    """Say that landmarks are not visible; they keep their position."""
    _set_hidden(session, frame, chosen, True, "not visible")


def show(session: Session, frame: int, chosen: Chosen) -> None:
    """Take "not visible" back."""
    _set_hidden(session, frame, chosen, False, "visible")


def reset(session: Session, frame: int, chosen: Chosen) -> None:
    """Take what a person said about landmarks back: the model's are there again."""

    def change(face: int, correction: Correction) -> None:
        correction.landmarks[list(chosen[face])] = np.nan
        correction.hidden[list(chosen[face])] = False

    _change(session, frame, chosen, change, "reset to the prediction")


def _set_hidden(session: Session, frame: int, chosen: Chosen, value: bool, label: str) -> None:
    def change(face: int, correction: Correction) -> None:
        correction.hidden[list(chosen[face])] = value

    _change(session, frame, chosen, change, label)


@undisturbed
def _change(
    session: Session,
    frame: int,
    faces: Mapping[int, object],
    change: Callable[[int, Correction], None],
    label: str,
) -> None:
    values: dict[Address, bytes | None] = {}
    for face in faces:
        track = session.track(face)
        known = track.correction(frame)
        if known is None:
            correction = replace(Correction.empty(track.record.n_landmarks), run=track.run(frame))
        else:
            correction = replace(
                known, landmarks=known.landmarks.copy(), hidden=known.hidden.copy()
            )
        change(face, correction)
        if correction.same_as(known) or (known is None and correction.says_nothing):
            continue
        value = None if correction.says_nothing else correction.to_bytes()
        values["correction", track.record.id, frame] = value
    if values:
        session.apply(values, label, (frame, frame))
