"""One click: push what was corrected, fine-tune, and keep the model if it is better."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from napari_red.core.finetune_process import FinetuneProcess
from napari_red.core.jobs import ProgressCallback, ShouldStop
from napari_red.core.model_store import (
    ModelVersion,
    add_model,
    current,
    current_file,
    use,
    versions,
)
from napari_red.core.project import Project
from napari_red.core.push import PushSummary, push
from napari_red.core.settings_table import remember, setting

Event = dict[str, Any]
_PLAN = "plan.json"


@dataclass(frozen=True)
class Improvement:
    """How a round ended.

    Attributes
    ----------
    accepted : whether a better model came out
    message : why, with the numbers before and after
    version : the new model, which is used from now on; None where the old one stays
    report : the trainer's
    notes : what was left out of the pushed set, and why
    """

    accepted: bool
    message: str
    version: ModelVersion | None
    report: dict[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Material:
    """What a project offers to learn from.

    Attributes
    ----------
    corrected : faces in frames that a person corrected
    new : those of them that no model of the project was trained on, nor is measured on
    accepted : faces in frames that a person accepted
    people : named people among them
    """

    corrected: int
    new: int
    accepted: int
    people: int

    @property
    def words(self) -> str:
        """For a person."""
        if not self.corrected:
            return "Correct some frames first; the queue shows which help most."
        people = f", {self.people} people named" if self.people > 1 else ""
        return (
            f"{self.corrected} faces corrected, {self.new} of them new, "
            f"{self.accepted} accepted{people}."
        )


def material(project: Project) -> Material:
    """What a project offers to learn from."""
    rows = project.database.read("SELECT track_id, frame FROM corrections")
    used = {(track, f) for track, frames in trained_frames(project).items() for f in frames}
    used |= set(project.database.read("SELECT track_id, frame FROM held_out"))
    accepted = sum(
        int(block.sum())
        for track in project.tracks()
        for block in project.accepted(track.id).values()
    )
    said = {track for track, _ in rows}
    people = {t.identity.name for t in project.tracks() if t.identity and t.id in said}
    new = len(set(rows) - used) if versions(project) else len(rows)
    return Material(len(rows), new, accepted, len(people))


class Improver:
    """Rounds of fine-tuning for one project, each in a folder of its own.

    Parameters
    ----------
    project : the open project
    folder : where pushed sets and runs go; by default among the person's own data

    Attributes
    ----------
    process : the training that runs, for :meth:`stop_early` and :meth:`cancel`
    """

    def __init__(self, project: Project, folder: Path | None = None) -> None:
        self.project = project
        self.folder = folder or _folder_of(project)
        self.process: FinetuneProcess | None = None
        self._cancelled = False

    @property
    def pushed(self) -> Path:
        """The set that was pushed last, to be looked at."""
        return self.folder / "set"

    def interrupted(self) -> bool:
        """True where an earlier round was broken off and can be gone on with."""
        return (self.folder / _PLAN).is_file()

    def drop(self) -> None:
        """Forget a round that was broken off."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def push(
        self,
        on_progress: ProgressCallback = lambda _: None,
        should_stop: ShouldStop = lambda: False,
    ) -> PushSummary:
        """Push what is corrected and accepted now, in the place of an earlier set."""
        self.drop()
        name, base = current_file(self.project)
        summary = push(
            self.project,
            self.pushed,
            parent=name,
            trained=trained_frames(self.project),
            on_progress=on_progress,
            should_stop=should_stop,
        )
        used = current(self.project)
        plan = {
            "base": base,
            "base_name": name,
            "parent": used.id if used else None,
            "trained": summary.trained,
            "kinds": dict(summary.kinds),
            "held_out": summary.held_out,
            "people": summary.people,
            "notes": summary.notes,
        }
        (self.folder / _PLAN).write_text(json.dumps(plan), encoding="utf-8")
        return summary

    def train(
        self,
        on_event: Callable[[Event], None] = lambda _: None,
        *,
        device: str = "auto",
        threads: int | None = None,
        minutes: float | None = None,
    ) -> Improvement:
        """Fine-tune on what was pushed, or go on where that was broken off.

        The new model is kept in the project and used from now on, if it passed the gate.

        Raises
        ------
        FinetuneProcessError
            If training failed; project and models are as they were.
        StopWork
            After :meth:`cancel`.
        """
        plan = json.loads((self.folder / _PLAN).read_text(encoding="utf-8"))
        out = self.folder / "run"
        self.process = FinetuneProcess(
            self.pushed, plan["base"], out, device=device, threads=threads, minutes=minutes
        )
        done: Event = {}
        try:
            for event in self.process.events():
                on_event(event)
                if event["event"] == "done":
                    done = event
        finally:
            self.process = None
            if self._cancelled:
                self._cancelled = False
                self.drop()
        report = json.loads(Path(done["report"]).read_text(encoding="utf-8"))
        version = None
        if done["accepted"]:
            details = {key: plan[key] for key in ("base_name", "trained", "kinds", "people")}
            version = add_model(
                self.project, done["model"], parent=plan["parent"], details=details | report
            )
            use(self.project, version)
        (self.folder / _PLAN).unlink()
        shutil.rmtree(out, ignore_errors=True)
        notes = tuple(plan.get("notes", ()))  # rounds begun by earlier versions have none
        return Improvement(bool(done["accepted"]), str(done["message"]), version, report, notes)

    def stop_early(self) -> None:
        """Keep the best so far; it goes through the gate."""
        if self.process is not None:
            self.process.stop_early()

    def cancel(self) -> None:
        """Stop at once; nothing of the round stays."""
        if self.process is not None:
            self._cancelled = True
            self.process.cancel()

    def leave(self) -> None:
        """The window closes: end the training so that it can be gone on with later."""
        if self.process is not None:
            self.process.kill()


def trained_frames(project: Project) -> dict[int, list[int]]:
    """Track to the frames that any model of the project was trained on."""
    frames: dict[int, set[int]] = {}
    for version in versions(project):
        for track, numbers in version.details.get("trained", {}).items():
            frames.setdefault(int(track), set()).update(numbers)
    return {track: sorted(numbers) for track, numbers in frames.items()}


def _folder_of(project: Project) -> Path:
    number = setting(project, "id")
    if number is None:
        number = uuid.uuid4().hex
        remember(project, "id", number)
    # A copy of the project has the same number, and trains beside it.
    place = hashlib.sha256(str(project.path.absolute()).encode()).hexdigest()[:8]
    return platformdirs.user_data_path("napari-red") / "training" / f"{number}-{place}"
