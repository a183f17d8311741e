"""A video as a lazy array, and what of it is on the screen.

:class:`VideoStack` is exact and waits for the frame it is asked for. :class:`Screen`
never waits long: it gives the wanted frame if it is there, else a preview of one near it,
else the one shown before, and says which of them it gave.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from napari_red.core.previews import Previews, enlarged
from trainer.data.frame_cache import FrameCache
from trainer.data.video import Video, open_video
from trainer.errors import RedError

CACHE_BYTES = 128 * 2**20
"""Memory for decoded frames around the playhead: 48 of 1280 × 720 pixels, two seconds."""

LEAST_FRAMES = 16
"""Frames that are kept however large they are, or each step back would start far off anew."""

PATIENCE_S = 0.03
"""How long a moving slider waits for a frame, about one redraw of the window."""


def cache_bytes(video: Video) -> int:
    """How much memory the frames of a video around the playhead may take."""
    return max(CACHE_BYTES, LEAST_FRAMES * video.frame_bytes)


class FramesLike(Protocol):
    """A source of frames that decodes in the background: a :class:`FrameCache`."""

    def get(self, number: int, timeout: float | None = None) -> np.ndarray: ...

    def peek(self, number: int) -> np.ndarray | None: ...

    def close(self) -> None: ...


class PreviewsLike(Protocol):
    """Small pictures of frames here and there: :class:`Previews`."""

    done: threading.Event

    def nearest(self, number: int) -> tuple[int, np.ndarray] | None: ...

    def turned(self) -> None: ...

    def close(self) -> None: ...


class FramesError(RedError):
    """Frames that can't be had."""


class VideoStack:
    """The frames of a video as an array, decoded when they are looked at.

    Shape (T, H, W, 3), axes time, y, x, RGB; uint8. Indexing gives exactly the frames
    asked for, at most as many as the memory for frames holds; more are refused with a
    :class:`FramesError`, so that nobody loads a long video whole by mistake. A deep copy
    is the same video opened anew.

    Parameters
    ----------
    video : an open video
    frames : where its frames come from
    previews : pictures of frames here and there
    """

    ndim = 4
    dtype = np.dtype(np.uint8)

    def __init__(self, video: Video, frames: FramesLike, previews: PreviewsLike) -> None:
        self.video = video
        self.frames = frames
        self.previews = previews
        self.shape = (video.n_frames, video.height, video.width, 3)

    @classmethod
    def open(cls, path: str | Path) -> VideoStack:
        """Open a video file or a folder of frames.

        Raises
        ------
        VideoError
            If it can't be read.
        """
        video = open_video(path)
        return cls(video, FrameCache(video, cache_bytes(video)), Previews(video))

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: object) -> np.ndarray:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) and key else (key, ())
        if first is Ellipsis:
            first, rest = slice(None), ((Ellipsis, *rest) if rest else ())
        if isinstance(first, slice):
            indices = range(*first.indices(len(self)))
            return self._frames(indices)[(slice(None), *rest)]
        if isinstance(first, (int, np.integer)):
            return self._frame(int(first))[rest]
        chosen = np.arange(len(self))[np.asarray(first)]
        return self._frames(chosen)[(slice(None), *rest)]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype)

    def __deepcopy__(self, memo: dict) -> VideoStack:
        """The same video with a decoder of its own, opened anew."""
        return VideoStack.open(self.video.path)

    def _frames(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """(N, H, W, 3) array of some frames; as many as fit into the memory for frames."""
        one = int(np.prod(self.shape[1:]))
        needed = len(indices) * one
        if needed > CACHE_BYTES and len(indices) > 1:
            most = max(CACHE_BYTES // one, 1)
            raise FramesError(
                f"{self.video.path}: {len(indices)} frames at once would need "
                f"{needed / 2**30:.1f} GiB; take some of them, at most {most}, like "
                f"stack[:{most}]"
            )
        return np.stack([self._frame(int(i)) for i in indices])

    def _frame(self, index: int) -> np.ndarray:
        if not -len(self) <= index < len(self):
            raise IndexError(f"frame {index}: the video has frames 0 to {len(self) - 1}")
        return self.frames.get(index % len(self))

    def close(self) -> None:
        """Stop decoding."""
        self.previews.close()
        self.frames.close()
        self.video.close()


class Screen:
    """What the canvas shows of a stack: the wanted frame, or what comes nearest to it.

    An array of the same shape. Reading frame ``i`` makes it the wanted one. If it is not
    decoded yet, a preview comes back where that is nearer to it than the image already
    shown; else that image, after ``patience`` seconds. ``late`` is True until the frame is
    read again and there. A frame that can't be decoded is black, and ``trouble`` says why.

    Parameters
    ----------
    stack : VideoStack
    patience : float or None
        Seconds; None waits for every frame.

    Attributes
    ----------
    wanted : the frame that was asked for last
    shown : the frame that the picture is of or, if it is a preview, stands for
    preview : the frame that the preview on the canvas is of; None if the picture is exact
    """

    ndim = VideoStack.ndim
    dtype = VideoStack.dtype

    def __init__(self, stack: VideoStack, patience: float | None = PATIENCE_S) -> None:
        self.stack = stack
        self.shape = stack.shape
        self.size = stack.size
        self.patience = patience
        self.wanted = 0
        self.shown: int | None = None
        self.preview: int | None = None
        self.trouble = ""
        self._image: np.ndarray | None = None

    @property
    def late(self) -> bool:
        """True while the picture is not the wanted frame's own."""
        return self.shown != self.wanted or self.preview is not None

    def arrived(self) -> bool:
        """True if the wanted frame is decoded by now, or never will be."""
        return self._look(0) is not None

    def __getitem__(self, key: tuple) -> np.ndarray:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if isinstance(first, slice):
            chosen = range(*first.indices(len(self.stack)))
            if len(chosen) != 1:
                return self.stack[key]
            return self[chosen[0], *rest][None]
        self.wanted = int(first)
        if self.late or self._image is None:
            self._turn()
        assert self._image is not None
        return self._image[tuple(rest)]

    def _turn(self) -> None:
        """Show the wanted frame, or what comes nearest to it in time."""
        patience, near = self.patience, None
        if patience is not None:
            self.stack.previews.turned()
            near = self._nearer()
            if near is not None:
                patience = 0
            elif self._image is None:
                patience = None
        image = self._look(patience)
        if image is not None:
            self._image, self.shown, self.preview = image, self.wanted, None
        elif near is not None and (near[0], self.wanted) != (self.preview, self.shown):
            self._image = enlarged(near[1], *self.shape[1:3])
            self.preview, self.shown = near[0], self.wanted

    def _nearer(self) -> tuple[int, np.ndarray] | None:
        """The nearest preview; None if the exact frame on the canvas is as near."""
        near = self.stack.previews.nearest(self.wanted)
        if near is None or self.shown is None or self.preview is not None:
            return near
        return near if abs(near[0] - self.wanted) < abs(self.shown - self.wanted) else None

    def _look(self, patience: float | None) -> np.ndarray | None:
        """The wanted frame, if it is there in time."""
        try:
            image = self.stack.frames.get(self.wanted, patience)
        except TimeoutError:
            return None
        except RedError as error:
            self.trouble = str(error)
            return np.zeros(self.shape[1:], self.dtype)
        self.trouble = ""
        return image
