"""One click: push what was corrected, fine-tune, and keep the model if it is better."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from napari_red.core.chunks import CHUNK
from napari_red.core.finetune_process import (
    FinetuneProcess,
    FinetuneProcessError,
    FinetuneRefusedError,
)
from napari_red.core.jobs import ProgressCallback, ShouldStop, StopWork
from napari_red.core.model_store import (
    ModelVersion,
    add_model,
    current,
    current_file,
    model_file,
    use,
    versions,
)
from napari_red.core.project import Project
from napari_red.core.push import PushSummary, push
from napari_red.core.records import Correction
from napari_red.core.track_data import TrackData
from napari_red.core.training_folder import folder_of, running, take_up

Event = dict[str, Any]
_PLAN, _RUN, _SET, _ANEW = "plan.json", "run", "set", "anew"
_TRAINED = ("state.safetensors", "report.json")  # in _RUN, see docs/finetune.md


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
    corrected : faces in frames that a person corrected, those with all landmarks
    new : those of them that no model of the project learned as they were corrected, nor is
        measured on
    accepted : faces that a model found and a person accepted, one for each frame
    people : named people among them
    partial : corrected faces that lack landmarks, from which nothing is learned
    """

    corrected: int
    new: int
    accepted: int
    people: int
    partial: int = 0

    @property
    def words(self) -> str:
        """For a person."""
        partial = ""
        if self.partial:
            are = "1 face was" if self.partial == 1 else f"{self.partial} faces were"
            partial = (
                f" {are} labelled in part; annotate that video, or place all landmarks of a face, "
                "so that a model can learn from it."
            )
        if not self.corrected:
            return f"Correct some frames first; the queue shows which help most.{partial}"
        people = f", {self.people} people named" if self.people > 1 else ""
        return (
            f"{self.corrected} faces corrected, {self.new} of them new, "
            f"{self.accepted} accepted{people}.{partial}"
        )


