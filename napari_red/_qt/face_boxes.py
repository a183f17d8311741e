"""Face boxes drawn by a person or found by the detector, on the shown frame."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Shapes
from qtpy.QtCore import QObject, Signal

from napari_red._qt.video_layer import VideoLayer
from napari_red.core.points import box_from_napari, box_to_napari
from trainer.geometry import FaceBox

COLOUR = "#ffd166"


class FaceBoxes(QObject):
    """A Shapes layer of rectangles that belong to one frame of a video.

    Attributes
    ----------
    layer : made when first needed, then kept and emptied

    Signals
    -------
    changed : there are other boxes, or they belong to another frame
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        self.frame: int | None = None
        self._video: VideoLayer | None = None
        self.layer: Shapes | None = None
        self._in_use = False
        viewer.layers.events.removed.connect(self._on_removed)

    def boxes(self) -> tuple[FaceBox, ...] | None:
        """The boxes, left to right as they were made; None if there is none."""
        if self.layer is None or not len(self.layer.data):
            return None
        return tuple(box_from_napari(corners) for corners in self.layer.data)

    def draw(self, video: VideoLayer) -> None:
        """Let the person draw a rectangle round each face on the shown frame."""
        layer = self._fresh(video)
        layer.mode = "add_rectangle"
        self.viewer.layers.selection.active = layer
        self.changed.emit()

    def put(self, video: VideoLayer, frame: int, boxes: list[FaceBox]) -> None:
        """Show these boxes of that frame; they can be moved and resized."""
        layer = self._fresh(video)
        self.frame = frame
        if boxes:
            layer.add_rectangles([box_to_napari(box) for box in boxes])
        layer.mode = "select"
        self.changed.emit()

    def show_on(self, frame: int, *, exact: bool) -> None:
        """Show the boxes only while the frame they belong to is on the canvas, and let
        nobody draw any while the canvas shows another picture."""
        visible = self._in_use and exact and self.frame in (None, frame)
        if self.layer is not None and self.layer.visible != visible:
            self.layer.visible = visible

    def clear(self) -> None:
        """Take the boxes away."""
        self.frame, self._in_use = None, False
        if self.layer is not None:
            self._empty(self.layer)
            self.layer.visible = False
        self.changed.emit()

    def close(self) -> None:
        """Take the boxes away, and follow the viewer no more. The layer stays, hidden."""
        self.clear()
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        if self.layer is not None:
            self.layer.events.data.disconnect(self._on_data)

    def use(self, layer: Shapes | None) -> None:
        """Draw in this layer, which was another one's; None for one that is made when needed."""
        self.layer = layer
        if layer is not None:
            layer.events.data.connect(self._on_data)

    def _fresh(self, video: VideoLayer) -> Shapes:
        """The layer without boxes: made at first, then kept and emptied."""
        self._video, self.frame, self._in_use = video, None, True
        layer = self.layer
        if layer is None:
            layer = Shapes(ndim=2, name="Face box", edge_color=COLOUR, face_color="transparent")
            layer.current_edge_color = COLOUR
            layer.current_face_color = "transparent"
            self.use(layer)
            self.viewer.add_layer(layer)
        self._empty(layer)
        layer.current_edge_width = max(video.data.shape[1] / 250, 1)
        layer.visible = True
        return layer

    def _empty(self, layer: Shapes) -> None:
        with layer.events.data.blocker():
            layer.selected_data = set(range(len(layer.data)))
            layer.remove_selected()
        layer.mode = "pan_zoom"

    def _on_data(self, event: object) -> None:
        if self.frame is None and self._video is not None and self.boxes():
            self.frame = self._video.shown_frame
        self.changed.emit()

    def _on_removed(self, event) -> None:
        if event.value is self.layer:
            self.layer = self.frame = None
            self.changed.emit()
