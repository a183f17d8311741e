"""Frames in memory as a video: every aligner gets the very same pictures, decoded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trainer.data.video_base import Video


class MemoryVideo(Video):
    """A video of (H, W, 3) uint8 RGB pictures that are there already."""

    def __init__(self, pictures: list[np.ndarray], name: str = "frames", fps: float = 25.0) -> None:
        self.pictures = pictures
        self.path = Path(name)
        self.name = name
        self.n_frames = len(pictures)
        self.height, self.width = pictures[0].shape[:2]
        self.fps = fps
        self.timestamps = np.arange(len(pictures)) / fps
        self.frame_names = None
        self.warnings = []

    def _frame(self, number: int) -> np.ndarray:
        return self.pictures[number].copy()

    def _frames(self, numbers: range) -> Iterator[tuple[int, np.ndarray]]:
        for number in numbers:
            yield number, self.pictures[number].copy()

    def reopen(self) -> Video:
        """The same pictures again."""
        return self

    def run_start(self, number: int) -> int:
        """Any picture is there at once."""
        return number

    def close(self) -> None:
        """Nothing to let go of."""
