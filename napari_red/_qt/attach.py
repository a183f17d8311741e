"""What opening a video does to a viewer, whether the dock is open or not."""

from __future__ import annotations

from weakref import WeakSet

import napari
from napari.layers import Image
from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_red._qt.seen import flat
from napari_red._qt.video_layer import VideoLayer
from napari_red.core.frames import VideoStack

_attached: WeakSet = WeakSet()


def attach(viewer: napari.Viewer) -> None:
    """From now on, videos in this viewer begin at their first frame, play at their own
    speed, stop decoding when they are removed, and are shown as flat pictures. Doing it
    twice does no harm."""
    if viewer in _attached:
        return
    _attached.add(viewer)

    def inserted(event) -> None:
        layer = event.value
        if isinstance(layer, VideoLayer):
            set_speed(viewer, layer.data.video.fps)
            if viewer.dims.ndim == layer.ndim:
                viewer.dims.axis_labels = ("frame", "y", "x")
            if len(viewer.layers) == 1:
                viewer.dims.set_current_step(0, 0)
            layer.events.data.connect(lambda: set_speed(viewer, layer.data.video.fps))
        elif isinstance(layer, Image) and isinstance(layer.data, VideoStack):
            # Sample data can only be handed over as plain tuples.
            QTimer.singleShot(0, lambda: _replace(viewer, layer))

    def removed(event) -> None:
        if isinstance(event.value, VideoLayer):
            event.value.close()

    def turned(event) -> None:
        # Only after everybody has heard of the other display, or some would show it.
        if not flat(viewer):
            QTimer.singleShot(0, lambda: _lay_flat(viewer))

    viewer.dims.events.ndisplay.connect(turned)
    viewer.dims.events.order.connect(turned)
    viewer.layers.events.inserted.connect(inserted)
    viewer.layers.events.removed.connect(removed)


def set_speed(viewer: napari.Viewer, fps: float) -> None:
    """Let the play button of the time slider run at ``fps`` frames a second.

    The slider's own value, not napari's setting, which would change for good.
    """
    sliders = getattr(dims_widget(viewer), "slider_widgets", None)
    if sliders and fps > 0:
        sliders[0].fps = round(fps, 2)


def dims_widget(viewer: napari.Viewer) -> QWidget | None:
    """The widget of napari's sliders; None where a napari has none to be found there.

    A plugin is handed a stand-in for the viewer that warns of private names; there is no
    public way to the sliders.
    """
    whole = getattr(viewer, "__wrapped__", viewer)
    try:
        return whole.window._qt_viewer.dims
    except AttributeError:
        return None


def _lay_flat(viewer: napari.Viewer) -> None:
    """Show pictures again if a video is to be seen, which has nothing else to show."""
    shown = [one for one in viewer.layers if isinstance(one, VideoLayer) and one.visible]
    if not shown or flat(viewer):
        return
    viewer.dims.ndisplay = 2
    viewer.dims.order = tuple(range(viewer.dims.ndim))
    show_info(
        f"{shown[0].name} is shown frame by frame: 3D and rolled axes would need the whole video "
        "at once. Hide it with its eye to look at other layers so."
    )


def _replace(viewer: napari.Viewer, image: Image) -> None:
    if image not in viewer.layers:
        return
    position = viewer.layers.index(image)
    viewer.layers.remove(image)
    viewer.layers.insert(position, VideoLayer(image.data, name=image.name))
