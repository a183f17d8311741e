"""The tables of a project file, and how an older file becomes a current one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x52454431
"""SQLite's application id of a project file: "RED1"."""

VERSION = 1
"""The schema version this program writes."""

TABLES = """
CREATE TABLE videos (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    n_frames INTEGER NOT NULL,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    fps REAL NOT NULL,
    frame_names TEXT,
    added TEXT NOT NULL,
    UNIQUE (fingerprint)
);
CREATE TABLE identities (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE tracks (
    id INTEGER PRIMARY KEY,
    video_id INTEGER NOT NULL REFERENCES videos (id),
    face INTEGER NOT NULL CHECK (face >= 0),
    n_landmarks INTEGER NOT NULL,
    identity_id INTEGER REFERENCES identities (id),
    UNIQUE (video_id, face)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    video_id INTEGER NOT NULL REFERENCES videos (id),
    model TEXT NOT NULL,
    device TEXT NOT NULL,
    started TEXT NOT NULL,
    finished TEXT,
    outcome TEXT
);
CREATE TABLE predictions (
    track_id INTEGER NOT NULL REFERENCES tracks (id),
    frame INTEGER NOT NULL,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    landmarks BLOB NOT NULL,
    confidence BLOB NOT NULL,
    PRIMARY KEY (track_id, frame)
) WITHOUT ROWID;
CREATE TABLE edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    track_id INTEGER NOT NULL REFERENCES tracks (id),
    frame INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('move', 'hide', 'show', 'undo', 'redo')),
    before BLOB,
    after BLOB
);
CREATE TABLE corrections (
    track_id INTEGER NOT NULL REFERENCES tracks (id),
    frame INTEGER NOT NULL,
    state BLOB NOT NULL,
    edit_id INTEGER NOT NULL REFERENCES edits (id),
    PRIMARY KEY (track_id, frame)
) WITHOUT ROWID;
CREATE TRIGGER edits_are_never_changed BEFORE UPDATE ON edits
BEGIN SELECT RAISE(ABORT, 'the edit history only grows'); END;
CREATE TRIGGER edits_are_never_removed BEFORE DELETE ON edits
BEGIN SELECT RAISE(ABORT, 'the edit history only grows'); END;
"""

MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {}
"""Schema version to the function that makes the next one of it, inside a transaction."""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database, all or none."""
    connection.executescript(
        f"BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID}; "
        f"PRAGMA user_version = {VERSION}; COMMIT;"
    )


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a file of an older ``version`` to :data:`VERSION`, all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(version, VERSION):
            MIGRATIONS[step](connection)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
