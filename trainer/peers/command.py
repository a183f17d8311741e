"""``python -m trainer peers DIR``: an environment with the aligners to compare with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from trainer import console


def peers(
    folder: Annotated[Path, typer.Argument(help="Folder of the environment, made if missing.")],
    python: Annotated[
        str, typer.Option(help="Python to make it with; mediapipe 0.10.21 needs 3.9 to 3.12.")
    ] = sys.executable,
) -> None:
    """Install mediapipe, dlib and OpenCV's Facemark beside us, to be compared with."""
    from trainer.peers.environment import VARIABLE, available, install

    failed = install(folder, python=python, on_line=console.errors.print)
    versions, missing = available(folder)
    for name, version in versions.items():
        console.out.print(f"{name} {version}", highlight=False)
    for name, reason in missing.items():
        console.out.print(f"{name} left out: {failed.get(name, reason)}", markup=False)
    console.out.print(f"Use it with --peers {folder} or {VARIABLE}={folder}", soft_wrap=True)
    if not versions:
        raise typer.Exit(1)
