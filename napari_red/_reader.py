"""npe2 readers: videos and folders of frames, and projects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from napari_red.core.project import ProjectError
from trainer.data.video import VideoError, find_videos
from trainer.paths import reachable

MOST_AT_ONCE = 12
"""Videos that one folder may bring into a viewer; each one is a layer."""


def get_reader(path: str | Sequence[str]) -> Callable | None:
    """The reader for a video file, or a folder that holds frames or videos."""
    return read_videos


def read_videos(path: str | Sequence[str]) -> list:
    """Open videos as napari layers.

    Parameters
    ----------
    path : path, or several, of video files, folders of frames, or folders of videos

    Returns
    -------
    list of VideoLayer

    Raises
    ------
    VideoError
        If one can't be opened, or there are too many.
    """
    import napari
    from napari.utils.notifications import show_warning

    from napari_red._qt.video_layer import VideoLayer
    from napari_red.core.frames import VideoStack

    paths = [path] if isinstance(path, str) else list(path)
    viewer = napari.current_viewer()
    if viewer is not None:
        from napari_red._qt.attach import attach

        attach(viewer)
    videos = find_videos(paths)
    if len(videos) > MOST_AT_ONCE:
        raise VideoError(
            f"{paths[0]}: holds {len(videos)} videos, more than {MOST_AT_ONCE} don't go into one "
            "window; open some of them, or align them all with 'napari-red align'"
        )
    layers = []
    for found in videos:
        stack = VideoStack.open(found)
        for warning in stack.video.warnings:
            show_warning(warning)
        layers.append(VideoLayer(stack))
    return layers


def get_project_reader(path: str | Sequence[str]) -> Callable | None:
    """The reader for a project file."""
    return read_project


def read_project(path: str | Sequence[str]) -> list:
    """Open a project in the dock, which is opened too if it isn't there, and its first video.

    Returns
    -------
    [(None,)], by which napari knows that there are no layers to add.

    Raises
    ------
    ProjectError
        If it can't be opened; what was open stays open.
    """
    import napari

    paths = [path] if isinstance(path, str) else list(path)
    viewer = napari.current_viewer()
    if viewer is None:
        raise ProjectError(f"{paths[0]}: a project opens in a napari window, and there is none")
    if len(paths) > 1:
        raise ProjectError(
            f"{paths[0]} and {len(paths) - 1} more: one project at a time; open one of them, or "
            "put them together with 'napari-red merge'"
        )
    if not reachable(Path(paths[0])).is_file():
        raise ProjectError(f"{paths[0]}: there is no such project file")
    work = _dock(viewer).workbench
    work.open_project(paths[0])
    project = work.shown_project
    if project is not None and work.session is None and (videos := project.videos()):
        work.open_record(videos[0])
    return [(None,)]


def _dock(viewer: Any) -> Any:
    """The dock of a viewer, however it was opened."""
    from napari_red._qt.dock import FaceLandmarksDock

    for widget in viewer.window.dock_widgets.values():
        if isinstance(widget, FaceLandmarksDock):
            return widget
    return viewer.window.add_plugin_dock_widget("napari-red", "Face landmarks")[1]
