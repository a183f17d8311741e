"""Layers that can't be moved away from what they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer
from napari.utils.notifications import show_info


def keep_in_place(layer: Layer) -> None:
    """Have the layer's pixels and places be those of the video, whoever would move, turn or
    scale it: landmarks are stored in pixels of the picture, and a picture that lies elsewhere
    than its landmarks would have wrong ones stored. Whoever tries is told."""
    busy = False

    def put_back(event: Any = None) -> None:
        nonlocal busy
        if busy or in_place(layer):
            return
        busy = True
        try:
            size = layer.ndim
            layer.rotate, layer.shear = np.eye(size), np.zeros(size * (size - 1) // 2)
            layer.scale, layer.translate = np.ones(size), np.zeros(size)
            layer.affine = np.eye(size + 1)
        finally:
            busy = False
        show_info(f"{layer.name} stays where it is: its landmarks are in pixels of the video.")

    for change in ("scale", "translate", "rotate", "shear", "affine"):
        getattr(layer.events, change).connect(put_back)
    put_back()


def in_place(layer: Layer) -> bool:
    """Whether what the layer holds is shown where it says that it is."""
    corners = np.vstack([np.zeros(layer.ndim), np.eye(layer.ndim)])
    return all(np.allclose(layer.data_to_world(one), one) for one in corners)
