"""A napari window with a video, its project and the dock."""

from __future__ import annotations

from pathlib import Path

import napari

from napari_red._qt.dock import FaceLandmarksDock
from napari_red._qt.video_layer import VideoLayer
from napari_red.core.frames import VideoStack


def open_window(video: Path, project: Path | None = None) -> None:
    """Open napari on a video and wait until it is closed.

    Parameters
    ----------
    video : path of a video
    project : path of its project file; None takes the one beside the video
    """
    viewer = napari.Viewer(title="napari-red")
    dock = FaceLandmarksDock(viewer)
    viewer.window.add_dock_widget(dock, name="Face landmarks", area="right")
    dock.workbench.projects[Path(video).absolute()] = project
    viewer.add_layer(VideoLayer(VideoStack.open(video)))
    napari.run()
