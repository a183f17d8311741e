"""npe2 reader: videos and folders of frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trainer.data.video import VideoError, find_videos

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
