"""Chunks of predictions in the database, inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import numpy as np

from napari_red.core import cells
from napari_red.core.cells import prediction_value
from napari_red.core.chunks import CHUNK, Chunk, DamagedChunk, chunk_of
from napari_red.core.marks import MARKS, marks_from
from napari_red.core.records import Prediction

__all__ = ["held_frames", "prediction_value", "write"]


def write(
    db: sqlite3.Connection, run_id: int, track_id: int, number: int, batch: Iterable[Prediction]
) -> None:
    """Put predictions into one chunk; corrected and accepted frames stay as they are."""
    held = held_frames(db, track_id, number)
    free = [one for one in batch if not held[chunk_of(one.frame)[1]]]
    if not free:
        return
    chunk = _read_chunk(db, track_id, number)
    chunk = Chunk.empty(len(free[0].landmarks)) if chunk is None else chunk
    for prediction in free:
        chunk.put(chunk_of(prediction.frame)[1], run_id, prediction)
    value = prediction_value(chunk, _read_chunk(db, track_id, number - 1))
    cells.write(db, ("prediction", track_id, number), value)


def _read_chunk(db: sqlite3.Connection, track_id: int, number: int) -> Chunk | None:
    try:
        return cells.chunk_from(cells.read(db, ("prediction", track_id, number)))
    except DamagedChunk:  # only a model's: saying it anew mends it
        return None


def held_frames(db: sqlite3.Connection, track_id: int, number: int) -> np.ndarray:
    """(CHUNK,) bool: the frames that a person corrected or accepted."""
    first = number * CHUNK
    held = np.zeros(CHUNK, bool)
    for (frame,) in db.execute(
        "SELECT frame FROM corrections WHERE track_id = ? AND frame BETWEEN ? AND ?",
        (track_id, first, first + CHUNK - 1),
    ):
        held[frame - first] = True
    marks = cells.read(db, ("accepted", track_id, first // MARKS))
    if marks is not None:
        held |= marks_from(marks)[first % MARKS :][:CHUNK]
    return held
