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
from napari_red.core.features import features_of

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

    Frames of a prediction that a model has said anew since are left as they are, and so is
    a name that was given in another video since.
    """
    kind, a, b = address
    if kind == "prediction":
        current = read(db, address)
        if current != now:
            then = _merged(current, now, then, read(db, (kind, a, b - 1)))
    elif kind == "identity" and (read(db, address) != now or _has_namesake(db, a, then)):
        return
    write(db, address, then)


def leftovers(db: sqlite3.Connection, track_id: int) -> list[Change]:
    """What models said of a track that is gone, taken out of it."""
    rows = db.execute(
        "SELECT chunk, features, data FROM predictions WHERE track_id = ?", (track_id,)
    ).fetchall()
    db.execute("DELETE FROM predictions WHERE track_id = ?", (track_id,))
    return [
        Change("prediction", track_id, chunk, pack_prediction(features, data), None)
        for chunk, features, data in rows
    ]


def keep_filled(db: sqlite3.Connection, change: Change) -> None:
    """Put a track back that ``change`` had made and that was taken out just now, without its
    name, if a model's words are left of it."""
    left = db.execute("SELECT 1 FROM predictions WHERE track_id = ? LIMIT 1", (change.a,))
    if change.after is not None and left.fetchone():
        video, face, n_landmarks, _ = json.loads(change.after)
        write(db, change.address, track_value(video, face, n_landmarks, None))


def pack_prediction(features: bytes, data: bytes) -> bytes:
    """Features and data of a chunk as one value."""
    return _FEATURES.pack(len(features)) + features + data


def unpack_prediction(value: bytes) -> tuple[bytes, bytes]:
    """The inverse of :func:`pack_prediction`."""
    (length,) = _FEATURES.unpack_from(value)
    end = _FEATURES.size + length
    return value[_FEATURES.size : end], value[end:]


def prediction_value(chunk: Chunk, before: Chunk | None) -> bytes | None:
    """The value of a prediction's cell, ``before`` the chunk before it; None for a chunk
    without any."""
    if not chunk.present.any():
        return None
    return pack_prediction(features_of(chunk, before), chunk.to_bytes())


def chunk_from(value: bytes | None) -> Chunk | None:
    """The inverse of :func:`prediction_value`."""
    return None if value is None else Chunk.from_bytes(unpack_prediction(value)[1])


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
    db.execute(
        "INSERT INTO tracks VALUES (?, ?, ?, ?, ?)",
        (track_id, video_id, face, n_landmarks, _person(db, identity_id)),
    )


def _person(db: sqlite3.Connection, identity_id: int | None) -> int | None:
    """An identity's number. One that is gone, because the edit in another video that made
    it was undone, is whoever has its name now, or comes back."""
    if identity_id is None:
        return None
    if db.execute("SELECT 1 FROM identities WHERE id = ?", (identity_id,)).fetchone():
        return identity_id
    row = db.execute(
        "SELECT after FROM changes WHERE kind = 'identity' AND a = ? AND after IS NOT NULL"
        " ORDER BY id DESC",
        (identity_id,),
    ).fetchone()
    if row is None:
        return None
    name = row[0].decode()
    db.execute("INSERT OR IGNORE INTO identities VALUES (?, ?)", (identity_id, name))
    return int(db.execute("SELECT id FROM identities WHERE name = ?", (name,)).fetchone()[0])


def _has_namesake(db: sqlite3.Connection, identity_id: int, name: bytes | None) -> bool:
    return name is not None and bool(
        db.execute(
            "SELECT 1 FROM identities WHERE name = ? AND id <> ?", (name.decode(), identity_id)
        ).fetchone()
    )


def _merged(
    current: bytes | None, now: bytes | None, then: bytes | None, before: bytes | None
) -> bytes | None:
    """``current``, with ``then`` in the frames that are still as in ``now``; ``before`` is
    the chunk before it."""
    chunks = [chunk_from(value) for value in (current, now, then)]
    n_landmarks = next(chunk.n_landmarks for chunk in chunks if chunk is not None)
    merged, edited, earlier = (chunk or Chunk.empty(n_landmarks) for chunk in chunks)
    untouched = (merged.run == edited.run) & (
        np.nan_to_num(merged.landmarks - edited.landmarks) == 0
    ).all(axis=(1, 2))
    merged.take(earlier, untouched)
    return prediction_value(merged, chunk_from(before))
