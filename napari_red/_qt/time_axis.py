"""The time slider, whatever else is in the viewer."""

from __future__ import annotations

from napari.components import ViewerModel

from napari_red._qt.video_layer import VideoLayer


def turn_to(viewer: ViewerModel, video: VideoLayer, frame: int) -> None:
    """Have a frame of a video on the canvas.

    Other layers may have more axes, begin earlier or have smaller steps, so that the frame
    isn't the slider's step; it is its place on the video's own axis, which
    :func:`napari_red._qt.in_place.keep_in_place` lets begin at 0 and go by 1.
    """
    viewer.dims.set_point(viewer.dims.ndim - video.ndim, frame)
