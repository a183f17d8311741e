"""Yes or no for every frame of a video, 1024 frames at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_red.core.part import within

MARKS = 1024
"""Frames of one block."""


def marks_from(blob: bytes) -> np.ndarray:
    """(1024,) bool from 128 bytes."""
    return np.unpackbits(np.frombuffer(blob, np.uint8)).astype(bool)


def marks_to_bytes(marks: np.ndarray) -> bytes | None:
    """The inverse of :func:`marks_from`; None where all are False."""
    return np.packbits(marks).tobytes() if marks.any() else None


class Marks:
    """Which frames of a track are marked.

    Parameters
    ----------
    blocks : number of 1024 frames to (1024,) bool; blocks without a mark may be missing
    """

    def __init__(self, blocks: dict[int, np.ndarray] | None = None) -> None:
        self.blocks = dict(blocks or {})

    def __getitem__(self, frame: int) -> bool:
        number, index = divmod(frame, MARKS)
        block = self.blocks.get(number)
        return block is not None and bool(block[index])

    def changed(self, frames: range, value: bool) -> dict[int, np.ndarray]:
        """The blocks that are others after marking these frames."""
        changed = {}
        numbers = range(frames[0] // MARKS, frames[-1] // MARKS + 1) if frames else ()
        for number in numbers:
            block = self.blocks.get(number, np.zeros(MARKS, bool)).copy()
            begin = number * MARKS
            here = within(frames, begin, begin + MARKS)
            block[here.start - begin : here.stop - begin : here.step] = value
            if not np.array_equal(block, self.blocks.get(number, np.zeros(MARKS, bool))):
                changed[number] = block
        return changed

    def as_array(self, n_frames: int) -> np.ndarray:
        """(T,) bool."""
        marks = np.zeros((-(-n_frames // MARKS), MARKS), bool)
        within = [number for number in self.blocks if number < len(marks)]
        if within:
            marks[within] = np.stack([self.blocks[number] for number in within])
        return marks.reshape(-1)[:n_frames]

    def frames(self) -> list[int]:
        """The marked frames, in order."""
        blocks = sorted(self.blocks.items())
        return [n * MARKS + int(i) for n, block in blocks for i in np.flatnonzero(block)]

    @property
    def count(self) -> int:
        """How many frames are marked."""
        blocks = list(self.blocks.values())
        return int(np.count_nonzero(np.concatenate(blocks))) if blocks else 0


def marked_in_all(all_of: Sequence[Marks]) -> Marks:
    """The frames that are marked in each of some tracks; none where there is no track."""
    if not all_of:
        return Marks()
    numbers = sorted(set.intersection(*(set(marks.blocks) for marks in all_of)))
    if not numbers:
        return Marks()
    stacks = [np.stack([marks.blocks[number] for number in numbers]) for marks in all_of]
    return Marks(dict(zip(numbers, np.logical_and.reduce(stacks), strict=True)))
