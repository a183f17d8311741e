"""Finding a project's videos again after files were moved."""

from __future__ import annotations

from pathlib import Path

from napari_red.core.project import Project
from napari_red.core.records import VideoRecord
from trainer.data.fingerprint import video_fingerprint
from trainer.errors import RedError


class MovedVideoError(RedError):
    """A video that isn't where it was."""


def locate(project: Project, video: VideoRecord) -> Path:
    """Where a video is now: where it was, or at the same place as seen from the project file,
    or beside the project under its name.

    Raises
    ------
    MovedVideoError
        If it is nowhere of these.
    """
    path, folder = Path(video.path), project.path.absolute().parent
    relative = project.relative_path(video.id)
    places = [path, *([folder / relative] if relative else []), folder / path.name]
    for place in places:
        if place.exists() and video_fingerprint(place) == video.fingerprint:
            return place.resolve() if place != path else path
    raise MovedVideoError(
        f"{video.path}: the video isn't there any more, or was changed; say where it is now"
    )


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
