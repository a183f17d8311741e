"""What several commands take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from napari_red.core.project import Project, ProjectError
from napari_red.core.video_names import video_meant
from trainer.paths import reachable

ProjectArgument = Annotated[Path, typer.Argument(help="A project file, NAME.red.")]
OnlyOption = Annotated[
    list[str] | None, typer.Option(help="Name or path of a video; several times for several.")
]


def existing(project: Path) -> Path:
    """The path of a project file that is there.

    Raises
    ------
    ProjectError, UnreachableError
        If it isn't, or nobody can say.
    """
    if not reachable(project).is_file():
        raise ProjectError(f"{project}: no such project file; check the path")
    return project


def has_videos(project: Project) -> bool:
    """Whether a project has a video."""
    return bool(project.videos())


def has_runs(project: Project) -> bool:
    """Whether a model was at work on a video of a project, or labels were imported."""
    return any(project.run_models(video.id) for video in project.videos())


@contextmanager
def made_if_missing(path: Path, worth: Callable[[Project], bool] = has_videos) -> Iterator[Project]:
    """A project, made if it isn't there.

    What was made here is removed again where it isn't ``worth`` keeping in the end, so that
    the same command with better words isn't refused. Only the project's content decides, not
    whether the command failed or was interrupted, and what others put into it stays.
    """
    was_there, empty = reachable(path).exists(), False
    try:
        with Project(path) as project:
            made_here = not was_there and not has_videos(project)
            try:
                yield project
            finally:
                empty = made_here and not worth(project)
    finally:
        if empty:
            path.unlink(missing_ok=True)


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
