"""What clicks and drags on the landmarks do."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, Protocol

import numpy as np
from napari.layers.points._points_mouse_bindings import select

from napari_red.core.face_tool import FaceFrame, Part, dragged

HANDLE = 9
"""Side of a handle of the face tool, in screen pixels."""

REACH = 9
"""How far from a handle's middle a drag may begin, in screen pixels."""

TOOLS = ("point", "group", "face")


class Landmarks(Protocol):
    """What tools need of a layer: of napari's Points, and of the one with the landmarks, where
    it is explained."""

    mode: Any
    selected_data: Any
    scale_factor: float
    n_faces: int
    n_landmarks: int
    tool: str
    face: int
    fills: int
    frozen: bool
    dragging: bool

    @property
    def data(self) -> np.ndarray: ...

    @property
    def on_chosen(self) -> Callable[[int], None]: ...

    def get_value(self, position: Any, **where: Any) -> Any: ...

    def world_to_data(self, position: Any) -> Any: ...

    def of_face(self, face: int) -> np.ndarray: ...

    def of_group(self, index: int) -> list[int]: ...

    def face_frame(self, face: int) -> FaceFrame | None: ...

    def may_change(self) -> bool: ...

    def put(self, indices: list[int] | np.ndarray, points: np.ndarray) -> None: ...

    def tell_moved(self, indices: Iterable[int]) -> None: ...


def drag(layer: Landmarks, event: Any) -> Generator[None, None, None]:
    """A press of the mouse, with what follows: the face tool's, or napari's selecting."""
    if layer.tool == "face" or "Alt" in event.modifiers:
        yield from _drag_face(layer, event)
        return
    index = point_under(layer, event)
    if index is not None:
        layer.on_chosen(index // layer.n_landmarks)
        if layer.tool == "group":
            choose_group(layer, index, add="Shift" in event.modifiers)
            if "Shift" in event.modifiers:
                return
        layer.may_change()
    layer.dragging = True
    try:
        yield from select(layer, event)
    finally:
        layer.dragging = False


def double_click(layer: Landmarks, event: Any) -> None:
    """A double click on a point selects its facial part, with Shift that one too."""
    index = point_under(layer, event)
    if index is not None and layer.tool != "face" and layer.mode == "select":
        choose_group(layer, index, add="Shift" in event.modifiers)


def choose_group(layer: Landmarks, index: int, *, add: bool = False) -> None:
    """Select the facial part of a point; one that is selected already stays."""
    group = set(layer.of_group(index))
    if add:
        layer.selected_data = set(layer.selected_data) | group
    elif not group <= set(layer.selected_data):
        layer.selected_data = group


def point_under(layer: Landmarks, event: Any) -> int | None:
    """The point on which the mouse is."""
    found = layer.get_value(
        event.position,
        view_direction=event.view_direction,
        dims_displayed=event.dims_displayed,
        world=True,
    )
    return None if found is None else int(found)


def _drag_face(layer: Landmarks, event: Any) -> Generator[None, None, None]:
    start = np.asarray(layer.world_to_data(event.position), float)[-2:]
    found = _face_at(layer, start)
    if found is None:
        return
    face, frame, part = found
    layer.on_chosen(face)
    if not layer.may_change():
        return
    indices = layer.of_face(face)
    before = layer.data[indices].copy()
    moved, fills = False, layer.fills
    layer.dragging = True
    try:
        yield
        while event.type == "mouse_move":
            if layer.fills != fills:  # another frame came in between
                moved = False
                return
            now = np.asarray(layer.world_to_data(event.position), float)[-2:]
            if not layer.frozen:
                moved = True
                layer.put(indices, dragged(before, part, frame, start, now))
            yield
    finally:
        layer.dragging = False
        if moved:
            layer.tell_moved(indices)


def _face_at(layer: Landmarks, place: np.ndarray) -> tuple[int, FaceFrame, Part] | None:
    """The face a drag from here takes hold of: the chosen one first."""
    reach = REACH * layer.scale_factor
    for face in sorted(range(layer.n_faces), key=lambda face: face != layer.face):
        frame = layer.face_frame(face)
        part = None if frame is None else frame.part_at(place, reach)
        if frame is not None and part is not None and (face == layer.face or part == "move"):
            if layer.tool != "face":
                part = "move"
            return face, frame, part
    return None
