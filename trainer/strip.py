"""A track at a glance: all its frames in as many columns as a strip has pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.frame_features import JUMP, FrameFeatures, frames_mask


@dataclass(frozen=True, eq=False)
class StripColumns:
    """What each of W columns shows of the frames that fall into it.

    Attributes
    ----------
    confidence : (W,) float32, lowest mean confidence, 0 to 1; NaN where the face is lost in
        all of them
    jump : (W,) bool, whether any jumps by more than :data:`trainer.frame_features.JUMP`
    lost : (W,) bool, whether the face is lost in any
    corrected : (W,) bool, whether any is corrected
    accepted : (W,) bool, whether all are accepted or corrected
    """

    confidence: np.ndarray
    jump: np.ndarray
    lost: np.ndarray
    corrected: np.ndarray
    accepted: np.ndarray


class Strip:
    """All frames of one track in ``width`` columns, kept up to date as they change.

    Made once from T frames; a change costs the columns it touches.

    Parameters
    ----------
    features : of all T frames
    corrected : (n,) frame numbers
    accepted : (T,) bool, or (n, 2) first frames and ends of stretches
    width : columns, at least 1

    Raises
    ------
    ValueError
        If there is no frame or no column, or a frame isn't in the video.
    """

    def __init__(
        self, features: FrameFeatures, corrected: np.ndarray, accepted: np.ndarray, width: int
    ) -> None:
        if width < 1 or not len(features):
            raise ValueError(f"a strip of {len(features)} frames in {width} columns shows nothing")
        self.width, self.n_frames = width, len(features)
        self._confidence = features.confidence.copy()
        self._jump = _jumped(features)
        self._lost = features.lost
        self._corrected = np.zeros(self.n_frames, bool)
        self._corrected[np.asarray(corrected, np.intp)] = True
        self._accepted = frames_mask(accepted, self.n_frames).copy()
        # Where there are fewer frames than columns, neighbouring columns start alike.
        self._starts = np.arange(width) * self.n_frames // width
        jump, lost, marked, done = np.empty((4, width), bool)
        self.columns = StripColumns(np.empty(width, np.float32), jump, lost, marked, done)
        self._refresh(0, self.n_frames)

    def column_of(self, frame: int) -> int:
        """The column that shows a frame; the middle one where several do."""
        last = ((frame + 1) * self.width - 1) // self.n_frames
        first = -(-frame * self.width // self.n_frames)
        return (first + last) // 2 if first < last else last

    def frame_of(self, column: int) -> int:
        """The first frame that a column shows; columns outside mean the nearest inside."""
        return int(self._starts[min(max(column, 0), self.width - 1)])

    def put(self, first: int, features: FrameFeatures) -> None:
        """Other features of the frames from ``first`` on, as new results have them."""
        stop = first + len(features)
        self._confidence[first:stop] = features.confidence
        self._jump[first:stop] = _jumped(features)
        self._lost[first:stop] = features.lost
        self._refresh(first, stop)

    def mark(
        self, first: int, stop: int, *, corrected: bool | None = None, accepted: bool | None = None
    ) -> None:
        """Frames ``first`` to ``stop`` became corrected or accepted, or no longer are."""
        if corrected is not None:
            self._corrected[first:stop] = corrected
        if accepted is not None:
            self._accepted[first:stop] = accepted
        self._refresh(first, stop)

    def _refresh(self, first: int, stop: int) -> None:
        if stop <= first:
            return
        low = int(np.searchsorted(self._starts, first, side="right")) - 1
        low = int(np.searchsorted(self._starts, self._starts[low]))  # the first that starts alike
        high = int(np.searchsorted(self._starts, stop))
        begin = int(self._starts[low])
        end = int(self._starts[high]) if high < self.width else self.n_frames
        starts, frames, changed = (
            self._starts[low:high] - begin,
            slice(begin, end),
            slice(low, high),
        )
        columns, corrected = self.columns, self._corrected[frames]
        # Of equal starts reduceat takes the one frame, which is what such columns show.
        columns.confidence[changed] = np.fmin.reduceat(self._confidence[frames], starts)
        columns.jump[changed] = np.logical_or.reduceat(self._jump[frames], starts)
        columns.lost[changed] = np.logical_or.reduceat(self._lost[frames], starts)
        columns.corrected[changed] = np.logical_or.reduceat(corrected, starts)
        done = self._accepted[frames] | corrected
        columns.accepted[changed] = np.logical_and.reduceat(done, starts)


def strip(
    features: FrameFeatures, corrected: np.ndarray, accepted: np.ndarray, width: int
) -> StripColumns:
    """The columns of :class:`Strip`, once."""
    return Strip(features, corrected, accepted, width).columns


def merged(tracks: Sequence[StripColumns]) -> StripColumns:
    """Several tracks of one video in one strip: the worst of them, accepted where all are."""
    return StripColumns(
        confidence=np.fmin.reduce([one.confidence for one in tracks]),
        jump=np.logical_or.reduce([one.jump for one in tracks]),
        lost=np.logical_or.reduce([one.lost for one in tracks]),
        corrected=np.logical_or.reduce([one.corrected for one in tracks]),
        accepted=np.logical_and.reduce([one.accepted for one in tracks]),
    )


def _jumped(features: FrameFeatures) -> np.ndarray:
    return np.nan_to_num(features.jump, nan=0.0) > JUMP
