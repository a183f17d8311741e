"""npe2 writer: the landmarks of the shown frame as ``.pts`` files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from napari_red.core.points import from_napari
from trainer.data.pts import PtsError, write_pts
from trainer.scheme import IBUG68


def write_shown_frame(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the faces of a Points layer: ``NAME.pts``, ``NAME_face_2.pts``, …

    The whole video is exported from the dock or by ``napari-red export``.

    Parameters
    ----------
    path : path of the first face's file
    data : (F * 68, 2) array, yx
    attributes : the layer's attributes; a face of which no point is shown gets no file

    Returns
    -------
    list of str, the files written

    Raises
    ------
    PtsError
        If the layer doesn't hold 68 points a face, shows none, or the file can't be written.
    """
    points = np.asarray(data, np.float64)
    n_landmarks = IBUG68.n_landmarks
    if points.ndim != 2 or points.shape[1] != 2 or len(points) % n_landmarks or not len(points):
        raise PtsError(
            f"{path}: the layer holds {points.shape} points, a .pts file needs {n_landmarks} in "
            "two dimensions for each face; select the layer 'Face landmarks'"
        )
    shown = np.broadcast_to(attributes.get("shown", True), len(points))
    written: list[str] = []
    for face, landmarks in enumerate(from_napari(points, n_landmarks)):
        if not shown.reshape(-1, n_landmarks)[face].any():
            continue
        first = Path(path)
        target = first if not written else first.with_name(f"{first.stem}_face_{face + 1}.pts")
        write_pts(target, landmarks)
        written.append(str(target))
    if not written:
        raise PtsError(f"{path}: no landmark is shown in this frame; go to a frame with a face")
    return written
