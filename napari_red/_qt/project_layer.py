"""The one layer in which the videos of a project take turns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.notifications import show_error, show_warning

from napari_red._qt.background import Background
from napari_red._qt.time_axis import turn_to
from napari_red._qt.video_layer import VideoLayer
from napari_red.core.frames import VideoStack
from napari_red.core.locate import MovedVideoError, check_same, locate
from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from trainer.errors import RedError


class ProjectLayer:
    """Opens videos of a project beside the window, and shows them in one layer.

    Parameters
    ----------
    viewer, background : of the window
    held, leave, open : of the workbench: whether the open video must stay, which it says;
        let go of it; work on that of a layer

    Attributes
    ----------
    layer : None as long as there is none
    frames : path of a video to the frame that was shown of it last, from 0
    ask_where : callable
        Asks a person where a video is now that isn't found; gives a path or "".
    """

    def __init__(
        self,
        viewer: ViewerModel,
        background: Background,
        held: Callable[[], bool],
        leave: Callable[[], None],
        open: Callable[[VideoLayer], None],
    ) -> None:
        self.viewer, self.background = viewer, background
        self._held, self._leave, self._open = held, leave, open
        self.layer: VideoLayer | None = None
        self.ask_where: Callable[[VideoRecord], str] = lambda _: ""
        self.frames: dict[Path, int] = {}

    def show(self, project: Project, record: VideoRecord, then: Callable[[], None]) -> None:
        """Show a video at the frame that was shown of it last, or at the first that is worked on;
        ``then`` is called when it is on the canvas."""
        try:
            path = self._find(project, record)
        except RedError as error:
            show_error(str(error))
            return
        if path is not None:
            self.background.ask(
                "open",
                lambda: lambda: VideoStack.open(path),
                lambda s: self._turn_to(s, record, then),
            )

    def remember(self, video: VideoLayer) -> None:
        """Come back to the shown frame when this video is shown again."""
        self.frames[Path(video.data.video.path)] = video.shown_frame

    def _find(self, project: Project, record: VideoRecord) -> Path | None:
        try:
            return locate(project, record)
        except MovedVideoError as error:
            show_warning(str(error))
            chosen = self.ask_where(record)
            if not chosen:
                return None
            check_same(chosen, record)
            return Path(chosen)

    def _turn_to(self, stack: VideoStack, record: VideoRecord, then: Callable[[], None]) -> None:
        if self._held():  # by a job that began meanwhile
            stack.close()
            return
        for warning in stack.video.warnings:
            show_warning(warning)
        if self.layer is None:
            self.layer = VideoLayer(stack)
            self.viewer.add_layer(self.layer)
        else:
            self._leave()
            self.layer.turn_to(stack)
            self._open(self.layer)
        first = next(iter(record.wanted_frames), 0)
        turn_to(self.viewer, self.layer, self.frames.get(Path(stack.video.path), first))
        self.viewer.reset_view()
        then()


def landmarks_on_top(viewer: ViewerModel, video: VideoLayer, points: Layer | None) -> None:
    """Landmarks over the video, and ready to be dragged: napari puts a new layer on top and
    chooses it, but only after it has said that the layer is there."""
    layers = viewer.layers
    if points is None or video not in layers or points not in layers:
        return
    if layers.index(video) > layers.index(points):
        layers.move(layers.index(video), 0)
    if points.visible:
        layers.selection.active = points
