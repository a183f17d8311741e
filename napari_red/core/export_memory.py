"""How things were exported last, and where to.

A project remembers its own last export. What was exported and how, but not where to, is also
remembered for the person, and is what a project begins with that remembers nothing yet.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from napari_red.core.export import ExportChoice
from napari_red.core.formats.registry import FORMATS
from napari_red.core.project import Project
from napari_red.core.settings_table import remember, setting

LAST_EXPORT = "last_export"
"""What the last export is remembered under: JSON with a folder among it."""


@dataclass(frozen=True)
class LastExport:
    """An export that was made.

    Attributes
    ----------
    folder : where to, absolute
    choice : what, and how
    whole_project : all videos, not only the open one
    """

    folder: Path
    choice: ExportChoice
    whole_project: bool = False


def last_export(project: Project) -> LastExport | None:
    """What was exported last; None if nothing was, or in a format that isn't there now."""
    with suppress(ValueError, TypeError, KeyError):
        found: dict[str, Any] = json.loads(setting(project, LAST_EXPORT) or "null")
        return LastExport(home(project) / found["folder"], *_habit(found))
    return None


def next_export(project: Project) -> LastExport:
    """What an export does if nobody chooses anything: as last time, in this project or another.

    The folder is that of last time, or a new one beside the project. A folder that is gone
    is made again where the one above it is there.
    """
    last = last_export(project)
    if last is None:
        return LastExport(_new_folder(project), *_usual())
    gone = not os.path.exists(last.folder) and os.path.isdir(last.folder.parent)
    if gone or os.path.isdir(last.folder):
        return last
    return LastExport(_new_folder(project), last.choice, last.whole_project)


def remember_export(project: Project, last: LastExport) -> None:
    """Remember an export for the project and for the person.

    A project that can't be written stays as it is. A folder beside the project or below that
    is remembered from there, so that both can be moved together.
    """
    habit = {**asdict(last.choice), "whole_project": last.whole_project}
    with suppress(OSError):  # it is only for convenience
        _usual_file().parent.mkdir(parents=True, exist_ok=True)
        _usual_file().write_text(json.dumps(habit), "utf-8")
    if project.read_only:
        return
    folder, beside = last.folder.absolute(), home(project)
    if folder.is_relative_to(beside):
        folder = folder.relative_to(beside)
    remember(project, LAST_EXPORT, json.dumps({**habit, "folder": folder.as_posix()}))


def home(project: Project) -> Path:
    """The folder that the project's file is in."""
    return project.path.absolute().parent


def _new_folder(project: Project) -> Path:
    """``NAME_export`` beside the project's file, with a number if there is something in it:
    an earlier export, of a project of this name that is gone, or what isn't ours at all."""
    name, number = f"{project.path.stem}_export", 1
    while True:
        folder = home(project) / (name if number == 1 else f"{name}_{number}")
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return folder
        number += 1


def _usual() -> tuple[ExportChoice, bool]:
    """What this person exported last, in whatever project."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return _habit(json.loads(_usual_file().read_text("utf-8")))
    return ExportChoice(), False


def _usual_file() -> Path:
    return platformdirs.user_config_path("napari-red") / "export.json"


def _habit(found: dict[str, Any]) -> tuple[ExportChoice, bool]:
    """What was exported, and whether of all videos.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it can't be exported so now.
    """
    form, points = FORMATS[found["format"]], found["n_points"]
    if form.writer is None or points not in (68, 7):
        raise ValueError(f"{form.key}, {points} landmarks")
    choice = ExportChoice(
        form.key,
        only_accepted=bool(found.get("only_accepted")),
        n_points=points,
        pseudonyms=bool(found.get("pseudonyms")),
        pictures=bool(found.get("pictures")),
    )
    return choice, bool(found.get("whole_project"))
