"""Finding a project's videos again after files were moved."""

from __future__ import annotations

from pathlib import Path

from napari_red.core.find_videos import find_video
from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from trainer.data.fingerprint import video_fingerprint
from trainer.errors import RedError


class MovedVideoError(RedError):
    """A video that isn't where it was."""


def locate(project: Project, video: VideoRecord) -> Path:
    """Where a video is now, see :func:`napari_red.core.find_videos.find_video`.

    Raises
    ------
    MovedVideoError
        If it isn't found; says whether another video lies where it was.
    """
    found = find_video(project, video)
    if found.path is None:
        raise MovedVideoError(
            found.changed
            or f"{video.path}: the video isn't there any more, nor in the project's folder or "
            "below it; say where it is now"
        )
    return found.path


def check_same(path: str | Path, video: VideoRecord) -> None:
    """Make sure that a file is a video of the project.

    Raises
    ------
    MovedVideoError
        If it is another one.
    """
    if video_fingerprint(path) != video.fingerprint:
        raise MovedVideoError(
            f"{path}: is another video than {video.name} was when it was annotated; choose the "
            "same file, or add this one as a new video"
        )
