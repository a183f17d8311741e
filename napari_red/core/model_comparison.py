"""The models of a project compared on the frames set aside: error over all, by facial part,
by person."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_red.core import model_store
from napari_red.core.aligner_process import LOW_PRIORITY
from napari_red.core.improve import trained_frames
from napari_red.core.jobs import Progress, ProgressCallback, ShouldStop, StopWork
from napari_red.core.models import DEFAULT_MODEL, shipped_models
from napari_red.core.project import Project
from napari_red.core.push import push
from trainer.errors import RedError


class ModelComparisonError(RedError):
    """Models that can't be compared."""


@dataclass(frozen=True)
class ComparedModel:
    """A row of the comparison.

    Attributes
    ----------
    model : what it is called
    faces : how many it was measured on
    error : mean in per cent of the interocular distance
    to_move : landmarks of a face that would have to be moved, on average
    groups, people : errors by facial part and by person
    trouble : why it couldn't be measured; empty if it was
    """

    model: str
    faces: int
    error: float
    to_move: float
    groups: dict[str, float]
    people: dict[str, float]
    trouble: str = ""


class ModelComparison:
    """Measures the shipped model and those of a project, in a process of its own.

    Parameters
    ----------
    project : its frames set aside are pushed into a folder that is gone afterwards
    device : auto, cpu, cuda or mps

    Attributes
    ----------
    notes : what :meth:`run` left out, and why
    """

    def __init__(self, project: Project, device: str = "auto") -> None:
        self.project = project
        self.device = device
        self.notes: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(
        self,
        on_progress: ProgressCallback = lambda _: None,
        should_stop: ShouldStop = lambda: False,
    ) -> list[ComparedModel]:
        """Push, measure, and give a row for each model, those that ship first.

        Raises
        ------
        PushError
            If no frame is set aside, or no video of those that are can be opened.
        ModelComparisonError
            If the process failed; says what happened.
        StopWork
            After :meth:`stop`, or when ``should_stop`` answers True.
        """
        models = [(name, name) for name in shipped_models()]
        for version in model_store.versions(self.project):
            models.append((version.name, str(model_store.model_file(self.project, version))))
        with tempfile.TemporaryDirectory(prefix="napari-red-") as folder:
            pushed = Path(folder) / "set"
            summary = push(
                self.project,
                pushed,
                parent=DEFAULT_MODEL,
                trained=trained_frames(self.project),
                only_held_out=True,
                on_progress=on_progress,
                should_stop=should_stop,
            )
            self.notes = summary.notes
            on_progress(Progress(0, len(models), "measuring"))
            return self._measure(self.command(pushed, models), on_progress)

    def command(self, pushed: Path, models: list[tuple[str, str]]) -> list[str]:
        """What is run: the trainer's ``compare-models`` on a pushed set."""
        command = [sys.executable, "-m", "trainer", "compare-models", str(pushed)]
        for name, file in models:
            command += ["--model", file, "--name", name]
        return [*command, "--progress", "json", "--device", self.device]

    def stop(self) -> None:
        """End it at once; :meth:`run` then raises StopWork."""
        self._stopped = True
        process = self._process
        if process is not None:
            with suppress(OSError):
                process.kill()

    def _measure(self, command: list[str], on_progress: ProgressCallback) -> list[ComparedModel]:
        rows: list[ComparedModel] | None = None
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
                creationflags=LOW_PRIORITY,
            ) as process,
        ):
            self._process = process
            if self._stopped:
                process.kill()
            assert process.stdout is not None
            for line in process.stdout:
                event = _parsed(line)
                if event["event"] == "error":
                    raise ModelComparisonError(str(event["message"]))
                if event["event"] == "model":
                    on_progress(Progress(event["done"], event["total"], str(event["model"])))
                if event["event"] == "done":
                    rows = [_row(values) for values in event["models"]]
            code = process.wait()
            self._process = None
            if self._stopped:
                raise StopWork
            if rows is None:
                log.seek(0)
                said = log.read().strip().splitlines()
                why = said[-1] if said else f"it ended without a word, with code {code}"
                raise ModelComparisonError(
                    f"Comparing the models broke off: {why}. The project is as it was; "
                    "close other programs if memory is short, and try again"
                )
        return rows


def cells(rows: list[ComparedModel]) -> tuple[list[str], list[list[str]]]:
    """Headings and texts of a table: a row for each model, then parts and people."""
    measured = [row for row in rows if not row.trouble]
    groups = list(measured[0].groups) if measured else []
    people = list(measured[0].people) if measured else []
    texts = []
    for row in rows:
        if row.trouble:
            texts.append([row.model, *["–"] * (2 + len(groups) + len(people))])
            continue
        figures = [row.groups[group] for group in groups] + [row.people[one] for one in people]
        shown = [f"{figure:.2f}" for figure in (row.error, *figures)]
        texts.append([row.model, shown[0], f"{row.to_move:.1f}", *shown[1:]])
    return ["Model", "All", "To move", *groups, *people], texts


def words(rows: list[ComparedModel], notes: Sequence[str] = ()) -> str:
    """What the table's numbers are, which model is missing in it and why, and the notes of
    what was left out."""
    faces = next((row.faces for row in rows if not row.trouble), 0)
    on = f"the {faces} face{'s' * (faces != 1)} set aside"
    said = (
        f"Errors on {on}, in per cent of the distance of the outer eye corners; "
        '"to move" are the landmarks of a face more than 5 % off.'
    )
    missing = (f"{row.model}: {row.trouble}." for row in rows if row.trouble)
    return " ".join([said, *missing, *notes])


def _parsed(line: str) -> dict[str, Any]:
    """An event; one that is called nothing for a line cut off or of something else."""
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    return event if isinstance(event, dict) and "event" in event else {"event": ""}


def _row(values: dict[str, Any]) -> ComparedModel:
    if "trouble" in values:
        nothing = float("nan")
        return ComparedModel(values["model"], 0, nothing, nothing, {}, {}, values["trouble"])
    return ComparedModel(
        values["model"],
        int(values["faces"]),
        float(values["nme"]),
        float(values["to_move"]),
        values["groups"],
        values["people"],
    )
