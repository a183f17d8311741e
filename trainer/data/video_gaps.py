"""What is missing of a file, as far as it can be told without decoding."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

_TIMED_BY_STEPS = ("mov", "gif", "avi")
"""Formats that give the time from each picture to the next: there a long step is meant."""

_STEADY = 0.95
"""The part of a video's steps in time that are the usual one where its rate is constant."""

_LONG = 5.0
"""A step of so many usual ones is a gap. Where a packet says that it is torn, any is."""

_NEAR = 16
"""Frames: how far from a torn packet a gap may lie, as frames are stored out of order."""


def gap_warning(seconds: np.ndarray, torn: np.ndarray, tick: float, format_name: str) -> list[str]:
    """What to tell where frames are missing between others.

    Parameters
    ----------
    seconds : (T,) float64, when each frame is shown, in order
    torn : (T,) bool, whether a frame's data came incomplete
    tick : seconds that times are rounded to
    format_name : what FFmpeg calls the container
    """
    steps = np.diff(seconds)
    if len(steps) < 3 or format_name.startswith(_TIMED_BY_STEPS):
        return []
    usual = float(np.median(steps))
    even = np.abs(steps - usual) <= max(tick, 0.0015)
    if usual <= 0 or even.mean() < min(_STEADY, 1 - 4 / len(steps)):
        return []
    near = np.convolve(torn, np.ones(2 * _NEAR + 1))[_NEAR : _NEAR + len(torn)] > 0
    gaps = np.flatnonzero((steps > _LONG * usual) | ((steps > 1.5 * usual) & near[1:]))
    if not len(gaps):
        return []
    missing = int(np.sum(np.round(steps[gaps] / usual) - 1))
    first = int(gaps[0])
    return [
        f"about {missing} frames are missing, the first of them after frame {first} "
        f"({seconds[first]:.1f} seconds in): the file is damaged there, or wasn't recorded on; "
        "copy or record it again if that matters"
    ]


def riff_is_cut_off(path: Path) -> bool:
    """Whether an AVI is shorter than its first bytes say."""
    with path.open("rb") as file:
        head = file.read(8)
    return int.from_bytes(head[4:], "little") + 8 > path.stat().st_size


def gif_breaks_at(path: Path) -> int | None:
    """The byte from which on a GIF makes no sense or is missing; None where it is whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(13)
        if len(header) == 13:
            _skip_colours(file, header[10])
        while True:
            start = file.tell()
            if start > size:
                return size
            kind = file.read(1)
            if kind in (b"", b";"):  # some programs leave the end mark out
                return None
            if kind not in (b"!", b","):
                return start
            if kind == b"!":
                file.read(1)
            else:
                if len(place := file.read(9)) < 9:
                    return size
                _skip_colours(file, place[8])
                file.read(1)
            while (length := file.read(1)) not in (b"", b"\0"):
                file.seek(length[0], 1)
            if length == b"":
                return size


def gif_warning(path: Path, breaks_at: int, n_frames: int) -> str:
    """What to tell of a GIF that makes no sense from a byte on, after these frames; empty
    where it only ends too early."""
    size = path.stat().st_size
    missing = round((size - breaks_at) * n_frames / breaks_at)
    if not missing:
        return ""
    return (
        f"data is damaged: about {missing} frames after frame {n_frames - 1} are missing; copy or "
        "record the file again if that matters"
    )


def _skip_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 * 2 ** ((flags & 7) + 1), 1)
