"""On opening: is this index true, and can seeking in this file be trusted?

What is decoded for it is bounded, so that an hour of video opens as fast as a minute.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np

from trainer.data.video_base import VideoError
from trainer.data.video_decoder import Decoder, decoded_order
from trainer.data.video_index import REENCODE, PacketIndex

_BUDGET = 120_000_000
"""Pixels decoded for checking: about a quarter of a second on one core."""

_AFTER_KEY = 3
"""Frames compared after a seek: past the first few nothing new can go wrong."""


def check(path: Path, index: PacketIndex) -> tuple[av.VideoFrame, list[str]]:
    """Compare the index and some seeks with decoding in order, and put the index right.

    Returns
    -------
    The first frame, and warnings.

    Raises
    ------
    VideoError
        Nothing in this file can be decoded.
    """
    warnings: list[str] = []
    decoder = Decoder(path, index)
    try:
        first = next(decoder.following(), (0, None))[1]
        pixels = first.width * first.height if first else 1
        head = [] if first is None else [(0 if index.shown[first.pts] == 0 else -1, _sum(first))]
        n_head = min(max(_BUDGET // 4 // pixels, 4), 64, index.n_frames)
        head += [(n, _sum(f)) for n, f in islice(decoder.following(), n_head - 1)]
    finally:
        decoder.close()
    true_so_far = [n for n, _ in head] == list(range(n_head))
    if index.pts_guessed or not true_so_far:
        first = _renumber(path, index)
    elif index.seekable:
        budget = _BUDGET // pixels - n_head
        warnings += _check_seeks(path, index, dict(head), budget)
    return first, warnings
