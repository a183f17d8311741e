"""What every video looks like to the rest of the program, whatever it is stored as."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Set
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from trainer.errors import RedError

MAX_PIXELS = 64_000_000
"""Largest picture that is opened: twice an 8K frame; one takes 192 MB as RGB."""


class VideoError(RedError):
    """A video or a folder of frames that can't be used: what, where, what to do."""


class Video(ABC):
    """A sequence of pictures of one size, each found again by its number, exactly.

    Use it as a context manager, or call `close`. `frame` may be called from several
    threads, one at a time gets through; for work in parallel give each thread its own
    `reopen()`.

    Attributes
    ----------
    path : Path
        The file, or the folder of pictures.
    name : str
        What to call its results: the file's or folder's name, or the folder above it in
        300-VW's layout (``NAME/vid.avi``, ``NAME/imgs``).
    n_frames, height, width : int
        Pictures, and the size of each in pixels, upright as shown.
    fps : float
        Mean frames a second.
    timestamps : (n_frames,) float64 array
        When each frame is shown: seconds since the first.
    frame_names : list of str, or None
        For a folder, each picture's file name without its suffix; None for a file.
    warnings : list of str
        What the user should know although the video opened.
    """

    path: Path
    name: str
    n_frames: int
    height: int
    width: int
    fps: float
    timestamps: np.ndarray
    frame_names: list[str] | None
    warnings: list[str]

    def frame(self, number: int) -> np.ndarray:
        """One picture.

        Parameters
        ----------
        number : int
            0-based, below `n_frames`.

        Returns
        -------
        (height, width, 3) uint8 RGB array, the caller's own.

        Raises
        ------
        IndexError
            There is no such frame.
        VideoError
            The frame's data is damaged, or the file is gone or closed.
        """
        number = int(number)
        if not 0 <= number < self.n_frames:
            raise IndexError(
                f"{self.path}: frame {number} asked for, there are frames 0 to {self.n_frames - 1}"
            )
        return self._frame(number)

    def sound_frame(self, number: int) -> np.ndarray | None:
        """As `frame`, but None where the frame's data is damaged."""
        try:
            return self.frame(number)
        except VideoError:
            if number not in self.lost:
                raise
            return None

    def frames(
        self, start: int = 0, stop: int | None = None, step: int = 1
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (number, picture) in order, decoded straight through, independent of `frame`.

        A frame whose data is damaged is left out, and said in `warnings`: numbers never shift.

        Parameters
        ----------
        start, stop, step : int
            As for `range`; `stop` beyond the end is the end. 0 <= start, 1 <= step.
        """
        if start < 0 or step < 1:
            raise ValueError(f"frames from {start} in steps of {step}: need start >= 0, step >= 1")
        end = self.n_frames if stop is None else min(stop, self.n_frames)
        return self._frames(range(start, end, step))

    def warn(self, text: str) -> None:
        """Add to `warnings`, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    @property
    def lost(self) -> Set[int]:
        """Numbers of the frames known so far whose data is damaged: there is no picture."""
        return frozenset()

    @property
    def frame_bytes(self) -> int:
        """Memory of one picture as `frame` returns it, in bytes."""
        return self.height * self.width * 3

    @abstractmethod
    def _frame(self, number: int) -> np.ndarray: ...

    @abstractmethod
    def _frames(self, numbers: range) -> Iterator[tuple[int, np.ndarray]]: ...

    @abstractmethod
    def reopen(self) -> Video:
        """The same video with a reader of its own, at no cost: for another thread."""

    @abstractmethod
    def run_start(self, number: int) -> int:
        """The frame where decoding has to begin to get at frame `number`: `number` or before."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file, from any thread; a `frame` under way ends with a VideoError."""

    def __len__(self) -> int:
        return self.n_frames

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
