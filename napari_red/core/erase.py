"""Erase a person from a project: every trace of them, the history included."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from napari_red.core import cells, history, schema
from napari_red.core.annotation import Aliases
from napari_red.core.import_labels import IMPORT
from napari_red.core.project import Project
from napari_red.core.training_folder import folder_of, forget_pushed, running
from trainer.errors import RedError

ERASED = "somebody who was erased"
"""What labels of the history say in the place of a name."""

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
    pushed : whether frames that were pushed for training, of whomever, are removed too
    """

    tracks: int = 0
    steps: int = 0
    still_named: list[str] = field(default_factory=list)
    trained: list[str] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    pushed: bool = False


def erase_person(project: Project, name: str) -> Erased:
    """Remove all tracks of a person, all that was said of them, the steps of the history
    that were about them, and their name. It can't be undone.

    The frames that were pushed for training are removed as well, with a round of it that was
    broken off: whole frames, and others' too, since anybody may be in them.

    Sessions that are open have to :meth:`napari_red.core.session.Session.reload`.

    Raises
    ------
    EraseError
        If nobody is called so.
    TrainingFolderError
        If the model is being improved now, or pushed frames can't be removed; nothing of the
        project is erased then.
    ProjectError
        If the file can't be written; nothing is erased then.
    """
    known = {one.name: one.id for one in project.identities()}
    if name not in known:
        raise EraseError(f"{name}: nobody in {project.path} is called so; choose one of the list")
    with running(folder_of(project)):  # else a model would learn from them meanwhile
        pushed = forget_pushed(project)
        erased = project.database.wipe(lambda db: _erase(db, known[name], name))
    erased.pushed = pushed
    project.refresh()
    erased.copies = sorted(project.path.parent.glob(f"{project.path.name}.v*"))
    return erased


def _erase(db: sqlite3.Connection, identity: int, name: str) -> Erased:
    for guard in schema.GUARD_NAMES:
        db.execute(f"DROP TRIGGER {guard}")
    names = _names(db, identity, name)
    tracks, mixed = _mixed_with(db, _tracks(db, identity))
    steps = _forget_history(db, tracks, mixed, names)
    _forget_names(db, identity, names)
    for track in tracks:
        for table in _TABLES:
            db.execute(f"DELETE FROM {table} WHERE track_id = ?", (track,))
        db.execute("DELETE FROM tracks WHERE id = ?", (track,))
    db.execute("DELETE FROM identities WHERE id = ?", (identity,))
    for guard in schema.GUARDS.split("END;"):
        if guard.strip():
            db.execute(guard + "END")
    videos = db.execute("SELECT path, name FROM videos ORDER BY id").fetchall()
    named = [path for path, called in videos if any(n in path or n in called for n in names)]
    models = [row[0] for row in db.execute("SELECT name FROM models ORDER BY id")]
    return Erased(len(tracks), steps, named, models)


def _names(db: sqlite3.Connection, identity: int, name: str) -> set[str]:
    """What the person was ever called."""
    rows = db.execute(
        "SELECT before, after FROM changes WHERE kind = 'identity' AND a = ?", (identity,)
    )
    return {name} | {value.decode() for row in rows for value in row if value is not None}


def _tracks(db: sqlite3.Connection, identity: int) -> set[int]:
    """The person's tracks: those that are there, and deleted ones that were theirs last."""
    owner: dict[int, int | None] = {}
    for track, before, after in db.execute(
        "SELECT a, before, after FROM changes WHERE kind = 'track' ORDER BY id"
    ):
        for value in (before, after):
            if value is not None:
                owner[track] = json.loads(value)[3]
    owner |= dict(db.execute("SELECT id, identity_id FROM tracks"))
    return {track for track, whose in owner.items() if whose == identity}


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


def _forget_names(db: sqlite3.Connection, identity: int, names: set[str]) -> None:
    """In steps that stay, because they are about others too, and in what was remembered."""
    for change, *values in db.execute(
        "SELECT id, before, after FROM changes WHERE kind = 'track'"
    ).fetchall():
        cleared = [_without_owner(value, identity) for value in values]
        if cleared != values:
            db.execute("UPDATE changes SET before = ?, after = ? WHERE id = ?", (*cleared, change))
    # Older versions called what was imported by its folder, and that may be the person's.
    db.execute("UPDATE steps SET label = ? WHERE label GLOB 'import *'", (IMPORT,))
    aliases = Aliases(dict.fromkeys(names, ERASED))
    for run, model in db.execute("SELECT id, model FROM runs").fetchall():
        db.execute("UPDATE runs SET model = ? WHERE id = ?", (aliases.model(model), run))
    for table, key, column in (
        ("steps", "id", "label"),
        ("settings", "name", "value"),
        ("models", "id", "details"),
        ("videos", "id", "message"),
    ):
        for row, text in db.execute(f"SELECT {key}, {column} FROM {table}").fetchall():
            for told in (text, *_as_json(text)):
                cleared_text = aliases.text(told)
                if cleared_text != told:
                    db.execute(
                        f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (cleared_text, row)
                    )
                    break


def _as_json(text: str) -> list[str]:
    """The same JSON without escapes, in which a name looks as it is spelt."""
    try:
        return [json.dumps(json.loads(text), ensure_ascii=False)]
    except ValueError:
        return []


def _without_owner(value: bytes | None, identity: int) -> bytes | None:
    if value is None:
        return None
    video, face, n_landmarks, owner = json.loads(value)
    return value if owner != identity else cells.track_value(video, face, n_landmarks, None)
