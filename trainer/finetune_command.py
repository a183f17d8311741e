"""``python -m trainer finetune``: corrections in, a better model out; docs/finetune.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from trainer import console
from trainer.console import DeviceOption, MinutesOption
from trainer.errors import RedError
from trainer.finetuning.control import Cancelled, be_quiet, heard

CANCELLED = 130
"""Exit code of a cancelled run."""


class ProgressStyle(StrEnum):
    """How a run tells what it does."""

    TEXT = "text"
    JSON = "json"


def finetune(
    pushed: Annotated[
        Path, typer.Argument(metavar="SET", help="Pushed corrections: a folder with set.json.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; an unfinished run there goes on.")],
    base: Annotated[str, typer.Option(help="A model's name or .safetensors file.")] = "red-lite",
    progress: Annotated[
        ProgressStyle, typer.Option(help="text, or json: one object a line on stdout.")
    ] = ProgressStyle.TEXT,
    minutes: MinutesOption = None,
    device: DeviceOption = "auto",
    threads: Annotated[
        int | None, typer.Option(help="CPU threads; all cores but one if left out.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same result.")] = 0,
) -> None:
    """Learn from corrected frames; a line "stop" or "cancel" on the input ends it early."""
    emit = _emit_json if progress is ProgressStyle.JSON else _emit_text
    try:
        with heard(interrupts=progress is ProgressStyle.TEXT) as stop:
            _run(pushed, base, out, emit, stop.is_set, minutes, device, threads, seed)
    except Cancelled:
        emit("cancelled", message="cancelled; nothing was left behind")
        raise typer.Exit(CANCELLED) from None
    except RedError as error:
        emit("error", message=str(error), lasting=_lasts(error))
        if progress is ProgressStyle.JSON:
            raise typer.Exit(2) from error
        raise
    except Exception as error:
        emit("error", message=f"{type(error).__name__}: {error}; the same command goes on")
        raise


def _run(
    pushed: Path,
    base: str,
    out: Path,
    emit: Callable[..., None],
    should_stop: Callable[[], bool],
    minutes: float | None,
    device: str,
    threads: int | None,
    seed: int,
) -> None:
    import torch

    from trainer.checkpoint import load_model
    from trainer.devices import autocast_dtype, resolve_device, spare_threads
    from trainer.finetuning.job import FinetuneOptions
    from trainer.finetuning.job import finetune as run

    be_quiet()
    torch.set_num_threads(threads or spare_threads())
    target = resolve_device(device)
    options = FinetuneOptions(
        device=target,
        precision=autocast_dtype(load_model(base).model, target),
        minutes=minutes,
        seed=seed,
        emit=emit,
        should_stop=should_stop,
    )
    run(pushed, base, out, options)


def _lasts(error: RedError) -> bool:
    """True where what is in the set or the run's folder makes the same run fail again; what
    else may be wrong, as a device, a disk or a model's file, can be mended, and the run goes on."""
    from trainer.data.pts import PtsError
    from trainer.finetuning.material import FinetuneError
    from trainer.pushed_set import PushedSetError

    of_the_run = isinstance(error, FinetuneError | PushedSetError | PtsError)
    return of_the_run and not isinstance(error.__cause__, OSError)


def _emit_json(event: str, **values: Any) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


def _emit_text(event: str, **values: Any) -> None:
    if event == "error":
        return  # said by whoever catches it
    parts = []
    if "step" in values:
        parts.append(f"stage {values['stage']}, update {values['step']} of {values['steps']}")
    elif event == "skipped":
        parts.append(f"stage {values['stage']} skipped")
    if event == "step" and values["step"] % 10:
        return
    if "loss" in values:
        parts.append(f"loss {values['loss']:.3f}")
    if "error_now" in values:
        parts.append(
            f"error {values['error_before']:.2f} % before, {values['error_now']:.2f} % now"
        )
    if values.get("message"):
        parts.append(values["message"])
    if values.get("seconds_left"):
        parts.append(f"about {values['seconds_left'] / 60:.1f} minutes left")
    if values.get("model"):
        parts.append(values["model"])
    console.errors.print("; ".join(parts), highlight=False, soft_wrap=True, markup=False)
