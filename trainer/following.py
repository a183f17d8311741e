"""Following one face from a frame whose landmarks are known, forward or backward."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

import numpy as np

from trainer.ahead import ahead
from trainer.data.video_base import Video
from trainer.errors import RedError
from trainer.tracker import FaceTracker

LOOKS = 2
"""The face is lost where the detector misses it in so many looks on end."""

_CHUNK_BYTES = 128 * 1024 * 1024


class FollowError(RedError):
    """A face that can't be followed from where it was told to be."""


Followed = tuple[int, np.ndarray, np.ndarray, float]
"""Frame, (L, 2) landmarks, (L,) confidence, disagreement; NaN where the face is lost."""


def follow(
    tracker: FaceTracker, video: Video, frame: int, landmarks: np.ndarray, stop: int
) -> Iterator[Followed]:
    """One face, frame after frame, from where it was told to be.

    Parameters
    ----------
    tracker : with one slot, new
    video : an open video
    frame : where the face is known
    landmarks : (L, 2) xy in video pixels; they enter the network as its label map. Where
        they are NaN the network fills them in
    stop : the frame after the last, before ``frame`` for going backward, as in ``range``

    Yields
    ------
    First ``frame`` itself as the network sees it from there, so that it can be told how far
    that is from ``landmarks``; then each further frame. A frame that can't be read is left
    out. After the frame in which the face is lost there are no more.

    Raises
    ------
    FollowError
        If ``frame`` can't be read or no landmark is known.
    VideoError
        If the video turns out to be unreadable.
    """
    if not np.isfinite(landmarks).all(axis=-1).any():
        raise FollowError(
            f"frame {frame + 1}: has no landmarks to follow the face from; place some first"
        )
    step = -1 if stop < frame else 1
    stop = max(-1, min(stop, video.n_frames))
    pictures = video.frames(frame, stop) if step > 0 else backwards(video, stop + 1, frame + 1)
    with closing(ahead(pictures)) as source:
        images = _Noted(item for item, _ in source)
        first = next(images, None)
        if first is None or first[0] != frame:
            raise FollowError(f"frame {frame + 1}: can't be read; start from another frame")
        seen = tracker.pin(first[1], frame, 0, np.asarray(landmarks, np.float32))
        assert seen is not None
        yield frame, seen.landmarks, seen.confidence, seen.disagreement
        reached = frame
        track = tracker.tracks[0]
        for number, result in tracker.trace(track, images, looks=LOOKS, keep_state=True):
            reached = number
            yield number, result.landmarks, result.confidence, result.disagreement
        if images.last != reached:
            lost = np.full_like(seen.landmarks, np.nan)
            yield reached + step, lost, lost[:, 0].copy(), float("nan")


class _Noted:
    """Numbered pictures; ``last`` is the number of the last one drawn."""

    def __init__(self, images: Iterator[tuple[int, np.ndarray]]) -> None:
        self.images = images
        self.last = -1

    def __iter__(self) -> _Noted:
        return self

    def __next__(self) -> tuple[int, np.ndarray]:
        item = next(self.images)
        self.last = item[0]
        return item


def backwards(video: Video, first: int, end: int) -> Generator[tuple[int, np.ndarray], None, None]:
    """(number, picture) from ``end - 1`` down to ``first``, decoded in runs."""
    chunk = max(1, min(32, _CHUNK_BYTES // video.frame_bytes))
    if end <= first:
        return
    with video.reopen() as reader:
        while end > first:
            begin = max(first, end - chunk)
            yield from reversed(list(reader.frames(begin, end)))
            end = begin
