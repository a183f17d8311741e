"""What a model file says of itself, read without the network's library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from trainer.config import network_from_dict
from trainer.errors import RedError
from trainer.paths import reachable

FORMAT = "napari-red model 1"


class ModelError(RedError):
    """A model file that can't be found, read or used."""


def read_header(path: str | Path) -> dict[str, Any]:
    """The JSON header of a file of ours.

    Raises
    ------
    ModelError
        If the file is missing, cut off, or not one of ours.
    """
    path = Path(path)
    if not reachable(path).is_file():
        raise ModelError(f"{path}: no such model file; check the path")
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
        header = json.loads(metadata.get("header", "null"))
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{path}: isn't a readable model file ({error}); copy it again") from error
    if metadata.get("format") != FORMAT or not isinstance(header, dict):
        raise ModelError(
            f"{path}: a safetensors file, but not a napari-red model; choose another file"
        )
    return header


def landmarks_of(path: str | Path) -> int:
    """How many landmarks a model places, 68 or 7.

    Raises
    ------
    ModelError
        As :func:`read_header`, and if the file is no finished model.
    ConfigError
        If another version made it.
    """
    header = read_header(path)
    if "network" not in header:
        raise ModelError(f"{path}: has no network configuration; it isn't a finished model")
    return network_from_dict(header["network"]).n_landmarks
