"""Where project files go."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import platformdirs

from napari_red.core.project import SUFFIX
from napari_red.core.sample import SAMPLE_FOLDER


def default_places(video_path: str | Path, fingerprint: str) -> list[Path]:
    """Where a video's project file may be, in order; the sample's never in the package."""
    own = among_own_data(video_path, fingerprint)
    if Path(video_path).absolute().is_relative_to(SAMPLE_FOLDER):
        return [own]
    return [beside(video_path), own]


def beside(video_path: str | Path) -> Path:
    """The project file that belongs to a video: the same name, ending in ``.red``."""
    path = Path(video_path).absolute()
    return path.parent / (path.name + SUFFIX if path.is_dir() else path.stem + SUFFIX)


def among_own_data(video_path: str | Path, fingerprint: str) -> Path:
    """Where the project of a video in a read-only folder goes."""
    short = hashlib.sha256(fingerprint.encode()).hexdigest()[:12]
    folder = platformdirs.user_data_path("napari-red") / "projects"
    return folder / f"{Path(video_path).stem}-{short}{SUFFIX}"


def writable(path: Path, fallback: Path) -> Path:
    """``path``, or a copy of it at ``fallback`` where it can't be written."""
    if path == fallback or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return path
    fallback.parent.mkdir(parents=True, exist_ok=True)
    if not fallback.exists():
        shutil.copyfile(path, fallback)
    return fallback
