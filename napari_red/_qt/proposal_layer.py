"""What a re-track would change, drawn beside what is there."""

from __future__ import annotations

import numpy as np
from napari.layers import Vectors

from napari_red._qt.drawing import keep_program
from napari_red._qt.view import LandmarkView
from napari_red.core.palette import PROPOSED_COLOUR
from napari_red.core.points import contour_vectors, segment_indices, to_napari
from napari_red.core.proposal import Proposal
from trainer.scheme import scheme_for

DASH = 0.6
"""Part of each contour line that is drawn."""

WIDTH = 0.01
"""Of a line, as a part of the face's extent."""


class ProposedContours:
    """Dashed contours of the face that waits to be kept or dropped, on the shown frame.

    The layer is made with the first proposal and kept, for what was drawn and removed may
    crash the graphics library under napari.

    Parameters
    ----------
    view : the landmarks beside which they are drawn
    layer : one that was made before in the same viewer
    """

    def __init__(self, view: LandmarkView, layer: Vectors | None = None) -> None:
        self.view = view
        self.layer = layer
        self._frames: dict[int, np.ndarray] = {}
        view.shown.connect(self._draw)
        view.viewer.layers.events.removed.connect(self._on_removed)

    def show(self, proposal: Proposal | None) -> None:
        """Draw this proposal wherever it would change something; None is none."""
        self._frames = {
            one.frame: one.prediction.landmarks
            for one in (() if proposal is None else proposal.frames)
            if one.kind in ("new", "changed")
        }
        self._draw()

    def close(self) -> None:
        """Show nothing, and follow the viewer no more. The layer stays, hidden."""
        self.show(None)
        self.view.shown.disconnect(self._draw)
        self.view.viewer.layers.events.removed.disconnect(self._on_removed)

    def _draw(self) -> None:
        landmarks = None if self.view.held else self._frames.get(self.view.frame)
        if landmarks is None or not np.isfinite(landmarks).all():
            if self.layer is not None and self.layer.visible:
                self.layer.visible = False
            return
        points, _ = to_napari(landmarks)
        segments = segment_indices(scheme_for(len(landmarks)))
        vectors = contour_vectors(points, segments, len(landmarks))
        vectors[:, 0] += (1 - DASH) / 2 * vectors[:, 1]
        vectors[:, 1] *= DASH
        layer = self._made()
        layer.data = vectors
        layer.edge_width = float(max(WIDTH * np.ptp(points, axis=0).max(), 0.5))
        if not layer.visible:
            layer.visible = True

    def _made(self) -> Vectors:
        if self.layer is None:
            layers = self.view.viewer.layers
            active = layers.selection.active
            self.layer = Vectors(
                name="Re-track, not kept yet",
                ndim=2,
                vector_style="line",
                edge_color=np.array(PROPOSED_COLOUR) / 255,
                visible=False,
            )
            layers.append(self.layer)
            keep_program(self.view.viewer, self.layer)
            layers.selection.active = active
        return self.layer

    def _on_removed(self, event) -> None:
        if event.value is self.layer:
            self.layer = None
