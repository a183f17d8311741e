"""``napari-red new``, ``add``, ``annotate`` and ``info``: projects with many videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from napari_red.commands.arguments import (
    OnlyOption,
    ProjectArgument,
    existing,
    made_if_missing,
    video_ids,
)
from napari_red.commands.bar import errors, progress_bar
from napari_red.core import model_store
from napari_red.core.add_videos import Added, add_videos
from napari_red.core.aligner_process import AlignerProcess
from napari_red.core.batch import Batch, BatchSummary, VideoState
from napari_red.core.jobs import StopWork
from napari_red.core.models import check_model
from napari_red.core.prealign import Settings
from napari_red.core.project import SUFFIX, Project, ProjectError
from napari_red.core.project_info import ProjectInfo, look_at
from napari_red.core.video_names import told_apart
from trainer.align_command import stoppable
from trainer.console import DeviceOption, told
from trainer.paths import reachable

console = Console()

VideosArgument = Annotated[
    list[Path], typer.Argument(help="Videos, and folders with videos in them.")
]
IdentityOption = Annotated[
    bool,
    typer.Option(
        "--identity-from-folder", help="Each video's first face is called as the folder above it."
    ),
]
StartOption = Annotated[int, typer.Option(min=1, help="First frame to work on, from 1.")]
StopOption = Annotated[
    int | None, typer.Option(min=1, help="Last frame to work on; the video's last if left out.")
]
StrideOption = Annotated[int, typer.Option(min=1, help="Keep every n-th frame.")]


def new(
    project: Annotated[Path, typer.Argument(help=f"The project file to make, NAME{SUFFIX}.")],
    videos: VideosArgument,
    identity_from_folder: IdentityOption = False,
    start: StartOption = 1,
    stop: StopOption = None,
    stride: StrideOption = 1,
) -> None:
    """Make a project and add videos to it."""
    with told():
        if reachable(project).exists():
            raise ProjectError(
                f"{project}: is there already; choose another name, or add videos to it with "
                f"'napari-red add {project} …'"
            )
        _add(project, videos, identity_from_folder, start, stop, stride)


def add(
    project: ProjectArgument,
    videos: VideosArgument,
    identity_from_folder: IdentityOption = False,
    start: StartOption = 1,
    stop: StopOption = None,
    stride: StrideOption = 1,
) -> None:
    """Add videos to a project; those that are in it already are noticed.

    Where a part is asked for with --start, --stop or --stride, it is what is worked on of those
    from now on. Their labels stay.
    """
    with told():
        _add(existing(project), videos, identity_from_folder, start, stop, stride)


def annotate(
    project: ProjectArgument,
    only: OnlyOption = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Videos that are done too; what a person settled stays as it is."
        ),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(help="A model that ships or a model file; the project's own if left out."),
    ] = None,
    device: DeviceOption = "auto",
    faces: Annotated[int, typer.Option(min=1, help="Faces to follow in each video.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
) -> None:
    """Put landmarks on every face in the project's videos.

    A run that was cut off goes on where it was. Ctrl+C stops after the present frame.
    """
    with told(), Project(existing(project)) as opened:
        name, file = model_store.current_file(opened) if model is None else (model, model)
        if model is not None:
            check_model(model)
        if Path(file).is_file():
            model_store.check_fits(opened, file, name)
        batch = Batch(
            opened,
            lambda _, device: AlignerProcess(file, device, threads),
            Settings(name, device, faces),
        )
        try:
            with stoppable() as should_stop, progress_bar("Loading the model") as report:
                summary = batch.run(
                    video_ids(opened, only), report, should_stop, _say_video, again=again
                )
        except StopWork:
            console.print("Stopped: the same command without --again goes on from here.")
            raise typer.Exit(130) from None
        _say_annotated(summary, project)
    if summary.failed:
        raise typer.Exit(1)


def info(project: ProjectArgument) -> None:
    """Say what a project holds; also while a window has it open."""
    with told(), Project(existing(project), "read") as opened:
        _say_info(look_at(opened))


def _add(
    project: Path,
    videos: list[Path],
    identity_from_folder: bool,
    start: int,
    stop: int | None,
    stride: int,
) -> None:
    with made_if_missing(project) as opened, progress_bar("Adding videos") as report:
        added = add_videos(
            opened,
            videos,
            identity_from_folder=identity_from_folder,
            start=start - 1,
            stop=stop,
            stride=stride,
            on_progress=report,
        )
    _say_added(added, project)
    if added.failed:
        raise typer.Exit(1)


def _say_added(added: Added, project: Path) -> None:
    for path, record in added.known:
        _print(f"{path}: is in the project already, as {record.name}")
    for part in added.parts:
        _print(part.words)
    for _, message in added.failed:
        errors.print(f"[red]error:[/] {escape(message)}", soft_wrap=True, highlight=False)
    frames = sum(len(video.wanted_frames) for video in added.new)
    _print(f"{project}: {_many(len(added.new), 'video')} added, {_many(frames, 'frame')}")


def _say_video(row: VideoState) -> None:
    if row.state == "failed":
        text = f"[red]error:[/] {escape(row.name)}: {escape(row.message)}"
        errors.print(text, soft_wrap=True, highlight=False)
    elif row.state == "done":
        _print(f"{row.name}: {row.message}")


def _say_annotated(summary: BatchSummary, project: Path) -> None:
    if not summary.done and not summary.failed:
        _print(f"{project}: every video is done; --again goes over them anew")
        return
    failed = f", {summary.failed and len(summary.failed)} failed" if summary.failed else ""
    _print(f"{project}: {_many(len(summary.done), 'video')} done{failed}")


def _say_info(found: ProjectInfo) -> None:
    table = Table(
        "video", "frames", "state", "faces", "people", "corrected", "accepted", "left", "",
        show_edge=False,
    )  # fmt: skip
    names = told_apart([standing.video for standing in found.videos])
    for standing in found.videos:
        video, been = standing.video, standing.reviewed
        table.add_row(
            escape(names[video.id]),
            str(len(video.wanted_frames)),
            video.state,
            str(standing.faces),
            escape(", ".join(standing.people)),
            *(str(count) for count in (been.corrected, been.accepted, been.left)),
            escape(video.message),
        )
    console.print(table)
    people = ", ".join(f"{name} ({_many(n, 'track')})" for name, n in found.people.items())
    models = ", ".join(found.models)
    for what, text in (
        ("project", f"{found.path}, {found.bytes / 2**20:.1f} MB"),
        ("people", people or "nobody is named"),
        ("models", f"{models}; used is {found.model}" if models else f"{found.model}"),
        ("annotated by", ", ".join(found.origins) or "nothing yet"),
        ("history", f"{_many(found.steps, 'step')} by {', '.join(found.who) or 'nobody'}"),
    ):
        _print(f"  {what:<14}{text}")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _print(text: str) -> None:
    console.print(escape(text), soft_wrap=True, highlight=False)
