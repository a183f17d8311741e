"""A video of any length with nothing to see, for measuring and testing what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trainer.data.video_base import Video


class BlankVideo(Video):
    """Black pictures; it takes no memory that grows with its length but the timestamps'.

    Parameters
    ----------
    path : a file that is there, which the fingerprint is made of
    n_frames : T
    """

    def __init__(self, path: Path, n_frames: int, height: int = 720, width: int = 1280) -> None:
        self.path = path
        self.name = path.stem
        self.n_frames = n_frames
        self.height, self.width = height, width
        self.fps = 25.0
        self.timestamps = np.arange(n_frames) / self.fps
        self.frame_names = None
        self.warnings = []

    def _frame(self, number: int) -> np.ndarray:
        return np.zeros((self.height, self.width, 3), np.uint8)

    def _frames(self, numbers: range) -> Iterator[tuple[int, np.ndarray]]:
        for number in numbers:
            yield number, self._frame(number)

    def reopen(self) -> BlankVideo:
        """The same video."""
        return BlankVideo(self.path, self.n_frames, self.height, self.width)

    def run_start(self, number: int) -> int:
        """Every picture stands on its own."""
        return number

    def close(self) -> None:
        """Nothing is open."""
