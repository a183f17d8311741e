"""``napari-red.json``: which files of a folder this program wrote, and what they are of."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "napari-red.json"

FOLDER = "."
"""Stands for the folder itself in the place of a file's name."""


@dataclass(frozen=True)
class Origin:
    """What a file was made from.

    Attributes
    ----------
    project : an id of the project, "" where unknown or of no one project
    video : an id of the video, "" where unknown or of several
    size : (width, height) of the video in pixels, None where unknown or of several
    """

    project: str = ""
    video: str = ""
    size: tuple[int, int] | None = None


@dataclass
class Marker:
    """What stands in a folder's marker.

    Attributes
    ----------
    files : names of the files that this program wrote, in order
    origins : file name, or FOLDER, to what it is of; earlier versions didn't say
    """

    files: list[str] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Marker | None:
        """The marker of a folder; None where there is none.

        Raises
        ------
        OSError
            If it can't be read.
        ValueError
            If it is damaged.
        """
        try:
            data = (folder / NAME).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            found = json.loads(data.decode())
            origins = {name: _origin(about) for name, about in found.get("of", {}).items()}
            return cls([str(name) for name in found.get("files", [])], origins)
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"{NAME}: isn't what this program writes ({error})") from error

    def write(self, folder: Path) -> None:
        """Write the marker: it is the new one or the one before, whatever happens.

        Raises
        ------
        OSError
            If it can't be written.
        """
        of = {name: _about(origin) for name, origin in self.origins.items() if origin != Origin()}
        text = json.dumps(
            {"written_by": "napari-red", "files": self.files, "of": of}, ensure_ascii=False
        )
        partial = folder / f".partial.{NAME}"
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(folder / NAME)
        finally:
            partial.unlink(missing_ok=True)


def _about(origin: Origin) -> dict[str, Any]:
    about: dict[str, Any] = {"project": origin.project, "video": origin.video}
    return {key: value for key, value in (about | {"size": origin.size}).items() if value}


def _origin(about: dict[str, Any]) -> Origin:
    size = about.get("size")
    if size is not None:
        width, height = map(int, size)
        if min(width, height) < 1:
            raise ValueError(f"{width} × {height} pixels are no size")
        size = (width, height)
    return Origin(str(about.get("project", "")), str(about.get("video", "")), size)
