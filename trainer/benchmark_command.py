"""``python -m trainer benchmark``: frames a second, split by part."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from trainer import console
from trainer.console import DeviceOption
from trainer.errors import RedError

if TYPE_CHECKING:
    from trainer.benchmark import BenchmarkResult


def benchmark(
    videos: Annotated[
        list[Path] | None, typer.Argument(help="Videos; the sample that ships if none.")
    ] = None,
    model: Annotated[str, typer.Option(help="A model's name or .safetensors file.")] = "red-lite",
    device: DeviceOption = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    frames: Annotated[
        int | None, typer.Option(min=2, help="At most so many of each video.")
    ] = None,
    dlib_model: Annotated[
        Path | None,
        typer.Option(help="dlib's shape_predictor_68_face_landmarks.dat, for comparison."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
) -> None:
    """Measure sequential alignment: decoding included, start-up apart."""
    from trainer.benchmark import benchmark as measure
    from trainer.benchmark import circumstances, find_dlib_model
    from trainer.checkpoint import load_model

    if dlib_model is None and find_spec("dlib") is not None:
        dlib_model = find_dlib_model()
    quiet = not console.errors.is_terminal
    with Progress(console=console.errors, transient=True, disable=quiet) as bar:
        task = bar.add_task("Loading the model", total=None)
        results = measure(
            videos or [_sample()],
            load_model(model),
            device=device,
            threads=threads,
            max_frames=frames,
            dlib_model=dlib_model,
            on_progress=lambda name, done, total: bar.update(
                task, description=name, completed=done, total=total
            ),
        )
    around = circumstances(threads)
    _show(results, f"{model}, {around['threads']} threads on {around['cores']} cores")
    if json_file is not None:
        console.write_json(
            json_file, {"model": model, **around, "videos": [r.as_dict() for r in results]}
        )


def _sample() -> Path:
    """The clip that ships with the plugin, found without importing it."""
    spec = find_spec("napari_red")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for clip in sorted(Path(folder, "sample").glob("*.mp4")):
            return clip
    raise RedError("no sample clip ships with this copy; give a video to measure on")


def _show(results: list[BenchmarkResult], title: str) -> None:
    table = Table("", title=title, caption="parts in milliseconds a frame")
    for result in results:
        table.add_column(result.video, justify="right")
    parts = ("decode", "detect", "network", "rest")
    rows = {
        "size": [result.size for result in results],
        "frames": [str(result.frames) for result in results],
        "with a face": [str(result.annotated) for result in results],
        "start-up, s": [f"{result.start_up_s:.1f}" for result in results],
        "frames a second": [f"{result.fps:.1f}" for result in results],
        **{part: [f"{result.ms[part]:.1f}" for result in results] for part in parts},
    }
    if any(result.dlib_ms is not None for result in results):
        rows["dlib"] = [_number(result.dlib_ms) for result in results]
        rows["ours / dlib"] = [_number(result.dlib_ratio) for result in results]
    for name, cells in rows.items():
        table.add_row(name, *cells)
    console.out.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
