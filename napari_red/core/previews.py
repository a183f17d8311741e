"""Small pictures of frames all over a video, for the moment until the exact one is decoded."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, insort
from itertools import pairwise

import cv2
import numpy as np

from trainer.data.video_base import Video, VideoError

BUDGET_BYTES = 10 * 2**20
"""Memory for all of them: 160 pictures of a video of 16:9."""

SIDE = 192
"""Longest side of a preview, in pixels."""

REST_S = 0.4
"""How long nobody must have turned to another frame before one more is decoded."""

MOST_DECODED = 20_000
"""A video with more frames gets previews of those only that decoding can begin at."""


class Previews:
    """Decodes a frame here and there in a thread of its own, while the window rests.

    The frames that decoding can begin at come first, for they cost least; then the others
    that are needed for previews to lie evenly. Every method may be called from any thread.

    Parameters
    ----------
    video : Video
        Not used itself, only reopened.
    budget_bytes : int
        Memory for the pictures.

    Attributes
    ----------
    done : threading.Event
        Set when there is nothing left to decode.
    """

    def __init__(self, video: Video, budget_bytes: int = BUDGET_BYTES) -> None:
        scale = min(SIDE / max(video.width, video.height), 1)
        self._size = (max(round(video.width * scale), 1), max(round(video.height * scale), 1))
        room = budget_bytes // (3 * self._size[0] * self._size[1])
        self._count = int(max(1, min(room, video.n_frames)))
        self._video, self._reader = video, video.reopen()
        self._pictures: dict[int, np.ndarray] = {}
        self._numbers: list[int] = []
        self._lock = threading.Lock()
        self._turned_at = 0.0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.done = threading.Event()

    def nearest(self, number: int) -> tuple[int, np.ndarray] | None:
        """The nearest frame with a preview, and that: (h, w, 3) uint8 RGB. None so far."""
        with self._lock:
            place = bisect_left(self._numbers, number)
            around = self._numbers[max(place - 1, 0) : place + 1]
            if not around:
                return None
            found = min(around, key=lambda n: abs(n - number))
            return found, self._pictures[found]

    def turned(self) -> None:
        """The window turned to another frame: begin, or rest a little."""
        with self._lock:
            self._turned_at = time.monotonic()
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._work, name="previews", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop decoding, and forget the pictures."""
        with self._lock:
            self._closing.set()
        self._reader.close()
        if self._thread is not None:
            self._thread.join()
        self._pictures.clear()
        self._numbers.clear()

    def plan(self) -> list[int]:
        """The frames to decode, in this order."""
        n_frames = self._video.n_frames
        bounds = np.linspace(0, n_frames, self._count + 1).astype(int)
        cheap, others = [], []
        for first, end in pairwise(bounds):
            start = self._video.run_start(int(end) - 1)
            if start >= first:
                cheap.append(start)
            else:
                others.append(int(first + end) // 2)
        return cheap + (others if n_frames <= MOST_DECODED else [])

    def _work(self) -> None:
        for number in self.plan():
            if not self._rest():
                return
            begin = time.monotonic()
            try:
                image = self._reader.frame(number)
            except VideoError:
                continue  # who turns to that frame is told
            small = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
            with self._lock:
                self._pictures[number] = small
                insort(self._numbers, number)
            # Half of a core at most: somebody may be dragging a landmark.
            self._closing.wait(time.monotonic() - begin)
        self._reader.close()
        self.done.set()

    def _rest(self) -> bool:
        """Wait until the window rests; False when closed."""
        while not self._closing.is_set():
            left = self._turned_at + REST_S - time.monotonic()
            if left <= 0:
                return True
            self._closing.wait(left)
        return False


def enlarged(preview: np.ndarray, height: int, width: int) -> np.ndarray:
    """A preview in the size of the frame: (height, width, 3) uint8 RGB."""
    return np.asarray(cv2.resize(preview, (width, height), interpolation=cv2.INTER_LINEAR))
