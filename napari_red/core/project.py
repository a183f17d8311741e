"""The project file: one SQLite database that holds what models and people said.

Every edit is committed, and on the disk, when the call that makes it returns.
Predictions and corrections are in tables of their own, and the edit history only
grows. The connection belongs to one thread; every method may be called from any.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np

from napari_red.core import schema
from napari_red.core.records import Correction, Edit, Prediction, TrackRecord, VideoRecord
from trainer.errors import RedError

T = TypeVar("T")

SUFFIX = ".red"
_VIDEO_COLUMNS = "id, path, fingerprint, name, n_frames, height, width, fps, frame_names"


class ProjectError(RedError):
    """A project file that can't be opened, read or written."""


class Project:
    """A project file, opened for reading and writing.

    Parameters
    ----------
    path : path of the ``*.red`` file; made if it isn't there

    Raises
    ------
    ProjectError
        If it isn't a project file, comes from a newer version, is damaged, or can't
        be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="red-project")
        self._connection: sqlite3.Connection
        try:
            self._do(self._open)
        except BaseException:
            self._thread.shutdown()
            raise

    def close(self) -> None:
        """Close the file; calling it twice does no harm."""
        try:
            self._thread.submit(lambda: self._connection.close())
        except RuntimeError:  # already shut down
            return
        self._thread.shutdown()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- videos, tracks, identities ------------------------------------------------

    def add_video(
        self,
        path: str | Path,
        fingerprint: str,
        *,
        n_frames: int,
        height: int,
        width: int,
        fps: float,
        name: str | None = None,
        frame_names: list[str] | None = None,
    ) -> VideoRecord:
        """The record of a video, made if new. A video with the same fingerprint that
        was elsewhere is the same video, moved: its path is brought up to date. ``name``
        is what its results are called, by default the file's."""
        path = Path(path).absolute()
        names = None if frame_names is None else json.dumps(frame_names)

        def work(db: sqlite3.Connection) -> VideoRecord:
            db.execute(
                "INSERT INTO videos"
                " (path, fingerprint, name, n_frames, height, width, fps, frame_names, added)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (fingerprint) DO UPDATE SET path = excluded.path,"
                " name = excluded.name",
                (str(path), fingerprint, name or path.stem, n_frames, height, width, fps)
                + (names, _now()),
            )
            row = db.execute(
                f"SELECT {_VIDEO_COLUMNS} FROM videos WHERE fingerprint = ?", (fingerprint,)
            ).fetchone()
            return _video(row)

        return self._write(work)

    def videos(self) -> list[VideoRecord]:
        """All videos, in the order they were added."""
        rows = self._read(f"SELECT {_VIDEO_COLUMNS} FROM videos ORDER BY id")
        return [_video(row) for row in rows]

    def add_track(self, video_id: int, face: int, n_landmarks: int) -> TrackRecord:
        """The track of face number ``face``, made if new.

        Raises
        ------
        ProjectError
            If that track has another number of landmarks.
        """

        def work(db: sqlite3.Connection) -> TrackRecord:
            db.execute(
                "INSERT INTO tracks (video_id, face, n_landmarks) VALUES (?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (video_id, face, n_landmarks),
            )
            row = db.execute(
                "SELECT id, video_id, face, n_landmarks FROM tracks"
                " WHERE video_id = ? AND face = ?",
                (video_id, face),
            ).fetchone()
            return TrackRecord(*row)

        track = self._write(work)
        if track.n_landmarks != n_landmarks:
            raise ProjectError(
                f"{self.path}: face {face + 1} has {track.n_landmarks} landmarks and the model "
                f"finds {n_landmarks}; choose a model with {track.n_landmarks} landmarks, or "
                "start another project file"
            )
        return track

    def tracks(self, video_id: int) -> list[TrackRecord]:
        """The tracks of a video, by face number."""
        rows = self._read(
            "SELECT id, video_id, face, n_landmarks FROM tracks WHERE video_id = ? ORDER BY face",
            (video_id,),
        )
        return [TrackRecord(*row) for row in rows]

    def set_identity(self, track_id: int, name: str) -> None:
        """Say who the face of a track is; the same name is the same person everywhere."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO identities (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
            db.execute(
                "UPDATE tracks SET identity_id = (SELECT id FROM identities WHERE name = ?)"
                " WHERE id = ?",
                (name, track_id),
            )

        self._write(work)

    def identity(self, track_id: int) -> str | None:
        """Who the face of a track is, None where nobody said."""
        rows = self._read(
            "SELECT name FROM identities WHERE id = (SELECT identity_id FROM tracks WHERE id = ?)",
            (track_id,),
        )
        return rows[0][0] if rows else None

    # -- predictions ---------------------------------------------------------------

    def start_run(self, video_id: int, model: str, device: str) -> int:
        """Note that a model starts on a video; returns the run's id."""

        def work(db: sqlite3.Connection) -> int:
            cursor = db.execute(
                "INSERT INTO runs (video_id, model, device, started) VALUES (?, ?, ?, ?)",
                (video_id, model, device, _now()),
            )
            return int(cursor.lastrowid or 0)

        return self._write(work)

    def finish_run(self, run_id: int, outcome: str) -> None:
        """Note how a run ended: done, cancelled or failed."""
        self._write(
            lambda db: db.execute(
                "UPDATE runs SET finished = ?, outcome = ? WHERE id = ?", (_now(), outcome, run_id)
            )
        )

    def write_predictions(self, run_id: int, rows: Iterable[tuple[int, Prediction]]) -> None:
        """Store ``(track id, prediction)`` pairs in one transaction.

        A frame that a person corrected is left as it is. A lost face removes what an
        earlier run had found in that frame.
        """
        batch = list(rows)

        def work(db: sqlite3.Connection) -> None:
            for track_id, prediction in batch:
                corrected = db.execute(
                    "SELECT 1 FROM corrections WHERE track_id = ? AND frame = ?",
                    (track_id, prediction.frame),
                ).fetchone()
                if corrected:
                    continue
                if prediction.lost:
                    db.execute(
                        "DELETE FROM predictions WHERE track_id = ? AND frame = ?",
                        (track_id, prediction.frame),
                    )
                    continue
                db.execute(
                    "INSERT OR REPLACE INTO predictions VALUES (?, ?, ?, ?, ?)",
                    (
                        track_id,
                        prediction.frame,
                        run_id,
                        prediction.landmarks.astype("<f4").tobytes(),
                        prediction.confidence.astype("<f4").tobytes(),
                    ),
                )

        self._write(work)

    def predictions(self, track_id: int) -> list[Prediction]:
        """All predictions of a track, by frame."""
        rows = self._read(
            "SELECT frame, landmarks, confidence FROM predictions WHERE track_id = ?"
            " ORDER BY frame",
            (track_id,),
        )
        return [
            Prediction(
                frame,
                np.frombuffer(landmarks, "<f4").reshape(-1, 2).astype(np.float32),
                np.frombuffer(confidence, "<f4").astype(np.float32),
            )
            for frame, landmarks, confidence in rows
        ]

    # -- corrections ---------------------------------------------------------------

    def write_correction(
        self, track_id: int, frame: int, kind: str, after: Correction | None
    ) -> Edit:
        """Make one edit: what a person says about a face in a frame from now on.

        Parameters
        ----------
        kind : move, hide, show, undo or redo
        after : the whole correction of that face and frame, None to take it back

        Returns
        -------
        Edit, as it stands in the history; it is on the disk.
        """
        at = _now()
        blob = after.to_bytes() if after is not None and not after.says_nothing else None

        def work(db: sqlite3.Connection) -> Edit:
            row = db.execute(
                "SELECT state FROM corrections WHERE track_id = ? AND frame = ?",
                (track_id, frame),
            ).fetchone()
            before = row[0] if row else None
            cursor = db.execute(
                "INSERT INTO edits (at, track_id, frame, kind, before, after)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (at, track_id, frame, kind, before, blob),
            )
            edit_id = int(cursor.lastrowid or 0)
            if blob is None:
                db.execute(
                    "DELETE FROM corrections WHERE track_id = ? AND frame = ?", (track_id, frame)
                )
            else:
                db.execute(
                    "INSERT OR REPLACE INTO corrections VALUES (?, ?, ?, ?)",
                    (track_id, frame, blob, edit_id),
                )
            return Edit(edit_id, at, track_id, frame, kind, _state(before), _state(blob))

        return self._write(work)

    def corrections(self, track_id: int) -> dict[int, Correction]:
        """Frame to correction, for the frames of a track that a person corrected."""
        rows = self._read("SELECT frame, state FROM corrections WHERE track_id = ?", (track_id,))
        return {frame: Correction.from_bytes(state) for frame, state in rows}

    def history(self, video_id: int) -> list[Edit]:
        """Every edit ever made in a video, oldest first."""
        rows = self._read(
            "SELECT e.id, e.at, e.track_id, e.frame, e.kind, e.before, e.after FROM edits e"
            " JOIN tracks t ON t.id = e.track_id WHERE t.video_id = ? ORDER BY e.id",
            (video_id,),
        )
        return [
            Edit(i, at, track, frame, kind, _state(before), _state(after))
            for i, at, track, frame, kind, before, after in rows
        ]

    # -- the one thread ------------------------------------------------------------

    def _do(self, work: Callable[[], T]) -> T:
        try:
            return self._thread.submit(work).result()
        except sqlite3.Error as error:
            raise ProjectError(_explain(self.path, error)) from error

    def _read(self, query: str, values: tuple = ()) -> list[tuple]:
        return self._do(lambda: self._connection.execute(query, values).fetchall())

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def transaction() -> T:
            db = self._connection
            db.execute("BEGIN IMMEDIATE")
            try:
                result = work(db)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            return result

        return self._do(transaction)

    def _open(self) -> None:
        is_new = not self.path.exists() or self.path.stat().st_size == 0
        db = sqlite3.connect(self.path, timeout=10, isolation_level=None)
        try:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("PRAGMA synchronous = FULL")
            if is_new:
                schema.create(db)
            else:
                self._check_version(db)
        except BaseException:
            db.close()
            raise
        self._connection = db

    def _check_version(self, db: sqlite3.Connection) -> None:
        (application_id,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if application_id != schema.APPLICATION_ID:
            raise ProjectError(
                f"{self.path}: is a database, but no project of this program; choose a "
                f"{SUFFIX} file, or another name for the new project"
            )
        if version > schema.VERSION:
            raise ProjectError(
                f"{self.path}: written by a newer version of this program (schema {version}, "
                f"known is {schema.VERSION}); update napari-red to open it"
            )
        if version < schema.VERSION:
            shutil.copy2(self.path, self.path.with_name(f"{self.path.name}.v{version}"))
            schema.migrate(db, version)


def _video(row: tuple) -> VideoRecord:
    names = None if row[-1] is None else json.loads(row[-1])
    return VideoRecord(*(*row[:-1], names))


def _state(blob: bytes | None) -> Correction | None:
    return None if blob is None else Correction.from_bytes(blob)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _explain(path: Path, error: sqlite3.Error) -> str:
    text = str(error)
    if "unable to open" in text or "readonly" in text:
        advice = "choose a folder that exists and that you may write to"
    elif "not a database" in text or "malformed" in text:
        advice = f"it is damaged or no {SUFFIX} file; choose another, or restore a copy"
    elif "locked" in text:
        advice = "another program is writing to it; close that one and try again"
    elif "full" in text:
        advice = "free some space on that disk and try again"
    else:
        advice = "check the disk it is on"
    return f"{path}: can't be used as a project file ({text}); {advice}"
