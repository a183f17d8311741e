"""Erase a person from a project: every trace of them, the history included."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from napari_red.core import cells, history, schema
from napari_red.core.export_memory import LAST_EXPORT
from napari_red.core.forget_names import ERASED, ForgetNames
from napari_red.core.person_names import composed, person_name
from napari_red.core.project import Project
from napari_red.core.training_folder import folder_of, forget_pushed, running
from trainer.errors import RedError

__all__ = ["ERASED", "EraseError", "Erased", "clear_traces", "erase_person", "people_meant"]

_OF_TRACK = "kind IN ('correction', 'prediction', 'accepted', 'track')"
_TABLES = ("predictions", "corrections", "accepted", "held_out")


class EraseError(RedError):
    """A person who can't be erased."""


@dataclass
class Erased:
    """What was erased, and what only the person at the keyboard can remove.

    Attributes
    ----------
    tracks, steps : how many faces, and how many steps of the history
    still_named : videos whose file or name holds the person's name
    trained : models of the project that were made while the person was in it; whether
        they were trained on them isn't known for sure
    copies : files beside the project that an earlier version's file was kept in
    again : nobody was called so any more; only traces that erasing had left were cleared
    pushed : whether frames that were pushed for training, of whomever, are removed too
    """

    tracks: int = 0
    steps: int = 0
    still_named: list[str] = field(default_factory=list)
    trained: list[str] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    again: bool = False
    pushed: bool = False


def people_meant(project: Project, name: str) -> set[int]:
    """Numbers of the people that :func:`erase_person` would erase, in whichever of Unicode's
    forms their name is kept; none where there is nobody any more, but traces in the file.

    Raises
    ------
    EraseError
        If nobody is called so, and nothing is left to be cleared.
    """
    people = project.identities()
    found = {one.id for one in people if person_name(one.name) == person_name(name)}
    if not found and not project.database.traces_left:
        known = ", ".join(one.name for one in people) or "nobody is named"
        raise EraseError(f"{name}: nobody in {project.path} is called so; it has: {known}")
    return found


def erase_person(project: Project, name: str) -> Erased:
    """Remove all tracks of a person, all that was said of them, the steps of the history
    that were about them, and their name. It can't be undone.

    The frames that were pushed for training are removed as well, with a round of it that was
    broken off: whole frames, and others' too, since anybody may be in them. Where nobody is
    called so, and what was erased before had left traces in the file, only those are cleared.

    Sessions that are open have to :meth:`napari_red.core.session.Session.reload`.

    Raises
    ------
    EraseError
        If nobody is called so, and nothing is left to be cleared.
    TrainingFolderError
        If the model is being improved now, or pushed frames can't be removed; nothing of the
        project is erased then.
    ProjectError
        If the file can't be written; nothing is erased then. Also if it can't be rewritten,
        see :meth:`napari_red.core.database.Database.wipe`.
    """
    people = people_meant(project, name)
    project.database.check_writable()  # before the pushed frames go
    if people:
        erased = _erased(project, people, name)
    else:
        erased = project.database.wipe(lambda db: _left_to_do(db, _names(db, people, name)))
        erased.again = True
    erased.copies = sorted(project.path.parent.glob(f"{project.path.name}.v*"))
    return erased


def _erased(project: Project, people: set[int], name: str) -> Erased:
    with running(folder_of(project)):  # else a model would learn from them meanwhile
        pushed = forget_pushed(project)
        try:
            erased = project.database.wipe(lambda db: _erase(db, people, name))
        finally:
            project.refresh()
    erased.pushed = pushed
    return erased


def clear_traces(project: Project) -> None:
    """Rewrite the file, because what was removed from it had left traces.

    Raises
    ------
    ProjectError
        If the file can't be written or rewritten.
    """
    project.database.wipe(lambda _: None)


def _erase(db: sqlite3.Connection, people: set[int], name: str) -> Erased:
    for guard in schema.GUARD_NAMES:
        db.execute(f"DROP TRIGGER {guard}")
    names = _names(db, people, name)
    tracks, mixed = _mixed_with(db, _tracks(db, people))
    steps = _forget_history(db, tracks, mixed, names)
    _forget_names(db, people, names)
    for track in tracks:
        for table in _TABLES:
            db.execute(f"DELETE FROM {table} WHERE track_id = ?", (track,))
        db.execute("DELETE FROM tracks WHERE id = ?", (track,))
    db.executemany("DELETE FROM identities WHERE id = ?", [(one,) for one in people])
    for guard in schema.GUARDS.split("END;"):
        if guard.strip():
            db.execute(guard + "END")
    erased = _left_to_do(db, names)
    erased.tracks, erased.steps = len(tracks), steps
    return erased


def _left_to_do(db: sqlite3.Connection, names: set[str]) -> Erased:
    """What only the person at the keyboard can remove of somebody who was called so."""
    videos = db.execute("SELECT path, name FROM videos ORDER BY id").fetchall()
    called = {composed(one) for one in names}
    named = [row[0] for row in videos if any(n in composed(text) for n in called for text in row)]
    models = [row[0] for row in db.execute("SELECT name FROM models ORDER BY id")]
    return Erased(still_named=named, trained=models)


def _names(db: sqlite3.Connection, people: set[int], name: str) -> set[str]:
    """What the person was ever called, as it was spelt and in both of Unicode's forms."""
    rows = db.execute("SELECT a, before, after FROM changes WHERE kind = 'identity'").fetchall()
    said = {value.decode() for a, *row in rows if a in people for value in row if value is not None}
    said |= {now for one, now in db.execute("SELECT id, name FROM identities") if one in people}
    known = {person_name(one) for one in said | {name}} - {""}
    return said | known | {unicodedata.normalize("NFD", one) for one in known}


