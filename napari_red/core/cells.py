"""What a person can change in a project, cell by cell.

A cell has a kind, two numbers and a value in bytes, None where it is empty. Every edit
is a set of cells that get other values; so the history can take any edit back, and new
kinds of edits need nothing new in it.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_red.core.chunks import Chunk

Kind = Literal["correction", "prediction", "accepted", "track", "identity"]
"""correction: track, frame · prediction: track, chunk · accepted: track, chunk of bits ·
track: track, 0 · identity: identity, 0."""

Address = tuple[Kind, int, int]
_FEATURES = struct.Struct("<I")


@dataclass(frozen=True, eq=False)
class Change:
    """One cell before and after an edit."""

    kind: Kind
    a: int
    b: int
    before: bytes | None
    after: bytes | None

    @property
    def address(self) -> Address:
        """Which cell it is."""
        return self.kind, self.a, self.b


def read(db: sqlite3.Connection, address: Address) -> bytes | None:
    """The value of a cell."""
    kind, a, b = address
    row = db.execute(*_query(kind, a, b)).fetchone()
    if row is None:
        return None
    if kind == "prediction":
        return pack_prediction(row[0], row[1])
    if kind == "track":
        video, face, n_landmarks, identity = row
        return track_value(video, face, n_landmarks, identity)
    return row[0].encode() if kind == "identity" else row[0]


def write(db: sqlite3.Connection, address: Address, value: bytes | None) -> None:
    """Give a cell another value, in a transaction."""
    kind, a, b = address
    if kind == "track":
        _write_track(db, a, value)
    elif kind == "identity":
        if value is None:  # unless another video's face got the same name since
            db.execute(
                "DELETE FROM identities WHERE id = ?1"
                " AND NOT EXISTS (SELECT 1 FROM tracks WHERE identity_id = ?1)",
                (a,),
            )
        else:
            db.execute(
                "INSERT INTO identities VALUES (?, ?)"
                " ON CONFLICT (id) DO UPDATE SET name = excluded.name",
                (a, value.decode()),
            )
    elif value is None:
        table, column = _TABLES[kind]
        db.execute(f"DELETE FROM {table} WHERE track_id = ? AND {column} = ?", (a, b))
    elif kind == "prediction":
        db.execute(
            "INSERT OR REPLACE INTO predictions VALUES (?, ?, ?, ?)",
            (a, b, *unpack_prediction(value)),
        )
    else:
        db.execute(f"INSERT OR REPLACE INTO {_TABLES[kind][0]} VALUES (?, ?, ?)", (a, b, value))


def restore(
    db: sqlite3.Connection, address: Address, now: bytes | None, then: bytes | None
) -> None:
    """Give a cell the value ``then`` where an edit had left ``now``.

    Frames of a prediction that a model has said anew since are left as they are.
    """
    if address[0] == "prediction":
        current = read(db, address)
        if current != now and current is not None:
            then = _merged(current, now, then)
    write(db, address, then)


def pack_prediction(features: bytes, data: bytes) -> bytes:
    """Features and data of a chunk as one value."""
    return _FEATURES.pack(len(features)) + features + data


def unpack_prediction(value: bytes) -> tuple[bytes, bytes]:
    """The inverse of :func:`pack_prediction`."""
    (length,) = _FEATURES.unpack_from(value)
    end = _FEATURES.size + length
    return value[_FEATURES.size : end], value[end:]


def track_value(video_id: int, face: int, n_landmarks: int, identity_id: int | None) -> bytes:
    """The value of a track's cell."""
    return json.dumps([video_id, face, n_landmarks, identity_id]).encode()


def next_id(db: sqlite3.Connection, kind: Kind) -> int:
    """A number that no cell of that kind ever had."""
    table = {"track": "tracks", "identity": "identities"}[kind]
    (now,) = db.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}").fetchone()
    (ever,) = db.execute(
        "SELECT COALESCE(MAX(a), 0) FROM changes WHERE kind = ?", (kind,)
    ).fetchone()
    return max(now, ever) + 1


_TABLES = {
    "correction": ("corrections", "frame"),
    "accepted": ("accepted", "chunk"),
    "prediction": ("predictions", "chunk"),
}


def _query(kind: Kind, a: int, b: int) -> tuple[str, tuple]:
    if kind == "track":
        columns = "video_id, face, n_landmarks, identity_id"
        return f"SELECT {columns} FROM tracks WHERE id = ?", (a,)
    if kind == "identity":
        return "SELECT name FROM identities WHERE id = ?", (a,)
    table, column = _TABLES[kind]
    values = {"correction": "state", "accepted": "bits", "prediction": "features, data"}[kind]
    return f"SELECT {values} FROM {table} WHERE track_id = ? AND {column} = ?", (a, b)


def _write_track(db: sqlite3.Connection, track_id: int, value: bytes | None) -> None:
    db.execute("DELETE FROM tracks WHERE id = ?", (track_id,))
    if value is None:
        return
    video_id, face, n_landmarks, identity_id = json.loads(value)
    taken = {
        row[0] for row in db.execute("SELECT face FROM tracks WHERE video_id = ?", (video_id,))
    }
    while face in taken:  # a model has found another face since this one was deleted
        face += 1
    known = db.execute("SELECT 1 FROM identities WHERE id = ?", (identity_id,)).fetchone()
    db.execute(
        "INSERT INTO tracks VALUES (?, ?, ?, ?, ?)",
        (track_id, video_id, face, n_landmarks, identity_id if known else None),
    )


def _merged(current: bytes, now: bytes | None, then: bytes | None) -> bytes:
    """``current``, with ``then`` in the frames that are still as in ``now``."""
    features, data = unpack_prediction(current)
    merged = Chunk.from_bytes(data)
    edited, before = (
        Chunk.empty(merged.n_landmarks)
        if value is None
        else Chunk.from_bytes(unpack_prediction(value)[1])
        for value in (now, then)
    )
    untouched = (merged.run == edited.run) & (
        np.nan_to_num(merged.landmarks - edited.landmarks) == 0
    ).all(axis=(1, 2))
    merged.take(before, untouched)
    return pack_prediction(features, merged.to_bytes())
