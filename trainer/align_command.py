"""The command ``align``: videos in, ``.pts`` files out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trainer import console
from trainer.console import DeviceOption, parse_box, told

if TYPE_CHECKING:
    from trainer.align_files import Event, Summary


def align(
    paths: Annotated[list[Path], typer.Argument(help="Videos, and folders with videos in them.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the annotation.")],
    model: Annotated[str, typer.Option(help="A model's name or .safetensors file.")] = "red-lite",
    device: DeviceOption = "auto",
    faces: Annotated[int, typer.Option(min=1, help="Faces to follow in each video.")] = 1,
    box: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="The face's box in the first frame, pixels."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace annotation made with other settings.")
    ] = False,
) -> None:
    """Put landmarks on every face in every frame, as NAME/annot/000001.pts … and report.json.

    A run that was cut off goes on where it was. Ctrl+C stops after the present frame.
    """
    with told():
        from trainer.align_files import align_files

        face_box = parse_box(box)
        with stoppable() as should_stop, _progress() as on_event:
            summary = align_files(
                paths,
                out,
                model=model,
                device=device,
                faces=faces,
                box=face_box,
                on_event=on_event,
                should_stop=should_stop,
                threads=threads,
                overwrite=overwrite,
            )
        _say(summary, out)
    if summary.cancelled:
        raise typer.Exit(130)
    if summary.failed:
        raise typer.Exit(1)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Ctrl+C asks to stop; a second one stops at once."""
    asked = threading.Event()

    def ask(number: int, frame: Any) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        before = signal.signal(signal.SIGINT, ask)
    except ValueError:  # not the main thread, which alone gets signals
        yield asked.is_set
        return
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress() -> Iterator[Callable[[Event], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    quiet = not console.errors.is_terminal  # notes only, no bar, in a log file
    with Progress(*columns, console=console.errors, transient=True, disable=quiet) as bar:
        task = bar.add_task("Loading the model", total=None)

        def on_event(event: Event) -> None:
            name = escape(event.name)
            if event.kind in ("started", "frame"):
                bar.update(
                    task, description=name, completed=event.frame, total=event.frames, visible=True
                )
            if event.kind == "note" or (event.text and event.kind in ("started", "skipped")):
                where = f", frame {event.frame + 1}" if event.kind == "note" else ""
                bar.console.print(f"[dim]{name}{where}: {escape(event.text)}[/]", highlight=False)
            elif event.kind == "failed":
                bar.console.print(f"[red]error:[/] {escape(event.text)}", highlight=False)

        yield on_event


def _say(summary: Summary, out: Path, to: Console | None = None) -> None:
    to = to or console.out
    for name, report in summary.reports.items():
        speed = f", {report['fps']:.0f} a second" if report.get("fps") else ""
        lost = len(report["lost"])
        state = "done before" if name in summary.skipped else f"{report['frames']} frames{speed}"
        text = f"{escape(str(out / name))}: {state}; {report['annotated']} annotated, {lost} lost"
        to.print(text, soft_wrap=True, highlight=False)
    total = sum(report["annotated"] for report in summary.reports.values())
    parts = [f"{len(summary.reports)} videos, {total} frames annotated"]
    if summary.failed:
        parts.append(f"[red]{len(summary.failed)} failed[/]")
    if summary.cancelled:
        parts.append("stopped: the same command goes on from here")
    to.print(", ".join(parts), highlight=False)
