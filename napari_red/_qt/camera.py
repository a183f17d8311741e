"""The camera goes along with a face."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from napari_red.core.follow import follow

WITHOUT_WINDOW = (600.0, 800.0)
"""Height and width of the canvas where there is none."""


def follow_face(viewer: ViewerModel, points: np.ndarray, *, near: bool) -> None:
    """Look at a face: (N, 2) points, yx; where there are none, stay."""
    if not len(points):
        return
    camera = viewer.scene.camera
    centre = float(camera.center[-2]), float(camera.center[-1])
    (y, x), zoom = follow(points, canvas_size(viewer), centre, float(camera.zoom), near=near)
    camera.center = (*camera.center[:-2], y, x)
    camera.zoom = zoom


def canvas_size(viewer: ViewerModel) -> tuple[float, float]:
    """Height and width of the canvas in screen pixels."""
    window = getattr(viewer, "window", None)
    if window is None:
        return WITHOUT_WINDOW
    native = window._qt_viewer.canvas.native
    return float(native.height()), float(native.width())
