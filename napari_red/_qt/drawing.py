"""What the graphics library does anew with every change, though it need not."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from napari.components import ViewerModel
from napari.layers import Vectors
from vispy.visuals.mesh import MeshVisual
from vispy.visuals.shaders import Function

_AS_IT_IS = "vec4 pass(vec4 color) { return color; }"


def keep_program(viewer: ViewerModel, layer: Vectors) -> None:
    """Have the lines of a layer drawn without building their shader program anew.

    vispy makes a new function for the colours whenever a mesh gets other data, so the
    program is compiled and linked again for every frame and every step of a drag: a third
    of the time a drag takes. One that stays does the same. Where vispy is another than we
    know, nothing happens.
    """
    window = getattr(viewer, "window", None)
    if window is None:
        return
    visual = window._qt_viewer.canvas.layer_to_visual.get(layer)
    node = getattr(visual, "node", None)
    if isinstance(node, MeshVisual) and hasattr(node, "_build_color_transform"):
        node._build_color_transform = _colour_transform(node)


def _colour_transform(node: MeshVisual) -> Any:
    build = node._build_color_transform

    @lru_cache(maxsize=1)
    def plain() -> Function:
        return Function(_AS_IT_IS)

    def transform(colours: Any) -> Any:
        values = colours.ndim == 2 and colours.shape[1] == 1
        return build(colours) if values else plain()

    return transform
