"""The models of projects that become one: what they are called, which one is used, and what
each of them learned."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_red.core.learned import video_of, without_near
from napari_red.core.model_names import RE_TRACKED_BY
from napari_red.core.model_store import current, current_name, versions
from napari_red.core.models import shipped_models
from napari_red.core.project import Project
from napari_red.core.settings_table import MODEL, setting
from trainer.held_out import APART

_LEARNED = ("trained", "taught")
"""Of a model's details: track to frames that it was trained on, and to those among them that a
person had corrected."""


@dataclass
class CopiedModels:
    """The models of one project, in the new one.

    Attributes
    ----------
    project : where they come from
    numbers : their numbers there to those in the new project
    names : what they are called there to what they are called in the new project
    tracks : numbers of the project's tracks to those in the new project, for what was copied
    """

    project: Project
    numbers: dict[int, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    tracks: dict[int, int] = field(default_factory=dict)

    def origin(self, model: str) -> str:
        """What made a prediction, as the new project calls it."""
        own = model.removesuffix(RE_TRACKED_BY)
        return self.names.get(own, own) + model.removeprefix(own)


def copy_models(db: sqlite3.Connection, project: Project) -> CopiedModels:
    """Put the models of a project into a new one; the same one of two projects comes once.

    A name that means something else in the new project gets the project's after it.
    """
    copied = CopiedModels(project)
    known = dict(db.execute("SELECT name, fingerprint FROM models").fetchall())
    origins = {model.removesuffix(RE_TRACKED_BY) for model in _of_runs(db.execute)}

    def free(name: str, fingerprint: str | None) -> str:
        while name in origins - known.keys() or known.get(name, fingerprint) != fingerprint:
            name = f"{name} ({project.path.stem})"
        return name

    for version in versions(project):
        name = copied.names[version.name] = free(version.name, version.fingerprint)
        if name in known:
            ((number,),) = db.execute("SELECT id FROM models WHERE name = ?", (name,))
        else:
            parent = copied.numbers.get(version.parent or 0)
            number = _insert(db, project, version.id, (name, parent))
            known[name] = version.fingerprint
        copied.numbers[version.id] = number
    # Of a model that is gone from this project, and isn't the other project's of its name.
    for model in _of_runs(project.database.read):
        own = model.removesuffix(RE_TRACKED_BY)
        if own not in copied.names and own in known:
            copied.names[own] = free(own, None)
    return copied


def _of_runs(read: Any) -> set[str]:
    return {model for (model,) in read("SELECT DISTINCT model FROM runs")}


def _insert(
    db: sqlite3.Connection, project: Project, number: int, called: tuple[str, int | None]
) -> int:
    ((fingerprint, made, details),) = project.database.read(
        "SELECT fingerprint, made, details FROM models WHERE id = ?", (number,)
    )
    cursor = db.execute(
        "INSERT INTO models (name, parent_id, fingerprint, made, details) VALUES (?, ?, ?, ?, ?)",
        (*called, fingerprint, made, details),
    )
    new = int(cursor.lastrowid or 0)
    for (weights,) in project.database.read(
        "SELECT weights FROM model_files WHERE model_id = ?", (number,)
    ):
        db.execute("INSERT INTO model_files VALUES (?, ?)", (new, weights))
    return new


def choose_used(
    db: sqlite3.Connection, copies: Sequence[CopiedModels]
) -> tuple[str, list[tuple[Path, str]]]:
    """The new project uses the model of the first one in which a model was chosen.

    Returns
    -------
    used : what it is called
    others : (project, model) of those that use another one
    """
    names, values = [], []
    for copied in copies:
        version, name = current(copied.project), current_name(copied.project)
        names.append(name if version is None else copied.names[version.name])
        values.append(name if version is None else str(copied.numbers[version.id]))
    chosen = [n for n, copied in enumerate(copies) if _was_chosen(copied.project)]
    first = chosen[0] if chosen else 0
    if chosen:
        db.execute("INSERT INTO settings VALUES (?, ?)", (MODEL, values[first]))
    others = [
        (copied.project.path, name)
        for copied, name in zip(copies, names, strict=True)
        if name != names[first]
    ]
    return names[first], others


def _was_chosen(project: Project) -> bool:
    return current(project) is not None or setting(project, MODEL) in shipped_models()


def note_learned(db: sqlite3.Connection, copies: Iterable[CopiedModels]) -> None:
    """Say of each model what it learned in the numbers of the new project, and set nothing
    aside of that. Of a video that was taken from another project, it counts for every face:
    which is which there isn't known."""
    told: dict[tuple[int, str], dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    learned: dict[int, set[int]] = defaultdict(set)
    details: dict[int, dict[str, Any]] = {}
    for copied in copies:
        elsewhere = _Elsewhere(db, copied)
        for version in versions(copied.project):
            number = copied.numbers[version.id]
            details.setdefault(number, version.details)
            for key in _LEARNED:
                frames = {int(one): set(many) for one, many in version.details.get(key, {}).items()}
                _add(told[number, key], elsewhere.renumbered(frames))
                _add(learned, elsewhere.renumbered(without_near(copied.project, frames)))
    for number, before in details.items():
        now = before | {
            key: {str(track): sorted(frames) for track, frames in told[number, key].items()}
            for key in _LEARNED
            if key in before or told[number, key]
        }
        db.execute("UPDATE models SET details = ? WHERE id = ?", (json.dumps(now), number))
    for track, near in learned.items():
        db.executemany(
            "DELETE FROM held_out WHERE track_id = ? AND frame BETWEEN ? AND ?",
            [(track, frame - APART, frame + APART) for frame in near],
        )


def _add(to: dict[int, set[int]], more: Iterable[tuple[int, set[int]]]) -> None:
    for track, frames in more:
        to[track] |= frames


class _Elsewhere:
    """Tracks of a project in the numbers of the new one.

    One that was not copied, also one that was deleted, is every track of the same video there.
    """

    def __init__(self, db: sqlite3.Connection, copied: CopiedModels) -> None:
        self._db, self._copied = db, copied
        self._prints = {video.id: video.fingerprint for video in copied.project.videos()}
        self._videos = {track.id: track.video_id for track in copied.project.tracks()}

    def renumbered(self, frames: Mapping[int, set[int]]) -> Iterator[tuple[int, set[int]]]:
        for track, those in frames.items():
            for new in self._tracks(track):
                yield new, those

    def _tracks(self, track: int) -> list[int]:
        if track in self._copied.tracks:
            return [self._copied.tracks[track]]
        video = self._videos.get(track) or video_of(self._copied.project, track)
        rows = self._db.execute(
            "SELECT tracks.id FROM tracks JOIN videos ON videos.id = video_id"
            " WHERE fingerprint = ?",
            (self._prints.get(video or 0),),
        )
        return [number for (number,) in rows]
