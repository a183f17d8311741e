"""Where project files go."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from napari_red.core.file_names import shortened
from napari_red.core.project import SUFFIX, Project, ProjectError
from napari_red.core.sample import SAMPLE_FOLDER

_LONGEST = 255 - len(f"{SUFFIX}-journal")
"""Bytes of a project file's name without its suffix: SQLite and the lock add to it."""


def default_places(video_path: str | Path, fingerprint: str) -> list[Path]:
    """Where a video's project file may be, in order; the sample's never in the package."""
    own = among_own_data(video_path, fingerprint)
    if Path(video_path).absolute().is_relative_to(SAMPLE_FOLDER):
        return [own]
    return [beside(video_path), own]


def beside(video_path: str | Path) -> Path:
    """The project file that belongs to a video: the same name, ending in ``.red``."""
    path = Path(video_path).absolute()
    name = path.name if path.is_dir() else path.stem
    return path.parent / f"{shortened(name, _LONGEST)}{SUFFIX}"


def among_own_data(video_path: str | Path, fingerprint: str) -> Path:
    """Where the project of a video in a read-only folder goes."""
    short = hashlib.sha256(fingerprint.encode()).hexdigest()[:12]
    folder = platformdirs.user_data_path("napari-red") / "projects"
    name = shortened(Path(video_path).stem, _LONGEST - len(f"-{short}"))
    return folder / f"{name}-{short}{SUFFIX}"


def open_existing(places: Sequence[Path], warnings: list[str]) -> Project | None:
    """The project at the first place that has one; None where none has.

    Parameters
    ----------
    places : where it may be; the last one can be written
    warnings : gets what the person should know

    Raises
    ------
    ProjectError
        If it can't be read.
    """
    existing = next((place for place in places if place.exists()), None)
    if existing is None:
        return None
    project = Project(writable(existing, places[-1]), "auto")
    if project.read_only:
        warnings.append(read_only_warning(project))
    elif project.path != existing:
        warnings.append(
            f"{existing}: can't be written. What is changed goes into a copy of it, {project.path}"
        )
    return project


def read_only_warning(project: Project) -> str:
    """What to say of a project that was opened for reading only."""
    return (
        f"{project.path}: opened for reading only, because {project.read_only}. Nothing can "
        "be changed here."
    )


def make_new(places: Sequence[Path], warnings: list[str]) -> Project:
    """A new project at the first place where one can be made.

    Raises
    ------
    ProjectError
        If it can't be made at the last one either, or another window has made one since.
    """
    for place in places[:-1]:
        try:
            return Project(place)
        except ProjectError as error:
            if place.exists():  # keeping the landmarks elsewhere would hide them
                raise
            warnings.append(f"{error} Meanwhile the landmarks are kept in {places[-1]}")
    places[-1].parent.mkdir(parents=True, exist_ok=True)
    return Project(places[-1])


def writable(path: Path, fallback: Path) -> Path:
    """``path``, or a copy of it at ``fallback`` where it can't be written."""
    if path == fallback or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return path
    if not fallback.exists():
        fallback.parent.mkdir(parents=True, exist_ok=True)
        unfinished = fallback.with_name(f"{fallback.name}.part")
        shutil.copyfile(path, unfinished)
        unfinished.replace(fallback)
    return fallback
