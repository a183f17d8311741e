"""The layer of the lines that join the landmarks of one frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Vectors

from napari_red._qt.in_place import keep_in_place
from napari_red.core.appearance import Appearance, Look, appearance, point_sizes
from napari_red.core.frame_view import FrameView
from napari_red.core.palette import landmark_colours
from napari_red.core.points import contour_vectors, segment_indices
from trainer.scheme import scheme_for


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
        keep_in_place(self)

    def resize(self, n_faces: int, n_landmarks: int) -> None:
        """Hold that many faces from now on; nothing is shown until :meth:`fill`."""
        scheme = scheme_for(n_landmarks)
        self.n_landmarks = n_landmarks
        self._segments = segment_indices(scheme)
        rgb = np.tile(landmark_colours(scheme)[self._segments[:, 1]], (n_faces, 1))
        vectors = contour_vectors(np.zeros((n_faces * n_landmarks, 2)), self._segments, n_landmarks)
        with self.events.blocker_all(), self._edge.events.blocker_all():
            self.data = vectors
            self.edge_color = np.column_stack([rgb, np.zeros(len(rgb))])
            self.edge_width = 1.0
        self.refresh()

    def fill(self, points: np.ndarray, view: FrameView, drawn: Appearance | None = None) -> None:
        """Draw lines through ``points`` (F * L, 2) yx, as visible and sure as in ``view``."""
        drawn = drawn or appearance(view, Look(), {})
        a, b = self._segments[:, 0], self._segments[:, 1]
        colours = drawn.line[:, b].copy()
        colours[..., 3] = np.minimum(drawn.line[:, a, 3], drawn.line[:, b, 3])
        sizes = point_sizes(view)
        width = 0.3 * (sizes[sizes > 0].mean() if (sizes > 0).any() else 1.0)
        with self.events.blocker_all(), self._edge.events.blocker_all():
            self._edge.colors = colours.reshape(-1, 4)
            self._edge_width = float(width)
        self.follow(points)

    def follow(self, points: np.ndarray) -> None:
        """The same lines through points that have moved: (F * L, 2) yx."""
        self._data = contour_vectors(points, self._segments, self.n_landmarks).astype(np.float32)
        self.refresh(thumbnail=False, extent=False, highlight=False)
