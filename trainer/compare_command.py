"""``python -m trainer compare-models``: several models on the frames held out of training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from trainer import console
from trainer.console import DeviceOption
from trainer.errors import RedError
from trainer.finetune_command import ProgressStyle


def compare_models(
    pushed: Annotated[
        Path, typer.Argument(metavar="SET", help="Pushed corrections: a folder with set.json.")
    ],
    model: Annotated[
        list[str], typer.Option(help="A model's name or .safetensors file; once for each.")
    ],
    name: Annotated[
        list[str] | None,
        typer.Option(help="What a model is called, in the order of --model; its file's if none."),
    ] = None,
    progress: Annotated[
        ProgressStyle, typer.Option(help="text, or json: one object a line on stdout.")
    ] = ProgressStyle.TEXT,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    device: DeviceOption = "auto",
    threads: Annotated[
        int | None, typer.Option(help="CPU threads; all cores but one if left out.", min=1)
    ] = None,
) -> None:
    """Errors of models on held-out frames: over all, by facial part, by person."""
    told = progress is ProgressStyle.JSON
    try:
        names = name or [Path(one).stem for one in model]
        if len(names) != len(model):
            raise console.OptionError(
                f"{len(names)} --name for {len(model)} --model: give one for each, or none"
            )
        rows = _measure(pushed, list(zip(names, model, strict=True)), told, device, threads)
    except RedError as error:
        if told:
            _emit("error", message=str(error))
            raise typer.Exit(2) from error
        raise
    if json_file is not None:
        console.write_json(json_file, {"models": rows})
    if told:
        _emit("done", models=rows)
    else:
        for table in tables(rows):
            console.out.print(table)
        for row in rows:
            if "trouble" in row:
                console.errors.print(row["trouble"], soft_wrap=True, highlight=False, markup=False)


def tables(rows: list[dict[str, Any]]) -> list[Table]:
    """The figures for a person: errors in per cent, one table by part, one by person."""
    measured = [row for row in rows if "trouble" not in row]
    faces = measured[0]["faces"] if measured else 0
    made = []
    for title, key in (("facial part", "groups"), ("person", "people")):
        columns = list(measured[0][key]) if measured else []
        table = Table(title=f"Error by {title}, % of the interocular distance, {faces} faces")
        for column in ("model", "all", "to move", *columns):
            table.add_column(column, justify="left" if column == "model" else "right")
        for row in rows:
            if "trouble" in row:
                table.add_row(row["model"], *["-"] * (len(columns) + 2))
            else:
                figures = [f"{row[key][column]:.2f}" for column in columns]
                table.add_row(row["model"], f"{row['nme']:.2f}", f"{row['to_move']:.1f}", *figures)
        made.append(table)
    return made


def _measure(
    pushed: Path,
    models: list[tuple[str, str]],
    told: bool,
    device: str,
    threads: int | None,
) -> list[dict[str, Any]]:
    import torch

    from trainer.devices import resolve_device, spare_threads
    from trainer.finetuning.compare import ModelErrors
    from trainer.finetuning.compare import compare_models as run
    from trainer.pushed_set import read_pushed_set

    torch.set_num_threads(threads or spare_threads())
    done = 0

    def tell(errors: ModelErrors) -> None:
        nonlocal done
        done += 1
        if told:
            _emit("model", done=done, total=len(models), **errors.summary())

    found = run(read_pushed_set(pushed), models, device=resolve_device(device), on_model=tell)
    return [errors.summary() for errors in found]


def _emit(event: str, **values: Any) -> None:
    print(json.dumps({"event": event, **values}), flush=True)
