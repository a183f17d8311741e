"""The layers that show the landmarks of one frame."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Points, Vectors
from napari.layers.base import ActionType
from napari.layers.points.points import _PointsSlicingState
from napari.utils.notifications import show_info

from napari_red.core.frame_view import FrameView
from napari_red.core.palette import CORRECTED_COLOUR, landmark_colours, opacity
from napari_red.core.points import contour_vectors, segment_indices, to_napari
from trainer.scheme import scheme_for

POINT_PART = 0.028
"""Diameter of a point, as a part of the face's extent."""

SMALLEST_POINT = 2.0
"""Diameter in video pixels below which no point shrinks."""


class _ShownOnly(_PointsSlicingState):
    """Leaves hidden points out of the view; napari forgets to in two dimensions."""

    def _update_slice_response(self, response: Any) -> None:
        kept = self.layer.shown[response.indices]
        super()._update_slice_response(
            replace(response, indices=response.indices[kept], size=response.size[kept])
        )


class LandmarksLayer(Points):
    """The landmarks of every face in the shown frame: always faces × L points.

    Points can be dragged and hidden, never added, removed, pasted or reordered.

    Parameters
    ----------
    n_faces, n_landmarks : int
        F and L.

    A layer is kept for as long as it can be and resized: the graphics library under napari
    may crash when a layer that was drawn is removed and others change before the next frame.

    Attributes
    ----------
    frozen : bool
        True while the points must not be moved.
    on_moved : callable
        Called after a person moved points.
    on_hide : callable
        Called with the indices of points that a person deleted.
    on_dragged : callable
        Called whenever the positions on the canvas change, also in the middle of a drag.
    """

    _type_string = "points"

    def __init__(self, n_faces: int, n_landmarks: int, **kwargs: Any) -> None:
        self.frozen = False
        self.dragging = False
        self.on_moved: Callable[[], None] = lambda: None
        self.on_hide: Callable[[list[int]], None] = lambda _: None
        self.on_dragged: Callable[[], None] = lambda: None
        options: dict[str, Any] = {"name": "Face landmarks", "border_width": 0.15}
        super().__init__(np.zeros((n_faces * n_landmarks, 2)), **(options | kwargs))
        self.resize(n_faces, n_landmarks)
        self.mouse_drag_callbacks.append(self._watch_drag)
        self.events.data.connect(self._on_data)
        self.events.set_data.connect(lambda: self.on_dragged())

    def resize(self, n_faces: int, n_landmarks: int) -> None:
        """Hold that many faces from now on; nothing is shown until :meth:`fill`."""
        self.n_faces, self.n_landmarks = n_faces, n_landmarks
        scheme = scheme_for(n_landmarks)
        count = n_faces * n_landmarks
        colours = np.tile(landmark_colours(scheme), (n_faces, 1))
        self._opaque = np.column_stack([colours, np.ones(count)])
        self.selected_data.clear()
        with self._silently():
            self._set_data(np.zeros((count, 2)))
            self.features = {
                "face": np.repeat(np.arange(1, n_faces + 1), n_landmarks),
                "landmark": np.tile(np.arange(n_landmarks), n_faces),
                "part": scheme.group_of() * n_faces,
            }
            self.shown = np.zeros(count, bool)
        self.refresh()

    def fill(self, view: FrameView) -> None:
        """Show the landmarks of a frame; nobody is told that anything moved."""
        points, _ = to_napari(view.landmarks)
        corrected = view.corrected.reshape(-1)
        colours = self._opaque.copy()
        colours[:, 3] = opacity(view.confidence.reshape(-1))
        border = np.zeros((len(points), 4))
        border[:, 3] = 0.5 * colours[:, 3]
        border[corrected] = [*np.array(CORRECTED_COLOUR) / 255, 1]
        with self._silently():
            self._data = points
            self.border_width = 0.15
            self.shown = view.visible.reshape(-1)
            self.face_color = colours
            self.border_color = border
            self.symbol = np.where(corrected, "diamond", "disc")
            self.size = np.repeat(point_sizes(view), self.n_landmarks) * (1 + 0.4 * corrected)
        self.refresh()

    @contextmanager
    def _silently(self) -> Iterator[None]:
        """Nothing is told or drawn while many properties change at once."""
        with (
            self.events.blocker_all(),
            self._face.events.blocker_all(),
            self._border.events.blocker_all(),
        ):
            yield

    def _get_layer_slicing_state(self, data: Any, cache: bool) -> _ShownOnly:
        return _ShownOnly(self, data, cache)

    # -- what a person may not do --------------------------------------------------

    @property
    def data(self) -> np.ndarray:
        """(F * L, 2) array, yx in video pixels, face after face."""
        return Points.data.fget(self)

    @data.setter
    def data(self, data: np.ndarray) -> None:
        if np.shape(data) != self._data.shape:
            raise ValueError(
                f"{self.name}: {np.shape(data)} given, {self._data.shape} needed: landmarks "
                "are moved or hidden, never added or removed"
            )
        Points.data.fset(self, np.array(data, np.float64))

    def add(self, coords: np.ndarray) -> None:
        """Landmarks can't be added; says so."""
        show_info("Landmarks can't be added. Drag one to correct it.")

    def remove(self, indices: Iterable[int]) -> None:
        """Hide landmarks instead: they keep their place in the order."""
        chosen = sorted(int(i) for i in indices)
        if chosen and not self.frozen:
            self.selected_data.clear()
            self.on_hide(chosen)

    def _paste_data(self) -> None:
        show_info("Landmarks can't be pasted. Drag one to correct it.")

    def _move(self, selection_indices: Any, position: Any) -> None:
        if not self.frozen:
            super()._move(selection_indices, position)

    # -- what a person did ---------------------------------------------------------

    def nudge(self, dy: float, dx: float) -> None:
        """Move the selected points by video pixels."""
        if self.selected_data and not self.frozen:
            data = self.data.copy()
            data[list(self.selected_data)] += (dy, dx)
            self.data = data

    def _on_data(self, event: Any) -> None:
        if event.action == ActionType.CHANGED:
            self.on_moved()

    def _watch_drag(self, layer: Points, event: Any) -> Generator[None, None, None]:
        self.dragging = True
        yield
        while event.type == "mouse_move":
            yield
        self.dragging = False


