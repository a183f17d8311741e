"""Projects that label different videos become one."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_red.core import cells
from napari_red.core.annotation import IMPORTED, IMPORTED_FROM
from napari_red.core.database import TRACES
from napari_red.core.find_videos import presumed_path
from napari_red.core.history import now
from napari_red.core.merge_models import CopiedModels, choose_used, copy_models, note_learned
from napari_red.core.person_names import person_name
from napari_red.core.project import Project
from napari_red.core.records import Correction
from napari_red.core.settings_table import MODEL, TRAINING
from napari_red.core.video_names import told_apart
from napari_red.core.video_rows import place_of
from trainer.errors import RedError
from trainer.paths import reachable


class MergeError(RedError):
    """Projects that can't be merged."""


@dataclass
class Merged:
    """What is in the new project.

    Attributes
    ----------
    videos, people : how many
    left_out : (project, name of a video) that another project has, with a person's work or
        with as much of it at least
    why : how the other project has each of those, as in "with predictions"
    model : which is used: that of the first project in which one was chosen
    other_models : (project, model) of those that use another one
    """

    videos: int = 0
    people: int = 0
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    model: str = ""
    other_models: list[tuple[Path, str]] = field(default_factory=list)


def merge(sources: Sequence[str | Path], target: str | Path) -> Merged:
    """Put projects into a new one: videos, faces, labels, models and the edit history.

    People of the same name are one person. The projects stay as they are.

    Raises
    ------
    MergeError
        If the new file is there already, or people worked on the same video in two of
        them; nothing is made then.
    ProjectError
        If one can't be read, or the new one can't be written.
    """
    target = Path(target)
    if reachable(target).exists():
        raise MergeError(f"{target}: is there already; choose another name for the new project")
    with ExitStack() as stack:
        projects = [stack.enter_context(Project(path, "read")) for path in sources]
        merged = Merged()
        wanted = _wanted(projects, merged)
        try:
            with Project(target) as made:
                merged.model, merged.other_models = made.database.write(
                    lambda db: _copy_all(db, projects, wanted, target)
                )
                merged.videos, merged.people = len(made.videos()), len(made.identities())
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    return merged


def person_said(project: Project, video_id: int) -> bool:
    """Whether anything of a person is in a video: a correction, accepted frames, or the name
    of a face that was found. One that waits for its face is only the folder's."""
    return bool(
        project.database.read(
            "SELECT 1 FROM tracks t WHERE video_id = ? AND (identity_id IS NOT NULL"
            " AND EXISTS (SELECT 1 FROM predictions WHERE track_id = t.id)"
            " OR EXISTS (SELECT 1 FROM corrections WHERE track_id = t.id)"
            " OR EXISTS (SELECT 1 FROM accepted WHERE track_id = t.id)) LIMIT 1",
            (video_id,),
        )
    )


class _Said(NamedTuple):
    """What is said of a video in a project; the greater is to be kept.

    Attributes
    ----------
    by_person : whether a person worked on it
    imported, predicted : in how many frames of how many faces there are labels that were
        made elsewhere, and labels and predictions together
    faces : how many
    """

    by_person: bool = False
    imported: int = 0
    predicted: int = 0
    faces: int = 0

    def words(self, other: _Said) -> str:
        """How a project has the video, of which another one has less or as much."""
        if self.by_person:
            return "with a person's work"
        for what, mine, theirs in (
            ("imported labels", self.imported, other.imported),
            ("predictions", self.predicted, other.predicted),
            ("faces", self.faces, other.faces),
        ):
            if mine > theirs:
                return f"with more {what}" if theirs else f"with {what}"
        return "with as much"


def _said(project: Project, video_id: int) -> _Said:
    """
    Raises
    ------
    ProjectError
        If what a model said is damaged.
    """
    models = project.run_models(video_id)
    elsewhere = [
        run for run, model in models.items() if model.startswith((IMPORTED, IMPORTED_FROM))
    ]
    tracks = project.tracks(video_id)
    imported = predicted = 0
    for track in tracks:
        for number in project.chunk_numbers(track.id):
            chunk = project.chunk(track.id, number)
            if chunk is not None:
                predicted += int(chunk.present.sum())
                imported += int(np.isin(chunk.run, elsewhere).sum())
    return _Said(person_said(project, video_id), imported, predicted, len(tracks))


