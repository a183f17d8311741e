"""``python -m trainer evaluate``: a model's errors on a folder of annotated stills."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from trainer import console
from trainer.checkpoint import LoadedModel
from trainer.console import DeviceOption
from trainer.data.faces import read_picture
from trainer.data.stills import Still, find_stills, read_names
from trainer.evaluate import Convention
from trainer.evaluate import evaluate as measure
from trainer.geometry import CropTransform, FaceBox


class BoxSource(StrEnum):
    """Where the face box comes from."""

    truth = "truth"
    detector = "detector"


def evaluate(
    folders: Annotated[list[Path], typer.Argument(help="Folders of pictures with .pts files.")],
    model: Annotated[str, typer.Option(help="A model's name or .safetensors file.")] = "red-lite",
    box: Annotated[
        BoxSource,
        typer.Option(help="Box of the truth, or of the detector (and then a second look)."),
    ] = BoxSource.truth,
    convention: Annotated[
        Convention,
        typer.Option(
            help="How the labels lie: as those that the model was trained on, or on the face "
            "(your own corrections, docs/labels.md)."
        ),
    ] = Convention.labels,
    only: Annotated[
        Path | None, typer.Option(help="List of photo or person names to keep.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    steps: Annotated[
        Path | None, typer.Option(help="Write pictures of each spatial step into this folder.")
    ] = None,
    pictures: Annotated[int, typer.Option(help="How many pictures --steps writes.")] = 24,
    device: DeviceOption = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
) -> None:
    """Measure a model: NME, failures, AUC, by spatial step and facial part."""
    import torch

    from trainer.checkpoint import load_model
    from trainer.detection import default_detector
    from trainer.devices import resolve_device

    if threads:
        torch.set_num_threads(threads)
    target = resolve_device(device)
    loaded = load_model(model, target)
    names = read_names(only) if only else None
    stills = [still for folder in folders for still in find_stills(folder, only=names)]
    detector = default_detector() if box is BoxSource.detector else None
    with console.errors.status("Aligning") as status:
        result = measure(
            loaded,
            stills,
            detector=detector,
            convention=convention,
            on_progress=lambda n, of: status.update(f"Aligning {n} of {of}"),
        )
    summary = result.summary()
    if json_file is not None:
        console.write_json(json_file, summary)
    if steps is not None:
        _write_pictures(steps, stills[:: max(len(stills) // pictures, 1)][:pictures], loaded)
    _show(summary)


def _write_pictures(folder: Path, stills: list[Still], loaded: LoadedModel) -> None:
    from trainer.step_pictures import write_step_picture

    folder.mkdir(parents=True, exist_ok=True)
    for still in track(stills, "Drawing", console=console.errors):
        image = read_picture(still)
        truth = still.landmarks(loaded.model.config.n_landmarks)
        crop = CropTransform.from_box(FaceBox.around(truth)).warp(image)
        name = "_".join([*still.image.parent.parts[-2:], still.image.stem])
        write_step_picture(folder / f"{name}.png", loaded, crop)


def _show(summary: dict[str, Any]) -> None:
    table = Table(title=f"{summary['model']}, box from the {summary['box']}", show_header=False)
    low, high = summary["intervals"]["nme_with_misses"]
    rows = {
        "faces": f"{summary['images']}, {summary['no_face']} not found",
        "NME interocular, %": f"{_percent(summary['nme_interocular_mean'])} mean, "
        f"{_percent(summary['nme_interocular_median'])} median",
        "with misses as 100 %": f"{summary['nme_with_misses']:.2f} ({low:.2f}-{high:.2f})",
        "failures @10 %": f"{summary['failure_rate_10']:.2f} %",
        "AUC @10 %": f"{summary['auc_10']:.3f}",
        "by spatial step": " ".join(_percent(v) for v in summary["per_step"]),
        "f_REG": _percent(summary["regression"]),
        "by part": ", ".join(f"{k} {_percent(v)}" for k, v in summary["groups"].items()),
        **_convention_in_words(summary),
        **{
            f"labels of {escape(name)}": _shift_in_words(shift)
            for name, shift in summary["label_shifts"].items()
        },
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.out.print(table)


def _convention_in_words(summary: dict[str, Any]) -> dict[str, str]:
    right, down = summary["answers_moved"]
    if not right and not down:
        return {}
    told = {
        "answers moved by, px": f"{right:+.2f} to the right, {down:+.2f} down, as the labels lay "
        f"that {summary['model']} was trained on (--convention labels)",
        "on the face": f"{_in_brief(summary['on_the_face'])} (--convention face)",
    }
    shifts = [shift["pixels"] for shift in summary["label_shifts"].values()]
    if shifts and all(abs(pixels) < abs(pixels - right) for pixels in shifts):
        told["but"] = "these labels lie on the face rather: use --convention face"
    return told


def _in_brief(figures: dict[str, Any]) -> str:
    return (
        f"{_percent(figures['nme_interocular_mean'])} mean, "
        f"{figures['failure_rate_10']:.2f} % failures, AUC {figures['auc_10']:.3f}"
    )


def _shift_in_words(shift: dict[str, Any]) -> str:
    size = f"{shift['pixels']:+.2f} px ({shift['low']:+.2f} to {shift['high']:+.2f})"
    sure = "" if shift["sure"] else ", which may be nothing"
    return f"{size} to the right of the landmarks{sure} (docs/labels.md)"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