def _tracks(db: sqlite3.Connection, people: set[int]) -> set[int]:
    """The person's tracks: those that are there, and deleted ones that were theirs last."""
    owner: dict[int, int | None] = {}
    for track, before, after in db.execute(
        "SELECT a, before, after FROM changes WHERE kind = 'track' ORDER BY id"
    ):
        for value in (before, after):
            if value is not None:
                owner[track] = json.loads(value)[3]
    owner |= dict(db.execute("SELECT id, identity_id FROM tracks"))
    return {track for track, whose in owner.items() if whose in people}


def _mixed_with(db: sqlite3.Connection, tracks: set[int]) -> tuple[set[int], dict[int, int]]:
    """Tracks that the person's were swapped with, split off or merged from.

    Returns
    -------
    tracks : with those that are gone, because they were merged into the person's
    mixed : the others, and the last step up to which their history may show the person
    """
    there = {row[0] for row in db.execute("SELECT id FROM tracks")}
    tracks, mixed = set(tracks), {}
    steps = db.execute(
        "SELECT step_id FROM changes WHERE kind IN ('prediction', 'correction')"
        " GROUP BY step_id HAVING COUNT(DISTINCT a) > 1 ORDER BY step_id DESC"
    ).fetchall()
    for (step,) in steps * 2:  # twice: what was merged may have been mixed before
        for one in _exchanging(db, step, tracks):
            if one not in there:
                tracks.add(one)
            elif one not in mixed:
                (again,) = db.execute("SELECT MAX(id) FROM steps WHERE of = ?", (step,)).fetchone()
                mixed[one] = max(step, again or 0)
    return tracks, {one: last for one, last in mixed.items() if one not in tracks}


def _exchanging(db: sqlite3.Connection, step: int, tracks: set[int]) -> set[int]:
    """The tracks that got something from these in a step, or gave them something."""
    places: dict[tuple[str, int], list[tuple[int, bytes | None, bytes | None]]] = {}
    for change in history.changes_of(db, step):
        if change.kind in ("prediction", "correction"):
            value = (change.a, change.before, change.after)
            places.setdefault((change.kind, change.b), []).append(value)
    found = set()
    for (kind, _), values in places.items():
        same = _same_frames if kind == "prediction" else _same
        for mine, before, after in values:
            for other, theirs_before, theirs_after in values:
                if mine not in tracks or other in tracks:
                    continue
                if same(before, theirs_after) or same(after, theirs_before):
                    found.add(other)
    return found


def _same(one: bytes | None, other: bytes | None) -> bool:
    return one is not None and one == other


def _same_frames(one: bytes | None, other: bytes | None) -> bool:
    a, b = cells.chunk_from(one), cells.chunk_from(other)
    if a is None or b is None or a.n_landmarks != b.n_landmarks:
        return False
    both = a.present & b.present & (a.run == b.run)
    return bool((a.landmarks[both] == b.landmarks[both]).all(axis=(1, 2)).any())


def _forget_history(
    db: sqlite3.Connection, tracks: set[int], mixed: dict[int, int], names: set[str]
) -> int:
    """Take cells out of the history, and the steps that were about nothing else."""
    called = [name.encode() for name in names]
    either = ", ".join("?" * len(called))
    where: list[tuple[str, tuple]] = [(f"{_OF_TRACK} AND a = ?", (track,)) for track in tracks]
    where += [(f"{_OF_TRACK} AND a = ? AND step_id <= ?", one) for one in mixed.items()]
    where += [
        (f"kind = 'identity' AND ({column} IN ({either}))", tuple(called))
        for column in ("before", "after")
    ]
    touched: set[int] = set()
    for condition, values in where:
        rows = db.execute(f"SELECT DISTINCT step_id FROM changes WHERE {condition}", values)
        touched |= {row[0] for row in rows}
        db.execute(f"DELETE FROM changes WHERE {condition}", values)
    gone = 0
    for step in sorted(touched):
        (kind,) = db.execute("SELECT kind FROM steps WHERE id = ?", (step,)).fetchone() or ("",)
        left = db.execute("SELECT 1 FROM changes WHERE step_id = ?", (step,)).fetchone()
        if kind == "do" and left is None:  # with every time it was undone and redone
            for which in ("of", "id"):
                these = f"SELECT id FROM steps WHERE {which} = ?"
                db.execute(f"DELETE FROM changes WHERE step_id IN ({these})", (step,))
                gone += db.execute(f"DELETE FROM steps WHERE {which} = ?", (step,)).rowcount
    return gone


def _forget_names(db: sqlite3.Connection, people: set[int], names: set[str]) -> None:
    """In steps that stay, because they are about others too, and in what was remembered."""
    for change, *values in db.execute(
        "SELECT id, before, after FROM changes WHERE kind = 'track'"
    ).fetchall():
        cleared = [_without_owner(value, people) for value in values]
        if cleared != values:
            db.execute("UPDATE changes SET before = ?, after = ? WHERE id = ?", (*cleared, change))
    forget = ForgetNames(map(composed, names))
    for table, key, column, clear, where in (
        ("steps", "id", "label", forget.label, ""),
        ("runs", "id", "model", forget.model, ""),
        ("models", "id", "details", forget.details, ""),
        ("videos", "id", "message", forget.message, ""),
        ("settings", "name", "value", forget.last_export, f"WHERE name = '{LAST_EXPORT}'"),
    ):
        for row, text in db.execute(f"SELECT {key}, {column} FROM {table} {where}").fetchall():
            if (said := clear(text)) != text:
                db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (said, row))


def _without_owner(value: bytes | None, people: set[int]) -> bytes | None:
    if value is None:
        return None
    video, face, n_landmarks, owner = json.loads(value)
    return value if owner not in people else cells.track_value(video, face, n_landmarks, None)