def _wanted(projects: Sequence[Project], merged: Merged) -> list[list[int]]:
    """The videos to take from each project."""
    owners: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for number, project in enumerate(projects):
        videos = project.videos()
        names = told_apart(videos)
        for video in videos:
            owners[video.fingerprint].append((number, video.id, names[video.id]))
    wanted: list[list[int]] = [[] for _ in projects]
    for same in owners.values():
        if len(same) == 1:
            wanted[same[0][0]].append(same[0][1])
            continue
        said = {one: _said(projects[one[0]], one[1]) for one in same}
        worked = [one for one in same if said[one].by_person]
        if len(worked) > 1:
            (first, _, name), (second, _, other) = worked[:2]
            raise MergeError(
                f"{name}: people worked on this video in {projects[first].path} and, as {other}, "
                f"in {projects[second].path}; compare the two, and leave one of them out. "
                "Where they labelled different frames, export the one's labels and import them "
                "into the other (napari-red export, napari-red import --trusted)"
            )
        kept = max(same, key=said.__getitem__)  # the first of those that are alike
        wanted[kept[0]].append(kept[1])
        for one in same:
            if one != kept:
                merged.left_out.append((projects[one[0]].path, one[2]))
                merged.why.append(said[kept].words(said[one]))
    return wanted


def _copy_all(
    db: sqlite3.Connection, projects: Sequence[Project], wanted: list[list[int]], target: Path
) -> tuple[str, list[tuple[Path, str]]]:
    """Copy them; says which model is used, and which projects used another."""
    copies = [
        _Copy(db, project, videos, target).run()
        for project, videos in zip(projects, wanted, strict=True)
    ]
    note_learned(db, copies)
    return choose_used(db, copies)