class ContoursLayer(Vectors):
    """The contour lines of every face in the shown frame."""

    _type_string = "vectors"

    def __init__(self, n_faces: int, n_landmarks: int, **kwargs: Any) -> None:
        options: dict[str, Any] = {
            "name": "Face contours",
            "vector_style": "line",
            "opacity": 0.8,
        }
        super().__init__(np.zeros((0, 2, 2)), **(options | kwargs))
        self.resize(n_faces, n_landmarks)

    def resize(self, n_faces: int, n_landmarks: int) -> None:
        """Hold that many faces from now on; nothing is shown until :meth:`fill`."""
        scheme = scheme_for(n_landmarks)
        self.n_landmarks = n_landmarks
        self._segments = segment_indices(scheme)
        self._rgb = np.tile(landmark_colours(scheme)[self._segments[:, 1]], (n_faces, 1))
        self._put(np.zeros((n_faces * n_landmarks, 2)), np.zeros(len(self._rgb)), edge_width=1.0)

    def fill(self, points: np.ndarray, view: FrameView) -> None:
        """Draw lines through ``points`` (F * L, 2) yx, as visible and sure as in ``view``."""
        a, b = self._segments[:, 0], self._segments[:, 1]
        sure = opacity(view.confidence)
        alpha = np.minimum(sure[:, a], sure[:, b]) * (view.visible[:, a] & view.visible[:, b])
        sizes = point_sizes(view)
        width = 0.3 * (sizes[sizes > 0].mean() if (sizes > 0).any() else 1.0)
        self._put(points, alpha.reshape(-1), edge_width=float(width))

    def _put(self, points: np.ndarray, alpha: np.ndarray, *, edge_width: float) -> None:
        with self.events.blocker_all(), self._edge.events.blocker_all():
            self.data = contour_vectors(points, self._segments, self.n_landmarks)
            self.edge_color = np.column_stack([self._rgb, alpha])
            self.edge_width = edge_width
        self.refresh()


def point_sizes(view: FrameView) -> np.ndarray:
    """(F,) float64 array: diameter of the points of each face in video pixels."""
    sizes = np.zeros(len(view.landmarks))
    for face, landmarks in enumerate(view.landmarks):
        finite = landmarks[np.isfinite(landmarks).all(axis=1)]
        if len(finite):
            extent = float(np.ptp(finite, axis=0).max())
            sizes[face] = max(POINT_PART * extent, SMALLEST_POINT)
    return sizes
