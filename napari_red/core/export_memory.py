"""What was exported last from a project, and where to: remembered in the project."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_red.core.export import ExportChoice
from napari_red.core.formats.registry import FORMATS
from napari_red.core.project import Project
from napari_red.core.settings_table import remember, setting

_NAME = "last_export"


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
    text = setting(project, _NAME)
    try:
        found: dict[str, Any] = json.loads(text or "null")
        form = FORMATS[found["format"]]
        folder = home(project) / found["folder"]
        points = found["n_points"]
    except (ValueError, TypeError, KeyError):
        return None
    if form.writer is None or points not in (68, 7):
        return None
    choice = ExportChoice(
        form.key,
        only_accepted=bool(found.get("only_accepted")),
        n_points=points,
        pseudonyms=bool(found.get("pseudonyms")),
        pictures=bool(found.get("pictures")),
    )
    return LastExport(folder, choice, bool(found.get("whole_project")))


def remember_export(project: Project, last: LastExport) -> None:
    """Remember an export; a project that can't be written stays as it is.

    A folder beside the project or below that is remembered from there, so that both can be
    moved together.
    """
    if project.read_only:
        return
    folder, beside = last.folder.absolute(), home(project)
    if folder.is_relative_to(beside):
        folder = folder.relative_to(beside)
    value = {
        "format": last.choice.format,
        "folder": folder.as_posix(),
        "only_accepted": last.choice.only_accepted,
        "n_points": last.choice.n_points,
        "pseudonyms": last.choice.pseudonyms,
        "pictures": last.choice.pictures,
        "whole_project": last.whole_project,
    }
    remember(project, _NAME, json.dumps(value))


def home(project: Project) -> Path:
    """The folder that the project's file is in."""
    return project.path.absolute().parent
