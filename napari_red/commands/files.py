"""``napari-red export`` and ``napari-red import``: annotation files out and in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from napari_red.commands.arguments import (
    OnlyOption,
    ProjectArgument,
    existing,
    has_runs,
    made_if_missing,
    video_ids,
)
from napari_red.commands.bar import progress_bar
from napari_red.core.database import Mode
from napari_red.core.export import ExportChoice, export_project
from napari_red.core.formats.registry import FORMATS
from napari_red.core.import_labels import import_labels
from napari_red.core.project import Project
from napari_red.core.session import Session
from trainer.console import told
from trainer.data.video import open_video

console = Console()

FormatOption = Annotated[str, typer.Option("--format", "-f", help=f"One of {', '.join(FORMATS)}.")]


def export(
    project: ProjectArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the annotation.")],
    format: FormatOption = "pts",
    only_accepted: Annotated[
        bool, typer.Option("--only-accepted", help="Leave out what nobody accepted.")
    ] = False,
    points: Annotated[Literal["68", "7"], typer.Option(help="Landmarks of a face.")] = "68",
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="person_01 and so on in the place of names.")
    ] = False,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Write the frames' pictures too, if it has them.")
    ] = False,
    only: OnlyOption = None,
) -> None:
    """Write annotation files of a project; corrections win over predictions."""
    with told():
        choice = ExportChoice(
            format, only_accepted, 7 if points == "7" else 68, pseudonyms, pictures
        )
        mode: Mode = "auto" if pseudonyms else "read"  # these need the project's secret
        with Project(existing(project), mode) as opened, progress_bar("Export") as report:
            ids = video_ids(opened, only)
            summary = export_project(opened, out, report, choice=choice, video_ids=ids)
        for path in summary.written:
            console.print(str(path), soft_wrap=True, highlight=False)
        console.print(
            f"{summary.faces} faces, {summary.corrected} of them corrected by a person; "
            f"{summary.without_face} frames without a face"
        )
        for note in summary.notes:
            console.print(note, style="yellow", soft_wrap=True, highlight=False, markup=False)


def import_(
    project: Annotated[Path, typer.Argument(help="A project file, made if it isn't there.")],
    labels: Annotated[Path, typer.Argument(help="The file or folder with the labels.")],
    video: Annotated[Path, typer.Option(help="The video they belong to.")],
    format: FormatOption = "pts",
    trusted: Annotated[
        bool,
        typer.Option("--trusted", help="A person made them: they count as corrections, and train."),
    ] = False,
) -> None:
    """Bring labels that were made elsewhere into a project, to correct them here."""
    with (
        told(),
        made_if_missing(project, has_runs) as opened,
        open_video(video) as film,
        Session(film, project=opened) as session,
    ):
        summary = import_labels(session, format, labels, trusted=trusted)
    for note in [*session.recounted, *summary.notes]:
        console.print(note, style="yellow", soft_wrap=True, highlight=False, markup=False)
    console.print(f"{summary.faces} faces in {summary.frames} frames imported into {project}")


def formats() -> None:
    """List the formats of annotation files, and what each keeps."""
    table = Table("format", "", "opens in", "numbering", "loses", show_edge=False)
    for key, entry in FORMATS.items():
        ways = " and ".join(
            way for way, there in (("out", entry.writer), ("in", entry.reader)) if there
        )
        table.add_row(key, ways, entry.program, entry.numbering, entry.loses)
    console.print(table)
