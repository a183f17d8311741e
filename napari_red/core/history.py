"""The edit history: steps of a person, each a set of cells that got other values.

It only grows: taking a step back is another step. What can be undone in a video is what
was done in it and not undone since, so it goes on across restarts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from napari_red.core import cells
from napari_red.core.cells import Address, Change


@dataclass(frozen=True, eq=False)
class Step:
    """One entry of the history.

    Attributes
    ----------
    id : counts up
    at : UTC, ISO 8601
    who : the person's name
    video_id : the video it was done in, None for the whole project
    kind : do, undo or redo
    label : what was done, in a few words
    first, last : the frames it touched
    of : the step that was undone or redone
    changes : cells before and after; of an undo or redo, those of the step it is about
    """

    id: int
    at: str
    who: str
    video_id: int | None
    kind: str
    label: str
    first: int
    last: int
    of: int | None = None
    changes: tuple[Change, ...] = ()

    def frame_near(self, frame: int | None) -> int:
        """The frame it touched that is nearest to ``frame``; the first one for None."""
        return self.first if frame is None else min(max(frame, self.first), self.last)


@dataclass
class UndoStacks:
    """Numbers of the steps that can be undone and redone in one video, the next one last."""

    undo: list[int] = field(default_factory=list)
    redo: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, rows: list[tuple[int, str, int | None]]) -> UndoStacks:
        """From the history's (id, kind, of), oldest first."""
        stacks = cls()
        for step, kind, of in rows:
            stacks.note(step, kind, of)
        return stacks

    def note(self, step: int, kind: str, of: int | None) -> None:
        """Another step was made."""
        if kind == "do":
            self.undo.append(step)
            self.redo.clear()
        elif kind == "undo":
            self.undo.pop()
            self.redo.append(of or 0)
        else:
            self.redo.pop()
            self.undo.append(of or 0)


def do(
    db: sqlite3.Connection,
    values: Mapping[Address, bytes | None],
    *,
    who: str,
    video_id: int | None,
    label: str,
    frames: tuple[int, int],
) -> Step | None:
    """Give cells other values, as one step; None where nothing would change."""
    changes = []
    for address, after in values.items():
        before = cells.read(db, address)
        if before != after:
            changes.append(Change(*address, before, after))
    if not changes:
        return None
    at, (first, last) = now(), frames
    step = _insert(db, at, who, video_id, "do", label, first, last, None)
    _insert_changes(db, step, changes)
    for change in changes:
        cells.write(db, change.address, change.after)
    return Step(step, at, who, video_id, "do", label, first, last, None, tuple(changes))


def take_back(db: sqlite3.Connection, step_id: int, *, who: str) -> Step:
    """Undo a step. What a model has said since stays, and so does a track that holds any of
    it; of what the step said of that track only the name goes."""
    return _again(db, step_id, "undo", who)


def do_again(db: sqlite3.Connection, step_id: int, *, who: str) -> Step:
    """Redo a step that was undone."""
    return _again(db, step_id, "redo", who)


def steps(db: sqlite3.Connection, video_id: int | None = None) -> list[Step]:
    """The history, oldest first, without its changes; of one video or of all."""
    where, values = ("", ()) if video_id is None else (" WHERE video_id = ?", (video_id,))
    rows = db.execute(f"SELECT {_COLUMNS} FROM steps{where} ORDER BY id", values)
    return [Step(*row) for row in rows]


def changes_of(db: sqlite3.Connection, step_id: int) -> tuple[Change, ...]:
    """What a step changed."""
    rows = db.execute(
        "SELECT kind, a, b, before, after FROM changes WHERE step_id = ? ORDER BY id", (step_id,)
    )
    return tuple(Change(*row) for row in rows)


def now() -> str:
    """UTC to the millisecond, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


_COLUMNS = "id, at, who, video_id, kind, label, first, last, of"


def _again(db: sqlite3.Connection, step_id: int, kind: str, who: str) -> Step:
    (row,) = db.execute(f"SELECT {_COLUMNS} FROM steps WHERE id = ?", (step_id,)).fetchall()
    of = Step(*row)
    changes = changes_of(db, step_id)
    tracks = [change for change in changes if change.kind == "track"]
    for change in _put_aside(db, step_id) if tracks else ():
        cells.write(db, change.address, change.before)
    aside: list[Change] = []
    ordered = reversed(changes) if kind == "undo" else iter(changes)
    for change in ordered:
        now_is, then = (change.after, change.before)[:: 1 if kind == "undo" else -1]
        cells.restore(db, change.address, now_is, then)
    for change in tracks:
        if kind == "undo" and change.before is None:
            cells.keep_filled(db, change)
        elif kind == "redo" and change.after is None:
            aside += cells.leftovers(db, change.a)
    at = now()
    made = _insert(db, at, who, of.video_id, kind, of.label, of.first, of.last, step_id)
    _insert_changes(db, made, aside)
    return Step(made, at, who, of.video_id, kind, of.label, of.first, of.last, step_id, changes)


def _put_aside(db: sqlite3.Connection, step_id: int) -> tuple[Change, ...]:
    """What a model had said of a track since a step that was last taken back or done again
    and took the track away: it went with the track, and comes back with it."""
    ((last,),) = db.execute("SELECT MAX(id) FROM steps WHERE of = ?", (step_id,)).fetchall()
    return () if last is None else changes_of(db, last)


def _insert_changes(db: sqlite3.Connection, step_id: int, changes: Iterable[Change]) -> None:
    db.executemany(
        "INSERT INTO changes (step_id, kind, a, b, before, after) VALUES (?, ?, ?, ?, ?, ?)",
        [(step_id, c.kind, c.a, c.b, c.before, c.after) for c in changes],
    )


def _insert(db: sqlite3.Connection, *values: object) -> int:
    cursor = db.execute(
        "INSERT INTO steps (at, who, video_id, kind, label, first, last, of)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    return int(cursor.lastrowid or 0)
