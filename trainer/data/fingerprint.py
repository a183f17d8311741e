"""Telling a video by what is in it, wherever it lies and whatever it is called."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from trainer.data.frame_folder import pictures_in
from trainer.data.video_base import VideoError
from trainer.data.video_index import explain

_WHOLE = 64 * 2**20
"""Up to this many bytes everything is read: about 0.1 s."""

_PARTS = 64
_PART = 64 * 2**10


def video_fingerprint(path: str | os.PathLike[str]) -> str:
    """What identifies a video after it was moved, renamed or copied.

    Size and contents, not names or dates. Up to 64 MB all of it is read, of larger ones the
    two ends and 62 parts spread evenly between (4 MB): a change that keeps the size and
    touches none of these is not seen. A folder counts as its pictures in order.

    Returns
    -------
    str
        Equal for equal videos, and short enough to be shown: ``bytes-32 hexadecimal digits``.

    Raises
    ------
    VideoError
        The file or folder can't be read.
    """
    path = Path(path)
    try:
        files = pictures_in(path) if path.is_dir() else [path]
        sizes = [f.stat().st_size for f in files]
        digest = hashlib.blake2b(",".join(map(str, sizes)).encode(), digest_size=16)
        for file, start, length in _parts(files, sizes):
            with file.open("rb") as stream:
                stream.seek(start)
                while length > 0 and (block := stream.read(min(length, 2**20))):
                    digest.update(block)
                    length -= len(block)
    except OSError as error:
        raise VideoError(explain(path, error)) from error
    return f"{sum(sizes)}-{digest.hexdigest()}"


def _parts(files: list[Path], sizes: list[int]) -> list[tuple[Path, int, int]]:
    """(file, first byte, bytes) of what is read of files laid end to end."""
    total = sum(sizes)
    if total <= _WHOLE:
        return [(f, 0, size) for f, size in zip(files, sizes, strict=True)]
    wanted = [(total - _PART) * i // (_PARTS - 1) for i in range(_PARTS)]
    parts, begin = [], 0
    for file, size in zip(files, sizes, strict=True):
        while wanted and wanted[0] < begin + size:
            start = wanted.pop(0) - begin
            parts.append((file, start, min(_PART, size - start)))
        begin += size
    return parts
