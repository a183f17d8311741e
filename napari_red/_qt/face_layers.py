"""The layers of the landmarks, as many points and lines as there are faces."""

from __future__ import annotations

from collections.abc import Callable

from napari.components import ViewerModel
from napari.layers import Layer

from napari_red._qt.contours_layer import ContoursLayer
from napari_red._qt.drawing import keep_program
from napari_red._qt.landmarks_layer import LandmarksLayer
from napari_red.core.appearance import Appearance
from napari_red.core.frame_view import FrameView


class FaceLayers:
    """The points of all faces and the lines that join them.

    Layers are made when they are first needed, and anew if a person took them away; else
    they are kept and resized, as :class:`LandmarksLayer` says why.

    Parameters
    ----------
    viewer : where they are shown
    join : callable
        Called with a points layer that was made or taken over, before it is shown.

    Attributes
    ----------
    points, contours : None as long as there are none, or while a person took them away
    """

    def __init__(self, viewer: ViewerModel, join: Callable[[LandmarksLayer], None]) -> None:
        self.viewer, self._join = viewer, join
        self.points: LandmarksLayer | None = None
        self.contours: ContoursLayer | None = None
        self._size = 1, 68
        self._shown = False

    @property
    def dragging(self) -> bool:
        """True in the middle of a drag."""
        return self.points is not None and self.points.dragging

    def fit(self, faces: int, landmarks: int) -> bool:
        """Whether they are there and hold that many faces of that many landmarks; for no
        face, whether they are put away."""
        if not faces:
            return not self._shown
        there = self.points is not None and self.contours is not None
        return self._shown and there and self._size == (faces, landmarks)

    def make(self, faces: int, landmarks: int) -> None:
        """Hold that many from now on, at least one face; nothing is drawn until they are
        filled."""
        self._size, self._shown = (faces, landmarks), True
        made: list[Layer] = []
        if self.contours is None:
            self.contours = ContoursLayer(faces, landmarks)
            made.append(self.contours)
        else:
            self.contours.resize(faces, landmarks)
        if self.points is None:
            self.points = LandmarksLayer(faces, landmarks)
            self._join(self.points)
            made.append(self.points)
        else:
            self.points.resize(faces, landmarks)
        for layer in made:
            self.viewer.add_layer(layer)
            if isinstance(layer, ContoursLayer):
                keep_program(self.viewer, layer)

    def fill(self, view: FrameView, drawn: Appearance, labels: str, label_colour: str) -> None:
        """Show the landmarks of a frame."""
        if self.points is None:
            return
        self.points.fill(view, drawn, labels, label_colour)
        if self.contours is not None:
            self.contours.fill(self.points.data, view, drawn)

    def follow(self) -> None:
        """Lines through the points as they are now."""
        if self.points is not None and self.contours is not None and self._shown:
            self.contours.follow(self.points.data)

    def reveal(self, *, lines: bool) -> None:
        """Have the points on the canvas, ready to be dragged, and with or without the lines."""
        if self.points is None or self.contours is None or not self._shown:
            return
        self.points.visible = True
        self.contours.visible = lines
        self.points.mode = "select"
        self.viewer.layers.selection.active = self.points

    def put_away(self) -> None:
        """Draw no face, even if somebody makes the layers visible."""
        self._shown = False
        for layer in (self.points, self.contours):
            if layer is not None:
                layer.resize(*self._size)
                layer.visible = False

    def forget(self, layer: Layer) -> None:
        """A person took this layer away."""
        if layer is self.points:
            self.points = None
        elif layer is self.contours:
            self.contours = None

    def take_over(self, points: LandmarksLayer | None, contours: ContoursLayer | None) -> None:
        """Use layers that a closed dock left; None for one that is made when needed."""
        self.points, self.contours = points, contours
        if points is not None:
            self._join(points)

    def close(self) -> None:
        """Let nobody change anything in them any more. They stay, for who takes them over."""
        if self.points is not None:
            self.points.why_frozen = "Nothing can be changed here: the dock is closed."
            self.points.frozen = True
            self.points.let_go()
