"""Frames around the playhead, decoded ahead of time by background threads."""

from __future__ import annotations

import mmap
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

import numpy as np

from trainer.data.video_base import Video, VideoError

REST_S = 0.15
"""How long after a jump nothing is decoded but what is asked for: another may follow."""


class FrameCache:
    """Keeps the frames around one place of a video in memory, in both directions.

    One thread decodes forward from the playhead and whatever is asked for, a second one fills
    up what lies behind; each has a reader of its own. Two thirds of the room lie in the
    direction of the last two moves. Every method may be called from any thread.

    Parameters
    ----------
    video : Video
        Not used itself, only reopened: it stays the caller's, to use and to close.
    budget_bytes : int
        Memory for decoded frames; at least one frame is kept whatever the budget.
    """

    def __init__(self, video: Video, budget_bytes: int = 128 * 2**20) -> None:
        self.n_frames = video.n_frames
        self.capacity = int(max(1, min(budget_bytes // video.frame_bytes, video.n_frames)))
        self._path = video.path
        self._changed = threading.Condition()
        self._frames: dict[int, np.ndarray] = {}
        self._failed: dict[int, VideoError] = {}
        self._waiting: Counter[int] = Counter()
        self._playhead = 0
        self._direction = self._last_move = 1
        self._rests_until = 0.0
        self._refilling = True
        self._closed = False
        self._broken: Exception | None = None
        self._readers = [video.reopen(), video.reopen()]
        self._threads = [
            threading.Thread(target=self._work, args=(plan, reader), name=name, daemon=True)
            for plan, reader, name in (
                (self._ahead, self._readers[0], "frames ahead"),
                (self._behind, self._readers[1], "frames behind"),
            )
        ]
        for thread in self._threads:
            thread.start()

    def get(self, number: int, timeout: float | None = None) -> np.ndarray:
        """One frame, from memory or as soon as it is decoded; moves the playhead there.

        Parameters
        ----------
        number : int
            0-based.
        timeout : float, optional
            Seconds to wait at most; without it, as long as it takes.

        Returns
        -------
        (height, width, 3) uint8 RGB array, read-only.

        Raises
        ------
        IndexError
            There is no such frame.
        VideoError
            It can't be decoded, or the cache is closed.
        TimeoutError
            It wasn't there in time; it is still being decoded.
        """
        self.request(number)
        with self._changed:
            self._waiting[number] += 1
            try:
                if not self._changed.wait_for(lambda: self._settled(number), timeout):
                    raise TimeoutError(f"{self._path}: frame {number} is not decoded yet")
                self._raise_trouble(number)
                return self._frames[number]
            finally:
                self._waiting[number] -= 1
                if not self._waiting[number]:
                    del self._waiting[number]

    def peek(self, number: int) -> np.ndarray | None:
        """The frame if it is in memory, else None; moves nothing."""
        with self._changed:
            return self._frames.get(number)

    def request(self, number: int) -> None:
        """Move the playhead: frames around it are decoded next.

        Raises
        ------
        IndexError
            There is no such frame.
        VideoError
            Reading has failed, or the cache is closed.
        """
        if not 0 <= number < self.n_frames:
            raise IndexError(
                f"{self._path}: frame {number} asked for, there are frames 0 to {self.n_frames - 1}"
            )
        with self._changed:
            self._raise_trouble(None)
            if number != self._playhead:
                move = 1 if number > self._playhead else -1
                if move == self._last_move:
                    self._direction = move
                self._last_move = move
                first, last = self._window()
                if not first <= number <= last:
                    self._rests_until = time.monotonic() + REST_S
                self._playhead = number
                self._changed.notify_all()

    def close(self) -> None:
        """Stop decoding, forget the frames and end the threads; who waits gets a VideoError."""
        with self._changed:
            self._closed = True
            self._frames.clear()
            self._changed.notify_all()
        for reader in self._readers:
            reader.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _settled(self, number: int) -> bool:
        return bool(
            self._closed or self._broken or number in self._frames or number in self._failed
        )

    def _raise_trouble(self, number: int | None) -> None:
        if self._closed:
            raise VideoError(f"{self._path}: this video was closed; open it again")
        if self._broken is not None:
            raise VideoError(
                f"{self._path}: reading it stopped ({self._broken}); open it again"
            ) from self._broken
        if number in self._failed:
            raise VideoError(str(self._failed[number])) from self._failed[number]

    def _window(self) -> tuple[int, int]:
        """First and last frame to keep, around the playhead."""
        room = self.capacity - 1
        ahead = room - room // 3 if self._direction > 0 else room // 3
        last = min(self._playhead + ahead, self.n_frames - 1)
        first = max(last - room, 0)
        return first, min(first + room, self.n_frames - 1)

    def _missing(self, numbers: range) -> int | None:
        return next((n for n in numbers if n not in self._frames and n not in self._failed), None)

    def _ahead(self, reader: Video) -> list[int]:
        """What to decode next from the playhead on; what somebody waits for comes first."""
        for number in sorted(self._waiting, key=lambda n: abs(n - self._playhead)):
            if not self._settled(number):
                return [number]
        end = self._playhead if self._rest() else self._window()[1]
        first_missing = self._missing(range(self._playhead, end + 1))
        return [] if first_missing is None else [first_missing]

    def _behind(self, reader: Video) -> list[int]:
        """What to decode behind the playhead: many at once, for each run costs a seek."""
        if self._rest() or not self._settled(self._playhead):
            return []
        first = self._window()[0]
        last = self._missing(range(self._playhead - 1, first - 1, -1))
        if last is None:
            return []
        cached = self._playhead - 1 - last
        if not self._refilling and cached >= 3 * (self._playhead - first) // 4:
            return []
        start = max(first, reader.run_start(last))
        self._refilling = start > first
        return [n for n in range(start, last + 1) if self._missing(range(n, n + 1)) is not None]

    def _work(self, plan: Callable[[Video], list[int]], reader: Video) -> None:
        try:
            while (numbers := self._next_run(plan, reader)) is not None:
                for number in numbers:
                    if not self._wanted(number):
                        break
                    self._decode(number, reader)
        except Exception as error:
            # Whoever asks for a frame next is told.
            with self._changed:
                self._broken = error
                self._changed.notify_all()
        finally:
            reader.close()

    def _next_run(self, plan: Callable[[Video], list[int]], reader: Video) -> list[int] | None:
        """Wait until there is something to decode; None when closed."""
        with self._changed:
            while not self._closed and self._broken is None:
                if numbers := plan(reader):
                    return numbers
                self._changed.wait(self._rest() or None)
        return None

    def _rest(self) -> float:
        """Seconds until frames are decoded that nobody has asked for; 0 if they are now."""
        return max(self._rests_until - time.monotonic(), 0.0)

    def _wanted(self, number: int) -> bool:
        with self._changed:
            first, last = self._window()
            return not self._closed and (first <= number <= last or number in self._waiting)

    def _decode(self, number: int, reader: Video) -> None:
        try:
            image = _kept(reader.frame(number))
        except VideoError as error:
            with self._changed:
                if not self._closed:
                    self._failed[number] = error
                    self._changed.notify_all()
            return
        with self._changed:
            if self._closed:
                return
            self._frames[number] = image
            idle = [n for n in self._frames if n not in self._waiting]
            if idle and len(self._frames) > self.capacity:
                first, last = self._window()
                far = max(idle, key=lambda n: (not first <= n <= last, abs(n - self._playhead)))
                del self._frames[far]
            self._changed.notify_all()


def _kept(image: np.ndarray) -> np.ndarray:
    """A read-only copy in memory of its own, which the system has back with the last reference.

    In the common heap, frames that come and go leave holes: after some 2,000 steps, a window
    with 512 MB of frames in this cache held 730 MB more that it didn't use.
    """
    kept = np.frombuffer(mmap.mmap(-1, image.nbytes), np.uint8).reshape(image.shape)
    kept[...] = image
    kept.setflags(write=False)
    return kept
