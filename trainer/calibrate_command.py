"""``python -m trainer calibrate``: confidence that means something, into a model file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Table

from trainer import console
from trainer.console import DeviceOption
from trainer.data.stills import Still, find_stills, read_names, set_name
from trainer.errors import RedError
from trainer.evaluate import Convention

if TYPE_CHECKING:
    from trainer.calibration import Row
    from trainer.calibration_data import Observations
    from trainer.checkpoint import LoadedModel


class CalibrationError(RedError):
    """Faces that nothing can be calibrated on."""


def calibrate(
    model: Annotated[str, typer.Argument(help="A model's name or .safetensors file.")],
    out: Annotated[Path, typer.Option(help="The model file to write; may be the same.")],
    stills: Annotated[
        list[Path] | None, typer.Option(help="Folder of pictures the model wasn't trained on.")
    ] = None,
    videos: Annotated[
        list[Path] | None, typer.Option(help="Folder of annotated videos, likewise.")
    ] = None,
    convention: Annotated[
        Convention, typer.Option(help="How the stills' labels lie, see evaluate.")
    ] = Convention.labels,
    only: Annotated[
        Path | None,
        typer.Option(help="List of photo or person names to keep, in folders where it has any."),
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Write the reliability plot here.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    compact: Annotated[
        bool, typer.Option("--compact", help="Store the weights in eight bits: half the file.")
    ] = False,
    device: DeviceOption = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
) -> None:
    """Calibrate confidence on half of the people; measure it on the others."""
    import torch

    from trainer.calibration import draw_reliability, fit_observations, rows, without_face
    from trainer.calibration_data import Observations
    from trainer.checkpoint import load_model, save_model
    from trainer.devices import resolve_device

    if threads:
        torch.set_num_threads(threads)
    target = resolve_device(device)
    loaded = load_model(model, target)
    names = read_names(only) if only else None
    seen = Observations.joined(
        [*_stills(loaded, stills or [], names, convention), *_videos(loaded, videos or [])]
        or [_nothing_given()]
    )
    _check_halves(seen)
    fitted = fit_observations(seen)
    measured, nothing = rows(seen, fitted), without_face(seen, fitted)
    loaded.model.confidence = fitted.to(target)
    figures = {"faces": [_figures(row) for row in measured], "no_face": nothing}
    note = {
        "sets": sorted(set(seen.sets.tolist())),
        "people_or_photos": len(set(seen.groups.tolist())),
        "convention": str(convention),
        "fitted_on": "the half for which fold_of('calibration of NAME', 2) is 0",
        "measured_on_the_other": figures,
    }
    kind = {"compact": True} if compact else {}
    save_model(out, loaded.model, {**loaded.info, **kind, "calibration": note})
    if picture is not None:
        draw_reliability(measured, picture)
    if json_file is not None:
        console.write_json(json_file, {"model": loaded.name, **note})
    _show(measured, nothing)
    console.errors.print(f"{out}: written, with the confidence of the half it was fitted on")


def _stills(
    loaded: LoadedModel,
    folders: list[Path],
    names: frozenset[str] | None,
    convention: Convention,
) -> Iterator[Observations]:
    """What the model says of each folder."""
    from trainer.calibration_data import observe_stills

    for folder in folders:
        found = [still for still in find_stills(folder) if _labelled(still, loaded)]
        if names is not None and any(still.group in names for still in found):
            found = [still for still in found if still.group in names]
        with console.errors.status(f"{folder}") as status:
            yield observe_stills(
                loaded,
                found,
                set_name(folder),
                convention=convention,
                on_progress=lambda n, of: status.update(f"{folder}: face {n} of {of}"),  # noqa: B023
            )


def _labelled(still: Still, loaded: LoadedModel) -> bool:
    landmarks = still.landmarks(loaded.model.config.n_landmarks)
    return bool(np.isfinite(landmarks).all(axis=-1).any())


def _videos(loaded: LoadedModel, folders: list[Path]) -> Iterator[Observations]:
    from trainer.calibration_data import observe_videos
    from trainer.data.video_sets import find_annotated_videos

    for folder in folders:
        with console.errors.status(f"{folder}") as status:
            yield observe_videos(
                loaded,
                find_annotated_videos(folder),
                set_name(folder),
                on_progress=lambda n, of: status.update(f"{folder}: video {n} of {of}"),  # noqa: B023
            )


def _nothing_given() -> Observations:
    raise CalibrationError("nothing to calibrate on; give --stills DIR or --videos DIR")


def _check_halves(seen: Observations) -> None:
    second = seen.second_half
    if second.all() or not second.any():
        raise CalibrationError(
            "all people fall into one half, and confidence is measured on people it wasn't "
            "fitted to; give more people"
        )


def _figures(row: Row) -> dict[str, Any]:
    values = asdict(row)
    values["curve"] = {name: part.tolist() for name, part in values["curve"].items()}
    return values


def _show(measured: list[Row], nothing: dict[str, float] | None) -> None:
    table = Table(title="Confidence on people it wasn't fitted to; AUROC of errors above 5 %")
    for column in ("", "faces", "right", "promised", "AUROC", "ECE", "AUROC before", "ECE before"):
        table.add_column(column, justify="left" if not column else "right")
    for row in measured:
        table.add_row(
            row.name,
            str(row.faces),
            f"{100 * row.right:.1f} %",
            f"{100 * row.mean_confidence:.1f} %",
            f"{row.auroc:.3f}",
            f"{row.calibration_error:.3f}",
            f"{row.support_auroc:.3f}",
            f"{row.support_error:.3f}",
        )
    console.out.print(table)
    if nothing is not None:
        console.out.print(
            f"{nothing['places']} places without a face: confidence {nothing['confidence']:.2f} "
            f"(one in twenty above {nothing['confidence_95']:.2f}); support "
            f"{nothing['support']:.2f} ({nothing['support_95']:.2f})"
        )
