"""``napari-red compare``, ``merge``, ``rename``, ``erase``: several annotators, and who is who."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from napari_red.commands.arguments import ProjectArgument, existing
from napari_red.core.compare import Agreement, Comparison
from napari_red.core.compare import compare as compare_projects
from napari_red.core.erase import erase_person, people_meant
from napari_red.core.merge import merge as merge_projects
from napari_red.core.project import Project
from napari_red.core.track_edits import rename_in_project
from trainer.console import told

console = Console()

NameArgument = Annotated[str, typer.Argument(help="The person's name.")]


def compare(
    a: ProjectArgument,
    b: ProjectArgument,
    landmarks: Annotated[
        bool, typer.Option("--landmarks", help="Each landmark too, not only the groups.")
    ] = False,
) -> None:
    """Say how far two people agree who labelled the same videos in two projects."""
    with told(), ExitStack() as stack:
        one, other = (stack.enter_context(Project(existing(path), "read")) for path in (a, b))
        found = compare_projects(one, other)
        _say_compared(found, (a, b), landmarks)


def merge(
    out: Annotated[Path, typer.Argument(help="The project file to make.")],
    projects: Annotated[list[Path], typer.Argument(help="Project files.")],
) -> None:
    """Put projects that label different videos into a new one; they stay as they are."""
    with told():
        merged = merge_projects([existing(path) for path in projects], out)
    for (path, name), why in zip(merged.left_out, merged.why, strict=True):
        _print(f"{path}: {name} is left out, another project has it {why}")
    for path, model in merged.other_models:
        _print(f"{path}: uses {model}; the new project uses {merged.model}")
    _print(f"{out}: {merged.videos} videos, {merged.people} people")


def rename(
    project: ProjectArgument,
    name: NameArgument,
    new: Annotated[str, typer.Argument(help="The name from now on.")],
) -> None:
    """Call a person otherwise in every video of a project."""
    with told(), Project(existing(project)) as opened:
        rename_in_project(opened, name, new)
    _print(f"{name} is called {new.strip()} from now on")


def erase(
    project: ProjectArgument,
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Erase a person from a project: faces, labels, name and history. It can't be undone."""
    with told(), Project(existing(project)) as opened:
        if people_meant(opened, name) and not yes:
            typer.confirm(f"Erase {name} from {project} for good?", abort=True)
        erased = erase_person(opened, name)
        others = ", ".join(one.name for one in opened.identities())
    if erased.again:
        _print(f"{name}: nobody is called so any more; traces left in the file are cleared now")
        if others:
            _print(f"  nobody was erased; the project has: {others}")
    else:
        _print(f"{name}: {erased.tracks} faces and {erased.steps} steps of the history erased")
    if erased.pushed:
        _print("  the frames pushed for training are gone too")
    for what, left in (
        ("videos that show or name them", erased.still_named),
        ("models that may have been trained on them", erased.trained),
        ("copies of an earlier version of the project", [str(path) for path in erased.copies]),
    ):
        if left:
            _print(f"  still there, {what}: {', '.join(left)}")


def _say_compared(found: Comparison, paths: tuple[Path, Path], landmarks: bool) -> None:
    table = Table(
        "", "points", "mean, %", "median, %", "apart, %", "visibility differs, %",
        show_edge=False,
        caption="% of the distance of the outer eye corners; apart: farther than 5 %",
    )  # fmt: skip
    rows = [*(video.total for video in found.videos), *found.groups]
    names = [*(video.name for video in found.videos), *(group.name for group in found.groups)]
    if landmarks:
        rows += found.landmarks
        names += [one.name for one in found.landmarks]
    for name, row in zip([*names, "all"], [*rows, found.total], strict=True):
        table.add_row(escape(name), *_cells(row))
    console.print(table)
    for video in found.videos:
        for path, faces in zip(paths, (video.only_a, video.only_b), strict=True):
            if faces:
                numbers = ", ".join(str(face + 1) for face in faces)
                _print(f"  {video.name}: only {path} labels face {numbers}")
    for path, missing in zip(paths, (found.missing_a, found.missing_b), strict=True):
        if missing:
            _print(f"  not in {path}: {', '.join(missing)}")


def _cells(row: Agreement) -> list[str]:
    figures = (row.mean, row.median, row.apart, row.visibility)
    return [f"{row.points:,}", *("-" if value != value else f"{value:.2f}" for value in figures)]


def _print(text: str) -> None:
    console.print(escape(text), soft_wrap=True, highlight=False)
