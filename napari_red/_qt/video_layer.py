"""An image layer that shows a video without ever waiting for its decoder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from napari.layers import Image
from napari.layers.image.image import _ImageSlicingState
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_red._qt.in_place import keep_in_place
from napari_red.core.frames import PATIENCE_S, Screen, VideoStack

POLL_MS = 15
"""How often a frame that is being decoded is asked for."""


class _ScreenSlicing(_ImageSlicingState):
    """Takes the displayed slice from the layer's screen; ``layer.data`` stays exact."""

    def make_slice_input(self, dims: Any) -> Any:
        """The shown frame's picture, even if the canvas is in 3D or shows time as an axis of
        its own: the whole video would be needed for that."""
        asked = super().make_slice_input(dims)
        order = tuple(range(asked.ndim))
        if asked.ndisplay == 2 and set(asked.displayed) == set(order[-2:]):
            return asked
        return replace(asked, ndisplay=2, order=order)

    def _make_slice_request_internal(self, **kwargs: Any) -> Any:
        request = super()._make_slice_request_internal(**kwargs)
        screen = self.layer.screen
        return replace(request, data_at_data_level=screen, data_at_thumbnail_level=screen)

    def _set_view_slice(self) -> None:
        super()._set_view_slice()
        self.layer.follow_up()


class VideoLayer(Image):
    """A video in napari.

    ``data`` is a :class:`VideoStack`: exact, and waiting for what it is asked. The canvas
    shows ``screen``: while a frame is decoded, a preview of one near it or the one before.
    ``events.set_data`` fires when it changes.
    """

    _type_string = "image"

    def __init__(self, stack: VideoStack, **kwargs: Any) -> None:
        has_window = QApplication.instance() is not None
        self.screen = Screen(stack, PATIENCE_S if has_window else None)
        self._said = ""
        self._poll: QTimer | None = None
        if has_window:
            self._poll = QTimer()
            self._poll.setInterval(POLL_MS)
            self._poll.timeout.connect(self._look_again)
        options: dict[str, Any] = {
            "name": stack.video.name,
            "contrast_limits": (0, 255),
            "projection_mode": "none",
        }
        super().__init__(stack, rgb=True, multiscale=False, **(options | kwargs))
        keep_in_place(self)

    @property
    def shown_frame(self) -> int:
        """The frame that is on the canvas: by its own pixels or, while it is ``late``,
        perhaps by a preview."""
        return self.screen.wanted if self.screen.shown is None else self.screen.shown

    @property
    def late(self) -> bool:
        """True while the picture on the canvas isn't that of the slider's frame."""
        return self.screen.late

    @property
    def outside(self) -> bool:
        """True while the slider is before the first frame or after the last one."""
        return self._slice.empty

    def follow_up(self) -> None:
        """Say what is wrong with the frame; look again soon if it isn't decoded yet."""
        if self.screen.trouble and self.screen.trouble != self._said:
            show_error(self.screen.trouble)
        self._said = self.screen.trouble
        if self._poll is None:
            return
        if self.late and not self.outside:
            self._poll.start()
        else:
            self._poll.stop()

    def turn_to(self, stack: VideoStack) -> None:
        """Show another video instead; decoding of the one before ends.

        The graphics library under napari may crash when a layer that was drawn is removed
        and others change before the next frame, so going through the videos of a project
        keeps the layer.
        """
        if self._poll is not None:
            self._poll.stop()
        before, self._said = self.screen.stack, ""
        self.screen = Screen(stack, self.screen.patience)
        self.data = stack
        self.name = stack.video.name
        before.close()

    def close(self) -> None:
        """Stop decoding; the layer is of no use afterwards."""
        if self._poll is not None:
            self._poll.stop()
        self.data.close()

    def _mode_setter_helper(self, mode: Any) -> Any:
        if str(getattr(mode, "value", mode)).lower() == "transform":
            show_info(f"{self.name} stays where it is: its landmarks are in its pixels.")
            mode = "pan_zoom"
        return super()._mode_setter_helper(mode)

    def _look_again(self) -> None:
        if self.screen.arrived():
            self.refresh(extent=False, highlight=False)

    def _get_layer_slicing_state(self, data: Any, cache: bool) -> _ScreenSlicing:
        return _ScreenSlicing(self, data, cache)