def material(project: Project) -> Material:
    """What a project offers to learn from."""
    said_of = project.database.read("SELECT track_id, frame, state FROM corrections")
    chunks = set(project.database.read("SELECT track_id, chunk FROM predictions"))
    rows = [
        (track, frame)
        for track, frame, state in said_of
        # In a chunk a frame may still lack a prediction; to read them all would take seconds.
        if (track, frame // CHUNK) in chunks or Correction.from_bytes(state).moved.all()
    ]
    used = {(track, f) for track, frames in _taught(project).items() for f in frames}
    used |= set(project.database.read("SELECT track_id, frame FROM held_out"))
    accepted = sum(len(TrackData(project, track).accepted_faces()) for track in project.tracks())
    said = {track for track, _ in rows}
    people = {t.identity.name for t in project.tracks() if t.identity and t.id in said}
    new = len(set(rows) - used) if versions(project) else len(rows)
    return Material(len(rows), new, accepted, len(people), len(said_of) - len(rows))


class RoundLostError(FinetuneProcessError):
    """A round that can't be gone on with; nothing of it is left, so that the next begins anew."""


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
        self.folder = folder or folder_of(project)
        self.process: FinetuneProcess | None = None
        self._cancelled = self._left = False

    @property
    def pushed(self) -> Path:
        """The set that was pushed last, to be looked at."""
        return self.folder / _SET

    def interrupted(self) -> bool:
        """True where an earlier round was broken off; :meth:`resume` goes on with it."""
        return (self.folder / _PLAN).is_file()

    def drop(self) -> None:
        """Forget a round that was broken off."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def push(
        self,
        on_progress: ProgressCallback = lambda _: None,
        should_stop: ShouldStop = lambda: False,
    ) -> PushSummary:
        """Push what is corrected and accepted now, in the place of an earlier round, which
        stays until that is done.

        Raises
        ------
        PushError, PushedSetError, TrainingFolderError
            If there is nothing to push, nowhere to push it, or a round of the project runs.
        StopWork
            When ``should_stop`` answers True; nothing of the new round stays.
        """
        anew = self.folder / _ANEW
        with running(self.folder):
            shutil.rmtree(anew, ignore_errors=True)  # of a push that was killed
            try:
                summary = self._push(anew, on_progress, should_stop)
                take_up(anew)
            except BaseException:
                shutil.rmtree(anew, ignore_errors=True)
                if not self.interrupted():
                    self.drop()
                raise
        summary.folder = self.pushed
        return summary

    def resume(
        self,
        on_event: Callable[[Event], None] = lambda _: None,
        *,
        device: str = "auto",
        threads: int | None = None,
        minutes: float | None = None,
    ) -> Improvement:
        """Go on with a round that was broken off; otherwise as :meth:`train`.

        Raises
        ------
        RoundLostError
            If it can't be gone on with, or hadn't begun to train; to be pushed anew.
        """
        with running(self.folder):
            self._check_trained()
        return self.train(on_event, device=device, threads=threads, minutes=minutes)

    def train(
        self,
        on_event: Callable[[Event], None] = lambda _: None,
        *,
        device: str = "auto",
        threads: int | None = None,
        minutes: float | None = None,
    ) -> Improvement:
        """Fine-tune on what was pushed.

        The new model is kept in the project and used from now on, if it passed the gate.

        Raises
        ------
        FinetuneProcessError
            If training failed; project and models are as they were.
        RoundLostError
            If it failed so that it can't be gone on with.
        StopWork
            After :meth:`cancel`, and after :meth:`leave` where it hadn't begun.
        """
        with running(self.folder):
            plan = self._plan()
            out = self.folder / _RUN
            self.process = FinetuneProcess(
                self.pushed, self._base(plan), out, device=device, threads=threads, minutes=minutes
            )
            done = self._followed(self.process, on_event)
            report = json.loads(Path(done["report"]).read_text(encoding="utf-8"))
            version = self._keep(plan, done["model"], report) if done["accepted"] else None
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
        """The window closes: end the training so that it can be gone on with later. This
        improver starts no other."""
        self._left = True
        if self.process is not None:
            self.process.kill()

    def _push(
        self, anew: Path, on_progress: ProgressCallback, should_stop: ShouldStop
    ) -> PushSummary:
        name, base = current_file(self.project)
        summary = push(
            self.project,
            anew / _SET,
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
            "taught": summary.taught,
            "kinds": dict(summary.kinds),
            "held_out": summary.held_out,
            "people": summary.people,
            "notes": summary.notes,
        }
        (anew / _PLAN).write_text(json.dumps(plan), encoding="utf-8")
        return summary

    def _check_trained(self) -> None:
        if not self._has_trained():
            self._lose("The round that was broken off hadn't begun to train")
        gone = sorted(set(self._plan()["people"]) - _ever_called(self.project))
        if gone:
            self._lose(
                f"The round that was broken off has frames of {', '.join(gone)}, and nobody in the "
                "project is or was called so"
            )

    def _has_trained(self) -> bool:
        return any((self.folder / _RUN / name).is_file() for name in _TRAINED)

    def _followed(self, process: FinetuneProcess, on_event: Callable[[Event], None]) -> Event:
        """What the training said last: that it is done."""
        done: Event = {}
        try:
            if self._left:
                raise StopWork
            for event in process.events():
                on_event(event)
                if event["event"] == "done":
                    done = event
        except FinetuneRefusedError as refused:
            if refused.lasting or not self._has_trained():
                self._lose(" ".join([str(refused), *self._plan().get("notes", ())]))
            raise
        finally:
            self.process = None
            if self._cancelled:
                self._cancelled = False
                self.drop()
        return done

    def _keep(self, plan: dict[str, Any], model: str, report: dict[str, Any]) -> ModelVersion:
        """Take a better model into the project, and use it from now on."""
        parent = self._parent(plan)  # it may have been deleted meanwhile
        kept = ("base_name", "trained", "taught", "kinds", "people")
        details = {key: plan[key] for key in kept if key in plan}  # earlier versions lack some
        version = add_model(
            self.project,
            model,
            parent=None if parent is None else parent.id,
            details=details | report,
        )
        use(self.project, version)
        return version

    def _plan(self) -> dict[str, Any]:
        try:
            return json.loads((self.folder / _PLAN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._lose("The frames of this round are gone or damaged")

    def _parent(self, plan: dict[str, Any]) -> ModelVersion | None:
        """The model of the project that the round began from, if it is still there."""
        for version in versions(self.project):
            same = version.fingerprint.startswith(Path(plan["base"]).stem)  # a number comes again
            if version.id == plan["parent"] and same:
                return version
        return None

    def _base(self, plan: dict[str, Any]) -> str:
        """What opens the model that the round began from."""
        parent = self._parent(plan)
        if parent is not None:
            return str(model_file(self.project, parent))  # written anew if the cache was cleaned
        if plan["parent"] is not None and not Path(plan["base"]).is_file():
            self._lose(f"{plan['base_name']}, which the round began from, isn't in the project now")
        return str(plan["base"])

    def _lose(self, why: str) -> NoReturn:
        self.drop()
        raise RoundLostError(why)


def _ever_called(project: Project) -> set[str]:
    """What the people who are in a project are and were called; erasing takes that away."""
    people = {one.id: one.name for one in project.identities()}
    rows = project.database.read("SELECT a, before, after FROM changes WHERE kind = 'identity'")
    said = {name.decode() for one, *names in rows if one in people for name in names if name}
    return said | set(people.values())


def trained_frames(project: Project) -> dict[int, list[int]]:
    """Track to the frames that any model of the project was trained on."""
    return _gathered(version.details.get("trained", {}) for version in versions(project))


def _taught(project: Project) -> dict[int, list[int]]:
    """Those of :func:`trained_frames` that were corrected then. Of models of earlier versions
    that isn't known; of them it is all."""
    return _gathered(
        version.details.get("taught", version.details.get("trained", {}))
        for version in versions(project)
    )


def _gathered(of_models: Iterable[dict[str, list[int]]]) -> dict[int, list[int]]:
    frames: dict[int, set[int]] = {}
    for of_model in of_models:
        for track, numbers in of_model.items():
            frames.setdefault(int(track), set()).update(numbers)
    return {track: sorted(numbers) for track, numbers in frames.items()}
