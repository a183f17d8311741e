"""On opening: is the index true, and can seeking in this file be trusted?

What is decoded for it is bounded, so that an hour of video opens nearly as fast as a minute.
Only where a file's timestamps don't tell the order of its frames is all of it decoded.
"""

from __future__ import annotations

import zlib
from itertools import islice
from pathlib import Path

import av
import numpy as np

from trainer.data.video_base import VideoError
from trainer.data.video_decoder import Decoder, converted
from trainer.data.video_index import NO_TIME, REENCODE, PacketIndex

_BUDGET = 60_000_000
"""Pixels decoded in order from the start: about a tenth of a second on one core."""

_SEEK_BUDGET = 240_000_000
"""Pixels decoded to see what comes after a seek."""

_AFTER_KEY = 3
"""Frames compared after a seek: past the first few nothing new goes wrong."""

_HEAD = 64
"""Frames compared in order where a video is too long to be checked whole."""


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
    listed = index.n_frames
    first, head, n_head = _head(path, index)
    if index.damaged or list(head) != list(range(n_head)):
        # With several threads, what becomes of damaged data is a matter of luck.
        index.one_thread = True
        first, head, n_head = _head(path, index)
    gap = None
    if first is None or index.pts_guessed:
        (first, gap), head = _renumber(path, index), {}
    elif list(head) != list(range(n_head)):
        in_order = list(head) == sorted(head)
        if in_order:
            end = listed if n_head == listed else max(head) + 1
            silent = {int(index.shown[n]) for n in index.silent}
            gap = _first_gap(index, list(head), end, silent)
            index.damaged |= gap is not None
        if in_order and index.damaged:
            gap = None if gap is None else gap - min(head)
            head = _note_gaps(index, head, to_the_end=n_head == listed)
        else:
            index.one_thread = index.damaged
            (first, gap), head = _renumber(path, index), {}
    warnings = _check_seeks(path, index, head, _SEEK_BUDGET // (first.width * first.height))
    if index.damaged:
        gone = listed - index.n_frames + len(index.lost)
        where = "" if gap is None else f" (the first at frame {gap})"
        lost = f"{gone} of {listed} frames{where} can't be decoded, others"
        missing = lost if gone else "some frames"
        warnings.append(
            f"data is damaged: {missing} may look wrong; copy or record the file again if that "
            "matters"
        )
    return first, warnings


def _first_gap(index: PacketIndex, shown: list[int], end: int, silent: set[int]) -> int | None:
    """The first frame that should have come after the first one that did, and didn't.

    Before the first there may be some that need a picture that isn't in the file. Where a
    packet may hold less than a picture, only a decoder's error tells that one is missing.

    Parameters
    ----------
    shown : numbers of the frames that came out
    end : the number up to which they were asked for
    silent : numbers of those that may be missing
    """
    if index.partial and not index.damaged:
        return None
    if not shown or (np.diff(sorted(shown)) == 2).all():  # a packet for each half of a picture
        return None
    return min(set(range(min(shown), end)) - set(shown) - silent, default=None)


def _note_gaps(index: PacketIndex, head: dict[int, int], *, to_the_end: bool) -> dict[int, int]:
    """Damaged frames keep their numbers, but a video begins and ends with sound ones.

    Returns `head` in the numbers that count from then on.
    """
    start, end = min(head), max(head) + 1
    index.reorder(index.order[start : end if to_the_end else None])
    index.lost.update(n - start for n in range(start, end) if n not in head)
    return {n - start: s for n, s in head.items()}


def _head(path: Path, index: PacketIndex) -> tuple[av.VideoFrame | None, dict[int, int], int]:
    """Decode from the start: the first frame, checksums by number, and how many were asked for."""
    decoder = Decoder(path, index)
    try:
        number, first = next(decoder.following(), (0, None))
        if first is None:
            return None, {}, 0
        pixels = first.width * first.height
        n_head = index.n_frames
        if n_head * pixels > _BUDGET:
            n_head = max(4, min(_HEAD, _BUDGET // pixels))
        head = {number: _sum(first)}
        head.update((n, _sum(f)) for n, f in islice(decoder.following(), n_head - 1))
        return first, head, n_head
    finally:
        decoder.close()


def _renumber(path: Path, index: PacketIndex) -> tuple[av.VideoFrame, int | None]:
    """Decode everything once and number the frames in the order they really come out.

    Returns
    -------
    The first frame, and the number before which one is missing, or None.
    """
    listed = index.order
    in_file = np.sort(listed)
    index.reorder(in_file)
    decoder = Decoder(path, index)
    first, numbers = None, []
    try:
        for number, frame in decoder.following():
            first = first or frame
            numbers.append(number)
    finally:
        decoder.close()
    if first is None:
        raise VideoError(
            f"{path}: not one frame can be decoded, the data is damaged; copy or record it again"
        )
    order = in_file[list(dict.fromkeys(numbers))]
    gap = _missing_packet(index, order, listed)
    if gap is not None and not index.damaged:
        index.damaged = index.one_thread = True
        index.reorder(listed)
        return _renumber(path, index)
    index.reorder(order)
    return first, gap


def _missing_packet(index: PacketIndex, came: np.ndarray, listed: np.ndarray) -> int | None:
    """The place among the packets whose frames came out before which one is missing, or None.

    Parameters
    ----------
    came, listed : ordinals of packets in the order of their frames
    """
    place = np.full(len(index.sizes), -1)
    place[listed] = np.arange(len(listed))
    numbers = sorted(place[came].tolist())
    # Where no times tell the order, those left out at the start follow the first that isn't.
    asked = numbers[1:] if index.pts_guessed else numbers
    gap = _first_gap(index, asked, len(listed), {int(place[n]) for n in index.silent})
    return None if gap is None else int(np.searchsorted(numbers, gap))


def _check_seeks(
    path: Path, index: PacketIndex, in_order: dict[int, int], budget: int
) -> list[str]:
    """Compare frames after a few seeks with the same frames without; see that the end is there.

    `in_order` holds checksums of frames decoded from the start, `budget` counts frames.
    """
    n_keys = len(index.keys)
    tried = landed = 0
    wrong = False
    seeker, walker = Decoder(path, index), Decoder(path, index)
    try:
        for place in sorted({1, n_keys // 3, 2 * n_keys // 3, n_keys - 1}):
            if not 0 < place < n_keys:
                continue
            end = int(index.key_frames[place]) + _AFTER_KEY
            known = all(n in in_order for n in range(end - _AFTER_KEY, min(end, index.n_frames)))
            cost = _AFTER_KEY if known else end - int(index.key_frames[place - 1])
            tried += 1
            if seeker.land(place) is None:
                continue
            landed += 1
            if cost > budget:
                continue
            budget -= cost
            expected = in_order if known else _walk(walker, place - 1, end)
            if any(s != expected[n] for n, s in _sums(seeker, end).items() if n in expected):
                index.dirty.add(int(index.keys[place]))
                # The end of a file that was cut off says nothing about the rest.
                wrong = wrong or place < n_keys - 1
        if wrong or (tried > 1 and not landed) or (index.pts[index.keys] == NO_TIME).all():
            index.seekable = False
            return [
                "jumping inside this file is not reliable, so its frames are decoded from the "
                "start: right, but slow when going back; for speed re-encode it: "
                + REENCODE.format(name=path.name)
            ]
        return _check_end(seeker, index, in_order, budget)
    finally:
        seeker.close()
        walker.close()


def _walk(walker: Decoder, place: int, end: int) -> dict[int, int]:
    """Checksums of the frames from one key packet on up to the next ones, without a seek there."""
    if place == 0:
        walker.start_over()
    elif walker.land(place) is None:
        return {}
    return _sums(walker, end)


def _sums(decoder: Decoder, end: int) -> dict[int, int]:
    sums = {}
    for number, frame in decoder.following():
        sums[number] = _sum(frame)
        if number >= end - 1:
            break
    return sums


def _check_end(
    decoder: Decoder, index: PacketIndex, in_order: dict[int, int], budget: int
) -> list[str]:
    """Leave out last frames that are listed but can't be decoded, as in a file cut off."""
    if not len(index.keys) or index.n_frames - 1 in in_order:
        return []
    place = len(index.keys) - 1
    start = int(index.key_frames[place])
    if index.n_frames - start > budget or decoder.land(place) is None:
        return []
    last = max((number for number, _ in decoder.following()), default=-1)
    missing = index.n_frames - 1 - last
    if decoder.astray or missing <= 0 or last < start:
        return []
    lost = {number for number in index.lost if number <= last}
    index.reorder(index.order[: last + 1])
    index.lost.update(lost)
    return [f"the last {missing} frames can't be decoded and are left out: the file is cut off"]


def _sum(frame: av.VideoFrame) -> int:
    return zlib.crc32(np.ascontiguousarray(converted(frame, "gray")).data)
