"""What the command lines of both packages have in common."""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from trainer.errors import RedError
from trainer.geometry import FaceBox


def _minutes(value: float | None) -> float | None:
    if value is not None and not 0 < value < math.inf:  # nor is nan
        raise typer.BadParameter(f"{value} is no number of minutes above 0")
    return value


MinutesOption = Annotated[
    float | None,
    typer.Option(
        callback=_minutes,
        help="The most it may take, unless a few updates of each stage take longer; by the "
        "number of frames if left out.",
    ),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]

out = Console()
errors = Console(stderr=True)


class OptionError(RedError):
    """An option whose value can't be understood."""


@contextmanager
def told() -> Iterator[None]:
    """Say errors that a person can act on in one line, without a traceback; exit code 2."""
    try:
        yield
    except RedError as error:
        errors.print(f"[red]error:[/] {_plain(str(error))}", soft_wrap=True, highlight=False)
        raise typer.Exit(2) from error


class ToldGroup(TyperGroup):
    """Commands whose errors are :func:`told`."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        _print_any_name()
        with told():
            return super().invoke(ctx)


def parse_box(text: str | None) -> FaceBox | None:
    """``x,y,width,height`` in pixels of the first frame.

    Raises
    ------
    OptionError
        If it is something else.
    """
    if text is None:
        return None
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError:
        raise OptionError(
            f"--box {text}: needed are four numbers x,y,width,height, as in --box 120,80,200,220"
        ) from None
    if not (width > 0 and height > 0 and abs(x) < 1e6 and abs(y) < 1e6):
        raise OptionError(f"--box {text}: width and height must be above 0")
    return FaceBox(x, y, width, height)


def _print_any_name() -> None:
    """Print what the terminal's encoding lacks, as file names may, in the form ``\\udcfc``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _plain(text: str) -> str:
    return text.replace("[", "\\[")


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write figures to a file.

    Raises
    ------
    OptionError
        If it can't be written.
    """
    try:
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OptionError(
            f"{path}: can't be written ({error.strerror}); choose a folder you may write to"
        ) from error
