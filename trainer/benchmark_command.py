"""``python -m trainer benchmark``: frames a second, split by part."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from trainer import console
from trainer.errors import RedError

if TYPE_CHECKING:
    from trainer.benchmark import BenchmarkResult


def benchmark(
    videos: Annotated[
        list[Path] | None, typer.Argument(help="Videos; the sample that ships if none.")
    ] = None,
    model: Annotated[str, typer.Option(help="A model's name or .safetensors file.")] = "red-lite",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
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
        _write(json_file, {"model": model, **around, "videos": [r.as_dict() for r in results]})


def _sample() -> Path:
    """The clip that ships with the plugin, found without importing it."""
    spec = find_spec("napari_red")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for clip in sorted(Path(folder, "sample").glob("*.mp4")):
            return clip
    raise RedError("no sample clip ships with this copy; give a video to measure on")


def _show(results: list[BenchmarkResult], title: str) -> None:
    parts = ("decode", "detect", "network", "rest")
    compared = any(result.dlib_ms is not None for result in results)
    names = ["video", "size", "frames", "faces", "start-up", "fps", *parts]
    table = Table(title=title, caption="start-up in seconds, parts in milliseconds a frame")
    for name in [*names, "dlib", "ours/dlib"] if compared else names:
        table.add_column(name, justify="left" if name == "video" else "right", no_wrap=True)
    for result in results:
        row = [
            result.video,
            result.size,
            str(result.frames),
            str(result.annotated),
            f"{result.start_up_s:.1f}",
            f"{result.fps:.1f}",
            *(f"{result.ms[part]:.1f}" for part in parts),
        ]
        if compared:
            row += [
                "-" if value is None else f"{value:.1f}"
                for value in (result.dlib_ms, result.dlib_ratio)
            ]
        table.add_row(*row)
    console.out.print(table)


def _write(path: Path, values: dict[str, object]) -> None:
    try:
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise RedError(
            f"{path}: can't be written ({error.strerror}); choose a folder you may write to"
        ) from error
