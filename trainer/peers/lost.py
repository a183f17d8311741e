"""Pictures of the faces that another aligner finds and ours lacks: are they faces at all?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import imageio.v3 as iio
import numpy as np

from trainer.geometry import CropTransform, FaceBox
from trainer.peers.clips import Clip, Found, unmatched
from trainer.peers.stills import OURS

SIDE = 320
AROUND = 3.0
"""Side of what is shown, in sides of the face box."""

THEIRS_COLOUR, OURS_COLOUR = (255, 60, 60), (60, 230, 60)


def draw_lost(clip: Clip, found: Mapping[str, Found], folder: Path) -> int:
    """Write a picture of each face of another aligner that no face of ours overlaps.

    Parameters
    ----------
    clip : with its pictures
    found : of every aligner, as :meth:`trainer.peers.clips.Everybody.follow` says
    folder : where ``CLIP_FRAME_ALIGNER_NUMBER.png`` goes; theirs is red, ours green

    Returns
    -------
    How many were written
    """
    written = 0
    for name, frames in found.items():
        for frame, faces in enumerate(frames):
            if name == OURS or not len(faces):
                continue
            ours = found[OURS][frame]
            for number in np.flatnonzero(unmatched(faces, [ours])):
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"{Path(clip.name).stem}_{frame:04d}_{name}_{number}.png"
                iio.imwrite(path, _drawn(clip.pictures[frame], faces[number], ours))
                written += 1
    return written


def _drawn(picture: np.ndarray, theirs: np.ndarray, ours: np.ndarray) -> np.ndarray:
    shown = CropTransform.from_box(FaceBox.around(theirs), size=SIDE, crop_scale=AROUND)
    drawn = np.ascontiguousarray(shown.warp(picture))
    for points, colour in ((theirs, THEIRS_COLOUR), *((face, OURS_COLOUR) for face in ours)):
        for x, y in shown.apply(points).round().astype(int).tolist():
            cv2.circle(drawn, (x, y), 2, colour, -1)
    return drawn
