"""How many frames of a video a person has been through, and how many are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_red.core.marks import Marks, marked_in_all


@dataclass(frozen=True)
class Reviewed:
    """Counts of the frames that are worked on.

    Attributes
    ----------
    accepted : frames in which each face is accepted
    corrected : frames in which any face is corrected
    left : neither of both
    """

    accepted: int
    corrected: int
    left: int


NOT_YET = Reviewed(0, 0, 0)
"""Of a video that wasn't counted yet."""


def reviewed(
    n_frames: int, wanted: range, corrected: Sequence[Sequence[int]], accepted: Sequence[Marks]
) -> Reviewed:
    """Count the frames of a video.

    Parameters
    ----------
    n_frames : of the video
    wanted : those that are worked on
    corrected : frame numbers, of each track
    accepted : of each track
    """
    fixed = np.zeros(n_frames, bool)
    for frames in corrected:
        numbers = np.asarray(frames, np.intp)
        fixed[numbers[numbers < n_frames]] = True
    part = slice(wanted.start, wanted.stop, wanted.step)
    fixed, right = fixed[part], marked_in_all(accepted).as_array(n_frames)[part]
    return Reviewed(int(right.sum()), int(fixed.sum()), int((~(right | fixed)).sum()))
