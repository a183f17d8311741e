"""Rows of the table of videos, as values and back."""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from napari_red.core.database import ProjectError
from napari_red.core.history import now
from napari_red.core.records import VideoRecord
from trainer.data.video_base import Video

COLUMNS = (
    "id, path, fingerprint, name, n_frames, height, width, fps, start, stop, stride, state,"
    " message, frame_names"
)
"""What :func:`video_from` wants, in its order."""


def video_from(row: tuple) -> VideoRecord:
    """A video from a row of :data:`COLUMNS`."""
    names = None if row[-1] is None else json.loads(row[-1])
    values = (*row[:8], names, *row[8:-1])
    return VideoRecord(*values)


def insert(
    db: sqlite3.Connection,
    place: tuple[str, str | None],
    row: tuple,
    frame_names: list[str] | None,
    times: np.ndarray | None,
) -> None:
    """A new video.

    Parameters
    ----------
    place : its path, and the same as seen from the project
    row : fingerprint, name, n_frames, height, width and fps
    times : (T,) seconds since the first frame
    """
    names = None if frame_names is None else json.dumps(frame_names)
    seconds = None if times is None else times_to_bytes(times)
    db.execute(
        "INSERT INTO videos (path, relative, fingerprint, name, n_frames, height, width, fps,"
        " frame_names, times, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (fingerprint) DO NOTHING",
        (*place, *row, names, seconds, now()),
    )


def described(video: Video) -> dict[str, Any]:
    """What :meth:`napari_red.core.project.Project.add_video` wants to know of an open video."""
    return {
        "n_frames": video.n_frames,
        "height": video.height,
        "width": video.width,
        "fps": video.fps,
        "name": video.name,
        "frame_names": video.frame_names,
        "times": video.timestamps,
    }


def place_of(path: Path, project: Path) -> tuple[str, str | None]:
    """What a project notes of where a video is: its path, and the same as seen from the project.

    Raises
    ------
    ProjectError
        If the path isn't text: file systems take any bytes as names, a project doesn't.
    """
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        readable = os.fsencode(text).decode(errors="replace")
        raise ProjectError(
            f"{readable}: has characters in its name, or in a folder's, that aren't in UTF-8, so "
            "a project can't note where it is; rename it, and add it again"
        ) from None
    return text, _relative(path, project)


def _relative(path: Path, project: Path) -> str | None:
    """A path as seen from the project's folder, with slashes; None on another drive."""
    try:
        return Path(os.path.relpath(path, project.absolute().parent)).as_posix()
    except ValueError:  # another drive
        return None


def times_to_bytes(times: np.ndarray) -> bytes:
    """(T,) seconds as compressed differences in microseconds."""
    micro = np.round(np.asarray(times, np.float64) * 1e6).astype("<i8")
    return zlib.compress(np.diff(micro, prepend=np.int64(0)).astype("<i8").tobytes(), 1)


def times_from(blob: bytes) -> np.ndarray:
    """The inverse of :func:`times_to_bytes`: (T,) float64 seconds."""
    return np.cumsum(np.frombuffer(zlib.decompress(blob), "<i8")) / 1e6
