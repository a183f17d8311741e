"""The part of a video that is worked on: a range of frames, with a stride."""

from __future__ import annotations

from bisect import bisect_left


def within(wanted: range, first: int, stop: int) -> range:
    """The frames that are worked on from ``first`` to before ``stop``."""
    return wanted[bisect_left(wanted, first) : bisect_left(wanted, stop)]


def frame_before(wanted: range, frame: int) -> int:
    """The frame to go on from: inside the part the one before that is worked on, outside of
    it the one right before. -1 for the video's first frame."""
    if wanted.start < frame < wanted.stop:
        return wanted[bisect_left(wanted, frame) - 1]
    return frame - 1


def in_words(frames: range) -> str:
    """``Frame 5``, ``Frames 5 to 40``, ``Frames 5 to 38 (one in 3)``; not of an empty range."""
    if len(frames) == 1:
        return f"Frame {frames[0] + 1}"
    words = f"Frames {frames[0] + 1} to {frames[-1] + 1}"
    return words if frames.step == 1 else f"{words} (one in {frames.step})"
