"""What several commands take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from napari_red.core.project import Project, ProjectError
from napari_red.core.video_names import video_meant

ProjectArgument = Annotated[Path, typer.Argument(help="A project file, NAME.red.")]
OnlyOption = Annotated[
    list[str] | None, typer.Option(help="Name or path of a video; several times for several.")
]


def existing(project: Path) -> Path:
    """The path of a project file that is there.

    Raises
    ------
    ProjectError
        If it isn't.
    """
    if not project.is_file():
        raise ProjectError(f"{project}: no such project file; check the path")
    return project


@contextmanager
def made_if_missing(path: Path) -> Iterator[Project]:
    """A project, made if it isn't there. What was made is removed again where the command fails
    or finds no video for it, so that the same command with better words isn't refused."""
    is_new, worth = not path.exists(), False
    try:
        with Project(path) as project:
            yield project
            worth = bool(project.videos())
    finally:
        if is_new and not worth and path.exists():
            path.unlink()


def video_ids(project: Project, said: Sequence[str] | None) -> list[int] | None:
    """Numbers of the videos of these names or paths; None, which means all, where there are none.

    Raises
    ------
    ProjectError
        If a video isn't in the project, or several are called so.
    """
    if not said:
        return None
    return [video_meant(project, one).id for one in said]
