"""The command ``napari-red``; most of what it does is in :mod:`napari_red.commands`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from napari_red.commands.bar import progress_bar
from napari_red.commands.doctor import doctor
from napari_red.commands.files import export, formats, import_
from napari_red.commands.project import add, annotate, info, new
from napari_red.commands.sharing import compare, erase, merge, rename
from napari_red.commands.training import finetune, models
from napari_red.core import doctor as checks
from napari_red.core.demo import DemoResult, run_demo
from napari_red.core.models import DEFAULT_MODEL
from napari_red.core.prealign import Settings
from napari_red.core.sample import sample_path
from trainer.align_command import align
from trainer.console import DeviceOption, ToldGroup, told
from trainer.data.video import open_video

app = typer.Typer(
    cls=ToldGroup,
    name="napari-red",
    help="68 facial landmarks in every frame of a video: found, corrected, exported.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
console = Console()

ModelOption = Annotated[str, typer.Option(help="Name of a model that ships, or a model file.")]


@app.command()
def demo(
    video: Annotated[
        Path | None, typer.Argument(help="A video of your own instead of the sample.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where everything goes.")] = Path(
        "demo-output"
    ),
    model: ModelOption = DEFAULT_MODEL,
    device: DeviceOption = "auto",
    window: Annotated[
        bool, typer.Option(help="Open the result in napari where there is a screen.")
    ] = True,
) -> None:
    """A talking face, 68 landmarks in every frame, as a project, .pts files and a picture."""
    with told():
        from trainer.alignment import SequentialAligner
        from trainer.checkpoint import load_model

        path = video or sample_path()
        console.print(f"Aligning {path} with {model} …")
        aligner = SequentialAligner(load_model(model), device=device)
        with open_video(path) as opened, progress_bar("Landmarks") as report:
            result = run_demo(opened, aligner, out, Settings(model, device), report)
        _say_demo(result)
        if window and checks.has_screen() and checks.has_qt():
            console.print("Opening it in napari …")
            _open_window(path, result.project)
        elif window:
            console.print("No screen or no Qt here, so no window; 'napari-red doctor' says why.")


app.command()(align)
app.command()(new)
app.command()(add)
app.command()(annotate)
app.command()(info)
app.command()(compare)
app.command()(merge)
app.command()(rename)
app.command()(erase)
app.command()(export)
app.command("import")(import_)
app.command()(formats)
app.command()(finetune)
app.command()(models)
app.command()(doctor)


def _say_demo(result: DemoResult) -> None:
    aligned, exported = result.aligned, result.exported
    rate = aligned.frames / aligned.seconds if aligned.seconds else 0
    console.print(
        f"{aligned.frames} frames in {aligned.seconds:.1f} s ({rate:.0f} a second), "
        f"{aligned.without_face} without a face"
    )
    for what, where in (
        ("annotation", exported.written[0] / "annot"),
        ("picture", result.picture),
        ("project", result.project),
    ):
        console.print(f"  {what:<11}{where}", soft_wrap=True, highlight=False)


def _open_window(video: Path, project: Path) -> None:
    from napari_red._qt.launch import open_window

    open_window(video, project)


if __name__ == "__main__":
    sys.exit(app())
