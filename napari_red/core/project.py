"""The project file: one SQLite database that holds what models and people said.

Every edit is committed, and on the disk, when the call that makes it returns.
Predictions and corrections are in tables of their own, and the edit history only grows.
Every method may be called from any thread.
"""

from __future__ import annotations

import getpass
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from napari_red.core import cells, history, prediction_rows, video_rows
from napari_red.core.cells import Address, Change
from napari_red.core.chunks import CHUNK, Chunk, DamagedChunk, chunk_of
from napari_red.core.database import SUFFIX, Database, Mode, ProjectError
from napari_red.core.history import Step, UndoStacks
from napari_red.core.marks import marks_from
from napari_red.core.records import Correction, Identity, Prediction, TrackRecord, VideoRecord

__all__ = ["SUFFIX", "Project", "ProjectError"]


class Project:
    """A project file, opened for reading and writing.

    Parameters
    ----------
    path : path of the ``*.red`` file; made if it isn't there
    mode : "write", "read", or "auto": see :class:`napari_red.core.database.Database`
    who : the person who edits; by default the name they are logged in with

    Raises
    ------
    ProjectError
        If it isn't a project file, comes from a newer version, is damaged, or can't
        be opened that way.
    """

    def __init__(self, path: str | Path, mode: Mode = "write", who: str | None = None) -> None:
        self.path = Path(path)
        self.who = who or _login()
        self.database = Database(self.path, mode)
        self._stacks: dict[int, UndoStacks] = {}

    @property
    def read_only(self) -> str:
        """Why nothing can be written; empty where it can."""
        return self.database.read_only

    @property
    def locked(self) -> str:
        """Why nothing can be written, and what to do about it; empty where it can."""
        return self.database.locked

    def close(self) -> None:
        """Close the file; calling it twice does no harm."""
        self.database.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- videos --------------------------------------------------------------------

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
        times: np.ndarray | None = None,
    ) -> VideoRecord:
        """The record of a video, made if new. A video with the same fingerprint that
        was elsewhere is the same video, moved: its path is brought up to date, its name
        stays. ``name`` is what a new one's results are called, by default the file's;
        ``times`` (T,) when each frame is shown, in seconds since the first."""
        path = Path(path).absolute()
        place = video_rows.place_of(path, self.path)
        known = self.database.read(
            "SELECT id, path, relative FROM videos WHERE fingerprint = ?", (fingerprint,)
        )
        if not known:
            row = (fingerprint, name or path.stem, n_frames, height, width, fps)
            self.database.write(lambda db: video_rows.insert(db, place, row, frame_names, times))
        elif known[0][1:] != place and not self.read_only:
            self.set_video(known[0][0], path=place[0], relative=place[1])
        (video,) = self._videos("WHERE fingerprint = ?", (fingerprint,))
        return video

    def videos(self) -> list[VideoRecord]:
        """All videos, in the order they were added."""
        return self._videos()

    def video(self, video_id: int) -> VideoRecord:
        """One video."""
        (found,) = self._videos("WHERE id = ?", (video_id,))
        return found

    def relative_path(self, video_id: int) -> str | None:
        """Where a video lay as seen from the project file, with forward slashes."""
        return self.database.read("SELECT relative FROM videos WHERE id = ?", (video_id,))[0][0]

    def times(self, video_id: int) -> np.ndarray | None:
        """(T,) float64 seconds since the first frame; None where nobody noted them."""
        ((blob,),) = self.database.read("SELECT times FROM videos WHERE id = ?", (video_id,))
        return None if blob is None else video_rows.times_from(blob)

    def set_video(self, video_id: int, **values: object) -> None:
        """Change path, relative, name, start, stop, stride, state or message of a video."""
        allowed = {"path", "relative", "name", "start", "stop", "stride", "state", "message"}
        if unknown := set(values) - allowed:
            raise ValueError(f"a video has no {', '.join(sorted(unknown))} to set")
        pairs = ", ".join(f"{key} = ?" for key in values)
        self.database.write(
            lambda db: db.execute(
                f"UPDATE videos SET {pairs} WHERE id = ?", (*values.values(), video_id)
            )
        )

    def _videos(self, where: str = "", values: tuple = ()) -> list[VideoRecord]:
        rows = self.database.read(
            f"SELECT {video_rows.COLUMNS} FROM videos {where} ORDER BY id", values
        )
        return [video_rows.video_from(row) for row in rows]

    # -- tracks and identities -----------------------------------------------------

    def add_track(self, video_id: int, face: int, n_landmarks: int) -> TrackRecord:
        """The track of face number ``face``, made if new. No step of the history: models
        do this.

        Raises
        ------
        ProjectError
            If that track has another number of landmarks.
        """
        found = [track for track in self.tracks(video_id) if track.face == face]
        if not found:

            def work(db: sqlite3.Connection) -> None:
                value = cells.track_value(video_id, face, n_landmarks, None)
                cells.write(db, ("track", cells.next_id(db, "track"), 0), value)

            self.database.write(work)
            found = [track for track in self.tracks(video_id) if track.face == face]
        (track,) = found
        if track.n_landmarks != n_landmarks:
            raise ProjectError(
                f"{self.path}: face {face + 1} has {track.n_landmarks} landmarks and the model "
                f"finds {n_landmarks}; choose a model with {track.n_landmarks} landmarks, or "
                "start another project file"
            )
        return track

    def tracks(self, video_id: int | None = None) -> list[TrackRecord]:
        """The tracks of a video by face number, or those of all videos."""
        where, values = ("", ()) if video_id is None else ("WHERE t.video_id = ?", (video_id,))
        rows = self.database.read(
            "SELECT t.id, t.video_id, t.face, t.n_landmarks, i.id, i.name FROM tracks t"
            f" LEFT JOIN identities i ON i.id = t.identity_id {where} ORDER BY t.video_id, t.face",
            values,
        )
        return [
            TrackRecord(track, video, face, n, None if person is None else Identity(person, name))
            for track, video, face, n, person, name in rows
        ]

    def identities(self) -> list[Identity]:
        """Everybody who has a name in this project, by name."""
        rows = self.database.read("SELECT id, name FROM identities ORDER BY name")
        return [Identity(*row) for row in rows]

    def new_id(self, kind: cells.Kind) -> int:
        """A number for a new track or identity."""
        return self.database.write(lambda db: cells.next_id(db, kind))

    # -- predictions ---------------------------------------------------------------

    def start_run(self, video_id: int, model: str, device: str) -> int:
        """Note that a model starts on a video; returns the run's id."""
        return self.database.write(
            lambda db: int(
                db.execute(
                    "INSERT INTO runs (video_id, model, device, started) VALUES (?, ?, ?, ?)",
                    (video_id, model, device, history.now()),
                ).lastrowid
                or 0
            )
        )

    def finish_run(self, run_id: int, outcome: str) -> None:
        """Note how a run ended: done, cancelled or failed."""
        self.database.write(
            lambda db: db.execute(
                "UPDATE runs SET finished = ?, outcome = ? WHERE id = ?",
                (history.now(), outcome, run_id),
            )
        )

    def run_models(self, video_id: int) -> dict[int, str]:
        """Number of each run over a video to the name of its model."""
        return dict(
            self.database.read("SELECT id, model FROM runs WHERE video_id = ?", (video_id,))
        )

    def write_predictions(self, run_id: int, rows: Iterable[tuple[int, Prediction]]) -> None:
        """Store ``(track id, prediction)`` pairs in one transaction.

        A frame that a person corrected or accepted is left as it is. A lost face removes
        what an earlier run had found in that frame.
        """
        by_chunk: dict[tuple[int, int], list[Prediction]] = defaultdict(list)
        for track_id, prediction in rows:
            by_chunk[track_id, chunk_of(prediction.frame)[0]].append(prediction)

        def work(db: sqlite3.Connection) -> None:
            for (track_id, number), batch in by_chunk.items():
                prediction_rows.write(db, run_id, track_id, number, batch)

        self.database.write(work)

    def chunk(self, track_id: int, number: int) -> Chunk | None:
        """What models said about a track in 128 frames; None where they said nothing."""
        rows = self.database.read(
            "SELECT data FROM predictions WHERE track_id = ? AND chunk = ?", (track_id, number)
        )
        try:
            return Chunk.from_bytes(rows[0][0]) if rows else None
        except DamagedChunk as error:
            first = number * CHUNK + 1
            raise ProjectError(
                f"{self.path}: what a model said of frames {first} to {first + CHUNK - 1} is "
                f"damaged ({error}); align these frames again, or restore a copy of the file"
            ) from error

    def chunk_numbers(self, track_id: int) -> list[int]:
        """The chunks of a track that hold anything, in order."""
        rows = self.database.read(
            "SELECT chunk FROM predictions WHERE track_id = ? ORDER BY chunk", (track_id,)
        )
        return [row[0] for row in rows]

    def feature_blobs(
        self, track_id: int, first: int = 0, stop: int | None = None
    ) -> list[tuple[int, bytes]]:
        """(chunk, features) of a track, see :mod:`napari_red.core.features`; of the chunks
        from number ``first`` to before ``stop``, which leaves others a turn in between."""
        return self.database.read(
            "SELECT chunk, features FROM predictions"
            " WHERE track_id = ? AND chunk >= ? AND chunk < ? ORDER BY chunk",
            (track_id, first, 2**62 if stop is None else stop),
        )

    def predictions(self, track_id: int) -> list[Prediction]:
        """All predictions of a track, by frame. Long: the whole track is in memory."""
        found = []
        for number in self.chunk_numbers(track_id):
            chunk = self.chunk(track_id, number)
            assert chunk is not None
            for index in np.flatnonzero(chunk.present):
                found.append(
                    Prediction(
                        number * CHUNK + int(index),
                        chunk.landmarks[index],
                        chunk.confidence[index],
                        float(chunk.disagreement[index]),
                    )
                )
        return found

    # -- what people said ----------------------------------------------------------

    def corrected_frames(self, track_id: int) -> list[int]:
        """The frames of a track that a person corrected, in order."""
        rows = self.database.read(
            "SELECT frame FROM corrections WHERE track_id = ? ORDER BY frame", (track_id,)
        )
        return [row[0] for row in rows]

    def correction(self, track_id: int, frame: int) -> Correction | None:
        """What a person said about a face in one frame."""
        rows = self.database.read(
            "SELECT state FROM corrections WHERE track_id = ? AND frame = ?", (track_id, frame)
        )
        return Correction.from_bytes(rows[0][0]) if rows else None

    def corrections(self, track_id: int) -> dict[int, Correction]:
        """Frame to correction, for the frames of a track that a person corrected."""
        rows = self.database.read(
            "SELECT frame, state FROM corrections WHERE track_id = ? ORDER BY frame", (track_id,)
        )
        return {frame: Correction.from_bytes(state) for frame, state in rows}

    def accepted(self, track_id: int) -> dict[int, np.ndarray]:
        """Which frames a person accepted: number of 1024 frames to (1024,) bool."""
        rows = self.database.read(
            "SELECT chunk, bits FROM accepted WHERE track_id = ?", (track_id,)
        )
        return {number: marks_from(bits) for number, bits in rows}

    # -- the history ---------------------------------------------------------------

    def edit(
        self,
        values: Mapping[Address, bytes | None],
        *,
        video_id: int | None,
        label: str,
        frames: tuple[int, int] = (0, 0),
    ) -> Step | None:
        """Give cells other values: one step that can be undone. It is on the disk.

        Parameters
        ----------
        values : cell to its new value, see :mod:`napari_red.core.cells`
        label : what is done, in a few words
        frames : the first and last frame it touches

        Returns
        -------
        The step, or None where nothing would change.
        """
        step = self.database.write(
            lambda db: history.do(
                db, values, who=self.who, video_id=video_id, label=label, frames=frames
            )
        )
        if step is not None and video_id is not None:
            self._stack(video_id, but=step).note(step.id, "do", None)
        return step

    def undo(self, video_id: int) -> Step | None:
        """Take the last step in a video back; None if there is nothing to undo."""
        return self._again(video_id, "undo")

    def redo(self, video_id: int) -> Step | None:
        """Make the last undone step again; None if there is none."""
        return self._again(video_id, "redo")

    def steps(self, video_id: int | None = None) -> list[Step]:
        """The history, oldest first, without its changes."""
        return self.database.look(lambda db: history.steps(db, video_id))

    def changes(self, step_id: int) -> tuple[Change, ...]:
        """What a step changed."""
        return self.database.look(lambda db: history.changes_of(db, step_id))

    def can_undo(self, video_id: int) -> tuple[int, int]:
        """How many steps can be undone and redone in a video."""
        stacks = self._stack(video_id)
        return len(stacks.undo), len(stacks.redo)

    def refresh(self) -> None:
        """Read anew what can be undone, after the history was changed elsewhere."""
        self._stacks.clear()

    def _again(self, video_id: int, kind: str) -> Step | None:
        self.database.check_writable()
        stacks = self._stack(video_id)
        source = stacks.undo if kind == "undo" else stacks.redo
        if not source:
            return None
        act = history.take_back if kind == "undo" else history.do_again
        step = self.database.write(lambda db: act(db, source[-1], who=self.who))
        stacks.note(step.id, kind, step.of)
        return step

    def _stack(self, video_id: int, but: Step | None = None) -> UndoStacks:
        if video_id not in self._stacks:
            before = 2**62 if but is None else but.id
            rows = self.database.read(
                "SELECT id, kind, of FROM steps WHERE video_id = ? AND id < ? ORDER BY id",
                (video_id, before),
            )
            self._stacks[video_id] = UndoStacks.of(rows)
        return self._stacks[video_id]


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "someone"
