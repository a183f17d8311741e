"""OpenGL without a window: the context, and pictures of depth."""

from __future__ import annotations

import contextlib
import importlib
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.errors import RedError

if TYPE_CHECKING:
    import moderngl


class HeadsError(RedError):
    """Heads that can't be drawn here."""


@cache
def open_context() -> moderngl.Context:
    """This process's OpenGL 3.3 context; the first call makes it.

    triton comes with CUDA builds of torch, and torch imports it with the first optimizer. Its
    LLVM and that of Mesa's software OpenGL share names: whichever loads second takes the
    other's, and triton crashes then, Mesa doesn't. So triton goes first.

    Raises
    ------
    HeadsError
        If moderngl isn't installed, or the machine offers no OpenGL.
    """
    try:
        import moderngl
    except ImportError as error:
        raise HeadsError(
            "drawing heads needs moderngl, which isn't installed; "
            'run: pip install "napari-red[heads]"'
        ) from error
    with contextlib.suppress(ImportError):
        importlib.import_module("triton")
    backends: list[dict[str, Any]] = [{"backend": "egl"}, {}] if sys.platform == "linux" else [{}]
    told = ""
    for options in backends:
        try:
            return moderngl.create_standalone_context(require=330, **options)
        except Exception as error:  # moderngl and its loaders raise plain Exception
            told = told or str(error)
    raise HeadsError(
        f"no OpenGL 3.3 without a window ({told}); on Debian install libegl1 and "
        "libgl1-mesa-dri, as scripts/setup.sh does"
    )


_VERTEX = "#version 330\nin vec3 place;\nvoid main() { gl_Position = vec4(place, 1.0); }"
_FRAGMENT = "#version 330\nvoid main() {}"


def depth_picture(
    context: moderngl.Context, clip: np.ndarray, triangles: np.ndarray, side: int
) -> np.ndarray:
    """(side, side) float32 depth, -1 near to 1 far, row 0 at y = -1, of (V, 3) clip points."""
    depth = context.depth_texture((side, side))
    frame = context.framebuffer(depth_attachment=depth)
    program = context.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
    points = context.buffer(np.ascontiguousarray(clip, np.float32))
    index = context.buffer(np.ascontiguousarray(triangles, np.int32))
    array = context.vertex_array(program, [(points, "3f", "place")], index, index_element_size=4)
    frame.use()
    frame.clear(depth=1.0)
    context.enable_only(context.DEPTH_TEST)
    array.render()
    picture = np.frombuffer(depth.read(), np.float32).reshape(side, side) * 2 - 1
    for thing in (array, index, points, program, frame, depth):
        thing.release()
    return picture
