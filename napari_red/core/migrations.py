"""How an older project file becomes a current one."""

from __future__ import annotations

import filecmp
import os
import shutil
import sqlite3
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np

from napari_red.core import cells, schema
from napari_red.core.chunks import Chunk, chunk_of
from napari_red.core.features import features_of
from napari_red.core.records import Prediction


def migrate(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Bring a file of an older ``version`` to the current one, all or nothing.

    A copy of the file as it was is kept beside it, as ``NAME.red.v1`` and so on.

    Raises
    ------
    OSError
        If the copy can't be made; sqlite3.Error or ValueError if the file's contents can't
        be understood. The file is as it was then.
    """
    _back_up(path, version)
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, schema.VERSION):
            MIGRATIONS[step](connection)
        connection.execute(f"PRAGMA user_version = {schema.VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk ends it by itself
            connection.execute("ROLLBACK")
        raise
    connection.execute("PRAGMA foreign_keys = ON")


def _back_up(path: Path, version: int) -> None:
    """Copy the file as it is beside it, unless such a copy is there already."""
    number, backup = 1, path.with_name(f"{path.name}.v{version}")
    while backup.exists():
        if filecmp.cmp(path, backup, shallow=False):
            return
        number += 1  # of an earlier file of that name
        backup = path.with_name(f"{path.name}.v{version}-{number}")
    unfinished = path.with_name(f"{backup.name}.part")
    try:
        shutil.copy2(path, unfinished)
        with unfinished.open("rb+") as copy:
            os.fsync(copy.fileno())
        unfinished.replace(backup)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def _from_1(db: sqlite3.Connection) -> None:
    """Predictions go into chunks, edits become steps of one cell each."""
    for trigger in ("edits_are_never_changed", "edits_are_never_removed"):
        db.execute(f"DROP TRIGGER {trigger}")
    old = ("videos", "identities", "tracks", "runs", "predictions", "edits", "corrections")
    for table in old:
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
    for statement in filter(str.strip, schema.TABLES.split(";")):
        db.execute(statement)
    columns = "id, path, fingerprint, name, n_frames, height, width, fps, frame_names, added"
    db.execute(f"INSERT INTO videos ({columns}) SELECT {columns} FROM old_videos")
    db.execute("INSERT INTO identities SELECT id, name FROM old_identities")
    columns = "id, video_id, face, n_landmarks, identity_id"
    db.execute(f"INSERT INTO tracks ({columns}) SELECT {columns} FROM old_tracks")
    db.execute("INSERT INTO runs SELECT * FROM old_runs")
    db.execute(
        "UPDATE videos SET state = 'done' WHERE EXISTS (SELECT 1 FROM runs"
        " WHERE video_id = videos.id AND outcome = 'done')"
    )
    _chunk_predictions(db)
    db.execute("INSERT INTO corrections SELECT track_id, frame, state FROM old_corrections")
    _edits_to_steps(db)
    for table in reversed(old):
        db.execute(f"DROP TABLE old_{table}")
    for guard in schema.GUARDS.split("END;"):
        if guard.strip():
            db.execute(guard + "END")


def _chunk_predictions(db: sqlite3.Connection) -> None:
    rows = db.execute(
        "SELECT track_id, frame, run_id, landmarks, confidence FROM old_predictions"
        " ORDER BY track_id, frame"
    )
    for (track, number), group in groupby(rows, lambda row: (row[0], chunk_of(row[1])[0])):
        chunk: Chunk | None = None
        for _, frame, run, landmarks, confidence in group:
            points = np.frombuffer(landmarks, "<f4").reshape(-1, 2)
            chunk = chunk or Chunk.empty(len(points))
            sure = np.frombuffer(confidence, "<f4")
            chunk.put(chunk_of(frame)[1], run, Prediction(frame, points, sure))
        assert chunk is not None
        value = cells.pack_prediction(features_of(chunk, None), chunk.to_bytes())
        cells.write(db, ("prediction", track, number), value)


def _edits_to_steps(db: sqlite3.Connection) -> None:
    undoable: dict[int, list[int]] = {}
    redoable: dict[int, list[int]] = {}
    rows = db.execute(
        "SELECT e.id, e.at, t.video_id, e.track_id, e.frame, e.kind, e.before, e.after"
        " FROM old_edits e JOIN old_tracks t ON t.id = e.track_id ORDER BY e.id"
    ).fetchall()
    for step, at, video, track, frame, kind, before, after in rows:
        undo, redo = undoable.setdefault(video, []), redoable.setdefault(video, [])
        of = None
        if kind == "undo":
            of = undo.pop()
            redo.append(of)
        elif kind == "redo":
            of = redo.pop()
            undo.append(of)
        else:
            undo.append(step)
            redo.clear()
        what = kind if of else "do"
        db.execute(
            "INSERT INTO steps VALUES (?, ?, '', ?, ?, ?, ?, ?, ?)",
            (step, at, video, what, kind, frame, frame, of),
        )
        if of is None:
            db.execute(
                "INSERT INTO changes (step_id, kind, a, b, before, after)"
                " VALUES (?, 'correction', ?, ?, ?, ?)",
                (step, track, frame, before, after),
            )


MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _from_1}
"""Schema version to the function that makes the next one of it, inside a transaction."""