class _Copy:
    """One project on its way into another, where its numbers are others."""

    def __init__(
        self, db: sqlite3.Connection, project: Project, videos: list[int], target: Path
    ) -> None:
        self.db, self.project, self.videos, self.target = db, project, videos, target
        self.read = project.database.read
        self.video, self.run_, self.step = (
            db.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}").fetchone()[0]
            for table in ("videos", "runs", "steps")
        )
        self.track = cells.next_id(db, "track") - 1
        self.people: dict[int, int] = {}
        self.marks = ", ".join("?" * len(videos))

    def run(self) -> CopiedModels:
        """Copy it; says what became of its models and tracks."""
        self.models = copy_models(self.db, self.project)
        self._settings()
        self._people()
        self._videos()
        for track, video, face, n_landmarks, identity in self.read(
            f"SELECT id, video_id, face, n_landmarks, identity_id FROM tracks"
            f" WHERE video_id IN ({self.marks})",
            tuple(self.videos),
        ):
            owner = None if identity is None else self._person(identity)
            self.db.execute(
                "INSERT INTO tracks VALUES (?, ?, ?, ?, ?)",
                (track + self.track, video + self.video, face, n_landmarks, owner),
            )
            self.models.tracks[track] = track + self.track
            self._track(track)
        self._history()
        return self.models

    def _settings(self) -> None:
        self.db.executemany(
            "INSERT OR IGNORE INTO settings VALUES (?, ?)",
            self.read(
                "SELECT name, value FROM settings WHERE name NOT IN (?, ?, ?)",
                (TRACES, MODEL, TRAINING),
            ),
        )

    def _people(self) -> None:
        for number, said in self.read("SELECT id, name FROM identities ORDER BY id"):
            name = person_name(said)
            row = self.db.execute("SELECT id FROM identities WHERE name = ?", (name,)).fetchone()
            if row is None:
                self.people[number] = cells.next_id(self.db, "identity")
                self.db.execute("INSERT INTO identities VALUES (?, ?)", (self.people[number], name))
            else:
                self.people[number] = row[0]

    def _person(self, number: int) -> int:
        """An identity's new number; one that is only in the history gets one of its own."""
        if number not in self.people:
            used = max(self.people.values(), default=0)
            self.people[number] = max(used + 1, cells.next_id(self.db, "identity"))
        return self.people[number]

    def _videos(self) -> None:
        columns = [row[1] for row in self.db.execute("PRAGMA table_info(videos)") if row[1] != "id"]
        for number in self.videos:
            (row,) = self.read(f"SELECT {', '.join(columns)} FROM videos WHERE id = ?", (number,))
            values = dict(zip(columns, row, strict=True))
            found = presumed_path(self.project, self.project.video(number))
            path = found or Path(values["path"])
            # Added anew, which makes this another project than the first of its sources.
            place, relative = place_of(path, self.target)
            values |= {"path": place, "relative": relative, "added": now()}
            self.db.execute(
                f"INSERT INTO videos (id, {', '.join(columns)})"
                f" VALUES (?, {', '.join('?' * len(columns))})",
                (number + self.video, *values.values()),
            )
            for run, model, *rest in self.read(
                "SELECT id, model, device, started, finished, outcome FROM runs WHERE video_id = ?",
                (number,),
            ):
                self.db.execute(
                    "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        run + self.run_,
                        number + self.video,
                        self.models.origin(model),
                        *rest,
                    ),
                )

    def _track(self, track: int) -> None:
        for kind, number, value in self._cells(track):
            cells.write(self.db, (kind, track + self.track, number), self._value(kind, value))
        for (frame,) in self.read("SELECT frame FROM held_out WHERE track_id = ?", (track,)):
            self.db.execute("INSERT INTO held_out VALUES (?, ?)", (track + self.track, frame))

    def _cells(self, track: int) -> Iterator[tuple[cells.Kind, int, bytes]]:
        for number in self.project.chunk_numbers(track):
            for features, data in self.read(
                "SELECT features, data FROM predictions WHERE track_id = ? AND chunk = ?",
                (track, number),
            ):
                yield "prediction", number, cells.pack_prediction(features, data)
        for frame, state in self.read(
            "SELECT frame, state FROM corrections WHERE track_id = ?", (track,)
        ):
            yield "correction", frame, state
        for number, bits in self.read(
            "SELECT chunk, bits FROM accepted WHERE track_id = ?", (track,)
        ):
            yield "accepted", number, bits

    def _history(self) -> None:
        for step, at, who, video, kind, label, first, last, of in self.read(
            "SELECT id, at, who, video_id, kind, label, first, last, of FROM steps ORDER BY id"
        ):
            if video is not None and video not in self.videos:
                continue
            self.db.execute(
                "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (step + self.step, at, who, video and video + self.video, kind, label)
                + (first, last, of and of + self.step),
            )
            for change in self.project.changes(step):
                a = change.a + self.track
                if change.kind == "track":
                    self.models.tracks[change.a] = a  # also one that was deleted
                if change.kind == "identity":
                    a = self._person(change.a)
                values = (self._value(change.kind, v) for v in (change.before, change.after))
                self.db.execute(
                    "INSERT INTO changes (step_id, kind, a, b, before, after)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (step + self.step, change.kind, a, change.b, *values),
                )

    def _value(self, kind: cells.Kind, value: bytes | None) -> bytes | None:
        """A cell's value with the new numbers in it."""
        if value is None or kind == "accepted":
            return value
        if kind == "identity":
            return person_name(value.decode()).encode()
        if kind == "track":
            video, face, n_landmarks, identity = json.loads(value)
            owner = None if identity is None else self._person(identity)
            return cells.track_value(video + self.video, face, n_landmarks, owner)
        if not self.run_:
            return value
        if kind == "correction":
            said = Correction.from_bytes(value)
            return replace(said, run=said.run and said.run + self.run_).to_bytes()
        features, data = cells.unpack_prediction(value)
        chunk = cells.Chunk.from_bytes(data)
        run = np.where(chunk.present, chunk.run + self.run_, 0).astype(np.int32)
        return cells.pack_prediction(features, replace(chunk, run=run).to_bytes())
