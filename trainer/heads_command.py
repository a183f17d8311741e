"""The command ``heads``: videos of made-up talking heads with exact landmarks."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trainer import console

if TYPE_CHECKING:
    from trainer.heads.writing import SetOrder


def heads(
    out: Annotated[Path, typer.Option(help="Folder of the set; an unfinished one goes on.")],
    people: Annotated[int, typer.Option(min=1, help="People; every fourth is a test person.")] = 40,
    clips: Annotated[int, typer.Option(min=1, help="Clips of each.")] = 5,
    frames: Annotated[int, typer.Option(min=1, help="Frames of each clip, 25 a second.")] = 200,
    size: Annotated[int, typer.Option(min=32, help="Side of the pictures, pixels.")] = 256,
    split: Annotated[str, typer.Option(help="train, test or all.")] = "all",
    jaw: Annotated[
        str, typer.Option(help="contour: on the visible outline. vertex: on the jaw bone.")
    ] = "contour",
    style: Annotated[str, typer.Option(help="normal, drawn, infrared or masked.")] = "normal",
    seed: Annotated[int, typer.Option(help="Same seed, same set.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Draw videos of people that don't exist, with 68 exact landmarks in every frame."""
    from trainer.heads.gl import open_context
    from trainer.heads.writing import SetOrder

    order = SetOrder(out, people, clips, frames, size, split, jaw, seed, style)
    open_context()
    made, wanted = _run(order, jobs)
    console.errors.print(
        f"{out}: {made} clips made, {wanted - made} were there; {made * frames} frames"
    )


def _run(order: SetOrder, jobs: int) -> tuple[int, int]:
    from trainer.heads.writing import write_clip

    wanted = list(order.jobs())
    made = 0
    columns = (
        TextColumn("Drawing clips"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console.errors) as bar:
        task = bar.add_task("", total=len(wanted))
        if jobs == 1:
            for person, clip in wanted:
                made += write_clip(order, person, clip)
                bar.advance(task)
            return made, len(wanted)
        # Never forked: OpenGL's contexts don't survive it.
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            waiting = [pool.submit(write_clip, order, *job) for job in wanted]
            try:
                for done in as_completed(waiting):
                    made += done.result()
                    bar.advance(task)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return made, len(wanted)
