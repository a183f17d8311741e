"""Rows of the table of videos, as values and back."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import numpy as np

from napari_red.core.records import VideoRecord

COLUMNS = (
    "id, path, fingerprint, name, n_frames, height, width, fps, start, stop, stride, state,"
    " message, frame_names"
)
"""What :func:`video_from` wants, in its order."""


def video_from(row: tuple) -> VideoRecord:
    names = None if row[-1] is None else json.loads(row[-1])
    values = (*row[:8], names, *row[8:-1])
    return VideoRecord(*values)


def relative_to_project(path: Path, project: Path) -> str | None:
    try:
        return Path(os.path.relpath(path, project.absolute().parent)).as_posix()
    except ValueError:  # another drive
        return None


def times_to_bytes(times: np.ndarray) -> bytes:
    micro = np.round(np.asarray(times, np.float64) * 1e6).astype("<i8")
    return zlib.compress(np.diff(micro, prepend=np.int64(0)).astype("<i8").tobytes(), 1)


def times_from(blob: bytes) -> np.ndarray:
    return np.cumsum(np.frombuffer(zlib.decompress(blob), "<i8")) / 1e6
