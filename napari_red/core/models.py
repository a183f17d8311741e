"""Which models there are, without loading the network's library.

The window lists models when it opens; importing torch for that would cost seconds.
"""

from __future__ import annotations

from pathlib import Path

import trainer
from trainer.errors import RedError
from trainer.paths import reachable

DEFAULT_MODEL = "red-lite"
SUFFIX = ".safetensors"
AUTOMATIC = r"model \d+"
"""Matches what a project's models are called unless a person says otherwise."""

ABOUT = {
    "red-lite": "quick on any computer",
    "red-wide": "more exact; for a GPU, twice to thrice as slow without",
}
"""What a person chooses between, by the name of a model that ships."""

DEVICES = ("auto", "cpu", "cuda", "mps")


class ModelChoiceError(RedError):
    """A model that was chosen and isn't there."""


def shipped_models() -> list[str]:
    """Names of the models that ship with the package, the default one first."""
    folder = Path(trainer.__file__).parent / "weights"
    names = sorted(path.stem for path in folder.glob(f"*{SUFFIX}"))
    return sorted(names, key=lambda name: name != DEFAULT_MODEL)


def check_model(name_or_path: str) -> None:
    """Make sure that a chosen model exists.

    Raises
    ------
    ModelChoiceError
        If it is neither a shipped model nor a file.
    """
    if name_or_path in shipped_models() or reachable(Path(name_or_path)).is_file():
        return
    known = ", ".join(shipped_models()) or "none is installed"
    raise ModelChoiceError(
        f"{name_or_path}: no such model; choose one that ships ({known}) or a {SUFFIX} file"
    )
