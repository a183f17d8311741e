"""The tables of a project file."""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x52454431
"""SQLite's application id of a project file: "RED1"."""

VERSION = 2
"""The schema version this program writes."""

GUARDS = """
CREATE TRIGGER steps_are_never_changed BEFORE UPDATE ON steps
BEGIN SELECT RAISE(ABORT, 'the edit history only grows'); END;
CREATE TRIGGER steps_are_never_removed BEFORE DELETE ON steps
BEGIN SELECT RAISE(ABORT, 'the edit history only grows'); END;
CREATE TRIGGER changes_are_never_changed BEFORE UPDATE ON changes
BEGIN SELECT RAISE(ABORT, 'the edit history only grows'); END;
CREATE TRIGGER changes_are_never_removed BEFORE DELETE ON changes
BEGIN SELECT RAISE(ABORT, 'the edit history only grows'); END;
"""
"""What keeps the history as it was; only erasing a person takes them off for a moment."""

GUARD_NAMES = (
    "steps_are_never_changed",
    "steps_are_never_removed",
    "changes_are_never_changed",
    "changes_are_never_removed",
)

TABLES = """
CREATE TABLE videos (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    path TEXT NOT NULL,
    relative TEXT,
    fingerprint TEXT NOT NULL,
    name TEXT NOT NULL,
    n_frames INTEGER NOT NULL,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    fps REAL NOT NULL,
    frame_names TEXT,
    times BLOB,
    start INTEGER NOT NULL DEFAULT 0,
    stop INTEGER,
    stride INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL DEFAULT 'new'
        CHECK (state IN ('new', 'waiting', 'running', 'done', 'failed')),
    message TEXT NOT NULL DEFAULT '',
    added TEXT NOT NULL,
    UNIQUE (fingerprint)
);
CREATE TABLE identities (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE tracks (
    id INTEGER PRIMARY KEY,
    video_id INTEGER NOT NULL REFERENCES videos (id) DEFERRABLE INITIALLY DEFERRED,
    face INTEGER NOT NULL CHECK (face >= 0),
    n_landmarks INTEGER NOT NULL,
    identity_id INTEGER REFERENCES identities (id) DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (video_id, face)
);
CREATE TABLE models (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    parent_id INTEGER REFERENCES models (id),
    made TEXT NOT NULL,
    details TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE model_files (
    model_id INTEGER PRIMARY KEY REFERENCES models (id),
    weights BLOB NOT NULL
);
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    video_id INTEGER NOT NULL REFERENCES videos (id),
    model TEXT NOT NULL,
    device TEXT NOT NULL,
    started TEXT NOT NULL,
    finished TEXT,
    outcome TEXT
);
CREATE TABLE predictions (
    track_id INTEGER NOT NULL REFERENCES tracks (id) DEFERRABLE INITIALLY DEFERRED,
    chunk INTEGER NOT NULL,
    features BLOB NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (track_id, chunk)
);
CREATE TABLE corrections (
    track_id INTEGER NOT NULL REFERENCES tracks (id) DEFERRABLE INITIALLY DEFERRED,
    frame INTEGER NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (track_id, frame)
) WITHOUT ROWID;
CREATE TABLE accepted (
    track_id INTEGER NOT NULL REFERENCES tracks (id) DEFERRABLE INITIALLY DEFERRED,
    chunk INTEGER NOT NULL,
    bits BLOB NOT NULL,
    PRIMARY KEY (track_id, chunk)
) WITHOUT ROWID;
CREATE TABLE held_out (
    track_id INTEGER NOT NULL,
    frame INTEGER NOT NULL,
    PRIMARY KEY (track_id, frame)
) WITHOUT ROWID;
CREATE TABLE steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    video_id INTEGER,
    kind TEXT NOT NULL CHECK (kind IN ('do', 'undo', 'redo')),
    label TEXT NOT NULL,
    first INTEGER,
    last INTEGER,
    of INTEGER REFERENCES steps (id)
);
CREATE INDEX steps_by_video ON steps (video_id);
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    step_id INTEGER NOT NULL REFERENCES steps (id),
    kind TEXT NOT NULL,
    a INTEGER NOT NULL,
    b INTEGER NOT NULL,
    before BLOB,
    after BLOB
);
CREATE INDEX changes_by_step ON changes (step_id);
CREATE INDEX changes_by_cell ON changes (kind, a, b);
"""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database, all or none."""
    connection.executescript(
        f"BEGIN; {TABLES} {GUARDS} PRAGMA application_id = {APPLICATION_ID}; "
        f"PRAGMA user_version = {VERSION}; COMMIT;"
    )
