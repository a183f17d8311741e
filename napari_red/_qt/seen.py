"""Whether a person sees a video's own picture where its landmarks are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QObject, QTimer, Signal

from napari_red._qt.runner import Jobs
from napari_red._qt.video_layer import VideoLayer


def videos_in(viewer: ViewerModel) -> list[VideoLayer]:
    """The videos of a viewer, from the bottom up."""
    return [layer for layer in viewer.layers if isinstance(layer, VideoLayer)]


def flat(viewer: ViewerModel) -> bool:
    """Whether the canvas shows the two axes of a picture, and not time or a third one."""
    dims = viewer.dims
    return dims.ndisplay == 2 and set(dims.displayed) == {dims.ndim - 2, dims.ndim - 1}


def why_unseen(viewer: ViewerModel, video: VideoLayer) -> str:
    """Why the canvas doesn't show this video, or not this alone; empty if it does."""
    name = video.name
    if not video.visible:
        return f"{name} is hidden, and its landmarks with it; a click on its eye shows both."
    if not flat(viewer):
        return (
            f"napari shows the canvas in 3D or along another axis, and {name} has only flat "
            "pictures; go back with napari's buttons under the layers."
        )
    shown = [one for one in videos_in(viewer) if one.visible]
    if shown and shown[-1] is not video:
        return (
            f"{shown[-1].name} lies over {name}, whose landmarks these would be; hide one of "
            "the two with its eye."
        )
    if video.outside:
        return (
            f"The slider is outside of {name}, which has {len(video.data)} frames; turn back "
            "to one of them."
        )
    return ""


class Watch(QObject):
    """Hears of everything but the time slider that changes what is seen of videos.

    Signals
    -------
    changed : layers came, went or were moved, a video was shown or hidden, or the canvas
        shows other axes
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self.viewer = viewer
        events, dims = viewer.layers.events, viewer.dims.events
        self._heard = (events.removed, events.reordered, dims.ndisplay, dims.order)
        for heard in self._heard:
            heard.connect(self._tell)
        events.inserted.connect(self._on_inserted)
        for layer in viewer.layers:
            self._listen(layer)

    def stop(self) -> None:
        """Hear of nothing any more."""
        for heard in self._heard:
            heard.disconnect(self._tell)
        self.viewer.layers.events.inserted.disconnect(self._on_inserted)
        for layer in videos_in(self.viewer):
            layer.events.visible.disconnect(self._tell)

    def _on_inserted(self, event: Any) -> None:
        self._listen(event.value)
        self._tell()

    def _listen(self, layer: object) -> None:
        if isinstance(layer, VideoLayer):
            layer.events.visible.connect(self._tell)

    def _tell(self, event: Any = None) -> None:
        self.changed.emit()


class Eyes:
    """Has the video that is worked on be the one that is seen, and the other way round.

    Parameters
    ----------
    viewer, jobs : of the window
    opened : the video that is worked on, None where there is none
    open : works on another one, and says so where a job doesn't let go of this one
    """

    def __init__(
        self,
        viewer: ViewerModel,
        jobs: Jobs,
        opened: Callable[[], VideoLayer | None],
        open: Callable[[VideoLayer], None],
    ) -> None:
        self._viewer, self._jobs = viewer, jobs
        self._opened, self._open = opened, open
        self._refused: VideoLayer | None = None

    def show(self, video: VideoLayer) -> None:
        """Have this video seen, and no other."""
        for one in videos_in(self._viewer):
            if one.visible != (one is video):
                one.visible = one is video

    def look(self) -> None:
        """Something else is seen; where the open video is hidden, work on the one that is."""
        video = self._opened()
        if video is None or video.visible:
            self._refused = None
        else:
            QTimer.singleShot(0, self._follow)

    def _follow(self) -> None:
        video = self._opened()
        if video is None or video.visible:
            return
        seen = [one for one in videos_in(self._viewer) if one.visible]
        if len(seen) != 1 or (seen[0] is self._refused and self._jobs.holds_video):
            return
        self._refused = seen[0]
        self._open(seen[0])
