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
    left : frames in which some face is neither accepted nor corrected
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
    done = np.full(n_frames, bool(corrected))
    for frames, marks in zip(corrected, accepted, strict=True):
        numbers = np.asarray(frames, np.intp)
        numbers = numbers[numbers < n_frames]
        of_face = marks.as_array(n_frames)
        fixed[numbers] = of_face[numbers] = True
        done &= of_face
    right = marked_in_all(accepted).as_array(n_frames)
    part = slice(wanted.start, wanted.stop, wanted.step)
    return Reviewed(int(right[part].sum()), int(fixed[part].sum()), int((~done[part]).sum()))
