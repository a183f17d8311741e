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
    worked : (W,) bool, whether any is worked on
    """

    confidence: np.ndarray
    jump: np.ndarray
    lost: np.ndarray
    corrected: np.ndarray
    accepted: np.ndarray
    worked: np.ndarray


def strip(
    features: FrameFeatures,
    corrected: np.ndarray,
    accepted: np.ndarray,
    width: int,
    wanted: range | None = None,
) -> StripColumns:
    """All frames of one track in ``width`` columns.

    Where there are fewer frames than columns, neighbouring columns show the same one.

    Parameters
    ----------
    features : of all T frames
    corrected : (n,) frame numbers
    accepted : (T,) bool, or (n, 2) first frames and ends of stretches
    width : columns, at least 1
    wanted : the frames that are worked on, all if None; of others nothing is lost, and none
        waits to be accepted

    Raises
    ------
    ValueError
        If there is no frame or no column, or a frame isn't in the video.
    """
    n_frames = len(features)
    if width < 1 or not n_frames:
        raise ValueError(f"a strip of {n_frames} frames in {width} columns shows nothing")
    marked, worked = np.zeros((2, n_frames), bool)
    marked[np.asarray(corrected, np.intp)] = True
    worked[slice(None) if wanted is None else np.asarray(wanted, np.intp)] = True
    left = worked & ~(frames_mask(accepted, n_frames) | marked)
    jumps = np.nan_to_num(features.jump, nan=0.0) > JUMP
    # Of equal starts reduceat takes the one frame, which is what such columns show.
    starts = np.arange(width) * n_frames // width
    any_worked = np.logical_or.reduceat(worked, starts)
    return StripColumns(
        confidence=np.fmin.reduceat(features.confidence, starts),
        jump=np.logical_or.reduceat(jumps, starts),
        lost=np.logical_or.reduceat(features.lost & worked, starts),
        corrected=np.logical_or.reduceat(marked, starts),
        accepted=any_worked & ~np.logical_or.reduceat(left, starts),
        worked=any_worked,
    )


def merged(tracks: Sequence[StripColumns]) -> StripColumns:
    """Several tracks of one video in one strip: the worst of them, accepted where all are."""
    return StripColumns(
        confidence=np.fmin.reduce([one.confidence for one in tracks]),
        jump=np.logical_or.reduce([one.jump for one in tracks]),
        lost=np.logical_or.reduce([one.lost for one in tracks]),
        corrected=np.logical_or.reduce([one.corrected for one in tracks]),
        accepted=np.logical_and.reduce([one.accepted for one in tracks]),
        worked=np.logical_or.reduce([one.worked for one in tracks]),
    )
