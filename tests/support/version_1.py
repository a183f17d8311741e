"""Project files as the first version of the program wrote them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

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

APPLICATION_ID = 0x52454431


class Version1:
    """A project file of schema 1 with one video and F faces, written as that version did.

    Parameters
    ----------
    path : of the file to be made
    video, fingerprint : of its video
    """

    def __init__(
        self, path: Path, video: Path, fingerprint: str, n_frames: int, faces: int = 1, L: int = 68
    ) -> None:
        self.n_landmarks = L
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(
            f"BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID};"
            " PRAGMA user_version = 1; COMMIT;"
        )
        self.db.execute(
            "INSERT INTO videos VALUES (1, ?, ?, 'old', ?, 120, 160, 25.0, NULL, '2024')",
            (str(video), fingerprint, n_frames),
        )
        self.db.execute("INSERT INTO identities VALUES (1, 'Ann')")
        self.db.execute("INSERT INTO runs VALUES (1, 1, 'red-old', 'cpu', '2024', '2024', 'done')")
        for face in range(faces):
            self.db.execute(
                "INSERT INTO tracks VALUES (?, 1, ?, ?, ?)", (face + 1, face, L, 1 - face or None)
            )

    def predict(self, track: int, frames: range, value: float) -> None:
        """Landmarks that are ``value`` everywhere, plus the frame's number."""
        self.db.execute("BEGIN")
        for frame in frames:
            points = np.full((self.n_landmarks, 2), value + frame, "<f4")
            sure = np.full(self.n_landmarks, 0.5, "<f4")
            self.db.execute(
                "INSERT INTO predictions VALUES (?, ?, 1, ?, ?)",
                (track, frame, points.tobytes(), sure.tobytes()),
            )
        self.db.execute("COMMIT")

    def edit(self, track: int, frame: int, kind: str, after: bytes | None) -> None:
        """One edit."""
        row = self.db.execute(
            "SELECT state FROM corrections WHERE track_id = ? AND frame = ?", (track, frame)
        ).fetchone()
        cursor = self.db.execute(
            "INSERT INTO edits (at, track_id, frame, kind, before, after)"
            " VALUES ('2024', ?, ?, ?, ?, ?)",
            (track, frame, kind, row and row[0], after),
        )
        where = (track, frame)
        self.db.execute("DELETE FROM corrections WHERE track_id = ? AND frame = ?", where)
        if after is not None:
            self.db.execute(
                "INSERT INTO corrections VALUES (?, ?, ?, ?)", (*where, after, cursor.lastrowid)
            )

    def said(self, moved: dict[int, tuple[float, float]], hidden: tuple[int, ...] = ()) -> bytes:
        """A correction's bytes; this version kept no run in them."""
        landmarks = np.full((self.n_landmarks, 2), np.nan, "<f4")
        for index, xy in moved.items():
            landmarks[index] = xy
        flags = np.zeros(self.n_landmarks, np.uint8)
        flags[list(hidden)] = 1
        return landmarks.tobytes() + flags.tobytes()

    def close(self) -> None:
        self.db.close()
